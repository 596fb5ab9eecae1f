"""Makes a module's allocations fail in a guest, by the kernel's fault injection (Documentation/fault-injection)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from lab.machine import Machine

FOLDER: Final = "/sys/kernel/debug"
DEEPEST: Final = 32  # frames of a stack that the kernel looks through
UNLIMITED: Final = -1
PAGE: Final = 4096


@dataclass
class Injection:
    """What became of it: `failed` allocations, once it is over."""

    failed: int = 0


def text_of(machine: Machine, module: str) -> tuple[int, int]:
    """Where a loaded module's functions begin and end."""
    symbols = re.findall(rf"^([0-9a-f]+) [tT] \S+\t\[{module}\]$", machine.get("/proc/kallsyms").decode(), re.MULTILINE)
    assert symbols, f"the module {module} is not loaded"
    addresses = [int(address, 16) for address in symbols]
    return min(addresses), max(addresses) + PAGE


@contextmanager
def failing(
    machine: Machine, kind: str, module: str, *, percent: int, most: int, each: int = 1, sleeping: bool = False
) -> Iterator[Injection]:
    """Inside, `percent` of the allocations that `module` is behind fail, `most` of them at most.

    `kind` is failslab or fail_page_alloc. `each`: so many-th of them may fail, for less than one in a hundred. With
    `sleeping` those that may wait for memory fail, too.
    """
    begin, end = text_of(machine, module)
    settings: dict[str, int | str] = {
        "stacktrace-depth": DEEPEST,
        "require-start": f"{begin:#x}",
        "require-end": f"{end:#x}",
        "ignore-gfp-wait": "N" if sleeping else "Y",
        "verbose": 0,
        "interval": each,
        "space": 0,
        "times": most,
        "probability": percent,
    }
    if kind == "fail_page_alloc":
        settings["min-order"] = 0
    _write(machine, kind, settings)
    injection = Injection()
    try:
        yield injection
    finally:
        injection.failed = most - int(machine.get(f"{FOLDER}/{kind}/times"))
        _write(machine, kind, {"probability": 0, "times": UNLIMITED})


def _write(machine: Machine, kind: str, settings: dict[str, int | str]) -> None:
    script = "\n".join(f"echo {value} >{FOLDER}/{kind}/{name}" for name, value in settings.items())
    machine.run("sh", "-e", "-c", script)
