"""Wycheproof's test vectors, from the distribution's package: nothing of them is in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lab import progress
from lab.cache import Cache, digest, remove_tree
from lab.errors import InfrastructureError
from lab.lock import Lock, Request, open_apt, resolve
from lab.process import run_logged
from lab.rootfs import Packages
from lab.sandbox import command
from lab.tools import ToolsTree

SET: Final = "wycheproof"
"""The package set."""
RECIPE: Final = 1
_KEPT: Final = ("x25519_test", "ecdh_secp256r1_*test", "hmac_sha*_test", "hkdf_sha*_test", "rsa_*test")
"""Of what the engine does; the package has as much again of other algorithms."""


def ensure_vectors(cache: Cache, lock: Lock, tools: ToolsTree) -> Path:
    """A folder with its JSON files, fetched unless cached. Raises InfrastructureError when there are none."""
    request = Request.load(SET)

    def fetch(directory: Path) -> None:
        with progress.step("Wycheproof's vectors") as step:
            step.update("resolving the package")
            apt = open_apt(cache, lock.suite_of(request))
            found = resolve(apt, lock, request)
            step.update(f"fetching {', '.join(sorted(found.versions))}")
            download = directory / "download"
            download.mkdir()
            for package in apt.download(found.versions, download):
                keep(package, directory, cache, tools)
            remove_tree(download)
            Packages(found.versions, found.drift).save(directory)

    directory = cache.ensure("wycheproof", digest("wycheproof", RECIPE, list(_KEPT), lock.key(request)), fetch)
    Packages.load(directory, lock)
    return directory / "vectors"


def keep(package: Path, directory: Path, cache: Cache, tools: ToolsTree) -> None:
    """The vectors of a .deb file into `directory`/vectors."""
    unpacked = package.with_suffix("")
    log = cache.scratch("logs") / "wycheproof.log"
    run_logged(command(tools, ["dpkg-deb", "-x", package, unpacked]), what=f"unpacking {package.name}", log=log)
    files = sorted({path for pattern in _KEPT for path in unpacked.rglob(f"{pattern}.json")})
    if not files:
        raise InfrastructureError(f"{package.name} has no vectors of Wycheproof", hint=f"images/packages/{SET}.txt")
    vectors = directory / "vectors"
    vectors.mkdir()
    for path in files:
        path.rename(vectors / path.name)
