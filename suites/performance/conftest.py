"""What the measuring tests share: the plan of the run, where figures go, and the cells counted in the background."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path

import msgspec
import pytest

from lab.errors import InfrastructureError, ProductFailure
from lab.pytest_plugin import RETRIES
from results.figures import Figure, Mode, NotMeasured
from suites.performance.deterministic import Cell, Failure, describe_environment, measure_all
from suites.performance.plan import VARIABLE, Plan
from suites.performance.settings import configuration
from suites.performance.timed.fixtures import record_not_measured, rig, say
from suites.recording import recorder

__all__ = ["record_not_measured", "rig", "say"]  # fixtures that the timed tests ask for

CELLS = pytest.StashKey[list[Cell]]()
"""The cells that the chosen tests ask for, in their order."""
_FIGURES = pytest.StashKey[list[Figure]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cells(*cells): what the test needs counted before it can say anything")
    config.stash[CELLS] = []
    config.stash[_FIGURES] = []


def pytest_collection_finish(session: pytest.Session) -> None:
    """Only what was chosen is counted: -k and test ids work as everywhere."""
    wanted: dict[Cell, None] = {}
    for item in session.items:
        for mark in item.iter_markers("cells"):
            wanted.update(dict.fromkeys(mark.args))
    session.config.stash[CELLS] = list(wanted)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the file that --json asked for, also of a run that failed: what was measured is measured."""
    if VARIABLE in os.environ and (path := Plan.load().json_file):
        figures = session.config.stash[_FIGURES]
        write_json(figures, path)


def write_json(figures: Iterable[Figure], path: Path) -> None:
    """The figures as a JSON list of records (results.figures.Figure says what is in one)."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(list(figures)), indent=1) + b"\n")


@pytest.fixture(scope="session")
def plan() -> Plan:
    """What this run is to measure."""
    return Plan.load()


@pytest.fixture(scope="session")
def record_figure(pytestconfig: pytest.Config) -> Callable[[Figure], None]:
    """Takes a figure into the run's record and the --json file."""

    def record(figure: Figure) -> None:
        pytestconfig.stash[_FIGURES].append(figure)
        if run := recorder(pytestconfig):
            run.figures.append(figure)
            run.configurations |= configuration(figure.dut, figure.scenario)

    return record


@pytest.fixture(scope="session")
def record_environment(pytestconfig: pytest.Config) -> Callable[[str, Mapping[str, str]], None]:
    """Says in the run's record what an environment key stands for."""

    def record(key: str, description: Mapping[str, str]) -> None:
        if run := recorder(pytestconfig):
            run.environments[key] = dict(description)

    return record


@pytest.fixture
def not_measured(pytestconfig: pytest.Config, plan: Plan) -> Callable[[str, str, str], None]:
    """Records that (scenario, device) has no figure and why, and skips the test."""

    def skip(scenario: str, dut: str, reason: str) -> None:
        if run := recorder(pytestconfig):
            mode: Mode = "timed" if plan.mode == "timed" else "deterministic"
            run.not_measured.append(NotMeasured(scenario, dut, plan.kernel, mode, reason))
        pytest.skip(f"not measured: {reason}")

    return skip


class Counts:
    """Cells being counted in the background, as many at a time as there are cores."""

    def __init__(self, plan: Plan, config: pytest.Config, cells: Iterable[Cell]) -> None:
        self._plan = plan
        self._config = config
        self._futures: dict[Cell, Future[list[Figure]]] = {cell: Future() for cell in cells}
        self._thread = threading.Thread(target=self._run, name="counting", daemon=True)
        self._thread.start()

    def of(self, cell: Cell) -> list[Figure]:
        """The cell's figures; waits for them. Raises ProductFailure or InfrastructureError when there are none."""
        figures = self._futures[cell].result()
        if run := recorder(self._config):
            description = describe_environment(self._plan.inputs_of(cell))
            run.environments |= {figure.environment: description for figure in figures}
        return figures

    def _run(self) -> None:
        try:
            for cell, outcome in measure_all(list(self._futures), self._plan.inputs_of, self._plan.jobs, self._say):
                future = self._futures[cell]
                if isinstance(outcome, Failure):
                    self._config.stash[RETRIES] += [(retry.what, retry.reason) for retry in outcome.retries]
                    kind = ProductFailure if outcome.product else InfrastructureError
                    future.set_exception(kind(outcome.reason))
                else:
                    future.set_result(outcome)
        except BaseException as error:  # noqa: BLE001 - whoever waits for a cell has to hear of it
            for future in self._futures.values():
                if not future.done():
                    future.set_exception(error)
        finally:
            for cell, future in self._futures.items():
                if not future.done():
                    future.set_exception(InfrastructureError(f"nobody measured {cell}"))

    def _say(self, text: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and reporter.verbosity > 0:
            reporter.write_line(text)


@pytest.fixture(scope="session")
def counts(plan: Plan, pytestconfig: pytest.Config) -> Counts:
    """Figures of the cells that the chosen tests ask for."""
    cells = pytestconfig.stash[CELLS]
    return Counts(plan, pytestconfig, cells)
