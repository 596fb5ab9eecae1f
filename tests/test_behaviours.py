"""The table of behaviours, the functional suite and the deliberate breaks agree with one another."""

from __future__ import annotations

from collections import Counter

import pytest

from suites.behaviours import CASES, ROOT, Behaviour, Break, defined_cases, read_breaks, read_table

ROWS = read_table()
BREAKS = read_breaks(["functional"])
ALL_BREAKS = read_breaks()


def test_every_case_of_the_table_exists() -> None:
    named = {case for row in ROWS for case in row.cases}
    assert named - defined_cases() == set()


def test_every_case_is_in_the_table() -> None:
    named = {case for row in ROWS for case in row.cases}
    assert defined_cases() - named == set()


def test_no_case_stands_twice() -> None:
    counts = Counter(case for row in ROWS for case in row.cases)
    assert [case for case, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"line-{row.line}")
def test_row_is_complete(row: Behaviour) -> None:
    assert row.cases
    assert row.source
    assert row.breaks, f"{row.title!r} has no deliberate break: a case that nothing turns red proves nothing"


def test_breaks_of_the_table_are_those_of_the_data() -> None:
    assert {name for row in ROWS for name in row.breaks} == {fault.name for fault in BREAKS}


@pytest.mark.parametrize("fault", ALL_BREAKS, ids=lambda fault: fault.name)
def test_break_fits_the_source(fault: Break) -> None:
    """A break that no longer applies to today's source proves nothing any more."""
    for edit in fault.edits:
        assert (ROOT / edit.file).read_text().count(edit.find) == 1, edit.file
        assert edit.find != edit.replace


@pytest.mark.parametrize("fault", ALL_BREAKS, ids=lambda fault: fault.name)
def test_break_was_seen_to_turn_cases_of_its_suite_red(fault: Break) -> None:
    assert fault.seen, f"run `python -m suites.breaks {fault.name}` and enter the day"
    assert fault.cases
    assert set(fault.cases) <= defined_cases(CASES.parent / fault.suite)


def test_names_of_breaks_are_their_own() -> None:
    assert len({fault.name for fault in ALL_BREAKS}) == len(ALL_BREAKS)
    assert {fault.suite for fault in ALL_BREAKS} == {"functional", "differential", "tls"}


@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: fault.name)
def test_break_turns_cases_of_each_of_its_rows_red(fault: Break) -> None:
    rows = [row for row in ROWS if fault.name in row.breaks]
    for row in rows:
        assert set(fault.cases) & set(row.cases), f"{fault.name} turns no case of {row.title!r} red"
    assert set(fault.cases) <= {case for row in rows for case in row.cases}


def test_suite_has_files() -> None:
    assert len(list(CASES.glob("test_*.py"))) >= 10
