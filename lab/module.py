"""Builds kmod/ out of tree against a lab kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.cache import Cache
from lab.kernel import Kernel
from lab.tools import ToolsTree


@dataclass(frozen=True)
class Module:
    """`ko` is stripped of debug information and goes to the guest; `debug_ko` has it, for file:line.

    `test_kos` are kmod/tests' modules by name ("weir_crash_test"), with debug information.
    """

    ko: Path
    debug_ko: Path
    test_kos: Mapping[str, Path]
    key: str


def ensure_module(cache: Cache, kernel: Kernel, tools: ToolsTree, source: Path | None = None) -> Module:
    """The module built from `source` (default: this checkout's kmod/) against `kernel`, unless cached."""
    raise NotImplementedError
