"""The configurations that the documentation offers are valid, and each is named there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.toml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_valid_and_named(example: Path) -> None:
    weirctl = [sys.executable, "-IS", str(ROOT / "kmod" / "user" / "weirctl")]
    done = subprocess.run([*weirctl, "check", str(example)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"examples/{example.name}" in (ROOT / "docs" / "firewall.md").read_text()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 3
