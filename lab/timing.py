"""`lab timing`: whether the time of a TLS primitive depends on its secret, by Welch's t-test.

Reparaz, Balasch and Verbauwhede, "Dude, is my code constant time?" (2017): measurements with one secret and with random
ones, in random order; the test is done on all of them, on those below each of a hundred limits, since what disturbs a
measurement makes it longer, and on the squared distances from the mean, for what changes the spread alone. Sums are
kept in the cache and grow from run to run, as long as the code, the compiler and the processor are the same.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt
from pathlib import Path
from typing import Final

from lab import sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.errors import ExitCode, InfrastructureError
from lab.lock import Lock
from lab.process import run_logged
from lab.tools import ToolsTree, ensure_tools

PRIMITIVES: Final = ("public", "shared", "sign", "x25519", "x25519-shared", "rsa", "rsa-power", "rsa-combine")
"""
P-256's public keys, shared secrets and signatures; the first two of X25519; signatures of RSA with 2048 bits, and their
steps that have secrets: a message to a power modulo a prime, with a short exponent; both primes' parts combined.
"""
CONTROLS: Final = ("public-control", "rsa-combine-control")
"""
They take a secret as a primitive does, and work with other numbers, always the same ones: if one of them is not below
the bound, it is the harness whose time depends on secrets, and what it says of primitives is worth nothing.
"""
LEAK: Final = "leak"
"""What the test has to find: a comparison that ends early."""
UNFAIR: Final = "unfair"
"""What a control has to find: one class has less in the cache."""
BOUND: Final = 4.5
"""Of |t|: from here on it is a leak."""
LIMITS: Final = 100
_CALIBRATION: Final = 5
"""Seconds."""
_ENOUGH: Final = 1000
"""Measurements of a class below which a test says nothing."""
_TESTS: Final = ROOT / "kmod/tests/tls"
_FLAGS: Final = (
    "-std=gnu11",
    "-O2",
    "-D_GNU_SOURCE",
    "-fno-strict-aliasing",
    "-mgeneral-regs-only",
    "-Wno-deprecated-declarations",
)
"""As the kernel builds its code."""


@dataclass(frozen=True)
class Sums:
    """Of measurements: how many, their sum, and that of their squares."""

    count: int = 0
    total: int = 0
    squares: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.count + other.count, self.total + other.total, self.squares + other.squares)

    def squared_error(self) -> float:
        """Of the mean."""
        spread = self.count * self.squares - self.total**2
        return spread / (self.count**2 * (self.count - 1))


Pair = tuple[Sums, Sums]
"""Of the fixed secret, and of random ones."""


def welch(pair: Pair) -> float:
    """t of two samples whose variances may differ; 0 without a spread."""
    one, other = pair
    error = one.squared_error() + other.squared_error()
    difference = (one.total * other.count - other.total * one.count) / (one.count * other.count)
    return difference / sqrt(error) if error else 0.0


@dataclass(frozen=True)
class State:
    """What is known of a primitive.

    limits: of cycles. centre: their median. buckets: what lies below each limit and not below the one before, and last
    what lies above all. distances: squared, from the centre.
    """

    limits: tuple[int, ...]
    centre: int
    buckets: tuple[Pair, ...]
    distances: Pair

    def add(self, buckets: Sequence[Pair], distances: Pair) -> State:
        """With more measurements, by the same limits and centre."""
        grown = tuple(_add(mine, more) for mine, more in zip(self.buckets, buckets, strict=True))
        return State(self.limits, self.centre, grown, _add(self.distances, distances))

    @property
    def count(self) -> int:
        """Of both classes."""
        return sum(one.count + other.count for one, other in self.buckets)

    def tests(self) -> dict[str, float]:
        """t of every test that has enough measurements, by name."""
        below = list(accumulate(self.buckets, _add))
        named = {f"below {limit} cycles": pair for limit, pair in zip(self.limits, below, strict=False)}
        named |= {"all": below[-1], "squared distances": self.distances}
        return {name: welch(pair) for name, pair in named.items() if min(one.count for one in pair) >= _ENOUGH}

    def worst(self) -> tuple[str, float]:
        """The test with the largest |t|."""
        return max(self.tests().items(), key=lambda item: abs(item[1]), default=("none", 0.0))


def _add(one: Pair, other: Pair) -> Pair:
    return one[0] + other[0], one[1] + other[1]


def calibrated(measured: Sequence[tuple[int, int]]) -> State:
    """An empty state by a few measurements, of class and cycles: limits are dense where most of them are."""
    ordered = sorted(cycles for _, cycles in measured)
    ranks = (1 - 0.5 ** (10 * (i + 1) / LIMITS) for i in range(LIMITS))
    limits = sorted({ordered[int(rank * (len(ordered) - 1))] + 1 for rank in ranks})
    # One for both classes: means of a few measurements, some of them interrupted, differ without a leak.
    centre = ordered[len(ordered) // 2]
    empty = (Sums(), Sums())
    return State(tuple(limits), centre, (empty,) * (len(limits) + 1), empty)


def dumped(state: State) -> str:
    """As JSON."""
    rows = [[[one.count, one.total, one.squares] for one in pair] for pair in (*state.buckets, state.distances)]
    return json.dumps({"limits": state.limits, "centre": state.centre, "sums": rows})


def loaded(text: str) -> State:
    """What `dumped` returned."""
    values = json.loads(text)
    pairs = [(Sums(*one), Sums(*other)) for one, other in values["sums"]]
    return State(tuple(values["limits"]), values["centre"], tuple(pairs[:-1]), pairs[-1])


class Timing:
    """kmod/tests/tls/timing.c, and what its runs have found."""

    def __init__(self, cache: Cache, tools: ToolsTree) -> None:
        self.tools = tools
        # No more than is measured: what else is changed makes no sum worthless.
        kmod = ROOT / "kmod"
        families = ("tls_p256", "tls_x25519", "tls_inverse", "tls_rsa")
        sources = [_TESTS / "timing.c", _TESTS / "crypto.c", kmod / "tls_hmac.c"]
        sources += [path for family in families for path in sorted(kmod.glob(f"{family}*.c"))]
        # Which timing.c includes, for its steps.
        included = [kmod / "tls_rsa.c"]
        names = ("tls_types", "tls_crypto", "tls_hmac", "tls_product", "tls_adx", "tls_choose", "http_types")
        headers = [kmod / f"{name}.h" for name in names]
        headers += [*(path for family in families for path in sorted(kmod.glob(f"{family}*.h"))), _TESTS / "crypto.h"]
        content = {str(path.relative_to(ROOT)): path for path in (*sources, *headers)}
        compiled = [path for path in sources if path not in included]
        key = digest("timing", tools.key, _FLAGS, content)

        def build(folder: Path) -> None:
            argv: list[str | Path] = ["gcc", *_FLAGS, "-o", folder / "timing", *compiled, "-lcrypto"]
            log = cache.scratch("logs") / "timing.log"
            run_logged(sandbox.command(tools, argv, cwd=ROOT), what="building timing", log=log)

        self.program = cache.ensure("timing", key, build) / "timing"
        self.states = cache.scratch("timing") / digest(key, _processor())

    def state(self, primitive: str) -> State | None:
        """What earlier runs have found."""
        path = self.states / f"{primitive}.json"
        return loaded(path.read_text(encoding="utf-8")) if path.is_file() else None

    def measure(self, primitive: str, seconds: int, cpu: int) -> State:
        """Goes on for so long, and keeps what is found."""
        state = self.state(primitive) or calibrated(
            [(int(line[0]), int(line[2:])) for line in self._run(primitive, _CALIBRATION, cpu)]
        )
        lines = self._run(primitive, seconds, cpu, state.centre, *state.limits)
        sums = [Sums(*(int(word, 16) for word in line.split())) for line in lines]
        pairs = list(zip(sums[::2], sums[1::2], strict=True))
        state = state.add(pairs[:-1], pairs[-1])
        self.states.mkdir(parents=True, exist_ok=True)
        path = self.states / f"{primitive}.json"
        new = path.with_suffix(".new")
        new.write_text(dumped(state), encoding="utf-8")
        new.replace(path)
        return state

    def _run(self, primitive: str, seconds: int, cpu: int, *numbers: int) -> list[str]:
        argv = sandbox.command(self.tools, [self.program, *map(str, (primitive, seconds, cpu, *numbers))])
        done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 120, check=False)
        if done.returncode:
            raise InfrastructureError(f"timing {primitive} failed with status {done.returncode}: {done.stderr}")
        return done.stdout.splitlines()


def _processor() -> str:
    """Its name."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line for line in lines if line.startswith("model name")), "")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--seconds", type=int, default=60, help="how long, all primitives together; 0: only report")
    parser.add_argument(
        "--primitive",
        choices=(*PRIMITIVES, *CONTROLS, LEAK, UNFAIR),
        action="append",
        help="only this one (default: all, and the controls)",
    )
    parser.add_argument(
        "--cpu", type=int, default=max(os.sched_getaffinity(0)), help="where to measure (default: last)"
    )


def run(args: argparse.Namespace) -> int:
    """Measures; 1 if a time depends on a secret, 70 if that of a control does."""
    timing = Timing(Cache(), ensure_tools(Cache(), Lock.load()))
    chosen = args.primitive or (*PRIMITIVES, *CONTROLS)
    status = ExitCode.PASSED
    unfair: list[str] = []
    for primitive in chosen:
        seconds = args.seconds // len(chosen)
        state = timing.measure(primitive, seconds, args.cpu) if seconds else timing.state(primitive)
        if not state:
            print(f"{primitive:19} not measured")
            continue
        name, t = state.worst()
        tests = len(state.tests())
        print(f"{primitive:19} {state.count:>11,} samples, largest |t| {abs(t):.2f} of {tests} tests ({name})")
        if abs(t) >= BOUND and primitive in (*CONTROLS, UNFAIR):
            unfair.append(primitive)
        elif abs(t) >= BOUND:
            status = ExitCode.PRODUCT_FAILURE
    if unfair:
        raise InfrastructureError(f"the harness itself depends on secrets: {', '.join(unfair)}")
    return status
