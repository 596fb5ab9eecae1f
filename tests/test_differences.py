"""The differential suite's rules, its table and its parts that need no machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from suites.differential import reply_twists, request_twists
from suites.differential.curl import read_by_curl
from suites.differential.draft import Case, Draft, Twist, twisted
from suites.differential.driver import Outcome
from suites.differential.grammar import each_alone, generate, requests
from suites.differential.readers import READERS, Relayed, disagreements
from suites.differential.recorder import Message, number_of, read_message
from suites.differential.rules import TABLE, Book, Rule, read_rules, table
from suites.differential.view import Difference, differences, read_responses, view_of_request
from suites.traffic.programs import Programs

if TYPE_CHECKING:
    from lab.session import Lab

GET = b"GET /a HTTP/1.1\r\nHost: weir.test\r\nX-Forwarded-For: 1.2.3.4, 10.77.128.8\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def test_page_says_what_the_rules_say() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(read_rules()), "python -m suites.differential.rules"


def test_rules_name_families_that_exist() -> None:
    known = {twist.family for twist in request_twists.TWISTS + reply_twists.TWISTS} | {"*"}
    assert {family for rule in read_rules() for family in rule.families} - known == set()


def test_hand_written_cases_are_many_and_different() -> None:
    for direction in ("request", "reply"):
        cases = each_alone(direction)
        assert len(cases) >= 250
        assert len({(case.name, case.method) for case in cases}) >= 0.95 * len(cases)


def test_grammar_makes_the_same_cases_again() -> None:
    first: list[Case] = []
    second: list[Case] = []
    generate(requests(), 30, 1, first.append)
    generate(requests(), 30, 1, second.append)
    assert [case.raw for case in first] == [case.raw for case in second]
    assert len({case.raw for case in first}) > 20


def test_twists_add_up() -> None:
    case = twisted(
        Draft(b"POST / HTTP/1.1", b"Host: a", framing="length", body=b"x"),
        [Twist("a", "length", (b"Content-Length: 3",)), Twist("b", "coding", (b"Transfer-Encoding: chunked",))],
    )
    assert case.families == {"a", "b", "length-and-chunked", "several-lengths"}
    assert case.raw.startswith(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n")


def test_message_is_attributed_by_the_last_address() -> None:
    assert number_of(GET) == 7
    assert number_of(b"GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n") is None


def test_recorder_reads_exactly_one_message() -> None:
    read = read_message(GET + GET)
    assert read is not None
    assert read[0].raw == GET
    assert read_message(GET[:-1]) is None
    broken = read_message(b"GET / HTTP/1.1\r\nX-A : 1\r\n\r\n")
    assert broken is not None
    assert broken[0].problem.startswith("malformed")


def outcome(received: bytes, *forwarded: bytes) -> Outcome:
    messages = []
    for raw in forwarded:
        read = read_message(raw)
        messages.append(read[0] if read else Message(raw, None, "cut"))
    return Outcome(7, received, "closed", tuple(messages))


def test_differences_are_seen_and_explained_by_a_rule_alone() -> None:
    case = Case("x", b"", frozenset({"fold"}))
    sentinel = b"GET /sentinel-7 HTTP/1.1\r\nHost: weir.test\r\n\r\n"
    refused = view_of_request(case, outcome(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"))
    passed = view_of_request(case, outcome(REPLY * 2, GET, sentinel))
    twice = view_of_request(case, outcome(REPLY * 3, GET, GET, sentinel))
    assert (refused.verdict, passed.verdict, passed.after) == ("refused 400", "forwarded", "served")
    assert twice.verdict == "forwarded as 2"
    found = differences(refused, "nginx", passed)
    assert found == [Difference("verdict", "nginx", "refused 400", "forwarded")]
    rule = Rule("r", "request", ("fold",), ("nginx",), ("verdict",), "refused 400", "forwarded", "peer", "", "", "")
    book = Book("request", [rule])
    assert book.unused == ["r"]
    assert book.unexplained(case, found) == []
    assert book.unused == []
    assert book.unexplained(Case("y", b"", frozenset({"other"})), found) == found
    assert book.unexplained(case, differences(refused, "haproxy", passed))


def relayed_reply(raw: bytes, *, says: bytes = REPLY, method: str = "GET") -> Relayed:
    """A message of which our own reader has read what it `says`, and other readers are given `raw`."""
    responses, problem = read_responses(says, [method])
    assert not problem
    case = Case("x", raw, frozenset(), method, close=not responses[0].keeps_open)
    return Relayed(case, raw, responses[0])


GOOD = {
    "length": (REPLY, "GET"),
    "head": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD"),
    "chunks": (b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", "GET"),
    "close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", "GET"),
    "no content": (b"HTTP/1.1 204 No Content\r\nX-A: \xe4\xff\r\nX-A: b\r\n\r\n", "GET"),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", "GET"),
}
BAD: dict[str, tuple[bytes, set[str]]] = {
    "body": (REPLY.replace(b": 5", b": 4"), {"body", "after", "verdict"}),
    "end": (REPLY + b"x", {"after", "verdict"}),
    "more": (REPLY.replace(b": 5", b": 99"), {"body", "after", "verdict"}),
    "status": (REPLY.replace(b"200", b"201"), {"status"}),
    "fields": (REPLY.replace(b"\r\n\r\n", b"\r\nX-Poison: 1\r\n\r\n"), {"fields"}),
    "nonsense": (b"nonsense", {"verdict"}),
}


@pytest.mark.parametrize("reader", READERS)
def test_readers_agree_with_ours_about_what_is_plain(reader: str) -> None:
    for raw, method in GOOD.values():
        message = relayed_reply(raw, says=raw, method=method)
        assert disagreements(message, reader, READERS[reader](message)) == [], raw


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", BAD)
def test_readers_are_listened_to(reader: str, name: str) -> None:
    raw, aspects = BAD[name]
    message = relayed_reply(raw)
    found = disagreements(message, reader, READERS[reader](message))
    assert found
    assert {difference.aspect for difference in found} <= aspects


def test_curl_is_a_reader_like_them(lab: Lab, tmp_path: Path) -> None:
    """All in one process of curl's: what is wrong with one does not touch the next."""
    good = [relayed_reply(raw, says=raw, method=method) for raw, method in GOOD.values()]
    bad = [relayed_reply(raw) for raw, _ in BAD.values()]
    with Programs(lab.prepared.tools, tmp_path) as programs:
        views = read_by_curl(programs, tmp_path / "curl", [*good, *bad, *good])
    found = [disagreements(message, "curl", view) for message, view in zip([*good, *bad, *good], views, strict=True)]
    assert found[: len(good)] == found[-len(good) :] == [[]] * len(good)
    for (_, aspects), differing in zip(BAD.values(), found[len(good) : -len(good)], strict=True):
        assert differing
        assert {difference.aspect for difference in differing} <= aspects


def test_rule_about_a_reader_is_of_what_weir_has_passed_on(tmp_path: Path) -> None:
    for direction, fine in (("backend", True), ("reply", False)):
        path = tmp_path / "rules.toml"
        path.write_text(
            f'[r]\ndirection = "{direction}"\nfamilies = "*"\npeers = ["h11"]\nkind = "peer"\nwhat = "x"\nwhy = "y"\n'
        )
        if fine:
            assert read_rules(path)[0].peers == ("h11",)
        else:
            with pytest.raises(ValueError, match="no such peers"):
                read_rules(path)
