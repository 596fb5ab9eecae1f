"""What a sign-off asks for, held against what the performance suite can measure."""

from __future__ import annotations

from results.signoff_policy import GATES, LATENCY, MARGINS, THROUGHPUT, Gate
from suites.performance.timed.metrics import METRICS
from suites.performance.timed.workloads import WORKLOADS


def test_every_load_of_requests_gates() -> None:
    expected = {Gate(name, THROUGHPUT) for name in WORKLOADS}
    expected |= {Gate(name, LATENCY) for name, workload in WORKLOADS.items() if workload.latency}
    assert set(GATES) == expected
    assert len(GATES) == len(expected)


def test_margins_look_the_way_the_metrics_do() -> None:
    for metric, margin in MARGINS.items():
        assert margin.more_is_better == (METRICS[metric].better == "higher")


def test_the_margins_are_those_of_the_release_policy() -> None:
    assert {metric: margin.ratio for metric, margin in MARGINS.items()} == {THROUGHPUT: 0.97, LATENCY: 1.05}
