"""A pytest run in a lab of its own inside this lab: for tests of what the lab makes of failures."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

from lab.deadline import Deadline
from lab.run import PREPARED, Prepared

ENTER = """
import sys
from pathlib import Path
from lab.run import Prepared, enter
enter(Prepared.load(Path(sys.argv[1])), sys.argv[2:])
"""


@dataclass(frozen=True)
class Outcome:
    """How one inner test ended. `seconds` is its duration, restore included."""

    state: str
    message: str
    text: str
    seconds: float
    properties: dict[str, str]

    @property
    def bundle(self) -> Path:
        return Path(self.properties["bundle"])


@dataclass(frozen=True)
class InnerRun:
    """Exit status, everything printed, and the outcome of each test by name."""

    status: int
    output: str
    outcomes: dict[str, Outcome]


def run(prepared: Prepared, name: str, file: Path, *options: str, seconds: float) -> InnerRun:
    """Run the tests in `file` with what `prepared` says, logs in the folder `name` of its run's folder."""
    run_dir = prepared.run_dir / name
    run_dir.mkdir(exist_ok=True)
    saved = run_dir / "outer.json"
    replace(prepared, run_dir=run_dir).save(saved)
    junit = run_dir / "junit.xml"
    pytest_command = [
        *(sys.executable, "-m", "pytest", "-p", "lab.pytest_plugin", "-p", "no:cacheprovider"),
        *("--kernel", prepared.kernel.flavour, f"--junitxml={junit}", *options, str(file)),
    ]
    environment = {name: value for name, value in os.environ.items() if name not in (PREPARED, "PYTEST_CURRENT_TEST")}
    done = subprocess.run(
        [sys.executable, "-c", ENTER, str(saved), *pytest_command],
        cwd=prepared.source,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=Deadline(seconds).seconds,
        check=False,
    )
    print(done.stdout)
    assert junit.exists(), f"the inner run left no report (status {done.returncode})"
    return InnerRun(done.returncode, done.stdout, _read_junit(junit))


def _read_junit(path: Path) -> dict[str, Outcome]:
    outcomes = {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        bad = case.find("failure")
        bad = case.find("error") if bad is None else bad
        properties = {str(node.get("name")): str(node.get("value")) for node in case.iterfind("properties/property")}
        if bad is None and str(case.get("name")) in outcomes:
            continue  # it passed, but for the leak that was told of it before
        outcomes[str(case.get("name"))] = Outcome(
            "passed" if bad is None else bad.tag,
            "" if bad is None else str(bad.get("message")),
            "" if bad is None or bad.text is None else bad.text,
            float(str(case.get("time"))),
            properties,
        )
    return outcomes
