"""Finding BASE and putting its kmod/ on disk, in repositories made for the purpose."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.cache import Cache
from lab.errors import InfrastructureError, UsageError
from suites.performance.base import Base, Git, find_base, materialise, show

IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@weir.invalid", "-c", "commit.gpgsign=false")


def git(where: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(where), *IDENTITY, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Repository:
    """A repository with a branch main; every commit writes one line into kmod/main.c."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        git(path, "init", "--quiet", "--initial-branch=main")

    def commit(self, text: str, file: str = "kmod/main.c") -> str:
        target = self.path / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        git(self.path, "add", "--all")
        git(self.path, "commit", "--quiet", "--allow-empty", "--message", text)
        return git(self.path, "rev-parse", "HEAD")

    def clone(self, path: Path, *options: str) -> Path:
        # Only a URL makes git honour --depth for a local repository.
        git(self.path, "clone", "--quiet", *options, f"file://{self.path}", str(path))
        return path


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "upstream")


def test_on_main_it_is_the_parent(repository: Repository) -> None:
    first = repository.commit("one")
    repository.commit("two")
    assert find_base(Git(repository.path)).commit == first


def test_on_a_branch_it_is_where_the_branch_left_main(repository: Repository) -> None:
    repository.commit("one")
    left = repository.commit("two")
    git(repository.path, "checkout", "--quiet", "-b", "topic")
    repository.commit("three")
    repository.commit("four")
    git(repository.path, "checkout", "--quiet", "main")
    repository.commit("five")
    git(repository.path, "checkout", "--quiet", "topic")
    base = find_base(Git(repository.path))
    assert base.commit == left
    assert "left main" in base.why


def test_a_merge_of_main_into_the_branch_moves_it(repository: Repository) -> None:
    repository.commit("one")
    git(repository.path, "checkout", "--quiet", "-b", "topic")
    repository.commit("two", "kmod/topic.c")
    git(repository.path, "checkout", "--quiet", "main")
    newest = repository.commit("three")
    git(repository.path, "checkout", "--quiet", "topic")
    git(repository.path, "merge", "--quiet", "--no-edit", "main")
    assert find_base(Git(repository.path)).commit == newest


def test_a_detached_merge_commit_as_ci_checks_it_out(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one")
    git(repository.path, "checkout", "--quiet", "-b", "topic")
    repository.commit("two", "kmod/topic.c")
    git(repository.path, "checkout", "--quiet", "main")
    target = repository.commit("three")
    git(repository.path, "checkout", "--quiet", "--detach")
    git(repository.path, "merge", "--quiet", "--no-edit", "topic")
    git(repository.path, "update-ref", "refs/pull/1/merge", "HEAD")
    git(repository.path, "checkout", "--quiet", "main")
    checkout = tmp_path / "ci"
    checkout.mkdir()
    git(checkout, "init", "--quiet")
    git(checkout, "remote", "add", "origin", f"file://{repository.path}")
    git(checkout, "fetch", "--quiet", "--depth=1", "origin", "+refs/pull/1/merge:refs/remotes/pull/1/merge")
    git(checkout, "checkout", "--quiet", "--detach", "refs/remotes/pull/1/merge")
    assert find_base(Git(checkout)).commit == target


def test_an_asked_for_revision_wins(repository: Repository) -> None:
    first = repository.commit("one")
    repository.commit("two")
    repository.commit("three")
    assert find_base(Git(repository.path), "HEAD~2").commit == first


def test_an_unknown_revision_is_a_usage_error(repository: Repository) -> None:
    repository.commit("one")
    with pytest.raises(UsageError, match="no commit 'nowhere'"):
        find_base(Git(repository.path), "nowhere")


def test_an_option_is_no_revision(repository: Repository) -> None:
    repository.commit("one")
    with pytest.raises(UsageError, match="no commit"):
        find_base(Git(repository.path), "--upload-pack=false")


def test_the_first_commit_has_no_base(repository: Repository) -> None:
    repository.commit("one")
    with pytest.raises(UsageError, match="first commit"):
        find_base(Git(repository.path))


def test_no_repository_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no git checkout"):
        find_base(Git(tmp_path))


def test_unrelated_histories_have_none(repository: Repository) -> None:
    repository.commit("one")
    git(repository.path, "checkout", "--quiet", "--orphan", "other")
    repository.commit("two")
    with pytest.raises(UsageError, match="no commit in common"):
        find_base(Git(repository.path))


def test_a_shallow_clone_of_main_is_deepened(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one")
    second = repository.commit("two")
    repository.commit("three")
    clone = repository.clone(tmp_path / "clone", "--depth=1")
    assert git(clone, "rev-list", "--count", "HEAD") == "1"
    refs = git(clone, "for-each-ref")
    assert find_base(Git(clone)).commit == second
    assert git(clone, "for-each-ref") == refs, "a ref moved"


def test_a_shallow_clone_of_one_branch_fetches_main(repository: Repository, tmp_path: Path) -> None:
    left = repository.commit("one")
    git(repository.path, "checkout", "--quiet", "-b", "topic")
    for number in range(4):
        repository.commit(f"topic {number}")
    git(repository.path, "checkout", "--quiet", "main")
    for number in range(3):
        repository.commit(f"main {number}")
    clone = repository.clone(tmp_path / "clone", "--depth=1", "--branch=topic")
    assert find_base(Git(clone)).commit == left


def test_a_shallow_clone_fetches_an_asked_for_commit(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit("one")
    repository.commit("two")
    repository.commit("three")
    clone = repository.clone(tmp_path / "clone", "--depth=1")
    cache = Cache(tmp_path / "cache")
    base = find_base(Git(clone), first)
    assert base.commit == first
    assert (materialise(cache, Git(clone), base) / "kmod/main.c").read_text() == "one"


def test_a_shallow_clone_whose_remote_is_gone_says_what_to_do(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one")
    repository.commit("two")
    clone = repository.clone(tmp_path / "clone", "--depth=1")
    git(clone, "remote", "set-url", "origin", f"file://{tmp_path}/gone")
    with pytest.raises(InfrastructureError, match="shallow") as caught:
        find_base(Git(clone))
    assert "git fetch --unshallow" in caught.value.hint


def test_materialising_leaves_the_working_tree_alone(repository: Repository, tmp_path: Path) -> None:
    repository.commit("a tool", "kmod/user/tool.py")
    (repository.path / "kmod/user/tool.py").chmod(0o755)
    first = repository.commit("one")
    repository.commit("two")
    (repository.path / "kmod/main.c").write_text("not committed")
    status = git(repository.path, "status", "--porcelain")
    folder = materialise(Cache(tmp_path / "cache"), Git(repository.path), Base(first, "test"))
    assert (folder / "kmod/main.c").read_text() == "one"
    assert (folder / "kmod/user/tool.py").stat().st_mode & 0o111
    assert not (folder / "kmod").is_symlink()
    assert [path.name for path in folder.iterdir()] == ["kmod"]
    assert (repository.path / "kmod/main.c").read_text() == "not committed"
    assert git(repository.path, "status", "--porcelain") == status


def test_equal_trees_share_a_folder(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit("one")
    second = repository.commit("words", "README")
    cache = Cache(tmp_path / "cache")
    folders = {materialise(cache, Git(repository.path), Base(commit, "test")) for commit in (first, second)}
    assert len(folders) == 1


def test_a_base_without_the_module_is_refused(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit("words", "README")
    repository.commit("one")
    with pytest.raises(UsageError, match="has no kmod/"):
        materialise(Cache(tmp_path / "cache"), Git(repository.path), Base(first, "test"))


def test_a_link_in_base_is_refused(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one")
    (repository.path / "kmod/escape").symlink_to("/etc")
    linked = repository.commit("two")
    with pytest.raises(UsageError, match="escape"):
        materialise(Cache(tmp_path / "cache"), Git(repository.path), Base(linked, "test"))


def test_a_file_of_base_is_shown(repository: Repository) -> None:
    first = repository.commit("one")
    repository.commit("two")
    assert show(Git(repository.path), Base(first, "test"), "kmod/main.c") == "one"
    assert show(Git(repository.path), Base(first, "test"), "kmod/none.c") is None
