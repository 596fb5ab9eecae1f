"""The decision about a release, from what was recorded and nothing else: PASS, FAIL, INCONCLUSIVE or REFUSED.

REFUSED: the record cannot decide, whatever its figures say (see results/signoff_refusals.py).
INCONCLUSIVE: the canary says that the host is no judge, or the figures leave it open; tells how many pairs more.
FAIL: a figure is worse than its margin allows, beyond chance. PASS: every figure is within, beyond chance.

A figure is within its margin when Holm's procedure over all gates rejects that it is not, and the bootstrap interval of
the paired ratio lies wholly on the good side; likewise beyond it. Both must agree: the test has the error of the whole
family in hand, the interval makes no assumption about the shape of the noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from results.figures import Figure
from results.records import Run
from results.signoff_policy import ALPHA, CONFIDENCE, FEWEST_PAIRS, GATES, POWER, Gate, Side
from results.signoff_refusals import Refusal, by_side, refusals
from results.statistics import (
    Interval,
    StatisticsError,
    holm,
    holm_rejected,
    log_ratios,
    one_sided,
    paired_ratio,
    pairs_to_decide,
)
from results.waivers import Waiver


class Verdict(StrEnum):
    """What a sign-off says."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    REFUSED = "REFUSED"


# 1 is a product failure everywhere in Weir; 75 (EX_TEMPFAIL) and 77 (EX_NOPERM) of sysexits(3) collide with no status
# of pytest or the lab.
EXIT_STATUS: Final = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 75, Verdict.REFUSED: 77}

_REACH: Final = 1 + 1.645 / 1.96

Outcome = Literal["within", "beyond", "open"]


@dataclass(frozen=True)
class Judgement:
    """One gate. `ratio` and `canary` are candidate/baseline and baseline/baseline, with their intervals.

    `within_p` and `beyond_p` are the p-values for lying within and beyond the margin; `level` is what Holm's procedure
    asked of the former. `canary_problem` says why the canary is not what it should be; empty if it is. `pairs_needed`
    are those in all that would probably decide; those that there are when it is decided, None when no number would.
    """

    gate: Gate
    pairs: int
    ratio: Interval
    canary: Interval
    within_p: float
    beyond_p: float
    level: float
    outcome: Outcome
    canary_problem: str = ""
    pairs_needed: int | None = None
    waiver: Waiver | None = None

    def __str__(self) -> str:
        allowed = self.gate.margin.ratio - 1
        line = f"{self.gate}: {_percent(self.ratio)}, margin {allowed:+.0%}: {self.outcome}"
        return f"{line}, waived" if self.waiver else line


@dataclass(frozen=True)
class Decision:
    """`reasons` say why the verdict is not PASS, one line each; `more_pairs` how many would probably decide, if any."""

    verdict: Verdict
    reasons: tuple[str, ...]
    judgements: tuple[Judgement, ...]
    refusals: tuple[Refusal, ...] = ()
    waivers_used: tuple[Waiver, ...] = ()
    waivers_unused: tuple[Waiver, ...] = ()
    more_pairs: int | None = None

    @property
    def exit_status(self) -> int:
        """Of the process that decided."""
        return EXIT_STATUS[self.verdict]


def decide(run: Run, waivers: Sequence[Waiver] = ()) -> Decision:
    """The decision about what `run` recorded; the same for the same arguments.

    `waivers` are taken as valid (results.waivers.check): they are as of a day, which this does not know.
    """
    refused = refusals(run)
    try:
        judgements = judge(by_side(run), {waiver.gate: waiver for waiver in waivers})
    except StatisticsError as error:
        refused = (*refused, Refusal("unusable figures", str(error)))
        judgements = ()
    used = tuple(one.waiver for one in judgements if one.waiver)
    unused = tuple(waiver for waiver in waivers if waiver not in used)
    if refused:
        # What was waived is beside the point: there is nothing that a waiver could be used for.
        return Decision(Verdict.REFUSED, tuple(map(str, refused)), judgements, refused, (), tuple(waivers))
    verdict, reasons = conclude(judgements)
    more = _more_pairs(judgements) if verdict is Verdict.INCONCLUSIVE else None
    return Decision(verdict, reasons, judgements, (), used, unused, more)


def conclude(judgements: Sequence[Judgement]) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on gates that are all there, and why it is not PASS. Whether they are, refusals() knows."""
    few = [one for one in judgements if too_few(one)]
    canary = [f"canary, {one.gate}: {one.canary_problem}" for one in judgements if one.canary_problem]
    beyond = [str(one) for one in judgements if one.outcome == "beyond" and not one.waiver]
    undecided = [str(one) for one in judgements if one.outcome == "open" and not one.waiver]
    if few or canary:
        fewest = (
            f"{min((one.pairs for one in few), default=0)} pairs, at least {FEWEST_PAIRS} decide ({len(few)} gates)"
        )
        return Verdict.INCONCLUSIVE, (*((fewest,) if few else ()), *canary)
    if beyond:
        return Verdict.FAIL, tuple(beyond)
    if undecided:
        return Verdict.INCONCLUSIVE, tuple(undecided)
    return Verdict.PASS, ()


def too_few(judgement: Judgement) -> bool:
    """Whether there are too few pairs to say anything."""
    return judgement.pairs < FEWEST_PAIRS


def _more_pairs(judgements: Sequence[Judgement]) -> int | None:
    """Pairs that are lacking until everything that stands in the way would probably be decided; None if none help."""
    lacking = []
    for one in judgements:
        stands = too_few(one) or one.canary_problem or (one.outcome == "open" and not one.waiver)
        if not stands:
            continue
        if one.pairs_needed is None and not too_few(one):
            return None
        lacking.append(max(one.pairs_needed or 0, FEWEST_PAIRS) - one.pairs)
    return max(1, *lacking) if lacking else None


def judge(sides: Mapping[Side, Mapping[Gate, Figure]], waivers: Mapping[Gate, Waiver]) -> tuple[Judgement, ...]:
    """Every gate whose figures are there on all sides, in the policy's order, judged as one family.

    Raises StatisticsError when figures are no pairs of positive numbers.
    """
    there = [gate for gate in GATES if all(gate in figures for figures in sides.values())]
    pairs = {gate: {side: figures[gate].samples for side, figures in sides.items()} for gate in there}
    logs = {gate: log_ratios(one["candidate"], one["baseline"]) for gate, one in pairs.items()}
    aa_logs = {gate: log_ratios(one["canary"], one["baseline"]) for gate, one in pairs.items()}
    within_p = {str(gate): one_sided(gate.margin.distances(logs[gate])) for gate in there}
    beyond_p = {str(gate): one_sided(-gate.margin.distances(logs[gate])) for gate in there}
    differs_p = {str(gate): two_sided(aa_logs[gate]) for gate in there}
    levels, ranked = holm(within_p, ALPHA), sorted(within_p, key=lambda name: (within_p[name], name))
    within, beyond = holm_rejected(within_p, ALPHA), holm_rejected(beyond_p, ALPHA)
    differs = holm_rejected(differs_p, 1 - CONFIDENCE)
    judgements = []
    for gate in there:
        name, margin = str(gate), gate.margin
        ratio = paired_ratio(pairs[gate]["candidate"], pairs[gate]["baseline"], confidence=CONFIDENCE)
        canary = paired_ratio(pairs[gate]["canary"], pairs[gate]["baseline"], confidence=CONFIDENCE)
        outcome: Outcome = "open"
        if name in within and margin.clear_of(ratio):
            outcome = "within"
        elif name in beyond and margin.beyond(ratio):
            outcome = "beyond"
        problem = _canary_problem(canary, gate, differs=name in differs)
        distances = margin.distances(logs[gate])
        level = ALPHA / (len(there) - ranked.index(name))
        needed: int | None = len(distances)
        if outcome == "open":
            needed = pairs_to_decide(distances, alpha=level, power=POWER)
        if problem and needed is not None:
            # A host that sees differences where there are none is not mended by more of them.
            needed = None if name in differs else max(needed, _until_narrow(canary, gate, len(distances)))
        waiver = waivers.get(gate) if outcome != "within" else None
        judgements.append(
            Judgement(
                gate, len(logs[gate]), ratio, canary, within_p[name], beyond_p[name], levels[name], outcome,
                problem, needed, waiver,
            )
        )  # fmt: skip
    return tuple(judgements)


def two_sided(logs: NDArray[np.float64]) -> float:
    """p-value of Student's two-sided test that the mean is 0. Raises StatisticsError for fewer than two values."""
    return min(1.0, 2 * min(one_sided(logs), one_sided(-logs)))


def _canary_problem(canary: Interval, gate: Gate, *, differs: bool) -> str:
    """Why the A/A comparison speaks against the run: it sees a difference where there is none, or would see nothing."""
    if differs and not canary.contains(1.0):
        return f"the baseline differs from itself by {_percent(canary)}; the host is no judge"
    widest = abs(math.log(gate.margin.ratio))
    if max(abs(math.log(canary.low)), abs(math.log(canary.high))) >= widest:
        return f"{_percent(canary)} is too wide to see {gate.margin.ratio - 1:+.0%}"
    return ""


def _until_narrow(canary: Interval, gate: Gate, pairs: int) -> int:
    """Pairs in all after which the canary's interval should lie within the margin, wherever chance puts its middle.

    Its width falls with the square root of their number; _REACH is how far from 1 its outer end then lies, in halves of
    its width, in nine runs of ten.
    """
    half = math.log(canary.high / canary.low) / 2
    return math.ceil(pairs * (_REACH * half / math.log(gate.margin.ratio)) ** 2)


def _percent(interval: Interval) -> str:
    return f"{interval.value - 1:+.2%} ({interval.low - 1:+.2%} to {interval.high - 1:+.2%})"
