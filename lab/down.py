"""`lab down`: ends the user's running labs, and all that runs in them."""

from __future__ import annotations

import argparse
import shlex
import signal

from lab import isolation
from lab.deadline import Deadline
from lab.errors import DeadlineExpired, ExitCode, InfrastructureError

PATIENCE = 5.0  # seconds from SIGTERM to SIGKILL


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--list", action="store_true", help="only say which labs are running")
    parser.add_argument("--lab", help="folder of the run, or its end (default: all labs of this user)")


def run(args: argparse.Namespace) -> int:
    """Ends them, asking first by SIGTERM; 0 also when none was running."""
    labs = [lab for lab in isolation.find() if args.lab is None or str(lab.run_dir).endswith(args.lab)]
    if not labs:
        print("no lab is running")
    for lab in labs:
        print(f"pid {lab.pid}: {shlex.join(lab.command)} in {lab.run_dir}", flush=True)
        if not args.list:
            end(lab)
            print(f"pid {lab.pid}: ended", flush=True)
    return ExitCode.PASSED


def end(lab: isolation.RunningLab) -> None:
    """End one lab. Raises InfrastructureError if even SIGKILL does not."""
    lab.end(signal.SIGTERM)
    try:
        Deadline(PATIENCE).wait_for(lambda: not lab.alive)
    except DeadlineExpired:
        lab.end(signal.SIGKILL)
        try:
            Deadline(PATIENCE).wait_for(lambda: not lab.alive)
        except DeadlineExpired:
            raise InfrastructureError(f"lab {lab.pid} does not end", hint=f"kill -9 {lab.pid} as its user") from None
