"""docs/behaviours.md as data: which cases check which behaviour, and which deliberate break turned them red."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "behaviours.md"
CASES = ROOT / "suites" / "functional"
BREAKS = {suite: ROOT / "suites" / suite / "breaks.toml" for suite in ("functional", "differential", "tls")}
"""Each suite's deliberate breaks, in a file beside its cases."""

_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Behaviour:
    """One row. `cases` are "test_file.py::test_name"."""

    line: int
    title: str
    source: str
    cases: tuple[str, ...]
    breaks: tuple[str, ...]


@dataclass(frozen=True)
class Edit:
    """In `file`, the one occurrence of `find` becomes `replace`."""

    file: str
    find: str
    replace: str


@dataclass(frozen=True)
class Break:
    """A deliberate fault, made by its edits. `cases`, of one suite, must turn red by it.

    `seen` is the day on which they were last seen to, empty until then. `engine` is the module's for TLS.
    """

    suite: str
    name: str
    edits: tuple[Edit, ...]
    cases: tuple[str, ...]
    seen: str
    engine: str = "weir"

    def make(self, tree: Path) -> None:
        """Put the fault into the source below `tree`. Raises ValueError where an edit does not fit."""
        for edit in self.edits:
            path = tree / edit.file
            text = path.read_text()
            if text.count(edit.find) != 1:
                raise ValueError(f"{self.name}: {edit.file} has {text.count(edit.find)} times what is to be replaced")
            path.write_text(text.replace(edit.find, edit.replace))


def read_table(path: Path = TABLE) -> list[Behaviour]:
    """Every row of the table. Raises ValueError for a row that is not one."""
    rows = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.startswith("| ") or line.startswith("| behaviour "):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if len(cells) != 4:
            raise ValueError(f"{path.name}:{number}: a row has four cells, this one {len(cells)}")
        title, source, cases, breaks = cells
        names = []
        file = ""
        for word in _CODE.findall(cases):
            if word.endswith(".py"):
                file = word
            else:
                names.append(f"{file}::{word}")
        rows.append(Behaviour(number, title, source, tuple(names), tuple(_CODE.findall(breaks))))
    return rows


def read_breaks(suites: Iterable[str] = BREAKS) -> list[Break]:
    """Every break of these suites."""
    return [
        Break(
            suite=suite,
            name=name,
            edits=tuple(Edit(**edit) for edit in entry["edits"]),
            cases=tuple(entry["cases"]),
            seen=str(entry.get("seen", "")),
            engine=str(entry.get("engine", "weir")),
        )
        for suite in suites
        for name, entry in tomllib.loads(BREAKS[suite].read_text()).items()
    ]


def defined_cases(folder: Path = CASES) -> set[str]:
    """Every test function in the suite's files, as "test_file.py::test_name"."""
    return {
        f"{path.name}::{node.name}"
        for path in sorted(folder.glob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
