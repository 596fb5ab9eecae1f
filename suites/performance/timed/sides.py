"""Sides of a comparison, measured in turn: A B B A, so that a host that drifts drifts for all of them alike.

A side is whatever can be started in a guest, answer at an endpoint, and be stopped again: a device under test, or one
of two builds of Weir. Sides of one comparison share guest and origin, and never run at the same time; only builds
for different kernels have a guest each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

    from lab.qemu_machine import QemuMachine
    from suites.duts.config import Config

Endpoint = tuple[str, int]


@dataclass(frozen=True)
class Side:
    """`start` returns once `endpoint`, in `machine`, answers; `stop` leaves nothing of it behind.

    `apply` puts another configuration in force where that opens or closes upstream connections by itself.
    """

    name: str
    start: Callable[[], None]
    stop: Callable[[], None]
    endpoint: Endpoint
    machine: QemuMachine
    apply: Callable[[Config], None] | None = None

    @contextmanager
    def running(self) -> Iterator[Endpoint]:
        """Started inside, stopped at the end whatever happened."""
        self.start()
        try:
            yield self.endpoint
        finally:
            self.stop()


@dataclass(frozen=True)
class Sample:
    """What one measurement of one side said.

    `metrics` are by name, in the units of timed/metrics.py. `failed` counts honest requests that got no reply or
    another one than expected: any makes the figure void. `latencies` are in microseconds.
    `attributes` say how it was taken.
    """

    metrics: Mapping[str, float]
    requests: int
    failed: int
    failures: str = ""
    latencies: HdrHistogram | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Paired:
    """Samples of each side by its name, in the order taken; sample i of every side is of the same round."""

    samples: dict[str, list[Sample]]
    order: list[str] = field(default_factory=list)
    """Names of the sides, in the order in which they really ran."""

    def values(self, side: str, metric: str) -> list[float]:
        """One number a round. Raises KeyError where a sample has no such metric."""
        return [sample.metrics[metric] for sample in self.samples[side]]

    def metrics(self, side: str) -> list[str]:
        """Names of the metrics that every sample of this side has."""
        rounds = self.samples[side]
        return [name for name in rounds[0].metrics if all(name in sample.metrics for sample in rounds)]

    def failed(self, side: str) -> int:
        """Honest requests of this side that failed, over all rounds."""
        return sum(sample.failed for sample in self.samples[side])

    def failures(self) -> list[str]:
        """One line a sample with failed requests."""
        return [
            f"{name}, round {number}: {sample.failed} of {sample.requests} requests failed: {sample.failures}"
            for name, rounds in self.samples.items()
            for number, sample in enumerate(rounds)
            if sample.failed
        ]

    def latencies(self, side: str) -> HdrHistogram | None:
        """All rounds' histograms merged; percentiles are taken of this one, never averaged."""
        from suites.performance.timed.latency import merged

        return merged([sample.latencies for sample in self.samples[side] if sample.latencies is not None])


def interleave(
    sides: Sequence[Side],
    pairs: int,
    measure: Callable[[Side], Sample],
    progress: Callable[[str], None] = lambda _text: None,
) -> Paired:
    """Measures every side once a round, `pairs` rounds, each round in the reverse order of the one before.

    Two sides run A B B A A B ...; three A B C C B A .... A side is started before each of its measurements and stopped
    after it. With an even number of rounds a linear drift of the host cancels out.
    """
    if len({side.name for side in sides}) != len(sides):
        raise ValueError(f"sides need names of their own: {[side.name for side in sides]}")
    if pairs < 1:
        raise ValueError("at least one round")
    paired = Paired({side.name: [] for side in sides})
    for round_ in range(pairs):
        for side in sides if round_ % 2 == 0 else tuple(reversed(sides)):
            progress(f"round {round_ + 1} of {pairs}: {side.name}")
            with side.running():
                paired.samples[side.name].append(measure(side))
            paired.order.append(side.name)
    return paired
