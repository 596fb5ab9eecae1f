"""What honest clients get while a device is attacked, and what a connection costs it in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from lab.fitness import Watch
from results.figures import Figure
from suites.performance.plan import VARIABLE, Plan
from suites.performance.timed import attacks, memory
from suites.performance.timed.floods import ATTACKS_AND_FLOODS
from suites.performance.timed.rig import Rig, judge, record
from suites.performance.timed.sides import Paired, Sample, interleave

if TYPE_CHECKING:
    from lab.session import Lab

FIRST_HONEST, FIRST_ATTACKER = 1000, 2000


MEMORY = "idle-connections"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A case an attack of the plan; memory where the plan asks for idle connections."""
    chosen = Plan.load().scenarios if VARIABLE in os.environ else (*ATTACKS_AND_FLOODS, MEMORY)
    if "scenario" in metafunc.fixturenames:
        metafunc.parametrize("scenario", [id for id in chosen if id in ATTACKS_AND_FLOODS])
    if "kind" in metafunc.fixturenames:
        unasked = [] if MEMORY in chosen else [pytest.mark.skip(reason=f"{MEMORY} was not asked for")]
        metafunc.parametrize("kind", [pytest.param(kind, marks=unasked) for kind in ("idle", "active")])


def test_goodput_under_attack(
    scenario: str,
    lab: Lab,
    rig: Rig,
    plan: Plan,
    record_figure: Callable[[Figure], None],
    say: Callable[[str], None],
) -> None:
    attack = ATTACKS_AND_FLOODS[scenario]
    honest = [lab.network.client_address(FIRST_HONEST + number) for number in range(attacks.HONEST_ADDRESSES)]
    attackers = (
        [lab.network.client_address(FIRST_ATTACKER + number) for number in range(attack.sources)]
        if attack.answering
        else [str(attacks.NOBODY[1 + number]) for number in range(attack.sources)]
    )
    # As on the way from afar: the device has one neighbour, whoever answers or does not.
    rig.machine.run("ip", "route", "replace", str(attacks.NOBODY), "via", lab.network.host_address)
    sides = rig.sides(plan.duts, rig.configuration(attack.limits, https=attack.https), defended=attack.defended)
    watch = Watch()
    paired = interleave(
        sides,
        rig.attack_rounds,
        lambda side: attacks.measure(rig.station, side, attack, honest_clients=honest, attackers=attackers),
        say,
    )
    for figure in record(paired, rig.context(scenario, watch), record_figure):
        say(f"{figure.dut} {figure.metric} {figure.value:.4g} {figure.unit} {figure.against}")
    judge(paired)


def test_memory_per_connection(
    kind: memory.Kind,
    rig: Rig,
    plan: Plan,
    record_figure: Callable[[Figure], None],
    say: Callable[[str], None],
) -> None:
    count = rig.connections(kind)
    rig = rig.with_memory_for(count)
    watch = Watch()
    samples: dict[str, list[Sample]] = {}
    for dut in plan.duts:
        say(f"{count} {kind} connections: {dut}")
        samples[dut] = [memory.per_connection(rig.place(dut, count), kind, count)]
    paired = Paired(samples, list(samples))
    for figure in record(paired, rig.context(MEMORY, watch), record_figure):
        say(f"{figure.dut} {figure.metric} {figure.value:.5g} {figure.unit} {figure.against}")
    judge(paired)
