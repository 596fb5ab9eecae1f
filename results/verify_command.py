"""`python -m results verify STATEMENT --allowed-signers FILE`: whether a sign-off is what someone we trust signed.

The signature is checked first; then, if the record is here, its hash, and the decision is taken again from it. The exit
status is the stated verdict's (0 only for a PASS that verifies), 65 when something is not what it claims to be.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from results import records, statement, waivers
from results.errors import UsageError
from results.signoff import EXIT_STATUS, Verdict, decide
from results.signoff_command import find
from results.signoff_policy import described
from results.statement import Statement, StatementError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("statement", type=Path, help="the statement; its signature lies beside it")
    parser.add_argument(
        "--allowed-signers",
        type=Path,
        required=True,
        metavar="FILE",
        help="who may sign: ssh-keygen(1), ALLOWED SIGNERS",
    )
    parser.add_argument("--signature", type=Path, metavar="FILE", help="the signature (default: STATEMENT.sig)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="the measuring run's record (default: looked for)")
    parser.add_argument("--root", type=Path, help="where the records are (default: $WEIR_RESULTS or the state folder)")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command. Raises StatementError for whatever does not verify."""
    path: Path = arguments.statement
    signer = statement.verify_signature(
        path, arguments.signature or statement.signature_path(path), arguments.allowed_signers
    )
    stated = statement.decode(path.read_bytes())
    predicate = stated.predicate
    if predicate.verdict not in set(Verdict):
        raise StatementError(f"{path} states a verdict that there is not: {predicate.verdict}")
    checked = check_record(stated, arguments.root or records.default_root(), arguments.record)
    print(f"{predicate.verdict}: candidate {predicate.candidate[:12]} against baseline {predicate.baseline[:12]}")
    for reason in predicate.reasons:
        print(f"  because    {reason}")
    for waiver in predicate.waivers:
        if waiver.get("used") == "yes":
            print(f"  waived     {waiver['scenario']}/{waiver['metric']}: {waiver['reason']} ({waiver['author']})")
    print(f"  signed     by {signer}, decided {predicate.decided:%Y-%m-%d %H:%M:%S} UTC")
    print(f"  record     {predicate.run}: {checked}")
    return EXIT_STATUS[Verdict(predicate.verdict)]


def check_record(stated: Statement, root: Path, file: Path | None) -> str:
    """Holds the statement against its record and says what was found out.

    Raises StatementError when the record is another one than was decided on, or decides otherwise, and UsageError when
    the record that was named is not there.
    """
    predicate = stated.predicate
    try:
        source, measured, line = find(root, predicate.run, file)
    except UsageError:
        if file is not None:
            raise
        return f"not here; its SHA-256 is {predicate.record_sha256}"
    if (found := statement.digest(line)) != predicate.record_sha256:
        raise StatementError(
            f"{source} is not the record that was decided on: its SHA-256 is {found}, stated is "
            f"{predicate.record_sha256}"
        )
    if predicate.policy != described():
        return f"{source} is the one decided on; decided by another policy than this checkout's"
    given = statement.waivers_of(stated)
    waivers.check(given, predicate.decided.date(), where="the statement")
    again = decide(measured, given)
    outcomes = [(one.gate.scenario, one.gate.metric, one.outcome) for one in again.judgements]
    stated_outcomes = [(one.get("scenario"), one.get("metric"), one.get("outcome")) for one in predicate.gates]
    if (again.verdict.value, outcomes) != (predicate.verdict, stated_outcomes):
        raise StatementError(f"{source} decides otherwise: {again.verdict}, stated is {predicate.verdict}")
    return f"{source} is the one decided on, and decides the same again"
