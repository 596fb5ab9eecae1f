"""What the TLS engine makes of messages and records in every shape: cut anywhere, retried, out of order, malformed.

A refusal is one alert, the one that RFC 8446 names, and the end.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_http_parser import tools
from tests.test_tls_engine import Identity, engine, identity, opened, program
from tests.tls_client import (
    ALERT,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    COMPAT,
    EARLY_DATA,
    HANDSHAKE,
    P256,
    PSK,
    SHARES,
    X25519,
    Client,
    Hello,
    message,
    messages,
    record,
    records,
    vector,
)
from tests.tls_programs import Alert, Engine, Event, Said, State
from tests.tls_rows import (
    BAD_FINISHES,
    BAD_HELLOS,
    BAD_RECORDS,
    BAD_SECOND_HELLOS,
    BAD_STARTS,
    GOOD_HELLOS,
    HELLO,
    HELLO_RECORD,
    KEY_UPDATE,
    KEY_UPDATE_REQUESTED,
    psk,
)

__all__ = ["engine", "identity", "program", "tools"]

RANDOM = bytes(range(1, 97))
"""For the exchange, the ServerHello and the signature."""


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


@pytest.mark.parametrize("name", BAD_SECOND_HELLOS)
def test_second_hello_that_differs(engine: Engine, name: str) -> None:
    client = Client(groups=(X25519, P256), shares=())
    hello = client.hello()
    client.receive(started(engine, client, hello).out)
    assert client.retry_group == X25519
    second = BAD_SECOND_HELLOS[name](hello.with_extension(SHARES, client.share(X25519)), client)
    refused(engine.read(client.send(second)), Alert.ILLEGAL_PARAMETER)


@pytest.mark.parametrize("name", BAD_HELLOS)
def test_hello_that_is_refused(engine: Engine, name: str) -> None:
    hello, alert = BAD_HELLOS[name]
    body = hello if isinstance(hello, bytes) else hello.body()
    engine.connect()
    refused(engine.read(record(HANDSHAKE, message(1, body))), alert)
    assert engine.read(b"more").out == b""


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


@pytest.mark.parametrize("name", BAD_FINISHES)
def test_finish_that_is_refused(engine: Engine, name: str) -> None:
    make, alert = BAD_FINISHES[name]
    client = Client()
    client.receive(started(engine, client).out)
    refused(engine.read(make(client)), alert, client)


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
