"""Clients behind trusted proxies: whom the PROXY protocol or X-Forwarded-For names is the client, for limits, rules and
the origin; from anybody else the one is garbage and the other is hearsay.
"""

from __future__ import annotations

import ipaddress
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
VISITOR, OTHER, VISITOR6 = "198.51.100.7", "198.51.100.8", "2001:db8::7"
Maker = Callable[[], Client]


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


@pytest.mark.parametrize("source", [VISITOR, VISITOR6])
@pytest.mark.parametrize("more", [b"", b"\x04\x00\x01x", bytes(2000)])
def test_client_is_whom_the_header_names(dut: Dut, origin: Origin, client: Client, source: str, more: bytes) -> None:
    dut.apply(firewall=trusting(client, protocol=True))
    with client.connect() as connection:
        connection.send(header(source, more=more) + GET * 3)
        assert connection.responses(3).statuses == [200] * 3
    assert origin.last.fields["x-forwarded-for"] == source


def test_header_in_pieces(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(firewall=trusting(client, protocol=True))
    data = header(VISITOR, more=bytes(40)) + GET
    for cut in (1, 12, 13, 16, 27, 28, 29, 51, 52, 53, 67, 68, 69):
        with client.connect() as connection:
            connection.send_apart([data[:cut], data[cut:]])
            assert connection.response().status == 200
        assert origin.last.fields["x-forwarded-for"] == VISITOR
    with client.connect() as connection:
        connection.send_apart(bytes((byte,)) for byte in data)
        assert connection.response().status == 200


def test_proxy_may_speak_for_itself(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(firewall=trusting(client, protocol=True))
    with client.connect() as connection:
        connection.send(header(VISITOR, command=0x20) + GET)
        assert connection.response().status == 200
    assert origin.last.fields["x-forwarded-for"] == client.address


def test_proxy_that_says_nothing_of_the_kind_is_reset(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(firewall=trusting(client, protocol=True))
    for start in (GET, b"PROXY TCP4 198.51.100.7 192.0.2.1 1 80\r\n" + GET, header(VISITOR)[:12] + b"\x31\x11\0\0"):
        with client.connect() as connection:
            connection.send(start)
            assert connection.rest() == b""
            assert connection.was_reset
    assert origin.requests == 0


def test_header_that_never_ends_is_given_up(dut: Dut, client: Client) -> None:
    dut.apply(firewall=trusting(client, protocol=True), timeouts={"client_header": 0.3})
    with client.connect() as connection:
        connection.send(header(VISITOR)[:20])
        connection.rest()
    dut.wait_for_statistic("connections_active", 0)


def test_header_of_anybody_else_is_garbage(dut: Dut, origin: Origin, client: Client, new_client: Maker) -> None:
    dut.apply(firewall=trusting(new_client(), protocol=True))
    with client.connect() as connection:
        connection.send(header(VISITOR) + GET)
        assert connection.response().status == 400
    assert origin.requests == 0


def test_clients_behind_a_proxy_have_limits_of_their_own(dut: Dut, client: Client) -> None:
    dut.apply(firewall=trusting(client, protocol=True), limits={"request_rate": 2})
    visitors = [through(client, source) for source in (VISITOR, VISITOR, OTHER)]
    assert [fate(visitor) for visitor in visitors] == ["200", "200", "200"]
    assert [fate(visitor) for visitor in visitors] == ["429", "429", "200"]


@pytest.mark.parametrize("key", ["connection_rate", "concurrent_connections"])
def test_connections_behind_a_proxy_are_their_clients(dut: Dut, client: Client, key: str) -> None:
    """However many the proxy itself has open."""
    dut.apply(firewall=trusting(client, protocol=True), limits={key: 1})
    assert [fate(through(client, f"198.51.100.{n}")) for n in range(1, 9)] == ["200"] * 8
    assert [fate(through(client, VISITOR)), fate(through(client, "203.0.113.1"))] == ["reset", "200"]


def test_rules_see_the_client_behind_a_proxy(dut: Dut, client: Client) -> None:
    dut.apply(
        firewall=trusting(client, protocol=True, field=False),
        rules=[{"chain": "main", "source": "198.51.100.0/24", "block": 403}],
    )
    assert [fate(through(client, source)) for source in (VISITOR, "203.0.113.1")] == ["403", "200"]


def test_a_limit_blocks_the_client_and_not_its_proxy(dut: Dut, client: Client) -> None:
    dut.apply(firewall=trusting(client, field=True), limits={"request_rate": 1, "request_rate_block": 0})
    weir = dut.adapter
    assert isinstance(weir, WeirAdapter)
    try:
        assert asked_for(client, [VISITOR, VISITOR, OTHER]) == ["200", "429", "200"]
        assert weir.weirctl("block", "list").stdout.split() == [VISITOR]
    finally:
        weir.weirctl("block", "flush")


def test_client_is_whom_x_forwarded_for_names_last(dut: Dut, origin: Origin, client: Client) -> None:
    """What stands before that may have been written by anybody."""
    dut.apply(firewall=trusting(client, field=True), limits={"request_rate": 2})
    forged = [f"203.0.113.{n}, {VISITOR}" for n in range(4)]
    assert asked_for(client, forged) == ["200", "200", "429", "429"]
    assert asked_for(client, [f"{VISITOR}, {OTHER}", f"{OTHER}:4711", f"unknown, {OTHER}"]) == ["200", "200", "429"]
    assert origin.last.fields["x-forwarded-for"] == f"{OTHER}:4711, {client.address}", "it is passed on as it was"


def test_proxies_behind_proxies_are_passed_over(dut: Dut, client: Client) -> None:
    dut.apply(firewall={"proxies": [client.address, "192.0.2.0/24"], "forwarded_for": True}, limits={"request_rate": 1})
    with client.connect() as connection:
        split = [("X-Forwarded-For", f"{OTHER}, {VISITOR}"), ("X-Forwarded-For", "192.0.2.1, 192.0.2.2")]
        assert connection.ask(headers=split).status == 200
    assert asked_for(client, [f"{VISITOR}, 192.0.2.1", f"{OTHER}, 192.0.2.1"]) == ["429", "200"]


def test_x_forwarded_for_of_anybody_else_is_hearsay(dut: Dut, client: Client, new_client: Maker) -> None:
    dut.apply(firewall=trusting(new_client(), field=True), limits={"request_rate": 2})
    assert asked_for(client, [f"198.51.100.{n}" for n in range(4)]) == ["200", "200", "429", "429"]


def test_what_is_no_address_counts_for_the_proxy(dut: Dut, client: Client) -> None:
    """Which no limit concerns."""
    dut.apply(firewall=trusting(client, field=True), limits={"request_rate": 1})
    assert asked_for(client, ["unknown", "", f"{VISITOR}, _hidden", "unknown"]) == ["200"] * 4
