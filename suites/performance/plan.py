"""What one performance run is to measure: written before the lab is entered, read by its tests."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from lab import handover
from lab.errors import UsageError
from suites.performance.deterministic import Cell, CountingInputs
from suites.performance.gate import BaseBuild

VARIABLE: Final = "WEIR_PERFORMANCE"

Mode = Literal["deterministic", "timed", "gate"]
"""`gate` counts as `deterministic` does, on two revisions."""


@dataclass(frozen=True)
class Plan:
    """The choices of one run. `duration_scale` stretches timed measurements; `json_file` gets the figures.

    `connections` is how many memory is measured with; 0 leaves that to the suite.

    `counting` is None when nothing is counted, `base` when there is nothing to compare with.
    """

    mode: Mode
    scenarios: tuple[str, ...]
    duts: tuple[str, ...]
    kernel: str
    jobs: int
    duration_scale: float = 1.0
    connections: int = 0
    json_file: Path | None = None
    counting: CountingInputs | None = None
    base: BaseBuild | None = None

    def save(self, path: Path) -> None:
        """Writes it as JSON."""
        handover.save(self, path)

    @classmethod
    def load(cls) -> Plan:
        """The plan of this run. Raises UsageError where none was made."""
        if VARIABLE not in os.environ:
            raise UsageError(
                "nobody said what to measure", hint="nox -s performance, or python -m suites.performance --help"
            )
        return handover.load(Path(os.environ[VARIABLE]), cls)

    def inputs_of(self, cell: Cell) -> CountingInputs:
        """What a cell's guest is made of: the candidate's, with BASE's kmod/ where the cell is BASE's."""
        if self.counting is None:
            raise UsageError("this run counts nothing", hint="--mode deterministic")
        if cell.revision:
            assert self.base is not None
            return self.base.inputs(self.counting)
        return self.counting
