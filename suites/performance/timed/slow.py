"""One byte a second, for ever: connections that send a head or a body, or read a reply, so. Runs as a process.

As many are open as were ordered: one that ends is followed by another, as fast as an order says. Bounded in number,
rate and time; the process ends by itself, or when its standard input is closed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from lab.errors import InfrastructureError
from suites.performance.timed.hold import allow_files

if TYPE_CHECKING:
    from suites.performance.timed.sides import Endpoint

EVERY_S: Final = 1.0
SPARE_FILES: Final = 64
WINDOW: Final = 1024
_IP_BIND_ADDRESS_NO_PORT: Final = 24  # linux/in.h


@dataclass(frozen=True)
class Order:
    """`count` connections in turn head, body and reply: what begins each is in `openings`.

    They are opened at `rate` a second, and those that end are replaced at `again` a second.
    """

    address: str
    port: int
    openings: list[str]
    sources: list[str]
    count: int
    rate: float
    again: float
    seconds: float


@contextmanager
def trickling(
    endpoint: Endpoint,
    *,
    upload: str,
    download: str,
    count: int,
    sources: Sequence[str],
    rate: float,
    again: float,
    seconds: float,
) -> Iterator[None]:
    """`count` connections, see Order; all gone at the end. Raises InfrastructureError when the process fails."""
    host = f"Host: {endpoint[0]}\r\n"
    openings = [
        f"GET {download} HTTP/1.1\r\n{host}X-Long: ",
        f"POST {upload} HTTP/1.1\r\n{host}Content-Length: 65536\r\n\r\n",
        f"GET {download} HTTP/1.1\r\n{host}\r\n",
    ]
    order = Order(*endpoint, openings, list(sources), count, rate, again, seconds)
    argv = [sys.executable, "-m", "suites.performance.timed.slow", json.dumps(asdict(order))]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield
        if process.poll() not in (None, 0):
            assert process.stderr is not None
            raise InfrastructureError(f"the slow clients failed: {process.stderr.read().strip()[-500:]}")
    finally:
        process.kill()
        process.communicate()


class _Line:
    """One connection."""

    def __init__(self, order: Order, number: int) -> None:
        self.opening = order.openings[number % len(order.openings)].encode()
        self.reads = number % len(order.openings) == len(order.openings) - 1
        self.asked = False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.reads:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
        self.socket.bind((order.sources[number % len(order.sources)], 0))
        self.socket.connect_ex((order.address, order.port))

    def step(self) -> None:
        """What is due. Raises OSError when the connection has ended, or will not be."""
        if error := self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))
        with contextlib.suppress(BlockingIOError):
            if not self.asked:
                self.socket.send(self.opening)
                self.asked = True
            elif not self.reads:
                self.socket.send(b"x")
            if self.asked and not self.socket.recv(1 if self.reads else 4096):
                raise OSError(0, "closed")


def run(order: Order) -> None:
    """Hold so many until the time is up or standard input ends."""
    allow_files(order.count + SPARE_FILES)
    begin = time.monotonic()
    end = begin + order.seconds
    due: list[tuple[float, int, _Line]] = []
    opened = 0
    while (now := time.monotonic()) < end:
        allowed = min((now - begin) * order.rate, order.count + (now - begin) * order.again)
        while len(due) < order.count and opened < allowed:
            heappush(due, (now, opened, _Line(order, opened)))
            opened += 1
        while due and due[0][0] <= now:
            at, number, line = heappop(due)
            try:
                line.step()
            except OSError:
                line.socket.close()
                continue
            heappush(due, (max(at, now - EVERY_S) + EVERY_S, number, line))
        if select.select([sys.stdin], [], [], 0.02)[0]:
            return


if __name__ == "__main__":
    run(Order(**json.loads(sys.argv[1])))
