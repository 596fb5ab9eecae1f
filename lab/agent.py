"""The host's side of the guest's agent: commands, files, clock and entropy over one byte stream.

The wire protocol and its rules are in lab/guest/protocol.h. One thread reads and files what arrives by channel; it
never sends, so the stream cannot lock itself up. Whoever takes output gives the agent credit for as much again.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
import select
import socket
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from lab.deadline import Deadline
from lab.errors import InfrastructureError

HEADER = struct.Struct("<IIB3x")
EXEC_REQUEST = struct.Struct("<HHHHH")
MAX_PAYLOAD = 64 * 1024
WINDOW = 64 * 1024
PIECE = 32 * 1024  # of DATA in one frame, so that a PING between two never waits long
FILE_LIMIT = 16 << 20  # bytes of a file got, or of a command's output
SYNC_INTERVAL = 1.0  # seconds
EXEC_TERMINAL = 1
EXEC_NO_INPUT = 2

GUEST_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class ToAgent(IntEnum):
    SYNC = 1
    PING = 2
    EXEC = 3
    DATA = 4
    END = 5
    SIGNAL = 6
    PUT = 7
    GET = 8
    CLOCK = 9
    ENTROPY = 10
    RESIZE = 11
    CREDIT = 12


class FromAgent(IntEnum):
    SYNCED = 128
    PONG = 129
    STARTED = 130
    STDOUT = 131
    STDERR = 132
    EXIT = 133
    ERROR = 134
    WINDOW = 135
    DONE = 136


class AgentLost(InfrastructureError):
    """The stream to the agent ended: its QEMU is gone, or the guest closed the port."""


class AgentSilent(InfrastructureError):
    """The agent did not answer within its deadline."""


@dataclass
class Channel:
    """One command, upload or download, as far as it has come. Guarded by the agent's condition."""

    agent: Agent
    id: int
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    window: int = WINDOW
    pid: int | None = None
    status: int | None = None
    error: OSError | None = None
    pong: bytes | None = None

    @property
    def finished(self) -> bool:
        return self.status is not None or self.error is not None

    def take(self) -> tuple[bytes, bytes]:
        """Take what has arrived on standard output and standard error, and let the agent send as much again."""
        with self.agent.changed:
            taken = bytes(self.stdout), bytes(self.stderr)
            self.stdout.clear()
            self.stderr.clear()
            open_still = not self.finished
        if open_still and (size := len(taken[0]) + len(taken[1])):
            self.agent.send(ToAgent.CREDIT, self.id, struct.pack("<I", size))
        return taken

    def send(self, data: bytes, deadline: Deadline) -> bool:
        """Send to standard input; waits for the window. False if the command ended before it took everything."""
        view = memoryview(data)
        while view:
            with self.agent.changed:
                self.agent.wait_for(lambda: self.window > 0 or self.finished, deadline)
                if self.finished:
                    return False
                piece = view[: min(self.window, PIECE)]
                self.window -= len(piece)
            self.agent.send(ToAgent.DATA, self.id, bytes(piece), deadline)
            view = view[len(piece) :]
        return True

    def end(self) -> None:
        """End of standard input."""
        self.agent.send(ToAgent.END, self.id)

    def signal(self, number: int) -> None:
        """Signal the command's process group."""
        self.agent.send(ToAgent.SIGNAL, self.id, struct.pack("<I", number))

    def resize(self, rows: int, columns: int) -> None:
        """Tell the command's terminal its size."""
        self.agent.send(ToAgent.RESIZE, self.id, struct.pack("<HH", rows, columns))

    def wait_change(self, deadline: Deadline) -> None:
        """Wait until there is output to take or the end. Raises AgentSilent when time is up."""
        with self.agent.changed:
            self.agent.wait_for(lambda: bool(self.stdout or self.stderr) or self.finished, deadline)


class Agent:
    """A connection to one agent. Safe to use from several threads."""

    def __init__(self, connection: socket.socket, *, name: str = "guest") -> None:
        self.name = name
        self.changed = threading.Condition()
        self._socket = connection
        self._sending = threading.Lock()
        self._channels: dict[int, Channel] = {}
        self._numbers = itertools.count(1)
        self._lost: str | None = None
        self._nonce: bytes | None = None
        self._synced = False
        self._reader = threading.Thread(target=self._read, name=f"agent-{name}", daemon=True)
        self._reader.start()

    # --- connection

    def sync(self, deadline: Deadline) -> None:
        """Wait for the agent's first answer. What ran on an earlier connection is killed. Raises AgentSilent."""
        nonce = secrets.token_bytes(16)
        with self.changed:
            self._nonce, self._synced = nonce, False
        while True:
            # Said again from time to time: an agent that was started anew has lost what its predecessor had read.
            self.send(ToAgent.SYNC, 0, nonce, deadline)
            with self.changed, contextlib.suppress(AgentSilent):
                self.wait_for(lambda: self._synced, Deadline(min(SYNC_INTERVAL, deadline.remaining), scale=False))
                return
            if deadline.expired:
                raise AgentSilent(f"{self.name}: the agent did not answer within {deadline.seconds:.1f} s")

    def close(self) -> None:
        """Close the connection; whoever waits gets AgentLost."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._reader:
            self._reader.join(5.0)
        self._socket.close()

    def abandon(self, reason: str) -> None:
        """The guest is known to be dead: whoever waits or asks gets AgentLost at once."""
        with self.changed:
            self._lost = self._lost or reason
            self.changed.notify_all()

    @property
    def lost(self) -> bool:
        return self._lost is not None

    def send(self, kind: ToAgent, channel: int, payload: bytes = b"", deadline: Deadline | None = None) -> None:
        """Send one frame whole. Raises AgentLost, or AgentSilent if the guest takes nothing for the deadline's time."""
        deadline = deadline or Deadline(10.0)
        if self._lost is not None:
            raise AgentLost(f"{self.name}: {self._lost}")
        view = memoryview(HEADER.pack(len(payload), channel, kind) + payload)
        with self._sending:
            poll = select.poll()
            while view:
                try:
                    view = view[self._socket.send(view, socket.MSG_DONTWAIT) :]
                except BlockingIOError:
                    poll.register(self._socket, select.POLLOUT)
                    if not poll.poll(deadline.remaining * 1000) and deadline.expired:
                        raise AgentSilent(f"{self.name}: the guest takes no input") from None
                except OSError as error:
                    raise AgentLost(f"{self.name}: the agent's connection broke: {error.strerror}") from error

    def wait_for(self, condition: object, deadline: Deadline) -> None:
        """With `changed` held: wait until the callable is true. Raises AgentLost, AgentSilent."""
        assert callable(condition)
        while not condition():
            if self._lost is not None:
                raise AgentLost(f"{self.name}: {self._lost}")
            if deadline.expired:
                raise AgentSilent(f"{self.name}: no answer within {deadline.seconds:.1f} s")
            self.changed.wait(deadline.remaining)

    # --- requests

    def execute(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        folder: str = "/root",
        terminal: tuple[int, int] | None = None,
        stdin: bool = True,
        deadline: Deadline | None = None,
    ) -> Channel:
        """Start a command. Raises OSError as the guest says it.

        `terminal` is rows and columns of one it shall have; without `stdin` its standard input is /dev/null.
        """
        strings = [folder, *argv, *(f"{key}={value}" for key, value in {**GUEST_ENVIRONMENT, **(env or {})}.items())]
        rows, columns = terminal or (0, 0)
        flags = EXEC_TERMINAL if terminal else 0 if stdin else EXEC_NO_INPUT
        head = EXEC_REQUEST.pack(flags, len(argv), len(strings) - 1 - len(argv), rows, columns)
        body = b"".join(os.fsencode(text) + b"\0" for text in strings)
        if len(head) + len(body) > MAX_PAYLOAD:
            raise OSError(errno.E2BIG, "command line and environment exceed 64 KiB; put() a file and run that")
        return self._open(ToAgent.EXEC, head + body, deadline or Deadline(10.0))

    def put(self, path: str, data: bytes, mode: int, deadline: Deadline) -> None:
        """Write a file atomically. Raises OSError as the guest says it."""
        channel = self._open(ToAgent.PUT, struct.pack("<I", mode) + os.fsencode(path) + b"\0", deadline)
        if channel.send(data, deadline):
            channel.end()
        with self.changed:
            self.wait_for(lambda: channel.finished, deadline)
        self._raise_error(channel, path)

    def get(self, path: str, deadline: Deadline) -> bytes:
        """Read a regular file of at most FILE_LIMIT bytes. Raises OSError as the guest says it."""
        channel = self._open(ToAgent.GET, os.fsencode(path) + b"\0", deadline)
        data = bytearray()
        while True:
            channel.wait_change(deadline)
            finished = channel.finished
            data += channel.take()[0]
            if finished:
                break
            if len(data) > FILE_LIMIT:
                channel.signal(15)
                raise OSError(errno.EFBIG, f"more than {FILE_LIMIT} bytes", path)
        self._raise_error(channel, path)
        return bytes(data)

    def ping(self, deadline: Deadline) -> float:
        """Seconds from question to answer."""
        start = time.perf_counter()
        channel = self._register()
        try:
            self.send(ToAgent.PING, channel.id, b"ping", deadline)
            with self.changed:
                self.wait_for(lambda: channel.pong is not None, deadline)
        finally:
            self._forget(channel)
        return time.perf_counter() - start

    def set_clock(self, epoch: float, deadline: Deadline) -> None:
        """Set the guest's date to seconds since the epoch. Raises OSError as the guest says it."""
        seconds, fraction = divmod(epoch, 1.0)
        self._call(ToAgent.CLOCK, struct.pack("<qq", int(seconds), int(fraction * 1e9)), deadline)

    def add_entropy(self, data: bytes, deadline: Deadline) -> None:
        """Credit at most 256 random bytes to the guest's pool and reseed its generator."""
        self._call(ToAgent.ENTROPY, data, deadline)

    # --- inside

    def _register(self) -> Channel:
        with self.changed:
            channel = Channel(self, next(self._numbers))
            self._channels[channel.id] = channel
        return channel

    def _forget(self, channel: Channel) -> None:
        with self.changed:
            self._channels.pop(channel.id, None)

    def _open(self, kind: ToAgent, payload: bytes, deadline: Deadline) -> Channel:
        channel = self._register()
        self.send(kind, channel.id, payload, deadline)
        with self.changed:
            self.wait_for(lambda: channel.pid is not None or channel.finished, deadline)
        if channel.pid is None:
            self._raise_error(channel, None)
        return channel

    def _call(self, kind: ToAgent, payload: bytes, deadline: Deadline) -> None:
        channel = self._register()
        self.send(kind, channel.id, payload, deadline)
        with self.changed:
            self.wait_for(lambda: channel.finished, deadline)
        self._raise_error(channel, None)

    @staticmethod
    def _raise_error(channel: Channel, path: str | None) -> None:
        if channel.error is not None:
            # Built anew from its number, so that ENOENT becomes FileNotFoundError and so on.
            raise OSError(channel.error.errno, channel.error.strerror, path)

    def _read(self) -> None:
        buffer = bytearray()
        reason = "the agent closed its connection"
        try:
            while data := self._socket.recv(1 << 16):
                buffer += data
                self._consume(buffer)
        except OSError as error:
            reason = f"the agent's connection broke: {error.strerror}"
        except struct.error as error:
            reason = f"the agent sent a frame that makes no sense: {error}"
        self.abandon(reason)

    def _consume(self, buffer: bytearray) -> None:
        with self.changed:
            if not self._synced and not self._find_sync(buffer):
                return
            start = 0
            while len(buffer) - start >= HEADER.size:
                length, number, kind = HEADER.unpack_from(buffer, start)
                if length > MAX_PAYLOAD:
                    raise struct.error(f"length {length}")
                if len(buffer) - start < HEADER.size + length:
                    break
                payload = bytes(buffer[start + HEADER.size : start + HEADER.size + length])
                start += HEADER.size + length
                self._dispatch(kind, number, payload)
            del buffer[:start]
            self.changed.notify_all()

    def _find_sync(self, buffer: bytearray) -> bool:
        """Skip to what follows the answer to our SYNC, past what an earlier connection left half sent."""
        if self._nonce is None:
            return False
        answer = HEADER.pack(len(self._nonce), 0, FromAgent.SYNCED) + self._nonce
        at = buffer.find(answer)
        if at < 0:
            del buffer[: max(0, len(buffer) - len(answer))]
            return False
        del buffer[: at + len(answer)]
        self._synced = True
        self.changed.notify_all()
        return True

    def _dispatch(self, kind: int, number: int, payload: bytes) -> None:
        channel = self._channels.get(number)
        if channel is None:
            return  # its user gave up; SYNCED again is of no interest either
        if kind == FromAgent.STDOUT:
            channel.stdout += payload
        elif kind == FromAgent.STDERR:
            channel.stderr += payload
        elif kind == FromAgent.STARTED:
            (channel.pid,) = struct.unpack("<I", payload)
        elif kind == FromAgent.WINDOW:
            channel.window += struct.unpack("<I", payload)[0]
        elif kind == FromAgent.PONG:
            channel.pong = payload
        elif kind == FromAgent.EXIT:
            status, signal = struct.unpack("<ii", payload)
            channel.status = 128 + signal if signal else status
        elif kind == FromAgent.ERROR:
            (number_of_error,) = struct.unpack_from("<i", payload)
            channel.error = OSError(number_of_error, payload[4:].decode(errors="replace"))
        elif kind == FromAgent.DONE:
            (failed,) = struct.unpack("<i", payload)
            channel.status = 0
            if failed:
                channel.error = OSError(failed, os.strerror(failed))
        if channel.finished:
            del self._channels[number]
