"""What the TLS engine makes of messages and records in every shape: cut anywhere, retried, out of order, malformed.

A refusal is one alert, the one that RFC 8446 names, and the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_http_parser import tools
from tests.test_tls_engine import Identity, engine, identity, opened, program
from tests.tls_client import (
    ALERT,
    ALPN,
    APPLICATION_DATA,
    CHACHA,
    CHANGE_CIPHER_SPEC,
    COMPAT,
    COOKIE,
    EARLY_DATA,
    GROUPS,
    HANDSHAKE,
    P256,
    PSK,
    PSK_MODES,
    SCHEMES,
    SERVER_NAME,
    SHARES,
    VERSIONS,
    X25519,
    Client,
    Hello,
    message,
    messages,
    numbers,
    record,
    records,
    vector,
)
from tests.tls_programs import Alert, Engine, Event, Said, State

__all__ = ["engine", "identity", "program", "tools"]

RANDOM = bytes(range(1, 97))
"""For the exchange, the ServerHello and the signature."""
KEY_UPDATE, KEY_UPDATE_REQUESTED = message(24, b"\0"), message(24, b"\1")


def started(engine: Engine, client: Client, hello: Hello | None = None) -> Said:
    """A connection whose hello has been read."""
    engine.connect()
    return engine.read(client.send(hello or client.hello()))


def refused(said: Said, alert: Alert, client: Client | None = None) -> None:
    """One alert was sent, with the client's keys if it has any, behind at most an earlier answer."""
    assert (said.event, said.state, said.alert, said.sent_alert) == (Event.FAILED, State.CLOSED, alert, True)
    assert not said.data
    if client:
        assert client.open(said.out)[-1] == (ALERT, bytes([2, alert]))
    else:
        assert list(records(said.out)) == [(ALERT, b"\x15\3\3\0\2", bytes([2, alert]))]


def test_hello_cut_at_every_byte(engine: Engine) -> None:
    hello = record(HANDSHAKE, Client().hello().message())
    engine.connect(random=RANDOM)
    whole = engine.read(hello)
    assert whole.state == State.WAIT_FINISHED
    for cut in range(1, len(hello)):
        engine.connect(random=RANDOM)
        said = engine.read(hello[:cut])
        assert (said.event, said.state, said.out) == (Event.HUNGRY, State.WAIT_HELLO, b"")
        assert engine.read(hello[cut:]) == whole


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 100])
def test_hello_in_many_records(engine: Engine, size: int) -> None:
    client = Client()
    hello = client.hello().message()
    client.transcript = hello
    engine.connect()
    for at in range(0, len(hello), size):
        said = engine.read(record(HANDSHAKE, hello[at : at + size]))
    client.receive(said.out)
    assert engine.read(client.finish()).state == State.OPEN


def test_rest_cut_at_every_byte(engine: Engine) -> None:
    for cut in range(1, 6 + 58 + 30):
        client = Client()
        client.receive(started(engine, client).out)
        sent = COMPAT + client.finish() + client.outgoing.seal(23, b"hello")
        first = engine.read(sent[:cut])
        second = engine.read(sent[cut:])
        assert first.data + second.data == b"hello"
        assert not first.out + second.out
        assert second.state == State.OPEN


def test_finished_in_parts(engine: Engine) -> None:
    client = Client()
    client.receive(started(engine, client).out)
    finished = client.finished()
    parts = [finished[:3], finished[3:7], finished[7:]]
    said = engine.read(b"".join(client.outgoing.seal(HANDSHAKE, part, padding=9) for part in parts))
    assert said.state == State.OPEN


def test_key_update_in_parts(engine: Engine) -> None:
    client = opened(engine)
    sent = b"".join(client.outgoing.seal(HANDSHAKE, KEY_UPDATE[at : at + 1]) for at in range(5))
    client.outgoing.update()
    assert engine.read(sent + client.outgoing.seal(23, b"new")).data == b"new"


@pytest.mark.parametrize("session", [b"", bytes(32)], ids=["plain", "compatible"])
@pytest.mark.parametrize("group", [X25519, P256])
def test_retry(engine: Engine, group: int, session: bytes) -> None:
    client = Client(groups=(0x0018, group), shares=())
    hello = replace(client.hello(), session=session)
    said = started(engine, client, hello)
    assert said.state == State.WAIT_SECOND_HELLO
    client.receive(said.out)
    assert client.retried
    assert client.retry_group == group
    assert client.compat == bool(session)
    said = engine.read((COMPAT if session else b"") + client.send(hello.with_extension(SHARES, client.share(group))))
    client.receive(said.out)
    assert client.compat == bool(session)
    said = engine.read(client.finish() + client.outgoing.seal(23, b"hello"))
    assert said.data == b"hello"


@pytest.mark.parametrize(
    "change",
    [
        lambda hello, client: hello.with_extension(SHARES, client.share()),
        lambda hello, client: hello.with_extension(SHARES, client.share(P256)),
        lambda hello, client: hello.with_extension(SHARES, client.share(X25519, P256)),
        lambda hello, _: replace(hello, random=bytes(32)),
        lambda hello, _: replace(hello, session=b""),
        lambda hello, _: replace(hello, session=bytes(32)),
        lambda hello, _: replace(hello, suites=(CHACHA,)),
        lambda hello, _: hello.with_extension(EARLY_DATA, b""),
    ],
    ids=["no-share", "other-share", "two-shares", "random", "session", "session-bytes", "suite", "early-data"],
)
def test_second_hello_that_differs(engine: Engine, change: Callable[[Hello, Client], Hello]) -> None:
    client = Client(groups=(X25519, P256), shares=())
    hello = client.hello()
    client.receive(started(engine, client, hello).out)
    assert client.retry_group == X25519
    second = change(hello.with_extension(SHARES, client.share(X25519)), client)
    refused(engine.read(client.send(second)), Alert.ILLEGAL_PARAMETER)


def entry(group: int, key: bytes) -> bytes:
    return numbers([group]) + vector(key, 2)


def psk(identities: bytes = vector(b"ticket", 2) + bytes(4), binders: bytes = vector(bytes(32), 1)) -> bytes:
    return vector(identities, 2) + vector(binders, 2)


HELLO = Client().hello()
KEY = Client().public(X25519)
POINT = Client().public(P256)
BAD_HELLOS: dict[str, tuple[Hello | bytes, Alert]] = {
    # Structure.
    "empty": (b"", Alert.DECODE_ERROR),
    "rest": (HELLO.body() + b"\0", Alert.DECODE_ERROR),
    "session-33": (replace(HELLO, session=bytes(33)), Alert.DECODE_ERROR),
    "no-suites": (replace(HELLO, suites=()), Alert.DECODE_ERROR),
    "no-methods": (replace(HELLO, methods=b""), Alert.DECODE_ERROR),
    "extension-longer": (HELLO.body()[:-1], Alert.DECODE_ERROR),
    "versions-odd": (HELLO.with_extension(VERSIONS, b"\3\3\4\3"), Alert.DECODE_ERROR),
    "versions-empty": (HELLO.with_extension(VERSIONS, b"\0"), Alert.DECODE_ERROR),
    "versions-rest": (HELLO.with_extension(VERSIONS, b"\2\3\4\0"), Alert.DECODE_ERROR),
    "groups-odd": (HELLO.with_extension(GROUPS, b"\0\3\0\x1d\0"), Alert.DECODE_ERROR),
    "groups-empty": (HELLO.with_extension(GROUPS, b"\0\0"), Alert.DECODE_ERROR),
    "schemes-odd": (HELLO.with_extension(SCHEMES, b"\0\3\4\3\0"), Alert.DECODE_ERROR),
    "share-empty": (HELLO.with_extension(SHARES, vector(entry(X25519, b""), 2)), Alert.DECODE_ERROR),
    "share-cut": (HELLO.with_extension(SHARES, vector(entry(X25519, KEY)[:-1], 2)), Alert.DECODE_ERROR),
    "name-empty": (HELLO.with_extension(SERVER_NAME, vector(b"\0\0\0", 2)), Alert.DECODE_ERROR),
    "names-none": (HELLO.with_extension(SERVER_NAME, b"\0\0"), Alert.DECODE_ERROR),
    "alpn-empty-name": (HELLO.with_extension(ALPN, vector(b"\0\1a", 2)), Alert.DECODE_ERROR),
    "alpn-none": (HELLO.with_extension(ALPN, b"\0\0"), Alert.DECODE_ERROR),
    "modes-none": (HELLO.with_extension(PSK_MODES, b"\0"), Alert.DECODE_ERROR),
    "early-data-body": (HELLO.with_extension(EARLY_DATA, b"\0"), Alert.DECODE_ERROR),
    "cookie-empty": (HELLO.with_extension(COOKIE, b"\0\0"), Alert.DECODE_ERROR),
    "psk-short-binder": (HELLO.with_extension(PSK, psk(binders=vector(bytes(31), 1) * 2)), Alert.DECODE_ERROR),
    "extensions-65": (
        replace(HELLO, extensions=(*HELLO.extensions, *((0x4000 + i, b"") for i in range(65 - len(HELLO.extensions))))),
        Alert.DECODE_ERROR,
    ),
    # Versions.
    "no-extensions": (HELLO.body()[: -len(HELLO.body()) + 2 + 32 + 33 + 8 + 2], Alert.PROTOCOL_VERSION),
    "tls-1.2": (HELLO.without(VERSIONS), Alert.PROTOCOL_VERSION),
    "versions-without-1.3": (HELLO.with_extension(VERSIONS, b"\2\3\3"), Alert.PROTOCOL_VERSION),
    "ssl-3": (replace(HELLO, version=0x0300), Alert.PROTOCOL_VERSION),
    # What belongs together.
    "no-schemes": (HELLO.without(SCHEMES), Alert.MISSING_EXTENSION),
    "no-groups": (HELLO.without(GROUPS), Alert.MISSING_EXTENSION),
    "no-shares": (HELLO.without(SHARES), Alert.MISSING_EXTENSION),
    "psk-without-modes": (HELLO.without(PSK_MODES).with_extension(PSK, psk()), Alert.MISSING_EXTENSION),
    # Values.
    "compression": (replace(HELLO, methods=b"\1"), Alert.ILLEGAL_PARAMETER),
    "compression-too": (replace(HELLO, methods=b"\0\1"), Alert.ILLEGAL_PARAMETER),
    "twice": (replace(HELLO, extensions=(*HELLO.extensions, (PSK_MODES, b"\1\1"))), Alert.ILLEGAL_PARAMETER),
    "unknown-twice": (
        replace(HELLO, extensions=((0x4242, b""), *HELLO.extensions, (0x4242, b"x"))),
        Alert.ILLEGAL_PARAMETER,
    ),
    "psk-not-last": (
        replace(HELLO, extensions=((PSK, psk()), *HELLO.extensions)),
        Alert.ILLEGAL_PARAMETER,
    ),
    "psk-binders": (HELLO.with_extension(PSK, psk(binders=vector(bytes(32), 1) * 2)), Alert.ILLEGAL_PARAMETER),
    "share-twice": (HELLO.with_extension(SHARES, vector(entry(X25519, KEY) * 2, 2)), Alert.ILLEGAL_PARAMETER),
    "share-31": (HELLO.with_extension(SHARES, vector(entry(X25519, KEY[1:]), 2)), Alert.ILLEGAL_PARAMETER),
    "share-zero": (HELLO.with_extension(SHARES, vector(entry(X25519, bytes(32)), 2)), Alert.ILLEGAL_PARAMETER),
    "share-one": (HELLO.with_extension(SHARES, vector(entry(X25519, b"\1" + bytes(31)), 2)), Alert.ILLEGAL_PARAMETER),
    "share-compressed": (
        HELLO.with_extension(SHARES, vector(entry(P256, b"\2" + POINT[1:33]), 2)),
        Alert.ILLEGAL_PARAMETER,
    ),
    "share-off-curve": (
        HELLO.with_extension(SHARES, vector(entry(P256, POINT[:-1] + bytes([POINT[-1] ^ 1])), 2)),
        Alert.ILLEGAL_PARAMETER,
    ),
    "share-without-group": (HELLO.with_extension(GROUPS, vector(numbers([P256]), 2)), Alert.ILLEGAL_PARAMETER),
    "name-twice": (
        HELLO.with_extension(SERVER_NAME, vector(b"\0\0\1a\0\0\1b", 2)),
        Alert.ILLEGAL_PARAMETER,
    ),
    "name-with-nul": (HELLO.with_extension(SERVER_NAME, vector(b"\0\0\3a\0b", 2)), Alert.ILLEGAL_PARAMETER),
    # Nothing in common.
    "suites": (replace(HELLO, suites=(0x1304, 0x00FF, 0xC02B)), Alert.HANDSHAKE_FAILURE),
    "groups": (
        HELLO.with_extension(GROUPS, vector(numbers([0x0018]), 2)).with_extension(SHARES, b"\0\0"),
        Alert.HANDSHAKE_FAILURE,
    ),
    "schemes": (HELLO.with_extension(SCHEMES, vector(numbers([0x0804, 0x0503]), 2)), Alert.HANDSHAKE_FAILURE),
    "alpn": (HELLO.with_extension(ALPN, vector(vector(b"h2", 1), 2)), Alert.NO_APPLICATION_PROTOCOL),
    "name": (HELLO.with_extension(SERVER_NAME, vector(b"\0\0\7unknown", 2)), Alert.UNRECOGNIZED_NAME),
}


@pytest.mark.parametrize("name", BAD_HELLOS)
def test_hello_that_is_refused(engine: Engine, name: str) -> None:
    hello, alert = BAD_HELLOS[name]
    body = hello if isinstance(hello, bytes) else hello.body()
    engine.connect()
    refused(engine.read(record(HANDSHAKE, message(1, body))), alert)
    assert engine.read(b"more").out == b""


GOOD_HELLOS: dict[str, Callable[[Hello, Client], Hello]] = {
    "no-name": lambda hello, _: hello.without(SERVER_NAME),
    "no-alpn": lambda hello, _: hello.without(ALPN),
    "no-modes": lambda hello, _: hello.without(PSK_MODES),
    "tls-1.0-in-disguise": lambda hello, _: replace(hello, version=0x0301),
    "unknown-everything": lambda hello, client: replace(
        hello,
        suites=(0x0A0A, *hello.suites),
        extensions=((0x1A1A, b""), *hello.extensions, (0x2A2A, b"\0")),
    ).with_extension(SHARES, vector(entry(0x4A4A, b"\0") * 2 + entry(X25519, client.public(X25519)), 2)),
    "psk-that-nobody-knows": lambda hello, _: hello.with_extension(PSK, psk()),
    "extensions-64": lambda hello, _: replace(
        hello, extensions=(*hello.extensions, *((0x4000 + i, b"") for i in range(64 - len(hello.extensions))))
    ),
    "padding": lambda hello, _: hello.with_extension(21, bytes(7500)),
}


@pytest.mark.parametrize("name", GOOD_HELLOS)
def test_hello_that_is_fine(engine: Engine, name: str) -> None:
    client = Client()
    client.receive(started(engine, client, GOOD_HELLOS[name](client.hello(), client)).out)
    assert (0 in client.extensions) == (name != "no-name")
    assert (16 in client.extensions) == (name != "no-alpn")
    assert engine.read(client.finish()).state == State.OPEN


@pytest.mark.parametrize("length", [1, 1000, 15 * 1024 - 5])
def test_chain(engine: Engine, identity: Identity, length: int) -> None:
    """Of any length that is allowed, in one record; what is in it is the client's affair."""
    der = bytes(length)
    try:
        engine.identity([der], identity.secret)
        client = Client()
        said = started(engine, client)
    finally:
        engine.identity([identity.der], identity.secret)
    (_, _, hello), _, (_, header, body) = records(said.out)
    client.receive(record(HANDSHAKE, hello))
    kind, content = client.incoming.open(header, body)
    assert kind == HANDSHAKE
    assert [one[0] for one in messages(content)] == [8, 11, 15, 20]
    assert dict(messages(content))[11] == b"\0" + vector(vector(der, 3) + b"\0\0", 3)


def test_key_that_is_none(engine: Engine, identity: Identity) -> None:
    """Behind the ServerHello comes an alert, and nothing that was to be encrypted."""
    try:
        engine.identity([identity.der], 0)
        client = Client()
        said = started(engine, client)
    finally:
        engine.identity([identity.der], identity.secret)
    assert (said.event, said.alert, said.sent_alert) == (Event.FAILED, Alert.INTERNAL_ERROR, True)
    (_, _, hello), change, (_, header, body) = records(said.out)
    assert change[0] == CHANGE_CIPHER_SPEC
    client.receive(record(HANDSHAKE, hello))
    assert client.incoming.open(header, body) == (ALERT, bytes([2, Alert.INTERNAL_ERROR]))


HELLO_RECORD = record(HANDSHAKE, HELLO.message())
BAD_STARTS: dict[str, tuple[bytes, Alert]] = {
    "http": (b"GET / HTTP/1.1\r\n", Alert.UNEXPECTED_MESSAGE),
    "ssl-2": (bytes.fromhex("802e0103010015000000100000"), Alert.UNEXPECTED_MESSAGE),
    "data": (record(APPLICATION_DATA, b"hello"), Alert.UNEXPECTED_MESSAGE),
    "change-cipher-spec": (COMPAT, Alert.UNEXPECTED_MESSAGE),
    "finished": (record(HANDSHAKE, message(20, bytes(32))), Alert.UNEXPECTED_MESSAGE),
    "empty-record": (b"\x16\3\1\0\0", Alert.UNEXPECTED_MESSAGE),
    "record-too-long": (b"\x16\3\1\x40\1", Alert.RECORD_OVERFLOW),
    "hello-too-long": (record(HANDSHAKE, b"\1\0\x20\0"), Alert.ILLEGAL_PARAMETER),
    "two-messages": (record(HANDSHAKE, HELLO.message() + b"\1"), Alert.UNEXPECTED_MESSAGE),
    "torn-by-alert": (record(HANDSHAKE, b"\1") + record(ALERT, b"\1"), Alert.DECODE_ERROR),
    "torn-by-change": (record(HANDSHAKE, b"\1") + COMPAT, Alert.UNEXPECTED_MESSAGE),
}


@pytest.mark.parametrize("name", BAD_STARTS)
def test_start_that_is_refused(engine: Engine, name: str) -> None:
    sent, alert = BAD_STARTS[name]
    engine.connect()
    refused(engine.read(sent), alert)


def test_two_messages_in_parts(engine: Engine) -> None:
    engine.connect()
    engine.read(record(HANDSHAKE, HELLO.message()[:50]))
    refused(engine.read(record(HANDSHAKE, HELLO.message()[50:] + b"\1")), Alert.UNEXPECTED_MESSAGE)


@pytest.mark.parametrize("alert", [Alert.CLOSE_NOTIFY, Alert.HANDSHAKE_FAILURE])
@pytest.mark.parametrize("answered", [False, True])
def test_client_gives_up(engine: Engine, alert: Alert, *, answered: bool) -> None:
    """Also in the clear behind the ServerHello: it may have no keys."""
    engine.connect()
    if answered:
        engine.read(HELLO_RECORD)
    said = engine.read(record(ALERT, bytes([2, alert])))
    assert (said.event, said.state, said.alert, said.sent_alert) == (Event.FAILED, State.CLOSED, alert, False)
    assert not said.out


Waiting = Callable[[Client], bytes]
BAD_FINISHES: dict[str, tuple[Waiting, Alert]] = {
    "wrong": (lambda c: c.outgoing.seal(HANDSHAKE, c.finished()[:-1] + b"\0"), Alert.DECRYPT_ERROR),
    "short": (lambda c: c.outgoing.seal(HANDSHAKE, message(20, bytes(31))), Alert.DECODE_ERROR),
    "with-more": (lambda c: c.outgoing.seal(HANDSHAKE, c.finished() + KEY_UPDATE), Alert.UNEXPECTED_MESSAGE),
    "certificate": (lambda c: c.outgoing.seal(HANDSHAKE, message(11, bytes(4))), Alert.UNEXPECTED_MESSAGE),
    "hello": (lambda c: c.outgoing.seal(HANDSHAKE, HELLO.message()), Alert.UNEXPECTED_MESSAGE),
    "data": (lambda c: c.outgoing.seal(APPLICATION_DATA, b"early"), Alert.UNEXPECTED_MESSAGE),
    "clear": (lambda c: record(HANDSHAKE, c.finished()), Alert.UNEXPECTED_MESSAGE),
    "empty": (lambda c: c.outgoing.seal(HANDSHAKE, b""), Alert.UNEXPECTED_MESSAGE),
    "no-type": (lambda c: c.outgoing.seal(0, b"", padding=3), Alert.UNEXPECTED_MESSAGE),
    "sealed-change": (lambda c: c.outgoing.seal(CHANGE_CIPHER_SPEC, b"\1"), Alert.UNEXPECTED_MESSAGE),
    "change-of-two": (lambda _: record(CHANGE_CIPHER_SPEC, b"\1\1"), Alert.UNEXPECTED_MESSAGE),
    "change-to-two": (lambda _: record(CHANGE_CIPHER_SPEC, b"\2"), Alert.UNEXPECTED_MESSAGE),
    "changes": (lambda _: COMPAT * 33, Alert.UNEXPECTED_MESSAGE),
    "forged": (lambda _: record(APPLICATION_DATA, bytes(53)), Alert.BAD_RECORD_MAC),
    "shorter-than-a-tag": (lambda _: record(APPLICATION_DATA, bytes(15)), Alert.BAD_RECORD_MAC),
    "long": (lambda _: b"\x17\3\3\x41\1", Alert.RECORD_OVERFLOW),
    "torn": (
        lambda c: c.outgoing.seal(HANDSHAKE, c.finished()[:9]) + c.outgoing.seal(APPLICATION_DATA, b""),
        Alert.UNEXPECTED_MESSAGE,
    ),
    "torn-by-change": (lambda c: c.outgoing.seal(HANDSHAKE, c.finished()[:9]) + COMPAT, Alert.UNEXPECTED_MESSAGE),
    "alert-of-three": (lambda c: c.outgoing.seal(ALERT, b"\2\x28\0"), Alert.DECODE_ERROR),
}


@pytest.mark.parametrize("name", BAD_FINISHES)
def test_finish_that_is_refused(engine: Engine, name: str) -> None:
    make, alert = BAD_FINISHES[name]
    client = Client()
    client.receive(started(engine, client).out)
    refused(engine.read(make(client)), alert, client)


BAD_RECORDS: dict[str, tuple[Waiting, Alert]] = {
    "renegotiation": (lambda c: c.outgoing.seal(HANDSHAKE, HELLO.message()), Alert.UNEXPECTED_MESSAGE),
    "ticket": (lambda c: c.outgoing.seal(HANDSHAKE, message(4, bytes(20))), Alert.UNEXPECTED_MESSAGE),
    "update-to-two": (lambda c: c.outgoing.seal(HANDSHAKE, message(24, b"\2")), Alert.ILLEGAL_PARAMETER),
    "update-of-two": (lambda c: c.outgoing.seal(HANDSHAKE, message(24, b"\0\0")), Alert.DECODE_ERROR),
    "two-updates": (lambda c: c.outgoing.seal(HANDSHAKE, KEY_UPDATE * 2), Alert.UNEXPECTED_MESSAGE),
    "update-and-old-keys": (
        lambda c: c.outgoing.seal(HANDSHAKE, KEY_UPDATE) + c.outgoing.seal(23, b"old"),
        Alert.BAD_RECORD_MAC,
    ),
    "change-cipher-spec": (lambda _: COMPAT, Alert.UNEXPECTED_MESSAGE),
    "clear-alert": (lambda _: record(ALERT, b"\1\0"), Alert.UNEXPECTED_MESSAGE),
    "again": (lambda _: bytes(5 + 16), Alert.UNEXPECTED_MESSAGE),
    "empty": (lambda c: b"".join(c.outgoing.seal(23, b"") for _ in range(33)), Alert.UNEXPECTED_MESSAGE),
    "cancelled": (lambda c: b"".join(c.outgoing.seal(21, b"\1\x5a") for _ in range(33)), Alert.UNEXPECTED_MESSAGE),
    "too-much-plain": (lambda c: c.outgoing.seal(23, bytes(16385)), Alert.RECORD_OVERFLOW),
    "too-much-padding": (lambda c: c.outgoing.seal(23, b"a", padding=16384), Alert.RECORD_OVERFLOW),
    "unknown-type": (lambda c: c.outgoing.seal(24, b"\1\0\0"), Alert.UNEXPECTED_MESSAGE),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_record_that_is_refused(engine: Engine, name: str) -> None:
    make, alert = BAD_RECORDS[name]
    client = opened(engine)
    refused(engine.read(make(client)), alert, client)
    assert not engine.write(b"more").event


def test_record_that_is_repeated(engine: Engine) -> None:
    client = opened(engine)
    sent = client.outgoing.seal(23, b"once")
    assert engine.read(sent).data == b"once"
    refused(engine.read(sent), Alert.BAD_RECORD_MAC, client)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_record_with_a_bit_changed(engine: Engine, data: st.DataObject) -> None:
    """In the body, or in the length so that it fits; type and version belong to what is authentic."""
    client = opened(engine)
    sent = bytearray(client.outgoing.seal(23, b"hello"))
    bit = data.draw(st.integers(5 * 8, len(sent) * 8 - 1) | st.integers(8, 24 - 1))
    sent[bit // 8] ^= 1 << bit % 8
    refused(engine.read(bytes(sent)), Alert.BAD_RECORD_MAC, client)


@pytest.mark.parametrize("size", [0, 1, 2, 15, 16, 17, 1000, 16383, 16384])
def test_sizes(engine: Engine, size: int) -> None:
    """Both ways, with and without padding."""
    client = opened(engine)
    content = (bytes(range(256)) * 64)[:size]
    for padding in {0, min(100, 16384 - size)}:
        assert engine.read(client.outgoing.seal(23, content, padding)).data == content
    assert client.open(engine.write(content).out) == [(23, content)]


def test_write_that_is_too_long(engine: Engine) -> None:
    opened(engine)
    said = engine.write(bytes(16385))
    assert (said.event, said.out) == (0, b"")


def test_key_updates(engine: Engine) -> None:
    client = opened(engine)
    for round_ in range(40):
        text = b"round %d" % round_
        update = client.outgoing.seal(HANDSHAKE, KEY_UPDATE_REQUESTED if round_ % 2 else KEY_UPDATE)
        client.outgoing.update()
        said = engine.read(update + client.outgoing.seal(23, text))
        assert said.data == text
        assert client.open(said.out) == ([(HANDSHAKE, KEY_UPDATE)] if round_ % 2 else [])
        assert client.open(engine.write(text).out) == [(23, text)]


def test_key_updates_without_end(engine: Engine) -> None:
    client = opened(engine)
    said = engine.read(b"")
    for _ in range(33):
        said = engine.read(client.outgoing.seal(HANDSHAKE, KEY_UPDATE))
        client.outgoing.update()
    refused(said, Alert.UNEXPECTED_MESSAGE, client)


def test_own_key_update(engine: Engine) -> None:
    """Of so many records, the number of which is a configuration's only here."""
    client = Client()
    engine.connect(key_records=3)
    client.receive(engine.read(client.send(client.hello())).out)
    engine.read(client.finish())
    found = [kind for _ in range(10) for kind, _ in client.open(engine.write(b"text").out)]
    assert found == [23, 23, 23, 22, 23, 23, 23, 22, 23, 23, 23, 22, 23]


def test_half_closed(engine: Engine) -> None:
    """What the client says behind its close_notify is not looked at; we may go on."""
    client = opened(engine)
    said = engine.read(client.outgoing.seal(23, b"last") + client.outgoing.seal(ALERT, b"\1\0") + b"garbage")
    assert (said.event, said.state, said.data, said.out) == (Event.END, State.HALF_CLOSED, b"last", b"")
    assert engine.read(b"more garbage").event == Event.END
    assert client.open(engine.write(b"reply").out) == [(23, b"reply")]
    assert client.open(engine.close().out) == [(ALERT, b"\1\0")]
    assert not engine.close().out
    assert not engine.write(b"late").event


def test_closed_first(engine: Engine) -> None:
    """Our close_notify does not end the client's direction; a KeyUpdate that asks for ours gets none."""
    client = opened(engine)
    assert client.open(engine.close().out) == [(ALERT, b"\1\0")]
    said = engine.read(client.outgoing.seal(HANDSHAKE, KEY_UPDATE_REQUESTED))
    client.outgoing.update()
    said = engine.read(client.outgoing.seal(23, b"more"))
    assert (said.event, said.data, said.out) == (Event.HUNGRY, b"more", b"")
    said = engine.read(b"\0" * 5)
    assert (said.event, said.sent_alert, said.out) == (Event.FAILED, False, b"")


def test_user_cancels(engine: Engine) -> None:
    client = opened(engine)
    said = engine.read(client.outgoing.seal(ALERT, b"\1\x5a") + client.outgoing.seal(ALERT, b"\1\0"))
    assert said.event == Event.END


@pytest.mark.parametrize("retried", [False, True])
def test_early_data_is_skipped(engine: Engine, *, retried: bool) -> None:
    """As much as a record can hold, and no more."""
    for size, fits in ((100, True), (8000, True), (17000, False)):
        client = Client(shares=() if retried else (X25519,))
        hello = client.hello().with_extension(EARLY_DATA, b"").with_extension(PSK, psk())
        client.receive(started(engine, client, hello).out)
        early = [record(APPLICATION_DATA, bytes(min(size, 16000)))] + [record(APPLICATION_DATA, bytes(1000))] * (
            size > 16000
        )
        said = engine.read(b"".join(early))
        if not fits:
            assert said.event == Event.FAILED
            assert said.alert == (Alert.UNEXPECTED_MESSAGE if retried else Alert.BAD_RECORD_MAC)
            continue
        assert (said.event, said.out) == (Event.HUNGRY, b"")
        if retried:
            second = hello.without(EARLY_DATA).with_extension(SHARES, client.share(X25519))
            client.receive(engine.read(client.send(second)).out)
        assert engine.read(client.finish()).state == State.OPEN
        refused(engine.read(record(APPLICATION_DATA, bytes(100))), Alert.BAD_RECORD_MAC, client)
