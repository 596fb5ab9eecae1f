"""Histories for the report: which figures have one, thinned to what a screen shows, with epochs and change points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from results import trend, words
from results.environment import Epoch, epochs
from results.figures import Mode
from results.query import Store
from results.report_model import Cell, History, Point, Recorded, Shift
from results.rows import FigureRow, Filters

_PLOTS: Final = 64
"""Plots in one report, the most telling metrics first."""
_DRAWN: Final = 360
"""Points in one plot: the newest half as they are, of each bucket of older ones the lowest and the highest."""
_BUFFER: Final = 6 * _DRAWN
_RUNS: Final = 20_000
"""Runs whose figures are looked at, the newest."""
_LEAST: Final = 8
"""Points below which a level cannot be told from chance."""
_DUT: Final = "weir"
SCENARIO_REVISION: Final = "scenario revision"
"""The attribute of a figure that counts what its scenario came to mean."""

Key = tuple[Mode, str, str, str, str]


class Thinner:
    """Holds a series in bounded memory: when its buffer is full, the older half is thinned to extremes."""

    def __init__(self, drawn: int = _DRAWN, buffer: int = _BUFFER) -> None:
        self.drawn = drawn
        self.buffer = buffer
        self.total = 0
        self.unit = ""
        self.last = ""
        self._points: list[Point] = []

    def add(self, point: Point, unit: str) -> None:
        """Appends the next point, newer than all before it."""
        self.total += 1
        self.unit = unit
        self._points.append(point)
        self.last = point.run
        if len(self._points) >= self.buffer:
            self._points = thin(self._points, self.buffer // 2)

    def points(self) -> tuple[Point, ...]:
        """At most `drawn` points, oldest first."""
        return tuple(thin(self._points, self.drawn))


def thin(points: Sequence[Point], limit: int) -> list[Point]:
    """At most `limit` points: the newest half of them untouched, and of the older ones each bucket's extremes.

    Extremes, so that a peak is never smoothed away. A bucket never spans two environments.
    """
    if len(points) <= limit:
        return list(points)
    kept = limit // 2
    older, newest = points[: len(points) - kept], points[len(points) - kept :]
    stretches = [older[epoch.first : epoch.last + 1] for epoch in epochs((p.started, p.likeness) for p in older)]
    buckets = max(1, (limit - kept) // 2)
    if len(stretches) >= buckets:  # an environment that changes all the time leaves nothing to group by
        stretches = [older]
    chosen: list[Point] = []
    for stretch in stretches:
        share = max(1, buckets * len(stretch) // len(older))
        size = -(-len(stretch) // share)
        for start in range(0, len(stretch), size):
            bucket = stretch[start : start + size]
            low = min(range(len(bucket)), key=lambda i: bucket[i].value)
            high = max(range(len(bucket)), key=lambda i: bucket[i].value)
            chosen += [bucket[i] for i in sorted({low, high})]
    return [*chosen[-(limit - kept) :], *newest]


def histories(store: Store, subject: Recorded, cells: Iterable[Cell]) -> tuple[list[History], str]:
    """The histories of what the report shows of the device under test, and a sentence on what was left out.

    A history has the runs of the subject's branch, or of main, on clean checkouts, and the subject itself.
    """
    wanted = _wanted(cells)
    if not wanted:
        return [], ""
    series: dict[Key, Thinner] = {key: Thinner() for key in wanted}
    # A detached checkout has no branch: its run joins the history alone.
    branches = tuple({"main", subject.run.revision.branch or "main"} - {"HEAD"})
    rows = store.figures(
        Filters(
            metric=tuple({key[4] for key in wanted}),
            dut=(_DUT,),
            scenario=tuple({key[1] for key in wanted}),
            branch=branches,
            last=_RUNS,
            own=True,
        )
    )
    for row in rows:
        key = (row.mode, row.scenario, row.dut, row.kernel, row.metric)
        if key not in series or row.against or (row.dirty and row.run != subject.run.id):
            continue
        series[key].add(_point(row, store), row.unit)
    _join_subject(series, subject)
    environments = store.environments()
    found = [_history(key, thinner, environments) for key, thinner in series.items() if thinner.total]
    thinned = [one for one in found if one.total > len(one.points)]
    notes = []
    if thinned:
        drawn, total = sum(len(one.points) for one in thinned), sum(one.total for one in thinned)
        notes.append(
            f"{words.plural(len(thinned), 'plot')} of many points {'are' if len(thinned) > 1 else 'is'} thinned: "
            f"{drawn:,} of {total:,} points are drawn, the newest as they are and of each stretch of older ones the "
            "lowest and the highest; `python -m results query` has all of them. Change points are sought among the "
            "newest."
        )
    if missing := trend.available():
        notes.append(f"Without change points: {missing}.")
    return found, " ".join(notes)


def _join_subject(series: Mapping[Key, Thinner], subject: Recorded) -> None:
    """Appends the subject's own figures where it is not of a branch that has a history."""
    run = subject.run
    for figure in run.figures:
        key = (figure.mode, figure.scenario, figure.dut, figure.kernel, figure.metric)
        thinner = series.get(key)
        if thinner is None or figure.against or figure.revision not in ("", run.revision.commit):
            continue
        if thinner.last == run.id or figure.attributes.get("side", "candidate") != "candidate":
            continue
        point = Point(
            run=run.id,
            where=subject.where,
            started=run.started,
            revision=run.revision.commit,
            dirty=run.revision.dirty,
            value=figure.value,
            spread=figure.spread,
            environment=figure.environment,
            unfit=bool(figure.unfit),
            scenario_revision=figure.attributes.get(SCENARIO_REVISION, ""),
        )
        thinner.add(point, figure.unit)


def _wanted(cells: Iterable[Cell]) -> list[Key]:
    keys = {
        (figure.mode, figure.scenario, figure.dut, figure.kernel, figure.metric): words.metric(
            figure.metric, figure.unit
        )
        for cell in cells
        for figure in cell.figures
        if figure.dut == _DUT and not figure.against
    }
    ranked = [key for key, known in sorted(keys.items(), key=lambda item: item[1].rank) if known.better != "none"]
    return ranked[:_PLOTS]


def _point(row: FigureRow, store: Store) -> Point:
    return Point(
        run=row.run,
        where=row.where.removeprefix(f"{store.root}/"),
        started=row.started,
        revision=row.revision,
        dirty=row.dirty,
        value=row.value,
        spread=row.spread,
        environment=row.environment,
        unfit=bool(row.unfit),
        scenario_revision=row.scenario_revision,
    )


def _history(key: Key, thinner: Thinner, environments: Mapping[str, Mapping[str, str]]) -> History:
    mode, scenario, dut, kernel, metric = key
    points = thinner.points()
    stretches = tuple(epochs(((p.started, p.likeness) for p in points), _described(points, environments)))
    return History(
        scenario=scenario,
        dut=dut,
        kernel=kernel,
        mode=mode,
        metric=metric,
        unit=thinner.unit,
        points=points,
        total=thinner.total,
        epochs=stretches,
        shifts=_shifts(points, stretches, first=len(points) - _DRAWN // 2 if thinner.total > len(points) else 0),
    )


def _described(points: Sequence[Point], environments: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """What each likeness stands for: its environment, and the scenario's revision where there is one."""
    return {
        point.likeness: dict(environments[point.environment])
        | ({SCENARIO_REVISION: point.scenario_revision} if point.scenario_revision else {})
        for point in points
        if point.environment in environments
    }


def _shifts(points: Sequence[Point], stretches: Sequence[Epoch], first: int) -> tuple[Shift, ...]:
    """Change points within each epoch, from point `first` on: thinned points before it are no sample of anything."""
    if trend.available():
        return ()
    found = []
    for epoch in stretches:
        start = max(epoch.first, first)
        values = [point.value for point in points[start : epoch.last + 1]]
        if len(values) < _LEAST:
            continue
        found += [Shift(start + one.position, one.before, one.after) for one in trend.change_points(values)]
    return tuple(found)
