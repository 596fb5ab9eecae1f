"""KCIDB reports: runs, to and from the JSON of the kernel community's common results database.

Schema 5.3 of kcidb-io, whose fields the structs below name: `checkouts` (the revision), `builds` (the run's module and
kernel) and `tests` (each test, and each figure as a test with the status DONE and a `number`). What KCIDB has no place
for travels in `misc.weir` of builds and tests; a report without it is read for what it says. Comparisons are not
carried: they follow from figures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TextIO

import msgspec

from results.errors import ResultsError
from results.figures import Figure
from results.foreign import FIELDS, identity, suite_name, unknown_environment
from results.records import Outcome, Run, TestResult

ORIGIN: Final = "weir"
MAX_BYTES: Final = 256 * 2**20
_EXCERPT: Final = 16384

Identity = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]+:[^\0]*$")]
TestPath = Annotated[str, msgspec.Meta(pattern=r"^([a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*)?$")]
Text = Annotated[str, msgspec.Meta(pattern=r"^[^\0]*$")]
Status = Literal["FAIL", "ERROR", "MISS", "PASS", "DONE", "SKIP"]


class _Object(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: Identity
    origin: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]+$")]
    comment: Text = ""
    start_time: datetime | None = None
    misc: dict[str, Any] = {}


class Checkout(_Object, frozen=True, kw_only=True):
    """The source under test."""

    git_commit_hash: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}$")] | None = None
    git_repository_branch: Text = ""
    valid: bool | None = None


class Build(_Object, frozen=True, kw_only=True):
    """What was made of a checkout: for us, what one run tested."""

    checkout_id: Identity
    architecture: str = ""
    config_name: Text = ""
    compiler: Text = ""
    command: Text = ""
    duration: float | None = None
    status: Status | None = None


class Number(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a test measured."""

    value: float
    unit: Text = ""
    prefix: Literal["metric", "binary"] | None = None


class TestEnvironment(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a test ran."""

    comment: Text = ""
    misc: dict[str, Any] = {}


class Test(_Object, frozen=True, kw_only=True):
    """One test, or one figure."""

    build_id: Identity
    path: TestPath = ""
    status: Status | None = None
    number: Number | None = None
    duration: float | None = None
    log_excerpt: Annotated[str, msgspec.Meta(max_length=_EXCERPT)] = ""
    environment: TestEnvironment | None = None


class Version(msgspec.Struct, frozen=True):
    """The schema's version."""

    major: int
    minor: int


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """A whole report."""

    version: Version
    checkouts: list[Checkout] = []
    builds: list[Build] = []
    tests: list[Test] = []


VERSION: Final = Version(5, 3)

# A failure of the harness says nothing of the product: MISS. KCIDB has no word for an expected failure: the test ended
# and reports no fault, which is DONE.
_STATUS: Final[dict[Outcome, Status]] = {
    "passed": "PASS", "failed": "FAIL", "error": "ERROR", "skipped": "SKIP", "xfailed": "DONE", "xpassed": "FAIL",
    "flaky": "DONE",
}  # fmt: skip
_OUTCOME: Final[dict[Status | None, Outcome]] = {
    "PASS": "passed", "FAIL": "failed", "ERROR": "error", "MISS": "error", "SKIP": "skipped", "DONE": "passed",
    None: "skipped",
}  # fmt: skip


def write(runs: Callable[[], Iterable[Run]], out: TextIO) -> None:
    """A report of what `runs` yields; it is called once for each of the report's lists, so that none is held."""
    seen: set[str] = set()
    out.write(f'{{"version": {msgspec.json.encode(VERSION).decode()}')
    for name, make in (("checkouts", _checkout), ("builds", _build), ("tests", _tests)):
        out.write(f',\n"{name}": [')
        first = True
        for run in runs():
            for item in make(run):
                if name == "checkouts":
                    if item.id in seen:
                        continue
                    seen.add(item.id)
                text = msgspec.json.encode(item).decode()
                out.write(("\n" if first else ",\n") + text)
                first = False
        out.write("\n]")
    out.write("}\n")


def _clean(text: str) -> str:
    return text.replace("\0", "\\0")


def _checkout_id(run: Run) -> str:
    # Two checkouts of one commit with changes of their own are two checkouts.
    content = (
        f"{run.revision.commit}-{run.id}" if run.revision.dirty or not run.revision.commit else run.revision.commit
    )
    return f"{ORIGIN}:{_clean(content)}"


def _checkout(run: Run) -> Iterator[Checkout]:
    commit = run.revision.commit
    yield Checkout(
        id=_checkout_id(run),
        origin=ORIGIN,
        git_commit_hash=commit if re.fullmatch("[0-9a-f]{40}", commit) else None,
        git_repository_branch=_clean(run.revision.branch),
        start_time=run.started,
        valid=True,
        misc={"dirty": run.revision.dirty},
    )


def _build(run: Run) -> Iterator[Build]:
    compiler = next((f"{name} {text}" for name, text in run.versions.items() if name.startswith("gcc")), "")
    carried = {name: getattr(run, name) for name in FIELDS}
    carried |= {"environments": run.environments, "not_measured": run.not_measured}
    yield Build(
        id=f"{ORIGIN}:{run.id}",
        origin=ORIGIN,
        checkout_id=_checkout_id(run),
        architecture="x86_64",
        config_name=_clean(run.environment.kernel_flavour),
        compiler=_clean(compiler),
        command=_clean(run.command),
        start_time=run.started,
        status="PASS",
        misc={"weir": carried},
    )


def _path(*parts: str) -> str:
    words = (re.sub(r"[^a-zA-Z0-9_-]+", "_", word) for part in parts for word in re.split(r"[./:\[]+", part))
    return ".".join(word for word in (word.strip("_") for word in words) if word)


def _tests(run: Run) -> Iterator[Test]:
    at = f"{ORIGIN}:{run.id}"
    environment = run.environment
    where = f"{environment.kernel_flavour} {environment.kernel_release} on {environment.provider}"
    for position, test in enumerate(run.tests):
        harness = test.cause == "infrastructure" and test.outcome in ("failed", "error")
        yield Test(
            id=f"{at}:test:{position}",
            origin=ORIGIN,
            build_id=at,
            path=_path(ORIGIN, test.id.removeprefix("suites/").replace(".py", "")),
            comment=_clean(test.id),
            status="MISS" if harness else _STATUS[test.outcome],
            start_time=run.started,
            duration=test.duration_s,
            log_excerpt=_clean(test.reason)[:_EXCERPT],
            environment=TestEnvironment(comment=_clean(f"{where}/{environment.acceleration}")),
            misc={"weir": {"test": test}},
        )
    for position, figure in enumerate(run.figures):
        yield Test(
            id=f"{at}:figure:{position}",
            origin=ORIGIN,
            build_id=at,
            path=_path(ORIGIN, run.suite, figure.scenario, figure.dut, figure.kernel, figure.mode, figure.metric),
            comment=_clean(f"{figure.metric} of {figure.dut}, {figure.scenario} on {figure.kernel}"),
            status="DONE",
            number=Number(figure.value, _clean(figure.unit)),
            start_time=run.started,
            environment=TestEnvironment(misc=dict(run.environments.get(figure.environment, {}))),
            misc={"weir": {"figure": figure}},
        )


def read(path: Path) -> Iterator[Run]:
    """The runs in a report: one for each build that has tests.

    Raises ResultsError for what is no report of schema 4 or 5 (what we read of them is the same).
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ResultsError(f"{path} is not read: it is larger than {MAX_BYTES // 2**20} MiB")
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise ResultsError(f"{path} is no KCIDB report: {error}") from error
    if report.version.major not in (4, 5):
        raise ResultsError(f"{path} is of KCIDB schema {report.version.major}; known are 4 and 5")
    checkouts = {checkout.id: checkout for checkout in report.checkouts}
    builds = {build.id: build for build in report.builds}
    tests: dict[str, list[Test]] = {build.id: [] for build in report.builds if "weir" in build.misc}
    for test in report.tests:
        tests.setdefault(test.build_id, []).append(test)
    for build_id, of_build in tests.items():
        build = builds.get(build_id)
        try:
            if build and "weir" in build.misc:
                yield _own(build, of_build)
            else:
                yield _foreign(path, build_id, build, checkouts.get(build.checkout_id) if build else None, of_build)
        except (msgspec.ValidationError, TypeError, AttributeError) as error:
            raise ResultsError(f"{path}: build {build_id} makes no record: {error}") from error


def _own(build: Build, tests: list[Test]) -> Run:
    fields = {**build.misc["weir"], "kind": "run"}
    carried = [test.misc.get("weir", {}) for test in tests]
    fields["tests"] = [item["test"] for item in carried if "test" in item]
    fields["figures"] = [item["figure"] for item in carried if "figure" in item]
    return msgspec.convert(fields, Run)


def _foreign(path: Path, build_id: str, build: Build | None, checkout: Checkout | None, tests: list[Test]) -> Run:
    started = min((test.start_time for test in tests if test.start_time), default=None)
    started = started or (build and build.start_time) or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    kernel = build.config_name if build else ""
    commit = (checkout and checkout.git_commit_hash) or ""
    environment = unknown_environment()
    return msgspec.convert(
        {
            "kind": "run",
            "id": identity(started, f"{build_id}\n" + "\n".join(f"{test.id} {test.status}" for test in tests)),
            "suite": suite_name(tests[0].path.partition(".")[0] if tests else ""),
            "started": started,
            "duration_s": sum(max(test.duration or 0.0, 0.0) for test in tests),
            "exit_code": int(any(test.status in ("FAIL", "ERROR", "MISS") for test in tests)),
            "command": f"import of {path.name}",
            "environment": msgspec.to_builtins(msgspec.structs.replace(environment, kernel_flavour=kernel)),
            "revision": {"commit": commit, "branch": checkout.git_repository_branch if checkout else ""},
            "tests": [msgspec.to_builtins(_ended(test)) for test in tests if test.number is None],
            "figures": [msgspec.to_builtins(_measured(test, kernel)) for test in tests if test.number is not None],
        },
        Run,
        strict=False,
    )


def _ended(test: Test) -> TestResult:
    outcome = _OUTCOME[test.status]
    faulty = outcome in ("failed", "error")
    cause: Literal["none", "product", "infrastructure"] = "none"
    if faulty:
        cause = "infrastructure" if test.status == "MISS" else "product"
    return TestResult(
        test.path or test.id, outcome, max(test.duration or 0.0, 0.0), cause, test.log_excerpt or test.comment
    )


def _measured(test: Test, kernel: str) -> Figure:
    assert test.number is not None
    return Figure(
        scenario=test.path or test.id,
        dut=test.origin,
        kernel=kernel,
        mode="timed",
        metric="number",
        value=test.number.value,
        unit=test.number.unit or "1",
        spread=0.0,
        unfit=["imported from a KCIDB report"],
    )
