"""`python -m suites.performance.signoff --candidate X --baseline Y`: measures two revisions, and has it decided.

Outside the lab: both revisions built. Inside: pytest measures candidate, baseline and canary (test_signoff.py) and
appends the record. Then `python -m results signoff` decides about that record, and its exit status is this command's.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lab import entry, handover, isolation, run
from lab.bootstrap import ROOT
from lab.cache import Cache
from lab.errors import ExitCode, InfrastructureError, LabError, UsageError
from lab.kernel import flavours, require_measurable
from lab.lock import Lock
from lab.progress import note, step
from lab.run import Prepared
from results import records
from suites.performance.revisions import Revisions, build
from suites.performance.timed.workloads import WORKLOADS

VARIABLE: Final = "WEIR_SIGNOFF"
"""Names the file with the Request, inside the lab."""
SUITE: Final = "signoff"
TESTS: Final = "suites/performance/test_signoff.py"
WAIVERS: Final = ROOT / "suites/performance/waivers.toml"
PAIRS: Final = 20


@dataclass(frozen=True)
class Request:
    """What one sign-off measures."""

    revisions: Revisions
    scenarios: tuple[str, ...]
    kernel: str
    pairs: int
    duration_scale: float

    @classmethod
    def load(cls) -> Request:
        """The request of this run. Raises UsageError where there is none."""
        if VARIABLE not in os.environ:
            raise UsageError("nobody said what to compare", hint="nox -s signoff -- --candidate X --baseline Y")
        return handover.load(Path(os.environ[VARIABLE]), cls)


def parser() -> argparse.ArgumentParser:
    """The command's options. None of them changes what is asked of a release (results/signoff_policy.py)."""
    made = argparse.ArgumentParser(prog="nox -s signoff --", description=__doc__, allow_abbrev=False)
    made.add_argument("--candidate", default="HEAD", metavar="REV", help="what is to be released (default: HEAD)")
    made.add_argument("--baseline", required=True, metavar="REV", help="what it must not be worse than")
    made.add_argument("--pairs", type=int, default=PAIRS, metavar="N", help="rounds (default: %(default)s)")
    made.add_argument("--kernel", default=run.DEFAULT_KERNEL, choices=sorted(flavours()), help="flavour to boot")
    made.add_argument(
        "--scenario", default="", help="for a trial: only these, separated by commas; the verdict is then REFUSED"
    )
    made.add_argument("--duration-scale", type=float, default=1.0, help="stretches each measurement")
    made.add_argument("--locked", action="store_true", help="a package that drifted from the lock is an error")
    made.add_argument("--waivers", type=Path, default=WAIVERS, metavar="FILE", help="(default: %(default)s)")
    made.add_argument("--key", type=Path, metavar="FILE", help="SSH key that signs the statement (default: unsigned)")
    made.add_argument("--output", type=Path, metavar="FILE", help="the statement (default: beside the records)")
    return made


def main(argv: Sequence[str]) -> int:
    """Measures and has it decided; the verdict's exit status, or what kept it from being measured."""
    args = parser().parse_args([one for one in argv if one != "--"])
    scenarios = tuple(dict.fromkeys(one.strip() for one in args.scenario.split(",") if one.strip())) or tuple(WORKLOADS)
    if unknown := [one for one in scenarios if one not in WORKLOADS]:
        raise UsageError(f"no scenario of a sign-off: {', '.join(unknown)}", hint=f"there are: {', '.join(WORKLOADS)}")
    require_measurable(args.kernel)
    if args.pairs < 2:
        raise UsageError("two pairs at least", hint=f"--pairs {PAIRS}")
    command = shlex.join(["nox", "-s", "signoff", "--", *argv])
    prepared = run.prepare(args.kernel, command=command, locked=args.locked)
    cache, lock = Cache(), Lock.load(strict=args.locked)
    with step("candidate"):
        candidate = build(cache, lock, prepared.tools, args.kernel, args.candidate)
    with step("baseline"):
        baseline = build(cache, lock, prepared.tools, args.kernel, args.baseline)
    note(f"candidate {candidate.commit[:12]}, baseline {baseline.commit[:12]}, {args.pairs} pairs, {prepared.run_dir}")
    # The run's own kernel is the candidate's; what lies in this checkout is harness, and not what is measured.
    prepared = replace(prepared, kernel=candidate.kernel, module=candidate.module, initrd=candidate.initrd)
    request = Request(Revisions(candidate, baseline), scenarios, args.kernel, args.pairs, args.duration_scale)
    status = _measure(prepared, request)
    identity = _recorded(prepared.run_dir)
    if identity is None:
        raise InfrastructureError(
            f"measuring ended with status {status} and left no record", hint=f"its logs are in {prepared.run_dir}"
        )
    options = ["--run", identity, "--waivers", str(args.waivers.resolve())]
    for name, value in (("--key", args.key), ("--output", args.output)):
        options += [name, str(value.resolve())] if value else []
    return subprocess.run([sys.executable, "-m", "results", "signoff", *options], cwd=ROOT, check=False).returncode


def _measure(prepared: Prepared, request: Request) -> int:
    """Runs the measuring tests inside the lab and returns their exit status."""
    file = prepared.run_dir / "signoff.json"
    handover.save(request, file)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.environ[VARIABLE] = str(file)
        os.environ[isolation.PARENT_VARIABLE] = str(os.getppid())
        os.chdir(ROOT)
        sys.exit(_entered(prepared, request))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _entered(prepared: Prepared, request: Request) -> int:
    try:
        run.enter(prepared, [*run.PYTEST, "-v", "--kernel", request.kernel, TESTS])
    except LabError as error:
        print(f"weir: {error}", file=sys.stderr)
        return int(error.exit_code)
    return ExitCode.INTERNAL_ERROR


def _recorded(run_dir: Path) -> str | None:
    """Identity of the record that the measuring run left; it names its folder of logs."""
    for path in reversed(records.files()):
        if path.stem.endswith(f"-{SUITE}"):
            for entry in records.read([path]):
                if isinstance(entry, records.Run) and entry.logs == str(run_dir):
                    return entry.id
    return None


if __name__ == "__main__":
    sys.exit(entry.run(main))
