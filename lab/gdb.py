"""A little of GDB's remote serial protocol: stop a guest at a function, write to its memory, let it go.

QEMU's gdbstub (its documentation, "GDB usage") speaks it on a character device; packets are `$data#checksum`, each
acknowledged by `+` (GDB manual, appendix "GDB Remote Serial Protocol").
"""

from __future__ import annotations

import socket
from typing import Final

from lab.deadline import Deadline
from lab.errors import InfrastructureError

_HARDWARE: Final = 1
"""Kind of breakpoint that writes nothing into memory: the code need not be there yet."""


class Gdb:
    """The debugger's end of a connection to a guest that has not been started yet."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self._received = b""

    def run_to(self, address: int) -> None:
        """Let the guest run until it is about to execute the instruction at `address`.

        Raises InfrastructureError when it ends before, or time is up.
        """
        self._ask_ok(f"Z{_HARDWARE},{address:x},1")
        self._send("c")
        while not (answer := self._receive()).startswith("T"):
            if answer.startswith(("W", "X")):
                raise InfrastructureError(f"the guest ended before it came to {address:#x}")
        self._ask_ok(f"z{_HARDWARE},{address:x},1")

    def write(self, address: int, data: bytes) -> None:
        """Write to the guest's memory, at an address as its present CPU sees it."""
        self._ask_ok(f"M{address:x},{len(data):x}:{data.hex()}")

    def let_go(self) -> None:
        """Let the guest run, for good."""
        self._ask_ok("D")

    def _ask_ok(self, command: str) -> None:
        self._send(command)
        if (answer := self._receive()) != "OK":
            raise InfrastructureError(f"QEMU's debugger interface answers {answer!r} to {command!r}")

    def _send(self, command: str) -> None:
        data = command.encode()
        try:
            self._connection.sendall(b"$%s#%02x" % (data, sum(data) & 0xFF))
        except OSError as error:
            raise InfrastructureError(f"QEMU's debugger interface is gone: {error}") from error

    def _receive(self) -> str:
        """The next packet's content; acknowledged."""
        while True:
            begin, end = self._received.find(b"$"), self._received.find(b"#")
            if 0 <= begin < end and len(self._received) >= end + 3:
                content = self._received[begin + 1 : end]
                self._received = self._received[end + 3 :]
                self._connection.sendall(b"+")
                return content.decode()
            self._connection.settimeout(max(0.01, self._deadline.remaining))
            try:
                more = self._connection.recv(4096)
            except TimeoutError:
                raise InfrastructureError("QEMU's debugger interface does not answer") from None
            except OSError:
                more = b""
            if not more:
                raise InfrastructureError("QEMU ended while the guest was being prepared")
            self._received += more
