"""The decision on recorded fixtures of every verdict and every refusal (made by tests/fixtures/signoff/make.py)."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import accel
from results import records, signoff, signoff_policy, signoff_refusals, statistics, waivers
from results.errors import UsageError
from results.records import Run
from results.signoff import Decision, Verdict, decide
from results.signoff_policy import GATES, Gate
from results.waivers import Waiver
from tests.fixtures.signoff import make

if TYPE_CHECKING:
    from lab.kernel import Kernel
    from lab.tools import ToolsTree

FOLDER = Path(make.FOLDER)
TODAY = date(2026, 11, 22)

VERDICTS = {
    "pass": Verdict.PASS,
    "pass-slightly-slower": Verdict.PASS,
    "fail-throughput": Verdict.FAIL,
    "fail-latency": Verdict.FAIL,
    "fail-two-gates": Verdict.FAIL,
    "inconclusive-near-margin": Verdict.INCONCLUSIVE,
    "inconclusive-few-pairs": Verdict.INCONCLUSIVE,
    "inconclusive-canary-differs": Verdict.INCONCLUSIVE,
    "inconclusive-canary-wide": Verdict.INCONCLUSIVE,
}
REFUSALS = {
    "refused-tcg": {"TCG"},
    "refused-tcg-one-figure": {"TCG"},
    "refused-tcg-and-slower": {"TCG"},
    "refused-platform": {"platform"},
    "refused-acceleration-by-variable": {"platform"},
    "refused-loaded-host": {"unfit host"},
    "refused-host-not-looked-at": {"unfit host"},
    "refused-missing-scenario": {"missing scenario"},
    "refused-missing-canary": {"missing scenario", "revision"},
    "refused-missing-latency": {"missing scenario"},
    "refused-failed-requests": {"failed requests"},
    "refused-failures-not-counted": {"failed requests"},
    "refused-incomplete-run": {"incomplete run"},
    "refused-uncommitted-changes": {"revision"},
    "refused-same-commit": {"revision"},
    "refused-foreign-canary": {"revision"},
    "refused-no-revision": {"revision"},
    "refused-blocks": {"not interleaved"},
    "refused-unequal-rounds": {"unusable figures"},
    "refused-zero-sample": {"unusable figures"},
    "refused-figure-twice": {"unusable figures"},
    "refused-another-suite": {"not a sign-off"},
}
REAL = {
    "real-this-host": {"TCG", "unfit host"},
    "real-this-host-part": {"TCG", "unfit host", "missing scenario", "revision"},
}
"""Really measured, on a host without KVM: every scenario, and two of them from a checkout with changes."""


def load(name: str) -> Run:
    (run,) = records.read([FOLDER / f"{name}.jsonl"])
    assert isinstance(run, Run), run
    return run


def waive(*gates: Gate) -> list[Waiver]:
    return [Waiver(gate.scenario, gate.metric, "Ada <ada@example.org>", "known", TODAY) for gate in gates]


@pytest.mark.parametrize("name", VERDICTS)
def test_each_verdict(name: str) -> None:
    decision = decide(load(name))
    assert decision.verdict == VERDICTS[name], decision.reasons
    assert not decision.refusals
    assert len(decision.judgements) == len(GATES)
    assert bool(decision.reasons) == (decision.verdict != Verdict.PASS)


@pytest.mark.parametrize("name", REFUSALS)
def test_each_refusal_by_name(name: str) -> None:
    decision = decide(load(name), waive(*GATES))
    assert decision.verdict == Verdict.REFUSED
    assert {refusal.kind for refusal in decision.refusals} == REFUSALS[name]
    assert not decision.waivers_used
    assert decision.exit_status == 77


@pytest.mark.parametrize("name", REAL)
def test_what_was_really_measured_on_tcg_is_refused_by_name(name: str) -> None:
    run = load(name)
    assert run.environment.acceleration == "tcg"
    assert not any("synthetic" in figure.attributes for figure in run.figures)
    decision = decide(run, waive(*GATES))
    assert decision.verdict == Verdict.REFUSED
    assert {refusal.kind for refusal in decision.refusals} == REAL[name]
    assert decision.reasons[0].startswith("TCG: ")
    assert decision.judgements


def test_nothing_but_the_host_speaks_against_the_whole_real_record() -> None:
    """The engine's own format is understood: from KVM on a quiet host, this record would only lack pairs."""
    run = make.changed_figures(load("real-this-host"), lambda figure: msgspec.structs.replace(figure, unfit=[]))
    environment = msgspec.structs.replace(run.environment, acceleration="kvm")
    decision = decide(msgspec.structs.replace(run, environment=environment))
    assert decision.verdict == Verdict.INCONCLUSIVE
    assert decision.reasons[0] == "2 pairs, at least 10 decide (10 gates)"
    assert {one.gate for one in decision.judgements} == set(GATES)


def test_the_fixtures_are_those_that_the_script_makes_and_all_are_judged() -> None:
    made = {name: make.content(run) for name, run in make.fixtures()}
    there = {path.stem: path.read_bytes() for path in FOLDER.glob("*.jsonl") if path.stem not in REAL}
    assert there == made
    assert there.keys() == VERDICTS.keys() | REFUSALS.keys()


@pytest.mark.parametrize("name", [*VERDICTS, *REFUSALS])
def test_synthetic_figures_say_so(name: str) -> None:
    assert all("synthetic" in figure.attributes for figure in load(name).figures)


def test_the_reasons_name_figure_and_cause() -> None:
    (reason,) = decide(load("fail-throughput")).reasons
    assert reason.startswith("requests_per_s in post-64k: -8.")
    assert "margin -3%: beyond" in reason
    (reason,) = decide(load("refused-loaded-host")).reasons
    assert reason == "unfit host: post-64k: load 1.7 > 0.5 a core before the measurement"
    assert "the origin did not start" in decide(load("refused-missing-scenario")).reasons[0]
    assert "oops in weir" in decide(load("refused-incomplete-run")).reasons[0]


def test_an_acceleration_that_a_variable_chose_is_told_as_the_lab_tells_it() -> None:
    """The refusal reads the words of the lab: they must be the lab's."""
    tools, kernel = cast("ToolsTree", None), cast("Kernel", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(accel.VARIABLE, "kvm")
        chosen = accel.probe(tools, kernel)
    run = make.sound()
    environment = msgspec.structs.replace(run.environment, acceleration=chosen.accel, acceleration_reason=chosen.reason)
    (refusal,) = decide(msgspec.structs.replace(run, environment=environment)).refusals
    assert str(refusal) == "platform: acceleration was chosen by WEIR_ACCEL, not found out by a probe"


def test_inconclusive_says_how_many_pairs_more() -> None:
    assert decide(load("inconclusive-few-pairs")).more_pairs == 4
    near = decide(load("inconclusive-near-margin"))
    assert near.more_pairs is not None
    assert near.more_pairs > 100
    # More pairs of a host that sees differences where there are none decide nothing.
    assert decide(load("inconclusive-canary-differs")).more_pairs is None
    # With as many pairs as it asked for, the same noise decides.
    wide = decide(load("inconclusive-canary-wide"))
    assert wide.more_pairs is not None
    again = make.sound(pairs=make.PAIRS + wide.more_pairs, noises={make.POST: 0.06})
    assert decide(again).verdict == Verdict.PASS


def test_a_waiver_lets_its_own_figure_pass_and_is_told() -> None:
    decision = decide(load("fail-throughput"), waive(make.POST))
    assert decision.verdict == Verdict.PASS
    assert [waiver.gate for waiver in decision.waivers_used] == [make.POST]
    assert decide(load("fail-throughput"), waive(make.GET)).verdict == Verdict.FAIL
    assert decide(load("fail-two-gates"), waive(make.POST)).verdict == Verdict.FAIL
    assert decide(load("inconclusive-near-margin"), waive(make.GET)).verdict == Verdict.PASS


def test_an_unused_waiver_is_told() -> None:
    decision = decide(load("pass"), waive(make.POST))
    assert (decision.verdict, decision.waivers_used) == (Verdict.PASS, ())
    assert [waiver.gate for waiver in decision.waivers_unused] == [make.POST]


@pytest.mark.parametrize("name", ["inconclusive-canary-differs", "inconclusive-canary-wide", "inconclusive-few-pairs"])
def test_a_waiver_does_not_stand_for_the_canary_or_for_pairs(name: str) -> None:
    assert decide(load(name), waive(*GATES)).verdict == Verdict.INCONCLUSIVE


@given(
    spoilers=st.lists(st.sampled_from(sorted(make.SPOILED)), min_size=1, max_size=4, unique=True),
    waived=st.sets(st.sampled_from(GATES)),
    change=st.sampled_from([0.5, 0.97, 1.0, 2.0]),
)
@settings(max_examples=60, deadline=None)
def test_with_a_refusal_nothing_passes(spoilers: list[str], waived: set[Gate], change: float) -> None:
    run = make.sound(changes={(make.GET, "candidate"): change})
    for name in spoilers:
        run = make.SPOILED[name](run)
    expected = set.union(*(REFUSALS[name] for name in spoilers))
    decision = decide(run, waive(*waived))
    assert decision.verdict == Verdict.REFUSED
    # What one takes away (a figure) another may have spoiled: at least one stays, and never a waiver's use.
    assert {refusal.kind for refusal in decision.refusals} & expected
    assert not decision.waivers_used


@given(
    factors=st.dictionaries(st.sampled_from(GATES), st.sampled_from([0.9, 0.971, 1.0, 1.1]), max_size=4),
    waived=st.sets(st.sampled_from(GATES)),
)
@settings(max_examples=40, deadline=None)
def test_waivers_lift_their_own_gates_and_no_other(factors: dict[Gate, float], waived: set[Gate]) -> None:
    run = make.sound(changes={(gate, "candidate"): factor for gate, factor in factors.items()})
    without, decision = decide(run), decide(run, waive(*waived))
    stands = {one.gate: one.outcome for one in without.judgements if one.outcome != "within"}
    left = {outcome for gate, outcome in stands.items() if gate not in waived}
    expected = Verdict.FAIL if "beyond" in left else Verdict.INCONCLUSIVE if left else Verdict.PASS
    if without.verdict == Verdict.INCONCLUSIVE and any(one.canary_problem for one in without.judgements):
        expected = Verdict.INCONCLUSIVE
    assert decision.verdict == expected
    assert {waiver.gate for waiver in decision.waivers_used} == stands.keys() & waived


@given(pairs=st.integers(2, 14), order=st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_the_decision_does_not_depend_on_the_order_of_figures(pairs: int, order: object) -> None:
    run = make.sound(pairs=pairs)
    figures = list(run.figures)
    order.shuffle(figures)  # type: ignore[attr-defined]
    shuffled = make.changed_figures(run, lambda figure: figure)
    shuffled.figures[:] = figures

    def outline(decision: Decision) -> Sequence[object]:
        return decision.verdict, sorted((str(one.gate), one.ratio, one.outcome) for one in decision.judgements)

    assert outline(decide(shuffled)) == outline(decide(run))


@pytest.mark.parametrize("module", [signoff, signoff_policy, signoff_refusals, statistics, waivers])
def test_nothing_outside_the_record_can_reach_the_decision(module: ModuleType) -> None:
    """What decides imports neither the environment nor the command line, so neither can override it."""
    imported = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert not imported & {"os", "sys", "argparse", "subprocess", "time"}, imported


def _write(path: Path, **fields: str) -> Path:
    entry = {
        "scenario": '"post-64k"', "metric": '"requests_per_s"', "author": '"Ada <a@example.org>"', "reason": '"why"',
        "expires": "2026-11-22",
    } | fields  # fmt: skip
    path.write_text("[[waiver]]\n" + "".join(f"{name} = {value}\n" for name, value in entry.items() if value))
    return path


def test_a_waiver_holds_on_its_last_day_and_is_an_error_after_it(tmp_path: Path) -> None:
    path = _write(tmp_path / "waivers.toml")
    (waiver,) = waivers.load(path, TODAY)
    assert waiver.gate == make.POST
    with pytest.raises(UsageError, match=r"the waiver of Ada <a@example.org> for .* expired on 2026-11-22"):
        waivers.load(path, date(2026, 11, 23))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scenario": '"post-65k"'}, "requests_per_s in post-65k is not gated"),
        ({"scenario": '"malformed"', "metric": '"latency_p99"'}, "latency_p99 in malformed is not gated"),
        ({"author": ""}, "lacks author"),
        ({"reason": ""}, "lacks reason"),
        ({"expires": ""}, "lacks expires"),
        ({"author": '" "'}, "author must be a text that says something"),
        ({"reason": "7"}, "reason must be a text that says something"),
        ({"expires": '"2026-12-31"'}, "expires must be a date"),
        ({"expires": "2026-12-31T00:00:00Z"}, "expires must be a date"),
        ({"covers": '"TCG"'}, "unknown covers"),
        ({"metric": '"TCG"'}, "is not gated"),
    ],
)
def test_a_waiver_that_is_wrong_is_an_error(tmp_path: Path, fields: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        waivers.load(_write(tmp_path / "waivers.toml", **fields), TODAY)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[waivers]]\n", "unknown waivers"),
        ("[waiver]\n", "is not a list"),
        ("waiver = [1]\n", "waiver 1 is not a table"),
        ("[[waiver]\n", "is no TOML"),
    ],
)
def test_a_file_that_is_wrong_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        waivers.load(path, TODAY)
    with pytest.raises(UsageError, match="cannot read the waivers"):
        waivers.load(tmp_path / "none.toml", TODAY)


def test_two_waivers_for_one_gate_are_an_error() -> None:
    with pytest.raises(UsageError, match="two waivers for requests_per_s in post-64k"):
        waivers.check([*waive(make.POST), *waive(make.POST)], TODAY)
