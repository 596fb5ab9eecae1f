"""A CPU goes offline and comes back while the device serves: nothing that it had in hand is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lab.machine import Machine
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.traffic.busy import BusyClients
from suites.traffic.client import Client
from suites.traffic.messages import encode_request
from suites.traffic.origin import Origin

GET = encode_request("GET", "/")
SECOND = 1
"""The CPU that goes; the guest has two."""


class Cpu:
    """One CPU of a machine: on or off, and whether it alone receives packets."""

    def __init__(self, machine: Machine, number: int) -> None:
        self._machine = machine
        self._number = number
        lines = self._shell("grep . /sys/class/net/*/queues/rx-*/rps_cpus /dev/null").splitlines()
        self._masks = dict(line.rsplit(":", 1) for line in lines)

    def _shell(self, script: str) -> str:
        return self._machine.run("sh", "-c", script).stdout

    @property
    def switch(self) -> str:
        return f"/sys/devices/system/cpu/cpu{self._number}/online"

    def turn(self, *, on: bool) -> None:
        self._shell(f"echo {int(on)} > {self.switch}")
        assert self.is_on == on

    @property
    def is_on(self) -> bool:
        return self._shell(f"cat {self.switch}").strip() == "1"

    def receives(self, *, alone: bool) -> None:
        """Have what comes in by any queue of any device handled on this CPU (receive packet steering), or as before."""
        masks = {path: f"{1 << self._number:x}" if alone else mask for path, mask in self._masks.items()}
        self._shell("".join(f"echo {mask} > {path}\n" for path, mask in masks.items()))

    @property
    def received(self) -> int:
        """How many packets it has taken in since boot; one softirq takes as many as there are."""
        rows = [line.split() for line in self._shell("cat /proc/net/softnet_stat").splitlines()]
        # The columns of softnet_seq_show() in net/core/net-procfs.c: the first is the packets, the 13th the CPU.
        (packets,) = (row[0] for row in rows if int(row[12], 16) == self._number)
        return int(packets, 16)


@pytest.fixture
def cpu(dut: Dut) -> Iterator[Cpu]:
    """The machine's second CPU, back online at the end and not preferred any more."""
    found = Cpu(dut.machine, SECOND)
    if not dut.machine.run("test", "-w", found.switch, check=False).ok:
        pytest.skip(f"{found.switch} is missing: the kernel has no CONFIG_HOTPLUG_CPU, or the machine one CPU")
    yield found
    found.turn(on=True)
    found.receives(alone=False)


def ask_at_once(clients: list[Client]) -> list[int]:
    """One request of each client, all of them on their way before the first reply is read."""
    connections = [client.connect() for client in clients]
    for connection in connections:
        connection.send(GET)
    statuses = [connection.response().status for connection in connections]
    for connection in connections:
        connection.close()
    return statuses


@pytest.mark.only("weir", reason="nginx and HAProxy keep no connections by CPU")
def test_upstream_connections_of_a_cpu_that_goes_are_used_by_others(
    dut: Dut, cpu: Cpu, origin: Origin, new_client: Callable[[], Client]
) -> None:
    """They idle with the CPU that served them last: none is opened anew, none is out of reach, none is lost."""
    clients = [new_client() for _ in range(4)]
    cpu.receives(alone=True)
    dut.apply(servers=[Server(origin.endpoint, connections=4)])
    dut.wait_for_upstreams()
    before = cpu.received
    for _ in range(5):
        assert ask_at_once(clients) == [200] * 4
    assert cpu.received - before >= 80  # of each request its SYN and FIN, itself and the reply
    for on in (False, True):
        cpu.turn(on=on)
        for _ in range(5):
            assert ask_at_once(clients) == [200] * 4
    assert origin.connections == 4
    assert origin.requests == 60
    dut.wait_for_statistic("upstream_active", 4)


def test_no_request_fails_while_a_cpu_goes_and_comes_back(
    dut: Dut, cpu: Cpu, origin: Origin, new_client: Callable[[], Client]
) -> None:
    """Legs, deadlines and requests that wait on its queue go on elsewhere: clients that never stop see every reply."""
    dut.apply(servers=[Server(origin.endpoint, connections=8)])
    cpu.receives(alone=True)
    with BusyClients([new_client() for _ in range(3)]) as busy:
        for on in [False, True] * 4:
            cpu.turn(on=on)
            busy.wait_for_more()
    busy.expect_all_served(origin)
