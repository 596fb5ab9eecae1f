"""Whose crash is it: watches the machines of a test run, interrupts the test that owns a crash, and settles the matter.

One `Guard` a run. The watching threads hand it crashes; while a test is armed the main thread, however deeply blocked,
gets a signal and raises GuestCrash there. After each phase of a test the plugin calls `settle`, which names the crash,
writes its bundle and puts the machine back to its snapshot, so that the run goes on.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import _pytest
import pluggy

from lab import bundle, leaks
from lab.agent import AgentLost, AgentSilent
from lab.bundle import Subject
from lab.crash import Crash, Kind, from_event, from_samples
from lab.deadline import Deadline
from lab.errors import DeadlineExpired, GuestCrash, InfrastructureError, LabError, ProductFailure
from lab.machine import CommandTimeout, Machine
from lab.symbols import Symbols
from lab.watch import Watcher

if TYPE_CHECKING:
    from lab.run import Prepared

SIGNAL = signal.SIGUSR1
TAINTED = "/proc/sys/kernel/tainted"
POSTPONED_S = 0.02
# pytest and its hooks must not be cut in two: the signal waits until the test's own code, or what it calls, runs.
UNTOUCHABLE = (
    *(str(Path(module.__file__ or "").resolve().parent) for module in (pluggy, _pytest)),
    *(__file__, str(Path(__file__).with_name("pytest_plugin.py")), contextlib.__file__),
)
# Where tasks sleep and CPUs run, twice: what does not move is stuck (Documentation/admin-guide/sysrq.rst: w, l).
ASK_WHERE = """
echo 1 >/proc/sys/kernel/sysrq
for sample in 1 2; do
    echo "lab: sample $sample" >/dev/kmsg
    echo w >/proc/sysrq-trigger
    echo l >/proc/sysrq-trigger
    sleep 1
done
dmesg
"""
EXPLANATION_S = 15.0  # how long the kernel's watchdogs may take to say why the guest is silent


class WatchedMachine(Protocol):
    """What the guard needs of a machine beside the Machine protocol."""

    @property
    def watcher(self) -> Watcher: ...


@dataclass
class _Watch:
    machine: Machine
    watcher: Watcher
    generation: int
    taint: int | None = None
    begun: list[tuple[float, str]] = field(default_factory=list)  # the guest's uptime, and the test that began then


@dataclass
class Guard:
    """Machines are attached as they start (`attach`, again for each generation)."""

    prepared: Prepared | None = None
    memory: bool = False
    crashes_of: dict[str, list[Crash]] = field(default_factory=dict)
    hz: int = 0  # of a kernel that can tell leaks; 0: it cannot
    _test: str = ""
    _closed: bool = False
    _watches: dict[str, _Watch] = field(default_factory=dict)
    _news: list[tuple[str, Crash]] = field(default_factory=list)
    _armed: bool = False
    _symbols: Symbols | None = None

    def __post_init__(self) -> None:
        if self.prepared is not None and self.prepared.kernel.has(leaks.OPTION):
            self.hz = int(self.prepared.kernel.option("HZ"))

    def install(self) -> Callable[[], None]:
        """Take the signal; call in the main thread. Returns what undoes it."""
        before = signal.signal(SIGNAL, self._on_signal)
        return lambda: (signal.signal(SIGNAL, before), None)[1]

    def attach(self, machine: Machine, watcher: Watcher) -> None:
        """Watch a machine that was just booted or restored."""
        known = self._watches.get(machine.name)
        if known is None or known.watcher is not watcher:
            name = machine.name
            watcher.subscribe(lambda crash: self._on_crash(name, crash))
        self._watches[machine.name] = _Watch(machine, watcher, machine.generation, _read_taint(machine))
        self._note_begin(self._watches[machine.name])

    def begins(self, test: str) -> None:
        """This test runs from now on: what its time takes of the guests' memory is its own."""
        self._test = test
        for watch in self._watches.values():
            self._note_begin(watch)

    def _note_begin(self, watch: _Watch) -> None:
        if self.hz and watch.machine.generation == watch.generation:
            with contextlib.suppress(LabError, ProductFailure, OSError):
                watch.begun.append((leaks.uptime(watch.machine), self._test))

    def close(self) -> None:
        """The machines are about to be ended for good: a crash is still told, but nothing is restored any more."""
        self._closed = True

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        """While this is open a crash interrupts the main thread."""
        self._armed = True
        try:
            if self._news:
                self._kick_later()
            yield
        finally:
            self._armed = False

    @contextlib.contextmanager
    def disarmed(self) -> Iterator[None]:
        """While this is open a crash waits for `settle`."""
        before, self._armed = self._armed, False
        try:
            yield
        finally:
            self._armed = before
            if self._news and before:
                self._kick_later()

    def _on_crash(self, name: str, crash: Crash) -> None:
        self._news.append((name, crash))
        self._kick()

    def _kick(self) -> None:
        if self._armed:
            signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)

    def _kick_later(self) -> None:
        timer = threading.Timer(POSTPONED_S, self._kick)
        timer.daemon = True
        timer.start()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        __tracebackhide__ = True
        del number
        if not self._armed or not self._news:
            return
        if frame is not None and frame.f_code.co_filename.startswith(UNTOUCHABLE):
            self._kick_later()
            return
        self._armed = False
        raise GuestCrash([crash for _, crash in self._news], machine=self._news[0][0])

    def settle(self, subject: Subject, *, error: BaseException | None = None, taint: bool = False) -> GuestCrash | None:
        """Whether a machine crashed since the last call, the `error` of the test at hand: the GuestCrash to fail with.

        Writes the bundles and restores each machine concerned. With `taint` the guest is asked for its taint. Raises
        InfrastructureError if a machine cannot be brought back.
        """
        found: list[tuple[_Watch, Crash]] = []
        for watch in list(self._watches.values()):
            found += [(watch, crash) for crash in self._look(watch, error, taint=taint)]
        self._news.clear()
        if not found:
            return None
        first, _ = found[0]
        stacks = {crash.fingerprint: self._stack(crash) for _, crash in found}
        folder = self._bundle(first, found[0][1], stacks[found[0][1].fingerprint], subject)
        for watch in {id(watch): watch for watch, _ in found}.values():
            self.crashes_of.setdefault(subject.test, []).extend(crash for owner, crash in found if owner is watch)
            if not self._closed:
                _bring_back(watch.machine)
        crash = found[0][1]
        lines = [stacks[crash.fingerprint] or "  (the report has no stack)"]
        if self.prepared is not None:
            lines.append(f"reproduce: {bundle.reproduce_command(subject, self.prepared.kernel.flavour)}")
        return GuestCrash([c for _, c in found], machine=first.machine.name, bundle=folder, note="\n".join(lines))

    def find_leaks(self, subject_of: Callable[[str], Subject]) -> list[tuple[str, GuestCrash]]:
        """Ask every guest that can tell for leaked memory: owners, "" if unknown, and what each is to fail with.

        Call disarmed. A guest that leaked is restored. Raises GuestCrash when the guest does not survive the question.
        """
        found: list[tuple[str, GuestCrash]] = []
        for watch in list(self._watches.values()):
            if not self.hz or self._closed or watch.machine.generation != watch.generation:
                continue
            clock = leaks.scan(watch.machine, self.hz)
            of_owner: dict[str, list[Crash]] = {}
            for leak in leaks.told(_distinct(watch.watcher.settle())):
                of_owner.setdefault(leaks.owner(leak, clock, watch.begun), []).append(leak)
            for owner, crashes in of_owner.items():
                stack = self._stack(crashes[0])
                folder = self._bundle(watch, crashes[0], stack, subject_of(owner))
                self.crashes_of.setdefault(owner, []).extend(crashes)
                found.append((owner, GuestCrash(crashes, machine=watch.machine.name, bundle=folder, note=stack)))
            if of_owner:
                self._news.clear()
                _bring_back(watch.machine)
        return found

    def _look(self, watch: _Watch, error: BaseException | None, *, taint: bool) -> list[Crash]:
        if watch.machine.generation != watch.generation:
            return []
        crashes = watch.watcher.settle()
        if crashes:
            return _distinct(crashes)
        if isinstance(error, AgentSilent | AgentLost):
            return self._explain(watch, str(error))
        if isinstance(error, CommandTimeout):
            return self._stuck(watch)
        if not taint or watch.taint is None or self._closed:
            return []
        try:
            now = _read_taint(watch.machine)
        except (AgentSilent, AgentLost) as silence:
            return self._explain(watch, str(silence))
        except GuestCrash as crash:
            return _distinct(watch.watcher.settle()) or list(crash.crashes)
        if now is not None:
            watch.watcher.taint(watch.taint, now)
            watch.taint = now
        return _distinct(watch.watcher.crashes)

    @staticmethod
    def _explain(watch: _Watch, silence: str) -> list[Crash]:
        """The guest answered once and does so no longer: the console should tell why, or else it hangs."""
        with contextlib.suppress(DeadlineExpired):
            Deadline(EXPLANATION_S).wait_for(lambda: watch.watcher.crashes, what="a reason on the console")
        return _distinct(watch.watcher.settle()) or [
            from_event(Kind.HANG, "the guest no longer answers", f"{silence}; its console tells of no crash")
        ]

    @staticmethod
    def _stuck(watch: _Watch) -> list[Crash]:
        """A command did not end though the guest answers: is it a task or a CPU that a module keeps in the kernel?"""
        try:
            said = watch.machine.run("sh", "-c", ASK_WHERE, timeout=10.0).stdout
        except (LabError, ProductFailure) as error:
            return _distinct(watch.watcher.settle()) or [
                from_event(Kind.HANG, "the guest no longer answers", f"{error}; its console tells of no crash")
            ]
        _, *samples = said.split("lab: sample ")
        crash = from_samples(*samples[-2:]) if len(samples) >= 2 else None
        return [crash] if crash else []

    def _stack(self, crash: Crash) -> str:
        if not crash.frames:
            return ""
        if self._symbols is None:
            if self.prepared is None:
                return "\n".join(f"  {frame}" for frame in crash.frames if frame.reliable)
            made = self.prepared
            self._symbols = Symbols.of(made.tools, made.kernel, made.module, made.source)
        return self._symbols.stack(crash)

    def _bundle(self, watch: _Watch, crash: Crash, stack: str, subject: Subject) -> Path | None:
        if self.prepared is None:
            return None
        return bundle.write(
            self.prepared.run_dir / "bundles",
            crash,
            stack=stack,
            subject=subject,
            prepared=self.prepared,
            machine=watch.machine,
            memory=self.memory,
        )


def _distinct(crashes: list[Crash]) -> list[Crash]:
    return list({crash.fingerprint: crash for crash in reversed(crashes)}.values())[::-1]


def _read_taint(machine: Machine) -> int | None:
    try:
        return int(machine.get(TAINTED).decode())
    except (OSError, ValueError):
        return None


def _bring_back(machine: Machine) -> None:
    """Back to the snapshot; a cold boot if that fails."""
    try:
        machine.restore()
    except (LabError, ProductFailure) as first:
        try:
            machine.reboot()
        except (LabError, ProductFailure) as second:
            raise InfrastructureError(
                f"{machine.name} could not be brought back after a crash: restore: {first}; boot: {second}",
                hint="its console and QEMU's messages are in the run's folder",
            ) from second
