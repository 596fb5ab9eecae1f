"""Clients of other libraries: GnuTLS, NSS and OpenSSL. curl is in test_handshake.py, Chromium in test_chromium.py."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from lab.errors import LabError
from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.traffic.certificates import Authority, authority
from suites.traffic.messages import Reply
from suites.traffic.origin import Origin
from suites.traffic.programs import Answer, Programs
from suites.traffic.tls_programs import AES128, GROUPS, LIBRARIES, SUITES, GnuTls, Library, OpenSsl, Suite

OLDER = next(suite for suite in SUITES if suite.version == "1.2")
LINE, LINES = b"from the origin ", 2500
BODY = LINE * LINES
changes_keys = pytest.mark.own_engine(reason="it knows no KeyUpdate")
every_library = pytest.mark.parametrize("name", LIBRARIES)


@pytest.fixture
def library(https: Dut, others: Programs, origin: Origin) -> Callable[[str], Library]:
    origin.replies(Reply(200, BODY))

    def made(name: str) -> Library:
        try:
            return LIBRARIES[name](others, https.endpoint)
        except LabError as error:
            pytest.skip(f"no client of {name} (python -m lab build --tools tls): {error.message}")

    return made


@pytest.fixture
def gnutls(library: Callable[[str], Library]) -> GnuTls:
    found = library("gnutls")
    assert isinstance(found, GnuTls)
    return found


@pytest.fixture
def openssl(library: Callable[[str], Library]) -> OpenSsl:
    found = library("openssl")
    assert isinstance(found, OpenSsl)
    return found


def served(answer: Answer) -> bool:
    return BODY in answer.output and "HTTP/1.1 200 OK" in answer.text


def served_among(answer: Answer) -> bool:
    """The same where the client shows its messages between the parts of the body."""
    return answer.output.count(LINE) >= LINES - 3 and "HTTP/1.1 200 OK" in answer.text


@every_library
@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("group", GROUPS)
def test_request_by_suite_and_group(library: Callable[[str], Library], name: str, version: str, group: str) -> None:
    client = library(name)
    for suite in (one for one in SUITES if one.version == version):
        answer = client.ask(suite, GROUPS[group])
        assert answer.status == 0, answer.text
        assert served(answer), answer.text
        assert client.agreed(answer, suite, GROUPS[group]), answer.text


@every_library
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_session_goes_on(library: Callable[[str], Library], https: Dut, name: str, version: str) -> None:
    client = library(name)
    before = https.statistics["tls_resumptions"] if https.name == "weir" else 0
    answer, resumed = client.ask_again(version)
    assert resumed, answer.text
    assert served(answer)
    if https.name == "weir":
        assert https.statistics["tls_resumptions"] == before + 1


@every_library
def test_certificate_of_another_authority_is_refused(library: Callable[[str], Library], https: Dut, name: str) -> None:
    """That they look at it at all: else the other cases say less."""
    client = library(name)
    https.apply(listeners=[], https=[HTTPS], certificates=[configured(Authority("another").issue("weir.test"))])
    answer = client.ask()
    assert not served(answer)
    assert b"HTTP/1.1" not in answer.output


def test_certificate_of_another_name_is_refused(library: Callable[[str], Library], https: Dut) -> None:
    https.apply(listeners=[], https=[HTTPS], certificates=[configured(authority().issue("another.test"))])
    for name in LIBRARIES:
        answer = library(name).ask()
        assert b"HTTP/1.1" not in answer.output, name


@every_library
def test_certificate_with_an_rsa_key(library: Callable[[str], Library], https: Dut, name: str) -> None:
    https.apply(listeners=[], https=[HTTPS], certificates=[configured(authority().issue("weir.test", kind="rsa"))])
    answer = library(name).ask()
    assert answer.status == 0, answer.text
    assert served(answer)


@changes_keys
def test_gnutls_changes_keys(gnutls: GnuTls) -> None:
    answer = gnutls.say("--inline-commands", before=b"^rekey^\n" * 5)
    assert answer.text.count("- Rekey was completed") == 5
    assert served(answer)


@changes_keys
def test_openssl_changes_keys(openssl: OpenSsl) -> None:
    """It asks for ours each second time, which it gets."""
    answer = openssl.say_between("{keyup:req}{keyup:noreq}" * 3)
    assert served_among(answer), answer.text
    said = [line[:3] for line in answer.text.splitlines() if line.endswith(", KeyUpdate")]
    assert (said.count(">>>"), said.count("<<<")) == (6, 3)


@pytest.mark.own_engine(reason="it refuses renegotiation by a warning, and goes on")
def test_renegotiation_is_refused(gnutls: GnuTls, openssl: OpenSsl) -> None:
    """Of TLS 1.2; TLS 1.3 has none, and no client tries."""
    for answer, alert in (
        (gnutls.say("--rehandshake", suite=OLDER), "Received alert [100]"),
        (openssl.say_between("{reneg}", "-tls1_2"), "SSL alert number 100"),
    ):
        assert "Handshake was completed" in answer.text or "Verification: OK" in answer.text
        assert alert in answer.text
        assert b"HTTP/1.1 200" not in answer.output


def test_protocol_that_is_not_spoken(gnutls: GnuTls, openssl: OpenSsl) -> None:
    """h2 alone: the alert no_application_protocol."""
    for answer, alert in (
        (gnutls.say("--alpn", "h2"), "Received alert [120]"),
        (openssl.say("-brief", "-alpn", "h2"), "SSL alert number 120"),
    ):
        assert alert in answer.text
        assert b"HTTP/1.1" not in answer.output
        assert answer.status != 0


def test_protocol_is_chosen(gnutls: GnuTls, openssl: OpenSsl) -> None:
    """http/1.1 where h2 is asked for first; none where none is."""
    both = gnutls.say("--alpn", "h2", "--alpn", "http/1.1")
    assert served(both)
    assert "- Application protocol: http/1.1" in both.text
    both = openssl.say("-alpn", "h2,http/1.1")
    assert served(both)
    assert "ALPN protocol: http/1.1" in both.text
    none = openssl.say()
    assert served(none)
    assert "No ALPN negotiated" in none.text


def test_no_name(gnutls: GnuTls, openssl: OpenSsl) -> None:
    """The default certificate, which is the one they want to see."""
    assert served(gnutls.say("--disable-sni", sni=()))
    assert served(openssl.say("-brief", sni=("-noservername",)))


def test_retries(openssl: OpenSsl) -> None:
    """A group that only the client knows first: HelloRetryRequest."""
    for ours in ("X25519", "P-256"):
        answer = openssl.say("-msg", "-groups", f"P-384:{ours}")
        assert served_among(answer), answer.text
        assert answer.text.count(", ClientHello\n") == 2


@pytest.mark.own_engine(reason="it is built without record_size_limit")
@pytest.mark.parametrize(("suite", "longest"), [(AES128, 512 + 1 + 16), (OLDER, 512 + 8 + 16)], ids=["1.3", "1.2"])
def test_gnutls_wants_small_records(gnutls: GnuTls, suite: Suite, longest: int) -> None:
    """RFC 8449: what it gets, by its own account, is as long as it wants and no longer. In TLS 1.3 it adds the type."""
    answer = gnutls.say("--recordsize", "512", "-d", "5", suite=suite)
    assert served(answer), answer.text
    lengths = [
        int(said) for said in re.findall(r"Application Data packet received\. Epoch \d+, length: (\d+)", answer.errors)
    ]
    assert max(lengths) == longest
    assert len(lengths) > len(BODY) // 512
