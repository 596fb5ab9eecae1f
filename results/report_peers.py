"""How Weir stands against its peers: ratio tables, each ratio with its spread and in words; and what has no figure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Final

from results import words
from results.figures import Figure, NotMeasured
from results.markup import Markup, el, join
from results.report_links import from_run, record_link, word
from results.report_model import Cell, Report

OWN: Final = "weir"


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
        f"{cell.scenario}: {one.dut} {words.number(one.value)} {one.unit} {_spread(one)}"
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
            paired = cell.ratio(metric, OWN, dut)
            judged.append(_judged(figures[OWN], figures[dut], paired).word)
            quotients.append(spread_of_ratio(figures[OWN], figures[dut], paired)[0])
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
    first = [words.number(ours.value), el("div", _spread(ours), class_="small soft")] if ours else _missing(cell, OWN)
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


def _against(cell: Cell, ours: Figure | None, theirs: Figure | None, dut: str, metric: str) -> Markup:
    if theirs is None:
        return _missing(cell, dut)
    value = f"{words.number(theirs.value)} {_spread(theirs)}"
    if ours is None or not theirs.value:
        return el("span", f"{dut}: {value}", class_="small")
    paired = cell.ratio(metric, OWN, dut)
    quotient, low, high = spread_of_ratio(ours, theirs, paired)
    judged = _judged(ours, theirs, paired)
    half = max(high - quotient, quotient - low) / quotient if quotient else 0.0
    how = words.noise(half)
    if _once(paired or ours):
        how = "measured once"
    elif paired:
        how = f"95 % interval {words.ratio(low)} to {words.ratio(high)}, in pairs"
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


def _once(figure: Figure) -> bool:
    """Whether a timed figure has no spread because nothing was repeated. An instruction count is exact."""
    return figure.mode == "timed" and len(figure.samples) == 1


def _spread(figure: Figure) -> str:
    return "(measured once)" if _once(figure) else words.noise(figure.spread)


def _judged(ours: Figure, theirs: Figure, paired: Figure | None) -> words.Judged:
    """The ratio in words; what was measured once is never called better."""
    judged = words.judge_ratio(ours.metric, ours.unit, *spread_of_ratio(ours, theirs, paired))
    if _once(paired or ours):
        return words.Judged("unclear", f"{judged.phrase}, if once is enough")
    return judged


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
            el("th", ", ".join(scenarios), scope="row"),
            el("td", f"{', '.join(duts)}; kernel {kernel}, {mode}", data_label="Device"),
            el("td", reason, data_label="Why"),
        )
        for (duts, kernel, mode, reason), scenarios in _together(left).items()
    ]
    head = el("tr", [el("th", name, scope="col") for name in ("Scenario", "Device", "Why")])
    return el("div", el("table", el("thead", head), el("tbody", rows), class_="stack"), class_="card")


def _together(missing: Iterable[NotMeasured]) -> dict[tuple[tuple[str, ...], str, str, str], list[str]]:
    """Scenarios by devices, kernel, mode and reason: what is missing for one reason is said once."""
    devices: dict[tuple[str, str, str, str], list[str]] = {}
    for one in missing:
        devices.setdefault((one.scenario, one.kernel, one.mode, one.reason), []).append(one.dut)
    found: dict[tuple[tuple[str, ...], str, str, str], list[str]] = {}
    for (scenario, kernel, mode, reason), duts in devices.items():
        found.setdefault((tuple(duts), kernel, mode, reason), []).append(scenario)
    return found
