"""The watcher, on a console file that grows, is truncated, and falls silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.crash import Crash, Kind
from lab.deadline import Deadline
from lab.watch import LONGEST_S, QUIET_S, Watcher

FIXTURES = Path(__file__).parent / "fixtures" / "crashes"
WARN = (FIXTURES / "warn.txt").read_text()
HUNG = (FIXTURES / "hung_task.txt").read_text()
PANIC = (FIXTURES / "panic.txt").read_text()
BOOT = (FIXTURES / "boot.txt").read_text()


class Console:
    """A console file with a watcher on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.touch()
        self.told: list[Crash] = []
        self.news = threading.Event()
        self.watcher = Watcher(path, self._on_crash).start()

    def _on_crash(self, crash: Crash) -> None:
        self.told.append(crash)
        self.news.set()

    def say(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(text)

    def kinds(self) -> list[Kind]:
        return [crash.kind for crash in self.told]


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path / "console.log")
    yield made
    made.watcher.stop()


def test_crash_is_told_at_once(console: Console) -> None:
    console.say(BOOT)
    began = time.monotonic()
    console.say(WARN)
    assert console.news.wait(Deadline(5).remaining)
    # The report's end mark spares the wait for silence, but a line must follow before it can be left.
    assert time.monotonic() - began < Deadline(QUIET_S + 1).seconds
    assert console.kinds() == [Kind.WARN]


def test_report_without_end_is_told_after_silence(console: Console) -> None:
    console.say(HUNG)
    assert console.news.wait(Deadline(QUIET_S + 2).remaining)
    assert console.kinds() == [Kind.HUNG_TASK]
    assert console.told[0].function == "weir_crash_hung_task"


def test_report_is_told_though_the_console_never_falls_silent(console: Console) -> None:
    stop = threading.Event()

    def chatter() -> None:
        while not stop.wait(0.01):
            console.say("[   99.000000] weir: chatter\n")

    console.say(HUNG)
    talker = threading.Thread(target=chatter)
    talker.start()
    try:
        assert console.news.wait(Deadline(LONGEST_S + 2).remaining)
    finally:
        stop.set()
        talker.join()
    assert console.kinds() == [Kind.HUNG_TASK]


def test_text_in_small_pieces(console: Console) -> None:
    for start in range(0, len(WARN), 97):
        console.say(WARN[start : start + 97])
    assert [crash.function for crash in console.watcher.settle()] == ["weir_crash_warn"]


def test_drain_takes_what_is_there(console: Console) -> None:
    console.watcher.stop()
    console.say(WARN + HUNG)
    assert [crash.kind for crash in console.watcher.drain()] == [Kind.WARN, Kind.HUNG_TASK]


def test_the_same_crash_is_told_once(console: Console) -> None:
    console.say(WARN * 3)
    Deadline(5).wait_for(lambda: len(console.watcher.crashes) == 3, what="three reports")
    assert console.kinds() == [Kind.WARN]


def test_new_generation_forgets(console: Console) -> None:
    console.say(WARN)
    assert console.watcher.settle()
    console.watcher.new_generation()
    assert console.watcher.settle() == []
    console.say(PANIC)
    assert [crash.kind for crash in console.watcher.settle()] == [Kind.PANIC]


def test_truncated_file_is_read_from_its_start(console: Console) -> None:
    console.say(BOOT)
    console.watcher.settle()
    console.path.write_text(PANIC)
    assert [crash.kind for crash in console.watcher.settle()] == [Kind.PANIC]


def test_killed_qemu_is_a_crash(console: Console) -> None:
    console.say(BOOT)
    console.watcher.qemu_exited(-9, "")
    (crash,) = console.told
    assert crash.kind is Kind.QEMU_GONE
    assert crash.title == "QEMU was killed by signal 9"
    assert "module verification failed" in crash.text  # the console's last words


def test_qemu_that_ends_after_a_panic_is_explained_by_it(console: Console) -> None:
    console.say(PANIC)
    console.watcher.qemu_exited(0)
    assert console.kinds() == [Kind.PANIC]


def test_qemu_ended_on_purpose_is_no_crash(console: Console) -> None:
    console.watcher.expect_exit()
    console.watcher.qemu_exited(-9)
    assert console.told == []


def test_internal_error(console: Console) -> None:
    console.watcher.internal_error("KVM internal error. Suberror: 1")
    assert console.kinds() == [Kind.INTERNAL_ERROR]


def test_taint_that_the_console_does_not_explain(console: Console) -> None:
    console.watcher.taint(0, (1 << 12) | (1 << 6))
    assert console.kinds() == [Kind.TAINT]


def test_taint_that_the_console_explains(console: Console) -> None:
    console.say(WARN)
    console.watcher.taint(1 << 12, (1 << 12) | (1 << 9))
    assert console.kinds() == [Kind.WARN]
