"""The record of one run: its schema, and how it is written and read.

A record is one line of JSON (RFC 8259) in an append-only file, one file a run, so that records of several machines can
be merged by copying files. It says where it ran, of what it was made (versions and hashes), and how every test ended.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from results import validation
from results.figures import Comparison, Figure, NotMeasured

SCHEMA_VERSION = 2
# A longer line is no record: what reads records keeps at most one of them in memory.
MAX_LINE: Final = 64 * 2**20

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed", "flaky"]
Cause = Literal["none", "product", "infrastructure"]


class RecordError(Exception):
    """A record that cannot be read or must not be written; the message says which file and line, and why."""


class Host(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """The machine on which the lab ran."""

    system: str
    kernel: str
    processor: str
    processors: int
    memory_mib: int
    python: str


class Environment(msgspec.Struct, frozen=True):
    """What like must share with like before two figures may be compared.

    `speed_factor` is the host's measured slowness against the reference host (1.0 = as fast, 2.0 = half as fast).
    """

    host: Host
    provider: str = "none"
    acceleration: str = "none"
    acceleration_reason: str = ""
    speed_factor: float = 1.0
    kernel_flavour: str = ""
    kernel_release: str = ""


class Revision(msgspec.Struct, frozen=True):
    """The commit under test; `dirty` when the checkout held changes that no commit has."""

    commit: str = ""
    branch: str = ""
    dirty: bool = False


class TestResult(msgspec.Struct, frozen=True):
    """How one test ended.

    `duration_s` is its set-up, call and tear-down together, in seconds. `cause` tells a failure of the product from one
    of the infrastructure; `fingerprint` and `bundle` are set when the guest crashed under the test.
    """

    id: str
    outcome: Outcome
    duration_s: float
    cause: Cause = "none"
    reason: str = ""
    fingerprint: str = ""
    bundle: str = ""


class Retry(msgspec.Struct, frozen=True):
    """An attempt of the infrastructure (never of a test) that failed and was repeated."""

    what: str
    reason: str


class Run(msgspec.Struct, frozen=True, tag="run", tag_field="kind"):
    """One run of one suite: functional ones against one device under test, measuring ones against several.

    `environments` describes each environment key that a figure names. `verdict` is what a gate or a sign-off decided.
    `configurations` are what the devices under test were configured with, each text under a title ("nginx"): a setting
    a line and, after a tab, the reason for it.
    Schema 2 added all from `figures` on; records of schema 1 read as having none of it.
    """

    id: str
    suite: str
    started: datetime
    duration_s: float
    exit_code: int
    command: str
    environment: Environment
    revision: Revision
    dut: str = ""
    versions: dict[str, str] = {}
    hashes: dict[str, str] = {}
    drift: list[str] = []
    retries: list[Retry] = []
    tests: list[TestResult] = []
    logs: str = ""
    figures: list[Figure] = []
    comparisons: list[Comparison] = []
    not_measured: list[NotMeasured] = []
    environments: dict[str, dict[str, str]] = {}
    verdict: str = ""
    configurations: dict[str, str] = {}
    schema: int = SCHEMA_VERSION

    def count(self, outcome: Outcome) -> int:
        """Number of tests that ended in `outcome`."""
        return sum(test.outcome == outcome for test in self.tests)


class Damaged(msgspec.Struct, frozen=True):
    """A line that could not be read: damaged, or written by a newer schema. It stays where it is."""

    path: Path
    line: int
    reason: str


class _Version(msgspec.Struct):
    schema: int = 0


def default_root() -> Path:
    """Where records go: `WEIR_RESULTS`, or the user's state folder; never inside the package."""
    if chosen := os.environ.get("WEIR_RESULTS"):
        return Path(chosen).expanduser().resolve()
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "weir" / "results"


def new_id(now: datetime | None = None) -> str:
    """A run's identity: UTC start time and 32 random bits; sorts by time."""
    moment = now or datetime.now(UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def encode(run: Run) -> bytes:
    """One line of JSON, newline included. Raises RecordError if what would be read back is not what `run` says."""
    try:
        line = msgspec.json.encode(run)
        back = decode(line)
    except (RecordError, UnicodeEncodeError, TypeError) as error:
        raise RecordError(f"run {run.id} is not a valid record: {error}; it was not written") from error
    # JSON knows neither NaN nor infinity, and a list is no tuple: what cannot be written as it is, is refused.
    if changed := [name for name in Run.__struct_fields__ if getattr(back, name) != getattr(run, name)]:
        raise RecordError(f"run {run.id} would read back with another {', '.join(changed)}; it was not written")
    return line + b"\n"


def decode(line: bytes) -> Run:
    """The record in one line. Raises RecordError for damage and for records of a newer schema."""
    if len(line) > MAX_LINE:
        raise RecordError(f"longer than {MAX_LINE // 2**20} MiB")
    try:
        version = msgspec.json.decode(line, type=_Version).schema
        if version > SCHEMA_VERSION:
            raise RecordError(f"written by schema {version}; this reader knows up to {SCHEMA_VERSION}")
        if version < 1:
            raise RecordError(f"schema {version} does not exist" if version else "names no schema")
        run = msgspec.json.decode(line, type=Run)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(str(error)) from error
    if wrong := list(validation.problems(run)):
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise RecordError(wrong[0] + more)
    return run


def path_of(run: Run, root: Path | None = None) -> Path:
    """The file that holds `run` below `root`: the same on every machine."""
    return (root or default_root()) / f"{run.started.astimezone(UTC):%Y-%m}" / f"{run.id}-{run.suite}.jsonl"


def append(run: Run, root: Path | None = None) -> Path:
    """Appends `run` to its own file below `root` and returns that file; on disk when it returns.

    Writers of one file take turns, so that lines never mix. A line that a dying writer left half written is ended
    first and stays, as damage, on its own. Raises RecordError for a record that breaks its schema, and OSError, after
    taking back what was written of it, when it cannot be written whole.
    """
    path = path_of(run, root)
    append_line(path, encode(run))
    return path


def append_line(path: Path, line: bytes, *, once: bool = False, flush: bool = True) -> bool:
    """Appends a line that is a valid record to `path`, newline included; False if `once` and it is there already.

    It is on disk when this returns, unless `flush` is off (then call os.sync() in the end).
    """
    fresh = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if once and any(known.strip() == line.strip() for _, known in lines(path)):
            return False
        before = os.fstat(descriptor).st_size
        torn = before > 0 and os.pread(descriptor, 1, before - 1) != b"\n"
        view = memoryview(b"\n" + line if torn else line)
        try:
            while view:
                view = view[os.write(descriptor, view) :]
            if flush:
                os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, before)
            raise
    finally:
        # Closing is not enough where a process forked meanwhile has inherited the descriptor.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
    if fresh and flush:
        _flush_folder(path.parent)
        _flush_folder(path.parent.parent)
    return True


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lines(path: Path, seen: Callable[[bytes], object] | None = None) -> Iterator[tuple[int, bytes]]:
    """The lines of `path` that are not empty, with their numbers from 1; `seen` is handed every byte of the file.

    Of a line that is too long for a record only the beginning comes out, which `decode` refuses.
    """
    with path.open("rb") as content:
        number = 0
        while line := content.readline(MAX_LINE + 1):
            number += 1
            if seen:
                seen(line)
            rest = line
            while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
                rest = content.readline(MAX_LINE + 1)
                if seen:
                    seen(rest)
            if line.strip():
                yield number, line


def read(paths: Iterable[Path]) -> Iterator[Run | Damaged]:
    """Every record in `paths`, in order; an unreadable line comes out as `Damaged` and ends nothing."""
    for path in paths:
        for number, line in lines(path):
            try:
                yield decode(line)
            except RecordError as error:
                yield Damaged(path, number, str(error))


def files(root: Path | None = None) -> list[Path]:
    """The record files in `root` and its folders, oldest first."""
    base = root or default_root()
    if not base.is_dir():
        return []
    found = [*base.glob("*.jsonl"), *base.glob("[!.]*/*.jsonl")]
    return sorted(found, key=lambda path: path.name)
