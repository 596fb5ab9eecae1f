"""`python -m suites.breaks [NAME...]`: break the product on purpose, and see the cases turn red that should.

For each break of a suite's breaks.toml: a copy of kmod/ with the fault, built for the kernel, and its cases run against
it. Several breaks share a boot, each in the machine as it was when it had booted (suites/breaking.py). Exit
status 0 when every case of every break turned red, 1 when one stayed green.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

from lab.cache import Cache
from lab.deadline import Deadline
from lab.errors import ExitCode, LabError, UsageError
from lab.lock import Lock
from lab.mbedtls import ensure_engine
from lab.module import ensure_module
from lab.run import DEFAULT_KERNEL, Prepared, enter, make_run_dir, prepare
from suites.behaviours import BREAKS, ROOT, Break, read_breaks
from suites.breaking import VARIABLE

BOOT_S = 120.0  # one boot and its snapshot
RUN_S = 180.0  # one break's cases
PER_BOOT = 12
OPTIONS = {"differential": ("--examples", "0")}  # of a suite: its hand-written messages show what a break does
BUILDERS = 2
_BUILT = shutil.ignore_patterns("*.o", "*.ko", "*.cmd", "*.mod", "*.mod.c", "__pycache__")


@dataclass(frozen=True)
class Outcome:
    """Which of a break's cases turned red, which stayed green or did not run, and where the run's output is."""

    fault: Break
    red: tuple[str, ...]
    green: tuple[str, ...]
    log: Path | None = None
    error: str = ""
    """Why it was not tried, else empty."""


def build(fault: Break, prepared: Prepared, folder: Path) -> Prepared | str:
    """What is prepared with the fault in it, its source below `folder`; or why it cannot be built."""
    tree = folder / fault.name
    shutil.copytree(ROOT / "kmod", tree / "kmod", ignore=_BUILT)
    try:
        fault.make(tree)
        cache, tools = Cache(), prepared.tools
        engine = ensure_engine(cache, Lock.load(), tools, fault.engine)
        module = ensure_module(cache, prepared.kernel, tools, source=tree / "kmod", mbedtls=engine)
    except (LabError, ValueError) as error:
        return str(error)
    return replace(prepared, module=module, source=tree, tls=fault.engine, command=f"break {fault.name}")


def try_breaks(faults: list[Break], prepared: Prepared) -> Iterator[Outcome]:
    """Build the faults, several at once, and run the cases of all in one lab."""
    run_dir = make_run_dir()
    with tempfile.TemporaryDirectory(prefix="weir-break-") as name:
        folder = Path(name)
        with ThreadPoolExecutor(BUILDERS) as builders:
            built = list(builders.map(lambda fault: build(fault, prepared, folder), faults))
        plan: dict[str, tuple[str, tuple[str, ...]]] = {}
        for fault, made in zip(faults, built, strict=True):
            if isinstance(made, str):
                yield Outcome(fault, (), fault.cases, error=made)
            else:
                made.save(run_dir / f"{fault.name}.json")
                plan[fault.name] = (str(run_dir / f"{fault.name}.json"), fault.cases)
        if not plan:
            return
        (run_dir / "breaks.json").write_text(json.dumps(plan))
        replace(prepared, run_dir=run_dir, command="suites.breaks").save(run_dir / "broken.json")
        report, log = run_dir / "junit.xml", run_dir / "pytest.log"
        tried = [fault for fault in faults if fault.name in plan]
        nodes = sorted({f"suites/{fault.suite}/{case}" for fault in tried for case in fault.cases})
        options = [option for suite in sorted({fault.suite for fault in tried}) for option in OPTIONS.get(suite, ())]
        with log.open("wb") as output:
            error = _run_inside(run_dir, [*nodes, *options, f"--junitxml={report}"], output.fileno(), len(plan))
    colours = read_report(report) if report.is_file() else {}
    for fault in faults:
        if fault.name not in plan:
            continue
        red = tuple(case for case in fault.cases if colours.get((fault.name, case)))
        rest = tuple(case for case in fault.cases if case not in red)
        if not any((fault.name, case) in colours for case in fault.cases):
            yield Outcome(fault, red, rest, log, error or f"no case was run: see {log}")
        else:
            yield Outcome(fault, red, rest, log)


def _run_inside(run_dir: Path, pytest: list[str], output: int, breaks: int) -> str:
    """Returns what went wrong with the lab, or nothing."""
    command = [sys.executable, "-m", "suites.breaks", "--inside", str(run_dir / "broken.json"), "--", *pytest]
    environment = {**os.environ, VARIABLE: str(run_dir / "breaks.json")}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
    )
    seconds = BOOT_S + breaks * RUN_S
    try:
        process.wait(Deadline(seconds).seconds)
    except subprocess.TimeoutExpired:
        return f"its lab did not end within {seconds:.0f} s"
    finally:
        process.kill()  # its namespaces end with it
        process.wait()
    return ""


def read_report(path: Path) -> dict[tuple[str, str], bool]:
    """Of a JUnit file: by break and "test_file.py::test_name", whether any of its parametrised cases failed.

    Whether a case says which break was in force or not: if that one could not even be loaded, no property was recorded.
    """
    colours: dict[tuple[str, str], bool] = {}
    for case in ElementTree.parse(path).iter("testcase"):
        test, _, parameters = case.get("name", "").partition("[")
        name = case.get("classname", "").rsplit(".", 1)[-1] + ".py::" + test
        told = [item.get("value", "") for item in case.iter("property") if item.get("name") == "break"]
        fault = told[0] if told else _of_parameters(parameters.removesuffix("]"))
        causes = [item.get("value") for item in case.iter("property") if item.get("name") == "cause"]
        # A lab that broke, by a guest that did not boot for instance, says nothing about the case.
        failed = "infrastructure" not in causes and (case.find("failure") is not None or case.find("error") is not None)
        colours[fault, name] = colours.get((fault, name), False) or failed
    return colours


def _of_parameters(parameters: str) -> str:
    """The break's name among a case's parameters, which it begins."""
    names = sorted((fault.name for fault in read_breaks()), key=len, reverse=True)
    return next((name for name in names if parameters == name or parameters.startswith(f"{name}-")), "")


def batches(faults: list[Break]) -> Iterator[list[Break]]:
    """As many as share a boot."""
    rest: Iterable[Break] = iter(faults)
    while batch := list(islice(rest, PER_BOOT)):
        yield batch


def note_seen(name: str, day: date, path: Path) -> None:
    """Enter into the file of breaks the day on which this one's cases were seen red."""
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
    parser.add_argument("--suite", choices=sorted(BREAKS), help="only the breaks of this suite")
    parser.add_argument("--record", action="store_true", help="enter the day into breaks.toml where all turned red")
    parser.add_argument("--prepared", type=Path, help="prepared.json of an earlier run, to build only the module anew")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--inside"]:
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "lab.pytest_plugin", "-p", "suites.breaking"]
        enter(Prepared.load(Path(arguments[1])), [*pytest, "-p", "no:cacheprovider", *arguments[3:]])
    options = parser.parse_args(arguments)
    faults = {fault.name: fault for fault in read_breaks()}
    if unknown := sorted(set(options.names) - faults.keys()):
        raise UsageError(f"no such break: {', '.join(unknown)}", hint=f"there are {', '.join(faults)}")
    chosen = [faults[name] for name in options.names] or list(faults.values())
    chosen = [fault for fault in chosen if not (options.unseen and fault.seen)]
    chosen = [fault for fault in chosen if options.suite in (None, fault.suite)]
    began = time.monotonic()
    prepared = Prepared.load(options.prepared) if options.prepared else prepare(options.kernel, command="suites.breaks")
    survived = untried = spared = 0
    for batch in batches(chosen):
        for outcome in try_breaks(batch, prepared):
            name = outcome.fault.name
            if outcome.error:
                untried += 1
                print(f"{name}: NOT TRIED: {outcome.error}", flush=True)
            elif outcome.green:
                survived += not outcome.red
                spared += 1
                print(f"{name}: STAYED GREEN: {', '.join(outcome.green)} ({outcome.log})", flush=True)
            else:
                print(f"{name}: red: {', '.join(outcome.red)}", flush=True)
                if options.record:
                    note_seen(name, date.today(), BREAKS[outcome.fault.suite])
    killed = len(chosen) - survived - untried
    seconds = time.monotonic() - began
    print(f"{killed} of {len(chosen)} killed, {survived} survived, {untried} not tried, in {seconds:.0f} s", flush=True)
    return ExitCode.PRODUCT_FAILURE if spared or untried else ExitCode.PASSED


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        print(f"weir: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
