"""An attacker that solves puzzles: the C program beside this file, built by the tools tree's gcc, with OpenSSL."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab import sandbox
from lab.cache import Cache, digest
from lab.deadline import Deadline
from lab.errors import InfrastructureError, ProductFailure

if TYPE_CHECKING:
    from lab.tools import ToolsTree

_SOURCE: Final = Path(__file__).with_suffix(".c")
_FLAGS: Final = ("-std=gnu11", "-O3", "-Wall", "-Wextra", "-Werror")
_PATIENCE_S: Final = 60.0


@dataclass(frozen=True)
class Solution:
    """A number that solves a puzzle, how many were tried, and the CPU time that took."""

    number: int
    hashes: int
    seconds: float


class Solver:
    """Builds the program if need be, and runs it."""

    def __init__(self, tools: ToolsTree, cache: Cache | None = None) -> None:
        self._tools = tools

        def compile_into(folder: Path) -> None:
            argv: list[str | Path] = ["gcc", *_FLAGS, "-o", folder / "solver", _SOURCE, "-lcrypto"]
            command = sandbox.command(tools, argv, cwd=_SOURCE.parent)
            completed = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
            if completed.returncode:
                raise InfrastructureError(f"the solver does not compile: {completed.stderr}")

        key = digest("solver", tools.key, _FLAGS, _SOURCE.read_text(encoding="utf-8"))
        self._program = (cache or Cache()).ensure("http-tests", key, compile_into) / "solver"

    def solve(self, token: str, difficulty: int) -> Solution:
        """The first n for which the hash of "token.n" begins with so many zero bits."""
        # That none of so many solves it has a chance of e^-40.
        most = 40 << difficulty
        command = sandbox.command(self._tools, [self._program, f"{token}.", str(difficulty), str(most)], cwd=Path("/"))
        try:
            completed = subprocess.run(
                command, capture_output=True, text=True, timeout=Deadline(_PATIENCE_S).seconds, check=False
            )
        except subprocess.TimeoutExpired as expired:
            raise ProductFailure(f"a puzzle of {difficulty} bits took longer than {_PATIENCE_S:.0f} s") from expired
        if completed.returncode:
            raise ProductFailure(f"no solution ({completed.returncode}): {completed.stderr}")
        number, hashes, microseconds = map(int, completed.stdout.split())
        return Solution(number, hashes, microseconds / 1e6)
