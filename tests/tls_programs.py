"""What the tests of the TLS engine share: its programs, built in the tools tree, and how they are asked."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import Final

from lab import sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.tools import ToolsTree

KMOD: Final = ROOT / "kmod"
SUITES: Final = KMOD / "tests/tls"
WARNINGS: Final = ("-Wall", "-Wextra", "-Wno-sign-compare", "-Wno-unused-parameter", "-Werror")
FLAGS: Final = (
    "-std=gnu11", "-O1", "-g", *WARNINGS, "-Wno-deprecated-declarations",
    "-fsanitize=address,undefined,bounds-strict", "-fno-sanitize-recover=all",
)  # fmt: skip


def build(
    tools: ToolsTree,
    name: str,
    sources: list[Path],
    flags: tuple[str, ...] = FLAGS,
    libraries: tuple[str, ...] = ("-lcrypto",),
) -> Path:
    """The program `name` made from `sources` and the engine, unless cached. Fails with the compiler's words."""
    sources = [*sources, *sorted(KMOD.glob("tls_*.c"))]

    def compile_into(folder: Path) -> None:
        argv = sandbox.command(tools, ["gcc", *flags, "-o", folder / name, *sources, *libraries], cwd=ROOT)
        completed = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        assert completed.returncode == 0, completed.stderr

    inputs = [*sources, *sorted(SUITES.rglob("*.h")), *sorted(KMOD.glob("tls_*.h")), KMOD / "http_types.h"]
    key = digest(name, tools.key, flags, libraries, {str(path.relative_to(KMOD)): path for path in inputs})
    return Cache().ensure("tls-tests", key, compile_into) / name


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
