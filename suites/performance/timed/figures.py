"""Turns samples into figures: one of each side and metric, and the ratio of each pair of sides with its interval."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from results.figures import Figure
from results.statistics import Interval, StatisticsError, mean_interval, paired_ratio
from suites.performance.timed.latency import encoded, percentiles
from suites.performance.timed.metrics import METRICS
from suites.performance.timed.sides import Paired

if TYPE_CHECKING:
    from lab.run import Prepared
    from results.records import Host

RECIPE: Final = 1
"""Raised when a change of this package makes older timed figures incomparable."""

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


def ratio(paired: Paired, metric: str, side: str, other: str) -> Interval | None:
    """Geometric mean of the per-round ratios side / other with its 95 % interval; None where there is none to tell."""
    try:
        return paired_ratio(paired.values(side, metric), paired.values(other, metric))
    except StatisticsError:
        return None


def _of_side(paired: Paired, name: str, context: Context) -> Iterator[Figure]:
    latencies = paired.latencies(name)
    pooled = percentiles(latencies) if latencies is not None else {}
    rounds = paired.samples[name]
    for metric in paired.metrics(name):
        values = paired.values(name, metric)
        interval = _interval(values)
        # The percentile of all rounds together, not the average of each round's.
        value = pooled.get(metric, statistics.fmean(values))
        yield Figure(
            scenario=context.scenario,
            dut=name,
            kernel=context.kernel,
            mode="timed",
            metric=metric,
            value=value,
            unit=METRICS[metric].unit,
            spread=interval.width / 2 / abs(value) if interval and value else 0.0,
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
        interval = ratio(paired, metric, side, other) if metric in paired.metrics(other) else None
        if interval is None:
            continue
        left, right = paired.values(side, metric), paired.values(other, metric)
        yield Figure(
            scenario=context.scenario,
            dut=side,
            kernel=context.kernel,
            mode="timed",
            metric=metric,
            value=interval.value,
            unit="ratio",
            spread=interval.width / 2 / interval.value,
            low=interval.low,
            high=interval.high,
            samples=[a / b for a, b in zip(left, right, strict=True)],
            against=other,
            environment=context.environment,
            unfit=list(context.unfit),
            attributes={**context.attributes, "rounds": str(len(left)), "order": " ".join(paired.order)},
        )


def _interval(values: Sequence[float]) -> Interval | None:
    try:
        return mean_interval(values)
    except StatisticsError:
        return None


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
