"""Closed loop of visits over TLS, each with a full handshake: what wrk cannot do, which counts no reply that comes with
the end of its connection over TLS. Runs as a process.

A client in Python takes some 2 ms of its own CPU a visit: enough for an emulated guest, and for no faster one.
"""

from __future__ import annotations

import json
import select
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from suites.performance.timed.visit import Visit, by_order, trusting
from suites.performance.timed.wrk import REPLY_TIMEOUT_S, Plan, Report

if TYPE_CHECKING:
    from suites.performance.timed.sides import Endpoint

SOURCE = "0.0.0.0"
"""Whichever address the host has."""


@dataclass(frozen=True)
class Order:
    """So many connections at a time, for `seconds`. `request` is what each sends."""

    address: str
    port: int
    request: str
    connections: int
    seconds: float


def drive(endpoint: Endpoint, plan: Plan, *, seconds: float) -> Report:
    """Runs the clients in a process of their own. Raises InfrastructureError when that fails."""
    order = Order(*endpoint, plan.request.decode("latin-1"), plan.connections, seconds)
    return Report(**by_order("suites.performance.timed.handshakes", order, seconds=seconds + REPLY_TIMEOUT_S))


def run(order: Order) -> Report:
    """The clients themselves."""
    context, poll = trusting(), select.epoll()
    request = order.request.encode("latin-1")
    visits: dict[int, Visit] = {}
    served = refused = received = 0
    broken = Counter[str](connect=0, read=0, write=0, timeout=0)
    began = time.monotonic()
    end = began + order.seconds
    while (now := time.monotonic()) < end:
        for late in [visit for visit in visits.values() if now > visit.due + REPLY_TIMEOUT_S]:
            broken["timeout"] += 1
            visits.pop(late.socket.fileno()).socket.close()
        while len(visits) < order.connections:
            visit = Visit((order.address, order.port), SOURCE, now, context)
            visits[visit.socket.fileno()] = visit
            poll.register(visit.socket, select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP)
        for descriptor, _events in poll.poll(min(0.05, end - now)):
            visit = visits[descriptor]
            try:
                if not visit.step(poll, request):
                    continue
                status = visit.complete(0)
                served += status != ""
                refused += status >= "400"
                received += len(visit.received)
                broken["read"] += status == ""
            except OSError:
                broken["read"] += 1
            visits.pop(descriptor).socket.close()
    return Report(served, received, time.monotonic() - began, refused, dict(broken))


if __name__ == "__main__":
    print(json.dumps(asdict(run(Order(**json.loads(sys.argv[1]))))))
