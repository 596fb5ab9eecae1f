"""What never stops while a test changes something; whatever fails in it fails the test."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Self

from lab.deadline import Deadline
from suites.traffic.client import Client
from suites.traffic.messages import encode_request
from suites.traffic.origin import Origin

GET = encode_request("GET", "/")


class Unceasing:
    """Does each of these deeds again and again, each in a thread of its own, until the block ends.

    One that fails is done no more. The first failure is raised at the end of the block, unless that raises by itself.
    """

    def __init__(self, *deeds: Callable[[], None]) -> None:
        self._threads = [threading.Thread(target=self._repeat, args=(deed,)) for deed in deeds]
        self._failures: list[BaseException] = []
        self._stop = threading.Event()

    @property
    def failed(self) -> bool:
        """Whether any has, so far."""
        return bool(self._failures)

    def _repeat(self, deed: Callable[[], None]) -> None:
        try:
            while not self._stop.is_set():
                deed()
        except BaseException as error:  # noqa: BLE001 - raised in the test's own thread
            self._failures.append(error)

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
        if self._failures and error is None:
            raise self._failures[0]


class BusyClients(Unceasing):
    """Clients that ask on one connection after another, a few pipelined requests at a time."""

    def __init__(self, clients: Iterable[Client]) -> None:
        super().__init__(*(partial(self._converse, client) for client in clients))
        self._answers: list[int] = []  # of all threads, which only add to it

    def _converse(self, client: Client) -> None:
        with client.connect() as connection:
            for _ in range(3):
                connection.send(GET * 4)
                self._answers += connection.responses(4).statuses
            self._answers.append(connection.ask(headers=[("Connection", "close")]).status)

    @property
    def statuses(self) -> Counter[int]:
        """How often each status has been answered."""
        return Counter(self._answers)

    def wait_for_more(self, count: int = 50) -> None:
        """Until so many more have been served, or something has failed."""
        enough = self.statuses[200] + count
        Deadline(10).wait_for(
            lambda: self.failed or self.statuses[200] >= enough, interval=0.005, what="clients to be served on"
        )

    def expect_all_served(self, origin: Origin) -> None:
        """Once they have stopped: no request failed, none came twice."""
        assert self.statuses.keys() == {200}, self.statuses
        assert self.statuses[200] == origin.requests
