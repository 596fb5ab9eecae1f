"""Every way that we know of to make two readers of a reply disagree, as data (see request_twists)."""

from __future__ import annotations

from typing import Any

from suites.differential.draft import Draft, Twist

HELLO = b"hello"
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
SPLIT = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Poison: yes\r\n\r\nEVIL!"

OK = Draft(b"HTTP/1.1 200 OK", framing="length", body=HELLO)


def t(family: str, name: str, *lines: bytes, **changes: Any) -> Twist:
    return Twist(family, name, lines, **changes)


def framed(family: str, name: str, *lines: bytes, body: bytes = HELLO, close: bool = True, **changes: Any) -> Twist:
    """A reply whose framing is what the lines say; the origin closes behind it, so that nobody waits for more."""
    return Twist(family, name, lines, framing="own", body=body, close=close, **changes)


def start(family: str, name: str, line: bytes, **changes: Any) -> Twist:
    return Twist(family, name, start=line, **changes)


def bodiless(family: str, name: str, line: bytes, *lines: bytes, body: bytes = b"") -> Twist:
    return framed(family, name, *lines, body=body, start=line, close=bool(body))


FRAMING: tuple[Twist, ...] = (
    framed("length-and-chunked", "cl.te", b"Content-Length: 5", CHUNKED, body=CHUNKS),
    framed("length-and-chunked", "te.cl", CHUNKED, b"Content-Length: 15", body=CHUNKS),
    framed("several-lengths", "shorter then longer", b"Content-Length: 3", b"Content-Length: 5"),
    framed("several-lengths", "longer then shorter", b"Content-Length: 5", b"Content-Length: 3"),
    framed("several-lengths", "list", b"Content-Length: 3, 5"),
    framed("equal-lengths", "two fields", b"Content-Length: 5", b"Content-Length: 5"),
    framed("equal-lengths", "list", b"Content-Length: 5, 5"),
    framed("bad-length", "plus", b"Content-Length: +5"),
    framed("bad-length", "minus", b"Content-Length: -5"),
    framed("bad-length", "hexadecimal", b"Content-Length: 0x5"),
    framed("bad-length", "letters", b"Content-Length: five"),
    framed("bad-length", "two numbers", b"Content-Length: 5 0"),
    framed("empty-length", "empty", b"Content-Length:"),
    framed("huge-length", "2^64 + 5", b"Content-Length: 18446744073709551621"),
    framed("huge-length", "2^63", b"Content-Length: 9223372036854775808"),
    framed("leading-zeros", "one", b"Content-Length: 05", close=False),
    framed("cut-body", "length too long", b"Content-Length: 50"),
    framed("surplus", "byte behind", b"Content-Length: 5", body=b"hello!", close=False),
    framed("surplus", "reply behind", b"Content-Length: 5", body=HELLO + SPLIT, close=False),
    framed("surplus", "reply behind an empty body", b"Content-Length: 0", body=SPLIT, close=False),
    framed("surplus", "reply behind chunks", CHUNKED, body=CHUNKS + SPLIT, close=False),
    framed("surplus-and-close", "reply behind", b"Content-Length: 5", body=HELLO + SPLIT),
    framed("until-close", "no framing", body=HELLO),
    framed("until-close", "empty", body=b""),
    framed("until-close", "like a reply", body=SPLIT),
    framed("until-close", "1.0", start=b"HTTP/1.0 200 OK"),
    framed("coding-twice", "two fields", CHUNKED, CHUNKED, body=CHUNKS),
    framed("coding-twice", "list", b"Transfer-Encoding: chunked, chunked", body=CHUNKS),
    framed("coding-not-last", "chunked, gzip", b"Transfer-Encoding: chunked, gzip", body=CHUNKS),
    framed("coding-not-last", "chunked, identity", b"Transfer-Encoding: chunked, identity", body=CHUNKS),
    framed("coding-unknown", "xchunked", b"Transfer-Encoding: xchunked", body=CHUNKS),
    framed("coding-unknown", "gzip", b"Transfer-Encoding: gzip", body=CHUNKS),
    framed("coding-unknown", "quoted", b'Transfer-Encoding: "chunked"', body=CHUNKS),
    framed("coding-identity", "identity", b"Transfer-Encoding: identity"),
    framed("coding-identity", "identity and a length", b"Transfer-Encoding: identity", b"Content-Length: 5"),
    framed("coding-before-chunked", "gzip, chunked", b"Transfer-Encoding: gzip, chunked", body=CHUNKS),
    framed("coding-parameter", "q", b"Transfer-Encoding: chunked;q=1", body=CHUNKS),
    framed("coding-empty", "empty", b"Transfer-Encoding:"),
    framed("coding-control", "vertical tab", b"Transfer-Encoding: \x0bchunked", body=CHUNKS),
    framed("coding-in-1.0", "chunked", CHUNKED, body=CHUNKS, start=b"HTTP/1.0 200 OK"),
    framed(
        "coding-in-1.0", "chunked and a length", CHUNKED, b"Content-Length: 15", body=CHUNKS, start=b"HTTP/1.0 200 OK"
    ),
    framed("name-case", "coding", b"tRANSFER-eNCODING: cHUNKED", body=CHUNKS, close=False),
    framed("tab-around-value", "length", b"Content-Length:\t5\t", close=False),
    framed("fold-framing", "coding", b"Transfer-Encoding:\r\n chunked", body=CHUNKS),
    framed("space-before-colon", "coding", b"Transfer-Encoding : chunked", body=CHUNKS),
    framed("space-before-colon", "length", b"Content-Length : 5"),
)


def chunks(family: str, name: str, body: bytes, *, close: bool = True) -> Twist:
    return framed(family, name, CHUNKED, body=body, close=close)


CHUNK_LINES: tuple[Twist, ...] = (
    chunks("chunk-form", "upper case, zeros", b"000A\r\n0123456789\r\n00\r\n\r\n", close=False),
    chunks("chunk-form", "several", b"1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", close=False),
    chunks("chunk-form", "empty body", b"0\r\n\r\n", close=False),
    chunks("chunk-extension", "name and value", b"5;a=b\r\nhello\r\n0;c=d\r\n\r\n", close=False),
    chunks("chunk-extension", "quoted", b'5;a="b;c"\r\nhello\r\n0\r\n\r\n', close=False),
    chunks("chunk-extension-space", "before", b"5 ;a=b\r\nhello\r\n0\r\n\r\n"),
    chunks("bad-chunk-extension", "NUL", b"5;a\x00\r\nhello\r\n0\r\n\r\n"),
    chunks("chunk-line-lf", "behind the size", b"5\nhello\r\n0\r\n\r\n"),
    chunks("chunk-line-lf", "behind the last size", b"5\r\nhello\r\n0\n\r\n"),
    chunks("chunk-data-lf", "LF", b"5\r\nhello\n0\r\n\r\n"),
    chunks("chunk-data-end", "too long", b"5\r\nhello!\r\n0\r\n\r\n"),
    chunks("bad-chunk-size", "empty", b"\r\nhello\r\n0\r\n\r\n"),
    chunks("bad-chunk-size", "letter", b"g\r\nhello\r\n0\r\n\r\n"),
    chunks("bad-chunk-size", "0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    chunks("bad-chunk-size", "minus", b"-5\r\nhello\r\n0\r\n\r\n"),
    chunks("chunk-size-space", "before", b" 5\r\nhello\r\n0\r\n\r\n"),
    chunks("chunk-size-space-behind", "behind", b"5 \r\nhello\r\n0\r\n\r\n"),
    chunks("huge-chunk-size", "2^64 + 5", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    chunks("cut-body", "no last chunk", b"5\r\nhello\r\n"),
    chunks("cut-body", "inside a chunk", b"50\r\nhello\r\n"),
    chunks("trailer", "one", b"5\r\nhello\r\n0\r\nX-Trailer: yes\r\n\r\n", close=False),
    chunks("forbidden-trailer", "Content-Length", b"5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"),
    chunks("forbidden-trailer", "Set-Cookie", b"5\r\nhello\r\n0\r\nSet-Cookie: a=b\r\n\r\n"),
    chunks("bad-trailer", "no colon", b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n"),
    chunks("trailer-lf", "LF", b"5\r\nhello\r\n0\r\nX-T: 1\n\r\n"),
)

BODILESS: tuple[Twist, ...] = (
    bodiless("no-content", "204", b"HTTP/1.1 204 No Content"),
    bodiless("no-content-length-0", "204, length 0", b"HTTP/1.1 204 No Content", b"Content-Length: 0"),
    bodiless("no-content-length", "204, length 5", b"HTTP/1.1 204 No Content", b"Content-Length: 5", body=HELLO),
    bodiless("no-content-chunked", "204, chunked", b"HTTP/1.1 204 No Content", CHUNKED, body=CHUNKS),
    bodiless("no-content-surplus", "204 with bytes behind", b"HTTP/1.1 204 No Content", body=HELLO),
    bodiless("not-modified", "304", b"HTTP/1.1 304 Not Modified", b'ETag: "x"'),
    bodiless("not-modified", "304, length", b"HTTP/1.1 304 Not Modified", b"Content-Length: 99"),
    bodiless("not-modified-chunked", "304, chunked", b"HTTP/1.1 304 Not Modified", CHUNKED),
    bodiless("not-modified-surplus", "304 with bytes behind", b"HTTP/1.1 304 Not Modified", body=HELLO),
    bodiless("reset-content", "205", b"HTTP/1.1 205 Reset Content", b"Content-Length: 0"),
    bodiless("interim-alone", "100 and no more", b"HTTP/1.1 100 Continue", body=b" "),
    bodiless(
        "switching",
        "101 unasked",
        b"HTTP/1.1 101 Switching Protocols",
        b"Connection: Upgrade",
        b"Upgrade: x",
        body=b" ",
    ),
    Twist("interim", "100", leading=b"HTTP/1.1 100 Continue\r\n\r\n"),
    Twist("interim", "103", leading=b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    Twist("interim", "two", leading=b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"),
    Twist("interim-body", "length", leading=b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n", close=True),
    Twist(
        "interim-body", "chunked", leading=b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n", close=True
    ),
    Twist("many-interim", "100 of them", leading=b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100),
)

LINES: tuple[Twist, ...] = (
    start("version-1.0", "1.0", b"HTTP/1.0 200 OK", close=True),
    start("version-1.0-keep-alive", "keep-alive", b"HTTP/1.0 200 OK", lines=(b"Connection: keep-alive",)),
    start("version-other", "1.2", b"HTTP/1.2 200 OK", close=True),
    start("version-other", "2.0", b"HTTP/2.0 200 OK", close=True),
    start("version-other", "0.9", b"HTTP/0.9 200 OK", close=True),
    start("bad-version", "lower case", b"http/1.1 200 OK", close=True),
    start("bad-version", "ICY", b"ICY 200 OK", close=True),
    start("bad-version", "letter", b"HTTP/1.x 200 OK", close=True),
    start("no-status-line", "body alone", b"hello", close=True),
    start("bad-status", "two digits", b"HTTP/1.1 20 OK", close=True),
    start("bad-status", "four digits", b"HTTP/1.1 2000 OK", close=True),
    start("bad-status", "letters", b"HTTP/1.1 2xx OK", close=True),
    start("bad-status", "none", b"HTTP/1.1", close=True),
    start("bad-status", "minus", b"HTTP/1.1 -20 OK", close=True),
    start("odd-status", "099", b"HTTP/1.1 099 Low", close=True),
    start("odd-status", "000", b"HTTP/1.1 000 None", close=True),
    start("odd-status", "600", b"HTTP/1.1 600 High", close=True),
    start("odd-status", "999", b"HTTP/1.1 999 High", close=True),
    start("unknown-status", "299", b"HTTP/1.1 299 Odd"),
    start("unknown-status", "599", b"HTTP/1.1 599 Odd"),
    start("status-line-space", "two before status", b"HTTP/1.1  200 OK", close=True),
    start("status-line-space", "tab", b"HTTP/1.1\t200 OK", close=True),
    start("reason-odd", "empty", b"HTTP/1.1 200 "),
    start("reason-odd", "none", b"HTTP/1.1 200"),
    start("reason-odd", "Latin-1", b"HTTP/1.1 200 \xe4\xff"),
    start("reason-odd", "long", b"HTTP/1.1 200 " + b"very " * 40 + b"good"),
    start("reason-control", "NUL", b"HTTP/1.1 200 O\x00K", close=True),
    start("reason-control", "escape", b"HTTP/1.1 200 O\x1bK", close=True),
    start("reason-cr", "bare CR", b"HTTP/1.1 200 OK\rX: y", close=True),
    Twist("leading-lines", "CRLF", leading=b"\r\n", close=True),
    t("fold", "space", b"X-Fold: a\r\n b", close=True),
    t("fold", "tab", b"X-Fold: a\r\n\tb", close=True),
    t("space-before-colon", "space", b"X-A : 1", close=True),
    t("empty-name", "empty", b": 1", close=True),
    t("no-colon", "word", b"X-A", close=True),
    t("name-bytes", "parenthesis", b"X-(A): 1", close=True),
    t("name-control", "NUL", b"X\x00A: 1", close=True),
    t("value-nul", "NUL", b"X-A: a\x00b", close=True),
    t("value-control", "escape", b"X-A: \x1b[31m", close=True),
    t("value-control", "delete", b"X-A: a\x7fb", close=True),
    t("value-bytes", "Latin-1", b"X-A: \xe4\xff"),
    t("value-space", "around", b"X-A: \t a b \t"),
    t("value-empty", "empty", b"X-A:"),
    t("bare-cr", "in a value", b"X-A: 1\rX-B: 2", close=True),
    t("bare-lf", "between lines", b"X-A: 1\nX-B: 2", close=True),
    Twist("bare-lf", "every line", line_end=b"\n", head_end=b"\n", close=True),
    Twist("cut-head", "no empty line", head_end=b"", framing="none", body=b"", close=True),
    Twist("empty", "nothing", start=b"", line_end=b"", head_end=b"", framing="none", body=b"", close=True),
    t("head-too-large", "one field", b"X-Large: " + b"x" * 20000, close=True),
    t("many-fields", "70", *[b"X-%d: 1" % n for n in range(70)], close=True),
    t("repeated-field", "cookies", b"Set-Cookie: a=b", b"Set-Cookie: c=d"),
    t("connection-close", "close", b"Connection: close", close=True),
    t("connection-close", "and stays", b"Connection: close"),
    t("connection-names", "X-Secret", b"Connection: X-Secret", b"X-Secret: 1"),
    t("connection-names-known", "Set-Cookie", b"Connection: Set-Cookie", b"Set-Cookie: a=b"),
    framed(
        "connection-names-framing", "Content-Length", b"Connection: Content-Length", b"Content-Length: 5", close=False
    ),
    t("connection-bad", "no token", b"Connection: a b", close=True),
    t("hop-by-hop", "Keep-Alive", b"Keep-Alive: timeout=5"),
    t("hop-by-hop", "Proxy-Connection", b"Proxy-Connection: keep-alive"),
    t("hop-by-hop", "Proxy-Authenticate", b"Proxy-Authenticate: Basic"),
    t("hop-by-hop", "Trailer", b"Trailer: X-T"),
    t("upgrade", "h2c offered", b"Connection: Upgrade", b"Upgrade: h2c"),
    t("date", "one", b"Date: Sun, 06 Nov 1994 08:49:37 GMT"),
    t("server", "one", b"Server: other"),
    t("via", "claimed", b"Via: 1.1 other"),
    t("accel", "nginx's own", b"X-Accel-Redirect: /other", b"X-Accel-Limit-Rate: 1000000"),
    t("location", "Location", b"Location: http://10.77.2.1:8000/x"),
)

TWISTS: tuple[Twist, ...] = FRAMING + CHUNK_LINES + BODILESS + LINES

PAIRS = (("many-interim: 100 of them", "cut-body: length too long"),)
"""Twists that show something only together."""
