"""The root of a counting guest: the guest image's files as a cpio archive that travels with the initrd.

A disk answers when the host pleases, and from then on two boots are not the same any more: not by much, but no longer
to the instruction. A guest whose files are all in memory from the start waits for nobody.
"""

from __future__ import annotations

import stat
import subprocess
import tarfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from lab import progress
from lab.cache import Cache, digest
from lab.cpio import Archive
from lab.errors import InfrastructureError
from lab.image import Image
from lab.sandbox import command
from lab.tools import ToolsTree

RECIPE: Final = 1
ROOT: Final = "root"
"""Folder of the archive that becomes the guest's root (lab/guest/init.c, lab.root=initrd)."""

# What no counting guest runs: logins, packet management, services, character sets, Python's larger extras.
_LEFT_OUT: Final = (
    "etc/ssh/*", "etc/ssl/*", "usr/bin/*ssh*", "usr/sbin/sshd", "usr/lib/openssh/*", "usr/bin/perl*",
    "usr/lib/*/perl*", "usr/share/perl*", "usr/bin/strace", "usr/bin/tcpdump", "usr/bin/openssl", "usr/bin/curl",
    "usr/bin/dpkg*", "usr/bin/apt*", "usr/lib/apt/*", "usr/lib/dpkg/*", "var/lib/dpkg/*", "usr/lib/systemd/*",
    "usr/lib/*/systemd/*", "usr/lib/*/gconv/*", "usr/lib/*/security/*", "usr/share/[a-y]*", "usr/libexec/*",
    "usr/lib/python3*/test/*", "usr/lib/python3*/pydoc_data/*", "usr/lib/python3*/__pycache__/*.opt-*",
    "usr/lib/*/libdb-*", "usr/lib/*/libsqlite*", "usr/lib/*/libapt*", "usr/sbin/ldconfig", "usr/bin/localedef",
    "usr/lib/*/libcurl*", "usr/lib/*/libicu*", "usr/lib/*/libnss_*", "usr/bin/ssh*", "usr/sbin/tc",
    "usr/sbin/devlink", "usr/sbin/ethtool", "usr/lib/*/libsepol*", "usr/lib/*/libmvec*", "usr/lib/git-core/*",
)  # fmt: skip


def ensure_counting_root(cache: Cache, tools: ToolsTree, image: Image) -> Path:
    """The cpio archive of the image, made unless cached. Raises InfrastructureError when the image cannot be read."""
    key = digest("counting-root", RECIPE, list(_LEFT_OUT), image.key)

    def build(directory: Path) -> None:
        with progress.step("root of the counting guests"):
            archive = Archive()
            archive.folder(ROOT)
            argv = command(tools, ["sqfs2tar", image.squashfs])
            with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as unpacking:
                assert unpacking.stdout is not None
                assert unpacking.stderr is not None
                try:
                    with tarfile.open(fileobj=unpacking.stdout, mode="r|") as content:
                        _add(archive, content)
                except tarfile.TarError as error:
                    said = unpacking.stderr.read().decode(errors="replace").strip()
                    raise InfrastructureError(f"cannot read the guest image: {error}; sqfs2tar says: {said}") from error
            if unpacking.returncode != 0:
                raise InfrastructureError(f"cannot read the guest image: sqfs2tar ended with {unpacking.returncode}")
            (directory / "root.cpio").write_bytes(archive.finish())

    return cache.ensure("counting-root", key, build) / "root.cpio"


def _add(archive: Archive, content: tarfile.TarFile) -> None:
    data: dict[str, tuple[bytes, int]] = {}
    for member, name in _wanted(content):
        mode = stat.S_IMODE(member.mode)
        if member.isdir():
            archive.folder(f"{ROOT}/{name}", mode)
        elif member.issym():
            archive.link(f"{ROOT}/{name}", member.linkname)
        elif member.isreg():
            stream = content.extractfile(member)
            assert stream is not None
            data[name] = stream.read(), mode
            archive.file(f"{ROOT}/{name}", *data[name])
        elif member.islnk() and (original := data.get(_tidy(member.linkname))):
            archive.file(f"{ROOT}/{name}", *original)


def _wanted(content: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, str]]:
    for member in content:
        name = _tidy(member.name)
        if name and not any(fnmatchcase(name, pattern) for pattern in _LEFT_OUT):
            yield member, name


def _tidy(name: str) -> str:
    return name.removeprefix("./").strip("/")
