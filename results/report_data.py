"""Gathers a report from the store: which runs belong on the page, and what each of them says.

A run is the report's subject; what it does not hold itself comes from the newest earlier run that does. Memory stays
bounded however many records there are: only the runs that are shown are read whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from results import words
from results.compare import CompareError, Thresholds, judge
from results.environment import Change, difference, of_run
from results.errors import UsageError
from results.figures import Comparison, Figure, Mode
from results.query import Store
from results.records import Run
from results.report_history import SCENARIO_REVISION, histories
from results.report_model import Cell, Compared, Recorded, Report
from results.report_peers import OWN, standing
from results.report_verdict import decide
from results.rows import Filters, Row, RunRow
from results.signoff_policy import VERDICT_SUITE

MODES: Final[tuple[Mode, ...]] = ("deterministic", "timed")
HEADLINE: Final = "instr_per_request"
_LOOK_BACK: Final = 40
"""Runs with figures of one mode, the newest, among which the newest cell of each scenario is looked for."""
_TESTED: Final = 8
_ENDED: Final = (0, 1, 75, 77)
"""Exit statuses of runs that did what they were to do: those of pytest and of a sign-off's verdicts."""
_TESTS_FRESH: Final = timedelta(days=30)
_A_MOMENT: Final = timedelta(microseconds=1)


def gather(
    store: Store,
    *,
    run: str | None = None,
    base: str | None = None,
    thresholds: Thresholds | None = None,
    drawn: bool = True,
) -> Report:
    """The report on `run` (the beginning of an identity; by default the newest run that measured, else the newest).

    `base` is the run to compare with, where the subject does not hold comparisons of its own, or others are wanted.
    With `drawn` off there are no histories. Raises UsageError when there is no such run, or more than one.
    """
    reader = _Reader(store)
    survey = _Survey(store.runs())
    made = datetime.now(UTC)
    notes = [f"{where.path.name}, line {where.line} was skipped: {where.reason}" for where in store.damaged()[:20]]
    row = _find(store, run) if run else survey.measured or survey.newest
    if row is None:
        raise UsageError(
            f"there is no record in {store.root}", hint="`nox -s performance` and `nox -s functional` make some"
        )
    subject = reader.read(row)
    cells = _cells(store, reader, subject)
    baseline = reader.read(_find(store, base)) if base else _previous(store, reader, subject)
    compared = _compared(subject, baseline, thresholds or Thresholds({}), chosen=base is not None)
    tests = [reader.read(one) for one in survey.tests(row)]
    series, history_note = histories(store, subject, cells) if drawn else ([], "")
    changes, against = _environment(store, subject, compared.baseline if compared else baseline)
    shown = {one.run.id: one for one in (subject, *(cell.source for cell in cells), *tests)}
    if compared and compared.baseline:
        shown.setdefault(compared.baseline.run.id, compared.baseline)
    return Report(
        made=made,
        root=store.root,
        verdict=decide(subject, compared, tests, [*_standings(cells), *survey.signed(row)]),
        subject=subject,
        compared=compared,
        cells=tuple(cells),
        tests=tuple(tests),
        histories=tuple(series),
        history_note=history_note,
        environment_changes=tuple(changes),
        environment_base=against,
        records=tuple(shown.values()),
        notes=tuple(notes),
        counts={"runs": survey.count},
    )


class _Reader:
    """Reads whole records, each once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._known: dict[str, Recorded] = {}

    def read(self, row: Row) -> Recorded:
        """The record of a row."""
        if row.where not in self._known:
            file, _, line = row.where.rpartition(":")
            relative = Path(file).relative_to(self.store.root)
            self._known[row.where] = Recorded(self.store.record(row), str(relative), int(line))
        return self._known[row.where]


class _Survey:
    """One pass over all runs: the newest of each kind."""

    def __init__(self, rows: Iterable[RunRow]) -> None:
        self.count = 0
        self.newest: RunRow | None = None
        self.measured: RunRow | None = None
        self.signoff: RunRow | None = None
        self._measuring: set[str] = set()
        self._tested: dict[tuple[str, str, str], RunRow] = {}
        for row in rows:  # oldest first
            self.count += 1
            self.newest = row
            if row.suite == VERDICT_SUITE:
                self.signoff = row
            if row.figures or row.comparisons or row.not_measured or row.verdict:
                # One that was interrupted is the subject only where no other measured.
                if row.exit_code in _ENDED or self.measured is None or self.measured.exit_code not in _ENDED:
                    self.measured = row
                if row.figures:
                    self._measuring.add(row.suite)
            elif row.tests:
                self._tested[row.suite, row.dut, row.kernel] = row

    def signed(self, subject: RunRow) -> list[str]:
        """What the last sign-off decided, in a sentence, where the report is about something else."""
        if self.signoff is None or subject.suite == VERDICT_SUITE:
            return []
        said = self.signoff.verdict.partition(";")[0] or "no decision"
        return [f"Last sign-off, {self.signoff.started:%Y-%m-%d} of {self.signoff.revision[:12]}: {said}."]

    def tests(self, subject: RunRow) -> list[RunRow]:
        """The newest run of each suite of tests, device and kernel, if it is not much older than the newest of them."""
        found = sorted(self._tested.values(), key=lambda row: row.started, reverse=True)
        # A run of one file alone is somebody's experiment; the suites have their names.
        found = [row for row in found if row.suite not in self._measuring]
        fresh = [
            row for row in found if row.started > found[0].started - _TESTS_FRESH and not row.suite.startswith("test_")
        ]
        chosen = [row for row in fresh if row.run != subject.run][:_TESTED]
        return sorted(chosen, key=lambda row: (row.suite, row.dut, row.kernel))


def _find(store: Store, identity: str) -> RunRow:
    rows = list(store.runs(Filters(run=(identity,))))
    if not rows:
        raise UsageError(
            f"no run's identity begins with {identity!r}", hint="`python -m results query runs` lists them"
        )
    if len({row.run for row in rows}) > 1:
        names = ", ".join(sorted({row.run for row in rows})[:5])
        raise UsageError(f"{len(rows)} runs begin with {identity!r}: {names}", hint="give more of the identity")
    return rows[0]


def own(run: Run, mode: Mode | None = None) -> list[Figure]:
    """The figures of the run's own revision, not those of a baseline measured beside it."""
    commit = run.revision.commit
    return [
        one
        for one in run.figures
        if one.revision in ("", commit)
        and one.attributes.get("side", "candidate") == "candidate"
        and mode in (None, one.mode)
    ]


def _cells(store: Store, reader: _Reader, subject: Recorded) -> list[Cell]:
    """Of each scenario, kernel and mode the newest run that measured it, runs with several devices preferred."""
    until = subject.run.started + _A_MOMENT
    found: dict[tuple[Mode, str, str], Cell] = {}
    for mode in MODES:
        rows = store.figures(Filters(mode=(mode,), until=until, last=_LOOK_BACK, own=True))
        newest = {row.run: row for row in rows}
        sources = [reader.read(row) for row in sorted(newest.values(), key=lambda row: row.started, reverse=True)]
        for source in sorted(sources, key=lambda one: one.run.id != subject.run.id):
            for cell in cells_of(source, mode):
                known = found.get((mode, cell.scenario, cell.kernel))
                if known is None or (_devices(known) < 2 <= _devices(cell)):
                    found[mode, cell.scenario, cell.kernel] = cell
    order = _order(found.values())
    return sorted(found.values(), key=lambda cell: (MODES.index(cell.mode), cell.kernel, order[cell.scenario]))


def _order(cells: Iterable[Cell]) -> dict[str, int]:
    """Scenarios as the runs list them, the run with most of them first."""
    runs = {cell.source.run.id: list(dict.fromkeys(one.scenario for one in cell.source.run.figures)) for cell in cells}
    listed = [name for names in sorted(runs.values(), key=len, reverse=True) for name in names]
    return {name: place for place, name in enumerate(dict.fromkeys(listed))}


def _devices(cell: Cell) -> int:
    return len({one.dut for one in cell.figures})


def cells_of(source: Recorded, mode: Mode) -> Iterable[Cell]:
    """The figures of one mode in one run, by scenario and kernel."""
    grouped: dict[tuple[str, str], list[Figure]] = {}
    for figure in own(source.run, mode):
        grouped.setdefault((figure.scenario, figure.kernel), []).append(figure)
    for (scenario, kernel), figures in grouped.items():
        missing = tuple(
            one for one in source.run.not_measured if (one.scenario, one.kernel, one.mode) == (scenario, kernel, mode)
        )
        yield Cell(scenario, kernel, mode, source, tuple(figures), missing)


def _previous(store: Store, reader: _Reader, subject: Recorded) -> Recorded | None:
    """The newest earlier run of another revision that has nearly all that any has of figures like the subject's."""
    figures = [one for one in own(subject.run, "deterministic") if one.dut == OWN]
    if not figures or subject.run.comparisons:
        return None
    environments = tuple({one.environment for one in figures if one.environment})
    rows = store.figures(
        Filters(
            scenario=tuple({one.scenario for one in figures}),
            metric=tuple({one.metric for one in figures}),
            dut=(OWN,),
            environment=environments,
            until=subject.run.started,
            last=_LOOK_BACK,
            own=True,
        )
    )
    others = [row for row in rows if row.revision != subject.run.revision.commit or subject.run.revision.dirty]
    if not others:
        return None
    alike = Counter(row.run for row in others)
    enough = 0.8 * max(alike.values())
    return reader.read([row for row in others if alike[row.run] >= enough][-1])


def _compared(subject: Recorded, baseline: Recorded | None, thresholds: Thresholds, *, chosen: bool) -> Compared | None:
    if subject.run.comparisons and not chosen:
        return Compared(subject, sort_comparisons(subject.run.comparisons))
    if baseline is None:
        return None
    # Figures of two runs that took time on a busy host differ by chance: only pairs taken together say something.
    # Peers are no part of the change, and of a metric without a threshold nobody said what counts as one.
    after = [
        one
        for one in own(subject.run, "deterministic")
        if not one.against and one.dut == OWN and thresholds.find(one.metric, one.scenario)
    ]
    before = [one for one in own(baseline.run) if not one.against]
    comparisons: list[Comparison] = []
    unlike: dict[str, int] = {}
    for figure in after:
        alike = [one for one in before if _likeness(one) == _likeness(figure)]
        if alike and alike[0].attributes.get(SCENARIO_REVISION) != figure.attributes.get(SCENARIO_REVISION):
            reason = "the scenario means something else since"
            unlike[reason] = unlike.get(reason, 0) + 1
            continue
        try:
            comparisons += judge(alike[:1], [figure], thresholds)
        except CompareError as error:
            reason = str(error).partition(": ")[2]
            unlike[reason] = unlike.get(reason, 0) + 1
    lines = tuple(f"{words.plural(count, 'figure')} not compared: {reason}" for reason, count in unlike.items())
    return Compared(subject, sort_comparisons(comparisons), baseline, lines) if comparisons or lines else None


def _standings(cells: Iterable[Cell]) -> list[str]:
    """How Weir stands against each peer by instructions, in a sentence each."""
    counted = [cell for cell in cells if cell.mode == "deterministic"]
    duts = dict.fromkeys(one.dut for cell in counted for one in cell.of(HEADLINE) if one.dut != OWN)
    return [line for dut in duts if (line := standing(counted, dut, HEADLINE))]


def _likeness(figure: Figure) -> tuple[str, ...]:
    return figure.scenario, figure.dut, figure.kernel, figure.mode, figure.metric


_ORDER: Final[Mapping[str, int]] = {"regression": 0, "inconclusive": 1, "improvement": 2, "same": 3}


def sort_comparisons(comparisons: Iterable[Comparison]) -> tuple[Comparison, ...]:
    """What must be looked at first: worse before better, gating before not, large before small."""
    return tuple(sorted(comparisons, key=lambda one: (_ORDER[one.verdict], not one.gating, -abs(one.change))))


def _environment(store: Store, subject: Recorded, base: Recorded | None) -> tuple[list[Change], str]:
    """How the subject's environment differs from the base's, or from that of the newest earlier run of its suite."""
    if base is None:
        rows = list(store.runs(Filters(suite=(subject.run.suite,), until=subject.run.started, last=1)))
        if not rows:
            return [], ""
        base = Recorded(store.record(rows[-1]), "", 0)
    return difference(_described(base.run), _described(subject.run)), base.run.id


def _described(run: Run) -> dict[str, str]:
    """Everything that a run says of where it ran: its host, what it was made of, and its figures' environments."""
    described = of_run(run.environment)
    described |= {f"version of {name}": version for name, version in run.versions.items()}
    described |= {f"hash of {name}": value for name, value in run.hashes.items()}
    for environment in run.environments.values():
        described |= {f"figures: {name}": value for name, value in environment.items()}
    return described
