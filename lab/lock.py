"""images/lock.json: the exact version of every package the lab builds from, and what to do when it is gone.

A pull request must not turn red because a mirror moved on: where a locked version is no longer offered the newest is
taken, said prominently and recorded with the artefact and with every run (drift). `--locked` makes it an error.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from lab import progress
from lab.cache import Cache, Digestible
from lab.errors import InfrastructureError, UsageError
from lab.mirror import Apt, find_mirror

CHECKOUT: Final = Path(__file__).resolve().parent.parent
IMAGES: Final = CHECKOUT / "images"
LOCK_FILE: Final = IMAGES / "lock.json"
_UPDATE_HINT: Final = "`python -m lab lock --update` moves the lock to what the mirror has; review and commit it"


@dataclass(frozen=True)
class Request:
    """What a package set is asked to hold: the names in images/packages/<name>.txt.

    With `dependencies` everything they need is part of the set, and so are the essential packages. `suite` is the
    Debian suite it comes from, where that is not the lock's own. `kept` are patterns of files that roots usually do
    without and this one needs.
    """

    name: str
    packages: tuple[str, ...]
    dependencies: bool = True
    suite: str | None = None
    kept: tuple[str, ...] = ()

    @classmethod
    def load(cls, name: str, *, folder: Path | None = None) -> Request:
        """Read a list: one package a line, `#` starts a comment.

        A line `!alone` switches dependencies off, `!suite NAME` takes the set from another suite, `!keep PATTERN` keeps
        files that roots otherwise leave out. Raises UsageError.
        """
        path = (folder or IMAGES / "packages") / f"{name}.txt"
        try:
            lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
        except OSError as error:
            raise UsageError(f"cannot read the package list {path}: {error}") from error
        words = [line for line in lines if line]
        packages = tuple(word for word in words if not word.startswith("!"))
        directives = [word[1:].split() for word in words if word.startswith("!")]
        suite: str | None = None
        dependencies = True
        kept: list[str] = []
        for directive in directives:
            match directive:
                case ["alone"]:
                    dependencies = False
                case ["suite", str(suite)]:
                    pass
                case ["keep", str(pattern)]:
                    kept.append(pattern)
                case _:
                    raise UsageError(f"{path}: unknown directive !{' '.join(directive)}")
        return cls(name, packages, dependencies, suite, tuple(kept))


@dataclass(frozen=True)
class Lock:
    """`sets`: name of a package set ("tools", "image", ...) -> package -> version. `strict`: drift is an error.

    `epoch` is when the lock was last moved, in seconds since 1970: no file in any artefact is younger.
    """

    suite: str
    sets: Mapping[str, Mapping[str, str]]
    epoch: int
    strict: bool = False

    @classmethod
    def load(cls, path: Path | None = None, *, strict: bool = False) -> Lock:
        """Read the lock (default: this checkout's images/lock.json). Raises UsageError when it is no lock."""
        path = path or LOCK_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(content["suite"], content["packages"], int(content["epoch"]), strict)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} is not a lock: {error!r}", hint=_UPDATE_HINT) from error

    def save(self, path: Path | None = None) -> None:
        """Write it, sorted, so that a move of the lock reads as a list of version changes."""
        content = {"suite": self.suite, "epoch": self.epoch, "packages": self.sets}
        (path or LOCK_FILE).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def versions(self, name: str) -> Mapping[str, str]:
        """The locked set `name`. Raises UsageError when the lock has no such set."""
        try:
            return self.sets[name]
        except KeyError:
            raise UsageError(f"the lock has no package set {name!r}", hint=_UPDATE_HINT) from None

    def suite_of(self, request: Request) -> str:
        """The Debian suite that this set comes from."""
        return request.suite or self.suite

    def key(self, request: Request) -> list[Digestible]:
        """What goes into the key of an artefact made from this set."""
        return [self.suite_of(request), self.epoch, dict(self.versions(request.name))]


@dataclass(frozen=True)
class Resolution:
    """The versions to use now, and a line for each that is not the locked one."""

    versions: Mapping[str, str]
    drift: tuple[str, ...]


def open_apt(cache: Cache, suite: str) -> Apt:
    """The lab's private apt on the host's mirror, with fresh package lists."""
    apt = Apt(find_mirror(), suite, cache.scratch(f"apt-{suite}"))
    with progress.step("fetching package lists"):
        apt.update()
    return apt


def resolve(apt: Apt, lock: Lock, request: Request) -> Resolution:
    """Turn the locked set into what the mirror can deliver now. Says drift aloud.

    Raises InfrastructureError when the lock is strict and a locked version is gone.
    """
    locked = lock.versions(request.name)
    if locked.keys() >= set(request.packages) or not request.dependencies:
        offered = apt.offered(locked)
        if locked and all(version in offered.get(name, ()) for name, version in locked.items()):
            return Resolution(locked, ())
    try:
        versions = resolve_newest(apt, request, pins=locked)
    except InfrastructureError:
        # Some locked versions are gone, and their successors do not fit those that are left: take all the newest.
        versions = resolve_newest(apt, request)
    drift = compare(request.name, locked, versions)
    if drift and lock.strict:
        raise InfrastructureError(
            f"the mirror no longer has what images/lock.json locks:\n    {describe(drift, limit=30)}",
            hint=f"{_UPDATE_HINT}; without --locked the newest versions are taken",
        )
    if drift:
        progress.note(
            f"DRIFT: the mirror no longer has {len(drift)} locked package version(s) of the set "
            f"{request.name!r}; taking the newest, and recording it:\n    {describe(drift)}"
        )
    return Resolution(versions, drift)


def resolve_newest(apt: Apt, request: Request, pins: Mapping[str, str] | None = None) -> dict[str, str]:
    """The set as the mirror has it, locked versions (`pins`) preferred where they are still offered."""
    if not request.dependencies:
        return apt.resolve(expand(apt, request.packages), pins, dependencies=False)
    return apt.resolve([*request.packages, "?essential"], pins)


def expand(apt: Apt, lines: Sequence[str]) -> list[str]:
    """The package names that the lines of a list stand for.

    `meta -> pattern` stands for those direct dependencies of `meta` that match the shell pattern, and a further arrow
    for theirs, all together: kernel packages carry their version in the name, so only meta-packages can be listed.
    """
    names: dict[str, None] = {}
    for line in lines:
        first, *patterns = (part.strip() for part in line.split("->"))
        if not patterns:
            names[first] = None
        level = [first]
        for pattern in patterns:
            level = [name for parent in level for name in apt.depends(parent) if fnmatchcase(name, pattern)]
            names.update(dict.fromkeys(level))
    return list(names)


def compare(name: str, locked: Mapping[str, str], actual: Mapping[str, str]) -> tuple[str, ...]:
    """One line for each package whose version is not the locked one; new and vanished ones too."""
    lines = []
    for package in sorted({*locked, *actual}):
        old, new = locked.get(package), actual.get(package)
        if old != new:
            lines.append(f"{name}: {package} {old or '(not locked)'} -> {new or '(gone)'}")
    return tuple(lines)


def describe(drift: Sequence[str], *, limit: int = 10) -> str:
    """The first lines of a drift, and how many more there are."""
    more = [f"and {len(drift) - limit} more"] if len(drift) > limit else []
    return "\n    ".join([*drift[:limit], *more])


def requests() -> list[Request]:
    """All package sets that the lab knows, by its lists."""
    return [Request.load(path.stem) for path in sorted((IMAGES / "packages").glob("*.txt"))]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `lab lock`."""
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--update", action="store_true", help="lock what the mirror has now")
    action.add_argument(
        "--add", action="store_true", help="lock what the lists ask for and the lock lacks, nothing else"
    )
    action.add_argument("--check", action="store_true", help="say what the mirror no longer has; status 70 if any")
    parser.add_argument("--suite", default="trixie", help="with --update: the Debian suite (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """`lab lock`."""
    cache = Cache()
    if arguments.check:
        lock = Lock.load(strict=False)
        apts = _Apts(cache, lock)
        drift = [line for request in requests() for line in resolve(apts.of(request), lock, request).drift]
        print(f"{len(drift)} locked versions are gone" if drift else "the mirror has every locked version")
        return int(InfrastructureError.exit_code) if drift else 0
    old = Lock.load() if LOCK_FILE.exists() else Lock(arguments.suite, {}, 0)
    if arguments.add:
        apts = _Apts(cache, old)
        sets = {item.name: _completed(apts, old, item) for item in requests()}
        new = Lock(old.suite, sets, old.epoch)
    else:
        apts = _Apts(cache, Lock(arguments.suite, {}, 0))
        new = Lock(arguments.suite, {item.name: resolve_newest(apts.of(item), item) for item in requests()}, old.epoch)
        if new != old:
            new = replace(new, epoch=int(time.time()))
    if new == old:
        print("the lock is what the mirror has" if arguments.update else "the lock has all that the lists ask for")
        return 0
    for name in sorted({*old.sets, *new.sets}):
        for line in compare(name, old.sets.get(name, {}), new.sets.get(name, {})):
            print(line)
    new.save()
    return 0


def _completed(apts: _Apts, lock: Lock, request: Request) -> Mapping[str, str]:
    """The locked set, resolved again around what is locked if the list asks for more than that."""
    locked = lock.sets.get(request.name, {})
    # A set of bare packages may name its members by pattern, so only one that is not there at all is known to lack any.
    if locked and (not request.dependencies or locked.keys() >= set(request.packages)):
        return locked
    return resolve_newest(apts.of(request), request, pins=locked)


class _Apts:
    """One apt for each suite that is asked for, made when it first is."""

    def __init__(self, cache: Cache, lock: Lock) -> None:
        self._cache = cache
        self._lock = lock
        self._made: dict[str, Apt] = {}

    def of(self, request: Request) -> Apt:
        suite = self._lock.suite_of(request)
        if suite not in self._made:
            self._made[suite] = open_apt(self._cache, suite)
        return self._made[suite]
