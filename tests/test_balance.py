"""The arithmetic by which Weir chooses servers: kmod/balance.c, built for user space and called from here."""

from __future__ import annotations

import ctypes
import hashlib
import math
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lab import sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.lock import Lock
from lab.tools import ensure_tools

SOURCES = [ROOT / "kmod" / name for name in ("balance.c", "balance.h", "http_types.h")]
# Undefined behaviour ends the test.
FLAGS = (
    "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Wno-sign-compare", "-Werror", "-shared", "-fPIC", "-nostdlib",
    "-fsanitize=undefined", "-fsanitize-trap=all",
)  # fmt: skip
UNIT = 256
WEIGHT_MAX = 1000
U32, U64 = ctypes.c_uint32, ctypes.c_uint64


class Balance:
    """The functions of balance.h, with Python's types."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.balance_add.restype = U32
        self._library.balance_pass.restype = U32
        self._library.balance_distance.restype = U32
        self._library.balance_ramp.restype = U32
        self._library.balance_less.restype = ctypes.c_bool

    def distance(self, value: int) -> int:
        return int(self._library.balance_distance(U64(value)))

    def ramp(self, weight: int, elapsed: int, duration: int) -> int:
        return int(self._library.balance_ramp(U32(weight), U64(elapsed), U64(duration)))

    def less(self, load_a: int, weight_a: int, load_b: int, weight_b: int) -> bool:
        return bool(self._library.balance_less(U32(load_a), U32(weight_a), U32(load_b), U32(weight_b)))

    def turns(self, weights: Sequence[int]) -> Turns:
        return Turns(self._library, weights)

    def nearest(self, key: str, servers: dict[str, int]) -> str:
        """Whose the key is, as choose.c finds it."""
        best, least = "", 0
        for name, weight in servers.items():
            value = int.from_bytes(hashlib.blake2b(f"{key}|{name}".encode(), digest_size=8).digest())
            distance = self.distance(value)
            if not best or self.less(distance, weight, least, servers[best]):
                best, least = name, distance
        return best


class Turns:
    """Smooth weighted round-robin over servers, each with its weight."""

    def __init__(self, library: ctypes.CDLL, weights: Sequence[int]) -> None:
        self._library = library
        self.count = len(weights)
        self.weights = (U32 * self.count)(*weights)
        self.gained = (ctypes.c_int * self.count)()

    def next(self, passed_over: frozenset[int] = frozenset()) -> int:
        """Whose turn it is, where those `passed_over` have no connection; -1: nobody's."""
        weights = (U32 * self.count)(*self.weights)
        spent = self._library.balance_add(self.gained, weights, self.count)
        while (best := int(self._library.balance_best(self.gained, weights, self.count))) in passed_over:
            spent -= self._library.balance_pass(self.gained, weights, best)
        if best >= 0:
            self.gained[best] -= spent
        return best


@pytest.fixture(scope="module")
def balance() -> Balance:
    cache = Cache()
    tools = ensure_tools(cache, Lock.load())

    def compile_into(folder: Path) -> None:
        argv = sandbox.command(tools, ["gcc", *FLAGS, "-o", folder / "balance.so", SOURCES[0]], cwd=ROOT)
        completed = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        assert completed.returncode == 0, completed.stderr

    key = digest("balance", tools.key, FLAGS, {path.name: path for path in SOURCES})
    return Balance(cache.ensure("http-tests", key, compile_into) / "balance.so")


def test_turns_are_spread_within_a_row(balance: Balance) -> None:
    turns = balance.turns([5, 1, 1])
    assert [turns.next() for _ in range(14)] == [0, 0, 1, 0, 2, 0, 0] * 2


@pytest.mark.parametrize("weights", [[1], [1, 1], [3, 1], [1, 2, 3, 10], [7] * 64, [1000, 1], [WEIGHT_MAX] * 64])
def test_turns_in_a_row_are_exactly_the_weights(balance: Balance, weights: list[int]) -> None:
    turns = balance.turns([weight * UNIT for weight in weights])
    parts = math.gcd(*weights)
    row = sum(weights) // parts
    for _ in range(3):
        had = Counter(turns.next() for _ in range(row))
        assert [had[i] for i in range(len(weights))] == [weight // parts for weight in weights]


def test_no_turn_without_weights(balance: Balance) -> None:
    turns = balance.turns([0, 0, 0])
    assert turns.next() == -1
    assert list(turns.gained) == [0, 0, 0]


def test_who_has_no_weight_has_no_turn(balance: Balance) -> None:
    turns = balance.turns([2, 0, 1])
    assert [turns.next() for _ in range(6)] == [0, 2, 0] * 2


def test_who_was_passed_over_does_not_have_all_turns_at_once(balance: Balance) -> None:
    turns = balance.turns([1, 1, 2])
    passed = Counter(turns.next(frozenset({0})) for _ in range(3000))
    assert [passed[i] for i in range(3)] == pytest.approx([0, 1000, 2000], abs=2)
    # One turn more than its share, wherever it stood when it was passed over first.
    for row in range(1, 100):
        had = Counter(turns.next() for _ in range(4))
        assert [had[i] for i in range(3)] == pytest.approx([1, 1, 2], abs=int(row == 1))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((1, 1), (2, 1), True),
        ((2, 1), (2, 1), False),
        ((2, 3), (1, 1), True),
        ((2**32 - 1, 256_000), (2**32 - 1, 255_999), True),
    ],
)
def test_load_is_compared_by_weight(balance: Balance, a: tuple[int, int], b: tuple[int, int], expected: bool) -> None:
    assert balance.less(*a, *b) is expected


@pytest.mark.parametrize(
    "value", [0, 1, 2, 3, 2**32 - 1, 2**63, 2**63 + 1, 3 << 62, 2**64 - 2**40, 2**64 - 1, 0x0123456789ABCDEF]
)
def test_distance_is_the_logarithm(balance: Balance, value: int) -> None:
    exact = 64 - math.log2(value | 1)
    assert balance.distance(value) / 2**24 == pytest.approx(exact, abs=2**-22)


def keys(count: int) -> list[str]:
    return [f"/page/{number}" for number in range(count)]


SERVERS = {"a": 1, "b": 2, "c": 3, "d": 10}
KEYS = keys(20_000)


def test_shares_of_keys_are_as_the_weights(balance: Balance) -> None:
    """Within four standard deviations of what chance allows, about 1 % of the keys."""
    had = Counter(balance.nearest(key, SERVERS) for key in KEYS)
    for name, weight in SERVERS.items():
        share = weight / sum(SERVERS.values())
        deviation = math.sqrt(len(KEYS) * share * (1 - share))
        assert abs(had[name] - len(KEYS) * share) < 4 * deviation, had


@pytest.mark.parametrize("gone", SERVERS)
def test_server_that_goes_moves_its_own_keys_only(balance: Balance, gone: str) -> None:
    left = {name: weight for name, weight in SERVERS.items() if name != gone}
    for key in KEYS[:5000]:
        before, after = balance.nearest(key, SERVERS), balance.nearest(key, left)
        assert after == before or before == gone


def test_weight_that_grows_moves_keys_to_that_server_only(balance: Balance) -> None:
    more = {**SERVERS, "b": 4}
    moved = Counter(
        (before, after)
        for key in KEYS[:5000]
        if (before := balance.nearest(key, SERVERS)) != (after := balance.nearest(key, more))
    )
    assert {after for _, after in moved} == {"b"}
    assert sum(moved.values()) == pytest.approx(5000 * (4 / 18 - 2 / 16), rel=0.15)


@pytest.mark.parametrize("duration", [1, 1000, 10**6, 86_400 * 10**6])
@pytest.mark.parametrize("weight", [1, 3, WEIGHT_MAX])
def test_ramp(balance: Balance, weight: int, duration: int) -> None:
    full = weight * UNIT
    assert balance.ramp(weight, 0, duration) == 1
    assert balance.ramp(weight, duration, duration) == full
    assert balance.ramp(weight, 2**63, duration) == full
    steps = [balance.ramp(weight, duration * step // 100, duration) for step in range(101)]
    assert steps == sorted(steps)
    if duration >= 100:
        assert steps[50] == pytest.approx(full / 2, rel=0.02)


def test_no_ramp_without_a_duration(balance: Balance) -> None:
    assert balance.ramp(7, 0, 0) == 7 * UNIT


def test_functions_are_called() -> None:
    """What is tested here is what the module uses."""
    used: Callable[[str], bool] = (ROOT / "kmod" / "choose.c").read_text().__contains__
    assert all(
        used(name) for name in ("balance_add(", "balance_best(", "balance_less(", "balance_distance(", "balance_ramp(")
    )
