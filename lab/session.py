"""The lab as a test run sees it: its network and its machines, for as long as the run lasts.

    with Lab.from_environment() as lab:
        machine = lab.machine()          # boots the first time it is asked for, and is snapshotted then
        machine.run("uname", "-r")

Runs inside isolation (lab/isolation.py), which made the network; WEIR_PREPARED names what was built before.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lab.network import Network

if TYPE_CHECKING:
    from lab.machine import Machine
    from lab.run import Prepared

PREPARED_VARIABLE = "WEIR_PREPARED"
BOOT_TIMEOUT = 60.0  # seconds on the reference host: start of QEMU to the agent's first answer


class Lab:
    """Owns every machine of the run; leaving it ends them all."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.network = Network()
        self.run_dir: Path = prepared.run_dir
        self._stack = ExitStack()
        self._machines: dict[str, Machine] = {}

    @classmethod
    def from_environment(cls) -> Lab:
        """The lab that `lab run` prepared. Raises InfrastructureError outside of one."""
        raise NotImplementedError

    def machine(self, name: str = "guest", *, append: str = "") -> Machine:
        """The machine of that name; booted and snapshotted at the first call. `append` is added to the command line.

        Raises BootFailure (an InfrastructureError) with the console's last words; the caller owns retries.
        """
        raise NotImplementedError

    @property
    def machines(self) -> list[Machine]:
        """All machines handed out so far."""
        return list(self._machines.values())

    def on_start(self, listener: Callable[[Machine], None]) -> None:
        """Call `listener` with each machine at once after each boot and each restore (a new generation)."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
