"""Honest clients: a request at a fixed rate, each on a connection of its own, from many addresses. Runs as a process.

Open loop by construction: request k is due at start + k / rate, whatever became of those before, and its latency counts
from when it was due. New connections, because what an attack takes from visitors is the way in.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from lab.deadline import Deadline
from lab.errors import InfrastructureError

if TYPE_CHECKING:
    from suites.performance.timed.sides import Endpoint


@dataclass(frozen=True)
class Order:
    """What to ask for: `rate` requests a second for `seconds`, each given up `patience` seconds after it was due.

    `body` is the length that a reply's body must have, in bytes.
    """

    address: str
    port: int
    path: str
    body: int
    sources: list[str]
    rate: float
    seconds: float
    patience: float


@dataclass
class Report:
    """What came of it. `latencies_us` are those of requests served in time: status 200 and the whole body.

    `others` counts replies with another status, by status; `lost` requests without a whole reply in time, by reason.
    """

    sent: int = 0
    seconds: float = 0.0
    latencies_us: list[int] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)

    @property
    def served(self) -> int:
        return len(self.latencies_us)

    @property
    def failed(self) -> int:
        return self.sent - self.served

    @property
    def goodput(self) -> float:
        """Requests served in time, a second."""
        return self.served / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        return f"{self.served} of {self.sent} served; other statuses {self.others}, lost {self.lost}"


def ask(
    endpoint: Endpoint, *, path: str, body: int, sources: Sequence[str], rate: float, seconds: float, patience: float
) -> Report:
    """Runs the clients in a process of their own, so that nothing here disturbs their timing.

    Raises InfrastructureError when that process fails.
    """
    order = Order(endpoint[0], endpoint[1], path, body, list(sources), rate, seconds, patience)
    argv = [sys.executable, "-m", "suites.performance.timed.honest", json.dumps(asdict(order))]
    limit = seconds + patience + Deadline(10.0).seconds
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as expired:
        raise InfrastructureError(f"the honest clients did not end within {limit:.0f} s") from expired
    if done.returncode:
        raise InfrastructureError(f"the honest clients failed: {done.stderr.strip()[-1000:]}")
    return Report(**json.loads(done.stdout))


class _Visit:
    """One request on its way."""

    def __init__(self, order: Order, source: str, due: float) -> None:
        self.due = due
        self.asked = False
        self.received = bytearray()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        # The port is chosen at connect(2), for the whole tuple: as many connections a source as there are ports.
        self.socket.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        self.socket.bind((source, 0))
        self.socket.connect_ex((order.address, order.port))

    def complete(self, body: int) -> str:
        """The status once head and body are there; nothing before."""
        head, found, rest = bytes(self.received).partition(b"\r\n\r\n")
        if not found:
            return ""
        status = head.split(b" ", 2)[1].decode("ascii", "replace")
        return status if status != "200" or len(rest) >= body else ""


_IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h


def run(order: Order) -> Report:
    """The clients themselves."""
    request = f"GET {order.path} HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n".encode()
    report, others, lost = Report(), Counter[str](), Counter[str]()
    open_visits: dict[int, _Visit] = {}
    poll = select.epoll()
    start = time.monotonic()
    total = round(order.rate * order.seconds)
    report.seconds = total / order.rate

    def end(visit: _Visit, reason: str) -> None:
        del open_visits[visit.socket.fileno()]
        visit.socket.close()
        if reason:
            lost[reason] += 1

    while report.sent < total or open_visits:
        now = time.monotonic()
        while report.sent < total and (due := start + report.sent / order.rate) <= now:
            visit = _Visit(order, order.sources[report.sent % len(order.sources)], due)
            open_visits[visit.socket.fileno()] = visit
            poll.register(visit.socket, select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP)
            report.sent += 1
        for visit in [visit for visit in open_visits.values() if now > visit.due + order.patience]:
            end(visit, "no whole reply in time" if visit.received else "no reply in time")
        next_due = start + report.sent / order.rate if report.sent < total else now + 0.05
        for descriptor, _events in poll.poll(max(0.0, min(0.05, next_due - now))):
            ready = open_visits.get(descriptor)
            if ready is None:
                continue
            try:
                if _step(ready, poll, request):
                    end(ready, "closed early")
                    continue
            except OSError as error:
                end(ready, error.strerror or str(error))
                continue
            if status := ready.complete(order.body):
                elapsed = time.monotonic() - ready.due
                if status != "200":
                    others[status] += 1
                elif elapsed <= order.patience:
                    report.latencies_us.append(round(elapsed * 1e6))
                else:
                    lost["late"] += 1
                end(ready, "")
    report.others, report.lost = dict(others), dict(lost)
    return report


def _step(visit: _Visit, poll: select.epoll, request: bytes) -> bool:
    """Send the request when connected, or take what came; whether the other side has closed. Raises OSError."""
    if error := visit.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, os.strerror(error))
    if not visit.asked:
        visit.socket.send(request)
        visit.asked = True
        poll.modify(visit.socket, select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP)
        return False
    try:
        data = visit.socket.recv(65536)
    except BlockingIOError:
        return False
    visit.received += data
    return not data


if __name__ == "__main__":
    print(json.dumps(asdict(run(Order(**json.loads(sys.argv[1]))))))
