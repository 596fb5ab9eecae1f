"""The lab's own hold on a guest while packets flood it: commands must still be answered within their deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.deadline import Deadline
from suites.traffic.flood import KINDS, Flood

if TYPE_CHECKING:
    from lab.machine import Machine
    from lab.session import Lab

# Bounds, which a flood that lasts as long as the test watches does not reach.
PACKETS = 100_000_000
SECONDS = 120.0
WATCHED = 3.0
ANSWERS = 30
DEADLINE = 1.0  # seconds for one answer of the agent on the reference host
CLOSED_PORT = 9


def softirq_share(before: list[int], after: list[int]) -> float:
    """The part of all CPUs' time spent in softirq between two readings of /proc/stat (proc(5))."""
    spent = [late - early for early, late in zip(before, after, strict=True)]
    return spent[6] / sum(spent)


def cpu_times(machine: Machine) -> list[int]:
    return [int(field) for field in machine.get("/proc/stat").split(b"\n")[0].split()[1:]]


@pytest.mark.parametrize("kind", KINDS)
def test_the_agent_answers_under_a_flood(machine: Machine, lab: Lab, kind: str) -> None:
    port = 22 if kind == "syn" else CLOSED_PORT
    sources = [lab.network.client_address(number) for number in range(250)]
    flood = Flood(
        kind,
        interface=lab.network.bridge,
        mac=machine.get("/sys/class/net/eth0/address").decode().strip(),
        target=machine.address,
        sources=sources,
        port=port,
        packets=PACKETS,
        seconds=SECONDS,
    )
    with flood:
        before = cpu_times(machine)
        pings: list[float] = []
        # As many answers as it takes to have asked through WATCHED seconds of flood, however fast they come.
        watched = Deadline(WATCHED, scale=False)
        while len(pings) < ANSWERS or not watched.expired:
            pings.append(machine.ping(DEADLINE))
        for _ in range(ANSWERS // 3):
            machine.run("true", timeout=5)
        after = cpu_times(machine)
    print(
        f"{kind}: {flood.sent} packets; slowest answer {max(pings):.3f} s; softirq {softirq_share(before, after):.0%}"
    )
    assert flood.lasted, "the flood was over before the last answer: its bounds are too narrow for this host"
    assert flood.sent > 20_000, "the flood was none"
    assert softirq_share(before, after) > 0.2, "the guest had hardly to do with the flood"
