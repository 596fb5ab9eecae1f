"""The module's HTTP parser against a second reading of the RFCs.

The reference below is a handful of regular expressions and list operations: slow, whole messages only, and written from
RFC 9112 and docs/http-strictness.md rather than from the C code. Hypothesis builds requests out of sound and unsound
pieces; both must agree on whether a request is accepted and, if so, on where it ends, its framing and whom it is for.
"""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import sandbox
from lab.tools import ToolsTree
from tests.test_http_parser import SUITES, build, tools

__all__ = ["tools"]

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
LINE = re.compile(rb"(" + TOKEN + rb"):[ \t]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*")
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([!\"$-~]+) HTTP/1\.([01])")
REG_NAME = rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+"
AUTHORITY = re.compile(rb"(?:\[(?=[^\]]*:[^\]]*:)[0-9A-Fa-f:.]+\]|" + REG_NAME + rb")(?::([0-9]*))?")
TARGET = re.compile(rb"(?:/.*|(?i:https?)://([^/?]*)(?:[/?].*)?)", re.DOTALL)

Accepted = tuple[int, str, int, bool, bytes]


def members(values: list[bytes]) -> list[bytes]:
    """The members of a comma-separated field given in several lines."""
    return [member.strip(b" \t") for value in values for member in value.split(b",")]


def host_ok(host: bytes) -> bool:
    match = AUTHORITY.fullmatch(host)
    return match is not None and int(match[1] or 0) <= 65535


def framing(fields: list[tuple[bytes, bytes]], minor: int) -> tuple[str, int] | None:
    """RFC 9112 section 6, with what docs/http-strictness.md refuses on top."""
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if codings:
        sound = not lengths and minor and [coding.lower() for coding in codings] == [b"chunked"]
        return ("chunked", 0) if sound else None
    if not lengths:
        return "none", 0
    if len(lengths) > 1 or not re.fullmatch(rb"[0-9]{1,19}", lengths[0]) or int(lengths[0]) >= 2**63:
        return None
    return ("length" if int(lengths[0]) else "none"), int(lengths[0])


def reference(message: bytes) -> Accepted | None:
    """What a whole request head means: its length, framing, content length, persistence, host; None: refused."""
    start = 0
    while start < 4 and message.startswith(b"\r\n", start):
        start += 2
    end = message.find(b"\r\n\r\n", start)
    if end < 0:
        return None
    first, *lines = message[start:end].split(b"\r\n")
    request = REQUEST_LINE.fullmatch(first)
    if not request or len(request[1]) > 32 or request[1] == b"CONNECT":
        return None
    method, target, minor = request[1], request[2], int(request[3])
    form = TARGET.fullmatch(target)
    if not form and not (target == b"*" and method == b"OPTIONS"):
        return None
    authority = form[1] if form else None
    matches = [LINE.fullmatch(line) for line in lines]
    fields = [(match[1].lower(), match[2]) for match in matches if match]
    hosts = [value for name, value in fields if name == b"host"]
    if len(fields) != len(lines) or len(fields) > 64 or len(hosts) > 1 or (minor and not hosts):
        return None
    if not all(map(host_ok, [*hosts, *([] if authority is None else [authority])])):
        return None
    body = framing(fields, minor)
    options = [option for option in members([value for name, value in fields if name == b"connection"]) if option]
    expects = [value.lower() for name, value in fields if name == b"expect"] if minor else []
    if body is None or not all(re.fullmatch(TOKEN, option) for option in options) or set(expects) - {b"100-continue"}:
        return None
    words = {option.lower() for option in options}
    keepalive = b"close" not in words and (bool(minor) or b"keep-alive" in words)
    host = authority if authority is not None else (hosts or [b""])[0]
    return end + 4, *body, keepalive, host


class Oracle:
    """The C parser as a process that answers one message at a time."""

    def __init__(self, argv: list[str]) -> None:
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, message: bytes) -> Accepted | None:
        """Like `reference`. Raises AssertionError when the program has died, of a sanitizer for instance."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(struct.pack("<I", len(message)) + message)
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer.endswith(b"\n"), f"the parser died of {message!r}"
        word, *rest = answer.rstrip(b"\n").split(b" ", 5)
        if word != b"done":
            return None
        length, body, content, keepalive, host = rest
        return int(length), body.decode(), int(content), keepalive == b"1", host


@pytest.fixture(scope="module")
def oracle(tools: ToolsTree) -> Iterator[Oracle]:
    program = build(tools, "oracle", [SUITES / "oracle/oracle.c"])
    one = Oracle(sandbox.command(tools, [program]))
    yield one
    one.process.communicate(timeout=30)
    assert one.process.returncode == 0


METHODS = (b"GET", b"POST", b"OPTIONS", b"PURGE", b"M" * 32)
BAD_METHODS = (b"", b"CONNECT", b"G ET", b"M" * 33, b"GET:")
TARGETS = (b"/", b"/a?b=c|d", b"http://a/", b"HTTPS://b:81?q", b"http://[::1]/x", b"http://a")
BAD_TARGETS = (
    b"",
    b"a",
    b"*",
    b"/#",
    b"http://",
    b"http://u@a/",
    b"ftp://a/",
    b"/\x7f",
    b"/\xc3\xa9",
    b"http://a:99999/",
)
BAD_VERSIONS = (b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.10", b"HTTP/1.1 ", b"")
BAD_ENDS = (b"\n", b"\r", b"\r\r\n", b" \r\n", b"\r\n ", b"\0\r\n", b"\r\n\r\n")
HOSTS = (b"a", b"a:80", b"a.example:", b"[::1]:80", b"%41_b", b"10.77.0.2")
BAD_NAMES = (b"", b"Host ", b"X Y", b"X\0", b"Content-Length\t", b"host", b"CONTENT-LENGTH", b"transfer-encoding")
BAD_VALUES = (
    b"a b", b"5, 5", b"+5", b"0x5", b"18446744073709551617", b"gzip, chunked", b"chunked,", b"xchunked", b"a\x0bb",
    b"[1]", b"a@b", b"9223372036854775808", b"00000000000000000001", b"a:65536", b'"close"', b"\xff", b"%4", b"", b",",
)  # fmt: skip
COLONS = (b": ", b":", b":\t ", b" : ", b"", b"::", b": \x0b")


@st.composite
def sound_requests(draw: st.DrawFn) -> list[list[bytes]]:
    """Lines of a request that must be accepted, each as a list of pieces that ends in its CRLF."""
    version = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"]))
    request = [draw(st.sampled_from(METHODS)), b" ", draw(st.sampled_from(TARGETS)), b" ", version, b"\r\n"]
    fields = [(b"Host", draw(st.sampled_from(HOSTS)))]
    if version == b"HTTP/1.0" and draw(st.booleans()):
        fields.pop()
    body = draw(st.sampled_from(["none", "length", "chunked"]))
    if body == "length":
        fields.append((b"Content-Length", draw(st.sampled_from([b"0", b"5", b"007", b"9223372036854775807"]))))
    if body == "chunked" and version == b"HTTP/1.1":
        fields.append((b"Transfer-Encoding", draw(st.sampled_from([b"chunked", b"CHUNKED"]))))
    if draw(st.booleans()):
        fields.append((b"Expect", b"100-Continue"))
    options = st.sampled_from([b"close", b"keep-alive", b"Close, x", b"keep-alive, close", b"x,, y", b""])
    fields += [(b"Connection", value) for value in draw(st.lists(options, max_size=2))]
    fields += [(b"X-A", value) for value in draw(st.lists(st.sampled_from([b"", b"a\tb", b"\xff"]), max_size=2))]
    lines = [[name, draw(st.sampled_from(COLONS[:3])), value, b"\r\n"] for name, value in draw(st.permutations(fields))]
    return [request, *lines, [b"\r\n"]]


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A sound request, or one with a flaw or two."""
    lines = draw(sound_requests())
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
        line = draw(st.sampled_from(lines))
        piece = draw(st.integers(0, len(line) - 1))
        bad = {6: (BAD_METHODS, (b"  ",), BAD_TARGETS, (b"\t",), BAD_VERSIONS, BAD_ENDS),
               4: (BAD_NAMES, COLONS, BAD_VALUES, BAD_ENDS), 1: (BAD_ENDS,)}[len(line)]  # fmt: skip
        flaw = draw(st.sampled_from(["swap", "swap", "noise", "twice", "leave out"]))
        if flaw == "swap":
            line[piece] = draw(st.sampled_from(bad[piece]))
        elif flaw == "noise":
            line[piece] = draw(st.binary(max_size=4))
        elif flaw == "twice":
            lines.insert(1, list(line))
        elif len(lines) > 1:
            lines.remove(line)
    leading = draw(st.sampled_from([b"", b"", b"", b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n", b"\n"]))
    message = leading + b"".join(b"".join(line) for line in lines)
    return message + draw(st.sampled_from([b"", b"GET / HTTP/1.1\r\n\r\n"]))


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(message=requests())
def test_parser_agrees_with_reference(oracle: Oracle, message: bytes) -> None:
    assert oracle.ask(message) == reference(message)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(lines=sound_requests())
def test_sound_requests_are_accepted(oracle: Oracle, lines: list[list[bytes]]) -> None:
    message = b"".join(b"".join(line) for line in lines)
    assert oracle.ask(message) is not None
    assert oracle.ask(message) == reference(message)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(host=st.binary(min_size=1, max_size=12))
def test_every_host_is_read_alike(oracle: Oracle, host: bytes) -> None:
    message = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
    assert oracle.ask(message) == reference(message)
