"""The fuzzer's inputs as text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import fuzz_corpus
from lab.fuzz_build import folder_of, targets

FILES = [folder_of(name) / kind / f"{name}.txt" for kind in ("seeds", "corpus") for name in targets()]
MOST = 1000
"""Inputs of a file in the repository. More than that, and nobody reads them any more: merge."""


@given(data=st.binary(min_size=2))
def test_line_gives_the_input_back(data: bytes) -> None:
    line = fuzz_corpus.to_line(data)
    assert fuzz_corpus.from_line(line) == data
    assert line.isascii()
    assert line == line.strip()
    assert "\n" not in line


def test_line_reads_as_what_it_is() -> None:
    assert fuzz_corpus.to_line(b"\x01\xffGET / \\\xc3\r\n\t ") == "01 ff GET / \\\\\\xc3\\r\\n\\t\\x20"


@pytest.mark.parametrize("line", ["GET /", "0 1 x", "00 01 \\", "00 01 \\q", "00 01 \\xg0"])
def test_what_is_no_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"hexadecimal|escape"):
        fuzz_corpus.from_line(line)


def test_error_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("# sound\n00 01 GET\n\n00 01 \\q\n")
    with pytest.raises(ValueError, match=r"x\.txt:4: "):
        fuzz_corpus.read(tmp_path / "x.txt")


def test_file_is_sorted_and_has_nothing_twice(tmp_path: Path) -> None:
    inputs = [b"\x01\x00b", b"\x00\x00a", b"\x01\x00b"]
    fuzz_corpus.write(tmp_path / "x.txt", ["why"], inputs)
    assert (tmp_path / "x.txt").read_text() == "# why\n\n00 00 a\n01 00 b\n"
    assert fuzz_corpus.read(tmp_path / "x.txt") == [b"\x00\x00a", b"\x01\x00b"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_repository_has_a_small_corpus_of_each_target(path: Path) -> None:
    inputs = fuzz_corpus.read(path)
    assert 0 < len(inputs) <= MOST
    assert len(set(inputs)) == len(inputs)
    assert path.stat().st_size < 300_000
