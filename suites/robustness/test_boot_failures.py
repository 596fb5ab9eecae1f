"""A guest that does not boot: the lab's fault, or the fault of our kernel where the distribution's boots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import ExitCode
from lab.run import Prepared
from suites.robustness import nested

INNER = Path(__file__).with_name("needs_a_guest.py")
SECONDS = 300.0


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """An initrd without anything in it: the kernel panics for want of an init."""
    path = tmp_path / "initrd"
    path.write_bytes(b"")
    return path


def test_distro_that_does_not_boot_is_infrastructure(broken: Path) -> None:
    outer = Prepared.load()
    prepared = replace(outer, kernel=replace(outer.kernel, flavour="distro"), initrd=broken)
    run = nested.run(prepared, "boot-distro", INNER, seconds=SECONDS)
    assert run.status == ExitCode.INFRASTRUCTURE_FAILURE
    assert run.output.count("boot of guest on distro: guest: boot failed") == 2, "two retries, both told"
    assert "INFRASTRUCTURE FAILURES (they say nothing about the device under test)" in run.output
    assert "Unable to mount root fs" in run.output, "the console's last words are told"
    assert run.outcomes["test_needs_a_guest"].properties["cause"] == "infrastructure"
    assert "test_needs_it_too" not in run.outcomes, "a lab that cannot boot is not asked again"


def test_own_kernel_that_does_not_boot_where_distro_does_is_a_product_failure(broken: Path) -> None:
    outer = Prepared.load()
    distro = (replace(outer.kernel, flavour="distro"), outer.initrd)
    prepared = replace(
        outer,
        kernel=replace(outer.kernel, flavour="patched"),
        initrd=broken,
        extra_kernels={"distro": distro},
    )
    run = nested.run(prepared, "boot-patched", INNER, "-x", seconds=SECONDS)
    assert run.status == ExitCode.PRODUCT_FAILURE
    assert "kernel patched does not boot where distro does" in run.outcomes["test_needs_a_guest"].message
    assert run.outcomes["test_needs_a_guest"].properties["cause"] == "product"


def test_no_kernel_boots_is_infrastructure(broken: Path) -> None:
    outer = Prepared.load()
    prepared = replace(
        outer,
        kernel=replace(outer.kernel, flavour="patched"),
        initrd=broken,
        extra_kernels={"distro": (replace(outer.kernel, flavour="distro"), broken)},
    )
    run = nested.run(prepared, "boot-none", INNER, seconds=SECONDS)
    assert run.status == ExitCode.INFRASTRUCTURE_FAILURE
    assert "neither patched nor distro boots, so the lab is at fault" in run.output
