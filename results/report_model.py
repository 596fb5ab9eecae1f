"""What a report says, before it is a page: the run it is about, and what belongs beside it.

A run rarely holds everything: a gate compares, another run measured the peers, a third ran the tests. The report puts
the newest of each together and says of each part which run it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from results.environment import Change, Epoch
from results.figures import Comparison, Figure, Mode, NotMeasured
from results.records import Run

Kind = Literal["pass", "fail", "inconclusive", "infrastructure", "measured", "none"]


@dataclass(frozen=True)
class Recorded:
    """A run and where its record is: a path relative to the results' root, and the line in that file."""

    run: Run
    file: str
    line: int

    @property
    def where(self) -> str:
        """`2026-11/20261122T143557Z-a34eae30-functional.jsonl:1`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Compared:
    """Comparisons, the run that holds the candidate, and the one that holds the baseline where that is another.

    `unlike` has one line for each kind of figure that could not be compared, with the reason.
    """

    candidate: Recorded
    comparisons: tuple[Comparison, ...]
    baseline: Recorded | None = None
    unlike: tuple[str, ...] = ()

    @property
    def judged(self) -> list[Comparison]:
        """Those for which it is said what counts as a change."""
        return [one for one in self.comparisons if one.threshold > 0 or one.gating]

    @property
    def unjudged(self) -> list[Comparison]:
        """Those that only tell: nobody said what counts as a change of them."""
        return [one for one in self.comparisons if not (one.threshold > 0 or one.gating)]

    @property
    def regressions(self) -> list[Comparison]:
        """Gating ones only: those that stop a change."""
        return [one for one in self.comparisons if one.gating and one.verdict == "regression"]


@dataclass(frozen=True)
class Cell:
    """The figures of one scenario on one kernel, all devices, from one run; none of a baseline measured beside it."""

    scenario: str
    kernel: str
    mode: Mode
    source: Recorded
    figures: tuple[Figure, ...]
    not_measured: tuple[NotMeasured, ...]

    def of(self, metric: str) -> list[Figure]:
        """The absolute figures of a metric, one a device."""
        return [one for one in self.figures if one.metric == metric and not one.against]

    def ratio(self, metric: str, dut: str, against: str) -> Figure | None:
        """A ratio that was measured as one (in pairs), if there is one."""
        found = [one for one in self.figures if (one.metric, one.dut, one.against) == (metric, dut, against)]
        return found[0] if found else None

    @property
    def per(self) -> str:
        """What a figure is divided by, where it is not a request: `packet`, `connection`; else empty."""
        units = {one.attributes.get("unit of load", "request") for one in self.figures}
        return ", ".join(sorted(units - {"request"}))

    def reason(self, dut: str) -> str:
        """Why a device was not measured here, if that is known."""
        return next((one.reason for one in self.not_measured if one.dut == dut), "")


@dataclass(frozen=True)
class Point:
    """One value in a history; `run` is an identity, `where` its record."""

    run: str
    where: str
    started: datetime
    revision: str
    dirty: bool
    value: float
    spread: float
    environment: str
    unfit: bool = False
    scenario_revision: str = ""

    @property
    def likeness(self) -> str:
        """What like points share: the environment, and what the scenario means."""
        return f"{self.environment}/{self.scenario_revision}"


@dataclass(frozen=True)
class Shift:
    """A change point: the value was about `before` up to the point before `at`, and about `after` from `at` on."""

    at: int
    before: float
    after: float

    @property
    def change(self) -> float:
        """Relative."""
        return (self.after - self.before) / abs(self.before) if self.before else 0.0


@dataclass(frozen=True)
class History:
    """One figure over time, oldest first. `points` are those drawn, of `total`; positions are indexes into them."""

    scenario: str
    dut: str
    kernel: str
    mode: Mode
    metric: str
    unit: str
    points: tuple[Point, ...]
    total: int
    epochs: tuple[Epoch, ...] = ()
    shifts: tuple[Shift, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The first thing a reader sees. `headline` is a few words, `reasons` sentences, the weightiest first."""

    kind: Kind
    headline: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """Everything the page shows. `notes` say what is not in it, and why."""

    made: datetime
    root: Path
    verdict: Verdict
    subject: Recorded | None = None
    compared: Compared | None = None
    cells: tuple[Cell, ...] = ()
    tests: tuple[Recorded, ...] = ()
    histories: tuple[History, ...] = ()
    history_note: str = ""
    environment_changes: tuple[Change, ...] = ()
    environment_base: str = ""
    records: tuple[Recorded, ...] = ()
    notes: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
