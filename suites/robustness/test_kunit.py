"""The HTTP code's cases in the kernel itself, compiled as the module is: the tables of kmod/tests/http under KUnit.

The test module runs them all when it is inserted; what KUnit says of each is read once, and is one case here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from suites.http_cases import case_names, read_ktap

if TYPE_CHECKING:
    from lab.session import Lab

pytestmark = pytest.mark.needs("KUNIT")

NAME = "weir_kunit_test"
MODULE = f"/run/{NAME}.ko"
RESULTS = "/sys/kernel/debug/kunit/weir_http/results"
SECONDS = 300.0  # for all of them, checked byte by byte, on the reference host


@pytest.fixture(scope="module")
def outcomes(lab: Lab) -> Iterator[dict[str, str]]:
    """What came of each case; the test module is in the guest meanwhile."""
    machine = lab.machine()
    machine.put(MODULE, lab.prepared.module.test_kos[NAME].read_bytes())
    # A case may compute for longer than a task may sleep, and KUnit sleeps until it is done.
    machine.run("sh", "-c", "echo 0 >/proc/sys/kernel/hung_task_timeout_secs")
    machine.run("insmod", MODULE, timeout=SECONDS)
    yield read_ktap(machine.get(RESULTS).decode(errors="replace"))
    machine.run("rmmod", NAME)


@pytest.mark.parametrize("name", list(case_names()))
def test_case(name: str, outcomes: dict[str, str]) -> None:
    assert name in outcomes, f"not run: an earlier case ended the test module ({list(outcomes)[-1:]})"
    assert not outcomes[name], outcomes[name]


def test_every_case_is_listed(outcomes: dict[str, str]) -> None:
    """No case that the kernel ran is hidden from pytest."""
    assert sorted(outcomes) == sorted(case_names())
