"""Crashes, live: seen at once, owned by the right test, symbolised, bundled; and the run goes on from the snapshot.

crashing_tests.py runs once, in a pytest and a lab of its own inside this lab; the tests here read what came of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.deadline import Deadline
from lab.errors import ExitCode
from lab.run import Prepared
from suites.robustness import nested
from suites.robustness.nested import InnerRun

INNER = Path(__file__).with_name("crashing_tests.py")
SECONDS = 480.0  # for all of the inner run, on the reference host: one that hangs is ended


@pytest.fixture(scope="module")
def inner() -> Iterator[InnerRun]:
    """The inner run, done."""
    prepared = Prepared.load()
    options = [] if prepared.kernel.instrumented else ["--memory-dump"]  # a gigabyte each, where there are most crashes
    yield nested.run(prepared, "crash-detection", INNER, *options, seconds=SECONDS)
    for memory in (prepared.run_dir / "crash-detection" / "bundles").glob("*/memory.elf"):
        memory.unlink()  # half a gigabyte each


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
        pytest.param("test_use_after_free", "KASAN", "memory.c:", marks=pytest.mark.needs("KASAN")),
        pytest.param("test_out_of_bounds", "KASAN", "memory.c:", marks=pytest.mark.needs("KASAN")),
        pytest.param("test_index", "UBSAN", "memory.c:", marks=pytest.mark.needs("UBSAN")),
        pytest.param("test_lock_inversion", "lockdep", "hangs.c:", marks=pytest.mark.needs("PROVE_LOCKING")),
        pytest.param(
            "test_sleep_under_spinlock", "sleeping in atomic", "hangs.c:", marks=pytest.mark.needs("DEBUG_ATOMIC_SLEEP")
        ),
    ],
)
def test_crash_fails_its_owner_with_a_symbolised_stack(inner: InnerRun, test: str, kind: str, place: str) -> None:
    outcome = inner.outcomes[test]
    if test == "test_oops" and Prepared.load().kernel.has("KASAN"):
        kind = "KASAN"  # the check of the null pointer faults before the access does
    assert outcome.state == "failure"
    assert f"GuestCrash: {kind} on guest" in outcome.message
    assert f"kmod/tests/crash_test/{place}" in outcome.text
    assert outcome.properties["cause"] == "product"
    crash = json.loads((outcome.bundle / "crash.json").read_text())
    assert crash["kind"] == kind
    assert crash["fingerprint"] == outcome.properties["fingerprint"]
    assert any(f"kmod/tests/crash_test/{place}" in line for line in crash["stack"])


@pytest.mark.needs("DEBUG_KMEMLEAK")
def test_leak_fails_the_test_that_took_the_memory(inner: InnerRun) -> None:
    """Found when all tests have run: two passed, one of them is to blame."""
    outcome = inner.outcomes["test_leak"]
    assert outcome.state == "error"
    assert "kmemleak on guest" in outcome.text
    assert "kmod/tests/crash_test/memory.c:" in outcome.text
    assert "weir_crash_leak" in (outcome.bundle / "crash.txt").read_text()
    assert inner.outcomes["test_after_the_leak"].state == "passed"


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
    assert {name for name, outcome in inner.outcomes.items() if outcome.state == "error"} <= {"test_leak"}
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
    if Prepared.load().kernel.instrumented:
        pytest.skip("shown on the other kernels")
    with (inner.outcomes[test].bundle / "memory.elf").open("rb") as file:
        assert file.read(4) == b"\x7fELF"
        assert file.seek(0, os.SEEK_END) > 256 << 20
