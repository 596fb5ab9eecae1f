"""Honest clients: a request at a fixed rate, each on a connection of its own, from many addresses. Runs as a process.

Open loop by construction: request k is due at start + k / rate, whatever became of those before, and its latency counts
from when it was due. New connections, because what an attack takes from visitors is the way in.
"""

from __future__ import annotations

import json
import select
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from suites.performance.timed.visit import Visit, by_order, trusting

if TYPE_CHECKING:
    from suites.performance.timed.sides import Endpoint


@dataclass(frozen=True)
class Order:
    """What to ask for: `rate` requests a second for `seconds`, each given up `patience` seconds after it was due.

    `body` is the length that a reply's body must have, in bytes. `https`: all in TLS, with a full handshake each.
    """

    address: str
    port: int
    path: str
    body: int
    sources: list[str]
    rate: float
    seconds: float
    patience: float
    https: bool = False


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
    endpoint: Endpoint,
    *,
    path: str,
    body: int,
    sources: Sequence[str],
    rate: float,
    seconds: float,
    patience: float,
    https: bool = False,
) -> Report:
    """Runs the clients in a process of their own, so that nothing here disturbs their timing.

    Raises InfrastructureError when that process fails.
    """
    order = Order(endpoint[0], endpoint[1], path, body, list(sources), rate, seconds, patience, https)
    return Report(**by_order("suites.performance.timed.honest", order, seconds=seconds + patience))


def run(order: Order) -> Report:
    """The clients themselves."""
    request = f"GET {order.path} HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n".encode()
    report, others, lost = Report(), Counter[str](), Counter[str]()
    context = trusting() if order.https else None
    open_visits: dict[int, Visit] = {}
    poll = select.epoll()
    start = time.monotonic()
    total = round(order.rate * order.seconds)
    report.seconds = total / order.rate

    def end(visit: Visit, reason: str) -> None:
        del open_visits[visit.socket.fileno()]
        visit.socket.close()
        if reason:
            lost[reason] += 1

    while report.sent < total or open_visits:
        now = time.monotonic()
        while report.sent < total and (due := start + report.sent / order.rate) <= now:
            visit = Visit((order.address, order.port), order.sources[report.sent % len(order.sources)], due, context)
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
                if ready.step(poll, request):
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


if __name__ == "__main__":
    print(json.dumps(asdict(run(Order(**json.loads(sys.argv[1]))))))
