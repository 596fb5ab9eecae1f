"""The same bytes through Weir, nginx and HAProxy: every difference between them is explained by a rule.

And the property that matters most: what Weir passes on, either way, has one meaning. A forwarded request is one message
with the same bounds to nginx and HAProxy as backends; what a client gets is one message to readers of other authors:
http.client, h11, curl, nginx and HAProxy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from suites.differential.curl import read_by_curl
from suites.differential.driver import Driver, Job
from suites.differential.readers import READERS, Relayed, disagreements, relayed
from suites.differential.rules import Book, Direction, read_rules
from suites.differential.trial import PEERS, Trial, job_of_reply
from suites.differential.view import (
    View,
    differences,
    view_of_message,
    view_of_reply,
    view_of_request,
    view_of_response,
)
from suites.traffic.programs import Programs

SHOWN = 12
BOUNDS = frozenset({"verdict", "after", "line", "authority", "body"})
REPLY_BOUNDS = frozenset({"verdict", "line", "body"})  # a peer may close behind a reply


def show(failures: Sequence[str]) -> str:
    more = f"\n... and {len(failures) - SHOWN} more" if len(failures) > SHOWN else ""
    said = "\n".join(failures[:SHOWN])
    return f"{len(failures)} differences are not explained (suites/differential/rules.toml):\n{said}{more}"


@pytest.fixture(scope="module")
def books() -> dict[str, Book]:
    rules = read_rules()
    return {direction: Book(direction, rules) for direction in ("request", "reply", "backend")}


@pytest.fixture(scope="module")
def requests_trial(driver: Driver, books: dict[str, Book], pytestconfig: pytest.Config) -> Trial:
    """Every request, sent through all three devices."""
    return tried("request", driver, books, pytestconfig)


@pytest.fixture(scope="module")
def replies_trial(driver: Driver, books: dict[str, Book], pytestconfig: pytest.Config) -> Trial:
    """Every reply, sent through all three devices."""
    return tried("reply", driver, books, pytestconfig)


def tried(direction: Direction, driver: Driver, books: dict[str, Book], config: pytest.Config) -> Trial:
    trial = Trial(driver, direction, books[direction])
    trial.run(config.getoption("--examples"), config.getoption("--seed"))
    return trial


def test_every_difference_between_requests_is_explained(requests_trial: Trial) -> None:
    assert not requests_trial.failures, show(requests_trial.failures)


def test_every_difference_between_replies_is_explained(replies_trial: Trial) -> None:
    assert not replies_trial.failures, show(replies_trial.failures)


def test_what_weir_forwards_is_one_message_to_both_peers(
    requests_trial: Trial, driver: Driver, books: dict[str, Book]
) -> None:
    """The very bytes that Weir forwarded, with a plain request behind them: two messages, where Weir's own ended."""
    sent = {
        message.raw: (result.case, message)
        for result in requests_trial.results.values()
        for message in result.weir.passed
    }
    assert sent
    outcomes = driver.run([Job(raw) for raw in sent], PEERS)
    failures = []
    for number, (raw, (case, message)) in enumerate(sent.items()):
        expected = view_of_message(message)
        for peer in PEERS:
            seen = view_of_request(case, outcomes[peer][number])
            found = [difference for difference in differences(expected, peer, seen) if difference.aspect in BOUNDS]
            if left := books["backend"].unexplained(case, found):
                said = "; ".join(map(str, left))
                failures.append(f"{peer}: {said}\n    forwarded by Weir: {raw!r}\n    sent: {case.raw!r}")
    assert not failures, show(failures)


@pytest.fixture(scope="module")
def relayed_replies(replies_trial: Trial) -> list[Relayed]:
    """Every whole reply that a client got through Weir, each once."""
    found = (relayed(result.case, result.weir) for result in replies_trial.results.values())
    messages = {(message.raw, message.case.method): message for message in found if message}
    assert messages
    return list(messages.values())


@pytest.mark.parametrize("reader", READERS)
def test_what_weir_relays_is_one_reply_to_other_readers(
    relayed_replies: list[Relayed], books: dict[str, Book], reader: str
) -> None:
    """The very bytes that a client got, with another reply behind them, read in this process."""
    check_readers(relayed_replies, reader, map(READERS[reader], relayed_replies), books["backend"])


def test_what_weir_relays_is_one_reply_to_curl(
    relayed_replies: list[Relayed], books: dict[str, Book], programs: Programs, tmp_path: Path
) -> None:
    check_readers(relayed_replies, "curl", read_by_curl(programs, tmp_path / "curl", relayed_replies), books["backend"])


def check_readers(messages: Sequence[Relayed], reader: str, views: Iterable[View], book: Book) -> None:
    failures = []
    for message, view in zip(messages, views, strict=True):
        if left := book.unexplained(message.case, disagreements(message, reader, view)):
            said = "; ".join(map(str, left))
            failures.append(f"{said}\n    relayed by Weir: {message.raw!r}\n    families: {message.case.families}")
    assert not failures, show(failures)


def test_what_weir_relays_is_one_reply_to_both_peers(
    relayed_replies: list[Relayed], driver: Driver, books: dict[str, Book]
) -> None:
    outcomes = driver.run([job_of_reply(message.case) for message in relayed_replies], PEERS)
    failures = []
    for number, message in enumerate(relayed_replies):
        expected = view_of_response(message.response)
        for peer in PEERS:
            seen = view_of_reply(message.case, outcomes[peer][number])
            assert seen.after not in ("poisoned", "unreadable", "served and more"), f"{peer}: {message.raw!r}"
            found = [
                difference for difference in differences(expected, peer, seen) if difference.aspect in REPLY_BOUNDS
            ]
            if left := books["backend"].unexplained(message.case, found):
                failures.append(f"{peer}: {'; '.join(map(str, left))}\n    relayed by Weir: {message.raw!r}")
    assert not failures, show(failures)


def test_every_rule_is_needed(requests_trial: Trial, replies_trial: Trial, books: dict[str, Book]) -> None:
    """A rule that explains nothing any more hides what it may explain one day."""
    assert requests_trial.results
    assert replies_trial.results
    assert [name for book in books.values() for name in book.unused] == []
