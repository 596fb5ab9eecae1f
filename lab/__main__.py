"""`python -m lab COMMAND`: every command is a module of this package with `add_arguments` and `run`."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Final

from lab import entry

# name: (module, one line of help). A module is imported only when its command is asked for.
COMMANDS: Final = {
    "run": ("lab.run", "build what is not cached, then run tests in a lab"),
    "doctor": ("lab.doctor", "what this host lacks for the lab, and its mend"),
    "shell": ("lab.shell", "a shell in a guest of a fresh lab"),
    "ssh": ("lab.join", "SSH into a guest of a running lab"),
    "down": ("lab.down", "end the running labs"),
    "bench": ("lab.bench", "measure boot, restore, round trip and configuration"),
    "fuzz": ("lab.fuzz", "fuzz the HTTP code in user space"),
    "mutants": ("lab.mutants", "plant faults in the HTTP code, which its user-space tests must find"),
    "timing": ("lab.timing", "whether the time of TLS primitives depends on their secrets"),
    "lint": ("lab.lint", "every check that needs no guest"),
    "build": ("lab.build", "build kernel, module and guest image, or a Vagrant box"),
    "gc": ("lab.gc", "delete what was used longest ago from the cache"),
    "lock": ("lab.lock", "check or move the locked package versions"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status; `lab.errors.ExitCode` says what they mean."""
    return entry.run(_main, argv)


def _main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m lab", description="The Weir lab.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in argv if not word.startswith("-")), None)
    for name, (module, summary) in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:
            loaded = importlib.import_module(module)
            loaded.add_arguments(sub)
            sub.set_defaults(run=loaded.run)
    arguments = parser.parse_args(argv)
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
