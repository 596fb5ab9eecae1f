"""Messages and records that are not what they should be, to the module: the rows of tests/tls_rows.py over a socket.

Each on a connection of its own, which ends with the one alert that is due; with mbed TLS as the engine, with what
suites/tls/otherwise.py says. Afterwards the device holds no more memory than before, and serves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
from cryptography.exceptions import InvalidTag

from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.tls import otherwise
from suites.tls.otherwise import AT_FIRST, TAKEN, Otherwise, Taken, is_own_engine
from suites.traffic.certificates import Certified
from suites.traffic.client import Client as Host
from suites.traffic.client import Conversation
from suites.traffic.errors import TrafficError
from suites.traffic.messages import encode_request
from suites.traffic.tls import Tls, trusting
from tests.tls_client import (
    ALERT,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    SERVER_NAME,
    SHARES,
    X25519,
    Client,
    Hello,
    Keys,
    message,
    record,
    records,
)
from tests.tls_programs import Alert
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
)

pytestmark = pytest.mark.only("weir", reason="of several alerts that would do others choose another")

SERVER_HELLO, FINISHED = 2, 20
PADDING = 21
SEALED_ALERT = 5 + 2 + 1 + 16
SERVED = "HTTP/1.1 200 OK"


class Talk:
    """One connection, on which TLS is spoken by tests/tls_client.py."""

    def __init__(self, connection: Conversation, *, own: bool) -> None:
        self._connection = connection
        self.own = own
        """The engine is Weir's own."""
        self._unread = b""
        self.client = Client()
        self._before: Keys | None = None
        """The server's keys of its part of the handshake."""

    def send(self, data: bytes) -> None:
        self._connection.send(data)

    def record(self) -> bytes:
        """The next one."""
        while len(self._unread) < 5 or len(self._unread) < 5 + int.from_bytes(self._unread[3:5], "big"):
            more = self._connection.wire.receive()
            assert more, f"the connection ended behind {self._unread!r}"
            self._unread += more
        length = 5 + int.from_bytes(self._unread[3:5], "big")
        found, self._unread = self._unread[:length], self._unread[length:]
        return found

    def hello(self, hello: Hello | None = None) -> None:
        """A hello, and all of its answer, which is verified."""
        retried = self.client.retried
        self.send(self.client.send(hello or self.client.hello()))
        while FINISHED not in self.client.encrypted and self.client.retried == retried:
            self._before = getattr(self.client, "incoming", None)
            self.client.receive(self.record())

    def open(self) -> None:
        """The whole handshake."""
        self.hello()
        self.send(self.client.finish())

    def ask(self) -> str:
        """A request, and the status line of its reply, which has no body."""
        self.send(self.client.outgoing.seal(APPLICATION_DATA, encode_request("GET", "/")))
        said = b""
        while b"\r\n\r\n" not in said:
            said += b"".join(body for kind, body in self.client.open(self.record()) if kind == APPLICATION_DATA)
        return said.partition(b"\r\n")[0].decode()

    def expect_answer(self) -> None:
        """That a ServerHello comes next."""
        answer = self.record()
        if answer[0] == CHANGE_CIPHER_SPEC:  # it came with a HelloRetryRequest
            answer = self.record()
        assert (answer[0], answer[5]) == (HANDSHAKE, SERVER_HELLO), f"{answer!r} is no answer"

    def expect(self, alert: Alert, *, encrypted: bool) -> None:
        """That the connection ends with this alert, and nothing else but tickets."""
        said = self.end(encrypted=encrypted)
        assert said == [(ALERT, bytes([2, alert]))], f"{said} instead of {alert!r}"

    def expect_late_end(self) -> None:
        """That the connection ends behind an answer, with what is as long as an alert."""
        self.expect_answer()
        rest = self._unread + self._connection.rest()
        kind, header, body = list(records(rest))[-1]
        assert (kind, len(header) + len(body)) == (APPLICATION_DATA, SEALED_ALERT)

    def end(self, *, encrypted: bool) -> list[tuple[int, bytes]]:
        """What comes until the connection ends, but tickets and change_cipher_spec."""
        rest = self._unread + self._connection.rest()
        if not self.own:
            return self._others_end(rest, encrypted=encrypted)
        if encrypted:
            return [one for one in self.client.open(rest) if one[0] != HANDSHAKE]
        return [(kind, body) for kind, _, body in records(rest) if kind != CHANGE_CIPHER_SPEC]

    def _others_end(self, rest: bytes, *, encrypted: bool) -> list[tuple[int, bytes]]:
        """The same of mbed TLS: its alert may come behind a ServerHello, and with the keys of the handshake."""
        if not encrypted:
            return [(kind, body) for kind, _, body in records(rest) if kind not in (CHANGE_CIPHER_SPEC, HANDSHAKE)]
        try:
            found = [self.client.incoming.open(header, body) for _, header, body in records(rest)]
        except InvalidTag:
            assert self._before
            found = [self._before.open(header, body) for _, header, body in records(rest)]
        return [one for one in found if one[0] != HANDSHAKE]


@contextmanager
def connections(dut: Dut, host: Host, certified: Certified, *, strict: bool) -> Iterator[Callable[[], Talk]]:
    """To a device that has a certificate for weir.test; `strict`: who asks for no such name is refused."""
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)], refuse_unknown_names=strict)
    dut.wait_for_upstreams()
    host.tls = None
    before = dut.statistics["memory_bytes"]
    yield lambda: Talk(host.connect(), own=is_own_engine(dut))
    host.close()
    dut.adapter.settle()
    dut.wait_for_statistic("memory_bytes", before)
    host.tls = Tls(trusting())
    assert host.get("/").status == 200


@pytest.fixture
def talk(dut: Dut, client: Host, certified: Certified) -> Iterator[Callable[[], Talk]]:
    with connections(dut, client, certified, strict=False) as connect:
        yield connect


@pytest.fixture
def strict_talk(dut: Dut, client: Host, certified: Certified) -> Iterator[Callable[[], Talk]]:
    with connections(dut, client, certified, strict=True) as connect:
        yield connect


def as_due(
    talk: Callable[[], Talk],
    rows: Mapping[str, Alert],
    others: Otherwise,
    say: Callable[[Talk, str], bool],
    expect_taken: Callable[[Talk, str], None],
) -> None:
    """Every row's alert comes. `say`: says a row's bytes, and whether there are keys by then."""
    assert others.keys() <= rows.keys()
    wrong = {}
    for name, alert in rows.items():
        try:
            one = talk()
            due: Alert | Taken = alert if one.own else others.get(name, alert)
            encrypted = say(one, name)
            if due is TAKEN:
                expect_taken(one, name)
            elif due is AT_FIRST:
                one.expect_late_end()
            else:
                assert isinstance(due, Alert)
                one.expect(due, encrypted=encrypted)
        except (AssertionError, AttributeError, InvalidTag, TrafficError, OSError) as error:
            wrong[name] = f"{type(error).__name__}: {error}"
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())


def test_hellos(talk: Callable[[], Talk]) -> None:
    def say(one: Talk, name: str) -> bool:
        hello, _ = BAD_HELLOS[name]
        one.send(record(HANDSHAKE, message(1, hello if isinstance(hello, bytes) else hello.body())))
        return False

    rows = {name: alert for name, (_, alert) in BAD_HELLOS.items() if name != "name"}
    as_due(talk, rows, otherwise.HELLOS, say, lambda one, _: one.expect_answer())


def test_starts(talk: Callable[[], Talk]) -> None:
    def say(one: Talk, name: str) -> bool:
        one.send(BAD_STARTS[name][0])
        return False

    def expect_taken(one: Talk, name: str) -> None:
        rest = HELLO_RECORD
        if name == "hello-too-long":
            padding = 0x2000 - len(HELLO.body()) - 4
            rest = record(HANDSHAKE, HELLO.with_extension(PADDING, bytes(padding)).body())
        one.send(rest)
        one.expect_answer()

    as_due(talk, {name: alert for name, (_, alert) in BAD_STARTS.items()}, otherwise.STARTS, say, expect_taken)


def test_second_hellos(talk: Callable[[], Talk]) -> None:
    def say(one: Talk, name: str) -> bool:
        one.client = Client(shares=())
        hello = one.client.hello()
        one.hello(hello)
        assert one.client.retry_group == X25519
        second = BAD_SECOND_HELLOS[name](hello.with_extension(SHARES, one.client.share(X25519)), one.client)
        one.send(one.client.send(second))
        return False

    rows = dict.fromkeys(BAD_SECOND_HELLOS, Alert.ILLEGAL_PARAMETER)
    as_due(talk, rows, otherwise.SECOND_HELLOS, say, lambda one, _: one.expect_answer())


def test_ends_of_handshakes(talk: Callable[[], Talk]) -> None:
    def say(one: Talk, name: str) -> bool:
        one.hello()
        one.send(BAD_FINISHES[name][0](one.client))
        return True

    def expect_taken(one: Talk, _: str) -> None:
        one.send(one.client.finish())
        assert one.ask() == SERVED

    as_due(talk, {name: alert for name, (_, alert) in BAD_FINISHES.items()}, otherwise.FINISHES, say, expect_taken)


def test_records_behind_a_handshake(talk: Callable[[], Talk]) -> None:
    def say(one: Talk, name: str) -> bool:
        one.open()
        one.send(BAD_RECORDS[name][0](one.client))
        return True

    def expect_taken(one: Talk, name: str) -> None:
        said = one.ask()  # of a record with padding a byte is in front of the method
        assert said == SERVED if name != "too-much-padding" else said.startswith("HTTP/1.1 ")

    as_due(talk, {name: alert for name, (_, alert) in BAD_RECORDS.items()}, otherwise.RECORDS, say, expect_taken)


def test_records_repeated_and_changed(talk: Callable[[], Talk]) -> None:
    """Behind a request that was served; a bit of each byte that is authentic and not the length or the type."""
    rows = {"repeated": Alert.BAD_RECORD_MAC, **{f"byte {at}": Alert.BAD_RECORD_MAC for at in (1, 2, *range(5, 27))}}

    def say(one: Talk, name: str) -> bool:
        one.open()
        assert one.ask() == SERVED
        sealed = one.client.outgoing.seal(APPLICATION_DATA, b"GET /")
        changed = bytearray(sealed)
        if name != "repeated":
            at = int(name.split()[1])
            changed[at] ^= 1 << at % 8
        one.send((sealed if name == "repeated" else b"") + bytes(changed))
        return True

    as_due(talk, rows, otherwise.CHANGED, say, lambda _, name: pytest.fail(f"{name} is not taken"))


@pytest.mark.parametrize("answered", [False, True], ids=["at-once", "behind-the-answer"])
def test_client_gives_up(talk: Callable[[], Talk], *, answered: bool) -> None:
    """Its alert ends the connection, without a word of ours; also in the clear, for it may have no keys."""
    for alert in (Alert.CLOSE_NOTIFY, Alert.HANDSHAKE_FAILURE):
        one = talk()
        if answered:
            one.hello()
        one.send(record(ALERT, bytes([2, alert])))
        if answered and not one.own:  # it wants it to be encrypted
            one.expect(Alert.BAD_RECORD_MAC, encrypted=True)
        else:
            assert not one.end(encrypted=False)


def test_hellos_that_are_fine(talk: Callable[[], Talk]) -> None:
    """Odd, but right: a request is served."""
    for name, change in GOOD_HELLOS.items():
        one = talk()
        hello = change(one.client.hello(), one.client)
        if not one.own and name in otherwise.GOOD:
            one.send(one.client.send(hello))
            assert one.end(encrypted=False) == [(ALERT, bytes([2, otherwise.GOOD[name]]))]
            continue
        one.hello(hello)
        one.send(one.client.finish())
        assert one.ask() == SERVED, name


def test_names_that_are_refused(strict_talk: Callable[[], Talk]) -> None:
    unknown, _ = BAD_HELLOS["name"]
    assert isinstance(unknown, Hello)
    for hello in (unknown, HELLO.without(SERVER_NAME)):
        one = strict_talk()
        one.send(record(HANDSHAKE, hello.message()))
        one.expect(Alert.UNRECOGNIZED_NAME, encrypted=False)


@pytest.mark.own_engine(reason="it knows no KeyUpdate")
def test_keys_change_between_requests(talk: Callable[[], Talk]) -> None:
    """The client's each time, the device's each second time."""
    one = talk()
    one.open()
    for number in range(20):
        update = KEY_UPDATE_REQUESTED if number % 2 else KEY_UPDATE
        one.send(one.client.outgoing.seal(HANDSHAKE, update))
        one.client.outgoing.update()
        before = one.client.incoming.secret
        assert one.ask() == SERVED
        assert (one.client.incoming.secret != before) == bool(number % 2)
