"""Makes Debian roots with mmdebstrap: the tools tree and the guest image are both one.

Works as root, and as an ordinary user who has sub-user ids (/etc/subuid) and newuidmap.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import doctor
from lab.cache import Cache, Digestible, digest
from lab.errors import InfrastructureError
from lab.lock import Lock, Request, Resolution, compare, describe, open_apt, resolve
from lab.mirror import Apt
from lab.process import run_logged
from lab.progress import Step
from lab.requirements import TREE_CHECKS

RECIPE: Final = 1
"""Part of every root's key: raise it when this file comes to make other roots from the same input."""

# Nobody reads manuals there, and they are a third of the files.
_EXCLUDED: Final = (
    "/usr/share/doc/*",
    "/usr/share/doc-base/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    "/usr/share/icons/*",
)
_RECORD: Final = "packages.json"


@dataclass(frozen=True)
class Packages:
    """What an artefact was really made of: package -> version, and a line of drift for each unlocked one."""

    versions: Mapping[str, str]
    drift: tuple[str, ...]

    def save(self, directory: Path) -> None:
        """Keep it beside the artefact, so that later cached runs still know."""
        content = {"versions": dict(self.versions), "drift": list(self.drift)}
        (directory / _RECORD).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path, lock: Lock) -> Packages:
        """Read it back. Raises InfrastructureError when it drifted from a lock that is strict."""
        content = json.loads((directory / _RECORD).read_text(encoding="utf-8"))
        packages = cls(content["versions"], tuple(content["drift"]))
        if packages.drift and lock.strict:
            raise InfrastructureError(
                f"the cached {directory.parent.name} was built from unlocked versions:\n    {describe(packages.drift)}",
                hint="`python -m lab lock --update`, or leave out --locked",
            )
        return packages

    def key(self) -> list[Digestible]:
        """For the keys of artefacts made with this one."""
        return [dict(self.versions)]


def key_of(lock: Lock, request: Request, *more: Digestible) -> str:
    """The cache key of a root: known without asking the mirror."""
    return digest("root", RECIPE, _excluded(request), lock.key(request), list(request.packages), *more)


def _excluded(request: Request) -> list[str]:
    return [pattern for pattern in _EXCLUDED if pattern not in request.kept]


def make_tar(
    cache: Cache, lock: Lock, request: Request, target: Path, step: Step, *, hooks: Sequence[str] = ()
) -> tuple[Apt, Resolution]:
    """Write the root as the tar archive `target`; `hooks` are mmdebstrap customize hooks ("$1" is the root).

    Raises InfrastructureError when a package cannot be fetched or installed, HostError when the host lacks a tool.
    """
    # Lint, fuzzing and builds come here on a new host without having been through `lab run`.
    doctor.require(checks=TREE_CHECKS)
    step.update("resolving packages")
    suite = lock.suite_of(request)
    apt = open_apt(cache, suite)
    found = resolve(apt, lock, request)
    preferences = target.with_suffix(".preferences")
    apt.write_preferences(preferences, found.versions)
    as_root = os.geteuid() == 0
    argv = [
        "mmdebstrap",
        f"--mode={'root' if as_root else 'unshare'}",
        "--variant=essential",
        "--architectures=amd64",
        "--format=tar",
        "--components=main",
        f"--include={','.join(request.packages)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _excluded(request)),
        "--dpkgopt=force-unsafe-io",
        '--aptopt=Acquire::Languages "none"',
        '--aptopt=Acquire::Retries "3"',
        *(f"--aptopt={line}" for line in apt.proxies()),
        f"--setup-hook=upload {preferences} /etc/apt/preferences.d/weir",
        *(f"--customize-hook={hook}" for hook in hooks),
        '--customize-hook=rm "$1/etc/apt/preferences.d/weir"',
        suite,
        str(target),
        *apt.mirror.sources(suite),
    ]
    total = len(found.versions)
    done = 0

    def watch(line: str) -> str | None:
        nonlocal done
        if line.startswith("Setting up "):
            done += 1
            return f"configuring package {done} of {total}"
        return line[3:] if line.startswith("I: ") else None

    try:
        run_logged(
            argv,
            what=f"making the Debian root {request.name!r}",
            log=cache.scratch("logs") / f"root-{request.name}.log",
            step=step,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(lock.epoch), "LC_ALL": "C.UTF-8"},
            cwd=Path("/"),
            watch=watch,
            hint="`python -m lab doctor` checks mmdebstrap, sub-user ids and user namespaces",
        )
    finally:
        preferences.unlink(missing_ok=True)
    return apt, found


def installed(status: str) -> dict[str, str]:
    """Package -> version from the text of a dpkg status file."""
    found = {}
    for record in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in record.splitlines() if ": " in line and not line.startswith(" "))
        if fields.get("Status", "").endswith(" installed"):
            found[fields["Package"]] = fields["Version"]
    return found


def packages_of(lock: Lock, request: Request, status: str) -> Packages:
    """What was really installed, by the root's dpkg status file, compared with the lock.

    The lock may hold more than a root needs: apt counts itself among the essential packages.
    """
    versions = installed(status)
    locked = lock.versions(request.name)
    drift = compare(request.name, {name: locked[name] for name in locked if name in versions}, versions)
    return Packages(versions, drift)
