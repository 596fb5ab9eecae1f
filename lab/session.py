"""The lab as a test run sees it: its network and its machines, for as long as the run lasts.

    with Lab.from_environment() as lab:
        machine = lab.machine()          # boots the first time it is asked for, and is snapshotted then
        machine.run("uname", "-r")

Runs inside isolation (lab/isolation.py), which made the network; WEIR_PREPARED names what was built before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lab import guest_speed, speed, ssh
from lab.cpio import Archive
from lab.isolation import MEMORY_FOLDER
from lab.link import Link
from lab.network import HOST, HOST6, MAX_GUESTS, GuestPort, Network
from lab.qemu import Hardware
from lab.qemu_machine import QemuMachine

if TYPE_CHECKING:
    from lab.kernel import Kernel
    from lab.run import Prepared


class Lab:
    """Owns every machine of the run; leaving it ends them all."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.network = Network()
        self.run_dir: Path = prepared.run_dir
        self.keys = ssh.Keys(self.run_dir)
        self._memory = self.run_dir / MEMORY_FOLDER
        self._stack = ExitStack()
        self._machines: dict[str, QemuMachine] = {}
        self._listeners: list[Callable[[QemuMachine], None]] = []
        self._places: set[int] = set()
        self._links: dict[str, Link] = {}

    @classmethod
    def from_environment(cls) -> Lab:
        """The lab that `lab run` prepared. Raises UsageError outside of one."""
        from lab.run import Prepared

        return cls(Prepared.load())

    def machine(
        self,
        name: str = "guest",
        *,
        append: str = "",
        kernel: tuple[Kernel, Path] | None = None,
        memory_mib: int = 0,
    ) -> QemuMachine:
        """The machine of that name; booted and snapshotted at the first call.

        `append` is added to the kernel's command line; `kernel`, with its initrd, takes the place of the prepared one.
        `memory_mib` is what its kernel needs unless given.
        Raises BootFailure with the console's last words; the caller owns retries.
        """
        if name not in self._machines:
            machine = self.new_machine(name, append=append, kernel=kernel, memory_mib=memory_mib)
            try:
                machine.start()
            except BaseException:
                machine.stop()
                self._places.discard(machine.port.index)
                raise
            self._machines[name] = machine
            if (kernel[0] if kernel else self.prepared.kernel).instrumented:
                speed.stretch(guest_speed.factor(machine))
        return self._machines[name]

    def new_machine(
        self,
        name: str,
        *,
        append: str = "",
        kernel: tuple[Kernel, Path] | None = None,
        memory_mib: int = 0,
    ) -> QemuMachine:
        """A machine that has not been started."""
        place = next(index for index in itertools.count() if index not in self._places)
        if place >= MAX_GUESTS:
            raise ValueError(f"a lab has room for {MAX_GUESTS} guests")
        self._places.add(place)
        port = GuestPort(place)
        chosen, initrd = kernel or (self.prepared.kernel, self.prepared.initrd)
        hardware = Hardware(
            name=name,
            accel=self.prepared.acceleration.accel,
            kernel=chosen.image,
            initrd=self._personal_initrd(name, port, initrd),
            root=self.prepared.image.squashfs,
            port=port,
            memory_file=self._memory / f"{name}.memory",
            append=append,
            memory_mib=memory_mib or chosen.memory_mib,
            parameters=chosen.parameters,
        )
        machine = QemuMachine(hardware, self.prepared.tools, self.network, self.keys, self.run_dir, self._started)
        self._stack.callback(machine.stop)
        return machine

    def link(self, name: str = "guest") -> Link:
        """The link of the machine of that name, which may be shaped."""
        if name not in self._links:
            link = self._links[name] = Link(self.machine(name).port)
            self._stack.callback(link.clear)
        return self._links[name]

    @property
    def machines(self) -> list[QemuMachine]:
        """All machines handed out so far."""
        return list(self._machines.values())

    def on_start(self, listener: Callable[[QemuMachine], None]) -> None:
        """Call `listener` with each machine at once after each boot and each restore (a new generation)."""
        self._listeners.append(listener)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._machines.clear()
        self._stack.close()

    def _started(self, machine: QemuMachine) -> None:
        for listener in self._listeners:
            listener(machine)

    def _personal_initrd(self, name: str, port: GuestPort, initrd: Path) -> Path:
        """The common initrd with this lab's own files appended: the kernel unpacks one archive after the other."""
        archive = Archive()
        archive.folder("overlay/root/.ssh", 0o700)
        for path, (data, mode) in self.keys.add_guest(name, port.address, port.address6).items():
            archive.file(f"overlay/{path}", data, mode)
        hosts = f"127.0.0.1 localhost\n::1 localhost\n{port.address} {name}\n{HOST} host\n{HOST6} host\n"
        archive.file("overlay/etc/hosts", hosts.encode())
        archive.file("overlay/etc/hostname", f"{name}\n".encode())
        archive.file("overlay/etc/resolv.conf", b"")
        combined = self._memory / f"{name}.initrd"
        common = initrd.read_bytes()
        combined.write_bytes(common + bytes(-len(common) % 4) + archive.finish())
        return combined
