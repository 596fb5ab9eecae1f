"""Brings the product into a guest: the module and weirctl. Nothing is loaded or started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lab.machine import Machine
    from lab.run import Prepared

HOME: Final = "/run/weir"
MODULE: Final = f"{HOME}/weir.ko"
ENVIRONMENT: Final = {"PYTHONPATH": HOME}
"""For `python3 -m weirctl` in the guest."""

WRAPPER: Final = f'#!/bin/sh\nPYTHONPATH={HOME} exec python3 -m weirctl "$@"\n'


def deploy(machine: Machine, prepared: Prepared) -> None:
    """Put weir.ko and the weirctl package below HOME, and a `weirctl` in the guest's PATH."""
    machine.put(MODULE, prepared.module.ko.read_bytes())
    package = prepared.source / "kmod" / "user" / "weirctl"
    for path in sorted(package.rglob("*.py")):
        machine.put(f"{HOME}/weirctl/{path.relative_to(package)}", path.read_bytes())
    machine.put("/usr/local/bin/weirctl", WRAPPER, 0o755)
