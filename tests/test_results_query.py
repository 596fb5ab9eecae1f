"""Every filter chooses what it says, every output says what the records say, and every row leads back to its record."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from results import records
from results.__main__ import main
from results.errors import UsageError
from results.figures import FunctionCost, NotMeasured
from results.query import Store
from results.rows import Filters
from tests.test_results_records import make_comparison, make_figure, make_run

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def gate(number: int, **changes: Any) -> records.Run:
    """The run of a gate, `number` hours into the year."""
    figures = [
        make_figure(value=1000.0 + number, environment="e1", functions=[FunctionCost("weir_parse", "module", 7.0)]),
        make_figure(value=900.0, environment="e1", revision="ba5e", attributes={"scenario revision": "3"}),
        make_figure(dut="nginx", kernel="plain", value=2000.0, mode="timed", unfit=["TCG", "load 3.2 > 0.5"]),
        make_figure(scenario="post-64k", metric="instr_per_request_module", value=3.0, low=1.0, high=5.0, against="x"),
    ]
    settings: dict[str, Any] = {
        "identity": f"20260101T{number:02}0000Z-{number:08x}",
        "suite": "performance",
        "started": BEGIN + number * HOUR,
        "revision": records.Revision(f"c0ffee{number:034x}", "main"),
        "figures": figures,
        "comparisons": [make_comparison(), make_comparison(scenario="post-64k", verdict="same")],
        "not_measured": [NotMeasured("blocked-syn", "nginx", "patched", "deterministic", "has no block table")],
        "environments": {"e1": {"qemu": "7.2"}},
    }
    return make_run(**(settings | changes))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(4):
        records.append(gate(number), tmp_path)
    dirty = records.Revision("d1", "topic", dirty=True)
    records.append(gate(4, suite="functional", dut="nginx", figures=[], comparisons=[], revision=dirty), tmp_path)
    return tmp_path


def count(root: Path, kind: str, **chosen: Any) -> int:
    with Store(root) as store:
        return len(list(getattr(store, kind)(Filters(**chosen))))


@pytest.mark.parametrize(
    ("kind", "chosen", "expected"),
    [
        ("figures", {}, 16),
        ("figures", {"suite": ("performance",)}, 16),
        ("figures", {"suite": ("functional",)}, 0),
        ("figures", {"scenario": ("post-64k",)}, 4),
        ("figures", {"scenario": ("post",)}, 0),
        ("figures", {"scenario": ("post-*", "get-*")}, 16),
        ("figures", {"metric": ("instr_per_request",)}, 12),
        ("figures", {"dut": ("nginx",)}, 4),
        ("figures", {"dut": ("nginx", "weir"), "mode": ("timed",)}, 4),
        ("figures", {"kernel": ("plain",)}, 4),
        ("figures", {"environment": ("e",)}, 8),
        ("figures", {"environment": ("",)}, 16),
        ("figures", {"revision": ("ba5",)}, 4),
        ("figures", {"revision": ("c0ffee",)}, 12),
        ("figures", {"revision": ("c0ffee" + f"{2:034x}",)}, 3),
        ("figures", {"own": True}, 12),
        ("figures", {"branch": ("topic",)}, 0),
        ("figures", {"since": BEGIN + 2 * HOUR}, 8),
        ("figures", {"until": BEGIN + 2 * HOUR}, 8),
        ("figures", {"since": BEGIN + HOUR, "until": BEGIN + 2 * HOUR}, 4),
        ("figures", {"last": 1}, 4),
        ("figures", {"last": 2, "dut": ("nginx",)}, 2),
        ("figures", {"run": ("20260101T03",)}, 4),
        ("comparisons", {"verdict": ("regression",)}, 4),
        ("comparisons", {"scenario": ("post-64k",), "last": 3}, 3),
        ("tests", {}, 10),
        ("tests", {"test": ("crash",)}, 5),
        ("tests", {"test": ("*crash",)}, 5),
        ("tests", {"test": ("*cras",)}, 0),
        ("tests", {"outcome": ("failed", "error")}, 5),
        ("tests", {"dut": ("nginx",)}, 2),
        ("tests", {"clean": True}, 8),
        ("tests", {"last": 1}, 2),
        ("not_measured", {"scenario": ("blocked-syn",)}, 5),
        ("runs", {"branch": ("main",)}, 4),
        ("runs", {"kernel": ("patched",), "dut": ("nginx",)}, 1),
    ],
)
def test_filters(root: Path, kind: str, chosen: dict[str, Any], expected: int) -> None:
    assert count(root, kind, **chosen) == expected


def test_a_filter_that_the_rows_do_not_have_is_refused(root: Path) -> None:
    with pytest.raises(UsageError, match="tests cannot be chosen by scenario"):
        count(root, "tests", scenario=("post-64k",))


def test_values_are_never_sql(root: Path) -> None:
    assert count(root, "figures", scenario=("' OR 1=1 --", "x' GLOB '*")) == 0


def test_every_row_leads_to_its_record(root: Path) -> None:
    runs = {run.id: run for run in records.read(records.files(root)) if isinstance(run, records.Run)}
    with Store(root) as store:
        for figure in store.figures():
            record = store.record(figure)
            assert record == runs[figure.run]
            whole = store.figure(figure)
            assert whole is record.figures[figure.position] or whole == record.figures[figure.position]
            shared = set(figure.__struct_fields__) & set(whole.__struct_fields__) - {"revision"}
            assert {name: getattr(figure, name) for name in shared} == {name: getattr(whole, name) for name in shared}
            assert figure.revision == (whole.revision or record.revision.commit)
            assert figure.baseline == (whole.revision == "ba5e")
            assert figure.scenario_revision == whole.attributes.get("scenario revision", "")
        for comparison in store.comparisons():
            judged = store.comparison(comparison)
            shared = set(comparison.__struct_fields__) & set(judged.__struct_fields__)
            assert {n: getattr(comparison, n) for n in shared} == {n: getattr(judged, n) for n in shared}
        for test in store.tests():
            ended = store.record(test).tests[test.position]
            assert (test.test, test.outcome, test.reason) == (ended.id, ended.outcome, ended.reason)
        for row in store.runs():
            run = store.record(row)
            assert (row.started, row.dirty, row.figures) == (run.started, run.revision.dirty, len(run.figures))
            assert (row.passed, row.failed, row.tests) == (1, 1, 2)


def test_histories_are_listed_once(root: Path) -> None:
    with Store(root) as store:
        cells = store.cells()
        assert [(cell.scenario, cell.dut) for cell in cells] == [
            ("get-keepalive-1k", "nginx"),
            ("get-keepalive-1k", "weir"),
            ("post-64k", "weir"),
        ]
        assert sum(len(list(store.figures(cell=cell))) for cell in cells) == 16
        assert [row.value for row in store.figures(Filters(own=True, last=2), cells[1])] == [1002.0, 1003.0]


def run_cli(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(list(arguments))
    out, err = capsys.readouterr()
    return status, out, err


def test_json_and_csv_hold_every_field(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run_cli(capsys, "query", "--dut", "nginx", "--json", "--root", str(root))
    rows = json.loads(out)
    assert (status, len(rows)) == (0, 4)
    assert rows[0]["unfit"] == ["TCG", "load 3.2 > 0.5"]
    assert rows[0]["where"].startswith(str(root))
    _, out, _ = run_cli(capsys, "query", "--dut", "nginx", "--csv", "--root", str(root))
    lines = list(csv.DictReader(io.StringIO(out)))
    assert [line["value"] for line in lines] == ["2000.0"] * 4
    assert set(lines[0]) == set(rows[0])
    assert lines[0]["unfit"] == "TCG; load 3.2 > 0.5"


def test_the_table_has_a_heading_and_the_place_of_each_record(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run_cli(capsys, "query", "--last", "1", "--scenario", "get*", "--root", str(root))
    heading, *lines = out.splitlines()
    assert status == 0
    assert heading.split()[:4] == ["started", "revision", "scenario", "dut"]
    assert len(lines) == 3
    assert all(line.endswith(".jsonl:1") for line in lines)
    assert "1,003" in lines[0]


def test_tests_are_meant_where_a_test_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run_cli(capsys, "query", "--test", "crash", "--json", "--root", str(root))
    assert {row["test"] for row in json.loads(out)} == {"t::crash"}


def test_nothing_found_is_status_1_and_an_empty_list(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run_cli(capsys, "query", "--scenario", "none", "--json", "--root", str(root))
    assert (status, json.loads(out)) == (1, [])
    assert "no figures" in err


@pytest.mark.parametrize("wrong", [["--since", "yesterday"], ["--last", "0"], ["tests", "--metric", "x"]])
def test_wrong_usage_is_status_4(root: Path, capsys: pytest.CaptureFixture[str], wrong: list[str]) -> None:
    status, _, err = run_cli(capsys, "query", *wrong, "--root", str(root))
    assert status == 4
    assert "hint" in err


def test_times_are_utc_or_ago(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given, expected in (("2026-01-01T02:00", 12), ("2026-01-01T03:00+01:00", 12), ("2026-01-02", 0), ("1h", 0)):
        _, out, _ = run_cli(capsys, "query", "--metric", "*", "--since", given, "--json", "--root", str(root))
        assert len(json.loads(out)) == (8 if expected else 0)


def test_damaged_lines_are_mentioned_and_listed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = records.files(root)[0]
    bad.write_bytes(bad.read_bytes() + b"half\n")
    _, _, err = run_cli(capsys, "query", "--root", str(root))
    assert "1 lines are no record" in err
    status, out, _ = run_cli(capsys, "query", "damaged", "--root", str(root))
    assert status == 0
    assert out.startswith(f"{bad}:2: ")


def test_a_reader_that_goes_away_is_no_error(root: Path) -> None:
    command = f"{sys.executable} -m results query --csv --root {root} | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
