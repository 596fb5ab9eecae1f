"""Latencies as HdrHistograms, in microseconds: recorded as they were, corrected for what waited unseen, merged whole.

Percentiles of several runs are those of their merged histogram; an average of percentiles is none (hdrhistogram.org).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

LOWEST_US: Final = 1
HIGHEST_US: Final = 60_000_000
DIGITS: Final = 3
PERCENTILES: Final = {"latency_p50": 50.0, "latency_p99": 99.0, "latency_p999": 99.9}


def new() -> HdrHistogram:
    """An empty histogram of 1 µs to 60 s with three significant digits."""
    from hdrh.histogram import HdrHistogram

    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


def record(latencies_us: Iterable[int], *, interval_us: float) -> HdrHistogram:
    """A histogram of these latencies, corrected for coordinated omission.

    A connection that is to send one request every `interval_us` and waits longer for a reply sends the next one late;
    those that would have waited meanwhile are added as if they had been sent on time. `interval_us` 0 corrects nothing.
    """
    histogram = new()
    expected = round(interval_us)
    for latency in latencies_us:
        value = min(max(latency, LOWEST_US), HIGHEST_US)
        if expected:
            histogram.record_corrected_value(value, expected)
        else:
            histogram.record_value(value)
    return histogram


def merged(histograms: Sequence[HdrHistogram]) -> HdrHistogram | None:
    """One histogram with all their values; None of none."""
    if not histograms:
        return None
    total = new()
    for histogram in histograms:
        total.add(histogram)
    return total


def percentiles(histogram: HdrHistogram) -> dict[str, float]:
    """The percentiles that figures are made of, by metric, in microseconds."""
    return {name: float(histogram.get_value_at_percentile(at)) for name, at in PERCENTILES.items()}


def encoded(histogram: HdrHistogram) -> str:
    """HdrHistogram V2, compressed, base64: as Figure.histogram holds it."""
    text: bytes = histogram.encode()
    return text.decode("ascii")
