"""Records survive writing and reading, and a bad line never hides a good one."""

from __future__ import annotations

import fcntl
import io
import json
import multiprocessing
import os
import resource
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from results import records
from results.figures import Comparison, Figure, FunctionCost, NotMeasured
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


def make_figure(**changes: Any) -> Figure:
    settings: dict[str, Any] = {
        "scenario": "get-keepalive-1k",
        "dut": "weir",
        "kernel": "patched",
        "mode": "deterministic",
        "metric": "instr_per_request",
        "value": 41234.5,
        "unit": "instructions",
        "spread": 0.0002,
    }
    return Figure(**(settings | changes))


def make_comparison(**changes: Any) -> Comparison:
    settings: dict[str, Any] = {
        "scenario": "get-keepalive-1k",
        "dut": "weir",
        "kernel": "patched",
        "mode": "deterministic",
        "metric": "instr_per_request",
        "unit": "instructions",
        "baseline": 41000.0,
        "candidate": 41234.5,
        "change": 0.0057,
        "threshold": 0.003,
        "verdict": "regression",
    }
    return Comparison(**(settings | changes))


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


BAD: list[tuple[dict[str, Any], str]] = [
    ({"id": "../escape"}, "not a name"),
    ({"suite": "a/b"}, "not a name"),
    ({"suite": ""}, "not a name"),
    ({"started": datetime(2026, 1, 1)}, "time zone"),
    ({"started": datetime(1, 1, 1, tzinfo=UTC)}, "year 1"),
    ({"started": datetime(9999, 12, 31, tzinfo=UTC)}, "year 9999"),
    ({"exit_code": 2**63}, "64 bits"),
    ({"duration_s": -1.0}, "negative"),
    ({"duration_s": float("nan")}, "duration_s"),
    ({"command": "\ud800"}, "surrogates"),
    ({"figures": [make_figure(value=float("inf"))]}, "value"),
    ({"figures": [make_figure(low=float("nan"))]}, "another figures"),
    ({"figures": [make_figure(spread=-0.1)]}, "negative spread"),
    ({"figures": [make_figure(metric="")]}, "no metric"),
    ({"figures": [make_figure(low=2.0, high=1.0)]}, "upside down"),
    ({"figures": [make_figure(environment="0123")]}, "not described"),
    ({"figures": [make_figure(mode="guessed")]}, "mode"),
    ({"figures": (make_figure(),)}, "another figures"),
    ({"comparisons": [make_comparison(threshold=-1.0)]}, "negative threshold"),
    ({"comparisons": [make_comparison(verdict="fine")]}, "verdict"),
    ({"schema": records.SCHEMA_VERSION + 1}, "schema"),
    ({"schema": 0}, "schema"),
]


@pytest.mark.parametrize(("changes", "why"), BAD, ids=[why for _, why in BAD])
def test_what_breaks_the_schema_is_not_written(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(records.RecordError, match=why):
        records.append(make_run(**changes), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_breaks_the_schema_is_not_read() -> None:
    good = json.loads(records.encode(make_run(figures=[make_figure()])))
    good["figures"][0]["spread"] = -1
    with pytest.raises(records.RecordError, match=r"figures\[0\] has a negative spread"):
        records.decode(json.dumps(good).encode())
    del good["schema"]
    with pytest.raises(records.RecordError, match="no schema"):
        records.decode(json.dumps(good).encode())


def test_a_line_that_nests_without_end_is_damage() -> None:
    line = records.encode(make_run()).rstrip()[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(records.RecordError, match="recursion"):
        records.decode(line)


def test_a_full_record_survives() -> None:
    figure = make_figure(
        samples=[1.0, 2.5],
        low=1.0,
        high=2.0,
        functions=[FunctionCost("weir_parse", "module", 812.0)],
        environment="e",
        unfit=["TCG"],
        histogram="HISTFAAA",
    )
    run = make_run(figures=[figure], comparisons=[make_comparison()], environments={"e": {"qemu": "7.2"}})
    assert records.decode(records.encode(run)) == run


def test_a_record_of_schema_1_reads_as_having_no_figures(tmp_path: Path) -> None:
    old = json.loads(records.encode(make_run()))
    for name in ("figures", "comparisons", "not_measured", "environments", "verdict"):
        del old[name]
    path = tmp_path / "old.jsonl"
    path.write_text(json.dumps(old | {"schema": 1}) + "\n")
    (run,) = records.read([path])
    assert isinstance(run, records.Run)
    assert (run.schema, run.figures, run.verdict) == (1, [], "")


def test_fields_of_the_future_are_ignored_and_stay_in_the_file(tmp_path: Path) -> None:
    path = records.append(make_run(), tmp_path)
    line = json.dumps(json.loads(path.read_bytes()) | {"new": 1}).encode() + b"\n"
    path.write_bytes(line)
    assert list(records.read([path])) == [make_run()]
    records.append(make_run(), tmp_path)
    assert path.read_bytes().startswith(line)


def test_a_line_that_a_dying_writer_left_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = records.append(make_run(), tmp_path)
    torn = path.read_bytes()[:100]
    path.write_bytes(path.read_bytes() + torn)
    records.append(make_run(), tmp_path)
    first, second, third = records.read([path])
    assert first == third == make_run()
    assert isinstance(second, records.Damaged)
    assert torn in path.read_bytes()


def test_a_full_disk_leaves_no_half_of_a_record(tmp_path: Path) -> None:
    path = records.append(make_run(), tmp_path)
    before = path.read_bytes()

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 64, len(before) + 64))
        with pytest.raises(OSError, match="too large"):
            records.append(make_run(), tmp_path)

    child = multiprocessing.get_context("fork").Process(target=limited)
    child.start()
    child.join()
    assert child.exitcode == 0
    assert path.read_bytes() == before


def test_a_line_beyond_any_record_is_damage_and_costs_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_LINE", 4096)
    path = tmp_path / "long.jsonl"
    path.write_bytes(b'{"x": "' + b"y" * 100_000 + b'"}\n' + records.encode(make_run()))
    sizes: list[int] = []
    (first, _), (second, _) = records.lines(path, lambda read: sizes.append(len(read)))
    assert (first, second, max(sizes)) == (1, 2, 4097)
    damaged, run = records.read([path])
    assert isinstance(damaged, records.Damaged)
    assert run == make_run()


def _append_torn(root: Path, worker: int) -> None:
    # Every writer also leaves half a line now and then, as one that was killed in its write would.
    for number in range(25):
        path = records.append(make_run("20260101T000000Z-shared", command=f"{worker}.{number}" + "x" * 9000), root)
        if number % 5 == 4:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, b'{"kind":"run","id":"torn')
            os.close(descriptor)


def test_no_record_is_lost_among_writers_that_die(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append_torn, args=(tmp_path, n)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    entries = list(records.read(records.files(tmp_path)))
    found = {entry.command.rstrip("x") for entry in entries if isinstance(entry, records.Run)}
    assert found == {f"{worker}.{number}" for worker in range(4) for number in range(25)}


def test_a_writer_waits_for_one_that_is_in_the_middle_of_its_line(tmp_path: Path) -> None:
    run = make_run("20260101T000000Z-shared", command="slow")
    path = records.append(run, tmp_path)
    line = records.encode(run)
    other = make_run("20260101T000000Z-shared", command="quick")
    quick = multiprocessing.get_context("fork").Process(target=records.append, args=(other, tmp_path))
    with path.open("ab", buffering=0) as slow:
        fcntl.flock(slow, fcntl.LOCK_EX)
        slow.write(line[:50])
        quick.start()
        quick.join(timeout=0.5)
        assert quick.is_alive()
        slow.write(line[50:])
        fcntl.flock(slow, fcntl.LOCK_UN)  # closing is not enough: the other process has inherited the descriptor
    quick.join()
    assert list(records.read([path])) == [run, run, other]


def _append_once(path: Path, line: bytes) -> None:
    records.append_line(path, line, once=True)


def test_the_same_line_appended_once_by_many_is_there_once(tmp_path: Path) -> None:
    line = records.encode(make_run())
    path = tmp_path / "folder" / "one.jsonl"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append_once, args=(path, line)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert path.read_bytes() == line


def test_show_prints_the_newest_run_and_why_a_test_failed(tmp_path: Path) -> None:
    records.append(make_run("20260101T000000Z-aaaaaaaa"), tmp_path)
    records.append(make_run("20260102T000000Z-bbbbbbbb"), tmp_path)
    out = io.StringIO()
    assert show(tmp_path, None, 1, as_json=False, out=out) == 0
    assert "bbbbbbbb" in out.getvalue()
    assert "aaaaaaaa" not in out.getvalue()
    assert "guest crashed" in out.getvalue()


def test_show_tells_what_was_measured_judged_and_missed(tmp_path: Path) -> None:
    missed = NotMeasured("blocked-syn", "nginx", "patched", "deterministic", "has no block table")
    same = make_comparison(scenario="post-64k", verdict="same")
    run = make_run(
        figures=[make_figure()], comparisons=[make_comparison(), same], not_measured=[missed], verdict="regression"
    )
    records.append(run, tmp_path)
    out = io.StringIO()
    assert show(tmp_path, None, 1, as_json=False, out=out) == 0
    text = out.getvalue()
    assert "1 failed, regression" in text
    assert "41,000 -> 41,234.5 instructions (+0.57%)" in text
    assert "post-64k" not in text
    assert f"query --run {run.id}" in text
    assert "blocked-syn nginx patched deterministic: has no block table" in text


def test_show_says_so_when_nothing_is_recorded(tmp_path: Path) -> None:
    assert show(tmp_path, None, 1, as_json=False, out=io.StringIO()) == 1
