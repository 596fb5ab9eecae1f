"""Crashes, live: seen at once, owned by the right test, symbolised, bundled; and the run goes on from the snapshot.

crashing_tests.py runs once, in a pytest and a lab of its own inside this lab; the tests here read what came of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lab.deadline import Deadline
from lab.errors import ExitCode
from lab.run import PREPARED, Prepared

INNER = Path(__file__).with_name("crashing_tests.py")
SECONDS = 240.0  # for all of the inner run, on the reference host
ENTER = """
import os, sys
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

    def crash(self) -> dict[str, Any]:
        """The bundle's crash.json."""
        loaded: dict[str, Any] = json.loads((self.bundle / "crash.json").read_text())
        return loaded


@dataclass(frozen=True)
class InnerRun:
    status: int
    output: str
    outcomes: dict[str, Outcome]


@pytest.fixture(scope="module")
def inner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InnerRun]:
    """The inner run, done."""
    outer = Prepared.load()
    run_dir = outer.run_dir / "crash-detection"
    run_dir.mkdir(exist_ok=True)
    file = tmp_path_factory.mktemp("crash-detection") / "prepared.json"
    replace(outer, run_dir=run_dir).save(file)
    junit = run_dir / "junit.xml"
    pytest_command = [
        *(sys.executable, "-m", "pytest", "-p", "lab.pytest_plugin", "-p", "no:cacheprovider"),
        *("--kernel", outer.kernel.flavour, "--memory-dump", f"--junitxml={junit}", str(INNER)),
    ]
    environment = {name: value for name, value in os.environ.items() if name not in (PREPARED, "PYTEST_CURRENT_TEST")}
    done = subprocess.run(
        [sys.executable, "-c", ENTER, str(file), *pytest_command],
        cwd=outer.source,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=Deadline(SECONDS).seconds,
        check=False,
    )
    print(done.stdout)
    assert junit.exists(), f"the inner run left no report (status {done.returncode})"
    yield InnerRun(done.returncode, done.stdout, read_junit(junit))
    for memory in (run_dir / "bundles").glob("*/memory.elf"):
        memory.unlink()  # half a gigabyte each


def read_junit(path: Path) -> dict[str, Outcome]:
    outcomes = {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        bad = case.find("failure")
        bad = case.find("error") if bad is None else bad
        state = "passed" if bad is None else bad.tag
        properties = {str(node.get("name")): str(node.get("value")) for node in case.iterfind("properties/property")}
        outcomes[str(case.get("name"))] = Outcome(
            state,
            "" if bad is None else str(bad.get("message")),
            "" if bad is None or bad.text is None else bad.text,
            float(str(case.get("time"))),
            properties,
        )
    return outcomes


@pytest.mark.parametrize(
    ("test", "kind", "place"),
    [
        ("test_oops", "oops", "faults.c:"),
        ("test_warn", "WARN", "faults.c:"),
        ("test_warn_of_a_test_that_passes", "WARN", "faults.c:"),
        ("test_panic", "panic", "faults.c:"),
        ("test_bug", "BUG", "faults.c:"),
        ("test_list_corruption", "list corruption", "memory.c:"),
        ("test_sleep_in_atomic", "sleeping in atomic", "hangs.c:"),
        ("test_hang", "hang", "hangs.c:"),
        ("test_stuck_task", "hang", "hangs.c:"),
    ],
)
def test_crash_fails_its_owner_with_a_symbolised_stack(inner: InnerRun, test: str, kind: str, place: str) -> None:
    outcome = inner.outcomes[test]
    assert outcome.state == "failure"
    assert f"GuestCrash: {kind} on guest" in outcome.message
    assert f"kmod/tests/crash_test/{place}" in outcome.text
    assert outcome.properties["cause"] == "product"
    crash = outcome.crash()
    assert crash["kind"] == kind
    assert crash["fingerprint"] == outcome.properties["fingerprint"]
    assert any(f"kmod/tests/crash_test/{place}" in line for line in crash["stack"])


@pytest.mark.parametrize("test", ["test_killed_qemu", "test_killed_qemu_while_talking"])
def test_killed_qemu_is_a_crash_of_its_own_kind(inner: InnerRun, test: str) -> None:
    outcome = inner.outcomes[test]
    assert outcome.state == "failure"
    assert "GuestCrash: QEMU gone on guest: QEMU was killed by signal 9" in outcome.message
    assert outcome.properties["fingerprint"].startswith("QEMU-gone-")


def test_taint_that_no_message_tells_of(inner: InnerRun) -> None:
    outcome = inner.outcomes["test_taint"]
    assert outcome.state == "failure"
    assert "[U] taint requested by user space" in outcome.message


@pytest.mark.parametrize("test", ["test_oops", "test_warn", "test_panic", "test_killed_qemu"])
def test_a_blocked_owner_is_interrupted_at_once(inner: InnerRun, test: str) -> None:
    # The inner tests block for a minute. A memory dump of half a gigabyte and the restore are in the figure.
    assert inner.outcomes[test].seconds < Deadline(20).seconds


def test_the_run_goes_on_from_the_snapshot(inner: InnerRun) -> None:
    # Each inner test, the last one too, asserts that it found the guest as the snapshot has it.
    last = inner.outcomes["test_slow_command_is_no_crash"]
    assert last.state == "passed", last.text
    assert not [name for name, outcome in inner.outcomes.items() if outcome.state == "error"]
    assert inner.status == ExitCode.PRODUCT_FAILURE


def test_the_same_fault_has_the_same_fingerprint(inner: InnerRun) -> None:
    first, second = (inner.outcomes[name] for name in ("test_warn", "test_warn_of_a_test_that_passes"))
    assert first.properties["fingerprint"] == second.properties["fingerprint"]
    assert first.bundle != second.bundle


def test_bundle_holds_what_one_needs(inner: InnerRun) -> None:
    outer = Prepared.load()
    bundle = inner.outcomes["test_warn"].bundle
    assert not (bundle / "missing.txt").exists(), (bundle / "missing.txt").read_text()
    assert "weir_crash_test: asked to warn" in (bundle / "console.txt").read_text()
    assert "weir_crash_test: asked to warn" in (bundle / "kernel.log").read_text()
    assert "CONFIG_" in (bundle / "kernel.config").read_text()
    versions = json.loads((bundle / "versions.json").read_text())
    assert versions["kernel"]["release"] == outer.kernel.release
    assert versions["module"]["key"] == outer.module.key
    assert "test_warn" in (bundle / "crash.txt").read_text()
    reproduce = (bundle / "reproduce").read_text()
    assert f"--kernel {outer.kernel.flavour}" in reproduce
    assert "-k test_warn" in reproduce
    assert os.access(bundle / "reproduce", os.X_OK)


@pytest.mark.parametrize("test", ["test_warn", "test_panic", "test_hang"])
def test_memory_is_dumped_on_request(inner: InnerRun, test: str) -> None:
    with (inner.outcomes[test].bundle / "memory.elf").open("rb") as file:
        assert file.read(4) == b"\x7fELF"
        assert file.seek(0, os.SEEK_END) > 256 << 20
