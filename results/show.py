"""Prints runs for a person: the last ones, or one by its identity."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import msgspec

from results.records import Damaged, Outcome, Run, files, read

_NOTABLE: tuple[Outcome, ...] = ("failed", "error", "flaky", "xpassed")


def _newest_first(root: Path | None, identity: str | None) -> Iterator[Run]:
    for path in reversed(files(root)):
        if identity and not path.name.startswith(identity):
            continue
        for entry in reversed(list(read([path]))):
            if isinstance(entry, Damaged):
                print(f"skipped {entry.path}:{entry.line}: {entry.reason}", file=sys.stderr)
            else:
                yield entry


def describe(run: Run, out: TextIO) -> None:
    """Writes one run: verdict and counts first, then where it ran, then each test that did not simply pass."""
    order: tuple[Outcome, ...] = ("passed", *_NOTABLE, "skipped", "xfailed")
    counts = ", ".join(f"{run.count(outcome)} {outcome}" for outcome in order if run.count(outcome))
    environment = run.environment
    revision = run.revision.commit[:12] + ("+changes" if run.revision.dirty else "")
    verdict = f", {run.verdict}" if run.verdict else ""
    print(f"{run.suite} on {run.dut or 'no device'}: exit {run.exit_code}, {counts or 'no tests'}{verdict}", file=out)
    print(f"  run       {run.id}, {run.started:%Y-%m-%d %H:%M:%S} UTC, {run.duration_s:.1f} s", file=out)
    print(f"  revision  {revision or 'unknown'} {run.revision.branch}", file=out)
    print(
        f"  guest     {environment.kernel_flavour or 'none'} {environment.kernel_release} on {environment.provider}"
        f"/{environment.acceleration} (host speed factor {environment.speed_factor:.2f})",
        file=out,
    )
    print(
        f"  host      {environment.host.processors} x {environment.host.processor}, {environment.host.system}", file=out
    )
    for line in run.drift:
        print(f"  drift     {line}", file=out)
    for retry in run.retries:
        print(f"  retried   {retry.what}: {retry.reason}", file=out)
    for test in run.tests:
        if test.outcome in _NOTABLE:
            print(f"  {test.outcome:<9} {test.id} ({test.duration_s:.2f} s, {test.cause}): {test.reason}", file=out)
            if test.bundle:
                print(f"            {test.fingerprint} {test.bundle}", file=out)
    for judged in run.comparisons:
        if judged.verdict != "same":
            print(
                f"  {judged.verdict:<9} {judged.scenario} {judged.dut} {judged.kernel} {judged.metric}:"
                f" {judged.baseline:,.6g} -> {judged.candidate:,.6g} {judged.unit} ({judged.change:+.2%})",
                file=out,
            )
    if run.figures:
        print(f"  figures   {len(run.figures)}: `python -m results query --run {run.id}`", file=out)
    for missing in run.not_measured:
        where = f"{missing.scenario} {missing.dut} {missing.kernel} {missing.mode}"
        print(f"  missing   {where}: {missing.reason}", file=out)
    if run.logs:
        print(f"  logs      {run.logs}", file=out)


def show(root: Path | None, identity: str | None, last: int, *, as_json: bool, out: TextIO) -> int:
    """Prints the `last` newest runs below `root`, or those whose identity starts with `identity`; 1 if none."""
    shown = 0
    for run in _newest_first(root, identity):
        if as_json:
            print(msgspec.json.encode(run).decode(), file=out)
        else:
            describe(run, out)
        shown += 1
        if shown >= last:
            break
    if not shown:
        print("no run is recorded there; `nox -s functional` makes one", file=sys.stderr)
    return 0 if shown else 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("identity", nargs="?", metavar="RUN", help="identity of a run, or its beginning")
    parser.add_argument("--last", type=int, default=1, metavar="N", help="print the N newest (default: 1)")
    parser.add_argument("--json", action="store_true", help="the records themselves, one a line")
    parser.add_argument("--root", type=Path, help="where the records are (default: $WEIR_RESULTS or the state folder)")


def run(args: argparse.Namespace) -> int:
    """Prints the runs asked for; 1 if there is none."""
    return show(args.root, args.identity, args.last, as_json=args.json, out=sys.stdout)
