"""`lab ssh`: SSH into a guest of a lab that is running, from another terminal."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from lab import isolation, ssh, terminal
from lab.errors import UsageError

INSIDE = "WEIR_JOINED"


class SshRemote:
    """An SSH session as lab.terminal wants it."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def send(self, data: bytes) -> None:
        self._session.sendall(data)

    def end_input(self) -> None:
        self._session.shutdown_write()

    def receive(self) -> bytes:
        return bytes(self._session.recv(terminal.PIECE))

    def resize(self, rows: int, columns: int) -> None:
        self._session.resize_pty(width=columns, height=rows)

    def status(self) -> int:
        return int(self._session.recv_exit_status())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--guest", default="guest", help="name of the guest (default: guest)")
    parser.add_argument("--lab", help="folder of the run, or its end, when several labs run (default: the newest)")
    parser.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND", help="what to run instead of a shell")


def choose(labs: list[isolation.RunningLab], wanted: str | None) -> isolation.RunningLab:
    """The newest lab, or the one whose folder ends as wanted. Raises UsageError."""
    fitting = [lab for lab in labs if wanted is None or str(lab.run_dir).endswith(wanted)]
    if not fitting:
        running = ", ".join(str(lab.run_dir) for lab in labs)
        raise UsageError("no such lab is running", hint=running or "`python -m lab shell` starts one")
    return fitting[-1]


def run(args: argparse.Namespace) -> int:
    """Joins the lab's namespaces and connects; the exit status is the remote command's."""
    argv = [word for word in args.argv if word != "--"]
    if INSIDE not in os.environ:
        running = isolation.find()
        lab = choose(running, args.lab)
        if len(running) > 1:
            print(f"{len(running)} labs are running; joining {lab.run_dir}", file=sys.stderr, flush=True)
        again = [sys.executable, "-m", "lab", "ssh", "--guest", args.guest, "--", *argv]
        chain = lab.nsenter(again)
        path = os.pathsep.join(filter(None, [str(isolation.CHECKOUT), os.environ.get("PYTHONPATH", "")]))
        os.execvpe(chain[0], chain, {**os.environ, INSIDE: str(lab.run_dir), "PYTHONPATH": path})
    access = ssh.Access(Path(os.environ[INSIDE]))
    with ssh.connect(access.address(args.guest), access) as connection:
        session = connection.client.get_transport().open_session()
        if terminal.is_terminal():
            rows, columns = terminal.size()
            session.get_pty(term=os.environ.get("TERM", "linux"), width=columns, height=rows)
        session.set_combine_stderr(True)
        if argv:
            session.exec_command(shlex.join(argv))
        else:
            session.invoke_shell()
        return terminal.attach(SshRemote(session))
