"""What the report says first: the verdict and the reasons for it, as the records decided; nothing is judged anew."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from results import words
from results.figures import Comparison
from results.records import Run, TestResult
from results.report_model import Compared, Kind, Recorded, Verdict
from results.signoff_policy import VERDICT_SUITE

_SAID: Final[dict[str, Kind]] = {
    "pass": "pass",
    "passed": "pass",
    "same": "pass",
    "improvement": "pass",
    "fail": "fail",
    "failed": "fail",
    "regression": "fail",
    "inconclusive": "inconclusive",
    "refused": "inconclusive",
    "infrastructure": "infrastructure",
}
_UNFINISHED: Final = {2: "the run was interrupted", 4: "the command was wrong", 5: "nothing was selected"}
_REASONS: Final = 6
_NAMED: Final = 4


def decide(
    subject: Recorded, compared: Compared | None, tests: Sequence[Recorded] = (), standings: Sequence[str] = ()
) -> Verdict:
    """The verdict on the subject: what it recorded itself, else what its exit status and comparisons say."""
    run = subject.run
    said = _SAID.get(_word(run).casefold())
    kind: Kind = said or _judged(run, compared)
    reasons = [*_stated(run), *_changes(compared), *_failures(run, compared), *standings, *_elsewhere(tests)]
    return Verdict(kind, _headline(kind, run, compared), tuple(dict.fromkeys(reasons))[:_REASONS])


def _word(run: Run) -> str:
    """The verdict's word in the record: `FAIL` of "FAIL; p99 is beyond its margin"."""
    found = re.match(r"[A-Za-z]+", run.verdict)
    return found[0] if found else ""


def _judged(run: Run, compared: Compared | None) -> Kind:
    failed = bool(_bad(run))
    if compared and compared.regressions:
        return "fail"
    if failed and any(test.cause == "product" for test in _bad(run)):
        return "fail"
    if run.exit_code != 1 and run.exit_code:
        return "infrastructure"
    if run.exit_code:
        return "infrastructure" if failed else "fail"
    if compared and compared.comparisons:
        gating = [one for one in compared.comparisons if one.gating]
        return "pass" if gating and all(one.verdict != "inconclusive" for one in gating) else "inconclusive"
    if run.figures:
        return "measured"
    return "pass" if run.tests else "none"


def _headline(kind: Kind, run: Run, compared: Compared | None) -> str:
    if run.suite == VERDICT_SUITE:
        return f"Sign-off: {_word(run).upper() or 'no decision'}"
    if compared and kind == "fail" and (worse := compared.regressions):
        return f"Slower: {words.plural(len(worse), 'regression')}"
    if compared and kind == "pass":
        better = sum(one.verdict == "improvement" and one.gating for one in compared.comparisons)
        return f"No regression, {words.plural(better, 'improvement')}" if better else "No regression"
    if kind == "fail" and (bad := _bad(run)):
        return f"Failed: {words.plural(len(bad), 'test')}"
    return {
        "pass": "Passed",
        "fail": "Failed",
        "inconclusive": "Inconclusive",
        "infrastructure": "No verdict: " + _UNFINISHED.get(run.exit_code, "the infrastructure failed"),
        "measured": "Measured; nothing to compare with yet",
        "none": "Nothing recorded",
    }[kind]


def _stated(run: Run) -> list[str]:
    """What follows the verdict's word in the record."""
    rest = run.verdict[len(_word(run)) :].strip(" :;")
    return [reason.strip() for reason in rest.split(";") if reason.strip()]


def sentence(group: Sequence[Comparison]) -> str:
    """get-keepalive-1k on weir: +1.02 % instructions per request (threshold 0.30 %), most in weir_parse (+230).

    `group` are comparisons of one scenario, device and kernel, the largest change first.
    """
    first = group[0]
    parts = [
        f"{words.percent(one.change)} {words.metric(one.metric, one.unit).name} "
        f"(threshold {words.percent(one.threshold, signed=False)})"
        for one in group
    ]
    named = next((one.functions[0] for one in group if one.functions), None)
    more = ""
    if named:
        delta = named.candidate - named.baseline
        more = f"; most of it in {named.name} ({'+' if delta > 0 else ''}{words.number(delta)})"
    return f"{first.scenario} on {first.dut}: {', '.join(parts)}{more}"


def grouped(comparisons: Iterable[Comparison]) -> list[list[Comparison]]:
    """By scenario, device and kernel, in order of first appearance."""
    groups: dict[tuple[str, str, str], list[Comparison]] = {}
    for one in comparisons:
        groups.setdefault((one.scenario, one.dut, one.kernel), []).append(one)
    return list(groups.values())


def _changes(compared: Compared | None) -> list[str]:
    if compared is None:
        return []
    groups = grouped(compared.regressions)
    lines = [sentence(group) for group in groups[:_NAMED]]
    if len(groups) > _NAMED:
        lines.append(f"and {words.plural(len(groups) - _NAMED, 'scenario')} more")
    counts = [
        words.plural(sum(one.verdict == verdict for one in compared.judged), name, many)
        for verdict, name, many in (
            ("regression", "worse", "worse"),
            ("improvement", "better", "better"),
            ("inconclusive", "inconclusive", "inconclusive"),
            ("same", "unchanged", "unchanged"),
        )
        if any(one.verdict == verdict for one in compared.judged)
    ]
    if compared.unjudged:
        counts.append(f"{len(compared.unjudged)} not judged")
    if counts:
        base = compared.baseline.run if compared.baseline else None
        against = f" with {base.revision.commit[:12] or base.id}" if base else ""
        lines.append(f"{words.plural(len(compared.comparisons), 'figure')} compared{against}: {', '.join(counts)}.")
    return [*lines, *compared.unlike]


def _bad(run: Run) -> list[TestResult]:
    return [test for test in run.tests if test.outcome in ("failed", "error")]


def _failures(run: Run, compared: Compared | None) -> list[str]:
    """Tests that did not pass, but for those that only repeat a regression."""
    said = [one.scenario for one in compared.regressions] if compared else []
    lines = []
    for test in [test for test in _bad(run) if not any(scenario in test.id for scenario in said)][:3]:
        first = test.reason.strip().splitlines()[0] if test.reason.strip() else ""
        lines.append(f"{test.id} {test.outcome} ({test.cause}){': ' + first[:200] if first else ''}")
    return lines


def _elsewhere(tests: Sequence[Recorded]) -> list[str]:
    """Failures of the newest runs of other suites: a reader of the performance report must not miss them."""
    bad = [(one.run, len(_bad(one.run))) for one in tests if _bad(one.run)]
    return [
        f"{run.suite} on {run.dut or 'no device'}, kernel {run.environment.kernel_flavour or 'none'}: "
        f"{words.plural(count, 'test')} not passed at {run.revision.commit[:12]}"
        for run, count in bad
    ]
