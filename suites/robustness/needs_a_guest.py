"""Tests that need a guest. test_boot_failures.py runs them, with kernels that do not boot, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.machine import Machine


def test_needs_a_guest(machine: Machine) -> None:
    assert machine.run("true").ok


def test_needs_it_too(machine: Machine) -> None:
    assert machine.run("true").ok
