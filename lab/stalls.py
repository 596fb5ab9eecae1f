"""Whether the host stood still: moments in which it ran nothing on a CPU for us, though something was due.

A hypervisor that gives this machine's CPUs to others, or a task of real-time priority, stops guest, clients and servers
alike for tenths of a second; a time-out or a least rate that a test sets then says nothing about the device under test.
A process of its own has a thread on each CPU that sleeps and looks how late it wakes. Ordinary competition hardly
delays it: the kernel lets who slept go first. So what it sees is the host, not the load that a test makes.

Run as a file by `Stalls`, without the rest of the lab: it needs the standard library alone.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Self

STEP_S = 0.02
STALL_S = 0.1
"""Shorter ones are not noted."""
ANSWER_S = 30
QUESTION = b"?\n"


class Stalls:
    """Watches for as long as the `with` lasts. Times are those of time.monotonic()."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: list[tuple[float, float]] = []

    @property
    def pid(self) -> int:
        """Of the process that watches."""
        assert self._process is not None
        return self._process.pid

    def longest(self, began: float, ended: float) -> float:
        """Seconds of the longest stall of a CPU within this span, which lies in the past.

        Raises OSError when the process that watches does not answer.
        """
        self._catch_up()
        return max([0.0, *(min(until, ended) - max(since, began) for since, until in self._seen)])

    def _catch_up(self) -> None:
        """Read all that has happened so far: it is told before the answer to a question that is asked now."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(QUESTION)
        self._process.stdin.flush()
        while True:
            if not select.select([self._process.stdout], [], [], ANSWER_S)[0]:
                raise OSError(f"the process {self.pid} that watches for stalls did not answer within {ANSWER_S:.0f} s")
            line = self._process.stdout.readline()
            if line == QUESTION:
                return
            if not line:
                raise OSError(f"the process {self.pid} that watches for stalls has ended")
            since, until = line.split()
            self._seen.append((float(since), float(until)))

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True,
        )  # fmt: skip
        self._catch_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.communicate(timeout=30)  # closes its standard input, which ends it


class Watch:
    """A thread on one CPU, which tells each stall on standard output: when it began, when it ended."""

    def __init__(self, cpu: int, stepped: threading.Condition) -> None:
        self._cpu = cpu
        self._stepped = stepped
        self.looked = 0.0
        """When it looked at the clock for the last time; what was before is told."""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        os.sched_setaffinity(threading.get_native_id(), {self._cpu})
        last = time.monotonic()
        while True:
            time.sleep(STEP_S)  # how late it wakes is what is measured
            now = time.monotonic()
            if now - last >= STALL_S:
                os.write(sys.stdout.fileno(), f"{last + STEP_S:.3f} {now:.3f}\n".encode())
            last = now
            with self._stepped:
                self.looked = now
                self._stepped.notify_all()


def main() -> None:
    """Watch until standard input ends: it does when the parent does. A question is answered when all is told."""
    stepped = threading.Condition()
    watches = [Watch(cpu, stepped) for cpu in os.sched_getaffinity(0)]
    while sys.stdin.buffer.readline():
        asked = time.monotonic()
        with stepped:
            stepped.wait_for(lambda: all(watch.looked > asked for watch in watches))  # noqa: B023 - waited for here
        os.write(sys.stdout.fileno(), QUESTION)
    os._exit(0)


if __name__ == "__main__":
    main()
