"""Requests at a steady pace, for what depends on how many there are in a second."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from suites.traffic.client import Client, Conversation
from suites.traffic.errors import TrafficError

TICK_S = 0.05


class Pace:
    """While entered, sends `rate` requests a second over one connection: those of a twentieth of a second in one write.

    `requests` are sent in turn, as they are, whether those before are answered or not; none may end the connection.
    """

    def __init__(self, client: Client, rate: float, requests: Sequence[bytes]) -> None:
        self._connection: Conversation = client.connect()
        self._per_tick = rate * TICK_S
        self._requests = requests
        self._sent = 0
        self._stop = threading.Event()
        self._due: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name="pace", daemon=True)
            for work in (self._send, self._receive)
        ]
        self._errors: list[Exception] = []
        self.statuses: Counter[int] = Counter()
        """Of the replies, complete when it has been left."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._connection.close()
        if self._errors and not error:
            raise self._errors[0]

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, TrafficError) as problem:  # the test's own thread raises it
            self._errors.append(problem)

    def _send(self) -> None:
        due, then = 0.0, time.monotonic()
        try:
            while True:
                due += self._per_tick
                count, due = int(due), due % 1
                self._connection.send(b"".join(self._next() for _ in range(count)))
                self._due.put(count)
                then = max(then + TICK_S, time.monotonic())
                if self._stop.wait(then - time.monotonic()):
                    return
        finally:
            self._due.put(-1)

    def _receive(self) -> None:
        while (count := self._due.get()) >= 0:
            self.statuses.update(self._connection.responses(count).statuses)

    def _next(self) -> bytes:
        self._sent += 1
        return self._requests[(self._sent - 1) % len(self._requests)]
