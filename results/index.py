"""The index over the records: an SQLite file that is made from the JSONL files and may be thrown away at any time.

It lies in `.index` below the records (in the user's cache folder where that cannot be written). A generation of it
never changes: `refresh` copies the last one, reads again only files whose size or time of change differ, and renames
the copy into place. So readers take no lock, see one moment's records throughout, and keep it while a new generation
appears; one lock file keeps two refreshers from doing the same work. Memory does not grow with the records: lines are
read one by one and SQLite's page cache is bounded.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from results import environment
from results.errors import ResultsError
from results.records import Host, RecordError, Run, decode, default_root, lines

# Part of the file's name: code of another version makes an index of its own.
VERSION: Final = 2
CACHE_KIB: Final = 32 * 1024

_RUN_COLUMNS: Final = (
    "file", "line", "digest", "run", "started", "suite", "revision", "branch", "dirty", "dut", "kernel", "environment",
    "acceleration", "speed_factor", "duration_s", "exit_code", "verdict", "command", "passed", "failed", "tests",
    "figures", "comparisons", "not_measured",
)  # fmt: skip
# Tables of what a run holds, all keyed by the run's row and the position in the run.
_PARTS: Final = {
    "figures": (
        "scenario", "dut", "kernel", "mode", "metric", "value", "unit", "spread", "low", "high", "against",
        "environment", "unfit", "revision", "scenario_revision",
    ),
    "comparisons": (
        "scenario", "dut", "kernel", "mode", "metric", "unit", "baseline", "candidate", "change", "threshold",
        "verdict", "noise", "low", "high", "baseline_revision", "gating", "changed_scenario",
    ),
    "tests": ("test", "outcome", "duration_s", "cause", "reason", "fingerprint", "bundle"),
    "not_measured": ("scenario", "dut", "kernel", "mode", "reason"),
}  # fmt: skip

_SCHEMA: Final = "\n".join(
    [
        "CREATE TABLE files (id INTEGER PRIMARY KEY, folder TEXT, name TEXT, size INTEGER, mtime_ns INTEGER,"
        " digest BLOB, UNIQUE (folder, name));",
        "CREATE TABLE damaged (file INTEGER, line INTEGER, reason TEXT);",
        "CREATE TABLE environments (key TEXT PRIMARY KEY, description TEXT);",
        f"CREATE TABLE runs (id INTEGER PRIMARY KEY, {', '.join(_RUN_COLUMNS)}, duplicate INTEGER DEFAULT 0);",
        *(
            f"CREATE TABLE {table} (parent INTEGER, position INTEGER, {', '.join(columns)},"
            " PRIMARY KEY (parent, position)) WITHOUT ROWID;"
            for table, columns in _PARTS.items()
        ),
    ]
)
_INDEXES: Final = """
CREATE INDEX IF NOT EXISTS run_of_file ON runs (file);
CREATE INDEX IF NOT EXISTS run_by_identity ON runs (run, digest);
CREATE INDEX IF NOT EXISTS run_by_time ON runs (started);
CREATE INDEX IF NOT EXISTS damaged_of_file ON damaged (file);
CREATE INDEX IF NOT EXISTS figure_by_series ON figures (scenario, metric, dut, kernel);
CREATE INDEX IF NOT EXISTS test_by_identity ON tests (test);
"""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Progress = Callable[[int], None]


def microseconds(moment: datetime) -> int:
    """`moment` as the index stores it: whole microseconds since 1970 in UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(stored: int) -> datetime:
    """The inverse of `microseconds`."""
    return _EPOCH + timedelta(microseconds=stored)


@dataclass(frozen=True)
class Refreshed:
    """What `refresh` did: the index, and how many files it read, found unchanged after all, and missed."""

    path: Path
    read: int = 0
    touched: int = 0
    removed: int = 0


def location(root: Path) -> Path:
    """The folder of the index over `root`."""
    if os.access(root, os.W_OK):
        return root / ".index"
    cache = os.environ.get("XDG_CACHE_HOME")
    base = Path(cache) if cache else Path.home() / ".cache"
    return base / "weir" / "results-index" / hashlib.sha256(os.fsencode(root)).hexdigest()[:16]


def refresh(root: Path | None = None, *, rebuild: bool = False, progress: Progress | None = None) -> Refreshed:
    """Brings the index up to date with the records below `root`, from nothing if `rebuild`; returns where it is.

    A damaged index is made anew. `progress` is told now and then how many files were read. Raises ResultsError when
    `root` is not there or the index cannot be written.
    """
    base = (root or default_root()).resolve()
    if not base.is_dir():
        raise ResultsError(f"there is no folder of records {base}", hint="`nox -s functional` makes the first record")
    folder = location(base)
    path = folder / f"index-{VERSION}.sqlite3"
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".gitignore").write_text("*\n")  # records may live on a branch, their index must not
        if not rebuild and _stale(base, path) is False:
            return Refreshed(path)
        with _locked(folder / "lock"):
            if rebuild or (stale := _stale(base, path)) is None:
                return _write(base, path, None, progress)
            return _write(base, path, path, progress) if stale else Refreshed(path)
    except OSError as error:
        raise ResultsError(f"the index {path} cannot be written: {error}") from error


def connect(path: Path) -> sqlite3.Connection:
    """One generation of the index, to be read; it stays as it is whatever is refreshed meanwhile."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)


def _folders(root: Path) -> Iterator[tuple[str, dict[str, tuple[int, int]]]]:
    """Each folder that can hold records, with the size and time of change of its record files."""
    with os.scandir(root) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    for name in ["", *names]:
        stamps: dict[str, tuple[int, int]] = {}
        with suppress(FileNotFoundError), os.scandir(root / name) as entries:
            for entry in entries:
                if entry.name.endswith(".jsonl"):
                    with suppress(FileNotFoundError):
                        state = entry.stat()
                        stamps[entry.name] = (state.st_size, state.st_mtime_ns)
        if stamps:
            yield name, stamps


def _known(connection: sqlite3.Connection, folder: str) -> dict[str, tuple[int, int]]:
    rows = connection.execute("SELECT name, size, mtime_ns FROM files WHERE folder = ?", (folder,))
    return {name: (size, mtime_ns) for name, size, mtime_ns in rows}


def _stale(root: Path, path: Path) -> bool | None:
    """Whether the index differs from the files; None when there is no usable index."""
    if not path.is_file():
        return None
    try:
        with closing(connect(path)) as connection:
            folders = {row[0] for row in connection.execute("SELECT DISTINCT folder FROM files")}
            for folder, stamps in _folders(root):
                folders.discard(folder)
                if _known(connection, folder) != stamps:
                    return True
            return bool(folders)
    except sqlite3.DatabaseError:
        return None


def _write(root: Path, path: Path, previous: Path | None, progress: Progress | None) -> Refreshed:
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    with ExitStack() as stack:
        stack.callback(scratch.unlink, missing_ok=True)
        if previous:
            shutil.copyfile(previous, scratch)
        connection = stack.enter_context(closing(sqlite3.connect(scratch, isolation_level=None)))
        # Nothing reads the copy and a half-made one is deleted: it needs neither journal nor flushes before its end.
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        if not previous:
            for statement in _SCHEMA.split("\n"):
                connection.execute(statement)
        done = _update(root, path, connection, progress)
        for statement in _INDEXES.strip().split("\n"):
            connection.execute(statement)
        # The same record copied into two files counts once; two records of one identity are both kept.
        connection.execute(
            "UPDATE runs SET duplicate = id NOT IN (SELECT min(id) FROM runs GROUP BY run, digest) WHERE duplicate OR"
            " run IN (SELECT run FROM runs GROUP BY run HAVING count(*) > 1)"
        )
        connection.execute("COMMIT")
        connection.close()
        with scratch.open("rb") as written:
            os.fsync(written.fileno())
        scratch.replace(path)
    return done


def _update(root: Path, path: Path, connection: sqlite3.Connection, progress: Progress | None) -> Refreshed:
    read = touched = removed = 0
    writer = _Writer(connection)
    gone = {row[0] for row in connection.execute("SELECT DISTINCT folder FROM files")}
    for folder, stamps in _folders(root):
        gone.discard(folder)
        known = _known(connection, folder)
        for name in sorted(known.keys() - stamps.keys()):
            writer.forget(folder, name)
            removed += 1
        for name, stamp in sorted(stamps.items()):
            if known.get(name) == stamp:
                continue
            try:
                if writer.add(root, folder, name, stamp):
                    read += 1
                else:
                    touched += 1
            except FileNotFoundError:
                continue
            if progress and read % 1000 == 0:
                progress(read)
    for folder in sorted(gone):
        for name in _known(connection, folder):
            writer.forget(folder, name)
            removed += 1
    return Refreshed(path, read, touched, removed)


def _marks(columns: int) -> str:
    return ", ".join("?" * columns)


_INSERT_RUN: Final = f"INSERT INTO runs ({', '.join(_RUN_COLUMNS)}) VALUES ({_marks(len(_RUN_COLUMNS))})"
_INSERT_PART: Final = {
    table: f"INSERT INTO {table} (parent, position, {', '.join(columns)}) VALUES ({_marks(len(columns) + 2)})"
    for table, columns in _PARTS.items()
}


class _Writer:
    """Puts files into the index and takes them out again."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._environments = {row[0] for row in connection.execute("SELECT key FROM environments")}
        self._keys: dict[tuple[Host, str, str, str, str], str] = {}

    def forget(self, folder: str, name: str) -> None:
        """Takes out all that came from this file."""
        row = self._connection.execute("SELECT id FROM files WHERE folder = ? AND name = ?", (folder, name)).fetchone()
        if row:
            for table in _PARTS:
                self._connection.execute(
                    f"DELETE FROM {table} WHERE parent IN (SELECT id FROM runs WHERE file = ?)", row
                )
            for table in ("runs", "damaged"):
                self._connection.execute(f"DELETE FROM {table} WHERE file = ?", row)
            self._connection.execute("DELETE FROM files WHERE id = ?", row)

    def add(self, root: Path, folder: str, name: str, stamp: tuple[int, int]) -> bool:
        """Puts in this file, in place of what was known of it; False if its content is what it was.

        `stamp` was taken before reading: should the file grow meanwhile, the next refresh reads it again.
        """
        file = root / folder / name
        known = self._connection.execute(
            "SELECT id, size, digest FROM files WHERE folder = ? AND name = ?", (folder, name)
        ).fetchone()
        if known and known[1] == stamp[0] and known[2] == _digest(file):
            self._connection.execute("UPDATE files SET mtime_ns = ? WHERE id = ?", (stamp[1], known[0]))
            return False
        if known:
            self.forget(folder, name)
        content = hashlib.sha256()
        identity = self._connection.execute(
            "INSERT INTO files (folder, name, size, mtime_ns) VALUES (?, ?, ?, ?)", (folder, name, *stamp)
        ).lastrowid
        for number, line in lines(file, content.update):
            try:
                run = decode(line)
            except RecordError as error:
                self._connection.execute("INSERT INTO damaged VALUES (?, ?, ?)", (identity, number, str(error)))
            else:
                self._add_run(identity, number, line, run)
        self._connection.execute("UPDATE files SET digest = ? WHERE id = ?", (content.digest(), identity))
        return True

    def _add_run(self, file: int | None, number: int, line: bytes, run: Run) -> None:
        where = run.environment
        known = (where.host, where.provider, where.acceleration, where.kernel_flavour, where.kernel_release)
        if known not in self._keys:
            description = environment.of_run(where)
            self._keys[known] = self._describe(environment.key(description), description)
        for key, description in run.environments.items():
            self._describe(key, description)
        values = (
            file, number, hashlib.sha256(line.strip()).digest()[:8], run.id, microseconds(run.started), run.suite,
            run.revision.commit, run.revision.branch, run.revision.dirty, run.dut, where.kernel_flavour,
            self._keys[known], where.acceleration, where.speed_factor, run.duration_s, run.exit_code, run.verdict,
            run.command, run.count("passed"), run.count("failed") + run.count("error"), len(run.tests),
            len(run.figures), len(run.comparisons), len(run.not_measured),
        )  # fmt: skip
        parent = self._connection.execute(_INSERT_RUN, values).lastrowid
        for table, rows in (
            ("figures", ((
                f.scenario, f.dut, f.kernel, f.mode, f.metric, f.value, f.unit, f.spread, f.low, f.high, f.against,
                f.environment, "\n".join(f.unfit), f.revision, f.attributes.get("scenario revision", ""),
            ) for f in run.figures)),
            ("comparisons", ((
                c.scenario, c.dut, c.kernel, c.mode, c.metric, c.unit, c.baseline, c.candidate, c.change, c.threshold,
                c.verdict, c.noise, c.low, c.high, c.baseline_revision, c.gating, c.changed_scenario,
            ) for c in run.comparisons)),
            ("tests", ((
                t.id, t.outcome, t.duration_s, t.cause, t.reason, t.fingerprint, t.bundle,
            ) for t in run.tests)),
            ("not_measured", ((n.scenario, n.dut, n.kernel, n.mode, n.reason) for n in run.not_measured)),
        ):  # fmt: skip
            self._connection.executemany(
                _INSERT_PART[table], ((parent, position, *row) for position, row in enumerate(rows))
            )

    def _describe(self, key: str, description: dict[str, str]) -> str:
        if key not in self._environments:
            self._environments.add(key)
            text = msgspec.json.encode(description).decode()
            self._connection.execute("INSERT INTO environments VALUES (?, ?)", (key, text))
        return key


def _digest(file: Path) -> bytes:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()
