"""The default provider: a machine that is a QEMU guest.

Life of a guest: boot (memory in a shared file) -> snapshot -> QEMU ended -> restored from the snapshot, as often as
wanted. Each of them is a new QEMU process and a new generation.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import agent_process, snapshot, ssh
from lab.agent import FILE_LIMIT, AgentLost, AgentSilent
from lab.crash import Crash, Kind, from_event
from lab.deadline import Deadline
from lab.errors import GuestCrash, InfrastructureError, LabError, ProductFailure
from lab.machine import COMMAND_TIMEOUT, BootFailure, CommandFailed, Result
from lab.qemu import Hardware, Qemu
from lab.watch import Watcher

if TYPE_CHECKING:
    from lab.network import Network
    from lab.tools import ToolsTree

BOOT_TIMEOUT = 60.0  # seconds on the reference host, from QEMU's start to the agent's first answer
RESTORE_TIMEOUT = 20.0
SSHD_TIMEOUT = 60.0
HANG_TIMEOUT = 10.0  # an agent that answers nothing for so long after a ping's own deadline: the guest hangs
PANIC_TIMEOUT = 30.0  # for a hung guest's panic: it says nothing until it has waited for the stacks of all CPUs
SETTLE = 3.0  # for the console to tell of a crash once QEMU or the agent is gone

Listener = Callable[["QemuMachine"], None]


class QemuMachine:
    """See lab.machine.Machine. `timings` has the last boot, snapshot and restore, in seconds."""

    def __init__(
        self, hardware: Hardware, tools: ToolsTree, network: Network, keys: ssh.Keys, run_dir: Path, on_start: Listener
    ) -> None:
        self.name = hardware.name
        self.port = hardware.port
        self.address = hardware.port.address
        self.address6 = hardware.port.address6
        self.generation = 0
        self.timings: dict[str, float] = {}
        self._hardware = hardware
        self._tools = tools
        self._network = network
        self._keys = keys
        self._on_start = on_start
        self._console = run_dir / f"console-{self.name}.log"
        self._console.touch()
        self._console_start = self._console.stat().st_size
        self._log = run_dir / f"qemu-{self.name}.log"
        self._state = hardware.memory_file.with_suffix(".state")
        self._qemu: Qemu | None = None
        self._connections: list[Any] = []
        self._host: Any = None
        self.watcher = Watcher(self._console, start=self._console_start).start()

    @property
    def console(self) -> Path:
        return self._console

    @property
    def console_start(self) -> int:
        return self._console_start

    @property
    def qemu(self) -> Qemu:
        """The QEMU of this generation."""
        if self._qemu is None:
            raise InfrastructureError(f"{self.name} is not running", hint="restore() or reboot() it first")
        return self._qemu

    # --- life

    def start(self) -> None:
        """Boot, snapshot and restore. Raises BootFailure."""
        self._network.plug(self._hardware.port)
        self._boot(self._hardware, share_memory=True)
        self._wait_for_sshd()
        began = time.perf_counter()
        snapshot.save(self.qemu.qmp, self._state)
        self.timings["snapshot_s"] = time.perf_counter() - began
        self.restore()

    def boot_only(self) -> None:
        """Boot cold without a snapshot, for those that measure the boot."""
        self._network.plug(self._hardware.port)
        self._boot(self._fresh(), share_memory=False)

    def restore(self) -> None:
        if not self._state.exists():
            raise InfrastructureError(f"{self.name} has no snapshot to restore")
        began = time.perf_counter()
        with self._starting(self._hardware, share_memory=False, incoming=True) as (qemu, deadline):
            snapshot.load(qemu.qmp, self._state)
            qemu.agent.sync(Deadline(min(RESTORE_TIMEOUT, deadline.remaining)))
            # The guest believes that no time has passed, and has the random state of every other restored guest.
            # QEMU announces the card's address to the bridge by itself; both neighbours are permanent entries.
            qemu.agent.set_clock(time.time(), deadline)
            qemu.agent.add_entropy(os.urandom(64), deadline)
            restore_cpu = qemu.cpu_seconds()
        self.timings |= {"restore_s": time.perf_counter() - began, "restore_cpu_s": restore_cpu}
        self._on_start(self)

    def reboot(self) -> None:
        self._boot(self._fresh(), share_memory=False)
        self._on_start(self)

    def stop(self) -> None:
        self.watcher.expect_exit()
        self._end_qemu()
        self.watcher.stop()
        with contextlib.suppress(LabError):
            self._network.unplug(self._hardware.port)
        for path in (self._hardware.memory_file, self._state, self._fresh().memory_file):
            path.unlink(missing_ok=True)

    def _fresh(self) -> Hardware:
        return replace(self._hardware, memory_file=self._hardware.memory_file.with_suffix(".fresh"))

    def _boot(self, hardware: Hardware, *, share_memory: bool) -> None:
        began = time.perf_counter()
        with self._starting(hardware, share_memory=share_memory, incoming=False) as (qemu, deadline):
            qemu.agent.sync(deadline)
            self.timings |= {"boot_s": time.perf_counter() - began, "boot_cpu_s": qemu.cpu_seconds()}
            qemu.agent.set_clock(time.time(), deadline)

    @contextlib.contextmanager
    def _starting(self, hardware: Hardware, *, share_memory: bool, incoming: bool) -> Iterator[tuple[Qemu, Deadline]]:
        """A new generation: QEMU is up inside; whatever goes wrong before the end is a BootFailure."""
        what = "restore" if incoming else "boot"
        deadline = Deadline(RESTORE_TIMEOUT if incoming else BOOT_TIMEOUT)
        self._end_qemu()
        self._console_start = self._console.stat().st_size
        self.watcher.new_generation(self._console_start)
        self.generation += 1
        try:
            qemu = Qemu.start(
                hardware,
                self._tools,
                console=self._console,
                log=self._log,
                share_memory=share_memory,
                incoming=incoming,
            )
            qemu.on_death = self._died
            self._qemu = qemu
            yield qemu, deadline
            if died := qemu.check():
                raise InfrastructureError(died)
        except (LabError, OSError) as error:
            gone = isinstance(error, AgentLost)  # the stream may end before the process has
            died = "" if self._qemu is None else self._qemu.wait_for_death(SETTLE) if gone else self._qemu.check()
            ended = self._qemu is None or self._qemu.process.poll() is not None
            crashes = self.watcher.settle(SETTLE)
            self._end_qemu()
            raise BootFailure(
                self.name, what, died or str(error), self._last_words(), crashes, emulator_died=ended
            ) from error

    def _end_qemu(self) -> None:
        self._host = None
        while self._connections:
            with contextlib.suppress(Exception):  # the other end is a dead guest, maybe
                self._connections.pop().close()
        if self._qemu is not None:
            self.watcher.expect_exit()
            self._qemu.kill()
            self._qemu = None

    def _wait_for_sshd(self) -> None:
        """The snapshot shall have a listening sshd in it. Raises InfrastructureError."""

        deadline = Deadline(SSHD_TIMEOUT)

        def answers() -> bool:
            # A few attempts, not many: each makes a process in the guest, which takes an instrumented kernel seconds.
            patience = max(1.0, deadline.remaining / 4)
            try:
                with socket.create_connection((self.address, ssh.PORT), timeout=patience) as connection:
                    return connection.recv(4) == b"SSH-"
            except OSError:
                return False

        deadline.wait_for(answers, what=f"sshd of {self.name} at {self.address}")

    def _last_words(self, lines: int = 15) -> str:
        with self._console.open("rb") as file:
            file.seek(self._console_start)
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])

    # --- commands

    def run(
        self,
        *argv: str,
        check: bool = True,
        timeout: float = COMMAND_TIMEOUT,
        input: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Result:
        with self._answering():
            result = agent_process.run(self.qemu.agent, self.name, argv, timeout=timeout, input=input, env=env)
        if check and result.status != 0:
            raise CommandFailed(self.name, result)
        return result

    def spawn(self, *argv: str, env: Mapping[str, str] | None = None) -> agent_process.AgentProcess:
        with self._answering():
            return agent_process.AgentProcess(self.qemu.agent, self.name, argv, env, self._answering)

    def put(self, path: str, data: bytes | str, mode: int = 0o644) -> None:
        given = data.encode() if isinstance(data, str) else data
        with self._answering():
            self.qemu.agent.put(path, given, mode, Deadline(COMMAND_TIMEOUT + len(given) / (1 << 20)))

    def get(self, path: str) -> bytes:
        with self._answering():
            return self.qemu.agent.get(path, Deadline(COMMAND_TIMEOUT + FILE_LIMIT / (1 << 20)))

    def ping(self, timeout: float = 2.0) -> float:
        deadline = Deadline(timeout)
        with self._answering():
            try:
                return self.qemu.agent.ping(deadline)
            except AgentSilent:
                # Late is not dead: only who stays silent for long is asked by NMI where it hangs, which ends it.
                self.qemu.agent.ping(Deadline(HANG_TIMEOUT))
        raise ProductFailure(
            f"{self.name}: the agent answered after {deadline.elapsed:.1f} s, not within {deadline.seconds:.1f} s"
        )

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Turns an agent that is gone or silent into the crash that made it so."""
        try:
            yield
        except AgentLost as error:
            if self._qemu:
                self._qemu.wait_for_death(SETTLE)  # the stream may end before the process has
            raise self._crash(str(error)) from error
        except AgentSilent as error:
            self._tell_hang()
            raise self._crash(f"the guest hangs: {error}") from error

    def _tell_hang(self) -> None:
        """Make a hung guest tell where it hangs: on an NMI its kernel panics with the stack (unknown_nmi_panic)."""
        with contextlib.suppress(LabError):
            if not self.qemu.check():
                self.qemu.qmp.execute("inject-nmi")
                self.qemu.wait_for_death(PANIC_TIMEOUT)

    def _crash(self, note: str) -> GuestCrash:
        died = self._qemu.died if self._qemu else ""
        crashes = self.watcher.settle(SETTLE)
        if not crashes:
            kind = Kind.QEMU_GONE if died else Kind.HANG
            crash = from_event(kind, died or "the guest's agent does not answer", self._last_words())
            self.watcher.report(crash)
            crashes = [crash]
        return GuestCrash(crashes, machine=self.name, note=died or note)

    def _died(self, why: str) -> None:
        """QEMU's end, or the guest's: called in a thread that saw it. Whoever waits for the agent shall not go on."""
        qemu = self._qemu
        if qemu is None:
            return
        status = qemu.process.poll()
        if status is not None:
            self.watcher.qemu_exited(status, qemu.said)
        elif "internal-error" in why:
            self.watcher.internal_error(why)
        elif not any(crash.fatal for crash in self.watcher.settle(SETTLE)):
            self.watcher.report(from_event(Kind.QEMU_GONE, why, self._last_words()))
        qemu.agent.abandon(why)

    # --- the rest of the protocol

    def pull_cable(self) -> None:
        self.qemu.set_link(False)

    def plug_cable(self) -> None:
        self.qemu.set_link(True)

    def ssh(self) -> Any:
        connection = ssh.connect(self.address, self._keys)
        self._connections.append(connection)
        return connection

    @property
    def host(self) -> Any:
        if self._host is None:
            self._host = ssh.testinfra_host(self.address, self.ssh())
        return self._host

    def crashes(self) -> list[Crash]:
        return self.watcher.settle()

    def dump_memory(self, path: Path) -> None:
        # Compressed formats leave out nothing, but crash(8) alone reads them; ELF is read by all.
        self.qemu.qmp.execute("dump-guest-memory", timeout=120.0, paging=False, protocol=f"file:{path}")
