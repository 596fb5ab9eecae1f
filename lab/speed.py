"""How fast this host is, by measurement: the factor by which every deadline is stretched.

A guest whose kernel is slower than the host explains is measured by lab/guest_speed.py, and told here by `stretch`.

1.0 is the reference host (2 cores at about 2.6 GHz, guests under TCG). A faster host keeps 1.0, because deadlines
are upper bounds and cost nothing when met early.
"""

from __future__ import annotations

import os
import time
import zlib

from lab import hostfacts

REFERENCE_S = 0.015  # one run of _workload() on the quiet reference host
ROUNDS = 5
SLOWEST = 20.0  # beyond this the measurement, not the host, is broken
VARIABLE = "WEIR_SPEED"

_memory: dict[str, float] = {}


def _workload() -> int:
    """Integer, branch, memory and table work, as a CPU emulator does; deterministic."""
    table = bytearray(1 << 16)
    state = 1
    for step in range(60_000):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        index = state & 0xFFFF
        table[index] = (table[index] + step) & 0xFF
    return zlib.crc32(table)


def measure() -> float:
    """Measure now, in well under a second: the slowness factor, 1.0 or more.

    The best of several rounds is taken, since a neighbour's load only ever adds. A single usable CPU counts double:
    guest, clients and origins were given two on the reference host.
    """
    cpus = len(os.sched_getaffinity(0))
    factor = work_seconds() / REFERENCE_S * (2.0 if cpus < 2 else 1.0)
    return min(SLOWEST, max(1.0, round(factor, 2)))


def work_seconds() -> float:
    """How long a fixed piece of work takes now, in seconds: the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        _workload()
        best = min(best, time.perf_counter() - start)
    return best


def factor() -> float:
    """The factor of this host, or that of a guest if it is larger (`stretch`).

    The host's is $WEIR_SPEED if set (the parent process measured), else remembered, else measured.
    """
    return max(_host_factor(), _memory.get("guest", 1.0))


def stretch(guest: float) -> None:
    """A guest of this run was measured, and is so slow: from now on no deadline is shorter than that asks for."""
    _memory["guest"] = max(guest, _memory.get("guest", 1.0))


def _host_factor() -> float:
    given = os.environ.get(VARIABLE)
    if given:
        try:
            return min(SLOWEST, max(1.0, float(given)))
        except ValueError:
            pass
    if "factor" not in _memory:
        known = hostfacts.recall("speed")
        if known is None or not isinstance(known.get("factor"), int | float):
            known = {"factor": measure(), "cpus": len(os.sched_getaffinity(0))}
            hostfacts.remember("speed", known)
        _memory["factor"] = float(known["factor"])
    return _memory["factor"]
