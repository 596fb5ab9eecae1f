"""Change points lie where the level changes, never between two environments, and hardly ever in noise."""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from results import records
from results.__main__ import main
from results.errors import ResultsError
from results.query import Store
from results.rows import Filters
from results.trend import available, change_points, trends
from tests.test_results_records import make_figure, make_run

needs_otava = pytest.mark.skipif(bool(available()), reason=available())
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@needs_otava
def test_a_level_that_changes_is_found_where_it_changes() -> None:
    noise = random.Random(7)
    values = [noise.gauss(1000, 2) for _ in range(40)] + [noise.gauss(1030, 2) for _ in range(40)]
    (point,) = change_points(values)
    assert point.position == 40
    assert point.change == pytest.approx(0.03, abs=0.002)
    assert point.before == pytest.approx(1000, abs=2)
    assert point.p < 1e-4


@needs_otava
def test_exact_counts_without_any_noise() -> None:
    assert [point.position for point in change_points([100.0] * 20 + [104.0] * 3)] == [20]
    assert change_points([100.0] * 60) == []
    assert change_points([100.0]) == []
    assert change_points([]) == []


@needs_otava
def test_a_change_below_the_magnitude_is_none() -> None:
    assert change_points([1000.0] * 30 + [1005.0] * 30) == []
    assert change_points([1000.0] * 30 + [1005.0] * 30, min_magnitude=0.003)


@needs_otava
def test_pure_noise_hardly_ever_has_change_points() -> None:
    noise = random.Random(42)
    found = sum(bool(change_points([noise.gauss(1000, 20) for _ in range(100)])) for _ in range(200))
    loose = sum(
        bool(change_points([noise.gauss(1000, 20) for _ in range(100)], max_p_value=1e-2, min_magnitude=0))
        for _ in range(50)
    )
    assert found <= 4
    assert loose > 5


def fill(root: Path) -> None:
    """40 clean runs of main: QEMU changes at 10 (and with it the level), the code at 30; two that do not count."""
    environments = {"e7": {"qemu": "7.2"}, "e10": {"qemu": "10.0"}}
    for number in range(40):
        key = "e7" if number < 10 else "e10"
        value = 1000.0 if number < 10 else 700.0 if number < 30 else 770.0
        run = make_run(
            f"r{number:03}",
            started=BEGIN + timedelta(days=number),
            revision=records.Revision(f"{number:040x}", "main"),
            figures=[
                make_figure(value=value, environment=key),
                make_figure(value=1.0, environment=key, revision="ba5e"),
            ],
            environments={key: environments[key]},
        )
        records.append(run, root)
    for name, revision in (("dirty", records.Revision("d", "main", dirty=True)), ("topic", records.Revision("t", "t"))):
        figures = [make_figure(value=5.0, environment="e10")]
        records.append(make_run(name, revision=revision, figures=figures, environments=environments), root)


@needs_otava
def test_change_points_never_lie_between_environments(tmp_path: Path) -> None:
    fill(tmp_path)
    with Store(tmp_path) as store:
        (trend,) = trends(store)
    assert len(trend.points) == 40
    assert [(e.environment, e.first, e.last) for e in trend.epochs] == [("e7", 0, 9), ("e10", 10, 39)]
    assert [str(change) for change in trend.epochs[1].changes] == ["qemu: 7.2 -> 10.0"]
    old, new = trend.series
    assert old.change_points == ()
    (point,) = new.change_points
    assert (point.position, point.before, point.after) == (20, 700.0, 770.0)
    assert new.points[point.position].revision == f"{30:040x}"


@needs_otava
def test_a_scenario_that_means_something_else_is_another_series(tmp_path: Path) -> None:
    for number in range(30):
        figure = make_figure(
            value=1000.0 if number < 15 else 1200.0,
            environment="e",
            attributes={"scenario revision": "1" if number < 15 else "2"},
        )
        day = BEGIN + timedelta(days=number)
        revision = records.Revision("c", "main")
        run = make_run(
            f"r{number:03}", started=day, revision=revision, figures=[figure], environments={"e": {"q": "7"}}
        )
        records.append(run, tmp_path)
    with Store(tmp_path) as store:
        (trend,) = trends(store)
    assert [series.scenario_revision for series in trend.series] == ["1", "2"]
    assert [series.change_points for series in trend.series] == [(), ()]
    assert [(epoch.environment, epoch.first) for epoch in trend.epochs] == [("e", 0), ("e", 15)]
    assert [str(change) for change in trend.epochs[1].changes] == ["scenario revision: 1 -> 2"]


@needs_otava
def test_another_branch_is_another_history(tmp_path: Path) -> None:
    fill(tmp_path)
    with Store(tmp_path) as store:
        assert [t.points[0].value for t in trends(store, branch="t")] == [5.0]
        assert [t.points[0].value for t in trends(store, Filters(branch=("t",)))] == [5.0]
        assert list(trends(store, Filters(dut=("nginx",)))) == []


@needs_otava
def test_the_command_tells_epochs_and_change_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    assert main(["trend", "--root", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "40 runs, 1,000 -> 770 instructions" in out
    assert "qemu: 7.2 -> 10.0" in out
    assert "2026-01-31 00:00  +10.00%  700 -> 770" in out
    assert "r030-functional.jsonl:1" in out
    assert main(["trend", "--root", str(tmp_path), "--until", "2026-01-09", "--changed"]) == 1


def test_without_otava_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    monkeypatch.setitem(sys.modules, "otava", None)
    monkeypatch.setitem(sys.modules, "otava.analysis", None)
    with pytest.raises(ResultsError, match=r"requirements-bare\.txt"):
        change_points([1.0, 2.0])
    assert main(["trend", "--root", str(tmp_path)]) == 70
    with Store(tmp_path) as store:
        (trend,) = trends(store)
    assert [series.change_points for series in trend.series] == [(), ()]
    assert len(trend.epochs) == 2
