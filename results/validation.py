"""What a record must fulfil beyond the types of its fields; the same rules when it is written and when it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from results.figures import Comparison, Figure
    from results.records import Run

# What a date may be in any time zone, and a number in SQLite.
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_LARGEST: Final = 2**63
# Identity and suite become a file's name.
NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")


def problems(run: Run) -> Iterator[str]:
    """What is wrong with `run`, one line each; nothing if it is a valid record."""
    for name, text in (("id", run.id), ("suite", run.suite)):
        if not NAME.fullmatch(text):
            yield f"{name} {text!r} is not a name of letters, digits, '.', '_' and '-'"
    if run.started.tzinfo is None:
        yield "started has no time zone"
    elif not _EARLIEST <= run.started < _LATEST:
        yield f"started in the year {run.started.year}"
    host = run.environment.host
    for name, number in (
        ("exit_code", run.exit_code),
        ("processors", host.processors),
        ("memory_mib", host.memory_mib),
    ):
        if not -_LARGEST <= number < _LARGEST:
            yield f"{name} does not fit into 64 bits"
    if run.duration_s < 0:
        yield "duration_s is negative"
    for position, test in enumerate(run.tests):
        if not test.id:
            yield f"tests[{position}] has no id"
        if test.duration_s < 0:
            yield f"tests[{position}].duration_s is negative"
    for position, figure in enumerate(run.figures):
        for problem in _figure(figure):
            yield f"figures[{position}] {problem}"
        if figure.environment and figure.environment not in run.environments:
            yield f"figures[{position}].environment {figure.environment!r} is not described in environments"
    for position, comparison in enumerate(run.comparisons):
        for problem in _comparison(comparison):
            yield f"comparisons[{position}] {problem}"


def _figure(figure: Figure) -> Iterator[str]:
    for name in ("scenario", "dut", "metric", "unit"):
        if not getattr(figure, name):
            yield f"has no {name}"
    if figure.spread < 0:
        yield "has a negative spread"
    yield from _interval(figure)


def _comparison(comparison: Comparison) -> Iterator[str]:
    for name in ("scenario", "dut", "metric", "unit"):
        if not getattr(comparison, name):
            yield f"has no {name}"
    if comparison.threshold < 0:
        yield "has a negative threshold"
    yield from _interval(comparison)


def _interval(judged: Figure | Comparison) -> Iterator[str]:
    if judged.low is not None and judged.high is not None and judged.low > judged.high:
        yield f"has an interval upside down: {judged.low} to {judged.high}"
