"""The tools tree: a Debian root that holds every compiler, QEMU and load tool the lab runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.cache import Cache
from lab.lock import Lock


@dataclass(frozen=True)
class ToolsTree:
    """`root` holds usr/, etc/ ...; run things in it with `sandbox.command`. `versions`: package -> version.

    `drift` has one line for each package whose locked version the mirror no longer offered.
    """

    root: Path
    key: str
    versions: Mapping[str, str]
    drift: tuple[str, ...] = ()


def ensure_tools(cache: Cache, lock: Lock, name: str = "tools") -> ToolsTree:
    """The tools tree `name` ("tools", or "fuzz" with clang and llvm), built unless cached."""
    raise NotImplementedError
