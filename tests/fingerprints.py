"""JA4 of a ClientHello, by its published description: what the engine's own fingerprints are compared with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

SERVER_NAME, SIGNATURE_ALGORITHMS, ALPN, SUPPORTED_VERSIONS = 0, 13, 16, 43
GREASE = frozenset(0x0A0A + 0x1010 * step for step in range(16))
VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3"}


def _numbers(data: bytes) -> list[int]:
    """Of two bytes each, without those that stand for none."""
    return [code for at in range(0, len(data), 2) if (code := int.from_bytes(data[at : at + 2], "big")) not in GREASE]


def _split(data: bytes, length: int) -> tuple[bytes, bytes]:
    """A vector's content, and what is behind it."""
    size = int.from_bytes(data[:length], "big")
    return data[length : length + size], data[length + size :]


def _extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        body, rest = _split(data[2:], 2)
        yield int.from_bytes(data[:2], "big"), body
        data = rest


def _text(codes: Iterable[int]) -> str:
    return ",".join(f"{code:04x}" for code in codes)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else 12 * "0"


def _protocol(extension: bytes) -> str:
    if not extension:
        return "00"
    first, _ = _split(extension[2:], 1)
    shown = first.decode("latin-1")
    if not all(character.isascii() and character.isalnum() for character in (shown[0], shown[-1])):
        shown = first.hex()
    return shown[0] + shown[-1]


def ja4(hello: bytes) -> str:
    """Of a ClientHello without its header, well formed."""
    version = int.from_bytes(hello[:2], "big")
    _, rest = _split(hello[34:], 1)
    suites, rest = _split(rest, 2)
    _, rest = _split(rest, 1)
    extensions = {kind: body for kind, body in _extensions(rest[2:]) if kind not in GREASE}
    if SUPPORTED_VERSIONS in extensions:
        version = max(_numbers(extensions[SUPPORTED_VERSIONS][1:]))
    codes = _numbers(suites)
    kinds = sorted(kind for kind in extensions if kind not in (SERVER_NAME, ALPN))
    schemes = _numbers(extensions.get(SIGNATURE_ALGORITHMS, b"")[2:])
    counts = f"{min(len(codes), 99):02}{min(len(extensions), 99):02}"
    head = f"t{VERSIONS.get(version, '00')}{'d' if SERVER_NAME in extensions else 'i'}{counts}"
    third = _text(kinds) + ("_" + _text(schemes) if schemes else "")
    return f"{head}{_protocol(extensions.get(ALPN, b''))}_{_hash(_text(sorted(codes)))}_{_hash(third)}"


def hello_of(record: bytes) -> bytes:
    """The ClientHello, without its header, that a client's first record is."""
    assert record[0] == 22
    assert record[5] == 1
    return record[9 : 5 + int.from_bytes(record[3:5], "big")]
