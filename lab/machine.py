"""What a test may ask of a machine, whoever provides it.

`Machine` is the protocol of every provider; lab/qemu_machine.py is the default one. A command that fails or does not
end raises a product failure, since the machine is the device under test's home; a machine that stops answering raises
GuestCrash; what the lab itself broke is an InfrastructureError.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from lab.errors import InfrastructureError, ProductFailure

if TYPE_CHECKING:
    from lab.crash import Crash
    from lab.watch import Watcher

COMMAND_TIMEOUT = 10.0  # seconds on the reference host


@dataclass(frozen=True)
class Result:
    """How a command ended. `status` is its exit status, or 128 + N if signal N killed it, as a shell says it."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        return self.status == 0

    @property
    def lines(self) -> list[str]:
        """Standard output, split into lines."""
        return self.stdout.splitlines()


class CommandFailed(ProductFailure):
    """A command in the guest ended with a status other than 0."""

    def __init__(self, machine: str, result: Result) -> None:
        self.result = result
        said = (result.stderr.strip() or result.stdout.strip())[-2000:]
        super().__init__(
            f"{machine}: `{shlex.join(result.argv)}` ended with status {result.status}: {said or '(silent)'}"
        )


class CommandTimeout(ProductFailure):
    """A command in the guest did not end in time, while the guest's agent went on answering."""

    def __init__(self, machine: str, argv: Sequence[str], seconds: float, output: str = "") -> None:
        self.argv = tuple(argv)
        said = f"; last output: {output.strip()[-1000:]}" if output.strip() else ""
        super().__init__(f"{machine}: `{shlex.join(argv)}` did not end within {seconds:.1f} s and was killed{said}")


class BootFailure(InfrastructureError):
    """A guest did not come up. Whose fault that is, the caller finds out, with `crashes` and another kernel.

    `emulator_died`: QEMU itself ended or aborted, which no guest's kernel is to blame for.
    """

    def __init__(
        self,
        machine: str,
        what: str,
        why: str,
        console: str,
        crashes: Sequence[Crash] = (),
        *,
        emulator_died: bool = False,
    ) -> None:
        self.crashes = tuple(crashes)
        self.emulator_died = emulator_died
        self.console = console
        indented = "\n".join(f"    {line}" for line in console.splitlines()) or "    (the console is silent)"
        told = "".join(f"; {crash.kind}: {crash.title}" for crash in self.crashes[:2])
        super().__init__(f"{machine}: {what} failed: {why}{told}; the console's last words:\n{indented}")


class Process(Protocol):
    """A command running in the guest, with its three streams. A context manager: leaving it kills what still runs."""

    argv: tuple[str, ...]
    pid: int

    def write(self, data: str | bytes) -> None:
        """Send to its standard input; blocks while the command does not read (64 KiB are on the way at most)."""

    def close_stdin(self) -> None:
        """End of its standard input."""

    def read_line(self, timeout: float = COMMAND_TIMEOUT) -> str:
        """The next line of its standard output without the newline; EOFError after the last one."""

    def kill(self, signal: int = 15) -> None:
        """Send a signal to it and to what it started (its process group)."""

    def poll(self) -> Result | None:
        """How it ended, or None while it runs. Lines that read_line() took are not repeated."""

    def wait(self, timeout: float = COMMAND_TIMEOUT) -> Result:
        """Wait for its end. Raises CommandTimeout, and kills it."""

    def __enter__(self) -> Process: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Machine(Protocol):
    """A guest, running since the lab handed it out.

    All timeouts are seconds on the reference host, stretched by the host's speed factor (lab/deadline.py). Every call
    may raise GuestCrash when the guest's kernel has died or hangs.
    """

    name: str
    address: str  # IPv4, without prefix length
    address6: str
    generation: int  # grows by 1 with each boot and each restore: what was known of the guest before is void

    @property
    def console(self) -> Path:
        """The serial console: the kernel's log and nothing else; one file, appended to through all generations."""

    @property
    def console_start(self) -> int:
        """Offset in bytes at which this generation's text begins in `console`."""

    def run(
        self,
        *argv: str,
        check: bool = True,
        timeout: float = COMMAND_TIMEOUT,
        input: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Result:
        """Run a command by the agent and wait for its end.

        Output is decoded as UTF-8 with replacement and held to 16 MiB. `env` is added to the guest's plain environment.
        Raises CommandFailed unless `check` is False, CommandTimeout.
        """

    def spawn(self, *argv: str, env: Mapping[str, str] | None = None) -> Process:
        """Start a command and talk with it."""

    def put(self, path: str, data: bytes | str, mode: int = 0o644) -> None:
        """Write a file, replacing it atomically; folders above it are made."""

    def get(self, path: str) -> bytes:
        """Read a file (16 MiB at most). Raises FileNotFoundError and its kin."""

    def ping(self, timeout: float = 2.0) -> float:
        """Seconds of one round trip to the agent."""

    def restore(self) -> None:
        """Back to the snapshot taken after boot, before any module was loaded. A new generation."""

    def reboot(self) -> None:
        """Boot cold (performance runs want that). A new generation."""

    def pull_cable(self) -> None:
        """Take the link of the guest's network card down, as a pulled cable does."""

    def plug_cable(self) -> None:
        """Undo pull_cable()."""

    def ssh(self) -> Any:
        """A connected fabric.Connection as root, the host key verified; closed with the machine's generation."""

    @property
    def host(self) -> Any:
        """testinfra host for assertions about the guest."""

    @property
    def watcher(self) -> Watcher:
        """Watches this machine's console and its QEMU through all generations."""

    def crashes(self) -> list[Crash]:
        """Crashes seen in this generation so far, oldest first."""

    def dump_memory(self, path: Path) -> None:
        """Write the guest's memory as an ELF core that crash(8) and drgn read; the guest need not be alive."""

    def stop(self) -> None:
        """End the machine at once; every resource of it is gone on return."""
