"""Mirror and lock, on a real Debian archive made here: what is offered, resolved, drifted, refused."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from lab import lock as locks
from lab import mirror
from lab.errors import HostError, InfrastructureError, UsageError
from lab.lock import Lock, Request
from lab.mirror import Apt, Mirror

needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="the host has no apt")


class Archive:
    """A flat Debian archive on disk; `publish` replaces its whole content."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def publish(self, *packages: str) -> None:
        """Each package as "name version" or "name version: dependency, ..."."""
        suites = [self.root / "dists" / suite / "main/binary-amd64" for suite in ("trixie", "trixie-updates")]
        records = []
        for package in packages:
            head, _, depends = package.partition(":")
            name, version = head.split()
            record = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: none <none@invalid>\n"
            if depends:
                record += f"Depends: {depends.strip()}\n"
            file = self._package(name, version, record)
            data = file.read_bytes()
            records.append(
                f"{record}Filename: pool/{file.name}\nSize: {len(data)}\n"
                f"SHA256: {hashlib.sha256(data).hexdigest()}\nDescription: test\n"
            )
        for folder, text in zip(suites, ("\n".join(records) + "\n", ""), strict=True):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "Packages").write_text(text)
            digest = hashlib.sha256(text.encode()).hexdigest()
            release = folder.parent.parent / "Release"
            release.write_text(
                f"Suite: {release.parent.name}\nCodename: {release.parent.name}\nComponents: main\n"
                f"Architectures: amd64\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n"
                f"SHA256:\n {digest} {len(text)} main/binary-amd64/Packages\n"
            )

    def _package(self, name: str, version: str, record: str) -> Path:
        tree = self.root / "build" / name
        (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
        (tree / "DEBIAN/control").write_text(record + "Description: test\n")
        pool = self.root / "pool"
        pool.mkdir(exist_ok=True)
        target = pool / f"{name}_{version}_amd64.deb"
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "--build", tree, target], check=True, stdout=subprocess.DEVNULL
        )
        return target


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def open_apt(archive: Archive, tmp_path: Path) -> Apt:
    apt = Apt(Mirror(f"file:{archive.root}", None, keyring=None), "trixie", tmp_path / "state")
    apt.update()
    return apt


@needs_apt
def test_dependencies_are_resolved_and_locked_versions_taken(archive: Archive, tmp_path: Path) -> None:
    archive.publish("tool 1: library", "library 1", "library 2", "unrelated 1")
    apt = open_apt(archive, tmp_path)
    assert apt.resolve(["tool"]) == {"tool": "1", "library": "2"}
    assert apt.resolve(["tool"], {"library": "1"}) == {"tool": "1", "library": "1"}
    assert apt.offered(["library", "no-such"]) == {"library": ["2", "1"]}


@needs_apt
def test_a_lock_that_is_still_offered_wins_over_what_is_newer(archive: Archive, tmp_path: Path) -> None:
    archive.publish("tool 1: library", "tool 2: library", "library 1")
    lock = Lock("trixie", {"set": {"tool": "1", "library": "1"}}, 0)
    found = locks.resolve(open_apt(archive, tmp_path), lock, Request("set", ("tool",)))
    assert (found.versions, found.drift) == ({"tool": "1", "library": "1"}, ())


@needs_apt
def test_a_vanished_version_is_replaced_recorded_and_said(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.publish("tool 2", "library 1")
    lock = Lock("trixie", {"set": {"tool": "1", "library": "1"}}, 0)
    request = Request("set", ("tool", "library"), dependencies=False)
    found = locks.resolve(open_apt(archive, tmp_path), lock, request)
    assert found.versions == {"tool": "2", "library": "1"}
    assert found.drift == ("set: tool 1 -> 2",)
    assert "DRIFT" in capsys.readouterr().err


@needs_apt
def test_when_the_successor_does_not_fit_the_rest_of_the_lock_everything_moves(
    archive: Archive, tmp_path: Path
) -> None:
    archive.publish("tool 2: library (>= 2)", "library 1", "library 2")
    lock = Lock("trixie", {"set": {"tool": "1", "library": "1"}}, 0)
    request = Request("set", ("tool",))
    # The lab always asks for the essential packages too; this archive has none, so ask for less.
    apt = open_apt(archive, tmp_path)
    with pytest.raises(InfrastructureError):
        apt.resolve(list(request.packages), lock.versions("set"))
    assert apt.resolve(list(request.packages)) == {"tool": "2", "library": "2"}


@needs_apt
def test_a_strict_lock_makes_drift_an_infrastructure_error(archive: Archive, tmp_path: Path) -> None:
    archive.publish("tool 2")
    lock = Lock("trixie", {"set": {"tool": "1"}}, 0, strict=True)
    with pytest.raises(InfrastructureError, match="set: tool 1 -> 2") as caught:
        locks.resolve(open_apt(archive, tmp_path), lock, Request("set", ("tool",), dependencies=False))
    assert "lock --update" in caught.value.hint


@needs_apt
def test_a_locked_kernel_stays_although_the_meta_package_moved_on(archive: Archive, tmp_path: Path) -> None:
    archive.publish("linux-image-amd64 2: linux-image-6.12.2", "linux-image-6.12.1 1", "linux-image-6.12.2 2")
    lock = Lock("trixie", {"kernel": {"linux-image-6.12.1": "1"}}, 0)
    request = Request("kernel", ("linux-image-amd64 -> linux-*-6.*",), dependencies=False)
    apt = open_apt(archive, tmp_path)
    assert locks.resolve(apt, lock, request).versions == {"linux-image-6.12.1": "1"}
    assert locks.resolve_newest(apt, request) == {"linux-image-6.12.2": "2"}


@needs_apt
def test_packages_are_fetched_at_the_version_asked_for(archive: Archive, tmp_path: Path) -> None:
    archive.publish("tool 1", "tool 2")
    into = tmp_path / "into"
    into.mkdir()
    assert [path.name for path in open_apt(archive, tmp_path).download({"tool": "1"}, into)] == ["tool_1_amd64.deb"]


@needs_apt
def test_a_mirror_that_does_not_answer_is_an_infrastructure_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "PAUSES_S", ())
    apt = Apt(Mirror(f"file:{tmp_path}/nowhere", None, keyring=None), "trixie", tmp_path / "state")
    with pytest.raises(InfrastructureError, match="fetching the package lists failed"):
        apt.update()


def test_the_variable_names_the_mirror_and_its_security_archive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keyring = tmp_path / "keyring.gpg"
    keyring.touch()
    monkeypatch.setattr(mirror, "_KEYRINGS", (keyring,))
    found = mirror.find_mirror({mirror.VARIABLE: "http://mirror.invalid/debian/"})
    assert (found.archive, found.security) == ("http://mirror.invalid/debian", "http://mirror.invalid/debian-security")
    assert mirror.find_mirror({mirror.VARIABLE: "file:/x none"}).security is None
    assert mirror.find_mirror({mirror.VARIABLE: "file:/x file:/y"}).sources("trixie") == [
        f"deb [signed-by={keyring}] file:/x trixie main",
        f"deb [signed-by={keyring}] file:/x trixie-updates main",
        f"deb [signed-by={keyring}] file:/y trixie-security main",
    ]


def test_a_host_without_debian_keys_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "_KEYRINGS", ())
    with pytest.raises(HostError) as caught:
        mirror.find_mirror({})
    assert "debian-archive-keyring" in caught.value.hint


def test_the_lock_covers_every_package_set_and_names_no_host() -> None:
    lock = Lock.load()
    for request in locks.requests():
        locked = lock.versions(request.name)
        assert locked
        if request.dependencies:
            assert set(request.packages) <= set(locked), f"{request.name}: run `python -m lab lock --update`"
    assert "://" not in locks.LOCK_FILE.read_text()


def test_a_broken_lock_says_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "lock.json").write_text('{"suite": "trixie"}')
    with pytest.raises(UsageError, match="is not a lock") as caught:
        Lock.load(tmp_path / "lock.json")
    assert "lock --update" in caught.value.hint
