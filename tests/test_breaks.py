"""`python -m suites.breaks`: the colours that it reads from a report, where it notes a day, what it makes of a tree."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from suites.behaviours import BREAKS, Break, Edit, read_breaks
from suites.breaks import batches, note_seen, read_report

FAULT = Break("differential", "a-fault", (Edit("kmod/x.c", "is = 1;", "is = 0;"),), ("test_x.py::test_a",), "")
REPORT = """<testsuites><testsuite>
<testcase classname="suites.functional.test_x" name="test_a[first-1]">
  <properties><property name="break" value="first"/></properties></testcase>
<testcase classname="suites.functional.test_x" name="test_a[first-2]">
  <properties><property name="break" value="first"/></properties><failure/></testcase>
<testcase classname="suites.differential.test_y" name="test_b[second]">
  <properties><property name="break" value="second"/></properties></testcase>
<testcase classname="suites.differential.test_y" name="test_c[second]">
  <properties><property name="break" value="second"/><property name="cause" value="infrastructure"/></properties>
  <error/></testcase>
<testcase classname="suites.differential.test_y" name="test_c[{known}-x]"><error/></testcase>
</testsuite></testsuites>"""


def test_case_is_red_if_any_of_its_parameters_is(tmp_path: Path) -> None:
    known = read_breaks(["differential"])[0].name
    path = tmp_path / "junit.xml"
    path.write_text(REPORT.format(known=known))
    assert read_report(path) == {
        ("first", "test_x.py::test_a"): True,
        ("second", "test_y.py::test_b"): False,
        ("second", "test_y.py::test_c"): False,  # a lab that broke says nothing
        (known, "test_y.py::test_c"): True,  # a break that could not even be loaded tells no property
    }


@pytest.mark.parametrize("before", ["", 'seen = ""\n', 'seen = "2026-01-01"\n'])
def test_day_is_entered_where_the_break_stands(tmp_path: Path, before: str) -> None:
    path = tmp_path / "breaks.toml"
    path.write_text(f'[other]\nseen = ""\n\n[a-fault]\n{before}cases = ["a"]\n')
    note_seen("a-fault", date(2026, 11, 29), path)
    assert tomllib.loads(path.read_text()) == {"other": {"seen": ""}, "a-fault": {"seen": "2026-11-29", "cases": ["a"]}}


def test_every_suite_has_its_breaks() -> None:
    for suite, path in BREAKS.items():
        names = [fault.name for fault in read_breaks([suite])]
        assert names == list(tomllib.loads(path.read_text()))
        assert {fault.suite for fault in read_breaks([suite])} == {suite}


def test_fault_is_put_where_it_fits_once(tmp_path: Path) -> None:
    (tmp_path / "kmod").mkdir()
    file = tmp_path / "kmod" / "x.c"
    file.write_text("it is = 1; so")
    FAULT.make(tmp_path)
    assert file.read_text() == "it is = 0; so"
    file.write_text("it is = 1; and is = 1;")
    with pytest.raises(ValueError, match="2 times"):
        FAULT.make(tmp_path)


def test_many_breaks_share_a_boot_and_none_is_lost() -> None:
    faults = [replace(FAULT, name=f"fault-{number}") for number in range(30)]
    made = list(batches(faults))
    assert [fault for batch in made for fault in batch] == faults
    assert max(map(len, made)) <= 12
