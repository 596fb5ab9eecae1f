"""images/lock.json: the exact version of every package the lab builds from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Lock:
    """`sets`: name of a package set ("tools", "image", ...) -> package -> version. `strict`: drift is an error."""

    suite: str
    sets: Mapping[str, Mapping[str, str]]
    strict: bool = False

    @classmethod
    def load(cls, path: Path | None = None, *, strict: bool = False) -> Lock:
        """Read the lock (default: this checkout's images/lock.json)."""
        raise NotImplementedError
