"""Runs load generators of the tools tree inside the lab: bounded in time, their whole output kept."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab import sandbox
from lab.deadline import Deadline
from lab.errors import InfrastructureError

if TYPE_CHECKING:
    from lab.tools import ToolsTree


@dataclass(frozen=True)
class Output:
    """How a program ended and what it wrote."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Bench:
    """Where load generators come from, and the folder that is theirs to write in."""

    tools: ToolsTree
    folder: Path

    def run(self, argv: Sequence[str], *, seconds: float, statuses: Sequence[int] = (0,)) -> Output:
        """Run it to its end, `seconds` on the reference host at most.

        Raises InfrastructureError when it takes longer or ends with a status that is not expected: a generator that
        breaks says nothing about the device.
        """
        try:
            done = subprocess.run(
                sandbox.command(self.tools, list(argv), cwd=self.folder),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=Deadline(seconds).seconds,
                check=False,
                text=True,
                errors="replace",
            )
        except subprocess.TimeoutExpired as expired:
            raise InfrastructureError(f"{argv[0]} did not end within {seconds:.0f} s: {' '.join(argv)}") from expired
        if done.returncode not in statuses:
            said = (done.stderr or done.stdout).strip()[-1000:]
            raise InfrastructureError(f"{' '.join(argv)} ended with status {done.returncode}: {said or '(silent)'}")
        return Output(tuple(argv), done.returncode, done.stdout, done.stderr)

    def start(self, argv: Sequence[str]) -> subprocess.Popen[str]:
        """Start one that runs beside a measurement; the caller ends it."""
        return subprocess.Popen(
            sandbox.command(self.tools, list(argv), cwd=self.folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
