"""A guest whose every instruction is counted: boots, runs one script by itself, powers off.

Two virtual CPUs under `-icount`, in one thread, so that virtual time is counted in instructions and a boot is the same
every time; nothing from outside reaches the guest while it runs. The script says where a measurement begins and ends
by a marker instruction (`MARKER`), at which the plugin (lab/plugin/) writes a snapshot.
"""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lab import crash, sandbox
from lab.cpio import Archive
from lab.deadline import Deadline
from lab.errors import GuestCrash, InfrastructureError
from lab.gdb import Gdb
from lab.kernel import Kernel
from lab.kernel_symbols import KernelSymbols
from lab.qemu import KERNEL_PARAMETERS
from lab.tools import ToolsTree

MARKER: Final = 0x57454900
"""`nopl` with this 32-bit displacement or'ed with a number from 0 to 255 (bytes 0f 1f 80, then little endian)."""

CPU: Final = "max,-erms,-fsrm"
"""Without fast string moves a copy counts one instruction a word."""
ICOUNT: Final = "shift=0,sleep=off"
"""One nanosecond of virtual time an instruction; idle time passes at once."""
MEMORY_MIB: Final = 512
APIC_HZ: Final = 1_000_000_000
"""Of QEMU's local APIC timer (hw/intc/apic.c counts nanoseconds)."""
TIMEOUT_S: Final = 300.0
"""Far more than any boot takes, also where several share a core: it ends guests that hang."""

_PARAMETERS: Final = (
    "norandmaps",
    # Guest time is counted in instructions: whatever waits or calibrates at boot is a waste of the host's.
    "lpj=4000000",
    "tsc_early_khz=1000000",
    "tsc=reliable",
    "no_timer_check",
    "retain_initrd",  # else it is overwritten before it is freed
    "watchdog_thresh=20",
    "rcupdate.rcu_cpu_stall_timeout=45",
    # QEMU 7.2 is more stable when the kernel does without cmpxchg16b; HAProxy does not run without it.
    "clearcpuid=cx16",
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
    symbols: KernelSymbols
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
    (folder / "code").write_text(guest.symbols.roles(), encoding="utf-8")
    deadline = Deadline(TIMEOUT_S)
    initrd = folder / "initrd"
    try:
        _write_initrd(guest, initrd)
        status = _run(guest, _arguments(guest, initrd, console, counts), log, deadline)
    finally:
        initrd.unlink(missing_ok=True)  # a hundred megabytes
    return _outcome(guest, console, counts, log, status, deadline.seconds)


def _run(guest: CountingGuest, arguments: list[str], log: Path, deadline: Deadline) -> int | None:
    """Run QEMU to its end: its exit status, None if it had to be ended."""
    ours, its_gdb = socket.socketpair()
    with ours, its_gdb, log.open("wb") as output:
        argv = sandbox.command(
            guest.count_tools,
            # It waits at its first instruction for the debugger.
            [*arguments, "-S", "-chardev", f"socket,id=gdb,fd={its_gdb.fileno()}", "-gdb", "chardev:gdb"],
        )
        with subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=(its_gdb.fileno(),)
        ) as qemu:
            its_gdb.close()
            try:
                _spare_calibration(guest, Gdb(ours, deadline))
                return qemu.wait(deadline.remaining)
            except subprocess.TimeoutExpired:
                return None
            except InfrastructureError as error:
                # What QEMU and the console said tells more than what its debugger interface did not say.
                output.write(f"{error}\n".encode())
                return -1
            finally:
                qemu.kill()


def _spare_calibration(guest: CountingGuest, gdb: Gdb) -> None:
    """Tell the kernel the frequency of its timer, which it would find by looking at another clock for 0.2 s.

    Nothing but waiting, but waiting is instructions, and slow ones: a fourth of the whole boot. On real machines the
    CPU itself tells (calibrate_APIC_clock() in arch/x86/kernel/apic/apic.c).
    """
    gdb.run_to(guest.symbols.address_of("setup_boot_APIC_clock"))
    per_tick = APIC_HZ // ticks_per_second(guest.kernel)
    gdb.write(guest.symbols.address_of("lapic_timer_period"), per_tick.to_bytes(4, "little"))
    gdb.let_go()


def ticks_per_second(kernel: Kernel) -> int:
    """The kernel's CONFIG_HZ. Raises InfrastructureError when its configuration is not there."""
    config = kernel.build_dir / ".config"
    found = (
        re.search(r"^CONFIG_HZ=(\d+)$", config.read_text(encoding="utf-8"), re.MULTILINE) if config.is_file() else None
    )
    if found is None:
        raise InfrastructureError(f"{config} does not say CONFIG_HZ")
    return int(found[1])


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


def _write_initrd(guest: CountingGuest, path: Path) -> None:
    """The common initrd with the root and the guest's own files appended: the kernel unpacks one after the other."""
    archive = Archive()
    for name, data in sorted(guest.files.items()):
        executable = data.startswith((b"#!", b"\x7fELF"))
        archive.file(f"overlay/{name.lstrip('/')}", data, 0o755 if executable else 0o644)
    with path.open("wb") as output:
        for part in (guest.initrd.read_bytes(), guest.root.read_bytes(), archive.finish()):
            output.write(part + bytes(-len(part) % 4))


def _arguments(guest: CountingGuest, initrd: Path, console: Path, counts: Path) -> list[str]:
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
        *("-kernel", str(guest.kernel.image), "-initrd", str(initrd)),
        *("-append", " ".join(parameters)),
        *("-chardev", f"file,id=console,path={console}", "-serial", "chardev:console"),
        *("-plugin", f"file={guest.plugin},out={counts},code={guest.folder / 'code'}"),
    ]
