"""One history as a figure: SVG that any zoom stretches without distortion, and its text alternative.

The drawing's units are positions of points (times STEP) and values in 0..HEIGHT; lines and dots do not scale with it,
so that the script can zoom by changing the view box alone. Words and numbers are HTML around it, of one size always.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from results import words
from results.markup import Markup, el, join, slug
from results.report_model import History, Point

STEP: Final = 10
HEIGHT: Final = 1000
_TICKS: Final = 4


def scale(low: float, high: float) -> tuple[float, float]:
    """A range around low..high whose ends, and the ticks that divide it in four, are round numbers."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    if high <= low:
        margin = abs(low) * 0.01 or 1.0
        low, high = low - margin, high + margin
    raw = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    for factor in (1, 2, 2.5, 5, 10, 20, 25, 50):
        step = factor * power
        bottom = math.floor(low / step + 1e-9) * step
        if bottom + _TICKS * step >= high - 1e-9 * step:
            return bottom, bottom + _TICKS * step
    return low, high


def identity(history: History) -> str:
    """The plot's fragment in the page."""
    return slug("history", history.mode, history.scenario, history.dut, history.kernel, history.metric)


def _extent(points: Sequence[Point]) -> tuple[float, float]:
    """What must be seen: all values, and the spread of each as far as it does not dwarf them."""
    values = [point.value for point in points]
    low, high = min(values), max(values)
    room = max(high - low, abs(high) * 0.005)
    lows = [max(point.value * (1 - point.spread), low - room) for point in points]
    highs = [min(point.value * (1 + point.spread), high + room) for point in points]
    return min(lows), max(highs)


def drawing(history: History) -> Markup:
    """The SVG: epochs, grid, spreads, one line an epoch, dots, change points."""
    points = history.points
    bottom, top = scale(*_extent(points))

    def x(position: float) -> float:
        return position * STEP

    def y(value: float) -> int:
        return round(HEIGHT * (1 - (value - bottom) / (top - bottom)))

    shapes: list[Markup] = []
    for number, epoch in enumerate(history.epochs):
        if number % 2:
            shapes.append(
                el("rect", class_="epoch", x=x(epoch.first - 0.5), y=0,
                   width=x(epoch.last - epoch.first + 1), height=HEIGHT)
            )  # fmt: skip
    for tick in range(1, _TICKS):
        at = HEIGHT * tick // _TICKS
        shapes.append(el("line", class_="rule", x1=-STEP, x2=x(len(points)), y1=at, y2=at))
    whiskers = "".join(
        f"M{x(i):g} {y(point.value * (1 - point.spread))}V{y(point.value * (1 + point.spread))}"
        for i, point in enumerate(points)
        if point.spread
    )
    shapes.append(el("path", class_="spread", d=whiskers) if whiskers else Markup(""))
    for epoch in history.epochs:
        steps = [f"{x(i):g} {y(points[i].value)}" for i in range(epoch.first, epoch.last + 1)]
        shapes.append(el("path", class_="run", d="M" + "L".join(steps)))
    shapes.append(el("path", class_="dots", d="".join(f"M{x(i):g} {y(p.value)}h0" for i, p in enumerate(points))))
    places = [x(shift.at - 0.5) for shift in history.shifts]
    shapes += [el("line", class_="shift", x1=place, x2=place, y1=0, y2=HEIGHT) for place in places]
    view = f"{-STEP / 2:g} 0 {x(len(points)):g} {HEIGHT}"
    return el("svg", shapes, viewBox=view, preserveAspectRatio="none", aria_hidden="true", focusable="false")


def summary(history: History) -> str:
    """The plot in one sentence, for those who do not see it and those in a hurry."""
    values = [point.value for point in history.points]
    last = history.points[-1]
    parts = [
        f"{words.number(last.value)} {history.unit} now ({words.noise(last.spread)})",
        f"lowest {words.number(min(values))}, highest {words.number(max(values))}",
        f"{words.plural(history.total, 'record')} since {history.points[0].started:%Y-%m-%d}",
    ]
    if len(history.epochs) > 1:
        parts.append(words.plural(len(history.epochs), "environment epoch"))
    parts.append(words.plural(len(history.shifts), "change point") if history.shifts else "no change point")
    return ", ".join(parts) + "."


def figure(history: History, heading: str) -> Markup:
    """The whole plot with its text: summary, axis labels, epochs and change points in words."""
    points = history.points
    bottom, top = scale(*_extent(points))
    name = words.metric(history.metric, history.unit).name
    label = f"{name}, {history.scenario} on {history.dut}, kernel {history.kernel}. {summary(history)}"
    ticks = [el("span", words.number(top - (top - bottom) * i / _TICKS)) for i in range(_TICKS + 1)]
    dates = [points[0].started, points[len(points) // 2].started, points[-1].started]
    days = [el("span", f"{date:%Y-%m-%d}" if _days(points) else f"{date:%m-%d %H:%M}") for date in dates]
    return el(
        "figure",
        el("h3", heading),
        el("div", name, class_="soft small"),
        el(
            "div",
            el("div", ticks, class_="y", aria_hidden="true"),
            el("div", drawing(history), class_="area", role="group", aria_label=label, tabindex="0"),
            el("div", days, class_="x", aria_hidden="true"),
            class_="box",
        ),
        el("figcaption", el("p", summary(history), class_="small soft"), _told(history)),
        class_="plot card",
        id=identity(history),
        data_bottom=f"{bottom:.12g}",
        data_top=f"{top:.12g}",
    )


def _days(points: Sequence[Point]) -> bool:
    return (points[-1].started - points[0].started).days > 3


def _told(history: History) -> Markup:
    lines: list[Markup] = []
    known = words.metric(history.metric, history.unit)
    for shift in history.shifts[-5:]:
        point = history.points[shift.at]
        worse = (shift.change > 0) == (known.better == "lower")
        verdict = el("span", "worse" if worse else "better", class_=f"word {'worse' if worse else 'better'}")
        text = (
            f" Change point at {point.revision[:12] or point.run}, {point.started:%Y-%m-%d}: "
            f"{words.number(shift.before)} to {words.number(shift.after)} ({words.percent(shift.change)})"
        )
        lines.append(el("li", verdict if known.better != "none" else None, text))
    for epoch in history.epochs[-4:]:
        if epoch is history.epochs[0]:
            continue
        changes = "; ".join(str(change) for change in epoch.changes[:4]) or "environment not described"
        lines.append(el("li", f"Environment changed {epoch.started:%Y-%m-%d %H:%M}: {changes}. Not comparable across."))
    return el("ul", lines) if lines else join(None)
