"""Sessions that go on in another connection of the TLS engine's: tickets, and binders, right and wrong.

A ticket that will not do leads to a full handshake, as if there were none; a binder that is wrong ends the connection.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.test_http_parser import tools
from tests.test_tls_engine import NAME, S_CLIENT, Identity, engine, identity, program, serve
from tests.test_tls_messages import RANDOM, refused, started
from tests.tls_client import (
    AES128,
    AES256,
    APPLICATION_DATA,
    CHACHA,
    EARLY_DATA,
    HANDSHAKE,
    P256,
    PSK,
    PSK_MODES,
    SCHEMES,
    SERVER_NAME,
    SHARES,
    X25519,
    Client,
    Hello,
    Ticket,
    message,
    numbers,
    record,
    records,
    vector,
)
from tests.tls_programs import Alert, Engine, State

__all__ = ["engine", "identity", "program", "serve", "tools"]

KEY, OLD, NEW = (bytes([letter]) * 16 + bytes(range(letter, letter + 32)) for letter in b"kon")
NOW = 1_800_000_000
DAY = 24 * 3600


@pytest.fixture(autouse=True)
def tickets(engine: Engine) -> Iterator[None]:
    engine.tickets(KEY)
    engine.clock(NOW)
    yield
    engine.tickets()


def visited(
    engine: Engine, *offered: Ticket, suite: int = AES128, client: Client | None = None, age: int = 1000
) -> Client:
    """A connection whose handshake is over; the session of the first ticket goes on if any is offered."""
    client = client or Client()
    hello = replace(client.hello(), suites=(suite,))
    client.receive(started(engine, client, client.offer(hello, *offered, age=age) if offered else hello).out)
    said = engine.read(client.finish())
    assert said.state == State.OPEN
    assert engine.resumed() == (client.selected is not None)
    client.open(said.out)
    assert engine.read(client.outgoing.seal(APPLICATION_DATA, b"hello")).data == b"hello"
    assert client.open(engine.write(b"reply").out) == [(APPLICATION_DATA, b"reply")]
    return client


def ticket_of(engine: Engine, suite: int = AES128) -> Ticket:
    [ticket] = visited(engine, suite=suite).tickets
    return ticket


@pytest.mark.parametrize("suite", [AES128, AES256, CHACHA])
@pytest.mark.parametrize("group", [X25519, P256])
def test_session_goes_on(engine: Engine, suite: int, group: int) -> None:
    """From ticket to ticket; the client knows the secret by the RFC's rules alone."""
    ticket = ticket_of(engine, suite)
    for _ in range(3):
        client = visited(engine, ticket, suite=suite, client=Client(groups=(group,), shares=(group,)))
        assert client.selected == 0
        assert client.extensions == {0: b"", 16: b"\0\x09\x08http/1.1"}
        assert not {11, 15} & set(client.encrypted)
        assert [one for one in client.tickets if one.identity != ticket.identity] == client.tickets
        [ticket] = client.tickets


def test_suite_of_the_same_hash(engine: Engine) -> None:
    assert visited(engine, ticket_of(engine, AES128), suite=CHACHA).selected == 0


@pytest.mark.parametrize(("count", "given"), [(0, 0), (1, 1), (4, 4), (9, 4)])
def test_number_of_tickets(engine: Engine, count: int, given: int) -> None:
    engine.tickets(KEY, count=count)
    found = visited(engine).tickets
    assert len({ticket.identity for ticket in found}) == len({ticket.psk for ticket in found}) == given
    assert len({ticket.age_add for ticket in found}) == given
    for ticket in found:
        assert ticket.lifetime == 7200
        assert visited(engine, ticket).selected == 0


def test_ticket_may_be_used_again(engine: Engine) -> None:
    """It is the client's affair whether to; each connection has keys of its own."""
    ticket = ticket_of(engine)
    first, second = visited(engine, ticket), visited(engine, ticket)
    assert first.selected == second.selected == 0
    assert first.next_secret != second.next_secret


@pytest.mark.parametrize("modes", [None, b"\1\0", b"\2\0\2"])
def test_no_ticket_for_who_could_not_use_it(engine: Engine, modes: bytes | None) -> None:
    """Without psk_dhe_ke there is none, and none is taken."""
    ticket = ticket_of(engine)
    for offered in (False, True):
        client = Client()
        hello = client.hello().without(PSK_MODES)
        if modes:
            hello = hello.with_extension(PSK_MODES, modes)
        elif offered:
            continue
        client.receive(started(engine, client, client.offer(hello, ticket) if offered else hello).out)
        assert client.selected is None
        said = engine.read(client.finish())
        assert (said.state, said.out) == (State.OPEN, b"")


def test_among_other_modes(engine: Engine) -> None:
    client = Client()
    hello = client.offer(client.hello().with_extension(PSK_MODES, b"\3\0\1\7"), ticket_of(engine))
    client.receive(started(engine, client, hello).out)
    assert client.selected == 0


def full(engine: Engine, *offered: Ticket, suite: int = AES128, client: Client | None = None, age: int = 1000) -> None:
    """The tickets will not do: a full handshake."""
    client = visited(engine, *offered, suite=suite, client=client, age=age)
    assert client.selected is None
    assert {11, 15} < set(client.encrypted)


def test_ticket_with_a_bit_changed(engine: Engine) -> None:
    ticket = ticket_of(engine)
    for at in range(len(ticket.identity)):
        changed = bytearray(ticket.identity)
        changed[at] ^= 1 << at % 8
        full(engine, replace(ticket, identity=bytes(changed)))


@pytest.mark.parametrize("length", [1, 15, 16, 17, 142, 144, 1000])
def test_ticket_of_another_length(engine: Engine, length: int) -> None:
    ticket = ticket_of(engine)
    full(engine, replace(ticket, identity=(ticket.identity + bytes(1000))[:length]))


@pytest.mark.parametrize("version", [0x0304, 0x0303])
def test_ticket_of_another_version(engine: Engine, version: int) -> None:
    """Made here, as docs/tls.md says it is made."""
    times = NOW.to_bytes(8, "big") * 2
    content = (
        version.to_bytes(2, "big") + b"\0" + times + hashlib.sha256(NAME.encode()).digest() + b"s" * 32 + bytes(16)
    )
    identity = KEY[:16] + b"n" * 12 + AESGCM(KEY[16:]).encrypt(b"n" * 12, content, KEY[:16])
    client = visited(engine, Ticket(identity, b"s" * 32, "sha256"))
    assert (client.selected == 0) == (version == 0x0304)


def test_ticket_of_another_hash(engine: Engine) -> None:
    full(engine, ticket_of(engine, AES256), suite=AES128)
    full(engine, ticket_of(engine, AES128), suite=AES256)


def test_ticket_of_another_name(engine: Engine) -> None:
    ticket = ticket_of(engine)
    full(engine, ticket, client=Client(name="other.test"))
    client = Client()
    hello = client.offer(client.hello().without(SERVER_NAME), ticket)
    client.receive(started(engine, client, hello).out)
    assert client.selected is None


def test_name_that_is_gone(engine: Engine) -> None:
    """A session does not live longer than its server's name: no ticket is asked first."""
    client = Client(name="unknown.test")
    refused(started(engine, client, client.offer(client.hello(), ticket_of(engine))), Alert.UNRECOGNIZED_NAME)


@pytest.mark.parametrize(("lifetime", "lives"), [(0, 7200), (60, 60), (7 * DAY, 7 * DAY), (8 * DAY, 7 * DAY)])
def test_lifetime(engine: Engine, lifetime: int, lives: int) -> None:
    engine.tickets(KEY, lifetime=lifetime)
    ticket = ticket_of(engine)
    assert ticket.lifetime == lives
    engine.clock(NOW + lives - 1)
    assert visited(engine, ticket).selected == 0
    engine.clock(NOW + lives)
    full(engine, ticket)


def test_lifetime_that_became_shorter(engine: Engine) -> None:
    ticket = ticket_of(engine)
    engine.tickets(KEY, lifetime=60)
    engine.clock(NOW + 61)
    full(engine, ticket)


def test_ticket_from_the_future(engine: Engine) -> None:
    """Clocks of machines that share a key differ a little."""
    ticket = ticket_of(engine)
    engine.clock(NOW - 10)
    assert visited(engine, ticket).selected == 0
    engine.clock(NOW - 11)
    full(engine, ticket)


def test_session_ends_after_seven_days(engine: Engine) -> None:
    """However often it went on: then the certificate is to be shown again."""
    engine.tickets(KEY, lifetime=3 * DAY)
    ticket = ticket_of(engine)
    lifetimes = []
    for day in (2, 4, 6):
        engine.clock(NOW + day * DAY)
        [ticket] = visited(engine, ticket).tickets
        lifetimes.append(ticket.lifetime // DAY)
    assert lifetimes == [3, 3, 1]
    engine.clock(NOW + 7 * DAY - 1)
    assert visited(engine, ticket).selected == 0
    engine.clock(NOW + 7 * DAY)
    full(engine, ticket)


def test_age_that_the_client_says(engine: Engine) -> None:
    """Section 4.2.11: a wrong one forbids early data, which we never take."""
    ticket = ticket_of(engine)
    for age in (0, 1, 10**9, 2**32 - 1):
        assert visited(engine, ticket, age=age).selected == 0


def test_keys_change(engine: Engine) -> None:
    """The next key is known before it is used, the last one for some time after it was."""
    engine.tickets(OLD, KEY)
    old = ticket_of(engine)
    engine.tickets(KEY, OLD, NEW)
    for ticket in (old, ticket_of(engine)):
        assert visited(engine, ticket).selected == 0
    [renewed] = visited(engine, old).tickets
    assert renewed.identity[:16] == KEY[:16]
    engine.tickets(NEW, KEY)
    full(engine, old)
    assert visited(engine, renewed).selected == 0
    engine.tickets(NEW)
    full(engine, renewed)
    engine.tickets(KEY[:16] + NEW[16:])
    full(engine, renewed)


def test_no_keys(engine: Engine) -> None:
    ticket = ticket_of(engine)
    engine.tickets()
    full(engine, ticket)
    assert not visited(engine).tickets


def test_several_offers(engine: Engine) -> None:
    """The first of the first four that will do."""
    good, other = ticket_of(engine), ticket_of(engine, AES256)
    bad = replace(good, identity=bytes(143))
    assert visited(engine, bad, good).selected == 1
    assert visited(engine, other, bad, good, good).selected == 2
    assert visited(engine, bad, bad, bad, good).selected == 3
    full(engine, bad, bad, bad, bad, good)


def with_binders(hello: Hello, change: Callable[[bytes], bytes]) -> Hello:
    """The list of them changed."""
    body = dict(hello.extensions)[PSK]
    at = 2 + int.from_bytes(body[:2], "big")
    return hello.with_extension(PSK, body[:at] + vector(change(body[at + 2 :]), 2))


def flipped(bit: int, binders: bytes) -> bytes:
    return bytes(byte ^ (bit // 8 == at) << bit % 8 for at, byte in enumerate(binders))


@pytest.mark.parametrize("suite", [AES128, AES256])
def test_binder_with_a_bit_changed(engine: Engine, suite: int) -> None:
    ticket = ticket_of(engine, suite)
    for bit in range(8, 8 * (1 + len(ticket.psk)), 5):
        client = Client()
        hello = client.offer(replace(client.hello(), suites=(suite,)), ticket)
        refused(started(engine, client, with_binders(hello, partial(flipped, bit))), Alert.DECRYPT_ERROR)


BAD_BINDERS: dict[str, Callable[[bytes], bytes]] = {
    "of-sha384": lambda binders: vector(bytes(48), 1) + binders[33:],
    "of-the-other": lambda binders: binders[33:] * 2,
    "none": lambda binders: vector(bytes(32), 1) + binders[33:],
}


@pytest.mark.parametrize("name", BAD_BINDERS)
def test_binder_that_is_wrong(engine: Engine, name: str) -> None:
    first, second = ticket_of(engine), ticket_of(engine)
    client = Client()
    hello = with_binders(client.offer(client.hello(), first, second), BAD_BINDERS[name])
    refused(started(engine, client, hello), Alert.DECRYPT_ERROR)


def test_binder_that_is_longer(engine: Engine) -> None:
    """Though its beginning is right."""
    client = Client()
    hello = client.offer(client.hello(), ticket_of(engine), more=b"\0")
    refused(started(engine, client, hello), Alert.DECRYPT_ERROR)


def test_binder_of_what_was_changed(engine: Engine) -> None:
    """The rest of the hello is under it."""
    client = Client()
    hello = replace(client.offer(client.hello(), ticket_of(engine)), random=bytes(32))
    refused(started(engine, client, hello), Alert.DECRYPT_ERROR)


def test_secret_that_the_client_does_not_have(engine: Engine) -> None:
    """Who saw the ticket cannot use it."""
    client = Client()
    stolen = replace(ticket_of(engine), psk=bytes(32))
    refused(started(engine, client, client.offer(client.hello(), stolen)), Alert.DECRYPT_ERROR)


def test_binder_that_nobody_looks_at(engine: Engine) -> None:
    good = ticket_of(engine)
    bad = replace(good, identity=b"?")
    client = Client()
    hello = with_binders(client.offer(client.hello(), bad, good, bad), lambda b: bytes([32] * 33) + b[33:])
    client.receive(started(engine, client, hello).out)
    assert client.selected == 1


PSK_BODY = vector(vector(b"t", 2) + bytes(4), 2) + vector(vector(bytes(32), 1), 2)
BAD_OFFERS: dict[str, tuple[bytes, Alert]] = {
    "empty": (b"", Alert.DECODE_ERROR),
    "no-identities": (b"\0\0" + vector(vector(bytes(32), 1), 2), Alert.DECODE_ERROR),
    "empty-identity": (vector(bytes(6), 2) + vector(vector(bytes(32), 1), 2), Alert.DECODE_ERROR),
    "identity-cut": (vector(b"\0\4t" + bytes(4), 2) + vector(vector(bytes(32), 1), 2), Alert.DECODE_ERROR),
    "age-cut": (vector(vector(b"tt", 2) + bytes(3), 2) + vector(vector(bytes(32), 1), 2), Alert.DECODE_ERROR),
    "no-binders": (vector(vector(b"t", 2) + bytes(4), 2), Alert.DECODE_ERROR),
    "empty-binders": (vector(vector(b"t", 2) + bytes(4), 2) + b"\0\0", Alert.DECODE_ERROR),
    "binder-cut": (PSK_BODY[:-33] + b"\x21" + bytes(32), Alert.DECODE_ERROR),
    "binders-longer": (PSK_BODY[:9] + vector(vector(bytes(32), 1) + b"\0", 2), Alert.DECODE_ERROR),
    "rest": (PSK_BODY + b"\0", Alert.DECODE_ERROR),
    "more-identities": (vector((vector(b"t", 2) + bytes(4)) * 2, 2) + PSK_BODY[9:], Alert.ILLEGAL_PARAMETER),
    "more-binders": (PSK_BODY[:9] + vector(vector(bytes(32), 1) * 2, 2), Alert.ILLEGAL_PARAMETER),
}


@pytest.mark.parametrize("name", BAD_OFFERS)
def test_offer_that_is_malformed(engine: Engine, name: str) -> None:
    body, alert = BAD_OFFERS[name]
    refused(started(engine, Client(), Client().hello().with_extension(PSK, body)), alert)


def test_offer_that_is_not_the_last_extension(engine: Engine) -> None:
    client = Client()
    hello = client.offer(client.hello(), ticket_of(engine)).with_extension(0x4242, b"")
    refused(started(engine, client, hello), Alert.ILLEGAL_PARAMETER)


def test_offer_without_modes(engine: Engine) -> None:
    client = Client()
    hello = client.offer(client.hello().without(PSK_MODES), ticket_of(engine))
    refused(started(engine, client, hello), Alert.MISSING_EXTENSION)


@pytest.mark.parametrize("schemes", [None, numbers([0x0804])], ids=["no-schemes", "rsa"])
def test_client_that_can_verify_nothing_of_ours(engine: Engine, schemes: bytes | None) -> None:
    """It need not, to resume; if it comes to a certificate it must."""
    ticket = ticket_of(engine)
    alert = Alert.HANDSHAKE_FAILURE if schemes else Alert.MISSING_EXTENSION
    for offered in (ticket, replace(ticket, identity=b"?")):
        client = Client()
        hello = client.hello().without(SCHEMES)
        if schemes:
            hello = hello.with_extension(SCHEMES, vector(schemes, 2))
        said = started(engine, client, client.offer(hello, offered))
        if offered is not ticket:
            refused(said, alert)
            continue
        client.receive(said.out)
        assert client.selected == 0


@pytest.mark.parametrize("schemes", [None, numbers([0x0804])], ids=["no-schemes", "rsa"])
def test_retry_is_not_asked_of_who_can_verify_nothing(engine: Engine, schemes: bytes | None) -> None:
    """Without a ticket, it would be for nothing."""
    client = Client(shares=())
    hello = client.hello().without(SCHEMES)
    if schemes:
        hello = hello.with_extension(SCHEMES, vector(schemes, 2))
    refused(started(engine, client, hello), Alert.HANDSHAKE_FAILURE if schemes else Alert.MISSING_EXTENSION)


def test_retry(engine: Engine) -> None:
    ticket = ticket_of(engine)
    client = Client(groups=(0x0018, P256), shares=())
    hello = client.hello()
    client.receive(started(engine, client, client.offer(hello, ticket)).out)
    assert client.retried
    client.receive(engine.read(client.send(client.offer(hello.with_extension(SHARES, client.share(P256)), ticket))).out)
    assert client.selected == 0
    assert engine.read(client.finish()).state == State.OPEN


def test_retry_of_who_can_verify_nothing_but_has_a_ticket(engine: Engine) -> None:
    ticket = ticket_of(engine)
    client = Client(shares=())
    hello = client.hello().without(SCHEMES)
    client.receive(started(engine, client, client.offer(hello, ticket)).out)
    second = client.offer(hello.with_extension(SHARES, client.share(X25519)), ticket)
    client.receive(engine.read(client.send(second)).out)
    assert client.selected == 0


@pytest.mark.parametrize("first", [True, False])
def test_retry_with_another_offer(engine: Engine, *, first: bool) -> None:
    """The second hello may leave tickets out; what the first one had is forgotten."""
    ticket = ticket_of(engine)
    client = Client(shares=())
    hello = client.hello()
    client.receive(started(engine, client, client.offer(hello, ticket) if first else hello).out)
    hello = hello.with_extension(SHARES, client.share(X25519))
    client.receive(engine.read(client.send(hello if first else client.offer(hello, ticket))).out)
    assert (client.selected is None) == first
    assert engine.read(client.finish()).state == State.OPEN


def test_retry_with_a_binder_of_the_second_hello_alone(engine: Engine) -> None:
    """The first one and the retry are under it."""
    ticket = ticket_of(engine)
    client = Client(shares=())
    hello = client.hello()
    client.receive(started(engine, client, client.offer(hello, ticket)).out)
    transcript, client.transcript = client.transcript, b""
    second = client.offer(hello.with_extension(SHARES, client.share(X25519)), ticket)
    client.transcript = transcript
    refused(engine.read(client.send(second)), Alert.DECRYPT_ERROR)


def test_binder_of_the_first_hello_is_not_looked_at(engine: Engine) -> None:
    """It would be work for nothing."""
    ticket = ticket_of(engine)
    client = Client(shares=())
    hello = client.hello()
    client.receive(started(engine, client, with_binders(client.offer(hello, ticket), lambda b: b[:-1] + b"\0")).out)
    second = client.offer(hello.with_extension(SHARES, client.share(X25519)), ticket)
    client.receive(engine.read(client.send(second)).out)
    assert client.selected == 0


def test_early_data_is_skipped(engine: Engine) -> None:
    """The session goes on without it."""
    ticket = ticket_of(engine)
    client = Client()
    hello = client.offer(client.hello().with_extension(EARLY_DATA, b""), ticket)
    client.receive(started(engine, client, hello).out)
    assert client.selected == 0
    assert EARLY_DATA not in client.extensions
    said = engine.read(record(APPLICATION_DATA, bytes(1000)) + client.finish())
    assert (said.state, said.data) == (State.OPEN, b"")


def test_wrong_finish(engine: Engine) -> None:
    """The client that has no keys of this connection gets no ticket."""
    client = Client()
    client.receive(started(engine, client, client.offer(client.hello(), ticket_of(engine))).out)
    refused(
        engine.read(client.outgoing.seal(HANDSHAKE, message(20, bytes(32)))),
        Alert.DECRYPT_ERROR,
        client,
    )
    assert not client.tickets


def test_hello_cut_at_every_byte(engine: Engine) -> None:
    client = Client()
    hello = record(HANDSHAKE, client.offer(client.hello(), ticket_of(engine)).message())
    engine.connect(random=RANDOM)
    whole = engine.read(hello)
    assert whole.state == State.WAIT_FINISHED
    assert engine.resumed()
    for cut in range(1, len(hello)):
        engine.connect(random=RANDOM)
        assert not engine.read(hello[:cut]).out
        assert engine.read(hello[cut:]) == whole


def test_hello_in_many_records(engine: Engine) -> None:
    client = Client()
    hello = client.offer(client.hello(), ticket_of(engine)).message()
    client.transcript = hello
    engine.connect()
    for at in range(0, len(hello), 7):
        said = engine.read(record(HANDSHAKE, hello[at : at + 7]))
    client.receive(said.out)
    assert client.selected == 0


def test_closed_before_the_end(engine: Engine) -> None:
    """Behind our close_notify there is no ticket."""
    client = Client()
    client.receive(started(engine, client).out)
    engine.close()
    said = engine.read(client.finish())
    assert (said.state, said.out) == (State.OPEN, b"")


@pytest.mark.parametrize(
    ("refused_cipher", "outcome"),
    [(1, "full"), (2, "closed"), (3, "closed"), (4, "closed"), (5, "closed at the end"), (6, "no ticket"), (7, "fine")],
)
def test_no_memory_for_a_cipher(engine: Engine, refused_cipher: int, outcome: str) -> None:
    """That opens the ticket, of each direction twice, and that makes the next one."""
    client = Client()
    hello = client.offer(client.hello(), ticket_of(engine))
    engine.connect(refused_cipher=refused_cipher)
    said = engine.read(client.send(hello))
    if outcome == "closed":
        assert (said.state, said.alert) == (State.CLOSED, Alert.INTERNAL_ERROR)
        return
    client.receive(said.out)
    assert (client.selected is None) == (outcome == "full")
    said = engine.read(client.finish())
    if outcome == "closed at the end":
        assert (said.state, said.alert) == (State.CLOSED, Alert.INTERNAL_ERROR)
        return
    assert said.state == State.OPEN
    client.open(said.out)
    assert len(client.tickets) == (outcome != "no ticket")
    assert client.open(engine.write(b"reply").out) == [(APPLICATION_DATA, b"reply")]


def test_tickets_are_one_record(engine: Engine) -> None:
    engine.tickets(KEY, count=4)
    client = Client()
    client.receive(started(engine, client).out)
    assert len(list(records(engine.read(client.finish()).out))) == 1


def test_python_ssl(engine: Engine, identity: Identity) -> None:
    """Three connections: the first two tickets are used."""
    context = ssl.create_default_context(cadata=identity.pem)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    session = None
    for connection in range(3):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname=NAME, session=session)
        engine.connect()
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        incoming.write(engine.read(outgoing.read()).out)
        client.do_handshake()
        client.write(b"hello")
        said = engine.read(outgoing.read())
        incoming.write(said.out + engine.write(b"reply").out)
        assert (said.data, client.read(100)) == (b"hello", b"reply")
        assert client.session_reused == engine.resumed() == bool(connection)
        session = client.session
        assert session
        assert session.has_ticket


@pytest.mark.parametrize(
    ("options", "suite"),
    [
        ("", "1301"),
        ("-ciphersuites TLS_AES_256_GCM_SHA384", "1302"),
        ("-groups P-384:P-256 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", "1303"),
    ],
    ids=["default", "sha384", "retry"],
)
def test_openssl(serve: Callable[[str], str], options: str, suite: str) -> None:
    talk = f"(printf 'GET /5 HTTP/1.1\\r\\n\\r\\n'; sleep 0.5) | {S_CLIENT} -tls1_3 {options}"
    output = serve(f"{talk} -sess_out s1 && {talk} -sess_in s1 -sess_out s2 && {talk} -sess_in s2")
    assert [line[:5] for line in output.splitlines() if line.startswith(("New, T", "Reused, T"))] == [
        "New, ",
        "Reuse",
        "Reuse",
    ]
    assert output.count("HTTP/1.1 200 OK") == 3
    assert "TLS session ticket lifetime hint: 7200 (seconds)" in output
    assert [f"suite {suite}" in line and line[-1] for line in output.splitlines() if "serve:" in line] == list("011")


def test_openssl_offers_early_data(serve: Callable[[str], str]) -> None:
    """Its tickets do not allow it, so it has to be told twice; the rest goes on."""
    talk = f"(printf 'GET /5 HTTP/1.1\\r\\n\\r\\n'; sleep 0.5) | {S_CLIENT} -tls1_3"
    output = serve(f"echo early >early; {talk} -sess_out s1 && {talk} -sess_in s1 -early_data early")
    assert "Early data was not sent" in output
    assert output.count("HTTP/1.1 200 OK") == 2


def test_curl(serve: Callable[[str], str]) -> None:
    """Its second connection resumes; the header makes the server close the first."""
    url = f"https://{NAME}:$PORT/7"
    options = f"--silent --show-error --cacert ca.pem --resolve {NAME}:$PORT:127.0.0.1 --header 'Connection: close'"
    output = serve(f"curl {options} {url} {url} | wc -c")
    assert "14" in output.splitlines()
    assert [line[-1] for line in output.splitlines() if "serve:" in line] == list("01")
