"""The initrd: the lab's static init and agent, and the modules a distribution kernel needs to mount its root."""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from lab import progress
from lab.cache import Cache, digest
from lab.cpio import Archive
from lab.errors import InfrastructureError
from lab.kernel import Kernel, flavours
from lab.lock import CHECKOUT
from lab.process import run_logged
from lab.sandbox import command
from lab.tools import ToolsTree

RECIPE: Final = 1
GUEST_SOURCE: Final = CHECKOUT / "lab/guest"
_GUEST_PLACE: Final = "/build/guest"
_COMPILE: Final = ("gcc", "-O2", "-static", "-s", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-o", "/build/out/init")


def ensure_initrd(cache: Cache, kernel: Kernel, tools: ToolsTree) -> Path:
    """An uncompressed newc cpio archive with /init, and for a kernel with modules:

    * /modules.list: absolute paths of the modules to insert before the root is mounted, one a line, in order;
    * those modules, decompressed;
    * /overlay/usr/lib/modules/<release>: what the guest may modprobe, laid over the root by /init.

    Raises InfrastructureError when the init does not compile or a module is missing.
    """
    flavour = flavours()[kernel.flavour]
    libc = {name: tools.versions[name] for name in ("libc6-dev", "linux-libc-dev")}
    key = digest(
        "initrd", RECIPE, list(_COMPILE), GUEST_SOURCE, tools.toolchain(), libc, kernel.key,
        list(flavour.boot_modules), list(flavour.guest_modules),
    )  # fmt: skip

    def build(directory: Path) -> None:
        with progress.step(f"initrd for {kernel.flavour}") as step:
            archive = Archive()
            for folder in ("dev", "proc", "sys", "root", "lower", "scratch"):
                archive.folder(folder)
            step.update("compiling the init")
            archive.file("init", compile_init(cache, tools, directory), 0o755)
            if kernel.modules:
                step.update("collecting modules")
                add_boot_modules(archive, kernel.modules, flavour.boot_modules)
                add_guest_modules(archive, kernel, flavour.guest_modules, directory, cache, tools)
            (directory / "initrd.cpio").write_bytes(archive.finish())

    return cache.ensure("initrd", key, build) / "initrd.cpio"


def compile_init(cache: Cache, tools: ToolsTree, directory: Path) -> bytes:
    """The static program that is /init, built from lab/guest."""
    output = directory / "out"
    output.mkdir()
    sources = sorted(path.name for path in GUEST_SOURCE.glob("*.c"))
    argv = command(
        tools, [*_COMPILE, *sources], cwd=Path(_GUEST_PLACE), bind={_GUEST_PLACE: GUEST_SOURCE, "/build/out": output}
    )
    run_logged(argv, what="compiling lab/guest", log=cache.scratch("logs") / "init.log")
    program = (output / "init").read_bytes()
    shutil.rmtree(output)
    return program


def add_boot_modules(archive: Archive, modules: Path, names: Sequence[str]) -> None:
    """Add the modules `names` with all they depend on, decompressed, and /modules.list."""
    listed = []
    for path in insertion_order(modules, names):
        name = path.name.partition(".")[0]
        listed.append(f"/modules/{name}.ko")
        archive.file(f"modules/{name}.ko", decompress(modules / path))
    archive.file("modules.list", "".join(f"{path}\n" for path in listed).encode())


def add_guest_modules(
    archive: Archive, kernel: Kernel, patterns: Sequence[str], directory: Path, cache: Cache, tools: ToolsTree
) -> None:
    """Add a modules folder for modprobe: what matches `patterns` (globs below kernel/) with all it depends on."""
    assert kernel.modules is not None
    chosen = {path for pattern in patterns for path in matching(kernel.modules, pattern)}
    names = [path.name.partition(".")[0] for path in sorted(chosen)]
    files = sorted(insertion_order(kernel.modules, names))
    staging = directory / "modules"
    tree = staging / "usr/lib/modules" / kernel.release
    tree.mkdir(parents=True)
    for path in files:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kernel.modules / path, tree / path)
    for index in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copyfile(kernel.modules / index, tree / index)
    argv = ["depmod", "-b", str(staging), "-m", "/usr/lib/modules", kernel.release]
    run_logged(command(tools, argv), what="indexing the guest's modules", log=cache.scratch("logs") / "initrd.log")
    for path in sorted(tree.rglob("*")):
        if path.is_file():
            archive.file(f"overlay/{path.relative_to(staging).as_posix()}", path.read_bytes())
    shutil.rmtree(staging)


def matching(modules: Path, pattern: str) -> list[Path]:
    """Module files below kernel/ that match, relative to `modules`: a glob for a file (without .ko) or a whole folder.

    Raises InfrastructureError when there is none: a list in images/kernels.toml is out of date.
    """
    base = modules / "kernel"
    found = [path for path in base.glob(f"{pattern}.ko*") if path.is_file()]
    found += [path for path in base.glob(f"{pattern}/**/*.ko*") if path.is_file()]
    if not found:
        raise InfrastructureError(
            f"the kernel in {modules} has no module that matches {pattern!r}", hint="see images/kernels.toml"
        )
    return sorted(path.relative_to(modules) for path in found)


def insertion_order(modules: Path, names: Iterable[str]) -> list[Path]:
    """Files to insert, relative to `modules`, so that what a module depends on comes before it. Built-ins are skipped.

    Raises InfrastructureError for a module that the kernel has neither as a file nor built in.
    """
    dependencies = read_dependencies((modules / "modules.dep").read_text(encoding="utf-8"))
    by_name = {canonical(path): path for path in dependencies}
    built_in = {canonical(line) for line in (modules / "modules.builtin").read_text(encoding="utf-8").split()}
    order: dict[str, None] = {}
    for name in names:
        path = by_name.get(canonical(name))
        if path is not None:
            # modules.dep lists all that a module needs, the nearest first: the farthest must go in first.
            order.update(dict.fromkeys([*reversed(dependencies[path]), path]))
        elif canonical(name) not in built_in:
            raise InfrastructureError(f"the kernel in {modules} has no module {name!r}", hint="see images/kernels.toml")
    return [Path(path) for path in order]


def read_dependencies(text: str) -> dict[str, list[str]]:
    """modules.dep(5): file -> the files it needs."""
    lines = (line.partition(":") for line in text.splitlines() if line)
    return {path: needed.split() for path, _, needed in lines}


def canonical(name: str) -> str:
    """A module's name as the kernel spells it, from a name or a file's path."""
    return name.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def decompress(path: Path) -> bytes:
    """A module file's ELF image."""
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix != ".ko":
        raise InfrastructureError(f"cannot decompress {path}", hint="only .ko and .ko.xz are known here")
    return data
