"""Bodies of requests: Content-Length, chunked, trailers, Expect (RFC 9112 sections 6, 7; RFC 9110 section 10.1.1)."""

from __future__ import annotations

import pytest

from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin, Visit

NGINX_TRAILERS = "drops trailers of requests"
EXPECT = ("Expect", "100-continue")


@pytest.mark.parametrize("size", [0, 1, 2, 1447, 1448, 1449, 4095, 4096, 16383, 65537, 300_001])
def test_body_with_a_length(origin: Origin, client: Client, size: int) -> None:
    body = bytes(n % 251 for n in range(size))
    assert client.request("POST", "/", body=body).status == 200
    assert origin.last.body == body


@pytest.mark.parametrize(
    "sizes",
    [(), (1,), (1, 1, 1), (15, 16, 17), (4096, 1), (1, 65536, 1), (3000,) * 20],
    ids=["empty", "one", "ones", "hex", "page", "large", "many"],
)
def test_chunked_body(origin: Origin, client: Client, sizes: tuple[int, ...]) -> None:
    chunks = [bytes([65 + n % 26]) * size for n, size in enumerate(sizes)]
    assert client.request("POST", "/", chunks=chunks).status == 200
    assert origin.last.body == b"".join(chunks)


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"0005\r\nhello\r\n000\r\n\r\n",
        b"a\r\n0123456789\r\n0\r\n\r\n",
        b"A\r\n0123456789\r\n0\r\n\r\n",
        b"5;name=value\r\nhello\r\n0\r\n\r\n",
        b'5;name="quo;ted"\r\nhello\r\n0;last\r\n\r\n',
    ],
    ids=["plain", "leading-zeros", "lower-hex", "upper-hex", "extension", "quoted-extension"],
)
def test_chunk_lines_in_every_legal_form(origin: Origin, client: Client, body: bytes) -> None:
    expected = {b"5": b"hello", b"0": b"hello", b"a": b"0123456789", b"A": b"0123456789"}[body[:1]]
    with client.connect() as connection:
        connection.send(encode_request("POST", "/", fields=[("Transfer-Encoding", "chunked")]) + body)
        assert connection.response().status == 200
    assert origin.last.body == expected


@pytest.mark.differs("nginx", reason=NGINX_TRAILERS)
def test_trailers_are_forwarded(origin: Origin, client: Client) -> None:
    client.request("POST", "/", chunks=[b"x"], trailers=[("X-Checksum", "abc"), ("X-Also", "d")])
    assert origin.last.trailers.pairs == (("X-Checksum", "abc"), ("X-Also", "d"))


def test_next_request_after_trailers_is_understood(origin: Origin, client: Client) -> None:
    answers = client.pipeline(
        encode_request("POST", "/", chunks=[b"x"], trailers=[("X-Checksum", "abc")]), encode_request("GET", "/next")
    )
    assert answers.statuses == [200, 200]
    assert origin.last.target == "/next"


def test_body_of_a_method_that_seldom_has_one(origin: Origin, client: Client) -> None:
    assert client.request("DELETE", "/", body=b"why not").status == 200
    assert (origin.last.method, origin.last.body) == ("DELETE", b"why not")


def test_body_streams_before_it_is_complete(origin: Origin, client: Client) -> None:
    """The origin has the first half while the client has not sent the second."""
    with client.connect() as connection:
        connection.send(encode_request("POST", "/", fields=[("Content-Length", "10")]) + b"01234")
        origin.wait_for_bytes(b"01234")
        connection.send(b"56789")
        assert connection.response().status == 200
    assert origin.last.body == b"0123456789"


def test_chunks_stream_before_the_body_is_complete(origin: Origin, client: Client) -> None:
    with client.connect() as connection:
        connection.send(encode_request("POST", "/", fields=[("Transfer-Encoding", "chunked")]) + b"5\r\nfirst\r\n")
        origin.wait_for_bytes(b"first")
        connection.send(b"6\r\nsecond\r\n0\r\n\r\n")
        assert connection.response().status == 200
    assert origin.last.body == b"firstsecond"


def test_expect_100_continue_is_answered_and_the_body_follows(origin: Origin, client: Client) -> None:
    """Whether the proxy or the origin says 100, the client sees exactly one before the final reply."""

    def continue_first(visit: Visit) -> Reply:
        if "expect" in visit.head.fields:
            visit.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Reply(200, visit.request.body)

    origin.behaves(continue_first)
    with client.connect() as connection:
        connection.send(encode_request("POST", "/", fields=[EXPECT, ("Content-Length", "5")]))
        assert connection.reader.read_interim().start_line.split(" ")[1] == "100"
        connection.send(b"hello")
        answer = connection.response()
        assert (answer.status, answer.body, answer.interim) == (200, b"hello", ())


def test_final_reply_instead_of_100_continue(origin: Origin, client: Client) -> None:
    """The origin refuses before it has seen the body; the client, which waits for 100, must hear of it."""

    def refuse(visit: Visit) -> None:
        visit.send(Reply(403, b"no", fields=(("Connection", "close"),)).encode())
        visit.close()

    origin.behaves(refuse)
    with client.connect() as connection:
        connection.send(encode_request("POST", "/", fields=[EXPECT, ("Content-Length", "5")]))
        answer = connection.response()
        assert (answer.status, answer.body) == (403, b"no")


def test_body_sent_without_waiting_for_100(origin: Origin, client: Client) -> None:
    def continue_first(visit: Visit) -> Reply:
        if "expect" in visit.head.fields:
            visit.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Reply(200, visit.request.body)

    origin.behaves(continue_first)
    with client.connect() as connection:
        connection.send(encode_request("POST", "/", fields=[EXPECT], body=b"at once"))
        answer = connection.response()
        assert (answer.status, answer.body) == (200, b"at once")
        assert len(answer.interim) <= 1


def test_unknown_expectation_is_refused_or_passed_on(client: Client) -> None:
    answer = client.get("/", headers=[("Expect", "a-pony")])
    assert answer.status in {200, 417}


def test_early_reply_to_an_unfinished_request(origin: Origin, client: Client) -> None:
    """The origin answers and closes after the head; the client gets that reply although it was still sending."""

    def refuse(visit: Visit) -> None:
        visit.send(Reply(413, b"too much", fields=(("Connection", "close"),)).encode())
        visit.half_close()
        visit.hang()

    origin.behaves(refuse)
    with client.connect() as connection:
        connection.send(encode_request("POST", "/", fields=[("Content-Length", "1000000")]) + b"x" * 1000)
        answer = connection.response()
        assert (answer.status, answer.body) == (413, b"too much")


@pytest.mark.parametrize("size", [999, 1000])
def test_body_up_to_the_limit_is_taken(dut: Dut, origin: Origin, client: Client, size: int) -> None:
    dut.apply(limits={"body_length": 1000})
    assert client.request("POST", "/", body=b"x" * size).status == 200
    assert origin.last.body == b"x" * size


def test_declared_body_over_the_limit_is_refused(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(limits={"body_length": 1000})
    with client.connect() as connection:
        connection.send(encode_request("POST", "/", fields=[("Content-Length", "1001")]))
        assert connection.response().status == 413
        connection.expect_closed()
    assert origin.heads == 0


def test_chunked_body_over_the_limit_is_refused(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(limits={"body_length": 1000})
    with client.connect() as connection:
        connection.send(encode_request("POST", "/", chunks=[b"x" * 600, b"y" * 600]))
        assert connection.response().status == 413
        connection.expect_closed()
    assert origin.requests == 0


def test_client_that_leaves_inside_its_body(origin: Origin, client: Client) -> None:
    """The origin must not take a truncated body for a whole one, and the proxy must go on serving."""
    with client.connect() as connection:
        connection.send(encode_request("POST", "/", fields=[("Content-Length", "1000")]) + b"part")
        origin.wait_for_bytes(b"part")
        connection.reset()
    origin.wait_for_incomplete(1)
    assert client.get("/alive").status == 200
    assert [request.target for request in origin.received] == ["/alive"]
