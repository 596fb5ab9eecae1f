"""`python -m suites.performance`: measures, and compares with another revision if asked. `nox -s performance` is this.

Outside the lab: choices, builds, the plan. Inside: pytest, one test a figure.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lab import entry, run
from lab.cache import Cache
from lab.errors import ExitCode, UsageError
from lab.kernel import flavours, require_measurable
from lab.lock import Lock
from lab.progress import note
from suites.performance import gate
from suites.performance.inputs import counting_inputs
from suites.performance.plan import VARIABLE, Mode, Plan
from suites.performance.scenarios import DUTS, SCENARIOS
from suites.performance.timed.floods import ATTACKS_AND_FLOODS
from suites.performance.timed.workloads import TIMED_ONLY, TO_COME

FOLDER: Final = "suites/performance"
TESTS: Final[dict[Mode, tuple[str, ...]]] = {
    "deterministic": ("test_deterministic.py",),
    "gate": ("test_gate.py",),
    "timed": ("test_timed.py", "test_attacks.py"),
}
DEFAULT_BASE: Final = ""


def parser() -> argparse.ArgumentParser:
    """The command's options; what it does not know goes to pytest."""
    made = argparse.ArgumentParser(prog="nox -s performance --", description=__doc__, allow_abbrev=False)
    made.add_argument(
        "--scenario", default="", help=f"ids, separated by commas (default: all): {', '.join(known_scenarios('timed'))}"
    )
    made.add_argument("--dut", default="", help=f"devices, separated by commas (default: {','.join(DUTS)})")
    made.add_argument("--kernel", default=run.DEFAULT_KERNEL, choices=sorted(flavours()), help="flavour to boot")
    made.add_argument("--mode", default="deterministic", choices=("deterministic", "timed"), help="kind of figure")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, as a list of records")
    made.add_argument(
        "--gate", nargs="?", const=DEFAULT_BASE, metavar="BASE",
        help="compare with that revision (default: the merge base, or HEAD^ on main) and fail on a regression",
    )  # fmt: skip
    made.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="guests counted at a time")
    made.add_argument("--duration-scale", type=float, default=1.0, help="stretches timed measurements")
    made.add_argument("--connections", type=int, default=0, metavar="N", help="memory a connection: of so many")
    made.add_argument("--locked", action="store_true", help="a package that drifted from the lock is an error")
    return made


def known_scenarios(mode: Mode) -> list[str]:
    """Ids that may be asked for; those to come are answered with why they are not measured yet."""
    if mode == "gate":
        return list(SCENARIOS)
    return [*SCENARIOS, *((*ATTACKS_AND_FLOODS, *TIMED_ONLY) if mode == "timed" else ()), *TO_COME]


def main(argv: list[str]) -> int:
    """Prepares and enters the lab; returns only when nothing was started."""
    args, options = parser().parse_known_args(argv)
    require_measurable(args.kernel)
    mode: Mode = "gate" if args.gate is not None else args.mode
    if mode == "gate" and args.mode == "timed":
        raise UsageError("--gate counts instructions", hint="nox -s signoff compares two revisions by time")
    default_duts = "weir" if mode == "gate" else ",".join(DUTS)
    scenarios = _chosen("scenario", args.scenario or ",".join(known_scenarios(mode)), known_scenarios(mode))
    duts = _chosen("device under test", args.dut or default_duts, DUTS)
    command = shlex.join(["nox", "-s", "performance", "--", *argv])
    prepared = run.prepare(args.kernel, command=command, locked=args.locked)
    counting, base = None, None
    if mode != "timed":
        cache, lock = Cache(), Lock.load(strict=args.locked)
        counting = counting_inputs(prepared, cache, lock)
        if mode == "gate":
            base = gate.prepare_base(cache, lock, prepared.tools, args.kernel, args.gate or None)
            note(f"comparing with {base.base.short} ({base.base.why})")
    plan = Plan(
        mode=mode,
        scenarios=scenarios,
        duts=duts,
        kernel=args.kernel,
        jobs=max(1, args.jobs),
        duration_scale=args.duration_scale,
        connections=max(0, args.connections),
        json_file=args.json.resolve() if args.json else None,
        counting=counting,
        base=base,
    )
    file = prepared.run_dir / "performance.json"
    plan.save(file)
    os.environ[VARIABLE] = str(file)
    tests = [f"{FOLDER}/{name}" for name in TESTS[mode]]
    os.chdir(prepared.source)
    run.enter(prepared, [*run.PYTEST, "--kernel", args.kernel, *tests, *[o for o in options if o != "--"]])
    return ExitCode.INTERNAL_ERROR


def _chosen(what: str, text: str, known: Iterable[str]) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    choices = list(known)
    for name in names:
        if name not in choices:
            raise UsageError(f"there is no {what} {name!r}", hint=f"there are: {', '.join(choices)}")
    return tuple(dict.fromkeys(names))


if __name__ == "__main__":
    sys.exit(entry.run(main))
