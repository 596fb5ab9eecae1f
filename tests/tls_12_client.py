"""A client of TLS 1.2 that can be told to do everything wrong: RFC 5246 in Python, with OpenSSL's primitives."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.tls_client import (
    ALPN,
    CHANGE_CIPHER_SPEC,
    COMPAT,
    ECDSA_P256,
    GROUPS,
    HANDSHAKE,
    P256,
    RSA_PSS,
    SCHEMES,
    SERVER_NAME,
    STATUS_REQUEST,
    X25519,
    Extension,
    Hello,
    message,
    messages,
    numbers,
    record,
    records,
    vector,
)

POINT_FORMATS, EXTENDED_MASTER, SESSION_TICKET, RENEGOTIATION = 11, 23, 35, 0xFF01
RSA_PKCS1: Final = 0x0401
RENEGOTIATION_SCSV, FALLBACK_SCSV = 0x00FF, 0x5600
ECDSA_AES128, ECDSA_AES256, ECDSA_CHACHA = 0xC02B, 0xC02C, 0xCCA9
RSA_AES128, RSA_AES256, RSA_CHACHA = 0xC02F, 0xC030, 0xCCA8
ECDSA_SUITES = (ECDSA_AES128, ECDSA_AES256, ECDSA_CHACHA)
RSA_SUITES = (RSA_AES128, RSA_AES256, RSA_CHACHA)
SENTINEL: Final = b"DOWNGRD\x01"


def prf(algorithm: str, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """RFC 5246, section 5."""
    chain, out = label + seed, b""
    while len(out) < length:
        chain = hmac.digest(secret, chain, algorithm)
        out += hmac.digest(secret, chain + label + seed, algorithm)
    return out[:length]


@dataclass
class Keys:
    """One direction."""

    suite: int
    key: bytes
    iv: bytes
    sequence: int = 0

    def _run(self, nonce: bytes, kind: int, data: bytes, *, seal: bool, version: bytes = b"\3\3") -> bytes:
        length = len(data) - (0 if seal else 16)
        covered = self.sequence.to_bytes(8, "big") + bytes([kind]) + version + length.to_bytes(2, "big")
        self.sequence += 1
        cipher = ChaCha20Poly1305(self.key) if len(self.iv) == 12 else AESGCM(self.key)
        return cipher.encrypt(nonce, data, covered) if seal else cipher.decrypt(nonce, data, covered)

    def _implicit(self) -> bytes:
        return (int.from_bytes(self.iv, "big") ^ self.sequence).to_bytes(12, "big")

    def seal(self, kind: int, content: bytes, explicit: bytes | None = None) -> bytes:
        """A record, with that for the part of the nonce that is sent."""
        if len(self.iv) == 12:
            return record(kind, self._run(self._implicit(), kind, content, seal=True))
        explicit = self.sequence.to_bytes(8, "big") if explicit is None else explicit
        return record(kind, explicit + self._run(self.iv + explicit, kind, content, seal=True))

    def open(self, kind: int, body: bytes) -> bytes:
        """The content. The part of the nonce that is sent must be the record's number."""
        if len(self.iv) == 12:
            return self._run(self._implicit(), kind, body, seal=False)
        assert int.from_bytes(body[:8], "big") == self.sequence
        return self._run(self.iv + body[:8], kind, body[8:], seal=False)


@dataclass(frozen=True)
class Session:
    """One that the server has said can go on."""

    ticket: bytes
    master: bytes
    suite: int
    lifetime: int


class Client:
    """What a client knows. `session`: that it would go on with; `tickets`: it can make use of one."""

    def __init__(
        self,
        group: int = X25519,
        suites: tuple[int, ...] = ECDSA_SUITES + RSA_SUITES,
        *,
        extended: bool = True,
        session: Session | None = None,
        tickets: bool = False,
        name: str = "weir.test",
    ) -> None:
        self.group = group
        self.suites = suites
        self.extended = extended
        self.session = session
        self.tickets = tickets or session is not None
        self.name = name
        self.session_id = bytes(range(32)) if session else b""
        self.resumed = False
        self.given: Session | None = None
        """What is for another connection."""
        self.random = bytes(range(100, 132))
        self.transcript = b""
        self.x25519 = x25519.X25519PrivateKey.generate()
        self.p256 = ec.generate_private_key(ec.SECP256R1())
        self.incoming: Keys | None = None
        self.outgoing: Keys | None = None
        self.parts: dict[int, bytes] = {}
        self.extensions: dict[int, bytes] = {}

    def hello(self) -> Hello:
        """One that is right. For a certificate P-256 is among the groups."""
        groups = [self.group] + ([P256] if self.group == X25519 else [])
        extensions: tuple[Extension, ...] = (
            (SERVER_NAME, vector(b"\0" + vector(self.name.encode(), 2), 2)),
            (GROUPS, vector(numbers(groups), 2)),
            (POINT_FORMATS, b"\1\0"),
            (SCHEMES, vector(numbers([ECDSA_P256, RSA_PSS, RSA_PKCS1]), 2)),
            (ALPN, vector(vector(b"http/1.1", 1), 2)),
            (RENEGOTIATION, b"\0"),
        )
        if self.extended:
            extensions = (*extensions, (EXTENDED_MASTER, b""))
        if self.tickets:
            extensions = (*extensions, (SESSION_TICKET, self.session.ticket if self.session else b""))
        return Hello(extensions, self.suites, self.session_id, self.random)

    def send(self, hello: Hello) -> bytes:
        """The hello as a record."""
        self.random = hello.random
        self.transcript += hello.message()
        return record(HANDSHAKE, hello.message(), 0x0301)

    def receive(self, data: bytes) -> None:
        """All from ServerHello to ServerHelloDone, in one part or two, or where the session goes on to Finished.

        AssertionError if anything is wrong.
        """
        listed = list(records(data))
        if [kind for kind, _, _ in listed] == [HANDSHAKE, CHANGE_CIPHER_SPEC, HANDSHAKE]:
            self._go_on(listed)
            return
        content = b""
        for kind, _, body in records(data):
            assert kind == HANDSHAKE
            content += body
        for kind, body in messages(content):
            assert kind not in self.parts
            self.parts[kind] = body
            self.transcript += message(kind, body)
        if 14 not in self.parts:
            assert list(self.parts) in ([2, 11], [2, 11, 22])
            return
        assert list(self.parts) in ([2, 11, 12, 14], [2, 11, 22, 12, 14])
        assert self.parts[14] == b""
        self._server_hello(self.parts[2])
        self._server_key(self.parts[12])

    def _server_hello(self, hello: bytes) -> None:
        assert hello[:2] == b"\3\3"
        self.server_random = hello[2:34]
        at = 35 + hello[34]
        assert hello[35:at] == (self.session_id if self.resumed else b"")
        self.suite = int.from_bytes(hello[at : at + 2], "big")
        assert self.suite in self.suites
        assert hello[at + 2] == 0
        rest = hello[at + 3 :]
        assert not rest or int.from_bytes(rest[:2], "big") == len(rest) - 2 > 0
        rest = rest[2:]
        while rest:
            kind, length = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
            assert kind not in self.extensions
            self.extensions[kind] = rest[4 : 4 + length]
            rest = rest[4 + length :]
        assert self.extended == (EXTENDED_MASTER in self.extensions)
        assert self.extensions.get(SESSION_TICKET, b"") == b""
        assert self.tickets or SESSION_TICKET not in self.extensions
        assert self.extensions.get(STATUS_REQUEST) == (b"" if 22 in self.parts else None)

    @property
    def hash(self) -> str:
        """The suite's."""
        return "sha384" if self.suite in (ECDSA_AES256, RSA_AES256) else "sha256"

    def chain(self) -> list[x509.Certificate]:
        """The server's."""
        body = self.parts[11]
        assert int.from_bytes(body[:3], "big") == len(body) - 3
        data, found = body[3:], []
        while data:
            length = int.from_bytes(data[:3], "big")
            found.append(x509.load_der_x509_certificate(data[3 : 3 + length]))
            data = data[3 + length :]
        return found

    def status(self) -> bytes | None:
        """What was said of the first of them by OCSP."""
        body = self.parts.get(22)
        assert body is None or (body[0], int.from_bytes(body[1:4], "big")) == (1, len(body) - 4)
        return body and body[4:]

    def _server_key(self, body: bytes) -> None:
        assert body[0] == 3
        assert int.from_bytes(body[1:3], "big") == self.group
        self.peer = body[4 : 4 + body[3]]
        signed = self.random + self.server_random + body[: 4 + body[3]]
        rest = body[4 + body[3] :]
        self.scheme = int.from_bytes(rest[:2], "big")
        assert int.from_bytes(rest[2:4], "big") == len(rest) - 4
        key, signature = self.chain()[0].public_key(), rest[4:]
        if self.scheme == ECDSA_P256:
            assert self.suite in ECDSA_SUITES
            assert isinstance(key, ec.EllipticCurvePublicKey)
            key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
            return
        assert self.suite in RSA_SUITES
        assert isinstance(key, rsa.RSAPublicKey)
        if self.scheme == RSA_PSS:
            key.verify(signature, signed, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        else:
            assert self.scheme == RSA_PKCS1
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())

    def public(self) -> bytes:
        """Our key."""
        if self.group == X25519:
            return self.x25519.public_key().public_bytes_raw()
        return self.p256.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def key_exchange(self) -> bytes:
        """The ClientKeyExchange; keys follow of it."""
        sent = message(16, vector(self.public(), 1))
        self.transcript += sent
        if self.group == X25519:
            shared = self.x25519.exchange(x25519.X25519PublicKey.from_public_bytes(self.peer))
        else:
            theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.peer)
            shared = self.p256.exchange(ec.ECDH(), theirs)
        session = hashlib.new(self.hash, self.transcript).digest()
        if self.extended:
            self.master = prf(self.hash, shared, b"extended master secret", session, 48)
        else:
            self.master = prf(self.hash, shared, b"master secret", self.random + self.server_random, 48)
        self._make_keys()
        return sent

    def _make_keys(self) -> None:
        size = 16 if self.suite in (ECDSA_AES128, RSA_AES128) else 32
        iv = 12 if self.suite in (ECDSA_CHACHA, RSA_CHACHA) else 4
        block = prf(self.hash, self.master, b"key expansion", self.server_random + self.random, 2 * (size + iv))
        ivs = block[2 * size :]
        self.outgoing = Keys(self.suite, block[:size], ivs[:iv])
        self.incoming = Keys(self.suite, block[size : 2 * size], ivs[iv:])

    def _take_ticket(self, content: bytes) -> None:
        """A NewSessionTicket, which comes if it has been promised."""
        [(kind, body)] = messages(content)
        assert kind == 4
        self.transcript += content
        assert int.from_bytes(body[4:6], "big") == len(body) - 6
        self.given = Session(body[6:], self.master, self.suite, int.from_bytes(body[:4], "big"))

    def _go_on(self, listed: list[tuple[int, bytes, bytes]]) -> None:
        """The session does: ServerHello, a new ticket if it was promised, change of keys, Finished."""
        assert self.session
        self.resumed = True
        [(kind, hello), *more] = messages(listed[0][2])
        assert kind == 2
        self._server_hello(hello)
        assert self.suite == self.session.suite
        self.master = self.session.master
        self.transcript += message(2, hello)
        assert (SESSION_TICKET in self.extensions) == bool(more)
        if more:
            self._take_ticket(listed[0][2][4 + len(hello) :])
        assert listed[1][2] == b"\1"
        self._make_keys()
        self._take_finished(listed[2][2])

    def _take_finished(self, sealed: bytes) -> None:
        assert self.incoming
        finished = message(20, self._verify_data(b"server"))
        assert self.incoming.open(HANDSHAKE, sealed) == finished
        self.transcript += finished

    def _verify_data(self, side: bytes) -> bytes:
        return prf(self.hash, self.master, side + b" finished", hashlib.new(self.hash, self.transcript).digest(), 12)

    def finished(self) -> bytes:
        """The Finished message."""
        sent = message(20, self._verify_data(b"client"))
        self.transcript += sent
        return sent

    def seal(self, kind: int, content: bytes) -> bytes:
        """A record."""
        assert self.outgoing
        return self.outgoing.seal(kind, content)

    def finish(self) -> bytes:
        """All from ClientKeyExchange, if it is needed, to Finished."""
        exchange = b"" if self.resumed else record(HANDSHAKE, self.key_exchange())
        return exchange + COMPAT + self.seal(HANDSHAKE, self.finished())

    def receive_finish(self, data: bytes) -> None:
        """The server's ticket, if it was promised, its change of keys and its Finished; else nothing."""
        if self.resumed:
            assert not data
            return
        *before, (change, _, one), (kind, _, body) = records(data)
        assert (SESSION_TICKET in self.extensions) == bool(before)
        for what, _, content in before:
            assert what == HANDSHAKE
            self._take_ticket(content)
        assert (change, one, kind) == (CHANGE_CIPHER_SPEC, b"\1", HANDSHAKE)
        self._take_finished(body)

    def open(self, data: bytes) -> list[tuple[int, bytes]]:
        """Type and content of records."""
        assert self.incoming
        return [(kind, self.incoming.open(kind, body)) for kind, _, body in records(data)]
