"""pytest plugin: appends the record of the run, and says at the end where it and the logs are."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lab import speed
from lab.pytest_plugin import RETRIES
from lab.run import PREPARED, Prepared, revision
from results import records
from results.figures import Comparison, Figure, NotMeasured

_RECORDER = pytest.StashKey["Recorder"]()


def _first(path: str, prefix: str) -> str:
    try:
        for line in Path(path).read_text().splitlines():
            if line.startswith(prefix):
                return line.removeprefix(prefix).strip(' :="\t')
    except OSError:
        pass
    return ""


def describe_host() -> records.Host:
    """This machine, as a record names it."""
    return records.Host(
        system=_first("/etc/os-release", "PRETTY_NAME=") or platform.system(),
        kernel=platform.release(),
        processor=_first("/proc/cpuinfo", "model name") or platform.machine(),
        processors=len(os.sched_getaffinity(0)),
        memory_mib=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        python=platform.python_version(),
    )


class Recorder:
    """Collects what pytest reports, test by test, into one record."""

    def __init__(self, config: pytest.Config, prepared: Prepared) -> None:
        self.config = config
        self.prepared = prepared
        self.started = datetime.now(UTC)
        self.tests: dict[str, records.TestResult] = {}
        self.figures: list[Figure] = []
        self.comparisons: list[Comparison] = []
        self.not_measured: list[NotMeasured] = []
        self.environments: dict[str, dict[str, str]] = {}
        self.configurations: dict[str, str] = {}
        self.verdict = ""
        self.suite = suite_name(config)
        self.written: Path | None = None
        self.failure = ""

    def add(self, report: pytest.TestReport) -> None:
        """Merges the report of one phase (set-up, call, tear-down) into the test's result: the worst outcome stays."""
        outcome, reason = self._judge(report)
        known = self.tests.get(report.nodeid)
        properties: Mapping[str, Any] = dict(report.user_properties)
        fields: dict[str, Any] = {
            "cause": str(properties.get("cause", "product" if outcome in ("failed", "error") else "none")),
            "reason": reason,
            "fingerprint": str(properties.get("fingerprint", "")),
            "bundle": str(properties.get("bundle", "")),
        }
        duration = report.duration + (known.duration_s if known else 0.0)
        if properties.get("flaky"):
            outcome = "flaky"
        if known and _RANK.index(known.outcome) >= _RANK.index(outcome):
            outcome = known.outcome
            fields = {name: fields[name] or getattr(known, name) for name in fields} | {"cause": known.cause}
            fields["reason"] = known.reason or reason
        self.tests[report.nodeid] = records.TestResult(report.nodeid, outcome, round(duration, 4), **fields)

    def _judge(self, report: pytest.TestReport) -> tuple[records.Outcome, str]:
        text = ""
        if report.longrepr is not None:
            crash = getattr(report.longrepr, "reprcrash", None)
            text = str(crash.message if crash else report.longrepr).strip()
            if isinstance(report.longrepr, tuple):
                text = str(report.longrepr[2])
        expected_failure = hasattr(report, "wasxfail")
        if report.skipped:
            return ("xfailed", str(getattr(report, "wasxfail", text))) if expected_failure else ("skipped", text[:2000])
        if report.failed:
            if "[XPASS(strict)]" in text:
                return "xpassed", text[:2000]
            return ("failed" if report.when == "call" else "error"), text[:2000]
        return ("xpassed", "") if expected_failure and report.when == "call" else ("passed", "")

    def finish(self, exit_code: int) -> None:
        """Appends the record. A record that cannot be written is said, and does not change the verdict."""
        prepared = self.prepared
        commit, branch, dirty = revision(prepared.source)
        now = datetime.now(UTC)
        retries = self.config.stash.get(RETRIES, [])
        packages = {**prepared.tools.versions, **prepared.image.versions}
        run = records.Run(
            id=records.new_id(self.started),
            suite=self.suite,
            started=self.started,
            duration_s=round((now - self.started).total_seconds(), 3),
            exit_code=int(exit_code),
            command=prepared.command,
            environment=records.Environment(
                host=describe_host(),
                provider="qemu",
                acceleration=prepared.acceleration.accel,
                acceleration_reason=prepared.acceleration.reason,
                speed_factor=speed.factor(),
                kernel_flavour=prepared.kernel.flavour,
                kernel_release=prepared.kernel.release,
            ),
            revision=records.Revision(commit, branch, dirty),
            dut=str(self.config.getoption("--dut", default="") or ""),
            versions={name: packages[name] for name in sorted(_NOTED & packages.keys())},
            hashes={
                "tools": prepared.tools.key,
                "kernel": prepared.kernel.key,
                "module": prepared.module.key,
                "image": prepared.image.key,
            },
            drift=prepared.drift,
            retries=[records.Retry(what, reason) for what, reason in retries],
            tests=list(self.tests.values()),
            logs=str(prepared.run_dir),
            figures=self.figures,
            comparisons=self.comparisons,
            not_measured=self.not_measured,
            environments=self.environments,
            verdict=self.verdict,
            configurations=self.configurations,
        )
        try:
            self.written = records.append(run)
        except (OSError, records.RecordError) as error:
            self.failure = str(error)


_RANK: tuple[records.Outcome, ...] = ("passed", "xfailed", "skipped", "xpassed", "flaky", "failed", "error")
_NOTED = frozenset({"qemu-system-x86", "gcc-14", "nginx", "curl", "wrk", "haproxy", "openssl", "python3.13", "libc6"})


def recorder(config: pytest.Config) -> Recorder | None:
    """The recorder of this run; None where nothing is recorded."""
    return config.stash.get(_RECORDER, None)


def suite_name(config: pytest.Config) -> str:
    """`functional` for suites/functional and everything below it; `tests` for the unit tests."""
    chosen = Path(str(config.args[0]).split("::")[0]) if config.args else Path("tests")
    parts = chosen.parts
    if "suites" in parts and parts.index("suites") + 1 < len(parts):
        return parts[parts.index("suites") + 1]
    return "tests" if "tests" in parts else chosen.stem or "run"


def pytest_configure(config: pytest.Config) -> None:
    """Records only runs that the lab prepared; a bare `pytest` leaves no trace."""
    if PREPARED in os.environ and not config.option.collectonly:
        config.stash[_RECORDER] = Recorder(config, Prepared.load())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Hands each phase to the recorder of this session."""
    if _active is not None:
        _active.add(report)


_active: Recorder | None = None


def pytest_sessionstart(session: pytest.Session) -> None:
    """Makes this session's recorder the one that reports go to."""
    global _active
    _active = session.config.stash.get(_RECORDER, None)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Writes the record, with the exit status that the process will really have."""
    if recorder := session.config.stash.get(_RECORDER, None):
        recorder.finish(int(session.exitstatus) if session.exitstatus else int(exitstatus))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says where the record and the logs are."""
    recorder = config.stash.get(_RECORDER, None)
    if recorder is None:
        return
    terminalreporter.section("record")
    if recorder.written:
        terminalreporter.write_line(f"record  {recorder.written}")
    if recorder.failure:
        terminalreporter.write_line(f"record NOT written: {recorder.failure}", red=True)
    terminalreporter.write_line(f"logs    {recorder.prepared.run_dir}")
    terminalreporter.write_line(f"show    {sys.executable} -m results show")
