"""History of figures: series of like figures over the runs of a branch, their change points and their epochs.

Change points are found by Apache Otava's algorithm (Fleming et al., "Hunter: Using Change Point Detection to Hunt for
Performance Regressions", ICPE 2023), which is optional: numpy and scipy come with Weir's environment, `apache-otava`
is installed apart, without its dependencies. They tell a history, they gate nothing: what gates is `results.compare`.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from results.environment import Epoch, epochs
from results.errors import ResultsError
from results.figures import Mode
from results.progress import counting
from results.query import Store
from results.query_command import add_filters, filters
from results.rows import Cell, FigureRow, Filters

# At p = 1e-3 one series in eighteen of pure noise shows a change point; at 1e-4 hardly any does.
MAX_P_VALUE: Final = 1e-4
MIN_MAGNITUDE: Final = 0.01
WINDOW: Final = 50

INSTALL: Final = "python -m pip install --no-deps --require-hashes -r requirements-bare.txt"


@dataclass(frozen=True)
class ChangePoint:
    """A place where a series changes for good.

    `position` is the first point (in `Series.points`) of the new level; `before` and `after` are the means on its two
    sides, up to the neighbouring change points; `change` is relative, +0.01 is 1 % more; `p` the probability that one
    level would look like two so much.
    """

    position: int
    before: float
    after: float
    change: float
    p: float


@dataclass(frozen=True)
class Series:
    """Like figures, oldest first: same scenario and revision of it, device, kernel, mode, metric, unit, divisor and
    environment.
    """

    scenario: str
    dut: str
    kernel: str
    mode: Mode
    metric: str
    unit: str
    against: str
    environment: str
    scenario_revision: str
    points: tuple[FigureRow, ...]
    change_points: tuple[ChangePoint, ...] = ()

    @property
    def values(self) -> list[float]:
        """The points' values."""
        return [point.value for point in self.points]


@dataclass(frozen=True)
class Trend:
    """The history of one figure through all its environments.

    `points` holds all of them, oldest first, whatever their environment; `epochs` the stretches of it that ran in one,
    and with one revision of the scenario (positions are those in `points`); `series` the same points by environment and
    revision, in the order in which those appeared, with their change points: none lies between two environments, nor
    between two meanings of the scenario.
    """

    scenario: str
    dut: str
    kernel: str
    mode: Mode
    metric: str
    unit: str
    against: str
    points: tuple[FigureRow, ...]
    epochs: tuple[Epoch, ...]
    series: tuple[Series, ...]


def available() -> str:
    """Empty when change points can be computed, else what is missing and how to get it."""
    try:
        import otava.analysis  # noqa: F401
    except ImportError as error:
        return f"change points need apache-otava, which is not installed ({error}): {INSTALL}"
    return ""


def change_points(
    values: Sequence[float],
    *,
    max_p_value: float = MAX_P_VALUE,
    min_magnitude: float = MIN_MAGNITUDE,
    window: int = WINDOW,
) -> list[ChangePoint]:
    """Where `values` change level by at least `min_magnitude` (relative), oldest first.

    Raises ResultsError when apache-otava is not installed.
    """
    if missing := available():
        raise ResultsError(missing.split(":")[0], hint=INSTALL)
    if len(values) < 2:
        return []
    from otava.analysis import compute_change_points

    with warnings.catch_warnings():
        # Stretches of equal values, ordinary among instruction counts, have no variance to divide by.
        warnings.simplefilter("ignore", RuntimeWarning)
        found, _ = compute_change_points(
            list(map(float, values)), window_len=window, max_pvalue=max_p_value, min_magnitude=min_magnitude
        )
    return [
        ChangePoint(
            int(point.index),
            float(point.stats.mean_1),
            float(point.stats.mean_2),
            float(point.stats.forward_rel_change()),
            float(point.stats.pvalue),
        )
        for point in found
    ]


def trends(
    store: Store, wanted: Filters | None = None, *, branch: str = "main", detect: bool = True
) -> Iterator[Trend]:
    """The trends of the figures that `wanted` chooses, from clean runs of `branch` (or of those that `wanted` names).

    With `detect` off, or without apache-otava (`available`), series come without change points.
    """
    chosen = wanted or Filters()
    chosen = replace(chosen, branch=chosen.branch or (branch,), clean=True, own=True)
    known = store.environments()
    detect = detect and not available()
    for cell in store.cells(chosen):
        points = tuple(store.figures(chosen, cell))
        likes: dict[tuple[str, str], list[FigureRow]] = {}
        for point in points:
            likes.setdefault((point.environment, point.scenario_revision), []).append(point)
        yield Trend(
            *cell,
            points=points,
            epochs=_epochs(points, known),
            series=tuple(_series(cell, same, detect) for same in likes.values()),
        )


def _epochs(points: Sequence[FigureRow], known: Mapping[str, Mapping[str, str]]) -> tuple[Epoch, ...]:
    """Epochs of environment and scenario together: a scenario that means something else is another one."""
    described = {
        f"{point.environment}/{point.scenario_revision}": {"scenario revision": point.scenario_revision}
        | dict(known.get(point.environment, {}))
        for point in points
    }
    history = ((point.started, f"{point.environment}/{point.scenario_revision}") for point in points)
    found = epochs(history, described)
    return tuple(replace(epoch, environment=points[epoch.first].environment) for epoch in found)


def _series(cell: Cell, points: Sequence[FigureRow], detect: bool) -> Series:
    found = change_points([point.value for point in points]) if detect else []
    return Series(
        *cell,
        environment=points[0].environment,
        scenario_revision=points[0].scenario_revision,
        points=tuple(points),
        change_points=tuple(found),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add_filters(parser)
    parser.add_argument("--changed", action="store_true", help="only trends with a change point or a new environment")


def run(args: argparse.Namespace) -> int:
    """Prints each trend: its epochs and change points; 1 if there is none. Raises ResultsError without apache-otava."""
    if missing := available():
        raise ResultsError(missing.split(":")[0], hint=INSTALL)
    with Store(args.root, progress=counting()) as store:
        shown = 0
        for trend in trends(store, filters(args)):
            if args.changed and len(trend.epochs) == 1 and not any(series.change_points for series in trend.series):
                continue
            print("\n".join(describe(trend)))
            shown += 1
    if not shown:
        print("no figure of a clean run answers to that; --branch names another branch than main")
    return 0 if shown else 1


def describe(trend: Trend) -> Iterable[str]:
    """A trend in lines of text."""
    against = f" / {trend.against}" if trend.against else ""
    first, last = trend.points[0], trend.points[-1]
    yield (
        f"{trend.scenario}  {trend.dut}{against}  {trend.kernel}  {trend.metric} ({trend.mode}):"
        f" {len(trend.points)} runs, {first.value:,.4g} -> {last.value:,.4g} {trend.unit}"
    )
    for epoch in trend.epochs:
        changes = "; ".join(map(str, epoch.changes)) or ("first" if epoch.first == 0 else "not described")
        runs = epoch.last - epoch.first + 1
        yield f"  {epoch.started:%Y-%m-%d %H:%M}  environment {epoch.environment[:8]}  {runs} runs  {changes}"
    for series in trend.series:
        for point in series.change_points:
            row = series.points[point.position]
            yield (
                f"  {row.started:%Y-%m-%d %H:%M}  {point.change:+.2%}  {point.before:,.4g} -> {point.after:,.4g}"
                f"  p {point.p:.1g}  {row.revision[:12]}  {row.where}"
            )
