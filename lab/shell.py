"""`lab shell`: a shell in a guest of a fresh lab, through the agent, which works even when the network does not."""

from __future__ import annotations

import argparse
import os
import sys

from lab import terminal
from lab.agent import Channel
from lab.deadline import Deadline
from lab.deploy import MODULE, deploy
from lab.run import DEFAULT_KERNEL, PREPARED, enter, prepare
from lab.session import Lab

SHELL = "/bin/bash"
FOREVER = 10 * 365 * 86400.0  # seconds: a person may think


class AgentRemote:
    """A command of the agent as lab.terminal wants it."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def send(self, data: bytes) -> None:
        self._channel.send(data, Deadline(FOREVER))

    def end_input(self) -> None:
        self._channel.end()

    def receive(self) -> bytes:
        self._channel.wait_change(Deadline(FOREVER))
        out, err = self._channel.take()
        return out + err

    def resize(self, rows: int, columns: int) -> None:
        self._channel.resize(rows, columns)

    def status(self) -> int:
        return self._channel.status or 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--kernel", default=DEFAULT_KERNEL, help=f"flavour to boot (default: {DEFAULT_KERNEL})")
    parser.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND", help="what to run instead of a shell")


def run(args: argparse.Namespace) -> int:
    """Boots a guest and connects the terminal with it; the exit status is the shell's."""
    argv = [word for word in args.argv if word != "--"]
    if PREPARED not in os.environ:
        prepared = prepare(args.kernel, command="lab shell")
        enter(prepared, [sys.executable, "-m", "lab", "shell", "--kernel", args.kernel, "--", *argv])
    with Lab.from_environment() as lab:
        machine = lab.machine()
        deploy(machine, lab.prepared)
        print(
            f"{machine.name}: {machine.address}, {machine.address6}; console: {machine.console}\n"
            f"`insmod {MODULE}` loads the module, `weirctl` configures it; `lab ssh` joins from another terminal; "
            "leaving ends the lab",
            file=sys.stderr,
            flush=True,
        )
        person = terminal.is_terminal()
        channel = machine.qemu.agent.execute(
            argv or [SHELL, *(["-l"] if person else [])],
            env={"TERM": os.environ.get("TERM", "linux")},
            terminal=terminal.size() if person else None,
        )
        return terminal.attach(AgentRemote(channel))
