"""`python -m results export`: runs in a form that other tools read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from results.exchange import BY_NAME, FORMS
from results.progress import counting
from results.query import Store
from results.query_command import add_filters, filters
from results.records import Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    carried = ", ".join(f"{form.name} ({form.carries})" for form in FORMS)
    parser.add_argument("--format", required=True, choices=sorted(BY_NAME), help=carried)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there (default: standard output)")
    add_filters(parser)


def run(args: argparse.Namespace) -> int:
    """Writes the runs that the filters choose, oldest first; 1 if there is none."""
    form = BY_NAME[args.format]
    with Store(args.root, progress=counting()) as store:
        wanted = filters(args)
        if next(store.runs(wanted), None) is None:
            print(f"no run in {store.root} answers to that", file=sys.stderr)
            return 1

        def runs() -> Iterator[Run]:
            return (store.record(row) for row in store.runs(wanted))

        if not args.output:
            form.write(runs, sys.stdout)
            return 0
        # Whole or not at all: who waits for the file never finds half of it.
        scratch = args.output.with_name(f".{args.output.name}.partial")
        try:
            with scratch.open("w", encoding="utf-8", newline="") as out:
                form.write(runs, out)
            scratch.replace(args.output)
        finally:
            scratch.unlink(missing_ok=True)
    return 0
