"""What honest clients get while a device is attacked, and what a connection costs it in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from lab.fitness import Watch
from results.figures import Figure
from suites.performance.plan import Plan
from suites.performance.timed import attacks, memory
from suites.performance.timed.attacks import ATTACKS
from suites.performance.timed.rig import Rig, judge, record
from suites.performance.timed.sides import Paired, Sample, interleave

if TYPE_CHECKING:
    from lab.session import Lab

FIRST_HONEST, FIRST_ATTACKER = 1000, 2000


@pytest.mark.parametrize("scenario", list(ATTACKS))
def test_goodput_under_attack(
    scenario: str,
    lab: Lab,
    rig: Rig,
    plan: Plan,
    record_figure: Callable[[Figure], None],
    say: Callable[[str], None],
) -> None:
    attack = ATTACKS[scenario]
    honest = [lab.network.client_address(FIRST_HONEST + number) for number in range(attacks.HONEST_ADDRESSES)]
    attackers = [lab.network.client_address(FIRST_ATTACKER + number) for number in range(attacks.HONEST_ADDRESSES)]
    sides = rig.sides(plan.duts, rig.configuration(attack.limits))
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


@pytest.mark.parametrize("kind", ["idle", "active"])
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
    for figure in record(paired, rig.context("idle-connections", watch), record_figure):
        say(f"{figure.dut} {figure.metric} {figure.value:.5g} {figure.unit} {figure.against}")
    judge(paired)
