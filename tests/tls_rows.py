"""Messages and records of a client that are not what they should be, each with the alert that is due.

One table for each place in a connection: tests/test_tls_messages.py says them to the engine in user space,
suites/tls/test_malformed.py to the module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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
    numbers,
    record,
    vector,
)
from tests.tls_programs import Alert

KEY_UPDATE, KEY_UPDATE_REQUESTED = message(24, b"\0"), message(24, b"\1")


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
    "no-extensions": (HELLO.body()[: -len(HELLO.body()) + 2 + 32 + 33 + 8 + 2], Alert.HANDSHAKE_FAILURE),
    "tls-1.2-without-its-suites": (HELLO.without(VERSIONS), Alert.HANDSHAKE_FAILURE),
    "tls-1.1": (replace(HELLO.without(VERSIONS), version=0x0302), Alert.PROTOCOL_VERSION),
    "versions-without-1.3": (HELLO.with_extension(VERSIONS, b"\2\3\3"), Alert.HANDSHAKE_FAILURE),
    "versions-1.1": (HELLO.with_extension(VERSIONS, b"\2\3\2"), Alert.PROTOCOL_VERSION),
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

BAD_SECOND_HELLOS: dict[str, Callable[[Hello, Client], Hello]] = {
    "no-share": lambda hello, client: hello.with_extension(SHARES, client.share()),
    "other-share": lambda hello, client: hello.with_extension(SHARES, client.share(P256)),
    "two-shares": lambda hello, client: hello.with_extension(SHARES, client.share(X25519, P256)),
    "random": lambda hello, _: replace(hello, random=bytes(32)),
    "session": lambda hello, _: replace(hello, session=b""),
    "session-bytes": lambda hello, _: replace(hello, session=bytes(32)),
    "suite": lambda hello, _: replace(hello, suites=(CHACHA,)),
    "early-data": lambda hello, _: hello.with_extension(EARLY_DATA, b""),
}
"""What is changed in one that would be right; all are illegal_parameter."""

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
    "nothing": (lambda _: record(APPLICATION_DATA, b""), Alert.BAD_RECORD_MAC),
    "again": (lambda _: bytes(5 + 16), Alert.UNEXPECTED_MESSAGE),
    "empty": (lambda c: b"".join(c.outgoing.seal(23, b"") for _ in range(33)), Alert.UNEXPECTED_MESSAGE),
    "cancelled": (lambda c: b"".join(c.outgoing.seal(21, b"\1\x5a") for _ in range(33)), Alert.UNEXPECTED_MESSAGE),
    "too-much-plain": (lambda c: c.outgoing.seal(23, bytes(16385)), Alert.RECORD_OVERFLOW),
    "too-much-padding": (lambda c: c.outgoing.seal(23, b"a", padding=16384), Alert.RECORD_OVERFLOW),
    "unknown-type": (lambda c: c.outgoing.seal(24, b"\1\0\0"), Alert.UNEXPECTED_MESSAGE),
}
