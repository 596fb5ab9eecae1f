"""Reads the symbol table of an ELF file: what nm(1) says, with the sections' names, without a process of its own."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.errors import InfrastructureError

# Elf64_Ehdr from e_shoff on, Elf64_Shdr, Elf64_Sym (elf(5)); little endian, as x86-64 is.
_HEADER: Final = struct.Struct("<QIHHHHHH")
_HEADER_OFFSET: Final = 40
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_SHT_SYMTAB: Final = 2
_STT_FUNC: Final = 2


@dataclass(frozen=True)
class Function:
    """`offset` is from the start of `section` in a relocatable file such as a module."""

    name: str
    section: str
    offset: int
    size: int


def functions(path: Path) -> list[Function]:
    """The functions in the file's symbol table. Raises InfrastructureError when it is no 64-bit ELF file with one."""
    data = path.read_bytes()
    try:
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        table, _, _, _, _, entry, count, names_index = _HEADER.unpack_from(data, _HEADER_OFFSET)
        sections = [_SECTION.unpack_from(data, table + number * entry) for number in range(count)]
        section_names = [_text(data, sections[names_index][4] + section[0]) for section in sections]
        found = []
        for section in sections:
            if section[1] != _SHT_SYMTAB:
                continue
            start, size, strings = section[4], section[5], sections[section[6]][4]
            for name, info, _, index, value, length in _SYMBOL.iter_unpack(data[start : start + size]):
                if info & 15 == _STT_FUNC and index < count:
                    found.append(Function(_text(data, strings + name), section_names[index], value, length))
    except (ValueError, struct.error, IndexError) as error:
        raise InfrastructureError(f"cannot read the symbols of {path}: {error}") from error
    if not found:
        raise InfrastructureError(f"{path} has no function in its symbol table")
    return found


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()
