"""How often the statistics of a sign-off keep what they promise: `python -m results validate-statistics`.

Hosts are simulated. One has a speed of its own at every moment: noise, rare disturbances, and a slow drift. Sides are
measured one after the other, so what drifts between two of them stays in their ratio. Every figure is a share of
simulated runs with fixed seeds, the same everywhere.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from results.figures import Figure
from results.signoff import Verdict, conclude, judge
from results.signoff_policy import ALPHA, CONFIDENCE, GATES, MARGINS, SIDES, THROUGHPUT, Gate, Side
from results.statistics import log_ratios, one_sided, paired_ratio, pairs_to_decide

AT_MOST: Final = f"at most {ALPHA:.3f}"
Array = NDArray[np.float64]
Order = Literal["interleaved", "blocks"]
Noise = Literal["normal", "skewed", "disturbed"]
NOISES: Final[tuple[Noise, ...]] = ("normal", "skewed", "disturbed")


@dataclass(frozen=True)
class Host:
    """`noise` is the standard deviation of one measurement's logarithm; `drift` that of the host's speed over a run.

    Drift is a random walk whose end is so far from its start, on average. Skewed noise is exponential, to the slow
    side; disturbed noise is normal, and one measurement in ten loses up to five standard deviations more.
    """

    noise: float = 0.02
    drift: float = 0.0
    kind: Noise = "normal"

    def measure(self, count: int, generator: np.random.Generator) -> Array:
        """Logarithms of `count` measurements of the same thing, one after the other."""
        walk = np.cumsum(generator.normal(0.0, self.drift / math.sqrt(count), count))
        return np.asarray(walk + self.noise * self._disturbances(count, generator), dtype=np.float64)

    def _disturbances(self, count: int, generator: np.random.Generator) -> Array:
        if self.kind == "skewed":
            return 1.0 - generator.exponential(1.0, count)
        normal = generator.normal(0.0, 1.0, count)
        if self.kind == "normal":
            return normal
        return normal - 5.0 * generator.random(count) * (generator.random(count) < 0.1)


def sides(
    host: Host, pairs: int, change: float, order: Order, generator: np.random.Generator
) -> tuple[list[float], list[float]]:
    """Measurements of a candidate, `change` faster than the baseline (-0.03: 3 % slower), and of the baseline."""
    speeds = host.measure(2 * pairs, generator)
    if order == "blocks":
        candidate, baseline = speeds[:pairs], speeds[pairs:]
    else:
        rounds = speeds.reshape(pairs, 2)
        swapped = np.where((np.arange(pairs) % 2 == 0)[:, None], rounds, rounds[:, ::-1])
        candidate, baseline = swapped[:, 0], swapped[:, 1]
    return np.exp(candidate + math.log1p(change)).tolist(), np.exp(baseline).tolist()


def _share(runs: int, seed: int, happens: Callable[[np.random.Generator], bool]) -> float:
    generator = np.random.default_rng(seed)
    return sum(happens(generator) for _ in range(runs)) / runs


def coverage(host: Host, pairs: int, *, runs: int, change: float = -0.01, seed: int = 1) -> float:
    """Share of runs whose interval holds the true ratio; promised is CONFIDENCE."""

    def holds(generator: np.random.Generator) -> bool:
        candidate, baseline = sides(host, pairs, change, "interleaved", generator)
        return paired_ratio(candidate, baseline, confidence=CONFIDENCE).contains(1 + change)

    return _share(runs, seed, holds)


def false_pass(host: Host, pairs: int, *, runs: int, seed: int = 2) -> float:
    """Share of runs of one gate that lies right at its margin and is found within; promised is ALPHA at most."""
    margin = MARGINS[THROUGHPUT]

    def passed(generator: np.random.Generator) -> bool:
        measured = sides(host, pairs, margin.ratio - 1, "interleaved", generator)
        significant = one_sided(margin.distances(log_ratios(*measured))) <= ALPHA
        return significant and margin.clear_of(paired_ratio(*measured, confidence=CONFIDENCE))

    return _share(runs, seed, passed)


def verdicts(
    host: Host, pairs: int, changes: Mapping[Gate, float], *, runs: int, seed: int = 3
) -> tuple[Counter[Verdict], int]:
    """Verdicts of whole sign-offs, and how many of them blamed the canary.

    Every gate is measured on three sides in turn; those in `changes` have changed by so much, the others not at all.
    """
    generator = np.random.default_rng(seed)
    found: Counter[Verdict] = Counter()
    blamed = 0
    for _ in range(runs):
        judgements = judge(_measured(host, pairs, changes, generator), {})
        found[conclude(judgements)[0]] += 1
        blamed += any(one.canary_problem for one in judgements)
    return found, blamed


def _measured(
    host: Host, pairs: int, changes: Mapping[Gate, float], generator: np.random.Generator
) -> dict[Side, dict[Gate, Figure]]:
    figures: dict[Side, dict[Gate, Figure]] = {side: {} for side in SIDES}
    for gate in GATES:
        rounds = host.measure(len(SIDES) * pairs, generator).reshape(pairs, len(SIDES))
        rounds[1::2] = rounds[1::2, ::-1]
        for column, side in enumerate(SIDES):
            change = changes.get(gate, 0.0) if side == "candidate" else 0.0
            # Latency rises where speed falls.
            logs = (1 if gate.margin.more_is_better else -1) * rounds[:, column] + math.log1p(change)
            figures[side][gate] = Figure(
                scenario=gate.scenario,
                dut="weir",
                kernel="",
                mode="timed",
                metric=gate.metric,
                value=1.0,
                unit="simulated",
                spread=0.0,
                samples=np.exp(logs).tolist(),
            )
    return figures


def detections(host: Host, pairs: int, change: float, order: Order, *, runs: int, seed: int = 4) -> float:
    """Share of runs that call `change` a difference at all (two-sided, 5 %); with no change, that of false alarms.

    Interleaved measurements are judged as pairs; blocks as what they are, two samples (Welch's test).
    """

    def detected(generator: np.random.Generator) -> bool:
        candidate, baseline = sides(host, pairs, change, order, generator)
        if order == "blocks":
            return bool(stats.ttest_ind(np.log(candidate), np.log(baseline), equal_var=False).pvalue < 1 - CONFIDENCE)
        return not paired_ratio(candidate, baseline, confidence=CONFIDENCE).contains(1.0)

    return _share(runs, seed, detected)


def forecast_kept(host: Host, change: float, *, runs: int, first: int = 10, seed: int = 5) -> float:
    """Share of undecided runs of `first` pairs that a new one of as many pairs as was forecast decides; POWER's aim.

    Runs for which no number was forecast, or an absurd one (over 2,000), do not count.
    """
    margin = MARGINS[THROUGHPUT]
    generator = np.random.default_rng(seed)
    kept = counted = 0
    for _ in range(runs):
        distances = margin.distances(log_ratios(*sides(host, first, change, "interleaved", generator)))
        if min(one_sided(distances), one_sided(-distances)) <= ALPHA:
            continue
        needed = pairs_to_decide(distances, alpha=ALPHA)
        if needed is None or needed > 2000:
            continue
        again = margin.distances(log_ratios(*sides(host, max(needed, first), change, "interleaved", generator)))
        counted += 1
        kept += min(one_sided(again), one_sided(-again)) <= ALPHA
    return kept / counted if counted else math.nan


@dataclass(frozen=True)
class Line:
    """One figure: what was simulated, the share that came out, and what is promised."""

    what: str
    share: float
    promise: str


def validate(runs: int, say: Callable[[Line], None]) -> None:
    """All of it; each line is the share of `runs` runs (a tenth of them where whole sign-offs are simulated)."""
    for kind in NOISES:
        for pairs in (4, 6, 10, 20, 40):
            host = Host(kind=kind)
            say(Line(f"coverage, {kind} noise, {pairs} pairs", coverage(host, pairs, runs=runs), "0.95"))
    drifting = Host(noise=0.02, drift=0.1)
    say(Line("coverage, drifting host, 20 pairs", coverage(drifting, 20, runs=runs), "0.95"))
    for kind in NOISES:
        for pairs in (10, 20, 40):
            what = f"one gate at -3 % found within, {kind} noise, {pairs} pairs"
            say(Line(what, false_pass(Host(kind=kind), pairs, runs=runs), AT_MOST))
    what = "one gate at -3 % found within, drifting host, 20 pairs"
    say(Line(what, false_pass(drifting, 20, runs=runs), AT_MOST))
    _validate_decision(max(1, runs // 10), say)
    for order in ("interleaved", "blocks"):
        say(
            Line(
                f"no change called one, drifting host, {order}, 20 pairs",
                detections(drifting, 20, 0.0, order, runs=runs),
                "0.05",
            )
        )
        say(
            Line(
                f"-3 % called a change, drifting host, {order}, 20 pairs",
                detections(drifting, 20, -0.03, order, runs=runs),
                "power",
            )
        )
    for change in (0.0, -0.015):
        say(Line(f"forecast of pairs kept, change {change:+.1%}", forecast_kept(host, change, runs=runs), "aim 0.90"))


def _validate_decision(runs: int, say: Callable[[Line], None]) -> None:
    """Whole sign-offs, as signoff.judge and signoff.conclude decide them."""
    host, margins = Host(), {gate: gate.margin.ratio - 1 for gate in GATES}
    one = dict(list(margins.items())[:1])
    gates = len(GATES)
    for changes, which in ((one, f"1 of {gates} gates"), (margins, f"all {gates} gates")):
        found, _ = verdicts(host, 20, changes, runs=runs)
        say(Line(f"PASS with {which} at the margin, 20 pairs", found[Verdict.PASS] / runs, AT_MOST))
        say(Line(f"FAIL with {which} at the margin, 20 pairs", found[Verdict.FAIL] / runs, AT_MOST))
    for pairs in (10, 20, 40, 80):
        found, blamed = verdicts(host, pairs, {}, runs=runs)
        say(Line(f"PASS of an unchanged candidate, {pairs} pairs", found[Verdict.PASS] / runs, "power"))
        say(Line(f"FAIL of an unchanged candidate, {pairs} pairs", found[Verdict.FAIL] / runs, AT_MOST))
        say(Line(f"canary blamed on a sound host, {pairs} pairs", blamed / runs, "0.05 and width"))
        found, _ = verdicts(host, pairs, dict.fromkeys(one, -0.06), runs=runs)
        say(Line(f"FAIL of a candidate 6 % slower in one gate, {pairs} pairs", found[Verdict.FAIL] / runs, "power"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--runs", type=int, default=4000, help="simulated runs for each figure (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one object a line")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""

    def say(line: Line) -> None:
        print(json.dumps(asdict(line)) if arguments.json else f"{line.share:7.4f}  {line.promise:<14} {line.what}")
        sys.stdout.flush()

    validate(arguments.runs, say)
    return 0
