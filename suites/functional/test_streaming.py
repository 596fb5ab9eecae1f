"""Bodies flow: large ones whole, slow peers held back by TCP's window, memory bounded whatever a peer does not read."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time

import pytest

from lab.deadline import Deadline
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.traffic.client import Client, Conversation
from suites.traffic.errors import TrafficError
from suites.traffic.messages import Framing, Reply, encode_request
from suites.traffic.origin import Origin, Visit
from suites.traffic.wire import Wire

MIB = 1 << 20
LARGE = 32 * MIB
HELD_AT_MOST = 16 * MIB  # socket buffers of both legs and both peers (tcp_rmem, tcp_wmem: 6 and 4 MiB) and change
PATTERN = hashlib.sha256(b"weir").digest() * 2048  # 64 KiB
PATIENCE_S = 30.0  # for a transfer of LARGE bytes on an emulated machine


def large_body(size: int = LARGE) -> bytes:
    return PATTERN * (size // len(PATTERN))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def send_aside(connection: Conversation, data: bytes) -> threading.Thread:
    """Send in a thread. If it fails, so does the response that the test waits for."""

    def send() -> None:
        with contextlib.suppress(OSError, TrafficError):
            connection.send(data)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def wait_until_stalled(wire: Wire, *, seconds: float = 20.0) -> None:
    """Until the peer's window keeps `wire` from sending what it has: nothing in flight, and bytes not yet sent."""

    def stalled() -> bool:
        info = wire.info
        return info.not_sent_bytes > 0 and info.unacked_segments == 0

    Deadline(seconds).wait_for(stalled, interval=0.01, what="the sender to be held back by its peer's window")


@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED], ids=["length", "chunked"])
def test_large_download(origin: Origin, client: Client, framing: Framing) -> None:
    body = large_body()
    origin.replies(Reply(200, body, framing=framing, chunks=(70_000,) * 100))
    with client.connect(patience=PATIENCE_S, record=False) as connection:
        answer = connection.ask()
        assert len(answer.body) == LARGE
        assert sha256(answer.body) == sha256(body)


@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED], ids=["length", "chunked"])
def test_large_upload(origin: Origin, client: Client, framing: Framing) -> None:
    body = large_body()
    origin.behaves(lambda visit: Reply(200, sha256(visit.request.body).encode()))
    pieces = [body[n : n + 70_000] for n in range(0, len(body), 70_000)]
    with client.connect(patience=PATIENCE_S, record=False) as connection:
        if framing is Framing.CHUNKED:
            answer = connection.ask("POST", chunks=pieces)
        else:
            answer = connection.ask("POST", body=body)
    assert answer.body == sha256(body).encode()


@pytest.mark.differs("nginx", reason="sends no more of the request once the reply has begun")
def test_echo_in_both_directions_at_once(origin: Origin, client: Client) -> None:
    """The origin sends each piece back while more of the request is still coming."""
    body = large_body(8 * MIB)

    def echo(visit: Visit) -> None:
        visit.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        left = len(body)
        while left:
            piece = visit.read_payload()
            left -= len(piece)
            visit.send(piece)

    origin.behaves(echo)
    with client.connect(patience=PATIENCE_S, record=False) as connection:
        sender = send_aside(connection, encode_request("POST", "/", body=body))
        answer = connection.response()
        sender.join()
    assert sha256(answer.body) == sha256(body)


def test_slow_reader_holds_back_the_origin(dut: Dut, origin: Origin, client: Client) -> None:
    body = large_body()
    origin.replies(Reply(200, body))
    with client.connect(receive_buffer=64 * 1024, patience=PATIENCE_S, record=False) as connection:
        connection.send(encode_request("GET", "/"))
        origin.wait_for_requests(1)
        sender = next(link.wire for link in origin.links if link.requests)
        wait_until_stalled(sender)
        assert sender.info.bytes_acked < HELD_AT_MOST
        if dut.name == "weir":
            assert dut.statistics["memory_bytes"] < HELD_AT_MOST
        answer = connection.response()
    assert sha256(answer.body) == sha256(body)


def test_slow_origin_holds_back_the_client(dut: Dut, origin: Origin, client: Client) -> None:
    body = large_body()
    go_on = threading.Event()

    def read_late(visit: Visit) -> Reply:
        go_on.wait(60)
        return Reply(200, sha256(visit.request.body).encode())

    origin.behaves(read_late)
    with client.connect(patience=60, record=False) as connection:
        sender = send_aside(connection, encode_request("POST", "/", body=body))
        origin.wait_for_heads(1)
        wait_until_stalled(connection.wire)
        assert connection.wire.info.bytes_acked < HELD_AT_MOST
        if dut.name == "weir":
            assert dut.statistics["memory_bytes"] < HELD_AT_MOST
        go_on.set()
        answer = connection.response()
        sender.join()
    assert answer.body == sha256(body).encode()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
CORK_S = 0.2  # how long TCP itself waits for more of a segment
APART_S = 0.0005  # between two packets: long enough for the first to be dealt with, an eighth of a jiffy


def test_head_whose_body_is_slow_does_not_wait_for_it(origin: Origin, client: Client) -> None:
    """A head that goes with its body where that comes at once (below) waits for a moment, not for TCP's own time."""
    sent: list[float] = []
    go_on = threading.Semaphore(0)

    def head_then_body(visit: Visit) -> None:
        _ = visit.request
        sent.append(time.monotonic())
        visit.send(HEAD)
        go_on.acquire(timeout=30)
        visit.send(bytes(1000))

    origin.behaves(head_then_body)
    waits = []
    with client.connect() as connection:
        for number in range(5):
            connection.send(encode_request("GET", "/", fields=[("X-Number", str(number))]))
            connection.wait_for_bytes(b"HTTP/1.1 200 OK\r\n")
            waits.append(time.monotonic() - sent[-1])
            go_on.release()
            assert connection.response().body == bytes(1000)
    # The quickest of them: a busy host only adds to what is looked at.
    assert min(waits) < CORK_S / 2, waits


def test_body_in_the_next_packet_goes_with_its_head(origin: Origin, client: Client) -> None:
    """Servers that send head and body in two packets, one behind the other: the client gets one.

    The head waits until the next tick of the guest, so one body in eight comes too late.
    """

    def head_then_body(visit: Visit) -> None:
        _ = visit.request
        visit.send(HEAD)
        time.sleep(APART_S)
        visit.send(bytes(1000))

    origin.behaves(head_then_body)
    rounds: list[tuple[float, int]] = []
    with client.connect() as connection:
        for _ in range(120):
            before, began = connection.wire.info.data_segments_in, time.monotonic()
            assert connection.ask().body == bytes(1000)
            rounds.append((time.monotonic() - began, connection.wire.info.data_segments_in - before))
    # Who goes on too late, server or device, makes a round longer: the quicker ones are those that are meant.
    segments = [count for _, count in sorted(rounds)[:60]]
    assert sum(segments) < 80, rounds


def test_stalled_reader_does_not_hinder_others(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(servers=[Server(origin.endpoint, connections=4)])
    body = large_body()
    origin.behaves(lambda visit: Reply(200, body if visit.target == "/large" else b"small"))
    with client.connect(receive_buffer=16 * 1024) as stalled:
        stalled.send(encode_request("GET", "/large"))
        origin.wait_for_requests(1)
        wait_until_stalled(next(link.wire for link in origin.links if link.requests))
        assert client.get("/small", times=20).bodies == [b"small"] * 20
        stalled.reset()


@pytest.mark.only("weir", reason="nginx tells no memory figure")
def test_memory_of_many_stalled_readers_is_bounded_and_given_back(dut: Dut, origin: Origin, client: Client) -> None:
    readers = 8
    dut.apply(servers=[Server(origin.endpoint, connections=2 * readers)])
    before = dut.statistics["memory_bytes"]
    origin.replies(Reply(200, large_body()))
    connections = [client.connect(receive_buffer=16 * 1024) for _ in range(readers)]
    for connection in connections:
        connection.send(encode_request("GET", "/"))
    origin.wait_for_requests(readers)
    for link in origin.links:
        if link.requests:
            wait_until_stalled(link.wire)
    assert dut.statistics["memory_bytes"] < readers * 8 * MIB
    for connection in connections:
        connection.reset()
    dut.wait_for_statistic("connections_active", 0)
    Deadline(5).wait_for(
        lambda: dut.statistics["memory_bytes"] <= before + 256 * 1024, what="the readers' memory to be given back"
    )


def test_client_that_leaves_during_a_download(origin: Origin, client: Client) -> None:
    """The origin is told (its connection ends) instead of sending 32 MiB to nobody, and the device serves on."""
    origin.behaves(lambda visit: Reply(200, large_body() if visit.target == "/large" else b"small"))
    with client.connect(receive_buffer=64 * 1024) as connection:
        connection.send(encode_request("GET", "/large"))
        connection.wait_for_bytes(PATTERN[:100])
        sender = next(link for link in origin.links if link.requests)
        connection.reset()
    Deadline(5).wait_for(sender.ended.is_set, what="the origin's connection to end")
    assert client.get("/small").body == b"small"


@pytest.mark.parametrize("window", [2304, 5000])
def test_tiny_window(origin: Origin, client: Client, window: int) -> None:
    body = large_body(256 * 1024)
    origin.replies(Reply(200, body))
    with client.connect(receive_buffer=window) as connection:
        assert sha256(connection.ask().body) == sha256(body)


def test_reply_in_tiny_chunks(origin: Origin, client: Client) -> None:
    body = large_body(64 * 1024)
    origin.replies(Reply(200, body, framing=Framing.CHUNKED, chunks=(1,) * 2000 + (13,) * 2000))
    assert client.get("/").body == body


def test_parallel_downloads(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(servers=[Server(origin.endpoint, connections=8)])
    body = large_body(2 * MIB)
    origin.replies(Reply(200, body))
    connections = [client.connect(patience=PATIENCE_S, record=False) for _ in range(8)]
    for connection in connections:
        connection.send(encode_request("GET", "/"))
    for connection in connections:
        assert sha256(connection.response().body) == sha256(body)
