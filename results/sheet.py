"""CSV (RFC 4180): a table of figures or of tests, to and from spreadsheets.

The fields of the run repeat in every row; those that no person reads stand as JSON in `run_fields`, once a run. Without
that column (what `python -m results query --csv` prints has none) a run is read for what its rows say; without a column
`run` all rows are one run.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec

from results.errors import ResultsError
from results.figures import Figure
from results.foreign import FIELDS, identity, suite_name, unknown_environment
from results.records import Run, TestResult

_RUN: Final = ("run", "started", "suite", "revision", "branch", "dirty")
_TEST: Final = ("test", "outcome", "duration_s", "cause", "reason", "fingerprint", "bundle")
_FIGURE: Final = (
    "scenario", "dut", "kernel", "mode", "metric", "value", "unit", "spread", "low", "high", "against",
    "measured_revision", "environment", "unfit", "samples", "functions", "histogram", "attributes", "description",
)  # fmt: skip
csv.field_size_limit(64 * 2**20)


def write_tests(runs: Iterable[Run], out: TextIO) -> None:
    """A row a test."""
    _write(runs, (*_RUN, "dut", "kernel", *_TEST, "run_fields"), _test_rows, out)


def write_figures(runs: Iterable[Run], out: TextIO) -> None:
    """A row a figure."""
    _write(runs, (*_RUN, *_FIGURE, "run_fields"), _figure_rows, out)


def _write(
    runs: Iterable[Run], names: Sequence[str], rows: Callable[[Run], Iterable[dict[str, Any]]], out: TextIO
) -> None:
    # With any other line end Python's writer leaves a CR within a text unquoted, and it would read as the line's end.
    writer = csv.DictWriter(out, names, lineterminator="\r\n")
    writer.writeheader()
    for run in runs:
        common = {
            "run": run.id,
            "started": run.started.isoformat(),
            "suite": run.suite,
            "revision": run.revision.commit,
            "branch": run.revision.branch,
            "dirty": run.revision.dirty,
        }
        carried = _json({name: getattr(run, name) for name in FIELDS})
        for position, row in enumerate(rows(run)):
            writer.writerow(common | row | {"run_fields": "" if position else carried})


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode() if value else ""


def _test_rows(run: Run) -> Iterator[dict[str, Any]]:
    for test in run.tests:
        yield {
            "dut": run.dut,
            "kernel": run.environment.kernel_flavour,
            "test": test.id,
            **{name: getattr(test, name) for name in _TEST[1:]},
        }


def _figure_rows(run: Run) -> Iterator[dict[str, Any]]:
    for figure in run.figures:
        plain: dict[str, Any] = {name: getattr(figure, name) for name in _FIGURE if name in Figure.__struct_fields__}
        yield plain | {
            "measured_revision": figure.revision,
            "unfit": "; ".join(figure.unfit),
            "samples": "; ".join(map(repr, figure.samples)),
            "functions": _json(figure.functions),
            "attributes": _json(figure.attributes),
            "description": _json(run.environments.get(figure.environment)),
        }


def read(path: Path) -> Iterator[Run]:
    """The runs in a table; rows of one run stand together.

    Raises ResultsError for a table of anything else, naming what its heading lacks, and for a row that makes no test
    or figure, naming its line.
    """
    try:
        with path.open(newline="", encoding="utf-8") as text:
            reader = csv.DictReader(text)
            heading = reader.fieldnames or []
            is_figures = "metric" in heading
            needed = {"scenario", "metric", "value"} if is_figures else {"test", "outcome"}
            if lacking := sorted(needed - set(heading)):
                raise ResultsError(f"{path} is no table of figures or tests: it has no column {', '.join(lacking)}")
            numbered = ((reader.line_num, row) for row in reader)
            for run, rows in groupby(numbered, key=lambda item: item[1].get("run") or ""):
                yield _run(path, run, list(rows), is_figures)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(f"{path} is no CSV that can be read: {error}") from error


def _run(path: Path, name: str, rows: list[tuple[int, dict[str, str]]], is_figures: bool) -> Run:
    first = rows[0][1]
    content = "\n".join(",".join(str(text) for text in row.values()) for _, row in rows)
    try:
        given = datetime.fromisoformat(first["started"]) if first.get("started") else None
        started = given or datetime.fromtimestamp(path.stat().st_mtime, UTC)
        commit = next((row["revision"] for _, row in rows if "revision" in row and row.get("baseline") != "True"), "")
        fields: dict[str, Any] = {
            "id": name or identity(started, hashlib.sha256(content.encode()).hexdigest()),
            "suite": suite_name(first.get("suite")),
            "started": started if started.tzinfo else started.replace(tzinfo=UTC),
            "duration_s": 0.0,
            "exit_code": int(any(row.get("outcome") in ("failed", "error") for _, row in rows)),
            "command": f"import of {path.name}",
            "environment": msgspec.to_builtins(unknown_environment()),
            "revision": {
                "commit": commit,
                "branch": first.get("branch") or "",
                "dirty": first.get("dirty") == "True",
            },
        }
        if not is_figures:
            fields["dut"] = first.get("dut") or ""
            fields["environment"]["kernel_flavour"] = first.get("kernel") or ""
        if first.get("run_fields"):
            fields |= msgspec.json.decode(first["run_fields"], type=dict[str, Any])
        fields["environments"] = dict(_environments(rows))
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, OSError, RecursionError) as error:
        raise ResultsError(f"{path}:{rows[0][0]}: run {name or 'without a name'} cannot be read: {error}") from error
    parts = [_part(path, line, row, is_figures) for line, row in rows]
    fields["figures" if is_figures else "tests"] = parts
    try:
        return msgspec.convert(fields | {"kind": "run"}, Run, strict=False)
    except msgspec.ValidationError as error:
        raise ResultsError(f"{path}:{rows[0][0]}: run {name} makes no record: {error}") from error


def _environments(rows: Iterable[tuple[int, Mapping[str, str]]]) -> Iterator[tuple[str, dict[str, str]]]:
    for _, row in rows:
        if row.get("environment") and "metric" in row:
            described = row.get("description")
            yield row["environment"], msgspec.json.decode(described, type=dict[str, str]) if described else {}


def _part(path: Path, line: int, row: Mapping[str, str], is_figures: bool) -> dict[str, Any]:
    try:
        if is_figures:
            made: Figure | TestResult = _figure(row)
        else:
            kept = {name: row[name] for name in _TEST[1:] if row.get(name)}
            made = msgspec.convert({"id": row["test"], "duration_s": 0.0} | kept, TestResult, strict=False)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ResultsError(f"{path}:{line}: no {'figure' if is_figures else 'test'}: {error}") from error
    return msgspec.to_builtins(made)  # type: ignore[no-any-return]


def _figure(row: Mapping[str, str]) -> Figure:
    fields: dict[str, Any] = {"mode": "timed", "unit": "1", "spread": 0.0, "dut": "unknown", "kernel": ""}
    fields |= {name: text for name, text in row.items() if name in Figure.__struct_fields__ and text}
    fields["revision"] = row.get("measured_revision") or (row.get("revision") if row.get("baseline") == "True" else "")
    fields["unfit"] = [reason for reason in (row.get("unfit") or "").split("; ") if reason]
    fields["samples"] = [float(sample) for sample in (row.get("samples") or "").split("; ") if sample]
    for name in ("functions", "attributes"):
        if row.get(name):
            fields[name] = msgspec.json.decode(row[name])
    return msgspec.convert(fields, Figure, strict=False)
