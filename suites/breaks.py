"""`python -m suites.breaks [NAME...]`: break the product on purpose, and see the cases turn red that should.

For each break of suites/functional/breaks.toml: a copy of kmod/ with the fault, built for the kernel, and its cases run
against it in a lab of their own. Exit status 0 when every case of every break turned red, 1 when one stayed green.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

from lab.cache import Cache
from lab.deadline import Deadline
from lab.errors import ExitCode, LabError, UsageError
from lab.module import ensure_module
from lab.run import DEFAULT_KERNEL, Prepared, enter, make_run_dir, prepare
from suites.behaviours import BREAKS, CASES, ROOT, Break, read_breaks

RUN_S = 300.0  # one break's cases, boot included
_BUILT = shutil.ignore_patterns("*.o", "*.ko", "*.cmd", "*.mod", "*.mod.c", "__pycache__")


@dataclass(frozen=True)
class Outcome:
    """Which of a break's cases turned red, which stayed green, and where the run's output is."""

    red: tuple[str, ...]
    green: tuple[str, ...]
    log: Path


def try_break(fault: Break, prepared: Prepared) -> Outcome:
    """Build the fault and run its cases. Raises LabError when it cannot be built or its lab does not end."""
    run_dir = make_run_dir()
    with tempfile.TemporaryDirectory(prefix="weir-break-") as folder:
        tree = Path(folder)
        shutil.copytree(ROOT / "kmod", tree / "kmod", ignore=_BUILT)
        fault.make(tree)
        module = ensure_module(Cache(), prepared.kernel, prepared.tools, source=tree / "kmod")
        broken = replace(prepared, module=module, source=tree, run_dir=run_dir, command=f"break {fault.name}")
        broken.save(run_dir / "broken.json")
        report, log = run_dir / "junit.xml", run_dir / "pytest.log"
        nodes = [
            str((CASES / case.split("::")[0]).relative_to(ROOT)) + "::" + case.split("::")[1] for case in fault.cases
        ]
        with log.open("wb") as output:
            _run_inside(run_dir / "broken.json", [*nodes, f"--junitxml={report}"], output.fileno(), fault.name)
    colours = read_report(report) if report.is_file() else {}
    if not colours:
        raise LabError(f"break {fault.name}: no case was run", hint=f"see {log}")
    red = tuple(case for case in fault.cases if colours.get(case))
    return Outcome(red, tuple(case for case in fault.cases if case not in red), log)


def _run_inside(prepared: Path, pytest: list[str], output: int, name: str) -> None:
    command = [sys.executable, "-m", "suites.breaks", "--inside", str(prepared), "--", *pytest]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        process.wait(Deadline(RUN_S).seconds)
    except subprocess.TimeoutExpired:
        raise LabError(f"break {name}: its lab did not end within {RUN_S:.0f} s") from None
    finally:
        process.kill()  # its namespaces end with it
        process.wait()


def read_report(path: Path) -> dict[str, bool]:
    """Of a JUnit file: for each "test_file.py::test_name", whether any of its parametrised cases failed."""
    colours: dict[str, bool] = {}
    for case in ElementTree.parse(path).iter("testcase"):
        name = case.get("classname", "").rsplit(".", 1)[-1] + ".py::" + case.get("name", "").split("[")[0]
        failed = case.find("failure") is not None or case.find("error") is not None
        colours[name] = colours.get(name, False) or failed
    return colours


def note_seen(name: str, day: date, path: Path = BREAKS) -> None:
    """Enter the day on which the break's cases were seen red."""
    text = path.read_text()
    header = re.escape(f"[{name}]")
    entered = re.sub(rf'^{header}\n(seen = "[^"]*"\n)?', f'[{name}]\nseen = "{day.isoformat()}"\n', text, flags=re.M)
    path.write_text(entered)


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m suites.breaks", description=__doc__)
    parser.add_argument("names", nargs="*", help="breaks to try (default: all)")
    parser.add_argument("--kernel", default=DEFAULT_KERNEL, help=f"flavour to boot (default: {DEFAULT_KERNEL})")
    parser.add_argument("--unseen", action="store_true", help="only those that nobody has seen red yet")
    parser.add_argument("--record", action="store_true", help="enter the day into breaks.toml where all turned red")
    parser.add_argument("--prepared", type=Path, help="prepared.json of an earlier run, to build only the module anew")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--inside"]:
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "lab.pytest_plugin", "-p", "no:cacheprovider"]
        enter(Prepared.load(Path(arguments[1])), [*pytest, *arguments[3:]])
    options = parser.parse_args(arguments)
    faults = {fault.name: fault for fault in read_breaks()}
    if unknown := sorted(set(options.names) - faults.keys()):
        raise UsageError(f"no such break: {', '.join(unknown)}", hint=f"there are {', '.join(faults)}")
    chosen = [faults[name] for name in options.names] or list(faults.values())
    chosen = [fault for fault in chosen if not (options.unseen and fault.seen)]
    prepared = Prepared.load(options.prepared) if options.prepared else prepare(options.kernel, command="suites.breaks")
    failed = 0
    for fault in chosen:
        try:
            outcome = try_break(fault, prepared)
        except (LabError, ValueError) as error:
            print(f"{fault.name}: NOT TRIED: {error}", flush=True)
            failed += 1
            continue
        if outcome.green:
            failed += 1
            print(f"{fault.name}: STAYED GREEN: {', '.join(outcome.green)} ({outcome.log})", flush=True)
        else:
            print(f"{fault.name}: red: {', '.join(outcome.red)}", flush=True)
            if options.record:
                note_seen(fault.name, date.today())
    return ExitCode.PRODUCT_FAILURE if failed else ExitCode.PASSED


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        print(f"weir: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
