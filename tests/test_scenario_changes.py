"""Which scenarios a candidate changes, seen from the two sources alone."""

from __future__ import annotations

import pytest

from lab.bootstrap import ROOT
from suites.performance.scenario_changes import PATH, changed_scenarios, fingerprints

BASE = '''
"""The table."""
KIB = 1024
SMALL = KIB
LARGE = 64 * KIB


def config(limit: int = 0) -> dict:
    """What the device is told."""
    return {"limit": limit}


SCENARIOS = (
    Scenario(id="small", summary="a small reply", config=config(), load=LoadPlan(size=SMALL), revision=1),
    Scenario("large", "a large reply", config=config(), load=LoadPlan(size=LARGE), revision=1),
    Scenario(id="limited", summary="refused", config=config(limit=1), load=LoadPlan(size=1), revision=1),
)
'''


def test_nothing_changed() -> None:
    assert changed_scenarios(BASE, BASE) == frozenset()


def test_words_do_not_matter() -> None:
    other = (
        BASE.replace("a small reply", "the small one")
        .replace("a large", "the large")
        .replace("What the device is told.", "Told.")
    )
    assert changed_scenarios(BASE, "# a comment\n" + other) == frozenset()


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("LoadPlan(size=1)", "LoadPlan(size=2)", {"limited"}),
        ("load=LoadPlan(size=LARGE), revision=1", "load=LoadPlan(size=LARGE), revision=2", {"large"}),
        ("SMALL = KIB", "SMALL = 1000", {"small"}),
        ("KIB = 1024", "KIB = 1000", {"small", "large"}),
        ('{"limit": limit}', '{"limit": limit, "burst": 3}', {"small", "large", "limited"}),
        ('id="limited"', 'id="renamed"', {"renamed"}),
    ],
)
def test_what_a_scenario_means_matters(old: str, new: str, changed: set[str]) -> None:
    assert BASE.count(old) == 1
    assert changed_scenarios(BASE, BASE.replace(old, new)) == changed


def test_an_added_scenario_is_changed() -> None:
    more = BASE.replace("SCENARIOS = (", 'SCENARIOS = (\n    Scenario(id="new", revision=1),')
    assert changed_scenarios(BASE, more) == {"new"}


def test_a_base_without_scenarios_or_with_broken_ones() -> None:
    everything = {"small", "large", "limited"}
    assert changed_scenarios(None, BASE) == everything
    assert changed_scenarios("def (", BASE) == everything


def test_function_that_makes_scenarios() -> None:
    made = (
        BASE
        + """

def _made(name, summary, steps) -> Scenario:
    return Scenario(name, summary, steps)

MORE = (_made("one", "1", 1), _made("two", "2", 2))
"""
    )
    assert changed_scenarios(BASE, made) == {"one", "two"}
    assert changed_scenarios(made, made.replace('"2", 2', '"2", 3')) == {"two"}
    assert changed_scenarios(
        made, made.replace("Scenario(name, summary, steps)", "Scenario(name, summary, 2 * steps)")
    ) == {"one", "two"}


def test_no_source_is_executed() -> None:
    hostile = 'raise SystemExit("executed")\n' + BASE
    assert changed_scenarios(hostile, hostile) == frozenset()


def test_every_scenario_of_this_checkout_is_seen() -> None:
    scenarios = pytest.importorskip("suites.performance.scenarios")
    assert set(fingerprints((ROOT / PATH).read_text())) == set(scenarios.SCENARIOS)
