"""The host's fitness for timed figures: each reason by its name, from a /proc and /sys of the test's own making."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab import fitness
from lab.fitness import Fitness, Snapshot, Watch

TICKS = os.sysconf("SC_CLK_TCK")
QUIET = Snapshot(
    cores=2,
    load=0.4,
    busy=100.0,
    stolen=0.0,
    total=1000.0,
    own=50.0,
    work=0.015,
    throttled=3,
    governors=frozenset({"performance"}),
)
LATER = replace(QUIET, busy=110.0, total=1020.0, own=60.0)


def test_a_quiet_host_under_kvm_is_fit() -> None:
    assert Fitness(QUIET, LATER).reasons("kvm") == []


def test_tcg_is_a_reason_by_itself() -> None:
    assert Fitness(QUIET, LATER).reasons("tcg") == ["TCG"]


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (replace(QUIET, load=1.02), LATER, "load 0.5 > 0.5 a core before the measurement"),
        (QUIET, replace(LATER, load=3.0), "load 1.5 > 0.5 a core after the measurement"),
        (QUIET, replace(LATER, stolen=0.5), "steal 2.5% > 1%"),
        (QUIET, replace(LATER, busy=113.0), "neighbours used 15% > 5% of the CPUs"),
        (QUIET, replace(LATER, governors=frozenset({"powersave"})), "frequency governor powersave"),
        (QUIET, replace(LATER, throttled=5), "frequency throttled 2 times"),
        (QUIET, replace(LATER, work=0.017), "speed changed by +13%"),
        (QUIET, replace(LATER, work=0.013), "speed changed by -13%"),
    ],
)
def test_each_reason_has_its_name(before: Snapshot, after: Snapshot, reason: str) -> None:
    found = Fitness(before, after).reasons("kvm")
    assert len(found) == 1
    assert found[0].startswith(reason)


def test_own_work_is_no_neighbour() -> None:
    busy = Fitness(QUIET, replace(LATER, busy=120.0, own=70.0))
    assert busy.neighbours == 0.0
    assert busy.reasons("kvm") == []


def make_host(tmp_path: Path, *, stat: str, processes: dict[int, tuple[int, int]]) -> Path:
    """A /proc with these CPU times, and processes by pid: parent, and ticks in each of the four fields."""
    proc = tmp_path / "proc"
    proc.mkdir(exist_ok=True)
    (proc / "stat").write_text(f"cpu  {stat} 0 0\ncpu0 {stat} 0 0\n")
    (proc / "loadavg").write_text("9.25 0.50 0.75 3/100 4242\n")
    for pid, (parent, ticks) in processes.items():
        (proc / str(pid)).mkdir(exist_ok=True)
        times = " ".join([str(ticks)] * 4)
        (proc / str(pid) / "stat").write_text(f"{pid} (a ) b) S {parent} 1 1 0 -1 0 0 0 0 0 {times} 20 0 1 0 9\n")
    return proc


def test_own_cpu_time_is_that_of_all_descendants(tmp_path: Path) -> None:
    proc = make_host(
        tmp_path, stat="1 1 1 1 1 1 1 1", processes={1: (0, 999), 10: (1, 1), 11: (10, 2), 12: (11, 3), 20: (1, 99)}
    )
    assert fitness.own_cpu_seconds(10, proc=proc) == 4 * (1 + 2 + 3) / TICKS


def test_a_host_is_read_from_proc_and_sys(tmp_path: Path) -> None:
    proc = make_host(tmp_path, stat="100 0 50 800 0 5 45 0", processes={os.getpid(): (1, 10)})
    cpus = tmp_path / "cpu"
    for number in range(2):
        (cpus / f"cpu{number}" / "cpufreq").mkdir(parents=True)
        (cpus / f"cpu{number}" / "cpufreq" / "scaling_governor").write_text("schedutil\n")
        (cpus / f"cpu{number}" / "thermal_throttle").mkdir()
        (cpus / f"cpu{number}" / "thermal_throttle" / "core_throttle_count").write_text("7\n")
    watch = Watch(proc=proc, cpus=cpus)
    assert (watch.before.load, watch.before.throttled, watch.before.governors) == (2.0, 14, frozenset({"schedutil"}))
    assert watch.before.busy == 200 / TICKS
    make_host(tmp_path, stat="200 0 50 850 0 5 45 50", processes={os.getpid(): (1, 15)})
    found = watch.finish()
    assert found.steal == pytest.approx(0.25)
    assert found.neighbours == pytest.approx((100 - 20) / 200)
    assert any(reason.startswith("frequency governor schedutil") for reason in found.reasons("kvm"))


def test_a_childs_work_is_seen_while_it_runs_and_after() -> None:
    """On the real /proc: what a child burns is ours, dead or alive, so it never counts as a neighbour's."""
    start = fitness.own_cpu_seconds(os.getpid())
    burn = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    subprocess.run([sys.executable, "-S", "-c", burn], check=True)
    assert fitness.own_cpu_seconds(os.getpid()) - start >= 0.25
