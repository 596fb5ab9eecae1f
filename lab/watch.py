"""Watches a running guest for crashes: its console, its QEMU, its taint.

The owner of a machine makes one `Watcher` for it and tells it of what only the owner sees (a new generation, QEMU's
end, QMP events). Listeners are called on the watching thread, once for each crash, as soon as its report is complete.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.crash import Crash, Kind, Scanner, from_event, from_taint

POLL_S = 0.02  # how often the console file is looked at
QUIET_S = 0.25  # a report without an end marker is complete after so much silence; scaled by no factor, only a bound
LONGEST_S = 3.0  # a report is delivered after so long even though the console never falls silent
REPEATS_KEPT = 200  # crashes kept, repetitions included
PIECE = 1 << 20  # bytes read at a time

Listener = Callable[[Crash], None]


class Watcher:
    """Follows the console file `path` from byte `start` on, as it grows. A context manager; `start()` begins.

    Thread-safe. Crashes of the present generation are kept in `crashes`. The file may be truncated or replaced by a
    longer one at any time (a restore may do so): a shorter file is read from its beginning.
    """

    def __init__(self, path: Path, listener: Listener | None = None, *, start: int = 0) -> None:
        self.path = path
        self._listeners: list[Listener] = [listener] if listener else []
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._offset = start
        self._scanner = Scanner()
        self._silent_s = 0.0
        self._open_s = 0.0
        self._crashes: list[Crash] = []
        self._ending = False

    def start(self) -> Self:
        """Begin to watch, on a thread of its own."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name=f"watch {self.path.name}", daemon=True)
            self._thread.start()
        return self

    def stop(self) -> None:
        """End the thread; what was seen stays in `crashes`."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` with every crash from now on."""
        with self._lock:
            self._listeners.append(listener)

    @property
    def crashes(self) -> list[Crash]:
        """Crashes of this generation so far, oldest first."""
        with self._lock:
            return list(self._crashes)

    def drain(self) -> list[Crash]:
        """Read all that is on the console by now, take an open report as complete, and return `crashes`."""
        with self._lock:
            self._read()
            self._deliver(self._scanner.flush())
            return list(self._crashes)

    def settle(self, seconds: float = LONGEST_S) -> list[Crash]:
        """Like `drain`, but give a report that has begun up to `seconds` to become complete."""
        waited = silent = 0.0
        while waited < seconds and silent < QUIET_S:
            with self._lock:
                grown = self._read()
                if not self._scanner.pending:
                    break
            silent = 0.0 if grown else silent + POLL_S
            waited += POLL_S
            if self._stop.wait(POLL_S):
                break
        return self.drain()

    def new_generation(self, start: int | None = None) -> None:
        """The guest was booted or restored: forget its crashes and go on at byte `start` (default: the file's end)."""
        with self._lock:
            self._scanner = Scanner()
            self._crashes = []
            self._ending = False
            self._silent_s = self._open_s = 0.0
            self._offset = self._size() if start is None else start

    def expect_exit(self) -> None:
        """QEMU is about to be ended on purpose: its end is no crash in this generation."""
        with self._lock:
            self._ending = True

    def qemu_exited(self, status: int | None, said: str = "") -> None:
        """QEMU ended. A crash unless it was expected, or the console tells of the panic that made QEMU exit."""
        with self._lock:
            self.drain()
            if self._ending or any(crash.fatal for crash in self._crashes):
                return
            if status is not None and status < 0:
                title = f"QEMU was killed by signal {-status}"
            else:
                title = f"QEMU ended by itself with status {status}"
            text = f"{title}\n{said.strip()}\nlast words on the console:\n{self._last_words()}"
            self._deliver([from_event(Kind.QEMU_GONE, title, text)])

    def internal_error(self, said: str = "") -> None:
        """QMP says that the run state is "internal-error": the accelerator gave the guest up."""
        self._deliver([from_event(Kind.INTERNAL_ERROR, "QEMU run state internal-error", said)])

    def report(self, crash: Crash) -> None:
        """Take a crash that was seen by other means."""
        self._deliver([crash])

    def taint(self, before: int, after: int) -> None:
        """/proc/sys/kernel/tainted was `before` and is `after`. Adds a crash only if the console told of none."""
        with self._lock:
            crash = from_taint(before, after)
            if crash is not None and not self.settle():
                self._deliver([crash])

    def _run(self) -> None:
        while not self._stop.wait(POLL_S):
            with self._lock:
                grown = self._read()
                if not self._scanner.pending:
                    self._silent_s = self._open_s = 0.0
                    continue
                self._silent_s = 0.0 if grown else self._silent_s + POLL_S
                self._open_s += POLL_S
                if self._silent_s >= QUIET_S or self._open_s >= LONGEST_S:
                    self._silent_s = self._open_s = 0.0
                    self._deliver(self._scanner.flush())

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def _read(self) -> bool:
        """Feed what is new; whether there was any."""
        size = self._size()
        if size < self._offset:
            self._offset = 0
            self._scanner = Scanner()
        if size == self._offset:
            return False
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                while piece := file.read(PIECE):
                    self._offset += len(piece)
                    # The kernel's console is ASCII; a byte that is not must not stop the watch.
                    self._deliver(self._scanner.feed(piece.decode("ascii", errors="replace")))
        except OSError:
            return False
        return True

    def _last_words(self, lines: int = 20) -> str:
        try:
            with self.path.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 8192))
                return "\n".join(file.read().decode("ascii", errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _deliver(self, crashes: list[Crash]) -> None:
        with self._lock:
            known = {crash.fingerprint for crash in self._crashes}
            fresh = list({c.fingerprint: c for c in reversed(crashes) if c.fingerprint not in known}.values())[::-1]
            self._crashes.extend(crashes if len(self._crashes) < REPEATS_KEPT else fresh)
            listeners = list(self._listeners)
        # A watchdog repeats itself every few seconds; once is news.
        for crash in fresh:
            for listener in listeners:
                listener(crash)


ConsoleWatcher = Watcher
