"""`python -m results bench`: how long index and queries take over many records, and how much memory.

It really writes the records, one file a run as runs do: three years of one figure a scenario in a few environments,
with levels that change and with noise, and a run of tests among every ten. Each command then runs as a process of its
own.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from results import environment, records
from results.figures import Figure
from results.trend import MAX_P_VALUE, change_points

_SCENARIOS: Final = (
    "get-keepalive-1k", "get-keepalive-64k", "post-64k", "connection-per-request", "pipelined-1k", "rate-limited",
    "blocked-syn", "malformed", "idle-connections",
)  # fmt: skip
_DUTS: Final = ("weir", "nginx", "haproxy")
_EPOCHS: Final = 5
_BEGIN: Final = datetime(2024, 1, 1, tzinfo=UTC)
_YEARS: Final = timedelta(days=3 * 365)


def generate(root: Path, count: int, *, seed: int = 1) -> int:
    """Appends `count` records below `root`; returns how many bytes they have. The same for the same seed."""
    size = 0
    for run in make(count, seed):
        line = records.encode(run)
        size += len(line)
        records.append_line(records.path_of(run, root), line, flush=False)
    return size


def make(count: int, seed: int = 1) -> Iterator[records.Run]:
    """The records that `generate` writes."""
    noise = random.Random(seed)
    host = records.Host("Debian GNU/Linux 12 (bookworm)", "6.12.95", "a processor of some model", 2, 24105, "3.11.2")
    guest = records.Environment(host, "qemu", "tcg", "a guest on KVM did not boot", 1.0, "patched", "6.12.117-weir")
    for number in range(count):
        started = _BEGIN + _YEARS * number / max(count, 1)
        commit = f"{noise.getrandbits(160):040x}"
        base = records.Run(
            id=f"{started:%Y%m%dT%H%M%SZ}-{seed:02x}{number:06x}",
            suite="performance",
            started=started,
            duration_s=round(noise.uniform(20, 60), 3),
            exit_code=0,
            command="nox -s performance",
            environment=guest,
            revision=records.Revision(commit, "main"),
            dut="weir",
            versions={"qemu-system-x86": "1:10.0.13+ds-0+deb13u1", "gcc-14": "14.2.0-19"},
            hashes={name: f"{noise.getrandbits(96):024x}" for name in ("tools", "kernel", "module", "image")},
        )
        if number % 10 == 9:
            tests = [
                records.TestResult(f"suites/functional/test_limits.py::test_case_{case}", "passed", 0.1)
                for case in range(8)
            ]
            yield msgspec.structs.replace(base, suite="functional", command="nox -s functional", tests=tests)
            continue
        described = {
            "qemu": f"7.2.{19 + number * _EPOCHS // count}",
            "cpu": "max,-cx16,-erms,-fsrm",
            "icount": "shift=0,sleep=off",
            "kernel": "152c41e316a6e9efa2fd2b87",
            "compiler": "gcc 14.2.0-19",
            "image": "2bcede53bff8e35f64ea162b",
            "recipe": "1",
        }
        key = environment.key(described)
        scenario = _SCENARIOS[number % len(_SCENARIOS)]
        level = 40_000 + 5_000 * _SCENARIOS.index(scenario) - 3_000 * (number * 8 // count)
        figures = [
            Figure(
                scenario=scenario,
                dut=dut,
                kernel="patched",
                mode="deterministic",
                metric="instr_per_request",
                value=round(noise.gauss(level * (1 + place), level * 0.0002), 1),
                unit="instructions",
                spread=0.0002,
                environment=key,
                attributes={"requests": "2000"},
            )
            for place, dut in enumerate(_DUTS)
        ]
        yield msgspec.structs.replace(base, figures=figures, environments={key: described})


@dataclass(frozen=True)
class Cost:
    """What a process took: wall time in seconds, and its largest resident memory in MiB."""

    seconds: float
    memory_mib: float
    lines: int


def cost(arguments: Sequence[str]) -> Cost:
    """Runs `python -m results` with `arguments` and says what it took. Raises CalledProcessError if it fails."""
    argv = [sys.executable, "-m", "results", *arguments]
    began = time.monotonic()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent) as process:
        assert process.stdout is not None
        lines = sum(1 for _ in process.stdout)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return Cost(time.monotonic() - began, usage.ru_maxrss / 1024, lines)


def change_points_of_noise(count: int = 1000) -> int:
    """Prints how many of `count` series of 100 values without any change show one, and how many of a step is found."""
    noise = random.Random(3)

    def series(spread: float, step: float = 0.0) -> list[float]:
        before = 50 if step else 100
        after = [noise.gauss(1000 * (1 + step), 1000 * spread) for _ in range(20 if step else 0)]
        return [noise.gauss(1000, 1000 * spread) for _ in range(before)] + after

    for spread in (0.0002, 0.005, 0.02):
        for p in (1e-3, MAX_P_VALUE):
            found = sum(bool(change_points(series(spread), max_p_value=p)) for _ in range(count))
            any_size = sum(bool(change_points(series(spread), max_p_value=p, min_magnitude=0)) for _ in range(count))
            print(f"noise {spread:.2%}, p {p:g}: {found / count:.1%} show a change, {any_size / count:.1%} of any size")
    for spread, step in ((0.0002, 0.011), (0.005, 0.02), (0.02, 0.03), (0.02, 0.05)):
        places = ([point.position for point in change_points(series(spread, step))] for _ in range(count))
        found = sum(any(abs(place - 50) <= 2 for place in found_at) for found_at in places)
        print(f"noise {spread:.2%}, a step of {step:.1%} with 20 runs after it: found in {found / count:.0%}")
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--records", type=int, default=100_000, metavar="N", help="how many (default: 100000)")
    parser.add_argument("--trend", action="store_true", help="how often trends show changes that are none, miss others")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="generate there and leave it")


def run(args: argparse.Namespace) -> int:
    """Generates, measures and prints a table."""
    if args.trend:
        return change_points_of_noise()
    with tempfile.TemporaryDirectory(prefix="weir-results-") as scratch:
        root = args.keep or Path(scratch)
        began = time.monotonic()
        size = generate(root, args.records)
        print(
            f"{args.records:,} records, {size / 1e6:,.0f} MB, written in {time.monotonic() - began:.1f} s", flush=True
        )
        here = ["--root", str(root)]
        cell = ["--scenario", "get-keepalive-1k", "--dut", "weir", "--metric", "instr_per_request"]
        steps = (
            ("index made from nothing", ["reindex", "--from-nothing", *here]),
            ("nothing changed", ["reindex", *here]),
            ("one figure, its newest 20 runs", ["query", *cell, "--last", "20", *here]),
            ("one figure, all its history, JSON", ["query", *cell, "--json", *here]),
            ("every figure, CSV", ["query", "figures", "--csv", *here]),
            ("every test, CSV", ["query", "tests", "--csv", *here]),
            ("one figure's trend", ["trend", *cell, *here]),
            ("one record more: one figure, newest", ["query", *cell, "--last", "1", *here]),
        )
        print(f"{'':<40} {'seconds':>8} {'MiB':>6} {'lines':>9}")
        for what, arguments in steps:
            if what.startswith("one record more"):
                latest = msgspec.structs.replace(next(make(1)), id="latest", started=_BEGIN + _YEARS)
                records.append(latest, root)
            spent = cost(arguments)
            print(f"{what:<40} {spent.seconds:>8.2f} {spent.memory_mib:>6.0f} {spent.lines:>9,}", flush=True)
    return 0
