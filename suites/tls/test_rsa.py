"""Certificates with RSA keys: who gets them, and that they are good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.traffic.certificates import Certified, Kind, authority
from suites.traffic.client import Client, Conversation
from suites.traffic.messages import Reply
from suites.traffic.origin import Origin
from suites.traffic.programs import Programs
from suites.traffic.tls import Tls, TlsWire, trusting

SIZES: Final[dict[int, Kind]] = {2048: "rsa", 3072: "rsa3072", 4096: "rsa4096"}
every_size = pytest.mark.parametrize("bits", SIZES)
only_weir = pytest.mark.only("weir", reason="workers are Weir's own")


@pytest.fixture(scope="module")
def rsa() -> dict[int, Certified]:
    return {bits: authority().issue("weir.test", "*.weir.test", kind=kind) for bits, kind in SIZES.items()}


@pytest.fixture
def slow(dut: Dut, rsa: dict[int, Certified]) -> Dut:
    """The device, with the key whose signatures take longest."""
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(rsa[4096])])
    return dut


@pytest.fixture
def browser(new_client: Callable[[], Client]) -> Client:
    client = new_client()
    client.tls = Tls(trusting())
    return client


def shown(connection: Conversation) -> bytes | None:
    assert isinstance(connection.wire, TlsWire)
    return connection.wire.tls.getpeercert(binary_form=True)


def der(certified: Certified) -> bytes:
    return certified.certificate.public_bytes(Encoding.DER)


@every_size
def test_request_is_served(dut: Dut, browser: Client, origin: Origin, rsa: dict[int, Certified], bits: int) -> None:
    origin.replies(Reply(200, b"hello"))
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(rsa[bits])])
    with browser.connect() as connection:
        assert connection.ask().body == b"hello"
        assert isinstance(connection.wire, TlsWire)
        assert connection.wire.tls.version() == "TLSv1.3"
        assert shown(connection) == der(rsa[bits])


@every_size
def test_curl(dut: Dut, origin: Origin, programs: Programs, rsa: dict[int, Certified], bits: int) -> None:
    origin.replies(Reply(200, b"x" * 40_000))
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(rsa[bits])])
    address, port = dut.endpoint
    answer = programs.curl(
        "--cacert", str(programs.put("authority.pem", authority().pem)), "--tlsv1.3",
        "--resolve", f"weir.test:{port}:{address}", f"https://weir.test:{port}/",
    )  # fmt: skip
    assert (answer.status, answer.errors, answer.output) == (0, "", b"x" * 40_000)


@pytest.mark.parametrize("apart", [1, 50])
@pytest.mark.usefixtures("slow")
def test_hello_in_small_segments(browser: Client, apart: int) -> None:
    with browser.connect(tls=Tls(trusting(), apart=apart)) as connection:
        assert connection.ask().status == 200


@pytest.mark.only("weir", reason="the peers are configured with one certificate a name")
def test_client_gets_what_it_can_verify(
    dut: Dut, programs: Programs, browser: Client, certified: Certified, rsa: dict[int, Certified]
) -> None:
    """ECDSA where it can, which costs the device less; else RSA; and no certificate where it can do neither."""
    both = [configured(rsa[2048]), configured(certified)]
    dut.apply(listeners=[], https=[HTTPS], certificates=both)
    address, port = dut.endpoint
    trusted = str(programs.put("authority.pem", authority().pem))

    def ask(algorithms: str) -> str:
        done = programs.openssl(
            "s_client", "-connect", f"{address}:{port}", "-servername", "weir.test", "-CAfile", trusted,
            "-verify_return_error", "-brief", "-sigalgs", algorithms,
        )  # fmt: skip
        return done.errors

    with browser.connect() as connection:
        assert connection.ask().status == 200
        assert shown(connection) == der(certified)
    assert "Signature type: ecdsa_secp256r1_sha256" in ask("rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256")
    assert "Signature type: rsa_pss_rsae_sha256" in ask("rsa_pss_rsae_sha256:ecdsa_secp384r1_sha384")
    assert "alert handshake failure" in ask("rsa_pss_rsae_sha384")


@only_weir
@pytest.mark.usefixtures("slow")
def test_session_goes_on_without_a_signature(browser: Client) -> None:
    with browser.connect() as connection:
        assert connection.ask().status == 200
        assert isinstance(connection.wire, TlsWire)
        session = connection.wire.tls.session
    assert browser.tls
    with browser.connect(tls=Tls(browser.tls.context, session=session)) as connection:
        assert connection.ask().status == 200
        assert isinstance(connection.wire, TlsWire)
        assert connection.wire.tls.session_reused
