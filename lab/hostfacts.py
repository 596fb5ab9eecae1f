"""What was measured about this host, remembered for as long as it stays booted.

Files live under <cache>/host/<boot id>/, so that a reboot, which may change the CPU, the hypervisor or the
kernel, forgets all of them. A file that cannot be read or written only costs a new measurement.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from lab.bootstrap import cache_root

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@cache
def boot_id() -> str:
    """The host's boot id (random(4)), or "unknown" where /proc does not tell."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"


def _path(name: str, root: Path | None) -> Path:
    return (root or cache_root()) / "host" / boot_id() / f"{name}.json"


def recall(name: str, *, root: Path | None = None) -> dict[str, Any] | None:
    """The fact remembered as `name` in this host boot, or None."""
    try:
        value = json.loads(_path(name, root).read_text())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def recall_all(prefix: str, *, root: Path | None = None) -> list[dict[str, Any]]:
    """All facts of this host boot whose name begins with `prefix`, the latest last."""
    folder = _path("", root).parent
    try:
        files = sorted(folder.glob(f"{prefix}*.json"), key=lambda file: file.stat().st_mtime)
    except OSError:
        return []
    facts = (recall(file.stem, root=root) for file in files)
    return [fact for fact in facts if fact is not None]


def remember(name: str, value: dict[str, Any], *, root: Path | None = None) -> None:
    """Write `value` as `name`, atomically, so that labs running side by side never read half a file."""
    path = _path(name, root)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{name}.")
        with os.fdopen(handle, "w") as file:
            json.dump(value, file)
        Path(temporary).replace(path)


def forget(name: str, *, root: Path | None = None) -> None:
    """Drop the fact, so that it is measured again."""
    _path(name, root).unlink(missing_ok=True)
