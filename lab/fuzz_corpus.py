"""The fuzzer's inputs as text: one a line, so that they can be read, compared and merged like any source.

A line is the byte of options and the byte that seeds the cuts, in hexadecimal, then the stream with its control bytes,
backslashes and everything that is not ASCII escaped: `00 03 GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n`. Empty lines, and
lines that begin with "#", say nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_ESCAPES: Final = {"\\": b"\\", "r": b"\r", "n": b"\n", "t": b"\t"}
_WRITTEN: Final = {value[0]: f"\\{name}" for name, value in _ESCAPES.items()}
_HEAD: Final = re.compile(r"([0-9a-f]{2}) ([0-9a-f]{2}) ?(.*)", re.DOTALL)
_PIECE: Final = re.compile(r"\\x([0-9a-f]{2})|\\([\\rnt])|([^\\]+)")


def to_line(data: bytes) -> str:
    """The line for an input of at least two bytes."""
    shown = [_WRITTEN.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in data[2:]]
    if shown and shown[-1] == " ":
        shown[-1] = "\\x20"  # white space at the end of a line is lost too easily
    return f"{data[0]:02x} {data[1]:02x} {''.join(shown)}".rstrip()


def from_line(line: str) -> bytes:
    """The input of a line. Raises ValueError for a line that is none."""
    head = _HEAD.fullmatch(line)
    if not head:
        raise ValueError(f"does not begin with two bytes in hexadecimal: {line[:40]!r}")
    stream, at = b"", 0
    while at < len(head[3]):
        piece = _PIECE.match(head[3], at)
        if not piece:
            raise ValueError(f"unknown escape: {head[3][at : at + 4]!r}")
        at = piece.end()
        stream += bytes([int(piece[1], 16)]) if piece[1] else _ESCAPES[piece[2]] if piece[2] else piece[3].encode()
    return bytes([int(head[1], 16), int(head[2], 16)]) + stream


def parse(text: str, name: str) -> list[bytes]:
    """The inputs of a text. Raises ValueError that names the line."""
    inputs = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.startswith("#"):
            try:
                inputs.append(from_line(line))
            except ValueError as error:
                raise ValueError(f"{name}:{number}: {error}") from None
    return inputs


def read(path: Path) -> list[bytes]:
    """The inputs of a file. Raises ValueError that names file and line."""
    return parse(path.read_text(encoding="utf-8"), path.name)


def write(path: Path, comment: Iterable[str], inputs: Iterable[bytes]) -> None:
    """Writes a file of inputs, each once and sorted, so that two that were made apart merge line by line."""
    lines = [*(f"# {line}" for line in comment), "", *sorted({to_line(data) for data in inputs})]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def unpack(inputs: Iterable[bytes], folder: Path) -> None:
    """Writes each input to a file of its own, named as libFuzzer names it."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
