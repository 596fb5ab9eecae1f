"""On whose account the counting plugin puts what runs: its own code, fed by hand."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.counts import Counts, read_counts
from lab.lock import Lock
from lab.plugin import SOURCE
from lab.tools import ensure_tools

DRIVER = ROOT / "tests/fixtures/plugin/drive.c"
FLAGS = ("-std=gnu17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", f"-I{SOURCE}")

# Block kinds, by the flags of lab/plugin/blocks.h.
SWITCH, SOFTIRQ, SOFTIRQ_END, TICK, IPI, IRQ, EXCEPTION, IRET = (1 << bit for bit in range(8))
USER, IDLE, MODULE = (1 << bit for bit in range(8, 11))
PLAIN = 0

Step = tuple[int, int]  # address, flags
Course = Callable[[list[Step]], Counts]


@pytest.fixture(scope="session")
def driver() -> Path:
    """The driver, compiled once for unchanged sources."""
    cache = Cache()
    tools = ensure_tools(cache, Lock.load())
    sources = [SOURCE / "blocks.c", SOURCE / "context.c", DRIVER]

    def build(folder: Path) -> None:
        argv = sandbox.command(tools, ["gcc", *FLAGS, "-o", folder / "drive", *sources], cwd=ROOT)
        completed = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        assert completed.returncode == 0, completed.stderr

    key = digest("plugin-driver", tools.key, list(FLAGS), SOURCE, DRIVER)
    return cache.ensure("plugin-driver", key, build) / "drive"


@pytest.fixture
def course(driver: Path, tmp_path: Path) -> Course:
    """Runs steps on CPU 0 between two markers; a block has 10 instructions."""

    def run(steps: list[Step], *, cpu: int = 0) -> Counts:
        lines = ["= 1", *(f"{cpu} {address:x} a {flags:x}" for address, flags in steps), "= 2", ""]
        file = tmp_path / "counts"
        with file.open("wb") as output:
            done = subprocess.run(
                [driver], input="\n".join(lines).encode(), stdout=output, stderr=subprocess.PIPE, check=False
            )
        assert done.returncode == 0, done.stderr.decode()
        return read_counts(file)

    return run


def accounts(counts: Counts) -> dict[str, int]:
    """Instructions by account."""
    total: Counter[str] = Counter()
    for window in counts.windows:
        for entry in window.entries:
            total[entry.account.name] += entry.instructions
    return dict(total)


KERNEL, ENTRY, NET = 0xFFFFFFFF81000000, 0xFFFFFFFF81600000, 0xFFFFFFFF81400000


def test_a_task_is_told_by_what_it_ran(course: Course) -> None:
    found = course([
        (KERNEL, PLAIN), (0x401000, USER), (KERNEL, PLAIN), (KERNEL + 8, SWITCH),  # a process
        (KERNEL, PLAIN), (KERNEL + 16, IDLE), (KERNEL + 8, SWITCH),  # the idle task
        (KERNEL, PLAIN), (KERNEL, PLAIN), (KERNEL + 8, SWITCH),  # a kernel thread
        (KERNEL, PLAIN), (0xFFFFFFFFA0000000, MODULE), (KERNEL + 8, SWITCH),  # one that works for a module
    ])  # fmt: skip
    # The block that switches belongs to the task that comes, whose account is open at the end.
    assert accounts(found) == {"PROCESS": 30, "IDLE": 30, "KTHREAD": 30, "WORK": 30}


def test_a_softirq_in_an_interrupt_is_nobodys_task(course: Course) -> None:
    found = course([
        (KERNEL, IDLE),
        (ENTRY, TICK), (KERNEL + 32, PLAIN),
        (NET, SOFTIRQ), (NET + 8, PLAIN), (0xFFFFFFFFA0000000, MODULE), (NET + 16, SOFTIRQ_END),
        (KERNEL + 32, PLAIN), (ENTRY + 64, IRET),
        (KERNEL, IDLE), (KERNEL + 8, SWITCH),
    ])  # fmt: skip
    assert accounts(found) == {"IDLE": 20, "TICK": 40, "SOFTIRQ": 40}
    assert found.anomalies == 0


def test_an_interrupt_in_a_softirq_returns_to_it(course: Course) -> None:
    found = course([
        (KERNEL, USER), (NET, SOFTIRQ),
        (ENTRY + 8, IPI), (KERNEL + 32, PLAIN), (ENTRY + 64, IRET),
        (NET + 8, PLAIN), (NET + 16, SOFTIRQ_END),
        (KERNEL, USER), (KERNEL + 8, SWITCH),
    ])  # fmt: skip
    assert accounts(found) == {"PROCESS": 20, "SOFTIRQ": 30, "IPI": 30}


def test_an_exception_is_its_tasks(course: Course) -> None:
    found = course([
        (0x401000, USER), (ENTRY + 16, EXCEPTION), (KERNEL, PLAIN), (ENTRY + 64, IRET),
        (ENTRY + 24, IRQ), (ENTRY + 16, EXCEPTION), (KERNEL, PLAIN), (ENTRY + 64, IRET), (ENTRY + 64, IRET),
        (0x401000, USER), (KERNEL + 8, SWITCH),
    ])  # fmt: skip
    assert accounts(found) == {"PROCESS": 50, "IRQ": 50}


def test_a_task_switched_on_its_way_out_of_an_interrupt_takes_the_interrupt_along(course: Course) -> None:
    found = course([
        (0x401000, USER), (ENTRY, TICK), (KERNEL, PLAIN), (KERNEL + 8, SWITCH),
        (0x401000, USER), (KERNEL + 8, SWITCH),  # another process: not in the interrupt
        (ENTRY + 64, IRET), (0x401000, USER), (KERNEL + 8, SWITCH),  # the first one ends its interrupt
    ])  # fmt: skip
    assert accounts(found) == {"PROCESS": 60, "TICK": 20}
    assert found.anomalies == 0


def test_an_end_without_a_beginning_is_an_anomaly(course: Course) -> None:
    found = course([(KERNEL, PLAIN), (NET + 16, SOFTIRQ_END), (KERNEL + 8, SWITCH)])
    assert found.anomalies == 1


def test_a_softirq_that_never_ends_is_an_anomaly(course: Course) -> None:
    found = course([(ENTRY, TICK), (NET, SOFTIRQ), (ENTRY + 64, IRET), (KERNEL, USER), (KERNEL + 8, SWITCH)])
    assert found.anomalies == 1
    assert accounts(found)["PROCESS"] == 10


def test_interrupts_nest_to_no_end(course: Course) -> None:
    found = course([(ENTRY + 24, IRQ)] * 40)
    assert found.anomalies > 0


def test_the_same_code_is_the_same_block(course: Course) -> None:
    found = course([(KERNEL, IPI), *[(KERNEL + 8 * (number % 3), PLAIN) for number in range(40_000)]])
    assert sum(entry.runs for entry in found.windows[0].entries) == 40_001
    assert len(found.windows[0].entries) == 4


def test_as_many_blocks_as_a_guest_has(course: Course) -> None:
    found = course([(KERNEL, USER), *[(0x400000 + number, USER) for number in range(40_000)], (KERNEL + 8, SWITCH)])
    assert accounts(found) == {"PROCESS": 400_010}
