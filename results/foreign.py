"""What the forms of other tools have in common: how a run is carried in them, and what a run of theirs is called."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Final

from results.records import Environment, Host, Run

# Fields of a run that have to be carried beside its tests and figures, in any form.
FIELDS: Final = tuple(
    name
    for name in Run.__struct_fields__
    if name not in ("tests", "figures", "comparisons", "not_measured", "environments")
)


def identity(started: datetime, content: str) -> str:
    """An identity for a run that has none: of its time and content, so that importing it again makes no second one."""
    digest = hashlib.sha256(content.encode(errors="replace")).hexdigest()[:8]
    return f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest}"


def suite_name(text: str | None) -> str:
    """What another tool calls a suite, as a name that a record may have."""
    return re.sub(r"[^0-9A-Za-z._-]+", "-", text or "").strip("-._")[:128] or "imported"


def unknown_environment(system: str = "") -> Environment:
    """The environment of a run of which nothing is known but perhaps its machine."""
    return Environment(Host(system, "", "", 0, 0, ""), provider="unknown", acceleration="unknown")
