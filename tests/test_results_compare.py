"""Judging figures: thresholds, directions, likeness, functions by name."""

from __future__ import annotations

from typing import Any

import pytest

from results.compare import CompareError, Threshold, Thresholds, changed_functions, judge, regressions
from results.figures import Figure, FunctionCost

WHOLE = Threshold(metric="instr_per_request", threshold=0.003, gating=True, noise=0.0004)
MODULE = Threshold(metric="instr_per_request_module", threshold=0.004, gating=True)
TABLE = Thresholds.of([WHOLE, MODULE])


def figure(value: float, metric: str = "instr_per_request", **fields: Any) -> Figure:
    known: dict[str, Any] = {"scenario": "get", "dut": "weir", "kernel": "patched", "unit": "instructions"}
    return Figure(**{**known, "mode": "deterministic", "metric": metric, "value": value, "spread": 0.0, **fields})


@pytest.mark.parametrize(
    ("after", "verdict"),
    [(10_000, "same"), (10_030, "same"), (10_031, "regression"), (9_970, "same"), (9_969, "improvement")],
)
def test_a_change_over_the_threshold_counts(after: float, verdict: str) -> None:
    [found] = judge([figure(10_000)], [figure(after)], TABLE)
    assert found.verdict == verdict
    assert found.gating
    assert (found.threshold, found.noise) == (0.003, 0.0004)
    assert found.change == pytest.approx((after - 10_000) / 10_000)


def test_more_is_better_where_the_row_says_so() -> None:
    table = Thresholds.of([Threshold(metric="rate", threshold=0.03, better="higher")])
    [less] = judge([figure(100, "rate")], [figure(90, "rate")], table)
    [more] = judge([figure(100, "rate")], [figure(110, "rate")], table)
    assert (less.verdict, more.verdict) == ("regression", "improvement")
    assert not less.gating


def test_the_scenarios_own_row_wins() -> None:
    table = Thresholds.of([WHOLE, Threshold(metric="instr_per_request", scenario="get", threshold=0.02, gating=True)])
    [found] = judge([figure(10_000)], [figure(10_100)], table)
    assert found.verdict == "same"
    [found] = judge([figure(10_000, scenario="post")], [figure(10_100, scenario="post")], table)
    assert found.verdict == "regression"


@pytest.mark.parametrize(("before", "after", "verdict"), [(10, 14, "same"), (10, 16, "regression")])
def test_a_change_below_the_floor_does_not_count(before: float, after: float, verdict: str) -> None:
    table = Thresholds.of([Threshold(metric="instr_per_request", threshold=0.01, floor=5, gating=True)])
    [found] = judge([figure(before)], [figure(after)], table)
    assert found.verdict == verdict


def test_from_nothing_to_something() -> None:
    table = Thresholds.of([Threshold(metric="instr_per_request", threshold=0.01, floor=5, gating=True)])
    [nothing] = judge([figure(0)], [figure(0)], table)
    [something] = judge([figure(0)], [figure(700)], table)
    assert (nothing.change, nothing.verdict) == (0.0, "same")
    assert (something.change, something.verdict) == (1.0, "regression")


def test_a_metric_without_a_threshold_tells_and_never_gates() -> None:
    [found] = judge([figure(10, "other")], [figure(20, "other")], TABLE)
    assert (found.verdict, found.gating, found.change) == ("inconclusive", False, 1.0)


def test_an_interval_across_the_threshold_is_inconclusive() -> None:
    before = figure(10_000, low=9_990, high=10_010)
    [unclear] = judge([before], [figure(10_040, low=10_020, high=10_060)], TABLE)
    [clear] = judge([before], [figure(10_100, low=10_090, high=10_110)], TABLE)
    assert (unclear.verdict, clear.verdict) == ("inconclusive", "regression")
    assert unclear.low is not None
    assert unclear.low < unclear.change < (unclear.high or 0)


def test_only_alike_figures_meet() -> None:
    assert judge([figure(1, kernel="plain")], [figure(1)], TABLE) == []
    assert judge([figure(1, mode="timed")], [figure(1)], TABLE) == []


def test_environments_that_differ_are_refused() -> None:
    before, after = figure(10_000, environment="a"), figure(10_000, environment="b")
    with pytest.raises(CompareError, match="environments differ"):
        judge([before], [after], TABLE)
    assert judge([before], [after], TABLE, across_environments=True)[0].verdict == "same"


def test_units_that_differ_are_refused() -> None:
    with pytest.raises(CompareError, match="instructions cannot be compared"):
        judge([figure(1, unit="cycles")], [figure(1)], TABLE)


def test_two_figures_for_one_thing_are_refused() -> None:
    with pytest.raises(CompareError, match="candidate has two"):
        judge([figure(1)], [figure(1), figure(2)], TABLE)


def test_two_thresholds_for_one_thing_are_refused() -> None:
    with pytest.raises(CompareError, match="there are two"):
        Thresholds.of([WHOLE, WHOLE])


def test_a_changed_scenario_is_marked() -> None:
    first, second = judge(
        [figure(1), figure(1, scenario="post")],
        [figure(1), figure(1, scenario="post")],
        TABLE,
        changed_scenarios={"post"},
    )
    assert (first.changed_scenario, second.changed_scenario) == (False, True)


def test_regressions_come_largest_first_and_only_gating_ones() -> None:
    before = [figure(10_000), figure(2_000, "instr_per_request_module"), figure(1, "other")]
    after = [figure(10_100), figure(2_100, "instr_per_request_module"), figure(9, "other")]
    found = regressions(judge(before, after, TABLE))
    assert [one.metric for one in found] == ["instr_per_request_module", "instr_per_request"]


def cost(name: str, instructions: float, part: str = "module") -> FunctionCost:
    return FunctionCost(name, part, instructions)


def test_functions_are_named_largest_change_first() -> None:
    before = [cost("parse", 500), cost("send", 300), cost("limit", 90)]
    after = [cost("parse", 520), cost("send", 250), cost("limit", 90)]
    found = changed_functions(before, after)
    assert [(one.name, one.candidate - one.baseline) for one in found] == [("send", -50), ("parse", 20)]


def test_a_metric_of_a_part_names_the_functions_of_that_part() -> None:
    def side(parse: float, ack: float) -> list[Figure]:
        return [
            figure(10_000 + parse + ack, functions=[cost("parse", parse), cost("ack", ack, "kernel")]),
            figure(2_000 + parse, "instr_per_request_module"),
            figure(99, "bytes_copied_per_request"),
        ]

    whole, module, copied = judge(side(500, 300), side(520, 400), TABLE)
    assert [one.name for one in whole.functions] == ["ack", "parse"]
    assert [one.name for one in module.functions] == ["parse"]
    assert copied.functions == []


def test_clones_of_the_compiler_are_their_function() -> None:
    before = [cost("parse", 500)]
    after = [cost("parse.isra.0", 400), cost("parse.part.3", 110), cost("parse.cold", 2)]
    assert [(one.name, one.baseline, one.candidate) for one in changed_functions(before, after)] == [
        ("parse", 500, 512)
    ]


def test_a_function_of_the_module_that_appears_costs_all_of_itself() -> None:
    [found] = changed_functions([cost("parse", 500)], [cost("parse", 500), cost("added", 40)])
    assert (found.name, found.baseline, found.candidate) == ("added", 0, 40)


def test_a_kernel_function_below_the_listed_ones_is_not_made_up() -> None:
    before = [cost("parse", 500), cost("memcpy", 101, "kernel")]
    after = [cost("parse", 500), cost("tcp_ack", 101, "kernel"), cost("memcpy", 101, "kernel")]
    assert changed_functions(before, after) == []
