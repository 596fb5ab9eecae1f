"""The checks of requests in a configuration: sets of bytes as texts, and everything to netlink and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weirctl import abi, checks, netlink

BYTES = st.frozensets(st.integers(0, 255), min_size=1)
METHODS = st.lists(st.sampled_from(["GET", "PUT", "PROPFIND", "M-SEARCH"]), max_size=4, unique=True)
TYPES = st.lists(st.sampled_from(["text/plain", "image/*", "application/json"]), max_size=3, unique=True)
FLAGS = ("method_override", "host_strict", "host_address", "content_type_required", "trailer_split")
SETS = ("uri_bytes", "header_name_bytes", "header_value_bytes", "form_bytes")
TABLES = st.fixed_dictionaries(
    {},
    optional={
        "uri_length": st.integers(*abi.RANGES["checks"]["uri-length"]),
        "body_length": st.integers(0, 2**64 - 1),
        "methods": METHODS,
        "content_types": TYPES,
        **{name: st.booleans() for name in FLAGS},
        **{name: BYTES.map(checks.render_bytes) for name in SETS},
        "response_codes": st.lists(st.integers(100, 599), unique=True).map(sorted),
        "response_code_count": st.integers(0, 1000),
        "response_code_time": st.sampled_from([0.001, 0.5, 1, 60, 86400]),
    },
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", b"a"),
        ("a-c", b"abc"),
        ("0x41 0x43-0x45", b"ACDE"),
        ("digit -", b"0123456789-"),
        ("+--", b"+,-"),
        ("a-c !b", b"ac"),
        ("a-c !b b", b"abc"),
        ("! - %", b"!-%"),
        ("print !0x20-0x7d", b"~"),
        ("!any 0x00", b"\0"),
        ("control !0x00-0x1e", b"\x1f\x7f"),
    ],
)
def test_a_set_is_what_its_words_say(text: str, expected: bytes) -> None:
    assert checks.parse_bytes(text) == frozenset(expected)


def test_a_set_that_begins_with_an_exception_begins_with_all() -> None:
    assert checks.parse_bytes("!<") == frozenset(range(256)) - {ord("<")}


@pytest.mark.parametrize(
    "text", ["", "ab", "c-a", "0x100", "0x", "0xg1", "letters", "!any", "a-", "é", "!!any", "0x1-"]
)
def test_what_is_no_set(text: str) -> None:
    assert checks.parse_bytes(text) is None


@given(BYTES)
def test_a_set_is_read_as_it_is_shown(bytes_of: frozenset[int]) -> None:
    assert checks.parse_bytes(checks.render_bytes(bytes_of)) == bytes_of


@given(TABLES)
def test_a_table_crosses_netlink_as_it_is(table: dict[str, object]) -> None:
    keys = checks.keys(vhost=True)
    assert {key: keys[key](value) for key, value in table.items()} == dict.fromkeys(table)
    nest = checks.encode(table, abi.A_VHOST_CHECKS, vhost=True)
    assert (checks.decode(netlink.table(nest)[abi.A_VHOST_CHECKS]) if table else {}) == table


def test_lengths_of_all_are_limits_of_their_own() -> None:
    assert set(checks.keys(vhost=True)) - set(checks.keys(vhost=False)) == {"uri_length", "body_length"}
    assert checks.encode({"uri_length": 100}, abi.A_LIMITS_CHECKS, vhost=False) == b""


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("methods", "GET", "an array of methods"),
        ("methods", ["G T"], "a method"),
        ("methods", ["G" * 33], "a method"),
        ("methods", ["M" * 30] * 9, "at most 255 bytes"),
        ("content_types", ["text"], "a media type"),
        ("content_types", ["*/*"], "a media type"),
        ("content_types", ["image/p*"], "a media type"),
        ("host_strict", 1, "true or false"),
        ("uri_bytes", "ab", "bytes, as"),
        ("response_codes", [99], "statuses from 100 to 599"),
        ("response_codes", [True], "statuses from 100 to 599"),
        ("response_code_time", 0, "seconds from 0.001"),
        ("response_code_count", -1, "an integer from 0"),
        ("uri_length", 63, "an integer from 64"),
    ],
)
def test_what_is_refused(key: str, value: object, words: str) -> None:
    wrong = checks.keys(vhost=True)[key](value)
    assert wrong is not None
    assert words in wrong[0]
