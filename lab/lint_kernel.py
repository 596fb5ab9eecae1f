"""Style and static analysis of the kernel C, by the kernel's own tools in the tools tree."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lab import progress, sandbox
from lab.cache import Cache, digest
from lab.errors import InfrastructureError
from lab.kernel import Kernel
from lab.module import build_command, module_files, module_names
from lab.process import run_logged
from lab.tools import ToolsTree

LINE_LENGTH: Final = 100
_CHECKPATCH: Final = "scripts/checkpatch.pl"
# What of the kernel's source is looked at: checkpatch with the lists it reads, and the netlink code generator.
_PARTS: Final = (
    _CHECKPATCH, "scripts/spelling.txt", "scripts/const_structs.checkpatch", "tools/net/ynl", "Documentation/netlink",
)  # fmt: skip
_GENERATED: Final = "Do not edit directly, auto-generated"

# Types of message that are not wanted, each with its reason.
_IGNORED: Final = {
    "FILE_PATH_CHANGES": "there is no MAINTAINERS file",
    "UNCOMMENTED_DEFINITION": "a lock's purpose stands in the kernel-doc block of its struct",
}
_IGNORED_IN_USER_SPACE: Final = {
    "PREFER_DEFINED_ATTRIBUTE_MACRO": "the kernel's macros are not there",
    "PREFER_KERNEL_TYPES": "neither are its types",
    "MACRO_ARG_REUSE": "tables of test cases are macros",
    "CAMELCASE": "the fuzzer's entry point has a prescribed name",
}
_ASSEMBLER: Final = ("tls_rsa_adx.c", "tls_adx.h", "tls_p256_field.c")
_IGNORED_IN_ASSEMBLER: Final = {
    "MACRO_ARG_REUSE": "arguments are registers",
    "MACRO_ARG_UNUSED": "macros are given to macros, which call all of them alike",
    "COMPLEX_MACRO": "what they make are strings that stand beside each other",
}
_DIAGNOSTIC: Final = re.compile(r"^\S+?:\d+:(\d+:)? (warning|error):|^(WARNING|ERROR): modpost|^\S.*: Error \d+")


def ensure_parts(cache: Cache, tools: ToolsTree, source: Path) -> Path:
    """The few folders of the kernel's source that lint needs, unpacked unless cached. `source` is its artefact."""

    def unpack(directory: Path) -> None:
        with progress.step("unpacking checkpatch and the netlink generator"):
            options = [f"--file={source / 'linux.tar.xz'}", f"--directory={directory}", "--strip-components=1"]
            argv = ["tar", "--extract", *options, "--wildcards", "--no-same-owner", *(f"linux*/{p}" for p in _PARTS)]
            run_logged(
                sandbox.command(tools, argv), what="unpacking checkpatch", log=cache.scratch("logs") / "lint-source.log"
            )

    # An artefact's folder is named by its key.
    return cache.ensure("lint-source", digest(source.name, _PARTS), unpack)


def checkpatch(root: Path, tools: ToolsTree, linux: Path) -> list[str]:
    """What checkpatch --strict says of the module, of its C tests and of the patches.

    `linux` is what `ensure_parts` returned. Raises InfrastructureError when checkpatch cannot run.
    """
    script = linux / _CHECKPATCH
    kmod = root / "kmod"
    files = [path for path in sorted(kmod.rglob("*.[ch]")) if not _is_generated(path)]
    user_space = [path for path in files if _is_user_space(path.relative_to(kmod))]
    assembler = [path for path in files if path.name in _ASSEMBLER]
    kernel = [path for path in files if path not in (*user_space, *assembler)]
    problems = _checkpatch(root, tools, script, ["--file"], kernel, _IGNORED)
    problems += _checkpatch(root, tools, script, ["--file"], assembler, {**_IGNORED, **_IGNORED_IN_ASSEMBLER})
    problems += _checkpatch(root, tools, script, ["--file"], user_space, {**_IGNORED, **_IGNORED_IN_USER_SPACE})
    return problems + _checkpatch(root, tools, script, [], sorted((kmod / "patches").glob("*.patch")), _IGNORED)


def _is_user_space(inside: Path) -> bool:
    """Whether a file of kmod/ is compiled for user space only: tests that have no Kbuild."""
    return inside.parts[:2] in {("tests", "http"), ("tests", "tls"), ("tests", "clients")}


def _is_generated(path: Path) -> bool:
    return path.name.endswith(".mod.c") or _GENERATED in path.read_text(encoding="utf-8")[:1000]


def _checkpatch(
    root: Path, tools: ToolsTree, script: Path, mode: Sequence[str], files: Sequence[Path], ignored: dict[str, str]
) -> list[str]:
    if not files:
        return []
    argv: list[str | Path] = ["perl", script, "--no-tree", "--strict", "--terse", "--no-summary", "--show-types",
            f"--max-line-length={LINE_LENGTH}", "--ignore", ",".join(ignored), *mode,
            *(path.relative_to(root) for path in files)]  # fmt: skip
    done = subprocess.run(
        sandbox.command(tools, argv, cwd=root), capture_output=True, text=True, timeout=600, check=False
    )
    problems = [line for line in done.stdout.splitlines() if re.match(r"\S+:\d*:? ?(ERROR|WARNING|CHECK):", line)]
    if done.returncode and not problems:
        raise InfrastructureError(f"checkpatch failed with status {done.returncode}: {done.stdout}{done.stderr}")
    return problems


def sparse(root: Path, cache: Cache, tools: ToolsTree, kernel: Kernel) -> list[str]:
    """What the compiler, with extra warnings, and sparse say of the module and of its test modules."""
    kmod = root / "kmod"
    problems = []
    for folder in (kmod, *(makefile.parent for makefile in sorted((kmod / "tests").glob("*/Kbuild")))):
        if (folder / "Kbuild").is_file() and module_names(folder / "Kbuild", kernel):
            problems += _sparse(kmod, folder, cache, tools, kernel)
    return problems


def _sparse(kmod: Path, folder: Path, cache: Cache, tools: ToolsTree, kernel: Kernel) -> list[str]:
    with tempfile.TemporaryDirectory(dir=cache.scratch("lint")) as scratch:
        tree = Path(scratch)
        for file in module_files(kmod, folder):
            (tree / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kmod / file, tree / file)
        flags = ("C=2", "CF=-D__CHECK_ENDIAN__ -Wsparse-error", "modules")
        argv = build_command(tools, kernel, tree, cache, *flags, inside=folder.relative_to(kmod))
        done = subprocess.run(argv, capture_output=True, text=True, timeout=1800, check=False)
    lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    inside = folder.relative_to(kmod.parent)
    problems = [f"{inside}: {line}" for line in lines if _DIAGNOSTIC.match(line)]
    if done.returncode and not problems:
        raise InfrastructureError(f"building {inside} failed with status {done.returncode}:\n" + "\n".join(lines[-20:]))
    return problems
