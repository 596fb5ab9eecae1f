"""How long this host kept somebody waiting for a CPU: what its other work takes from the lab."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

PRESSURE: Final = Path("/proc/pressure/cpu")


def stalled() -> float:
    """Seconds since the host's boot in which at least one of its tasks waited for a CPU.

    Kernel: Documentation/accounting/psi.rst, the total of `some`. 0.0 where the kernel does not say (CONFIG_PSI).
    """
    try:
        text = PRESSURE.read_text(encoding="ascii")
    except OSError:
        return 0.0
    found = re.search(r"^some .*total=(\d+)$", text, re.MULTILINE)
    return int(found[1]) / 1e6 if found else 0.0
