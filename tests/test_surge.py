"""When a scope is under attack: kmod/surge.c, built for user space and called with times and counts made up here."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.lock import Lock
from lab.tools import ensure_tools

SOURCES = [ROOT / "kmod" / name for name in ("surge.c", "surge.h", "http_types.h")]
# Undefined behaviour ends the test.
FLAGS = (
    "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Wno-sign-compare", "-Werror", "-shared", "-fPIC", "-nostdlib",
    "-fsanitize=undefined", "-fsanitize-trap=all",
)  # fmt: skip
SECOND = 1_000_000
STEP = SECOND // 2
"""Between two samples: a window is two seconds."""
HOLD = 10 * SECOND
U32, U64 = ctypes.c_uint32, ctypes.c_uint64


class Settings(ctypes.Structure):
    _fields_ = [
        ("requests_on", U32),
        ("requests_off", U32),
        ("failures_on", U32),
        ("failures_off", U32),
        ("failures_min", U32),
        ("hold", U64),
    ]


class Sample(ctypes.Structure):
    _fields_ = [("time", U64), ("requests", U64), ("failures", U64)]


class Surge(ctypes.Structure):
    _fields_ = [
        ("samples", Sample * 5),
        ("next", U32),
        ("taken", U32),
        ("on", ctypes.c_bool),
        ("calm", ctypes.c_bool),
        ("calm_since", U64),
    ]


class Scope:
    """One scope from the first look at it on."""

    def __init__(self, library: ctypes.CDLL, **settings: int) -> None:
        self._judge = library.surge_judge
        self._judge.restype = ctypes.c_bool
        self._surge = Surge()
        self._settings = Settings(**{"failures_min": 1, "hold": HOLD, **settings})
        self.now = Sample(time=5 * SECOND)

    def look(self, requests: int = 0, failures: int = 0, *, step: int = STEP) -> bool:
        """Time goes on, so much happens, and it is looked at."""
        self.now.time += step
        self.now.requests += requests
        self.now.failures += failures
        return bool(self._judge(ctypes.byref(self._surge), ctypes.byref(self._settings), ctypes.byref(self.now)))

    def looks(self, steps: Iterable[int]) -> list[bool]:
        return [self.look(requests) for requests in steps]


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    cache = Cache()
    tools = ensure_tools(cache, Lock.load())

    def compile_into(folder: Path) -> None:
        argv = sandbox.command(tools, ["gcc", *FLAGS, "-o", folder / "surge.so", SOURCES[0]], cwd=ROOT)
        completed = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        assert completed.returncode == 0, completed.stderr

    key = digest("surge", tools.key, FLAGS, {path.name: path for path in SOURCES})
    return ctypes.CDLL(str(cache.ensure("http-tests", key, compile_into) / "surge.so"))


def test_on_at_the_threshold_and_not_one_request_before(library: ctypes.CDLL) -> None:
    """100 in a second: 200 in a window of two, which begins with the first sample."""
    for total, expected in ((199, False), (200, True)):
        scope = Scope(library, requests_on=100, requests_off=50)
        assert scope.looks([0, 0, 0, 0, total]) == [False] * 4 + [expected]


def test_nothing_is_judged_before_a_window_is_over(library: ctypes.CDLL) -> None:
    """What was counted before the first look has happened at no known time."""
    scope = Scope(library, requests_on=1, requests_off=1)
    assert scope.looks([10**6, 10**6, 10**6, 10**6]) == [False] * 4
    scope = Scope(library, requests_on=100, requests_off=50)
    assert scope.looks([10**9, 0, 0, 0, 0, 0]) == [False] * 6


def test_window_slides(library: ctypes.CDLL) -> None:
    scope = Scope(library, requests_on=100, requests_off=100, hold=1)
    assert scope.looks([0, 0, 0, 0, 200]) == [False] * 4 + [True]
    # Four steps later it is outside, and one step more has passed since it was found so.
    assert scope.looks([0, 0, 0, 0, 0]) == [True] * 4 + [False]


def test_rate_is_of_the_time_that_really_passed(library: ctypes.CDLL) -> None:
    """A look that comes late is no surge."""
    for total, expected in ((1099, False), (1100, True)):
        scope = Scope(library, requests_on=100, requests_off=50)
        scope.looks([0, 0, 0, 0])
        assert scope.look(total, step=11 * SECOND - 3 * STEP) is expected


def test_between_the_thresholds_nothing_changes(library: ctypes.CDLL) -> None:
    scope = Scope(library, requests_on=100, requests_off=40)
    assert scope.looks([37] * 200) == [False] * 200
    assert scope.looks([50] * 4)[-1] is True
    assert set(scope.looks([20] * 200)) == {True}


def test_off_after_the_hold_and_not_before(library: ctypes.CDLL) -> None:
    scope = Scope(library, requests_on=100, requests_off=50)
    assert scope.looks([0] + [60] * 4)[-1] is True
    # 120, 120, 120, 60+60 ... below 100 in two seconds as of the second step: 180, 120, 60.
    steps = scope.looks([0] * 40)
    below = next(i for i in range(len(steps)) if 240 - 60 * (i + 1) < 100)
    assert steps.index(False) == below + HOLD // STEP


def test_each_return_starts_the_hold_anew(library: ctypes.CDLL) -> None:
    scope = Scope(library, requests_on=100, requests_off=50)
    scope.looks([60] * 5)
    for _ in range(10):
        assert set(scope.looks([0] * (HOLD // STEP - 4))) == {True}
        # Not over the upper threshold: enough to be no longer below the lower one.
        assert set(scope.looks([25] * 4)) == {True}
    assert scope.looks([0] * 30)[-1] is False


@pytest.mark.parametrize(("requests", "failures", "expected"), [(200, 99, False), (200, 100, True), (3, 3, False)])
def test_share_of_failures(library: ctypes.CDLL, requests: int, failures: int, expected: bool) -> None:
    scope = Scope(library, failures_on=50, failures_off=20, failures_min=100)
    scope.looks([0] * 4)
    assert scope.look(requests, failures) is expected


@pytest.mark.parametrize("failures", [20, 19])
def test_failures_end_as_load_does(library: ctypes.CDLL, failures: int) -> None:
    scope = Scope(library, failures_on=50, failures_off=20, failures_min=10)
    scope.looks([0] * 4)
    assert scope.look(100, 100) is True
    on = [scope.look(100, failures) for _ in range(60)]
    assert on[-1] is (failures == 20)


def test_either_keeps_it_on(library: ctypes.CDLL) -> None:
    scope = Scope(library, requests_on=100, requests_off=50, failures_on=50, failures_off=20)
    scope.looks([60] * 5)
    assert all(scope.look(2, 2) for _ in range(60))
    assert not [scope.look(2, 0) for _ in range(60)][-1]


def test_failure_that_is_taken_back(library: ctypes.CDLL) -> None:
    scope = Scope(library, failures_on=50, failures_off=20)
    scope.look(10, 10)
    assert not any(scope.look(10, -2) for _ in range(5))


def test_threshold_of_zero_is_not_looked_at(library: ctypes.CDLL) -> None:
    scope = Scope(library)
    assert not any(scope.look(10**6, 10**6) for _ in range(20))


def test_clock_that_stands_still(library: ctypes.CDLL) -> None:
    scope = Scope(library, requests_on=1, requests_off=1)
    assert not any(scope.look(100, 0, step=0) for _ in range(20))


@given(steps=st.lists(st.integers(0, 120), min_size=20, max_size=120))
def test_it_never_changes_twice_within_the_hold(library: ctypes.CDLL, steps: list[int]) -> None:
    """And whatever comes: on above, off below, as a plain model of the same says."""
    scope = Scope(library, requests_on=100, requests_off=50, hold=HOLD)
    on, calm, changes = False, 0, []
    for i, requests in enumerate(steps):
        window = sum(steps[max(0, i - 3) : i + 1]) if i >= 4 else 0
        was = on
        if i >= 4:
            on = on or window >= 200
            calm = calm + 1 if window < 100 else 0
            on = on and calm <= HOLD // STEP
        assert scope.look(requests) is on
        if on != was:
            changes.append(i)
    offs = changes[1::2]
    assert all(off - on >= HOLD // STEP for on, off in zip(changes, offs, strict=False))
