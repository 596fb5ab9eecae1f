"""The rules that explain differences: rules.toml as data, matching, and the table in docs/differences.md."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from suites.differential.draft import Case
from suites.differential.view import Difference

RULES = Path(__file__).parent / "rules.toml"
TABLE = Path(__file__).resolve().parent.parent.parent / "docs" / "differences.md"
Direction = Literal["request", "reply", "backend"]
KINDS = {
    "stricter": "Weir stricter",
    "peer": "peer-specific",
    "own": "Weir's own choice",
    "fixed": "bug fixed",
}
_KEYS = {"direction", "families", "peers", "aspect", "weir", "peer", "kind", "what", "why", "source"}
_PEERS = ("nginx", "haproxy")
_READERS = (*_PEERS, "http.client", "h11", "curl")  # of what Weir has passed on
_TITLES: dict[Direction, str] = {
    "request": "Requests",
    "reply": "Replies",
    "backend": "What Weir has passed on, read by others",
}


@dataclass(frozen=True)
class Rule:
    """Explains the differences of these aspects in messages of these families ("*": all), where both patterns fit.

    `weir` and `peer` are regular expressions over what each did, `what` says it in words.
    """

    name: str
    direction: Direction
    families: tuple[str, ...]
    peers: tuple[str, ...]
    aspect: tuple[str, ...]
    weir: str
    peer: str
    kind: str
    what: str
    why: str
    source: str

    def explains(self, case: Case, difference: Difference) -> bool:
        return (
            difference.aspect in self.aspect
            and difference.peer in self.peers
            and (self.families == ("*",) or not case.families.isdisjoint(self.families))
            and re.fullmatch(self.weir, difference.weir, re.S) is not None
            and re.fullmatch(self.peer, difference.theirs, re.S) is not None
        )


def read_rules(path: Path = RULES) -> list[Rule]:
    """Every rule. Raises ValueError for one that is not complete."""
    return [_rule(name, entry) for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()]


def _rule(name: str, entry: dict[str, Any]) -> Rule:
    if unknown := entry.keys() - _KEYS:
        raise ValueError(f"{path_of(name)}: unknown keys {sorted(unknown)}")
    entry = entry | {key: [entry[key]] for key in ("families", "aspect") if isinstance(entry.get(key), str)}
    entry = {"peers": list(_PEERS), "aspect": ["verdict"], "weir": ".*", "peer": ".*", "source": ""} | entry
    if missing := _KEYS - entry.keys():
        raise ValueError(f"{path_of(name)}: missing keys {sorted(missing)}")
    if entry["kind"] not in KINDS or entry["direction"] not in get_args(Direction):
        raise ValueError(f"{path_of(name)}: no such kind or direction")
    if strangers := set(entry["peers"]) - set(_READERS if entry["direction"] == "backend" else _PEERS):
        raise ValueError(f"{path_of(name)}: no such peers {sorted(strangers)}")
    if entry["kind"] == "stricter" and not entry["source"]:
        raise ValueError(f"{path_of(name)}: where Weir is stricter, the source says why it may be")
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Rule(name=name, **fields)


def path_of(name: str) -> str:
    return f"{RULES.name} [{name}]"


class Book:
    """The rules of one direction, and which of them were needed."""

    def __init__(self, direction: Direction, rules: Iterable[Rule]) -> None:
        self.rules = [rule for rule in rules if rule.direction == direction]
        self.uses = {rule.name: 0 for rule in self.rules}

    def unexplained(self, case: Case, found: Sequence[Difference]) -> list[Difference]:
        """Those that no rule explains; counts the use of each rule that does."""
        left = []
        for difference in found:
            fitting = [rule for rule in self.rules if rule.explains(case, difference)]
            for rule in fitting:
                self.uses[rule.name] += 1
            if not fitting:
                left.append(difference)
        return left

    @property
    def unused(self) -> list[str]:
        return [name for name, count in self.uses.items() if not count]


HEADER = """\
# Differences

What Weir, nginx and HAProxy do otherwise than one another with the same bytes, as the differential suite sees it
(`nox -s differential`): each row is a rule of `suites/differential/rules.toml`, and a difference that no rule explains
fails the run. This page is written by `python -m suites.differential.rules`; `nox -s tests` fails while they disagree.

What a client gets through Weir is also read by Python's http.client, h11 and curl: status, fields, body and end. Where
no row of the last table names them, they see what the suite's own strict reader sees.

The peers are the guest image's packages, configured alike (`suites/duts/`): what is called lenient here may be another
version's or another setting's refusal. "Stricter" names the text that allows or demands it.
"""


def table(rules: Sequence[Rule]) -> str:
    """docs/differences.md."""
    lines = [HEADER]
    for direction, title in _TITLES.items():
        lines += [f"## {title}", "", "| message | peer | difference | why | kind |", "|---|---|---|---|---|"]
        for rule in rules:
            if rule.direction == direction:
                families = "any" if rule.families == ("*",) else ", ".join(rule.families)
                source = f" ({rule.source})" if rule.source else ""
                cells = (families, ", ".join(rule.peers), rule.what, rule.why + source, KINDS[rule.kind])
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Writes the page anew."""
    TABLE.write_text(table(read_rules()), encoding="utf-8")


if __name__ == "__main__":
    main()
