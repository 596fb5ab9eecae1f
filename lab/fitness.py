"""Whether this host is fit for timed figures: looked at before and after, never in the way of measuring, always said.

    watch = Watch()                      # before
    ...                                  # measure
    unfit = watch.finish().reasons("tcg")   # after: ["TCG", "load 1.7 > 0.5 a core", ...]

Load before and after, CPU time stolen by the hypervisor or used by neighbours meanwhile, an unsteady clock: each is
a reason by name. What the host does not show (a virtual machine shows no frequency governor) is found by effect: the
same piece of work is timed before and after.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import speed

LOAD_LIMIT: Final = 0.5  # runnable tasks a core
LOAD_SAMPLES: Final = 20
LOAD_INTERVAL_S: Final = 0.025
STEAL_LIMIT: Final = 0.01  # share of all CPU time
NEIGHBOUR_LIMIT: Final = 0.05  # share of all CPU time
SPEED_LIMIT: Final = 0.05  # relative change of the time that the same work takes
STEADY_GOVERNORS: Final = frozenset({"performance"})


@dataclass(frozen=True)
class Snapshot:
    """The host at one moment. CPU times are seconds since its boot, summed over all CPUs.

    `load` is how many tasks are runnable besides the one that looks, averaged over half a second: the average of a
    minute would blame the host for what the lab itself has just built or measured.

    `own` is the CPU time of this process, of its descendants, and of those it has waited for. `work` is how long one
    given piece of work takes, in seconds, best of rounds. `throttled` counts thermal throttling events of all cores.
    """

    cores: int
    load: float
    busy: float
    stolen: float
    total: float
    own: float
    work: float
    throttled: int
    governors: frozenset[str]


@dataclass(frozen=True)
class Fitness:
    """The host before and after a measurement."""

    before: Snapshot
    after: Snapshot

    @property
    def steal(self) -> float:
        """Share of the time that the hypervisor gave to others."""
        return _share(self.after.stolen - self.before.stolen, self.after.total - self.before.total)

    @property
    def neighbours(self) -> float:
        """Share of the time that processes which are not ours used."""
        others = (self.after.busy - self.before.busy) - (self.after.own - self.before.own)
        return _share(others, self.after.total - self.before.total)

    @property
    def drift(self) -> float:
        """By how much the same work became slower (positive) or faster (negative)."""
        return self.after.work / self.before.work - 1.0 if self.before.work > 0 else 0.0

    def reasons(self, acceleration: str) -> list[str]:
        """Why a figure taken between the two must not sign off a release; empty when it may.

        `acceleration` is the guests' ("kvm", "tcg", or "none" for bare metal).
        """
        found = ["TCG"] if acceleration == "tcg" else []
        for when, snapshot in (("before", self.before), ("after", self.after)):
            load = snapshot.load / snapshot.cores
            if load > LOAD_LIMIT:
                found.append(f"load {load:.1f} > {LOAD_LIMIT} a core {when} the measurement")
        if self.steal > STEAL_LIMIT:
            found.append(f"steal {self.steal:.1%} > {STEAL_LIMIT:.0%}")
        if self.neighbours > NEIGHBOUR_LIMIT:
            found.append(f"neighbours used {self.neighbours:.0%} > {NEIGHBOUR_LIMIT:.0%} of the CPUs")
        if unsteady := (self.before.governors | self.after.governors) - STEADY_GOVERNORS:
            found.append(f"frequency governor {', '.join(sorted(unsteady))} instead of performance")
        if (events := self.after.throttled - self.before.throttled) > 0:
            found.append(f"frequency throttled {events} times")
        if abs(self.drift) > SPEED_LIMIT:
            found.append(f"speed changed by {self.drift:+.0%}")
        return found

    def attributes(self) -> dict[str, str]:
        """The same in figures, for a record."""
        governors = ", ".join(sorted(self.before.governors)) or "not shown by the host"
        return {
            "host_load_per_core_before": f"{self.before.load / self.before.cores:.2f}",
            "host_load_per_core_after": f"{self.after.load / self.after.cores:.2f}",
            "host_steal": f"{self.steal:.4f}",
            "host_neighbours": f"{self.neighbours:.4f}",
            "host_speed_drift": f"{self.drift:+.4f}",
            "host_frequency_governor": governors,
        }


class Watch:
    """Looks at the host when made, and again at each finish()."""

    def __init__(self, *, proc: Path = Path("/proc"), cpus: Path = Path("/sys/devices/system/cpu")) -> None:
        self._proc, self._cpus = proc, cpus
        self.before = take(proc=proc, cpus=cpus)

    def finish(self) -> Fitness:
        """Before and now."""
        return Fitness(self.before, take(proc=self._proc, cpus=self._cpus))


def take(*, proc: Path = Path("/proc"), cpus: Path = Path("/sys/devices/system/cpu")) -> Snapshot:
    """The host now; takes about half a second."""
    load = _runnable(proc)
    user, nice, system, idle, iowait, irq, softirq, stolen = _cpu_times(proc)
    busy = user + nice + system + irq + softirq
    return Snapshot(
        cores=os.cpu_count() or 1,
        load=load,
        busy=busy,
        stolen=stolen,
        total=busy + idle + iowait + stolen,
        own=own_cpu_seconds(os.getpid(), proc=proc),
        work=speed.work_seconds(),
        throttled=sum(_numbers(cpus.glob("cpu[0-9]*/thermal_throttle/core_throttle_count"))),
        governors=frozenset(_words(cpus.glob("cpu[0-9]*/cpufreq/scaling_governor"))),
    )


def own_cpu_seconds(root: int, *, proc: Path = Path("/proc")) -> float:
    """CPU time of process `root`, its descendants, and all that any of these has waited for (proc(5), stat)."""
    parents: dict[int, int] = {}
    spent: dict[int, int] = {}
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        pid = int(entry.name)
        parents[pid] = int(fields[1])
        spent[pid] = sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    ticks, queue = 0, [root]
    while queue:
        pid = queue.pop()
        ticks += spent.get(pid, 0)
        queue += children.get(pid, [])
    return ticks / os.sysconf("SC_CLK_TCK")


def _runnable(proc: Path) -> float:
    """Tasks that run or want to, but for this one (proc(5), loadavg, fourth field), averaged over some samples."""
    total = 0
    for _ in range(LOAD_SAMPLES):
        total += max(0, int((proc / "loadavg").read_text().split()[3].partition("/")[0]) - 1)
        time.sleep(LOAD_INTERVAL_S)
    return total / LOAD_SAMPLES


def _cpu_times(proc: Path) -> list[float]:
    with (proc / "stat").open() as lines:
        ticks = next(lines).split()[1:9]
    return [int(tick) / os.sysconf("SC_CLK_TCK") for tick in ticks]


def _share(part: float, whole: float) -> float:
    return max(0.0, part / whole) if whole > 0 else 0.0


def _words(paths: Iterable[Path]) -> list[str]:
    found = []
    for path in paths:
        try:
            found.append(path.read_text().strip())
        except OSError:
            continue  # the kernel shows it and refuses it: as good as not there
    return found


def _numbers(paths: Iterable[Path]) -> list[int]:
    return [int(word) for word in _words(paths) if word.isdigit()]
