"""`python -m suites.performance.repeat`: counts one cell several times and wants the same numbers, to the instruction.

The guests have no network, so this needs none of the lab's.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Final

from lab import entry, run
from lab.cache import Cache
from lab.errors import ExitCode, InfrastructureError
from lab.lock import Lock
from lab.progress import note
from suites.performance.deterministic import Cell, Measured, figures_of
from suites.performance.deterministic import run as count
from suites.performance.inputs import counting_inputs
from suites.performance.scenarios import DUTS, SCENARIOS

BOOTS: Final = 5


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(prog="python -m suites.performance.repeat", description=__doc__)
    made.add_argument("--scenario", default="get-keepalive-1k", choices=sorted(SCENARIOS))
    made.add_argument("--dut", default="weir", choices=DUTS, help="device under test")
    made.add_argument("--kernel", default=run.DEFAULT_KERNEL, help="flavour to boot")
    made.add_argument("--boots", type=int, default=BOOTS, help="how often (default: %(default)s)")
    return made


def main(argv: list[str]) -> int:
    """Runs the command. Raises InfrastructureError when two boots differ, with what differs."""
    options = parser().parse_args(argv)
    prepared = run.prepare(options.kernel, command="python -m suites.performance.repeat")
    inputs = counting_inputs(prepared, Cache(), Lock.load())
    cell = Cell(options.scenario, options.dut, options.kernel)
    first: Measured | None = None
    for boot in range(1, options.boots + 1):
        began = time.monotonic()
        measured = count(cell, inputs)
        figure = figures_of(cell, inputs, measured)[0]
        print(f"boot {boot}: {figure.value:.3f} instructions, {time.monotonic() - began:.1f} s", flush=True)
        first = first or measured
        if different := differences(first, measured):
            raise InfrastructureError(f"boot {boot} is not as the first was:\n    " + "\n    ".join(different[:20]))
    note(f"{options.boots} boots of {cell}: all windows of device and load the same, function by function")
    return ExitCode.PASSED


def differences(one: Measured, other: Measured) -> list[str]:
    """A line for each window and function that two boots ran differently; empty when they ran the same."""
    lines = []
    for side in ("device", "load"):
        pairs = zip(getattr(one, side), getattr(other, side), strict=True)
        for number, (before, after) in enumerate(pairs, start=1):
            for part, name in sorted(before.functions.keys() | after.functions.keys()):
                was, now = before.functions[part, name], after.functions[part, name]
                if was != now:
                    lines.append(f"{side}, window {number}: {name} ({part}) {was} and {now} instructions")
    return lines


if __name__ == "__main__":
    sys.exit(entry.run(main))
