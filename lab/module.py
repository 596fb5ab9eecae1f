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
from lab.mbedtls import MbedTls
from lab.process import run_logged
from lab.sandbox import command
from lab.tools import ToolsTree

RECIPE: Final = 3
SOURCE: Final = CHECKOUT / "kmod"
MODULE_PLACE: Final = Path("/build/kmod")
"""Where sources are during a build."""
MBEDTLS_PLACE: Final = "mbedtls/source"
"""Where Kbuild looks for mbed TLS, if that is the engine."""

# What lies in kmod/ without going into weir.ko.
_NOT_BUILT: Final = ("tests", "user", "patches", "spec")
_SOURCE_SUFFIXES: Final = (".c", ".h", ".S")


@dataclass(frozen=True)
class Module:
    """`ko` is stripped of debug information and goes to the guest; `debug_ko` has it, for file:line.

    `test_kos` are kmod/tests' modules by name ("weir_crash_test"), those the kernel can have, with debug information.
    """

    ko: Path
    debug_ko: Path
    test_kos: Mapping[str, Path]
    key: str
    drift: tuple[str, ...] = ()


def ensure_module(
    cache: Cache, kernel: Kernel, tools: ToolsTree, source: Path | None = None, *, mbedtls: MbedTls | None = None
) -> Module:
    """The module built from `source` (default: this checkout's kmod/) against `kernel`, unless cached.

    With `mbedtls` that is its TLS engine, instead of its own.
    Raises InfrastructureError with the compiler's words when it does not build.
    """
    source = source or SOURCE
    directory = _ensure(cache, kernel, tools, source, source, "weir", mbedtls)
    tests: dict[str, Path] = {}
    for makefile in sorted((source / "tests").glob("*/Kbuild")):
        for name in module_names(makefile, kernel):
            tests[name] = _ensure(cache, kernel, tools, source, makefile.parent, name) / "debug" / f"{name}.ko"
    drift = mbedtls.drift if mbedtls else ()
    return Module(directory / "weir.ko", directory / "debug/weir.ko", tests, directory.name, drift)


def module_names(makefile: Path, kernel: Kernel) -> list[str]:
    """The modules that a Kbuild file makes with `kernel`: what is in obj-m, and in obj-$(if $(CONFIG_...),m)."""
    text = makefile.read_text(encoding="utf-8").replace("\\\n", " ")
    lists = re.findall(r"^obj-(?:m|\$\(if \$\(CONFIG_(\w+)\),m\))\s*[:+]?=\s*(.*)$", text, re.MULTILINE)
    chosen = [words for option, words in lists if not option or kernel.has(option)]
    return [word.removesuffix(".o") for words in chosen for word in words.split() if word.endswith(".o")]


def module_files(source: Path, folder: Path) -> list[Path]:
    """The files that the module in `folder` is built from, relative to `source` (kmod/), sorted.

    Beside its own they are those of other folders that its Kbuild names by patterns: `shared := ../../http_*.[ch]`.
    """
    files = [folder / file for file in source_files(folder)]
    shared = re.findall(r"^shared\s*:=\s*(.*)$", (folder / "Kbuild").read_text(encoding="utf-8"), re.MULTILINE)
    for pattern in " ".join(shared).split():
        where, _, name = pattern.rpartition("/")
        files += Path(os.path.normpath(folder / where)).glob(name)
    return sorted(file.relative_to(source) for file in files)


def source_files(folder: Path) -> list[Path]:
    """The files of `folder` that are built, relative to it, sorted."""
    found = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        is_source = path.suffix in _SOURCE_SUFFIXES and not path.name.endswith(".mod.c")
        if inside.parts[0] not in _NOT_BUILT and path.is_file() and (is_source or path.name in ("Kbuild", "Makefile")):
            found.append(inside)
    return sorted(found)


def _ensure(
    cache: Cache,
    kernel: Kernel,
    tools: ToolsTree,
    source: Path,
    folder: Path,
    name: str,
    mbedtls: MbedTls | None = None,
) -> Path:
    files = module_files(source, folder)
    inside = folder.relative_to(source)
    content: list[Digestible] = [[str(file), source / file] for file in files]
    other: list[Digestible] = [mbedtls.key] if mbedtls else []
    key = digest("module", RECIPE, name, kernel.key, tools.toolchain(), content, *other)

    def build(directory: Path) -> None:
        with progress.step(f"module {name} for {kernel.flavour}") as step:
            tree = directory / "source"
            for file in files:
                (tree / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / file, tree / file)
            if mbedtls:
                for part in ("include", "library"):
                    shutil.copytree(mbedtls.source / part, tree / MBEDTLS_PLACE / part)
            log = cache.scratch("logs") / f"module-{name}-{kernel.flavour}.log"
            log.unlink(missing_ok=True)
            try:
                run_logged(
                    build_command(
                        tools, kernel, tree, cache, "modules", *(["WEIR_TLS=mbedtls"] if mbedtls else []), inside=inside
                    ),
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
            (tree / inside / f"{name}.ko").rename(debug / f"{name}.ko")
            strip = ["objcopy", "--strip-debug", str(debug / f"{name}.ko"), str(directory / f"{name}.ko")]
            run_logged(command(tools, strip), what=f"stripping {name}.ko", log=log)
            shutil.rmtree(tree)

    return cache.ensure("module", key, build)


def build_command(
    tools: ToolsTree, kernel: Kernel, tree: Path, cache: Cache, *targets: str, inside: Path = Path()
) -> list[str]:
    """The command that builds the module in the folder `inside` of `tree`, a copy of kmod/ (written to).

    Extra warnings are on. Messages and debug information show the files relative to the checkout: kmod/main.c.
    """
    place, bind = kernel_place(kernel)
    compiler_cache = cache.scratch("ccache")
    argv = [
        "make",
        "--jobserver-style=pipe",  # a named one would clash: process ids repeat in fresh PID namespaces
        "-C",
        place,
        f"M={MODULE_PLACE / inside}",
        f"-j{os.cpu_count() or 1}",
        "W=1",
        "CC=ccache gcc",
        f"KCFLAGS=-ffile-prefix-map={MODULE_PLACE}={SOURCE.name}",
        # There secrets of TLS can be read: nothing that is measured or released is built so.
        *(["WEIR_TLS_KEYLOG=y"] if kernel.instrumented else []),
        "CONFIG_DEBUG_INFO_BTF_MODULES=",  # needs pahole and the kernel's own BTF; nothing here reads it
        *(targets or ("modules",)),
    ]
    env = {
        **REPRODUCIBLE,
        "CCACHE_DIR": str(compiler_cache),
        "CCACHE_COMPILERCHECK": "content",
        # ccache leaves the value of -ffile-prefix-map out of its hash, but the objects have it in them.
        "CCACHE_NAMESPACE": SOURCE.name,
    }
    return command(tools, argv, cwd=Path("/"), env=env, bind={**bind, str(MODULE_PLACE): tree})


def kernel_place(kernel: Kernel) -> tuple[str, dict[str, Path]]:
    """Where a build sees the kernel's build folder, and what has to be bound for that.

    Kernels of our own are at the place they were built at. The distribution's headers refer to each other by relative
    paths, so their whole tree is bound.
    """
    if kernel.vmlinux:
        return PLACE, {PLACE: kernel.build_dir}
    tree = kernel.build_dir.parent.parent.parent  # .../usr/src/linux-headers-R
    return f"{PLACE}/usr/src/{kernel.build_dir.name}", {PLACE: tree}
