"""Memory runs out while clients are blocked: an entry is in force, or refused and counted; nobody else is cut off."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.machine import Machine
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.robustness.faults import failing
from suites.traffic.client import Client

pytestmark = [
    pytest.mark.only("weir", reason="what fails is chosen by the module's address"),
    pytest.mark.needs("FAULT_INJECTION_STACKTRACE_FILTER"),
]

ROUNDS = 300


@pytest.mark.parametrize("sleeping", [False, True], ids=["entries", "hooks too"])
def test_entry_is_in_force_or_refused(
    dut: Dut, machine: Machine, new_client: Callable[[], Client], sleeping: bool
) -> None:
    assert isinstance(dut.adapter, WeirAdapter)
    weir = dut.adapter
    dut.apply()
    weir.batch("block-flush")
    before = dut.statistics
    added = set()
    with failing(machine, "failslab", "weir", percent=20, most=ROUNDS, sleeping=sleeping) as injection:
        for number in range(ROUNDS):
            prefix = f"198.18.{number}.0/24" if number < 256 else f"2001:db8:{number:x}::/48"
            answer = weir.batch_answer("block-add", prefixes=[prefix])
            if answer["ok"]:
                added.add(prefix)
            else:
                assert answer["errors"][0]["errno"] == "ENOMEM"
    print(f"{injection.failed} allocations failed, {ROUNDS - len(added)} of {ROUNDS} entries were refused")
    assert injection.failed > 10, "hardly an allocation of the module's failed"
    listed = {entry["prefix"] for entry in weir.batch("block-list")["blocks"]}
    # An entry whose hook could not be registered at once is told as an error, stays, and is in force a second later.
    assert added <= listed
    counted = dut.statistics - before
    assert counted["blocks_active"] == len(listed)
    assert counted["blocks_refused"] == ROUNDS - len(listed)
    blocked, other = new_client(), new_client()
    weir.batch("block-add", prefixes=[blocked.address])
    with pytest.raises(TimeoutError):
        blocked.connect(patience=0.5)
    assert other.get("/").status == 200
    weir.batch("block-flush")
    assert blocked.get("/").status == 200
