"""The engine's cryptography by the test vectors of Wycheproof (lab/wycheproof.py).

How many of each file are run, and why the others are not, is part of the test. Not among them, since the engine has no
such function: verification (it signs, and `weirctl` verifies by OpenSSL), and ciphers (the kernel's, here OpenSSL's).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.cache import Cache
from lab.lock import Lock
from lab.tools import ToolsTree
from lab.wycheproof import ensure_vectors
from tests.oracle import Oracle
from tests.test_http_parser import tools
from tests.test_tls_engine import engine, identity, program
from tests.test_tls_messages import refused
from tests.test_tls_p256 import B, P, oracle, point_of, x25519_of
from tests.test_tls_rsa import Numbers, Rsa
from tests.test_tls_rsa import program as rsa
from tests.tls_client import HANDSHAKE, P256, SHARES, X25519, record, vector
from tests.tls_programs import Alert, Engine
from tests.tls_rows import HELLO, entry

__all__ = ["engine", "identity", "oracle", "program", "rsa", "tools"]

Vector = dict[str, Any]
RUN = "run"


@pytest.fixture(scope="module")
def folder(tools: ToolsTree) -> Path:
    return ensure_vectors(Cache(), Lock.load(), tools)


def vectors(folder: Path, name: str) -> Iterator[tuple[Vector, Vector]]:
    """Group and vector of each in a file, which has as many as it says."""
    content = json.loads((folder / f"{name}_test.json").read_text(encoding="utf-8"))
    found = [(group, one) for group in content["testGroups"] for one in group["tests"]]
    assert len(found) == content["numberOfTests"] > 0
    yield from found


def octets(one: Vector, field: str) -> bytes:
    return bytes.fromhex(one[field])


def count(folder: Path, name: str, run: Callable[[Vector, Vector], str]) -> Counter[str]:
    """How many were run, and how many were not, by reason. What fails is told by its number."""
    counts: Counter[str] = Counter()
    for group, one in vectors(folder, name):
        try:
            counts[run(group, one)] += 1
        except AssertionError as error:
            raise AssertionError(f"{name}, {one['tcId']}: {one['comment']} {one['flags']}: {error}") from error
    return counts


def is_refused(engine: Engine, group: int, public: bytes) -> None:
    """As what a client sends for its public key."""
    hello = HELLO.with_extension(SHARES, vector(entry(group, public), 2))
    engine.connect()
    refused(engine.read(record(HANDSHAKE, hello.message())), Alert.ILLEGAL_PARAMETER if public else Alert.DECODE_ERROR)


def test_x25519(oracle: Oracle, engine: Engine, folder: Path) -> None:
    def run(_group: Vector, one: Vector) -> str:
        private, public = octets(one, "private"), octets(one, "public")
        shared = b"" if "ZeroSharedSecret" in one["flags"] else octets(one, "shared")
        assert oracle.ask(b"X", private, public) == shared
        assert oracle.ask(b"b", private, public) == (shared and x25519_of(private) + shared)
        if not shared:
            is_refused(engine, X25519, public)
            return "refused"
        return RUN

    assert count(folder, "x25519", run) == {RUN: 487, "refused": 31}


NAMED = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""What stands before an uncompressed point in a public key that names the curve."""


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("ecdh_secp256r1_ecpoint", {RUN: 330, "refused": 25}),
        ("ecdh_secp256r1", {RUN: 330, "refused": 19, "key in another form": 263}),
    ],
)
def test_ecdh(oracle: Oracle, engine: Engine, folder: Path, name: str, counts: dict[str, int]) -> None:
    def run(_group: Vector, one: Vector) -> str:
        public = octets(one, "public")
        if not name.endswith("ecpoint"):
            if not public.startswith(NAMED) or len(public) != len(NAMED) + 65:
                return "key in another form"
            public = public.removeprefix(NAMED)
        secret = int(one["private"], 16)
        private = secret.to_bytes(32, "big")
        if len(public) == 65 and one["result"] != "invalid" and is_on_curve(public):
            assert oracle.ask(b"d", private, public) == octets(one, "shared")
            assert oracle.ask(b"p", private) == point_of(secret)
            return RUN
        if len(public) == 65:
            assert not oracle.ask(b"d", private, public)
        is_refused(engine, P256, public)
        assert one["result"] != "valid"
        return "refused"

    assert count(folder, name, run) == counts


def is_on_curve(public: bytes) -> bool:
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    return (y * y - x**3 + 3 * x - B) % P == 0


@pytest.mark.parametrize(
    ("name", "letter", "block", "counts"),
    [
        ("hmac_sha256", b"h", 64, {RUN: 60, "refused": 108, "key longer than a block": 6}),
        ("hmac_sha384", b"H", 128, {RUN: 66, "refused": 108}),
    ],
)
def test_hmac(oracle: Oracle, folder: Path, name: str, letter: bytes, block: int, counts: dict[str, int]) -> None:
    def run(group: Vector, one: Vector) -> str:
        key = octets(one, "key")
        if len(key) > block:
            return "key longer than a block"
        tag = oracle.ask(letter, key, octets(one, "msg"))[: group["tagSize"] // 8]
        if one["result"] == "invalid":
            assert tag != octets(one, "tag")
            return "refused"
        assert tag == octets(one, "tag")
        return RUN

    assert count(folder, name, run) == counts


@pytest.mark.parametrize(
    ("hash_", "extract", "mac", "counts"),
    [
        ("sha256", b"e", b"h", {RUN: 72, "salt longer than the hash": 11, "more than there is": 3}),
        ("sha384", b"E", b"H", {RUN: 72, "salt longer than the hash": 8, "more than there is": 3}),
    ],
)
def test_hkdf(oracle: Oracle, folder: Path, hash_: str, extract: bytes, mac: bytes, counts: dict[str, int]) -> None:
    """Its first step is the engine's. The second one, which the engine has for TLS's labels alone, is HMACs here."""
    size = hashlib.new(hash_).digest_size

    def run(_group: Vector, one: Vector) -> str:
        if one["result"] == "invalid":
            assert one["size"] > 255 * size
            return "more than there is"
        salt, secret = octets(one, "salt"), octets(one, "ikm")
        if len(salt) > size:
            return "salt longer than the hash"
        key = oracle.ask(extract, salt.ljust(size, b"\0"), secret)
        assert key == hmac.digest(salt, secret, hash_)
        block, okm = b"", b""
        while len(okm) < one["size"]:
            number = bytes([len(okm) // size + 1])
            block = oracle.ask(mac, key, block + octets(one, "info") + number)
            okm += block
        assert okm[: one["size"]] == octets(one, "okm")
        return RUN

    assert count(folder, f"hkdf_{hash_}", run) == counts


NO_KEY = "no key for the engine"
LENGTH = "another length"
PKCS1 = {f"rsa_pkcs1_{bits}": {RUN: 61, "refused": 1, LENGTH: 5} for bits in (2048, 3072, 4096)}
OAEP = {
    "rsa_oaep_2048_sha1_mgf1sha1": {RUN: 30, "refused": 1, LENGTH: 5},
    "rsa_oaep_2048_sha256_mgf1sha256": {RUN: 31, "refused": 1, LENGTH: 5},
    "rsa_oaep_2048_sha512_mgf1sha512": {RUN: 27, "refused": 1, LENGTH: 5},
    "rsa_oaep_3072_sha256_mgf1sha256": {RUN: 31, "refused": 1, LENGTH: 5},
    "rsa_oaep_3072_sha512_mgf1sha512": {RUN: 28, LENGTH: 5},
    "rsa_oaep_4096_sha256_mgf1sha256": {RUN: 31, "refused": 1, LENGTH: 5},
    "rsa_oaep_4096_sha512_mgf1sha512": {RUN: 30, "refused": 1, LENGTH: 5},
    "rsa_oaep_misc": {RUN: 210, NO_KEY: 185},
    "rsa_three_primes_oaep_2048_sha1_mgf1sha1": {NO_KEY: 36},
    "rsa_three_primes_oaep_3072_sha224_mgf1sha224": {NO_KEY: 38},
    "rsa_three_primes_oaep_4096_sha256_mgf1sha256": {NO_KEY: 36},
}


@pytest.mark.parametrize(
    ("name", "adx", "counts"),
    [
        *((name, adx, counts) for name, counts in PKCS1.items() for adx in (True, False)),
        *((name, True, counts) for name, counts in OAEP.items()),
    ],
)
def test_rsa(rsa: Rsa, folder: Path, name: str, adx: bool, counts: dict[str, int]) -> None:
    """What a private key does, by vectors of decryption: the engine signs alone, but both are a power modulo n."""
    current: Numbers | None = None
    used = False

    def run(group: Vector, one: Vector) -> str:
        nonlocal current, used
        key = numbers_of(group["privateKey"])
        if key != current:
            current, used = key, rsa.set(key)
            assert used == is_usable(key)
            if used:
                rsa.change(adx=adx)
        if not used:
            return NO_KEY
        cipher = octets(one, "ct")
        if len(cipher) != rsa.size:
            return LENGTH
        message = int.from_bytes(cipher, "big")
        found = rsa.private(message)
        if message >= key.n:
            assert found is None
            return "refused"
        assert found is not None
        assert pow(found, key.e, key.n) == message
        encoded = found.to_bytes(rsa.size, "big")
        plain = by_oaep(encoded, group, octets(one, "label")) if "label" in one else by_pkcs1(encoded)
        assert plain == (octets(one, "msg") if one["result"] == "valid" else None)
        return RUN

    assert count(folder, name, run) == counts


def numbers_of(key: Vector) -> Numbers:
    names = ("modulus", "publicExponent", "prime1", "prime2", "exponent1", "exponent2", "coefficient")
    return Numbers(*(int(key[name], 16) for name in names))


def is_usable(key: Numbers) -> bool:
    """Two primes of half as many bits as one of the sizes."""
    bits = key.n.bit_length()
    half = {key.p.bit_length(), key.q.bit_length()} == {bits // 2}
    return bits in (2048, 3072, 4096) and half and key.n == key.p * key.q and 3 <= key.e < 2**32


def by_pkcs1(encoded: bytes) -> bytes | None:
    """RFC 8017, section 7.2.2."""
    end = encoded.find(b"\0", 2)
    return encoded[end + 1 :] if encoded[:2] == b"\0\2" and end >= 10 else None


def by_oaep(encoded: bytes, group: Vector, label: bytes) -> bytes | None:
    """RFC 8017, section 7.1.2."""
    hash_, mask_hash = group["sha"], group["mgfSha"]
    size = len(digest(hash_, b""))
    seed = exclusive(encoded[1 : 1 + size], mask(mask_hash, encoded[1 + size :], size))
    block = exclusive(encoded[1 + size :], mask(mask_hash, seed, len(encoded) - 1 - size))
    rest = block[size:].lstrip(b"\0")
    fits = not encoded[0] and block[:size] == digest(hash_, label) and rest[:1] == b"\1"
    return rest[1:] if fits else None


def digest(name: str, text: bytes) -> bytes:
    return hashlib.new(name.lower().replace("-", "").replace("/", "_"), text).digest()


def mask(name: str, seed: bytes, size: int) -> bytes:
    """MGF1."""
    blocks = (digest(name, seed + number.to_bytes(4, "big")) for number in range(size // 20 + 1))
    return b"".join(blocks)[:size]


def exclusive(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
