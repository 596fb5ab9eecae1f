"""Waivers: who answers for which figure being worse than its margin, why, and until when.

    [[waiver]]
    scenario = "post-64k"
    metric = "requests_per_s"
    author = "Ada Lovelace <ada@example.org>"
    reason = "bodies are now checked against the length that was announced (issue 41)"
    expires = 2026-03-31

A waiver lets one figure that is too bad, or undecided, pass. It never stands for a refusal: TCG, an unfit host, missing
figures or failed requests. One that has expired, or that names what is not gated, is an error and not a silent nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

from results.errors import UsageError
from results.signoff_policy import GATES, Gate


@dataclass(frozen=True)
class Waiver:
    """One entry of the file. It still holds on the day `expires`."""

    scenario: str
    metric: str
    author: str
    reason: str
    expires: date

    @property
    def gate(self) -> Gate:
        """The figure it is about."""
        return Gate(self.scenario, self.metric)

    def __str__(self) -> str:
        return f"{self.gate}: {self.reason} ({self.author}, until {self.expires})"


def load(path: Path, today: date) -> list[Waiver]:
    """The waivers in a file. Raises UsageError for a file or an entry that is wrong, and for expired ones."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the waivers in {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML: {error}") from error
    if unknown := content.keys() - {"waiver"}:
        raise UsageError(f"{path}: unknown {', '.join(sorted(unknown))}", hint="entries are tables named [[waiver]]")
    entries = content.get("waiver", [])
    if not isinstance(entries, list):
        raise UsageError(
            f"{path}: waiver is not a list", hint="entries are tables named [[waiver]], in double brackets"
        )
    waivers = [_parse(f"{path}, waiver {number}", entry) for number, entry in enumerate(entries, start=1)]
    check(waivers, today, where=str(path))
    return waivers


def check(waivers: Iterable[Waiver], today: date, *, where: str = "waivers") -> None:
    """Raises UsageError for a waiver that has expired, that names no gating figure, or that is there twice."""
    seen: set[Gate] = set()
    for waiver in waivers:
        gate = waiver.gate
        if gate not in GATES:
            known = ", ".join(f"{one.scenario}/{one.metric}" for one in GATES)
            raise UsageError(f"{where}: {gate} is not gated, there is nothing to waive", hint=f"there are: {known}")
        if gate in seen:
            raise UsageError(f"{where}: two waivers for {gate}")
        if waiver.expires < today:
            raise UsageError(
                f"{where}: the waiver of {waiver.author} for {gate} expired on {waiver.expires}",
                hint="mend what it excused, or have it renewed by a reviewed commit",
            )
        seen.add(gate)


def _parse(where: str, entry: Any) -> Waiver:
    if not isinstance(entry, Mapping):
        raise UsageError(f"{where} is not a table")
    names = [field.name for field in fields(Waiver)]
    if missing := [name for name in names if name not in entry]:
        raise UsageError(f"{where} lacks {', '.join(missing)}")
    if unknown := [name for name in entry if name not in names]:
        raise UsageError(f"{where}: unknown {', '.join(unknown)}", hint=f"there are: {', '.join(names)}")
    for name in names[:-1]:
        if not isinstance(entry[name], str) or not entry[name].strip():
            raise UsageError(f"{where}: {name} must be a text that says something")
    expires = entry["expires"]
    # A datetime is a date to Python, and not the same thing to whoever wrote it.
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise UsageError(f"{where}: expires must be a date", hint="expires = 2026-03-31, without quotes")
    return Waiver(**{name: entry[name] for name in names})
