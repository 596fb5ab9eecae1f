"""Writes cpio archives of the kernel's initramfs format (Documentation/driver-api/early-userspace/buffer-format.rst).

Same entries, same bytes: times are 0, owners root, inode numbers count up.
"""

from __future__ import annotations

import stat


class Archive:
    """A newc archive in memory; folders above an entry come by themselves. The kernel takes several, concatenated."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._names: set[str] = set()
        self._inode = 0

    def folder(self, name: str, mode: int = 0o755) -> None:
        """Add a folder unless it is there. `name` has no leading slash."""
        if name and name not in self._names:
            self._parents(name)
            self._add(name, stat.S_IFDIR | mode, b"")

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """Add a regular file. `name` has no leading slash."""
        self._parents(name)
        self._add(name, stat.S_IFREG | mode, data)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link. `name` has no leading slash."""
        self._parents(name)
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def finish(self) -> bytes:
        """The finished archive, padded to 512 bytes."""
        finished = bytearray(self._data)
        finished += _entry("TRAILER!!!", 0, 0, b"")
        finished += bytes(-len(finished) % 512)
        return bytes(finished)

    def _parents(self, name: str) -> None:
        above = name.rpartition("/")[0]
        if above:
            self.folder(above)

    def _add(self, name: str, mode: int, data: bytes) -> None:
        self._inode += 1
        self._names.add(name)
        self._data += _entry(name, self._inode, mode, data)


def _entry(name: str, inode: int, mode: int, data: bytes) -> bytes:
    path = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    numbers = (inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + path
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
