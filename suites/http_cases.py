"""The HTTP code's cases (kmod/tests/http), which run in user space and, under KUnit, in the kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lab.bootstrap import ROOT

SUITES: Final = ROOT / "kmod/tests/http"


def case_names() -> Iterator[str]:
    """SUITE.CASE for every row of the C tables, by reading the sources: collecting needs no compiler."""
    for source in sorted(SUITES.glob("*.c")):
        text = source.read_text(encoding="utf-8")
        if suite := re.search(r"^SUITE\((\w+),", text, re.MULTILINE):
            for case in re.finditer(r"^\t(?:OK|BAD|TEST)\((\w+)[,)]", text, re.MULTILINE):
                yield f"{suite[1]}.{case[1]}"


def read_ktap(text: str) -> dict[str, str]:
    """What KUnit says (KTAP, Documentation/dev-tools/ktap.rst): by case "" if it passed, else what is wrong with it."""
    found: dict[str, str] = {}
    said: list[str] = []
    for line in text.splitlines():
        if result := re.fullmatch(r"\s{8,}(not )?ok \d+ (\w+\.\w+).*", line):
            found[result[2]] = ("\n".join(said) or "failed") if result[1] else ""
            said = []
        else:
            said.append(line)
    return found
