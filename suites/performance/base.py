"""BASE of a comparison: which commit it is, and its kmod/ on disk. Asks git; touches neither working tree nor refs."""

from __future__ import annotations

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import progress
from lab.cache import Cache, digest
from lab.errors import HostError, InfrastructureError, UsageError

MAIN: Final = "main"
"""Name of the branch that changes are merged into."""
FOLDER: Final = "kmod"
"""All of BASE that is measured: the module, the kernel's patches, weirctl."""
_RECIPE: Final = 1
_DEEPEN: Final = (50, 500, 5000)
"""Commits that a shallow clone is deepened by in turn, before all of its history is fetched."""
_NAME_IT: Final = "name the revision to compare with: --gate BASE"


@dataclass(frozen=True)
class Base:
    """A commit to compare with. `why` says how it was found, in words for the user."""

    commit: str
    why: str

    @property
    def short(self) -> str:
        """The commit's first 12 digits."""
        return self.commit[:12]


@dataclass(frozen=True)
class Git:
    """git in one checkout. `fetch` says whether history that a shallow clone lacks may be fetched."""

    checkout: Path
    fetch: bool = True

    def ask(self, *arguments: str) -> str | None:
        """What the command prints, stripped; None when it fails. Raises HostError without git."""
        done = self._run(*arguments)
        return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None

    def must(self, *arguments: str, what: str, hint: str = "") -> bytes:
        """What the command prints. Raises InfrastructureError with git's own words when it fails."""
        done = self._run(*arguments)
        if done.returncode != 0:
            raise InfrastructureError(f"{what}: {done.stderr.decode(errors='replace').strip()}", hint=hint)
        return done.stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        # The checkout may belong to another user, as in a container; a fetch must never wait for a password.
        argv = ["git", "-C", str(self.checkout), "-c", "safe.directory=*", "-c", "core.askPass=true", *arguments]
        try:
            return subprocess.run(argv, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        except FileNotFoundError:
            raise HostError(
                "git is missing: it knows the revision to compare with", hint="apt-get install git"
            ) from None

    def commit(self, name: str) -> str | None:
        """The commit that `name` means, None if there is none here."""
        return self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")

    @property
    def shallow(self) -> bool:
        """Whether history is cut off."""
        return self.ask("rev-parse", "--is-shallow-repository") == "true"

    def remote(self) -> str | None:
        """`origin`, else the first remote."""
        names = (self.ask("remote") or "").split()
        return "origin" if "origin" in names else names[0] if names else None


def find_base(git: Git, name: str | None = None) -> Base:
    """The commit to compare HEAD and its working tree with.

    `name` if given; on main HEAD^, elsewhere the commit at which HEAD's branch left main. What a shallow clone lacks is
    fetched from its remote, objects only. Raises UsageError when there is no such commit, InfrastructureError when
    fetching fails.
    """
    head = git.commit("HEAD")
    if head is None:
        raise UsageError(
            f"{git.checkout} is no git checkout with a commit: there is nothing to compare with",
            hint="the gate needs the repository, not an archive of it",
        )
    if name:
        return Base(_named(git, name), f"{name}, as asked for")
    main = _main(git)
    if main is None:
        raise UsageError(f"there is no branch {MAIN!r} here nor at the remote to compare with", hint=_NAME_IT)
    tip, called = main
    meeting = _merge_base(git, head, tip, called)
    if meeting != head:
        return Base(meeting, f"where this branch left {called}")
    # HEAD is on main itself.
    parent = _parent(git)
    if parent is None:
        raise UsageError("HEAD is the first commit: there is nothing before it to compare with", hint=_NAME_IT)
    return Base(parent, f"HEAD^, since HEAD is on {called}")


def _named(git: Git, name: str) -> str:
    if found := git.commit(name):
        return found
    remote = git.remote()
    if git.fetch and remote:
        # A commit, a tag or a branch that this clone did not bring along. "HEAD~3" and the like are no remote names.
        if git.ask("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1", remote, name) is not None:
            tip = _remote_tip(git, remote, name) or name
            if found := git.commit(tip):
                return found
        if git.shallow:
            _fetch(git, remote, "--unshallow")
            if found := git.commit(name):
                return found
    raise UsageError(f"there is no commit {name!r}", hint="git log --oneline shows what there is")


def _main(git: Git) -> tuple[str, str] | None:
    """The tip of main and what it is called; the remote's before the local one, which may be stale."""
    remote = git.remote()
    for ref, called in (
        *([(f"refs/remotes/{remote}/{MAIN}", f"{remote}/{MAIN}")] if remote else []),
        (f"refs/heads/{MAIN}", MAIN),
    ):
        if tip := git.commit(ref):
            return tip, called
    if remote and git.fetch and (tip := _remote_tip(git, remote, MAIN)):  # a clone of one other branch
        depth = ["--depth=1"] if git.shallow else []
        _fetch(git, remote, *depth, tip)
        return tip, f"{remote}/{MAIN}"
    return None


def _remote_tip(git: Git, remote: str, branch: str) -> str | None:
    listed = git.ask("ls-remote", "--heads", "--tags", remote, branch)
    return listed.split()[0] if listed else None


def _merge_base(git: Git, head: str, tip: str, called: str) -> str:
    remote = git.remote()
    steps = [f"--deepen={count}" for count in _DEEPEN] + ["--unshallow"]
    while True:
        # In a cut-off history a merge base may be found that is not the nearest one only if merges were cut: harmless.
        if found := git.ask("merge-base", head, tip):
            return found
        if not (git.shallow and git.fetch and remote and steps):
            break
        _fetch(git, remote, steps.pop(0), head, tip)
    cut = git.shallow
    raise UsageError(
        f"HEAD and {called} have no commit in common" + (" in this shallow clone" if cut else ""),
        hint=f"git fetch --unshallow, or {_NAME_IT}" if cut else _NAME_IT,
    )


def _parent(git: Git) -> str | None:
    if found := git.commit("HEAD^"):
        return found
    remote = git.remote()
    if git.shallow and git.fetch and remote:
        _fetch(git, remote, "--deepen=1", git.commit("HEAD") or "HEAD")
        return git.commit("HEAD^")
    return None


def _fetch(git: Git, remote: str, *arguments: str) -> None:
    with progress.step(f"history from {remote}"):
        git.must(
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", *_options_first(arguments, remote),
            what=f"this clone is shallow, and fetching from {remote} what it lacks failed",
            hint=f"fetch it by hand (git fetch --unshallow), or {_NAME_IT}",
        )  # fmt: skip


def _options_first(arguments: tuple[str, ...], remote: str) -> list[str]:
    options = [argument for argument in arguments if argument.startswith("--")]
    return [*options, remote, *(argument for argument in arguments if not argument.startswith("--"))]


def tree_of(git: Git, base: Base) -> str:
    """The hash of BASE's kmod/. Raises UsageError if it has none."""
    found = git.ask("rev-parse", "--verify", "--quiet", f"{base.commit}:{FOLDER}")
    if found is None:
        raise UsageError(f"{base.short} has no {FOLDER}/: it cannot be measured", hint=_NAME_IT)
    return found


def materialise(cache: Cache, git: Git, base: Base) -> Path:
    """A folder that holds BASE's kmod/ and nothing else, in the cache. Same tree, same folder.

    Raises UsageError when BASE has no kmod/, InfrastructureError when git cannot read it.
    """
    tree = tree_of(git, base)

    def unpack(directory: Path) -> None:
        archive = git.must(
            "archive", "--format=tar", base.commit, FOLDER,
            what=f"cannot read {FOLDER}/ of {base.short}",
        )  # fmt: skip
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            for member in files:
                _extract(files, member, directory)

    return cache.ensure("base", digest("base", _RECIPE, tree), unpack)


def _extract(files: tarfile.TarFile, member: tarfile.TarInfo, directory: Path) -> None:
    target = directory / member.name
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
    elif member.isfile() and (content := files.extractfile(member)) is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.read())
        target.chmod(0o755 if member.mode & 0o100 else 0o644)
    else:
        raise UsageError(f"{member.name} of BASE is no plain file: it cannot be measured", hint=_NAME_IT)


def show(git: Git, base: Base, path: str) -> str | None:
    """The text of a file at BASE, None if BASE has none."""
    done = git.ask("cat-file", "-e", f"{base.commit}:{path}")
    if done is None:
        return None
    return git.must("show", f"{base.commit}:{path}", what=f"cannot read {path} of {base.short}").decode(
        errors="replace"
    )
