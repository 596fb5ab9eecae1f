"""C code as a process that tests ask."""

from __future__ import annotations

import struct
import subprocess


class Oracle:
    """The C code as a process that answers one question at a time."""

    def __init__(self, argv: list[str]) -> None:
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, letter: bytes, first: bytes, second: bytes = b"") -> bytes:
        """Raises AssertionError when the program has died, of a sanitizer for instance."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(letter + struct.pack("<II", len(first), len(second)) + first + second)
        self.process.stdin.flush()
        length = self.process.stdout.read(4)
        assert len(length) == 4, f"the program died of {letter!r} {first.hex()} {second.hex()}"
        return self.process.stdout.read(struct.unpack("<I", length)[0])

    def end(self) -> None:
        """Lets the program end by itself, leaks and all."""
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0
