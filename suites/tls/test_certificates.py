"""Which certificate a client gets for which name, and what becomes of it when another is configured."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lab.deadline import Deadline
from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.tls.otherwise import is_own_engine
from suites.traffic.busy import BusyClients
from suites.traffic.certificates import Authority, Certified, authority
from suites.traffic.client import Client, Conversation
from suites.traffic.messages import encode_request
from suites.traffic.origin import Origin
from suites.traffic.tls import Tls, TlsWire, trusting

# The least that a handshake needs; and where that is mbed TLS's, which has two buffers for records.
ARENA = 10_000
OTHER_ARENA = 64 << 10

Shown = Callable[[str | None], Certified | None]


@pytest.fixture(scope="module")
def shop() -> Certified:
    return authority().issue("shop.example", "*.shop.example")


@pytest.fixture(scope="module")
def other() -> Certified:
    return authority().issue("other.example", "admin.shop.example")


@pytest.fixture
def shown(dut: Dut, client: Client, shop: Certified, other: Certified) -> Shown:
    """Which of the two a client gets that asks for a name, or for none; None: it is refused."""
    known = {one.certificate.public_bytes(Encoding.DER): one for one in (shop, other)}

    def ask(name: str | None) -> Certified | None:
        try:
            connection = client.connect(dut.reach(HTTPS), tls=Tls(trusting(verify=False), name))
        except (ssl.SSLError, ConnectionResetError):
            return None
        with connection:
            assert isinstance(connection.wire, TlsWire)
            return known[connection.wire.tls.getpeercert(binary_form=True) or b""]

    return ask


def test_certificate_is_chosen_by_name(dut: Dut, shown: Shown, shop: Certified, other: Certified) -> None:
    """Exactly this name before a wildcard, a wildcard of one label before the default, the first being it."""
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(shop), configured(other)])
    for name, expected in {
        "shop.example": shop,
        "SHOP.example": shop,
        "other.example": other,
        "www.shop.example": shop,
        "admin.shop.example": other,
        "a.www.shop.example": shop,
        "unknown.example": shop,
        None: shop,
    }.items():
        assert shown(name) is expected, name


def test_default_is_the_one_that_says_so(dut: Dut, shown: Shown, shop: Certified, other: Certified) -> None:
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(shop), configured(other, default=True)])
    assert shown("shop.example") is shop
    assert shown("unknown.example") is other
    assert shown("a.www.shop.example") is other
    assert shown(None) is other


def test_unknown_names_are_refused(dut: Dut, shown: Shown, shop: Certified, other: Certified) -> None:
    certificates = [configured(shop), configured(other)]
    dut.apply(listeners=[], https=[HTTPS], certificates=certificates, refuse_unknown_names=True)
    assert shown("shop.example") is shop
    assert shown("www.shop.example") is shop
    assert shown("unknown.example") is None
    assert shown(None) is None


def test_names_of_the_configuration(dut: Dut, shown: Shown, shop: Certified, other: Certified) -> None:
    dut.apply(
        listeners=[], https=[HTTPS], certificates=[configured(other), configured(shop, names=("a.shop.example",))]
    )
    assert shown("a.shop.example") is shop
    assert shown("b.shop.example") is other


def test_whole_chain_is_sent(dut: Dut, client: Client) -> None:
    """A client that trusts the root alone can follow it."""
    root = Authority("root")
    certified = Authority("below", above=Authority("middle", kind="rsa", above=root)).issue("weir.test")
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)])
    trusted = ssl.create_default_context(cadata=root.pem)
    with client.connect(tls=Tls(trusted)) as connection:
        assert connection.ask().status == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        client.connect(tls=Tls(trusting()))


@pytest.mark.only("weir", reason="others end idle connections on reload")
def test_new_certificate_is_for_new_connections(
    dut: Dut, origin: Origin, client: Client, shown: Shown, shop: Certified, other: Certified
) -> None:
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(shop)])
    with client.connect(tls=Tls(trusting(), "shop.example")) as before:
        assert before.ask().status == 200
        dut.apply(listeners=[], https=[HTTPS], certificates=[configured(other)])
        assert shown("shop.example") is other
        assert before.ask().status == 200
    assert origin.requests == 2


class Halved:
    """A handshake whose first message is sent in two halves."""

    def __init__(self, connection: Conversation) -> None:
        self.wire = connection.wire
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = trusting(verify=False)
        self._tls = context.wrap_bio(self._in, self._out, server_hostname="shop.example")
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
        hello = self._out.read()
        self.wire.send(hello[: len(hello) // 2])
        self.wire.wait_acknowledged()
        self._rest = hello[len(hello) // 2 :]

    def finish(self) -> bytes:
        """The certificate that is shown, and that the reply to a request begins with."""
        self.wire.send(self._rest)
        self._until(self._tls.do_handshake)
        shown = self._tls.getpeercert(binary_form=True)
        self._tls.write(encode_request("GET", "/"))
        self.wire.send(self._out.read())
        assert self._until(lambda: self._tls.read(12)) == b"HTTP/1.1 200"
        assert shown is not None
        return shown

    def _until(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                if data := self._out.read():
                    self.wire.send(data)
                received = self.wire.receive()
                assert received, "the connection was ended"
                self._in.write(received)
            else:
                return done


def test_handshake_that_has_begun_outlives_its_configuration(
    dut: Dut, client: Client, shop: Certified, other: Certified
) -> None:
    """Its certificates stay until it is over, when others, or none at all, have taken their place."""
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(shop)])
    known = [one.certificate.public_bytes(Encoding.DER) for one in (shop, other)]
    told = dut.name == "weir"
    arena = ARENA if is_own_engine(dut) else OTHER_ARENA
    before = dut.statistics["memory_bytes"] if told else 0
    first, second = Halved(client.connect()), Halved(client.connect())
    if told:
        Deadline(5).wait_for(
            lambda: dut.statistics["memory_bytes"] > before + 2 * arena,
            interval=0.005,
            what="two handshakes to begin",
        )
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(other)])
    assert first.finish() in known
    dut.apply()
    assert second.finish() in known


@pytest.mark.only("weir", reason="others end idle connections on reload")
def test_certificates_change_under_load(dut: Dut, new_client: Callable[[], Client], origin: Origin) -> None:
    """New ones all the time, and no handshake and no request is lost."""
    choices = [configured(authority().issue("weir.test")) for _ in range(3)]
    dut.apply(listeners=[], https=[HTTPS], certificates=choices[:1])
    clients = [new_client() for _ in range(4)]
    for client in clients:
        client.tls = Tls(trusting())
    with BusyClients(clients) as busy:
        for number in range(12):
            dut.apply(listeners=[], https=[HTTPS], certificates=[choices[number % 3]])
            busy.wait_for_more(30)
    busy.expect_all_served(origin)
