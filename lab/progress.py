"""What the lab is doing and how long it takes, on standard error.

`with step("kernel patched") as current: current.update("1200 of 2100 files")` prints one line when a
step has taken a while, keeps it alive with the latest detail and the time, and ends it with the total.
Steps nest. A step that ends at once (everything was cached) prints nothing. When an exception leaves
a step, the step's name is printed in brackets, so that the innermost one, the culprit, stands out.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

QUIET_SECONDS: Final = 0.5
"""A step shorter than this prints nothing."""
_REFRESH_SECONDS: Final = 0.25
_HEARTBEAT_SECONDS: Final = 30.0
"""Without a terminal a long step prints one line this often, so that a CI log shows that it lives."""


class Step:
    """One running step. `update` may be called from any thread and as often as one likes."""

    def __init__(self, title: str, depth: int) -> None:
        self.title = title
        self.depth = depth
        self.detail = ""
        self.started = time.monotonic()
        self.announced = False

    def update(self, detail: str) -> None:
        """Say what the step is at now: one line, shown live and replaced by the next."""
        self.detail = detail

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.started


class Reporter:
    """Prints steps to one stream. One thread draws while any step runs."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._steps: list[Step] = []
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._drawer: threading.Thread | None = None
        self._live_line = False
        self._last_heartbeat = 0.0

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        current = Step(title, len(self._steps))
        with self._lock:
            self._steps.append(current)
            if self._drawer is None:
                self._drawer = threading.Thread(target=self._draw, name="progress", daemon=True)
                self._drawer.start()
        try:
            yield current
        except BaseException:
            with self._lock:
                self._print(current, f"({current.title}) failed after {current.elapsed:.1f} s")
            raise
        else:
            with self._lock:
                if current.announced or current.elapsed >= QUIET_SECONDS:
                    self._print(current, f"{current.title}: {current.elapsed:.1f} s")
        finally:
            with self._lock:
                self._steps.remove(current)
                if not self._steps:
                    self._wake.notify_all()

    def note(self, text: str) -> None:
        """Print something the user must see, whatever runs."""
        with self._lock:
            self._clear()
            print(f"weir: {text}", file=self._out(), flush=True)

    def _out(self) -> TextIO:
        return self._stream or sys.stderr

    def _draw(self) -> None:
        with self._lock:
            while self._steps:
                self._wake.wait(_REFRESH_SECONDS)
                self._refresh()
            self._clear()
            self._drawer = None

    def _refresh(self) -> None:
        for step in self._steps:
            if not step.announced and step.elapsed >= QUIET_SECONDS:
                step.announced = True
                self._print(step, f"{step.title} …")
                self._last_heartbeat = time.monotonic()
        if not self._steps or not self._steps[-1].announced:
            return
        step = self._steps[-1]
        text = f"{'  ' * (step.depth + 1)}{step.elapsed:6.0f} s  {step.detail}"
        if self._out().isatty():
            width = shutil.get_terminal_size().columns - 1
            self._out().write(f"\r\x1b[K{text[:width]}")
            self._out().flush()
            self._live_line = True
        elif time.monotonic() - self._last_heartbeat >= _HEARTBEAT_SECONDS:
            self._last_heartbeat = time.monotonic()
            print(f"weir: {text}", file=self._out(), flush=True)

    def _print(self, step: Step, text: str) -> None:
        self._clear()
        print(f"weir: {'  ' * step.depth}{text}", file=self._out(), flush=True)

    def _clear(self) -> None:
        if self._live_line:
            self._out().write("\r\x1b[K")
            self._live_line = False


_reporter = Reporter()
step = _reporter.step
note = _reporter.note
