"""Memory runs out inside the module: requests may fail, the guest and the device may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.deadline import Deadline
from lab.machine import Machine
from suites.duts.adapter import ConfigurationRefused
from suites.duts.dut import Dut
from suites.robustness.faults import failing
from suites.traffic.client import Client
from suites.traffic.errors import TrafficError
from suites.traffic.messages import Framing, Reply
from suites.traffic.origin import Origin

pytestmark = [
    pytest.mark.only("weir", reason="what fails is chosen by the module's address"),
    pytest.mark.needs("FAULT_INJECTION_STACKTRACE_FILTER"),
]

BODY = 20_000  # bytes each way: several packets, several pages
ROUNDS = 60
PERCENT = 20
MOST = 400
PATIENCE_S = 2.0  # a request that lost its memory may never be answered


def ask(client: Client) -> int:
    """One exchange with a body each way: its status, or 0 if it was cut off."""
    try:
        with client.connect(patience=PATIENCE_S) as connection:
            connection.ask("POST", "/", body=b"b" * BODY)
            return connection.ask("GET", "/").status
    except (TrafficError, OSError):
        return 0


def expect_as_before(dut: Dut, client: Client, idle: int) -> None:
    """It serves whole replies, and holds no more memory than before."""
    dut.apply()
    with client.connect() as connection:
        for _ in range(5):
            response = connection.ask("POST", "/", body=b"b" * BODY)
            assert (response.status, len(response.body)) == (200, BODY)
    dut.wait_for_statistic("connections_active", 0)
    Deadline(10).wait_for(lambda: dut.statistics["memory_bytes"] <= idle, what=f"memory_bytes to be {idle} again")


@pytest.mark.parametrize("kind", ["failslab", "fail_page_alloc"])
def test_requests_while_allocations_fail(
    dut: Dut, origin: Origin, machine: Machine, new_client: Callable[[], Client], kind: str
) -> None:
    origin.replies(Reply(200, b"x" * BODY, framing=Framing.CHUNKED, chunks=(4096,) * 4))
    client = new_client()
    dut.apply()
    assert ask(client) == 200
    dut.wait_for_statistic("connections_active", 0)
    dut.wait_for_upstreams()
    idle = dut.statistics["memory_bytes"]
    with failing(machine, kind, "weir", percent=PERCENT, most=MOST) as injection:
        statuses = [ask(client) for _ in range(ROUNDS)]
    print(
        f"{kind}: {injection.failed} allocations failed; statuses {sorted(set(statuses))}, 200: {statuses.count(200)}"
    )
    assert injection.failed > 20, "hardly an allocation of the module's failed"
    assert set(statuses) <= {0, 200, 502, 503, 504}
    expect_as_before(dut, new_client(), idle)


# Objects come from pages that there are, mostly: few allocations of pages stand behind a configuration.
@pytest.mark.parametrize(("kind", "percent", "least"), [("failslab", 10, 20), ("fail_page_alloc", 60, 5)])
def test_configurations_while_allocations_fail(
    dut: Dut,
    origin: Origin,
    machine: Machine,
    new_client: Callable[[], Client],
    kind: str,
    percent: int,
    least: int,
) -> None:
    """Each apply is in force, or is refused and changes nothing."""
    origin.replies(Reply(200, b"x" * BODY))
    dut.apply(limits={"request_rate": 10_000})  # the table of clients is made with the first limit, and stays
    dut.apply()
    dut.wait_for_upstreams()
    idle = dut.statistics["memory_bytes"]
    refused = 0
    with failing(machine, kind, "weir", percent=percent, most=MOST, sleeping=True) as injection:
        for number in range(ROUNDS):
            try:
                dut.apply(limits={"request_rate": 10_000 + number}, timeouts={"keepalive": 30 + number})
            except ConfigurationRefused:
                refused += 1
    print(f"{kind}: {injection.failed} allocations failed, {refused} of {ROUNDS} configurations refused")
    assert injection.failed >= least, "hardly an allocation of the module's failed"
    expect_as_before(dut, new_client(), idle)
