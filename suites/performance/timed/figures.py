"""Turns samples into figures: one of each side and metric, and the ratio of each pair of sides with its interval."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from results.figures import Figure
from results.statistics import Interval, paired_ratio
from suites.performance.timed.latency import encoded, percentiles
from suites.performance.timed.metrics import METRICS
from suites.performance.timed.sides import Paired

if TYPE_CHECKING:
    from lab.run import Prepared
    from results.records import Host

RECIPE: Final = 1
"""Raised when a change of this package makes older timed figures incomparable."""

FEWEST_FOR_INTERVAL: Final = 3
"""Rounds: Student's interval of two values is twelve times as wide as they are apart."""

HISTOGRAM_OF: Final = "latency_p99"
"""The one percentile whose figure holds the histogram: it is the same for all of them."""


@dataclass(frozen=True)
class Context:
    """What all figures of a measurement share. `unfit` are the reasons why it must not sign off a release."""

    scenario: str
    kernel: str
    environment: str
    unfit: Sequence[str] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


def figures(paired: Paired, context: Context) -> Iterator[Figure]:
    """Figures of every side without a failed request, then ratios of the first side to each other one.

    A side with failed requests has no figure: requests that fail are quickly done, and would make it look good.
    """
    sound = [name for name in paired.samples if not paired.failed(name)]
    for name in sound:
        yield from _of_side(paired, name, context)
    names = list(paired.samples)
    for other in names[1:]:
        if names[0] in sound and other in sound:
            yield from _ratios(paired, names[0], other, context)


def _of_side(paired: Paired, name: str, context: Context) -> Iterator[Figure]:
    latencies = paired.latencies(name)
    pooled = percentiles(latencies) if latencies is not None else {}
    rounds = paired.samples[name]
    for metric in paired.metrics(name):
        values = paired.values(name, metric)
        interval = _interval(values)
        # The percentile of all rounds together, not the average of each round's.
        value = pooled.get(metric, _typical(values))
        yield Figure(
            scenario=context.scenario,
            dut=name,
            kernel=context.kernel,
            mode="timed",
            metric=metric,
            value=value,
            unit=METRICS[metric].unit,
            spread=_spread(values, interval),
            low=min(interval.low, value) if interval else None,
            high=max(interval.high, value) if interval else None,
            samples=values,
            environment=context.environment,
            unfit=list(context.unfit),
            histogram=encoded(latencies) if latencies is not None and metric == HISTOGRAM_OF else "",
            attributes={
                **context.attributes,
                **rounds[-1].attributes,
                "requests": str(sum(sample.requests for sample in rounds)),
                "rounds": str(len(rounds)),
                "order": " ".join(paired.order),
            },
        )


def _ratios(paired: Paired, side: str, other: str, context: Context) -> Iterator[Figure]:
    for metric in paired.metrics(side):
        if metric not in paired.metrics(other):
            continue
        left, right = paired.values(side, metric), paired.values(other, metric)
        if min(*left, *right) <= 0:
            continue  # an attack left nothing of the goodput: the figures say so, a ratio would not
        ratios = [a / b for a, b in zip(left, right, strict=True)]
        interval = _interval(ratios)
        yield Figure(
            scenario=context.scenario,
            dut=side,
            kernel=context.kernel,
            mode="timed",
            metric=metric,
            value=_typical(ratios),
            unit="ratio",
            spread=_spread(ratios, interval),
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            samples=ratios,
            against=other,
            environment=context.environment,
            unfit=list(context.unfit),
            attributes={**context.attributes, "rounds": str(len(left)), "order": " ".join(paired.order)},
        )


def _interval(values: Sequence[float]) -> Interval | None:
    """Geometric mean with its 95 % interval; None of so few values that it would say nothing."""
    enough = len(values) >= FEWEST_FOR_INTERVAL and min(values) > 0
    return paired_ratio(values, [1.0] * len(values)) if enough else None


def _typical(values: Sequence[float]) -> float:
    """Geometric mean, as of ratios; the plain one where a value is nought."""
    return statistics.geometric_mean(values) if min(values) > 0 else statistics.fmean(values)


def _spread(values: Sequence[float], interval: Interval | None) -> float:
    """Half the interval's width, or half the values' range where there is none, relative to the value."""
    if interval is not None:
        return interval.width / 2 / interval.value
    typical = _typical(values)
    return (max(values) - min(values)) / 2 / typical if typical > 0 else 0.0


def environment(prepared: Prepared, host: Host, *, processors: int) -> dict[str, str]:
    """What timed figures depend on besides the code measured (results.environment.TIMED)."""
    return {
        "qemu": prepared.tools.versions.get("qemu-system-x86", "unknown"),
        "acceleration": prepared.acceleration.accel,
        "cpu": "host" if prepared.acceleration.accel == "kvm" else "max",
        "processors": str(processors),
        "kernel": prepared.kernel.key,
        "compiler": prepared.tools.versions.get("gcc-14", "unknown"),
        "image": prepared.image.key,
        "recipe": str(RECIPE),
        "host.processor": host.processor,
        "host.processors": str(host.processors),
        "host.kernel": host.kernel,
    }
