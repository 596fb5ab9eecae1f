"""Instructions per request: one counting boot for each scenario, device under test, kernel and build of the module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.image import Image
from lab.kernel import Kernel
from lab.module import Module
from lab.tools import ToolsTree
from results.figures import Figure
from results.records import Retry

CONTROLS: Final = ("forwarding", "direct")
"""What is measured beside the devices to prove that the split holds, as names of devices for `stage`.

`forwarding`: the device is a plain IP router between client and origin; costs something. `direct`: the client talks
straight to the origin; costs the device's CPU nothing.
"""


@dataclass(frozen=True)
class Cell:
    """One thing to measure. `revision` names the module's source where there are several in a run."""

    scenario: str
    dut: str
    kernel: str
    revision: str = ""


@dataclass(frozen=True)
class CountingInputs:
    """All that a cell's counting boot is made of; made before the lab is entered.

    `source` is the checkout whose kmod/user/weirctl is staged. `run_dir` takes logs and raw counts.
    """

    tools: ToolsTree
    count_tools: ToolsTree
    kernel: Kernel
    module: Module
    image: Image
    initrd: Path
    source: Path
    plugin: Path
    run_dir: Path


@dataclass(frozen=True)
class Failure:
    """A cell without a figure, and why. `product`: the device gave a wrong reply, or its kernel crashed."""

    cell: Cell
    reason: str
    product: bool = False
    retries: tuple[Retry, ...] = ()


def measure(cell: Cell, inputs: CountingInputs) -> list[Figure]:
    """The cell's figures. Raises InfrastructureError (boot, plugin, control) or ProductFailure (wrong replies)."""
    raise NotImplementedError


def measure_all(
    cells: Iterable[Cell],
    inputs_of: Callable[[Cell], CountingInputs],
    jobs: int,
    progress: Callable[[str], None],
) -> Iterator[tuple[Cell, list[Figure] | Failure]]:
    """Measure the cells, `jobs` guests at a time, in the order in which they finish."""
    raise NotImplementedError
