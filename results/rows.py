"""What a query answers with: one row a run, figure, comparison, test or figure that is missing; and what it asks for.

Every row says where its record is (`where`, "file:line") and which run it is of. Long things (functions, samples,
histograms) stay in the record: `results.query.Store.record`, `.figure` and `.comparison` fetch them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from results.figures import Mode, Verdict
from results.records import Cause, Outcome


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What every row has.

    `run` is the run's identity, `where` its record ("absolute path:line number"), `started` in UTC; `revision` the
    commit measured or tested, `dirty` when the checkout held changes that no commit has.
    """

    run: str
    where: str
    started: datetime
    suite: str
    revision: str
    branch: str
    dirty: bool


class RunRow(Row, frozen=True, kw_only=True):
    """One run. `environment` is the key of `results.environment.of_run`; the rest are numbers of what is in it."""

    dut: str
    kernel: str
    environment: str
    acceleration: str
    speed_factor: float
    duration_s: float
    exit_code: int
    verdict: str
    command: str
    passed: int
    failed: int
    tests: int
    figures: int
    comparisons: int
    not_measured: int


class FigureRow(Row, frozen=True, kw_only=True):
    """One figure; the fields mean what they mean in `results.figures.Figure`.

    `revision` is the figure's own where it has one, else the run's; `baseline` marks a figure of another revision
    than the run's own. `scenario_revision` is the attribute "scenario revision", raised when the scenario comes to mean
    something else. `position` is the figure's place among the run's figures, from 0.
    """

    scenario: str
    dut: str
    kernel: str
    mode: Mode
    metric: str
    value: float
    unit: str
    spread: float
    low: float | None
    high: float | None
    against: str
    environment: str
    unfit: list[str]
    scenario_revision: str
    baseline: bool
    position: int


class Cell(NamedTuple):
    """What figures of one history have in common, besides their environment."""

    scenario: str
    dut: str
    kernel: str
    mode: Mode
    metric: str
    unit: str
    against: str


class ComparisonRow(Row, frozen=True, kw_only=True):
    """One comparison; the fields mean what they mean in `results.figures.Comparison`."""

    scenario: str
    dut: str
    kernel: str
    mode: Mode
    metric: str
    unit: str
    baseline: float
    candidate: float
    change: float
    threshold: float
    verdict: Verdict
    noise: float | None
    low: float | None
    high: float | None
    baseline_revision: str
    gating: bool
    changed_scenario: bool
    position: int


class TestRow(Row, frozen=True, kw_only=True):
    """How one test ended; the fields mean what they mean in `results.records.TestResult`."""

    test: str
    dut: str
    kernel: str
    environment: str
    outcome: Outcome
    duration_s: float
    cause: Cause
    reason: str
    fingerprint: str
    bundle: str
    position: int


class NotMeasuredRow(Row, frozen=True, kw_only=True):
    """A figure that was asked for and is not there, and why."""

    scenario: str
    dut: str
    kernel: str
    mode: Mode
    reason: str


@dataclass(frozen=True)
class Filters:
    """Which rows are wanted: all conditions hold, and within one condition any of its values.

    A value with `*`, `?` or `[` in it is a shell pattern (whole text), any other is meant literally: `test` anywhere in
    a test's identity, `revision`, `environment` and `run` at the beginning, all else as a whole. `since` (included) and
    `until` (not included) bound the start of the run, in UTC. `last` keeps the rows of the newest so many runs that
    have any. `clean` leaves out runs of checkouts with uncommitted changes; `own` leaves out figures of a baseline
    that was measured beside the candidate.
    """

    suite: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    outcome: tuple[str, ...] = ()
    scenario: tuple[str, ...] = ()
    metric: tuple[str, ...] = ()
    dut: tuple[str, ...] = ()
    kernel: tuple[str, ...] = ()
    mode: tuple[str, ...] = ()
    verdict: tuple[str, ...] = ()
    revision: tuple[str, ...] = ()
    branch: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    last: int | None = None
    clean: bool = False
    own: bool = False
