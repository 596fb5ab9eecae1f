"""Which acceleration guests get: KVM where it was seen to work, else TCG.

/dev/kvm may open, create a VM, and still hang every guest; so a tiny guest is really booted, under a deadline. The
verdict is remembered for this boot of the host, this QEMU and this kernel.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import selectors
import signal
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lab import hostfacts, sandbox
from lab.errors import UsageError

if TYPE_CHECKING:
    from lab.kernel import Kernel
    from lab.tools import ToolsTree

Accel = Literal["kvm", "tcg"]

DEADLINE_S = 10.0  # of the wall clock: a KVM that needs longer is no gain over TCG
CRAWL_S = 5.0  # a guest under TCG has booted by then
TOKEN = b"weir-accel-probe: this guest runs"
VARIABLE = "WEIR_ACCEL"
KVM = Path("/dev/kvm")


@dataclass(frozen=True)
class Verdict:
    """What guests get, why, and how long the probe took (0.0 if none was needed)."""

    accel: Accel
    reason: str
    seconds: float = 0.0
    remembered: bool = False


def probe(tools: ToolsTree, kernel: Kernel, *, device: Path = KVM, root: Path | None = None) -> Verdict:
    """Find out, or recall, whether KVM works for `kernel` under the tools tree's QEMU. Never takes longer than 10 s.

    $WEIR_ACCEL=kvm|tcg decides without a probe (UsageError for other values).
    """
    chosen = os.environ.get(VARIABLE)
    if chosen == "kvm":
        return Verdict("kvm", f"chosen by {VARIABLE}")
    if chosen == "tcg":
        return Verdict("tcg", f"chosen by {VARIABLE}")
    if chosen is not None:
        raise UsageError(f"{VARIABLE}={chosen!r} is no acceleration", hint=f"{VARIABLE}=kvm or {VARIABLE}=tcg")
    obstacle = _obstacle(device)
    if obstacle:
        return Verdict("tcg", obstacle)
    qemu = tools.versions.get("qemu-system-x86", tools.key)
    name = "accel-" + hashlib.sha256(f"{qemu}\n{kernel.key}".encode()).hexdigest()[:16]
    known = hostfacts.recall(name, root=root)
    if known is not None and known.get("accel") in ("kvm", "tcg"):
        return Verdict(known["accel"], str(known.get("reason", "")), float(known.get("seconds", 0.0)), remembered=True)
    verdict = boot(tools, kernel, "kvm")
    hostfacts.remember(name, {"accel": verdict.accel, "reason": verdict.reason, "seconds": verdict.seconds}, root=root)
    return verdict


def boot(tools: ToolsTree, kernel: Kernel, accel: Accel, *, seconds: float = DEADLINE_S) -> Verdict:
    """Boot the tiny guest under `accel`. The verdict is "tcg" unless its token was seen in time."""
    with tempfile.TemporaryDirectory(prefix="weir-accel-", dir="/tmp") as folder:
        initrd = Path(folder) / "initrd"
        initrd.write_bytes(_initramfs())
        cpu = "host" if accel == "kvm" else "max,-cx16"
        argv: list[str | Path] = [
            *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-machine", "q35", "-accel", accel, "-cpu", cpu, "-smp", "2", "-m", "256"),
            *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
            *("-kernel", kernel.image, "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1"),
        ]
        started = time.monotonic()
        process = subprocess.Popen(
            sandbox.command(tools, argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            seen, said = _watch(process, started + seconds)
        finally:
            _end(process)
        took = round(time.monotonic() - started, 2)
    if seen and (accel == "tcg" or took <= CRAWL_S):
        return Verdict(accel, f"a guest booted in {took:.1f} s under {accel.upper()}", took)
    if seen:
        return Verdict("tcg", f"{accel.upper()} crawls: its guest took {took:.1f} s to boot", took)
    if "internal error" in said:
        why = "QEMU reported a KVM internal error"
    elif took < seconds:
        why = f"QEMU ended after {took:.1f} s: {said.strip().splitlines()[-1] if said.strip() else 'silently'}"
    else:
        why = f"/dev/kvm opens, but a guest did not come up within {seconds:.0f} s"
    return Verdict("tcg", why if accel == "kvm" else f"even TCG failed: {why}", took)


def _obstacle(device: Path) -> str:
    if not device.exists():
        return f"no {device}"
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"{device} cannot be opened: {error.strerror}"
    return ""


def _watch(process: subprocess.Popen[bytes], until: float) -> tuple[bool, str]:
    """Read what the guest says until its token, its end, or the deadline: token seen, and the last words."""
    assert process.stdout is not None
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                break
            said = (said + piece)[-65536:]
            if TOKEN in said:
                return True, ""
            if b"KVM internal error" in said:
                break
    return False, said.decode(errors="replace")[-2000:]


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _initramfs() -> bytes:
    """A cpio archive (Documentation/driver-api/early-userspace/buffer-format.rst) with a console and an init."""
    entries = [
        ("dev", 0o040755, (0, 0), b""),
        ("dev/console", 0o020600, (5, 1), b""),
        ("init", 0o100755, (0, 0), _init()),
        ("TRAILER!!!", 0, (0, 0), b""),
    ]
    archive = b""
    for inode, (name, mode, (major, minor), data) in enumerate(entries, 1):
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name) + 1, 0)
        archive += b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        archive += b"\0" * (-len(archive) % 4) + data
        archive += b"\0" * (-len(archive) % 4)
    return archive + b"\0" * (-len(archive) % 512)


def _init() -> bytes:
    """A static x86-64 program of some 200 bytes that writes the token and waits: no compiler is needed to probe."""
    base, header_size = 0x400000, 64 + 56
    message = b"\n" + TOKEN + b"\n"

    def code(address: int) -> bytes:
        return (
            b"\xb8\x01\x00\x00\x00"  # mov eax, 1 (write)
            b"\xbf\x01\x00\x00\x00"  # mov edi, 1
            b"\xbe"
            + struct.pack("<I", address)
            + b"\xba"
            + struct.pack("<I", len(message))  # mov esi, ..; mov edx, ..
            + b"\x0f\x05"  # syscall
            b"\xb8\x22\x00\x00\x00"  # mov eax, 34 (pause)
            b"\x0f\x05"  # syscall
            b"\xeb\xf7"  # jmp back to pause
        )

    program = code(base + header_size + len(code(0))) + message
    size = header_size + len(program)
    identity = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    elf = identity + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, base + header_size, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return elf + segment + program


def describe(verdict: Verdict) -> str:
    """One line for people."""
    return f"{verdict.accel.upper()}: {verdict.reason}" + (" (remembered)" if verdict.remembered else "")
