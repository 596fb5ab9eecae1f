"""ClientHellos with some bytes changed, to the TLS engine and to a server of OpenSSL's: what we take, it takes too."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import tls_12_client
from tests.test_http_parser import tools
from tests.test_tls_engine import Identity, engine, identity, program
from tests.tls_client import (
    ALPN,
    COOKIE,
    EARLY_DATA,
    GROUPS,
    HANDSHAKE,
    P256,
    PSK,
    RETRY,
    SCHEMES,
    SHARES,
    X25519,
    Client,
    record,
    vector,
)
from tests.tls_programs import Engine, State

__all__ = ["engine", "identity", "program", "tools"]

TAKEN, RETRIED, REFUSED = "taken", "retried", "refused"
OURS = {
    State.WAIT_FINISHED: TAKEN,
    State.WAIT_KEY_EXCHANGE: TAKEN,
    State.WAIT_SECOND_HELLO: RETRIED,
    State.CLOSED: REFUSED,
}
READ = {0, 5, 10, 13, 16, 41, 42, 43, 44, 45, 51}
"""Extensions that the engine reads; OpenSSL reads more, and may refuse a hello for them."""


def hellos() -> list[bytes]:
    """Messages of several kinds."""
    found = []
    for shares, groups in ((X25519,), (X25519, P256)), ((P256,), (P256, X25519)), ((), (P256,)), ((X25519, P256),) * 2:
        hello = Client(shares=shares, groups=groups).hello().without(ALPN)
        psk = vector(vector(b"t", 2) + bytes(4), 2) + vector(vector(bytes(32), 1), 2)
        found += [hello.message(), hello.with_extension(PSK, psk).message()]
        found.append(hello.with_extension(EARLY_DATA, b"").with_extension(COOKIE, b"\0\1c").message())
    return found


HELLOS = hellos()


@pytest.fixture(scope="module")
def openssl(identity: Identity, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server of TLS 1.3."""
    context = server_of(identity, tmp_path_factory.mktemp("openssl"))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def server_of(identity: Identity, folder: Path) -> ssl.SSLContext:
    """With the engine's certificate."""
    file = folder / "server.pem"
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(identity.pem.encode() + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def verdict(context: ssl.SSLContext, hello: bytes) -> str:
    """OpenSSL's."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(hello)
    try:
        server.do_handshake()
    except ssl.SSLWantReadError:
        said = outgoing.read()
        if not said:
            return State.WAIT_HELLO.name
        return RETRIED if said[11:43] == RETRY else TAKEN
    except ssl.SSLError:
        return REFUSED
    raise AssertionError("a handshake of one message")


def extensions(message: bytes) -> dict[int, bytes]:
    """Of a hello that has been taken, so that it is well formed."""
    at = 4 + 34
    at += 1 + message[at]
    at += 2 + int.from_bytes(message[at : at + 2], "big")
    at += 1 + message[at] + 2
    found = {}
    while at < len(message):
        length = int.from_bytes(message[at + 2 : at + 4], "big")
        found[int.from_bytes(message[at : at + 2], "big")] = message[at + 4 : at + 4 + length]
        at += 4 + length
    return found


def pairs(listed: bytes) -> set[bytes]:
    """The numbers in an extension that is a list of them."""
    return {listed[at : at + 2] for at in range(2, len(listed), 2)}


def stricter(message: bytes) -> bool:
    """Whether OpenSSL may refuse it: an extension that only it reads, a key in a group that is nobody's, or a ticket.

    With that, it looks at once whether the session goes on or a certificate is needed, and we after a retry only.
    """
    found = extensions(message)
    if PSK in found and b"\4\3" not in pairs(found.get(SCHEMES, b"")):
        return True
    groups = pairs(found[GROUPS])
    shares = found[SHARES][2:]
    while shares:
        if shares[:2] not in groups:
            return True
        shares = shares[4 + int.from_bytes(shares[2:4], "big") :]
    return bool(set(found) - READ)


@settings(max_examples=2500, deadline=None)
@given(data=st.data())
def test_changed_hellos(engine: Engine, openssl: ssl.SSLContext, data: st.DataObject) -> None:
    hello = changed(data, HELLOS)
    engine.connect()
    ours = OURS[engine.read(record(HANDSHAKE, hello)).state]
    theirs = verdict(openssl, record(HANDSHAKE, hello))
    if ours != REFUSED and not stricter(hello):
        assert theirs == ours, hello.hex()


def changed(data: st.DataObject, hellos: list[bytes]) -> bytes:
    """One of them with some bytes changed; its length is right."""
    message = bytearray(data.draw(st.sampled_from(hellos)))
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(4, len(message) - 1))
        old = message[at]
        new = data.draw(st.sampled_from([0, 1, 2, 3, 4, 255, old ^ 1, (old + 1) % 256, (old - 1) % 256]))
        cut, put = data.draw(st.sampled_from([(1, 1), (1, 1), (1, 0), (2, 0), (0, 1), (0, 2)]))
        message[at : at + cut] = bytes([new]) * put
    return bytes(message[:1]) + vector(bytes(message[4:]), 3)


OLD_HELLOS = [
    tls_12_client.Client(group, suites, extended=extended, tickets=tickets).hello().message()
    for group, suites, extended, tickets in (
        (X25519, tls_12_client.ECDSA_SUITES, True, True),
        (P256, (*tls_12_client.RSA_SUITES, 0xC02C, 0x00FF), False, False),
    )
]
OLD_HELLOS.append(
    tls_12_client.Client(session=tls_12_client.Session(b"nobody's" * 18, bytes(48), 0xC02C, 0)).hello().message()
)
OLD_READ = {
    *READ,
    tls_12_client.POINT_FORMATS,
    tls_12_client.EXTENDED_MASTER,
    tls_12_client.SESSION_TICKET,
    tls_12_client.RENEGOTIATION,
}


@pytest.fixture(scope="module")
def old_openssl(identity: Identity, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server that speaks TLS 1.2."""
    context = server_of(identity, tmp_path_factory.mktemp("openssl"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


@settings(max_examples=1500, deadline=None)
@given(data=st.data())
def test_changed_hellos_of_tls_1_2(engine: Engine, old_openssl: ssl.SSLContext, data: st.DataObject) -> None:
    hello = changed(data, OLD_HELLOS)
    engine.connect()
    ours = OURS[engine.read(record(HANDSHAKE, hello)).state]
    theirs = verdict(old_openssl, record(HANDSHAKE, hello))
    if ours != REFUSED and not set(extensions(hello)) - OLD_READ:
        assert theirs == ours, hello.hex()


def test_hellos_of_tls_1_2_as_they_are(engine: Engine, old_openssl: ssl.SSLContext) -> None:
    for hello in OLD_HELLOS:
        assert not set(extensions(hello)) - OLD_READ
        engine.connect()
        ours = OURS[engine.read(record(HANDSHAKE, hello)).state]
        assert ours == verdict(old_openssl, record(HANDSHAKE, hello)) == TAKEN


def test_hellos_as_they_are(engine: Engine, openssl: ssl.SSLContext) -> None:
    """Both take all of them, in the same way; the rule for what is OpenSSL's alone has no part in it."""
    for hello in HELLOS:
        assert not stricter(hello)
        engine.connect()
        ours = OURS[engine.read(record(HANDSHAKE, hello)).state]
        assert ours == verdict(openssl, record(HANDSHAKE, hello)) != REFUSED
