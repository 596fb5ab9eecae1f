"""Cases through all three devices, their differences held against the rules, and what is left over told shortly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis.strategies import SearchStrategy

from suites.differential.draft import Case
from suites.differential.driver import Driver, Job, Outcome
from suites.differential.grammar import each_alone, generate, replies, requests
from suites.differential.recorder import Answer
from suites.differential.rules import Book, Direction
from suites.differential.view import Difference, View, differences, view_of_reply, view_of_request

PEERS = ("nginx", "haproxy")
_BATCH = 400


@dataclass(frozen=True)
class Result:
    """One case through every device."""

    case: Case
    views: dict[str, View]

    @property
    def weir(self) -> View:
        return self.views["weir"]

    @property
    def differences(self) -> list[Difference]:
        return [found for peer in PEERS for found in differences(self.weir, peer, self.views[peer])]


class Unexplained(AssertionError):
    """A difference that no rule explains. The message is its reproduction."""


class Trial:
    """All cases of one direction, and what came of each."""

    def __init__(self, driver: Driver, direction: Direction, book: Book) -> None:
        self.driver = driver
        self.direction = direction
        self.book = book
        self.results: dict[tuple[str, bytes, bool], Result] = {}
        self.failures: list[str] = []
        self.unsteady: list[str] = []

    def run(self, examples: int, seed: int) -> None:
        """The hand-written cases and so many of the grammar's; `failures` says how to repeat what is unexplained."""
        written = each_alone(self.direction)
        self._send(written)
        for case in written:
            try:
                self._check(case)
            except Unexplained as left:
                self.failures.append(str(left))
        strategy: SearchStrategy[Case] = requests() if self.direction == "request" else replies()
        made: list[Case] = []
        # Twice the same cases: first to send them many at a time, then to judge, and to shrink what fails.
        generate(strategy, examples, seed, made.append)
        self._send(made)
        try:
            generate(strategy, examples, seed, self._check)
        except Unexplained as left:
            self.failures.append(str(left))

    def _send(self, cases: Sequence[Case]) -> None:
        new = list({_key(case): case for case in cases if _key(case) not in self.results}.values())
        for at in range(0, len(new), _BATCH):
            batch = new[at : at + _BATCH]
            outcomes = self.driver.run([self._job(case) for case in batch])
            for number, case in enumerate(batch):
                self.results[_key(case)] = self._result(case, {name: outcomes[name][number] for name in outcomes})

    def _job(self, case: Case) -> Job:
        return Job(case.raw) if self.direction == "request" else job_of_reply(case)

    def _result(self, case: Case, outcomes: dict[str, Outcome]) -> Result:
        view: Callable[[Case, Outcome], View] = view_of_request if self.direction == "request" else view_of_reply
        return Result(case, {name: view(case, outcome) for name, outcome in outcomes.items()})

    def _check(self, case: Case) -> None:
        """Raises Unexplained. A case that fails is sent once more by itself: what does not last is only noted."""
        if _key(case) not in self.results:
            self._send([case])
        first = self.results[_key(case)]
        if not self.book.unexplained(case, first.differences):
            return
        del self.results[_key(case)]
        self._send([case])
        again = self.results[_key(case)]
        left = self.book.unexplained(case, again.differences)
        if left:
            raise Unexplained(reproduction(again, left))
        self.unsteady.append(reproduction(first, first.differences))


def job_of_reply(case: Case) -> Job:
    """A plain request that is answered by the case."""
    request = f"{case.method} /reply HTTP/1.1\r\nHost: weir.test\r\n\r\n".encode()
    return Job(request, Answer(case.raw, case.close))


def _key(case: Case) -> tuple[str, bytes, bool]:
    return case.method, case.raw, case.close


def reproduction(result: Result, left: Sequence[Difference]) -> str:
    """What to send, and what became of it in each device."""
    case = result.case
    lines = [
        f"{case.name} (families: {', '.join(sorted(case.families)) or 'none'})",
        *(f"    {difference}" for difference in left),
        f"    bytes: {case.raw!r}{', then the origin closes' if case.close else ''}",
        *(f"    {name}: {view.verdict}, sentinel {view.after}" for name, view in result.views.items()),
    ]
    for name, view in result.views.items():
        lines += [f"    {name} passed on: {message.raw!r} {message.problem}" for message in view.passed]
    return "\n".join(lines)
