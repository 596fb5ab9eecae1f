"""Builds kmod/ out of tree against a lab kernel, repeatably: no path, time or user of the host gets in."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import progress
from lab.cache import Cache, Digestible, digest
from lab.errors import InfrastructureError, LabError
from lab.kernel import Kernel
from lab.kernel_source import PLACE, REPRODUCIBLE
from lab.lock import CHECKOUT
from lab.process import run_logged
from lab.sandbox import command
from lab.tools import ToolsTree

RECIPE: Final = 3
SOURCE: Final = CHECKOUT / "kmod"
MODULE_PLACE: Final = "/build/kmod"
"""Where sources are during a build."""

# What lies in kmod/ without going into weir.ko.
_NOT_BUILT: Final = ("tests", "user", "patches", "spec")
_SOURCE_SUFFIXES: Final = (".c", ".h", ".S")


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
    """The module built from `source` (default: this checkout's kmod/) against `kernel`, unless cached.

    Raises InfrastructureError with the compiler's words when it does not build.
    """
    source = source or SOURCE
    directory = _ensure(cache, kernel, tools, source, "weir")
    tests: dict[str, Path] = {}
    for makefile in sorted((source / "tests").glob("*/Kbuild")):
        for name in module_names(makefile):
            tests[name] = _ensure(cache, kernel, tools, makefile.parent, name) / "debug" / f"{name}.ko"
    return Module(directory / "weir.ko", directory / "debug/weir.ko", tests, directory.name)


def module_names(makefile: Path) -> list[str]:
    """The modules that a Kbuild file makes: the objects in its obj-m."""
    text = makefile.read_text(encoding="utf-8").replace("\\\n", " ")
    lists = re.findall(r"^obj-m\s*[:+]?=\s*(.*)$", text, re.MULTILINE)
    return [word.removesuffix(".o") for line in lists for word in line.split() if word.endswith(".o")]


def source_files(folder: Path) -> list[Path]:
    """The files that a module in `folder` is built from, relative to it, sorted."""
    found = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        is_source = path.suffix in _SOURCE_SUFFIXES and not path.name.endswith(".mod.c")
        if inside.parts[0] not in _NOT_BUILT and path.is_file() and (is_source or path.name in ("Kbuild", "Makefile")):
            found.append(inside)
    return sorted(found)


def _ensure(cache: Cache, kernel: Kernel, tools: ToolsTree, folder: Path, name: str) -> Path:
    files = source_files(folder)
    content: list[Digestible] = [[str(file), folder / file] for file in files]
    key = digest("module", RECIPE, name, kernel.key, tools.toolchain(), content)

    def build(directory: Path) -> None:
        with progress.step(f"module {name} for {kernel.flavour}") as step:
            tree = directory / "source"
            for file in files:
                (tree / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / file, tree / file)
            log = cache.scratch("logs") / f"module-{name}-{kernel.flavour}.log"
            log.unlink(missing_ok=True)
            try:
                run_logged(
                    build_command(tools, kernel, tree, cache, folder=folder),
                    what=f"building the module {name}",
                    log=log,
                    step=step,
                )
            except LabError as error:
                raise InfrastructureError(
                    f"{name} does not build against the kernel {kernel.flavour!r} ({kernel.release}): {error.message}",
                    hint=f"the whole output is in {log}",
                ) from error
            debug = directory / "debug"
            debug.mkdir()
            (tree / f"{name}.ko").rename(debug / f"{name}.ko")
            strip = ["objcopy", "--strip-debug", str(debug / f"{name}.ko"), str(directory / f"{name}.ko")]
            run_logged(command(tools, strip), what=f"stripping {name}.ko", log=log)
            shutil.rmtree(tree)

    return cache.ensure("module", key, build)


def build_command(
    tools: ToolsTree, kernel: Kernel, tree: Path, cache: Cache, *targets: str, folder: Path = SOURCE
) -> list[str]:
    """The command that builds the module sources in `tree` (written to) against `kernel`, with extra warnings on.

    Messages and debug information show the files as those of `folder`, relative to the checkout: kmod/main.c.
    """
    place, bind = kernel_place(kernel)
    compiler_cache = cache.scratch("ccache")
    shown = folder.relative_to(SOURCE.parent) if folder.is_relative_to(SOURCE.parent) else Path(folder.name)
    argv = [
        "make",
        "--jobserver-style=pipe",  # a named one would clash: process ids repeat in fresh PID namespaces
        "-C",
        place,
        f"M={MODULE_PLACE}",
        f"-j{os.cpu_count() or 1}",
        "W=1",
        "CC=ccache gcc",
        f"KCFLAGS=-ffile-prefix-map={MODULE_PLACE}={shown}",
        "CONFIG_DEBUG_INFO_BTF_MODULES=",  # needs pahole and the kernel's own BTF; nothing here reads it
        *(targets or ("modules",)),
    ]
    env = {
        **REPRODUCIBLE,
        "CCACHE_DIR": str(compiler_cache),
        "CCACHE_COMPILERCHECK": "content",
        # ccache leaves the value of -ffile-prefix-map out of its hash, but the objects have it in them.
        "CCACHE_NAMESPACE": str(shown),
    }
    return command(tools, argv, cwd=Path("/"), env=env, bind={**bind, MODULE_PLACE: tree})


def kernel_place(kernel: Kernel) -> tuple[str, dict[str, Path]]:
    """Where a build sees the kernel's build folder, and what has to be bound for that.

    Kernels of our own are at the place they were built at. The distribution's headers refer to each other by relative
    paths, so their whole tree is bound.
    """
    if kernel.vmlinux:
        return PLACE, {PLACE: kernel.build_dir}
    tree = kernel.build_dir.parent.parent.parent  # .../usr/src/linux-headers-R
    return f"{PLACE}/usr/src/{kernel.build_dir.name}", {PLACE: tree}
