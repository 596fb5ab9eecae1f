"""Guest instructions per request of each device under test in each scenario: recorded; judging is the gate's."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from results.figures import Figure
from suites.performance.conftest import Counts
from suites.performance.deterministic import Cell
from suites.performance.plan import VARIABLE, Plan
from suites.performance.scenarios import REFERENCES, SCENARIOS, reason_against
from suites.performance.timed.workloads import TO_COME


def why_not(cell: Cell) -> str | None:
    """Why the cell is not measured, or None when it is."""
    return TO_COME.get(cell.scenario) or reason_against(SCENARIOS[cell.scenario], cell.dut)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A case a scenario and device, each with the cell that it wants counted."""
    cases = []
    if VARIABLE in os.environ:
        plan = Plan.load()
        for scenario in plan.scenarios:
            for dut in (*plan.duts, *REFERENCES.get(scenario, ())):
                cell = Cell(scenario, dut, plan.kernel)
                marks = [pytest.mark.cells(cell)] if why_not(cell) is None else []
                cases.append(pytest.param(cell, id=f"{scenario}-{dut}", marks=marks))
    metafunc.parametrize("cell", cases)


def test_instructions(
    cell: Cell,
    counts: Counts,
    record_figure: Callable[[Figure], None],
    not_measured: Callable[[str, str, str], None],
) -> None:
    if reason := why_not(cell):
        not_measured(cell.scenario, cell.dut, reason)
    figures = counts.of(cell)
    for figure in figures:
        record_figure(figure)
    whole = {figure.metric: figure.value for figure in figures}
    assert whole["instr_per_request"] > 0
