"""A client of TLS 1.3 that can be told to do everything wrong: RFC 8446 in Python, with OpenSSL's primitives."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
STATUS_REQUEST: Final = 5
SERVER_NAME, GROUPS, SCHEMES, ALPN, PSK, EARLY_DATA, VERSIONS, COOKIE, PSK_MODES, SHARES = (
    0, 10, 13, 16, 41, 42, 43, 44, 45, 51,
)  # fmt: skip
NEW_SESSION_TICKET: Final = 4
X25519, P256 = 0x001D, 0x0017
ECDSA_P256, RSA_PSS = 0x0403, 0x0804
AES128, AES256, CHACHA = 0x1301, 0x1302, 0x1303
COMPAT: Final = bytes.fromhex("140303000101")
RETRY: Final = hashlib.sha256(b"HelloRetryRequest").digest()

Extension = tuple[int, bytes]


def vector(data: bytes, length: int) -> bytes:
    """The bytes behind their number."""
    return len(data).to_bytes(length, "big") + data


def numbers(values: Sequence[int]) -> bytes:
    """Of two bytes each."""
    return b"".join(value.to_bytes(2, "big") for value in values)


def message(kind: int, body: bytes) -> bytes:
    """A handshake message."""
    return bytes([kind]) + vector(body, 3)


def record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    """A record in the clear."""
    return bytes([kind]) + version.to_bytes(2, "big") + vector(body, 2)


def records(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Type, header and body of each; all must be whole."""
    while data:
        length = int.from_bytes(data[3:5], "big")
        assert data[1:3] == b"\3\3"
        assert len(data) >= 5 + length
        yield data[0], data[:5], data[5 : 5 + length]
        data = data[5 + length :]


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of each handshake message; all must be whole."""
    while data:
        length = int.from_bytes(data[1:4], "big")
        assert len(data) >= 4 + length
        yield data[0], data[4 : 4 + length]
        data = data[4 + length :]


@dataclass(frozen=True)
class Hello:
    """A ClientHello; `change` makes another."""

    extensions: tuple[Extension, ...]
    suites: tuple[int, ...] = (AES128, AES256, CHACHA)
    session: bytes = bytes(range(32))
    random: bytes = bytes(range(100, 132))
    version: int = 0x0303
    methods: bytes = b"\0"

    def body(self) -> bytes:
        """Without the message's header."""
        head = self.version.to_bytes(2, "big") + self.random + vector(self.session, 1)
        head += vector(numbers(self.suites), 2) + vector(self.methods, 1)
        return head + vector(b"".join(numbers([kind]) + vector(body, 2) for kind, body in self.extensions), 2)

    def message(self) -> bytes:
        """The whole message."""
        return message(1, self.body())

    def without(self, kind: int) -> Hello:
        """The same without an extension."""
        return replace(self, extensions=tuple(one for one in self.extensions if one[0] != kind))

    def with_extension(self, kind: int, body: bytes) -> Hello:
        """The same with an extension, in the place of the one there was or else behind all."""
        if any(one[0] == kind for one in self.extensions):
            return replace(self, extensions=tuple((k, body if k == kind else b) for k, b in self.extensions))
        return replace(self, extensions=(*self.extensions, (kind, body)))


@dataclass
class Keys:
    """One direction."""

    hash: str
    suite: int
    secret: bytes
    sequence: int = 0

    def _nonce(self) -> bytes:
        iv = int.from_bytes(label(self.hash, self.secret, "iv", b"", 12), "big")
        self.sequence += 1
        return (iv ^ (self.sequence - 1)).to_bytes(12, "big")

    def _cipher(self) -> AESGCM | ChaCha20Poly1305:
        key = label(self.hash, self.secret, "key", b"", 16 if self.suite == AES128 else 32)
        return ChaCha20Poly1305(key) if self.suite == CHACHA else AESGCM(key)

    def seal(self, kind: int, content: bytes, padding: int = 0) -> bytes:
        """A record."""
        inner = content + bytes([kind]) + bytes(padding)
        header = b"\x17\3\3" + (len(inner) + 16).to_bytes(2, "big")
        return header + self._cipher().encrypt(self._nonce(), inner, header)

    def open(self, header: bytes, body: bytes) -> tuple[int, bytes]:
        """Type and content."""
        inner = self._cipher().decrypt(self._nonce(), body, header).rstrip(b"\0")
        return inner[-1], inner[:-1]

    def update(self) -> None:
        """KeyUpdate."""
        self.secret = label(self.hash, self.secret, "traffic upd", b"", len(self.secret))
        self.sequence = 0


def label(algorithm: str, secret: bytes, name: str, context: bytes, length: int) -> bytes:
    """HKDF-Expand-Label of at most one block."""
    info = length.to_bytes(2, "big") + vector(b"tls13 " + name.encode(), 1) + vector(context, 1)
    return hmac.digest(secret, info + b"\1", algorithm)[:length]


@dataclass(frozen=True)
class Ticket:
    """A session, of which the server has said that it can be resumed."""

    identity: bytes
    psk: bytes
    hash: str
    lifetime: int = 0
    age_add: int = 0

    @staticmethod
    def read(body: bytes, resumption: bytes, algorithm: str) -> Ticket:
        """A NewSessionTicket, all of which must be there and no more."""
        at = 9 + body[8]
        nonce, length = body[9:at], int.from_bytes(body[at : at + 2], "big")
        assert body[at + 2 + length :] == b"\0\0"
        psk = label(algorithm, resumption, "resumption", nonce, len(resumption))
        lifetime, age_add = (int.from_bytes(body[start : start + 4], "big") for start in (0, 4))
        return Ticket(body[at + 2 : -2], psk, algorithm, lifetime, age_add)

    def early(self) -> bytes:
        """The early secret."""
        return hmac.digest(bytes(len(self.psk)), self.psk, self.hash)

    def binder(self, transcript: bytes) -> bytes:
        """Over what comes before all binders."""
        key = label(self.hash, self.early(), "res binder", hashlib.new(self.hash).digest(), len(self.psk))
        key = label(self.hash, key, "finished", b"", len(key))
        return hmac.digest(key, hashlib.new(self.hash, transcript).digest(), self.hash)


@dataclass
class Client:
    """What a client knows. `receive` takes all that a server says up to its Finished."""

    groups: tuple[int, ...] = (X25519, P256)
    shares: tuple[int, ...] = (X25519,)
    name: str = "weir.test"
    transcript: bytes = b""
    suite: int = 0
    retried: bool = False
    compat: int = 0
    """Records of change_cipher_spec that came."""
    encrypted: dict[int, bytes] = field(default_factory=dict)
    """The server's messages from EncryptedExtensions to Finished, by type."""
    offered: tuple[Ticket, ...] = ()
    selected: int | None = None
    """The offered ticket's place whose session goes on."""
    tickets: list[Ticket] = field(default_factory=list)
    """That came."""
    cookie: bytes | None = None
    unread: bytes = b""
    """Messages of a flight that is not whole yet."""
    scheme: int = 0
    """Of the server's signature."""

    def __post_init__(self) -> None:
        self.x25519 = x25519.X25519PrivateKey.generate()
        self.p256 = ec.generate_private_key(ec.SECP256R1())

    def public(self, group: int) -> bytes:
        """Our key."""
        if group == X25519:
            return self.x25519.public_key().public_bytes_raw()
        return self.p256.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def share(self, *groups: int) -> bytes:
        """The body of a key_share."""
        return vector(b"".join(numbers([group]) + vector(self.public(group), 2) for group in groups), 2)

    def hello(self) -> Hello:
        """One that is right."""
        name = vector(b"\0" + vector(self.name.encode(), 2), 2)
        return Hello(
            (
                (SERVER_NAME, name),
                (GROUPS, vector(numbers(self.groups), 2)),
                (SCHEMES, vector(numbers([ECDSA_P256, RSA_PSS]), 2)),
                (ALPN, vector(vector(b"h2", 1) + vector(b"http/1.1", 1), 2)),
                (VERSIONS, vector(numbers([0x0304, 0x0303]), 1)),
                (PSK_MODES, b"\1\1"),
                (SHARES, self.share(*self.shares)),
            )
        )

    def offer(self, hello: Hello, *tickets: Ticket, age: int = 1000, more: bytes = b"") -> Hello:
        """The hello with tickets and their binders, in the place where it will be sent; more: behind each binder."""
        self.offered = tickets
        ages = ((age + ticket.age_add) % 2**32 for ticket in tickets)
        identities = vector(
            b"".join(vector(one.identity, 2) + old.to_bytes(4, "big") for one, old in zip(tickets, ages, strict=True)),
            2,
        )
        empty = vector(b"".join(vector(bytes(len(one.psk)) + more, 1) for one in tickets), 2)
        hello = hello.without(PSK)
        partial = hello.with_extension(PSK, identities + empty).message()[: -len(empty)]
        binders = b"".join(vector(one.binder(self.transcript + partial) + more, 1) for one in tickets)
        return hello.with_extension(PSK, identities + vector(binders, 2))

    def send(self, hello: Hello) -> bytes:
        """The hello as a record."""
        self.transcript += hello.message()
        return record(HANDSHAKE, hello.message(), 0x0301 if not self.retried else 0x0303)

    @property
    def hash(self) -> str:
        """The suite's."""
        return "sha384" if self.suite == AES256 else "sha256"

    def _digest(self) -> bytes:
        return hashlib.new(self.hash, self.transcript).digest()

    def _derive(self, secret: bytes, name: str) -> bytes:
        return label(self.hash, secret, name, self._digest(), len(secret))

    def _derived(self, secret: bytes) -> bytes:
        return label(self.hash, secret, "derived", hashlib.new(self.hash).digest(), len(secret))

    def receive(self, data: bytes) -> None:
        """A HelloRetryRequest, or the whole answer, which is verified. Raises AssertionError if anything is wrong."""
        content = b""
        for kind, header, body in records(data):
            if kind == CHANGE_CIPHER_SPEC:
                assert body == b"\1"
                self.compat += 1
            elif kind == HANDSHAKE:
                self._server_hello(body)
            else:
                inner, more = self.incoming.open(header, body)
                assert inner == HANDSHAKE
                content += more
        self.unread += content
        if any(kind == 20 for kind, _ in messages(self.unread)):
            self._flight(self.unread)
            self.unread = b""

    def _server_hello(self, body: bytes) -> None:
        [(kind, hello)] = messages(body)
        assert kind == 2
        assert hello[:2] == b"\3\3"
        session = hello[34]
        at = 35 + session
        self.suite = int.from_bytes(hello[at : at + 2], "big")
        assert hello[at + 2] == 0
        extensions = dict(self._extensions(hello[at + 3 :]))
        assert extensions.pop(VERSIONS) == b"\3\4"
        retry = hello[2:34] == RETRY
        if retry:
            self.cookie = extensions.pop(COOKIE, None)
            share = extensions.pop(SHARES, b"\0\0")
        else:
            share = extensions.pop(SHARES)
            selected = extensions.pop(PSK, None)
            self.selected = None if selected is None else int.from_bytes(selected, "big")
        assert not extensions
        group = int.from_bytes(share[:2], "big")
        self.session = hello[35:at]
        if retry:
            assert not self.retried
            self.retried = True
            self.retry_group = group
            digest = self._digest()
            self.transcript = message(254, digest) + body
            return
        self.transcript += body
        peer = share[4:]
        if group == X25519:
            shared = self.x25519.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
        else:
            theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), peer)
            shared = self.p256.exchange(ec.ECDH(), theirs)
        zeros = bytes(hashlib.new(self.hash).digest_size)
        early = hmac.digest(zeros, zeros, self.hash)
        if self.selected is not None:
            early = self.offered[self.selected].early()
            assert self.offered[self.selected].hash == self.hash
        handshake = hmac.digest(self._derived(early), shared, self.hash)
        self.incoming = Keys(self.hash, self.suite, self._derive(handshake, "s hs traffic"))
        self.outgoing = Keys(self.hash, self.suite, self._derive(handshake, "c hs traffic"))
        self.master = hmac.digest(self._derived(handshake), zeros, self.hash)

    @staticmethod
    def _extensions(data: bytes) -> Iterator[Extension]:
        assert int.from_bytes(data[:2], "big") == len(data) - 2
        data = data[2:]
        while data:
            length = int.from_bytes(data[2:4], "big")
            yield int.from_bytes(data[:2], "big"), data[4 : 4 + length]
            data = data[4 + length :]

    def _verify_data(self, secret: bytes) -> bytes:
        key = label(self.hash, secret, "finished", b"", len(secret))
        return hmac.digest(key, self._digest(), self.hash)

    def _flight(self, content: bytes) -> None:
        parts = list(messages(content))
        assert [kind for kind, _ in parts] == [8, 11, 15, 20] if self.selected is None else [8, 20]
        for kind, body in parts:
            self.encrypted[kind] = body
            if kind == 15:
                self._verify(body)
            if kind == 20:
                assert body == self._verify_data(self.incoming.secret)
            self.transcript += message(kind, body)
        self.extensions = dict(self._extensions(self.encrypted[8]))
        self.incoming = Keys(self.hash, self.suite, self._derive(self.master, "s ap traffic"))
        self.finished_data = self._verify_data(self.outgoing.secret)
        self.next_secret = self._derive(self.master, "c ap traffic")

    def chain(self) -> list[x509.Certificate]:
        """The server's."""
        return [x509.load_der_x509_certificate(der) for der, _ in self._listed()]

    def statuses(self) -> list[bytes | None]:
        """What was said of each of them by OCSP."""
        found: list[bytes | None] = []
        for _, extensions in self._listed():
            assert list(extensions) in ([], [STATUS_REQUEST])
            status = extensions.get(STATUS_REQUEST)
            assert status is None or (status[0], int.from_bytes(status[1:4], "big")) == (1, len(status) - 4)
            found.append(status and status[4:])
        return found

    def _listed(self) -> Iterator[tuple[bytes, dict[int, bytes]]]:
        body = self.encrypted[11]
        assert (body[0], int.from_bytes(body[1:4], "big")) == (0, len(body) - 4)
        data = body[4:]
        while data:
            end = 3 + int.from_bytes(data[:3], "big")
            last = end + 2 + int.from_bytes(data[end : end + 2], "big")
            yield data[3:end], dict(self._extensions(data[end:last]))
            data = data[last:]

    def _verify(self, body: bytes) -> None:
        signed = b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + self._digest()
        key = self.chain()[0].public_key()
        self.scheme = int.from_bytes(body[:2], "big")
        assert int.from_bytes(body[2:4], "big") == len(body) - 4
        if self.scheme == RSA_PSS:
            assert isinstance(key, rsa.RSAPublicKey)
            key.verify(body[4:], signed, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        else:
            assert self.scheme == ECDSA_P256
            assert isinstance(key, ec.EllipticCurvePublicKey)
            key.verify(body[4:], signed, ec.ECDSA(hashes.SHA256()))

    def finished(self) -> bytes:
        """The Finished message."""
        return message(20, self.finished_data)

    def finish(self) -> bytes:
        """Its record; what follows has the next keys."""
        sent = self.outgoing.seal(HANDSHAKE, self.finished())
        self.transcript += self.finished()
        self.resumption = self._derive(self.master, "res master")
        self.outgoing = Keys(self.hash, self.suite, self.next_secret)
        return sent

    def open(self, data: bytes) -> list[tuple[int, bytes]]:
        """Type and content of encrypted records; follows a KeyUpdate, and keeps tickets."""
        found = []
        for kind, header, body in records(data):
            assert kind == APPLICATION_DATA
            found.append(self.incoming.open(header, body))
            if found[-1] == (HANDSHAKE, message(24, b"\0")):
                self.incoming.update()
            elif found[-1][0] == HANDSHAKE:
                self._keep_tickets(found[-1][1])
        return found

    def _keep_tickets(self, content: bytes) -> None:
        """Those that are whole; a part of one waits for the rest."""
        self.unread += content
        while len(self.unread) >= 4 and len(self.unread) >= (end := 4 + int.from_bytes(self.unread[1:4], "big")):
            [(what, body)] = messages(self.unread[:end])
            assert what == NEW_SESSION_TICKET
            self.tickets.append(Ticket.read(body, self.resumption, self.hash))
            self.unread = self.unread[end:]
