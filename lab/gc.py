"""`lab gc`: keeps the cache within bounds by deleting what was used longest ago."""

from __future__ import annotations

import argparse
import re
from typing import Final

from lab.cache import Cache, Entry, disk_usage, remove_tree
from lab.errors import UsageError

_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
DEFAULT_SIZE: Final = "20G"


def parse_size(text: str) -> int:
    """Bytes from "500M", "20G", "1.5G" or a plain number. Raises UsageError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", text.strip().upper())
    if match is None:
        raise UsageError(f"{text!r} is not a size", hint="for example 500M, 20G or 0")
    return int(float(match[1]) * _UNITS[match[2]])


def format_size(size: int) -> str:
    """A size for people: 571M, 1.2G."""
    for unit in ("G", "M", "K"):
        if size >= _UNITS[unit]:
            value = size / _UNITS[unit]
            return f"{value:.1f}{unit}" if value < 10 else f"{value:.0f}{unit}"
    return str(size)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `lab gc`."""
    parser.add_argument("--max-size", default=DEFAULT_SIZE, metavar="SIZE", help="keep at most this (%(default)s)")
    parser.add_argument("--scratch", action="store_true", help="delete the compiler cache, package lists and logs too")
    parser.add_argument("--list", action="store_true", help="only show what the cache holds")


def run(arguments: argparse.Namespace) -> int:
    """`lab gc`."""
    cache = Cache()
    if arguments.list:
        for entry in cache.entries():
            print(_line(entry))
        return 0
    removed = cache.collect(parse_size(arguments.max_size))
    for entry in removed:
        print(f"deleted {_line(entry)}")
    if arguments.scratch:
        remove_tree(cache.root / "scratch")
    left = disk_usage(cache.root) if cache.root.is_dir() else 0
    print(f"{len(removed)} deleted; {cache.root} holds {format_size(left)}")
    return 0


def _line(entry: Entry) -> str:
    return f"{format_size(entry.size):>6}  {entry.kind}/{entry.key}"
