"""Links that lose, reorder, double, delay and cut up segments, or end in the middle: what arrives is the same.

Each case asks the link what it really did (lab/link.py counts), so that a link that does nothing cannot pass.
"""

from __future__ import annotations

import hashlib

import pytest

from lab.deadline import Deadline
from lab.link import Link
from suites.duts.dut import Dut
from suites.traffic.client import Client, Conversation
from suites.traffic.messages import Framing, Reply, encode_request
from suites.traffic.origin import Origin, Visit

PATIENCE_S = 60.0  # a segment that is lost twice costs a second, and a body has thousands
BODY = hashlib.sha256(b"link").digest() * 8192  # 256 KiB
REPLY = Reply(200, b"0123456789abcdef01", framing=Framing.CHUNKED, chunks=(1, 16), trailers=(("X-Checksum", "ok"),))


def converse(connection: Conversation, origin: Origin) -> None:
    """One message of every kind, whole both ways: plain, with a length, chunked with trailers, pipelined, expected."""
    origin.replies(REPLY)
    assert connection.ask("GET", "/plain").body == REPLY.body
    assert connection.ask("POST", "/length", body=b"0123456789").trailers["X-Checksum"] == "ok"
    assert origin.last.body == b"0123456789"
    connection.ask("POST", "/chunked", chunks=[b"01234", b"56789abcdef"], trailers=[("X-T", "v")])
    assert (origin.last.body, origin.last.trailers["X-T"]) == (b"0123456789abcdef", "v")
    connection.send(encode_request("GET", "/first") + encode_request("POST", "/second", body=b"xyz"))
    assert connection.responses(2).bodies == [REPLY.body] * 2
    assert [request.target for request in origin.received[-2:]] == ["/first", "/second"]
    expecting = connection.ask("POST", "/expecting", headers=[("Expect", "100-continue")], body=b"abc")
    assert (expecting.status, origin.last.body) == (200, b"abc")


@pytest.mark.parametrize("seed", [1, 2])
def test_every_kind_of_message_over_a_bad_link(origin: Origin, client: Client, link: Link, seed: int) -> None:
    link.shape(loss=0.03, reorder=0.2, duplicate=0.05, delay_ms=1.0, seed=seed)
    with client.connect(patience=PATIENCE_S) as connection:
        for _ in range(4):
            converse(connection, origin)
    for counters in link.counters.values():
        assert counters.passed > 20
        assert counters.reordered
    assert sum(counters.lost for counters in link.counters.values())


def test_every_kind_of_message_in_segments_of_one_byte(origin: Origin, client: Client, link: Link) -> None:
    link.shape(segment=1)
    with client.connect(patience=PATIENCE_S) as connection:
        converse(connection, origin)
    for counters in link.counters.values():
        assert counters.split > 500


def test_small_mtu(origin: Origin, client: Client, link: Link) -> None:
    """The guest's segments, and those that it is sent, are of the size that the link carries."""
    link.shape(mtu=576)
    origin.behaves(lambda visit: Reply(200, visit.request.body))
    with client.connect(patience=PATIENCE_S) as connection:
        assert connection.wire.info.send_mss <= 536
        assert connection.ask("POST", body=BODY).body == BODY
    assert all(counters.passed > len(BODY) // 536 for counters in link.counters.values())


@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED], ids=["length", "chunked"])
def test_bodies_in_both_directions_over_a_bad_link(
    origin: Origin, client: Client, link: Link, framing: Framing
) -> None:
    link.shape(loss=0.01, reorder=0.1, duplicate=0.02, seed=3)
    origin.behaves(lambda visit: Reply(200, visit.request.body, framing=framing, chunks=(1000,) * 50))
    pieces = [BODY[n : n + 7000] for n in range(0, len(BODY), 7000)]
    with client.connect(patience=PATIENCE_S) as connection:
        if framing is Framing.CHUNKED:
            answer = connection.ask("POST", chunks=pieces)
        else:
            answer = connection.ask("POST", body=BODY)
    assert answer.body == BODY
    assert all(counters.lost for counters in link.counters.values())


@pytest.mark.only("weir", reason="the peers tell no gauge of connections")
def test_cable_cut_in_the_middle_of_a_body(dut: Dut, origin: Origin, client: Client, link: Link) -> None:
    """Nobody is told that the other side is gone: time-outs give everything back, and the device serves on."""
    dut.apply(timeouts={"client_body": 1, "upstream_response": 1})
    before = dut.statistics["memory_bytes"]

    def half(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(500))
        visit.hang()

    origin.behaves(half)
    with client.connect() as connection:
        connection.send(encode_request("GET", "/"))
        connection.wait_for_bytes(bytes(500))
        link.cut()
        dut.wait_for_statistic("connections_active", 0, seconds=20)
        link.clear()
    origin.replies(Reply(200, b"again"))
    assert client.get("/").body == b"again"
    Deadline(5).wait_for(
        lambda: dut.statistics["memory_bytes"] <= before + 256 * 1024, what="the memory to be given back"
    )
