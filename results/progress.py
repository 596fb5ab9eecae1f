"""Tells a person at a terminal how far a long reading of records is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


def counting(what: str = "records read into the index") -> Callable[[int], None]:
    """A listener that shows a running count on standard error after the first second, on terminals only."""
    began = time.monotonic()

    def told(count: int) -> None:
        if sys.stderr.isatty() and time.monotonic() - began > 1:
            print(f"\r{count:,} {what}\033[K", end="", file=sys.stderr, flush=True)

    return told
