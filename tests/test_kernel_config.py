"""Kernel configuration fragments: merging, verification, and the house rule that every option says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import kernel_config
from lab.errors import InfrastructureError, UsageError
from lab.kernel import Kernel, flavours, require_measurable
from lab.lock import IMAGES, Lock
from lab.module import module_files, module_names


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


def test_debug_is_patched_with_checks() -> None:
    patched, debug = (flavours()[name] for name in ("patched", "debug"))
    assert debug.fragments == (*patched.fragments, "debug")
    assert (debug.source, debug.patches) == (patched.source, patched.patches)


def test_nothing_is_measured_on_a_kernel_with_checks() -> None:
    require_measurable("patched")
    with pytest.raises(UsageError, match=r"nothing is measured on the kernel 'debug'") as error:
        require_measurable("debug")
    assert "patched" in error.value.hint
    assert "debug" not in error.value.hint


@pytest.mark.parametrize(
    ("config", "modules"),
    [
        ("# CONFIG_KUNIT is not set\n", ["one"]),
        ("CONFIG_KUNIT=m\n", ["one", "two"]),
        ("CONFIG_KUNIT=y\n", ["one", "two"]),
    ],
)
def test_a_module_that_its_kernel_cannot_have_is_left_out(tmp_path: Path, config: str, modules: list[str]) -> None:
    kernel = Kernel("x", "6.12", Path("bzImage"), tmp_path, None, None, "key", "6.12-1")
    (tmp_path / ".config").write_text(config)
    kbuild = tmp_path / "Kbuild"
    kbuild.write_text("obj-m := one.o\nobj-$(if $(CONFIG_KUNIT),m) += two.o\none-y := three.o\n")
    assert module_names(kbuild, kernel) == modules


def test_a_test_module_names_what_it_shares_with_others(tmp_path: Path) -> None:
    folder = tmp_path / "tests/own"
    folder.mkdir(parents=True)
    (folder / "Kbuild").write_text("shared := ../../http_*.[ch] ../other/*.c\n")
    (tmp_path / "tests/other").mkdir()
    for name in ("http_a.c", "http_a.h", "main.c", "tests/own/main.c", "tests/other/b.c", "tests/other/b.h"):
        (tmp_path / name).touch()
    assert [str(file) for file in module_files(tmp_path, folder)] == [
        "http_a.c", "http_a.h", "tests/other/b.c", "tests/own/Kbuild", "tests/own/main.c",
    ]  # fmt: skip
