"""Fingerprints of clients: handshakes refused for them, requests judged by them, and how one learns what they are."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from suites.duts.config import Server, Upstream, configured
from suites.duts.dut import HTTPS, Dut
from suites.functional.test_events import Follower, follow
from suites.tls import attempts
from suites.traffic.certificates import Certified, authority
from suites.traffic.client import Client
from suites.traffic.origin import Origin
from suites.traffic.programs import Programs
from suites.traffic.tls import Tls, client_hello, trusting
from suites.traffic.tls_programs import LIBRARIES
from tests.fingerprints import hello_of, ja4
from tests.tls_client import SCHEMES, Hello, numbers, vector
from tests.tls_client import Client as Scripted

__all__ = ["follow"]

pytestmark = pytest.mark.only("weir", reason="fingerprints are Weir's own")

Apply = Callable[..., None]
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
every_version = pytest.mark.parametrize("version", VERSIONS)
SOME_PROGRAM = "t13d1516h2_8daaf6152771_e5627efa2ab1"
PLAIN = "0.0.0.0:80"


def speaking(version: str = "1.3", *, protocol: str = "http/1.1") -> ssl.SSLContext:
    """A client of its own, so a fingerprint of its own, for each version and protocol."""
    context = trusting(protocol=protocol)
    if version == "1.3":
        return context
    other = ssl.create_default_context(cadata=authority().pem)
    other.maximum_version = VERSIONS[version]
    if protocol:
        other.set_alpn_protocols([protocol])
    return other


def fingerprint(context: ssl.SSLContext) -> str:
    return ja4(hello_of(client_hello(context)))


def attempt(client: Client, context: ssl.SSLContext | None = None, to: tuple[str, int] | None = None) -> str:
    """What becomes of a handshake with a request behind it."""
    return attempts.attempt(client, Tls(context) if context else None, to=to)


@pytest.fixture
def apply(dut: Dut, certified: Certified) -> Apply:
    """Puts settings in force at a listener of https."""

    def put(**settings: Any) -> None:
        dut.apply(**{"listeners": [], "https": [HTTPS], "certificates": [configured(certified)], **settings})

    return put


@pytest.fixture
def visitor(apply: Apply, new_client: Callable[[], Client]) -> Client:
    apply()
    client = new_client()
    client.tls = Tls(speaking())
    return client


# Refused in the handshake.


@every_version
def test_denied_fingerprint_is_refused(apply: Apply, visitor: Client, dut: Dut, version: str) -> None:
    """Before the handshake costs anything. Another program at the same address is served."""
    denied, other = speaking(version), speaking(version, protocol="")
    assert attempt(visitor, denied) == "200"
    apply(limits={"tls_fingerprint_deny": [fingerprint(denied)]})
    before = dut.statistics
    assert [attempt(visitor, context) for context in (denied, other, denied)] == ["reset", "200", "reset"]
    counted = dut.statistics - before
    assert counted["rejected_tls_fingerprint_deny"] == counted["limit_actions_reset"] == 2
    assert counted["tls_handshakes"] == 1
    apply()
    assert attempt(visitor, denied) == "200"


@pytest.mark.parametrize(
    ("pattern", "outcome"),
    [
        ("{}", "reset"),
        ("*", "reset"),
        ("{0[0]}*", "reset"),
        ("*_{0[1]}_*", "reset"),
        ("*_{0[2]}", "reset"),
        ("*_{0[2]}*", "reset"),
        ("{0[0]}_{0[1]}_" + 12 * "0", "200"),
        ("t12*", "200"),
        ("*_{0[0]}", "200"),
        ("{0[1]}*", "200"),
    ],
)
def test_patterns(apply: Apply, visitor: Client, pattern: str, outcome: str) -> None:
    """The whole, a beginning, or one of the three parts; and what is like it in part only."""
    known = fingerprint(speaking())
    apply(
        limits={"tls_fingerprint_deny": [SOME_PROGRAM, known if pattern == "{}" else pattern.format(known.split("_"))]}
    )
    assert attempt(visitor) == outcome


def test_silent_refusal(apply: Apply, visitor: Client) -> None:
    apply(limits={"tls_fingerprint_deny": ["t13*"], "tls_fingerprint_deny_action": "drop"})
    assert attempt(visitor) == "silence"


@pytest.mark.usefixtures("leaves_no_block")
def test_denied_client_is_blocked(apply: Apply, visitor: Client, dut: Dut) -> None:
    apply(limits={"tls_fingerprint_deny": ["t13*"], "tls_fingerprint_deny_block": 60.0})
    assert attempt(visitor) == "reset"
    dut.wait_for_statistic("blocks_active", 1)
    with pytest.raises(TimeoutError):
        visitor.connect(patience=0.5)


def test_allowed_clients_are_spared(apply: Apply, visitor: Client, new_client: Callable[[], Client]) -> None:
    other = new_client()
    other.tls = visitor.tls
    apply(limits={"tls_fingerprint_deny": ["*"]}, firewall={"allow": [visitor.address]})
    assert [attempt(visitor), attempt(other)] == ["200", "reset"]


def test_sessions_do_not_get_round_it(apply: Apply, visitor: Client, dut: Dut) -> None:
    """A client that goes on with a session says one extension more: the first two parts tell it still."""
    assert visitor.tls
    with visitor.connect() as connection:
        assert connection.ask().status == 200
        session = connection.secured.session
    suites = fingerprint(visitor.tls.context).split("_")[1]
    apply(limits={"tls_fingerprint_deny": [f"*_{suites}_*"]})
    before = dut.statistics
    with pytest.raises(ConnectionError):
        visitor.connect(tls=Tls(visitor.tls.context, session=session))
    assert (dut.statistics - before)["rejected_tls_fingerprint_deny"] == 1


def test_values_that_stand_for_none_do_not_count(apply: Apply, visitor: Client) -> None:
    """GREASE: a browser draws other ones for each connection."""
    hello = Scripted().hello()
    apply(limits={"tls_fingerprint_deny": [ja4(hello.body())]})

    def answered(said: Hello) -> bool:
        visitor.tls = None
        with visitor.connect() as connection:
            connection.send(Scripted().send(said))
            try:
                return bool(connection.wire.receive())
            except ConnectionError:
                return False

    for code in (0x0A0A, 0xCACA):
        greasy = Hello(((code, b""), *hello.extensions, (code ^ 0x3030, b"\0")), suites=(code, *hello.suites))
        schemes = dict(hello.extensions)[SCHEMES][2:]
        greasy = greasy.with_extension(SCHEMES, vector(numbers([code]) + schemes, 2))
        assert ja4(greasy.body()) == ja4(hello.body())
        assert not answered(greasy)
    assert answered(Hello(hello.extensions, suites=(0x0A0B, *hello.suites)))
    assert answered(hello.with_extension(0x0A1A, b""))


# Judged by rules.


@every_version
def test_rule_judges_by_fingerprint(apply: Apply, visitor: Client, version: str) -> None:
    """By the whole, by a pattern, by what it is not; the connection lives on."""
    known, other = speaking(version), speaking(version, protocol="")
    for condition in (
        fingerprint(known),
        [SOME_PROGRAM, f"{fingerprint(known)[:10]}*"],
        ["!" + SOME_PROGRAM, f"!{fingerprint(other)}"],
    ):
        apply(rules=[{"tls_fingerprint": condition, "path": "/admin*", "block": 403}])
        with visitor.connect(tls=Tls(known)) as connection:
            assert [connection.ask(target=path).status for path in ("/admin", "/", "/admin")] == [403, 200, 403]
        assert attempt(visitor, other) == "200"


def test_rule_routes_by_fingerprint(apply: Apply, visitor: Client, new_origin: Callable[[], Origin]) -> None:
    people, programs = new_origin(), new_origin()
    groups = [
        Upstream(name, (Server(origin.endpoint, 2),)) for name, origin in (("people", people), ("programs", programs))
    ]
    known = fingerprint(speaking())
    apply(servers=(), others=groups, rules=[{"tls_fingerprint": known, "upstream": "programs"}])
    assert [attempt(visitor), attempt(visitor, speaking(protocol="")), attempt(visitor)] == ["200"] * 3
    assert (people.requests, programs.requests) == (1, 2)


def test_connection_without_a_fingerprint(apply: Apply, visitor: Client, dut: Dut) -> None:
    """One that is older than the rules, or not of TLS: its fingerprint is empty."""
    with visitor.connect() as connection:
        assert connection.ask().status == 200
        apply(listeners=[PLAIN], rules=[{"tls_fingerprint": "t*", "block": 403}])
        assert connection.ask().status == 200
        assert attempt(visitor, to=dut.reach(HTTPS)) == "403"
        apply(listeners=[PLAIN], rules=[{"tls_fingerprint": "!t*", "block": 403}])
        assert connection.ask().status == 403
        assert attempt(visitor, to=dut.reach(HTTPS)) == "200"
        visitor.tls = None
        assert attempt(visitor, to=dut.reach(PLAIN)) == "403"


def test_rules_and_limits_change_live(apply: Apply, visitor: Client) -> None:
    """Connections that stand go on, whatever becomes of those that come."""
    assert visitor.tls
    known = fingerprint(visitor.tls.context)
    apply(rules=[{"tls_fingerprint": known, "path": "/old", "block": 403}])
    with visitor.connect() as connection:
        assert connection.ask(target="/old").status == 403
        apply(limits={"tls_fingerprint_deny": [known]})
        assert connection.ask(target="/old").status == 200
        assert attempt(visitor) == "reset"
        apply(rules=[{"tls_fingerprint": known, "path": "/new", "block": 404}])
        assert [connection.ask(target=path).status for path in ("/old", "/new")] == [200, 404]
        assert attempt(visitor) == "200"


# Learnt.


def test_refusals_tell_the_fingerprint(apply: Apply, visitor: Client, dut: Dut, follow: Callable[[], Follower]) -> None:
    """Of whatever is refused, for whatever reason, while somebody follows."""
    assert visitor.tls
    known = fingerprint(visitor.tls.context)
    apply(listeners=[PLAIN])
    log = follow()
    apply(listeners=[PLAIN], rules=[{"path": "/", "block": 403}])
    assert attempt(visitor, to=dut.reach(HTTPS)) == "403"
    apply(listeners=[PLAIN], limits={"tls_fingerprint_deny": ["t13*"]})
    assert attempt(visitor, to=dut.reach(HTTPS)) == "reset"
    events = [(event["reason"], event["action"], event.get("tls_fingerprint")) for event in log.told(visitor)]
    assert events == [("rule", "reply", known), ("tls_fingerprint_deny", "reset", known)]


def test_clients_of_other_libraries_are_told_apart(
    apply: Apply, dut: Dut, others: Programs, follow: Callable[[], Follower]
) -> None:
    """What the log says of one is what keeps it out, and it alone."""
    apply(listeners=[PLAIN])
    log = follow()
    clients = {name: library(others, dut.reach(HTTPS)) for name, library in LIBRARIES.items()}
    apply(listeners=[PLAIN], limits={"tls_fingerprint_deny": ["*"]})
    found: dict[str, str] = {}
    for name, client in clients.items():
        assert b"HTTP/1.1" not in client.ask().output
        found[name] = log.because("tls_fingerprint_deny")[-1]["tls_fingerprint"]
    assert len(set(found.values())) == len(clients)
    for denied in clients:
        apply(listeners=[PLAIN], limits={"tls_fingerprint_deny": [found[denied]]})
        served = {name for name, client in clients.items() if b"HTTP/1.1 200 OK" in client.ask().output}
        assert served == clients.keys() - {denied}


# What it costs.


def test_what_a_fingerprint_holds(apply: Apply, visitor: Client, dut: Dut) -> None:
    """Nothing while nobody wants it, 36 bytes a connection else; all of it is given back."""
    count = 20

    def held() -> int:
        before = dut.statistics
        open_ = [visitor.connect() for _ in range(count)]
        dut.wait_for_statistic("tls_handshakes", before["tls_handshakes"] + count)
        bytes_held = dut.statistics["memory_bytes"] - before["memory_bytes"]
        for connection in open_:
            connection.close()
        dut.adapter.settle()
        dut.wait_for_statistic("memory_bytes", before["memory_bytes"])
        return bytes_held

    dut.wait_for_upstreams()
    without = held()
    apply(rules=[{"tls_fingerprint": SOME_PROGRAM, "block": 403}])
    dut.wait_for_upstreams()
    assert held() == without + 36 * count
