"""From what the timed engine says of candidate, baseline and canary to what a sign-off decides on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.kernel import Kernel
from lab.module import Module
from results.records import Environment, Host, Revision, Run, decode, encode
from results.signoff_policy import FITNESS
from results.signoff_policy import SIDES as POLICY_SIDES
from results.signoff_policy import SUITE as POLICY_SUITE
from results.signoff_refusals import by_side, refusals
from suites.performance import signoff
from suites.performance.revisions import SIDES, Build, Revisions, figures
from suites.performance.timed.figures import Context
from suites.performance.timed.sides import Paired, Sample


def build(commit: str, kernel: str = "kernel-key") -> Build:
    nowhere = Path("/nowhere")
    return Build(
        commit=commit * 40,
        source=nowhere,
        kernel=Kernel("patched", "6.12.0", nowhere, nowhere, None, None, kernel, "6.12.0"),
        module=Module(nowhere, nowhere, {}, f"module-{commit}"),
        initrd=nowhere,
    )


def measured(*, failed: int = 0, rounds: int = 3) -> Paired:
    """Three sides in turn, as the engine hands them over."""
    order = [side for number in range(rounds) for side in (SIDES if number % 2 == 0 else SIDES[::-1])]
    samples = {
        side: [Sample({"requests_per_s": 1000.0 + number}, 2000, failed if side == "candidate" else 0)] * rounds
        for number, side in enumerate(SIDES)
    }
    return Paired(samples, order)


def recorded(paired: Paired, revisions: Revisions) -> Run:
    fitness = dict.fromkeys(FITNESS, "0")
    context = Context("malformed", "patched", "key", attributes=fitness)
    return Run(
        id="20261122T120000Z-00000000",
        suite=signoff.SUITE,
        started=datetime(2026, 11, 22, 12, tzinfo=UTC),
        duration_s=1.0,
        exit_code=0,
        command="test",
        environment=Environment(Host("", "", "", 1, 1, ""), provider="qemu", acceleration="kvm"),
        revision=Revision("a" * 40, "main"),
        figures=list(figures(paired, context, revisions)),
        environments={"key": {"kernel": "kernel-key"}},
    )


def test_the_engine_and_the_decision_mean_the_same() -> None:
    assert POLICY_SIDES == SIDES
    assert POLICY_SUITE == signoff.SUITE
    run = decode(encode(recorded(measured(), Revisions(build("c"), build("b")))))
    sides = by_side(run)
    assert [len(sides[side]) for side in POLICY_SIDES] == [1, 1, 1]
    (candidate,) = sides["candidate"].values()
    assert (candidate.dut, candidate.revision, candidate.attributes["module"]) == ("weir", "c" * 40, "module-c")
    (canary,) = sides["canary"].values()
    assert (canary.revision, canary.samples) == ("b" * 40, [1002.0] * 3)
    assert not any(figure.against for figure in run.figures)
    # Nothing is wrong with it but what was not measured.
    assert {refusal.kind for refusal in refusals(run)} == {"missing scenario"}


def test_a_side_with_failed_requests_is_recorded_and_refused_by_name() -> None:
    run = recorded(measured(failed=2), Revisions(build("c"), build("b")))
    found = [refusal for refusal in refusals(run) if refusal.kind == "failed requests"]
    assert [str(refusal) for refusal in found] == ["failed requests: malformed of candidate: 6 of 6000"]


def test_blocks_of_one_side_are_refused() -> None:
    paired = measured()
    paired.order.sort()
    run = recorded(paired, Revisions(build("c"), build("b")))
    assert "not interleaved" in {refusal.kind for refusal in refusals(run)}


def test_one_guest_serves_builds_for_one_kernel_and_the_environment_names_two() -> None:
    same, other = Revisions(build("c"), build("b")), Revisions(build("c"), build("b", "another"))
    assert same.same_kernel
    assert not other.same_kernel
    assert same.environment({"kernel": "kernel-key", "qemu": "10"}) == {"kernel": "kernel-key", "qemu": "10"}
    assert other.environment({"kernel": "kernel-key"}) == {"kernel": "candidate kernel-key, baseline another"}
    assert [other.of(side).kernel.key for side in SIDES] == ["kernel-key", "another", "another"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--baseline", "HEAD", "--scenario", "get-keepalive-2k"], "no scenario of a sign-off: get-keepalive-2k"),
        (["--baseline", "HEAD", "--scenario", "blocked-syn"], "no scenario of a sign-off: blocked-syn"),
        (["--baseline", "HEAD", "--pairs", "1"], "two pairs at least"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_built(arguments: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        signoff.main(arguments)


def test_no_option_changes_what_is_asked_of_a_release() -> None:
    options = {name for action in signoff.parser()._actions for name in action.option_strings}
    assert options == {
        "-h", "--help", "--candidate", "--baseline", "--pairs", "--kernel", "--scenario", "--duration-scale",
        "--locked", "--waivers", "--key", "--output",
    }  # fmt: skip
