"""Where instructions go: per scenario each device's cost on one scale, cut by part and function, and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from results import words
from results.figures import Figure, FunctionCost
from results.markup import Markup, el, join
from results.report_links import from_run, record_link
from results.report_model import Cell, Report

_METRIC: Final = "instr_per_request"
_PARTS: Final = ("module", "kernel", "user")
_CUT: Final = 40
"""Functions drawn in one bar; the rest is one piece."""
_LISTED: Final = 15


def costs(report: Report) -> Markup | None:
    """One card a scenario and kernel; None if no figure names functions."""
    cells = [cell for cell in report.cells if any(one.functions for one in cell.of(_METRIC))]
    if not cells:
        return None
    parts = [
        name for name in _PARTS if any(_part(f.part) == name for c in cells for o in c.of(_METRIC) for f in o.functions)
    ]
    names = {"module": "Weir's module", "kernel": "Linux kernel", "user": "the server's own program"}
    key = el("ul", [el("li", el("i"), names[name], class_=f"p-{name}") for name in parts], class_="key")
    return join([key, el("div", [_card(cell, report) for cell in cells], class_="grid")])


def _part(part: str) -> str:
    return part if part in _PARTS else "user"


def _card(cell: Cell, report: Report) -> Markup:
    figures = sorted((one for one in cell.of(_METRIC) if one.value > 0), key=lambda one: (one.dut != "weir", one.value))
    dearest = max((one.value for one in figures), default=0.0) or 1.0
    source = None
    if report.subject and cell.source.run.id != report.subject.run.id:
        source = el("div", "from ", record_link(cell.source, from_run(cell.source)), class_="small soft")
    return el(
        "div",
        el("h3", cell.scenario),
        el("div", f"{f'per {cell.per}, ' if cell.per else ''}kernel {cell.kernel}", class_="small soft"),
        source,
        [_device(one, _parts_of(cell, one), dearest) for one in figures],
        class_="card",
    )


def _device(figure: Figure, parts: dict[str, float], dearest: float) -> Markup:
    top = sorted((one for one in figure.functions if one.instructions > 0), key=lambda one: -one.instructions)
    split = [
        el("span", f"{part} {words.number(cost)} ({_share(cost, figure)})", class_=f"p-{part}")
        for part, cost in parts.items()
    ]
    dearest_three = ", ".join(f"{one.name} {_share(one.instructions, figure)}" for one in top[:3])
    label = f"{figure.dut}: {words.number(figure.value)} {figure.unit}; dearest: {dearest_three}"
    return el(
        "div",
        el(
            "div",
            el("strong", figure.dut),
            el("span", f"{words.number(figure.value)} {figure.unit} {words.noise(figure.spread)}", class_="number"),
            class_="head",
        ),
        _icicle(figure, parts, top, figure.value / dearest, label) if top else None,
        el("div", split, class_="split"),
        el("div", f"dearest: {dearest_three}", class_="small soft") if top else None,
        el("div", class_="readout", aria_hidden="true", hidden=True) if top else None,
        _listed(figure, top) if top else el("p", "no functions recorded", class_="small soft"),
        class_="device",
    )


def _parts_of(cell: Cell, figure: Figure) -> dict[str, float]:
    """What each part costs: from its own figure, else the sum of the functions that the record names."""
    found = {}
    for part in _PARTS:
        own = next((one.value for one in cell.of(f"{_METRIC}_{part}") if one.dut == figure.dut), None)
        named = sum(one.instructions for one in figure.functions if _part(one.part) == part)
        if cost := max(own or 0.0, named):
            found[part] = cost
    return found


def _icicle(figure: Figure, parts: dict[str, float], top: Sequence[FunctionCost], width: float, label: str) -> Markup:
    """Two rows: parts above, their functions below; widths are shares of the dearest device's cost."""
    drawn = top[:_CUT]
    columns = []
    for part, cost in parts.items():
        inside = [one for one in drawn if _part(one.part) == part]
        pieces = [_piece(one.name, one.instructions, figure, width) for one in inside]
        rest = cost - sum(one.instructions for one in inside)
        if rest > cost * 0.002:
            pieces.append(
                el("span", class_="rest", style=_grow(rest, figure),
                   title=_titled(f"all other functions of the {part}", rest, figure))
            )  # fmt: skip
        said = part if cost / figure.value * width > 0.12 else ""
        columns.append(
            el("div", el("b", said), el("div", pieces, class_="cut"), class_=f"p-{part}", style=_grow(cost, figure))
        )
    style = f"width:{max(0.5, width * 100):.2f}%"
    return el("div", columns, class_="icicle", role="img", aria_label=label, style=style)


def _grow(cost: float, figure: Figure) -> str:
    return f"flex-grow:{cost / figure.value * 1000:.1f}"


def _piece(name: str, instructions: float, figure: Figure, width: float) -> Markup:
    wide = instructions / figure.value * width > 0.1
    return el(
        "span",
        name if wide else "",
        class_="wide" if wide else None,
        style=_grow(instructions, figure),
        title=_titled(name, instructions, figure),
    )


def _titled(name: str, instructions: float, figure: Figure) -> str:
    return f"{name}: {words.number(instructions)} {figure.unit}, {_share(instructions, figure)}"


def _share(cost: float, figure: Figure) -> str:
    return words.percent(cost / figure.value, signed=False)


def _listed(figure: Figure, top: Sequence[FunctionCost]) -> Markup:
    rows = [
        el(
            "tr",
            el("th", el("code", one.name), scope="row"),
            el("td", el("span", _part(one.part), class_="tint"), class_=f"p-{_part(one.part)}"),
            el("td", words.number(one.instructions), class_="number"),
            el("td", words.percent(one.instructions / figure.value, signed=False), class_="number"),
        )
        for one in top[:_LISTED]
    ]
    head = el(
        "tr",
        el("th", "Function", scope="col"),
        el("th", "Part", scope="col"),
        el("th", figure.unit, scope="col", class_="number"),
        el("th", "Share", scope="col", class_="number"),
    )
    caption = el("caption", f"{figure.dut}: own cost of each function, without what it calls")
    return el(
        "details",
        el("summary", f"{words.plural(len(rows), 'dearest function')} of {figure.dut}", class_="small"),
        el("table", caption, el("thead", head), el("tbody", rows)),
    )
