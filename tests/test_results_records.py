"""Records survive writing and reading, and a bad line never hides a good one."""

from __future__ import annotations

import io
import json
import multiprocessing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from results import records
from results.show import show


def make_run(identity: str = "20260101T000000Z-00000000", **changes: object) -> records.Run:
    host = records.Host("Debian 13", "6.12", "a processor", 2, 4096, "3.13.5")
    settings: dict[str, object] = {
        "id": identity,
        "suite": "functional",
        "started": datetime(2026, 1, 1, tzinfo=UTC),
        "duration_s": 12.5,
        "exit_code": 1,
        "command": "nox -s functional",
        "environment": records.Environment(host=host, provider="qemu", acceleration="tcg", kernel_flavour="patched"),
        "revision": records.Revision("0123456789abcdef", "main", dirty=True),
        "dut": "weir",
        "tests": [
            records.TestResult("t::ok", "passed", 0.25),
            records.TestResult("t::crash", "failed", 1.0, "product", "guest crashed", "oops-1234", "/bundles/x"),
        ],
    }
    return records.Run(**(settings | changes))  # type: ignore[arg-type]


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    run = make_run()
    path = records.append(run, tmp_path)
    assert list(records.read([path])) == [run]
    assert records.files(tmp_path) == [path]


def test_a_damaged_or_newer_line_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    path = records.append(make_run(), tmp_path)
    newer = json.loads(records.encode(make_run())) | {"schema": records.SCHEMA_VERSION + 1}
    before = path.read_bytes()
    path.write_bytes(b'{"half": \n' + json.dumps(newer).encode() + b"\n" + before)
    first, second, third = records.read([path])
    assert isinstance(first, records.Damaged)
    assert isinstance(second, records.Damaged)
    assert first.line == 1
    assert "schema" in second.reason
    assert third == make_run()


def test_an_unknown_outcome_is_refused_before_it_is_written(tmp_path: Path) -> None:
    bad = make_run(tests=[records.TestResult("t", "maybe", 0.0)])  # type: ignore[arg-type]
    with pytest.raises(records.RecordError, match="not written"):
        records.append(bad, tmp_path)
    assert records.files(tmp_path) == []


def _append_many(root: Path, worker: int) -> None:
    for _ in range(50):
        records.append(make_run("20260101T000000Z-shared", command=f"worker {worker} " + "x" * 5000), root)


def test_concurrent_writers_of_one_file_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append_many, args=(tmp_path, n)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    entries = list(records.read(records.files(tmp_path)))
    assert len(entries) == 200
    assert not [entry for entry in entries if isinstance(entry, records.Damaged)]


def test_show_prints_the_newest_run_and_why_a_test_failed(tmp_path: Path) -> None:
    records.append(make_run("20260101T000000Z-aaaaaaaa"), tmp_path)
    records.append(make_run("20260102T000000Z-bbbbbbbb"), tmp_path)
    out = io.StringIO()
    assert show(tmp_path, None, 1, as_json=False, out=out) == 0
    assert "bbbbbbbb" in out.getvalue()
    assert "aaaaaaaa" not in out.getvalue()
    assert "guest crashed" in out.getvalue()


def test_show_says_so_when_nothing_is_recorded(tmp_path: Path) -> None:
    assert show(tmp_path, None, 1, as_json=False, out=io.StringIO()) == 1
