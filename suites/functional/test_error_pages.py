"""Replies of the device's own: configured bodies, and what goes with them."""

from __future__ import annotations

import threading

import pytest

from suites.duts.config import Table
from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import encode_request
from suites.traffic.origin import Origin, Visit

PAGE: Table = {"status": 403, "content_type": "text/html; charset=utf-8", "body": "<p>n\u00e3o</p>\n"}
BODY = "<p>n\u00e3o</p>\n".encode()
NO: Table = {"path": "/no", "block": 403}

weir_only = pytest.mark.only("weir", reason="about Weir's own replies")


def test_configured_page_is_the_body_of_its_status(dut: Dut, client: Client) -> None:
    dut.apply(rules=[NO], error_pages=[PAGE])
    answer = client.get("/no")
    assert (answer.status, answer.body) == (403, BODY)
    assert answer.fields["Content-Type"] == PAGE["content_type"]


def test_other_statuses_have_their_own(dut: Dut, client: Client) -> None:
    dut.apply(rules=[NO, {"path": "/gone", "block": 410}], error_pages=[PAGE])
    answer = client.get("/gone")
    assert answer.status == 410
    assert answer.body != BODY


@weir_only
def test_page_and_the_connection(dut: Dut, client: Client) -> None:
    """A page keeps the connection as a short reply does, and HEAD has its length alone."""
    dut.apply(rules=[NO], error_pages=[PAGE])
    with client.connect() as connection:
        assert connection.ask("GET", "/no").body == BODY
        head = connection.ask("HEAD", "/no")
        assert (head.body, head.fields["Content-Length"]) == (b"", str(len(BODY)))
        assert connection.ask("GET", "/no").body == BODY
        assert connection.ask("POST", "/no", body=b"x").body == BODY
        connection.expect_closed()


@weir_only
@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 16383, 16384])
def test_page_of_any_size(dut: Dut, client: Client, size: int) -> None:
    body = ("0123456789abcde\n" * 1024)[:size]
    dut.apply(rules=[NO], error_pages=[{**PAGE, "body": body}])
    with client.connect(receive_buffer=2048) as connection:
        for _ in range(3):
            assert connection.ask("GET", "/no").body == body.encode()


@weir_only
def test_virtual_host_has_pages_of_its_own(dut: Dut, client: Client) -> None:
    vhosts: list[Table] = [
        {"name": "one", "hosts": ["one.example"], "upstream": "default", "chain": "main"},
        {"name": "two", "hosts": ["two.example"], "upstream": "default", "chain": "main"},
    ]
    pages: list[Table] = [
        {"status": 403, "body": "all"},
        {"status": 421, "body": "whom?"},
        {"vhost": "two", "status": 403, "body": "two"},
    ]
    dut.apply(vhosts=vhosts, rules=[NO], error_pages=pages)
    with client.connect() as connection:
        bodies = {host: connection.ask("GET", "/no", host=host).body for host in ("one.example", "two.example", "x")}
    assert bodies == {"one.example": b"all", "two.example": b"two", "x": b"whom?"}


@weir_only
def test_refused_head_and_exceeded_limit_have_pages(dut: Dut, client: Client) -> None:
    pages: list[Table] = [
        {"status": 400, "body": "bad"},
        {"status": 429, "body": "slow down"},
        {"status": 414, "body": "long"},
    ]
    dut.apply(limits={"request_rate": 1, "uri_length": 64}, error_pages=pages)
    assert [answer.body for answer in client.get("/", times=2)][1] == b"slow down"
    answers, _ = client.say(b"GET / HTTP/1.1\r\n\r\n")
    assert [answer.body for answer in answers] == [b"bad"]
    assert client.get("/" + "x" * 64).body == b"long"


@weir_only
def test_failed_upstream_has_a_page_of_the_virtual_host(dut: Dut, origin: Origin, client: Client) -> None:
    origin.behaves(lambda visit: visit.reset())
    vhosts: list[Table] = [
        {"name": "one", "hosts": ["one.example"], "upstream": "default"},
        {"name": "rest", "upstream": "default"},
    ]
    dut.apply(vhosts=vhosts, error_pages=[{"vhost": "one", "status": 502, "body": "one is ill"}])
    with client.connect() as connection:
        assert connection.ask(host="one.example").body == b"one is ill"
        assert connection.ask(host="two.example").status == 502


@weir_only
def test_request_over_the_limit_has_a_page_of_the_virtual_host(dut: Dut, origin: Origin, client: Client) -> None:
    """By the host alone: the limit comes before the rules, which are not looked at."""
    vhosts: list[Table] = [
        {"name": "one", "hosts": ["one.example", "*.one.example"], "upstream": "default", "chain": "main"},
        {"name": "two", "hosts": ["two.example"], "upstream": "default"},
    ]
    pages: list[Table] = [
        {"vhost": "one", "status": 429, "body": "one is busy"},
        {"status": 429, "body": "busy"},
    ]
    dut.apply(vhosts=vhosts, rules=[NO], error_pages=pages, limits={"request_rate": 1})
    hosts = {"one.example": "one is busy", "a.ONE.example:80": "one is busy", "two.example": "busy", "x.test": "busy"}
    with client.connect() as connection:
        assert connection.ask(host="two.example").status == 200
        for host, body in hosts.items():
            answer = connection.ask("GET", "/no", host=host)
            assert (answer.status, answer.body) == (429, body.encode()), host
        assert connection.ask("GET", "/", host="one.example").body == b"one is busy"
    assert origin.requests == 1


@weir_only
def test_page_is_that_of_the_configuration_by_which_the_request_was_judged(
    dut: Dut, origin: Origin, client: Client
) -> None:
    release = threading.Event()

    def fail_later(visit: Visit) -> None:
        release.wait(10)
        visit.reset()

    origin.behaves(fail_later)
    dut.apply(error_pages=[{"status": 502, "body": "old"}])
    with client.connect() as connection:
        connection.send(encode_request("POST", "/"))
        origin.wait_for_heads(1)
        dut.apply(error_pages=[{"status": 502, "body": "new"}])
        release.set()
        assert connection.response().body == b"old"


@weir_only
def test_own_errors_are_not_to_be_stored(dut: Dut, client: Client) -> None:
    dut.apply(rules=[NO, {"path": "/gone", "block": 404}])
    with client.connect() as connection:
        for target in ("/no", "/gone"):
            assert connection.ask("GET", target).fields["Cache-Control"] == "no-store"
