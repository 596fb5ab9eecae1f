"""The history branch: it grows, it never changes, it takes main only, and writers that race lose nothing."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import msgspec
import pytest

from results import history, records
from results.__main__ import main
from results.errors import ResultsError
from suites.report import generated


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t.invalid", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository with one commit on main."""
    bare = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", str(bare))
    clone = checkout(tmp_path, bare, "first")
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "first")
    git(clone, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    return bare


def checkout(folder: Path, remote: Path, name: str) -> Path:
    git(folder, "clone", "--quiet", str(remote), name)
    return folder / name


def runs(*numbers: int) -> list[records.Run]:
    return [generated.run(number, "performance", tests=[]) for number in numbers]


def branch_files(remote: Path) -> list[str]:
    return git(remote, "ls-tree", "-r", "--name-only", "history").splitlines()


def test_runs_of_main_are_added_and_come_back(tmp_path: Path, remote: Path) -> None:
    root = generated.store(tmp_path / "root", runs(1, 2))
    clone = checkout(tmp_path, remote, "clone")
    assert history.push(root, clone) == 2
    assert history.push(root, clone) == 0
    generated.store(root, runs(3))
    assert history.push(root, clone) == 1
    assert len(branch_files(remote)) == 3
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert history.pull(fresh, clone).new == 3
    assert [path.read_bytes() for path in records.files(fresh)] == [path.read_bytes() for path in records.files(root)]
    assert git(clone, "worktree", "list").count("\n") == 0
    assert git(clone, "status", "--porcelain") == ""


def test_only_clean_checkouts_of_main_get_in(tmp_path: Path, remote: Path) -> None:
    clean, dirty, branch = runs(1, 2, 3)
    dirty = msgspec.structs.replace(dirty, revision=msgspec.structs.replace(dirty.revision, dirty=True))
    branch = msgspec.structs.replace(branch, revision=msgspec.structs.replace(branch.revision, branch="mine"))
    clone = checkout(tmp_path, remote, "clone")
    root = generated.store(tmp_path / "root", [dirty, branch])
    with pytest.raises(ResultsError, match="no run of a clean checkout"):
        history.push(root, clone)
    generated.store(root, [clean])
    assert history.push(root, clone) == 1
    assert [clean.id in name for name in branch_files(remote)] == [True]


def test_a_record_that_differs_is_refused_and_the_branch_stays(tmp_path: Path, remote: Path) -> None:
    clone = checkout(tmp_path, remote, "clone")
    history.push(generated.store(tmp_path / "one", runs(1)), clone)
    before = git(remote, "rev-parse", "history")
    other = [msgspec.structs.replace(run, duration_s=1.0) for run in runs(1)]
    with pytest.raises(ResultsError, match="contradict"):
        history.push(generated.store(tmp_path / "two", other), clone)
    assert git(remote, "rev-parse", "history") == before


def test_a_commit_that_takes_lines_away_is_refused(tmp_path: Path, remote: Path) -> None:
    clone = checkout(tmp_path, remote, "clone")
    history.push(generated.store(tmp_path / "one", runs(1)), clone)
    with history._branch(clone, "origin", "history") as (work, inside):
        file = next(iter(records.files(work)))
        file.write_bytes(b"")
        inside("add", "--all")
        with pytest.raises(ResultsError, match="would lose or change 1 lines"):
            history._only_grows(inside)


def test_writers_that_race_lose_nothing(tmp_path: Path, remote: Path) -> None:
    roots = [generated.store(tmp_path / f"root-{number}", runs(number)) for number in range(4)]
    clones = [checkout(tmp_path, remote, f"clone-{number}") for number in range(4)]
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            history.push(roots[number], clones[number])
        except ResultsError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(branch_files(remote)) == 4


def test_command_and_a_remote_that_is_not_there(
    tmp_path: Path, remote: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = generated.store(tmp_path / "root", runs(1))
    clone = checkout(tmp_path, remote, "clone")
    common = ["--root", str(root), "--repository", str(clone)]
    assert main(["history", "push", *common]) == 0
    assert "1 runs were added" in capsys.readouterr().out
    assert main(["history", "pull", *common]) == 0
    assert main(["history", "push", *common, "--remote", str(tmp_path / "nowhere")]) == 70
    assert "nowhere" in capsys.readouterr().err
