"""Groups of upstream servers: their queues, and what becomes of both when the configuration changes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from suites.duts.config import Group, Server, Upstream
from suites.duts.dut import Dut
from suites.traffic.client import Client, Conversation
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin, Visit

NewOrigin = Callable[[], Origin]
NewClient = Callable[[], Client]


def group(name: str, *origins: Origin) -> Upstream:
    return Upstream(name, tuple(Server(origin.endpoint, 2) for origin in origins))


def held(origin: Origin) -> threading.Event:
    """From now on the origin answers when this is set."""
    release = threading.Event()

    def answer_later(visit: Visit) -> Reply:
        _ = visit.request
        release.wait(10)
        return Reply(200, b"late")

    origin.behaves(answer_later)
    return release


def ask_in_turn(dut: Dut, new_client: NewClient, count: int) -> list[Conversation]:
    """So many clients with a request each, sent when that before has been taken in."""
    before = dut.statistics["requests"]
    asking = []
    for number in range(1, count + 1):
        asking.append(new_client().connect())
        asking[-1].send(encode_request("GET", f"/{number}"))
        dut.wait_for_statistic("requests", before + number)
    return asking


def test_requests_go_to_the_first_group(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    first, second = new_origin(), new_origin()
    dut.apply(servers=(), others=[group("first", first), group("second", second)])
    assert client.get("/", times=6).statuses == [200] * 6
    assert (first.requests, second.requests) == (6, 0)


@pytest.mark.only("weir", reason="the peers close their connections when they are configured anew")
def test_group_keeps_its_connections_wherever_it_stands(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    """A group is known by its name: another order, a new neighbour and other settings leave its connections alone."""
    first, second, third = new_origin(), new_origin(), new_origin()
    dut.apply(servers=(), others=[group("first", first), group("second", second)])
    dut.wait_for_upstreams()
    dut.apply(servers=(), others=[group("third", third), group("second", second), group("first", first)])
    dut.wait_for_upstreams()
    assert client.get("/").status == 200
    assert [origin.requests for origin in (first, second, third)] == [0, 0, 1]
    assert [origin.connections for origin in (first, second, third)] == [2, 2, 2]
    dut.apply(servers=(), others=[group("second", second)])
    assert client.get("/").status == 200
    assert second.requests == 1
    first.wait_until_left()
    third.wait_until_left()
    assert second.connections == 2


@pytest.mark.only("weir", reason="groups of the same server share nothing with Weir alone")
def test_server_in_two_groups_has_connections_for_each(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    shared = new_origin()
    dut.apply(servers=(), others=[group("first", shared), group("second", shared)])
    dut.wait_for_upstreams()
    dut.apply(servers=(), others=[group("first", shared)])
    dut.wait_for_upstreams()
    assert client.get("/", times=4).statuses == [200] * 4
    assert shared.connections == 4


@pytest.mark.only("weir", reason="the peers have no such queue")
def test_more_requests_than_the_queue_takes(dut: Dut, origin: Origin, new_client: NewClient) -> None:
    """One is served, two wait, the fourth is told at once; then all that were taken are served."""
    release = held(origin)
    dut.apply(servers=[Server(origin.endpoint, connections=1)], group={"queue": 2})
    dut.wait_for_upstreams()
    taken = ask_in_turn(dut, new_client, 3)
    assert new_client().get("/").status == 503
    release.set()
    assert [connection.response().status for connection in taken] == [200] * 3


@pytest.mark.only("weir", reason="the peers have no such queue")
def test_queue_of_none(dut: Dut, origin: Origin, new_client: NewClient) -> None:
    release = held(origin)
    dut.apply(servers=[Server(origin.endpoint, connections=1)], group={"queue": 0})
    dut.wait_for_upstreams()
    (busy,) = ask_in_turn(dut, new_client, 1)
    assert new_client().get("/").status == 503
    release.set()
    assert busy.response().status == 200


@pytest.mark.only("weir", reason="the peers have no such queue")
def test_queues_of_groups_are_apart(dut: Dut, new_origin: NewOrigin, new_client: NewClient) -> None:
    """What waits in one group neither fills another's queue nor takes another's connections."""
    slow, quick = new_origin(), new_origin()
    release = held(slow)
    first, second = (
        Upstream(name, (Server(origin.endpoint, 1),), Group(queue=1))
        for name, origin in (("first", slow), ("second", quick))
    )
    dut.apply(servers=(), others=[first, second])
    dut.wait_for_upstreams()
    waiting = ask_in_turn(dut, new_client, 2)
    dut.apply(servers=(), others=[second, first])
    assert new_client().get("/", times=3).statuses == [200] * 3
    release.set()
    assert [connection.response().status for connection in waiting] == [200] * 2
    assert (slow.requests, quick.requests) == (2, 3)


@pytest.mark.parametrize("stays", [True, False], ids=["kept", "removed"])
@pytest.mark.only("weir", reason="the peers have no such queue")
def test_who_waits_is_served_though_the_configuration_changes(
    dut: Dut, new_origin: NewOrigin, new_client: NewClient, stays: bool
) -> None:
    """Requests that wait in a group that no configuration has any more are served by its last connections."""
    slow, quick = new_origin(), new_origin()
    release = held(slow)
    before = Upstream("before", (Server(slow.endpoint, 1),))
    after = Upstream("after", (Server(quick.endpoint, 1),))
    dut.apply(servers=(), others=[before])
    dut.wait_for_upstreams()
    waiting = ask_in_turn(dut, new_client, 3)
    dut.apply(servers=(), others=[after, before] if stays else [after])
    assert new_client().get("/").status == 200
    release.set()
    assert [connection.response().status for connection in waiting] == [200] * 3
    assert (slow.requests, quick.requests) == (3, 1)
    if not stays:
        slow.wait_until_left()
