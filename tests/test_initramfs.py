"""The initrd: determinism, and the order in which modules go in."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from lab import initramfs
from lab.cpio import Archive
from lab.errors import InfrastructureError

DEPENDENCIES = """\
kernel/net/core/failover.ko.xz:
kernel/drivers/net/net_failover.ko.xz: kernel/net/core/failover.ko.xz
kernel/drivers/net/virtio_net.ko.xz: kernel/drivers/net/net_failover.ko.xz kernel/net/core/failover.ko.xz
kernel/fs/squashfs/squashfs.ko.xz:
"""


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    folder = tmp_path / "6.12.0"
    folder.mkdir()
    (folder / "modules.dep").write_text(DEPENDENCIES)
    (folder / "modules.builtin").write_text("kernel/drivers/virtio/virtio-pci.ko\n")
    for line in DEPENDENCIES.splitlines():
        path = folder / line.partition(":")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lzma.compress(f"ELF of {path.name}".encode()))
    return folder


def test_what_a_module_needs_goes_in_before_it_and_only_once(modules: Path) -> None:
    order = initramfs.insertion_order(modules, ["virtio_net", "squashfs", "failover"])
    assert [initramfs.canonical(path.name) for path in order] == ["failover", "net_failover", "virtio_net", "squashfs"]


def test_built_in_modules_are_skipped_however_they_are_spelt(modules: Path) -> None:
    assert initramfs.insertion_order(modules, ["virtio_pci"]) == []


def test_a_module_that_the_kernel_lacks_is_an_error(modules: Path) -> None:
    with pytest.raises(InfrastructureError, match="no module 'reiserfs'"):
        initramfs.insertion_order(modules, ["reiserfs"])
    with pytest.raises(InfrastructureError, match="matches 'drivers/gpu'"):
        initramfs.matching(modules, "drivers/gpu")


def test_folders_and_globs_find_module_files(modules: Path) -> None:
    assert [path.name for path in initramfs.matching(modules, "drivers/net")] == [
        "net_failover.ko.xz",
        "virtio_net.ko.xz",
    ]
    assert [path.name for path in initramfs.matching(modules, "fs/squashfs/squash*")] == ["squashfs.ko.xz"]


def test_boot_modules_are_decompressed_listed_in_order_and_repeatable(modules: Path) -> None:
    def build() -> bytes:
        archive = Archive()
        initramfs.add_boot_modules(archive, modules, ["virtio_net"])
        return archive.finish()

    once = build()
    assert once == build()
    assert b"/modules/failover.ko\n/modules/net_failover.ko\n/modules/virtio_net.ko\n" in once
    assert b"ELF of virtio_net.ko.xz" in once
