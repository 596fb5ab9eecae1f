"""Clients that stay at their server by a cookie of the device's own."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from lab.deadline import Deadline
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import Reply, Response
from suites.traffic.origin import Origin

NewOrigin = Callable[[], Origin]
STICKY = {"sticky_cookie": "at"}
pytestmark = pytest.mark.differs("nginx", reason="has no such cookie without its commercial edition")


def servers(*origins: Origin) -> list[Server]:
    return [Server(origin.endpoint) for origin in origins]


def cookie_of(response: Response) -> str | None:
    """The value that the reply sets, None if it sets none."""
    for value in response.fields.all("Set-Cookie"):
        name, _, content = value.partition(";")[0].partition("=")
        if name == "at":
            return content
    return None


def ask(client: Client, cookie: str | None = None) -> Response:
    return client.get("/", headers=[("Cookie", f"theme=dark; at={cookie}; x=y")] if cookie else [])


def named(*origins: Origin) -> None:
    for number, origin in enumerate(origins):
        origin.replies(Reply(200, b"%d" % number))


def test_client_stays_at_its_server(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    origins = [new_origin() for _ in range(3)]
    named(*origins)
    dut.apply(servers=servers(*origins), group=STICKY)
    dut.wait_for_upstreams()
    homes = {}
    for _ in range(3):
        first = ask(client)
        cookie = cookie_of(first)
        assert cookie is not None
        homes[cookie] = first.body
    assert len(set(homes.values())) == len(homes) == 3
    for cookie, home in homes.items():
        again = [ask(client, cookie) for _ in range(4)]
        assert {response.body for response in again} == {home}
        assert {cookie_of(response) for response in again} == {None}


def test_cookie_is_for_the_whole_site_and_not_for_scripts(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(servers=servers(origin), group=STICKY)
    (field,) = client.get("/some/where").fields.all("Set-Cookie")
    attributes = [part.strip().lower() for part in field.split(";")[1:]]
    assert "path=/" in attributes
    assert "httponly" in attributes


@pytest.mark.only("weir", reason="HAProxy's value is a server's name")
def test_cookie_tells_nothing_of_the_server(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    origins = [new_origin() for _ in range(2)]
    dut.apply(servers=servers(*origins), group=STICKY)
    dut.wait_for_upstreams()
    cookies = {cookie_of(ask(client)) for _ in range(6)}
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie is not None
        assert re.fullmatch("[0-9a-f]{16}", cookie)


@pytest.mark.parametrize("cookie", ["nonsense", "0" * 16, "f" * 16, "0123456789abcdeg", "../../etc", "10.77.2.1:8080"])
def test_cookie_of_somebody_else_is_replaced(dut: Dut, origin: Origin, client: Client, cookie: str) -> None:
    dut.apply(servers=servers(origin), group=STICKY)
    assert cookie_of(ask(client, cookie)) is not None


@pytest.mark.only("weir", reason="HAProxy's value is a server's place in its list")
def test_cookie_outlives_a_new_configuration(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    first, second, third = (new_origin() for _ in range(3))
    named(first, second, third)
    dut.apply(servers=servers(first, second), group=STICKY)
    dut.wait_for_upstreams()
    answer = ask(client)
    cookie = cookie_of(answer)
    assert cookie is not None
    dut.apply(servers=servers(third, second, first), group={**STICKY, "balance": "least-connections"})
    dut.wait_for_upstreams()
    for _ in range(6):
        again = ask(client, cookie)
        assert (again.body, cookie_of(again)) == (answer.body, None)


def test_client_of_a_server_that_is_down_gets_another_and_its_cookie(
    dut: Dut, new_origin: NewOrigin, client: Client
) -> None:
    first, second = new_origin(), new_origin()
    named(first, second)
    dut.apply(servers=servers(first, second), group=STICKY)
    dut.wait_for_upstreams()
    answer = ask(client)
    cookie = cookie_of(answer)
    assert cookie is not None
    home, other = (first, second) if answer.body == b"0" else (second, first)
    home.pause()
    home.drop_connections()
    Deadline(5).wait_for(lambda: ask(client, cookie).body != answer.body, what="the other server to answer")
    moved = ask(client, cookie)
    assert moved.status == 200
    assert cookie_of(moved) not in (None, cookie)
    assert other.requests >= 2


def test_origin_keeps_its_own_cookies(dut: Dut, origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, fields=(("Set-Cookie", "session=1"), ("Set-Cookie", "lang=en"))))
    dut.apply(servers=servers(origin), group=STICKY)
    values = ask(client).fields.all("Set-Cookie")
    assert values[:2] == ["session=1", "lang=en"]
    assert len(values) == 3
    assert origin.last.fields.all("Cookie") == []
