"""P-256 and X25519 of the TLS engine: RFCs' vectors, edge cases, random values against Python and OpenSSL."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import sandbox
from lab.tools import ToolsTree
from tests.oracle import Oracle
from tests.test_http_parser import tools
from tests.tls_programs import FLAGS, SUITES, build

__all__ = ["tools"]

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

LIMBS = st.sampled_from([0, 1, 2, 2**32 - 1, 2**32, 2**63, 2**64 - 2**32, 2**64 - 2, 2**64 - 1])
"""Where carries begin and end."""
EDGES = st.builds(lambda a, b, c, d: a | b << 64 | c << 128 | d << 192, LIMBS, LIMBS, LIMBS, LIMBS)
NEAR = st.builds(
    lambda base, off: (base + off) % 2**256, st.sampled_from([0, N, P, 2**255, N // 2]), st.integers(-40, 40)
)
NUMBERS = st.one_of(st.integers(0, 2**256 - 1), EDGES, NEAR)
SECRETS = st.one_of(
    st.integers(1, N - 1), EDGES.map(lambda value: value % (N - 1) + 1), NEAR.filter(lambda v: 0 < v < N)
)


def octets(value: int) -> bytes:
    return value.to_bytes(32, "big")


def numbers(answer: bytes) -> list[int]:
    return [int.from_bytes(answer[at : at + 32], "big") for at in range(0, len(answer), 32)]


def point_of(secret: int) -> bytes:
    return ec.derive_private_key(secret, ec.SECP256R1()).public_key().public_bytes(
        Encoding.X962, PublicFormat.UncompressedPoint
    )  # fmt: skip


def x25519_of(secret: bytes) -> bytes:
    return x25519.X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


@pytest.fixture(scope="module", params=[0, 1], ids=["plain", "adx"])
def oracle(tools: ToolsTree, request: pytest.FixtureRequest) -> Iterator[Oracle]:
    """By instructions that every processor has, and by those of BMI2 and ADX."""
    if request.param and not {"bmi2", "adx"} <= set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split()):
        pytest.skip("this processor lacks BMI2 or ADX")
    sources = [SUITES / "oracle.c", SUITES / "crypto.c"]
    one = Oracle(sandbox.command(tools, [build(tools, "oracle", sources, (*FLAGS, f"-DTLS_ADX={request.param}"))]))
    yield one
    one.end()


def test_table_is_what_the_generator_writes() -> None:
    subprocess.run([sys.executable, str(SUITES / "table.py"), "--check"], check=True, timeout=60)


@settings(max_examples=3000, deadline=None)
@given(a=NUMBERS, b=NUMBERS)
def test_field(oracle: Oracle, a: int, b: int) -> None:
    found = numbers(oracle.ask(b"f", octets(a), octets(b)))
    if a >= P or b >= P:
        assert not found
    else:
        assert found == [(a + b) % P, (a - b) % P, a * b % P, a * a % P, pow(a, P - 2, P)]


@settings(max_examples=3000, deadline=None)
@given(a=NUMBERS, b=NUMBERS)
def test_scalars(oracle: Oracle, a: int, b: int) -> None:
    found = numbers(oracle.ask(b"n", octets(a), octets(b)))
    assert found[:2] == [a % N, b % N]
    if 0 < a < N and 0 < b < N:
        assert found[2:] == [(a + b) % N, a * b % N, pow(a, -1, N)]
    else:
        assert len(found) == 2


@settings(max_examples=300, deadline=None)
@given(key=st.binary(max_size=64), text=st.binary(max_size=300))
def test_hmac(oracle: Oracle, key: bytes, text: bytes) -> None:
    assert oracle.ask(b"h", key, text) == hmac.digest(key, text, "sha256")
    assert oracle.ask(b"H", key, text) == hmac.digest(key, text, "sha384")


@settings(max_examples=600, deadline=None)
@given(secret=SECRETS)
def test_public_key(oracle: Oracle, secret: int) -> None:
    assert oracle.ask(b"p", octets(secret)) == point_of(secret)


def test_public_key_of_every_digit(oracle: Oracle) -> None:
    """Each of the 52 digits takes each of its 33 values, alone and above a borrow."""
    for digit in range(52):
        for value in range(1, 33):
            for secret in (value << 5 * digit, (value << 5 * digit) - 1):
                if 0 < secret < N:
                    assert oracle.ask(b"p", octets(secret)) == point_of(secret), (digit, value)


@settings(max_examples=600, deadline=None)
@given(secret=NUMBERS)
def test_public_key_of_x25519(oracle: Oracle, secret: int) -> None:
    assert oracle.ask(b"x", octets(secret)) == x25519_of(octets(secret))


def test_public_key_of_x25519_with_every_digit(oracle: Oracle) -> None:
    """Each of the 64 digits takes each of its 17 values, alone and above a borrow."""
    for digit in range(64):
        for value in range(1, 17):
            for secret in (value << 4 * digit, (value << 4 * digit) - 1):
                secret_bytes = (secret % 2**256).to_bytes(32, "little")
                assert oracle.ask(b"x", secret_bytes) == x25519_of(secret_bytes), (digit, value)


P25519 = 2**255 - 19
SMALL = [0, 1, P25519 - 1, P25519, P25519 + 1]
"""Points of a small order, with those on the curve's twist that are not 0, 1 or -1: RFC 7748, section 6.1."""
SMALL += [
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]


def little(value: int) -> bytes:
    return (value % 2**256).to_bytes(32, "little")


def near(value: int) -> st.SearchStrategy[int]:
    return st.integers(-40, 40).map(lambda off: (value + off) % 2**256)


FIELD = st.one_of(NUMBERS, near(0), near(P25519), near(2 * P25519), near(2**255))


@settings(max_examples=3000, deadline=None)
@given(a=FIELD, b=FIELD)
def test_field_of_x25519(oracle: Oracle, a: int, b: int) -> None:
    answer = oracle.ask(b"F", little(a), little(b))
    found = [int.from_bytes(answer[at : at + 32], "little") for at in range(0, len(answer), 32)]
    expected = [a + b, a - b, a * b, a * a, a * b, a * a, b + 121666 * a, pow(a, P25519 - 2, P25519)]
    # What a sum and a difference are given: one of their operands is no more than a product.
    first = 0 if b < 2**255 + 2**24 else 2
    assert [value % P25519 for value in found[first:]] == [value % P25519 for value in expected[first:]]
    assert all(value < 2**255 + 2**24 for value in found[2:])


@settings(max_examples=600, deadline=None)
@given(secret=NUMBERS, point=FIELD)
def test_shared_secret_of_x25519(oracle: Oracle, secret: int, point: int) -> None:
    """Any number is a point, of the curve or of its twist; OpenSSL refuses the few whose multiples are 0."""
    mine, theirs = octets(secret), little(point)
    try:
        shared = x25519.X25519PrivateKey.from_private_bytes(mine).exchange(
            x25519.X25519PublicKey.from_public_bytes(theirs)
        )
    except ValueError:
        shared = b""
    assert oracle.ask(b"X", mine, theirs) == shared
    assert oracle.ask(b"b", mine, theirs) == (shared and x25519_of(mine) + shared)


@pytest.mark.parametrize("point", SMALL)
def test_shared_secret_of_x25519_that_is_none(oracle: Oracle, point: int) -> None:
    for high in 0, 2**255:
        assert not oracle.ask(b"X", bytes(32), little(point | high))
        assert not oracle.ask(b"b", bytes(32), little(point | high))


def test_rfc_7748(oracle: Oracle) -> None:
    """Section 5.2, with a thousand rounds."""
    for scalar, point, result in (
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ):
        assert oracle.ask(b"X", bytes.fromhex(scalar), bytes.fromhex(point)).hex() == result
    last, before = little(9), little(9)
    for _ in range(1000):
        last, before = oracle.ask(b"X", last, before), last
    assert last.hex() == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"


@settings(max_examples=600, deadline=None)
@given(secret=SECRETS, other=SECRETS)
def test_shared_secret(oracle: Oracle, secret: int, other: int) -> None:
    mine = ec.derive_private_key(secret, ec.SECP256R1())
    theirs = ec.derive_private_key(other, ec.SECP256R1()).public_key()
    assert oracle.ask(b"d", octets(secret), point_of(other)) == mine.exchange(ec.ECDH(), theirs)


def test_shared_secret_of_small_and_large_numbers(oracle: Oracle) -> None:
    """Where a sum is neutral, or could meet the multiple that is added to it."""
    base = point_of(1)
    special = {N % 2**k for k in range(256)} | {2**k for k in range(256)}
    special |= {2**k - 1 for k in range(257)} | {N - 2**k for k in range(255)} | set(range(1, 80))
    for secret in sorted(special | {N - value for value in range(1, 80)}):
        if 0 < secret < N:
            assert oracle.ask(b"d", octets(secret), base) == point_of(secret)[1:33], secret


@pytest.mark.parametrize("secret", [0, N, N + 1, P, 2**256 - 1])
def test_secret_that_is_none(oracle: Oracle, secret: int) -> None:
    assert not oracle.ask(b"p", octets(secret))
    assert not oracle.ask(b"d", octets(secret), point_of(2))
    assert not oracle.ask(b"s", octets(secret), bytes(32))


@settings(max_examples=400, deadline=None)
@given(secret=SECRETS, bit=st.integers(0, 65 * 8 - 1))
def test_point_that_is_none(oracle: Oracle, secret: int, bit: int) -> None:
    """No bit of a point can be changed."""
    point = bytearray(point_of(secret))
    point[bit // 8] ^= 1 << bit % 8
    assert not oracle.ask(b"d", octets(1), bytes(point))


def test_coordinates_have_one_form(oracle: Oracle) -> None:
    """A point with p added to x, which still fits for x below 2^256 - p, is none."""
    x = next(x for x in range(5, 100) if pow(x**3 - 3 * x + B, (P - 1) // 2, P) == 1)
    y = pow(x**3 - 3 * x + B, (P + 1) // 4, P)
    assert oracle.ask(b"d", octets(1), b"\4" + octets(x) + octets(y)) == octets(x)
    assert not oracle.ask(b"d", octets(1), b"\4" + octets(x + P) + octets(y))
    assert not oracle.ask(b"d", octets(1), b"\4" + bytes(64))


B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def test_rfc_5903(oracle: Oracle) -> None:
    """Section 8.1: both sides of an exchange."""
    i = "C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433"
    r = "C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53"
    gi = (
        "04DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180"
        "5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3"
    )
    gr = (
        "04D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63"
        "56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB"
    )
    gir = "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE"
    assert oracle.ask(b"p", bytes.fromhex(i)).hex().upper() == gi
    assert oracle.ask(b"p", bytes.fromhex(r)).hex().upper() == gr
    assert oracle.ask(b"d", bytes.fromhex(i), bytes.fromhex(gr)).hex().upper() == gir
    assert oracle.ask(b"d", bytes.fromhex(r), bytes.fromhex(gi)).hex().upper() == gir


@pytest.mark.parametrize(
    ("message", "r", "s"),
    [
        (
            b"sample",
            0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
            0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
        ),
        (
            b"test",
            0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
            0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
        ),
    ],
)
def test_rfc_6979(oracle: Oracle, message: bytes, r: int, s: int) -> None:
    """Appendix A.2.5, with SHA-256."""
    secret = bytes.fromhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
    signature = oracle.ask(b"s", secret, hashlib.sha256(message).digest())
    assert decode_dss_signature(signature) == (r, s)


HASHES = st.one_of(st.binary(min_size=32, max_size=32), NUMBERS.map(octets))


@settings(max_examples=600, deadline=None)
@given(secret=SECRETS, digest=HASHES, random=st.binary(min_size=32, max_size=32))
def test_signature(oracle: Oracle, secret: int, digest: bytes, random: bytes) -> None:
    """OpenSSL accepts it, and no other hash with it; the nonce is the one that RFC 6979 says."""
    public = ec.derive_private_key(secret, ec.SECP256R1()).public_key()
    for seed in (b"", random):
        signature = oracle.ask(b"s", octets(secret), digest + seed)
        public.verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        r, _ = decode_dss_signature(signature)
        assert r == int.from_bytes(point_of(nonce(secret, digest, seed))[1:33], "big") % N
        with pytest.raises(InvalidSignature):
            public.verify(signature, bytes([digest[0] ^ 1]) + digest[1:], ec.ECDSA(Prehashed(hashes.SHA256())))


def nonce(secret: int, digest: bytes, seed: bytes) -> int:
    """Of RFC 6979, sections 3.2 and 3.6."""
    material = octets(secret) + octets(int.from_bytes(digest, "big") % N) + seed
    key, value = bytes(32), b"\1" * 32
    for step in (b"\0", b"\1"):
        key = hmac.digest(key, value + step + material, "sha256")
        value = hmac.digest(key, value, "sha256")
    while True:
        value = hmac.digest(key, value, "sha256")
        if 0 < int.from_bytes(value, "big") < N:
            return int.from_bytes(value, "big")
        key = hmac.digest(key, value + b"\0", "sha256")
        value = hmac.digest(key, value, "sha256")
