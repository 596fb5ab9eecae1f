"""Statistics of paired measurements: ratio with confidence interval, non-inferiority, Holm's correction, power.

Everything works on the logarithms of paired ratios: a ratio and its inverse are then judged alike, and the mean is the
geometric mean ratio. Pairs, not sides, are what is resampled: whatever both sides of a pair share (a slow host, a warm
machine) cancels within the pair. Intervals are bootstrap percentiles whose level is expanded for few samples
(T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4), 2015, section 4.1):
plain percentiles of ten pairs cover 90 % where they promise 95 %. Below FEWEST_TO_RESAMPLE values, whose resamples
cannot reach as far as the interval must, it is Student's interval instead. How often each promise is kept is measured
by `python -m results validate-statistics`, see docs/performance/sign-off.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

RESAMPLES = 10_000
FEWEST_TO_RESAMPLE = 8
_BLOCK = 2_000_000  # numbers drawn at once: bounds the memory of long series to some 20 MB


class StatisticsError(ValueError):
    """Samples from which no statement can be made; the message says why."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval: `low` <= `high`, all in the unit of `value`."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """Distance from `low` to `high`."""
        return self.high - self.low

    def contains(self, value: float) -> bool:
        """Whether `value` lies in the interval, its ends included."""
        return self.low <= value <= self.high


def log_ratios(a: Sequence[float], b: Sequence[float]) -> NDArray[np.float64]:
    """Natural logarithms of a[i] / b[i].

    Raises StatisticsError for sequences of unequal length, and for values that are not positive, finite numbers.
    """
    if len(a) != len(b):
        raise StatisticsError(f"pairs need two sides: {len(a)} measurements of one, {len(b)} of the other")
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    for side in (left, right):
        if not bool(np.all(np.isfinite(side) & (side > 0))):
            raise StatisticsError("a ratio needs positive, finite measurements on both sides")
    return np.asarray(np.log(left) - np.log(right), dtype=np.float64)


def _bootstrap_means(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Means of RESAMPLES samples with replacement, each as long as `values`."""
    generator = np.random.default_rng(seed)
    means = np.empty(RESAMPLES)
    step = max(1, _BLOCK // len(values))
    for start in range(0, RESAMPLES, step):
        rows = min(step, RESAMPLES - start)
        means[start : start + rows] = values[generator.integers(0, len(values), (rows, len(values)))].mean(axis=1)
    return means


def mean_interval(values: Sequence[float], *, confidence: float = 0.95, seed: int = 0) -> Interval:
    """Mean of `values` with its confidence interval; the same for the same arguments.

    Raises StatisticsError for fewer than two values and for a confidence outside 0..1.
    """
    if len(values) < 2:
        raise StatisticsError(f"an interval needs at least two measurements, not {len(values)}")
    if not 0 < confidence < 1:
        raise StatisticsError(f"confidence {confidence} is not between 0 and 1")
    sample = np.asarray(values, dtype=np.float64)
    count = len(sample)
    mean = float(sample.mean())
    student = float(stats.t.isf((1 - confidence) / 2, count - 1))
    if count < FEWEST_TO_RESAMPLE:
        half = student * float(sample.std(ddof=1)) / math.sqrt(count)
        return Interval(mean, mean - half, mean + half)
    # The bootstrap's spread is sqrt((n-1)/n) of the true one and its tails are the normal's, not Student's: widen.
    tail = float(stats.norm.sf(student * math.sqrt(count / (count - 1))))
    low, high = np.quantile(_bootstrap_means(sample, seed), [tail, 1 - tail])
    return Interval(mean, min(mean, float(low)), max(mean, float(high)))


def paired_ratio(a: Sequence[float], b: Sequence[float], *, confidence: float = 0.95, seed: int = 0) -> Interval:
    """Geometric mean of the ratios a[i] / b[i] with its confidence interval; 1.0 is no difference.

    Raises StatisticsError for unequal lengths, fewer than two pairs, and values that are not positive and finite.
    """
    inner = mean_interval(log_ratios(a, b).tolist(), confidence=confidence, seed=seed)
    return Interval(math.exp(inner.value), math.exp(inner.low), math.exp(inner.high))


@dataclass(frozen=True)
class Margin:
    """How much worse a ratio candidate/baseline may be: above `ratio` where more is better, else below it."""

    ratio: float
    more_is_better: bool

    def __post_init__(self) -> None:
        if not (self.ratio > 0 and (self.ratio < 1) == self.more_is_better and self.ratio != 1):
            raise StatisticsError(f"a margin of {self.ratio} allows nothing where more is {self.more_is_better} better")

    def distances(self, logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each log ratio's distance from the margin, positive on the acceptable side."""
        distance = logs - math.log(self.ratio)
        return distance if self.more_is_better else -distance

    def clear_of(self, interval: Interval) -> bool:
        """Whether all of `interval` (of ratios) lies on the acceptable side."""
        return interval.low > self.ratio if self.more_is_better else interval.high < self.ratio

    def beyond(self, interval: Interval) -> bool:
        """Whether all of `interval` (of ratios) lies on the unacceptable side."""
        return interval.high < self.ratio if self.more_is_better else interval.low > self.ratio


def one_sided(distances: NDArray[np.float64]) -> float:
    """p-value of Student's one-sided test that the mean distance is not above 0; small means: it is above.

    Without any spread the answer is 0 (above), or 1. Raises StatisticsError for fewer than two values.
    """
    if len(distances) < 2:
        raise StatisticsError(f"a test needs at least two measurements, not {len(distances)}")
    mean = float(distances.mean())
    error = float(distances.std(ddof=1)) / math.sqrt(len(distances))
    if error == 0:
        return 0.0 if mean > 0 else 1.0
    return float(stats.t.sf(mean / error, len(distances) - 1))


def holm(p_values: Mapping[str, float], alpha: float) -> dict[str, float]:
    """The level at which Holm's step-down procedure tests each hypothesis; 0.0 for those it never reaches.

    Hypothesis k (0 first, ascending p) is tested at alpha / (m - k); the first that is not rejected ends it, and is
    itself given that level. A hypothesis is rejected if its p-value is at most its level (S. Holm, Scandinavian
    Journal of Statistics 6, 1979).
    """
    levels = dict.fromkeys(p_values, 0.0)
    ordered = sorted(p_values, key=lambda name: (p_values[name], name))
    for rank, name in enumerate(ordered):
        levels[name] = alpha / (len(ordered) - rank)
        if p_values[name] > levels[name]:
            break
    return levels


def holm_rejected(p_values: Mapping[str, float], alpha: float) -> set[str]:
    """The hypotheses that Holm's procedure rejects with family-wise error `alpha`."""
    return {name for name, level in holm(p_values, alpha).items() if level > 0 and p_values[name] <= level}


def pairs_to_decide(
    distances: NDArray[np.float64], *, alpha: float, power: float = 0.9, most: int = 100_000
) -> int | None:
    """Pairs in all after which a test at level `alpha` would probably (`power`) decide, if all goes on as seen so far.

    `distances` are those seen, from the margin; either side of it counts as a decision. None when it would take more
    than `most`: the difference is then too close to the margin to be told from it.
    """
    if len(distances) < 2:
        raise StatisticsError(f"a forecast needs at least two measurements, not {len(distances)}")
    mean, spread = abs(float(distances.mean())), float(distances.std(ddof=1))
    if spread == 0:
        return len(distances) if mean else None

    def detected(count: int) -> bool:
        """Power of a one-sided t test of `count` pairs: the tail of the non-central t distribution."""
        critical = float(stats.t.isf(alpha, count - 1))
        found = float(stats.nct.sf(critical, count - 1, mean / spread * math.sqrt(count)))
        return found >= power or math.isnan(found)

    if mean == 0 or mean / spread * math.sqrt(most) < float(stats.norm.isf(alpha) + stats.norm.isf(1 - power)):
        return None
    low, high = 2, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if detected(middle) else (middle + 1, high)
    return low
