"""Runs programs of the tools tree. See `command`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.tools import ToolsTree


def command(
    tools: ToolsTree, argv: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> list[str]:
    """The argument list that runs `argv` with the tools tree's /usr, /etc and /var, and the host's other folders."""
    raise NotImplementedError


def mount_root(tools: ToolsTree, at: Path) -> None:
    """Put the tools tree's root, as `command` shows it, at the empty directory `at` of this mount namespace."""
    raise NotImplementedError
