"""Brings the product into a guest: the module and weirctl. Nothing is loaded or started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from lab.machine import Machine
    from lab.run import Prepared

HOME: Final = "/run/weir"
MODULE: Final = f"{HOME}/weir.ko"
ENVIRONMENT: Final = {"PYTHONPATH": HOME}
"""For `python3 -m weirctl` in the guest."""

COMMAND: Final = "/usr/local/bin/weirctl"
WRAPPER: Final = f'#!/bin/sh\nPYTHONPATH={HOME} exec python3 -m weirctl "$@"\n'


def files(module: Path, source: Path) -> dict[str, bytes]:
    """What the product is in a guest, by absolute path: the module `module`, and weirctl of the checkout `source`."""
    package = source / "kmod" / "user" / "weirctl"
    found = {MODULE: module.read_bytes()}
    for path in sorted(package.rglob("*.py")):
        found[f"{HOME}/weirctl/{path.relative_to(package)}"] = path.read_bytes()
    # What weirctl sends along lies beside its package.
    for path in sorted(package.parent.glob("*.html")):
        found[f"{HOME}/{path.name}"] = path.read_bytes()
    return found


def deploy(machine: Machine, prepared: Prepared) -> None:
    """Put weir.ko and the weirctl package below HOME, and a `weirctl` in the guest's PATH."""
    for path, content in files(prepared.module.ko, prepared.source).items():
        machine.put(path, content)
    machine.put(COMMAND, WRAPPER, 0o755)
