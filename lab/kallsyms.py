"""The symbols of a kernel that comes without a symbol table: boots it once and asks it.

Distributions ship System.map in a debug package of a gigabyte; the kernel itself knows its functions (/proc/kallsyms).
Without KASLR they lie where they lie in every boot.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from lab import progress, sandbox
from lab.cache import Cache, digest
from lab.cpio import Archive
from lab.deadline import Deadline
from lab.errors import InfrastructureError
from lab.kernel import Kernel
from lab.kernel_symbols import KernelSymbols
from lab.qemu import KERNEL_PARAMETERS
from lab.tools import ToolsTree

RECIPE: Final = 1
TIMEOUT_S: Final = 120.0
VARIABLES: Final = ("lapic_timer_period",)
"""What is wanted beside functions."""
_SCRIPT: Final = "/symbols"
_FILTER: Final = f" [tTwW] [^ ]*$| ({'|'.join(VARIABLES)})$"
_END: Final = "(end of symbols)"


def symbols_of(cache: Cache, kernel: Kernel, count_tools: ToolsTree, initrd: Path, root: Path) -> KernelSymbols:
    """The kernel's own symbols, modules left out. `initrd` and `root` as for a counting guest.

    Raises InfrastructureError when the kernel has no symbol table and does not boot to tell.
    """
    if kernel.vmlinux is not None:
        return KernelSymbols.of(kernel)
    key = digest("kallsyms", RECIPE, kernel.key, _FILTER)
    folder = cache.ensure("kallsyms", key, lambda directory: _ask(directory, kernel, count_tools, initrd, root))
    return KernelSymbols((folder / "kallsyms").read_text(encoding="utf-8"))


def _ask(directory: Path, kernel: Kernel, tools: ToolsTree, initrd: Path, root: Path) -> None:
    script = f"#!/bin/sh\ngrep -v '\\[' /proc/kallsyms | grep -E '{_FILTER}'\necho '{_END}'\n"
    archive = Archive()
    archive.file(f"overlay{_SCRIPT}", script.encode(), 0o755)
    work = Path(tempfile.mkdtemp(prefix="kallsyms-"))
    try:
        parts = (initrd.read_bytes(), root.read_bytes(), archive.finish())
        (work / "initrd").write_bytes(b"".join(part + bytes(-len(part) % 4) for part in parts))
        with progress.step(f"symbols of the kernel {kernel.flavour!r}"):
            said = _boot(work, kernel, tools)
        if _END not in said:
            console = (work / "console").read_text(encoding="utf-8", errors="replace") if said else ""
            raise InfrastructureError(
                f"the kernel {kernel.flavour!r} did not tell its symbols; its console ends:\n{console[-1000:]}"
            )
        (directory / "kallsyms").write_text(said.partition(_END)[0], encoding="utf-8")
    finally:
        shutil.rmtree(work)


def _boot(work: Path, kernel: Kernel, tools: ToolsTree) -> str:
    """What the script printed."""
    parameters = (*KERNEL_PARAMETERS, "lab.root=initrd", f"lab.script={_SCRIPT}", "lab.output=/dev/ttyS1")
    argv = [
        "qemu-system-x86_64",
        *("-nodefaults", "-no-user-config", "-display", "none"),
        *("-machine", "q35,smm=off,vmport=off,graphics=off", "-accel", "tcg", "-cpu", "max,-cx16", "-m", "512M"),
        *("-no-reboot", "-kernel", str(kernel.image), "-initrd", str(work / "initrd")),
        *("-append", " ".join(parameters)),
        *("-chardev", f"file,id=console,path={work / 'console'}", "-serial", "chardev:console"),
        *("-chardev", f"file,id=said,path={work / 'said'}", "-serial", "chardev:said"),
    ]
    try:
        done = subprocess.run(
            sandbox.command(tools, argv), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=Deadline(TIMEOUT_S).remaining, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise InfrastructureError(f"the kernel {kernel.flavour!r} did not tell its symbols in time") from error
    if done.returncode != 0:
        raise InfrastructureError(f"QEMU ended with status {done.returncode}: {done.stderr.strip()}")
    said = work / "said"
    return said.read_text(encoding="utf-8", errors="replace") if said.exists() else ""
