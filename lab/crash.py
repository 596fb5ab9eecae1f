"""Reads crashes from a kernel's console text. Pure: text in, records out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What happened, in the kernel's own vocabulary."""

    OOPS = "oops"
    BUG = "BUG"
    WARN = "WARN"
    PANIC = "panic"
    GENERAL_PROTECTION = "general protection fault"
    DOUBLE_FAULT = "double fault"
    STACK_OVERFLOW = "stack overflow"
    KASAN = "KASAN"
    KFENCE = "KFENCE"
    KCSAN = "KCSAN"
    UBSAN = "UBSAN"
    LOCKDEP = "lockdep"
    RCU_USAGE = "suspicious RCU usage"
    SLEEP_IN_ATOMIC = "sleeping in atomic"
    LIST_CORRUPTION = "list corruption"
    REFCOUNT = "refcount"
    HUNG_TASK = "hung task"
    RCU_STALL = "RCU stall"
    SOFT_LOCKUP = "soft lockup"
    HARD_LOCKUP = "hard lockup"
    WORKQUEUE_LOCKUP = "workqueue lockup"
    KMEMLEAK = "kmemleak"
    OUT_OF_MEMORY = "out of memory"
    TAINT = "taint"
    QEMU_GONE = "QEMU gone"
    INTERNAL_ERROR = "internal-error"


@dataclass(frozen=True)
class Frame:
    """One line of a kernel stack: function+offset/size [module]."""

    function: str
    offset: int
    size: int
    module: str = ""
    reliable: bool = True

    def __str__(self) -> str:
        where = f" [{self.module}]" if self.module else ""
        return f"{self.function}+{self.offset:#x}/{self.size:#x}{where}"


@dataclass(frozen=True)
class Crash:
    """One crash: `title` is its headline without addresses, `text` the console's words, `function` the one blamed.

    `fingerprint` is equal for the same fault in another boot, on another CPU, at another address.
    `fatal`: the guest cannot go on and must be restored or booted anew.
    """

    kind: Kind
    title: str
    text: str
    function: str
    fingerprint: str
    frames: tuple[Frame, ...] = ()
    fatal: bool = False


class Scanner:
    """Finds crashes in console text that arrives in pieces cut anywhere.

    `feed(text)` returns the crashes completed by this piece; `flush()` those still open at the end of the text or
    when no more of a report is expected to come. `pending` tells that a report has begun.
    """

    def __init__(self) -> None:
        self.pending = False

    def feed(self, text: str) -> list[Crash]:
        raise NotImplementedError

    def flush(self) -> list[Crash]:
        raise NotImplementedError


def scan(text: str) -> list[Crash]:
    """All crashes in a whole text."""
    scanner = Scanner()
    return scanner.feed(text) + scanner.flush()
