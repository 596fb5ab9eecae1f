"""A flood: connections or packets from one address or from thousands, at a rate of its own. Runs as a process.

Open loop: what becomes of one attempt does not hold up the next, so that every device is offered the same. Bounded in
number, rate and time; it ends by itself, or when it is killed.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import select
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal

from suites.performance.timed.hold import SPARE_FILES, allow_files

if TYPE_CHECKING:
    from suites.performance.timed.sides import Endpoint

Mode = Literal["requests", "connections", "handshakes", "syn"]
ABANDONED_S: Final = 0.5  # after so long an attempt is given up, whatever has become of it
AT_ONCE: Final = 4000  # attempts on their way: more are not begun
TICK_S: Final = 0.005
_IP_BIND_ADDRESS_NO_PORT: Final = 24  # linux/in.h
_PORTS: Final = (1024, 64512)  # of SYNs: the first, and how many


@dataclass(frozen=True)
class Order:
    """`rate` attempts a second in turn from `sources`, for `seconds`.

    An attempt is a SYN, for its own sake; or a connection that says nothing; or one with `requests` requests for
    `path`, sent at once; or one that begins a TLS handshake, always with the same ClientHello, which costs it nothing,
    and does not go on.
    """

    address: str
    port: int
    mode: Mode
    path: str
    requests: int
    sources: list[str]
    rate: float
    seconds: float


@contextmanager
def flooding(
    endpoint: Endpoint,
    *,
    mode: Mode,
    sources: Sequence[str],
    rate: float,
    seconds: float,
    path: str = "/",
    requests: int = 1,
) -> Iterator[None]:
    """The flood, while inside; `seconds` at most."""
    order = Order(*endpoint, mode, path, requests, list(sources), rate, seconds)
    argv = [sys.executable, "-m", "suites.performance.timed.flood"]
    # Ten thousand addresses are more than an argument may have.
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, text=True)
    try:
        assert process.stdin is not None
        with process.stdin as order_goes_in:
            order_goes_in.write(json.dumps(asdict(order)))
        yield
    finally:
        process.kill()
        process.wait()


def run(order: Order) -> None:
    """The flood itself."""
    end = time.monotonic() + order.seconds
    if order.mode == "syn":
        _send_syns(order, end)
    else:
        _connect(order, end)


def _due(begin: float, order: Order, sent: int, limit: int) -> int:
    """How many attempts are due now; what could not be sent in time is not made up for in one go."""
    return min(limit, int((time.monotonic() - begin) * order.rate) - sent)


class _Attempt:
    """A connection on its way."""

    def __init__(self, order: Order, source: str, request: bytes) -> None:
        self.request = request
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        # Without a trace on this side, and a reset for the device: an attacker has no manners.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.bind((source, 0))
        self.socket.connect_ex((order.address, order.port))

    def step(self) -> bool:
        """Say what there is to say, take what comes; whether the device has ended it."""
        try:
            if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return True
            if self.request:
                self.socket.send(self.request)
                self.request = b""
                return False
            return not self.socket.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            return True


def _connect(order: Order, end: float) -> None:
    allow_files(AT_ONCE + SPARE_FILES)
    ask = f"GET {order.path} HTTP/1.1\r\nHost: www.example.com\r\n\r\n".encode() * order.requests
    request = {"requests": ask, "handshakes": hello(order.address)}.get(order.mode, b"")
    poll = select.epoll()
    attempts: dict[int, _Attempt] = {}
    given_up: list[tuple[float, int, _Attempt]] = []
    begin, sent = time.monotonic(), 0
    while (now := time.monotonic()) < end:
        while given_up and given_up[0][0] < now:
            _, _, attempt = heapq.heappop(given_up)
            if attempts.get(attempt.socket.fileno()) is attempt:
                del attempts[attempt.socket.fileno()]
                attempt.socket.close()
        for _ in range(max(0, _due(begin, order, sent, AT_ONCE - len(attempts)))):
            attempt = _Attempt(order, order.sources[sent % len(order.sources)], request)
            attempts[attempt.socket.fileno()] = attempt
            poll.register(attempt.socket, select.EPOLLIN | (select.EPOLLOUT if request else 0))
            heapq.heappush(given_up, (now + ABANDONED_S, sent, attempt))
            sent += 1
        for descriptor, events in poll.poll(TICK_S):
            attempt = attempts[descriptor]
            if attempt.step():
                del attempts[descriptor]
                attempt.socket.close()
            elif events & select.EPOLLOUT:
                poll.modify(attempt.socket, select.EPOLLIN)


def hello(name: str) -> bytes:
    """A ClientHello with a key for X25519, as OpenSSL makes it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def _send_syns(order: Order, end: float) -> None:
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sources = [socket.inet_aton(source) for source in order.sources]
    target = socket.inet_aton(order.address)
    begin, sent = time.monotonic(), 0
    while time.monotonic() < end:
        for _ in range(max(0, _due(begin, order, sent, AT_ONCE))):
            raw.sendto(syn(sources[sent % len(sources)], target, order.port, sent), (order.address, 0))
            sent += 1
        time.sleep(TICK_S)


def syn(source: bytes, target: bytes, port: int, number: int) -> bytes:
    """An IPv4 packet with a SYN; the kernel fills in the IP header's checksum and length (raw(7))."""
    first, count = _PORTS
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0x4000, 64, socket.IPPROTO_TCP, 0, source, target)
    fields = (first + number % count, port, number * 64007 % 2**32, 0, 5 << 4, 0x02, 64240)
    bare = struct.pack("!HHIIBBHHH", *fields, 0, 0)
    pseudo = source + target + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(bare))
    return ip + struct.pack("!HHIIBBHHH", *fields, checksum(pseudo + bare), 0)


def checksum(data: bytes) -> int:
    """RFC 1071, of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


if __name__ == "__main__":
    run(Order(**json.load(sys.stdin)))
