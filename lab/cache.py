"""The content-addressed store under `$WEIR_CACHE` (default ~/.cache/weir).

An artefact is a directory named `<kind>/<key>`, where the key is the digest of everything that went
into it. Same key, no work. Several checkouts and several processes may use one cache at the same time:

* a file lock per artefact lets exactly one process build it while the others wait for the result;
* the build happens in a sibling directory that is renamed into place once complete, so that an
  artefact is either whole or absent, whatever was killed when;
* a process that uses an artefact holds a shared lock on it, which survives exec, so that `lab gc`
  in another terminal never takes a file away under a running lab.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import progress
from lab.errors import HostError

KEY_LENGTH: Final = 24
_TEMPORARY: Final = ".building-"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")

Digestible = str | bytes | int | bool | Path | None | Sequence["Digestible"] | Mapping[str, "Digestible"]


def digest(*parts: Digestible) -> str:
    """The key of an artefact made from `parts`: a prefix of their SHA-256 in a canonical encoding.

    Every part is tagged with its type and length, so that no two different inputs share an encoding.
    A `Path` stands for its content: a file's bytes and executable bit, a symbolic link's target, or
    a folder's tree in sorted order. Mappings are sorted by key.
    """
    state = hashlib.sha256()
    for part in parts:
        for chunk in _encode(part):
            state.update(chunk)
    return state.hexdigest()[:KEY_LENGTH]


def _encode(part: Digestible) -> Iterator[bytes]:
    if isinstance(part, str):
        part = part.encode()
        yield b"s%d:" % len(part)
        yield part
    elif isinstance(part, bytes):
        yield b"b%d:" % len(part)
        yield part
    elif part is None or isinstance(part, bool | int):
        yield f"i{part!r};".encode()
    elif isinstance(part, Path):
        yield from _encode_path(part)
    elif isinstance(part, Mapping):
        yield b"m%d:" % len(part)
        for key in sorted(part):
            yield from _encode(key)
            yield from _encode(part[key])
    else:
        yield b"l%d:" % len(part)
        for item in part:
            yield from _encode(item)


def _encode_path(path: Path) -> Iterator[bytes]:
    if path.is_symlink():
        yield b"L"
        yield from _encode(str(path.readlink()))
    elif path.is_dir():
        names = sorted(child.name for child in path.iterdir() if child.name != "__pycache__")
        yield b"d%d:" % len(names)
        for name in names:
            yield from _encode(name)
            yield from _encode_path(path / name)
    else:
        yield b"x" if os.access(path, os.X_OK) else b"f"
        yield from _encode(path.read_bytes())


def default_root() -> Path:
    """Where the cache is: `$WEIR_CACHE`, else `$XDG_CACHE_HOME/weir`, else ~/.cache/weir."""
    if explicit := os.environ.get("WEIR_CACHE"):
        return Path(explicit).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "weir"


@dataclass(frozen=True)
class Entry:
    """One artefact. `size` is in bytes on disk, `used` its last use in seconds since the epoch."""

    kind: str
    key: str
    path: Path
    size: int
    used: float


class Cache:
    """See the module's description. Cheap to create; creating it makes no directories."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or default_root()).absolute()

    def path(self, kind: str, key: str) -> Path:
        """Where the artefact is, or would be."""
        for name in (kind, key):
            if not _NAME.fullmatch(name):
                raise ValueError(f"not a name for a cache entry: {name!r}")
        return self.root / kind / key

    def lookup(self, kind: str, key: str) -> Path | None:
        """The artefact if it is there, else None; as with `ensure` it stays while this process lives."""
        path = self.path(kind, key)
        if not path.is_dir():
            return None
        self._hold(kind, key)
        if not path.is_dir():  # collected between the look and the lock
            return None
        os.utime(path)
        return path

    def ensure(self, kind: str, key: str, build: Callable[[Path], None]) -> Path:
        """The artefact's directory; `build(directory)` fills an empty one first where it is missing.

        What `build` raises passes through, and the half-built directory is removed. The artefact is
        protected from `collect` as long as this process, or one it turned into by exec, lives.

        Raises HostError when the cache cannot be written.
        """
        if found := self.lookup(kind, key):
            return found
        path = self.path(kind, key)
        with self.locked(f"{kind}-{key}"):
            if found := self.lookup(kind, key):
                return found
            for stale in self._unfinished(kind, key):  # its builder is dead: we hold the lock
                remove_tree(stale)
            directory = self._make_directory(kind, key)
            try:
                build(directory)
                directory.chmod(0o755)
                directory.rename(path)
            except BaseException:
                remove_tree(directory)
                raise
            self._hold(kind, key)
        return path

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Exclusive use of `name` among all processes that share this cache; waits for its turn."""
        with self._open_lock(name) as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                with progress.step(f"waiting for another process that makes {name}"):
                    fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def scratch(self, name: str) -> Path:
        """A directory that is no artefact (compiler cache, package lists): kept, never keyed, safe to delete."""
        path = self.root / "scratch" / name
        self._mkdir(path)
        return path

    def entries(self) -> list[Entry]:
        """All complete artefacts, the one used longest ago first."""
        found = []
        for path in self.root.glob("*/*"):
            # Only what `ensure` made has a use lock; other code keeps folders of its own here.
            used_by = self.root / "locks" / f"{path.parent.name}-{path.name}.use"
            if not used_by.exists() or not path.is_dir():
                continue
            used = path.stat().st_mtime
            found.append(Entry(path.parent.name, path.name, path, disk_usage(path), used))
        return sorted(found, key=lambda entry: (entry.used, entry.kind, entry.key))

    def remove(self, entry: Entry) -> bool:
        """Delete one artefact unless a process uses or builds it; says whether it did."""
        with self._open_lock(f"{entry.kind}-{entry.key}") as building, self._open_use(entry.kind, entry.key) as using:
            try:
                fcntl.flock(building, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.flock(using, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            doomed = entry.path.with_name(f"{_TEMPORARY}{entry.key}-removed-{os.getpid()}")
            try:
                entry.path.rename(doomed)
            except FileNotFoundError:
                return False
            remove_tree(doomed)
            return True

    def collect(self, max_size: int, *, keep_seconds: float = 0.0) -> list[Entry]:
        """Delete the least recently used artefacts until all together are at most `max_size` bytes.

        Artefacts in use, and those used in the last `keep_seconds`, stay. Leftovers of builds that
        were killed go in any case. Returns what was deleted.
        """
        for leftover in self.root.glob(f"*/{_TEMPORARY}*"):
            kind, key = leftover.parent.name, leftover.name.removeprefix(_TEMPORARY).partition("-")[0]
            with self._open_lock(f"{kind}-{key}") as building:
                try:
                    fcntl.flock(building, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                remove_tree(leftover)
        entries = self.entries()
        total = sum(entry.size for entry in entries)
        removed = []
        for entry in entries:
            if total <= max_size or entry.used > time.time() - keep_seconds:
                break
            if self.remove(entry):
                total -= entry.size
                removed.append(entry)
        return removed

    def _hold(self, kind: str, key: str) -> None:
        """Take the shared use lock until the process ends: the descriptor is left open on purpose."""
        name = (str(self.root), kind, key)
        if name in _held:
            return
        descriptor = os.open(self._use_path(kind, key), os.O_RDWR | os.O_CREAT, 0o644)
        os.set_inheritable(descriptor, True)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _held[name] = descriptor

    def _use_path(self, kind: str, key: str) -> Path:
        directory = self.root / "locks"
        self._mkdir(directory)
        return directory / f"{kind}-{key}.use"

    @contextmanager
    def _open_use(self, kind: str, key: str) -> Iterator[int]:
        descriptor = os.open(self._use_path(kind, key), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _open_lock(self, name: str) -> Iterator[int]:
        directory = self.root / "locks"
        self._mkdir(directory)
        descriptor = os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _unfinished(self, kind: str, key: str) -> list[Path]:
        return list((self.root / kind).glob(f"{_TEMPORARY}{key}-*"))

    def _make_directory(self, kind: str, key: str) -> Path:
        self._mkdir(self.root / kind)
        return Path(tempfile.mkdtemp(prefix=f"{_TEMPORARY}{key}-", dir=self.root / kind))

    def _mkdir(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HostError(
                f"cannot write to the cache {self.root}: {error}",
                hint="make it writable, or set WEIR_CACHE to a directory with 10 GB free",
            ) from error


# Use locks this process holds, by (cache, kind, key). Module-wide: two Cache objects are one user.
_held: dict[tuple[str, str, str], int] = {}


def remove_tree(path: Path) -> None:
    """Delete a directory tree, also one with read-only directories in it."""

    def make_writable(function: Callable[..., object], name: str, _error: object) -> None:
        Path(name).parent.chmod(0o700)
        if not Path(name).is_symlink():
            Path(name).chmod(0o700)
        function(name)

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=make_writable)
    else:
        path.unlink(missing_ok=True)


def disk_usage(path: Path) -> int:
    """Bytes that a tree takes on disk; hard links count once."""
    total, seen = 0, set()
    for directory, _, names in os.walk(path):
        for name in (".", *names):
            status = os.lstat(os.path.join(directory, name))  # noqa: PTH118 - half a million calls
            identity = (status.st_dev, status.st_ino)
            if identity not in seen:
                seen.add(identity)
                total += status.st_blocks * 512
    return total
