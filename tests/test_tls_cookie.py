"""The TLS engine under pressure: a client has to return a cookie before there is work with public keys."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import x25519

from tests.test_http_parser import tools
from tests.test_tls_engine import NAME, Identity, engine, identity, program
from tests.test_tls_messages import RANDOM, refused
from tests.test_tls_resume import tickets, visited
from tests.tls_client import (
    APPLICATION_DATA,
    COOKIE,
    EARLY_DATA,
    P256,
    SHARES,
    X25519,
    Client,
    Hello,
    record,
    records,
    vector,
)
from tests.tls_programs import Alert, Engine, State

__all__ = ["engine", "identity", "program", "tickets", "tools"]


def asked(engine: Engine, client: Client, hello: Hello | None = None, random: bytes = b"") -> Hello:
    """A connection whose first hello was answered with a cookie; the second hello, as it has to be."""
    hello = hello or client.hello()
    engine.connect(cookie=True, random=random)
    said = engine.read(client.send(hello))
    assert said.state == State.WAIT_SECOND_HELLO
    client.receive(said.out)
    assert client.retried
    assert client.cookie
    return hello.with_extension(COOKIE, client.cookie)


@pytest.mark.parametrize("shares", [(X25519,), (P256,), (X25519, P256)])
def test_cookie(engine: Engine, shares: tuple[int, ...]) -> None:
    """The retry does not ask for a key that is there, and the client sends it again."""
    client = Client(shares=shares)
    hello = asked(engine, client)
    assert client.retry_group == 0
    client.receive(engine.read(client.send(hello)).out)
    said = engine.read(client.finish() + client.outgoing.seal(APPLICATION_DATA, b"hello"))
    assert (said.state, said.data) == (State.OPEN, b"hello")


def test_cookie_and_key(engine: Engine) -> None:
    client = Client(groups=(0x0018, P256), shares=())
    hello = asked(engine, client)
    assert client.retry_group == P256
    client.receive(engine.read(client.send(hello.with_extension(SHARES, client.share(P256)))).out)
    assert engine.read(client.finish()).state == State.OPEN


def test_no_work_before_the_second_hello(engine: Engine) -> None:
    """The first random bytes are the cookie's, the next ones the exchange's secret: none was made in between."""
    client = Client()
    hello = asked(engine, client, random=RANDOM)
    assert client.cookie == vector(RANDOM[:32], 2)
    (_, _, answer), *_ = records(engine.read(client.send(hello)).out)
    secret = x25519.X25519PrivateKey.from_private_bytes(RANDOM[32:64])
    assert secret.public_key().public_bytes_raw() in answer


def test_each_connection_has_its_own(engine: Engine) -> None:
    first, second = Client(), Client()
    stale = asked(engine, first)
    asked(engine, second)
    assert first.cookie != second.cookie
    refused(engine.read(second.send(stale)), Alert.ILLEGAL_PARAMETER)


BAD_SECONDS: dict[str, tuple[Callable[[Hello, Client], Hello], Alert]] = {
    "none": (lambda hello, _: hello.without(COOKIE), Alert.MISSING_EXTENSION),
    "empty": (lambda hello, _: hello.with_extension(COOKIE, b"\0\0"), Alert.DECODE_ERROR),
    "no-body": (lambda hello, _: hello.with_extension(COOKIE, b""), Alert.DECODE_ERROR),
    "rest": (lambda hello, c: hello.with_extension(COOKIE, (c.cookie or b"") + b"\0"), Alert.DECODE_ERROR),
    "short": (
        lambda hello, c: hello.with_extension(COOKIE, vector((c.cookie or b"")[2:-1], 2)),
        Alert.ILLEGAL_PARAMETER,
    ),
    "long": (
        lambda hello, c: hello.with_extension(COOKIE, vector((c.cookie or b"")[2:] + b"\0", 2)),
        Alert.ILLEGAL_PARAMETER,
    ),
    "other-random": (lambda hello, _: replace(hello, random=bytes(32)), Alert.ILLEGAL_PARAMETER),
    "other-key": (lambda hello, c: hello.with_extension(SHARES, c.share(P256)), Alert.ILLEGAL_PARAMETER),
    "more-keys": (lambda hello, c: hello.with_extension(SHARES, c.share(X25519, P256)), Alert.ILLEGAL_PARAMETER),
    "no-key": (lambda hello, c: hello.with_extension(SHARES, c.share()), Alert.ILLEGAL_PARAMETER),
    "early-data": (lambda hello, _: hello.with_extension(EARLY_DATA, b""), Alert.ILLEGAL_PARAMETER),
}


@pytest.mark.parametrize("name", BAD_SECONDS)
def test_second_hello_that_is_refused(engine: Engine, name: str) -> None:
    client = Client()
    change, alert = BAD_SECONDS[name]
    refused(engine.read(client.send(change(asked(engine, client), client))), alert)


def test_cookie_with_a_bit_changed(engine: Engine) -> None:
    for bit in range(0, 256, 3):
        client = Client()
        hello = asked(engine, client)
        body = bytearray(client.cookie or b"")
        body[2 + bit // 8] ^= 1 << bit % 8
        refused(engine.read(client.send(hello.with_extension(COOKIE, bytes(body)))), Alert.ILLEGAL_PARAMETER)


def test_session_goes_on(engine: Engine) -> None:
    """The cookie is under the binder."""
    [ticket] = visited(engine).tickets
    for right in (True, False):
        client = Client()
        hello = client.hello()
        asked(engine, client, client.offer(hello, ticket))
        second = hello.with_extension(COOKIE, client.cookie or b"")
        offer = client.offer(second if right else hello, ticket)
        if not right:
            psk = offer.extensions[-1]
            offer = replace(second, extensions=(*second.extensions, psk))
            refused(engine.read(client.send(offer)), Alert.DECRYPT_ERROR)
            continue
        client.receive(engine.read(client.send(offer)).out)
        assert client.selected == 0
        assert engine.read(client.finish()).state == State.OPEN


def test_early_data_is_skipped(engine: Engine) -> None:
    client = Client()
    hello = asked(engine, client, client.hello().with_extension(EARLY_DATA, b""))
    assert not engine.read(record(APPLICATION_DATA, bytes(1000))).out
    client.receive(engine.read(client.send(hello.without(EARLY_DATA))).out)
    assert engine.read(client.finish()).state == State.OPEN


@pytest.mark.parametrize("curve", ["prime256v1", None])
def test_python_ssl(engine: Engine, identity: Identity, curve: str | None) -> None:
    """Also where a session goes on."""
    context = ssl.create_default_context(cadata=identity.pem)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if curve:
        context.set_ecdh_curve(curve)
    session = None
    for connection in range(2):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname=NAME, session=session)
        engine.connect(cookie=True)
        for state in (State.WAIT_SECOND_HELLO, State.WAIT_FINISHED):
            with pytest.raises(ssl.SSLWantReadError):
                client.do_handshake()
            said = engine.read(outgoing.read())
            assert said.state == state
            incoming.write(said.out)
        client.do_handshake()
        incoming.write(engine.read(outgoing.read()).out + engine.write(b"reply").out)
        assert client.read(100) == b"reply"
        assert client.session_reused == bool(connection)
        session = client.session
