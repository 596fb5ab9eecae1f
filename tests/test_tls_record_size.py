"""record_size_limit (RFC 8449): what a client wants its records to carry at most, and what we say of ours."""

from __future__ import annotations

import pytest

from tests.test_http_parser import tools
from tests.test_tls_engine import Identity, engine, identity, program
from tests.test_tls_resume import KEY
from tests.tls_12_client import ECDSA_AES128, ECDSA_CHACHA
from tests.tls_12_client import Client as OldClient
from tests.tls_client import AES128, APPLICATION_DATA, CHACHA, HANDSHAKE, P256, X25519, Client, Hello, records
from tests.tls_programs import Alert, Engine, Event, State

__all__ = ["engine", "identity", "program", "tools"]

LIMIT = 28
TAG = 16
LARGEST = 1 << 14
BODY = bytes(range(256)) * 64
LIMITS = [64, 65, 512, 4096, 16384, 16385, 65535]
every_limit = pytest.mark.parametrize("limit", LIMITS)


def wanting(hello: Hello, limit: int) -> Hello:
    return hello.with_extension(LIMIT, limit.to_bytes(2, "big"))


def sizes(data: bytes) -> list[int]:
    """What each encrypted record carries, its type included."""
    return [len(body) - TAG for kind, _, body in records(data) if kind == APPLICATION_DATA]


def expected(length: int, limit: int) -> list[int]:
    """The fewest records that so many bytes fit into, with a byte for the type in each."""
    most = min(limit - 1, LARGEST)
    return [most + 1] * (length // most) + ([length % most + 1] if length % most else [])


@every_limit
@pytest.mark.parametrize("suite", [AES128, CHACHA])
def test_tls_1_3(engine: Engine, limit: int, suite: int) -> None:
    """In the handshake, in tickets, and in data: no record is longer, and none shorter than need be."""
    engine.tickets(KEY, count=4)
    engine.clock(1_800_000_000)
    client = Client()
    engine.connect()
    said = engine.read(client.send(wanting(Hello(client.hello().extensions, (suite,)), limit)))
    client.receive(said.out)
    assert sizes(said.out) == expected(sum(sizes(said.out)) - len(sizes(said.out)), limit)
    assert int.from_bytes(client.extensions[LIMIT], "big") == LARGEST + 1
    said = engine.read(client.finish())
    client.open(said.out)
    assert len(client.tickets) == 4
    assert not client.unread
    assert sizes(said.out) == expected(sum(sizes(said.out)) - len(sizes(said.out)), limit)
    for length in (1, limit - 2, limit - 1, limit, 2 * (limit - 1), LARGEST):
        written = engine.write(BODY[: min(length, LARGEST)])
        assert sizes(written.out) == expected(min(length, LARGEST), limit)
        assert b"".join(content for _, content in client.open(written.out)) == BODY[: min(length, LARGEST)]
    engine.tickets()


def test_session_that_goes_on(engine: Engine) -> None:
    """The limit is the new connection's."""
    engine.tickets(KEY)
    engine.clock(1_800_000_000)
    client = Client()
    engine.connect()
    client.receive(engine.read(client.send(wanting(client.hello(), 64))).out)
    client.open(engine.read(client.finish()).out)
    again = Client()
    engine.connect()
    hello = again.offer(wanting(again.hello(), 66), client.tickets[0])
    said = engine.read(again.send(hello))
    again.receive(said.out)
    assert again.selected == 0
    assert sizes(said.out) == [66, 3]
    engine.tickets()


@pytest.mark.parametrize("limits", [(64, 0), (0, 64), (64, 100)])
def test_second_hello_says_it(engine: Engine, limits: tuple[int, int]) -> None:
    """Behind a HelloRetryRequest the second hello counts."""
    client = Client(groups=(P256, X25519), shares=())
    engine.connect()
    first, second = (wanting(client.hello(), limit) if limit else client.hello() for limit in limits)
    client.receive(engine.read(client.send(first)).out)
    assert client.retried
    share = client.share(client.retry_group)
    said = engine.read(client.send(second.with_extension(51, share)))
    client.receive(said.out)
    assert (LIMIT in client.extensions) == bool(limits[1])
    assert max(sizes(said.out)) == limits[1] if limits[1] else len(sizes(said.out)) == 1


def test_keys_change(engine: Engine) -> None:
    """Records behind a KeyUpdate are as small."""
    client = Client()
    engine.connect(key_records=3)
    client.receive(engine.read(client.send(wanting(client.hello(), 64))).out)
    client.open(engine.read(client.finish()).out)
    for _ in range(3):
        written = engine.write(BODY[:1000])
        opened = client.open(written.out)
        assert b"".join(content for kind, content in opened if kind == APPLICATION_DATA) == BODY[:1000]
        assert max(sizes(written.out)) == 64
    assert any(kind == HANDSHAKE for kind, _ in opened)


def test_longest_chain_in_the_smallest_records(engine: Engine, identity: Identity) -> None:
    """There is room for it: the engine's program ends if it needs more than it has said."""
    most = 15 << 10
    copies = most // (len(identity.der) + 5)
    try:
        engine.identity([identity.der] * copies, identity.secret)
        client = Client()
        engine.connect()
        said = engine.read(client.send(wanting(client.hello(), 64)))
        client.receive(said.out)
        assert len(client.chain()) == copies
        assert max(sizes(said.out)) == 64
    finally:
        engine.identity([identity.der], identity.secret)


@every_limit
@pytest.mark.parametrize("suite", [ECDSA_AES128, ECDSA_CHACHA])
def test_tls_1_2(engine: Engine, limit: int, suite: int) -> None:
    """There the limit is of the content alone, and of records that are encrypted."""
    client = OldClient(suites=(suite,))
    engine.connect()
    client.receive(engine.read(client.send(wanting(client.hello(), limit))).out)
    assert int.from_bytes(client.extensions[LIMIT], "big") == LARGEST
    said = engine.read(client.finish())
    assert said.state == State.OPEN
    client.receive_finish(said.out)
    most = min(limit, LARGEST)
    for length in (1, most, most + 1, LARGEST):
        written = engine.write(BODY[: min(length, LARGEST)])
        contents = client.open(written.out)
        assert b"".join(content for _, content in contents) == BODY[: min(length, LARGEST)]
        assert [len(content) for _, content in contents][:-1] == [most] * (len(contents) - 1)
        assert 0 < len(contents[-1][1]) <= most


@pytest.mark.parametrize("kind", [Client, OldClient])
def test_who_does_not_ask_is_not_told(engine: Engine, kind: type[Client | OldClient]) -> None:
    client = kind()
    engine.connect()
    client.receive(engine.read(client.send(client.hello())).out)
    assert LIMIT not in client.extensions


@pytest.mark.parametrize("kind", [Client, OldClient])
@pytest.mark.parametrize(
    ("body", "alert"),
    [
        (b"\0\0", Alert.ILLEGAL_PARAMETER),
        (b"\0\x3f", Alert.ILLEGAL_PARAMETER),
        (b"", Alert.DECODE_ERROR),
        (b"\x40", Alert.DECODE_ERROR),
        (b"\0\x40\0", Alert.DECODE_ERROR),
    ],
)
def test_refused(engine: Engine, kind: type[Client | OldClient], body: bytes, alert: Alert) -> None:
    client = kind()
    engine.connect()
    said = engine.read(client.send(client.hello().with_extension(LIMIT, body)))
    assert (said.event, said.alert, said.sent_alert) == (Event.FAILED, alert, True)
