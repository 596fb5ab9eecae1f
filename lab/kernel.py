"""Kernels the lab boots, by flavour: images/kernels.toml says which there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.cache import Cache
from lab.lock import Lock
from lab.tools import ToolsTree


@dataclass(frozen=True)
class Kernel:
    """A kernel ready to boot and to build modules against.

    `image` is a bzImage. `build_dir` is for `make -C build_dir M=...` (run it by `sandbox.command`, which keeps
    absolute paths). `modules` is the folder `lib/modules/<release>` of its loadable modules, None if it has none.
    `vmlinux` is the unstripped ELF file, None where the distribution ships none.
    """

    flavour: str
    release: str
    image: Path
    build_dir: Path
    vmlinux: Path | None
    system_map: Path
    modules: Path | None
    key: str
    version: str
    """Debian version of the package that it was made from, e.g. "6.12.117-1"."""
    drift: tuple[str, ...] = ()


def ensure_kernel(cache: Cache, lock: Lock, tools: ToolsTree, flavour: str) -> Kernel:
    """The kernel of that flavour, built unless cached."""
    raise NotImplementedError
