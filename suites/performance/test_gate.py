"""The gate: no scenario may cost Weir more instructions than it did at BASE, by more than builds differ anyway."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest

from lab.errors import InfrastructureError, ProductFailure
from results.figures import Comparison, Figure
from suites.performance import gate
from suites.performance.conftest import Counts
from suites.performance.deterministic import Cell
from suites.performance.plan import VARIABLE, Plan
from suites.performance.scenarios import SCENARIOS, reason_against
from suites.performance.thresholds import read_thresholds
from suites.recording import recorder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A case a scenario and device, with both sides' cells."""
    cases = []
    if VARIABLE in os.environ:
        plan = Plan.load()
        for scenario in plan.scenarios:
            for dut in plan.duts:
                cell = Cell(scenario, dut, plan.kernel)
                marks = []
                if plan.base and reason_against(SCENARIOS[scenario], dut) is None:
                    marks.append(pytest.mark.cells(plan.base.cell(cell), cell))
                cases.append(pytest.param(cell, id=f"{scenario}-{dut}", marks=marks))
    metafunc.parametrize("cell", cases)


class Judged:
    """What the gate found. `broken`: the candidate failed in a scenario. `missing`: a scenario has no verdict."""

    def __init__(self) -> None:
        self.comparisons: list[Comparison] = []
        self.broken = False
        self.missing = False

    @property
    def verdict(self) -> str:
        """Of the whole run: a scenario without a verdict leaves no room for a PASS."""
        found = gate.verdict(self.comparisons)
        return "FAIL" if self.broken else "INCONCLUSIVE" if self.missing and found == "PASS" else found


@pytest.fixture(scope="session")
def judged(pytestconfig: pytest.Config, plan: Plan) -> Iterator[Judged]:
    """Collects what is judged: into the run's record, with the verdict, and onto the terminal at the end."""
    found = Judged()
    yield found
    if run := recorder(pytestconfig):
        run.comparisons += found.comparisons
        run.verdict = found.verdict
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    capture = pytestconfig.pluginmanager.get_plugin("capturemanager")
    if reporter is not None and plan.base is not None:
        # What a fixture prints is shown of failed tests only.
        with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
            reporter.write_line("")
            for line in [*gate.table(plan.base, found.comparisons), f"gate: {found.verdict}"]:
                reporter.write_line(line)


def test_no_regression(
    cell: Cell,
    plan: Plan,
    counts: Counts,
    judged: Judged,
    record_figure: Callable[[Figure], None],
    not_measured: Callable[[str, str, str], None],
) -> None:
    assert plan.base is not None
    if reason := reason_against(SCENARIOS[cell.scenario], cell.dut):
        not_measured(cell.scenario, cell.dut, reason)
    try:
        candidate = counts.of(cell)
    except ProductFailure:
        judged.broken = True
        raise
    except InfrastructureError:
        judged.missing = True
        raise
    for figure in candidate:
        record_figure(figure)
    try:
        baseline = counts.of(plan.base.cell(cell))
    except ProductFailure as error:
        # The candidate can what BASE could not: nothing to be slower than.
        not_measured(cell.scenario, cell.dut, f"BASE ({plan.base.base.short}) fails in it: {error}")
        return
    except InfrastructureError:
        judged.missing = True
        raise
    comparisons = gate.compare(plan.base, baseline, candidate, read_thresholds())
    judged.comparisons += comparisons
    assert any(one.gating for one in comparisons), "nothing was compared"
    if worse := gate.failure(comparisons):
        raise ProductFailure(f"slower than {plan.base.base.short} ({plan.base.base.why}):\n{worse}")
