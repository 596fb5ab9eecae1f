"""Judges a candidate's figures against a baseline's: what changed, by how much, and in which function.

Pure: figures and thresholds in, comparisons out. A threshold is the relative change that counts as one; where it comes
from is the caller's business (the deterministic ones are calibrated, see docs/performance/gate.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from results.figures import Comparison, Figure, FunctionChange, FunctionCost, Verdict

FUNCTIONS_NAMED: Final = 12
"""Functions in one comparison, at most."""
_NEGLIGIBLE: Final = 0.5
"""Instructions a request below which a function is not said to have changed."""

_COUNTED: Final = "instr_per_request"
"""The metric of the whole cost; those of its parts append a part's name."""

# What gcc appends to a function that it specialised or split: the source knows one function.
_CLONE: Final = re.compile(r"\.(?:isra|constprop|part|cold|lto_priv|llvm)(?:\.\d+)?")

Direction = Literal["lower", "higher"]


class CompareError(ValueError):
    """Figures that cannot be compared; the message says which and why."""


class Threshold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From which change on a metric counts as changed.

    `scenario` is empty for the row that holds where no other does. `threshold` is relative (0.003 is 0.3 %), `floor` is
    absolute, in the metric's unit: a change counts if it is over both. `noise` is the largest relative difference seen
    between builds of one source. `gating` rows decide; the others only tell. `better` is the direction of improvement.
    """

    metric: str
    threshold: float
    scenario: str = ""
    floor: float = 0.0
    noise: float | None = None
    gating: bool = False
    better: Direction = "lower"


@dataclass(frozen=True)
class Thresholds:
    """Rows by metric and scenario."""

    rows: Mapping[tuple[str, str], Threshold]

    @classmethod
    def of(cls, rows: Iterable[Threshold]) -> Thresholds:
        """Raises CompareError when two rows are for the same metric and scenario, or one is negative."""
        table: dict[tuple[str, str], Threshold] = {}
        for row in rows:
            where = f"threshold of {row.metric} in {row.scenario or 'every scenario'}"
            if (row.metric, row.scenario) in table:
                raise CompareError(f"{where}: there are two")
            if row.threshold < 0 or row.floor < 0:
                raise CompareError(f"{where}: {row.threshold} and {row.floor} must not be negative")
            table[row.metric, row.scenario] = row
        return cls(table)

    def find(self, metric: str, scenario: str) -> Threshold | None:
        """The scenario's own row, else the metric's; None if nobody said what counts as a change."""
        return self.rows.get((metric, scenario)) or self.rows.get((metric, ""))


def judge(
    baseline: Sequence[Figure],
    candidate: Sequence[Figure],
    thresholds: Thresholds,
    *,
    changed_scenarios: Iterable[str] = (),
    across_environments: bool = False,
) -> list[Comparison]:
    """One comparison for each figure of `candidate` that `baseline` has too, in the candidate's order.

    Alike are figures of one scenario, device, kernel flavour, mode, metric and unit. A metric without a threshold is
    told and never gates. `across_environments` is for callers that made both sides themselves and whose product is
    part of the environment (another patch series is another kernel).

    Raises CompareError for two figures alike on one side, for units that differ, and for environments that differ.
    """
    before = _by_likeness(baseline, "baseline")
    functions = _functions_by_place(baseline), _functions_by_place(candidate)
    changed = frozenset(changed_scenarios)
    comparisons = []
    for key, figure in _by_likeness(candidate, "candidate").items():
        other = before.get(key)
        if other is None:
            continue
        if other.unit != figure.unit:
            raise CompareError(f"{_name(figure)}: {figure.unit} cannot be compared with the baseline's {other.unit}")
        if other.environment != figure.environment and not across_environments:
            raise CompareError(
                f"{_name(figure)}: the environments differ ({other.environment or 'none'} and "
                f"{figure.environment or 'none'}); only like is compared with like"
            )
        row = thresholds.find(figure.metric, figure.scenario)
        named = _changed_functions_of(figure, *functions)
        comparisons.append(_compare(other, figure, row, named, changed_scenario=figure.scenario in changed))
    return comparisons


def regressions(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Those that must stop a change: gating and worse, the largest change first."""
    found = [one for one in comparisons if one.gating and one.verdict == "regression"]
    return sorted(found, key=lambda one: -abs(one.change))


def _likeness(figure: Figure) -> tuple[str, ...]:
    return figure.scenario, figure.dut, figure.kernel, figure.mode, figure.metric


def _name(figure: Figure) -> str:
    return f"{figure.metric} of {figure.dut} in {figure.scenario} on {figure.kernel}"


def _by_likeness(figures: Sequence[Figure], side: str) -> dict[tuple[str, ...], Figure]:
    found: dict[tuple[str, ...], Figure] = {}
    for figure in figures:
        if found.setdefault(_likeness(figure), figure) is not figure:
            raise CompareError(f"the {side} has two figures for {_name(figure)}")
    return found


def relative_change(baseline: float, candidate: float) -> float:
    """How much more of its unit the candidate has; from nothing to something is +1."""
    if baseline:
        return (candidate - baseline) / abs(baseline)
    return 0.0 if not candidate else 1.0 if candidate > 0 else -1.0


def _compare(
    before: Figure, after: Figure, row: Threshold | None, functions: list[FunctionChange], *, changed_scenario: bool
) -> Comparison:
    change = relative_change(before.value, after.value)
    low, high = _interval(before, after)
    limit = 0.0 if row is None else _limit(row, before.value, after.value)
    return Comparison(
        scenario=after.scenario,
        dut=after.dut,
        kernel=after.kernel,
        mode=after.mode,
        metric=after.metric,
        unit=after.unit,
        baseline=before.value,
        candidate=after.value,
        change=change,
        threshold=limit,
        verdict=_verdict(change, low, high, limit, row),
        noise=row.noise if row else None,
        low=low,
        high=high,
        baseline_revision=before.revision,
        gating=bool(row and row.gating),
        changed_scenario=changed_scenario,
        functions=functions,
    )


def _limit(row: Threshold, before: float, after: float) -> float:
    """The relative change that counts: the threshold, or what the floor is of `before` where that is more."""
    if before:
        return max(row.threshold, row.floor / abs(before))
    return row.threshold if abs(after) > row.floor else 1.0


def _interval(before: Figure, after: Figure) -> tuple[float | None, float | None]:
    """Of the change, where both figures have an interval of their own: wide, since it takes both at their worst."""
    if before.low is None or before.high is None or after.low is None or after.high is None:
        return None, None
    if before.low <= 0 or before.high <= 0:
        return None, None
    return after.low / before.high - 1, after.high / before.low - 1


def _verdict(change: float, low: float | None, high: float | None, limit: float, row: Threshold | None) -> Verdict:
    """A change whose interval does not clear the threshold, nor stay below it, is inconclusive."""
    if row is None:
        return "inconclusive"
    least, most = (change if low is None else low), (change if high is None else high)
    if least > limit:
        return "regression" if row.better == "lower" else "improvement"
    if most < -limit:
        return "improvement" if row.better == "lower" else "regression"
    return "same" if least >= -limit and most <= limit else "inconclusive"


Place = tuple[str, str, str, str]


def _place(figure: Figure) -> Place:
    return figure.scenario, figure.dut, figure.kernel, figure.mode


def _functions_by_place(figures: Iterable[Figure]) -> dict[Place, list[FunctionCost]]:
    """The function costs of a measurement; one of its figures carries them for all."""
    found: dict[Place, list[FunctionCost]] = {}
    for figure in figures:
        if figure.functions:
            found.setdefault(_place(figure), figure.functions)
    return found


def _changed_functions_of(
    figure: Figure, before: Mapping[Place, list[FunctionCost]], after: Mapping[Place, list[FunctionCost]]
) -> list[FunctionChange]:
    """What changed in the part of the cost that the metric is about; none where it is not about instructions."""
    if not figure.metric.startswith(_COUNTED):
        return []
    costs = [side.get(_place(figure), []) for side in (before, after)]
    part = figure.metric.removeprefix(_COUNTED).removeprefix("_")
    if part:
        costs = [[cost for cost in side if cost.part == part] for side in costs]
    return changed_functions(*costs)


def function_name(symbol: str) -> str:
    """The source's name of a symbol: without what the compiler appended to a clone or a part."""
    return _CLONE.sub("", symbol)


def changed_functions(before: Sequence[FunctionCost], after: Sequence[FunctionCost]) -> list[FunctionChange]:
    """The functions whose own cost changed, largest change first, at most FUNCTIONS_NAMED.

    Figures list their dearest functions only. One that a side does not list is taken to have cost there what the
    cheapest listed one did, at most: a change that this could explain is not told.
    """
    old, new = _costs(before), _costs(after)
    changes = []
    for part, name in old.keys() | new.keys():
        was, now = old.get((part, name)), new.get((part, name))
        if was is None:
            assert now is not None
            was = min(now, _cheapest(before, part))
        if now is None:
            now = min(was, _cheapest(after, part))
        if abs(now - was) >= _NEGLIGIBLE:
            changes.append(FunctionChange(name, part, was, now))
    changes.sort(key=lambda change: (-abs(change.candidate - change.baseline), change.part, change.name))
    return changes[:FUNCTIONS_NAMED]


def _costs(functions: Sequence[FunctionCost]) -> dict[tuple[str, str], float]:
    costs: dict[tuple[str, str], float] = {}
    for function in functions:
        key = function.part, function_name(function.name)
        costs[key] = costs.get(key, 0.0) + function.instructions
    return costs


def _cheapest(functions: Sequence[FunctionCost], part: str) -> float:
    """What a function may have cost that is not listed: nothing in the module, whose functions are all listed."""
    if part == "module" or not functions:
        return 0.0
    return min(function.instructions for function in functions)
