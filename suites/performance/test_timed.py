"""Timed figures of every device in every scenario: throughput, CPU time, latency; in turn, on one guest.

Default durations fit CI: enough to see that all works and no request fails. `--duration-scale` is for figures.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from lab.fitness import Watch
from results.figures import Figure
from suites.performance.plan import VARIABLE, Plan
from suites.performance.scenarios import SCENARIOS
from suites.performance.timed.rig import Rig, judge, record
from suites.performance.timed.sides import interleave
from suites.performance.timed.workloads import TIMED, TO_COME

LATENCY_IN_CI = ("get-keepalive-1k",)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A case a scenario of the plan."""
    chosen = Plan.load().scenarios if VARIABLE in os.environ else (*TIMED, *TO_COME)
    if "scenario" in metafunc.fixturenames:
        metafunc.parametrize("scenario", [id for id in chosen if id in TIMED])
    if "absent" in metafunc.fixturenames:
        every = [*sorted(TO_COME), *(id for id in SCENARIOS if SCENARIOS[id].excluded)]
        nothing = pytest.param("", marks=pytest.mark.skip(reason="all that was asked for can be measured"))
        metafunc.parametrize("absent", [id for id in every if id in chosen] or [nothing])


def test_load(
    scenario: str,
    rig: Rig,
    plan: Plan,
    record_figure: Callable[[Figure], None],
    say: Callable[[str], None],
) -> None:
    workload = TIMED[scenario]
    sides = rig.sides(plan.duts, rig.configuration(workload.limits, https=workload.plan.https))
    watch = Watch()
    paced = workload.latency and (scenario in LATENCY_IN_CI or rig.station.scale > 1)
    offered = rig.station.offered_rate(sides, workload) if paced else 0.0
    paired = interleave(sides, rig.rounds, lambda side: rig.station.measure(side, workload, offered), say)
    for figure in record(paired, rig.context(scenario, watch), record_figure):
        say(f"{figure.dut} {figure.metric} {figure.value:.6g} {figure.unit} {figure.against}")
    judge(paired)


def test_absent(absent: str, plan: Plan, record_not_measured: Callable[[str, str, str], None]) -> None:
    """What cannot be measured today is in the record with its reason, and counted as skipped."""
    reasons = {dut: TO_COME.get(absent) or SCENARIOS[absent].excluded.get(dut, "") for dut in plan.duts}
    for dut, reason in reasons.items():
        if reason:
            record_not_measured(absent, dut, reason)
    pytest.skip("not measured: " + "; ".join(sorted({reason for reason in reasons.values() if reason})))
