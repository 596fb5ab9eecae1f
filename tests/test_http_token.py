"""Tokens of challenges, against a second writing: what is made, and what is found wrong with what a client brings.

The reference is written from docs/firewall.md, with Python's own base64 and HMAC.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import sandbox
from lab.tools import ToolsTree
from tests.oracle import Oracle
from tests.test_http_parser import SUITES, build, tools

__all__ = ["tools"]

EXAMPLES = settings(max_examples=400, deadline=None)
GOOD, MALFORMED, FORGED, EXPIRED, EARLY, LAZY = range(6)
PUZZLE, COOKIE, WORK = 1, 2, 3
U64 = 2**64 - 1


@pytest.fixture(scope="module")
def oracle(tools: ToolsTree) -> Iterator[Oracle]:
    program = build(tools, "token", [SUITES / "oracle/token.c"])
    one = Oracle(sandbox.command(tools, [program]))
    yield one
    one.process.communicate(timeout=30)


@dataclass(frozen=True)
class Setting:
    """Who asks, when, with which secrets, and what is wanted of a token."""

    newer: bytes = b"n" * 32
    older: bytes = b"o" * 32
    client: bytes = b"c" * 16
    nonce: bytes = bytes(range(16))
    now: int = 1_700_000_000
    least: int = 0
    most: int = 3600
    key: int = 7
    kind: int = COOKIE
    vhost: bytes = b""
    agent: bytes = b"Mozilla/5.0"

    def pack(self, text: bytes = b"") -> bytes:
        times = b"".join(number.to_bytes(8, "big") for number in (self.now, self.least, self.most))
        head = self.newer + self.older + self.client + self.nonce + times
        return head + bytes((self.key, self.kind, len(self.vhost))) + self.vhost + text

    def mac(self, token: bytes) -> bytes:
        """Under the secret that the token names, as docs/firewall.md has it."""
        secret = self.older if token[2] == (self.key - 1) % 256 else self.newer
        bound = b"weir-tok" + token + self.client + bytes([len(self.vhost)]) + self.vhost + self.agent[:256]
        return hmac.digest(secret, bound, "sha256")

    def session(self) -> bytes:
        token = bytes((1, self.kind, self.key)) + self.now.to_bytes(8, "big")
        return encoded(token + self.mac(token))

    def puzzle(self, difficulty: int) -> bytes:
        token = bytes((1, PUZZLE, self.key)) + self.now.to_bytes(8, "big") + self.nonce + bytes([difficulty])
        return encoded(token + self.mac(token))


def encoded(token: bytes) -> bytes:
    return base64.urlsafe_b64encode(token).rstrip(b"=")


def decoded(text: bytes, size: int) -> bytes | None:
    """What an encoder has made `text` of, or None."""
    if not re.fullmatch(rb"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        return None
    token = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    return token if len(token) == size and encoded(token) == text else None


def session_fault(setting: Setting, text: bytes) -> int:
    token = decoded(text, 43)
    if token is None or token[0] != 1 or token[1] not in (COOKIE, WORK):
        return MALFORMED
    if token[11:] != setting.mac(token[:11]) or token[1] < setting.kind:
        return FORGED
    issued = int.from_bytes(token[3:11], "big")
    return GOOD if 0 <= setting.now - issued < setting.most else EXPIRED


def zero_bits(text: bytes) -> int:
    return 256 - int.from_bytes(hashlib.sha256(text).digest(), "big").bit_length()


def answer_fault(setting: Setting, text: bytes) -> int:
    found = re.fullmatch(rb"(.{80})\.[0-9]{1,20}", text, re.S)
    token = decoded(found[1], 60) if found else None
    if token is None or token[0] != 1 or token[1] != PUZZLE:
        return MALFORMED
    if token[28:] != setting.mac(token[:28]):
        return FORGED
    age = setting.now - int.from_bytes(token[3:11], "big")
    if not 0 <= age <= setting.most:
        return EXPIRED
    if age < setting.least:
        return EARLY
    return GOOD if zero_bits(text) >= token[27] else LAZY


def solved(puzzle: bytes, difficulty: int) -> bytes:
    return next(text for n in count() if zero_bits(text := puzzle + b".%d" % n) >= difficulty)


SETTINGS = st.builds(
    Setting,
    newer=st.binary(min_size=32, max_size=32),
    older=st.binary(min_size=32, max_size=32),
    client=st.binary(min_size=16, max_size=16),
    nonce=st.binary(min_size=16, max_size=16),
    now=st.integers(0, U64),
    least=st.integers(0, 5),
    most=st.integers(0, 10),
    key=st.integers(0, 255),
    kind=st.sampled_from([COOKIE, WORK]),
    vhost=st.binary(max_size=31),
    agent=st.binary(max_size=300),
)


@EXAMPLES
@given(setting=SETTINGS)
def test_tokens_are_as_documented(oracle: Oracle, setting: Setting) -> None:
    assert oracle.ask(b"s", setting.pack(), setting.agent) == setting.session()
    assert oracle.ask(b"p", setting.pack(), setting.agent) == setting.puzzle(setting.kind)


@st.composite
def other(draw: st.DrawFn, setting: Setting) -> Setting:
    """The setting in which a token is looked at: that in which it was made, with one thing changed, if any."""
    kept: dict[str, st.SearchStrategy[Any]] = {
        "client": st.binary(min_size=16, max_size=16),
        "vhost": st.binary(max_size=31),
        "agent": st.binary(max_size=300) | st.just(setting.agent + b" ") | st.just(setting.agent[:-1]),
        "newer": st.binary(min_size=32, max_size=32),
        "key": st.integers(0, 255),
        "kind": st.sampled_from([COOKIE, WORK]),
        "now": st.integers(setting.now - 3, setting.now + 14).map(lambda now: min(max(now, 0), U64)),
    }
    name = draw(st.none() | st.just("now") | st.sampled_from(sorted(kept)))
    if name is None:
        return setting
    value: Any = draw(kept[name])
    return replace(setting, **{name: value})


@st.composite
def changed(draw: st.DrawFn, text: bytes) -> bytes:
    """The text, perhaps cut, grown, or with a character changed."""
    at = draw(st.integers(0, len(text)))
    byte = draw(st.sampled_from([b"A", b"Q", b"_", b"-", b".", b"0", b"9", b"=", b"\x00", b"\xff", b""]))
    return draw(
        st.sampled_from([text, text, text[:at], text[:at] + byte + text[at:], text[:at] + byte + text[at + 1 :]])
    )


@EXAMPLES
@given(setting=SETTINGS, data=st.data())
def test_sessions_are_checked(oracle: Oracle, setting: Setting, data: st.DataObject) -> None:
    text = data.draw(changed(setting.session()))
    later = data.draw(other(setting))
    assert oracle.ask(b"S", later.pack(text), later.agent)[0] == session_fault(later, text)


@EXAMPLES
@given(setting=SETTINGS, difficulty=st.integers(0, 6), data=st.data())
def test_answers_are_checked(oracle: Oracle, setting: Setting, difficulty: int, data: st.DataObject) -> None:
    puzzle = setting.puzzle(difficulty)
    text = data.draw(st.just(solved(puzzle, difficulty)) | st.integers(0, 10**21).map(lambda n: puzzle + b".%d" % n))
    text = data.draw(changed(text))
    later = data.draw(other(setting))
    fault = answer_fault(later, text)
    said = oracle.ask(b"A", later.pack(text), later.agent)
    assert said[0] == fault
    if fault != MALFORMED:
        token = decoded(text[:80], 60)
        assert token is not None
        assert said[1:] == token[11:27] + token[3:11]


def test_older_secret_is_good_and_one_before_it_is_not(oracle: Oracle) -> None:
    setting = Setting()
    text = setting.session()
    once = replace(setting, newer=b"x" * 32, older=setting.newer, key=setting.key + 1)
    twice = replace(once, newer=b"y" * 32, older=once.newer, key=once.key + 1)
    said = [oracle.ask(b"S", later.pack(text), later.agent)[0] for later in (setting, once, twice)]
    assert said == [GOOD, GOOD, FORGED]


@pytest.mark.parametrize("size", range(80))
def test_texts_of_any_length(oracle: Oracle, size: int) -> None:
    setting = Setting()
    for text in (b"A" * size, b"A" * 80 + b"." + b"1" * size):
        assert oracle.ask(b"S", setting.pack(text), setting.agent)[0] == session_fault(setting, text)
        assert oracle.ask(b"A", setting.pack(text), setting.agent)[0] == answer_fault(setting, text)
