"""A guest whose every instruction is counted: boots, runs one script by itself, powers off.

Two virtual CPUs under `-icount`, so that virtual time is counted in instructions and a boot is the same every time;
nothing from outside reaches the guest while it runs. The script says where a measurement begins and ends by a marker
instruction (`MARKER`), at which the plugin (lab/plugin.py) writes a snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lab.image import Image
from lab.kernel import Kernel
from lab.tools import ToolsTree

MARKER: Final = 0x57454900
"""`nopl` with this 32-bit displacement or'ed with a number from 0 to 255 (bytes 0f 1f 80, then little endian)."""

COUNTED_CPU: Final = 0
"""The device under test's; everything else belongs on CPU 1."""


@dataclass(frozen=True)
class CountingGuest:
    """What one counting boot is made of.

    `files`: absolute guest path -> content, executable when it begins with `#!` or is an ELF file. `script` is the guest
    path that is run once the guest is up; what it prints is in `Counted.output`. `seed` varies what a boot would
    otherwise draw at random.
    """

    name: str
    count_tools: ToolsTree
    kernel: Kernel
    image: Image
    initrd: Path
    plugin: Path
    run_dir: Path
    files: Mapping[str, bytes]
    script: str
    seed: int = 1
    append: str = ""
    parameters: tuple[str, ...] = field(default=())
