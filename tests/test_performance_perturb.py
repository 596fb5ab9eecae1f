"""Perturbed and slowed copies of the module's source."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.bootstrap import ROOT
from lab.errors import UsageError
from suites.performance.perturb import Plant, copy, perturb, plant


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    copy(ROOT / "kmod", tmp_path / "kmod")
    return tmp_path / "kmod"


def objects(tree: Path) -> list[str]:
    text = (tree / "Kbuild").read_text()
    return [word for line in re.findall(r"^weir-y\s*[:+]?=(.*)$", text, re.MULTILINE) for word in line.split()]


def contents(tree: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in tree.iterdir() if path.is_file()}


def test_the_same_objects_in_another_order(tree: Path) -> None:
    before = objects(tree)
    perturb(tree, 7)
    after = [name for name in objects(tree) if not name.startswith("padding")]
    assert sorted(after) == sorted(before)
    assert after != before
    assert all((tree / name.replace(".o", ".c")).is_file() for name in objects(tree))


def test_a_seed_is_a_layout(tree: Path, tmp_path: Path) -> None:
    for name in ("again", "other"):
        copy(ROOT / "kmod", tmp_path / name)
    perturb(tree, 7)
    perturb(tmp_path / "again", 7)
    perturb(tmp_path / "other", 8)
    assert contents(tree) == contents(tmp_path / "again")
    assert objects(tree) != objects(tmp_path / "other")


def test_the_lines_beside_the_objects_stay(tree: Path) -> None:
    kept = [line for line in (tree / "Kbuild").read_text().splitlines() if line.startswith(("obj-m", "ccflags-y"))]
    perturb(tree, 7)
    assert kept
    assert [
        line for line in (tree / "Kbuild").read_text().splitlines() if line.startswith(("obj-m", "ccflags-y"))
    ] == kept


def test_a_kbuild_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Kbuild").write_text("obj-m := weir.o\n")
    with pytest.raises(UsageError, match="no list of objects"):
        perturb(tmp_path, 1)


@pytest.mark.parametrize(
    "function", ["weir_pool_submit", "http_write_reply", "http_check_request", "weir_account_request"]
)
def test_a_slowdown_lands_at_the_start_of_its_function(tree: Path, function: str) -> None:
    path = plant(tree, Plant(function, 83))
    lines = path.read_text().splitlines()
    [at] = [number for number, line in enumerate(lines) if "movl $41" in line]
    assert lines[at - 1] == "{"
    head = " ".join(lines[at - 4 : at - 1])
    assert function in head


def test_an_unknown_function_is_refused(tree: Path) -> None:
    with pytest.raises(UsageError, match="defines nowhere"):
        plant(tree, Plant("nowhere", 10))


@pytest.mark.skipif(not (shutil.which("gcc") and shutil.which("objdump")), reason="no compiler on this host")
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 10, 83, 100])
def test_a_slowdown_executes_as_many_instructions_as_it_says(tmp_path: Path, count: int) -> None:
    (tmp_path / "one.c").write_text("void step(void)\n{\n}\n")
    plant(tmp_path, Plant("step", count))
    subprocess.run(["gcc", "-O2", "-c", "one.c"], cwd=tmp_path, check=True, timeout=30)
    shown = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", "one.o"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    body = [line.split("\t", 1)[1].split() for line in shown.splitlines() if re.match(r"\s+[0-9a-f]+:\t", line)]
    body = body[: next(at for at, words in enumerate(body) if words[0] == "ret")]
    rounds = [int(words[1].split(",")[0].lstrip("$"), 16) for words in body if words[0] == "mov"]
    once = [words for words in body if words[0] in ("nop", "mov")]
    assert {words[0] for words in body} <= {"endbr64", "nop", "mov", "dec", "jne"}
    assert len(once) + 2 * sum(rounds) == count
