"""The pytest plugin of `python -m suites.breaks`: one boot, and every broken module in turn put into the fresh machine.

Each case runs once for each break that is said to turn it red, parametrised by its name; the machine goes back to its
snapshot in between.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.run import Prepared

if TYPE_CHECKING:
    from suites.duts.adapter import Adapter

# Names a JSON file: for each break the file of what was prepared with it, and its cases.
VARIABLE = "WEIR_BREAKS"


def plan() -> dict[str, tuple[Path, list[str]]]:
    """The breaks to try, by name: what was prepared with each, and its cases as "test_file.py::test_name"."""
    given = json.loads(Path(os.environ[VARIABLE]).read_text())
    return {name: (Path(prepared), cases) for name, (prepared, cases) in given.items()}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    case = f"{metafunc.definition.path.name}::{metafunc.definition.originalname}"
    names = [name for name, (_, cases) in plan().items() if case in cases]
    metafunc.fixturenames[:] = ["fault", *(name for name in metafunc.fixturenames if name != "fault")]
    metafunc.parametrize("fault", names, indirect=True, scope="session")


def put_in_force(name: str, device: Adapter) -> None:
    """The break's module and weirctl in the place of the good ones, in a fresh machine."""
    broken = Prepared.load(plan()[name][0])
    device.prepared = replace(device.prepared, module=broken.module, source=broken.source, tls=broken.tls)
    device.machine.restore()


@pytest.fixture(autouse=True)
def _told(fault: str, record_property: object) -> None:
    """Each case's record names its break."""
    assert callable(record_property)
    record_property("break", fault)
