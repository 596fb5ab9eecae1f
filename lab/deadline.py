"""Deadlines and conditions, in place of sleeps.

Seconds are written for the reference host and stretched by the measured speed of this one (lab/speed.py), and by what
other work on it takes meanwhile (lab/pressure.py), never by a constant for "slow".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from lab import pressure, speed
from lab.errors import DeadlineExpired

T = TypeVar("T")

STRETCH_MAX: Final = 4.0
"""However busy the host: by so much a deadline is put off at most."""


class Deadline:
    """A point in time, `seconds` from now, after which waiting is given up.

    `scale=False` is for spans that are not work of this host: protocol timers, a probe that must end in fixed time.
    """

    def __init__(self, seconds: float, *, scale: bool = True) -> None:
        self.seconds = seconds * (speed.factor() if scale else 1.0)
        self._scale = scale
        self._start = time.monotonic()
        self._stalled = pressure.stalled() if scale else 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the deadline was set."""
        return time.monotonic() - self._start

    @property
    def remaining(self) -> float:
        """Seconds left, never negative. While CPUs are short it goes down more slowly, by STRETCH_MAX at most."""
        spent = self.elapsed
        if self._scale and spent > self.seconds / STRETCH_MAX:
            spent = max(spent / STRETCH_MAX, spent - (pressure.stalled() - self._stalled))
        return max(0.0, self.seconds - spent)

    @property
    def expired(self) -> bool:
        return self.remaining <= 0.0

    def check(self, what: str = "the operation") -> None:
        """Raises DeadlineExpired, naming `what`, once the time is up."""
        if self.expired:
            raise DeadlineExpired(f"{what} did not finish within {self.seconds:.1f} s")

    def wait_for(self, condition: Callable[[], T], *, interval: float = 0.02, what: str = "") -> T:
        """Ask `condition` until its answer is true, and return that answer.

        The condition is asked at least once, and once more when time is up, so that a late scheduler cannot fail what
        has come true. `interval` is in seconds. Raises DeadlineExpired naming `what` (default: the condition's name)
        and the last answer.
        """
        while True:
            last_round = self.expired
            answer = condition()
            if answer:
                return answer
            if last_round:
                name = what or getattr(condition, "__name__", repr(condition))
                raise DeadlineExpired(f"waited {self.seconds:.1f} s in vain for: {name} (last answer: {answer!r})")
            time.sleep(min(interval, self.remaining))

    def __repr__(self) -> str:
        return f"Deadline({self.remaining:.2f} of {self.seconds:.2f} s left)"
