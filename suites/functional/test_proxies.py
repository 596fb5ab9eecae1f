"""Clients behind trusted proxies: whom the PROXY protocol or X-Forwarded-For names is the client, for limits, rules and
the origin; from anybody else the one is garbage and the other is hearsay.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Callable, Iterable

import pytest

from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.traffic.client import Client, Conversation
from suites.traffic.errors import Closed
from suites.traffic.messages import encode_request
from suites.traffic.origin import Origin

pytestmark = pytest.mark.only("weir", reason="peers have other keys for this")

GET = encode_request("GET", "/")
SOMEBODY, SOMEBODY6 = "198.51.100.7", "2001:db8::7"
Maker = Callable[[], Client]

_numbers = itertools.count(1)


def visitors(count: int) -> list[str]:
    """Addresses behind a proxy that no case has named before: what was counted for those is not forgotten yet."""
    return [str(ipaddress.IPv4Address("198.18.0.0") + next(_numbers)) for _ in range(count)]


def header(source: str, *, command: int = 0x21, more: bytes = b"") -> bytes:
    """A header of the PROXY protocol's version 2, of a connection from `source`, with `more` behind its addresses."""
    address = ipaddress.ip_address(source)
    rest = address.packed * 2 + b"\x30\x39\x00\x50" + more
    family = 0x11 if address.version == 4 else 0x21
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes((command, family)) + len(rest).to_bytes(2) + rest


def trusting(*proxies: Client, protocol: bool = False, field: bool = False, **others: object) -> dict[str, object]:
    """The firewall table that takes the word of these proxies."""
    return {
        "proxies": [proxy.address for proxy in proxies], "proxy_protocol": protocol, "forwarded_for": field, **others
    }  # fmt: skip


def through(proxy: Client, source: str) -> Conversation:
    """A connection by way of the proxy."""
    connection = proxy.connect()
    connection.send(header(source))
    return connection


def fate(connection: Conversation) -> str:
    """What becomes of a request: a status, or "reset"."""
    try:
        return str(connection.ask().status)
    except (Closed, ConnectionError):
        return "reset"


def asked_for(proxy: Client, sources: Iterable[str]) -> list[str]:
    """The fates of a request for each of these, by X-Forwarded-For on one connection."""
    with proxy.connect() as connection:
        return [str(connection.ask(headers=[("X-Forwarded-For", source)]).status) for source in sources]


@pytest.mark.parametrize("source", [SOMEBODY, SOMEBODY6])
@pytest.mark.parametrize("more", [b"", b"\x04\x00\x01x", bytes(2000)])
def test_client_is_whom_the_header_names(dut: Dut, origin: Origin, client: Client, source: str, more: bytes) -> None:
    dut.apply(firewall=trusting(client, protocol=True))
    with client.connect() as connection:
        connection.send(header(source, more=more) + GET * 3)
        assert connection.responses(3).statuses == [200] * 3
    assert origin.last.fields["x-forwarded-for"] == source


def test_header_in_pieces(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(firewall=trusting(client, protocol=True))
    data = header(SOMEBODY, more=bytes(40)) + GET
    for cut in (1, 12, 13, 16, 27, 28, 29, 51, 52, 53, 67, 68, 69):
        with client.connect() as connection:
            connection.send_apart([data[:cut], data[cut:]])
            assert connection.response().status == 200
        assert origin.last.fields["x-forwarded-for"] == SOMEBODY
    with client.connect() as connection:
        connection.send_apart(bytes((byte,)) for byte in data)
        assert connection.response().status == 200


def test_proxy_may_speak_for_itself(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(firewall=trusting(client, protocol=True))
    with client.connect() as connection:
        connection.send(header(SOMEBODY, command=0x20) + GET)
        assert connection.response().status == 200
    assert origin.last.fields["x-forwarded-for"] == client.address


def test_proxy_that_says_nothing_of_the_kind_is_reset(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(firewall=trusting(client, protocol=True))
    for start in (GET, b"PROXY TCP4 198.51.100.7 192.0.2.1 1 80\r\n" + GET, header(SOMEBODY)[:12] + b"\x31\x11\0\0"):
        with client.connect() as connection:
            connection.send(start)
            assert connection.rest() == b""
            assert connection.was_reset
    assert origin.requests == 0


def test_header_that_never_ends_is_given_up(dut: Dut, client: Client) -> None:
    dut.apply(firewall=trusting(client, protocol=True), timeouts={"client_header": 0.3})
    with client.connect() as connection:
        connection.send(header(SOMEBODY)[:20])
        connection.rest()
    dut.wait_for_statistic("connections_active", 0)


def test_header_of_anybody_else_is_garbage(dut: Dut, origin: Origin, client: Client, new_client: Maker) -> None:
    dut.apply(firewall=trusting(new_client(), protocol=True))
    with client.connect() as connection:
        connection.send(header(SOMEBODY) + GET)
        assert connection.response().status == 400
    assert origin.requests == 0


def test_clients_behind_a_proxy_have_limits_of_their_own(dut: Dut, client: Client) -> None:
    dut.apply(firewall=trusting(client, protocol=True), limits={"request_rate": 2})
    one, other = visitors(2)
    connections = [through(client, source) for source in (one, one, other)]
    assert [fate(connection) for connection in connections] == ["200", "200", "200"]
    assert [fate(connection) for connection in connections] == ["429", "429", "200"]


@pytest.mark.parametrize("key", ["connection_rate", "concurrent_connections"])
def test_connections_behind_a_proxy_are_their_clients(dut: Dut, client: Client, key: str) -> None:
    """However many the proxy itself has open."""
    dut.apply(firewall=trusting(client, protocol=True), limits={key: 1})
    sources = visitors(8)
    assert [fate(through(client, source)) for source in sources] == ["200"] * 8
    assert [fate(through(client, source)) for source in (sources[-1], *visitors(1))] == ["reset", "200"]


def test_rules_see_the_client_behind_a_proxy(dut: Dut, client: Client) -> None:
    dut.apply(
        firewall=trusting(client, protocol=True), rules=[{"chain": "main", "source": "198.51.100.0/24", "block": 403}]
    )
    assert [fate(through(client, source)) for source in (SOMEBODY, "203.0.113.1")] == ["403", "200"]


def test_a_limit_blocks_the_client_and_not_its_proxy(dut: Dut, client: Client) -> None:
    dut.apply(firewall=trusting(client, field=True), limits={"request_rate": 1, "request_rate_block": 0})
    weir = dut.adapter
    assert isinstance(weir, WeirAdapter)
    one, other = visitors(2)
    try:
        assert asked_for(client, [one, one, other]) == ["200", "429", "200"]
        assert weir.weirctl("block", "list").stdout.split() == [one]
    finally:
        weir.weirctl("block", "flush")


def test_client_is_whom_x_forwarded_for_names_last(dut: Dut, origin: Origin, client: Client) -> None:
    """What stands before that may have been written by anybody."""
    dut.apply(firewall=trusting(client, field=True), limits={"request_rate": 2})
    one, other = visitors(2)
    assert asked_for(client, [f"203.0.113.{n}, {one}" for n in range(4)]) == ["200", "200", "429", "429"]
    assert asked_for(client, [f"{one}, {other}", f"{other}:4711", f"unknown, {other}"]) == ["200", "200", "429"]
    assert origin.last.fields["x-forwarded-for"] == f"{other}:4711, {client.address}", "it is passed on as it was"


def test_proxies_behind_proxies_are_passed_over(dut: Dut, client: Client) -> None:
    dut.apply(firewall={"proxies": [client.address, "192.0.2.0/24"], "forwarded_for": True}, limits={"request_rate": 1})
    one, other = visitors(2)
    with client.connect() as connection:
        split = [("X-Forwarded-For", f"{other}, {one}"), ("X-Forwarded-For", "192.0.2.1, 192.0.2.2")]
        assert connection.ask(headers=split).status == 200
    assert asked_for(client, [f"{one}, 192.0.2.1", f"{other}, 192.0.2.1"]) == ["429", "200"]


def test_x_forwarded_for_of_anybody_else_is_hearsay(dut: Dut, client: Client, new_client: Maker) -> None:
    dut.apply(firewall=trusting(new_client(), field=True), limits={"request_rate": 2})
    assert asked_for(client, visitors(4)) == ["200", "200", "429", "429"]


def test_what_is_no_address_counts_for_the_proxy(dut: Dut, client: Client) -> None:
    """Which no limit concerns."""
    dut.apply(firewall=trusting(client, field=True), limits={"request_rate": 1})
    assert asked_for(client, ["unknown", "", f"{SOMEBODY}, _hidden", "unknown"]) == ["200"] * 4
