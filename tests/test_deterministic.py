"""From counted windows to figures, and what stops a figure from being one."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab import counting
from lab.counting import CountingGuest
from lab.errors import GuestCrash, InfrastructureError, ProductFailure
from lab.profile import Profile
from results import environment
from results.figures import Figure
from suites.performance import deterministic
from suites.performance.deterministic import Cell, CountingInputs, Failure, Measured, figures_of, measure_all
from suites.performance.repeat import differences
from suites.performance.scenarios import SCENARIOS

CELL = Cell("get-keepalive-1k", "weir", "patched")
UNITS = SCENARIOS[CELL.scenario].units_per_part


def inputs(kernel: str = "k1") -> CountingInputs:
    """Only what figures and failures look at."""
    tools = SimpleNamespace(toolchain=lambda: {"gcc-14": "14.2", "make": "4.4"}, versions={}, key="t")
    count_tools = SimpleNamespace(versions={"qemu-system-x86": "7.2"})
    return cast(
        CountingInputs,
        SimpleNamespace(
            tools=tools, count_tools=count_tools, kernel=SimpleNamespace(key=kernel), image=SimpleNamespace(key="i")
        ),
    )


def window(module: int, kernel: int, user: int = 0, moved: int = 0) -> Profile:
    parts: Any = Counter({"module": module * UNITS, "kernel": kernel * UNITS, "user": user * UNITS})
    functions: Any = Counter(
        {("module", "weir_run"): module * UNITS, ("kernel", "tcp_ack"): kernel * UNITS, ("user", "nginx"): user * UNITS}
    )
    return Profile(parts, functions, moved * UNITS)


def by_metric(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.metric: figure for figure in figures}


def test_a_figure_is_the_median_window_and_its_parts_are_of_that_window() -> None:
    device = (window(10, 205), window(12, 88), window(11, 99, 1), window(10, 103), window(10, 101))
    measured = Measured(device, tuple(window(0, 30) for _ in device))
    figures = by_metric(figures_of(CELL, inputs(), measured))
    whole = figures["instr_per_request"]
    # The windows are 215, 100, 111, 113, 111: the median is the third's.
    assert whole.value == 111
    assert whole.samples == [215, 100, 111, 113, 111]
    assert whole.spread == pytest.approx((215 - 100) / 2 / 111)
    parts = [figures[f"instr_per_request_{part}"].value for part in ("module", "kernel", "user")]
    assert parts == [11, 99, 1]
    assert sum(parts) == whole.value
    assert figures["instr_per_request_client"].value == 30


def test_functions_are_those_of_the_figure() -> None:
    measured = Measured((window(10, 90), window(11, 91), window(12, 92)), (window(0, 1),) * 3)
    functions = figures_of(CELL, inputs(), measured)[0].functions
    assert [(one.name, one.part, one.instructions) for one in functions] == [
        ("tcp_ack", "kernel", 91),
        ("weir_run", "module", 11),
    ]


def test_all_of_the_module_is_listed_and_the_dearest_of_the_rest() -> None:
    functions: Any = Counter({("kernel", f"kernel_{number}"): 1000 + number for number in range(100)})
    functions.update({("module", f"weir_{number}"): 1 + number for number in range(30)})
    profile = Profile(Counter({"kernel": 1, "module": 1}), functions)
    listed = figures_of(CELL, inputs(), Measured((profile,), (profile,)))[0].functions
    assert sum(one.part == "module" for one in listed) == 30
    assert sum(one.part == "kernel" for one in listed) == deterministic.FUNCTIONS
    assert "kernel_0" not in {one.name for one in listed}


def test_the_environment_says_all_that_a_count_depends_on() -> None:
    described = deterministic.describe_environment(inputs())
    assert environment.missing(described, "deterministic") == []
    figure = figures_of(CELL, inputs(), Measured((window(1, 1),), (window(1, 1),)))[0]
    assert figure.environment == environment.key(described)
    assert environment.key(deterministic.describe_environment(inputs("other"))) != figure.environment


def test_a_repeated_boot_is_told() -> None:
    from results.records import Retry

    measured = Measured((window(1, 1),), (window(1, 1),), (Retry("counting it", "QEMU died"),))
    assert "QEMU died" in figures_of(CELL, inputs(), measured)[0].attributes["repeated"]


def done(value: float) -> Future[float]:
    future: Future[float] = Future()
    future.set_result(value)
    return future


@pytest.mark.parametrize(
    ("forwarding", "direct", "message"),
    [(0.0, 1.0, "router"), (7000.0, 8000.0, "directly"), (999.0, 0.0, "router"), (7000.0, 51.0, "directly")],
)
def test_a_control_that_does_not_hold_is_no_measurement(forwarding: float, direct: float, message: str) -> None:
    with pytest.raises(InfrastructureError, match=message):
        deterministic._judge_controls({"forwarding": done(forwarding), "direct": done(direct)})


def test_controls_as_they_are_measured_hold() -> None:
    deterministic._judge_controls({"forwarding": done(6968.0), "direct": done(1.6)})


Outcome = tuple[int, int] | Exception


@pytest.fixture
def boots(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, int], Outcome]:
    """What the boot of a device with a seed comes to: per-request module and kernel instructions, or an error."""
    outcomes: dict[tuple[str, int], Outcome] = {("forwarding", 1): (0, 7000), ("direct", 1): (0, 2)}

    def attempt(cell: Cell, _inputs: CountingInputs, seed: int) -> tuple[tuple[Profile, ...], tuple[Profile, ...]]:
        outcome = outcomes[cell.dut, seed]
        if isinstance(outcome, Exception):
            raise outcome
        return (window(*outcome),) * 5, (window(0, 3),) * 5

    monkeypatch.setattr(deterministic, "_attempt", attempt)
    return outcomes


def counted(*cells: Cell) -> dict[Cell, list[Figure] | Failure]:
    return dict(measure_all(cells, lambda _: inputs(), 2, lambda _: None))


def test_cells_are_counted_behind_their_controls(boots: dict[tuple[str, int], Outcome]) -> None:
    boots["weir", 1] = (10, 90)
    figures = counted(CELL)[CELL]
    assert isinstance(figures, list)
    assert figures[0].value == 100


def test_a_control_that_fails_takes_every_figure_with_it(boots: dict[tuple[str, int], Outcome]) -> None:
    boots["weir", 1] = (10, 90)
    boots["nginx", 1] = (0, 90)
    boots["direct", 1] = (0, 4000)
    other = Cell(CELL.scenario, "nginx", "patched")
    outcomes = counted(CELL, other)
    for cell in (CELL, other):
        failure = outcomes[cell]
        assert isinstance(failure, Failure)
        assert not failure.product
        assert "directly" in failure.reason


def test_a_wrong_reply_is_the_products_and_is_not_asked_again(boots: dict[tuple[str, int], Outcome]) -> None:
    boots["weir", 1] = ProductFailure("status 502")
    failure = counted(CELL)[CELL]
    assert isinstance(failure, Failure)
    assert failure.product
    assert failure.reason == "status 502"


def test_a_boot_that_dies_is_tried_once_more_with_another_seed(boots: dict[tuple[str, int], Outcome]) -> None:
    boots["weir", 1] = InfrastructureError("QEMU died")
    boots["weir", 2] = (10, 90)
    figures = counted(CELL)[CELL]
    assert isinstance(figures, list)
    assert "QEMU died" in figures[0].attributes["repeated"]


def test_a_guest_that_crashes_twice_is_the_products_fault(boots: dict[tuple[str, int], Outcome]) -> None:
    boots["weir", 1] = boots["weir", 2] = GuestCrash([], note="oops")
    failure = counted(CELL)[CELL]
    assert isinstance(failure, Failure)
    assert failure.product


def test_a_boot_that_dies_twice_is_the_labs_fault(boots: dict[tuple[str, int], Outcome]) -> None:
    boots["weir", 1] = InfrastructureError("QEMU died")
    boots["weir", 2] = InfrastructureError("QEMU died again")
    failure = counted(CELL)[CELL]
    assert isinstance(failure, Failure)
    assert not failure.product
    assert failure.reason.startswith("QEMU died again\n")
    assert failure.reason.endswith("seed 1 failed too: QEMU died")
    assert [retry.reason for retry in failure.retries] == ["QEMU died"]


OOPS = """\
[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000000
[    1.000001] #PF: supervisor read access in kernel mode
[    1.000002] Oops: Oops: 0000 [#1] SMP NOPTI
[    1.000003] RIP: 0010:weir_client_run+0x10/0x100 [weir]
[    1.000004] Call Trace:
[    1.000005]  <TASK>
[    1.000006]  weir_queue_drain+0x10/0x100 [weir]
[    1.000007]  </TASK>
[    1.000008] ---[ end trace 0000000000000000 ]---
"""
ENDED = "[    2.000000] lab-init: /opt/weir/count ended with status 3\n"


def outcome(tmp_path: Path, console: str, status: int | None) -> counting.Counted:
    guest = cast(CountingGuest, SimpleNamespace(name="guest"))
    (tmp_path / "console").write_text(console)
    (tmp_path / "qemu.log").write_text("qemu says so")
    return counting._outcome(
        guest, tmp_path / "console", tmp_path / "counts", tmp_path / "qemu.log", status, seconds=90
    )


def test_a_guest_that_powers_off_has_its_scripts_status(tmp_path: Path) -> None:
    assert outcome(tmp_path, ENDED, 0).status == 3


def test_a_guest_that_crashed_has_no_counts(tmp_path: Path) -> None:
    with pytest.raises(GuestCrash, match="weir_client_run"):
        outcome(tmp_path, OOPS + ENDED, 0)


@pytest.mark.parametrize(
    ("console", "status", "message"),
    [
        ("Booting\n", 0, "ended early"),
        (ENDED, 1, "qemu says so"),
        ("Booting\n", None, "did not end within 90 s"),
    ],
)
def test_a_guest_that_does_not_come_to_its_end_is_the_labs_failure(
    tmp_path: Path, console: str, status: int | None, message: str
) -> None:
    with pytest.raises(InfrastructureError, match=message):
        outcome(tmp_path, console, status)


def test_boots_that_differ_are_told_apart_by_function() -> None:
    one = Measured((window(10, 90), window(10, 90)), (window(0, 3),) * 2)
    other = Measured((window(10, 90), window(11, 90)), (window(0, 3),) * 2)
    assert differences(one, one) == []
    assert differences(one, other) == [
        f"device, window 2: weir_run (module) {10 * UNITS} and {11 * UNITS} instructions"
    ]
