"""Commands in the guest by its agent: run to the end, or talked with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from lab.agent import FILE_LIMIT, Agent, AgentSilent, Channel
from lab.deadline import Deadline
from lab.machine import COMMAND_TIMEOUT, CommandTimeout, Result

PING_TIMEOUT = 10.0  # seconds: an agent silent for so long once a command's own time is up means a hung guest
STDERR_KEPT = 64 * 1024  # bytes of a spawned command's standard error: the last ones
SIGKILL = 9


def run(
    agent: Agent,
    machine: str,
    argv: Sequence[str],
    *,
    timeout: float,
    input: str | bytes | None,
    env: Mapping[str, str] | None,
) -> Result:
    """Run a command to its end. Raises CommandTimeout if the agent still answers by then, else AgentSilent."""
    deadline = Deadline(timeout)
    out, err = bytearray(), bytearray()
    channel = agent.execute(argv, env=env, stdin=bool(input), deadline=deadline)
    try:
        if input:
            data = input.encode() if isinstance(input, str) else input
            # What the command prints meanwhile stays within its window; it is taken between two pieces.
            for start in range(0, len(data), 16 * 1024):
                if not _feed(channel, data[start : start + 16 * 1024], deadline, out, err):
                    break
            channel.end()
        while True:
            channel.wait_change(deadline)
            finished = channel.finished
            _take(channel, out, err)
            if finished:
                break
            if len(out) + len(err) > FILE_LIMIT:
                channel.signal(SIGKILL)
                raise CommandTimeout(machine, argv, deadline.elapsed, f"more than {FILE_LIMIT} bytes of output")
    except AgentSilent:
        if channel.agent.lost:
            raise
        agent.ping(Deadline(PING_TIMEOUT))
        channel.signal(SIGKILL)
        raise CommandTimeout(machine, argv, deadline.seconds, (out + err).decode(errors="replace")) from None
    return Result(tuple(argv), channel.status or 0, out.decode(errors="replace"), err.decode(errors="replace"))


def _take(channel: Channel, out: bytearray, err: bytearray) -> None:
    stdout, stderr = channel.take()
    out += stdout
    err += stderr


def _feed(channel: Channel, piece: bytes, deadline: Deadline, out: bytearray, err: bytearray) -> bool:
    """Send a piece, taking output whenever the window for input is shut. False once the command has ended."""
    agent = channel.agent
    while True:
        with agent.changed:
            agent.wait_for(
                lambda: channel.window >= len(piece) or bool(channel.stdout or channel.stderr) or channel.finished,
                deadline,
            )
            ready = channel.window >= len(piece)
        if channel.finished:
            return False
        if ready:
            return channel.send(piece, deadline)
        _take(channel, out, err)


class AgentProcess:
    """See lab.machine.Process."""

    def __init__(
        self,
        agent: Agent,
        machine: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None,
        answering: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.argv = tuple(argv)
        self._machine = machine
        self._answering = answering
        self._channel = agent.execute(argv, env=env)
        self.pid = self._channel.pid or 0
        self._out = bytearray()
        self._err = bytearray()

    def write(self, data: str | bytes) -> None:
        given = data.encode() if isinstance(data, str) else data
        with self._answering():
            if not self._channel.send(given, Deadline(COMMAND_TIMEOUT)):
                raise BrokenPipeError(f"{self._machine}: `{self.argv[0]}` has ended")

    def close_stdin(self) -> None:
        with self._answering():
            self._channel.end()

    def read_line(self, timeout: float = COMMAND_TIMEOUT) -> str:
        deadline = Deadline(timeout)
        while (at := self._out.find(b"\n")) < 0:
            finished = self._channel.finished
            self._collect()
            if self._out.find(b"\n") >= 0:
                continue
            if finished:
                if self._out:
                    at = len(self._out)
                    break
                said = self._err.decode(errors="replace").strip()
                raise EOFError(f"{self._machine}: `{self.argv[0]}` ended{': ' + said if said else ''}")
            self._wait(deadline)
        line = bytes(self._out[:at])
        del self._out[: at + 1]
        return line.decode(errors="replace")

    def kill(self, signal: int = 15) -> None:
        with self._answering():
            self._channel.signal(signal)

    def poll(self) -> Result | None:
        finished = self._channel.finished
        self._collect()
        return self._result() if finished else None

    def wait(self, timeout: float = COMMAND_TIMEOUT) -> Result:
        deadline = Deadline(timeout)
        while (result := self.poll()) is None:
            self._wait(deadline)
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._channel.finished or self._channel.agent.lost:
            return
        self.kill(SIGKILL)
        if error is None:
            self.wait()

    def _collect(self) -> None:
        with self._answering():
            out, err = self._channel.take()
        self._out += out
        self._err = (self._err + err)[-STDERR_KEPT:]

    def _wait(self, deadline: Deadline) -> None:
        with self._answering():
            try:
                self._channel.wait_change(deadline)
            except AgentSilent:
                self._channel.agent.ping(Deadline(PING_TIMEOUT))
                self._channel.signal(SIGKILL)
                said = (self._out + self._err).decode(errors="replace")
                raise CommandTimeout(self._machine, self.argv, deadline.seconds, said) from None

    def _result(self) -> Result:
        return Result(
            self.argv,
            self._channel.status or 0,
            self._out.decode(errors="replace"),
            self._err.decode(errors="replace"),
        )
