"""Virtual hosts and rules of a neutral configuration, taken apart for devices that have no such thing in one piece."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from suites.duts.adapter import NotSupported

# Keys of a rule that a peer can be told; all else is Weir's alone.
CONDITIONS = ("host", "path", "query", "method", "header", "cookie", "source")


@dataclass(frozen=True)
class Condition:
    """One thing that has to be so: of what, of which name (header, cookie), and the texts of which one has to fit."""

    kind: str
    name: str
    values: tuple[str, ...]
    negate: bool

    @property
    def regex(self) -> str:
        """The patterns as one regular expression."""
        patterns = (".*".join(re.escape(piece) for piece in value.split("*")) for value in self.values)
        return "^(" + "|".join(patterns) + ")$"


def conditions(rule: Mapping[str, Any]) -> Iterator[Condition]:
    """All that have to hold. Raises NotSupported for one that no peer knows."""
    if unknown := {"mark", "jump", "set_mark"} & set(rule):
        raise NotSupported(f"rules with {', '.join(sorted(unknown))}")
    for kind in CONDITIONS:
        if kind not in rule:
            continue
        value = rule[kind]
        if kind in ("header", "cookie"):
            for table in value if isinstance(value, list) else [value]:
                yield _condition(kind, table["name"], [table.get("value", "*")])
        else:
            yield _condition(kind, "", value if isinstance(value, list) else [value])


def _condition(kind: str, name: str, values: list[str]) -> Condition:
    negate = values[0].startswith("!")
    return Condition(kind, name, tuple(value.removeprefix("!") for value in values), negate)


def of_chain(rules: tuple[Mapping[str, Any], ...], chain: str) -> list[Mapping[str, Any]]:
    return [rule for rule in rules if rule.get("chain", "main") == chain]
