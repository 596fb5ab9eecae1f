"""Builds the plugin that counts a guest's instructions (lab/plugin/) for the QEMU of the tools tree `count`.

No package ships qemu-plugin.h: it comes from the source package of that very QEMU.
"""

from __future__ import annotations

import re
import tarfile
from pathlib import Path
from typing import Final

from lab import progress
from lab.cache import Cache, digest
from lab.errors import InfrastructureError
from lab.lock import CHECKOUT, Lock, Request
from lab.mirror import Apt, find_mirror
from lab.process import run_logged
from lab.sandbox import command
from lab.tools import ToolsTree

TREE: Final = "count"
"""The tools tree that has the QEMU which counts."""
SOURCE: Final = CHECKOUT / "lab/plugin"
HEADER: Final = "qemu-plugin.h"
_COMPILE: Final = (
    "gcc", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-std=gnu17", "-Wall", "-Wextra", "-Werror",
    "-I/build/header", "-o", "/build/out/count.so",
)  # fmt: skip


def ensure_plugin(cache: Cache, lock: Lock, tools: ToolsTree) -> Path:
    """The plugin, a shared object for QEMU's option -plugin, built unless cached. `tools` is the tree `count`.

    Raises InfrastructureError when the header cannot be had or the plugin does not compile.
    """
    header = ensure_header(cache, lock, tools)
    key = digest("plugin", list(_COMPILE), SOURCE, header, tools.key)

    def build(directory: Path) -> None:
        with progress.step("instruction-counting plugin"):
            sources = sorted(path.name for path in SOURCE.glob("*.c"))
            place = "/build/plugin"
            bind = {place: SOURCE, "/build/header": header.parent, "/build/out": directory}
            run_logged(
                command(tools, [*_COMPILE, *sources], cwd=Path(place), bind=bind),
                what="compiling lab/plugin",
                log=cache.scratch("logs") / "plugin.log",
            )

    return cache.ensure("plugin", key, build) / "count.so"


def ensure_header(cache: Cache, lock: Lock, tools: ToolsTree) -> Path:
    """qemu-plugin.h of the QEMU in `tools`, fetched unless cached. Raises InfrastructureError."""
    version = source_version(tools.versions["qemu-system-x86"])
    suite = lock.suite_of(Request.load(TREE))

    def fetch(directory: Path) -> None:
        with progress.step(f"source of QEMU {version}") as step:
            apt = Apt(find_mirror(), suite, cache.scratch(f"apt-{suite}-source"), "deb-src")
            step.update("fetching the list of sources")
            apt.update()
            step.update("fetching")
            download = directory / "download"
            download.mkdir()
            files = apt.download_source("qemu", version, download)
            step.update(f"looking for {HEADER}")
            (directory / HEADER).write_bytes(header_of(files))
            for path in files:
                path.unlink()
            download.rmdir()

    return cache.ensure("qemu-header", digest("qemu-header", suite, version), fetch) / HEADER


def source_version(binary: str) -> str:
    """The source package's version of a binary package's: without the number of a rebuild ("+b3")."""
    return re.sub(r"\+b\d+$", "", binary)


def header_of(files: list[Path]) -> bytes:
    """include/qemu/qemu-plugin.h from the files of QEMU's source package.

    Raises InfrastructureError when it is not there, or the distribution patches it: then what lies in the original
    archive is not what QEMU was built with.
    """
    for path in files:
        if re.search(r"\.debian\.tar\.\w+$", path.name):
            with tarfile.open(path) as archive:
                for member in archive:
                    content = archive.extractfile(member) if "/patches/" in member.name else None
                    if content is not None and f"+++ b/include/qemu/{HEADER}".encode() in content.read():
                        raise InfrastructureError(f"{member.name} in {path.name} patches {HEADER}")
    for path in files:
        if re.search(r"\.orig\.tar\.\w+$", path.name):
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.name.endswith(f"/include/qemu/{HEADER}"):
                        content = archive.extractfile(member)
                        assert content is not None
                        return content.read()
    raise InfrastructureError(
        f"QEMU's source package has no include/qemu/{HEADER}: {', '.join(path.name for path in files)}",
        hint="see what images/lock.json locks as qemu-system-x86 in the set `count`",
    )
