"""mbed TLS from the distribution's source package: the module's other engine, and a client in user space.

Nothing of it is in the repository. The package is fetched in the version that images/lock.json has for
libmbedtls-dev, unpacked, and gets the distribution's patches.
"""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from lab import progress
from lab.cache import Cache, digest, remove_tree
from lab.errors import InfrastructureError
from lab.lock import Lock, Request, open_apt, resolve
from lab.mirror import Apt, find_mirror
from lab.plugin import source_version
from lab.process import run_logged
from lab.rootfs import Packages
from lab.sandbox import command
from lab.tools import ToolsTree

ENGINES: Final = ("weir", "mbedtls")
"""What the module may have for TLS: its own engine, or mbed TLS."""
SET: Final = "mbedtls"
"""The package set, and the name of the source package."""
LIBRARY: Final = "libmbedtls-dev"
CLIENT: Final = "ssl_client2"
RECIPE: Final = 1
_PLACE: Final = "/build/mbedtls"
# Most of the archive, and not needed for what is built here.
_LEFT_OUT: Final = ("*/docs/*", "*/doxygen/*", "*/visualc/*", "*/framework/data_files/*", "*/psasim/*", "*/ChangeLog*")


@dataclass(frozen=True)
class MbedTls:
    """Its source, as the distribution builds it: include/, library/, programs/ ..."""

    source: Path
    version: str
    key: str
    drift: tuple[str, ...] = ()


def ensure_mbedtls(cache: Cache, lock: Lock, tools: ToolsTree) -> MbedTls:
    """The source, fetched unless cached. Raises InfrastructureError when the mirror does not have it."""
    request = Request.load(SET)

    def fetch(directory: Path) -> None:
        with progress.step("source of mbed TLS") as step:
            step.update("resolving packages")
            suite = lock.suite_of(request)
            found = resolve(open_apt(cache, suite), lock, request)
            apt = Apt(find_mirror(), suite, cache.scratch(f"apt-{suite}-source"), "deb-src")
            step.update("fetching the list of sources")
            apt.update()
            version = source_version(found.versions[LIBRARY])
            step.update(f"fetching {version}")
            download = directory / "download"
            download.mkdir()
            files = apt.download_source(SET, version, download)
            _unpack(directory, files, cache, tools)
            remove_tree(download)
            Packages(found.versions, found.drift).save(directory)

    key = digest("mbedtls", RECIPE, lock.key(request), list(_LEFT_OUT))
    directory = cache.ensure("mbedtls", key, fetch)
    packages = Packages.load(directory, lock)
    version = source_version(packages.versions[LIBRARY])
    return MbedTls(directory / "source", version, digest(key, packages.key()), packages.drift)


def ensure_engine(cache: Cache, lock: Lock, tools: ToolsTree, engine: str) -> MbedTls | None:
    """What `ensure_module` needs for this one of ENGINES."""
    return ensure_mbedtls(cache, lock, tools) if engine == "mbedtls" else None


def ensure_client(cache: Cache, lock: Lock, tools: ToolsTree) -> Path:
    """mbed TLS's own client program, built unless cached. Raises InfrastructureError when it does not build."""
    mbedtls = ensure_mbedtls(cache, lock, tools)

    def build(directory: Path) -> None:
        with progress.step(f"client of mbed TLS {mbedtls.version}"):
            tree = directory / "tree"
            log = cache.scratch("logs") / "mbedtls-client.log"
            log.unlink(missing_ok=True)
            # With their times: what is generated is there, and not to be made again.
            run_logged(["cp", "-a", str(mbedtls.source), str(tree)], what="copying the source", log=log)
            argv = ["make", "-j", str(os.cpu_count() or 1), "-C", f"{_PLACE}/programs", f"ssl/{CLIENT}"]
            run_logged(
                command(tools, argv, cwd=Path("/"), bind={_PLACE: tree}), what="building mbed TLS's client", log=log
            )
            (tree / "programs/ssl" / CLIENT).rename(directory / CLIENT)
            remove_tree(tree)

    return cache.ensure("mbedtls-client", digest("mbedtls-client", RECIPE, mbedtls.key, tools.key), build) / CLIENT


def _unpack(directory: Path, files: list[Path], cache: Cache, tools: ToolsTree) -> None:
    """The original archive into `directory`/source, with the distribution's patches applied."""
    log = cache.scratch("logs") / "mbedtls-source.log"
    log.unlink(missing_ok=True)
    source = directory / "source"
    source.mkdir()
    with tarfile.open(_one(files, ".orig.tar.")) as archive:
        for member in archive:
            _, _, inside = member.name.partition("/")
            wanted = not any(fnmatchcase(f"/{inside}", pattern) for pattern in _LEFT_OUT)
            if member.isfile() and wanted and ".." not in inside.split("/"):
                path = source / inside
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(_content(archive, member))
                path.chmod(0o755 if member.mode & 0o100 else 0o644)
                os.utime(path, (member.mtime, member.mtime))
    patches = directory / "download/patches"
    patches.mkdir()
    with tarfile.open(_one(files, ".debian.tar.")) as archive:
        for name in _read(archive, "debian/patches/series").split():
            patch = patches / Path(name).name
            patch.write_text(_read(archive, f"debian/patches/{name}"), encoding="utf-8")
            run_logged(
                command(tools, ["patch", "--strip=1", "--fuzz=0", "--forward", "--batch"], cwd=source),
                what=f"applying the distribution's {name} to mbed TLS",
                log=log,
                stdin=patch,
            )


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = archive.extractfile(member)
    if content is None:
        raise InfrastructureError(f"{member.name} in the source package of mbed TLS is no file")
    return content.read()


def _read(archive: tarfile.TarFile, name: str) -> str:
    return _content(archive, archive.getmember(name)).decode()


def _one(files: list[Path], part: str) -> Path:
    found = [path for path in files if part in path.name and not path.name.endswith(".asc")]
    if len(found) != 1:
        names = ", ".join(path.name for path in files)
        raise InfrastructureError(f"the source package of mbed TLS has no {part} archive: {names}")
    return found[0]
