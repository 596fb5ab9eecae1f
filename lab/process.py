"""Runs a long program with its output in a log file and its last line as live progress."""

from __future__ import annotations

import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from lab.errors import InfrastructureError
from lab.progress import Step

_TAIL_LINES: Final = 25


def run_logged(
    argv: Sequence[str],
    *,
    what: str,
    log: Path,
    step: Step | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: Path | None = None,
    watch: Callable[[str], str | None] | None = None,
    hint: str = "",
) -> None:
    """Run `argv` to its end. Standard output and standard error go to `log`, appended.

    `watch` turns a line of output into what the step shows (None: nothing new); by default the line itself.
    Raises InfrastructureError with the last lines of output when it fails or cannot start.
    """
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8", errors="replace") as record:
        record.write(f"+ {' '.join(argv)}\n")
        record.flush()
        try:
            with stdin.open("rb") if stdin else Path("/dev/null").open("rb") as feed:
                process = subprocess.Popen(
                    argv, stdin=feed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, cwd=cwd
                )
        except OSError as error:
            raise InfrastructureError(f"{what}: cannot start {argv[0]}: {error}", hint=hint) from error
        with process:
            assert process.stdout is not None
            try:
                for raw in process.stdout:
                    line = raw.decode(errors="replace").rstrip()
                    record.write(line + "\n")
                    tail.append(line)
                    shown = watch(line) if watch else line
                    if step and shown:
                        step.update(shown)
            except BaseException:
                process.kill()
                raise
    if process.returncode != 0:
        last = "\n    ".join(tail)
        raise InfrastructureError(
            f"{what} failed (status {process.returncode}); the end of its output:\n    {last}",
            hint=hint or f"the whole output is in {log}",
        )
