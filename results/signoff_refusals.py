"""What a record must be before its figures may decide about a release. Nothing overrides this: no waiver, no option.

Takes everything from the record. What a record does not prove (that the host was looked at, that sides took turns)
counts as not done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from results.figures import Figure
from results.records import Run
from results.signoff_policy import FITNESS, GATES, SIDES, SUITE, Gate, Side

_ORDER: Final = "order"
"""Attribute of a figure: the sides in the order in which they were measured, `candidate baseline canary canary ...`."""


@dataclass(frozen=True, order=True)
class Refusal:
    """`kind` is for programs, `detail` for people."""

    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


def by_side(run: Run) -> dict[Side, dict[Gate, Figure]]:
    """The gating figures of each side. Of two for the same gate and side the last stays; refusals() tells of it."""
    found: dict[Side, dict[Gate, Figure]] = {side: {} for side in SIDES}
    for figure in _gating(run):
        for side in SIDES:
            if figure.attributes.get("side") == side:
                found[side][Gate(figure.scenario, figure.metric)] = figure
    return found


def _gating(run: Run) -> list[Figure]:
    return [
        figure
        for figure in run.figures
        if figure.dut == "weir" and figure.mode == "timed" and Gate(figure.scenario, figure.metric) in GATES
    ]


def refusals(run: Run) -> tuple[Refusal, ...]:
    """Everything that speaks against letting `run` decide, each once; empty if it may."""
    return tuple(dict.fromkeys(_all(run)))


def _all(run: Run) -> Iterator[Refusal]:
    sides = by_side(run)
    if run.suite != SUITE:
        yield Refusal("not a sign-off", f"run {run.id} is of suite {run.suite}")
    yield from _platform(run)
    yield from _host(run)
    if run.exit_code != 0:
        broken = [f"{test.id}: {_brief(test.reason)}" for test in run.tests if test.outcome in ("failed", "error")]
        yield Refusal("incomplete run", "; ".join(broken[:3]) or f"measuring ended with status {run.exit_code}")
    yield from _missing(run, sides)
    yield from _requests(run)
    yield from _revisions(run)
    yield from _pairing(run, sides)


def _platform(run: Run) -> Iterator[Refusal]:
    """Only KVM, and machines of their own that a lab reaches over the network, have time of their own."""
    where = run.environment
    unfit = {reason for figure in run.figures for reason in figure.unfit}
    if where.acceleration.lower() == "tcg" or any(reason.upper() == "TCG" for reason in unfit):
        yield Refusal("TCG", "an emulated processor has no time of its own: KVM or bare metal signs off")
    elif not (where.acceleration == "kvm" or (where.provider == "hosts" and where.acceleration == "none")):
        yield Refusal(
            "platform", f"neither KVM nor bare metal: {where.provider} with acceleration {where.acceleration}"
        )
    if where.acceleration_reason.startswith("chosen by"):
        yield Refusal("platform", f"acceleration was {where.acceleration_reason}, not found out by a probe")


def _host(run: Run) -> Iterator[Refusal]:
    unfit: dict[str, dict[str, None]] = {}
    for figure in run.figures:
        for reason in figure.unfit:
            if reason.upper() != "TCG":
                unfit.setdefault(figure.scenario, {})[reason] = None
    for scenario, reasons in unfit.items():
        yield Refusal("unfit host", f"{scenario}: {', '.join(reasons)}")
    unseen = [figure for figure in _gating(run) if any(name not in figure.attributes for name in FITNESS)]
    yield from _together("unfit host", "nobody looked at the host", unseen)


def _missing(run: Run, sides: Mapping[Side, Mapping[Gate, Figure]]) -> Iterator[Refusal]:
    why = {missing.scenario: missing.reason for missing in run.not_measured if missing.mode == "timed"}
    lacking: dict[tuple[str, str], list[str]] = {}
    for gate in GATES:
        if absent := [side for side in SIDES if gate not in sides[side]]:
            lacking.setdefault((gate.scenario, ", ".join(absent)), []).append(gate.metric)
    for (scenario, absent_on), metrics in lacking.items():
        reason = f" ({why[scenario]})" if scenario in why else ""
        yield Refusal("missing scenario", f"{scenario}: {' and '.join(metrics)} not measured on {absent_on}{reason}")


def _requests(run: Run) -> Iterator[Refusal]:
    """Failed requests anywhere in the run, gating or not: a device that drops requests is easily fast."""
    timed = [figure for figure in run.figures if figure.mode == "timed"]
    yield from _together(
        "failed requests", "nobody counted them", [one for one in timed if "failed" not in one.attributes]
    )
    for figure in timed:
        if (failed := figure.attributes.get("failed", "0")) != "0":
            of, total = figure.attributes.get("side") or figure.dut, figure.attributes.get("requests", "?")
            yield Refusal("failed requests", f"{figure.scenario} of {of}: {failed} of {total}")


def _revisions(run: Run) -> Iterator[Refusal]:
    if run.revision.dirty or not run.revision.commit:
        yield Refusal("revision", "the checkout that measured is no commit: it has changes that none holds")
    commits: dict[str, set[str]] = {side: set() for side in SIDES}
    for figure in _gating(run):
        commits.setdefault(figure.attributes.get("side", ""), set()).add(figure.revision)
    for side, found in commits.items():
        if side not in SIDES:
            yield Refusal("unusable figures", f"figures of an unknown side {side!r}")
        elif len(found) > 1 or found == {""}:
            yield Refusal("revision", f"the figures of {side} do not say which one commit they are of")
    if commits["baseline"] != commits["canary"]:
        yield Refusal("revision", "the canary is not the baseline's commit")
    if commits["candidate"] and commits["candidate"] == commits["baseline"]:
        yield Refusal("revision", "candidate and baseline are the same commit: nothing is compared")


def _pairing(run: Run, sides: Mapping[Side, Mapping[Gate, Figure]]) -> Iterator[Refusal]:
    """Sides must have been measured in turn, A B C C B A: blocks, one side after the other, compare hours."""
    figures = _gating(run)
    if len(figures) != sum(map(len, sides.values())):
        yield Refusal("unusable figures", "a side has two figures for one gate")
    blocks = [figure for figure in figures if not _in_turn(figure)]
    yield from _together("not interleaved", "the record does not show that sides took turns", blocks)
    for gate in GATES:
        there = [sides[side][gate] for side in SIDES if gate in sides[side]]
        if len({(len(one.samples), one.unit, one.kernel, one.environment) for one in there}) > 1:
            yield Refusal("unusable figures", f"{gate}: the sides differ in rounds, unit, kernel or environment")
        if any(len(one.samples) < 2 for one in there):
            yield Refusal("unusable figures", f"{gate}: fewer than two rounds")


def _brief(reason: str) -> str:
    """The first two lines of a test's reason: what went wrong, and the first thing that did."""
    return " ".join(reason.splitlines()[:2])


def _in_turn(figure: Figure) -> bool:
    """Whether each round has every side, in the reverse order of the round before."""
    turns = [SIDES if number % 2 == 0 else SIDES[::-1] for number in range(len(figure.samples))]
    return figure.attributes.get(_ORDER, "").split() == [side for turn in turns for side in turn]


def _together(kind: str, detail: str, figures: Sequence[Figure]) -> Iterator[Refusal]:
    """One refusal for all figures of which the same is to be said."""
    if figures:
        more = f" and {len(figures) - 1} more" if len(figures) > 1 else ""
        yield Refusal(kind, f"{detail}: {_name(figures[0])}{more}")


def _name(figure: Figure) -> str:
    return f"{figure.metric} in {figure.scenario} of {figure.attributes.get('side') or figure.dut}"
