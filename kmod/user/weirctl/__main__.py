"""`python3 -m weirctl`, or a directory or zip archive with this package as `python3 -IS weirctl.pyz`."""

from __future__ import annotations

import sys

from weirctl.cli import main

try:
    status = main(sys.argv[1:])
except KeyboardInterrupt:
    status = 130
sys.exit(status)
