"""Intervals, non-inferiority, Holm and forecasts: known answers, properties, and simulated promises (fixed seeds)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results import simulation
from results.signoff import Verdict
from results.signoff_policy import ALPHA, GATES
from results.simulation import Host
from results.statistics import (
    FEWEST_TO_RESAMPLE,
    Interval,
    Margin,
    StatisticsError,
    holm,
    holm_rejected,
    log_ratios,
    mean_interval,
    one_sided,
    paired_ratio,
    pairs_to_decide,
)

POSITIVE = st.floats(1e-3, 1e6)
P_VALUES = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 1), min_size=1)


def test_a_common_factor_is_found_exactly() -> None:
    baseline = [100.0, 250.0, 1000.0, 80.0]
    found = paired_ratio([0.97 * value for value in baseline], baseline)
    assert found.value == pytest.approx(0.97)
    assert found.width == pytest.approx(0.0, abs=1e-12)


def test_few_values_have_students_interval() -> None:
    # t(0.975, 2) = 4.302653: an independent table's value.
    found = mean_interval([1.0, 2.0, 3.0])
    assert found.low == pytest.approx(2 - 4.302653 / 3**0.5)
    assert found.high == pytest.approx(2 + 4.302653 / 3**0.5)


def test_the_interval_follows_the_shape_of_the_noise() -> None:
    generator = np.random.default_rng(7)
    values = generator.exponential(1.0, 40).tolist()
    found = mean_interval(values)
    assert found.high - found.value > found.value - found.low  # skewed to the right, as the sample is
    assert 0.7 < found.width / (2 * 2.0227 * float(np.std(values, ddof=1)) / 40**0.5) < 1.3


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ([1.0, 2.0], [1.0], "2 measurements of one, 1 of the other"),
        ([1.0], [1.0], "at least two"),
        ([1.0, 0.0], [1.0, 1.0], "positive"),
        ([1.0, math.nan], [1.0, 1.0], "positive"),
        ([1.0, math.inf], [1.0, 1.0], "positive"),
    ],
)
def test_what_makes_no_ratio_is_refused(a: list[float], b: list[float], said: str) -> None:
    with pytest.raises(StatisticsError, match=said):
        paired_ratio(a, b)


@pytest.mark.parametrize(("ratio", "more_is_better"), [(1.03, True), (0.97, False), (1.0, True), (-1.0, True)])
def test_a_margin_on_the_wrong_side_is_refused(ratio: float, more_is_better: bool) -> None:
    with pytest.raises(StatisticsError):
        Margin(ratio, more_is_better)


def test_margins_look_the_right_way() -> None:
    throughput, latency = Margin(0.97, True), Margin(1.05, False)
    assert throughput.clear_of(Interval(0.99, 0.975, 1.01))
    assert not throughput.clear_of(Interval(0.99, 0.97, 1.01))
    assert throughput.beyond(Interval(0.9, 0.88, 0.96))
    assert latency.clear_of(Interval(1.01, 0.98, 1.04))
    assert latency.beyond(Interval(1.2, 1.06, 1.4))
    assert not latency.beyond(Interval(1.2, 1.04, 1.4))
    assert float(latency.distances(np.log([1.0]))[0]) == pytest.approx(math.log(1.05))


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=2, max_size=12), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_an_interval_holds_its_value_turns_with_its_sides_and_is_repeatable(
    pairs: list[tuple[float, float]], seed: int
) -> None:
    a, b = map(list, zip(*pairs, strict=True))
    found, turned = paired_ratio(a, b, seed=seed), paired_ratio(b, a, seed=seed)
    assert found.low <= found.value <= found.high
    assert found.value * turned.value == pytest.approx(1.0)
    assert found == paired_ratio(a, b, seed=seed)
    if len(a) < FEWEST_TO_RESAMPLE and found.high < 1e100:
        assert found.low * turned.high == pytest.approx(1.0)
    assert paired_ratio(a, b, confidence=0.8, seed=seed).width <= found.width * (1 + 1e-9)


def test_holm_by_hand() -> None:
    # Holm (1979): levels 0.05/4, 0.05/3, 0.05/2; the third stops it, the fourth is never looked at.
    p_values = {"d": 0.005, "c": 0.01, "b": 0.03, "a": 0.04}
    assert holm(p_values, 0.05) == {"d": 0.0125, "c": pytest.approx(0.05 / 3), "b": 0.025, "a": 0.0}
    assert holm_rejected(p_values, 0.05) == {"d", "c"}
    assert holm_rejected({"a": 0.05}, 0.05) == {"a"}
    assert holm_rejected({}, 0.05) == set()


@given(P_VALUES, st.sampled_from("abcdefgh"), st.floats(0, 1))
def test_holm_is_monotone_in_every_p_value(p_values: dict[str, float], name: str, factor: float) -> None:
    """Stronger evidence for one hypothesis never un-rejects any."""
    if name not in p_values:
        return
    stronger = p_values | {name: p_values[name] * factor}
    assert holm_rejected(p_values, ALPHA) <= holm_rejected(stronger, ALPHA)


@given(P_VALUES, st.floats(0.001, 0.2), st.floats(0, 1))
def test_holm_is_monotone_in_the_level_and_lies_between_bonferroni_and_none(
    p_values: dict[str, float], alpha: float, factor: float
) -> None:
    found = holm_rejected(p_values, alpha)
    assert holm_rejected(p_values, alpha * factor) <= found
    assert {name for name, p in p_values.items() if p <= alpha / len(p_values)} <= found
    assert found <= {name for name, p in p_values.items() if p <= alpha}
    assert all(p_values[kept] <= p_values[left] for kept in found for left in p_values.keys() - found)


def test_one_sided_against_a_known_value() -> None:
    # t = 2 / (1 / sqrt(3)) * ... : mean 2, s 1, n 3, t = 3.4641, one-sided p with 2 degrees of freedom 0.03709.
    assert one_sided(np.asarray([1.0, 2.0, 3.0])) == pytest.approx(0.03709, abs=1e-5)
    assert one_sided(np.asarray([1.0, 1.0])) == 0.0
    assert one_sided(np.asarray([-1.0, -1.0])) == 1.0


def test_the_forecast_agrees_with_a_table_of_powers() -> None:
    # One-sample t test, effect 0.5, one-sided 0.05, power 0.9: n = 36 (Cohen 1988, table 2.4.1, and G*Power 3.1).
    spread = 1 / math.sqrt(2)
    distances = np.asarray([0.5 - spread, 0.5 + spread])
    assert float(distances.std(ddof=1)) == pytest.approx(1.0)
    assert pairs_to_decide(distances, alpha=0.05, power=0.9) == 36
    assert pairs_to_decide(-distances, alpha=0.05, power=0.9) == 36
    assert pairs_to_decide(np.asarray([-1.0, 1.0]), alpha=0.05) is None
    assert pairs_to_decide(np.asarray([1.0, 1.0]), alpha=0.05) == 2


# Shares of simulated runs, with fixed seeds: the bounds are three standard errors of a share around what is promised.
@pytest.mark.parametrize("kind", simulation.NOISES)
@pytest.mark.parametrize("pairs", [6, 20])
def test_intervals_cover_what_they_promise(kind: simulation.Noise, pairs: int) -> None:
    assert 0.925 < simulation.coverage(Host(kind=kind), pairs, runs=700) < 0.99


@pytest.mark.parametrize("host", [Host(), Host(kind="skewed"), Host(kind="disturbed"), Host(drift=0.1)])
def test_a_gate_at_its_margin_passes_as_seldom_as_promised(host: Host) -> None:
    assert simulation.false_pass(host, 20, runs=700) < 0.0427


def test_turns_cancel_what_blocks_do_not() -> None:
    """FACTS of the design: blocks on a drifting host call no change one in half of all runs; turns in one of twenty."""
    host = Host(drift=0.1)
    assert simulation.detections(host, 20, 0.0, "interleaved", runs=500) < 0.08
    assert simulation.detections(host, 20, 0.0, "blocks", runs=500) > 0.5
    assert simulation.detections(host, 20, -0.03, "interleaved", runs=300) > 0.9


def test_whole_sign_offs_decide_as_they_should() -> None:
    sound, blamed = simulation.verdicts(Host(), 40, {}, runs=20)
    assert sound[Verdict.PASS] >= 16
    assert sound[Verdict.FAIL] == 0
    assert blamed <= 4
    slower, _ = simulation.verdicts(Host(), 40, {GATES[0]: -0.06}, runs=20)
    assert slower[Verdict.FAIL] >= 16
    assert slower[Verdict.PASS] == 0
    margin, _ = simulation.verdicts(Host(), 20, {gate: gate.margin.ratio - 1 for gate in GATES}, runs=20)
    assert margin[Verdict.PASS] == 0


def test_the_forecast_of_pairs_is_kept() -> None:
    assert simulation.forecast_kept(Host(), -0.015, runs=400) > 0.75


def test_log_ratios_are_antisymmetric() -> None:
    assert log_ratios([2.0, 8.0], [1.0, 2.0]).tolist() == (-log_ratios([1.0, 2.0], [2.0, 8.0])).tolist()
