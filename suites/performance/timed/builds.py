"""Two builds of Weir against each other, with the A/A canary: what a sign-off is decided on.

    with standing(lab, folder, scale=1.0) as rig:
        for scenario, paired in compare(rig, candidate, baseline, WORKLOADS.values(), rounds=10):
            paired.values("candidate", "requests_per_s")     # one number a round; round i of every side is a pair
            paired.failed("candidate")                       # any failed request voids the figures

Rounds run candidate, baseline, canary and back. The canary is the baseline once more: what it differs by from itself is
what this host cannot tell apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from suites.duts.config import Config
from suites.performance.timed import devices, guest
from suites.performance.timed.rig import Rig
from suites.performance.timed.sides import Paired, Sample, Side, interleave
from suites.performance.timed.workloads import Workload

if TYPE_CHECKING:
    from lab.kernel import Kernel
    from lab.module import Module
    from lab.qemu_machine import QemuMachine


@dataclass(frozen=True)
class Build:
    """A module, and the checkout whose weirctl speaks its control protocol.

    `kernel`, with its initrd, where the module is for another kernel than the run's: such a build has its own guest.
    """

    module: Module
    source: Path
    kernel: tuple[Kernel, Path] | None = None


def compare(
    rig: Rig,
    candidate: Build,
    baseline: Build,
    workloads: Iterable[Workload],
    *,
    rounds: int,
    say: Callable[[str], None] = lambda _text: None,
) -> Iterator[tuple[Workload, Paired]]:
    """Each workload's samples of the sides "candidate", "baseline" and "canary", `rounds` of each.

    Latency is measured where a workload allows it, all sides at one offered rate. A side that answers nothing at all
    raises ProductFailure; failed requests are in the samples.
    """
    guests = {True: rig.machine}
    for workload in workloads:
        config = rig.configuration(workload.limits)
        sides = [
            _side(name, build, rig, config, guests)
            for name, build in (("candidate", candidate), ("baseline", baseline), ("canary", baseline))
        ]
        offered = rig.station.offered_rate(sides[:2], workload) if workload.latency else 0.0
        say(f"{workload.id}: {rounds} rounds" + (f", latency at {offered:.0f} requests/s" if offered else ""))
        measure = partial(_measure, rig, workload, offered)
        yield workload, interleave(sides, rounds, measure, say)


def _measure(rig: Rig, workload: Workload, offered: float, side: Side) -> Sample:
    return rig.station.measure(side, workload, offered)


def _side(name: str, build: Build, rig: Rig, config: Config, guests: dict[bool, QemuMachine]) -> Side:
    own = build.kernel is None
    if own not in guests:
        assert build.kernel is not None
        machine = rig.lab.machine("other-kernel", kernel=build.kernel)
        machine.reboot()
        guest.prepare(machine)
        guests[own] = machine
    prepared = replace(rig.lab.prepared, module=build.module, source=build.source)
    return devices.side("weir", guests[own], prepared, config, name=name)
