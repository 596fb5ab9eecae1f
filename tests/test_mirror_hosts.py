"""Which mirror the host's own apt names, from apt's answers on several kinds of host."""

from __future__ import annotations

import subprocess

import pytest

from lab import mirror

UPDATED = """\
Debian|Debian|main|http://one.invalid/debian/|bookworm
Debian|Debian|main|http://one.invalid/debian/|bookworm-updates
Debian|Debian-Security|main|http://one.invalid/debian-security/|bookworm-security
Vendor|Vendor|main|https://vendor.invalid/apt/|stable
"""
NEVER_UPDATED = """\
$(ORIGIN)|$(LABEL)|main|https://vendor.invalid/apt/|$(CODENAME)
$(ORIGIN)|$(LABEL)|main|http://one.invalid/debian/|$(CODENAME)
$(ORIGIN)|$(LABEL)|main|http://one.invalid/debian-security/|$(CODENAME)
"""
OTHER = "Ubuntu|Ubuntu|main|http://ubuntu.invalid/ubuntu/|noble\n"


def answer(monkeypatch: pytest.MonkeyPatch, *, updated: str, never_updated: str) -> None:
    def run(argv: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(argv, 0, never_updated if "--no-release-info" in argv else updated, "")

    monkeypatch.setattr(subprocess, "run", run)


@pytest.mark.parametrize(("updated", "never"), [(UPDATED, ""), ("", NEVER_UPDATED)], ids=["updated", "fresh"])
def test_debian_is_told_from_other_origins(monkeypatch: pytest.MonkeyPatch, updated: str, never: str) -> None:
    answer(monkeypatch, updated=updated, never_updated=never)
    assert mirror._configured() == [
        ("http://one.invalid/debian", False),
        ("http://one.invalid/debian-security", True),
    ]


def test_another_distribution_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, updated=OTHER, never_updated=OTHER)
    assert mirror._configured() == []
