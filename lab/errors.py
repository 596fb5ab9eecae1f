"""What can go wrong, by whose fault, and the exit code that says so.

Two families never mix: an infrastructure failure (the lab or its host broke) and a product failure
(the device under test broke). An error says what failed and why; its hint says what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.crash import Crash


class ExitCode(IntEnum):
    """Exit codes of every lab command; 2, 3, 4 and 5 keep pytest's meaning."""

    PASSED = 0
    PRODUCT_FAILURE = 1
    INTERRUPTED = 2
    INTERNAL_ERROR = 3
    USAGE_ERROR = 4
    NO_TESTS = 5
    HOST_REQUIREMENT = 69  # EX_UNAVAILABLE of sysexits(3)
    INFRASTRUCTURE_FAILURE = 70  # EX_SOFTWARE of sysexits(3)


class LabError(Exception):
    """Something the lab could not do. `message` says what and why, `hint` what to do next."""

    exit_code = ExitCode.INFRASTRUCTURE_FAILURE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class UsageError(LabError):
    """The command line or a file written by the user is wrong."""

    exit_code = ExitCode.USAGE_ERROR


class HostError(LabError):
    """The host lacks something the lab needs; `lab doctor` names it and its mend."""

    exit_code = ExitCode.HOST_REQUIREMENT


class InfrastructureError(LabError):
    """The lab's own machinery failed; says nothing about the device under test."""


class DeadlineExpired(LabError, TimeoutError):
    """A condition did not come true in time. Whose fault that is, the caller knows."""


class ProductFailure(AssertionError):
    """The device under test did something wrong."""

    exit_code = ExitCode.PRODUCT_FAILURE


class GuestCrash(ProductFailure):
    """The guest's kernel crashed, complained, hung, or its QEMU died, while a test owned the machine."""

    def __init__(
        self, crashes: Sequence[Crash], *, machine: str = "", bundle: Path | None = None, note: str = ""
    ) -> None:
        self.crashes = tuple(crashes)
        self.machine = machine
        self.bundle = bundle
        self.note = note
        super().__init__(self._describe())

    def _describe(self) -> str:
        where = f" on {self.machine}" if self.machine else ""
        lines = [f"{crash.kind}{where}: {crash.title} [{crash.fingerprint}]" for crash in self.crashes]
        if self.note:
            lines.append(self.note)
        if self.bundle:
            lines.append(f"bundle: {self.bundle}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self._describe()
