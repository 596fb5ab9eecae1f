"""Bodies of replies: every framing an origin may choose, to every kind of client (RFC 9112 section 6.3)."""

from __future__ import annotations

import threading

import pytest

from suites.traffic.client import Client
from suites.traffic.messages import Framing, Reply, encode_request
from suites.traffic.origin import Origin, Visit

BODY = bytes(n % 249 for n in range(5000))


@pytest.mark.parametrize("size", [0, 1, 1447, 1448, 1449, 4095, 4096, 16384, 65537, 300_001])
def test_reply_with_a_length(origin: Origin, client: Client, size: int) -> None:
    body = bytes(n % 251 for n in range(size))
    origin.replies(Reply(200, body))
    answer = client.get("/")
    assert answer.body == body
    assert answer.framing is Framing.LENGTH


@pytest.mark.parametrize(
    "chunks",
    [(), (1, 1, 1), (15, 16, 17), (1000, 1, 3000), (4999,)],
    ids=["one", "small", "hex", "mixed", "almost-all"],
)
def test_chunked_reply(origin: Origin, client: Client, chunks: tuple[int, ...]) -> None:
    origin.replies(Reply(200, BODY, framing=Framing.CHUNKED, chunks=chunks))
    with client.connect() as connection:
        for _ in range(2):
            answer = connection.ask()
            assert answer.body == BODY
            assert answer.framing is Framing.CHUNKED


@pytest.mark.differs("nginx", reason="drops trailers unless proxy_pass_trailers (not in this version)")
def test_trailers_of_a_chunked_reply(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"x", framing=Framing.CHUNKED, trailers=(("X-Checksum", "abc"), ("X-Also", "d"))))
    answer = client.get("/", headers=[("TE", "trailers")])
    assert answer.trailers.pairs == (("X-Checksum", "abc"), ("X-Also", "d"))


def test_empty_chunked_reply(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"", framing=Framing.CHUNKED))
    with client.connect() as connection:
        for _ in range(2):
            assert connection.ask().body == b""


def test_close_delimited_reply(origin: Origin, client: Client) -> None:
    """The body is whole, and the client can tell: chunked, or the end of its own connection."""
    origin.replies(Reply(200, BODY, framing=Framing.CLOSE))
    answer = client.get("/")
    assert answer.body == BODY
    assert answer.framing in {Framing.CHUNKED, Framing.CLOSE}


def test_close_delimited_reply_then_another_request(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"first", framing=Framing.CLOSE), Reply(200, b"second"))
    with client.connect() as connection:
        first = connection.ask()
        assert first.body == b"first"
        if first.keeps_open:
            assert connection.ask().body == b"second"
    assert client.get("/").body == b"second"


def test_1_0_origin(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, BODY, framing=Framing.CLOSE, version="1.0"))
    answer = client.get("/")
    assert (answer.body, answer.version) == (BODY, "1.1")


def test_chunked_reply_to_a_1_0_client(origin: Origin, client: Client) -> None:
    """A 1.0 client knows no chunks: the coding is taken off and the end of the connection is the end of the body."""
    origin.replies(Reply(200, BODY, framing=Framing.CHUNKED, chunks=(100, 2000), trailers=(("X-Late", "1"),)))
    with client.connect() as connection:
        answer = connection.ask(version="1.0")
        assert answer.body == BODY
        assert "transfer-encoding" not in answer.fields
        connection.expect_closed()


def test_reply_to_head_has_the_length_and_no_body(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"", declared_length=12345))
    with client.connect() as connection:
        for _ in range(2):
            answer = connection.ask("HEAD")
            assert (answer.status, answer.body, answer.fields["content-length"]) == (200, b"", "12345")


def test_chunked_reply_to_head_has_no_body(origin: Origin, client: Client) -> None:
    def head_only(visit: Visit) -> None:
        _ = visit.request
        visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    origin.behaves(head_only)
    with client.connect() as connection:
        for _ in range(2):
            assert connection.ask("HEAD").body == b""


@pytest.mark.parametrize("status", [204, 304])
def test_reply_that_never_has_a_body(origin: Origin, client: Client, status: int) -> None:
    origin.replies(Reply(status, framing=Framing.NONE))
    with client.connect() as connection:
        for _ in range(3):
            assert connection.ask().status == status


def test_304_keeps_the_length_of_what_was_not_sent(origin: Origin, client: Client) -> None:
    origin.replies(Reply(304, b"", declared_length=777))
    with client.connect() as connection:
        for _ in range(2):
            assert connection.ask().fields.get("content-length", "777") == "777"


@pytest.mark.parametrize("status", [102, 103])
def test_interim_reply_is_relayed(origin: Origin, client: Client, status: int) -> None:
    def hint_first(visit: Visit) -> Reply:
        visit.send(f"HTTP/1.1 {status} Interim\r\nLink: </style.css>; rel=preload\r\n\r\n".encode())
        return Reply(200, b"final")

    origin.behaves(hint_first)
    answer = client.get("/")
    assert (answer.status, answer.body) == (200, b"final")
    assert [head.start_line.split(" ")[1] for head in answer.interim] == [str(status)]
    assert answer.interim[0].fields["link"] == "</style.css>; rel=preload"


@pytest.mark.differs("nginx", reason="relays interim replies to 1.0 clients too")
def test_interim_replies_are_not_sent_to_a_1_0_client(origin: Origin, client: Client) -> None:
    def hint_first(visit: Visit) -> Reply:
        visit.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        return Reply(200, b"final")

    origin.behaves(hint_first)
    answer = client.request("GET", "/", version="1.0")
    assert (answer.status, answer.body, answer.interim) == (200, b"final", ())


def test_reply_streams_before_it_is_complete(origin: Origin, client: Client) -> None:
    """The client has the first half while the origin has not sent the second."""

    def half_and_half(visit: Visit) -> None:
        _ = visit.request
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
        client_has_first_half.wait(5)
        visit.send(b"56789")

    client_has_first_half = threading.Event()
    origin.behaves(half_and_half)
    with client.connect() as connection:
        connection.send(encode_request("GET", "/"))
        connection.wait_for_bytes(b"01234")
        client_has_first_half.set()
        assert connection.response().body == b"0123456789"


def test_large_head_of_a_reply(origin: Origin, client: Client) -> None:
    fields = tuple((f"X-Field-{n}", "v" * 100) for n in range(30))
    origin.replies(Reply(200, b"x", fields=fields))
    answer = client.get("/")
    assert [pair for pair in answer.fields if pair[0].startswith("X-Field")] == list(fields)


def test_reply_before_the_request_ended_leaves_the_next_one_intact(origin: Origin, client: Client) -> None:
    """Whatever the proxy does with a connection whose request body it did not need, the next request is served."""

    def reply_at_once(visit: Visit) -> Reply:
        visit.send(Reply(200, b"early").encode())
        _ = visit.request
        return None  # type: ignore[return-value]

    origin.behaves(reply_at_once)
    with client.connect() as connection:
        connection.send(encode_request("POST", "/", fields=[("Content-Length", "10")]) + b"01234")
        assert connection.response().body == b"early"
    assert client.get("/").body == b"early"
