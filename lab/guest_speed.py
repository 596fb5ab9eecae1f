"""How slow a guest's kernel is, by measurement: deadlines of a run on an instrumented kernel are stretched by it.

Counted is the CPU time that QEMU spends on a fixed piece of the guest's work, which a busy neighbour hardly changes.
"""

from __future__ import annotations

from typing import Final, Protocol

from lab.machine import Result
from lab.speed import SLOWEST

REFERENCE_S: Final = 1.5  # CPU seconds of WORK in a guest of the reference host, TCG, kernel `patched`
TIMEOUT_S: Final = 120.0
ROUNDS: Final = 2
# What tests wait for: packets through the stack, connections made and ended, and a little of user space.
WORK: Final = """
import socket

def pair():
    one = socket.create_connection(listener.getsockname())
    return one, listener.accept()[0]

listener = socket.create_server(("127.0.0.1", 0))
one, other = pair()
for _ in range(500):
    one.sendall(bytes(1000))
    other.sendall(other.recv(1000))
    one.recv(1000)
for _ in range(100):
    for end in pair():
        end.close()
"""


class Emulator(Protocol):
    """What runs the guest."""

    def cpu_seconds(self) -> float:
        """CPU time used so far."""


class Measured(Protocol):
    """What measuring needs of a machine."""

    @property
    def qemu(self) -> Emulator: ...

    def run(self, *argv: str, timeout: float) -> Result:
        """As lab.machine.Machine.run."""


def work_seconds(machine: Measured) -> float:
    """CPU seconds of a fixed piece of work in the guest: the best of a few rounds, the first of which warms caches."""
    best = float("inf")
    for _ in range(ROUNDS):
        before = machine.qemu.cpu_seconds()
        machine.run("python3", "-c", WORK, timeout=TIMEOUT_S)
        best = min(best, machine.qemu.cpu_seconds() - before)
    return best


def factor(machine: Measured) -> float:
    """By how much deadlines have to be stretched for this guest, its host's slowness included: 1.0 or more."""
    return min(SLOWEST, max(1.0, round(work_seconds(machine) / REFERENCE_S, 2)))
