"""Persistent connections on both sides (RFC 9112 section 9)."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import Framing, Reply, encode_request
from suites.traffic.origin import Origin, Visit


def test_many_requests_on_one_connection(origin: Origin, client: Client) -> None:
    origin.behaves(lambda visit: Reply(200, visit.target.encode()))
    with client.connect() as connection:
        for number in range(25):
            answer = connection.ask("GET", f"/{number}")
            assert (answer.status, answer.body, answer.keeps_open) == (200, b"/%d" % number, True)
    assert origin.requests == 25


def test_connection_close_is_obeyed(client: Client) -> None:
    with client.connect() as connection:
        answer = connection.ask(headers=[("Connection", "close")])
        assert (answer.status, answer.keeps_open) == (200, False)
        connection.expect_closed()
        assert not connection.was_reset


def test_connection_close_among_other_options_is_obeyed(client: Client) -> None:
    with client.connect() as connection:
        assert connection.ask(headers=[("Connection", "x-foo , CLOSE")]).status == 200
        connection.expect_closed()


def test_1_0_client_is_closed_after_its_reply(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"bye"))
    with client.connect() as connection:
        answer = connection.ask(version="1.0")
        assert (answer.status, answer.body, answer.keeps_open) == (200, b"bye", False)
        connection.expect_closed()


def test_1_0_client_may_ask_to_stay(client: Client) -> None:
    with client.connect() as connection:
        for _ in range(3):
            answer = connection.ask(version="1.0", headers=[("Connection", "keep-alive")])
            assert answer.status == 200
            assert "keep-alive" in answer.fields.tokens("connection")


def test_origin_that_closes_does_not_close_the_client(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"last words", framing=Framing.LENGTH, fields=(("Connection", "close"),)))
    with client.connect() as connection:
        for _ in range(3):
            answer = connection.ask()
            assert (answer.body, answer.keeps_open) == (b"last words", True)


def test_reply_survives_the_clients_half_close(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"still here"))
    with client.connect() as connection:
        connection.send(encode_request("GET", "/"))
        connection.half_close()
        assert connection.response().body == b"still here"
        connection.expect_closed()


def test_slow_reply_survives_the_clients_half_close(origin: Origin, client: Client) -> None:
    def answer_after_the_fin_arrived(_visit: object) -> Reply:
        connection.wire.wait_acknowledged()
        return Reply(200, b"late")

    origin.behaves(answer_after_the_fin_arrived)
    with client.connect() as connection:
        connection.send(encode_request("GET", "/"))
        connection.half_close()
        assert connection.response().body == b"late"


def test_idle_connection_is_closed_after_its_time(dut: Dut, client: Client) -> None:
    dut.apply(timeouts={"keepalive": 0.3})
    with client.connect() as connection:
        assert connection.ask().status == 200
        connection.expect_closed()
        assert not connection.was_reset


def test_idle_time_starts_anew_with_each_request(dut: Dut, client: Client) -> None:
    dut.apply(timeouts={"keepalive": 1.0})
    with client.connect() as connection:
        for _ in range(3):
            assert connection.ask().status == 200
            client.wait(seconds=0.5)
        assert connection.ask().status == 200


def test_connection_without_a_request_is_closed_after_its_time(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(timeouts={"client_header": 0.3, "keepalive": 0.3})
    with client.connect() as connection:
        connection.expect_closed()
    assert origin.heads == 0


def test_unfinished_head_is_refused_after_its_time(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(timeouts={"client_header": 0.3})
    with client.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: weir.test\r\n")
        said = connection.rest()
        assert said == b"" or said.startswith(b"HTTP/1.1 408 ")
        assert not connection.was_reset
    assert origin.heads == 0


def test_head_that_trickles_is_refused_after_its_time(dut: Dut, origin: Origin, client: Client) -> None:
    """Slowloris: each byte comes soon after the last, the head never ends."""
    dut.apply(timeouts={"client_header": 0.5})
    with client.connect() as connection:
        trickle = iter(b"GET / HTTP/1.1\r\nHost: weir.test\r\nX-Slow: " + b"x" * 200)
        ended = False
        while not ended:
            try:
                connection.send(bytes([next(trickle)]))
            except OSError:
                break
            client.wait(seconds=0.02)
            ended = connection.wire.peer_has_closed
        assert next(trickle, None) is not None
    assert origin.heads == 0


def test_unfinished_body_is_given_up_after_its_time(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(timeouts={"client_body": 0.3})
    with client.connect() as connection:
        connection.send(encode_request("POST", "/", fields=[("Content-Length", "100")]) + b"only this")
        rest = connection.reader.read_end()
        assert b" 200 " not in rest
    assert origin.requests == 0


def test_body_has_its_own_time_after_a_wait_for_a_connection(
    dut: Dut, origin: Origin, new_client: Callable[[], Client]
) -> None:
    release = threading.Event()

    def answer_late(visit: Visit) -> Reply:
        release.wait(10)
        return Reply(200, visit.target.encode())

    origin.behaves(answer_late)
    dut.apply(
        servers=[Server(origin.endpoint, connections=1)], group={"queue_timeout": 30}, timeouts={"client_body": 0.3}
    )
    with new_client().connect() as first, new_client().connect() as second:
        first.send(encode_request("GET", "/"))
        origin.wait_for_heads(1)
        second.send(encode_request("POST", "/", fields=[("Content-Length", "100")]) + b"only this")
        second.wire.wait_acknowledged()
        release.set()
        assert first.response().status == 200
        assert b" 200 " not in second.reader.read_end()
    assert origin.requests == 1


def test_upstream_connections_are_reused(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(servers=[Server(origin.endpoint, connections=2)])
    with client.connect() as connection:
        for _ in range(30):
            assert connection.ask().status == 200
    assert origin.connections <= 4  # nginx opens on demand, Weir holds the two (one for each CPU) open


@pytest.mark.only("weir", reason="nginx opens upstream connections on demand")
def test_upstream_connections_are_opened_before_the_first_request(dut: Dut, origin: Origin) -> None:
    dut.apply(servers=[Server(origin.endpoint, connections=6)])
    dut.wait_for_upstreams()
    assert origin.open_connections == 6
    assert origin.heads == 0


@pytest.mark.only("weir", reason="nginx opens upstream connections on demand")
def test_upstream_connection_that_ended_is_opened_again(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(servers=[Server(origin.endpoint, connections=4)])
    origin.wait_for_connections(4)
    origin.drop_connections()
    origin.wait_for_total(8)
    origin.wait_for_connections(4)
    assert client.get("/").status == 200


def test_request_after_idle_upstream_connections_ended(origin: Origin, client: Client) -> None:
    """The proxy must notice that its kept connections are gone, or retry: the client sees nothing of it."""
    with client.connect() as connection:
        assert connection.ask().status == 200
        origin.drop_connections()
        assert connection.ask().status == 200
