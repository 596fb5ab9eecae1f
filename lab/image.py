"""The guest's root file system: a Debian root, read-only compressed, bit for bit repeatable.

The package list is images/packages/image.txt; images/overlay is laid over the root. Nothing in it belongs to one lab:
keys and addresses come at boot. Guests mount it under a tmpfs overlay.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import progress, rootfs
from lab.cache import Cache, digest
from lab.lock import IMAGES, Lock, Request
from lab.process import run_logged
from lab.sandbox import command
from lab.tools import ToolsTree

RECIPE: Final = 1
OVERLAY: Final = IMAGES / "overlay"
# LZ4 decompresses about five times faster than zstd on TCG, and the image never travels: speed over size. Its "hc" mode
# would save a fifth of the size and take ten times as long to pack.
COMPRESSION: Final = ("--compressor", "lz4")

# What differs between two installations of the same packages, and what a guest has no use for.
_CLEANING: Final = (
    'rm -rf "$1"/etc/ssh/ssh_host_*_key* "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id',
    ': > "$1/etc/machine-id"',
    'rm -rf "$1"/var/cache/* "$1"/var/log/* "$1"/var/lib/apt "$1"/run/* "$1"/boot/*',
    'mkdir -p "$1/var/log/nginx" "$1/var/cache/ldconfig"',
    'rm -f "$1"/var/lib/dpkg/*-old "$1"/etc/*- "$1"/var/lib/systemd/*/random-seed',
    'rm -f "$1"/etc/resolv.conf "$1"/etc/hostname',
)


@dataclass(frozen=True)
class Image:
    """`squashfs` is mounted read-only under an overlay. `versions`: package -> version."""

    squashfs: Path
    key: str
    versions: Mapping[str, str]
    drift: tuple[str, ...] = ()


def ensure_image(cache: Cache, lock: Lock, tools: ToolsTree) -> Image:
    """The guest image, built unless cached.

    Raises HostError or InfrastructureError when it cannot be built.
    """
    request = Request.load("image")
    packer = {name: tools.versions[name] for name in ("squashfs-tools-ng", "liblz4-1")}
    key = rootfs.key_of(lock, request, RECIPE, OVERLAY, list(COMPRESSION), list(_CLEANING), packer)

    def build(directory: Path) -> None:
        with progress.step(f"guest image ({len(lock.versions('image'))} packages)") as step:
            overlay = directory / "overlay.tar"
            overlay.write_bytes(overlay_archive(OVERLAY, lock.epoch))
            archive = directory / "root.tar"
            status = directory / "status"
            hooks = [*_CLEANING, f"tar-in {overlay} /", f"download /var/lib/dpkg/status {status}"]
            rootfs.make_tar(cache, lock, request, archive, step, hooks=hooks)
            rootfs.packages_of(lock, request, status.read_text(encoding="utf-8")).save(directory)
            step.update("compressing")
            pack(cache, tools, archive, directory / "root.squashfs", lock.epoch)
            for leftover in (overlay, archive, status):
                leftover.unlink()

    directory = cache.ensure("image", key, build)
    packages = rootfs.Packages.load(directory, lock)
    actual = digest(key, packages.key())
    return Image(directory / "root.squashfs", actual, packages.versions, packages.drift)


def pack(cache: Cache, tools: ToolsTree, archive: Path, squashfs: Path, epoch: int) -> None:
    """Turn a tar archive into a squashfs with the same owners, times and capabilities."""
    argv = ["tar2sqfs", *COMPRESSION, "--defaults", f"mtime={epoch}", "--num-jobs", str(os.cpu_count() or 1),
            "--quiet", str(squashfs)]  # fmt: skip
    run_logged(
        command(tools, argv, env={"SOURCE_DATE_EPOCH": str(epoch)}),
        what="compressing the guest image",
        log=cache.scratch("logs") / "image.log",
        stdin=archive,
    )


def overlay_archive(folder: Path, epoch: int) -> bytes:
    """A tar archive of `folder`, everything owned by root and dated `epoch`; executable bits are kept."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            member = archive.gettarinfo(path, arcname=path.relative_to(folder).as_posix())
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            member.mtime = epoch
            member.mode = 0o755 if member.isdir() or os.access(path, os.X_OK) else 0o644
            if member.isreg():
                with path.open("rb") as stream:
                    archive.addfile(member, stream)
            else:
                archive.addfile(member)
    return buffer.getvalue()
