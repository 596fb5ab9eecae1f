"""The statement of a sign-off: what was measured, where, what was decided and by which rules; signed with an SSH key.

It has the form of an in-toto statement (in-toto Attestation Framework, Statement v1): a subject, which is the
candidate's commit, and a predicate, described in docs/performance/sign-off.md. The signature is OpenSSH's over the
file's bytes (PROTOCOL.sshsig), in the namespace NAMESPACE, detached beside it: any ssh-keygen verifies it, ours or not.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from results.errors import ResultsError, UsageError
from results.records import Run
from results.signoff import Decision, Judgement
from results.signoff_policy import described
from results.waivers import Waiver

NAMESPACE: Final = "weir-signoff"
TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "urn:weir:signoff:1"
_SECONDS: Final = 30.0


class StatementError(ResultsError):
    """A statement, its signature or its record is not what it claims to be."""

    exit_code = 65  # EX_DATAERR of sysexits(3)


class Environment(msgspec.Struct, frozen=True):
    """What the statement says of where and of what; from the record."""

    record: dict[str, Any]
    keys: dict[str, dict[str, str]]
    hashes: dict[str, str]
    versions: dict[str, str]


class Predicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is stated. `record_sha256` is of the record's line without its newline; `earlier` names former runs of the
    same two commits, so that a verdict which took several tries shows it. `builds` are the keys of what each side ran.
    """

    verdict: str
    reasons: list[str]
    more_pairs: int | None
    candidate: str
    baseline: str
    builds: dict[str, dict[str, str]]
    harness: str
    run: str
    record_sha256: str
    measured: datetime
    decided: datetime
    command: str
    environment: Environment
    policy: dict[str, Any]
    gates: list[dict[str, Any]]
    waivers: list[dict[str, str]]
    waivers_sha256: str
    earlier: list[str]


class Subject(msgspec.Struct, frozen=True):
    """What the statement is about."""

    name: str
    digest: dict[str, str]


class Statement(msgspec.Struct, frozen=True, rename={"type": "_type", "predicate_type": "predicateType"}):
    """The whole file."""

    subject: list[Subject]
    predicate: Predicate
    type: str = TYPE
    predicate_type: str = PREDICATE


def digest(line: bytes) -> str:
    """SHA-256 of a record's line, its newline not counted."""
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest()


def make(
    run: Run,
    record_sha256: str,
    decision: Decision,
    *,
    waivers: Sequence[Waiver] = (),
    waivers_sha256: str = "",
    earlier: Sequence[str] = (),
    now: datetime | None = None,
) -> Statement:
    """The statement of a decision about `run`. `waivers` are all that were given, used or not."""
    candidate, baseline = (commit_of(run, side) for side in ("candidate", "baseline"))
    return Statement(
        subject=[Subject("weir", {"gitCommit": candidate})],
        predicate=Predicate(
            verdict=decision.verdict.value,
            reasons=list(decision.reasons),
            more_pairs=decision.more_pairs,
            candidate=candidate,
            baseline=baseline,
            builds=_builds(run),
            harness=run.revision.commit + ("+changes" if run.revision.dirty else ""),
            run=run.id,
            record_sha256=record_sha256,
            measured=run.started,
            decided=now or datetime.now(UTC),
            command=run.command,
            environment=Environment(msgspec.to_builtins(run.environment), run.environments, run.hashes, run.versions),
            policy=described(),
            gates=[gate_summary(judgement) for judgement in decision.judgements],
            waivers=[
                _waiver(waiver) | {"used": "yes" if waiver in decision.waivers_used else "no"} for waiver in waivers
            ],
            waivers_sha256=waivers_sha256,
            earlier=list(earlier),
        ),
    )


def commit_of(run: Run, side: str) -> str:
    """The commit of a side; empty if no figure says it."""
    return next((figure.revision for figure in run.figures if figure.attributes.get("side") == side), "")


def _builds(run: Run) -> dict[str, dict[str, str]]:
    """What each side was made of: keys of module and kernel, as its figures say."""
    found: dict[str, dict[str, str]] = {}
    for figure in run.figures:
        if side := figure.attributes.get("side"):
            found[side] = {name: figure.attributes[name] for name in ("module", "kernel") if name in figure.attributes}
    return found


def gate_summary(judgement: Judgement) -> dict[str, Any]:
    """One gate's judgement as plain values."""
    return {
        "scenario": judgement.gate.scenario,
        "metric": judgement.gate.metric,
        "pairs": judgement.pairs,
        "ratio": asdict(judgement.ratio),
        "canary": asdict(judgement.canary),
        "canary_problem": judgement.canary_problem,
        "p_within": judgement.within_p,
        "p_beyond": judgement.beyond_p,
        "outcome": judgement.outcome,
        "waived": judgement.waiver is not None,
    }


def _waiver(waiver: Waiver) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(waiver).items()}


def waivers_of(statement: Statement) -> list[Waiver]:
    """The waivers that a statement lists. Raises StatementError for one that is none."""
    try:
        return [
            Waiver(one["scenario"], one["metric"], one["author"], one["reason"], date.fromisoformat(one["expires"]))
            for one in statement.predicate.waivers
        ]
    except (KeyError, ValueError) as error:
        raise StatementError(f"the statement lists a waiver that is none: {error}") from error


def encode(statement: Statement) -> bytes:
    """The file's bytes: JSON, indented; these very bytes are signed."""
    return msgspec.json.format(msgspec.json.encode(statement), indent=1) + b"\n"


def decode(content: bytes) -> Statement:
    """What `encode` wrote. Raises StatementError for anything else."""
    try:
        statement = msgspec.json.decode(content, type=Statement)
    except msgspec.DecodeError as error:
        raise StatementError(f"this is no statement of a sign-off: {error}") from error
    if (statement.type, statement.predicate_type) != (TYPE, PREDICATE):
        raise StatementError(f"this is a statement of another kind: {statement.type}, {statement.predicate_type}")
    return statement


def signature_path(statement: Path) -> Path:
    """Where the signature of a statement lies: beside it, as ssh-keygen puts it."""
    return statement.with_name(f"{statement.name}.sig")


def sign(statement: Path, key: Path) -> Path:
    """Signs the file with an SSH key (or with its public half, the private one being in ssh-agent).

    Returns the signature's file. Raises UsageError when ssh-keygen refuses the key.
    """
    signature = signature_path(statement)
    signature.unlink(missing_ok=True)  # ssh-keygen would ask whether it may overwrite it
    done = _ssh_keygen("-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(statement))
    if done.returncode or not signature.is_file():
        raise UsageError(
            f"{statement} was not signed: {_said(done)}", hint="--key names an SSH key: ssh-keygen -t ed25519"
        )
    return signature


def verify_signature(statement: Path, signature: Path, allowed_signers: Path) -> str:
    """Who signed the file: the principal of `allowed_signers` (ssh-keygen(1), ALLOWED SIGNERS) whose key did.

    Raises StatementError when the signature is none of theirs, or the file was changed since.
    """
    for file in (statement, signature, allowed_signers):
        if not file.is_file():
            raise StatementError(f"{file} is not there", hint="a statement is verified with its .sig beside it")
    found = _ssh_keygen("-Y", "find-principals", "-s", str(signature), "-f", str(allowed_signers))
    principals = found.stdout.decode(errors="replace").split("\n")[0].strip()
    if found.returncode or not principals:
        raise StatementError(f"{statement} was signed by nobody whom {allowed_signers} names: {_said(found)}")
    # One line may name several, separated by commas (principals patterns): any of them stands for the key.
    principal = principals.split(",")[0]
    done = _ssh_keygen(
        *("-Y", "verify", "-f", str(allowed_signers), "-I", principal, "-n", NAMESPACE, "-s", str(signature)),
        content=statement.read_bytes(),
    )
    if done.returncode:
        raise StatementError(f"{statement} is not what {principal} signed for {NAMESPACE}: {_said(done)}")
    return principal


def _ssh_keygen(*arguments: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-keygen", *arguments], input=content, capture_output=True, check=False, timeout=_SECONDS
        )
    except FileNotFoundError:
        raise ResultsError(
            "ssh-keygen is missing: it signs statements", hint="apt-get install openssh-client"
        ) from None
    except subprocess.TimeoutExpired as error:
        raise ResultsError("ssh-keygen did not end: does the key ask for a passphrase?", hint="ssh-add it") from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return (done.stderr or done.stdout).decode(errors="replace").strip() or f"ssh-keygen ended with {done.returncode}"
