"""Statistics for people."""

from __future__ import annotations

from .meters import Scope, Statistics

_TITLES = {
    "requests": "requests",
    "responses_2xx": "2xx",
    "responses_3xx": "3xx",
    "responses_4xx": "4xx",
    "responses_5xx": "5xx",
    "failures": "failures",
    "aborted": "aborted",
    "unserved": "unserved",
    "under_attack": "under attack",
    "retries": "retries",
    "bytes_in": "bytes in",
    "bytes_out": "bytes out",
    "connections": "connections",
}
_PERCENTILES = (0.5, 0.9, 0.99)


def duration(seconds: float | None) -> str:
    """With three digits at most: "1.25 ms"."""
    if seconds is None:
        return "-"
    if seconds == float("inf"):
        return "over 67 s"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def _row(scope: Scope) -> list[str]:
    numbers = [str(scope.counters.get(name, 0)) for name in _TITLES]
    return [" ".join(scope.labels().values()), *numbers, *(duration(scope.percentile(part)) for part in _PERCENTILES)]


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def render(statistics: Statistics) -> str:
    """Counters a line each, then a table for each kind of scope."""
    width = max(map(len, statistics.counters), default=0)
    blocks = ["".join(f"{name:<{width}} {value}\n" for name, value in statistics.counters.items())]
    for kind in dict.fromkeys(scope.kind for scope in statistics.scopes):
        rows = [[kind, *_TITLES.values(), *(f"p{part * 100:g}" for part in _PERCENTILES)]]
        rows += [_row(scope) for scope in statistics.scopes if scope.kind == kind]
        blocks.append("".join(f"{line}\n" for line in _aligned(rows)))
    return "\n".join(blocks)
