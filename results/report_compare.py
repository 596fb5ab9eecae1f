"""The page's first part: what changed, by how much, against which noise, and in which functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from results import words
from results.figures import Comparison, FunctionChange
from results.markup import Markup, el, join
from results.report_links import record_link, word
from results.report_model import Compared

MARK: Final = {"regression": "worse", "improvement": "better", "same": "unchanged", "inconclusive": "inconclusive"}
_WIDTH: Final = 1000


def changes(compared: Compared | None) -> Markup:
    """All comparisons: those that changed open, those that did not folded."""
    if compared is None:
        return el(
            "p",
            "Nothing to compare with: no earlier run measured the same in the same environment. ",
            el("code", "nox -s performance -- --gate"),
            " compares with the merge base, ",
            el("code", "--base RUN"),
            " of this report with any run.",
        )
    sources: list[Markup | str] = ["Candidate ", record_link(compared.candidate)]
    if compared.baseline:
        sources += [" against baseline ", record_link(compared.baseline), "."]
    else:
        revisions = sorted({one.baseline_revision[:12] for one in compared.comparisons if one.baseline_revision})
        sources += [f" against {', '.join(revisions)}, measured in the same run." if revisions else "."]
    moved = [one for one in compared.judged if one.verdict != "same"]
    still = [one for one in compared.judged if one.verdict == "same"]
    parts: list[Markup] = [el("p", sources)]
    parts += [el("p", line, class_="notice") for line in compared.unlike]
    if moved:
        parts.append(el("div", _table(moved, "Figures that changed, the weightiest first"), class_="card"))
    elif compared.comparisons:
        parts.append(el("p", "No figure changed beyond its threshold."))
    if still:
        parts.append(
            el(
                "details",
                el("summary", f"{words.plural(len(still), 'figure')} within the threshold"),
                el("div", _table(still, "Figures within their threshold"), class_="card"),
            )
        )
    if rest := compared.unjudged:
        parts.append(
            el(
                "details",
                el("summary", f"{words.plural(len(rest), 'figure')} without a threshold, not judged"),
                el("div", _table(rest, "Figures that only tell"), class_="card"),
            )
        )
    if compared.comparisons:
        parts.append(
            el(
                "p",
                "In each drawing the shaded field is the threshold on both sides of no change, the thick bar the noise "
                "seen between builds of one source, the dot the change and the thin line its 95 % interval.",
                class_="small soft",
            )
        )
    return join(parts)


def _table(comparisons: Sequence[Comparison], caption: str) -> Markup:
    reach = max(max(abs(one.change), one.threshold, abs(one.high or 0), abs(one.low or 0)) for one in comparisons)
    head = el(
        "thead",
        el(
            "tr",
            [el("th", name, scope="col", class_=kind) for name, kind in (
                ("Scenario and figure", None), ("Verdict", None), ("Change", "number"), ("Noise, threshold", "number"),
                ("Against the threshold", None), ("Baseline to candidate", "number"),
            )],
        ),
    )  # fmt: skip
    seen: set[tuple[str, str, str]] = set()
    rows = [row for one in comparisons for row in _rows(one, reach, seen)]
    return el("table", el("caption", caption), head, el("tbody", rows), class_="stack")


def _rows(one: Comparison, reach: float, seen: set[tuple[str, str, str]]) -> Iterable[Markup]:
    """The comparison's row, and one with the functions that changed: open for the first regression of a scenario."""
    yield _row(one, reach)
    place = (one.scenario, one.dut, one.kernel)
    if one.functions:
        unfolded = one.verdict == "regression" and place not in seen
        seen.add(place)
        yield el("tr", el("td", _functions(one.functions, unfolded=unfolded), colspan=6, class_="bare"), class_="more")


def _row(one: Comparison, reach: float) -> Markup:
    known = words.metric(one.metric, one.unit)
    devices = f"{one.dut}, kernel {one.kernel}, {one.mode}"
    title = [
        one.scenario,
        el("div", known.name, class_="small"),
        el("div", devices + ("" if one.gating else "; does not gate"), class_="small soft"),
    ]
    if one.changed_scenario:
        title.append(el("div", word("unclear", "scenario changed too"), class_="small"))
    noise = words.noise(one.noise) if one.noise is not None else "noise not known"
    threshold = f"threshold {words.percent(one.threshold, signed=False)}" if one.threshold else "no threshold is set"
    interval = ""
    if one.low is not None and one.high is not None:
        interval = f"95 %: {words.percent(one.low)} to {words.percent(one.high)}"
    return el(
        "tr",
        el("th", title, scope="row"),
        el("td", word(one.verdict, MARK[one.verdict]), class_="bare"),
        el("td", el("strong", words.percent(one.change)), el("div", interval, class_="small soft"),
           class_="number", data_label="Change"),
        el("td", noise, el("div", threshold, class_="small soft"), class_="number", data_label="Noise, threshold"),
        el("td", _effect(one, reach), class_="bare"),
        el("td", words.number(one.baseline), " → ", words.number(one.candidate),
           el("div", one.unit, class_="small soft"), class_="number", data_label="Baseline to candidate"),
    )  # fmt: skip


def _effect(one: Comparison, reach: float) -> Markup:
    """The change on an axis with its threshold: hidden from readers of the text, who have the numbers."""
    span = reach * 1.15 or 0.01

    def x(change: float) -> str:
        return f"{_WIDTH / 2 * (1 + max(-1.0, min(1.0, change / span))):.1f}"

    shapes = [
        el("rect", class_="band", x=x(-one.threshold), y=0, width=f"{_WIDTH * min(1.0, one.threshold / span):.1f}",
           height=40),
        el("line", class_="zero", x1=x(0), x2=x(0), y1=0, y2=40),
    ]  # fmt: skip
    shapes += [
        el("line", class_="edge", x1=x(side), x2=x(side), y1=0, y2=40) for side in (-one.threshold, one.threshold)
    ]
    if one.noise:
        shapes.append(
            el("line", class_="noise", x1=x(one.change - one.noise), x2=x(one.change + one.noise), y1=20, y2=20)
        )
    if one.low is not None and one.high is not None:
        shapes.append(el("line", class_="span", x1=x(one.low), x2=x(one.high), y1=20, y2=20))
    shapes.append(el("line", class_="dot", x1=x(one.change), x2=x(one.change), y1=20, y2=20))
    return el("svg", shapes, class_=f"effect {one.verdict}", viewBox=f"0 0 {_WIDTH} 40", preserveAspectRatio="none",
              aria_hidden="true", focusable="false")  # fmt: skip


def _functions(functions: Sequence[FunctionChange], *, unfolded: bool) -> Markup | None:
    if not functions:
        return None
    rows = []
    for one in functions:
        delta = one.candidate - one.baseline
        rows.append(
            el(
                "tr",
                el("th", el("code", one.name), el("span", f" {one.part}", class_="small soft"), scope="row"),
                el("td", f"{'+' if delta > 0 else ''}{words.number(delta)}", class_="number"),
                el(
                    "td",
                    el("span", words.number(one.baseline)),
                    " → ",
                    el("span", words.number(one.candidate)),
                    class_="number soft pair",
                ),
            )
        )
    head = el(
        "thead",
        el("tr", el("th", "Function", scope="col"), el("th", "Change", scope="col", class_="number"),
           el("th", "Instructions", scope="col", class_="number")),
    )  # fmt: skip
    return el(
        "details",
        el("summary", f"{words.plural(len(functions), 'function')} changed most", class_="small"),
        el("table", head, el("tbody", rows)),
        open=unfolded,
    )
