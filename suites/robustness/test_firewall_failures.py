"""Memory runs out in the firewall: whoever cannot be counted is refused, what cannot be told is counted as lost."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from lab.deadline import Deadline
from lab.machine import Machine
from suites.duts.adapter import ConfigurationRefused
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.functional.test_events import NO_HOST, Follower
from suites.robustness.faults import failing
from suites.traffic.client import Client
from suites.traffic.errors import TrafficError
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin

pytestmark = [
    pytest.mark.only("weir", reason="what fails is chosen by the module's address"),
    pytest.mark.needs("FAULT_INJECTION_STACKTRACE_FILTER"),
]

ROUNDS = 60
PERCENT = 20
MOST = 400
LIMIT = 3
PATIENCE_S = 2.0
GET = encode_request("GET", "/")

Maker = Callable[[], Client]


@pytest.fixture
def weir(dut: Dut) -> WeirAdapter:
    assert isinstance(dut.adapter, WeirAdapter)
    return dut.adapter


@pytest.fixture
def anew(dut: Dut, weir: WeirAdapter) -> Iterator[None]:
    """The module is loaded anew, so that no table of an earlier configuration is there."""
    weir.stop()
    weir.start()
    dut.apply()
    yield
    dut.apply()


def statuses(client: Client, count: int) -> list[int]:
    """Of as many requests on one connection, until it was cut off."""
    found: list[int] = []
    try:
        with client.connect(patience=PATIENCE_S) as connection:
            found.extend(connection.ask().status for _ in range(count))
    except (TrafficError, OSError):
        pass
    return found


def test_nobody_gets_more_than_his_limit_for_want_of_an_account(dut: Dut, machine: Machine, new_client: Maker) -> None:
    dut.apply(limits={"request_rate": LIMIT, "connection_rate": 1000})
    dut.wait_for_statistic("connections_active", 0)
    clients = [new_client() for _ in range(ROUNDS)]
    with failing(machine, "failslab", "weir", percent=PERCENT, most=MOST) as injection:
        found, windows = [], []
        for client in clients:
            began = time.monotonic()
            found.append(statuses(client, LIMIT + 2))
            windows.append(1 + int(time.monotonic() - began))  # what failed may have to be sent again
    print(f"{injection.failed} allocations failed; {sum(not statuses for statuses in found)} clients were cut off")
    assert injection.failed > 10, "hardly an allocation of the module's failed"
    assert all(answers.count(200) <= LIMIT * times for answers, times in zip(found, windows, strict=True)), found
    assert {status for answers in found for status in answers} <= {200, 429, 502, 503}
    assert dut.statistics["allocation_failures"] > 0
    dut.wait_for_statistic("connections_active", 0)
    assert statuses(new_client(), LIMIT + 2) == [200] * LIMIT + [429] * 2


def test_what_cannot_be_told_is_counted_as_lost(dut: Dut, machine: Machine, client: Client, new_client: Maker) -> None:
    dut.apply(log={"rate": 1_000_000})
    log = Follower(dut, new_client())
    try:
        before = dut.statistics
        with failing(machine, "failslab", "weir", percent=PERCENT, most=MOST) as injection:
            for _ in range(3 * ROUNDS):
                try:
                    with client.connect(patience=PATIENCE_S) as connection:
                        connection.send(NO_HOST)
                        connection.rest()
                except (TrafficError, OSError):
                    pass
        counted = dut.statistics - before
        print(f"{injection.failed} allocations failed; {counted['events_lost']} events were lost")
        assert injection.failed > 10, "hardly an allocation of the module's failed"
        assert counted["events_lost"] > 0
        # Those whose reply had no memory are no bad requests by count, but were told of all the same.
        assert counted["events_told"] + counted["events_lost"] >= counted["rejected_bad_request"]
        assert len(log.told(client)) == counted["events_told"]
    finally:
        log.process.kill(signal.SIGKILL)
        log.process.wait()


@pytest.mark.usefixtures("anew")
def test_limits_are_in_force_or_refused(dut: Dut, weir: WeirAdapter, machine: Machine, new_client: Maker) -> None:
    """The first ones, whose tables have to be made."""
    wanted = {"request_rate": 2, "request_rate_block": 60, "client_memory": 1 << 30, "total_memory": 1 << 30}
    refused = 0
    with failing(machine, "failslab", "weir", percent=PERCENT, most=MOST, sleeping=True) as injection:
        for _ in range(ROUNDS):
            shown = weir.batch("show")["config"]["limits"]
            try:
                dut.apply(limits=wanted, log={"rate": 50})
            except ConfigurationRefused:
                refused += 1
                assert weir.batch("show")["config"]["limits"] == shown
    print(f"{injection.failed} allocations failed, {refused} of {ROUNDS} configurations refused")
    assert injection.failed > 10, "hardly an allocation of the module's failed"
    dut.apply(limits=wanted)
    assert statuses(new_client(), 3) == [200, 200, 429]
    weir.batch("block-flush")


def test_memory_is_bounded_while_allocations_fail(
    dut: Dut, origin: Origin, machine: Machine, client: Client, new_client: Maker
) -> None:
    """The worker needs none."""
    origin.replies(Reply(200, bytes(8 << 20)))
    dut.apply(limits={"client_memory": 1 << 20})
    before = dut.statistics["rejected_client_memory"]
    with failing(machine, "failslab", "weir", percent=PERCENT, most=MOST):
        for _ in range(16):
            with suppress(OSError):
                client.connect(receive_buffer=16 * 1024).send(GET)
        Deadline(10).wait_for(
            lambda: dut.statistics["rejected_client_memory"] > before, what="a stalled reader to be reset"
        )
    Deadline(10).wait_for(lambda: dut.statistics["client_memory_bytes"] <= 1 << 20, what="the rest to fit")
    client.close()
    dut.apply()
    origin.replies(Reply(200))
    assert new_client().get("/").status == 200
