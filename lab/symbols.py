"""Turns the frames of a kernel stack into file:line.

Module frames by the module's debug information, frames of the kernel itself by vmlinux where there is one; any other
frame stays function+offset. binutils come from the tools tree.
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab import sandbox
from lab.crash import Crash, Frame

if TYPE_CHECKING:
    from lab.kernel import Kernel
    from lab.module import Module
    from lab.tools import ToolsTree

TIMEOUT_S = 30.0
SHOWN_FRAMES = 24
# "0000000000000010 g     F .text  000000000000001c weir_crash_oops": value, flags, section, size, name (objdump -t)
_SYMBOL = re.compile(r"^([0-9a-f]+) .{7} (\S+)\t([0-9a-f]+)\s+(?:\.hidden )?(\S+)$")


@dataclass(frozen=True)
class Place:
    """Where a frame is: innermost inlined function first."""

    function: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class _Symbol:
    section: str
    value: int
    size: int


class Symbols:
    """Knows the debug information of one kernel and the modules loaded into it."""

    def __init__(
        self,
        tools: ToolsTree,
        modules: Mapping[str, Path],
        *,
        vmlinux: Path | None = None,
        source: Path | None = None,
    ) -> None:
        self._tools = tools
        self._modules = {name.replace("-", "_"): path for name, path in modules.items()}
        self._vmlinux = vmlinux
        self._source = source
        self._tables: dict[Path, dict[str, list[_Symbol]]] = {}

    @classmethod
    def of(cls, tools: ToolsTree, kernel: Kernel, module: Module, source: Path | None = None) -> Symbols:
        """What a prepared lab has."""
        modules = {"weir": module.debug_ko, **module.test_kos}
        return cls(tools, modules, vmlinux=kernel.vmlinux, source=source)

    def places(self, frames: Iterable[Frame]) -> list[list[Place]]:
        """For each frame its places, innermost inlined function first; empty where nothing is known.

        A return address belongs to the line of the call before it. Debug information that cannot be read costs the
        places, never an exception.
        """
        frames = list(frames)
        found: list[list[Place]] = [[] for _ in frames]
        wanted: dict[tuple[Path, str], list[tuple[int, int]]] = defaultdict(list)
        for number, frame in enumerate(frames):
            file = self._modules.get(frame.module) if frame.module else self._vmlinux
            symbol = self._find(file, frame) if file is not None else None
            if file is not None and symbol is not None:
                address = symbol.value + max(0, frame.offset - (0 if frame.exact else 1))
                wanted[file, symbol.section if frame.module else ""].append((number, address))
        for (file, section), asked in wanted.items():
            answers = self._addr2line(file, section, [address for _, address in asked])
            for (number, _), places in zip(asked, answers, strict=False):
                found[number] = places
        return found

    def stack(self, crash: Crash) -> str:
        """The crash's stack for people: one line a frame, innermost first, guesses left out."""
        frames = [frame for frame in crash.frames if frame.reliable][:SHOWN_FRAMES]
        lines: list[str] = []
        for frame, places in zip(frames, self.places(frames), strict=True):
            shown = [f"  {inlined.function} (inlined)  {inlined}" for inlined in places[:-1]]
            shown.append(f"  {frame}" + (f"  {places[-1]}" if places else ""))
            # A recursion is told once.
            lines.extend(line for line in shown if line not in lines[-1:])
        left = sum(frame.reliable for frame in crash.frames) - len(frames)
        return "\n".join([*lines, *([f"  ... and {left} more"] if left else [])])

    def _find(self, file: Path, frame: Frame) -> _Symbol | None:
        if file not in self._tables:
            self._tables[file] = self._read_table(file)
        symbols = self._tables[file].get(frame.function, [])
        # Static functions of the same name are told apart by their size, which the kernel rounds up to the next symbol.
        for symbol in symbols:
            if symbol.size <= frame.size < symbol.size + 64:
                return symbol
        return symbols[0] if symbols else None

    def _read_table(self, file: Path) -> dict[str, list[_Symbol]]:
        table: dict[str, list[_Symbol]] = defaultdict(list)
        for line in self._run(["objdump", "-t", file]).splitlines():
            match = _SYMBOL.match(line)
            if match and match[2].startswith((".text", ".init.text", ".exit.text", ".noinstr", ".entry", ".irqentry")):
                table[match[4]].append(_Symbol(match[2], int(match[1], 16), int(match[3], 16)))
        return table

    def _addr2line(self, file: Path, section: str, addresses: list[int]) -> list[list[Place]]:
        # -a prints each address before its answer, since inlined functions make the answers of unequal length.
        within = ["-j", section] if section else []
        said = self._run(["addr2line", "-a", "-f", "-i", "-e", file, *within, *(f"{a:#x}" for a in addresses)])
        answers: list[list[Place]] = []
        function = ""
        for line in said.splitlines():
            if re.fullmatch(r"0x[0-9a-f]{8,}", line):
                answers.append([])
                function = ""
            elif not function:
                function = line
            else:
                match = re.match(r"(.+):(\d+)(?: \(discriminator \d+\))?$", line)
                if match and match[1] != "??" and answers:
                    answers[-1].append(Place(function, self._tidy(match[1]), int(match[2])))
                function = ""
        return answers

    def _tidy(self, file: str) -> str:
        """The path from the checkout's top where the file is the checkout's; else without what only the build knew."""
        parts = Path(file).parts
        for start in range(len(parts)):
            tail = Path(*parts[start:])
            if self._source is not None and not tail.is_absolute() and (self._source / tail).is_file():
                return str(tail)
        return re.sub(r"/\./|(?<=/)[^/]+/\.\./", "/", file).removeprefix("./")

    def _run(self, argv: list[str | Path]) -> str:
        try:
            return subprocess.run(
                sandbox.command(self._tools, argv),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            return ""
