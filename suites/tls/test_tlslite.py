"""tlslite-ng, a TLS of its own in Python, as client: what it agrees on, and messages that are out of place.

Its messages are made by its own code, and encrypted by it, so what is read here was not written by our reader.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tlslite.api import HandshakeSettings, TLSConnection, TLSRemoteAlert
from tlslite.constants import AlertDescription, CertificateType, ContentType, HandshakeType, KeyUpdateMessageType
from tlslite.messages import (
    Alert,
    ApplicationData,
    Certificate,
    CertificateVerify,
    ClientHello,
    ClientKeyExchange,
    EncryptedExtensions,
    Finished,
    HelloRequest,
    KeyUpdate,
    Message,
    NewSessionTicket,
    ServerHello,
    ServerHelloDone,
)

from lab.deadline import Deadline
from suites.duts.dut import Dut
from suites.tls import otherwise
from suites.tls.otherwise import is_own_engine
from suites.traffic.certificates import Certified
from suites.traffic.messages import Reply
from suites.traffic.origin import Origin

TLS_1_2, TLS_1_3 = (3, 3), (3, 4)
REQUEST = b"GET / HTTP/1.1\r\nHost: weir.test\r\n\r\n"
NAMES = {TLS_1_2: "1.2", TLS_1_3: "1.3"}
both = pytest.mark.parametrize("version", NAMES, ids=NAMES.values())


def settings_of(
    version: tuple[int, int], cipher: str = "aes128gcm", group: str = "x25519", shares: tuple[str, ...] | None = None
) -> Any:
    made = HandshakeSettings()
    made.minVersion = made.maxVersion = version
    made.versions = [version]
    made.cipherNames = [cipher]
    # A client of TLS 1.2 says so which curves a certificate may have, too (RFC 8422, section 5.1).
    made.eccCurves = [group] if version == TLS_1_3 else [group, "secp256r1"]
    made.keyShares = list((group,) if shares is None else shares)
    return made


@contextmanager
def opened(dut: Dut, settings: Any, session: Any = None) -> Iterator[Any]:
    """A connection behind its handshake."""
    with socket.create_connection(dut.endpoint, timeout=Deadline(10).seconds) as sock:
        connection = TLSConnection(sock)
        connection.closeSocket = False
        connection.ignoreAbruptClose = False
        connection.handshakeClientCert(
            session=session, settings=settings, serverName="weir.test", alpn=[bytearray(b"http/1.1")]
        )
        yield connection


def answer(connection: Any, end: bytes = b"hello") -> bytes:
    """What comes until it ends so."""
    came = bytearray()
    while not came.endswith(end):
        more = connection.read(min=1, max=65536)
        assert more, f"the connection ended behind {bytes(came)!r}"
        came += more
    return bytes(came)


@pytest.mark.parametrize("group", ["x25519", "secp256r1"])
@pytest.mark.parametrize("cipher", ["aes128gcm", "aes256gcm", "chacha20-poly1305"])
@both
def test_agrees(
    https: Dut, certified: Certified, origin: Origin, version: tuple[int, int], cipher: str, group: str
) -> None:
    origin.replies(Reply(200, b"hello"))
    with opened(https, settings_of(version, cipher, group)) as connection:
        assert connection.version == version
        assert connection.session.serverCertChain.x509List[0].bytes == certified.der
        assert connection.session.appProto == b"http/1.1"
        for _ in range(3):
            connection.write(REQUEST)
            assert answer(connection).startswith(b"HTTP/1.1 200 ")
        connection.close()


def test_second_hello_brings_the_key(https: Dut, origin: Origin) -> None:
    """A HelloRetryRequest: the first one has a key for none of the groups."""
    origin.replies(Reply(200, b"hello"))
    with opened(https, settings_of(TLS_1_3, shares=())) as connection:
        connection.write(REQUEST)
        assert answer(connection).startswith(b"HTTP/1.1 200 ")


def test_session_goes_on(https: Dut, origin: Origin) -> None:
    origin.replies(Reply(200, b"hello"))
    with opened(https, settings_of(TLS_1_3)) as connection:
        connection.write(REQUEST)
        answer(connection)  # the ticket came before
        session = connection.session
        assert not connection.resumed
    with opened(https, settings_of(TLS_1_3), session) as connection:
        assert connection.resumed
        connection.write(REQUEST)
        assert answer(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.own_engine(reason="it knows no KeyUpdate")
def test_keys_change_both_ways(https: Dut, origin: Origin) -> None:
    origin.replies(Reply(200, b"hello"))
    with opened(https, settings_of(TLS_1_3)) as connection:
        for _ in range(3):
            for _ in connection.send_keyupdate_request(KeyUpdateMessageType.update_requested):
                pass
            connection.write(REQUEST)
            assert answer(connection).startswith(b"HTTP/1.1 200 ")


def raw(kind: int, body: bytes) -> Message:
    return Message(kind, bytearray(body))


OUT_OF_PLACE: dict[str, tuple[Callable[[], Any], int]] = {
    "ClientHello": (
        lambda: ClientHello().create(TLS_1_2, bytearray(32), bytearray(), [0x1301]),
        AlertDescription.unexpected_message,
    ),
    "ServerHello": (
        lambda: ServerHello().create(TLS_1_2, bytearray(32), bytearray(), 0x1301, extensions=[]),
        AlertDescription.unexpected_message,
    ),
    "HelloRequest": (lambda: HelloRequest().create(), AlertDescription.unexpected_message),
    "EncryptedExtensions": (lambda: EncryptedExtensions().create([]), AlertDescription.unexpected_message),
    "Certificate": (
        lambda: Certificate(CertificateType.x509, TLS_1_3).create([], b""),
        AlertDescription.unexpected_message,
    ),
    "CertificateVerify": (
        lambda: CertificateVerify(TLS_1_3).create(bytearray(64), (8, 4)),
        AlertDescription.unexpected_message,
    ),
    "NewSessionTicket": (
        lambda: NewSessionTicket().create(1, 1, bytearray(1), bytearray(1), []),
        AlertDescription.unexpected_message,
    ),
    "ServerHelloDone": (lambda: ServerHelloDone().create(), AlertDescription.unexpected_message),
    "Finished": (lambda: Finished(TLS_1_3, 32).create(bytearray(32)), AlertDescription.unexpected_message),
    "KeyUpdate-of-no-kind": (lambda: KeyUpdate().create(2), AlertDescription.illegal_parameter),
    "KeyUpdate-without-a-body": (
        lambda: raw(ContentType.handshake, bytes((HandshakeType.key_update, 0, 0, 0))),
        AlertDescription.decode_error,
    ),
    "message-of-no-kind": (
        lambda: raw(ContentType.handshake, b"\x63\0\0\0"),
        AlertDescription.unexpected_message,
    ),
    "record-of-no-kind": (lambda: raw(99, b"x"), AlertDescription.unexpected_message),
    "empty-handshake-record": (lambda: raw(ContentType.handshake, b""), AlertDescription.unexpected_message),
    "heartbeat": (lambda: raw(ContentType.heartbeat, b"\1\0\1x" + bytes(16)), AlertDescription.unexpected_message),
}
"""Behind a handshake of TLS 1.3: the message, and the alert that is due (RFC 8446, sections 4, 4.6.3, 5.1 and 6.2)."""


def alert_after(connection: Any, message: Any) -> int:
    """The alert with which the peer answers to a message."""
    for _ in connection._sendMsg(message):
        pass
    with pytest.raises(TLSRemoteAlert) as raised:
        connection.read(min=1, max=1)
    found = raised.value.description
    assert isinstance(found, int)
    return found


OUT_OF_PLACE_12: dict[str, tuple[Callable[[], Any], int]] = {
    "ClientHello": (
        lambda: ClientHello().create(TLS_1_2, bytearray(32), bytearray(), [0xC02B]),
        AlertDescription.no_renegotiation,
    ),
    "ClientKeyExchange": (
        lambda: ClientKeyExchange(0xC02B, TLS_1_2).createECDH(bytearray(32)),
        AlertDescription.unexpected_message,
    ),
    "Finished": (lambda: Finished(TLS_1_2).create(bytearray(12)), AlertDescription.unexpected_message),
    "HelloRequest": (lambda: HelloRequest().create(), AlertDescription.unexpected_message),
    "record-of-no-kind": (lambda: raw(99, b"x"), AlertDescription.unexpected_message),
}
"""The same of TLS 1.2."""


ROWS = [(TLS_1_3, name, *row) for name, row in OUT_OF_PLACE.items()]
ROWS += [(TLS_1_2, name, *row) for name, row in OUT_OF_PLACE_12.items()]


@pytest.mark.only("weir", reason="of several alerts that would do others choose another")
@pytest.mark.parametrize(
    ("version", "name", "made", "due"),
    [pytest.param(*row, id=f"{NAMES[row[0]]}-{row[1]}") for row in ROWS],
)
def test_message_behind_the_handshake_is_refused(
    https: Dut, version: tuple[int, int], name: str, made: Callable[[], Any], due: int
) -> None:
    if version == TLS_1_3 and not is_own_engine(https):
        due = otherwise.OUT_OF_PLACE.get(name, due)
    with opened(https, settings_of(version)) as connection:
        found = alert_after(connection, made())
    assert AlertDescription.toStr(found) == AlertDescription.toStr(due)


@both
def test_data_of_nothing_is_taken(https: Dut, origin: Origin, version: tuple[int, int]) -> None:
    """RFC 8446, section 5.1: records of application data may be empty."""
    origin.replies(Reply(200, b"hello"))
    with opened(https, settings_of(version)) as connection:
        for _ in connection._sendMsg(ApplicationData().create(bytearray()), randomizeFirstBlock=False):
            pass
        connection.write(REQUEST)
        assert answer(connection).startswith(b"HTTP/1.1 200 ")


@both
def test_clients_alert_ends_the_connection(https: Dut, version: tuple[int, int]) -> None:
    with opened(https, settings_of(version)) as connection:
        for _ in connection._sendMsg(Alert().create(AlertDescription.internal_error)):
            pass
        while connection.sock.recv(65536):
            pass  # its tickets
