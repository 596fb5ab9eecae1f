"""The planted faults fit today's source, and the sweep thinks of sound ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import mutate
from lab.mutants import KMOD, complaint, read_mutants
from lab.mutate import Mutant

MUTANTS = read_mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_fits_the_source(mutant: Mutant) -> None:
    """One that no longer applies proves nothing any more."""
    text = (KMOD / mutant.file).read_text(encoding="utf-8")
    assert mutant.apply(text) != text


def test_edit_that_does_not_fit_is_refused() -> None:
    mutant = Mutant("name", "file.c", "a", "b")
    with pytest.raises(ValueError, match="2 times"):
        mutant.apply("a a")
    with pytest.raises(ValueError, match="has changed"):
        Mutant("name", "file.c", "a", "b", at=1).apply("a b")


def test_sweep_finds_operators_conditions_and_statements(tmp_path: Path) -> None:
    source = tmp_path / "x.c"
    source.write_text(
        "/* a < b */\n#define X(a) ((a) < 1)\nint f(int a)\n{\n\tif (a < 2 && !g(a))\n\t\treturn HTTP_ERR_X;\n\th(a);\n"
        "\treturn 0;\n}\n"
    )
    edits = {(mutant.find, mutant.replace) for mutant in mutate.sweep(source)}
    assert edits == {
        (" < ", " <= "),
        (" && ", " || "),
        ("a < 2 && !g(a)", "!(a < 2 && !g(a))"),
        ("return HTTP_ERR_X", "return HTTP_OK"),
        ("\th(a);", "\t;"),
        ("0", "1"),
    }
    for mutant in mutate.sweep(source):
        assert mutant.apply(source.read_text()) != source.read_text()


def test_sweep_of_a_text_with_slashes(tmp_path: Path) -> None:
    """They begin no comment, in which the condition's end would be lost."""
    source = tmp_path / "x.c"
    source.write_text('int f(int a)\n{\n\tif (g(\'"\', "http://")) /* ( */\n\t\th(a);\n\treturn a;\n}\n')
    edits = {(mutant.find, mutant.replace) for mutant in mutate.sweep(source)}
    assert ('g(\'"\', "http://")', '!(g(\'"\', "http://"))') in edits


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("run a.b\n# x\nnot ok a.b\nnot ok a.c\n", "a.b and 1 more"),
        ("/x.c:1:2: runtime error: index 9 out of bounds\n", "index 9 out of bounds"),
        (
            "==1==ERROR\nSUMMARY: AddressSanitizer: heap-buffer-overflow x.c:1\n",
            "AddressSanitizer: heap-buffer-overflow",
        ),
        ("/inputs/abc\naccepted, the second reader says 1\n", "accepted, the second reader says 1"),
        ("", "fails without a word"),
    ],
)
def test_complaint_is_what_the_program_says_first(output: str, said: str) -> None:
    assert complaint(output) == said
