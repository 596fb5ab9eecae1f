"""What is fetched of a Debian mirror: a network that fails for a moment fails no build."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import lab.mirror
from lab.errors import InfrastructureError
from lab.mirror import PAUSES_S, Apt, Mirror

# An apt-get that counts how often it was asked, and does as it is told at the end.
APT_GET = """#!/bin/sh
echo asked >>{asked}
[ "$(wc -l <{asked})" -gt {failures} ] || {{ echo "Temporary failure resolving" >&2; exit 100; }}
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lab.mirror, "PAUSES_S", (0.0,) * len(PAUSES_S))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "asked"


def update(asked: Path, *, failures: int) -> int:
    """How often the package lists had to be asked for."""
    program = asked.parent / "apt-get"
    program.write_text(APT_GET.format(asked=asked, failures=failures))
    program.chmod(0o755)
    Apt(Mirror("http://mirror.invalid/debian", None, keyring=None), "trixie", asked.parent / "state").update()
    return len(asked.read_text().splitlines())


def test_network_that_fails_for_a_moment_is_asked_again(asked: Path) -> None:
    assert update(asked, failures=len(PAUSES_S)) == len(PAUSES_S) + 1


def test_network_that_goes_on_failing_is_told(asked: Path) -> None:
    with pytest.raises(InfrastructureError, match="Temporary failure resolving"):
        update(asked, failures=100)
    assert len(asked.read_text().splitlines()) == len(PAUSES_S) + 1
