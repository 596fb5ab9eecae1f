"""`python -m results`: what the records say."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from results.show import show


def main(argv: list[str] | None = None) -> int:
    """Parses the command line and runs the command; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m results", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    shower = commands.add_parser("show", help="print the last run, or the run with this identity")
    shower.add_argument("run", nargs="?", help="identity of a run, or its beginning")
    shower.add_argument("--last", type=int, default=1, metavar="N", help="print the N newest (default: 1)")
    shower.add_argument("--json", action="store_true", help="the records themselves, one a line")
    shower.add_argument("--root", type=Path, help="where the records are (default: $WEIR_RESULTS or the state folder)")
    options = parser.parse_args(argv)
    return show(options.root, options.run, options.last, as_json=options.json, out=sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
