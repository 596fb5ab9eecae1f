"""The index says what the records say, whatever happens to them, to it, and beside it."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import sqlite3
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from results import bench, index, records
from results.errors import ResultsError
from results.query import Store
from tests.test_results_exchange import full_run
from tests.test_results_records import make_comparison, make_figure, make_run


def identity(number: int) -> str:
    return f"20260101T000000Z-{number:08x}"


def identities(root: Path) -> list[str]:
    with Store(root) as store:
        return [row.run for row in store.runs()]


def test_a_change_reads_only_the_file_that_changed(tmp_path: Path) -> None:
    for number in range(3):
        records.append(make_run(identity(number)), tmp_path)
    assert index.refresh(tmp_path).read == 3
    assert index.refresh(tmp_path).read == 0
    records.append(make_run(identity(3)), tmp_path)
    assert index.refresh(tmp_path).read == 1
    assert identities(tmp_path) == [identity(n) for n in range(4)]


def test_a_touched_file_is_not_read_into_the_index_again(tmp_path: Path) -> None:
    path = records.append(make_run(), tmp_path)
    index.refresh(tmp_path)
    os.utime(path, ns=(1, 1))
    done = index.refresh(tmp_path)
    assert (done.read, done.touched) == (0, 1)
    assert index.refresh(tmp_path).touched == 0


def test_a_grown_a_changed_and_a_deleted_file(tmp_path: Path) -> None:
    grown, changed, deleted = (records.append(make_run(identity(n)), tmp_path) for n in range(3))
    index.refresh(tmp_path)
    records.append_line(grown, records.encode(make_run(identity(9))))
    changed.write_bytes(changed.read_bytes().replace(b"00000001", b"00000007"))
    os.utime(changed, ns=(2, 2))
    deleted.unlink()
    done = index.refresh(tmp_path)
    assert (done.read, done.removed) == (2, 1)
    assert sorted(identities(tmp_path)) == [identity(0), identity(7), identity(9)]
    with Store(tmp_path) as store:
        assert len(list(store.tests())) == 3 * len(make_run().tests)


def test_a_deleted_folder_is_forgotten(tmp_path: Path) -> None:
    path = records.append(make_run(), tmp_path)
    index.refresh(tmp_path)
    shutil.rmtree(path.parent)
    assert index.refresh(tmp_path).removed == 1
    assert identities(tmp_path) == []


def test_a_rebuilt_index_says_what_the_grown_one_says(tmp_path: Path) -> None:
    for run in bench.make(60):
        records.append(run, tmp_path)
        if run.id.endswith(("a", "f")):
            index.refresh(tmp_path)
    with Store(tmp_path) as store:
        grown = (list(store.runs()), list(store.figures()), list(store.tests()), store.environments())
    index.refresh(tmp_path, rebuild=True)
    with Store(tmp_path) as store:
        assert (list(store.runs()), list(store.figures()), list(store.tests()), store.environments()) == grown
    assert (len(grown[0]), len(grown[1]), len(grown[2])) == (60, 54 * 3, 6 * 8)


def test_damage_is_reported_where_it_is_and_hides_nothing(tmp_path: Path) -> None:
    path = records.append(make_run(identity(1)), tmp_path)
    damage = b'{"half": \n{"kind":"run","schema":99}\n'
    path.write_bytes(damage + path.read_bytes())
    before = path.read_bytes()
    with Store(tmp_path) as store:
        assert [(line.path, line.line) for line in store.damaged()] == [(path, 1), (path, 2)]
        (row,) = store.runs()
        assert row.where == f"{path}:3"
        assert store.record(row) == make_run(identity(1))
    assert path.read_bytes() == before


def test_whatever_a_line_holds_the_index_is_made(tmp_path: Path) -> None:
    good = bytearray(records.encode(full_run()))
    noise = random.Random(5)
    mutants = []
    for _ in range(3000):
        line = bytearray(good)
        for _ in range(noise.choice([1, 1, 2, 5])):
            line[noise.randrange(len(line) - 1)] = noise.choice(b'0123456789eE+-."{}[],:\\untrfalsX\0\xff')
        mutants.append(bytes(line))
    mutants.append(bytes(good).replace(b'"exit_code":1', b'"exit_code":%d' % 2**70))
    mutants.append(bytes(good).replace(b"2026-01-01T00:00:00Z", b"0001-01-01T00:00:00+14:00"))
    (tmp_path / "all.jsonl").write_bytes(b"".join(mutants) + records.encode(make_run("good")))
    with Store(tmp_path) as store:
        kept = [row.where for row in store.runs()]
        assert f"{tmp_path / 'all.jsonl'}:{len(mutants) + 1}" in kept
        assert len(kept) + len(store.damaged()) >= len(mutants) * 0.9
        for rows in (store.figures(), store.tests(), store.comparisons(), store.not_measured()):
            assert all(row.where in kept for row in rows)


def test_the_same_record_in_two_files_counts_once(tmp_path: Path) -> None:
    path = records.append(make_run(figures=[make_figure()]), tmp_path)
    shutil.copy(path, path.with_name("copy.jsonl"))
    with Store(tmp_path) as store:
        assert len(list(store.runs())) == len(list(store.figures())) == 1
        assert store.conflicts() == []
    path.unlink()
    assert identities(tmp_path) == [make_run().id]


def test_two_records_of_one_identity_are_both_kept_and_said(tmp_path: Path) -> None:
    path = records.append(make_run(), tmp_path)
    records.append(make_run(dut="nginx"), tmp_path)
    with Store(tmp_path) as store:
        assert [row.dut for row in store.runs()] == ["weir", "nginx"]
        assert store.conflicts() == [(make_run().id, [f"{path}:1", f"{path}:2"])]


def test_a_damaged_index_is_made_anew(tmp_path: Path) -> None:
    records.append(make_run(), tmp_path)
    path = index.refresh(tmp_path).path
    path.write_bytes(b"no database at all" * 1000)
    assert identities(tmp_path) == [make_run().id]


def test_an_index_that_breaks_while_in_use_says_how_to_mend_it(tmp_path: Path) -> None:
    records.append(make_run(), tmp_path)
    with Store(tmp_path) as store:
        store._connection.close()
        store._connection = sqlite3.connect(":memory:")
        with pytest.raises(ResultsError, match="reindex"):
            list(store.runs())


def test_records_that_cannot_be_written_beside_are_indexed_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    records.append(make_run(), root)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("os.access", lambda *_: False)
    assert identities(root) == [make_run().id]
    assert sorted(path.name for path in root.iterdir()) == ["2026-01"]
    assert list((tmp_path / "cache").rglob("index-*.sqlite3"))


def test_no_folder_of_records_is_said(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no folder of records"):
        Store(tmp_path / "none")


def test_an_open_store_keeps_its_moment(tmp_path: Path) -> None:
    records.append(make_run(identity(1)), tmp_path)
    with Store(tmp_path) as before:
        records.append(make_run(identity(2), comparisons=[make_comparison()]), tmp_path)
        index.refresh(tmp_path, rebuild=True)
        assert [row.run for row in before.runs()] == [identity(1)]
        assert identities(tmp_path) == [identity(1), identity(2)]
        assert [row.run for row in before.runs()] == [identity(1)]


RUNS_OF_A_WRITER = 60


def _write(root: Path, worker: int) -> None:
    for number in range(RUNS_OF_A_WRITER):
        records.append(make_run(identity(worker << 16 | number), figures=[make_figure()]), root)
        if number % 10 == 0:
            index.refresh(root, rebuild=number % 20 == 0)


def _read(
    root: Path, over: Event, bad: multiprocessing.SimpleQueue[str], rounds: multiprocessing.SimpleQueue[int]
) -> None:
    seen = 0
    count = 0
    while not over.is_set() or not count:
        with Store(root) as store:
            runs, figures = len(list(store.runs())), len(list(store.figures()))
            if runs != figures or runs < seen or store.damaged():
                bad.put(f"{runs} runs, {figures} figures, {seen} runs seen before, damaged: {store.damaged()}")
            seen = runs
            count += 1
    rounds.put(count)


def test_readers_beside_writers_and_rebuilds_see_whole_moments(tmp_path: Path) -> None:
    records.append(make_run(identity(0xFFFFFFF), figures=[make_figure()]), tmp_path)
    context = multiprocessing.get_context("fork")
    over = context.Event()
    bad: multiprocessing.SimpleQueue[str] = context.SimpleQueue()
    rounds: multiprocessing.SimpleQueue[int] = context.SimpleQueue()
    readers = [context.Process(target=_read, args=(tmp_path, over, bad, rounds)) for _ in range(3)]
    writers = [context.Process(target=_write, args=(tmp_path, n)) for n in range(3)]
    for process in readers + writers:
        process.start()
    for process in writers:
        process.join()
    over.set()
    for process in readers:
        process.join()
    assert [process.exitcode for process in readers + writers] == [0] * 6
    assert bad.empty(), bad.get()
    assert sum(rounds.get() for _ in readers) > 3
    assert len(identities(tmp_path)) == 3 * RUNS_OF_A_WRITER + 1
    left = {path.name for path in (tmp_path / ".index").iterdir()}
    assert left == {".gitignore", "lock", f"index-{index.VERSION}.sqlite3"}


def test_memory_does_not_grow_with_the_records(tmp_path: Path) -> None:
    peaks = []
    for count in (500, 4000):
        root = tmp_path / str(count)
        bench.generate(root, count)
        peaks.append(bench.cost(["reindex", "--root", str(root)]).memory_mib)
        peaks.append(bench.cost(["query", "figures", "--csv", "--root", str(root)]).memory_mib)
    small_index, small_query, large_index, large_query = peaks
    # 3,500 records more are 8 MB of text; only SQLite's bounded cache and the listing of a folder may grow.
    assert large_index - small_index < 12
    assert large_query - small_query < 12
