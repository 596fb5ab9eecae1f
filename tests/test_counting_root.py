"""What of the guest image travels in a counting guest's memory."""

from __future__ import annotations

import io
import stat
import tarfile

import pytest

from lab.counting_root import _add
from lab.cpio import Archive


def entries(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Name -> (mode, content) of a newc archive."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        fields = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = data[at + 110 : at + 110 + name_size - 1].decode()
        start = at + 110 + name_size
        start += -start % 4
        if name == "TRAILER!!!":
            return found
        found[name] = mode, data[start : start + size]
        at = start + size
        at += -at % 4


@pytest.fixture
def root() -> dict[str, tuple[int, bytes]]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:

        def add(
            name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", mode: int = 0o644, to: str = ""
        ) -> None:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.mode, member.linkname = kind, len(content), mode, to
            archive.addfile(member, io.BytesIO(content))

        add("tmp", tarfile.DIRTYPE, mode=0o1777)
        add("usr/sbin/nginx", content=b"\x7fELF", mode=0o755)
        add("usr/sbin/nginx-light", tarfile.LNKTYPE, to="usr/sbin/nginx")
        add("bin", tarfile.SYMTYPE, to="usr/bin")
        add("usr/bin/ssh-keygen", content=b"x")
        add("usr/lib/python3.13/test/big.py", content=b"x")
        add("usr/lib/python3.13/tomllib/__init__.py", content=b"y")
        add("dev/null", tarfile.CHRTYPE)
    buffer.seek(0)
    made = Archive()
    with tarfile.open(fileobj=buffer, mode="r|") as archive:
        _add(made, archive)
    return entries(made.finish())


def test_programs_come_with_their_modes(root: dict[str, tuple[int, bytes]]) -> None:
    mode, content = root["root/usr/sbin/nginx"]
    assert (stat.S_ISREG(mode), stat.S_IMODE(mode), content) == (True, 0o755, b"\x7fELF")
    assert root["root/usr/lib/python3.13/tomllib/__init__.py"][1] == b"y"


def test_folders_and_links_are_kept(root: dict[str, tuple[int, bytes]]) -> None:
    assert root["root/tmp"][0] == stat.S_IFDIR | 0o1777
    mode, target = root["root/bin"]
    assert (stat.S_ISLNK(mode), target) == (True, b"usr/bin")
    assert root["root/usr/sbin/nginx-light"] == root["root/usr/sbin/nginx"]


def test_what_no_counting_guest_runs_stays_out(root: dict[str, tuple[int, bytes]]) -> None:
    assert not [name for name in root if "ssh" in name or "/test/" in name or name.startswith("root/dev/")]
