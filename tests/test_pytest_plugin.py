"""Owners, causes, exit codes: the plugin in a pytest of its own, with a machine whose console the inner tests write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.errors import ExitCode

FIXTURES = Path(__file__).parent / "fixtures" / "crashes"

# A machine without a guest: its console is a file, its kernel's taint a number, and it is restored by counting.
CONFTEST = f"""
from pathlib import Path
from types import SimpleNamespace
import pytest
from lab.deadline import Deadline
from lab.pytest_plugin import GUARD
from lab.watch import Watcher

FIXTURES = Path({str(FIXTURES)!r})

class Guest:
    name = "guest"

    def __init__(self, console):
        self.console, self.console_start, self.generation, self.tainted = console, 0, 1, 0
        self.uptime, self.leaked, self.slow = 0, None, False
        self.on_start = lambda machine: None
        console.touch()
        self.watcher = Watcher(console).start()

    def crash(self, kind):
        with self.console.open("a") as file:
            file.write((FIXTURES / f"{{kind}}.txt").read_text())

    def get(self, path):
        if path == "/proc/uptime":
            return f"{{self.uptime}} 0.00".encode()
        assert path == "/proc/sys/kernel/tainted"
        return str(self.tainted).encode()

    def run(self, *argv, timeout):
        # A scan for leaks, 20 s after the start, then the clocks. A leak that a test asked for is found once.
        if argv[0] == "grep":
            return SimpleNamespace(stdout="now at 20000000000 nsecs\\njiffies: 10000\\n")
        leaked, self.leaked = self.leaked, None
        if leaked is not None:
            text = (FIXTURES / "kmemleak_verbose.txt").read_text().replace("4294682103", str(5_000 + 250 * leaked))
            leak, number = text.splitlines(keepends=True)[:-1], text.splitlines(keepends=True)[-1]
            with self.console.open("a") as file:
                file.writelines(leak)
                file.flush()
                if self.slow:  # the scan goes on for longer than a report may be silent
                    Deadline(10).wait_for(lambda: self.watcher.crashes)
                file.write(number)
        return SimpleNamespace(stdout="")

    def restore(self):
        self.generation += 1
        self.tainted = 0
        self.console_start = self.console.stat().st_size
        self.watcher.new_generation()
        self.on_start(self)

@pytest.fixture(scope="session")
def lab(pytestconfig, tmp_path_factory):
    made = Guest(tmp_path_factory.mktemp("guest") / "console.log")
    guard = pytestconfig.stash[GUARD]
    made.on_start = lambda machine: guard.attach(machine, machine.watcher)
    made.on_start(made)
    yield made
    guard.close()
    made.watcher.stop()
    made.restore = lambda: pytest.fail("restored after the end")

@pytest.fixture
def machine(lab):
    return lab

def pytest_runtest_logreport(report):
    import json, os
    if report.failed:
        with open("reports.jsonl", "a") as file:
            properties = dict(report.user_properties)
            sections = [name for name, _ in report.sections]
            file.write(json.dumps([report.nodeid.split("::")[-1], report.when, properties, sections]) + "\\n")
"""


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A pytest with the plugin, outside of any lab."""
    monkeypatch.delenv("WEIR_PREPARED", raising=False)
    root = Path(__file__).parent.parent
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)
    return pytester


def run(inner: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    inner.makepyfile(source)
    return inner.runpytest_subprocess("-p", "lab.pytest_plugin", "-p", "no:cacheprovider", *options, timeout=60)


def reports(inner: pytest.Pytester) -> list[tuple[str, str, dict[str, str], list[str]]]:
    return [tuple(json.loads(line)) for line in (inner.path / "reports.jsonl").read_text().splitlines()]


def test_crash_fails_its_owner_and_the_run_goes_on(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        def test_before(machine):
            assert machine.generation == 1

        def test_owner(machine):
            machine.crash("warn")

        def test_after(machine):
            assert machine.generation == 2
        """,
    )
    result.assert_outcomes(passed=2, failed=1)
    assert result.ret == ExitCode.PRODUCT_FAILURE
    ((test, phase, properties, sections),) = reports(inner)
    assert (test, phase) == ("test_owner", "call")
    assert properties["cause"] == "product"
    assert properties["fingerprint"].startswith("WARN-weir_crash_warn-")
    assert "kernel report: WARN" in sections
    result.stdout.fnmatch_lines(["*GuestCrash: WARN on guest:*asked to warn*", "*weir_crash_warn+0x15/0x20*"])


def test_blocked_test_is_interrupted_at_once(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        import threading, time

        def test_blocked_in_a_lock(machine):
            threading.Timer(0.2, machine.crash, ["panic"]).start()
            threading.Event().wait(50)

        def test_blocked_in_a_system_call(machine):
            import socket
            threading.Timer(0.2, machine.crash, ["oops"]).start()
            ours, theirs = socket.socketpair()
            ours.recv(1)

        def test_busy(machine):
            threading.Timer(0.2, machine.crash, ["bug"]).start()
            until = time.monotonic() + 50
            while time.monotonic() < until:
                pass
        """,
        "--durations=0",
    )
    result.assert_outcomes(failed=3)
    assert result.duration < 45
    prints = [properties["fingerprint"].split("-")[0] for _, _, properties, _ in reports(inner)]
    assert prints == ["panic", "oops", "BUG"]


def test_traceback_shows_where_the_author_was(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        import threading

        def test_author(machine):
            threading.Timer(0.2, machine.crash, ["oops"]).start()
            threading.Event().wait(50)  # the author's line
        """,
    )
    result.stdout.fnmatch_lines(["*the author's line*"])
    result.stdout.no_fnmatch_line("*guard.py*")
    result.stdout.no_fnmatch_line("*_guarded*")


def test_crash_in_set_up_and_tear_down_has_an_owner(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        import pytest

        @pytest.fixture
        def crashing_set_up(machine):
            machine.crash("warn")

        @pytest.fixture
        def crashing_tear_down(machine):
            yield
            machine.crash("refcount")

        def test_first(crashing_set_up):
            pass

        def test_second(crashing_tear_down):
            pass

        def test_third(machine):
            assert machine.generation == 3
        """,
    )
    result.assert_outcomes(passed=2, errors=2)
    assert [(test, phase) for test, phase, _, _ in reports(inner)] == [
        ("test_first", "setup"),
        ("test_second", "teardown"),
    ]


def test_tear_down_that_stumbles_over_the_fresh_machine_is_no_news(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        import pytest

        @pytest.fixture
        def module(machine):
            generation = machine.generation
            yield
            assert machine.generation == generation, "the module is gone"

        def test_crashes(module, machine):
            machine.crash("oops")
        """,
    )
    result.assert_outcomes(failed=1)


def test_crash_at_the_very_end_belongs_to_the_last_test(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        import pytest

        @pytest.fixture(scope="session")
        def device(lab):
            yield
            lab.crash("warn")

        def test_first(device):
            pass

        def test_last(device):
            pass
        """,
    )
    result.assert_outcomes(passed=2, errors=1)
    ((test, phase, properties, _),) = reports(inner)
    assert (test, phase) == ("test_last", "teardown")
    assert properties["fingerprint"].startswith("WARN-weir_crash_warn-")
    result.stdout.no_fnmatch_line("*restored after the end*")


def test_taint_without_a_word_on_the_console(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        def test_tainter(machine):
            machine.tainted = 1 << 6

        def test_lawful(machine):
            machine.tainted = (1 << 12) | (1 << 13)

        def test_still_lawful(machine):
            assert machine.tainted
        """,
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*taint on guest: kernel tainted: [[]U] taint requested by user space*"])


def test_killed_qemu(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        import threading

        def test_blocked(machine):
            threading.Timer(0.2, machine.watcher.qemu_exited, [-9]).start()
            threading.Event().wait(50)
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*QEMU gone on guest: QEMU was killed by signal 9*"])


def test_infrastructure_failure_is_a_kind_of_its_own(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        from lab.errors import InfrastructureError

        def test_lab_breaks():
            raise InfrastructureError("the relay died", hint="start it again")

        def test_fine():
            pass
        """,
    )
    assert result.ret == ExitCode.INFRASTRUCTURE_FAILURE
    result.stdout.fnmatch_lines(
        ["*INFRASTRUCTURE FAILURES (they say nothing about*", "*the relay died*", "*hint: start it again*"]
    )
    assert result.parseoutcomes() == {"infrastructure": 1, "passed": 1}
    assert reports(inner)[0][2]["cause"] == "infrastructure"


def test_product_failure_wins(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        from lab.errors import InfrastructureError

        def test_lab_breaks():
            raise InfrastructureError("the relay died")

        def test_product_breaks():
            assert 1 == 2
        """,
    )
    assert result.ret == ExitCode.PRODUCT_FAILURE
    assert [properties["cause"] for _, _, properties, _ in reports(inner)] == ["infrastructure", "product"]


def test_deadline_that_expires_in_a_test_is_the_products_fault(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        from lab.deadline import Deadline

        def test_waits():
            Deadline(0.1, scale=False).wait_for(lambda: False, what="a counter to move")
        """,
    )
    assert result.ret == ExitCode.PRODUCT_FAILURE
    result.stdout.fnmatch_lines(["*in vain for: a counter to move*"])


def test_broken_lab_stops_the_run(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        import pytest
        from lab.errors import InfrastructureError

        @pytest.fixture
        def booted(lab):
            raise InfrastructureError("the guest does not boot")

        @pytest.mark.parametrize("number", range(5))
        def test_needs_it(booted, number):
            pass
        """,
    )
    assert result.ret == ExitCode.INFRASTRUCTURE_FAILURE
    assert len(reports(inner)) == 1


def test_host_requirement_has_its_own_status(inner: pytest.Pytester) -> None:
    result = run(
        inner,
        """
        from lab.errors import HostError

        def test_needs_tun():
            raise HostError("no /dev/net/tun")
        """,
    )
    assert result.ret == ExitCode.HOST_REQUIREMENT


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("def test_a(): pass", ExitCode.PASSED),
        ("", ExitCode.NO_TESTS),
        ("import nothing_like_this", ExitCode.INTERRUPTED),
    ],
)
def test_other_statuses_are_pytests(inner: pytest.Pytester, source: str, status: ExitCode) -> None:
    assert run(inner, source).ret == status


@pytest.mark.parametrize("slow", [False, True], ids=["at-once", "slowly"])
def test_leak_fails_the_test_that_took_the_memory(inner: pytest.Pytester, slow: bool) -> None:
    """Found when all tests have run; each of them began at an uptime of the guest's."""
    result = run(
        inner,
        f"""
        import pytest
        from lab.pytest_plugin import GUARD

        @pytest.fixture(autouse=True, scope="session")
        def leaks_can_be_told(pytestconfig):
            pytestconfig.stash[GUARD].hz = 250

        def test_before(machine):
            machine.slow = {slow}
            machine.uptime = 5

        def test_owner(machine):
            machine.leaked = 7
            machine.uptime = 9

        def test_after(machine):
            assert machine.generation == 1
        """,
    )
    result.assert_outcomes(passed=3, errors=1)
    assert result.ret == ExitCode.PRODUCT_FAILURE
    ((test, phase, properties, sections),) = reports(inner)
    assert (test, phase) == ("test_owner", "teardown")
    assert properties["cause"] == "product"
    assert properties["fingerprint"].startswith("kmemleak-weir_crash_leak-")
    assert "kernel report: kmemleak" in sections
