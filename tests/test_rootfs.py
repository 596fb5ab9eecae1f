"""What a Debian root was really made of, and that it is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lab import doctor
from lab.cache import Cache
from lab.errors import HostError, InfrastructureError
from lab.lock import Lock, Request
from lab.progress import step
from lab.requirements import TREE_CHECKS, Check
from lab.rootfs import Packages, installed, key_of, make_tar, packages_of

STATUS = """\
Package: bash
Status: install ok installed
Version: 5.2-1
Description: shell
 Version: a line of prose

Package: removed
Status: deinstall ok config-files
Version: 1

Package: zlib1g
Status: install ok installed
Version: 1:1.3-2
"""
LOCK = Lock("trixie", {"image": {"bash": "5.2-1", "zlib1g": "1:1.3-1", "apt": "3.0"}}, 7)
IMAGE = Request("image", ("bash",))


def test_only_installed_packages_count() -> None:
    assert installed(STATUS) == {"bash": "5.2-1", "zlib1g": "1:1.3-2"}


def test_drift_is_what_differs_from_the_lock_and_not_what_the_root_does_without() -> None:
    assert packages_of(LOCK, IMAGE, STATUS).drift == ("image: zlib1g 1:1.3-1 -> 1:1.3-2",)


def test_drift_is_still_known_when_the_artefact_comes_from_the_cache(tmp_path: Path) -> None:
    packages_of(LOCK, IMAGE, STATUS).save(tmp_path)
    assert Packages.load(tmp_path, LOCK) == packages_of(LOCK, IMAGE, STATUS)


def test_a_strict_lock_refuses_a_cached_artefact_that_drifted(tmp_path: Path) -> None:
    packages_of(LOCK, IMAGE, STATUS).save(tmp_path)
    strict = Lock(LOCK.suite, LOCK.sets, LOCK.epoch, strict=True)
    with pytest.raises(InfrastructureError, match="unlocked versions"):
        Packages.load(tmp_path, strict)


def test_an_artefact_made_of_other_versions_gives_others_another_key() -> None:
    drifted = packages_of(LOCK, IMAGE, STATUS)
    assert drifted.key() != Packages(dict(LOCK.versions("image")), ()).key()


def test_the_key_follows_lock_and_list() -> None:
    key = key_of(LOCK, IMAGE)
    assert key == key_of(LOCK, IMAGE)
    assert key != key_of(LOCK, Request("image", ("bash", "zlib1g")))
    assert key != key_of(Lock(LOCK.suite, {"image": {"bash": "6"}}, 7), IMAGE)


def test_a_host_without_the_programs_is_mended_or_refused_before_anything_is_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*, checks: Sequence[Check]) -> None:
        assert checks is TREE_CHECKS
        raise HostError("this host lacks: mmdebstrap")

    monkeypatch.setattr(doctor, "require", refuse)
    cache = Cache(tmp_path / "cache")

    with pytest.raises(HostError, match="mmdebstrap"), step("a root") as making:
        make_tar(cache, LOCK, IMAGE, tmp_path / "root.tar", making)

    assert list(tmp_path.rglob("*.deb")) == []
