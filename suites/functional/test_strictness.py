"""Requests that two readers could understand differently are refused, with a close, and reach no origin.

RFC 9112 sections 2.2, 3, 5, 6.1, 6.3 and 7.1, RFC 9110 section 5.5. Each vector is one request of several lines; behind
it stands a whole second request on the same connection, which must not be served whatever becomes of the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from suites.duts.dut import Dut
from suites.traffic.client import Client, Conversation
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin

SECOND = encode_request("GET", "/smuggled")
HOST = b"Host: weir.test\r\n"
OVERFLOWS = b"18446744073709551617"  # 2^64 + 1
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@dataclass(frozen=True)
class Vector:
    """`nginx` says why nginx does not refuse it so, if it does not."""

    name: str
    request: bytes
    status: int = 400
    nginx: str = ""


def post(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body


def get(fields: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\n" + HOST + fields + b"\r\n"


LENIENT = "lenient here"
HEADS = (
    # Content-Length
    Vector("length-and-chunked", post(b"Content-Length: 5\r\n" + CHUNKED, b"0\r\n\r\n")),
    Vector("chunked-and-length", post(CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n")),
    Vector("two-lengths", post(b"Content-Length: 3\r\nContent-Length: 5\r\n", b"hello")),
    Vector("two-equal-lengths", post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello")),
    Vector("list-of-lengths", post(b"Content-Length: 5, 5\r\n", b"hello")),
    Vector("negative-length", post(b"Content-Length: -1\r\n")),
    Vector("signed-length", post(b"Content-Length: +5\r\n", b"hello")),
    Vector("hex-length", post(b"Content-Length: 0x5\r\n", b"hello")),
    Vector("length-with-space", post(b"Content-Length: 5 0\r\n", b"hello")),
    Vector("length-too-large", post(b"Content-Length: " + OVERFLOWS + b"\r\n", b"h")),
    Vector("empty-length", post(b"Content-Length:\r\n", b"hello")),
    Vector("float-length", post(b"Content-Length: 5.0\r\n", b"hello")),
    # Transfer-Encoding
    Vector("two-codings", post(CHUNKED + CHUNKED, b"0\r\n\r\n")),
    Vector("chunked-twice", post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"), nginx="501"),
    Vector("chunked-not-last", post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"), nginx="501"),
    Vector("unknown-coding", post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), nginx="501"),
    Vector("gzip-chunked", post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), status=501),
    Vector("identity-coding", post(b"Transfer-Encoding: identity\r\n"), nginx="501"),
    Vector("coding-in-1.0", b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n"),
    Vector("coding-with-tab-name", post(b"Transfer-Encoding\t: chunked\r\n", b"0\r\n\r\n")),
    Vector("coding-with-vertical-tab", post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"), nginx="501"),
    Vector("empty-coding", post(b"Transfer-Encoding:\r\n"), nginx="501"),
    # Lines
    Vector("folded-line", get(b"X-Fold: a\r\n b\r\n")),
    Vector("folded-first-line", b"GET / HTTP/1.1\r\n " + HOST + b"\r\n"),
    Vector("space-before-colon", get(b"X-A : 1\r\n")),
    Vector("empty-name", get(b": 1\r\n")),
    Vector("no-colon", get(b"X-A\r\n"), nginx=LENIENT),
    Vector("bare-cr-in-value", get(b"X-A: 1\rX-B: 2\r\n")),
    Vector("bare-lf-line", get(b"X-A: 1\nX-B: 2\r\n"), nginx=LENIENT),
    Vector("bare-lf-end", b"GET / HTTP/1.1\n" + HOST.replace(b"\r", b"") + b"\n", nginx=LENIENT),
    Vector("nul-in-value", get(b"X-A: a\x00b\r\n")),
    Vector("nul-in-name", get(b"X\x00A: b\r\n")),
    Vector("control-in-value", get(b"X-A: a\x08b\r\n"), nginx=LENIENT),
    Vector("delete-in-value", get(b"X-A: a\x7fb\r\n"), nginx=LENIENT),
    Vector("utf8-in-name", get("X-ä: 1\r\n".encode()), nginx=LENIENT),
    Vector("parenthesis-in-name", get(b"X-(A): 1\r\n"), nginx=LENIENT),
    # Request line
    Vector("no-version", b"GET /\r\n" + HOST + b"\r\n", nginx="takes it for HTTP/0.9"),
    Vector("http-2.0", b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", status=505),
    Vector("http-1.2", b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", status=505, nginx=LENIENT),
    Vector("http-0.9", b"GET / HTTP/0.9\r\n" + HOST + b"\r\n", status=505, nginx="400"),
    Vector("lower-case-version", b"GET / http/1.1\r\n" + HOST + b"\r\n"),
    Vector("version-with-letters", b"GET / HTTP/1.1x\r\n" + HOST + b"\r\n"),
    Vector("two-spaces", b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", nginx=LENIENT),
    Vector("space-after-version", b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n", nginx=LENIENT),
    Vector("space-in-target", b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n"),
    Vector("tab-for-space", b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    Vector("control-in-target", b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n"),
    Vector("fragment-in-target", b"GET /#x HTTP/1.1\r\n" + HOST + b"\r\n", nginx="cuts it off"),
    Vector("relative-target", b"GET path HTTP/1.1\r\n" + HOST + b"\r\n"),
    Vector("asterisk-for-get", b"GET * HTTP/1.1\r\n" + HOST + b"\r\n"),
    Vector("bad-method", b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n"),
    Vector("connect", b"CONNECT weir.test:443 HTTP/1.1\r\n" + HOST + b"\r\n", status=501, nginx="405"),
    # Host
    Vector("no-host", b"GET / HTTP/1.1\r\n\r\n"),
    Vector("two-hosts", b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    Vector("host-with-path", b"GET / HTTP/1.1\r\nHost: weir.test/x\r\n\r\n"),
    Vector("host-with-userinfo", b"GET / HTTP/1.1\r\nHost: user@weir.test\r\n\r\n", nginx=LENIENT),
    Vector("host-with-bad-port", b"GET / HTTP/1.1\r\nHost: weir.test:99x\r\n\r\n", nginx=LENIENT),
)

BODIES = (
    Vector("chunk-size-empty", post(CHUNKED, b"\r\nhello\r\n0\r\n\r\n")),
    Vector("chunk-size-not-hex", post(CHUNKED, b"g\r\nhello\r\n0\r\n\r\n")),
    Vector("chunk-size-0x", post(CHUNKED, b"0x5\r\nhello\r\n0\r\n\r\n")),
    Vector("chunk-size-negative", post(CHUNKED, b"-5\r\nhello\r\n0\r\n\r\n")),
    Vector("chunk-size-overflow", post(CHUNKED, b"10000000000000005\r\nhello\r\n0\r\n\r\n")),
    Vector("chunk-size-leading-space", post(CHUNKED, b" 5\r\nhello\r\n0\r\n\r\n")),
    Vector("chunk-size-bare-lf", post(CHUNKED, b"5\nhello\r\n0\r\n\r\n"), nginx=LENIENT),
    Vector("chunk-size-bare-cr", post(CHUNKED, b"5\rhello\r\n0\r\n\r\n")),
    Vector("chunk-data-too-long", post(CHUNKED, b"5\r\nhello!\r\n0\r\n\r\n")),
    Vector("chunk-end-bare-lf", post(CHUNKED, b"5\r\nhello\n0\r\n\r\n"), nginx=LENIENT),
    Vector("chunk-extension-with-lf", post(CHUNKED, b"5;a\nhello\r\n0\r\n\r\n"), nginx=LENIENT),
    Vector("chunk-extension-with-nul", post(CHUNKED, b"5;a\x00\r\nhello\r\n0\r\n\r\n"), nginx=LENIENT),
    Vector("trailer-bare-lf", post(CHUNKED, b"5\r\nhello\r\n0\r\nX-T: 1\n\r\n"), nginx=LENIENT),
    Vector("trailer-without-colon", post(CHUNKED, b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n"), nginx=LENIENT),
    Vector("trailer-content-length", post(CHUNKED, b"5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"), nginx=LENIENT),
    Vector("trailer-host", post(CHUNKED, b"5\r\nhello\r\n0\r\nHost: other\r\n\r\n"), nginx=LENIENT),
)


def cases(vectors: tuple[Vector, ...]) -> list[object]:
    """The vectors as pytest parameters, marked where nginx is known to do otherwise."""
    return [
        pytest.param(
            vector,
            id=vector.name,
            marks=[pytest.mark.differs("nginx", reason=vector.nginx)] if vector.nginx else [],
        )
        for vector in vectors
    ]


def expect_refusal(connection: Conversation, status: int) -> None:
    assert connection.response().status == status
    connection.expect_closed()
    assert not connection.was_reset


@pytest.mark.parametrize("vector", cases(HEADS))
def test_ambiguous_head_is_refused(origin: Origin, client: Client, vector: Vector) -> None:
    with client.connect() as connection:
        connection.send(vector.request + SECOND)
        expect_refusal(connection, vector.status)
    assert origin.heads == 0


@pytest.mark.parametrize("vector", cases(BODIES))
def test_ambiguous_body_is_refused(origin: Origin, client: Client, vector: Vector) -> None:
    """The head was good and may have been forwarded; the body must never be told complete, nor the rest be served."""
    with client.connect() as connection:
        connection.send(vector.request + SECOND)
        expect_refusal(connection, vector.status)
    assert origin.requests == 0


@pytest.mark.parametrize("vector", cases(HEADS[:4]))
def test_refusal_arrives_although_input_is_unread(client: Client, vector: Vector) -> None:
    """A proxy that closes with unread input makes its kernel send RST, which can destroy the reply (RFC 9112 9.6)."""
    with client.connect() as connection:
        connection.send(vector.request + SECOND * 200)
        assert connection.response().status == vector.status


@pytest.mark.parametrize(
    "size",
    [16384, pytest.param(16385, marks=pytest.mark.differs("nginx", reason="bounds each line, not the whole head"))],
)
def test_head_length_limit(dut: Dut, origin: Origin, client: Client, size: int) -> None:
    dut.apply(limits={"header_total": 16384})
    bare = encode_request("GET", "/", fields=[("X-Long", "")])
    request = encode_request("GET", "/", fields=[("X-Long", "x" * (size - len(bare)))])
    assert len(request) == size
    with client.connect() as connection:
        connection.send(request)
        if size > 16384:
            expect_refusal(connection, 431)
            assert origin.heads == 0
        else:
            assert connection.response().status == 200


@pytest.mark.only("weir", reason="nginx has no limit on the number of fields")
@pytest.mark.parametrize("count", [9, 10, 11])
def test_field_count_limit(dut: Dut, origin: Origin, client: Client, count: int) -> None:
    dut.apply(limits={"header_count": 10})
    with client.connect() as connection:
        connection.send(encode_request("GET", "/", fields=[(f"X-{n}", "1") for n in range(count - 1)]))
        if count > 10:
            expect_refusal(connection, 431)
        else:
            assert connection.response().status == 200
    assert origin.heads == (count <= 10)


@pytest.mark.only("weir", reason="nginx buffers it in parts, its bound is another")
def test_endless_head_is_refused_within_its_bound(dut: Dut, origin: Origin, client: Client) -> None:
    """No end of the head ever comes: the proxy must not gather more than it was allowed."""
    dut.apply(limits={"header_total": 4096})
    with client.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 4200)
        expect_refusal(connection, 431)
    assert origin.heads == 0


@pytest.mark.differs("nginx", reason="tolerates them")
def test_many_empty_lines_are_refused(origin: Origin, client: Client) -> None:
    with client.connect() as connection:
        connection.send(b"\r\n" * 10 + SECOND)
        expect_refusal(connection, 400)
    assert origin.heads == 0


def test_garbage_is_refused(origin: Origin, client: Client) -> None:
    with client.connect() as connection:
        connection.send(bytes(range(256)) * 4)
        expect_refusal(connection, 400)
    assert origin.heads == 0


def test_tls_hello_on_a_plain_port_is_refused(origin: Origin, client: Client) -> None:
    hello = bytes.fromhex("1603010200010001fc0303") + b"\x5a" * 64
    with client.connect() as connection:
        connection.send(hello)
        expect_refusal(connection, 400)
    assert origin.heads == 0


def test_device_serves_on_after_all_that(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"fine"))
    assert client.get("/").body == b"fine"
