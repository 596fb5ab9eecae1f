"""Groups of upstream servers: their queues, and what becomes of both when the configuration changes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from lab.deadline import Deadline
from suites.duts.config import Group, Server, Upstream
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.functional.test_neighbours import nft_table
from suites.traffic.client import Client, Conversation
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin, Visit

NewOrigin = Callable[[], Origin]
NewClient = Callable[[], Client]


def group(name: str, *origins: Origin) -> Upstream:
    return Upstream(name, tuple(Server(origin.endpoint, 2) for origin in origins))


def held(origin: Origin, *fields: tuple[str, str]) -> threading.Event:
    """From now on the origin answers, with these fields, when this is set."""
    release = threading.Event()

    def answer_later(visit: Visit) -> Reply:
        _ = visit.request
        release.wait(10)
        return Reply(200, b"late", fields=fields)

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


Groups = tuple[Origin, Origin, list[Upstream], list[Upstream]]


@pytest.fixture
def groups(new_origin: NewOrigin) -> Groups:
    """A slow origin, a quick one, and groups of each: what a configuration has, and what the next one has instead."""
    slow, quick = new_origin(), new_origin()
    return (
        slow,
        quick,
        [Upstream("before", (Server(slow.endpoint, 1),))],
        [Upstream("after", (Server(quick.endpoint, 1),))],
    )


def expect_gone(dut: Dut, name: str) -> None:
    """A group that no configuration has and nobody needs any more is forgotten, with its counts."""
    assert isinstance(dut.adapter, WeirAdapter)
    weir = dut.adapter
    Deadline(5).wait_for(
        lambda: name not in {scope.get("upstream") for scope in weir.scopes()}, what=f"the group {name} to be gone"
    )


@pytest.mark.only("weir", reason="the peers have no such queue")
def test_who_waits_in_a_removed_group_is_given_new_connections(dut: Dut, groups: Groups, new_client: NewClient) -> None:
    """Its last connection ends while others wait: more are opened, as if the group were still there."""
    slow, quick, before, after = groups
    release = held(slow, ("Connection", "close"))
    dut.apply(servers=(), others=before)
    dut.wait_for_upstreams()
    waiting = ask_in_turn(dut, new_client, 3)
    dut.apply(servers=(), others=after)
    release.set()
    assert [connection.response().status for connection in waiting] == [200] * 3
    assert (slow.requests, slow.connections, quick.requests) == (3, 3, 0)
    slow.wait_until_left()
    expect_gone(dut, "before")


@pytest.mark.only("weir", reason="the peers have no such queue")
def test_who_waits_for_a_removed_groups_first_connection_is_served(
    dut: Dut, groups: Groups, new_client: NewClient
) -> None:
    """The group is removed before its server has accepted anything."""
    slow, quick, before, after = groups
    syn = f"ip daddr {slow.address} tcp dport {slow.port} tcp flags & (syn | ack) == syn drop;"
    with nft_table(dut, f"chain out {{ type filter hook output priority 0; {syn} }}"):
        dut.apply(servers=(), others=before)
        waiting = ask_in_turn(dut, new_client, 3)
        dut.apply(servers=(), others=after)
        assert new_client().get("/").status == 200
    assert [connection.response().status for connection in waiting] == [200] * 3
    assert (slow.requests, quick.requests) == (3, 1)
    slow.wait_until_left()
    expect_gone(dut, "before")


@pytest.mark.only("weir", reason="the peers keep no connections")
def test_request_of_a_removed_group_is_repeated(dut: Dut, groups: Groups, client: Client) -> None:
    """Its connection breaks when no configuration has the group any more: it is sent again, to the same group."""
    slow, quick, before, after = groups
    release = threading.Event()

    def leave_once(visit: Visit) -> Reply | None:
        if visit.number:
            return Reply(200, b"again")
        release.wait(10)
        visit.reset()
        return None

    slow.behaves(leave_once)
    dut.apply(servers=(), others=before)
    dut.wait_for_upstreams()
    with client.connect() as connection:
        connection.send(encode_request("GET", "/"))
        slow.wait_for_heads(1)
        dut.apply(servers=(), others=after)
        release.set()
        assert connection.response().body == b"again"
    assert quick.requests == 0
    slow.wait_until_left()
    expect_gone(dut, "before")


@pytest.mark.only("weir", reason="the peers have no such queue")
def test_idle_connections_of_a_removed_group_end_when_nobody_waits_any_more(
    dut: Dut, new_origin: NewOrigin, new_client: NewClient
) -> None:
    """One client waits for his server, while another server's connection idles; then he leaves."""
    origins = [new_origin(), new_origin()]
    for number, origin in enumerate(origins):
        origin.replies(Reply(200, b"%d" % number))
    servers = tuple(Server(origin.endpoint, 1) for origin in origins)
    dut.apply(servers=(), others=[Upstream("before", servers, Group(sticky_cookie="at"))])
    dut.wait_for_upstreams()
    first = new_client().get("/")
    his, other = origins if first.body == b"0" else origins[::-1]
    cookie = first.fields["Set-Cookie"].partition(";")[0]
    release = held(his)
    before = dut.statistics["requests"]
    asking = [new_client().connect() for _ in range(2)]
    for number, connection in enumerate(asking, start=1):
        connection.send(encode_request("GET", "/", fields=[("Cookie", cookie)]))
        dut.wait_for_statistic("requests", before + number)
    dut.apply(servers=[Server(new_origin().endpoint)])
    assert (his.open_connections, other.open_connections) == (1, 1)
    asking[1].reset()
    other.wait_until_left()
    release.set()
    assert asking[0].response().body == b"late"
    his.wait_until_left()
    expect_gone(dut, "before")
