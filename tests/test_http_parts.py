"""What the module's rules see of a request, against a second reading: patterns, paths, queries, cookies.

The reference is written from docs/routing.md with regular expressions and lists, not from the C code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import sandbox
from lab.tools import ToolsTree
from tests.oracle import Oracle
from tests.test_http_parser import SUITES, build, tools

__all__ = ["tools"]

EXAMPLES = 1500
ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


@pytest.fixture(scope="module")
def oracle(tools: ToolsTree) -> Iterator[Oracle]:
    program = build(tools, "parts", [SUITES / "oracle/parts.c"])
    one = Oracle(sandbox.command(tools, [program]))
    yield one
    one.process.communicate(timeout=30)


def some(alphabet: bytes, most: int) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from([bytes([byte]) for byte in alphabet]), max_size=most).map(b"".join)


def reference_match(pattern: bytes, text: bytes, *, fold: bool) -> bool:
    regex = b".*".join(re.escape(piece) for piece in pattern.split(b"*"))
    return re.fullmatch(regex, text, re.DOTALL | (re.IGNORECASE if fold else 0)) is not None


@settings(max_examples=EXAMPLES, deadline=None)
@given(pattern=some(b"aabB*", 9), text=some(b"aabBc", 14), fold=st.booleans())
def test_patterns(oracle: Oracle, pattern: bytes, text: bytes, fold: bool) -> None:
    expected = b"1" if reference_match(pattern, text, fold=fold) else b"0"
    assert oracle.ask(b"i" if fold else b"m", pattern, text) == expected


@settings(max_examples=300, deadline=None)
@given(pattern=st.binary(max_size=255), text=st.binary(max_size=300), data=st.data())
def test_patterns_of_any_bytes(oracle: Oracle, pattern: bytes, text: bytes, data: st.DataObject) -> None:
    if data.draw(st.booleans()):
        text = pattern.replace(b"*", text)
    assert oracle.ask(b"m", pattern, text) == (b"1" if reference_match(pattern, text, fold=False) else b"0")


def reference_path(target: bytes) -> bytes | None:
    """The normal form of a target's path; None: it has none."""
    path = target.partition(b"?")[0] or b"/"
    if re.search(rb"%(?![0-9A-Fa-f]{2})|%00", path):
        return None
    doubtful = bool(re.search(rb"%2[fF]|\\|%5[cC]|//", path))
    path = ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), path).replace(b"\\", b"/")
    doubtful = doubtful or b"//" in path
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for place, segment in enumerate(segments):
        last = place == len(segments) - 1
        if re.fullmatch(rb"\.\.?(;.*)?", segment, re.DOTALL):
            if b";" in segment or doubtful or (segment == b".." and not kept):
                return None
            if segment == b"..":
                kept.pop()
            if last:
                kept.append(b"")
        elif segment or last:
            kept.append(segment)
    return b"/" + b"/".join(kept)


PIECES = [
    *[b"/", b"/", b"/", b"a", b"b.c", b".", b".", b"..", b"\\", b";x", b"?"],
    *[b"%2e", b"%2F", b"%5c", b"%3b", b"%41", b"%00", b"%", b"%c3", b"%25", b"%2"],
]
SOUND = [piece for piece in PIECES if piece not in {b"%00", b"%", b"%2"}]


@settings(max_examples=EXAMPLES, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=12))
def test_paths(oracle: Oracle, pieces: list[bytes]) -> None:
    target = b"/" + b"".join(pieces)
    expected = reference_path(target)
    assert oracle.ask(b"p", target) == (b"0" if expected is None else b"1" + expected), target


@settings(max_examples=EXAMPLES, deadline=None)
@given(pieces=st.lists(st.sampled_from(SOUND), max_size=12))
def test_normal_path_is_its_own(oracle: Oracle, pieces: list[bytes]) -> None:
    """Once more changes nothing, but where an escaped percent sign became one."""
    target = b"/" + b"".join(pieces)
    first = oracle.ask(b"p", target)
    if first != b"0" and b"%" not in first and b"?" not in first:
        assert oracle.ask(b"p", first[1:]) == first


@settings(max_examples=500, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=12))
def test_queries(oracle: Oracle, pieces: list[bytes]) -> None:
    target = b"/" + b"".join(pieces)
    query = target.partition(b"?")[2]
    assert oracle.ask(b"q", target) == ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), query)


@settings(max_examples=500, deadline=None)
@given(value=some(b'ab=;  \t"', 20), name=some(b"ab", 2))
def test_cookies(oracle: Oracle, value: bytes, name: bytes) -> None:
    expected = b""
    for pair in value.removesuffix(b";").split(b";") if value else []:
        found, _, content = pair.partition(b"=")
        if found.strip(b" \t") == name:
            expected += content.strip(b" \t") + b"\0"
    assert oracle.ask(b"c", value, name) == expected
