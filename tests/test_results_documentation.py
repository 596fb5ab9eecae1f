"""docs/results.md says what the schema is, field by field, and its examples work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import pytest

from results import bench, figures, records
from results.__main__ import COMMANDS, main
from results.junit import write
from results.kcidb import _STATUS

DOCUMENT = (Path(__file__).parent.parent / "docs" / "results.md").read_text()
STRUCTS: list[type[msgspec.Struct]] = [
    records.Run, records.Environment, records.Host, records.Revision, records.TestResult, records.Retry,
    figures.Figure, figures.FunctionCost, figures.Comparison, figures.FunctionChange, figures.NotMeasured,
]  # fmt: skip
PLAIN = {"str": "string", "float": "number", "int": "integer", "bool": "true or false", "datetime": "time"}


def spoken(kind: Any) -> str:
    """A type as the document says it."""
    origin = get_origin(kind)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if origin in (Union, UnionType):
        first, _ = get_args(kind)
        return f"{spoken(first)} or null"
    if origin is list:
        return f"list of {spoken(get_args(kind)[0])}"
    if origin is dict:
        return f"{spoken(get_args(kind)[1])} by string"
    name: str = kind.__name__
    return PLAIN.get(name, name)


def default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return ""
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return f"`{msgspec.json.encode(value).decode()}`"


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_every_field_is_documented_as_it_is(struct: type[msgspec.Struct]) -> None:
    section = re.search(rf"^### {struct.__name__}\n\n(.*?)(?=\n#|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert section, f"docs/results.md has no section {struct.__name__}"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section[1].strip().splitlines()[2:]]
    said = [(name, kind, given) for name, kind, given, _ in rows]
    assert said == [(f"`{f.name}`", spoken(f.type), default(f)) for f in msgspec.structs.fields(struct)]


def test_every_struct_of_a_record_is_documented() -> None:
    def reached(struct: type[msgspec.Struct]) -> set[type[msgspec.Struct]]:
        kinds = [kind for f in msgspec.structs.fields(struct) for kind in (f.type, *get_args(f.type))]
        inner = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)}
        return {struct}.union(*(reached(kind) for kind in inner))

    assert reached(records.Run) == set(STRUCTS)


def test_the_version_is_the_documented_one() -> None:
    assert f"## The schema, version {records.SCHEMA_VERSION}\n" in DOCUMENT


def test_the_outcomes_and_their_statuses_are_all_there() -> None:
    for outcome, status in _STATUS.items():
        assert re.search(rf"^\| .*`{outcome}`.* \| {status} \|$", DOCUMENT, re.MULTILINE), outcome


EXAMPLES = [
    line.partition("  #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_works(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "results"
    bench.generate(root, 30)
    bench.generate(tmp_path / "other" / "results", 5, seed=2)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("WEIR_RESULTS", str(root))
    words = shlex.split(example)
    assert words[:3] == ["python", "-m", "results"]
    if "junit.xml" in words:
        with Path("junit.xml").open("w") as out:
            write(bench.make(10), out)
        for form, name in (("kcidb", "kcidb.json"), ("csv", "figures.csv")):
            main(["export", "--format", form, "--output", name])
    status = main(words[3:])
    said = capsys.readouterr()
    # The generated records have no failures, and lie in the past: some questions have no answer there.
    assert status in (0, 1), said.err
    assert status == 0 or "no " in said.err


def test_there_are_examples_of_every_command_of_the_store() -> None:
    used = {shlex.split(example)[3] for example in EXAMPLES}
    assert {"show", "query", "trend", "import", "export"} <= used <= set(COMMANDS)
