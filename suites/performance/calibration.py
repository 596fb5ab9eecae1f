"""What a gate with given thresholds would have said of builds whose truth is known: false alarms, misses, thresholds.

Pure: figures of perturbed builds in, rates out. Every pair of builds is judged by the very function that the gate uses.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from results.compare import Threshold, Thresholds, judge, relative_change
from results.figures import Figure

GATED: Final[Mapping[str, float]] = {"instr_per_request": 0.003, "instr_per_request_module": 0.003}
"""The metrics that gate, each with the least threshold that it is given however quiet it is."""
TOLD: Final = ("instr_per_request_kernel", "instr_per_request_user")
SAFETY: Final = 2.0
"""A threshold is at least so many times the largest difference seen between builds of one source."""
_STEP: Final = 0.0005
_FLOOR: Final = 5.0
"""Instructions: what a scenario that costs next to nothing may differ by."""
GATE: Final = "gate"
"""Stands for the gate as a whole: any of the metrics."""


@dataclass(frozen=True)
class Build:
    """One build of the module, measured in one scenario.

    `layout` numbers its layout, 0 for the source as it is. `function` and `level` say where it was slowed down on
    purpose and by which part of the module's own cost (0.01 is 1 %); empty and 0 for none.
    """

    scenario: str
    layout: int
    figures: Sequence[Figure]
    function: str = ""
    level: float = 0.0

    def value(self, metric: str) -> float | None:
        """The figure's value, None where the metric was not measured."""
        return next((figure.value for figure in self.figures if figure.metric == metric), None)


@dataclass(frozen=True)
class Noise:
    """Between builds of one source in one scenario: how far apart the metric's values lie, relative to each other."""

    scenario: str
    metric: str
    builds: int
    median: float
    largest: float
    """The largest relative difference of any two."""
    within: float = 0.0
    """Half the range of one boot's windows, relative; the median of the builds'."""


@dataclass(frozen=True)
class Rate:
    """Of `pairs` judged ones, how many the gate called a regression; and how many named the function first."""

    scenario: str
    metric: str
    pairs: int
    alarms: int
    function: str = ""
    level: float = 0.0
    named: int = 0


def noise(builds: Iterable[Build]) -> list[Noise]:
    """By scenario and metric, from the builds that nobody slowed down."""
    found = []
    for scenario, group in _by_scenario(build for build in builds if not build.level).items():
        for metric in (*GATED, *TOLD):
            values = sorted(value for build in group if (value := build.value(metric)) is not None)
            if len(values) > 1:
                largest = abs(relative_change(values[0], values[-1]))
                within = statistics.median(f.spread for build in group for f in build.figures if f.metric == metric)
                found.append(Noise(scenario, metric, len(values), values[len(values) // 2], largest, within))
    return found


def propose(found: Iterable[Noise]) -> list[Threshold]:
    """A default row a metric, and one for each scenario whose noise asks for more.

    The default is the least threshold. A scenario's is SAFETY times its noise, and no less than what the windows of
    one boot differ by, since a change may move the load against what they differ in; rounded up to a twentieth of a
    per cent.
    """
    rows = [
        Threshold(metric=metric, threshold=GATED.get(metric, 0.005), floor=_FLOOR, gating=metric in GATED)
        for metric in (*GATED, *TOLD)
    ]
    for one in found:
        least = GATED.get(one.metric, 0.005)
        wanted = max(least, math.ceil(max(SAFETY * one.largest, one.within) / _STEP - 1e-9) * _STEP)
        if one.largest and one.median > _FLOOR:
            rows.append(
                Threshold(
                    metric=one.metric,
                    scenario=one.scenario,
                    threshold=round(wanted, 6),
                    floor=_FLOOR,
                    noise=round(one.largest, 6),
                    gating=one.metric in GATED,
                )
            )
    return rows


def false_alarms(builds: Iterable[Build], thresholds: Thresholds) -> list[Rate]:
    """Every ordered pair of builds of one source: none of them is slower than the other."""
    rates = []
    for scenario, group in _by_scenario(build for build in builds if not build.level).items():
        pairs = [(before, after) for before, after in itertools.permutations(group, 2)]
        rates += _rates(scenario, pairs, thresholds)
    return rates


def catches(builds: Iterable[Build], thresholds: Thresholds) -> list[Rate]:
    """Every slowed build against every other layout of the source as it is: all of them are slower."""
    rates = []
    for scenario, group in _by_scenario(builds).items():
        sound = [build for build in group if not build.level]
        slowed = [build for build in group if build.level]
        for level, function in sorted({(build.level, build.function) for build in slowed}):
            planted = [build for build in slowed if (build.level, build.function) == (level, function)]
            # Its own layout is the easy case: nothing differs but the slowdown.
            pairs = [(one, other) for other in planted for one in sound if one.layout != other.layout]
            rates += _rates(scenario, pairs, thresholds, function, level)
    return rates


def _by_scenario(builds: Iterable[Build]) -> dict[str, list[Build]]:
    found: dict[str, list[Build]] = {}
    for build in builds:
        found.setdefault(build.scenario, []).append(build)
    return found


def _rates(
    scenario: str,
    pairs: Sequence[tuple[Build, Build]],
    thresholds: Thresholds,
    function: str = "",
    level: float = 0.0,
) -> list[Rate]:
    alarms = dict.fromkeys((*GATED, GATE), 0)
    named = 0
    for before, after in pairs:
        worse = [
            one
            for one in judge(before.figures, after.figures, thresholds, across_environments=True)
            if one.gating and one.verdict == "regression"
        ]
        for one in worse:
            alarms[one.metric] += 1
        alarms[GATE] += bool(worse)
        named += any(one.functions and one.functions[0].name == function for one in worse)
    return [Rate(scenario, metric, len(pairs), count, function, level, named) for metric, count in alarms.items()]


def table(found: Iterable[Noise], thresholds: Thresholds, alarms: Iterable[Rate], caught: Iterable[Rate]) -> list[str]:
    """What was found, as Markdown."""
    lines = [
        "| scenario | metric | builds | median | largest difference | within a boot | threshold |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for one in found:
        row = thresholds.find(one.metric, one.scenario)
        limit = "" if row is None else f"{row.threshold:.2%}"
        lines.append(
            f"| {one.scenario} | `{one.metric}` | {one.builds} | {one.median:,.1f} | {one.largest:.3%} | "
            f"{one.within:.3%} | {limit} |"
        )
    lines += ["", "| scenario | metric | pairs of equals | false alarms | rate |", "|---|---|---:|---:|---:|"]
    lines += [f"| {r.scenario} | {r.metric} | {r.pairs} | {r.alarms} | {_share(r.alarms, r.pairs)} |" for r in alarms]
    lines += [
        "",
        "| scenario | slowdown | in | metric | pairs | caught | missed | function named first |",
        "|---|---:|---|---|---:|---:|---:|---:|",
    ]
    for r in caught:
        told = _share(r.named, r.alarms) if r.metric == GATE else ""
        lines.append(
            f"| {r.scenario} | {r.level:.1%} | `{r.function}` | {r.metric} | {r.pairs} | {r.alarms} | "
            f"{_share(r.pairs - r.alarms, r.pairs)} | {told} |"
        )
    return lines


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
