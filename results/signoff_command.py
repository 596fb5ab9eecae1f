"""`python -m results signoff`: decides about the release that a run measured, says why, and writes the statement.

Its exit status is the verdict's: 0 PASS, 1 FAIL, 75 INCONCLUSIVE, 77 REFUSED; 4 wrong usage (a waiver that has expired
among it), 70 when it could not work.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TextIO

from results import records, statement, waivers
from results.errors import UsageError
from results.figures import Comparison, Verdict
from results.records import RecordError, Run
from results.signoff import Decision, Judgement, decide
from results.signoff_policy import SUITE, VERDICT_SUITE
from results.signoff_refusals import by_side

FOLDER = "statements"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "--run", default="", metavar="ID", help="the measuring run, or its beginning (default: the last)"
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="the measuring run's record itself")
    parser.add_argument("--waivers", type=Path, metavar="FILE", help="TOML file of waivers (default: none)")
    parser.add_argument("--key", type=Path, metavar="FILE", help="SSH key that signs the statement (default: unsigned)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the statement (default: beside the records)")
    parser.add_argument("--root", type=Path, help="where the records are (default: $WEIR_RESULTS or the state folder)")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the verdict's status. Raises UsageError, RecordError or StatementError."""
    root = arguments.root or records.default_root()
    now = datetime.now(UTC)
    source, measured, line = find(root, arguments.run, arguments.record)
    given, waivers_sha256 = _waivers(arguments.waivers, now.date())
    decision = decide(measured, given)
    earlier = [one.id for one in earlier_runs(root, measured)]
    made = statement.make(
        measured,
        statement.digest(line),
        decision,
        waivers=given,
        waivers_sha256=waivers_sha256,
        earlier=earlier,
        now=now,
    )
    path = arguments.output or root / FOLDER / f"{measured.id}-{now:%Y%m%dT%H%M%SZ}.json"
    if path.exists():
        raise UsageError(f"{path} is there already", hint="a statement is never rewritten: --output names another file")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(statement.encode(made))
    signature = statement.sign(path, arguments.key) if arguments.key else None
    _record(root, measured, decision, statement.digest(line), now)
    tell(decision, measured, sys.stdout, earlier=earlier)
    print(f"record     {source}")
    print(f"statement  {path}")
    print(f"signature  {signature or 'none: --key names the SSH key that signs it'}")
    return decision.exit_status


def find(root: Path, identity: str, file: Path | None) -> tuple[Path, Run, bytes]:
    """The measuring run, with its file and its line: in `file`, or the newest below `root` that fits `identity`.

    Raises UsageError when there is none, RecordError when its line is damaged.
    """
    if file is not None and not file.is_file():
        raise UsageError(f"there is no record {file}")
    for path in [file] if file else [one for one in reversed(_files(root)) if one.name.startswith(identity)]:
        found = None
        for number, line in records.lines(path):
            try:
                read = records.decode(line)
            except RecordError as error:
                # A damaged record must not be passed over for an older one.
                raise RecordError(f"{path}:{number}: {error}") from error
            if read.id.startswith(identity):
                found = path, read, line.rstrip(b"\n")
        if found:
            return found
    raise UsageError(
        f"no sign-off was measured{f' as {identity}' if identity else ''} in {file or root}",
        hint="nox -s signoff -- --candidate X --baseline Y",
    )


def _files(root: Path) -> list[Path]:
    return [path for path in records.files(root) if path.stem.endswith(f"-{SUITE}")]


def earlier_runs(root: Path, measured: Run) -> Iterator[Run]:
    """Former measurements of the same two commits, oldest first."""
    commits = [statement.commit_of(measured, side) for side in ("candidate", "baseline")]
    for entry in records.read(_files(root)):
        if not isinstance(entry, Run) or entry.suite != SUITE or entry.id == measured.id:
            continue
        same = [statement.commit_of(entry, side) for side in ("candidate", "baseline")] == commits
        if same and entry.started < measured.started:
            yield entry


def _waivers(path: Path | None, today: date) -> tuple[list[waivers.Waiver], str]:
    if path is None:
        return [], ""
    loaded = waivers.load(path, today)
    return loaded, hashlib.sha256(path.read_bytes()).hexdigest()


def tell(decision: Decision, measured: Run, out: TextIO, *, earlier: list[str]) -> None:
    """Verdict first, then why, then every gate."""
    candidate, baseline = (statement.commit_of(measured, side)[:12] or "?" for side in ("candidate", "baseline"))
    print(f"{decision.verdict}: candidate {candidate} against baseline {baseline}, run {measured.id}", file=out)
    for reason in decision.reasons:
        print(f"  because    {reason}", file=out)
    if decision.verdict == "INCONCLUSIVE":
        more = decision.more_pairs
        print(f"  more pairs {more if more else 'would not decide this on this host'}", file=out)
    for judgement in decision.judgements:
        print(f"  gate       {judgement}; {judgement.pairs} pairs", file=out)
    for waiver in decision.waivers_used:
        print(f"  waived     {waiver}", file=out)
    for waiver in decision.waivers_unused:
        print(f"  unused     waiver of {waiver}", file=out)
    if earlier:
        print(f"  earlier    measured {len(earlier)} times before: {', '.join(earlier)}", file=out)


def _record(root: Path, measured: Run, decision: Decision, record_sha256: str, now: datetime) -> None:
    """Appends the decision as a record of its own: the measuring run's is never rewritten."""
    records.append(
        Run(
            id=records.new_id(now),
            suite=VERDICT_SUITE,
            started=now,
            duration_s=0.0,
            exit_code=decision.exit_status,
            command=shlex.join(["python", "-m", "results", "signoff", "--run", measured.id]),
            environment=measured.environment,
            revision=measured.revision,
            dut=measured.dut,
            versions=measured.versions,
            hashes=measured.hashes | {"record": record_sha256},
            comparisons=[_comparison(measured, judgement) for judgement in decision.judgements],
            verdict="; ".join((f"{decision.verdict}", *decision.reasons)),
        ),
        root,
    )


def _comparison(measured: Run, judgement: Judgement) -> Comparison:
    sides, gate = by_side(measured), judgement.gate
    candidate, baseline = sides["candidate"][gate], sides["baseline"][gate]
    better = judgement.ratio.low > 1 if gate.margin.more_is_better else judgement.ratio.high < 1
    verdict: Verdict = "inconclusive"
    if judgement.outcome == "beyond":
        verdict = "regression"
    elif judgement.outcome == "within":
        verdict = "improvement" if better else "same"
    return Comparison(
        scenario=gate.scenario,
        dut=candidate.dut,
        kernel=candidate.kernel,
        mode="timed",
        metric=gate.metric,
        unit=candidate.unit,
        baseline=baseline.value,
        candidate=candidate.value,
        change=judgement.ratio.value - 1,
        threshold=abs(gate.margin.ratio - 1),
        verdict=verdict,
        noise=max(abs(judgement.canary.low - 1), abs(judgement.canary.high - 1)),
        low=judgement.ratio.low - 1,
        high=judgement.ratio.high - 1,
        baseline_revision=baseline.revision,
        gating=judgement.waiver is None,
    )
