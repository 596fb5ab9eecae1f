"""Requests that arrive together, and what a limit may let pass of them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from suites.traffic.client import Client
from suites.traffic.errors import Closed
from suites.traffic.messages import encode_request

REFUSED = 429
RESET = 0
"""Stands for a connection that was reset instead of answered."""


@dataclass(frozen=True)
class Volley:
    """What became of requests, of which the first was sent when it `began` and the last answer read when it `ended`, by
    this host's clock. Refusals come last."""

    statuses: list[int]
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def served(self) -> int:
        return self.statuses.count(200)

    def followed_by(self, other: Volley) -> Volley:
        """Both as one, with what was between them."""
        return Volley(_sorted([*self.statuses, *other.statuses]), self.began, other.ended)

    def expect_limited(self, limit: int, window: float, *, refusal: int = REFUSED, leaky: bool = False) -> None:
        """Raises AssertionError unless just `limit` were served in each window that can have begun meanwhile.

        The second window cannot begin before `window` seconds have passed since the first request: a volley that took
        less has one answer, which on a host that held it up for longer is a bound. A `leaky` device forgives each
        request after its share of the window, so that how long it took always counts.
        """
        passed = self.seconds / window
        most = min(len(self.statuses), limit + (int(limit * passed) + 1 if leaky else limit * int(passed)))
        least = min(len(self.statuses), limit)
        assert set(self.statuses) <= {200, refusal}, self
        assert least <= self.served <= most, f"{self}: {least} to {most} should have been served"


def volley(client: Client, count: int) -> Volley:
    """Send so many requests at the same time, each on a connection of its own that is open already."""
    request = encode_request("GET", "/")
    connections = [client.connect() for _ in range(count)]
    began = time.monotonic()
    for connection in connections:
        connection.send(request)
    statuses = []
    for connection in connections:
        try:
            statuses.append(connection.response().status)
        except Closed as closed:
            if not closed.reset:
                raise
            statuses.append(RESET)
    ended = time.monotonic()
    for connection in connections:
        connection.close()
    return Volley(_sorted(statuses), began, ended)


def _sorted(statuses: list[int]) -> list[int]:
    return sorted(statuses, key=lambda status: (status != 200, status))
