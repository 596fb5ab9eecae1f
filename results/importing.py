"""`python -m results import`: records of another machine or branch, and results of other tools, into the store.

JSONL files are merged line by line, byte for byte; a line that is no record this reader knows is reported and stays
where it is. A run that is there already is not imported again, so that merging twice, or two machines' copies of each
other, does no harm.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from results import exchange
from results.errors import ResultsError, UsageError
from results.progress import counting
from results.query import Store
from results.records import RecordError, append_line, decode, default_root, encode, lines, path_of


@dataclass
class Imported:
    """How many runs came in, were there already, are in conflict with one that is there, or could not be read."""

    new: int = 0
    known: int = 0
    conflicts: int = 0
    unreadable: int = 0


def import_files(paths: list[Path], root: Path | None = None, *, form: str | None = None) -> Iterator[str | Imported]:
    """Brings the runs in `paths` (files, and folders with all JSONL files below them) into the store at `root`.

    Yields a line for each thing to be told, and in the end the counts. `form` is a name of `exchange.BY_NAME` or
    "jsonl", for files whose names do not say it. Raises ResultsError for a file that cannot be read at all; what came
    before it stays imported.
    """
    base = (root or default_root()).resolve()
    base.mkdir(parents=True, exist_ok=True)
    done = Imported()
    with Store(base, progress=counting()) as store:
        for path in _files(paths, base):
            chosen = _form(path, form)
            whole = chosen is None
            for number, line in lines(path) if chosen is None else _encoded(chosen, path):
                told = _bring(line, store, base, done, whole=whole)
                if told:
                    yield f"{path}:{number}: {told}"
    os.sync()
    yield done


def _files(paths: list[Path], root: Path) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            if root == path.resolve():
                raise UsageError(f"{path} is the store itself", hint="import takes the records of another one")
            # Of another store only the records: its logs may hold anything.
            yield from sorted(found for found in path.rglob("*.jsonl") if "logs" not in found.relative_to(path).parts)
        elif path.is_file():
            yield path
        else:
            raise UsageError(f"there is no file or folder {path}")


def _form(path: Path, name: str | None) -> exchange.Form | None:
    """The form of a file; None for records as they are."""
    if name == "jsonl" or (name is None and path.suffix == ".jsonl"):
        return None
    return exchange.BY_NAME[name] if name else exchange.form_of(path)


def _encoded(form: exchange.Form, path: Path) -> Iterator[tuple[int, bytes]]:
    for number, run in enumerate(form.read(path), start=1):
        yield number, encode(run)


def _bring(line: bytes, store: Store, root: Path, done: Imported, *, whole: bool) -> str:
    try:
        run = decode(line)
    except RecordError as error:
        done.unreadable += 1
        return f"not imported: {error}"
    target = path_of(run, root)
    here = [store.record(row) for row in store.named(run.id)]
    if not here and target.exists():
        here = [decode(other) for _, other in lines(target) if _identity(other) == run.id]
    if here:
        # Another form brings less of a run than its record has: that is no conflict.
        if run in here or not whole:
            done.known += 1
            return ""
        done.conflicts += 1
        return f"not imported: the store has another record of the identity {run.id}"
    if append_line(target, line.rstrip(b"\r\n") + b"\n", once=True, flush=False):
        done.new += 1
    else:
        done.known += 1
    return ""


def _identity(line: bytes) -> str:
    try:
        return decode(line).id
    except RecordError:
        return ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="folder of JSONL records, or a file")
    forms = ["jsonl", *exchange.BY_NAME]
    parser.add_argument("--format", choices=forms, help="what the files are, where their names do not say it")
    parser.add_argument("--root", type=Path, help="the store (default: $WEIR_RESULTS or the state folder)")


def run(args: argparse.Namespace) -> int:
    """Imports and says what came in; 1 if a run is in conflict with one that is there already."""
    for told in import_files(args.paths, args.root, form=args.format):
        if isinstance(told, Imported):
            print(
                f"{told.new:,} runs imported, {told.known:,} were there already, {told.conflicts:,} in conflict,"
                f" {told.unreadable:,} lines unreadable (they stay where they are)"
            )
            return 1 if told.conflicts else 0
        print(told, file=sys.stderr)
    raise ResultsError("nothing was counted")
