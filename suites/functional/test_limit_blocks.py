"""Limits that block the client who passes them; and clients in the allow-list, whom no limit concerns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.functional.test_client_limits import LIMITS, MARGIN_S, Limit, attempt, every_limit, in_time, refusal
from suites.traffic.client import Client

pytestmark = pytest.mark.only("weir", reason="peers have no block table of their own")

Maker = Callable[[], Client]


@pytest.fixture
def blocked(dut: Dut) -> Iterator[Callable[[], list[str]]]:
    """What is blocked now; nothing is, before and afterwards."""
    weir = dut.adapter
    assert isinstance(weir, WeirAdapter)

    def listed() -> list[str]:
        return [line.split()[0] for line in weir.weirctl("block", "list").stdout.splitlines()]

    dut.apply()
    weir.weirctl("block", "flush")
    yield listed
    weir.weirctl("block", "flush")


@contextmanager
def all_processes_waiting(dut: Dut) -> Iterator[None]:
    """Inside, for two seconds, processes of real time have all CPUs but for interrupts: no work item runs."""
    program = (
        "import time\nprint('ready', flush=True)\ntime.sleep(0.5)\nend = time.monotonic() + 2\n"
        "while time.monotonic() < end: pass"
    )
    spinners = [
        dut.machine.spawn("chrt", "-f", "50", "taskset", "-c", str(cpu), "python3", "-c", program)
        for cpu in range(int(dut.machine.run("nproc").stdout))
    ]
    for spinner in spinners:
        assert spinner.read_line() == "ready"
    threading.Event().wait(0.6)  # what they do then cannot be asked
    yield
    for spinner in spinners:
        assert spinner.wait().status == 0


@every_limit
def test_a_client_over_a_limit_is_blocked(
    dut: Dut, client: Client, new_client: Maker, limit: Limit, blocked: Callable[[], list[str]]
) -> None:
    """Its own packets alone, those of its open connections as well."""
    dut.apply(limits={limit.key: 1, f"{limit.key}_block": 0})
    assert in_time(limit, lambda: [attempt(client), attempt(client)], client)[-1] != "200"
    assert blocked() == [client.address]
    assert attempt(client) == "silence"
    assert attempt(new_client()) == "200"
    assert dut.statistics["packets_blocked"] > 0


def test_a_block_by_a_limit_is_over_after_its_time(dut: Dut, client: Client, blocked: Callable[[], list[str]]) -> None:
    dut.apply(limits={"concurrent_connections": 1, "concurrent_connections_block": 1.5})
    assert attempt(client) == "200"
    assert attempt(client) == "reset"
    assert attempt(client) == "silence"
    client.close()
    client.wait(seconds=1.5 + MARGIN_S)
    assert blocked() == []


def test_an_ipv6_prefix_is_blocked_as_it_is_counted(
    dut: Dut, new_client: Maker, blocked: Callable[[], list[str]]
) -> None:
    dut.apply(listeners=["[::]:80"], limits={"request_rate": 1, "request_rate_block": 0})
    assert [attempt(new_client()), attempt(new_client())] == ["200", "429"]
    assert blocked() == ["fd77:c::/64"]
    assert attempt(new_client()) == "silence"


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.key)
def test_no_limit_concerns_the_allow_list(
    dut: Dut, client: Client, new_client: Maker, limit: Limit, blocked: Callable[[], list[str]]
) -> None:
    dut.apply(limits={limit.key: 1, f"{limit.key}_block": 0}, firewall={"allow": [client.address]})
    before = dut.statistics
    assert [attempt(client) for _ in range(5)] == ["200"] * 5
    assert (dut.statistics - before)[limit.counter] == 0
    other = new_client()
    weir = dut.adapter
    assert isinstance(weir, WeirAdapter)
    # Too slow for the limit's window it may have been blocked all the same.
    found = in_time(limit, lambda: [attempt(other), attempt(other)], other, forget=lambda: weir.batch("block-flush"))
    assert found == ["200", refusal(limit)]
    assert blocked() == [other.address]


def test_the_first_block_is_in_force_at_once(
    dut: Dut, client: Client, new_client: Maker, blocked: Callable[[], list[str]]
) -> None:
    """Not only when some process has had its turn; nor is anybody else held up meanwhile."""
    dut.apply(limits={"concurrent_connections": 1, "concurrent_connections_block": 0})
    other = new_client().connect()
    assert attempt(client) == "200"
    with all_processes_waiting(dut):
        assert attempt(client) == "reset"
        assert attempt(client) == "silence"
        assert other.ask().status == 200
    assert blocked() == [client.address]


def test_open_connections_of_a_client_that_a_limit_blocks_are_closed(
    dut: Dut, client: Client, new_client: Maker, blocked: Callable[[], list[str]]
) -> None:
    dut.wait_for_statistic("connections_active", 0)
    dut.apply(limits={"concurrent_connections": 5, "concurrent_connections_block": 60})
    other = new_client().connect()
    for _ in range(5):
        client.connect()
    dut.wait_for_statistic("connections_active", 6)
    before = dut.statistics["connections_blocked"]
    assert attempt(client) == "reset"
    dut.wait_for_statistic("connections_active", 1, seconds=2)
    assert dut.statistics["connections_blocked"] == before + 5
    assert other.ask().status == 200
    assert blocked() == [client.address]
