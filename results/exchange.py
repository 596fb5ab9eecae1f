"""The forms in which runs come from other tools and go to them, and how a file's form is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from results import junit, kcidb, sheet
from results.errors import ResultsError
from results.records import Run

Runs = Callable[[], Iterable[Run]]


@dataclass(frozen=True)
class Form:
    """`write` calls what it is given for the runs, once or more; `carries` says what of a run gets through."""

    name: str
    suffix: str
    carries: str
    read: Callable[[Path], Iterator[Run]]
    write: Callable[[Runs, TextIO], None]


FORMS: Final = (
    Form("junit", ".xml", "tests", junit.read, lambda runs, out: junit.write(runs(), out)),
    Form("kcidb", ".json", "tests and figures", kcidb.read, kcidb.write),
    Form("csv", ".csv", "figures", sheet.read, lambda runs, out: sheet.write_figures(runs(), out)),
    Form("csv-tests", ".csv", "tests", sheet.read, lambda runs, out: sheet.write_tests(runs(), out)),
)
BY_NAME: Final = {form.name: form for form in FORMS}


def form_of(path: Path) -> Form:
    """The form of a file, by its name's end. Raises ResultsError for an end that none has."""
    for form in FORMS:
        if path.suffix.lower() == form.suffix:
            return form
    known = ", ".join(sorted({form.suffix for form in FORMS}))
    raise ResultsError(f"{path}: what form this is cannot be told from its name", hint=f"known ends: {known}, .jsonl")
