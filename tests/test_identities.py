"""Certificates as the module keeps them (kmod/identities.c), in user space: who serves a name, and what is refused."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab import sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.lock import Lock
from lab.tools import ensure_tools
from tests.test_clients import FLAGS as OTHERS
from tests.test_clients import LIBRARY
from tests.test_tls_rsa import Numbers, generate, made_of

KMOD = ROOT / "kmod"
SHIM = KMOD / "tests" / "tls"
ENGINE = [KMOD / f"tls_{name}.c" for name in ("rsa", "rsa_montgomery", "rsa_adx")]
SOURCES = [KMOD / "identities.c", SHIM / "identities.c", *ENGINE]
# The engine is built with these warnings, the module without this one.
FLAGS = (*OTHERS, "-Wno-unused-parameter")
KEY = b"a key of the tests".ljust(32, b"\1")
CHAIN = b"\0\0\3abc\0\0"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ECDSA, RSA = range(2)
EINVAL, EEXIST, E2BIG, ENOMEM = 22, 17, 7, 12


@cache
def rsa_key(bits: int = 2048) -> Numbers:
    return generate(bits, 65537)


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    cache = Cache()
    tools = ensure_tools(cache, Lock.load())
    texts = "".join((KMOD / f"identities.{kind}").read_text() for kind in "ch")
    headers = re.findall(r"#include <(.*)>", texts)
    parts = [
        *SOURCES,
        *sorted(KMOD.glob("tls_*.h")),
        *sorted(KMOD.glob("http_*.h")),
        KMOD / "identities.h",
        KMOD / "tickets.h",
    ]
    parts.append(SHIM / "identities_shim.h")

    def compile_into(folder: Path) -> None:
        for header in headers:
            path = folder / "include" / header
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('#include "identities_shim.h"\n')
        includes = [f"-I{path}" for path in (folder / "include", SHIM, KMOD)]
        command = ["gcc", *FLAGS, *LIBRARY, *includes, *map(str, SOURCES), "-o", str(folder / "identities.so")]
        done = subprocess.run(
            sandbox.command(tools, command, cwd=ROOT), capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr

    key = digest(
        "identities", tools.key, FLAGS, LIBRARY, tuple(headers), {str(path.relative_to(KMOD)): path for path in parts}
    )
    made = ctypes.CDLL(str(cache.ensure("http-tests", key, compile_into) / "identities.so"))
    made.weir_identities_alloc.restype = ctypes.c_void_p
    made.shim_said.restype = ctypes.c_char_p
    made.shim_longest.restype = ctypes.c_size_t
    made.shim_private.restype = ctypes.c_bool
    return made


class Identities:
    """Those of one configuration; `short` makes the allocation of this number, and all behind it, fail."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.at = ctypes.c_void_p(library.weir_identities_alloc())

    def add(
        self,
        *names: str,
        default: bool = False,
        chain: bytes = CHAIN,
        key: bytes | None = None,
        kind: int = ECDSA,
        staple: int = 0,
    ) -> int:
        texts = b"".join(name.encode() + b"\0" for name in names)
        key = rsa_key().packed() if key is None and kind == RSA else key or (KEY if key is None else b"")
        sizes = [ctypes.c_size_t(size) for size in (len(chain), len(key), staple)]
        return -int(
            self.library.shim_add(self.at, chain, sizes[0], kind, key, sizes[1], default, len(names), texts, sizes[2])
        )

    def finish(self, *, refuse: bool = False) -> int:
        return -int(self.library.shim_finish(self.at, refuse))

    def both(self, name: str | bytes) -> tuple[int | None, int | None]:
        """Who serves a name, with a key of ECDSA and with one of RSA."""
        text = name.encode() if isinstance(name, str) else name
        numbers = (ctypes.c_int * 2)()
        self.library.shim_find(self.at, text, ctypes.c_size_t(len(text)), numbers)
        ecdsa, rsa = (None if number < 0 else number for number in numbers)
        return ecdsa, rsa

    def find(self, name: str | bytes) -> int | None:
        """The one who serves a name, where none has a key of RSA."""
        ecdsa, rsa = self.both(name)
        assert rsa is None
        return ecdsa

    def private(self, number: int, message: int, size: int) -> int:
        """With a key of RSA."""
        result = ctypes.create_string_buffer(size)
        assert self.library.shim_private(self.at, number, result, message.to_bytes(size, "big"))
        return int.from_bytes(result.raw, "big")

    @property
    def said(self) -> str:
        text = self.library.shim_said()
        return str(text.decode())

    def put(self) -> None:
        self.library.weir_identities_put(self.at)


@pytest.fixture
def make(library: ctypes.CDLL) -> Iterator[Callable[[], Identities]]:
    """New ones, of which nothing is left in the end, and of no key anything in memory that was freed."""
    made: list[Identities] = []

    def new() -> Identities:
        made.append(Identities(library))
        return made[-1]

    yield new
    for identities in made:
        identities.put()
    assert ctypes.c_int.in_dll(library, "shim_blocks").value == 0
    assert ctypes.c_int.in_dll(library, "shim_leaks").value == 0


@pytest.fixture
def identities(make: Callable[[], Identities]) -> Identities:
    return make()


def test_exact_before_wildcard_before_default(identities: Identities) -> None:
    assert identities.add("z.example") == 0
    assert identities.add("*.shop.example", "shop.example") == 0
    assert identities.add("a.shop.example", "*.a.shop.example") == 0
    assert identities.finish() == 0
    for name, number in {
        "shop.example": 1,
        "b.shop.example": 1,
        "a.shop.example": 2,
        "b.a.shop.example": 2,
        "c.b.shop.example": 0,
        "example": 0,
        "": 0,
        "z.example": 0,
        ".shop.example": 0,
        "shop.example.": 0,
        "xshop.example": 0,
    }.items():
        assert identities.find(name) == number, name


def test_case_does_not_count(identities: Identities) -> None:
    identities.add("first.example")
    identities.add("shop.example", "*.shop.example")
    identities.finish()
    assert [identities.find(name) for name in ("SHOP.example", "A.Shop.EXAMPLE", "@hop.example")] == [1, 1, 0]


def test_any_bytes_may_be_asked_for(identities: Identities) -> None:
    identities.add("a.example", "*.a.example")
    identities.add("b.example", default=True)
    identities.finish()
    assert identities.find(bytes(range(256))[:255]) == 1
    assert identities.find(b"\0") == 1
    assert identities.find(b"\xff" * 300) == 1
    assert identities.find(b"x" * 244 + b".a.example") == 1
    assert identities.find(b"x" * 243 + b".a.example") == 0
    assert identities.find(b"\0.a.example") == 0


def test_marked_one_is_the_default(identities: Identities) -> None:
    identities.add("a.example")
    identities.add("b.example", default=True)
    assert identities.finish() == 0
    assert identities.find("c.example") == 1


def test_unknown_names_are_refused(identities: Identities) -> None:
    identities.add("a.example")
    assert identities.finish(refuse=True) == 0
    assert [identities.find(name) for name in ("a.example", "b.example", "")] == [0, None, None]


def test_defaults_that_contradict(make: Callable[[], Identities]) -> None:
    two = make()
    two.add("a.example", default=True)
    two.add("b.example", default=True)
    assert (two.finish(), two.said) == (EINVAL, "two certificates are the default")
    both = make()
    both.add("a.example", default=True)
    assert (both.finish(refuse=True), both.said) == (
        EINVAL,
        "a certificate is the default, but unknown names are refused",
    )


@pytest.mark.parametrize("count", [1, 2])
def test_name_is_given_twice(identities: Identities, count: int) -> None:
    identities.add(*["a.example"] * count)
    identities.add("b.example", *["a.example"] * (2 - count))
    assert (identities.finish(), identities.said) == (EEXIST, "name a.example is given twice")


def test_long_name_that_is_given_twice(identities: Identities) -> None:
    name = "n" * 253
    identities.add(name, name)
    assert identities.finish() == EEXIST
    assert identities.said == f"name {name[:56]} is given twice"


@pytest.mark.parametrize(
    ("key", "good"),
    [
        (0, False),
        (1, True),
        (ORDER - 1, True),
        (ORDER, False),
        (ORDER + 1, False),
        (2**256 - 1, False),
        (ORDER - 2**8, True),
        (ORDER ^ (1 << 255), True),
        (ORDER + 2**32, False),
        (ORDER - 2**224, True),
        (1 << 255, True),
        (2**224 - 1, True),
    ],
)
def test_range_of_keys(identities: Identities, key: int, good: bool) -> None:
    assert identities.add("a.example", key=key.to_bytes(32, "big")) == (0 if good else EINVAL)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_length_of_keys(identities: Identities, length: int) -> None:
    assert identities.add("a.example", key=b"\1" * length) == EINVAL


@given(st.integers(0, 2**256 - 1) | st.integers(ORDER - 2**64, ORDER + 2**64))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_key(library: ctypes.CDLL, key: int) -> None:
    identities = Identities(library)
    assert (identities.add(key=key.to_bytes(32, "big")) == 0) == (0 < key < ORDER)
    identities.put()


def entry(length: int, more: bytes = b"\0\0") -> bytes:
    return length.to_bytes(3, "big") + b"\x30" * length + more


@pytest.mark.parametrize(
    ("chain", "good"),
    [
        (entry(1), True),
        (entry(700) + entry(900), True),
        (entry(15355), True),
        (entry(15356), False),
        (entry(15350) + entry(1), False),
        (b"", False),
        (b"\0", False),
        (b"\0\0\1", False),
        (entry(3)[:-1], False),
        (entry(3) + b"\0", False),
        (entry(0), False),
        (entry(3) + entry(0), False),
        (entry(3, b"\0\1x"), False),
        (entry(3, b"\1\0"), False),
        (b"\xff\xff\xff" + b"x" * 20, False),
    ],
)
def test_form_of_chains(library: ctypes.CDLL, identities: Identities, chain: bytes, good: bool) -> None:
    assert identities.add("a.example", chain=chain) == (0 if good else EINVAL)
    assert identities.finish() == 0
    assert library.shim_longest(identities.at) == (len(chain) if good else 0)


@pytest.mark.parametrize(
    ("chain", "staple", "said"),
    [
        (0, 1, None),
        (0, 8192, None),
        (0, 8193, "the staple has more than 8192 bytes"),
        (7168 - 5, 8192, None),
        (7168 - 4, 8192, "chain and staple have more than 15360 bytes"),
        (15360 - 5, 0, None),
        (15360 - 5, 1, "chain and staple have more than 15360 bytes"),
    ],
)
def test_staples(library: ctypes.CDLL, identities: Identities, chain: int, staple: int, said: str | None) -> None:
    """Chain and staple have to fit into one record: the longest counts with both."""
    listed = (chain or 3).to_bytes(3, "big") + bytes(chain or 3) + b"\0\0"
    assert identities.add("a.example", chain=listed, staple=staple) == (EINVAL if said else 0)
    assert not said or identities.said == said
    assert identities.add("b.example") == 0
    assert identities.finish() == 0
    assert library.shim_longest(identities.at) == (len(CHAIN) if said else len(listed) + staple)


def test_memory_fails_with_a_staple(library: ctypes.CDLL, identities: Identities) -> None:
    ctypes.c_int.in_dll(library, "shim_allocations").value = 0
    try:
        assert identities.add("a.example", staple=100) == ENOMEM
    finally:
        ctypes.c_int.in_dll(library, "shim_allocations").value = -1


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("a", True),
        ("a.example", True),
        ("*.example", True),
        ("xn--bcher-kva.example", True),
        ("_dmarc.example", True),
        ("192.0.2.1", True),
        ("a" * 253, True),
        ("a" * 254, False),
        ("", False),
        ("*", False),
        ("*.", False),
        ("*.*.example", False),
        ("a.*.example", False),
        ("*a.example", False),
        ("A.example", False),
        ("a..example", False),
        (".example", False),
        ("a.example.", False),
        ("a example", False),
        ("a:443", False),
        ("[::1]", False),
        ("b\u00fccher.example", False),
    ],
)
def test_form_of_names(identities: Identities, name: str, good: bool) -> None:
    assert identities.add(name) == (0 if good else EINVAL)


def test_bounds(identities: Identities) -> None:
    names = [f"n{number}.example" for number in range(101)]
    assert (identities.add(*names), identities.said) == (E2BIG, "a certificate has more than 100 names")
    assert identities.add(*names[:100]) == 0
    assert [identities.add(f"m{number}.example") for number in range(255)] == [0] * 255
    assert (identities.add("one.more.example"), identities.said) == (E2BIG, "more than 256 certificates")
    assert identities.finish() == 0
    assert [identities.find(name) for name in names] == [0] * 101
    assert [identities.find(f"m{number}.example") for number in range(255)] == list(range(1, 256))


def test_last_reference_frees(library: ctypes.CDLL) -> None:
    identities = Identities(library)
    identities.add("a.example")
    identities.finish()
    library.weir_identities_get(identities.at)
    identities.put()
    assert identities.find("a.example") == 0
    identities.put()
    assert ctypes.c_int.in_dll(library, "shim_blocks").value == 0
    assert ctypes.c_int.in_dll(library, "shim_leaks").value == 0
    library.weir_identities_put(None)


@pytest.mark.parametrize("count", range(4))
def test_memory_that_is_short(library: ctypes.CDLL, count: int) -> None:
    allocations = ctypes.c_int.in_dll(library, "shim_allocations")
    allocations.value = count
    try:
        at = library.weir_identities_alloc()
        assert bool(at) == (count > 0)
        if not at:
            return
        identities = Identities.__new__(Identities)
        identities.library, identities.at = library, ctypes.c_void_p(at)
        assert identities.add("a.example") == (0 if count > 1 else ENOMEM)
        if count > 1:
            assert identities.finish() == (0 if count > 2 else ENOMEM)
        identities.put()
        assert ctypes.c_int.in_dll(library, "shim_blocks").value == 0
    finally:
        allocations.value = -1


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_key_of_rsa(identities: Identities, bits: int) -> None:
    key = rsa_key(bits)
    assert identities.add("a.example", kind=RSA, key=key.packed(zeros=1)) == 0
    assert pow(identities.private(0, 12345, bits // 8), key.e, key.n) == 12345


def test_key_of_rsa_is_wiped(library: ctypes.CDLL) -> None:
    """In all that was freed, also where it is refused."""
    secret = ctypes.c_uint64.in_dll(library, "shim_secret")
    key = rsa_key()
    secret.value = key.p % 2**64
    try:
        identities = Identities(library)
        assert identities.add("a.example", kind=RSA) == 0
        assert identities.add("a.example", kind=RSA, key=replace(key, dq=key.dq + 1).packed()) == EINVAL
        assert identities.add("a.example", kind=RSA, key=key.packed()[:-1]) == EINVAL
        identities.put()
        assert ctypes.c_int.in_dll(library, "shim_leaks").value == 0
    finally:
        secret.value = 0


def short() -> Numbers:
    key = generate(1024, 65537)
    return made_of(key.p, key.q, 65537)


BAD_RSA: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "one-byte": lambda: b"\1",
    "p-256": lambda: KEY,
    "cut": lambda: rsa_key().packed()[:-1],
    "length": lambda: b"\xff\xff" + rsa_key().packed()[2:],
    "more": lambda: rsa_key().packed() + b"\0",
    "eight-numbers": lambda: rsa_key().packed() + b"\0\1\1",
    "six-numbers": lambda: rsa_key().packed()[: -2 - (rsa_key().qinv.bit_length() + 7) // 8],
    "nothing": lambda: bytes(14),
    "short": lambda: short().packed(),
    "swapped": lambda: replace(rsa_key(), p=rsa_key().q, q=rsa_key().p).packed(),
    "other-modulus": lambda: replace(rsa_key(), n=rsa_key().n + 2).packed(),
    "even": lambda: replace(rsa_key(), e=65536).packed(),
}


@pytest.mark.parametrize("kind", BAD_RSA)
def test_no_key_of_rsa(identities: Identities, kind: str) -> None:
    assert identities.add("a.example", kind=RSA, key=BAD_RSA[kind]()) == EINVAL
    assert identities.said == "the key is no private key of RSA with 2048, 3072 or 4096 bits"
    assert identities.finish() == 0
    assert identities.both("a.example") == (None, None)


@given(st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_bytes_as_a_key_of_rsa(library: ctypes.CDLL, data: st.DataObject) -> None:
    """Cut, lengthened or with a byte changed, it is no key, but where zeros in front of a number are."""
    whole = rsa_key().packed()
    at = data.draw(st.integers(0, len(whole) - 1))
    key = data.draw(
        st.sampled_from([
            whole[:at], whole + whole[at:], whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :],
        ]) | st.binary(max_size=1500)
    )  # fmt: skip
    identities = Identities(library)
    assert identities.add(kind=RSA, key=key) == EINVAL
    identities.put()


@pytest.mark.parametrize("count", range(3))
def test_memory_for_a_key_of_rsa_is_short(library: ctypes.CDLL, count: int) -> None:
    identities = Identities(library)
    allocations = ctypes.c_int.in_dll(library, "shim_allocations")
    allocations.value = count
    try:
        assert identities.add("a.example", kind=RSA) == (0 if count == 2 else ENOMEM)
    finally:
        allocations.value = -1
    identities.put()
    assert ctypes.c_int.in_dll(library, "shim_blocks").value == 0


def test_both_kinds_serve_a_name(identities: Identities) -> None:
    assert identities.add("shop.example", "*.shop.example") == 0
    assert identities.add("shop.example", "a.shop.example", "b.b.shop.example", kind=RSA) == 0
    assert identities.add("b.shop.example") == 0
    assert identities.add("*.shop.example", "*.b.shop.example", kind=RSA) == 0
    assert identities.add("only.example", kind=RSA) == 0
    assert identities.finish() == 0
    assert {
        name: identities.both(name)
        for name in (
            "shop.example", "a.shop.example", "b.shop.example", "c.shop.example", "a.b.shop.example",
            "b.b.shop.example", "only.example", "unknown.example",
        )
    } == {
        "shop.example": (0, 1), "a.shop.example": (0, 1), "b.shop.example": (2, 3), "c.shop.example": (0, 3),
        "a.b.shop.example": (None, 3), "b.b.shop.example": (None, 1), "only.example": (None, 4),
        "unknown.example": (0, 1),
    }  # fmt: skip


def test_default_of_each_kind(make: Callable[[], Identities]) -> None:
    """Those that are marked; where nobody is, the first of each kind."""
    for marked, expected in (((), (1, 0)), ((2,), (None, 2)), ((3,), (3, None)), ((2, 3), (3, 2))):
        identities = make()
        for number, kind in enumerate((RSA, ECDSA, RSA, ECDSA)):
            identities.add(f"n{number}.example", kind=kind, default=number in marked)
        assert identities.finish() == 0
        assert identities.both("") == identities.both("unknown.example") == expected
    two = make()
    for _ in range(2):
        two.add(kind=RSA, default=True)
    assert (two.finish(), two.said) == (EINVAL, "two certificates are the default")


def test_name_is_given_twice_within_a_kind(identities: Identities) -> None:
    for kind in (RSA, ECDSA, RSA):
        assert identities.add("b.example", kind=kind) == 0
    assert (identities.finish(), identities.said) == (EEXIST, "name b.example is given twice")


LABELS = st.sampled_from(["a", "b", "aa", "example"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
SERVED = st.builds(lambda star, name: ("*." if star else "") + name, st.booleans(), NAMES)
CERTIFICATE = st.tuples(st.sampled_from([ECDSA, RSA]), st.lists(SERVED, max_size=4), st.booleans())


@given(st.lists(CERTIFICATE, max_size=6), st.lists(NAMES, max_size=10), st.booleans())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_as_a_dictionary_says(
    library: ctypes.CDLL, served: list[tuple[int, list[str], bool]], asked: list[str], refuse: bool
) -> None:
    identities = Identities(library)
    known = {(kind, name): number for number, (kind, names, _) in enumerate(served) for name in names}
    marked = [kind for kind, _, default in served if default]
    for kind, names, default in served:
        assert identities.add(*names, kind=kind, default=default) == 0
    finished = identities.finish(refuse=refuse)
    if len(set(marked)) < len(marked) or (marked and refuse):
        assert finished == EINVAL
    elif len(known) < sum(len(names) for _, names, _ in served):
        assert finished == EEXIST
    else:
        assert finished == 0
        otherwise = [
            next((i for i, (one, _, default) in enumerate(served) if one == kind and default == bool(marked)), None)
            for kind in (ECDSA, RSA)
        ]
        for name in [*asked, *(name.replace("*", "b") for _, name in known)]:
            wildcard = "*." + name.partition(".")[2]
            found = [known.get((kind, name), known.get((kind, wildcard))) for kind in (ECDSA, RSA)]
            if found == [None, None]:
                found = [None, None] if refuse else otherwise
            assert identities.both(name) == tuple(found)
    identities.put()
