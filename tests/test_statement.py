"""Statements: signed and verified with real SSH keys, made here; and everything that must not verify."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from results import statement
from results.__main__ import main
from tests.fixtures.signoff import make

WHO = "ada@example.org"

pytestmark = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")


def new_key(folder: Path, name: str) -> Path:
    key = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], check=True)
    return key


def allow(folder: Path, key: Path, *, options: str = 'namespaces="weir-signoff" ') -> Path:
    path = folder / "allowed_signers"
    path.write_text(f"{WHO} {options}{key.with_suffix('.pub').read_text()}")
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return new_key(tmp_path, "ada")


@pytest.fixture
def allowed(tmp_path: Path, key: Path) -> Path:
    return allow(tmp_path, key)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def sign_off(root: Path, tmp_path: Path, key: Path) -> Callable[..., tuple[int, Path]]:
    """Puts a fixture into the store and decides about it, by the command; its status and the statement's file."""

    def run(name: str, *options: str) -> tuple[int, Path]:
        source = make.FOLDER / f"{name}.jsonl"
        target = root / "2026-11" / f"{make.STARTED:%Y%m%dT%H%M%SZ}-00000000-signoff.jsonl"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        path = tmp_path / f"{name}.json"
        status = main(["signoff", "--root", str(root), "--key", str(key), "--output", str(path), *options])
        return status, path

    return run


def verify(path: Path, allowed: Path, root: Path, *options: str) -> int:
    return main(["verify", str(path), "--allowed-signers", str(allowed), "--root", str(root), *options])


@pytest.mark.parametrize(
    ("name", "status"),
    [("pass", 0), ("fail-throughput", 1), ("inconclusive-near-margin", 75), ("refused-tcg", 77)],
)
def test_each_verdict_has_its_status_and_verifies_with_it(
    name: str,
    status: int,
    sign_off: Callable[..., tuple[int, Path]],
    allowed: Path,
    root: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    decided, path = sign_off(name)
    assert decided == status
    assert verify(path, allowed, root) == status
    said = capsys.readouterr().out
    assert f"signed     by {WHO}" in said
    assert "is the one decided on, and decides the same again" in said


def test_the_statement_says_what_was_run_where(sign_off: Callable[..., tuple[int, Path]]) -> None:
    _, path = sign_off("fail-throughput", "--waivers", str(make.FOLDER / "waivers.toml"))
    said = json.loads(path.read_bytes())
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["subject"] == [{"name": "weir", "digest": {"gitCommit": make.CANDIDATE}}]
    predicate = said["predicate"]
    assert predicate["verdict"] == "PASS"
    assert (predicate["candidate"], predicate["baseline"], predicate["harness"]) == ("c" * 40, "b" * 40, "a" * 40)
    assert predicate["record_sha256"] == statement.digest((make.FOLDER / "fail-throughput.jsonl").read_bytes())
    assert predicate["environment"]["record"]["acceleration"] == "kvm"
    (waiver,) = predicate["waivers"]
    assert (waiver["author"], waiver["used"]) == ("Ada Example <ada@example.org>", "yes")
    assert re.fullmatch("[0-9a-f]{64}", predicate["waivers_sha256"])
    assert len(predicate["gates"]) == len(predicate["policy"]["gates"])
    assert [gate["scenario"] for gate in predicate["gates"] if gate["waived"]] == ["post-64k"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"verdict": "FAIL"', b'"verdict": "PASS"'),
        (b'"outcome": "beyond"', b'"outcome": "within"'),
        (b"cccccccc", b"dddddddd"),
        (b'"acceleration": "kvm"', b'"acceleration": "tcg"'),
        (b"\n}\n", b"\n}\n\n"),
    ],
)
def test_a_statement_that_was_changed_does_not_verify(
    old: bytes,
    new: bytes,
    sign_off: Callable[..., tuple[int, Path]],
    allowed: Path,
    root: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, path = sign_off("fail-throughput")
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    assert verify(path, allowed, root) == 65
    assert f"is not what {WHO} signed for weir-signoff" in capsys.readouterr().err


def test_a_signature_of_somebody_else_does_not_verify(
    sign_off: Callable[..., tuple[int, Path]],
    allowed: Path,
    root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, path = sign_off("pass")
    statement.sign(path, new_key(tmp_path, "mallory"))
    assert verify(path, allowed, root) == 65
    assert "was signed by nobody whom" in capsys.readouterr().err


def test_a_signature_for_another_purpose_does_not_verify(
    sign_off: Callable[..., tuple[int, Path]], key: Path, root: Path, tmp_path: Path
) -> None:
    _, path = sign_off("pass")
    signature = statement.signature_path(path)
    signature.unlink()
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", "file", str(path)], check=True, capture_output=True
    )
    # Neither by a key that may sign for anything, nor by one that may only sign off.
    for options in ("", 'namespaces="weir-signoff" '):
        assert verify(path, allow(tmp_path, key, options=options), root) == 65


def test_a_key_for_another_purpose_does_not_verify(
    sign_off: Callable[..., tuple[int, Path]], key: Path, root: Path, tmp_path: Path
) -> None:
    _, path = sign_off("pass")
    assert verify(path, allow(tmp_path, key, options='namespaces="git" '), root) == 65
    assert verify(path, allow(tmp_path, key, options='valid-before="20200101" '), root) == 65
    assert verify(path, allow(tmp_path, key), root) == 0


def test_the_signature_of_another_statement_does_not_verify(
    sign_off: Callable[..., tuple[int, Path]], allowed: Path, root: Path
) -> None:
    _, failed = sign_off("fail-throughput")
    _, passed = sign_off("pass")
    shutil.copy(statement.signature_path(passed), statement.signature_path(failed))
    assert verify(failed, allowed, root) == 65


def test_without_a_signature_nothing_verifies(
    sign_off: Callable[..., tuple[int, Path]], allowed: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, path = sign_off("pass")
    statement.signature_path(path).unlink()
    assert verify(path, allowed, root) == 65
    assert "is not there" in capsys.readouterr().err


def test_a_record_that_was_changed_after_the_decision_does_not_verify(
    sign_off: Callable[..., tuple[int, Path]], allowed: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, path = sign_off("pass")
    (record,) = root.glob("2026-11/*-signoff.jsonl")
    record.write_bytes((make.FOLDER / "pass-slightly-slower.jsonl").read_bytes())
    assert verify(path, allowed, root) == 65
    assert "is not the record that was decided on" in capsys.readouterr().err


def test_a_signed_lie_about_the_record_does_not_verify(
    sign_off: Callable[..., tuple[int, Path]],
    allowed: Path,
    root: Path,
    key: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever holds the key and writes PASS by hand is found out by whoever holds the record."""
    _, path = sign_off("refused-tcg")
    path.write_bytes(path.read_bytes().replace(b'"verdict": "REFUSED"', b'"verdict": "PASS"'))
    statement.sign(path, key)
    assert verify(path, allowed, root) == 65
    assert "decides otherwise: REFUSED, stated is PASS" in capsys.readouterr().err


def test_without_the_record_the_signature_alone_is_checked_and_that_is_said(
    sign_off: Callable[..., tuple[int, Path]],
    allowed: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, path = sign_off("pass")
    assert verify(path, allowed, tmp_path / "elsewhere") == 0
    assert "not here; its SHA-256 is" in capsys.readouterr().out
    record = make.FOLDER / "pass.jsonl"
    assert verify(path, allowed, tmp_path / "elsewhere", "--record", str(record)) == 0
    assert verify(path, allowed, tmp_path / "elsewhere", "--record", str(make.FOLDER / "fail-latency.jsonl")) == 65


def test_an_unsigned_decision_says_so(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "statement.json"
    options = ["--root", str(root), "--record", str(make.FOLDER / "pass.jsonl"), "--output", str(path)]
    assert main(["signoff", *options]) == 0
    assert "signature  none: --key names the SSH key that signs it" in capsys.readouterr().out
    assert main(["signoff", *options]) == 4  # a statement is never rewritten
    assert "is there already" in capsys.readouterr().err


def test_a_key_that_is_none_is_an_error(sign_off: Callable[..., tuple[int, Path]], tmp_path: Path) -> None:
    assert sign_off("pass", "--key", str(tmp_path / "no-key"))[0] == 4


def test_an_expired_waiver_stops_the_sign_off(
    sign_off: Callable[..., tuple[int, Path]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expired = tmp_path / "waivers.toml"
    text = (make.FOLDER / "waivers.toml").read_text()
    expired.write_text(text.replace("2999-12-31", str(date(2020, 1, 1))))
    status, path = sign_off("fail-throughput", "--waivers", str(expired))
    assert status == 4
    assert not path.exists()
    assert "expired on 2020-01-01" in capsys.readouterr().err


def test_the_decision_is_a_record_of_its_own(sign_off: Callable[..., tuple[int, Path]], root: Path) -> None:
    from results import records

    before = (make.FOLDER / "fail-throughput.jsonl").read_bytes()
    sign_off("fail-throughput")
    measured, verdict = (records.decode(path.read_bytes()) for path in records.files(root))
    assert records.encode(measured) == before
    assert (verdict.suite, verdict.exit_code, verdict.hashes["record"]) == (
        "signoff-verdict", 1, statement.digest(before),
    )  # fmt: skip
    assert verdict.verdict.startswith("FAIL; requests_per_s in post-64k")
    judged = {(one.scenario, one.metric): one.verdict for one in verdict.comparisons}
    assert judged["post-64k", "requests_per_s"] == "regression"
    assert set(judged.values()) == {"regression", "same"}


def test_earlier_tries_are_told(sign_off: Callable[..., tuple[int, Path]], root: Path) -> None:
    earlier = root / "2026-10" / "20261031T120000Z-11111111-signoff.jsonl"
    earlier.parent.mkdir(parents=True)
    text = (make.FOLDER / "fail-latency.jsonl").read_text()
    moved = text.replace("20261101T120000Z-00000000", "20261031T120000Z-11111111").replace(
        "2026-11-01T12", "2026-10-31T12"
    )
    earlier.write_text(moved)
    _, path = sign_off("pass")
    assert json.loads(path.read_bytes())["predicate"]["earlier"] == ["20261031T120000Z-11111111"]


def test_a_damaged_record_is_not_passed_over_for_an_older_one(
    sign_off: Callable[..., tuple[int, Path]], root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_off("pass")
    (root / "2026-12").mkdir()
    (root / "2026-12" / "20261201T120000Z-22222222-signoff.jsonl").write_text('{"kind": "run", "sche\n')
    assert main(["signoff", "--root", str(root), "--output", str(tmp_path / "next.json")]) == 70
    assert "20261201T120000Z-22222222-signoff.jsonl:1" in capsys.readouterr().err


def test_nothing_measured_is_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["signoff", "--root", str(root)]) == 4
    assert "no sign-off was measured" in capsys.readouterr().err


def test_no_private_key_is_in_the_fixtures() -> None:
    for path in make.FOLDER.rglob("*"):
        if path.is_file():
            assert b"OPENSSH PRIVATE" + b" KEY" not in path.read_bytes()
