"""`lab lint`: every check that needs no guest, in one run; all of them run even when an early one finds something.

ruff, format, mypy     Python
house                  licences, imports, host names, unfinished work, white space (lint_rules.py)
checkpatch             kernel style of kmod/ and its patches (lint_kernel.py)
sparse                 the module built with warnings and sparse
generated              files that follow from the netlink spec
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from lab import lint_kernel, lint_rules
from lab.bootstrap import ROOT
from lab.cache import Cache
from lab.errors import ExitCode, UsageError
from lab.kernel import Kernel, ensure_kernel, ensure_source
from lab.lock import Lock
from lab.tools import ToolsTree, ensure_tools

GENERATOR: Final = Path("kmod/spec/generate.py")


class Context:
    """What the checks share; tools, kernel and its source are made when the first check asks."""

    def __init__(self, flavour: str) -> None:
        self.flavour = flavour
        self.cache = Cache()
        self.lock = Lock.load()

    @cached_property
    def tools(self) -> ToolsTree:
        """Has gcc, sparse and perl."""
        return ensure_tools(self.cache, self.lock)

    @cached_property
    def kernel(self) -> Kernel:
        """The kernel whose headers the module is checked against."""
        return ensure_kernel(self.cache, self.lock, self.tools, self.flavour)

    @cached_property
    def linux(self) -> Path:
        """Parts of the kernel's source: checkpatch and the netlink generator."""
        return lint_kernel.ensure_parts(self.cache, self.tools, ensure_source(self.cache, self.lock, self.tools))


@dataclass(frozen=True)
class Check:
    """`find` returns one line for each problem, none if all is well."""

    name: str
    summary: str
    find: Callable[[Context], list[str]]


def program(argv: Sequence[str | Path]) -> list[str]:
    """Runs a program in the checkout: no problem if it exits 0, else the lines it printed."""
    done = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode == 0:
        return []
    return done.stdout.splitlines() or [f"exit status {done.returncode}: {' '.join(map(str, argv))}"]


def generated(context: Context) -> list[str]:
    """The generated files are what the generator makes of the spec."""
    return program([sys.executable, GENERATOR, "--linux", context.linux, "--check"])


RUFF: Final = (sys.executable, "-m", "ruff")
CONCISE: Final = ("--quiet", "--output-format=concise")

CHECKS: Final = (
    Check("ruff", "Python: lint", lambda _: program([*RUFF, "check", *CONCISE])),
    Check("format", "Python: layout", lambda _: program([*RUFF, "format", "--check", *CONCISE])),
    Check("mypy", "Python: types", lambda _: program([sys.executable, "-m", "mypy", "--no-error-summary"])),
    Check("house", "licences, imports, host names, unfinished work, white space", lambda _: lint_rules.check(ROOT)),
    Check(
        "checkpatch",
        "kernel style of kmod/",
        lambda c: lint_kernel.checkpatch(ROOT, c.tools, c.linux),
    ),
    Check(
        "sparse",
        "the module with warnings and sparse",
        lambda c: lint_kernel.sparse(ROOT, c.cache, c.tools, c.kernel),
    ),
    Check("generated", "files that follow from the netlink spec", generated),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    names = ", ".join(f"{check.name} ({check.summary})" for check in CHECKS)
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"only these; there are: {names}")
    parser.add_argument("--kernel", default="distro", help="flavour to check the module against (default: distro)")


def run(args: argparse.Namespace) -> int:
    """Runs the checks and prints what they find; 1 if any found something.

    Raises UsageError for a check that does not exist.
    """
    known = {check.name: check for check in CHECKS}
    if unknown := [name for name in args.checks if name not in known]:
        raise UsageError(f"there is no check {unknown[0]!r}", hint=f"the checks are: {', '.join(known)}")
    context = Context(args.kernel)
    failed = []
    for check in CHECKS:
        if args.checks and check.name not in args.checks:
            continue
        began = time.monotonic()
        problems = check.find(context)
        verdict = f"{len(problems)} lines" if problems else "ok"
        for problem in problems:
            print(f"  {problem}")
        print(f"{check.name:<11} {verdict:<10} {time.monotonic() - began:6.1f} s", flush=True)
        if problems:
            failed.append(check.name)
    if failed:
        print(f"lint: failed: {', '.join(failed)}")
        return ExitCode.PRODUCT_FAILURE
    print("lint: clean")
    return ExitCode.PASSED
