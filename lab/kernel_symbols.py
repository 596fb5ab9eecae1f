"""Where the functions of a guest's kernel lie, and which of them tell a counting plugin what the kernel is doing."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lab.errors import InfrastructureError

if TYPE_CHECKING:
    from lab.kernel import Kernel

_LINE: Final = re.compile(r"^([0-9a-f]{16}) ([a-zA-Z]) (\S+)$", re.MULTILINE)
_CODE: Final = frozenset("tTwW")
# Entry points of arch/x86/include/asm/idtentry.h, by what they are to lab/plugin; the first pattern that fits holds.
_ENTRIES: Final = (
    (re.compile(r"asm_sysvec_apic_timer_interrupt"), "tick"),
    (re.compile(r"asm_sysvec_(?:call_function(?:_single)?|reschedule_ipi)"), "ipi"),
    (re.compile(r"asm_sysvec_\w+|asm_common_interrupt|asm_spurious_interrupt"), "irq"),
    (re.compile(r"asm_exc_\w+"), "exception"),
)
_ROLES: Final = {"__switch_to": "switch", "handle_softirqs": "softirq", "do_idle": "idle"}
_ENTRY_TEXT: Final = ("__entry_text_start", "__entry_text_end")


@dataclass(frozen=True)
class Range:
    """The code of one function: `end` is the first address behind it."""

    name: str
    start: int
    end: int


class KernelSymbols:
    """The kernel's functions and variables, from the text of a System.map or of /proc/kallsyms without modules."""

    def __init__(self, text: str) -> None:
        named: dict[int, str] = {}
        self._places: dict[str, int] = {}
        for address, kind, name in _LINE.findall(text):
            place = int(address, 16)
            self._places.setdefault(name, place)
            if kind not in _CODE:
                continue
            # Of several names for one place the global one is the one that people know.
            if place not in named or kind == "T":
                named[place] = name
        self._starts = sorted(named)
        self._names = [named[start] for start in self._starts]
        if not self._starts:
            raise InfrastructureError("a kernel's symbol table has no functions in it")

    @classmethod
    def of(cls, kernel: Kernel) -> KernelSymbols:
        """The symbols of a kernel that the lab built. Raises InfrastructureError when it has none."""
        path = kernel.build_dir / "System.map"
        if kernel.vmlinux is None or not path.is_file():
            raise InfrastructureError(
                f"the kernel {kernel.flavour!r} has no symbol table: {path}",
                hint="instructions are counted on kernels that the lab builds: --kernel patched or plain",
            )
        return cls(path.read_text(encoding="utf-8"))

    def function_at(self, address: int) -> str:
        """The function that has this address, or the last one before it."""
        index = bisect.bisect_right(self._starts, address) - 1
        return self._names[index] if index >= 0 else "?"

    def address_of(self, name: str) -> int:
        """Where a function or a variable lies. Raises InfrastructureError for one that the kernel lacks."""
        if name not in self._places:
            raise InfrastructureError(f"this kernel has no {name}", hint="see lab/kernel_symbols.py")
        return self._places[name]

    def range_of(self, name: str) -> Range:
        """Where a function lies. Raises InfrastructureError for one that the kernel lacks."""
        start = self.address_of(name)
        index = bisect.bisect_right(self._starts, start)
        return Range(name, start, self._starts[index] if index < len(self._starts) else start + 1)

    def roles(self) -> str:
        """What lab/plugin reads as `code`: lines of role, start and end. Raises InfrastructureError."""
        lines = [f"{role} {place.start:x} {place.end:x}" for place, role in self._with_roles()]
        start, end = (self._places.get(name) for name in _ENTRY_TEXT)
        if start is None or end is None:
            raise InfrastructureError(f"this kernel does not say where its entry code lies: {', '.join(_ENTRY_TEXT)}")
        return "\n".join([*lines, f"entry {start:x} {end:x}", ""])

    def _with_roles(self) -> Iterable[tuple[Range, str]]:
        for name, role in _ROLES.items():
            yield self.range_of(name), role
        yield from self._entries()

    def _entries(self) -> Iterator[tuple[Range, str]]:
        for name in self._places:
            for pattern, role in _ENTRIES:
                if pattern.fullmatch(name):
                    yield self.range_of(name), role
                    break
