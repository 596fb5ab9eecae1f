"""A test that fails while the host stands still is run again; one that fails otherwise is not."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from lab.errors import ExitCode
from lab.stalls import Stalls

# What the inner tests have: a stall of the process that watches, which to it is as if the host had stood still.
CONFTEST = """
import os, signal, time
import pytest
from lab.repeats import STALLS

@pytest.fixture
def stall(pytestconfig):
    def stall(seconds):
        stalls = pytestconfig.stash[STALLS]
        os.kill(stalls.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(stalls.pid, signal.SIGCONT)
        stalls.longest(0, 0)  # it has gone on once that is answered

    return stall

def pytest_runtest_logreport(report):
    with open("reports", "a") as file:
        file.write(f"{report.nodeid.split('::')[-1]} {report.when} {report.outcome}\\n")
"""


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A pytest with the plugins, outside of any lab."""
    monkeypatch.delenv("WEIR_PREPARED", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)
    return pytester


def run(inner: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    inner.makepyfile(source)
    plugins = ("-p", "lab.pytest_plugin", "-p", "lab.repeats", "-p", "no:cacheprovider")
    return inner.runpytest_subprocess(*plugins, *options, timeout=60)


def told(inner: pytest.Pytester) -> list[str]:
    return (inner.path / "reports").read_text().splitlines()


def test_failure_in_a_stall_is_forgotten_if_the_test_then_passes(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        tries = []

        def test_hurried(stall):
            tries.append(1)
            if len(tries) == 1:
                stall(0.5)
            assert len(tries) == 2, "too late"
        """,
    )
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    assert told(inner) == [f"test_hurried {phase} passed" for phase in ("setup", "call", "teardown")]
    result.stdout.fnmatch_lines(
        ["*repeated by the lab*", "test *::test_hurried: failed after * the host stood still for 0.*: *too late*"]
    )


def test_failure_without_a_stall_counts_at_once(inner: pytest.Pytester) -> None:
    """And so does one in a stall that is too short: far too short here, for the host's own come on top."""
    result = run(
        inner,
        """
        from lab import repeats
        repeats.ENOUGH_S = 1.2

        tries = []

        def test_wrong(stall):
            tries.append(1)
            stall(0.12)
            assert len(tries) == 2
        """,
    )
    result.assert_outcomes(failed=1)
    assert result.ret == ExitCode.PRODUCT_FAILURE
    result.stdout.no_fnmatch_line("*repeated by the lab*")


def test_stall_before_the_test_excuses_nothing(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        tries = []

        def test_first(stall):
            stall(0.5)

        def test_wrong():
            tries.append(1)
            assert len(tries) == 2
        """,
    )
    result.assert_outcomes(passed=1, failed=1)


def test_many_short_stalls_excuse_nothing(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        from lab import repeats
        repeats.ENOUGH_S = 1.2  # more than any of them with one of the host's own, less than all of them

        tries = []

        def test_wrong(stall):
            tries.append(1)
            for _ in range(9):
                stall(0.15)
            assert len(tries) == 2
        """,
    )
    result.assert_outcomes(failed=1)


def test_what_fails_each_time_has_failed(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        tries = []

        def test_wrong(stall):
            tries.append(1)
            stall(0.4)
            print("tries:", len(tries))
            assert False

        def test_next():
            assert len(tries) == 3
        """,
    )
    result.assert_outcomes(failed=1, passed=1)
    assert result.ret == ExitCode.PRODUCT_FAILURE
    assert [line for line in told(inner) if "failed" in line] == ["test_wrong call failed"]


def test_a_run_has_an_end_of_excuses(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        import pytest
        from lab import repeats
        repeats.REPEATS_OF_RUN = 3

        tries = []

        @pytest.mark.parametrize("number", range(3))
        def test_wrong(stall, number):
            tries.append(number)
            stall(0.4)
            assert False

        def test_tries():
            assert tries == [0, 0, 0, 1, 1, 2]
        """,
    )
    result.assert_outcomes(failed=3, passed=1)


@pytest.mark.parametrize(("there", "outcome"), [(False, {"passed": 1}), (True, {"failed": 1})], ids=["gone", "there"])
def test_crash_by_a_breakpoint_that_is_not_in_memory_is_the_emulators(
    inner: pytest.Pytester, there: bool, outcome: dict[str, int]
) -> None:
    report = (Path(__file__).parent / "fixtures" / "crashes" / "int3_not_there.txt").read_text()
    if there:
        report = report.replace("f3 48 ab 0f <1f>", "f3 48 ab cc <1f>")
    inner.path.joinpath("console").write_text(report)
    result = run(
        inner,
        """
        from lab.crash import scan
        from lab.errors import GuestCrash

        tries = []

        def test_crashes():
            tries.append(1)
            if len(tries) == 1:
                raise GuestCrash(scan(open("console").read()))
        """,
    )
    result.assert_outcomes(**outcome)
    if not there:
        result.stdout.fnmatch_lines(["*repeated by the lab*", "*the emulator ran code that was not there: *"])


def test_faults_of_the_lab_count_at_once(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        from lab.errors import InfrastructureError

        tries = []

        def test_wrong(stall):
            tries.append(1)
            stall(0.4)
            if len(tries) == 1:
                raise InfrastructureError("no lab")
        """,
    )
    assert result.ret == ExitCode.INFRASTRUCTURE_FAILURE
    result.stdout.no_fnmatch_line("*repeated by the lab*")


def test_repeats_can_be_turned_off(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        from lab.repeats import STALLS

        def test_nobody_watches(pytestconfig):
            assert STALLS not in pytestconfig.stash
        """,
        "--no-repeats",
    )
    result.assert_outcomes(passed=1)


def test_fixtures_are_made_anew(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        import pytest

        log = []

        @pytest.fixture
        def thing():
            log.append("made")
            yield log
            log.append("gone")

        def test_first(stall, thing):
            if thing.count("made") == 1:
                stall(0.4)
                assert False
            assert log == ["made", "gone", "made"]
        """,
    )
    result.assert_outcomes(passed=1)


def test_longest_stall_is_told() -> None:
    with Stalls() as stalls:
        asked = time.monotonic()
        own = stalls.longest(asked - 10, asked)  # of the host itself, which is none mostly
        began = time.monotonic()
        os.kill(stalls.pid, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(stalls.pid, signal.SIGCONT)
        ended = time.monotonic()
        assert 0.4 < stalls.longest(began, ended) <= ended - began
        assert 0.1 < stalls.longest(began, began + 0.25) <= 0.25
        assert stalls.longest(asked - 10, asked) == own
