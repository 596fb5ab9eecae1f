"""Asks a guest's kernel for memory that nothing points to any more, and tells which test took it.

Only kernels with CONFIG_DEBUG_KMEMLEAK can tell. With kmemleak.verbose each leak's stack goes to the console, where it
is read like any other report (lab/crash.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from lab.crash import Crash, Kind
from lab.errors import InfrastructureError
from lab.machine import Result

OPTION: Final = "DEBUG_KMEMLEAK"
UPTIME: Final = "/proc/uptime"
SCAN_TIMEOUT_S: Final = 60.0
# An object younger than 5 s is not told of, nor one that has changed since the scan before (mm/kmemleak.c).
SCAN: Final = "sleep 5.5; echo scan >/sys/kernel/debug/kmemleak && echo scan >/sys/kernel/debug/kmemleak"
# Both clocks out of one file, for a slow guest takes longer to start another program than from one test to the next.
CLOCKS: Final = ("grep", "-m", "2", "-E", "^(now at|jiffies:) ", "/proc/timer_list")


_TAKEN = re.compile(r"jiffies (\d+)")  # when the kernel gave the memory


class Scanned(Protocol):
    """What a scan needs of a machine."""

    def run(self, *argv: str, timeout: float) -> Result:
        """As lab.machine.Machine.run."""

    def get(self, path: str) -> bytes:
        """As lab.machine.Machine.get."""


@dataclass(frozen=True)
class Clock:
    """The guest's two clocks at one moment: kmemleak tells jiffies, tests begin at an uptime in seconds."""

    jiffies: int
    uptime: float
    hz: int

    def uptime_at(self, jiffies: int) -> float:
        """The uptime when the count was `jiffies`."""
        return self.uptime - (self.jiffies - jiffies) / self.hz


def uptime(machine: Scanned) -> float:
    """Seconds since the guest's boot."""
    return float(machine.get(UPTIME).split()[0])


def clock(machine: Scanned, hz: int) -> Clock:
    """What both clocks say now. A guest is never suspended, so that its monotonic time is its uptime."""
    said = machine.run(*CLOCKS, timeout=SCAN_TIMEOUT_S).stdout
    found = re.fullmatch(r"now at (\d+) nsecs\njiffies: (\d+)\n", said)
    if found is None:
        raise InfrastructureError(f"the guest's /proc/timer_list has no clocks: {said!r}")
    return Clock(int(found[2]), int(found[1]) / 1e9, hz)


def scan(machine: Scanned, hz: int) -> Clock:
    """Let the kernel look for leaks; what it finds is on the console by the return."""
    machine.run("sh", "-c", SCAN, timeout=SCAN_TIMEOUT_S)
    return clock(machine, hz)


def told(reports: Iterable[Crash]) -> list[Crash]:
    """The leaks among a guest's reports: each object, or, where the kernel shows none, that there are some.

    Their number is told behind the last of them; by a slow guest so late that it makes a report of its own.
    """
    leaks = [report for report in reports if report.kind is Kind.KMEMLEAK]
    return [leak for leak in leaks if _TAKEN.search(leak.text)] or leaks


def owner(leak: Crash, clock: Clock, begun: Sequence[tuple[float, str]]) -> str:
    """The test that ran when the memory was taken; "" if that was before the first. `begun`: uptimes and tests."""
    taken = _TAKEN.search(leak.text)
    if taken is None:
        return ""
    at = clock.uptime_at(int(taken[1]))
    return next((test for began, test in reversed(begun) if began <= at), "")
