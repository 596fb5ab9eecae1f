"""`python -m results query`: figures, tests, comparisons and runs from the shell, as a table, JSON or CSV."""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec

from results.errors import UsageError
from results.progress import counting
from results.query import KINDS, Store
from results.rows import Filters, Row

# What the table shows; JSON and CSV have every field. The record's place comes last: it is the longest.
_TABLE: Final = {
    "runs": "started suite revision branch dut kernel exit_code passed failed figures duration_s verdict where",
    "figures": "started revision scenario dut kernel metric value unit spread against environment unfit where",
    "comparisons": "started revision scenario dut kernel metric baseline candidate change threshold verdict where",
    "tests": "started revision dut kernel test outcome duration_s cause where",
    "not-measured": "started revision scenario dut kernel mode reason where",
}
_PERCENT: Final = frozenset({"spread", "change", "threshold"})
_RIGHT: Final = frozenset(
    "value spread baseline candidate change threshold duration_s exit_code passed failed figures".split()  # noqa: SIM905
)
# Widths are taken from so many rows, so that a table of any length streams.
_AHEAD: Final = 1000

_CHOICES: Final = {
    "suite": "suite (functional, performance, ...)",
    "test": "test: part of its identity",
    "outcome": "outcome of the test (passed, failed, ...)",
    "scenario": "scenario",
    "metric": "metric",
    "dut": "device under test",
    "kernel": "kernel flavour",
    "mode": "deterministic or timed",
    "verdict": "verdict of the run or the comparison",
    "revision": "commit, or its beginning",
    "branch": "branch",
    "environment": "environment key, or its beginning",
    "run": "identity of the run, or its beginning",
}


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Declares the options from which `filters` makes what is wanted."""
    group = parser.add_argument_group("filters", "several values: A,B; patterns: get-*; all filters must hold")
    for name, summary in _CHOICES.items():
        group.add_argument(f"--{name}", action="append", default=[], metavar="VALUE", help=summary)
    group.add_argument("--since", metavar="TIME", help="run started then or later: 2026-01-31[T12:00], or 12h, 7d ago")
    group.add_argument("--until", metavar="TIME", help="run started before then")
    group.add_argument("--last", type=int, metavar="N", help="only the newest N runs that have such rows")
    group.add_argument("--clean", action="store_true", help="no runs of checkouts with uncommitted changes")
    group.add_argument("--own", action="store_true", help="no figures of a baseline measured beside the candidate")
    parser.add_argument("--root", type=Path, help="where the records are (default: $WEIR_RESULTS or the state folder)")


def filters(args: argparse.Namespace) -> Filters:
    """What the command line wants. Raises UsageError for a time that is none, or for `--last` below 1."""
    values = {name: tuple(_values(getattr(args, name))) for name in _CHOICES}
    if args.last is not None and args.last < 1:
        raise UsageError(f"--last {args.last}: there is no such number of runs", hint="--last 1 is the newest")
    return Filters(
        **values, since=_time(args.since), until=_time(args.until), last=args.last, clean=args.clean, own=args.own
    )


def _values(given: Iterable[str]) -> Iterator[str]:
    # Commas within brackets belong to a parametrised test's identity.
    for text in given:
        yield from (part for part in re.split(r",(?![^\[]*\])", text) if part)


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    if ago := re.fullmatch(r"(\d+)([hdw])", text):
        unit = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}[ago[2]]
        return datetime.now(UTC) - int(ago[1]) * unit
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time", hint="2026-01-31, 2026-01-31T12:00, 12h, 7d or 2w") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "kind", nargs="?", choices=[*KINDS, "damaged"], help="what to list (default: figures, or tests with --test)"
    )
    add_filters(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one list of objects with every field")
    form.add_argument("--csv", action="store_true", help="every field, comma-separated, with a heading")


def run(args: argparse.Namespace) -> int:
    """Prints the rows asked for; 1 if there is none."""
    kind = args.kind or ("tests" if args.test or args.outcome else "figures")
    with Store(args.root, progress=counting()) as store:
        damaged = store.damaged()
        if kind == "damaged":
            for line in damaged:
                print(f"{line.path}:{line.line}: {line.reason}")
            if not damaged:
                print(f"no line in {store.root} is damaged", file=sys.stderr)
            return 0 if damaged else 1
        rows = store.select(KINDS[kind], filters(args))
        if args.json:
            count = write_json(rows, sys.stdout)
        elif args.csv:
            count = write_csv(rows, KINDS[kind].row.__struct_fields__, sys.stdout)
        else:
            count = write_table(rows, _TABLE[kind].split(), sys.stdout)
        if not count:
            print(f"no {kind} in {store.root} answer to that", file=sys.stderr)
        if damaged:
            print(f"{len(damaged)} lines are no record: `python -m results query damaged` lists them", file=sys.stderr)
        for identity, places in store.conflicts()[:5]:
            print(f"different records of one identity {identity}: {', '.join(places)}", file=sys.stderr)
    return 0 if count else 1


def write_json(rows: Iterable[Row], out: TextIO) -> int:
    """One JSON list, a row a line; returns how many."""
    count = 0
    out.write("[")
    for row in rows:
        out.write(("," if count else "") + "\n" + msgspec.json.encode(row).decode())
        count += 1
    out.write("\n]\n" if count else "]\n")
    return count


def write_csv(rows: Iterable[Row], names: Sequence[str], out: TextIO) -> int:
    """A heading and a line a row (RFC 4180, but with the line ends that a shell expects); returns how many."""
    writer = csv.writer(_PlainEnds(out), lineterminator="\r\n")
    writer.writerow(names)
    count = 0
    for row in rows:
        writer.writerow([_plain(getattr(row, name)) for name in names])
        count += 1
    return count


class _PlainEnds:
    """Python's writer quotes a CR within a text only when the line's end has one too; here that one is taken off."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, line: str) -> int:
        return self._out.write(line.removesuffix("\r\n") + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return value


def write_table(rows: Iterable[Row], names: Sequence[str], out: TextIO) -> int:
    """Columns for a person; returns how many rows. Columns of which the first rows have nothing are left out."""
    texts = ([_text(name, getattr(row, name)) for name in names] for row in rows)
    head = list(islice(texts, _AHEAD))
    if not head:
        return 0
    wanted = [column for column in range(len(names)) if any(line[column] for line in head)]
    widths = {column: max(len(names[column]), *(len(line[column]) for line in head)) for column in wanted}
    count = -1  # the heading is none
    for line in chain([list(names)], head, texts):
        cells = (
            line[column].rjust(widths[column]) if names[column] in _RIGHT else line[column].ljust(widths[column])
            for column in wanted
        )
        print("  ".join(cells).rstrip(), file=out)
        count += 1
    return count


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if name == "revision":
        return str(value)[:12]
    if name == "environment":
        return str(value)[:8]
    if name in _PERCENT:
        return f"{value:+.2%}" if name == "change" else f"{value:.2%}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).replace("\n", " ")
