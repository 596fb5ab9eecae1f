"""client_memory and total_memory: whoever has too much held for him loses his greediest connections, nobody else."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable

import pytest

from lab.deadline import Deadline
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.functional.test_events import Follower
from suites.traffic.client import Client, Conversation
from suites.traffic.errors import TrafficError
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin

pytestmark = pytest.mark.only("weir", reason="peers bound what one connection holds, not what a client does")

Maker = Callable[[], Client]

GET = encode_request("GET", "/")
KIB = 1024
BODY = bytes(8 << 20)
LIMIT = 1 << 20
OTHER_LIMIT = 1 << 25
"""With mbed TLS, which has buffers for two records for every connection."""
SOON_S = 10.0
"""A round of the worker, its connections' ends, and a slow guest."""


def stall(client: Client) -> Conversation:
    """A connection that asks for the body, and does not read it."""
    connection = client.connect(receive_buffer=16 * KIB)
    connection.send(GET)
    return connection


def held(dut: Dut) -> int:
    return dut.statistics["client_memory_bytes"]


def bound(dut: Dut, origin: Origin, **limits: int) -> None:
    """These limits, and an upstream connection for everybody: who waits for one holds little."""
    dut.apply(servers=[Server(origin.endpoint, connections_max=64)], limits=limits)


def held_each(dut: Dut, origin: Origin, connections: int) -> int:
    """Bytes held for each of as many that are alike, once that is no more than a moment ago."""
    bound(dut, origin, total_memory=1 << 40)
    seen = [0]

    def steady() -> bool:
        seen.append(held(dut))
        time.sleep(0.15)  # longer than a round of the worker: what it will see cannot be asked
        return seen[-1] > 0 and seen[-3:] == [seen[-1]] * 3

    Deadline(SOON_S + 20).wait_for(steady, what="what is held to stay as it is")
    return seen[-1] // connections


def wait_until_within(dut: Dut, limit: int) -> None:
    Deadline(SOON_S).wait_for(lambda: 0 < held(dut) <= limit, what=f"no more than {limit} bytes to be held")


def wait_for_more_than(dut: Dut, counter: str, value: int) -> None:
    Deadline(SOON_S + 10).wait_for(lambda: dut.statistics[counter] > value, what=f"{counter} > {value}")


def settle(dut: Dut) -> None:
    """No connection of an earlier test is left, and no bound."""
    dut.apply()
    dut.wait_for_statistic("connections_active", 0)
    dut.wait_for_statistic("client_memory_bytes", 0)


def test_readers_that_stall_lose_connections_until_the_rest_fits(
    dut: Dut, origin: Origin, client: Client, new_client: Maker
) -> None:
    """The greediest ones: what waits idle stays, and so does whoever else there is."""
    settle(dut)
    bound(dut, origin)
    idle, honest = client.connect(), new_client().connect()
    assert idle.ask().status == honest.ask().status == 200
    origin.replies(Reply(200, BODY))
    stalled = [stall(client) for _ in range(8)]
    limit = 3 * held_each(dut, origin, len(stalled))
    before = dut.statistics
    bound(dut, origin, client_memory=limit)
    wait_for_more_than(dut, "rejected_client_memory", before["rejected_client_memory"])
    wait_until_within(dut, limit)
    counted = dut.statistics - before
    assert counted["rejected_total_memory"] == 0
    assert len(stalled) - 4 <= counted["rejected_client_memory"] < len(stalled)
    dut.wait_for_statistic("connections_active", 2 + len(stalled) - counted["rejected_client_memory"])
    origin.replies(Reply(200))
    assert idle.ask().status == honest.ask().status == 200


def test_upload_that_nobody_reads_is_reset(dut: Dut, origin: Origin, client: Client, new_client: Maker) -> None:
    settle(dut)
    origin.behaves(lambda visit: visit.hang())
    dut.apply(limits={"client_memory": 128 * KIB})
    before = dut.statistics["rejected_client_memory"]
    connection = client.connect(patience=SOON_S)
    connection.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 67108864\r\n\r\n")
    with pytest.raises((TrafficError, OSError)):
        connection.send(bytes(64 << 20))
    assert dut.statistics["rejected_client_memory"] == before + 1
    origin.replies(Reply(200))
    assert new_client().get("/").status == 200


def test_pipeline_whose_replies_are_not_read_is_reset(dut: Dut, origin: Origin, client: Client) -> None:
    settle(dut)
    origin.replies(Reply(200, bytes(64 * KIB)))
    dut.apply(limits={"client_memory": 128 * KIB})
    before = dut.statistics["rejected_client_memory"]
    connection = client.connect(receive_buffer=16 * KIB)
    connection.send(GET * 200)
    dut.wait_for_statistic("rejected_client_memory", before + 1, seconds=SOON_S + 10)
    connection.rest()
    assert connection.was_reset


def test_what_many_connections_hold_counts_as_one(dut: Dut, client: Client, new_client: Maker) -> None:
    """A little each, of one client; others with fewer of the same keep all of theirs."""
    settle(dut)
    # Over TLS it takes its time until all are there.
    patient = {"client_header": 60.0, "keepalive": 120.0}
    dut.apply(timeouts=patient)
    others = [new_client().connect() for _ in range(20)]
    mine = [client.connect() for _ in range(200)]
    for connection in (*mine, *others):
        connection.send(GET[:-2])
    dut.wait_for_statistic("connections_active", 220)
    limit = LIMIT if client.tls is None or dut.adapter.prepared.tls == "weir" else OTHER_LIMIT
    dut.apply(limits={"client_memory": limit}, timeouts=patient)
    Deadline(SOON_S).wait_for(lambda: held(dut) > 0, what="a look at what is held")
    each = held(dut) // 220
    assert 1000 < each < limit // 220
    before = dut.statistics["rejected_client_memory"]
    dut.apply(limits={"client_memory": each * 50}, timeouts=patient)
    dut.wait_for_statistic("connections_active", 70, seconds=SOON_S)
    assert dut.statistics["rejected_client_memory"] == before + 150
    for connection in others:
        connection.send(b"\r\n")
        assert connection.response().status == 200


def test_over_the_total_the_greediest_client_goes_first(
    dut: Dut, origin: Origin, client: Client, new_client: Maker
) -> None:
    settle(dut)
    origin.replies(Reply(200, BODY))
    bound(dut, origin)
    kept = stall(new_client())
    greedy = [stall(client) for _ in range(8)]
    limit = 4 * held_each(dut, origin, 1 + len(greedy))
    before = dut.statistics
    bound(dut, origin, total_memory=limit)
    wait_for_more_than(dut, "rejected_total_memory", before["rejected_total_memory"])
    wait_until_within(dut, limit)
    counted = dut.statistics - before
    assert counted["rejected_client_memory"] == 0
    assert len(greedy) - 4 <= counted["rejected_total_memory"] < len(greedy)
    dut.apply()
    assert len(kept.response().body) == len(BODY)


def test_allow_list_is_spared(dut: Dut, origin: Origin, client: Client, new_client: Maker) -> None:
    """What its clients hold counts in total, but they keep it."""
    settle(dut)
    origin.replies(Reply(200, BODY))
    spared = [stall(client) for _ in range(4)]
    other = stall(new_client())
    before = dut.statistics["rejected_total_memory"]
    either = before + dut.statistics["rejected_client_memory"]
    dut.apply(limits={"client_memory": 64 * KIB, "total_memory": 64 * KIB}, firewall={"allow": [client.address]})
    # It reads no more before: having read all, it would hold nothing.
    Deadline(SOON_S + 10).wait_for(
        lambda: (now := dut.statistics)["rejected_total_memory"] + now["rejected_client_memory"] > either,
        what="the other to be refused",
    )
    other.rest()
    assert other.was_reset
    Deadline(SOON_S).wait_for(lambda: held(dut) > 64 * KIB, what="a look at what is held")
    dut.apply()
    assert dut.statistics["rejected_total_memory"] <= before + 1
    assert [len(connection.response().body) for connection in spared] == [len(BODY)] * 4


def test_reset_for_memory_is_told(dut: Dut, origin: Origin, client: Client, new_client: Maker) -> None:
    settle(dut)
    log = Follower(dut, new_client())
    try:
        origin.replies(Reply(200, BODY))
        # More than a handshake takes, whoever's TLS it is.
        dut.apply(limits={"client_memory": 192 * KIB})
        before = dut.statistics["rejected_client_memory"]
        connection = stall(client)
        wait_for_more_than(dut, "rejected_client_memory", before)
        connection.rest()
        assert connection.was_reset
        events = log.told(client)
    finally:
        log.process.kill(signal.SIGKILL)
        log.process.wait()
    assert events, json.dumps(events)
    assert dut.config
    (listener,) = (*dut.config.listeners, *dut.config.https)
    for event in events:
        assert (event["reason"], event["action"], event["listener"]) == ("client_memory", "reset", listener)


def test_bounds_may_come_and_go(dut: Dut, origin: Origin, client: Client) -> None:
    """Under readers that stall: what is over a new bound goes, and without one nothing does."""
    settle(dut)
    origin.replies(Reply(200, BODY))
    first = stall(client)
    before = dut.statistics["rejected_client_memory"]
    for _ in range(3):
        dut.apply(limits={"client_memory": 1 << 30})
        dut.apply()
    dut.wait_for_statistic("client_memory_bytes", 0)
    assert dut.statistics["rejected_client_memory"] == before
    dut.apply(limits={"client_memory": 64 * KIB})
    wait_for_more_than(dut, "rejected_client_memory", before)
    first.rest()
    assert first.was_reset
    dut.apply()
    second = stall(client)
    assert len(second.response().body) == len(BODY)
