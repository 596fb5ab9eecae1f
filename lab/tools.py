"""The tools tree: a Debian root that holds every compiler, QEMU and load tool the lab runs.

Compiler and QEMU change hashes and instruction counts, so every host uses the same. Run things in it by
`lab.sandbox.command`. It belongs to one user id and needs no privilege once built.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import progress, rootfs
from lab.cache import Cache, digest
from lab.lock import Lock, Request
from lab.process import run_logged

TREES: Final = ("tools", "fuzz", "count", "browser", "tls", "clients")
_TOOLCHAIN: Final = re.compile(
    r"gcc-\d+|cpp-\d+|libgcc-\d+-dev|binutils|libc6-dev|libelf1\w*|make|flex|bison|bc|lz4|xz-utils|mawk|perl-base|kmod"
)


@dataclass(frozen=True)
class ToolsTree:
    """`root` holds usr/, etc/ ...; run things in it with `sandbox.command`. `versions`: package -> version.

    `drift` has one line for each package whose locked version the mirror no longer offered.
    """

    root: Path
    key: str
    versions: Mapping[str, str]
    drift: tuple[str, ...] = ()

    def toolchain(self) -> dict[str, str]:
        """The versions that decide what a build of kernel or module looks like: part of their keys."""
        return {name: version for name, version in self.versions.items() if _TOOLCHAIN.fullmatch(name)}


def ensure_tools(cache: Cache, lock: Lock, name: str = "tools") -> ToolsTree:
    """The tools tree `name`, a list in images/packages, built unless cached.

    Raises HostError or InfrastructureError when it cannot be built.
    """
    request = Request.load(name)
    key = rootfs.key_of(lock, request)

    def build(directory: Path) -> None:
        with progress.step(f"tools tree {name!r} ({len(lock.versions(name))} packages)") as step:
            archive = directory / "root.tar"
            rootfs.make_tar(cache, lock, request, archive, step)
            step.update("unpacking")
            root = directory / "root"
            root.mkdir()
            # All files become ours: the tree is used under one user id, as the only user or as a namespace's root.
            run_logged(
                ["tar", "--extract", f"--file={archive}", f"--directory={root}", "--no-same-owner",
                 "--no-same-permissions", "--exclude=./dev/*"],
                what="unpacking the tools tree", log=cache.scratch("logs") / f"root-{name}.log",
            )  # fmt: skip
            archive.unlink()
            status = (root / "var/lib/dpkg/status").read_text(encoding="utf-8")
            rootfs.packages_of(lock, request, status).save(directory)

    directory = cache.ensure(name, key, build)
    packages = rootfs.Packages.load(directory, lock)
    actual = digest(key, packages.key())
    return ToolsTree(directory / "root", actual, packages.versions, packages.drift)
