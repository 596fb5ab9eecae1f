"""RSA of the TLS engine: its arithmetic against Python's integers, its signatures against OpenSSL."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import gcd

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import sandbox
from lab.tools import ToolsTree
from tests.oracle import Oracle
from tests.test_http_parser import tools
from tests.tls_programs import SUITES, build

__all__ = ["tools"]

SIZES = [2048, 3072, 4096]


@dataclass(frozen=True)
class Numbers:
    """struct rsa_numbers."""

    n: int
    e: int
    p: int
    q: int
    dp: int
    dq: int
    qinv: int

    def packed(self, *, zeros: int = 0) -> bytes:
        """As the program takes them, with so many zeros before each."""
        texts = [
            bytes(zeros) + value.to_bytes((value.bit_length() + 7) // 8, "big")
            for value in (self.n, self.e, self.p, self.q, self.dp, self.dq, self.qinv)
        ]
        return b"".join(len(text).to_bytes(2, "big") + text for text in texts)

    @property
    def d(self) -> int:
        return pow(self.e, -1, (self.p - 1) * (self.q - 1))


def generate(bits: int, e: int) -> Numbers:
    """By OpenSSL."""
    key = rsa.generate_private_key(e, bits).private_numbers()
    return Numbers(key.public_numbers.n, e, key.p, key.q, key.dmp1, key.dmq1, key.iqmp)


def made_of(p: int, q: int, e: int) -> Numbers:
    d = pow(e, -1, (p - 1) * (q - 1))
    return Numbers(p * q, e, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))


def public(key: Numbers) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(key.e, key.n).public_key()


class Rsa:
    """kmod/tests/tls/rsa.c, which holds one key."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.size = 0

    def set(self, key: Numbers, *, zeros: int = 0) -> bool:
        self.size = key.n.bit_length() // 8
        return self.oracle.ask(b"k", key.packed(zeros=zeros)) == b"\1"

    def change(self, *, adx: bool = True, fault: int | None = None) -> bool:
        return self.oracle.ask(b"x", bytes([adx]), b"" if fault is None else fault.to_bytes(4, "little")) == b"\1"

    def private(self, message: int) -> int | None:
        """None: refused."""
        result = self.oracle.ask(b"r", message.to_bytes(self.size, "big"))
        return int.from_bytes(result, "big") if result else None


@pytest.fixture(scope="module")
def program(tools: ToolsTree) -> Iterator[Rsa]:
    oracle = Oracle(sandbox.command(tools, [build(tools, "rsa", [SUITES / "rsa.c", SUITES / "crypto.c"])]))
    yield Rsa(oracle)
    oracle.end()


@pytest.fixture(scope="module", params=[(bits, e) for bits in SIZES for e in (3, 65537)], ids=str)
def key(request: pytest.FixtureRequest) -> Numbers:
    return generate(*request.param)


LIMBS = st.sampled_from([0, 1, 2, 2**32, 2**63, 2**64 - 2**32, 2**64 - 2, 2**64 - 1])
"""Where carries begin and end."""


def numbers(limbs: int) -> st.SearchStrategy[int]:
    """Of so many limbs: any, those of extreme limbs, and those of few that differ from the others."""
    bits = 64 * limbs
    extreme = st.lists(LIMBS, min_size=limbs, max_size=limbs).map(
        lambda values: sum(value << 64 * i for i, value in enumerate(values))
    )
    runs = st.tuples(st.integers(0, bits), st.integers(0, bits), st.booleans()).map(
        lambda run: ((1 << max(run[:2])) - (1 << min(run[:2]))) ^ ((1 << bits) - 1) * run[2]
    )
    return st.one_of(st.integers(0, 2**bits - 1), extreme, runs)


@st.composite
def products(draw: st.DrawFn) -> tuple[int, int, int, int]:
    limbs = draw(st.sampled_from([16, 24, 32, 48, 64]))
    modulus = draw(numbers(limbs)) | 1 | 1 << 64 * limbs - 1
    near = st.integers(-3, 3).map(lambda off: (modulus + off) % 2 ** (64 * limbs))
    either = st.one_of(numbers(limbs), near)
    return limbs, modulus, draw(either), draw(either)


@settings(max_examples=700, deadline=None)
@given(case=products())
def test_montgomery(program: Rsa, case: tuple[int, int, int, int]) -> None:
    limbs, modulus, a, b = case
    size = 8 * limbs
    answer = program.oracle.ask(b"m", modulus.to_bytes(size, "big"), a.to_bytes(size, "big") + b.to_bytes(size, "big"))
    found = [int.from_bytes(answer[at : at + size], "big") for at in range(0, len(answer), size)]
    inverse = pow(2 ** (64 * limbs), -1, modulus)
    below = [a * b * inverse % modulus, a * a * inverse % modulus, a % modulus]
    # A multiple of the modulus may come as the modulus, which is then put below it.
    assert found == below * 2


@pytest.mark.parametrize("limbs", [16, 24, 32])
def test_select(program: Rsa, limbs: int) -> None:
    for index in range(32):
        assert program.oracle.ask(b"i", bytes([index]), bytes([limbs])) == bytes([index, index])


@pytest.mark.parametrize("adx", [True, False])
@pytest.mark.parametrize("zeros", [0, 1])
def test_private(program: Rsa, key: Numbers, adx: bool, zeros: int) -> None:
    """Of numbers at both ends, of those that a prime divides, and of others."""
    assert program.set(key, zeros=zeros)
    used = program.change(adx=adx)
    assert adx or not used
    n = key.n
    messages = [0, 1, 2, n - 1, n - 2, n // 2, key.p, key.q, n - key.p, n - key.q, key.p * (key.q - 1)]
    messages += [int.from_bytes(hashlib.shake_256(bytes([i])).digest(program.size), "big") % n for i in range(6)]
    for message in messages:
        found = program.private(message)
        assert found == pow(message, key.d, n), message
    for message in (n, n + 1, 256**program.size - 1):
        assert program.private(message) is None


@settings(max_examples=10, deadline=None)
@given(digest=st.binary(min_size=32, max_size=32), salt=st.binary(min_size=32, max_size=32))
def test_signatures(program: Rsa, key: Numbers, digest: bytes, salt: bytes) -> None:
    """OpenSSL accepts both, and with this salt alone the first."""
    assert program.set(key)
    prehashed = Prehashed(hashes.SHA256())
    signature = program.oracle.ask(b"s", digest, salt)
    public(key).verify(signature, digest, padding.PSS(padding.MGF1(hashes.SHA256()), 32), prehashed)
    encoded = pow(int.from_bytes(signature, "big"), key.e, key.n).to_bytes(program.size, "big")
    assert encoded == pss(digest, salt, program.size)
    public(key).verify(program.oracle.ask(b"p", digest), digest, padding.PKCS1v15(), prehashed)


def pss(digest: bytes, salt: bytes, size: int) -> bytes:
    """RFC 8017, section 9.1.1."""
    seed = hashlib.sha256(bytes(8) + digest + salt).digest()
    masks = [hashlib.sha256(seed + i.to_bytes(4, "big")).digest() for i in range(size // 32 + 1)]
    block = bytes(size - 32 - 32 - 2) + b"\1" + salt
    masked = bytes(a ^ b for a, b in zip(block, b"".join(masks), strict=False))
    return bytes([masked[0] & 0x7F]) + masked[1:] + seed + b"\xbc"


def test_primes_at_the_ends(program: Rsa) -> None:
    """The largest primes of 1024 bits, and one that is as small as it may be beside them; either first."""
    top = [p for p in range(2**1024 - 1, 2**1024 - 12000, -2) if probably_prime(p)][:2]
    low = next(p for p in range(2**1023 + 2**1000 + 1, 2**1024, 2) if probably_prime(p))
    for p, q in ((top[0], top[1]), (top[1], top[0]), (top[0], low), (low, top[0])):
        for e in (3, 5, 17, 257, 65537, 2**32 - 1):
            if gcd(e, (p - 1) * (q - 1)) > 1:
                continue
            key = made_of(p, q, e)
            assert key.n.bit_length() == 2048
            assert program.set(key)
            for message in (2, key.n - 2, key.n // 3):
                assert program.private(message) == pow(message, key.d, key.n)


def probably_prime(p: int) -> bool:
    return pow(2, p - 1, p) == 1 and pow(3, p - 1, p) == 1


@pytest.fixture(scope="module")
def small() -> Numbers:
    return generate(2048, 65537)


def test_numbers_that_are_no_key(program: Rsa, small: Numbers) -> None:
    key = small
    swapped = replace(key, p=key.q, q=key.p, dp=key.dq, dq=key.dp)
    assert program.set(key)
    assert program.set(replace(swapped, qinv=pow(key.p, -1, key.q)))
    short = generate(1024, 65537)
    bad = {
        "qinv of the others": swapped,
        "n": replace(key, n=key.n + 2),
        "n is even": replace(key, n=key.n + 1),
        "n is empty": replace(key, n=0),
        "p": replace(key, p=key.p + 2),
        "q": replace(key, q=key.q - 2),
        "p is 0": replace(key, p=0),
        "p and q": replace(key, p=key.n, q=1),
        "dp": replace(key, dp=key.dp ^ 1),
        "dq": replace(key, dq=key.dq ^ 2**700),
        "dp is too large": replace(key, dp=key.dp + key.p - 1),
        "dp has no room": replace(key, dp=key.dp + 2**1024),
        "dp is 0": replace(key, dp=0),
        "qinv": replace(key, qinv=key.qinv ^ 2),
        "qinv is not below p": replace(key, qinv=key.qinv + key.p),
        "qinv is 0": replace(key, qinv=0),
        "e is another": replace(key, e=3),
        "too small": short,
        "too large for its size": replace(key, n=key.n * 2**64),
        "of 2040 bits": replace(key, n=key.n >> 8),
    }
    for what, numbers in bad.items():
        assert not program.set(numbers), what
    for e in (0, 1, 2, 65536, 2**32, 2**32 + 1, 2**64 + 65537):
        assert not program.set(replace(key, e=e)), e


def test_two_equal_primes(program: Rsa, small: Numbers) -> None:
    p = small.p
    d = pow(65537, -1, p - 1)
    if (p * p).bit_length() == 2048:
        assert not program.set(Numbers(p * p, 65537, p, p, d, d, 1))


def test_other_sizes(program: Rsa) -> None:
    for bits in (2056, 2176, 2560):
        assert not program.set(generate(bits, 65537)), bits


@pytest.mark.parametrize("adx", [True, False])
def test_faults(program: Rsa, small: Numbers, adx: bool) -> None:
    """
    A bit of the key changes while it is in memory. Nothing leaves that is wrong: by one prime's part alone the other
    prime could be told (Boneh, DeMillo, Lipton 1997).
    """
    message = 0x1234567 << 900
    right = pow(message, small.d, small.n)
    modulus = 16 + 2 * 64 * 8
    places = {"p": modulus, "q": 2 * modulus, "dp": 3 * modulus, "dq": 3 * modulus + 256, "qinv": 3 * modulus + 512}
    refused = 0
    for at in places.values():
        for byte in range(0, 128, 16):
            inside = 16 if at in (places["p"], places["q"]) else 0
            assert program.set(small)
            program.change(adx=adx, fault=8 * (at + inside + byte) + byte % 7)
            found = program.private(message)
            assert found in (None, right)
            refused += found is None
    assert refused == 8 * len(places)
