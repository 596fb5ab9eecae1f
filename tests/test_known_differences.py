"""The tables of a device's known differences name cases that exist, and say why."""

from __future__ import annotations

import re

import pytest

from lab.bootstrap import ROOT
from suites.conftest import known_differences
from suites.duts import ADAPTERS

FUNCTIONAL = ROOT / "suites/functional"


@pytest.mark.parametrize("dut", ADAPTERS)
def test_every_entry_names_a_case(dut: str) -> None:
    for section, entries in known_differences(dut).items():
        assert section in ("differs", "left_out")
        for entry, reason in entries.items():
            file, _, name = entry.partition("::")
            function = name.partition("[")[0]
            assert re.search(rf"^def {function}\(", (FUNCTIONAL / file).read_text(), re.MULTILINE), entry
            assert reason


def test_peers_have_tables() -> None:
    assert known_differences("haproxy")["differs"]
    assert known_differences("nginx")["differs"]
    assert known_differences("weir") == {}
