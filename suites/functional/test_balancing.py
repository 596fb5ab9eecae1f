"""Requests go round over the servers that are alive."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.deadline import Deadline
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import Reply
from suites.traffic.origin import Origin

NewOrigin = Callable[[], Origin]


def servers(*origins: Origin, connections: int = 4) -> list[Server]:
    return [Server(origin.endpoint, connections) for origin in origins]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_round_robin(dut: Dut, new_origin: NewOrigin, client: Client, count: int) -> None:
    origins = [new_origin() for _ in range(count)]
    dut.apply(servers=servers(*origins))
    dut.wait_for_upstreams()
    assert client.get("/", times=10 * count).statuses == [200] * 10 * count
    assert [origin.requests for origin in origins] == [10] * count


def test_round_robin_over_many_connections_of_many_clients(
    dut: Dut, new_origin: NewOrigin, new_client: Callable[[], Client]
) -> None:
    origins = [new_origin() for _ in range(3)]
    dut.apply(servers=servers(*origins, connections=8))
    dut.wait_for_upstreams()
    for _ in range(30):
        assert new_client().get("/").status == 200
    assert sum(origin.requests for origin in origins) == 30
    assert all(8 <= origin.requests <= 12 for origin in origins), [origin.requests for origin in origins]


def test_dead_server_is_passed_over(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    alive = new_origin()
    dut.apply(servers=[Server(f"{alive.address}:9"), *servers(alive)])
    assert client.get("/", times=10).statuses == [200] * 10
    assert alive.requests == 10


def test_server_that_comes_back_is_used_again(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    steady, moody = new_origin(), new_origin()
    moody.pause()
    dut.apply(servers=servers(steady, moody))
    assert client.get("/", times=6).statuses == [200] * 6
    assert (steady.requests, moody.requests) == (6, 0)
    moody.resume()
    Deadline(5).wait_for(
        lambda: client.get("/").status == 200 and moody.requests, interval=0.05, what="the server to be used again"
    )


def test_servers_are_told_apart_by_address_and_port(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    first, second = new_origin(), new_origin()
    first.replies(Reply(200, b"first"))
    second.replies(Reply(200, b"second"))
    dut.apply(servers=servers(second))
    assert client.get("/").body == b"second"
    dut.apply(servers=servers(first))
    assert client.get("/").body == b"first"


def test_more_requests_at_once_than_upstream_connections(
    dut: Dut, origin: Origin, new_client: Callable[[], Client]
) -> None:
    """They wait for a free connection; none is lost."""
    dut.apply(servers=[Server(origin.endpoint, connections=2)])
    connections = [new_client().connect() for _ in range(12)]
    for number, connection in enumerate(connections):
        connection.send(b"GET /%d HTTP/1.1\r\nHost: weir.test\r\n\r\n" % number)
    origin.behaves(lambda visit: Reply(200, visit.target.encode()))
    assert [connection.response().status for connection in connections] == [200] * 12
    assert origin.requests == 12
