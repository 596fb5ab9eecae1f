"""Tests that crash their guest, run by test_crash_detection.py in a lab of their own; never collected by themselves.

Each of them owns the crash that it causes, and must fail; each must find a fresh guest. The last ones are no crashes.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from lab.machine import CommandTimeout

if TYPE_CHECKING:
    from lab.qemu_machine import QemuMachine
    from lab.session import Lab

MODULE = "/run/weir_crash_test.ko"
MARK = "/run/mark"
DOOR = "/proc/weir_crash_test"
CPU_OUT_OF_SPEC = 1 << 2  # the lab's own clearcpuid, under TCG
BLOCKED = 60.0  # seconds: far longer than any crash may take to be noticed


@pytest.fixture
def guest(lab: Lab, machine: QemuMachine) -> QemuMachine:
    """The guest, fresh, with the crash module in it, and a mark that only a restore removes."""
    assert not machine.run("test", "-e", MARK, check=False).ok, "the guest is not as it was before the crash"
    assert int(machine.get("/proc/sys/kernel/tainted")) & ~CPU_OUT_OF_SPEC == 0
    insert(lab, machine)
    return machine


def insert(lab: Lab, machine: QemuMachine) -> None:
    machine.put(MODULE, lab.prepared.module.test_kos["weir_crash_test"].read_bytes())
    machine.run("insmod", MODULE)
    machine.put(MARK, b"was here")


@pytest.fixture
def write(guest: QemuMachine) -> Iterator[Callable[[str], None]]:
    """Writes a word to the crash module, without waiting for what becomes of it."""

    def act(word: str) -> None:
        guest.run("sh", "-c", f"echo {word} >{DOOR} 2>/dev/null &")

    yield act
    # Meets a restored guest if the test crashed: must not turn one failure into two.
    guest.run("rmmod", "weir_crash_test")


def block() -> None:
    """What a test does that waits for a reply which will never come."""
    threading.Event().wait(BLOCKED)


def test_no_crash(guest: QemuMachine) -> None:
    """The boot is in this one's time."""
    guest.run("rmmod", "weir_crash_test")
    guest.restore()


def test_oops(write: Callable[[str], None]) -> None:
    write("oops")
    block()


def test_warn(write: Callable[[str], None]) -> None:
    write("warn")
    block()


def test_warn_of_a_test_that_passes(guest: QemuMachine) -> None:
    guest.run("sh", "-c", f"echo warn >{DOOR}")


def test_panic(write: Callable[[str], None]) -> None:
    write("panic")
    block()


def test_bug(write: Callable[[str], None]) -> None:
    write("bug")
    block()


def test_list_corruption(write: Callable[[str], None]) -> None:
    write("list_add")
    block()


def test_sleep_in_atomic(write: Callable[[str], None]) -> None:
    write("sleep_in_atomic")
    block()


@pytest.mark.needs("KASAN")
def test_use_after_free(write: Callable[[str], None]) -> None:
    write("use_after_free")
    block()


@pytest.mark.needs("KASAN")
def test_out_of_bounds(write: Callable[[str], None]) -> None:
    write("out_of_bounds")
    block()


@pytest.mark.needs("UBSAN")
def test_index(write: Callable[[str], None]) -> None:
    write("index")
    block()


@pytest.mark.needs("PROVE_LOCKING")
def test_lock_inversion(write: Callable[[str], None]) -> None:
    write("lock_inversion")
    block()


@pytest.mark.needs("DEBUG_ATOMIC_SLEEP")
def test_sleep_under_spinlock(write: Callable[[str], None]) -> None:
    write("sleep_under_spinlock")
    block()


def test_hang(guest: QemuMachine) -> None:
    """No CPU takes interrupts any more: nothing in the guest can tell."""
    guest.run("sh", "-c", f"for cpu in 1 2; do echo hard_lockup >{DOOR} & done", timeout=2)
    for _ in range(100):
        guest.ping()


def test_stuck_task(guest: QemuMachine) -> None:
    """A command sleeps in the kernel for ever, while the guest goes on."""
    guest.run("sh", "-c", f"echo hung_task >{DOOR}", timeout=2)


def test_taint(guest: QemuMachine) -> None:
    guest.run("sh", "-c", f"echo taint >{DOOR}")


def test_killed_qemu(guest: QemuMachine) -> None:
    os.kill(guest.qemu.process.pid, signal.SIGKILL)
    block()


def test_killed_qemu_while_talking(guest: QemuMachine) -> None:
    threading.Timer(0.2, os.kill, (guest.qemu.process.pid, signal.SIGKILL)).start()
    guest.run("sleep", "60", timeout=BLOCKED)


def test_slow_command_is_no_crash(guest: QemuMachine) -> None:
    with pytest.raises(CommandTimeout):
        guest.run("sleep", "60", timeout=1)
    assert guest.run("cat", MARK).stdout == "was here"


@pytest.mark.needs("DEBUG_KMEMLEAK")
def test_leak(lab: Lab, machine: QemuMachine) -> None:
    """Behind all that restore the guest, which would be innocent again. Passes; the lab's scan fails it later."""
    if not machine.run("test", "-e", MARK, check=False).ok:  # else it is as the test before left it
        insert(lab, machine)
    machine.run("sh", "-c", f"echo leak >{DOOR}")


@pytest.mark.needs("DEBUG_KMEMLEAK")
def test_after_the_leak(lab: Lab) -> None:
    lab.machine().run("true")
