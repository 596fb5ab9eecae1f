"""pytest in the lab: fixtures `lab` and `machine`, owners of crashes, and exit codes that tell whose fault it was.

Loaded by `lab run` (-p lab.pytest_plugin). What a test's report says beyond pytest's own, in `user_properties`:
`cause` ("product" or "infrastructure"), `fingerprint` and `bundle` of a crash. Attempts of the infrastructure that
failed and were repeated are on `config.stash[RETRIES]`.
"""

from __future__ import annotations

import itertools
import os
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from lab.bundle import Subject
from lab.errors import DeadlineExpired, ExitCode, GuestCrash, HostError, InfrastructureError, LabError, ProductFailure
from lab.guard import Guard
from lab.link import Link
from lab.machine import BootFailure, Machine
from lab.run import PREPARED, Prepared
from lab.session import Lab

if TYPE_CHECKING:
    from lab.kernel import Kernel
    from lab.qemu_machine import QemuMachine

RETRIES = pytest.StashKey[list[tuple[str, str]]]()
"""Repeated attempts of the infrastructure: what, and why the attempt failed."""

BUNDLE_FILES = pytest.StashKey[dict[str, Callable[[], str]]]()
"""On an item: files that a suite wants in the bundle if the test crashes the guest: what makes their text, by name."""

GUARD = pytest.StashKey[Guard]()
CAUSES = pytest.StashKey[list[str]]()
"""Whose fault each failure was: "product", "infrastructure" or "host". It makes the exit status."""

_UNDO = pytest.StashKey[Callable[[], None]]()
_CRASHED = pytest.StashKey[GuestCrash]()

BOOT_RETRIES = {"distro": 2}  # kernels that others vouch for; one of our own that does not boot is looked into
EMULATOR_RETRIES = 2  # QEMU itself aborted (10.0.13 does, in about one boot of a hundred): no kernel's fault
PLUMBING = Path(__file__).resolve().parent


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("weir lab")
    group.addoption("--kernel", default=None, help="kernel flavour; `lab run` has prepared it by now")
    group.addoption("--memory-dump", action="store_true", help="a crash's bundle holds the guest's memory")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(option): skipped, and counted, on a kernel without CONFIG_<option>")
    prepared = Prepared.load() if PREPARED in os.environ else None
    config.stash[GUARD] = Guard(prepared=prepared, memory=config.getoption("--memory-dump"))
    config.stash[RETRIES] = []
    config.stash[CAUSES] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    prepared = config.stash[GUARD].prepared
    if prepared is None:
        return
    kernel = prepared.kernel
    for item in items:
        for mark in item.iter_markers("needs"):
            if not kernel.has(mark.args[0]):
                item.add_marker(pytest.mark.skip(reason=f"the kernel {kernel.flavour} has no CONFIG_{mark.args[0]}"))


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_UNDO] = session.config.stash[GUARD].install()


class WatchedLab(Lab):
    """A lab whose machines are guarded, and whose boot failures are retried or judged."""

    config: pytest.Config

    def machine(
        self,
        name: str = "guest",
        *,
        append: str = "",
        kernel: tuple[Kernel, Path] | None = None,
        memory_mib: int = 0,
    ) -> QemuMachine:
        """As Lab.machine. A kernel of ours that does not boot where the distribution's does is a ProductFailure."""
        flavour = kernel[0].flavour if kernel else self.prepared.kernel.flavour
        for attempt in itertools.count():
            try:
                return super().machine(name, append=append, kernel=kernel, memory_mib=memory_mib)
            except BootFailure as error:
                if attempt >= (EMULATOR_RETRIES if error.emulator_died else BOOT_RETRIES.get(flavour, 0)):
                    if error.emulator_died:
                        raise
                    self._judge(name, append, flavour, error)
                self.config.stash[RETRIES].append((f"boot of {name} on {flavour}", str(error)))
        raise AssertionError("the loop returns or raises")

    def _judge(self, name: str, append: str, flavour: str, error: BootFailure) -> NoReturn:
        """Whose fault it is: the distribution's kernel decides between a kernel of ours and the lab."""
        distro = self.prepared.extra_kernels.get("distro")
        if flavour == "distro" or distro is None:
            raise error
        second = self.new_machine(f"{name}-distro", append=append, kernel=distro)
        try:
            second.start()
        except BootFailure as also:
            raise InfrastructureError(
                f"neither {flavour} nor distro boots, so the lab is at fault. {flavour}: {error}; distro: {also}",
                hint="python -m lab doctor; consoles and QEMU's messages are in the run's folder",
            ) from error
        finally:
            second.stop()
        raise ProductFailure(f"kernel {flavour} does not boot where distro does: {error}") from error


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The lab of this run. Its machines boot when first asked for, and go back to their snapshot after a crash."""
    guard = pytestconfig.stash[GUARD]
    made = WatchedLab.from_environment()
    assert isinstance(made, WatchedLab)
    made.config = pytestconfig
    with made:
        made.on_start(lambda machine: guard.attach(machine, machine.watcher))
        yield made
        with guard.disarmed():
            _tell_leaks(request.session)
        guard.close()


@pytest.fixture
def machine(lab: Lab) -> Machine:
    """The guest. Whatever a test leaves in it the next one finds, unless it crashed: then it is fresh."""
    return lab.machine()


@pytest.fixture
def link(lab: Lab) -> Iterator[Link]:
    """The guest's link; whatever the test made of it, the next one finds it as it was."""
    link = lab.link()
    yield link
    link.clear()


def _subject(item: pytest.Item) -> Subject:
    options = []
    dut = item.config.getoption("--dut", default=None)
    if dut not in (None, "weir"):
        options += ["--dut", str(dut)]
    return Subject(item.nodeid, options, item.stash.get(BUNDLE_FILES, {}))


def _guarded(item: pytest.Item, phase: str) -> Generator[None, Any, Any]:
    """Run a phase of a test with the guard up, and let its crash, if any, be the phase's outcome."""
    __tracebackhide__ = True
    guard = item.config.stash[GUARD]
    error: BaseException | None = None
    outcome: Any = None
    try:
        with guard.armed():
            outcome = yield
    except BaseException as raised:  # noqa: BLE001 - everything is raised again below, or explained by a crash
        error = raised
    if isinstance(error, KeyboardInterrupt | SystemExit | pytest.exit.Exception):
        raise error
    crash = guard.settle(
        _subject(item), error=error, taint=phase == "call" and "lab" in getattr(item, "fixturenames", ())
    )
    if crash is not None:
        item.stash[_CRASHED] = crash
        where = error.__traceback__ if error is not None else None
        raise crash.with_traceback(_authors(crash, where, item)) from (None if isinstance(error, GuestCrash) else error)
    if error is None:
        return outcome
    if phase == "teardown" and _CRASHED in item.stash and not isinstance(error, LabError):
        # The machine was put back under the fixtures' feet; that they stumble is no news.
        item.add_report_section(phase, "after the crash", "".join(traceback.format_exception(error)))
        return outcome
    raise error.with_traceback(_authors(error, error.__traceback__, item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    item.config.stash[GUARD].begins(item.nodeid)
    return (yield from _guarded(item, "setup"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    return (yield from _guarded(item, "call"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
    if nextitem is None:
        _tell_leaks(item.session)  # while the modules are loaded, so that their functions have names
    return (yield from _guarded(item, "teardown"))


def _tell_leaks(session: pytest.Session) -> None:
    """Fail the tests in whose time memory was taken that nothing points to any more. Asked when all have run."""
    items = {item.nodeid: item for item in session.items}

    def owner_of(test: str) -> pytest.Item:
        return items.get(test, session.items[-1])

    for test, crash in session.config.stash[GUARD].find_leaks(lambda test: _subject(owner_of(test))):
        item = owner_of(test)
        item.user_properties += _crash_properties(crash)
        session.config.stash[CAUSES].append("product")
        report = pytest.TestReport(
            item.nodeid,
            item.location,
            dict.fromkeys(item.keywords, 1),
            "failed",
            f"GuestCrash: {crash}" if test else f"GuestCrash, before the first test: {crash}",
            "teardown",
            [(f"kernel report: {leak.kind}", leak.text) for leak in crash.crashes[:3]],
            user_properties=list(item.user_properties),
        )
        session.config.hook.pytest_runtest_logreport(report=report)


def _crash_properties(crash: GuestCrash) -> list[tuple[str, object]]:
    return [
        ("cause", "product"),
        ("fingerprint", crash.crashes[0].fingerprint),
        ("bundle", str(crash.bundle or "")),
        ("of_the_emulator", all(each.of_the_emulator for each in crash.crashes)),
    ]


def _authors(error: BaseException, trace: TracebackType | None, item: pytest.Item) -> TracebackType | None:
    """The traceback of what the lab raised on purpose, down to the test author's last frame and no deeper."""
    if item.config.getoption("fulltrace", default=False) or not isinstance(error, LabError | ProductFailure):
        return trace
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    while frames and not _is_authors(Path(frames[-1].tb_frame.f_code.co_filename), item.config.rootpath):
        frames.pop()
    shown: TracebackType | None = None
    for entry in reversed(frames):
        shown = TracebackType(shown, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return shown


def _is_authors(file: Path, root: Path) -> bool:
    return file.is_relative_to(root) and file.parent != PLUMBING


def _cause(error: BaseException) -> str:
    """Whose fault an exception is. What the lab's own machinery says of itself is infrastructure, all else product."""
    if isinstance(error, LabError) and not isinstance(error, DeadlineExpired):
        return "infrastructure"
    return "product"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    error = call.excinfo.value if call.excinfo else None
    report = yield
    if not report.failed or error is None:
        return report
    properties: list[tuple[str, object]] = [("cause", _cause(error))]
    if isinstance(error, GuestCrash):
        properties = _crash_properties(error)
        report.sections += [(f"kernel report: {crash.kind}", crash.text) for crash in error.crashes[:3]]
    elif _cause(error) == "infrastructure" and not item.config.getoption("fulltrace", default=False):
        # The way through the lab's own frames tells the author of a test nothing; the message and its hint do.
        report.longrepr = f"{type(error).__name__}: {error}"
    item.user_properties += properties
    report.user_properties = list(item.user_properties)
    item.config.stash[CAUSES].append("host" if isinstance(error, HostError) else _cause(error))
    if isinstance(error, InfrastructureError | HostError) and report.when == "setup" and "lab" in _fixtures(item):
        # A machine that does not boot, or cannot be brought back, would fail every test that follows in the same way.
        item.session.shouldstop = "the lab is broken: " + str(error).splitlines()[0]
    return report


def _fixtures(item: pytest.Item) -> tuple[str, ...]:
    return tuple(getattr(item, "fixturenames", ()))


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, Any] | None:
    """Infrastructure failures are a kind of their own."""
    if report.failed and dict(getattr(report, "user_properties", ())).get("cause") == "infrastructure":
        return "infrastructure", "I", ("INFRASTRUCTURE", {"yellow": True})
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reports = terminalreporter.stats.get("infrastructure", [])
    if reports:
        terminalreporter.section("INFRASTRUCTURE FAILURES (they say nothing about the device under test)", yellow=True)
        for report in reports:
            terminalreporter.write_line(f"{report.nodeid} ({report.when})", yellow=True, bold=True)
            report.toterminal(terminalreporter._tw)
    retries = config.stash[RETRIES]
    if retries:
        terminalreporter.section("repeated by the lab")
        for what, why in retries:
            terminalreporter.write_line(f"{what}: {why.splitlines()[0]}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Exit status: a product failure wins over an infrastructure failure, which wins over a pass."""
    causes = session.config.stash[CAUSES]
    if "product" in causes:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    elif "infrastructure" in causes:
        session.exitstatus = int(ExitCode.INFRASTRUCTURE_FAILURE)
    elif "host" in causes:
        session.exitstatus = int(ExitCode.HOST_REQUIREMENT)


def pytest_unconfigure(config: pytest.Config) -> None:
    undo = config.stash.get(_UNDO, None)
    if undo is not None:
        undo()
