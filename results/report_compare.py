"""The page's first two parts: what changed against which noise, and how Weir stands against its peers."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Final

from results import words
from results.figures import Comparison, Figure, FunctionChange, NotMeasured
from results.markup import Markup, el, join, slug
from results.report_model import Cell, Compared, Recorded, Report

OWN: Final = "weir"
MARK: Final = {"regression": "worse", "improvement": "better", "same": "unchanged", "inconclusive": "inconclusive"}
_WIDTH: Final = 1000


def word(mark: str, said: str = "") -> Markup:
    """A verdict as a coloured word; the colour repeats what the word says."""
    return el("span", said or mark, class_=f"word {mark}")


def record_link(source: Recorded, said: str = "") -> Markup:
    """A link to the record on this page."""
    return el("a", said or source.run.id, href=f"#{record_id(source.run.id)}", class_="mono")


def record_id(run: str) -> str:
    """The fragment of a run's record."""
    return slug("record", run)


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
    moved = [one for one in compared.comparisons if one.verdict != "same"]
    still = [one for one in compared.comparisons if one.verdict == "same"]
    reach = max(
        (max(abs(one.change), one.threshold, abs(one.high or 0), abs(one.low or 0)) for one in compared.comparisons),
        default=0.01,
    )
    parts: list[Markup] = [el("p", sources)]
    parts += [el("p", line, class_="notice") for line in compared.unlike]
    if moved:
        parts.append(el("div", _table(moved, reach, "Figures that changed, the weightiest first"), class_="card"))
    elif compared.comparisons:
        parts.append(el("p", "No figure changed beyond its threshold."))
    if still:
        parts.append(
            el(
                "details",
                el("summary", f"{words.plural(len(still), 'figure')} within the threshold"),
                el("div", _table(still, reach, "Figures within their threshold"), class_="card"),
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


def _table(comparisons: Sequence[Comparison], reach: float, caption: str) -> Markup:
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


def peers(report: Report, mode: str) -> Markup | None:
    """Ratio tables of one mode: a table a metric, a row a scenario, a column a peer."""
    cells = [cell for cell in report.cells if cell.mode == mode]
    compared = [cell for cell in cells if any(one.dut != OWN for one in cell.figures)]
    together = [cell for cell in compared if any(one.dut == OWN for one in cell.figures)]
    duts = list(dict.fromkeys(one.dut for cell in together for one in cell.figures if one.dut != OWN))
    if not compared:
        return None
    metrics = {
        one.metric: words.metric(one.metric, one.unit)
        for cell in compared
        for one in cell.figures
        if not one.against and one.dut != OWN
    }
    shown = [
        name
        for name, known in sorted(metrics.items(), key=lambda item: (item[1].rank, item[0]))
        if known.better != "none"
    ]
    # The parts of a deterministic cost are drawn below, by function; the ratio of a part says nothing on its own.
    shown = [name for name in shown if mode == "timed" or not name.startswith("instr_per_request_")]
    tables = [_ratios(report, compared, duts, name) for name in shown]
    references = _references(compared, duts, shown[:1])
    return join([_unfit(compared), _standing(compared, duts, shown[:1]), references, [one for one in tables if one]])


def _references(cells: Sequence[Cell], duts: Sequence[str], metrics: Sequence[str]) -> Markup | None:
    """Devices that were measured where Weir was not: what there is to be reached."""
    lines = [
        f"{cell.scenario}: {one.dut} {words.number(one.value)} {one.unit} {words.noise(one.spread)}"
        for metric in metrics
        for cell in cells
        for one in cell.of(metric)
        if one.dut not in duts and one.dut != OWN
    ]
    return el("p", f"For reference, without a figure of Weir: {'; '.join(lines)}.") if lines else None


def _standing(cells: Sequence[Cell], duts: Sequence[str], metrics: Sequence[str]) -> Markup | None:
    """In how many scenarios Weir is better than each peer, by the first metric."""
    lines = [line for metric in metrics for dut in duts if (line := standing(cells, dut, metric))]
    return el("p", " ".join(lines)) if lines else None


def standing(cells: Sequence[Cell], dut: str, metric: str) -> str:
    """One sentence on Weir against one peer; empty where the two were never measured together."""
    judged = []
    quotients = []
    for cell in cells:
        figures = {one.dut: one for one in cell.of(metric)}
        if OWN in figures and dut in figures and figures[dut].value:
            quotient, low, high = spread_of_ratio(figures[OWN], figures[dut], cell.ratio(metric, OWN, dut))
            judged.append(words.judge_ratio(metric, figures[OWN].unit, quotient, low, high).word)
            quotients.append(quotient)
    if not quotients:
        return ""
    better, worse = judged.count("better"), judged.count("worse")
    middle = statistics.median(quotients)
    name = words.metric(metric).name
    return (
        f"By {name}, Weir is better than {dut} in {better} of {words.plural(len(quotients), 'scenario')}"
        f"{f', worse in {worse}' if worse else ''} (median {words.ratio(middle)})."
    )


def _unfit(cells: Iterable[Cell]) -> Markup | None:
    reasons = words.merge({reason for cell in cells for one in cell.figures for reason in one.unfit})
    if not reasons:
        return None
    return el(
        "p", el("strong", "Not valid for sign-off: "), "; ".join(reasons), ". Ratios were taken side by side in "
        "the same virtual machine; absolute values say nothing about real hardware.", class_="notice",
    )  # fmt: skip


def _ratios(report: Report, cells: Sequence[Cell], duts: Sequence[str], metric: str) -> Markup | None:
    one_source = len({cell.source.run.id for cell in cells if cell.of(metric)}) == 1
    rows = [row for cell in cells if (row := _ratio_row(report, cell, duts, metric, named=not one_source))]
    if not rows:
        return None
    unit = next((one.unit for cell in cells for one in cell.of(metric)), "")
    known = words.metric(metric, unit)
    direction = {"lower": "below 1× is better", "higher": "above 1× is better", "none": ""}[known.better]
    spoken = known.name if unit in known.name else f"{known.name} ({unit})"
    elsewhere = _elsewhere(report, cells, metric)
    head = el(
        "tr",
        el("th", "Scenario", scope="col"),
        el("th", "Weir", scope="col", class_="number"),
        [el("th", f"Weir ÷ {dut}", scope="col") for dut in duts],
    )
    return el(
        "div",
        el("h3", known.name[:1].upper() + known.name[1:]),
        el(
            "table",
            el(
                "caption",
                f"Weir's {spoken} divided by each peer's: {direction}.",
                elsewhere,
            ),
            el("thead", head),
            el("tbody", rows),
            class_="stack",
        ),
        class_="card",
    )


def _elsewhere(report: Report, cells: Sequence[Cell], metric: str) -> Markup | None:
    """Where a table's figures come from, if all come from one run that is not the subject."""
    sources = {cell.source.run.id: cell for cell in cells if cell.of(metric)}
    if len(sources) != 1 or (report.subject and report.subject.run.id in sources):
        return None
    cell = next(iter(sources.values()))
    return join([" All from ", record_link(cell.source, from_run(cell.source)), "."])


def _ratio_row(report: Report, cell: Cell, duts: Sequence[str], metric: str, *, named: bool) -> Markup | None:
    figures = {one.dut: one for one in cell.of(metric)}
    if not figures:
        return None
    ours = figures.get(OWN)
    per = f"per {cell.per}, " if cell.per else ""
    title: list[Markup | str | None] = [cell.scenario, el("div", f"{per}kernel {cell.kernel}", class_="small soft")]
    if named and report.subject and cell.source.run.id != report.subject.run.id:
        title.append(el("div", "from ", record_link(cell.source, from_run(cell.source)), class_="small soft"))
    first: list[Markup | str]
    if ours:
        first = [words.number(ours.value), el("div", words.noise(ours.spread), class_="small soft")]
    else:
        first = [_missing(cell, OWN)]
    others = [el("td", _against(cell, ours, figures.get(dut), dut, metric), data_label=f"Weir ÷ {dut}") for dut in duts]
    return el(
        "tr",
        el("th", title, scope="row"),
        el("td", first, class_="number" if ours else None, data_label="Weir"),
        others,
    )


def _missing(cell: Cell, dut: str) -> Markup:
    reason = cell.reason(dut)
    return el("span", f"not measured: {reason}" if reason else "not in that run", class_="small soft")


def from_run(source: Recorded) -> str:
    """A run in a few words: when, and of which commit."""
    commit = source.run.revision.commit
    return f"run of {source.run.started:%m-%d %H:%M}" + (f" at {commit[:12]}" if commit else "")


def _against(cell: Cell, ours: Figure | None, theirs: Figure | None, dut: str, metric: str) -> Markup:
    if theirs is None:
        return _missing(cell, dut)
    value = f"{words.number(theirs.value)} {words.noise(theirs.spread)}"
    if ours is None or not theirs.value:
        return el("span", f"{dut}: {value}", class_="small")
    paired = cell.ratio(metric, OWN, dut)
    if paired is None and ours.mode == "timed":
        paired = next(
            (one for one in cell.figures if one.dut == OWN and one.against == dut and metric in one.metric), None
        )
    quotient, low, high = spread_of_ratio(ours, theirs, paired)
    judged = words.judge_ratio(metric, ours.unit, quotient, low, high)
    half = max(high - quotient, quotient - low) / quotient if quotient else 0.0
    how = f"95 % interval {words.ratio(low)} to {words.ratio(high)}, in pairs" if paired else words.noise(half)
    return join(
        [
            el("strong", words.ratio(quotient)),
            " ",
            el("span", how, class_="small soft"),
            " ",
            word(judged.word or "unclear", judged.word or "no direction"),
            el("div", f"{judged.phrase}; {dut} {value}", class_="small soft"),
        ]
    )


def spread_of_ratio(ours: Figure, theirs: Figure, paired: Figure | None) -> tuple[float, float, float]:
    """The ratio and its bounds: a paired ratio's own interval, else both figures at the ends of their spreads."""
    if paired is not None:
        low = paired.low if paired.low is not None else paired.value * (1 - paired.spread)
        high = paired.high if paired.high is not None else paired.value * (1 + paired.spread)
        return paired.value, low, high
    quotient = ours.value / theirs.value
    up, down = 1 + theirs.spread, max(1e-9, 1 - theirs.spread)
    return quotient, quotient * (1 - ours.spread) / up, quotient * (1 + ours.spread) / down


def not_measured(report: Report) -> Markup:
    """What was asked for and is not there, and why."""
    seen: dict[tuple[str, str, str, str], NotMeasured] = {}
    sources = [report.subject, *(cell.source for cell in report.cells)]
    for source in sources:
        for one in source.run.not_measured if source else ():
            seen.setdefault((one.scenario, one.dut, one.kernel, one.mode), one)
    measured = {(cell.scenario, one.dut, cell.kernel, cell.mode) for cell in report.cells for one in cell.figures}
    left = [one for key, one in seen.items() if key not in measured]
    if not left:
        return el("p", "Everything that was asked for was measured.")
    rows = [
        el(
            "tr",
            el("th", one.scenario, scope="row"),
            el("td", f"{one.dut}, kernel {one.kernel}, {one.mode}", data_label="Device"),
            el("td", one.reason, data_label="Why"),
        )
        for one in left
    ]
    head = el("tr", [el("th", name, scope="col") for name in ("Scenario", "Device", "Why")])
    return el("div", el("table", el("thead", head), el("tbody", rows), class_="stack"), class_="card")
