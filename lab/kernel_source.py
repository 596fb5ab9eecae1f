"""Builds a kernel from the distribution's source package, our configuration and our patches, bit for bit repeatably."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lab import kernel_config
from lab.cache import Cache, remove_tree
from lab.errors import InfrastructureError
from lab.process import run_logged
from lab.progress import Step
from lab.sandbox import command
from lab.tools import ToolsTree

PLACE: Final = "/build/linux"
"""Where every kernel is built, and where modules see it, whatever the host's paths are."""

# Whatever a build would otherwise take from the clock, the user and the host.
REPRODUCIBLE: Final = {
    "KBUILD_BUILD_TIMESTAMP": "2025-01-01",
    "KBUILD_BUILD_USER": "weir",
    "KBUILD_BUILD_HOST": "weir",
    "KBUILD_BUILD_VERSION": "1",
}
# Not needed for x86, and most of the unpacking time. Kconfig and make files stay: the build reads them everywhere.
_LEFT_OUT: Final = (
    "*/arch/[!x]*/*.[chSs]",
    "*/arch/[!x]*/*.dts*",
    "*/arch/xtensa/*.[chS]",
    "*/drivers/gpu/*.[ch]",
    "*/drivers/media/*.[ch]",
    "*/drivers/net/ethernet/*.[ch]",
    "*/drivers/net/wireless/*.[ch]",
    "*/drivers/staging/*.[ch]",
    "*/drivers/scsi/*.[ch]",
    "*/drivers/infiniband/*.[ch]",
    "*/sound/*.[ch]",
    "*/tools/testing/*",
    "*/tools/perf/*",
    "*/Documentation/[a-mo-z]*/*",
)
# What building modules, checking style and generating netlink code still need once the kernel is built.
_KEPT_WHOLE: Final = (
    "scripts", "include", "tools/objtool", "tools/include", "tools/net/ynl", "Documentation/netlink",
    "arch/x86/include", "arch/x86/tools",
)  # fmt: skip
_DROPPED_WHOLE: Final = ("drivers", "sound", "samples", "tools/testing", "tools/perf")
_KEPT_SUFFIXES: Final = (".h", ".lds")
_KEPT_NAMES: Final = (
    "Makefile", "Kbuild", "vmlinux", "System.map", ".config", "Module.symvers", "modules.order", "modules.builtin",
    "modules.builtin.modinfo", "MAINTAINERS", ".checkpatch.conf",
)  # fmt: skip


def build(
    directory: Path,
    *,
    name: str,
    archive: Path,
    config: str,
    patches: Sequence[Path],
    tools: ToolsTree,
    cache: Cache,
    step: Step,
) -> str:
    """Fill `directory` with bzImage, vmlinux, System.map and build/ (to build modules against); returns the release.

    Raises InfrastructureError that names the patch that does not apply, the option that was dropped, or the error.
    """
    tree = directory / "build"
    tree.mkdir()
    log = cache.scratch("logs") / f"kernel-{name}.log"
    log.unlink(missing_ok=True)
    step.update("unpacking the source")
    excluded = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
    run_logged(
        command(tools, ["tar", "--extract", f"--file={archive}", f"--directory={tree}", "--strip-components=1",
                        "--no-same-owner", "--wildcards", "--wildcards-match-slash", *excluded]),
        what="unpacking the kernel source", log=log,
    )  # fmt: skip
    for patch in patches:
        step.update(f"applying {patch.name}")
        apply(patch, tree, tools, log)
    configure(tree, config, tools, log)
    compile_(tree, tools, cache, step, log)
    release = (tree / "include/config/kernel.release").read_text(encoding="utf-8").strip()
    (tree / "arch/x86/boot/bzImage").rename(directory / "bzImage")
    step.update("pruning")
    prune(tree)
    return release


def apply(patch: Path, tree: Path, tools: ToolsTree, log: Path) -> None:
    """Apply one patch exactly: no fuzz. Raises InfrastructureError that names it."""
    run_logged(
        command(tools, ["patch", "--strip=1", "--fuzz=0", "--forward", "--batch", "--no-backup-if-mismatch"], cwd=tree),
        what=f"the kernel patch {patch.name} does not apply to this kernel source: applying it",
        log=log,
        stdin=patch,
        hint=f"rebase {patch}, or go back to the locked kernel version (--locked says if it has moved)",
    )


def configure(tree: Path, config: str, tools: ToolsTree, log: Path) -> None:
    """Write .config: what the fragments ask for and nothing else. Raises InfrastructureError for a dropped option."""
    (tree / "weir.config").write_text(config, encoding="utf-8")
    argv = ["make", "-s", "KCONFIG_ALLCONFIG=weir.config", "allnoconfig"]
    run_logged(_in_tree(tools, tree, argv), what="configuring the kernel", log=log)
    wrong = kernel_config.mismatches(config, (tree / ".config").read_text(encoding="utf-8"))
    if wrong:
        raise InfrastructureError(
            "the kernel's configuration is not what the fragments ask for:\n    " + "\n    ".join(wrong),
            hint="an option's dependency is missing or its name changed: mend images/kernel/*.config",
        )


def compile_(tree: Path, tools: ToolsTree, cache: Cache, step: Step, log: Path) -> None:
    """Build bzImage and what modules need, through the compiler cache."""
    objects = 0

    def watch(line: str) -> str | None:
        nonlocal objects
        if match := re.match(r"  (CC|AS|LD|AR|OBJCOPY|LZ4) +(?:\[M\] +)?(\S+)", line):
            objects += match[1] == "CC"
            return f"{objects} files compiled: {match[2]}"
        return None

    argv = [
        "make",
        "--jobserver-style=pipe",
        f"-j{os.cpu_count() or 1}",
        "CC=ccache gcc",
        "HOSTCC=ccache gcc",
        "bzImage",
        "modules",
    ]
    compiler_cache = cache.scratch("ccache")
    env = {"CCACHE_DIR": str(compiler_cache), "CCACHE_MAXSIZE": "3G", "CCACHE_COMPILERCHECK": "content"}
    run_logged(_in_tree(tools, tree, argv, env), what="building the kernel", log=log, step=step, watch=watch)


def prune(tree: Path) -> None:
    """Delete what building modules does not need: a gigabyte becomes a tenth of it."""
    for folder, names, files in os.walk(tree, topdown=True):
        inside = Path(folder).relative_to(tree).as_posix()
        if inside in _KEPT_WHOLE:
            names.clear()
            continue
        for name in list(names):
            if (Path(inside) / name).as_posix() in _DROPPED_WHOLE:
                remove_tree(Path(folder, name))
                names.remove(name)
        for name in files:
            path = Path(folder, name)
            if name not in _KEPT_NAMES and not name.startswith("Kconfig") and path.suffix not in _KEPT_SUFFIXES:
                path.unlink()
    for path in sorted((tree / "tools").rglob("*.o")):
        path.unlink()


def _in_tree(tools: ToolsTree, tree: Path, argv: Sequence[str], env: dict[str, str] | None = None) -> list[str]:
    return command(tools, argv, cwd=Path(PLACE), env={**REPRODUCIBLE, **(env or {})}, bind={PLACE: tree})
