"""Which records of real clients stay: suites/clients, without a client."""

from __future__ import annotations

from pathlib import Path

from suites.clients import Recorded, merged, read, write
from suites.clients.cms import without_much_alike


def record(client: str, request: str, what: str = "page") -> Recorded:
    return Recorded(client, "1", what, f"{request} HTTP/1.1\r\nHost: shop.example\r\n\r\n")


def test_a_client_that_is_not_here_keeps_its_records() -> None:
    before = [record("old", "GET /"), record("both", "GET /before")]
    now = [record("both", "GET /now"), record("new", "GET /")]
    assert merged(now, before) == [before[0], *now]


def test_of_gets_that_are_much_alike_the_longest_stays_and_all_else() -> None:
    kept = [
        record("a", "GET /long.js?ver=1"), record("a", "GET /x.css"), record("b", "GET /x.js"),
        record("a", "GET /index.php?x=long"), record("a", "GET /index.php?y=2"), record("a", "GET /other.php?x=1"),
        record("a", "POST /x.js"), record("a", "POST /x.js"), record("a", "GET /"),
    ]  # fmt: skip
    alike = [record("a", "GET /y.js"), record("a", "GET /index.php?x=1"), record("a", "GET /", "other page")]
    assert without_much_alike([*kept, *alike]) == kept
    assert without_much_alike([*alike, *kept]) == [kept[0], kept[3], alike[2], *kept[1:3], *kept[4:8]]


def test_what_is_written_is_read_again_and_once(tmp_path: Path) -> None:
    one = Recorded("a", "1", "page", "GET /\xff HTTP/1.1\r\n\r\n\x00\xe4")
    write([one, one, record("b", "GET /")], tmp_path / "recorded")
    assert read(tmp_path / "recorded") == [one, record("b", "GET /")]
    assert read(tmp_path / "recorded")[0].data == b"GET /\xff HTTP/1.1\r\n\r\n\x00\xe4"
