"""Kernel configuration fragments: reading them, and checking that Kconfig did what they ask.

Kconfig drops an option silently when a dependency is missing, and a kernel without squashfs boots to a panic minutes
later; so every requested option is compared with the final configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from lab.errors import InfrastructureError

_SET = re.compile(r"CONFIG_(\w+)=(.*)")
_UNSET = re.compile(r"# CONFIG_(\w+) is not set")


def parse(text: str) -> dict[str, str]:
    """Option -> value of a .config or fragment; "n" for what is said to be not set."""
    options = {}
    for line in text.splitlines():
        if match := _SET.fullmatch(line.strip()):
            options[match[1]] = match[2]
        elif match := _UNSET.fullmatch(line.strip()):
            options[match[1]] = "n"
    return options


def merge(fragments: Iterable[Path]) -> str:
    """One fragment out of several, in order. Raises InfrastructureError when two of them disagree."""
    seen: dict[str, tuple[str, Path]] = {}
    texts = []
    for path in fragments:
        text = path.read_text(encoding="utf-8")
        texts.append(text)
        for option, value in parse(text).items():
            if option in seen and seen[option][0] != value:
                raise InfrastructureError(
                    f"CONFIG_{option} is {value} in {path.name} but {seen[option][0]} in {seen[option][1].name}",
                    hint="a flavour's fragments must agree: keep the option in one of them",
                )
            seen[option] = (value, path)
    return "\n".join(texts)


def mismatches(requested: str, final: str) -> list[str]:
    """What the final configuration does not have as requested, one readable line each."""
    have = parse(final)
    return [
        f"CONFIG_{option}: requested {value}, got {have.get(option, 'n')}"
        for option, value in parse(requested).items()
        if have.get(option, "n") != value
    ]


def unexplained(text: str) -> list[str]:
    """Options of a fragment that no comment above them (or above their group) gives a reason for."""
    found, explained = [], False
    for line in text.splitlines():
        is_option = _SET.fullmatch(line.strip()) or _UNSET.fullmatch(line.strip())
        if not line.strip():
            explained = False
        elif is_option and not explained:
            found.append(is_option[1])
        elif line.startswith("#") and not is_option:
            explained = True
    return found
