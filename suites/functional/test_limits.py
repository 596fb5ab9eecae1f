"""request_rate (in a second) and request_burst (in 125 ms) of each client address, and what happens over them.

A window slides: what passed is forgotten after the window's length, at most an eighth of it later. The requests of a
volley go out over as many connections, so that they arrive within a millisecond or two however slow the way to the
origin is, and what is expected of them takes into account how long they really took (suites/traffic/volley.py).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import encode_request
from suites.traffic.origin import Origin
from suites.traffic.volley import volley

GET = encode_request("GET", "/")
LEAKY = "limit_req is a leaky bucket: it forgives one request each 1/rate s"
BURST_S = 0.125
SECOND_S = 1.0
MARGIN_S = 0.03  # a timer tick of the guest and the way of the request
FORGIVEN = 9 / 8  # windows until what was passed is forgotten


def test_burst_is_refused_then_forgiven(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(limits={"request_burst": 5})
    first = volley(client, 6)
    first.expect_limited(5, BURST_S, leaky=dut.limits_leak)
    client.wait(seconds=BURST_S * FORGIVEN + MARGIN_S)
    assert client.get("/").status == 200
    assert origin.requests == first.served + 1


@pytest.mark.parametrize("sent", [1, 4, 5])
def test_burst_up_to_the_limit_is_served(dut: Dut, origin: Origin, client: Client, sent: int) -> None:
    dut.apply(limits={"request_burst": 5})
    assert volley(client, sent).statuses == [200] * sent
    assert origin.requests == sent


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_burst_far_over_the_limit(dut: Dut, origin: Origin, client: Client, limit: int) -> None:
    dut.apply(limits={"request_burst": limit})
    shots = volley(client, limit + 20)
    shots.expect_limited(limit, BURST_S, leaky=dut.limits_leak)
    assert origin.requests == shots.served


def test_rate_is_refused_then_forgiven(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(limits={"request_rate": 10})
    first = volley(client, 13)
    first.expect_limited(10, SECOND_S, leaky=dut.limits_leak)
    client.wait(seconds=SECOND_S * FORGIVEN + MARGIN_S)
    assert volley(client, 10).statuses == [200] * 10
    assert origin.requests == first.served + 10


def test_rate_holds_over_several_bursts(dut: Dut, origin: Origin, client: Client) -> None:
    """Each burst is allowed by itself; it is their sum that ends them."""
    dut.apply(limits={"request_rate": 8, "request_burst": 4})
    shots = volley(client, 4)
    for _ in range(2):
        client.wait(seconds=BURST_S * FORGIVEN + MARGIN_S)
        shots = shots.followed_by(volley(client, 4))
    shots.expect_limited(8, SECOND_S, leaky=dut.limits_leak)
    assert origin.requests == shots.served


@pytest.mark.differs("nginx", reason=LEAKY)
def test_rate_is_not_forgiven_before_its_second_is_over(dut: Dut, client: Client) -> None:
    dut.apply(limits={"request_rate": 5})
    with client.connect() as connection:
        connection.send(GET * 5)
        assert connection.responses(5).statuses == [200] * 5
        client.wait(seconds=0.5)
        assert connection.ask().status == 429


def test_refused_request_does_not_end_the_connection(dut: Dut, client: Client) -> None:
    dut.apply(limits={"request_rate": 1})
    with client.connect() as connection:
        connection.send(GET * 2)
        first, second = connection.responses(2)
        assert (first.status, second.status) == (200, 429)
        assert second.keeps_open
        client.wait(seconds=SECOND_S * FORGIVEN + MARGIN_S)
        assert connection.ask().status == 200


def test_body_of_a_refused_request_is_skipped(dut: Dut, origin: Origin, client: Client) -> None:
    """Either the connection ends, or what follows the refused request's body is understood as the next request."""
    dut.apply(limits={"request_rate": 1})
    post = encode_request("POST", "/refused", body=b"GET /inner HTTP/1.1\r\nHost: x\r\n\r\n")
    with client.connect() as connection:
        connection.send(GET + post)
        first, second = connection.responses(2)
        assert (first.status, second.status) == (200, 429)
        if second.keeps_open:
            client.wait(seconds=SECOND_S * FORGIVEN + MARGIN_S)
            assert connection.ask("GET", "/outer").status == 200
    assert {request.target for request in origin.received} <= {"/", "/outer"}


def test_clients_are_counted_apart(dut: Dut, origin: Origin, new_client: Callable[[], Client]) -> None:
    dut.apply(limits={"request_burst": 3})
    served = 0
    for _ in range(5):
        shots = volley(new_client(), 4)
        shots.expect_limited(3, BURST_S, leaky=dut.limits_leak)
        served += shots.served
    assert origin.requests == served


def test_connections_of_one_client_are_counted_together(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(limits={"request_rate": 6})
    shots = volley(client, 9)
    shots.expect_limited(6, SECOND_S, leaky=dut.limits_leak)
    assert origin.requests == shots.served


@pytest.mark.only("weir", reason="nginx sends a reply, or closes without one by a status of its own, but no RST")
def test_action_reset(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(limits={"request_rate": 2, "action": "reset"})
    with client.connect() as connection:
        connection.send(GET * 2)
        assert connection.responses(2).statuses == [200, 200]
        connection.send(GET)
        assert connection.rest() == b""
        assert connection.was_reset
    assert origin.requests == 2


@pytest.mark.only("weir", reason="nginx sends no RST")
def test_action_reset_does_not_touch_other_connections(
    dut: Dut, client: Client, new_client: Callable[[], Client]
) -> None:
    dut.apply(limits={"request_rate": 1, "action": "reset"})
    other = new_client().connect()
    assert other.ask().status == 200
    with client.connect() as connection:
        connection.send(GET * 2)
        connection.rest()
        assert connection.was_reset
    client.wait(seconds=SECOND_S * FORGIVEN + MARGIN_S)
    assert other.ask().status == 200
    assert client.get("/").status == 200


def test_no_limit_unless_configured(origin: Origin, client: Client) -> None:
    assert client.pipeline(*[GET] * 200).statuses == [200] * 200
    assert origin.requests == 200


def test_limit_is_lifted_live(dut: Dut, client: Client) -> None:
    dut.apply(limits={"request_rate": 1})
    assert client.pipeline(GET, GET).statuses == [200, 429]
    dut.apply()
    assert client.pipeline(*[GET] * 5).statuses == [200] * 5


def test_limit_is_imposed_live(dut: Dut, client: Client) -> None:
    dut.apply()
    assert volley(client, 8).statuses == [200] * 8
    dut.apply(limits={"request_rate": 3})
    volley(client, 8).expect_limited(3, SECOND_S, leaky=dut.limits_leak)


def test_limit_of_an_ipv6_client(dut: Dut, new_client: Callable[[], Client]) -> None:
    dut.apply(listeners=["[::]:80"], limits={"request_burst": 2, "ipv6_prefix": 128})
    volley(new_client(), 3).expect_limited(2, BURST_S, leaky=dut.limits_leak)
    assert volley(new_client(), 2).statuses == [200, 200]


def test_many_clients_within_their_limits(dut: Dut, origin: Origin, new_client: Callable[[], Client]) -> None:
    dut.apply(limits={"request_burst": 2, "request_rate": 2})
    for _ in range(60):
        assert new_client().pipeline(GET, GET).statuses == [200, 200]
    assert origin.requests == 120


def test_refused_requests_are_answered_in_order(dut: Dut, client: Client) -> None:
    dut.apply(limits={"request_rate": 3})
    requests = [encode_request("HEAD" if n % 2 else "GET", f"/{n}") for n in range(6)]
    with client.connect() as connection:
        connection.send(b"".join(requests))
        statuses = [connection.response(to="HEAD" if n % 2 else "GET").status for n in range(6)]
    assert statuses == [200] * 3 + [429] * 3
