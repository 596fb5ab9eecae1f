"""What can go wrong in reading, showing and judging records, and the exit code that says so."""

from __future__ import annotations

USAGE = 4
FAILURE = 70  # EX_SOFTWARE of sysexits(3)


class ResultsError(Exception):
    """Something that could not be done. `message` says what and why, `hint` what to do next."""

    exit_code = FAILURE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class UsageError(ResultsError):
    """The command line, or a file written by the user, is wrong."""

    exit_code = USAGE
