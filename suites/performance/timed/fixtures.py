"""Fixtures of the timed tests; suites/performance/conftest.py imports them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

from results.figures import NotMeasured
from suites.performance.plan import Plan
from suites.performance.timed.rig import Rig, standing
from suites.recording import recorder

if TYPE_CHECKING:
    from lab.session import Lab


@pytest.fixture(scope="session")
def rig(
    lab: Lab,
    plan: Plan,
    tmp_path_factory: pytest.TempPathFactory,
    record_environment: Callable[[str, Mapping[str, str]], None],
) -> Iterator[Rig]:
    """The guest, the origin and the load generators, for all timed tests of the run."""
    with standing(
        lab, tmp_path_factory.mktemp("load"), scale=plan.duration_scale, connections=plan.connections
    ) as made:
        record_environment(made.environment_key, made.environment)
        yield made


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """A line to whoever watches with -v."""
    plugins = pytestconfig.pluginmanager
    reporter, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")

    def line(text: str) -> None:
        if reporter is not None and capture is not None and reporter.verbosity > 0:
            with capture.global_and_fixture_disabled():
                reporter.write_line(text)

    return line


@pytest.fixture(scope="session")
def record_not_measured(pytestconfig: pytest.Config, plan: Plan) -> Callable[[str, str, str], None]:
    """Says in the run's record that (scenario, device) has no timed figure, and why."""

    def record(scenario: str, dut: str, reason: str) -> None:
        if run := recorder(pytestconfig):
            run.not_measured.append(NotMeasured(scenario, dut, plan.kernel, "timed", reason))

    return record
