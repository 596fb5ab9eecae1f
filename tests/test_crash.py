"""The crash scanner, on real reports (tests/fixtures/crashes; those that no kernel here can make are written)."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.crash import Crash, Kind, Scanner, from_event, from_samples, from_taint, scan

FIXTURES = Path(__file__).parent / "fixtures" / "crashes"


@dataclass(frozen=True)
class Case:
    name: str
    text: str
    expected: tuple[str, ...]


def load(path: Path) -> Case:
    lines = path.read_text().splitlines(keepends=True)
    header = [line for line in lines if line.startswith("# ")]
    expected = tuple(line.removeprefix("# expect: ").strip() for line in header if line.startswith("# expect: "))
    assert any(line.startswith("# origin: ") for line in header), f"{path.name} does not say where it comes from"
    return Case(path.stem, "".join(lines[len(header) :]), expected)


CASES = [load(path) for path in sorted(FIXTURES.glob("*.txt"))]
CRASHES = [case for case in CASES if case.expected]


def said(crashes: list[Crash]) -> tuple[str, ...]:
    return tuple(f"{c.kind.value} {c.function}{' fatal' if c.fatal else ''}".strip() for c in crashes)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_kind_and_function(case: Case) -> None:
    assert said(scan(case.text)) == case.expected


def test_every_kind_has_a_text() -> None:
    seen = {crash.kind for case in CRASHES for crash in scan(case.text)}
    without_console = {Kind.QEMU_GONE, Kind.INTERNAL_ERROR}
    assert seen | without_console == set(Kind) - {Kind.KMSAN}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_text_may_be_cut_anywhere(case: Case, size: int) -> None:
    scanner = Scanner()
    found: list[Crash] = []
    for start in range(0, len(case.text), size):
        found += scanner.feed(case.text[start : start + size])
    assert found + scanner.flush() == scan(case.text)


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_random_cuts_of_all_texts_in_a_row(rng: random.Random) -> None:
    text = "".join(case.text for case in CRASHES)
    cuts = sorted(rng.sample(range(len(text)), 40))
    scanner = Scanner()
    found: list[Crash] = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        found += scanner.feed(text[start:end])
    assert found + scanner.flush() == scan(text)


def test_reports_in_a_row_are_told_apart() -> None:
    shuffled = list(CRASHES)
    random.Random(7).shuffle(shuffled)
    # A lone headline of a panic that follows another report is that report's end, so those stand first of their own.
    text = "".join(f"[    1.000000] eth0: link up\n{case.text}" for case in shuffled)
    assert said(scan(text)) == tuple(line for case in shuffled for line in case.expected)


def other_boot(text: str) -> str:
    """The same report as another boot would print it: other times, addresses, offsets, CPUs, processes, build."""
    text = re.sub(r"(?m)^\[ *\d+\.\d+\]", "[  999.123456]", text)
    text = re.sub(r"\bff[0-9a-f]{14}\b", "ffffc90000abc123", text)
    text = re.sub(r"\+0x[0-9a-f]+/0x[0-9a-f]+", "+0x77/0x99", text)
    text = re.sub(r"\bCPU: \d", "CPU: 3", text)
    text = re.sub(r"CPU#\d", "CPU#3", text)
    text = re.sub(r"PID: \d+", "PID: 4711", text)
    text = re.sub(r"\b(task|comm|\[)(\w+):\d+", r"\1\2:4711", text)
    text = re.sub(r"(init|sh|weirctl)/\d+", r"\1/4711", text)
    text = re.sub(r"task (\w+)/\d+", r"task \1/4711", text)
    text = re.sub(r"\.(isra|constprop|part)\.\d", r".\1.7", text)
    text = re.sub(r"stuck for \d+s", "stuck for 99s", text)
    return re.sub(r"#(\d+)\s+Debian \S+", "#2 Debian 6.12.200-1", text)


@pytest.mark.parametrize("case", CRASHES, ids=lambda case: case.name)
def test_fingerprint_is_that_of_another_boot(case: Case) -> None:
    changed = other_boot(case.text)
    assert changed != case.text or case.name.startswith("kmemleak")
    assert [crash.fingerprint for crash in scan(changed)] == [crash.fingerprint for crash in scan(case.text)]
    assert [crash.title for crash in scan(changed)] == [crash.title for crash in scan(case.text)]


def test_fingerprint_is_the_same_with_kaslr() -> None:
    first, second = (scan((FIXTURES / name).read_text())[0] for name in ("warn.txt", "warn_kaslr.txt"))
    assert first.fingerprint == second.fingerprint


def test_fingerprints_of_different_faults_differ() -> None:
    prints = {(crash.kind, crash.function, crash.fingerprint) for case in CRASHES for crash in scan(case.text)}
    assert len({fingerprint for _, _, fingerprint in prints}) == len(prints)


def test_fingerprints_are_names_of_folders() -> None:
    for case in CRASHES:
        for crash in scan(case.text):
            assert re.fullmatch(r"[\w.-]+", crash.fingerprint)


@pytest.mark.parametrize("case", CRASHES, ids=lambda case: case.name)
def test_titles_hold_nothing_of_one_boot(case: Case) -> None:
    for crash in scan(case.text):
        assert not re.search(r"0x[0-9a-f]{5,}|\bff[0-9a-f]{10,}|PID|\[#", crash.title), crash.title


def test_carriage_returns_and_priorities_do_not_matter() -> None:
    text = (FIXTURES / "oops.txt").read_text()
    body = text[text.index("[") :]
    plain = scan(body)[0]
    serial = scan(body.replace("\n", "\r\n"))[0]
    syslog = scan(re.sub(r"(?m)^", "<4>", body))[0]
    bare = scan(re.sub(r"(?m)^\[ *\d+\.\d+\] ", "", body))[0]
    callers = scan(re.sub(r"(?m)^(\[ *\d+\.\d+\]) ", r"\1[   T139] ", body))[0]
    assert {serial.fingerprint, syslog.fingerprint, bare.fingerprint, callers.fingerprint} == {plain.fingerprint}


def test_report_without_end_waits_for_flush() -> None:
    text = (FIXTURES / "hung_task.txt").read_text()
    scanner = Scanner()
    assert scanner.feed(text) == []
    assert scanner.pending
    assert len(scanner.flush()) == 1
    assert not scanner.pending


def test_memory_is_bounded() -> None:
    scanner = Scanner()
    found = scanner.feed("BUG: endless\n" + "and on\n" * 5000)
    assert len(found) == 1
    assert len(found[0].text.splitlines()) <= 600
    scanner.feed("x" * 200_000)
    assert len(scanner._partial) < 20_000


def test_frames_of_the_oops() -> None:
    crash = scan((FIXTURES / "oops.txt").read_text())[0]
    sure = [frame for frame in crash.frames if frame.reliable]
    assert str(sure[0]) == "weir_crash_oops+0x10/0x20 [weir_crash_test]"
    assert sure[1].function == "weir_crash_write"
    assert sure[1].module == "weir_crash_test"
    assert sure[-1].function == "entry_SYSCALL_64_after_hwframe"
    assert len(sure) < len(crash.frames)


def test_taint_bits() -> None:
    assert from_taint(0, (1 << 12) | (1 << 13)) is None
    assert from_taint(1 << 9, 1 << 9) is None
    crash = from_taint(1 << 12, (1 << 12) | (1 << 6) | (1 << 9))
    assert crash is not None
    assert crash.kind is Kind.TAINT
    assert "[U] taint requested by user space, [W] kernel issued a warning" in crash.title
    other = from_taint(0, 1 << 7)
    assert other is not None
    assert other.fingerprint != crash.fingerprint


def test_events_are_fatal() -> None:
    crash = from_event(Kind.QEMU_GONE, "QEMU was killed by signal 9")
    assert crash.fatal
    assert crash.fingerprint.startswith("QEMU-gone-")


def samples() -> list[str]:
    """Two answers to SysRq w and l, a second apart, of a guest in which a task sleeps in the crash module for ever."""
    text = (FIXTURES.parent / "sysrq_stuck_task.txt").read_text()
    return text.split("lab: sample ")[1:]


def test_task_that_stays_in_a_module_is_stuck() -> None:
    crash = from_samples(*samples())
    assert crash is not None
    assert crash.kind is Kind.HANG
    assert crash.function == "weir_crash_hung_task"
    assert "state:D" in crash.text
    assert "NMI backtrace" not in crash.text


def test_task_that_moved_on_is_not() -> None:
    first, second = samples()
    assert from_samples(first, second.replace("weir_crash_hung_task", "weir_crash_something_else")) is None
    assert from_samples(first, second.replace("task:sh ", "task:another ")) is None


def test_task_that_waits_in_the_kernel_itself_is_not() -> None:
    first, second = (text.replace(" [weir_crash_test]", "") for text in samples())
    assert from_samples(first, second) is None


def test_breakpoint_that_is_not_in_memory_is_the_emulators() -> None:
    text = (FIXTURES / "int3_not_there.txt").read_text()
    (crash,) = scan(text)
    assert crash.of_the_emulator
    (crash,) = scan(text.replace("f3 48 ab 0f <1f>", "f3 48 ab cc <1f>"))
    assert not crash.of_the_emulator, "this one is in memory"
    (crash,) = scan(text.replace("Oops: int3: 0000 [#1] SMP", "Oops: invalid opcode: 0000 [#1] SMP"))
    assert not crash.of_the_emulator


@pytest.mark.parametrize(
    "case", [case for case in CRASHES if case.name != "int3_not_there"], ids=lambda case: case.name
)
def test_no_other_crash_is_the_emulators(case: Case) -> None:
    assert not any(crash.of_the_emulator for crash in scan(case.text))
