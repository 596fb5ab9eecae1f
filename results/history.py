"""`python -m results history pull|push`: the records of main on a branch of their own, which only ever grows.

CI starts from an empty store. `pull` brings the branch's records into it, so that report and trend have a past; `push`
adds the store's records of clean checkouts of main to the branch. A commit that would change or take away a line of it
is refused before it is made, and nothing is ever forced: who loses a race fetches again and adds to what is there now.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from results.errors import ResultsError
from results.importing import Imported, import_files
from results.query import Store
from results.records import default_root
from results.rows import Filters

BRANCH: Final = "history"
MAIN: Final = "main"
_ATTEMPTS: Final = 8
_AUTHOR: Final = ("-c", "user.name=weir history", "-c", "user.email=history@weir.invalid", "-c", "commit.gpgSign=false")


class _Git:
    """Runs git in one folder. The checkout may belong to another user, as in a container."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str) -> str:
        """What git printed. Raises ResultsError when it fails."""
        done = self.attempt(*arguments)
        if done.returncode:
            raise ResultsError(f"git {' '.join(arguments)} failed in {self.folder}: {done.stderr.strip()}")
        return done.stdout.strip()

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """git's answer, whatever its exit status."""
        argv = ["git", "-c", "safe.directory=*", *arguments]
        return subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, check=False)


@contextmanager
def _branch(repository: Path, remote: str, branch: str) -> Iterator[tuple[Path, _Git]]:
    """The branch as it is at the remote now, checked out in a folder of its own; empty where there is none yet."""
    git = _Git(repository)
    reference = f"refs/heads/{branch}"
    if git("ls-remote", remote, reference):
        git("fetch", "--quiet", "--no-tags", "--depth=1", remote, reference)
        start = git("rev-parse", "FETCH_HEAD")
    else:
        tree = git("hash-object", "-w", "-t", "tree", "/dev/null")
        start = git(*_AUTHOR, "commit-tree", tree, "-m", "records of main, one file a run")
    with tempfile.TemporaryDirectory(prefix="weir-history-") as folder:
        work = Path(folder) / "records"
        git("worktree", "add", "--quiet", "--detach", str(work), start)
        try:
            yield work, _Git(work)
        finally:
            git("worktree", "remove", "--force", str(work))


def pull(root: Path, repository: Path, *, remote: str = "origin", branch: str = BRANCH) -> Imported:
    """Brings the branch's records into the store at `root`. Raises ResultsError when git fails."""
    with _branch(repository, remote, branch) as (work, _):
        return _bring([work], root)


def push(root: Path, repository: Path, *, remote: str = "origin", branch: str = BRANCH) -> int:
    """Adds the store's runs of clean checkouts of main to the branch; returns how many were new.

    Raises ResultsError when git fails, when the branch would lose or change a line, and when the race is never won.
    """
    files = _files(root)
    if not files:
        raise ResultsError(f"there is no run of a clean checkout of {MAIN} in {root}: nothing to add")
    for _ in range(_ATTEMPTS):
        with _branch(repository, remote, branch) as (work, git):
            new = _bring(files, work).new
            git("add", "--all", "--", "*.jsonl")
            _only_grows(git)
            if git("diff", "--cached", "--name-only"):
                git(*_AUTHOR, "commit", "--quiet", "-m", f"{new} runs of {MAIN}")
            elif git("ls-remote", remote, f"refs/heads/{branch}"):
                return 0
            pushed = git.attempt("push", "--quiet", remote, f"HEAD:refs/heads/{branch}")
            if pushed.returncode == 0:
                return new
            if not any(
                word in pushed.stderr for word in ("rejected", "fetch first", "cannot lock ref", "failed to lock")
            ):
                raise ResultsError(f"the branch {branch} of {remote} cannot be pushed to: {pushed.stderr.strip()}")
    raise ResultsError(
        f"somebody else pushed to {branch} {_ATTEMPTS} times while this tried to", hint="try again later"
    )


def _files(root: Path) -> list[Path]:
    """The record files that hold runs of clean checkouts of main and nothing else."""
    with Store(root) as store:
        wanted = {row.where.rpartition(":")[0] for row in store.runs(Filters(branch=(MAIN,), clean=True))}
        other = {
            row.where.rpartition(":")[0] for row in store.runs() if row.dirty or row.branch != MAIN or not row.revision
        }
    return [Path(file) for file in sorted(wanted - other)]


def _bring(paths: list[Path], root: Path) -> Imported:
    told: list[str] = []
    counts = Imported()
    for found in import_files(paths, root):
        if isinstance(found, Imported):
            counts = found
        else:
            told.append(found)
    if counts.conflicts:
        raise ResultsError(f"records contradict those that are there: {'; '.join(told[:5])}")
    return counts


def _only_grows(git: _Git) -> None:
    """Raises ResultsError if what is staged takes a line or a file away."""
    for line in git("diff", "--cached", "--numstat", "--no-renames").splitlines():
        added, deleted, name = line.split("\t", 2)
        if deleted != "0":
            raise ResultsError(
                f"{name} would lose or change {deleted} lines ({added} new): records are only ever added"
            )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("action", choices=("pull", "push"), help="pull: into the store; push: onto the branch")
    parser.add_argument("--root", type=Path, help="the store (default: $WEIR_RESULTS or the state folder)")
    parser.add_argument("--repository", type=Path, default=Path(), metavar="DIR", help="a checkout (default: here)")
    parser.add_argument("--remote", default="origin", help="default: %(default)s")
    parser.add_argument("--branch", default=BRANCH, help="default: %(default)s")


def run(arguments: argparse.Namespace) -> int:
    """Pulls or pushes, and says how many runs were new."""
    root = (arguments.root or default_root()).resolve()
    repository = arguments.repository.resolve()
    if arguments.action == "pull":
        root.mkdir(parents=True, exist_ok=True)
        counts = pull(root, repository, remote=arguments.remote, branch=arguments.branch)
        print(f"{counts.new} runs came from {arguments.branch}, {counts.known} were there already")
    else:
        new = push(root, repository, remote=arguments.remote, branch=arguments.branch)
        print(f"{new} runs were added to {arguments.branch}")
    return 0
