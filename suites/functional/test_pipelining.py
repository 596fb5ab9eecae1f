"""Requests sent without waiting for the replies: replies in order, one at a time (RFC 9112 section 9.3.2)."""

from __future__ import annotations

import threading

import pytest

from suites.traffic.client import Client
from suites.traffic.errors import Closed
from suites.traffic.messages import Framing, Reply, encode_request
from suites.traffic.origin import Origin, Visit

GET = encode_request("GET", "/")


def echo_target(visit: Visit) -> Reply:
    return Reply(200, visit.target.encode())


def test_replies_come_in_order(origin: Origin, client: Client) -> None:
    origin.behaves(echo_target)
    answers = client.pipeline(*(encode_request("GET", f"/{n}") for n in range(20)))
    assert answers.bodies == [b"/%d" % n for n in range(20)]


def test_slow_first_reply_holds_back_the_others(origin: Origin, client: Client) -> None:
    release = threading.Event()

    def slow_first(visit: Visit) -> Reply:
        if visit.target == "/0":
            release.wait(5)
        return Reply(200, visit.target.encode())

    origin.behaves(slow_first)
    with client.connect() as connection:
        connection.send(b"".join(encode_request("GET", f"/{n}") for n in range(5)))
        origin.wait_for_heads(1)
        assert not connection.reader.raw
        release.set()
        assert connection.responses(5).bodies == [b"/%d" % n for n in range(5)]


def test_requests_with_bodies(origin: Origin, client: Client) -> None:
    origin.behaves(lambda visit: Reply(200, visit.request.body[::-1]))
    answers = client.pipeline(
        encode_request("POST", "/", body=b"abc"),
        encode_request("POST", "/", chunks=[b"de", b"f"]),
        encode_request("POST", "/", body=b""),
        encode_request("POST", "/", body=b"g" * 5000),
        GET,
    )
    assert answers.bodies == [b"cba", b"fed", b"", b"g" * 5000, b""]


def test_replies_framed_in_every_way(origin: Origin, client: Client) -> None:
    replies = (
        Reply(200, b"one"),
        Reply(200, b"two", framing=Framing.CHUNKED, chunks=(1, 1)),
        Reply(204, framing=Framing.NONE),
        Reply(304, framing=Framing.NONE),
        Reply(200, b""),
        Reply(200, b"six" * 3000, framing=Framing.CHUNKED, chunks=(4096,)),
    )
    origin.replies(*replies)
    answers = client.pipeline(*[GET] * len(replies))
    assert [(answer.status, answer.body) for answer in answers] == [(reply.status, reply.body) for reply in replies]


def test_head_between_gets(origin: Origin, client: Client) -> None:
    origin.behaves(lambda visit: Reply(200, b"" if visit.request.method == "HEAD" else b"body", declared_length=4))
    with client.connect() as connection:
        connection.send(GET + encode_request("HEAD", "/") + GET)
        assert connection.response().body == b"body"
        assert connection.response(to="HEAD").body == b""
        assert connection.response().body == b"body"


def test_nothing_is_served_after_connection_close(origin: Origin, client: Client) -> None:
    close = encode_request("GET", "/", fields=[("Connection", "close")])
    answers, connection = client.say(GET + close + GET)
    assert answers.statuses == [200, 200]
    assert origin.requests == 2
    assert not connection.was_reset


def test_bad_request_is_refused_after_the_good_ones_are_served(origin: Origin, client: Client) -> None:
    answers, _ = client.say(GET + GET + b"GET / HTTP/1.1\r\nHost : x\r\n\r\n" + GET)
    assert answers.statuses == [200, 200, 400]
    assert origin.requests == 2


def test_split_over_two_segments_at_any_place(origin: Origin, client: Client) -> None:
    """Two pipelined requests, cut in every place of the second head in turn, on one connection."""
    origin.behaves(echo_target)
    first, second = encode_request("GET", "/first"), encode_request("GET", "/second")
    with client.connect() as connection:
        for cut in range(0, len(second), 7):
            connection.send_apart([first + second[:cut], second[cut:]])
            assert connection.responses(2).bodies == [b"/first", b"/second"]


@pytest.mark.parametrize("count", [100])
def test_long_pipeline_is_served_whole(origin: Origin, client: Client, count: int) -> None:
    origin.behaves(echo_target)
    answers = client.pipeline(*(encode_request("GET", f"/{n}") for n in range(count)))
    assert answers.bodies == [b"/%d" % n for n in range(count)]


def test_pipelines_of_several_clients_do_not_mix(origin: Origin, client: Client) -> None:
    origin.behaves(echo_target)
    connections = [client.connect() for _ in range(8)]
    for number, connection in enumerate(connections):
        connection.send(b"".join(encode_request("GET", f"/{number}/{n}") for n in range(10)))
    for number, connection in enumerate(connections):
        assert connection.responses(10).bodies == [b"/%d/%d" % (number, n) for n in range(10)]


def test_client_that_leaves_in_the_middle_of_a_pipeline(origin: Origin, client: Client) -> None:
    origin.behaves(echo_target)
    with client.connect() as connection:
        connection.send(b"".join(encode_request("GET", f"/{n}") for n in range(10)))
        connection.response()
        connection.reset()
    assert client.get("/alive").body == b"/alive"


def test_origin_that_closes_between_pipelined_requests(origin: Origin, client: Client) -> None:
    origin.behaves(lambda visit: Reply(200, visit.target.encode(), fields=(("Connection", "close"),)))

    def serve_one_and_close(visit: Visit) -> None:
        visit.send(Reply(200, visit.request.target.encode(), fields=(("Connection", "close"),)).encode())
        visit.close()

    origin.behaves(serve_one_and_close)
    answers = client.pipeline(*(encode_request("GET", f"/{n}") for n in range(6)))
    assert answers.bodies == [b"/%d" % n for n in range(6)]


def test_closed_means_nothing_more_is_read(client: Client) -> None:
    with client.connect() as connection:
        assert connection.ask(headers=[("Connection", "close")]).status == 200
        with pytest.raises(Closed):
            connection.response()
