"""What the guest says of itself while it is measured: CPU time and memory, and what is set up in it before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lab.deadline import Deadline
from lab.machine import Machine

if TYPE_CHECKING:
    from lab.qemu_machine import QemuMachine

TICKS_PER_S: Final = 100  # USER_HZ: what /proc/stat counts in, whatever the kernel's own tick is (proc(5))
KIB: Final = 1024
PAGE: Final = 4096
SETTLED: Final = 256 * KIB  # between two readings

# The same for every side. The card's one receive queue would hold all softirq work on one CPU: receive packet steering
# spreads it, or what runs in softirq would have half the machine that a user-space proxy has.
_SETTINGS: Final = {
    "/sys/class/net/eth0/queues/rx-0/rps_cpus": "{mask}",
    "/proc/sys/net/core/somaxconn": "4096",
    "/proc/sys/net/ipv4/tcp_max_syn_backlog": "4096",
    "/proc/sys/net/ipv4/ip_local_port_range": "10000 65535",
    "/proc/sys/net/ipv4/tcp_tw_reuse": "1",
}


@dataclass(frozen=True)
class CpuTime:
    """CPU seconds so far: of all the guest's CPUs that were not idle, and of QEMU on the host."""

    guest: float
    qemu: float

    def __sub__(self, earlier: CpuTime) -> CpuTime:
        return CpuTime(self.guest - earlier.guest, self.qemu - earlier.qemu)


def cpu_time(machine: QemuMachine) -> CpuTime:
    """CPU time used until now.

    The guest's is the time that passed on all its CPUs less what they were idle. Its busy columns would not do: ticks
    are what is counted there, and a CPU that wakes from idle for softirq work alone has none (tick-sched.c).
    """
    stat, uptime = machine.run("cat", "/proc/stat", "/proc/uptime").stdout.rsplit("\n", 2)[:2]
    lines = stat.splitlines()
    idle, iowait = (int(field) for field in lines[0].split()[4:6])
    cpus = sum(line.startswith("cpu") for line in lines) - 1
    passed = float(uptime.split()[0]) * cpus
    return CpuTime(passed - (idle + iowait) / TICKS_PER_S, machine.qemu.cpu_seconds())


@dataclass(frozen=True)
class Memory:
    """The guest's memory in bytes, as /proc/meminfo has it (proc(5)).

    `used` is neither free nor a copy of what is in files (Cached, Buffers): that of processes, of the kernel's objects
    and of packet buffers. Objects that could be reclaimed are in it: a socket's inode is one of them, by name only.
    `slab` is the kernel's objects alone, `sockets` what TCP says it holds in buffers (/proc/net/sockstat, "mem").
    """

    used: int
    slab: int
    sockets: int

    def __sub__(self, earlier: Memory) -> Memory:
        return Memory(self.used - earlier.used, self.slab - earlier.slab, self.sockets - earlier.sockets)


def memory(machine: Machine) -> Memory:
    """What the guest uses, once that has settled: what was closed is freed late, by RCU and in the background.

    Raises DeadlineExpired when it goes on changing.
    """
    readings = [_memory(machine)]

    def settled() -> bool:
        readings.append(_memory(machine))
        return abs(readings[-1].used - readings[-2].used) <= SETTLED

    Deadline(20.0).wait_for(settled, interval=0.2, what="the guest's memory to settle")
    return readings[-1]


def _memory(machine: Machine) -> Memory:
    script = "sync; echo 3 >/proc/sys/vm/drop_caches; cat /proc/sys/vm/stat_refresh /proc/meminfo /proc/net/sockstat"
    found: dict[str, int] = {}
    for line in machine.run("sh", "-c", script, timeout=30).lines:
        words = line.replace(":", " ").split()
        if words[:1] == ["TCP"]:
            found["TCP"] = int(words[words.index("mem") + 1])
        elif len(words) == 3 and words[2] == "kB":
            found[words[0]] = int(words[1])
    free = sum(found[name] for name in ("MemFree", "Buffers", "Cached"))
    return Memory((found["MemTotal"] - free) * KIB, found["Slab"] * KIB, found["TCP"] * PAGE)


def prepare_for_memory(machine: Machine) -> None:
    """Before memory() is asked: pages that are freed shall count as free.

    Since Linux 6.7 a CPU's own list of free pages, which MemFree leaves out, may grow to an eighth of all memory
    (mm/page_alloc.c, pcp->high_max); here to a thousandth.
    """
    machine.run("sh", "-c", "echo 1000 >/proc/sys/vm/percpu_pagelist_high_fraction")


def prepare(machine: Machine) -> dict[str, str]:
    """Set the guest up for measuring; what was set, by file name."""
    cpus = len(machine.run("sh", "-c", "ls -d /sys/devices/system/cpu/cpu[0-9]*").lines)
    wanted = {path: value.format(mask=f"{(1 << cpus) - 1:x}") for path, value in _SETTINGS.items()}
    for path, value in wanted.items():
        machine.run("sh", "-c", f"echo '{value}' >{path}")
    return {path.rpartition("/")[2]: value for path, value in wanted.items()}
