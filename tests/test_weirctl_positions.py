"""Lines of keys in TOML texts."""

from __future__ import annotations

import contextlib
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weirctl import positions
from weirctl.errors import Path

TEXTS: dict[str, tuple[str, dict[Path, int]]] = {
    "tables": (
        "[a]\nb = 1\n\n[c.d]\ne = 2\n",
        {("a",): 1, ("a", "b"): 2, ("c",): 4, ("c", "d"): 4, ("c", "d", "e"): 5},
    ),
    "arrays of tables": (
        "[[a]]\nb = 1\n[[a]]\n# c\nb = 2\n[[a.d]]\n[[a.d]]\ne = 3\n[[a]]\n[[a.d]]\n",
        {
            ("a",): 1,
            ("a", 0): 1,
            ("a", 0, "b"): 2,
            ("a", 1): 3,
            ("a", 1, "b"): 5,
            ("a", 1, "d"): 6,
            ("a", 1, "d", 0): 6,
            ("a", 1, "d", 1): 7,
            ("a", 1, "d", 1, "e"): 8,
            ("a", 2): 9,
            ("a", 2, "d"): 10,
            ("a", 2, "d", 0): 10,
        },
    ),
    "table inside an array's": ("[[a]]\n[[a]]\n[a.b]\nc = 1\n", {("a", 1, "b"): 3, ("a", 1, "b", "c"): 4}),
    "quoted keys": (
        '"a.b" = 1\n\'c "d\' = 2\n"\\u0065" = 3\n',
        {("a.b",): 1, ('c "d',): 2, ("e",): 3},
    ),
    "dotted keys": ("a . b = 1\na.c.d = 2\n", {("a",): 1, ("a", "b"): 1, ("a", "c"): 2, ("a", "c", "d"): 2}),
    "strings with everything": (
        'a = "[x] # \\" = 1"\nb = \'\\\'\nc = """\n[no]\n\\""" = 1"""""\nd = \'\'\'\n# x\n\'\'\'\'\ne = 1\n',
        {("a",): 1, ("b",): 2, ("c",): 3, ("d",): 6, ("e",): 9},
    ),
    "arrays": (
        "a = [ # ]\n  1, [2,\n  3],\n\n  'x', ]\nb = 1\n",
        {("a",): 1, ("a", 0): 2, ("a", 1): 2, ("a", 1, 0): 2, ("a", 1, 1): 3, ("a", 2): 5, ("b",): 6},
    ),
    "inline tables": (
        'a = [{b = 1, c = {d = "}"}},\n {b = 2}]\ne = {}\n',
        {("a", 0, "b"): 1, ("a", 0, "c", "d"): 1, ("a", 1): 2, ("a", 1, "b"): 2, ("e",): 3},
    ),
    "bare values": ("a = 1979-05-27 07:32:00 # x\nb = +inf\nc = true", {("a",): 1, ("b",): 2, ("c",): 3}),
    "carriage returns": ("a = 1\r\n[b]\r\nc = '''\r\n\r\n'''\r\nd = 1\r\n", {("a",): 1, ("b", "c"): 3, ("b", "d"): 6}),
    "header with spaces": ("\n[ a . 'b' ] # x\nc = 1\n[[ d ]]\n", {("a", "b"): 2, ("a", "b", "c"): 3, ("d", 0): 4}),
}


@pytest.mark.parametrize("name", TEXTS)
def test_lines(name: str) -> None:
    text, expected = TEXTS[name]
    tomllib.loads(text)
    lines = positions.locate(text)
    assert {path: lines.get(path) for path in expected} == expected


def test_line_of_what_is_not_there_is_the_line_around_it() -> None:
    lines = positions.locate("[[a]]\n[[a]]\nb = 1\n")
    assert positions.line_of(lines, ("a", 1, "c")) == 2
    assert positions.line_of(lines, ("a", 1, "b", "d")) == 3
    assert positions.line_of(lines, ("x",)) is None
    assert positions.line_of(lines, ()) is None


def paths(value: Any, path: Path = ()) -> set[Path]:
    """Every path in what tomllib read."""
    found = {path} if path else set()
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        found |= paths(child, (*path, key))
    return found


KEYS = st.sampled_from(["a", "b-1", '"c d"', "'e.f'", '"\\u0067"'])
SCALARS = st.sampled_from(
    ["1", "-2.5e3", "true", '"x # [y]"', "'{'", '"""\n\\""" "\\\\"""', "'''\n]\n'''", "2020-01-01"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[ # [\n" + ",\n".join(items) + "\n]")
        | st.dictionaries(KEYS, inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        )
    ),
    max_leaves=6,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5), st.lists(st.dictionaries(KEYS, VALUES, max_size=3), max_size=3))
def test_every_path_of_any_text_has_a_line_on_which_its_key_is(
    top: dict[str, str], tables: list[dict[str, str]]
) -> None:
    text = "".join(f"{key} = {value}\n" for key, value in top.items())
    for table in tables:
        text += "\n[[tables]] # x\n" + "".join(f"  {key} = {value}\n" for key, value in table.items())
    values = tomllib.loads(text)
    lines = positions.locate(text)
    assert set(lines) == paths(values)
    rows = text.splitlines()
    for path, line in lines.items():
        key = path[-1]
        if isinstance(key, str) and key != "g":
            assert key in rows[line - 1]


@given(st.text("ab\"'[]{}=,.#\\\n ", max_size=40))
def test_any_text_comes_to_an_end(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with contextlib.suppress(ValueError):
            positions.locate(text)
    else:
        positions.locate(text)
