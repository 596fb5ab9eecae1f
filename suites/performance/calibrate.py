"""`python -m suites.performance.calibrate`: how much builds of one source differ, which slowdowns the gate catches.

Builds the module in many layouts (perturb.py), and in some of them slower by a known part of its own cost; counts all
of them; prints noise, thresholds, false alarms and misses; `--write` enters the thresholds into thresholds.toml. What
is counted goes to a file line by line, so that a run that was broken off goes on where it ended.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from lab import entry, handover, run
from lab.bootstrap import ROOT
from lab.cache import Cache
from lab.errors import ExitCode, InfrastructureError, UsageError
from lab.lock import Lock
from lab.module import Module, ensure_module
from lab.progress import note, step
from results.compare import Threshold, Thresholds
from results.figures import Figure
from suites.performance import calibration
from suites.performance.calibration import Build
from suites.performance.deterministic import Cell, CountingInputs, Failure, measure_all
from suites.performance.gate import DUT
from suites.performance.inputs import counting_inputs
from suites.performance.perturb import Plant, copy, perturb, plant
from suites.performance.scenarios import SCENARIOS, reason_against
from suites.performance.thresholds import FILE

MODULE_METRIC: Final = "instr_per_request_module"
# Called once a request, so that what is added to a call is what is added to a request. Each is a function that other
# files call: the compiler cannot make it part of its caller.
FUNCTIONS: Final = {
    "rate-limited": ("http_check_request", "weir_account_request"),
    "malformed": ("weir_client_accept",),
}
DEFAULT_FUNCTIONS: Final = ("http_check_request", "weir_pool_submit", "http_write_reply")
DEFAULT_SCENARIOS: Final = "get-keepalive-1k,connection-per-request,rate-limited"


class Line(msgspec.Struct, frozen=True):
    """One line of the file of what was counted. `module` is the module's key in the cache."""

    scenario: str
    layout: int
    module: str
    figures: list[Figure]
    function: str = ""
    level: float = 0.0


@dataclass(frozen=True)
class Wanted:
    """One build to count in one scenario."""

    scenario: str
    layout: int
    module: Module
    function: str = ""
    level: float = 0.0


@dataclass(frozen=True)
class Job:
    """What one lab is to count, and where it writes to."""

    inputs: CountingInputs
    wanted: list[Wanted]
    kernel: str
    jobs: int
    output: Path


def build_module(inputs: CountingInputs, layout: int, slowdown: Plant | None = None) -> Module:
    """The module of this checkout in a layout of its own (0: as it is), slowed down if asked."""
    with tempfile.TemporaryDirectory(prefix="weir-layout-") as folder:
        tree = Path(folder) / "kmod"  # the name that messages and debug information have
        copy(ROOT / "kmod", tree)
        if layout:
            perturb(tree, layout)
        if slowdown:
            plant(tree, slowdown)
        return ensure_module(Cache(), inputs.kernel, inputs.tools, source=tree)


def count(inputs: CountingInputs, prepared: run.Prepared, wanted: Sequence[Wanted], jobs: int, output: Path) -> None:
    """Counts in a lab of its own what `output` does not hold yet. Raises LabError when the lab fails."""
    known = {(line.scenario, line.module) for line in read(output)}
    missing = [one for one in wanted if (one.scenario, one.module.key) not in known]
    if not missing:
        return
    folder = run.make_run_dir()
    job = Job(replace(inputs, run_dir=folder), missing, inputs.kernel.flavour, jobs, output.resolve())
    handover.save(job, folder / "job.json")
    handover.save(replace(prepared, run_dir=folder), folder / "prepared-calibration.json")
    argv = [sys.executable, "-m", "suites.performance.calibrate", "--enter", str(folder)]
    with step(f"counting {len(missing)} builds"):
        done = subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise InfrastructureError(
            f"counting ended with status {done.returncode}",
            hint=f"what was counted is in {output}: the same command goes on from there; logs are in {folder}",
        )


def count_inside(job: Job) -> int:
    """In the lab: counts the job's builds and appends each to the file as it is done."""
    by_cell = {_cell(one, job.kernel): one for one in job.wanted}
    inputs = {cell: replace(job.inputs, module=one.module) for cell, one in by_cell.items()}
    failed = 0
    began = time.monotonic()
    for number, (cell, outcome) in enumerate(measure_all(list(by_cell), inputs.__getitem__, job.jobs, note), 1):
        one = by_cell[cell]
        if isinstance(outcome, Failure):
            failed += 1
            print(f"{_name(one)}: {outcome.reason}", file=sys.stderr, flush=True)
            continue
        line = Line(one.scenario, one.layout, one.module.key, outcome, one.function, one.level)
        with job.output.open("ab") as stream:
            stream.write(msgspec.json.encode(line) + b"\n")
        print(f"{number}/{len(by_cell)} {time.monotonic() - began:.0f} s {_name(one)}", flush=True)
    return ExitCode.INFRASTRUCTURE_FAILURE if failed else ExitCode.PASSED


def _name(one: Wanted) -> str:
    planted = f", {one.function} slower by {one.level:.1%} of the module" if one.function else ""
    return f"{one.scenario} in layout {one.layout}{planted}"


def _cell(one: Wanted, kernel: str) -> Cell:
    return Cell(one.scenario, DUT, kernel, one.module.key)


def read(path: Path) -> list[Line]:
    """What was counted so far."""
    if not path.is_file():
        return []
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines() if line.strip()]


def sound(inputs: CountingInputs, scenarios: Iterable[str], layouts: int) -> list[Wanted]:
    """The source as it is, in `layouts` perturbed layouts."""
    found = []
    with step(f"{layouts} layouts") as current:
        for layout in range(1, layouts + 1):
            current.update(f"layout {layout}")
            module = build_module(inputs, layout)
            found += [Wanted(scenario, layout, module) for scenario in scenarios]
    return found


def slowed(
    inputs: CountingInputs, own: dict[str, float], levels: Iterable[float], layouts: Iterable[int], functions: int
) -> list[Wanted]:
    """Builds slower by each of `levels` of the module's own cost, `own` by scenario, in each of its functions."""
    found = []
    with step("slowed builds") as current:
        for scenario, cost in own.items():
            for function in FUNCTIONS.get(scenario, DEFAULT_FUNCTIONS)[:functions]:
                for level in levels:
                    slowdown = Plant(function, max(1, round(level * cost)))
                    for layout in layouts:
                        current.update(f"{function} {level:.1%} in layout {layout}")
                        module = build_module(inputs, layout, slowdown)
                        found.append(Wanted(scenario, layout, module, function, level))
    return found


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(prog="python -m suites.performance.calibrate", description=__doc__)
    made.add_argument("--scenario", default=DEFAULT_SCENARIOS, help="ids, separated by commas (default: %(default)s)")
    made.add_argument("--kernel", default=run.DEFAULT_KERNEL, help="flavour to boot (default: %(default)s)")
    made.add_argument("--layouts", type=int, default=20, help="perturbed builds (default: %(default)s)")
    made.add_argument("--levels", default="0.5,1,3", help="slowdowns in %% of the module's own cost; empty: none")
    made.add_argument("--slowed-layouts", type=int, default=3, help="layouts that are slowed (default: %(default)s)")
    made.add_argument("--functions", type=int, default=2, help="functions that are slowed, each by itself")
    made.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="guests counted at a time")
    made.add_argument("--counts", type=Path, help="file of what was counted; one of an earlier run is gone on with")
    made.add_argument("--report", action="store_true", help="count nothing: say what the --counts file holds")
    made.add_argument("--write", action="store_true", help=f"write the thresholds to {FILE.name}")
    return made


def main(argv: list[str]) -> int:
    """Runs the command; returns the process's exit status."""
    if argv[:1] == ["--enter"]:
        folder = Path(argv[1])
        prepared = handover.load(folder / "prepared-calibration.json", run.Prepared)
        run.enter(prepared, [sys.executable, "-m", "suites.performance.calibrate", "--inside", str(folder)])
    if argv[:1] == ["--inside"]:
        return count_inside(handover.load(Path(argv[1]) / "job.json", Job))
    options = parser().parse_args(argv)
    if options.report:
        if options.counts is None or not (lines := read(options.counts)):
            raise UsageError("there is nothing to report", hint="--counts names the file of an earlier run")
        report([Build(line.scenario, line.layout, line.figures, line.function, line.level) for line in lines],
               options.write)  # fmt: skip
        return ExitCode.PASSED
    scenarios = [name for name in options.scenario.split(",") if name]
    for name in scenarios:
        if name not in SCENARIOS or reason_against(SCENARIOS[name], DUT):
            raise UsageError(f"{DUT} is not measured in {name!r}", hint=f"there are: {', '.join(SCENARIOS)}")
    prepared = run.prepare(options.kernel, command="python -m suites.performance.calibrate")
    inputs = counting_inputs(prepared, Cache(), Lock.load())
    output: Path = options.counts or prepared.run_dir / "counts.jsonl"
    note(f"counts go to {output}")
    wanted = sound(inputs, scenarios, options.layouts)
    count(inputs, prepared, wanted, options.jobs, output)
    builds = chosen(read(output), wanted)
    own = {scenario: _median(builds, scenario) for scenario in scenarios}
    levels = [float(level) / 100 for level in options.levels.split(",") if level]
    more = slowed(inputs, own, levels, range(1, options.slowed_layouts + 1), options.functions)
    count(inputs, prepared, more, options.jobs, output)
    builds = chosen(read(output), [*wanted, *more])
    report(builds, options.write)
    return ExitCode.PASSED


def chosen(lines: Iterable[Line], wanted: Iterable[Wanted]) -> list[Build]:
    """Of all that the file holds, what this calibration asked for."""
    found = {(line.scenario, line.module): line for line in lines}
    return [
        Build(one.scenario, one.layout, line.figures, one.function, one.level)
        for one in wanted
        if (line := found.get((one.scenario, one.module.key)))
    ]


def _median(builds: Iterable[Build], scenario: str) -> float:
    values = sorted(
        value for build in builds if build.scenario == scenario and (value := build.value(MODULE_METRIC)) is not None
    )
    if not values:
        raise InfrastructureError(f"no build was counted in {scenario}")
    return values[len(values) // 2]


def report(builds: Sequence[Build], write: bool) -> None:
    """Prints what was found and, if asked, writes the thresholds."""
    found = calibration.noise(builds)
    rows = calibration.propose(found)
    thresholds = Thresholds.of(rows)
    alarms, caught = calibration.false_alarms(builds, thresholds), calibration.catches(builds, thresholds)
    print("\n".join(calibration.table(found, thresholds, alarms, caught)))
    if write:
        FILE.write_text(render(rows, found, datetime.now(UTC)), encoding="utf-8")
        note(f"wrote {FILE}")


def render(rows: Iterable[Threshold], found: Iterable[calibration.Noise], now: datetime) -> str:
    """thresholds.toml."""
    text = [
        "# From which change on a count has changed. Written by `python -m suites.performance.calibrate --write`; see",
        "# docs/performance/gate.md for how, and for the false-alarm and miss rates. A change counts when it is over",
        "# `threshold` (relative) and over `floor` (instructions); only `gating` rows can fail the gate. `noise` is",
        "# the largest relative difference between perturbed builds of one source. Rows without a scenario are for",
        "# the scenarios that have none of their own.",
    ]
    for row in rows:
        text += ["", "[[threshold]]", f'metric = "{row.metric}"']
        if row.scenario:
            text.append(f'scenario = "{row.scenario}"')
        text += [f"threshold = {row.threshold:.6g}", f"floor = {row.floor}"]
        if row.noise is not None:
            text.append(f"noise = {row.noise:.6g}")
        if row.gating:
            text.append("gating = true")
    for one in found:
        text += [
            "",
            "[[calibration]]",
            f'date = "{now:%Y-%m-%d}"',
            f'scenario = "{one.scenario}"',
            f'metric = "{one.metric}"',
            f"builds = {one.builds}",
            f"median = {one.median:.3f}",
            f"largest_difference = {one.largest:.6g}",
            f"within_a_boot = {one.within:.6g}",
        ]
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    sys.exit(entry.run(main))
