"""The host as the doctor sees it: its files, its programs, its user. Tests give it another root folder and PATH."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.bootstrap import cache_root

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Host:
    """`root` is prefixed to every file looked at; `path` is where programs are sought, and their PATH."""

    root: Path = Path("/")
    path: str = field(default_factory=lambda: os.environ.get("PATH", "") + ":" + SYSTEM_PATH)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    uid: int = field(default_factory=os.geteuid)
    user: str = field(default_factory=lambda: _user_name())
    machine: str = field(default_factory=platform.machine)
    python: tuple[int, int, int] = sys.version_info[:3]
    cache: Path = field(default_factory=cache_root)

    @property
    def is_root(self) -> bool:
        return self.uid == 0

    def file(self, path: str) -> Path:
        """Where the host's `path` (absolute) is found."""
        return self.root / path.lstrip("/")

    def read(self, path: str) -> str:
        """The text of a file; empty if it cannot be read."""
        try:
            return self.file(path).read_text(errors="replace")
        except OSError:
            return ""

    def which(self, program: str) -> str | None:
        """Path of a program, or None."""
        return shutil.which(program, path=self.path)

    def status(self, argv: Sequence[str], *, timeout: float = 10.0) -> tuple[int, str]:
        """Run a program: its exit status (127 if it is not there, 124 after `timeout` seconds) and what it said."""
        program = self.which(argv[0])
        if program is None:
            return 127, f"{argv[0]}: not found"
        try:
            done = subprocess.run(
                [program, *argv[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                env={**self.environment, "PATH": self.path},
                check=False,
            )
        except subprocess.TimeoutExpired:
            return 124, f"no end within {timeout:.0f} s"
        return done.returncode, (done.stdout + done.stderr).strip()

    def opens(self, path: str) -> OSError | None:
        """Try to open a device for reading and writing; the error, or None if it opens."""
        try:
            os.close(os.open(self.file(path), os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK))
        except OSError as error:
            return error
        return None

    def release(self, key: str) -> str:
        """A field of os-release(5)."""
        for line in self.read("/etc/os-release").splitlines():
            name, _, value = line.partition("=")
            if name == key:
                return value.strip("\"'")
        return ""

    def describe(self) -> str:
        """One line for people."""
        who = "root" if self.is_root else self.user
        return f"{self.release('PRETTY_NAME') or 'unknown system'}, {self.machine}, as {who}"


def _user_name() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):
        return str(os.geteuid())
