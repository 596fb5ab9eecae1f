"""`python3 -m weirctl`, or, quicker to start, `python3 -IS .../weirctl` (this directory)."""

from __future__ import annotations

import sys

if not __package__:
    # Run as a directory: the package's parent is not where Python looks.
    sys.path[0] = sys.path[0].rpartition("/")[0] or "."

from weirctl.cli import run

run()
