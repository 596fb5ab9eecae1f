"""Candidate, baseline and canary, measured in turn: what a sign-off is decided on. Decides nothing itself.

Not part of `nox -s performance`: `nox -s signoff` runs it (suites/performance/signoff.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from lab.fitness import Watch
from results.figures import Figure, NotMeasured
from suites.duts.config import Config
from suites.performance.revisions import SIDES, figures
from suites.performance.signoff import SUITE, VARIABLE, Request
from suites.performance.timed import devices, guest
from suites.performance.timed.rig import Rig, judge, standing
from suites.performance.timed.sides import Sample, Side, interleave
from suites.performance.timed.workloads import WORKLOADS
from suites.recording import recorder

if TYPE_CHECKING:
    from lab.qemu_machine import QemuMachine
    from lab.session import Lab


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A case a scenario that was asked for."""
    if "scenario" in metafunc.fixturenames:
        metafunc.parametrize("scenario", Request.load().scenarios if VARIABLE in os.environ else ())


@dataclass(frozen=True)
class Bench:
    """The guests, and what is measured in them. Builds with the same kernel share one; else each side has its own."""

    rig: Rig
    request: Request
    machines: Mapping[str, QemuMachine]

    def sides(self, config: Config) -> list[Side]:
        """Candidate, baseline and canary."""
        run, revisions = self.rig.lab.prepared, self.request.revisions
        return [
            devices.side("weir", self.machines[name], revisions.of(name).prepared(run), config, name=name)
            for name in SIDES
        ]


@pytest.fixture(scope="session", autouse=True)
def of_a_sign_off(pytestconfig: pytest.Config) -> None:
    """The record is a sign-off's, not one of the performance suite."""
    if run := recorder(pytestconfig):
        run.suite = SUITE


@pytest.fixture(scope="session")
def bench(
    lab: Lab,
    tmp_path_factory: pytest.TempPathFactory,
    record_environment: Callable[[str, Mapping[str, str]], None],
) -> Iterator[Bench]:
    """Guests booted cold, each with the kernel of its side's build."""
    request = Request.load()
    revisions = request.revisions
    with standing(lab, tmp_path_factory.mktemp("load"), scale=request.duration_scale) as stood:
        machines = dict.fromkeys(SIDES, stood.machine)
        if not revisions.same_kernel:
            for name in SIDES[1:]:
                made = revisions.of(name)
                machines[name] = lab.machine(name, kernel=(made.kernel, made.initrd))
                machines[name].reboot()
                guest.prepare(machines[name])
        rig = replace(stood, environment=revisions.environment(stood.environment))
        record_environment(rig.environment_key, rig.environment)
        yield Bench(rig, request, machines)


def test_in_turn(
    scenario: str,
    bench: Bench,
    record_figure: Callable[[Figure], None],
    say: Callable[[str], None],
) -> None:
    workload, rig = WORKLOADS[scenario], bench.rig
    sides = bench.sides(rig.configuration(workload.limits))
    watch = Watch()
    offered = rig.station.offered_rate(sides, workload) if workload.latency else 0.0

    def measure(side: Side) -> Sample:
        return rig.station.measure(side, workload, offered)

    paired = interleave(sides, bench.request.pairs, measure, say)
    for figure in figures(paired, rig.context(scenario, watch), bench.request.revisions):
        record_figure(figure)
    judge(paired)


def test_left_out(pytestconfig: pytest.Config) -> None:
    """What was not asked for is in the record as not measured: a sign-off of a part is none."""
    request = Request.load()
    left = [name for name in WORKLOADS if name not in request.scenarios]
    if run := recorder(pytestconfig):
        for name in left:
            run.not_measured.append(NotMeasured(name, "weir", request.kernel, "timed", "not asked for (--scenario)"))
    if left:
        pytest.skip(f"not measured: {', '.join(left)}")
