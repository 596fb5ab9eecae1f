"""Sessions of TLS 1.2 that go on in another connection of the TLS engine's (RFC 5077, RFC 7627).

A ticket that will not do leads to a full handshake, as if there were none.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import tls_client
from tests.test_http_parser import tools
from tests.test_tls_12 import refused
from tests.test_tls_engine import NAME, S_CLIENT, Identity, engine, identity, program, serve
from tests.test_tls_resume import DAY, KEY, NEW, NOW, OLD
from tests.test_tls_sign import only_rsa, rsa_identity
from tests.tls_12_client import (
    ECDSA_AES128,
    ECDSA_AES256,
    ECDSA_CHACHA,
    ECDSA_SUITES,
    EXTENDED_MASTER,
    RSA_SUITES,
    SESSION_TICKET,
    Client,
    Session,
)
from tests.tls_client import ALERT, ALPN, APPLICATION_DATA, COMPAT, HANDSHAKE, Hello, message, record, vector
from tests.tls_programs import Alert, Engine, Event, State

__all__ = ["engine", "identity", "only_rsa", "program", "rsa_identity", "serve", "tools"]


@pytest.fixture(autouse=True)
def tickets(engine: Engine) -> Iterator[None]:
    engine.tickets(KEY)
    engine.clock(NOW)
    yield
    engine.tickets()


def visited(engine: Engine, client: Client, hello: Hello | None = None) -> Client:
    """A connection whose handshake is over; all that was said is verified."""
    engine.connect()
    said = engine.read(client.send(hello or client.hello()))
    assert said.event == Event.HUNGRY
    client.receive(said.out)
    assert said.state == (State.WAIT_CHANGE if client.resumed else State.WAIT_KEY_EXCHANGE)
    assert engine.resumed() == client.resumed
    said = engine.read(client.finish())
    assert said.state == State.OPEN
    client.receive_finish(said.out)
    assert engine.read(client.seal(APPLICATION_DATA, b"hello")).data == b"hello"
    assert client.open(engine.write(b"reply").out) == [(APPLICATION_DATA, b"reply")]
    return client


def session_of(engine: Engine, *suites: int, **how: Any) -> Session:
    """One that can go on."""
    session = visited(engine, Client(suites=suites or ECDSA_SUITES, tickets=True, **how)).given
    assert session
    assert len(session.ticket) == 143
    return session


def full(engine: Engine, session: Session, **how: Any) -> Client:
    """The ticket will not do: a full handshake."""
    client = visited(engine, Client(session=session, **how))
    assert not client.resumed
    return client


@pytest.mark.parametrize("suite", ECDSA_SUITES)
def test_session_goes_on(engine: Engine, suite: int) -> None:
    """More than once: another connection has other keys."""
    session = session_of(engine, suite)
    first, second = (visited(engine, Client(session=session)) for _ in range(2))
    assert first.resumed
    assert second.resumed
    assert first.suite == suite
    assert first.incoming
    assert second.incoming
    assert first.incoming.key != second.incoming.key
    assert first.extensions == {EXTENDED_MASTER: b"", ALPN: b"\0\x09\x08http/1.1", 0xFF01: b"\0", 11: b"\1\0"}
    assert list(first.parts) == []


@pytest.mark.parametrize("suite", RSA_SUITES)
def test_session_begun_with_an_rsa_key(only_rsa: Engine, suite: int) -> None:
    """No signature is waited for."""
    only_rsa.tickets(KEY)
    session = session_of(only_rsa, suite)
    client = Client(session=session)
    only_rsa.connect(sign_later=True)
    client.receive(only_rsa.read(client.send(client.hello())).out)
    assert client.resumed
    assert only_rsa.read(client.finish()).state == State.OPEN


@pytest.mark.parametrize("identifier", [b"", b"x", bytes(32)])
def test_identifier_is_sent_back(engine: Engine, identifier: bytes) -> None:
    """The client's, of any length: by it some see that the session goes on."""
    client = Client(session=session_of(engine))
    client.session_id = identifier
    assert visited(engine, client).resumed


def test_identifier_without_a_ticket(engine: Engine) -> None:
    """Says nothing: no session is kept."""
    client = Client(tickets=True)
    client.session_id = bytes(32)
    assert not visited(engine, client).resumed


def test_no_ticket_for_who_asks_for_none(engine: Engine) -> None:
    assert visited(engine, Client()).given is None


def test_no_ticket_without_an_extended_master_secret(engine: Engine) -> None:
    """RFC 7627, section 5.4: such a session may be somebody else's, too."""
    client = visited(engine, Client(extended=False, tickets=True))
    assert client.given is None
    assert SESSION_TICKET not in client.extensions


def test_extended_master_secret_that_is_dropped(engine: Engine) -> None:
    """RFC 7627, section 5.3: the handshake ends."""
    client = Client(session=session_of(engine), extended=False)
    engine.connect()
    refused(engine.read(client.send(client.hello())), Alert.ILLEGAL_PARAMETER)


def test_ticket_that_is_none_without_an_extended_master_secret(engine: Engine) -> None:
    """Nothing is wrong with that: there was no session."""
    session = replace(session_of(engine), ticket=bytes(143))
    assert visited(engine, Client(session=session, extended=False)).given is None


@pytest.mark.parametrize("keys", [(), (NEW,)])
def test_keys_that_are_gone(engine: Engine, keys: tuple[bytes, ...]) -> None:
    session = session_of(engine)
    engine.tickets(*keys)
    assert (full(engine, session).given is not None) == bool(keys)


def test_no_tickets_to_be_given(engine: Engine) -> None:
    """Those that there are may still be used."""
    session = session_of(engine)
    engine.tickets(KEY, count=0)
    assert visited(engine, Client(tickets=True)).given is None
    assert visited(engine, Client(session=session)).resumed


def test_keys_change(engine: Engine) -> None:
    engine.tickets(OLD, KEY)
    session = session_of(engine)
    engine.tickets(KEY, OLD, NEW)
    assert visited(engine, Client(session=session)).resumed
    engine.tickets(NEW, KEY)
    full(engine, session)


def test_every_byte_of_a_ticket_counts(engine: Engine) -> None:
    session = session_of(engine)
    for at in range(len(session.ticket)):
        changed = session.ticket[:at] + bytes([session.ticket[at] ^ 1 << at % 8]) + session.ticket[at + 1 :]
        full(engine, replace(session, ticket=changed))


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 142, 144, 1000])
def test_ticket_of_another_length(engine: Engine, length: int) -> None:
    session = session_of(engine)
    full(engine, replace(session, ticket=(session.ticket + bytes(1000))[:length]))


def forged(content: bytes, key: bytes = KEY) -> bytes:
    """A ticket of ours, whatever is in it."""
    return key[:16] + b"n" * 12 + AESGCM(key[16:]).encrypt(b"n" * 12, content, key[:16])


@pytest.mark.parametrize(
    ("version", "bound", "good"),
    [
        (0x0303, 0, True),
        (0x0303, 2, True),
        (0x0304, 0, False),
        (0x0302, 0, False),
        (0x0303, 3, False),
        (0x0303, 6, False),
        (0x0303, 8, False),
        (0x0303, 255, False),
    ],
)
def test_version_and_suite_of_a_ticket(engine: Engine, version: int, bound: int, *, good: bool) -> None:
    """Made here, as docs/tls.md says it is made; of suites there are six, and the client offers three of them."""
    times = NOW.to_bytes(8, "big") * 2
    name = hashlib.sha256(NAME.encode()).digest()
    ticket = forged(version.to_bytes(2, "big") + bytes([bound]) + times + name + b"s" * 48)
    suite = ECDSA_SUITES[bound] if good else 0
    client = visited(engine, Client(session=Session(ticket, b"s" * 48, suite, 0), suites=ECDSA_SUITES))
    assert client.resumed == good


def test_ticket_of_tls_1_3(engine: Engine) -> None:
    """Nor is one of TLS 1.2 of use there."""
    newer = tls_client.Client()
    engine.connect()
    newer.receive(engine.read(newer.send(newer.hello())).out)
    newer.open(engine.read(newer.finish()).out)
    [ticket] = newer.tickets
    full(engine, Session(ticket.identity, bytes(48), ECDSA_AES128, 0))
    session = session_of(engine)
    other = tls_client.Client()
    engine.connect()
    hello = other.offer(other.hello(), tls_client.Ticket(session.ticket, session.master[:32], "sha256"))
    other.receive(engine.read(other.send(hello)).out)
    assert other.selected is None


def test_ticket_of_tls_1_2_from_who_speaks_1_3(engine: Engine) -> None:
    """Clients that know both send it, in case; there is a full handshake of TLS 1.3."""
    session = session_of(engine)
    client = tls_client.Client()
    engine.connect()
    hello = client.hello().with_extension(SESSION_TICKET, session.ticket).with_extension(EXTENDED_MASTER, b"")
    client.receive(engine.read(client.send(hello)).out)
    assert engine.read(client.finish()).state == State.OPEN
    assert not engine.resumed()


@pytest.mark.parametrize("suites", [(ECDSA_AES256,), (ECDSA_CHACHA, ECDSA_AES256)])
def test_suite_that_the_client_has_given_up(engine: Engine, suites: tuple[int, ...]) -> None:
    full(engine, session_of(engine, ECDSA_AES128), suites=suites)


def test_suite_of_the_session_comes_before_a_better_one(engine: Engine) -> None:
    client = visited(engine, Client(session=session_of(engine, ECDSA_CHACHA), suites=ECDSA_SUITES))
    assert (client.resumed, client.suite) == (True, ECDSA_CHACHA)


def test_another_name(engine: Engine) -> None:
    """RFC 6066, section 3: a full handshake, and a ticket for that name."""
    session = session_of(engine)
    other = full(engine, session, name="other.test").given
    assert other
    assert visited(engine, Client(session=other, name="other.test")).resumed
    client = Client(session=session)
    assert not visited(engine, client, client.hello().without(0)).resumed


def test_name_that_is_gone(engine: Engine) -> None:
    client = Client(session=session_of(engine), name="unknown.test")
    engine.connect()
    refused(engine.read(client.send(client.hello())), Alert.UNRECOGNIZED_NAME)


def test_protocol_is_agreed_on_anew(engine: Engine) -> None:
    client = Client(session=session_of(engine))
    engine.connect()
    hello = client.hello().with_extension(ALPN, vector(vector(b"h2", 1), 2))
    refused(engine.read(client.send(hello)), Alert.NO_APPLICATION_PROTOCOL)
    client = Client(session=session_of(engine))
    assert visited(engine, client, client.hello().without(ALPN)).resumed
    assert ALPN not in client.extensions


def test_only_tls_1_3(engine: Engine) -> None:
    client = Client(session=session_of(engine))
    engine.connect(tls_1_3=True)
    refused(engine.read(client.send(client.hello())), Alert.PROTOCOL_VERSION)


@pytest.mark.parametrize(("lifetime", "lives"), [(0, 7200), (60, 60), (7 * DAY, 7 * DAY), (8 * DAY, 7 * DAY)])
def test_lifetime(engine: Engine, lifetime: int, lives: int) -> None:
    engine.tickets(KEY, lifetime=lifetime)
    session = session_of(engine)
    assert session.lifetime == lives
    engine.clock(NOW + lives - 1)
    assert visited(engine, Client(session=session)).resumed
    engine.clock(NOW + lives)
    full(engine, session)


def test_ticket_from_the_future(engine: Engine) -> None:
    session = session_of(engine)
    engine.clock(NOW - 10)
    client = visited(engine, Client(session=session))
    assert (client.resumed, client.given) == (True, None)
    engine.clock(NOW - 11)
    full(engine, session)


def test_ticket_is_renewed_when_half_of_its_time_is_over(engine: Engine) -> None:
    """Its suite, name and master secret are the session's."""
    session = session_of(engine, ECDSA_AES256)
    engine.clock(NOW + 3599)
    assert visited(engine, Client(session=session)).given is None
    engine.clock(NOW + 3600)
    client = visited(engine, Client(session=session))
    assert client.resumed
    renewed = client.given
    assert renewed
    assert renewed.ticket != session.ticket
    assert (renewed.master, renewed.suite, renewed.lifetime) == (session.master, session.suite, 7200)
    engine.clock(NOW + 3600 + 7199)
    assert visited(engine, Client(session=renewed)).resumed


def test_session_ends_after_seven_days(engine: Engine) -> None:
    """However often it went on: then the certificate is to be shown again."""
    engine.tickets(KEY, lifetime=4 * DAY)
    session = session_of(engine)
    for day, lives in ((2, 4), (4, 3)):
        engine.clock(NOW + day * DAY)
        renewed = visited(engine, Client(session=session)).given
        assert renewed
        assert renewed.lifetime == lives * DAY
        session = renewed
    engine.clock(NOW + 7 * DAY - 1)
    last = visited(engine, Client(session=session))
    assert last.resumed
    assert last.given
    assert last.given.lifetime == 1
    engine.clock(NOW + 7 * DAY)
    full(engine, session)


# What follows the hello.


def going_on(engine: Engine, suite: int = ECDSA_AES128) -> Client:
    """A client that has the server's Finished, and has not said anything of it."""
    client = Client(session=session_of(engine, suite))
    engine.connect()
    client.receive(engine.read(client.send(client.hello())).out)
    assert client.resumed
    return client


Bad = Callable[[Client], bytes]
BAD_ENDS: dict[str, tuple[Bad, Alert]] = {
    "exchange": (lambda _: record(HANDSHAKE, message(16, vector(bytes(32), 1))), Alert.UNEXPECTED_MESSAGE),
    "hello": (lambda c: record(HANDSHAKE, c.hello().message()), Alert.UNEXPECTED_MESSAGE),
    "finished-in-the-clear": (lambda c: record(HANDSHAKE, c.finished()), Alert.UNEXPECTED_MESSAGE),
    "finished-without-change": (lambda c: c.seal(HANDSHAKE, c.finished()), Alert.UNEXPECTED_MESSAGE),
    "data": (lambda c: c.seal(APPLICATION_DATA, b"early"), Alert.UNEXPECTED_MESSAGE),
    "changes": (lambda _: COMPAT * 2, Alert.UNEXPECTED_MESSAGE),
    "then-data": (lambda c: COMPAT + c.seal(APPLICATION_DATA, b"early"), Alert.UNEXPECTED_MESSAGE),
    "wrong": (lambda c: COMPAT + c.seal(HANDSHAKE, c.finished()[:-1] + b"\0"), Alert.DECRYPT_ERROR),
    "server's": (
        lambda c: COMPAT + c.seal(HANDSHAKE, message(20, c._verify_data(b"server"))),
        Alert.DECRYPT_ERROR,
    ),
    "short": (lambda c: COMPAT + c.seal(HANDSHAKE, message(20, bytes(11))), Alert.DECODE_ERROR),
    "with-more": (lambda c: COMPAT + c.seal(HANDSHAKE, c.finished() + b"\x10"), Alert.UNEXPECTED_MESSAGE),
    "then-clear": (lambda c: COMPAT + record(HANDSHAKE, c.finished()), Alert.BAD_RECORD_MAC),
    "then-forged": (lambda _: COMPAT + record(HANDSHAKE, bytes(40)), Alert.BAD_RECORD_MAC),
}


@pytest.mark.parametrize("name", BAD_ENDS)
def test_end_that_is_refused(engine: Engine, name: str) -> None:
    """The alert is encrypted: our keys have been changed."""
    make, alert = BAD_ENDS[name]
    client = going_on(engine)
    refused(engine.read(make(client)), alert, client)


def test_secret_that_the_client_does_not_have(engine: Engine) -> None:
    """Who has only seen a ticket cannot finish."""
    session = session_of(engine)
    client = Client(session=session)
    engine.connect()
    said = engine.read(client.send(client.hello()))
    client.session = replace(session, master=bytes(48))
    with pytest.raises(InvalidTag):
        client.receive(said.out)
    client._make_keys()
    said = engine.read(COMPAT + client.seal(HANDSHAKE, message(20, bytes(12))))
    assert (said.event, said.alert) == (Event.FAILED, Alert.BAD_RECORD_MAC)


def test_cut_everywhere(engine: Engine) -> None:
    session = session_of(engine)
    length = 1 << 20
    cut = 0
    while (cut := cut + 1) < length:
        client = Client(session=session)
        sent = client.send(client.hello())
        length = len(sent)
        engine.connect()
        client.receive(engine.read(sent[:cut]).out + engine.read(sent[cut:]).out)
        sent = client.finish() + client.seal(APPLICATION_DATA, b"hello")
        at = cut % len(sent)
        assert engine.read(sent[:at]).data + engine.read(sent[at:]).data == b"hello"


@pytest.mark.parametrize("alert", [Alert.CLOSE_NOTIFY, Alert.HANDSHAKE_FAILURE])
@pytest.mark.parametrize("sealed", [False, True])
def test_client_gives_up(engine: Engine, alert: Alert, *, sealed: bool) -> None:
    client = going_on(engine)
    content = bytes([2, alert])
    said = engine.read(COMPAT + client.seal(ALERT, content) if sealed else record(ALERT, content))
    assert (said.event, said.state, said.alert, said.sent_alert) == (Event.FAILED, State.CLOSED, alert, False)


@pytest.mark.parametrize("cipher", [1, 2, 3])
def test_no_memory(engine: Engine, cipher: int) -> None:
    """For the ticket's cipher, and it is a full handshake; for those of the connection, and it is its end."""
    session = session_of(engine)
    client = Client(session=session)
    engine.connect(refused_cipher=cipher)
    said = engine.read(client.send(client.hello()))
    if cipher == 1:
        client.receive(said.out)
        assert not client.resumed
        return
    if cipher == 3:
        client.receive(said.out)
        said = engine.read(client.finish())
    assert (said.event, said.alert) == (Event.FAILED, Alert.INTERNAL_ERROR)


def test_no_memory_for_a_ticket(engine: Engine) -> None:
    """It has been promised: an empty one comes, which is none."""
    client = Client(tickets=True)
    engine.connect(refused_cipher=2)
    client.receive(engine.read(client.send(client.hello())).out)
    said = engine.read(client.finish())
    assert said.state == State.OPEN
    client.receive_finish(said.out)
    assert client.given
    assert (client.given.ticket, client.given.lifetime) == (b"", 0)


def test_keys_that_go_while_a_ticket_is_promised(engine: Engine) -> None:
    client = Client(tickets=True)
    engine.connect()
    client.receive(engine.read(client.send(client.hello())).out)
    engine.tickets()
    client.receive_finish(engine.read(client.finish()).out)
    assert client.given
    assert client.given.ticket == b""


@settings(max_examples=200, deadline=None)
@given(ticket=st.binary(max_size=300) | st.binary(min_size=127, max_size=127).map(lambda rest: KEY[:16] + rest))
def test_any_ticket(engine: Engine, ticket: bytes) -> None:
    full(engine, Session(ticket, bytes(48), ECDSA_AES128, 0))


# Real clients.


@pytest.mark.parametrize("cut", [1, 7, 1 << 20])
def test_python_ssl(engine: Engine, identity: Identity, cut: int) -> None:
    context = ssl.create_default_context(cadata=identity.pem)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    session: ssl.SSLSession | None = None
    for resumed in (False, True, True):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname=NAME, session=session)
        engine.connect()
        for _ in range(5):
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                sent = outgoing.read()
                for at in range(0, len(sent), cut):
                    incoming.write(engine.read(sent[at : at + cut]).out)
        client.write(b"hello")
        assert engine.read(outgoing.read()).data == b"hello"
        assert client.session_reused == engine.resumed() == resumed
        session = client.session
        assert session
        assert session.has_ticket
        assert session.ticket_lifetime_hint == 7200


@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"])
def test_openssl(serve: Callable[[str], str], suite: str) -> None:
    """Five connections behind the first, and one from a file."""
    command = f"{S_CLIENT} -tls1_2 -cipher ECDHE-ECDSA-{suite}"
    output = serve(
        f"(sleep 1; echo Q) | {command} -reconnect -sess_out session; "
        f"(sleep 0.5; echo Q) | {command} -sess_in session; "
        f"(sleep 0.5; echo Q) | {command} -no_ticket -reconnect"
    )
    assert output.count("Reused, TLSv1.2") == 6
    assert output.count("New, TLSv1.2") == 7
    assert output.count("resumed 1") == 6


def test_openssl_without_extended_master_secret(serve: Callable[[str], str]) -> None:
    """Has no session to go on with; and must not drop it (RFC 7627, section 5.3)."""
    command = f"{S_CLIENT} -tls1_2"
    output = serve(
        f"(sleep 1; echo Q) | {command} -reconnect -no_ems; (sleep 0.5; echo Q) | {command} -sess_out session; "
        f"(sleep 0.5; echo Q) | {command} -sess_in session -no_ems; true"
    )
    assert "Reused" not in output
    assert "resumed 1" not in output.replace("state 8 alert 47 resumed 1", "")
