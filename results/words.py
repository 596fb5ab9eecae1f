"""Metrics, numbers and changes in words: a metric's name, which direction is better, how a number is written."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

_NUMBER: Final = re.compile(r"([-+]?\d+(?:\.\d+)?)")
_NARROW: Final = 0.05
"""Half the width of an interval around 1 within which two things may be called the same."""
Direction = Literal["lower", "higher", "none"]


@dataclass(frozen=True)
class Metric:
    """`name` as a reader knows it; `less` and `more` complete "59 % ..."; `rank` orders metrics in tables."""

    name: str
    better: Direction
    less: str
    more: str
    rank: int = 50


def _cost(name: str, what: str, rank: int) -> Metric:
    return Metric(name, "lower", f"fewer {what}", f"more {what}", rank)


_KNOWN: Final[dict[str, Metric]] = {
    "instr_per_request": _cost("instructions per request", "instructions", 0),
    "instr_per_request_module": _cost("instructions per request in the module", "instructions", 1),
    "instr_per_request_kernel": _cost("instructions per request in the kernel", "instructions", 2),
    "instr_per_request_user": _cost("instructions per request in user space", "instructions", 3),
    "instr_per_request_client": Metric(
        "instructions per request of the load generator (excluded)", "none", "fewer", "more", 9
    ),
    "bytes_copied_per_request": _cost("bytes copied per request", "bytes", 4),
    "requests_per_s": Metric("requests per second", "higher", "fewer", "more", 20),
    "connections_per_s": Metric("connections per second", "higher", "fewer", "more", 21),
    "latency_p50": Metric("latency: half came within", "lower", "less", "more", 22),
    "latency_p99": Metric("latency: 99\u00a0% came within", "lower", "less", "more", 23),
    "latency_p999": Metric("latency: 99.9\u00a0% came within", "lower", "less", "more", 24),
    "guest_cpu_per_request": Metric("CPU time per request in the guest", "lower", "less", "more", 25),
    "qemu_cpu_per_request": Metric("CPU time per request of QEMU", "lower", "less", "more", 26),
    "goodput": Metric("goodput of honest clients during an attack", "higher", "less", "more", 30),
    "goodput_share": Metric("share of the goodput that an attack leaves", "higher", "less", "more", 31),
    "quiet_latency_p99": Metric("latency before an attack: 99\u00a0% came within", "lower", "less", "more", 34),
    "latency_p99_growth": Metric("what an attack makes of the 99\u00a0% latency", "lower", "less", "more", 35),
    "memory_per_idle_connection": Metric("memory per idle connection", "lower", "less", "more", 32),
    "memory_per_active_connection": Metric("memory per active connection", "lower", "less", "more", 33),
}

# By how a metric's name begins, ends or what it contains; the first match holds.
_HIGHER: Final = ("per_second", "_rate", "throughput", "goodput", "rps")
_LOWER: Final = (
    "instr_", "latency", "cpu_", "seconds_per", "memory", "bytes_per", "_errors", "failed", "p50", "p90", "p99", "_us",
)  # fmt: skip
_LOWER_UNITS: Final = ("instructions", "us", "µs", "ms", "s", "seconds", "B", "bytes", "KiB", "MiB", "cycles")


def metric(name: str, unit: str = "") -> Metric:
    """What is known of a metric; of one that nobody described, what its name and unit give away."""
    if known := _KNOWN.get(name):
        return known
    spoken = name.replace("_", " ")
    short = name.casefold()
    if any(word in short for word in _HIGHER) or unit.endswith("/s"):
        return Metric(spoken, "higher", "less", "more", 20)
    if any(word in short for word in _LOWER) or unit in _LOWER_UNITS:
        return Metric(spoken, "lower", "less", "more", 30)
    return Metric(spoken, "none", "less", "more")


def number(value: float) -> str:
    """Four significant digits or all of the integer part: 41,203; 812.4; 0.4100; 12.3 M."""
    if not math.isfinite(value):
        return "no number"
    size = abs(value)
    if size >= 1e7:
        return f"{value / 1e6:,.1f} M"
    if size >= 10_000 or value == int(value):
        return _signed(f"{value:,.0f}")
    if size >= 1000:
        return _signed(f"{value:,.1f}")
    digits = 4 if size == 0 else max(0, min(9, 3 - math.floor(math.log10(size))))
    return _signed(f"{value:.{digits}f}")


def percent(value: float, *, signed: bool = True) -> str:
    """A relative number: +1.20 %, −0.05 %, ±0 %."""
    if not math.isfinite(value):
        return "no number"
    size = abs(value) * 100
    digits = 0 if size >= 99.5 else 1 if size >= 9.95 else 2 if size >= 0.095 else 3
    shown = f"{size:,.{digits}f}"
    if not signed or float(shown.replace(",", "")) == 0:
        return f"{shown.rstrip('0').rstrip('.') if float(shown.replace(',', '')) == 0 else shown}\u00a0%"
    return f"{'+' if value > 0 else '−'}{shown}\u00a0%"


def noise(value: float) -> str:
    """A spread: ±0.1 %; how small it is below 0.001 % nobody needs."""
    if 0 < abs(value) < 1e-5:
        return "±<0.001\u00a0%"
    return f"±{percent(abs(value), signed=False)}"


def ratio(value: float) -> str:
    """0.412×; 2.31×; <0.001×."""
    if not math.isfinite(value):
        return "no number"
    if value == 0:
        return "0×"
    if value < 0.0005:
        return "<0.001×"
    return f"{value:.1f}×" if value >= 99.5 else f"{value:.2f}×" if value >= 0.995 else f"{value:.3f}×"


def plural(count: int, one: str, many: str = "") -> str:
    """1 run; 2 runs."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """0.4 s, 12 s, 3 min 20 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _signed(shown: str) -> str:
    return shown.replace("-", "−")


def merge(lines: Iterable[str]) -> list[str]:
    """Lines that differ in numbers only become one with ranges: `load 1.5 to 3.6 > 0.5`; sorted."""
    grouped: dict[tuple[str, ...], list[list[str]]] = {}
    for line in lines:
        pieces = _NUMBER.split(line)
        grouped.setdefault(tuple(pieces[::2]), []).append(pieces[1::2])
    merged = []
    for around, values in grouped.items():
        ranges = []
        for column in zip(*values, strict=True):
            low, high = min(column, key=float), max(column, key=float)
            ranges.append(low if low == high else f"{low} to {high}")
        merged.append("".join(a + b for a, b in itertools.zip_longest(around, ranges, fillvalue="")))
    return sorted(merged)


@dataclass(frozen=True)
class Judged:
    """One thing against another, in words. `word` is empty when neither direction is better."""

    word: Literal["better", "worse", "same", "unclear", ""]
    phrase: str


def judge_ratio(name: str, unit: str, value: float, low: float, high: float) -> Judged:
    """What it means that ours is `value` times theirs, where the truth is in [low, high]."""
    known = metric(name, unit)
    if low <= 1.0 <= high:
        if high - low > 2 * _NARROW:
            return Judged("unclear", "the spread is too wide to tell")
        return Judged("same", "no difference beyond the spread")
    size = percent(value - 1.0, signed=False)
    phrase = f"{size} {known.less if value < 1 else known.more}"
    if known.better == "none":
        return Judged("", phrase)
    good = (value < 1) == (known.better == "lower")
    return Judged("better" if good else "worse", phrase)
