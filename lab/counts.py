"""Reads what the counting plugin wrote (lab/plugin/blocks.c): how often each block of code ran, between markers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Final

from lab.errors import InfrastructureError

_RECORD: Final = struct.Struct("<IIQ")
_ENTRY: Final = struct.Struct("<IBBHQ")
_BLOCK: Final = struct.Struct("<QII")
_SNAPSHOT, _TABLE, _END = 1, 2, 3


class Account(IntEnum):
    """On whose account an instruction goes; as enum account in lab/plugin/blocks.h."""

    SOFTIRQ = 0
    PROCESS = 1
    WORK = 2
    KTHREAD = 3
    IDLE = 4
    IPI = 5
    TICK = 6
    IRQ = 7


class Trait(IntFlag):
    """Flags of a block that matter after the run; as enum block_flags in lab/plugin/blocks.h."""

    MOVES_1 = 1 << 12
    MOVES_2 = 1 << 13
    MOVES_4 = 1 << 14
    MOVES_8 = 1 << 15


_MOVED: Final = {Trait.MOVES_1: 1, Trait.MOVES_2: 2, Trait.MOVES_4: 4, Trait.MOVES_8: 8}


@dataclass(frozen=True, slots=True)
class Block:
    """A run of instructions without a branch inside."""

    address: int
    instructions: int
    flags: int

    @property
    def moved(self) -> int:
        """Bytes that one run of the block moves by a string instruction."""
        return next((size for trait, size in _MOVED.items() if self.flags & trait), 0)


@dataclass(frozen=True, slots=True)
class Runs:
    """How often a block ran on one CPU and account in one window."""

    block: Block
    cpu: int
    account: Account
    runs: int

    @property
    def instructions(self) -> int:
        return self.runs * self.block.instructions


@dataclass(frozen=True)
class Window:
    """What ran between two markers; `marker` is the number of the one that ends it."""

    marker: int
    entries: tuple[Runs, ...]


@dataclass(frozen=True)
class Counts:
    """All windows, in order; the first ends with the second marker.

    `anomalies`: how often interrupts were seen to end that had not begun, or the other way round.
    """

    windows: tuple[Window, ...]
    anomalies: int


def read_counts(path: Path) -> Counts:
    """The file of one boot. Raises InfrastructureError when it is not whole: QEMU or the guest died."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InfrastructureError(f"the plugin left no counts: {error}") from error
    snapshots: list[tuple[int, memoryview]] = []
    blocks: list[Block] = []
    view = memoryview(data)
    at = 0
    while at + _RECORD.size <= len(data):
        kind, marker, count = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if kind == _END:
            return Counts(tuple(_windows(snapshots, blocks)), count)
        size = count * {_SNAPSHOT: _ENTRY.size, _TABLE: _BLOCK.size}.get(kind, len(data))
        if at + size > len(data):
            break
        if kind == _SNAPSHOT:
            snapshots.append((marker, view[at : at + size]))
        else:
            blocks = [Block(*fields) for fields in _BLOCK.iter_unpack(view[at : at + size])]
        at += size
    raise InfrastructureError(f"{path} ends in the middle: the counting QEMU did not come to its end")


def _windows(snapshots: list[tuple[int, memoryview]], blocks: list[Block]) -> Iterator[Window]:
    # Counting begins at the first marker, whose own snapshot is empty.
    for marker, entries in snapshots[1:]:
        found = (
            Runs(blocks[block], cpu, Account(account), runs)
            for block, cpu, account, _, runs in _ENTRY.iter_unpack(entries)
        )
        yield Window(marker, tuple(found))
