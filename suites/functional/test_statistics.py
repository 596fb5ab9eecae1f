"""Counters agree with what was sent and received, to the request and where it can be said to the byte."""

from __future__ import annotations

import pytest

from suites.duts.config import Server
from suites.duts.dut import Dut, Statistics
from suites.traffic.client import Client
from suites.traffic.messages import Framing, Reply, encode_request
from suites.traffic.origin import Origin, Visit
from suites.traffic.volley import RESET, volley

pytestmark = pytest.mark.only("weir", reason="nginx has no such statistics")

GET = encode_request("GET", "/")


@pytest.fixture
def before(dut: Dut) -> Statistics:
    """After the test's configuration was applied."""
    dut.apply()
    return dut.statistics


def since(dut: Dut, before: Statistics) -> Statistics:
    return dut.statistics - before


def test_requests_and_responses(dut: Dut, client: Client, before: Statistics) -> None:
    assert client.get("/", times=7).statuses == [200] * 7
    delta = since(dut, before)
    assert (delta["requests"], delta["responses"], delta["responses_2xx"]) == (7, 7, 7)
    assert delta["requests_softirq"] + delta["requests_other"] == 7
    assert delta["connections_accepted"] == 1


@pytest.mark.parametrize("status", [200, 204, 301, 304, 404, 500])
def test_status_classes(dut: Dut, origin: Origin, client: Client, before: Statistics, status: int) -> None:
    origin.replies(Reply(status, framing=Framing.NONE if status in {204, 304} else Framing.LENGTH))
    client.get("/", times=3)
    delta = since(dut, before)
    classes = {f"responses_{n}xx": 0 for n in range(1, 6)} | {f"responses_{status // 100}xx": 3}
    assert {name: delta[name] for name in classes} == classes


def test_interim_responses(dut: Dut, origin: Origin, client: Client, before: Statistics) -> None:
    def hint(visit: Visit) -> Reply:
        visit.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        return Reply()

    origin.behaves(hint)
    client.get("/")
    delta = since(dut, before)
    assert (delta["responses_1xx"], delta["responses"]) == (1, 1)


def test_bytes_of_all_four_directions(dut: Dut, origin: Origin, client: Client, before: Statistics) -> None:
    reply = Reply(200, b"x" * 5000, framing=Framing.CHUNKED, chunks=(100, 2000))
    origin.replies(reply)
    request = encode_request("POST", "/", body=b"y" * 3000)
    with client.connect() as connection:
        connection.send(request)
        connection.response()
        received = len(connection.reader.raw)
    delta = since(dut, before)
    assert delta["bytes_client_in"] == len(request)
    assert delta["bytes_client_out"] == received
    assert delta["bytes_upstream_out"] == sum(len(link.received) for link in origin.links)
    assert delta["bytes_upstream_in"] == len(reply.encode())


def test_active_connections_are_a_gauge(dut: Dut, client: Client, before: Statistics) -> None:
    connections = [client.connect() for _ in range(5)]
    for connection in connections:
        connection.ask()
    assert dut.statistics["connections_active"] == before["connections_active"] + 5
    for connection in connections:
        connection.close()
    dut.wait_for_statistic("connections_active", before["connections_active"])
    assert since(dut, before)["connections_accepted"] == 5


def test_refused_requests(dut: Dut, client: Client, before: Statistics) -> None:
    for bad in (b"GET / HTTP/1.1\r\n\r\n", b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/3.0\r\nHost: x\r\n\r\n"):
        client.say(bad)
    delta = since(dut, before)
    assert delta["rejected_bad_request"] == 3
    assert delta["responses_4xx"] + delta["responses_5xx"] == 3


@pytest.mark.parametrize(
    ("limit", "counter", "window"), [("request_burst", "rejected_burst", 0.125), ("request_rate", "rejected_rate", 1.0)]
)
@pytest.mark.parametrize("action", ["reply", "reset"])
def test_limited_requests(dut: Dut, client: Client, limit: str, counter: str, window: float, action: str) -> None:
    dut.apply(limits={limit: 2, "action": action})
    before = dut.statistics
    shots = volley(client, 5)
    shots.expect_limited(2, window, refusal=429 if action == "reply" else RESET)
    refused = len(shots.statuses) - shots.served
    delta = since(dut, before)
    assert delta[counter] == refused
    assert delta["responses_4xx"] == (refused if action == "reply" else 0)


def test_client_timeouts(dut: Dut, client: Client) -> None:
    dut.apply(timeouts={"client_header": 0.2})
    before = dut.statistics
    with client.connect() as connection:
        connection.send(b"GET / HT")
        connection.rest()
    assert since(dut, before)["timeouts_client"] == 1


def test_upstream_errors(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(timeouts={"upstream_response": 0.2})
    before = dut.statistics
    origin.behaves(lambda visit: visit.hang())
    assert client.get("/").status == 504
    dut.apply()  # so that a reset that comes late is one
    origin.behaves(lambda visit: visit.reset())
    assert client.get("/").status == 502
    delta = since(dut, before)
    assert (delta["errors_504"], delta["errors_502"], delta["errors_503"]) == (1, 1, 0)
    assert (
        delta["upstream_failures"] >= 1
    )  # a kept connection that dies under a request is no failure of the server yet
    assert delta["responses_5xx"] == 2


def test_busy_upstream(dut: Dut, origin: Origin, client: Client) -> None:
    origin.behaves(lambda visit: visit.hang())
    dut.apply(servers=[Server(origin.endpoint, connections=2)], group={"queue_timeout": 0.2})
    dut.wait_for_upstreams()
    before = dut.statistics
    busy = [client.connect() for _ in range(2)]
    for connection in busy:
        connection.send(GET)
    origin.wait_for_heads(2)
    assert client.get("/").status == 503
    delta = since(dut, before)
    assert (delta["errors_503"], delta["errors_502"], delta["errors_504"]) == (1, 0, 0)


def test_upstream_connections(dut: Dut, origin: Origin) -> None:
    dut.apply(servers=[Server(origin.endpoint, connections=6)])
    dut.wait_for_upstreams()
    assert origin.open_connections == 6


def test_counters_never_go_back_on_reconfiguration(dut: Dut, client: Client, before: Statistics) -> None:
    client.get("/", times=3)
    dut.apply(limits={"header_count": 20})
    client.get("/", times=2)
    assert since(dut, before)["requests"] == 5


def test_memory_is_given_back(dut: Dut, origin: Origin, client: Client, before: Statistics) -> None:
    dut.wait_for_upstreams()
    idle = dut.statistics["memory_bytes"]
    origin.replies(Reply(200, bytes(200_000)))
    connections = [client.connect() for _ in range(10)]
    for connection in connections:
        connection.send(encode_request("POST", "/", body=bytes(100_000)))
    for connection in connections:
        assert connection.response().status == 200
        connection.close()
    dut.wait_for_statistic("connections_active", before["connections_active"])
    dut.wait_for_statistic("memory_bytes", idle)


def test_nothing_failed_to_allocate(dut: Dut) -> None:
    assert dut.statistics["allocation_failures"] == 0
