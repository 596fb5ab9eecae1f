"""What a measuring run says: figures, comparisons of figures, and what was not measured and why.

A figure is one number with its unit, its spread and the conditions under which it was taken. Deterministic figures are
guest instructions, the same on every host; timed ones are wall or CPU time and depend on the host. The two are never
mixed: `mode` is part of what makes figures alike.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Mode = Literal["deterministic", "timed"]
Verdict = Literal["regression", "improvement", "same", "inconclusive"]


class FunctionCost(msgspec.Struct, frozen=True):
    """What one function costs a request, itself without its callees.

    `part` is whose code it is: "module", "kernel", or "user" (then `name` is the program's).
    """

    name: str
    part: str
    instructions: float


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured number.

    `spread` is relative to `value`: half the range of repeats (deterministic), or half the width of the 95 % confidence
    interval (timed); 0.001 is 0.1 %. `low` and `high` are that interval where there is one. `samples` are the single
    measurements in the order in which they were taken. `against` names what a ratio is divided by: a device under test,
    or a revision. `revision` is the commit measured where it is not the run's own. `environment` is a key of the run's
    `environments`. `unfit` says, by name, why the figure must not sign off a release; empty when it may.
    `histogram` holds latencies in microseconds (HdrHistogram V2, compressed, base64).
    """

    scenario: str
    dut: str
    kernel: str
    mode: Mode
    metric: str
    value: float
    unit: str
    spread: float
    low: float | None = None
    high: float | None = None
    samples: list[float] = []
    against: str = ""
    revision: str = ""
    environment: str = ""
    unfit: list[str] = []
    functions: list[FunctionCost] = []
    histogram: str = ""
    attributes: dict[str, str] = {}


class FunctionChange(msgspec.Struct, frozen=True):
    """One function's cost a request on both sides of a comparison, in instructions."""

    name: str
    part: str
    baseline: float
    candidate: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate's figure against a baseline's, judged.

    `change` is relative: +0.01 is 1 % more of `unit`, whatever that means for the better or worse; `verdict` knows.
    `threshold` is the change that counts as one, `noise` what two builds of the same source were seen to differ by.
    `low` and `high` are the 95 % confidence interval of `change` where there is one. `changed_scenario` marks a
    scenario that the candidate itself defines differently than the baseline does. `functions` are those that changed
    most, largest change first.
    """

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
    noise: float | None = None
    low: float | None = None
    high: float | None = None
    baseline_revision: str = ""
    gating: bool = True
    changed_scenario: bool = False
    functions: list[FunctionChange] = []


class NotMeasured(msgspec.Struct, frozen=True):
    """A figure that was asked for and is not there, and why: never guessed, never left out in silence."""

    scenario: str
    dut: str
    kernel: str
    mode: Mode
    reason: str
