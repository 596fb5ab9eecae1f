"""`lab timing`: its statistics, that sums grow, and that it finds a time which depends on a secret."""

from __future__ import annotations

import random
from statistics import mean, variance

import pytest

from lab.cache import Cache
from lab.timing import BOUND, CONTROLS, LEAK, PRIMITIVES, UNFAIR, Sums, Timing, calibrated, dumped, loaded, welch
from lab.tools import ToolsTree
from tests.test_http_parser import tools

__all__ = ["tools"]


def sums(values: list[int]) -> Sums:
    return Sums(len(values), sum(values), sum(value**2 for value in values))


def test_welch() -> None:
    """By its definition (Welch 1947)."""
    dice = random.Random(7)
    one = [dice.randrange(60000, 61000) for _ in range(3000)]
    other = [dice.randrange(60010, 64000) for _ in range(500)]
    error = variance(one) / len(one) + variance(other) / len(other)
    # The sums' variance is that of all, divided by one less.
    assert welch((sums(one), sums(other))) == pytest.approx((mean(one) - mean(other)) / error**0.5, rel=1e-9)
    assert welch((sums([5] * 10), sums([5] * 10))) == 0


def test_limits_are_dense_below() -> None:
    state = calibrated([(i % 2, 1000 + i) for i in range(10000)])
    assert state.centre == 6000
    assert state.limits[0] < 2000
    assert state.limits[-1] > 10900
    assert len(state.buckets) == len(state.limits) + 1
    assert not state.tests()


def test_state_is_kept_and_grows() -> None:
    state = calibrated([(i % 2, 1000 + i) for i in range(100)])
    more = [(sums([10, 20]), sums([30]))] * len(state.buckets)
    grown = loaded(dumped(state.add(more, more[0]))).add(more, more[0])
    assert grown.buckets[0] == (sums([10, 20] * 2), sums([30] * 2))
    assert grown.count == 6 * len(state.buckets)
    assert (grown.limits, grown.centre) == (state.limits, state.centre)


@pytest.fixture(scope="module")
def timing(tools: ToolsTree) -> Timing:
    return Timing(Cache(), tools)


def test_a_leak_is_found(timing: Timing, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The test can fail; and what it found is kept."""
    timing.states = tmp_path_factory.mktemp("timing")
    first = timing.measure(LEAK, 1, 0)
    assert abs(first.worst()[1]) > 10 * BOUND
    second = timing.measure(LEAK, 1, 0)
    assert second.count > first.count
    assert timing.state(LEAK) == second


def test_a_control_finds_what_is_not_fair(timing: Timing, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Though it works with the same numbers in both classes."""
    timing.states = tmp_path_factory.mktemp("timing")
    assert abs(timing.measure(UNFAIR, 1, 0).worst()[1]) > 10 * BOUND


@pytest.mark.parametrize("primitive", [*PRIMITIVES, *CONTROLS])
def test_every_primitive_is_measured(timing: Timing, tmp_path_factory: pytest.TempPathFactory, primitive: str) -> None:
    """What its time says is not asked here: that takes hours, and a quiet machine."""
    timing.states = tmp_path_factory.mktemp("timing")
    assert timing.measure(primitive, 1, 0).count > 100
