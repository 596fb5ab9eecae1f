"""Requests go round over the servers that are alive."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from lab.deadline import Deadline
from suites.duts.config import HashKey, Server
from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin, Visit

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


@pytest.mark.parametrize("weights", [(1, 1), (3, 1), (5, 2, 1)], ids=str)
def test_weights_are_shares_of_turns(dut: Dut, new_origin: NewOrigin, client: Client, weights: tuple[int, ...]) -> None:
    origins = [new_origin() for _ in weights]
    dut.apply(servers=[Server(o.endpoint, weight=weight) for o, weight in zip(origins, weights, strict=True)])
    dut.wait_for_upstreams()
    assert client.get("/", times=6 * sum(weights)).statuses == [200] * 6 * sum(weights)
    assert [origin.requests for origin in origins] == [6 * weight for weight in weights]


def test_backup_serves_only_while_nobody_else_can(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    first, second = new_origin(), new_origin()
    dut.apply(servers=[Server(first.endpoint), Server(second.endpoint, backup=True)])
    dut.wait_for_upstreams()
    assert client.get("/", times=6).statuses == [200] * 6
    assert (first.requests, second.requests) == (6, 0)
    first.pause()
    first.drop_connections()
    Deadline(5).wait_for(lambda: client.get("/").status == 200 and second.requests, what="the backup to be used")
    served = first.requests
    assert client.get("/", times=5).statuses == [200] * 5
    assert first.requests == served
    first.resume()
    Deadline(10).wait_for(
        lambda: client.get("/").status == 200 and first.requests > served,
        interval=0.05,
        what="the first server to be used again",
    )


def test_least_connections(dut: Dut, new_origin: NewOrigin, new_client: Callable[[], Client], client: Client) -> None:
    """Who has more requests in hand than its weight allows has no new one."""
    slow, quick = new_origin(), new_origin()
    dut.apply(servers=servers(slow, quick, connections=8), group={"balance": "least-connections", "retries": 0})
    dut.wait_for_upstreams()
    slow.behaves(lambda visit: visit.hang())
    quick.behaves(lambda visit: visit.hang())
    held = [new_client().connect() for _ in range(4)]
    for number, connection in enumerate(held, 1):
        connection.send(encode_request("GET", "/"))
        Deadline(5).wait_for(lambda n=number: slow.heads + quick.heads == n, what=f"{number} requests at the origins")  # type: ignore[misc]
    assert (slow.heads, quick.heads) == (2, 2)
    quick.behaves(lambda _visit: Reply(200))
    before = quick.connections
    quick.drop_connections()
    if dut.adapter.opens_upstreams_ahead:
        quick.wait_for_total(before + 8)  # it has heard of the end of all, and not of its kernel alone
    dut.wait_for_upstreams()
    assert client.get("/", times=6).statuses == [200] * 6
    assert slow.heads == 2


@pytest.mark.parametrize("key", ["address", "uri", "host"])
def test_hash_sends_the_same_key_to_the_same_server(
    dut: Dut, new_origin: NewOrigin, new_client: Callable[[], Client], key: HashKey
) -> None:
    origins = [new_origin() for _ in range(3)]
    dut.apply(servers=servers(*origins), group={"balance": "hash", "hash_key": key})
    dut.wait_for_upstreams()
    one = new_client()
    used = set()
    for number in range(60):
        asking = new_client() if key == "address" else one
        target = f"/{number}" if key == "uri" else "/"
        host = f"host{number}.test" if key == "host" else "weir.test"
        before = [origin.requests for origin in origins]
        with asking.connect() as connection:
            for _ in range(3):
                assert connection.ask("GET", target, host=host).status == 200
        gained = [origin.requests - count for origin, count in zip(origins, before, strict=True)]
        assert sorted(gained) == [0, 0, 3]
        used.add(gained.index(3))
        if number >= 23 and len(used) == 3:
            break
    assert used == {0, 1, 2}, "60 keys at fewer than three servers: chance does that once in ten billion times"


def test_hash_moves_only_the_keys_of_the_server_that_went(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    origins = [new_origin() for _ in range(3)]
    homes: dict[str, Origin] = {}

    def ask(target: str) -> Origin:
        before = [origin.requests for origin in origins]
        assert client.get(target).status == 200
        return next(o for o, count in zip(origins, before, strict=True) if o.requests > count)

    group = {"balance": "hash", "hash_key": "uri"}
    dut.apply(servers=servers(*origins), group=group)
    dut.wait_for_upstreams()
    targets = [f"/{number}" for number in range(30)]
    homes = {target: ask(target) for target in targets}
    gone, *left = origins
    dut.apply(servers=servers(*left), group=group)
    dut.wait_for_upstreams()
    for target, home in homes.items():
        now = ask(target)
        assert now is home or home is gone
    dut.apply(servers=servers(*reversed(origins)), group=group)
    dut.wait_for_upstreams()
    assert {target: ask(target) for target in targets} == homes


@pytest.mark.only("weir", reason="the peers connect for each request")
def test_pool_grows_on_demand_and_shrinks_again(dut: Dut, origin: Origin, new_client: Callable[[], Client]) -> None:
    """Requests that wait get connections of their own, up to the bound; what nobody uses any more closes."""
    release = threading.Event()

    def answer_later(visit: Visit) -> Reply:
        _ = visit.request
        release.wait(20)
        return Reply(200)

    origin.behaves(answer_later)
    dut.apply(servers=[Server(origin.endpoint, connections=2, connections_max=20)])
    dut.wait_for_upstreams()
    asking = [new_client().connect() for _ in range(30)]
    for connection in asking:
        connection.send(encode_request("GET", "/"))
    origin.wait_for_requests(20)
    dut.wait_for_statistic("upstream_active", 20)
    assert origin.connections == 20
    release.set()
    assert [connection.response().status for connection in asking] == [200] * 30
    assert origin.connections == 20
    dut.wait_for_statistic("upstream_active", 2, seconds=20)
    assert new_client().get("/").status == 200
    assert origin.connections == 20


@pytest.mark.only("weir", reason="the peers connect for each request")
def test_most_recently_used_connection_is_used_first(dut: Dut, origin: Origin, client: Client) -> None:
    """So that few are warm rather than all lukewarm, and what is not needed can close."""
    dut.apply(servers=[Server(origin.endpoint, connections=32)])
    dut.wait_for_upstreams()
    assert client.get("/", times=64).statuses == [200] * 64
    # Each CPU has connections of its own: two at most have had something to do.
    assert sum(bool(link.requests) for link in origin.links) <= 2


@pytest.mark.only("weir", reason="a statement about both CPUs of the guest and Weir's turns")
def test_turns_are_exact_over_all_cpus(dut: Dut, new_origin: NewOrigin, new_client: Callable[[], Client]) -> None:
    """Concurrent clients, whose packets come in on either CPU, never have the same turn."""
    origins = [new_origin() for _ in range(3)]
    dut.apply(servers=servers(*origins, connections=16))
    dut.wait_for_upstreams()
    clients = [new_client().connect() for _ in range(12)]
    for _ in range(10):
        for connection in clients:
            connection.send(encode_request("GET", "/"))
        assert [connection.response().status for connection in clients] == [200] * 12
    assert [origin.requests for origin in origins] == [40, 40, 40]
