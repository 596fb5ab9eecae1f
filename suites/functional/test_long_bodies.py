"""Bodies far larger than any memory that may hold them, and thousands of connections that do little or nothing.

`--long` makes the bodies 1 GiB; 64 MiB flow in every run. What is held meanwhile is asked of the module's own gauge and
of the guest's kernel, again and again while the body flows.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lab import speed
from lab.deadline import Deadline
from lab.machine import Machine
from lab.network import Network
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin, Visit
from suites.traffic.wire import IP_FREEBIND, Wire

MIB = 1 << 20
PATTERN = hashlib.sha256(b"long").digest() * 2048  # 64 KiB
PIECE = PATTERN * 16  # 1 MiB
PATIENCE_S = 60.0
# What may be held for one body that flows, whatever its length.
HELD_BY_WEIR = 1 * MIB
HELD_BY_TCP = 16 * MIB  # socket buffers of both legs: tcp_rmem and tcp_wmem allow 6 and 4 MiB each
HELD_BY_SLAB = 24 * MIB
LEFT_BEHIND = 64 * 1024  # by a hundred clients that have left: less than a kilobyte of each

SIZES = [
    pytest.param(64 * MIB, id="64MiB"),
    pytest.param(1024 * MIB, id="1GiB", marks=pytest.mark.long(reason="takes minutes on an emulated machine")),
]


@dataclass
class Held:
    """The most that was seen."""

    weir: int = 0
    tcp: int = 0
    slab: int = 0


def kernel_memory(machine: Machine) -> tuple[int, int]:
    """Bytes of TCP's buffers and of slabs in the guest."""
    text = machine.run("cat", "/proc/net/sockstat", "/proc/meminfo").stdout
    pages = re.search(r"^TCP: .* mem (\d+)", text, re.M)
    slab = re.search(r"^Slab: +(\d+) kB", text, re.M)
    assert pages
    assert slab
    return int(pages[1]) * 4096, int(slab[1]) * 1024


def watch(dut: Dut, flowing: threading.Thread) -> Held:
    """Sample until the transfer is over."""
    held = Held()
    while flowing.is_alive():
        if dut.name == "weir":
            held.weir = max(held.weir, dut.statistics["memory_bytes"])
        tcp, slab = kernel_memory(dut.machine)
        held.tcp, held.slab = max(held.tcp, tcp), max(held.slab, slab)
        flowing.join(0.1)
    return held


def check_held(held: Held, before: int, slab: int) -> None:
    assert held.weir <= before + HELD_BY_WEIR
    assert held.tcp <= HELD_BY_TCP
    assert held.slab <= slab + HELD_BY_SLAB


def take(wire: Wire, size: int, offset: int = 0) -> None:
    """Receive `size` bytes, which must be the pattern from `offset` on."""
    doubled = memoryview(PIECE + PATTERN)
    while offset < size:
        data = wire.receive()
        assert data, f"the body ended after {offset} of {size} bytes"
        start = offset % len(PATTERN)
        assert doubled[start : start + len(data)] == data, f"other bytes behind {offset}"
        offset += len(data)


def give(wire: Wire, size: int) -> None:
    for _ in range(size // len(PIECE)):
        wire.send(PIECE)


def aside(work: Callable[[], None], errors: list[BaseException]) -> threading.Thread:
    """Run in a thread; what it raises is kept for the test."""

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by the test's own thread
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("size", SIZES)
def test_memory_is_bounded_while_a_body_comes_down(dut: Dut, origin: Origin, client: Client, size: int) -> None:
    def flood(visit: Visit) -> None:
        _ = visit.request
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        give(visit.wire, size)

    origin.behaves(flood)
    dut.apply()
    before, slab = _at_rest(dut), kernel_memory(dut.machine)[1]
    errors: list[BaseException] = []
    with client.connect(patience=PATIENCE_S, record=False) as connection:
        connection.send(encode_request("GET", "/"))
        connection.wait_for_bytes(b"\r\n\r\n")
        first = connection.reader.take_some().split(b"\r\n\r\n", 1)[1]
        assert first == PIECE[: len(first)]
        held = watch(dut, aside(lambda: take(connection.wire, size, len(first)), errors))
        assert not errors, errors
    check_held(held, before, slab)
    _comes_to_rest(dut, before)


@pytest.mark.parametrize("size", SIZES)
def test_memory_is_bounded_while_a_body_goes_up(dut: Dut, origin: Origin, client: Client, size: int) -> None:
    def swallow(visit: Visit) -> None:
        first = visit.read_payload()
        assert first == PIECE[: len(first)]
        take(visit.wire, size, len(first))
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")

    origin.behaves(swallow)
    dut.apply()
    before, slab = _at_rest(dut), kernel_memory(dut.machine)[1]
    errors: list[BaseException] = []
    with client.connect(patience=PATIENCE_S) as connection:
        connection.send(f"POST / HTTP/1.1\r\nHost: weir.test\r\nContent-Length: {size}\r\n\r\n".encode())
        held = watch(dut, aside(lambda: give(connection.wire, size), errors))
        assert not errors, errors
        assert connection.response().body == b"whole"
    check_held(held, before, slab)
    _comes_to_rest(dut, before)


def test_window_of_the_sender_closes(origin: Origin, client: Client) -> None:
    """What a slow reader does not take closes the window that the origin sees, not memory of the device."""

    def flood(visit: Visit) -> None:
        _ = visit.request
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
        with contextlib.suppress(OSError):
            give(visit.wire, 64 * MIB)

    origin.behaves(flood)
    with client.connect(receive_buffer=16 * 1024, record=False) as connection:
        connection.send(encode_request("GET", "/"))
        origin.wait_for_requests(1)
        sender = next(link.wire for link in origin.links if link.requests)
        Deadline(30).wait_for(
            lambda: sender.info.send_window < sender.info.send_mss and sender.info.not_sent_bytes > 0,
            what="the window that the origin sees to close",
        )
        connection.reset()
    origin.replies(Reply(200, b"on"))
    assert client.get("/").body == b"on"


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_that_leaves_at_any_byte_of_its_request(dut: Dut, origin: Origin, client: Client, how: str) -> None:
    request = encode_request("POST", "/", chunks=[b"01234", b"56789"], trailers=[("X-T", "v")])
    dut.apply()
    before = _at_rest(dut)
    for point in range(1, len(request)):
        with client.connect() as connection:
            connection.send(request[:point])
            if how == "reset":
                connection.reset()
    assert client.get("/").status == 200
    assert [seen.target for seen in origin.received if seen.method == "POST"] == []
    _comes_to_rest(dut, before, LEFT_BEHIND)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_that_leaves_at_any_byte_of_its_reply(dut: Dut, origin: Origin, client: Client, how: str) -> None:
    reply = Reply(200, b"0123456789" * 3).encode()
    points = iter(range(len(reply)))

    def until(visit: Visit) -> None:
        _ = visit.request
        if visit.target == "/":
            visit.send(reply)
            return
        point = next(points)
        visit.send(reply[:point])
        leaves.set()
        gone.wait(10)
        with contextlib.suppress(OSError):
            visit.send(reply[point:])

    origin.behaves(until)
    dut.apply(servers=[Server(origin.endpoint, connections=2)])
    before = _at_rest(dut)
    for _ in range(len(reply)):
        leaves, gone = threading.Event(), threading.Event()
        connection = client.connect()
        connection.send(encode_request("GET", "/left"))
        assert leaves.wait(10)
        if how == "reset":
            connection.reset()
        connection.close()
        gone.set()
    assert client.get("/").body == b"0123456789" * 3
    _comes_to_rest(dut, before, LEFT_BEHIND)


def test_thousands_of_idle_and_slow_connections_beside_served_ones(dut: Dut, origin: Origin, client: Client) -> None:
    idle, slow = 3000, int(1000 / speed.factor())
    # A thousand requests at once: how long the last of them waits for its turn is the origin's business.
    dut.apply(timeouts={"client_header": 300, "keepalive": 300}, group={"queue_timeout": 300})
    before = _at_rest(dut)
    origin.replies(Reply(200, b"served"))
    connections = []
    for number in range(idle + slow):
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        sock.bind((Network.client_address(20_000 + number), 0))
        sock.settimeout(Deadline(PATIENCE_S).seconds)
        sock.connect(dut.endpoint)
        connections.append(sock)
        if number >= idle:
            sock.send(b"GET /slow HTTP/1.1\r\nHost: weir.te")
    if dut.name == "weir":
        dut.wait_for_statistic("connections_active", idle + slow, seconds=20)
        assert dut.statistics["memory_bytes"] - before <= (idle + slow) * 4096
    assert client.get("/", times=100).bodies == [b"served"] * 100
    for sock in connections[idle:]:
        sock.send(b"st\r\n\r\n")
    for sock in connections[idle:]:
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
    for sock in connections:
        sock.close()
    _comes_to_rest(dut, before)


def _at_rest(dut: Dut) -> int:
    return dut.statistics["memory_bytes"] if dut.name == "weir" else 0


def _comes_to_rest(dut: Dut, before: int, most: int = 256 * 1024) -> None:
    """No connection is left, and what Weir holds is what it held before, but for `most` (a pool's pages)."""
    if dut.name != "weir":
        return
    dut.wait_for_statistic("connections_active", 0, seconds=20)
    Deadline(10).wait_for(lambda: dut.statistics["memory_bytes"] <= before + most, what="the memory to be given back")
