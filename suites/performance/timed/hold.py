"""Connections opened and held: idle after a reply, busy with a request, or silent from the start. Runs as a process.

Bounded in number, rate and time: it ends by itself, or when its standard input is closed.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal

from lab.deadline import Deadline
from lab.errors import InfrastructureError

if TYPE_CHECKING:
    from suites.performance.timed.sides import Endpoint

Mode = Literal["silent", "idle", "active"]
PER_PROCESS: Final = 15_000  # connections: hosts allow a process 20,000 files or more
SPARE_FILES: Final = 64
AT_ONCE: Final = 64  # connections on their way at the same time: listeners have backlogs
_IP_BIND_ADDRESS_NO_PORT: Final = 24  # linux/in.h


@dataclass(frozen=True)
class Order:
    """`count` connections at `rate` a second at most, all gone after `seconds`. `body`: bytes of a reply's body."""

    address: str
    port: int
    mode: Mode
    path: str
    body: int
    sources: list[str]
    count: int
    rate: float
    seconds: float


@dataclass(frozen=True)
class Held:
    """Connections that are open (and were answered, where they asked), and those that are not, by reason."""

    open: int
    failed: int
    reasons: dict[str, int]


@contextmanager
def held(
    endpoint: Endpoint,
    *,
    mode: Mode,
    count: int,
    sources: Sequence[str],
    path: str = "/",
    body: int = 0,
    rate: float = 2000.0,
    seconds: float = 60.0,
) -> Iterator[Held]:
    """`count` connections from `sources`, all of them as far as they got; closed at the end.

    Raises InfrastructureError when the processes that hold them fail.
    """
    limit = Deadline(30.0 + count / 300)
    chunks = [min(PER_PROCESS, count - start) for start in range(0, count, PER_PROCESS)]
    processes: list[subprocess.Popen[str]] = []
    try:
        for number, chunk in enumerate(chunks):
            own = list(sources)[number :: len(chunks)] or list(sources)
            order = Order(*endpoint, mode, path, body, own, chunk, rate / len(chunks), seconds + limit.seconds)
            argv = [sys.executable, "-m", "suites.performance.timed.hold", json.dumps(asdict(order))]
            processes.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        reports = [_report(process, limit) for process in processes]
        reasons: dict[str, int] = {}
        for report in reports:
            for reason, times in report.reasons.items():
                reasons[reason] = reasons.get(reason, 0) + times
        yield Held(sum(report.open for report in reports), sum(report.failed for report in reports), reasons)
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _report(process: subprocess.Popen[str], limit: Deadline) -> Held:
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], limit.remaining)[0]:
        raise InfrastructureError(f"connections were not open within {limit.seconds:.0f} s")
    line = process.stdout.readline()
    if not line:
        raise InfrastructureError(f"the process that opens connections ended with status {process.wait()}")
    return Held(**json.loads(line))


class _Line:
    """One connection."""

    def __init__(self, order: Order, source: str) -> None:
        self.asked = False
        self.head = b""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        self.socket.bind((source, 0))
        self.socket.connect_ex((order.address, order.port))


def run(order: Order) -> None:
    """Open them, print how it went, hold them until the time is up or standard input ends."""
    allow_files(order.count + SPARE_FILES)
    end = time.monotonic() + order.seconds
    request = f"GET {order.path} HTTP/1.1\r\nHost: www.example.com\r\n\r\n".encode()
    poll = select.epoll()
    waiting: dict[int, _Line] = {}
    standing: list[_Line] = []
    reasons: dict[str, int] = {}
    started, begin = 0, time.monotonic()
    while started < order.count or waiting:
        now = time.monotonic()
        if now > end:
            reasons["not open in time"] = len(waiting) + order.count - started
            break
        while started < order.count and len(waiting) < AT_ONCE and started <= (now - begin) * order.rate:
            line = _Line(order, order.sources[started % len(order.sources)])
            waiting[line.socket.fileno()] = line
            poll.register(line.socket, select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP)
            started += 1
        for descriptor, _events in poll.poll(0.01):
            line = waiting[descriptor]
            try:
                settled = _step(line, order, request, poll)
            except OSError as error:
                reasons[error.strerror or str(error)] = reasons.get(error.strerror or str(error), 0) + 1
                line.socket.close()
                del waiting[descriptor]
                continue
            if settled:
                poll.unregister(descriptor)
                standing.append(waiting.pop(descriptor))
    print(json.dumps(asdict(Held(len(standing), sum(reasons.values()), reasons))), flush=True)
    select.select([sys.stdin], [], [], max(0.0, end - time.monotonic()))


def _step(line: _Line, order: Order, request: bytes, poll: select.epoll) -> bool:
    """Whether the connection has come to where it is to be held. Raises OSError when it will not."""
    if error := line.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, os.strerror(error))
    if not line.asked:
        line.asked = True
        if order.mode == "silent":
            return True
        line.socket.send(request)
        if order.mode == "active":
            return True
        poll.modify(line.socket, select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP)
        return False
    try:
        data = line.socket.recv(65536)
    except BlockingIOError:
        return False
    if not data:
        raise OSError(0, "closed early")
    line.head += data
    head, found, rest = line.head.partition(b"\r\n\r\n")
    if found and not head.startswith(b"HTTP/1.1 200 "):
        raise OSError(0, head.split(b"\r\n")[0].decode("latin-1"))
    if found and len(rest) >= order.body:
        line.head = b""
        return True
    return False


def allow_files(wanted: int) -> None:
    """Let this process have so many files open, as far as the host allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


if __name__ == "__main__":
    run(Order(**json.loads(sys.argv[1])))
