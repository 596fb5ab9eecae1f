"""The content-addressed store: keys, atomicity, concurrency, collection."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.cache import Cache, digest, remove_tree

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def fill(directory: Path) -> None:
    (directory / "content").write_text("whole")


def test_parts_do_not_run_into_each_other() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(["a"], "b") != digest(["a", "b"])
    assert digest("1") != digest(1)
    assert digest({"a": "b"}) != digest(["a", "b"])


def test_the_order_of_a_mapping_does_not_matter() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


def test_a_path_stands_for_its_content_names_and_executable_bits(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "file").write_text("text")
    assert digest(one) == digest(two)
    (two / "file").chmod(0o755)
    assert digest(one) != digest(two)
    (two / "file").chmod(0o644)
    (two / "file").rename(two / "other")
    assert digest(one) != digest(two)
    assert digest(one / "file") == digest(two / "other")


def test_the_second_ensure_does_not_build(cache: Cache) -> None:
    first = cache.ensure("kind", "key", fill)
    assert cache.ensure("kind", "key", lambda _: pytest.fail("built again")) == first
    assert (first / "content").read_text() == "whole"


def test_a_failed_build_leaves_nothing_behind(cache: Cache) -> None:
    def fail(directory: Path) -> None:
        fill(directory)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        cache.ensure("kind", "key", fail)
    assert list((cache.root / "kind").iterdir()) == []
    assert cache.lookup("kind", "key") is None


def test_what_a_killed_builder_left_is_removed_by_the_next(cache: Cache) -> None:
    leftover = cache.root / "kind" / ".building-key-dead"
    leftover.mkdir(parents=True)
    cache.ensure("kind", "key", fill)
    assert [path.name for path in (cache.root / "kind").iterdir()] == ["key"]


BUILDER = """
import sys, os
from pathlib import Path
from lab.cache import Cache

def build(directory):
    with open(sys.argv[2], "a") as log:
        log.write("built\\n")
    (directory / "content").write_text("whole")

print("ready", flush=True)
sys.stdin.readline()
path = Cache(Path(sys.argv[1])).ensure("kind", "key", build)
print((path / "content").read_text())
"""


def test_of_many_processes_at_once_one_builds_and_all_get_it(cache: Cache, tmp_path: Path) -> None:
    log = tmp_path / "log"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BUILDER, str(cache.root), str(log)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for _ in range(6)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # all of them wait at the same line: let them go
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate(timeout=30)[0] for process in processes] == ["whole\n"] * 6
    assert log.read_text() == "built\n"


def in_another_process(cache: Cache, code: str) -> str:
    script = f"from pathlib import Path\nfrom lab.cache import Cache\ncache = Cache(Path({str(cache.root)!r}))\n{code}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip()


def test_what_is_in_use_is_not_collected(cache: Cache) -> None:
    path = cache.ensure("kind", "used", fill)
    assert in_another_process(cache, "print(cache.collect(0))") == "[]"
    assert path.is_dir()


def test_the_least_recently_used_goes_first_and_only_as_much_as_needed(cache: Cache) -> None:
    build = "cache.ensure('kind', {!r}, lambda d: (d / 'data').write_bytes(bytes(100_000)))"
    for age, key in ((300, "old"), (200, "middle"), (100, "young")):
        in_another_process(cache, build.format(key))
        path = cache.path("kind", key)
        stamp = path.stat().st_mtime - age
        os.utime(path, (stamp, stamp))
    size = sum(entry.size for entry in cache.entries())
    removed = cache.collect(size * 2 // 3)
    assert [entry.key for entry in removed] == ["old"]
    assert [entry.key for entry in cache.entries()] == ["middle", "young"]


def test_a_folder_that_the_cache_did_not_make_is_left_alone(cache: Cache) -> None:
    foreign = cache.root / "python" / "environment"
    foreign.mkdir(parents=True)
    assert cache.collect(0) == []
    assert foreign.is_dir()


def test_read_only_folders_can_be_removed(tmp_path: Path) -> None:
    folder = tmp_path / "tree" / "read-only"
    folder.mkdir(parents=True)
    (folder / "file").touch()
    folder.chmod(0o500)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
