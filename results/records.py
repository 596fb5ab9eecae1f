"""The record of one run: its schema, and how it is written and read.

A record is one line of JSON (RFC 8259) in an append-only file, one file a run, so that records of several machines can
be merged by copying files. It says where it ran, of what it was made (versions and hashes), and how every test ended.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from results.figures import Comparison, Figure, NotMeasured

SCHEMA_VERSION = 2

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
    """One line of JSON, newline included. Raises RecordError if the record breaks its own schema."""
    line = msgspec.json.encode(run)
    try:
        msgspec.json.decode(line, type=Run)
    except msgspec.ValidationError as error:
        raise RecordError(f"run {run.id} is not a valid record: {error}; it was not written") from error
    return line + b"\n"


def decode(line: bytes) -> Run:
    """The record in one line. Raises RecordError for damage and for records of a newer schema."""
    try:
        version = msgspec.json.decode(line, type=_Version).schema
        if version > SCHEMA_VERSION:
            raise RecordError(f"written by schema {version}; this reader knows up to {SCHEMA_VERSION}")
        return msgspec.json.decode(line, type=Run)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise RecordError(str(error)) from error


def append(run: Run, root: Path | None = None) -> Path:
    """Appends `run` to its own file below `root` and returns that file; on disk when it returns.

    One write of one line to a file opened for appending: concurrent writers never mix.
    """
    folder = (root or default_root()) / f"{run.started:%Y-%m}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.id}-{run.suite}.jsonl"
    line = encode(run)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        view = memoryview(line)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path


def read(paths: Iterable[Path]) -> Iterator[Run | Damaged]:
    """Every record in `paths`, in order; an unreadable line comes out as `Damaged` and ends nothing."""
    for path in paths:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                try:
                    yield decode(line)
                except RecordError as error:
                    yield Damaged(path, number, str(error))


def files(root: Path | None = None) -> list[Path]:
    """The record files below `root`, oldest first."""
    base = root or default_root()
    return sorted(base.glob("*/*.jsonl"), key=lambda path: path.name) if base.is_dir() else []
