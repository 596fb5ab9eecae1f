"""Questions to the records, answered from the index: the Python API on which report, trend and command are built.

    with Store() as store:
        for row in store.figures(Filters(metric=("instr_per_request",), dut=("weir",), last=20)):
            print(row.started, row.scenario, row.value, row.where)

Rows come oldest run first and, within a run, in its own order. They stream: a question may be asked of any number of
records.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import msgspec

from results import index
from results.errors import ResultsError, UsageError
from results.figures import Comparison, Figure
from results.records import Damaged, Run, decode, default_root, lines
from results.rows import Cell, ComparisonRow, FigureRow, Filters, NotMeasuredRow, Row, RunRow, TestRow

ALL: Final = Filters()
R = TypeVar("R", bound=Row)


@dataclass(frozen=True)
class _Kind(Generic[R]):
    """How one kind of row is found: `columns` are the SQL of fields that are not a column of `table` by their name."""

    name: str
    row: type[R]
    table: str
    columns: dict[str, str] = field(default_factory=dict)
    filters: frozenset[str] = frozenset()

    def sql(self, name: str) -> str:
        """The expression that gives the field `name`."""
        return self.columns.get(name) or _RUN_FIELDS.get(name) or f"{self.table}.{name}"


_RUN_FIELDS: Final = {
    "run": "runs.run",
    "where": "files.folder || '/' || files.name || ':' || runs.line",
    "started": "runs.started",
    "suite": "runs.suite",
    "revision": "runs.revision",
    "branch": "runs.branch",
    "dirty": "runs.dirty",
}
_ALWAYS: Final = frozenset({"suite", "revision", "branch", "run"})
_CELL: Final = _ALWAYS | {"scenario", "dut", "kernel", "mode"}

RUNS: Final = _Kind("runs", RunRow, "runs", filters=_ALWAYS | {"dut", "kernel", "environment", "verdict"})
FIGURES: Final = _Kind(
    "figures",
    FigureRow,
    "figures",
    {
        "revision": "coalesce(nullif(figures.revision, ''), runs.revision)",
        "baseline": "(figures.revision != '' AND figures.revision != runs.revision)",
    },
    _CELL | {"metric", "environment"},
)
COMPARISONS: Final = _Kind("comparisons", ComparisonRow, "comparisons", filters=_CELL | {"metric", "verdict"})
TESTS: Final = _Kind(
    "tests",
    TestRow,
    "tests",
    {"dut": "runs.dut", "kernel": "runs.kernel", "environment": "runs.environment"},
    _ALWAYS | {"test", "outcome", "dut", "kernel", "environment"},
)
NOT_MEASURED: Final = _Kind("not-measured", NotMeasuredRow, "not_measured", filters=_CELL)
KINDS: Final[dict[str, _Kind[Any]]] = {kind.name: kind for kind in (RUNS, FIGURES, COMPARISONS, TESTS, NOT_MEASURED)}

# How a value without a pattern is meant; all else is meant as a whole.
_BEGINNING: Final = frozenset({"revision", "environment", "run"})
_ANYWHERE: Final = frozenset({"test"})


def _condition(expression: str, name: str, value: str) -> tuple[str, str]:
    if any(sign in value for sign in "*?["):
        return f"{expression} GLOB ?", value
    if name in _BEGINNING:
        return f"substr({expression}, 1, {len(value)}) = ?", value
    if name in _ANYWHERE:
        return f"instr({expression}, ?) > 0", value
    return f"{expression} = ?", value


def _conditions(kind: _Kind[R], filters: Filters) -> tuple[list[str], list[Any]]:
    found = ["NOT runs.duplicate"]
    values: list[Any] = []
    for name in Filters.__dataclass_fields__:
        chosen = getattr(filters, name)
        if not isinstance(chosen, tuple) or not chosen:
            continue
        if name not in kind.filters:
            raise UsageError(
                f"{kind.name} cannot be chosen by {name}", hint=f"they can by: {', '.join(sorted(kind.filters))}"
            )
        alternatives = [_condition(kind.sql(name), name, value) for value in chosen]
        found.append(f"({' OR '.join(sql for sql, _ in alternatives)})")
        values += [value for _, value in alternatives]
    for sign, bound in ((">=", filters.since), ("<", filters.until)):
        if bound:
            found.append(f"runs.started {sign} ?")
            values.append(index.microseconds(bound))
    if filters.clean:
        found.append("NOT runs.dirty")
    if filters.own and kind is FIGURES:
        found.append(f"NOT {kind.sql('baseline')}")
    return found, values


class Store:
    """The records below `root` (default: `records.default_root()`), through an index that is brought up to date first.

    A context manager. What it answers is the state of one moment: records appended later need a new Store. Raises
    ResultsError when there are no records or the index cannot be written.
    """

    def __init__(
        self, root: Path | None = None, *, refresh: bool = True, progress: index.Progress | None = None
    ) -> None:
        self.root = (root or default_root()).resolve()
        path = index.location(self.root) / f"index-{index.VERSION}.sqlite3"
        if refresh or not path.is_file():
            path = index.refresh(self.root, progress=progress).path
        self._connection = index.connect(path)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the index."""
        self._connection.close()

    def runs(self, filters: Filters = ALL) -> Iterator[RunRow]:
        """Runs, oldest first. Raises UsageError for a filter that runs do not have; so do all of these."""
        return self.select(RUNS, filters)

    def figures(self, filters: Filters = ALL, cell: Cell | None = None) -> Iterator[FigureRow]:
        """Figures of all modes; of one history only, if `cell` names it."""
        return self.select(FIGURES, filters, cell)

    def cells(self, filters: Filters = ALL) -> list[Cell]:
        """The histories to which the figures belong, sorted: for going through them one by one."""
        matching, values = self._matching(FIGURES, filters, None)
        columns = ", ".join(f"figures.{name}" for name in Cell._fields)
        return [Cell(*row) for row in self._execute(f"SELECT DISTINCT {columns} {matching} ORDER BY {columns}", values)]

    def comparisons(self, filters: Filters = ALL) -> Iterator[ComparisonRow]:
        """Comparisons that gates made."""
        return self.select(COMPARISONS, filters)

    def tests(self, filters: Filters = ALL) -> Iterator[TestRow]:
        """How tests ended."""
        return self.select(TESTS, filters)

    def not_measured(self, filters: Filters = ALL) -> Iterator[NotMeasuredRow]:
        """Figures that were asked for and are not there."""
        return self.select(NOT_MEASURED, filters)

    def select(self, kind: _Kind[R], filters: Filters, cell: Cell | None = None) -> Iterator[R]:
        """Rows of one of `KINDS`."""
        matching, values = self._matching(kind, filters, cell)
        order = "runs.started, runs.run, runs.id" + ("" if kind is RUNS else f", {kind.table}.position")
        names = kind.row.__struct_fields__
        columns = ", ".join(kind.sql(name) for name in names)
        return self._rows(kind.row, names, f"SELECT {columns} {matching} ORDER BY {order}", values)

    def _matching(self, kind: _Kind[R], filters: Filters, cell: Cell | None) -> tuple[str, list[Any]]:
        conditions, values = _conditions(kind, filters)
        if cell:
            conditions += [f"{kind.table}.{name} = ?" for name in Cell._fields]
            values += cell
        tables = "runs JOIN files ON files.id = runs.file"
        if kind is not RUNS:
            tables += f" JOIN {kind.table} ON {kind.table}.parent = runs.id"
        matching = f"FROM {tables} WHERE {' AND '.join(conditions)}"
        if filters.last is not None:
            newest = "ORDER BY runs.started DESC, runs.run DESC, runs.id DESC LIMIT ?"
            matching += f" AND runs.id IN (SELECT DISTINCT runs.id {matching} {newest})"
            values = [*values, *values, filters.last]
        return matching, values

    def _rows(self, row: type[R], names: Sequence[str], sql: str, values: Sequence[Any]) -> Iterator[R]:
        root = f"{self.root}/"
        flags = [known.name for known in msgspec.structs.fields(row) if known.type is bool]
        for found in self._execute(sql, values):
            fields = dict(zip(names, found, strict=True))
            fields["where"] = root + fields["where"].removeprefix("/")
            fields["started"] = index.moment(fields["started"])
            for name in flags:
                fields[name] = bool(fields[name])
            if "unfit" in fields:
                fields["unfit"] = fields["unfit"].split("\n") if fields["unfit"] else []
            yield row(**fields)

    def _execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, values)
        except sqlite3.DatabaseError as error:
            raise ResultsError(
                f"the index over {self.root} cannot be read: {error}", hint="`python -m results reindex` makes it anew"
            ) from error

    def damaged(self) -> list[Damaged]:
        """Lines that are no record this reader knows. They stay where they are."""
        sql = (
            "SELECT files.folder, files.name, line, reason FROM damaged JOIN files ON files.id = damaged.file"
            " ORDER BY files.folder, files.name, line"
        )
        return [Damaged(self.root / folder / name, line, why) for folder, name, line, why in self._execute(sql)]

    def conflicts(self) -> list[tuple[str, list[str]]]:
        """Identities under which different records are kept, each with where they are."""
        sql = (
            "SELECT run, group_concat(where_, char(10)) FROM (SELECT runs.run AS run, "
            f"{_RUN_FIELDS['where']} AS where_ FROM runs JOIN files ON files.id = runs.file WHERE NOT runs.duplicate"
            " ORDER BY where_) GROUP BY run HAVING count(*) > 1 ORDER BY run"
        )
        root = f"{self.root}/"
        return [(run, [root + at.removeprefix("/") for at in found.split("\n")]) for run, found in self._execute(sql)]

    def environments(self) -> dict[str, dict[str, str]]:
        """What each environment key stands for."""
        rows = self._execute("SELECT key, description FROM environments")
        return {key: msgspec.json.decode(text, type=dict[str, str]) for key, text in rows}

    def named(self, run: str) -> list[RunRow]:
        """The runs of exactly this identity: none, one, or several in conflict."""
        names = RUNS.row.__struct_fields__
        columns = ", ".join(RUNS.sql(name) for name in names)
        sql = f"SELECT {columns} FROM runs JOIN files ON files.id = runs.file WHERE runs.run = ? AND NOT runs.duplicate"
        return list(self._rows(RUNS.row, names, sql, [run]))

    def record(self, row: Row | str) -> Run:
        """The whole record of a row, or of a `where`. Raises ResultsError if it is no longer there."""
        where = row if isinstance(row, str) else row.where
        path, _, number = where.rpartition(":")
        try:
            for current, line in lines(Path(path)):
                if current == int(number):
                    return decode(line)
        except (OSError, ValueError) as error:
            raise ResultsError(f"there is no record at {where}: {error}") from error
        raise ResultsError(f"there is no record at {where}", hint="the file changed: open the store again")

    def figure(self, row: FigureRow) -> Figure:
        """The whole figure of a row: functions, samples, histogram and attributes too."""
        return self.record(row).figures[row.position]

    def comparison(self, row: ComparisonRow) -> Comparison:
        """The whole comparison of a row: its functions too."""
        return self.record(row).comparisons[row.position]
