"""The initrd: the lab's static init and agent, and what modules the kernel needs to mount its root."""

from __future__ import annotations

from pathlib import Path

from lab.cache import Cache
from lab.kernel import Kernel
from lab.tools import ToolsTree


def ensure_initrd(cache: Cache, kernel: Kernel, tools: ToolsTree) -> Path:
    """An uncompressed newc cpio archive: /init, /agent, /modules.list and the modules it names, in order.

    /modules.list: one absolute path a line, in insertion order; empty or absent when everything is built in.
    """
    raise NotImplementedError
