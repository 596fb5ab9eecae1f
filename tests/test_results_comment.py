"""The pull request's comment: short, verdict first, and deaf to whatever a foreign record says."""

from __future__ import annotations

import html
import re
from pathlib import Path

import msgspec
import pytest

from results import comment, records
from results.__main__ import main
from results.errors import ResultsError
from suites.report import generated

EVIL = "x|y`z` @someone https://evil.example #1 <img src=x> [a](b) **bold** :tada: <!-- --> $(id) \u202e ]]> & _i_"


def record_file(folder: Path, run: records.Run) -> Path:
    path = folder / "record.jsonl"
    path.write_bytes(records.encode(run))
    return path


def made(folder: Path, run: records.Run) -> str:
    output = folder / "comment.md"
    assert main(["comment", "--record", str(record_file(folder, run)), "--output", str(output)]) == 0
    return output.read_text(encoding="utf-8")


def unfolded(text: str) -> list[str]:
    return re.sub(r"<details>.*</details>", "<details>", text, flags=re.DOTALL).rstrip("\n").split("\n")


def test_a_regression_is_said_first_with_its_function(tmp_path: Path) -> None:
    text = made(tmp_path, generated.gate(1, {"get-keepalive-1k": 0.0121, "get-keepalive-64k": -0.008}))
    lines = text.split("\n")
    assert lines[0] == comment.MARKER
    assert lines[1] == "### ❌ Performance gate: slower, 2 regressions"
    assert "+1.21\u00a0%" in text
    assert "weir_http_parse" in unfolded(text)[8] + unfolded(text)[9]
    assert len(unfolded(text)) <= comment.UNFOLDED


def test_no_regression_is_said_first(tmp_path: Path) -> None:
    text = made(tmp_path, generated.gate(1, {"get-keepalive-1k": 0.0004}))
    assert text.split("\n")[1] == "### ✅ Performance gate: no regression"


def test_many_changes_stay_short(tmp_path: Path) -> None:
    text = made(tmp_path, generated.gate(1, {f"scenario-{number}": 0.01 for number in range(300)}))
    assert len(unfolded(text)) <= comment.UNFOLDED
    assert len(text) < 65_536
    assert text.rstrip().endswith("</details>")
    assert "596 more below." in text


def test_texts_of_a_record_are_shown_and_do_nothing(tmp_path: Path) -> None:
    run = generated.gate(1, {EVIL: 0.02, "get-keepalive-1k": 0.01})
    run = msgspec.structs.replace(
        run,
        command=EVIL,
        not_measured=[msgspec.structs.replace(one, scenario=EVIL, reason=EVIL) for one in run.not_measured],
        comparisons=[
            msgspec.structs.replace(
                one, functions=[msgspec.structs.replace(f, name=EVIL, part=EVIL) for f in one.functions], metric=EVIL
            )
            for one in run.comparisons
        ],
        revision=msgspec.structs.replace(run.revision, commit=EVIL),
    )
    text = made(tmp_path, run)
    assert EVIL[:20] in html.unescape(text)  # it is there to read
    outside = re.sub(r"<code>[A-Za-z0-9 .,+%±−×…_&#;-]*</code>", "", text)
    outside = outside.replace(comment.MARKER, "")
    for sign in ("@", "https", "<img", "[a]", "`", "<!--", "$(", "someone"):
        assert sign not in outside, f"{sign} is outside of any code element"
    rows = [line for line in text.split("\n") if line.startswith("| <code>")]
    assert {line.count("|") for line in rows} <= {5, 8}  # no text of the record adds a column


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "0 lines"),
        (b"{}\n", "no record"),
        (b"\xff\xfe\n", "no record"),
        (b'{"schema": 99}\n', "schema 99"),
        (b"x" * 8_000_001, "larger"),
        (records.encode(generated.functional(1)), "measured nothing"),
        (records.encode(generated.gate(1, {})) * 2, "2 lines"),
    ],
    ids=["empty", "object", "bytes", "newer", "large", "tests", "two"],
)
def test_what_is_no_record_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "record.jsonl"
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=why):
        comment.read_record(path)
    assert main(["comment", "--record", str(path), "--output", str(tmp_path / "comment.md")]) == 70
    assert not (tmp_path / "comment.md").exists()


def test_a_link_is_plain_https_or_refused(tmp_path: Path) -> None:
    path = record_file(tmp_path, generated.gate(1, {}))
    for bad in ("javascript:alert(1)", "https://a b", "https://a)[x](y"):
        assert main(["comment", "--record", str(path), "--link", bad]) == 4


def test_comment_and_record_from_the_store(tmp_path: Path) -> None:
    run = generated.gate(3, {"get-keepalive-1k": 0.0121})
    root = generated.store(tmp_path / "records", [run])
    output, saved = tmp_path / "out/comment.md", tmp_path / "out/record.jsonl"
    assert main(["comment", "--root", str(root), "--output", str(output), "--save-record", str(saved)]) == 0
    assert records.decode(saved.read_bytes().strip()) == run
    assert "slower, 2 regressions" in output.read_text(encoding="utf-8")
