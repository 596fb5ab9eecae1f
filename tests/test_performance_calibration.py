"""Noise, thresholds, false alarms and misses, from figures whose truth is known."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from lab.errors import UsageError
from results.compare import Thresholds
from results.figures import Figure, FunctionCost
from suites.performance.calibrate import Line, main, render
from suites.performance.calibration import GATE, Build, Noise, Rate, catches, false_alarms, noise, propose, table
from suites.performance.thresholds import read_thresholds

WHOLE, MODULE = "instr_per_request", "instr_per_request_module"


def build(layout: int, whole: float, module: float, function: str = "", level: float = 0.0) -> Build:
    functions = [FunctionCost(name, "module", 300.0 + (module - 8_000 if name == function else 0)) for name in "abc"]
    figures = [
        Figure(
            scenario="get", dut="weir", kernel="patched", mode="deterministic", metric=metric, value=value,
            unit="instructions", spread=0.0, functions=functions, environment=f"of layout {layout}",
        )
        for metric, value in ((WHOLE, whole), (MODULE, module))
    ]  # fmt: skip
    return Build("get", layout, figures, function, level)


QUIET = [build(1, 40_000, 8_000), build(2, 40_010, 8_001), build(3, 40_020, 8_000)]


def test_noise_is_the_largest_difference_of_any_two() -> None:
    whole, module = noise([*QUIET, build(1, 50_000, 9_000, "a", 0.1)])
    assert (whole.metric, whole.builds, whole.median) == (WHOLE, 3, 40_010)
    assert whole.largest == pytest.approx(20 / 40_000)
    assert module.largest == pytest.approx(1 / 8_000)


def test_a_quiet_scenario_gets_the_least_threshold_and_a_noisy_one_its_own() -> None:
    rows = Thresholds.of(propose([Noise("get", WHOLE, 20, 40_000, 0.0002), Noise("post", WHOLE, 20, 40_000, 0.0041)]))
    quiet, noisy, other = (rows.find(WHOLE, scenario) for scenario in ("get", "post", "another"))
    assert quiet is not None
    assert noisy is not None
    assert other is not None
    assert (quiet.threshold, quiet.noise, quiet.gating) == (0.003, 0.0002, True)
    assert noisy.threshold == pytest.approx(0.0085)
    assert (other.threshold, other.noise) == (0.003, None)


def test_a_threshold_is_no_less_than_what_one_boots_windows_differ_by() -> None:
    rows = Thresholds.of(propose([Noise("get", WHOLE, 20, 40_000, 0.0002, within=0.0061)]))
    row = rows.find(WHOLE, "get")
    assert row is not None
    assert row.threshold == pytest.approx(0.0065)


def test_no_false_alarm_among_quiet_builds() -> None:
    rates = {rate.metric: rate for rate in false_alarms(QUIET, Thresholds.of(propose(noise(QUIET))))}
    assert {metric: (rate.pairs, rate.alarms) for metric, rate in rates.items()} == {
        WHOLE: (6, 0),
        MODULE: (6, 0),
        GATE: (6, 0),
    }


def test_a_build_out_of_line_is_counted_as_false_alarm_in_one_direction() -> None:
    thresholds = Thresholds.of(propose(noise(QUIET)))
    rates = {rate.metric: rate for rate in false_alarms([*QUIET, build(4, 41_000, 8_000)], thresholds)}
    assert (rates[WHOLE].pairs, rates[WHOLE].alarms) == (12, 3)
    assert (rates[MODULE].alarms, rates[GATE].alarms) == (0, 3)


def test_a_slowdown_of_the_module_is_caught_by_its_own_bucket_and_named() -> None:
    slowed = [build(1, 40_080, 8_080, "b", 0.01), build(2, 40_090, 8_081, "b", 0.01)]
    thresholds = Thresholds.of(propose(noise(QUIET)))
    rates = {rate.metric: rate for rate in catches([*QUIET, *slowed], thresholds)}
    # Each slowed build meets the two layouts that are not its own.
    assert {metric: (rate.pairs, rate.alarms) for metric, rate in rates.items()} == {
        WHOLE: (4, 0),
        MODULE: (4, 4),
        GATE: (4, 4),
    }
    assert rates[GATE].named == 4
    assert (rates[GATE].function, rates[GATE].level) == ("b", 0.01)


def test_a_slowdown_below_the_threshold_is_missed() -> None:
    slowed = [build(1, 40_010, 8_010, "b", 0.00125)]
    rates = {rate.metric: rate for rate in catches([*QUIET, *slowed], Thresholds.of(propose(noise(QUIET))))}
    assert rates[GATE].alarms == 0
    text = "\n".join(table([], Thresholds.of(propose([])), [], rates.values()))
    assert "| get | 0.1% | `b` | gate | 2 | 0 | 100.0% | - |" in text


def test_the_tables_have_a_row_each() -> None:
    rows = Thresholds.of(propose(noise(QUIET)))
    lines = table(noise(QUIET), rows, [Rate("get", GATE, 380, 1)], [])
    assert any("| get | `instr_per_request_module` | 3 | 8,000.0 | 0.013% | 0.000% | 0.30% |" in line for line in lines)
    assert "| get | gate | 380 | 1 | 0.3% |" in lines


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    found = noise(QUIET)
    file = tmp_path / "thresholds.toml"
    file.write_text(render(propose(found), found, datetime(2026, 11, 22, tzinfo=UTC)))
    assert read_thresholds(file) == Thresholds.of(propose(found))
    assert tomllib.loads(file.read_text())["calibration"][0]["date"] == "2026-11-22"


def test_a_file_of_counts_is_reported_without_counting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "counts.jsonl"
    lines = [Line(one.scenario, one.layout, f"module {one.layout}", list(one.figures)) for one in QUIET]
    file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    assert main(["--report", "--counts", str(file)]) == 0
    assert "| get | `instr_per_request` | 3 | 40,010.0 | 0.050% | 0.000% | 0.30% |" in capsys.readouterr().out


def test_no_counts_no_report(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to report"):
        main(["--report", "--counts", str(tmp_path / "none")])
