"""Whose code an instruction was: address to part and function."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from lab import elf
from lab.counts import Runs
from lab.kernel_symbols import KernelSymbols

Part = Literal["module", "kernel", "user"]

_USER_END: Final = 1 << 63
"""x86-64's upper half is the kernel's."""


class CodeMap:
    """Part and function of any address in one guest.

    `sections`: addresses of the module's sections by name, as /sys/module/NAME/sections has them; `modules`: functions
    of other modules, which are the kernel's, by address; `maps`: the device's executable mappings: start, end, path.
    """

    def __init__(
        self,
        kernel: KernelSymbols,
        *,
        module: Path | None = None,
        sections: Mapping[str, int] | None = None,
        modules: Mapping[int, str] | None = None,
        maps: Sequence[tuple[int, int, str]] = (),
    ) -> None:
        self._kernel = kernel
        self._others = sorted((modules or {}).items())
        placed = dict(_placed(module, sections or {})) if module is not None else {}
        self._starts = sorted(placed)
        self._module = [placed[start] for start in self._starts]
        self._maps = sorted((start, end, Path(path).name) for start, end, path in maps)

    def place(self, address: int) -> tuple[Part, str]:
        """Whose code it is, and the function's name; of user code the program's or library's."""
        if address < _USER_END:
            return "user", self._program(address)
        index = bisect.bisect_right(self._starts, address) - 1
        if index >= 0:
            end, name = self._module[index]
            if address < end:
                return "module", name
        # All modules lie behind the kernel.
        index = bisect.bisect_right(self._others, (address, "\x7f")) - 1
        return "kernel", self._others[index][1] if index >= 0 else self._kernel.function_at(address)

    def _program(self, address: int) -> str:
        index = bisect.bisect_right(self._maps, (address, _USER_END, "")) - 1
        if index >= 0 and address < self._maps[index][1]:
            return self._maps[index][2]
        return "(unknown program)"


def _placed(module: Path, sections: Mapping[str, int]) -> Iterator[tuple[int, tuple[int, str]]]:
    """Start -> (end, name) of each function of the module in the guest."""
    for function in elf.functions(module):
        if function.section in sections:
            start = sections[function.section] + function.offset
            yield start, (start + max(function.size, 1), function.name)


@dataclass
class Profile:
    """Instructions by part, and by part and function."""

    parts: Counter[Part] = field(default_factory=Counter)
    functions: Counter[tuple[Part, str]] = field(default_factory=Counter)
    moved: int = 0
    """Bytes that string instructions moved."""

    @property
    def total(self) -> int:
        return sum(self.parts.values())


def profile(entries: Iterable[Runs], code: CodeMap, wanted: Callable[[Runs], bool]) -> Profile:
    """What those of the entries that are `wanted` ran."""
    found = Profile()
    for entry in entries:
        if not wanted(entry):
            continue
        part, name = code.place(entry.block.address)
        found.parts[part] += entry.instructions
        found.functions[part, name] += entry.instructions
        found.moved += entry.runs * entry.block.moved
    return found
