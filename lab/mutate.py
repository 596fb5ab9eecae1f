"""Mutants: small edits of a C file, each a fault that a programmer might have made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Mutant:
    """In `file` of kmod/, `find` becomes `replace`: its one occurrence, or what begins at the offset `at`.

    `survives` says why no test can notice; empty where one must.
    """

    name: str
    file: str
    find: str
    replace: str
    survives: str = ""
    at: int = -1

    def apply(self, text: str) -> str:
        """The text with the fault. Raises ValueError where the edit does not fit."""
        if self.at >= 0:
            if not text.startswith(self.find, self.at):
                raise ValueError(f"{self.name}: {self.file} has changed")
            return text[: self.at] + self.replace + text[self.at + len(self.find) :]
        if text.count(self.find) != 1:
            raise ValueError(f"{self.name}: {self.file} has {text.count(self.find)} times what is to be replaced")
        return text.replace(self.find, self.replace)


# Pattern, and what the match becomes.
_OPERATORS: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r" < ", " <= "),
        (r" <= ", " < "),
        (r" > ", " >= "),
        (r" >= ", " > "),
        (r" == ", " != "),
        (r" != ", " == "),
        (r" && ", " || "),
        (r" \|\| ", " && "),
        (r" \+ 1\b", ""),
        (r" - 1\b", ""),
        (r" \+= ", " = "),
        (r" \|= ", " = "),
        (r"\+\+", "--"),
        (r"(?<=\()!", ""),
        (r"(?<=\breturn )!", ""),
        (r"\btrue\b", "false"),
        (r"\bfalse\b", "true"),
        (r"\breturn HTTP_ERR_\w+", "return HTTP_OK"),
        (r"(?<=[ (])0(?=[;,)])", "1"),
        (r"(?<=[ (])1(?=[;,)])", "2"),
    )
)
# A statement of its own, of a line or of several: left out.
_STATEMENT: Final = re.compile(
    r"^\t+(?!return\b|break\b|case\b|default\b|else\b|goto\b|if\b|for\b|while\b)[\w*(>.\-+]+[^{}:]*?;$", re.MULTILINE
)
_CONDITION: Final = re.compile(r"\b(?:if|while) \(")
_CASE: Final = re.compile(r"^\tcase \w+:\n(?=\tcase )", re.MULTILINE)
# Texts come first: two slashes in one begin no comment.
_COMMENT: Final = re.compile(
    r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+')|/\*.*?\*/|//[^\n]*|^#[^\n]*""", re.DOTALL | re.MULTILINE
)
_DECLARATION: Final = re.compile(r"^\t+(?:static |const |struct |enum |unsigned |size_t |bool |u\d+ |int |char )")


def sweep(path: Path) -> Iterator[Mutant]:
    """Every mutant of a file that the rules above make."""
    text = path.read_text(encoding="utf-8")
    code = _COMMENT.sub(lambda match: match[1] or re.sub(r"[^\n]", " ", match[0]), text)
    body = code.find("\n{")
    for at, find, replace in sorted(set(_edits(code))):
        if at > body:
            line = text.count("\n", 0, at) + 1
            yield Mutant(f"{path.name}:{line}:{at - text.rfind(chr(10), 0, at)}", path.name, find, replace, at=at)


def _edits(code: str) -> Iterator[tuple[int, str, str]]:
    for pattern, replacement in _OPERATORS:
        for match in pattern.finditer(code):
            yield match.start(), match[0], replacement
    for match in _CONDITION.finditer(code):
        end = _closing(code, match.end())
        condition = code[match.end() : end]
        yield match.end(), condition, f"!({condition})"
    for match in _CASE.finditer(code):
        yield match.start(), match[0], ""
    for match in _STATEMENT.finditer(code):
        if not _DECLARATION.match(match[0]):
            yield match.start(), match[0], "\t;"


def _closing(code: str, at: int) -> int:
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        at += 1
    return at - 1
