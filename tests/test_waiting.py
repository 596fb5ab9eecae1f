"""Deadlines, the host's speed, what is remembered of it, and the errors' exit codes."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from lab import guest_speed, hostfacts, pressure, speed
from lab.crash import Kind, from_event
from lab.deadline import Deadline
from lab.errors import (
    DeadlineExpired,
    ExitCode,
    GuestCrash,
    HostError,
    InfrastructureError,
    LabError,
    ProductFailure,
    UsageError,
)
from lab.machine import Result


def test_condition_that_comes_true() -> None:
    answers = iter([0, None, "", "here"])
    assert Deadline(5).wait_for(lambda: next(answers), interval=0.001) == "here"


def test_condition_that_does_not() -> None:
    with pytest.raises(DeadlineExpired, match=r"waited 0\.1 s in vain for: a connection \(last answer: 0\)"):
        Deadline(0.1, scale=False).wait_for(lambda: 0, interval=0.01, what="a connection")


def test_condition_is_named_by_its_function() -> None:
    def port_is_open() -> bool:
        return False

    with pytest.raises(DeadlineExpired, match="port_is_open"):
        Deadline(0, scale=False).wait_for(port_is_open)


def test_condition_is_asked_once_more_when_time_is_up() -> None:
    # A scheduler that wakes the waiter late must not fail what has come true meanwhile.
    calls = itertools.count()
    deadline = Deadline(0.02, scale=False)

    def late() -> bool:
        if next(calls) == 0:
            time.sleep(0.05)
            return False
        return True

    assert deadline.wait_for(late)


def busy(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """From now on tasks of this host wait for a CPU for `share` of the time."""
    began = time.monotonic()
    monkeypatch.setattr(pressure, "stalled", lambda: share * (time.monotonic() - began))
    monkeypatch.setenv(speed.VARIABLE, "1.0")


@pytest.mark.parametrize(("share", "lasts"), [(0.0, 0.1), (0.5, 0.2), (1.0, 0.4)])
def test_deadline_is_put_off_by_what_others_take_of_the_cpus(
    monkeypatch: pytest.MonkeyPatch, share: float, lasts: float
) -> None:
    busy(monkeypatch, share)
    deadline = Deadline(0.1)

    with pytest.raises(DeadlineExpired):
        deadline.wait_for(lambda: False, interval=0.005)

    assert lasts - 0.001 <= deadline.elapsed


def test_deadline_of_a_protocol_is_not_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    busy(monkeypatch, 1.0)
    deadline = Deadline(0.1, scale=False)

    time.sleep(0.101)

    assert deadline.expired


def test_pressure_counts_up_on_a_kernel_that_tells_it() -> None:
    if not pressure.PRESSURE.exists():
        pytest.skip("this kernel has no CONFIG_PSI")
    assert 0.0 < pressure.stalled() <= pressure.stalled()


def test_pressure_is_none_on_a_kernel_that_does_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pressure, "PRESSURE", tmp_path / "absent")
    assert pressure.stalled() == 0.0


def test_errors_of_the_condition_are_not_swallowed() -> None:
    def broken() -> bool:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        Deadline(5).wait_for(broken)


def test_remaining_and_expired() -> None:
    deadline = Deadline(0.05, scale=False)
    assert 0 < deadline.remaining <= 0.05
    assert not deadline.expired
    time.sleep(0.06)
    assert deadline.expired
    assert deadline.remaining == 0
    with pytest.raises(DeadlineExpired, match="the build did not finish"):
        deadline.check("the build")


def test_expired_deadline_is_a_timeout_error() -> None:
    assert issubclass(DeadlineExpired, TimeoutError)


def test_deadlines_scale_with_the_hosts_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(speed.VARIABLE, "3.5")
    assert Deadline(2).seconds == 7.0
    assert Deadline(2, scale=False).seconds == 2.0


@pytest.mark.parametrize(("given", "factor"), [("0.2", 1.0), ("2", 2.0), ("1000", speed.SLOWEST)])
def test_speed_is_kept_in_bounds(monkeypatch: pytest.MonkeyPatch, given: str, factor: float) -> None:
    monkeypatch.setenv(speed.VARIABLE, given)
    assert speed.factor() == factor


def test_speed_is_measured_quickly_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(speed.VARIABLE, raising=False)
    monkeypatch.setenv("WEIR_CACHE", str(tmp_path))
    monkeypatch.setattr(speed, "_memory", {})
    began = time.process_time()
    measured = speed.factor()
    assert time.process_time() - began < 0.9 * measured
    assert 1.0 <= measured <= speed.SLOWEST
    fact = hostfacts.recall("speed")
    assert fact is not None
    assert fact["factor"] == measured
    hostfacts.remember("speed", {"factor": 4.25})
    monkeypatch.setattr(speed, "_memory", {})
    assert speed.factor() == 4.25


class SlowGuest:
    """A guest whose emulator needs so many seconds for a piece of work, and more for the first."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.used = 10.0
        self.cold = 1.0

    @property
    def qemu(self) -> SlowGuest:
        return self

    def cpu_seconds(self) -> float:
        return self.used

    def run(self, *argv: str, timeout: float) -> Result:
        del timeout
        self.used += self.seconds + self.cold
        self.cold = 0.0
        return Result(argv, 0, "", "")


def test_a_slow_guest_stretches_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(speed.VARIABLE, "2")
    monkeypatch.setattr(speed, "_memory", {})
    speed.stretch(guest_speed.factor(SlowGuest(guest_speed.REFERENCE_S * 0.9)))
    assert speed.factor() == 2.0
    speed.stretch(guest_speed.factor(SlowGuest(guest_speed.REFERENCE_S * 4.5)))
    assert Deadline(10).seconds == 45.0
    speed.stretch(guest_speed.factor(SlowGuest(guest_speed.REFERENCE_S)))
    assert speed.factor() == 4.5


def test_facts_are_forgotten_with_the_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostfacts.remember("accel-1", {"accel": "tcg"}, root=tmp_path)
    assert hostfacts.recall("accel-1", root=tmp_path) == {"accel": "tcg"}
    assert hostfacts.recall_all("accel-", root=tmp_path) == [{"accel": "tcg"}]
    monkeypatch.setattr(hostfacts, "boot_id", lambda: "another-boot")
    assert hostfacts.recall("accel-1", root=tmp_path) is None
    assert hostfacts.recall_all("accel-", root=tmp_path) == []


def test_damaged_fact_is_no_fact(tmp_path: Path) -> None:
    hostfacts.remember("speed", {"factor": 1.0}, root=tmp_path)
    (file,) = tmp_path.rglob("speed.json")
    file.write_text("{")
    assert hostfacts.recall("speed", root=tmp_path) is None


def test_place_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "host").write_text("a file where a folder should be")
    hostfacts.remember("speed", {"factor": 1.0}, root=tmp_path)
    assert hostfacts.recall("speed", root=tmp_path) is None


def test_exit_codes_tell_whose_fault_it_was() -> None:
    assert [error.exit_code for error in (ProductFailure, InfrastructureError, HostError, UsageError)] == [
        ExitCode.PRODUCT_FAILURE,
        ExitCode.INFRASTRUCTURE_FAILURE,
        ExitCode.HOST_REQUIREMENT,
        ExitCode.USAGE_ERROR,
    ]
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 4, 5, 69, 70]


def test_hint_stands_beside_the_message() -> None:
    assert str(LabError("no disk space", hint="python -m lab gc")) == "no disk space\n  hint: python -m lab gc"
    assert str(LabError("no disk space")) == "no disk space"


def test_crash_is_told_with_its_bundle() -> None:
    crash = from_event(Kind.QEMU_GONE, "QEMU was killed by signal 9")
    text = str(GuestCrash([crash], machine="guest", bundle=Path("/b/1"), note="the note"))
    assert text.splitlines() == [
        f"QEMU gone on guest: QEMU was killed by signal 9 [{crash.fingerprint}]",
        "the note",
        "bundle: /b/1",
    ]
