"""The source of mbed TLS, as it is unpacked: of archives made here."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from lab import mbedtls
from lab.cache import Cache
from lab.errors import InfrastructureError
from lab.tools import ToolsTree
from tests.test_http_parser import tools

__all__ = ["tools"]

PATCH = """--- a/library/one.c
+++ b/library/one.c
@@ -1 +1 @@
-as it was
+as the distribution has it
"""


def archive(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:xz") as made:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mtime = 1_700_000_000
            made.addfile(member, io.BytesIO(content.encode()))
    return path


def source_package(folder: Path, original: dict[str, str], series: str = "fix.patch\n") -> list[Path]:
    debian = {"debian/patches/series": series, "debian/patches/fix.patch": PATCH}
    return [
        archive(folder / "mbedtls_3.6.orig.tar.xz", original),
        archive(folder / "mbedtls_3.6-1.debian.tar.xz", debian),
    ]


def unpack(tools: ToolsTree, folder: Path, files: list[Path]) -> Path:
    (folder / "download").mkdir()
    mbedtls._unpack(folder, files, Cache(), tools)
    return folder / "source"


def test_patches_are_applied(tools: ToolsTree, tmp_path: Path) -> None:
    original = {"mbedtls-3.6/library/one.c": "as it was\n", "mbedtls-3.6/docs/book.md": "much\n"}
    source = unpack(tools, tmp_path, source_package(tmp_path, original))
    assert (source / "library/one.c").read_text() == "as the distribution has it\n"
    assert [path.name for path in source.rglob("*") if path.is_file()] == ["one.c"]


def test_files_keep_their_times(tools: ToolsTree, tmp_path: Path) -> None:
    """Or make would make anew what is generated."""
    source = unpack(tools, tmp_path, source_package(tmp_path, {"mbedtls-3.6/library/one.c": "as it was\n"}, "\n"))
    assert (source / "library/one.c").stat().st_mtime == 1_700_000_000


def test_nothing_is_written_elsewhere(tools: ToolsTree, tmp_path: Path) -> None:
    original = {"mbedtls-3.6/library/one.c": "as it was\n", "mbedtls-3.6/library/../../../out.c": "out\n"}
    unpack(tools, tmp_path, source_package(tmp_path, original))
    assert not list(tmp_path.parent.rglob("out.c"))


def test_patch_that_does_not_apply(tools: ToolsTree, tmp_path: Path) -> None:
    files = source_package(tmp_path, {"mbedtls-3.6/library/one.c": "as nobody knew it\n"})
    with pytest.raises(InfrastructureError, match=r"fix\.patch"):
        unpack(tools, tmp_path, files)


def test_package_without_an_archive(tools: ToolsTree, tmp_path: Path) -> None:
    files = source_package(tmp_path, {})
    with pytest.raises(InfrastructureError, match=r"no \.orig\.tar\. archive"):
        unpack(tools, tmp_path, files[1:])
