"""`python -m results report`: one offline HTML page of what the records say, the verdict first."""

from __future__ import annotations

import argparse
import time
import tomllib
from pathlib import Path
from typing import Final

import msgspec

from results import report_page
from results.compare import CompareError, Threshold, Thresholds
from results.errors import UsageError
from results.query import Store
from results.records import default_root
from results.report_data import gather

THRESHOLDS: Final = Path(__file__).resolve().parent.parent / "suites/performance/thresholds.toml"


class _File(msgspec.Struct):
    """What of the calibrated thresholds is needed here."""

    threshold: list[Threshold] = []


def read_thresholds(path: Path) -> Thresholds:
    """The thresholds by metric and scenario. Raises UsageError that says what is wrong in the file."""
    try:
        return Thresholds.of(msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).threshold)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError, CompareError) as error:
        raise UsageError(f"{path}: {error}") from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--root", type=Path, help="where the records are (default: $WEIR_RESULTS or the state folder)")
    parser.add_argument("--output", type=Path, help="the file to write (default: report.html beside the records)")
    parser.add_argument("--run", metavar="ID", help="report on this run (default: the newest that measured)")
    parser.add_argument("--base", metavar="ID", help="compare with this run instead of what the record compares with")
    parser.add_argument(
        "--thresholds",
        type=Path,
        metavar="FILE",
        help=f"what counts as a change (default: {THRESHOLDS.name} of the suite)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes the page and says where it is; 0 whatever the verdict, which is the measuring run's to exit with."""
    began = time.monotonic()
    root = arguments.root or default_root()
    output = (arguments.output or root / "report.html").resolve()
    path = arguments.thresholds or THRESHOLDS
    thresholds = read_thresholds(path) if arguments.thresholds or path.is_file() else Thresholds({})
    with Store(root) as store:
        report = gather(store, run=arguments.run, base=arguments.base, thresholds=thresholds)
    size = report_page.write(report, output)
    print(f"{report.verdict.headline}")
    for reason in report.verdict.reasons:
        print(f"  {reason}")
    print(f"report  {output} ({size / 1024:,.0f} KiB, {time.monotonic() - began:.1f} s)")
    return 0
