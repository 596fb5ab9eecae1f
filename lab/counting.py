"""A guest whose every instruction is counted: boots, runs one script by itself, powers off.

Two virtual CPUs under `-icount`, in one thread, so that virtual time is counted in instructions and a boot is the same
every time; nothing from outside reaches the guest while it runs. The script says where a measurement begins and ends
by a marker instruction (`MARKER`), at which the plugin (lab/plugin/) writes a snapshot.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lab import crash, sandbox
from lab.cpio import Archive
from lab.deadline import Deadline
from lab.errors import GuestCrash, InfrastructureError
from lab.kernel import Kernel
from lab.kernel_symbols import KernelSymbols
from lab.qemu import KERNEL_PARAMETERS
from lab.tools import ToolsTree

MARKER: Final = 0x57454900
"""`nopl` with this 32-bit displacement or'ed with a number from 0 to 255 (bytes 0f 1f 80, then little endian)."""

CPU: Final = "max,-cx16,-erms,-fsrm"
"""Without cmpxchg16b QEMU 7.2 is more stable. Without fast string moves a copy counts one instruction a word."""
ICOUNT: Final = "shift=0,sleep=off"
"""One nanosecond of virtual time an instruction; idle time passes at once."""
MEMORY_MIB: Final = 512
TIMEOUT_S: Final = 90.0

_PARAMETERS: Final = (
    "norandmaps",
    # Guest time is not real time: nobody waits long for anything, and calibrating against it is a waste.
    "lpj=4000000",
    "watchdog_thresh=20",
    "rcupdate.rcu_cpu_stall_timeout=45",
)
_ENDED: Final = re.compile(r"lab-init: \S+ ended with status (\d+)")


@dataclass(frozen=True)
class CountingGuest:
    """What one counting boot is made of.

    `files`: absolute guest path -> content, executable when it begins with `#!` or is an ELF file. `script` is the path
    that the guest runs once it is up. `seed` decides what a boot draws at random. `root` is what
    lab.counting_root made. `folder` takes console, counts and QEMU's own words.
    """

    name: str
    count_tools: ToolsTree
    kernel: Kernel
    initrd: Path
    root: Path
    plugin: Path
    folder: Path
    files: Mapping[str, bytes]
    script: str
    seed: int = 1

    def with_seed(self, seed: int) -> CountingGuest:
        """The same guest, drawing other numbers."""
        return replace(self, seed=seed)


@dataclass(frozen=True)
class Counted:
    """A boot that came to its end. `counts` is for lab.counts.read_counts, `status` the script's exit status."""

    console: str
    counts: Path
    status: int


def count(guest: CountingGuest) -> Counted:
    """Boot the guest, wait until it has powered off.

    Raises GuestCrash when its kernel crashed, InfrastructureError when it did not come to its end otherwise.
    """
    folder = guest.folder
    folder.mkdir(parents=True, exist_ok=True)
    counts, console, log = folder / "counts", folder / "console", folder / "qemu.log"
    for path in (counts, console):
        path.unlink(missing_ok=True)
    (folder / "code").write_text(KernelSymbols.of(guest.kernel).roles(), encoding="utf-8")
    (folder / "initrd").write_bytes(_initrd(guest))
    argv = sandbox.command(guest.count_tools, _arguments(guest, console, counts))
    deadline = Deadline(TIMEOUT_S)
    with log.open("wb") as output:
        try:
            status = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=deadline.seconds, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            status = None
    (folder / "initrd").unlink()
    return _outcome(guest, console, counts, log, status, deadline.seconds)


def _outcome(
    guest: CountingGuest, console: Path, counts: Path, log: Path, status: int | None, seconds: float
) -> Counted:
    text = console.read_text(encoding="utf-8", errors="replace") if console.exists() else ""
    if crashes := crash.scan(text):
        raise GuestCrash(crashes, machine=guest.name, note=f"console: {console}")
    ended = _ENDED.search(text)
    if ended is None or status != 0:
        how = f"did not end within {seconds:.0f} s" if status is None else f"ended early (QEMU's status {status})"
        said = log.read_text(encoding="utf-8", errors="replace").strip()
        last = "\n    ".join(text.splitlines()[-8:])
        raise InfrastructureError(
            f"the counting guest {guest.name} {how}{': ' + said if said else ''}; its console ends:\n    {last}",
            hint=f"console: {console}",
        )
    return Counted(text, counts, int(ended[1]))


def _initrd(guest: CountingGuest) -> bytes:
    """The common initrd with the root and the guest's own files appended: the kernel unpacks one after the other."""
    archive = Archive()
    for path, data in sorted(guest.files.items()):
        executable = data.startswith((b"#!", b"\x7fELF"))
        archive.file(f"overlay/{path.lstrip('/')}", data, 0o755 if executable else 0o644)
    parts = (guest.initrd.read_bytes(), guest.root.read_bytes(), archive.finish())
    return b"".join(part + bytes(-len(part) % 4) for part in parts)


def _arguments(guest: CountingGuest, console: Path, counts: Path) -> list[str]:
    parameters = (
        *KERNEL_PARAMETERS,
        *_PARAMETERS,
        "lab.hostname=guest",
        "lab.root=initrd",
        f"lab.script={guest.script}",
    )
    return [
        "qemu-system-x86_64",
        *("-nodefaults", "-no-user-config", "-display", "none"),
        *("-machine", "q35,smm=off,vmport=off,graphics=off"),
        *("-accel", "tcg,thread=single,tb-size=256", "-icount", ICOUNT),
        *("-cpu", CPU, "-smp", "2", "-m", f"{MEMORY_MIB}M"),
        *("-seed", str(guest.seed), "-rtc", "base=2025-01-01T00:00:00,clock=vm"),
        "-no-reboot",
        *("-kernel", str(guest.kernel.image), "-initrd", str(guest.folder / "initrd")),
        *("-append", " ".join(parameters)),
        *("-chardev", f"file,id=console,path={console}", "-serial", "chardev:console"),
        *("-plugin", f"file={guest.plugin},out={counts},code={guest.folder / 'code'}"),
    ]
