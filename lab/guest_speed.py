"""How slow a guest's kernel is, by measurement: deadlines of a run on an instrumented kernel are stretched by it."""

from __future__ import annotations

from typing import Final, Protocol

from lab.errors import InfrastructureError
from lab.machine import Result
from lab.speed import SLOWEST

REFERENCE_S: Final = 0.2  # the best round of WORK on the quiet reference host's guest, TCG, kernel `patched`
TIMEOUT_S: Final = 60.0
# What tests wait for: packets through the stack, connections made and ended, and a little of user space.
WORK: Final = """
import socket, time

def pair(listener):
    one = socket.create_connection(listener.getsockname())
    return one, listener.accept()[0]

def work(listener):
    one, other = pair(listener)
    for _ in range(100):
        one.sendall(bytes(1000))
        other.sendall(other.recv(1000))
        one.recv(1000)
    for _ in range(20):
        for end in pair(listener):
            end.close()

listener = socket.create_server(("127.0.0.1", 0))
best = 1e9
for _ in range(5):
    began = time.perf_counter()
    work(listener)
    best = min(best, time.perf_counter() - began)
print(best)
"""


class Measured(Protocol):
    """What measuring needs of a machine."""

    def run(self, *argv: str, timeout: float) -> Result:
        """As lab.machine.Machine.run."""


def work_seconds(machine: Measured) -> float:
    """How long a fixed piece of work takes in the guest now: the best of several rounds."""
    said = machine.run("python3", "-c", WORK, timeout=TIMEOUT_S).stdout
    try:
        return float(said)
    except ValueError as error:
        raise InfrastructureError(f"the guest's speed could not be measured: it said {said!r}") from error


def factor(machine: Measured) -> float:
    """By how much deadlines have to be stretched for this guest, its host's slowness included: 1.0 or more."""
    return min(SLOWEST, max(1.0, round(work_seconds(machine) / REFERENCE_S, 2)))
