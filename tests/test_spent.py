"""Puzzles that were solved (kmod/spent.c), in user space: each counts once, and a table without room takes none."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from lab import sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.lock import Lock
from lab.tools import ensure_tools
from tests.test_clients import FLAGS, LIBRARY

KMOD = ROOT / "kmod"
SHIM = KMOD / "tests" / "clients"
SOURCES = [KMOD / "spent.c", KMOD / "spent.h", KMOD / "stats.h", SHIM / "shim.c", SHIM / "shim.h"]
NOW, BEFORE, NO_ROOM = range(3)
TEXT = (KMOD / "spent.h").read_text()
SLOTS, BUCKETS = (int(re.findall(rf"WEIR_SPENT_{name}\s*= (\d+)", TEXT)[0]) for name in ("SLOTS", "BUCKETS"))
START = 1_700_000_000

Spend = Callable[[int, int, int], int]


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    cache = Cache()
    tools = ensure_tools(cache, Lock.load())
    headers = [*re.findall(r"#include <(.*)>", "".join(path.read_text() for path in SOURCES[:2])), "linux/percpu.h"]

    def compile_into(folder: Path) -> None:
        for header in headers:
            path = folder / "include" / header
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('#include "shim.h"\n')
        includes = [f"-I{path}" for path in (folder / "include", SHIM, KMOD)]
        sources = [str(KMOD / "spent.c"), str(SHIM / "shim.c")]
        command = ["gcc", *FLAGS, *LIBRARY, *includes, *sources, "-o", str(folder / "spent.so")]
        done = subprocess.run(
            sandbox.command(tools, command, cwd=ROOT), capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr

    key = digest("spent", tools.key, FLAGS, LIBRARY, tuple(headers), {path.name: path for path in SOURCES})
    made = ctypes.CDLL(str(cache.ensure("http-tests", key, compile_into) / "spent.so"))
    for name in ("weir_spent_alloc", "shim_counters"):
        getattr(made, name).restype = ctypes.c_void_p
    return made


@pytest.fixture
def spend(library: ctypes.CDLL) -> Iterator[Spend]:
    """A table; `spend(nonce, now, until)`."""
    table = ctypes.c_void_p(library.weir_spent_alloc(ctypes.c_void_p(library.shim_counters())))
    seconds = ctypes.c_uint64
    yield lambda nonce, now, until: int(
        library.weir_spend(table, nonce.to_bytes(16, "big"), ctypes.c_size_t(16), seconds(now), seconds(until))
    )
    library.weir_spent_free(table)


@pytest.mark.parametrize("start", [START, 2**32 - 5, 2**32])
def test_a_puzzle_counts_once_until_it_has_expired(spend: Spend, start: int) -> None:
    until = start + 10
    assert spend(1, start, until) == NOW
    assert [spend(1, now, until) for now in range(start, until + 1)] == [BEFORE] * 11
    assert spend(2, start, until) == NOW
    # What is remembered no longer was looked at by its time before: such an answer does not come this far.
    assert spend(1, until + 1, until + 10) == NOW
    assert spend(1, until + 2, until + 10) == BEFORE


def test_without_room_nothing_is_taken_and_nothing_forgotten(spend: Spend) -> None:
    taken: list[int] = []
    refused: list[int] = []
    for nonce in count():
        said = spend(nonce, START, START + 10)
        assert said in (NOW, NO_ROOM)
        (taken if said == NOW else refused).append(nonce)
        if len(refused) == 1000:
            break
    # The first bucket is full long before all are, but not before half of the room is used.
    assert BUCKETS * SLOTS / 4 < len(taken) < BUCKETS * SLOTS
    assert all(spend(nonce, START + 10, START + 20) == BEFORE for nonce in taken)
    assert all(spend(nonce, START + 10, START + 20) == NO_ROOM for nonce in refused)
    # Room comes back as they expire.
    assert all(spend(nonce, START + 11, START + 20) == NOW for nonce in refused)


def test_an_all_zero_nonce_is_one_like_others(spend: Spend) -> None:
    assert [spend(0, START, START + 1) for _ in range(2)] == [NOW, BEFORE]
