"""Kernel configuration fragments: merging, verification, and the house rule that every option says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import kernel_config
from lab.errors import InfrastructureError
from lab.kernel import flavours
from lab.lock import IMAGES, Lock


def test_both_spellings_are_read() -> None:
    text = 'CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x y"\n# a comment about CONFIG_D\n'
    assert kernel_config.parse(text) == {"A": "y", "B": "n", "C": '"x y"'}


def test_a_dropped_option_is_found() -> None:
    requested = "CONFIG_SQUASHFS=y\nCONFIG_NET=y\n# CONFIG_BPF_SYSCALL is not set\n"
    assert kernel_config.mismatches(requested, "CONFIG_NET=y\n") == ["CONFIG_SQUASHFS: requested y, got n"]
    assert kernel_config.mismatches(requested, requested + "CONFIG_BPF_SYSCALL=y\n") == [
        "CONFIG_BPF_SYSCALL: requested n, got y"
    ]


def test_a_number_of_another_value_is_found() -> None:
    assert kernel_config.mismatches("CONFIG_NR_CPUS=8\n", "CONFIG_NR_CPUS=64\n") == [
        "CONFIG_NR_CPUS: requested 8, got 64"
    ]


def test_fragments_that_disagree_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.config").write_text("CONFIG_X=y\n")
    (tmp_path / "b.config").write_text("# CONFIG_X is not set\n")
    with pytest.raises(InfrastructureError, match=r"CONFIG_X is n in b\.config but y in a\.config"):
        kernel_config.merge([tmp_path / "a.config", tmp_path / "b.config"])


def test_an_option_without_a_reason_is_found() -> None:
    text = "# Why.\nCONFIG_A=y\nCONFIG_B=y\n\nCONFIG_C=y\n# CONFIG_D is not set\n"
    assert kernel_config.unexplained(text) == ["C", "D"]


@pytest.mark.parametrize("path", sorted((IMAGES / "kernel").glob("*.config")), ids=lambda path: path.stem)
def test_every_option_of_ours_says_why(path: Path) -> None:
    assert kernel_config.unexplained(path.read_text()) == []


def test_every_flavour_is_made_of_what_exists() -> None:
    lock = Lock.load()
    known = flavours()
    assert {"patched", "distro"} <= set(known)
    for flavour in known.values():
        assert lock.versions(flavour.packages or flavour.source or "")
        kernel_config.merge(flavour.fragment_files())
