"""`python -m results reindex`: brings the index up to date, or makes it anew from the records."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from results.index import refresh
from results.progress import counting
from results.query import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--from-nothing", action="store_true", help="read every file again, whatever its size and time")
    parser.add_argument("--root", type=Path, help="where the records are (default: $WEIR_RESULTS or the state folder)")


def run(args: argparse.Namespace) -> int:
    """Says what was read; damaged lines are listed and do not fail it."""
    began = time.monotonic()
    done = refresh(args.root, rebuild=args.from_nothing, progress=counting())
    with Store(args.root, refresh=False) as store:
        for line in store.damaged():
            print(f"no record: {line.path}:{line.line}: {line.reason}")
    print(
        f"{done.path}: {done.read:,} files read, {done.touched:,} found unchanged, {done.removed:,} gone,"
        f" {time.monotonic() - began:.1f} s"
    )
    return 0
