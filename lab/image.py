"""The guest's root file system: a Debian root, read-only compressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.cache import Cache
from lab.lock import Lock
from lab.tools import ToolsTree


@dataclass(frozen=True)
class Image:
    """`squashfs` is mounted read-only under an overlay. `versions`: package -> version."""

    squashfs: Path
    key: str
    versions: Mapping[str, str]
    drift: tuple[str, ...] = ()


def ensure_image(cache: Cache, lock: Lock, tools: ToolsTree) -> Image:
    """The guest image, built unless cached."""
    raise NotImplementedError
