"""Least rates: kmod/pace.c, built for user space and asked by a clock of the test's own.

What is asserted is what kmod/pace.h promises, against an account of credit that is kept tick by tick.
"""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.lock import Lock
from lab.tools import ensure_tools

KMOD = ROOT / "kmod"
SOURCES = [KMOD / name for name in ("pace.c", "pace.h", "http_types.h")]
FLAGS = ("-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
CHECKS = ("-fsanitize=undefined", "-fsanitize-trap=all")
HZ = 1000
GRACE = 400
RATE = 50_000  # bytes a second: 50 a tick
SPARE = 2  # ticks: one by which a deadline is late, one by which a wait began early
WRAPS = 2**32 - 300  # a tick that is about to wrap


class Rule(ctypes.Structure):
    _fields_ = [("rate", ctypes.c_uint32), ("grace", ctypes.c_uint32)]


class Pace(ctypes.Structure):
    _fields_ = [
        ("bytes", ctypes.c_uint64),
        ("credit", ctypes.c_uint32),
        ("waited", ctypes.c_uint32),
        ("since", ctypes.c_uint32),
        ("due", ctypes.c_uint32),
        ("begun", ctypes.c_bool),
        ("waiting", ctypes.c_bool),
    ]


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    cache = Cache()
    tools = ensure_tools(cache, Lock.load())
    key = digest("pace", tools.key, FLAGS, CHECKS, {path.name: path for path in SOURCES})

    def build(folder: Path) -> None:
        argv = ["gcc", *FLAGS, *CHECKS, "-o", str(folder / "pace.so"), str(KMOD / "pace.c")]
        completed = subprocess.run(sandbox.command(tools, argv, cwd=ROOT), capture_output=True, text=True, check=False)
        assert completed.returncode == 0, completed.stderr

    made = ctypes.CDLL(str(cache.ensure("http-tests", key, build) / "pace.so"))
    for name in ("weir_pace_wait", "weir_pace_look"):
        getattr(made, name).argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32)
    made.weir_pace_look.restype = ctypes.c_bool
    return made


class Watched:
    """A transfer, tick by tick: `looks` counts; the second word is whether it was called too slow."""

    def __init__(self, library: ctypes.CDLL, *, start: int = WRAPS, rate: int = RATE, grace: int = GRACE) -> None:
        self._library = library
        self._rule = ctypes.byref(Rule(rate, grace))
        self.pace = Pace()
        self.now = start
        self.bytes = 12345
        self.looks = 0
        self._at = ctypes.byref(self.pace)
        self.wait()

    def wait(self) -> None:
        self._library.weir_pace_wait(self._at, self._rule, self.bytes, self.now % 2**32)

    def rest(self) -> None:
        """As the inline function does."""
        if self.pace.waiting:
            self.pace.waited += (self.now - self.pace.since) % 2**32
        self.pace.waiting = False

    def tick(self, arrived: int = 0, *, waiting: bool = True) -> bool:
        """One tick goes by, at whose end so many bytes come; whether it is fast enough as far as was looked at."""
        if waiting and not self.pace.waiting:
            self.wait()
        if not waiting:
            self.rest()
        self.now += 1
        self.bytes += arrived
        if not waiting or (self.now - self.pace.due) % 2**32 >= 2**31:
            return True
        self.looks += 1
        return bool(self._library.weir_pace_look(self._at, self._rule, self.bytes, self.now % 2**32))


def until_too_slow(watched: Watched, arrivals: Callable[[int], int], most: int) -> int | None:
    """After how many ticks it is called too slow, or None."""
    return next((tick for tick in range(1, most + 1) if not watched.tick(arrivals(tick))), None)


@pytest.mark.parametrize("start", [0, WRAPS])
def test_silence_from_the_beginning(library: ctypes.CDLL, start: int) -> None:
    ticks = until_too_slow(Watched(library, start=start), lambda _tick: 0, 10 * GRACE)
    assert ticks is not None
    assert GRACE < ticks <= GRACE + SPARE


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_steady_trickle_below_the_rate(library: ctypes.CDLL, share: float) -> None:
    ticks = until_too_slow(Watched(library), lambda _tick: int(50 * share), 100 * GRACE)
    assert ticks is not None
    assert GRACE < ticks <= GRACE / (1 - share) * 1.2 + SPARE


@pytest.mark.parametrize("every", [1, 7, GRACE - 1])
def test_just_the_rate(library: ctypes.CDLL, every: int) -> None:
    """Evenly, or all that is due at once after almost the grace period."""
    watched = Watched(library)
    assert until_too_slow(watched, lambda tick: 0 if tick % every else 50 * every, 100 * GRACE) is None
    assert watched.looks <= 100 * 8


def test_what_came_at_once_is_soon_used_up(library: ctypes.CDLL) -> None:
    watched = Watched(library)
    for _ in range(50):
        assert watched.tick(5_000_000)
    ticks = until_too_slow(watched, lambda _tick: 0, 10 * GRACE)
    assert ticks is not None
    assert GRACE < ticks <= 2 * GRACE + SPARE


def test_rest_costs_nothing(library: ctypes.CDLL) -> None:
    watched = Watched(library)
    assert all(watched.tick(waiting=tick % 10 == 0) for tick in range(10 * (GRACE - 10)))
    assert not all(watched.tick() for _ in range(2 * GRACE))


def test_huge_numbers(library: ctypes.CDLL) -> None:
    watched = Watched(library, rate=1 << 30, grace=86_400_000)
    watched.bytes = 2**53
    assert all(watched.tick(1 << 40) for _ in range(100))


@dataclass(frozen=True)
class Stretch:
    """So many ticks alike: bytes at the end of each, and whether anybody waits for them."""

    ticks: int
    arrived: int
    waiting: bool


stretches = st.lists(
    st.builds(
        Stretch,
        ticks=st.integers(1, 2 * GRACE),
        arrived=st.sampled_from([0, 0, 1, 25, 49, 50, 51, 100, 20_000]),
        waiting=st.sampled_from([True, True, True, False]),
    ),
    min_size=1,
    max_size=25,
)


@given(stretches)
@settings(max_examples=150, deadline=None)
def test_whatever_comes(library: ctypes.CDLL, transfer: list[Stretch]) -> None:
    """Nobody who has credit, kept tick by tick, is too slow; and who is not has sent what he owes."""
    watched = Watched(library)
    credit = float(GRACE)
    waited = arrived = 0
    for stretch in transfer:
        for _ in range(stretch.ticks):
            fast = watched.tick(stretch.arrived, waiting=stretch.waiting)
            credit -= stretch.waiting
            broke = credit < 0
            waited += stretch.waiting
            arrived += stretch.arrived
            credit = min(float(GRACE), credit + stretch.arrived / 50)
            if not fast:
                assert broke or credit < 0, "there was credit left"
                return
            assert arrived >= 50 * (waited - 2 * GRACE - SPARE), "too little came"
            if broke:
                credit = 0.0
