"""Servers that fail requests or checks are left out, tried again, and come back slowly where that is wanted."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from lab.deadline import Deadline
from suites.duts.config import Health, Server
from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import Reply
from suites.traffic.origin import Behaviour, Origin, Visit

NewOrigin = Callable[[], Origin]
FAIL_S = 1.0
CHECK = Health(uri="/health", period=0.1, timeout=0.3, rise=2, fall=2)


def servers(*origins: Origin) -> list[Server]:
    return [Server(origin.endpoint) for origin in origins]


def leaves(visit: Visit) -> None:
    _ = visit.request
    visit.reset()


@pytest.mark.only("weir", reason="nginx counts within a window of time, HAProxy counts with checks only")
def test_server_that_fails_in_a_row_is_left_out_and_tried_once(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    """No client sees any of it, since what may be repeated goes to the other server."""
    steady, moody = new_origin(), new_origin()
    dut.apply(servers=servers(steady, moody), group={"fail_count": 3, "fail_time": FAIL_S})
    dut.wait_for_upstreams()
    moody.behaves(leaves)

    def asked(times: int, least: int) -> None:
        """Moody has had `least` of so many requests, and one more for each FAIL_S that they took."""
        before, began = moody.heads, time.monotonic()
        assert client.get("/", times=times).statuses == [200] * times
        assert least <= moody.heads - before <= least + int((time.monotonic() - began) / FAIL_S)

    asked(20, 3)
    client.wait(seconds=FAIL_S + 0.05)
    asked(10, 1)
    moody.behaves(lambda _visit: Reply(200))
    client.wait(seconds=FAIL_S + 0.05)
    served = moody.requests
    assert client.get("/", times=20).statuses == [200] * 20
    assert moody.requests >= served + 9


@pytest.mark.only("weir", reason="nginx counts within a window of time, HAProxy counts with checks only")
def test_failures_that_are_not_in_a_row_do_not_count(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    steady, moody = new_origin(), new_origin()
    dut.apply(servers=servers(steady, moody), group={"fail_count": 2, "fail_time": 60})
    dut.wait_for_upstreams()
    moody.behaves(lambda visit: leaves(visit) if visit.number % 2 else Reply(200))
    # While its connection is opened anew the other one is asked: how often that is depends on the host.
    while moody.heads < 15:
        assert client.get("/", times=4).statuses == [200] * 4
        assert steady.heads < 200, f"one that fails every other time was asked {moody.heads} times only"


@pytest.mark.parametrize("count", [1, 2])
def test_failing_servers_are_used_when_there_are_no_others(
    dut: Dut, new_origin: NewOrigin, client: Client, count: int
) -> None:
    origins = [new_origin() for _ in range(count)]
    dut.apply(servers=servers(*origins), group={"fail_count": 1, "fail_time": 60, "retries": 0})
    dut.wait_for_upstreams()
    for origin in origins:
        origin.behaves(leaves)
    assert [client.get("/").status for _ in range(4)] == [502] * 4
    for origin in origins:
        origin.behaves(lambda _visit: Reply(200))
    assert [client.get("/").status for _ in range(4)] == [200] * 4


def checked(then: Callable[[Visit], Reply | None]) -> Behaviour:
    """Answers requests well, and checks as `then` does."""
    return lambda visit: then(visit) if visit.target == "/health" else Reply(200)


def garbage(visit: Visit) -> None:
    _ = visit.request
    visit.send(b"nonsense\r\n\r\n")
    visit.hang()


SICK: dict[str, Callable[[Visit], Reply | None]] = {
    "other-status": lambda _visit: Reply(503),
    "hangs": lambda visit: visit.hang(),
    "resets": leaves,
    "garbage": garbage,
}


@pytest.mark.parametrize("how", SICK)
@pytest.mark.differs("nginx", reason="has no checks")
def test_server_that_fails_its_checks_is_left_out_until_it_passes_them(
    dut: Dut, new_origin: NewOrigin, client: Client, how: str
) -> None:
    steady, moody = new_origin(), new_origin()
    for origin in (steady, moody):
        origin.behaves(checked(lambda _visit: Reply(200)))
    dut.apply(servers=servers(steady, moody), group={"health": CHECK})
    dut.wait_for_upstreams()
    assert client.get("/", times=8).statuses == [200] * 8

    def served(origin: Origin) -> int:
        return sum(request.target == "/" for request in list(origin.received))

    def left_out() -> bool:
        before = served(moody)
        assert client.get("/", times=4).statuses == [200] * 4
        return served(moody) == before

    moody.behaves(checked(SICK[how]))
    Deadline(10).wait_for(left_out, interval=0.05, what="the sick server to be left out")
    moody.behaves(checked(lambda _visit: Reply(200)))
    Deadline(10).wait_for(lambda: not left_out(), interval=0.05, what="the server that is well again to be used")


@pytest.mark.only("weir", reason="what is asked for is a matter of the device")
def test_check_is_a_request_like_any(dut: Dut, origin: Origin) -> None:
    origin.behaves(lambda _visit: Reply(204))
    dut.apply(
        servers=servers(origin),
        group={"health": Health(uri="/health?from=weir", host="app.test", status=204, period=0.1)},
    )
    Deadline(5).wait_for(lambda: origin.requests >= 3, what="three checks")
    for request in origin.received[:3]:
        assert (request.method, request.target) == ("GET", "/health?from=weir")
        assert request.fields.all("Host") == ["app.test"]


@pytest.mark.parametrize(
    ("status", "answer", "well"), [(0, 204, True), (0, 302, True), (0, 404, False), (204, 200, False)]
)
@pytest.mark.differs("nginx", reason="has no checks")
def test_status_that_a_check_wants(
    dut: Dut, origin: Origin, client: Client, status: int, answer: int, well: bool
) -> None:
    origin.behaves(checked(lambda _visit: Reply(answer)))
    dut.apply(servers=servers(origin), group={"health": Health(period=0.1, status=status, fall=2)})
    dut.wait_for_upstreams()
    Deadline(5).wait_for(lambda: origin.requests >= 4, what="checks")
    assert client.get("/").status == (200 if well else 503)


@pytest.mark.differs("nginx", reason="has no checks")
def test_nobody_waits_for_servers_that_are_all_sick(dut: Dut, origin: Origin, client: Client) -> None:
    """503 at once, and service again when one is well."""
    origin.behaves(checked(lambda _visit: Reply(500)))
    dut.apply(servers=servers(origin), group={"health": CHECK, "queue_timeout": 30})
    Deadline(10).wait_for(lambda: client.get("/").status == 503, interval=0.05, what="503")
    origin.behaves(checked(lambda _visit: Reply(200)))
    Deadline(10).wait_for(lambda: client.get("/").status == 200, interval=0.05, what="service again")


@pytest.mark.differs("nginx", reason="has no slow start")
@pytest.mark.parametrize("slow", [0, 120], ids=["at-once", "slowly"])
def test_server_that_came_back_gets_its_share_slowly(
    dut: Dut, new_origin: NewOrigin, client: Client, slow: int
) -> None:
    steady, moody = new_origin(), new_origin()
    for origin in (steady, moody):
        origin.behaves(checked(lambda _visit: Reply(200)))
    dut.apply(servers=servers(steady, moody), group={"health": CHECK, "slow_start": slow})
    dut.wait_for_upstreams()

    def share(of: int) -> int:
        before = sum(request.target == "/" for request in list(moody.received))
        assert client.get("/", times=of).statuses == [200] * of
        return sum(request.target == "/" for request in list(moody.received)) - before

    assert share(of=20) == 10
    moody.behaves(checked(lambda _visit: Reply(503)))
    Deadline(10).wait_for(lambda: share(of=4) == 0, interval=0.05, what="the sick server to be left out")
    moody.behaves(checked(lambda _visit: Reply(200)))
    Deadline(10).wait_for(lambda: share(of=4) > 0 or slow, interval=0.05, what="the server to be used again")
    if slow:
        checks = moody.requests
        Deadline(10).wait_for(lambda: moody.requests > checks + 4, what="four checks")
        assert share(of=40) <= 12
    else:
        assert share(of=20) == 10
