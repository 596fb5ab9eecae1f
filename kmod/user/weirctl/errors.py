"""What weirctl says when it refuses."""

from __future__ import annotations

# Where in a configuration a value is: ("upstream", 0, "server", 1, "address").
Path = tuple[str | int, ...]


def key_text(path: Path) -> str:
    """`upstream[0].server[1].address`, with keys that need it in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part.replace("_", "a").replace("-", "a")
            name = part if bare.isascii() and bare.isalnum() else '"' + part.replace('"', '\\"') + '"'
            text += f".{name}" if text else name
    return text


class Problem:
    """One reason for a refusal.

    kind: "usage", "syntax", "invalid", "kernel", "permission", "unavailable" or "timeout" (docs/weirctl.md).
    path: the value in question, empty when there is none. file, line: its place, None when there is none.
    expected: what would have been right, "" when the message says it all. errno: the kernel's error by name.
    """

    __slots__ = ("errno", "expected", "file", "kind", "line", "message", "path")

    def __init__(self, kind: str, message: str, path: Path = (), expected: str = "", errno: str | None = None) -> None:
        self.kind = kind
        self.message = message
        self.path = path
        self.expected = expected
        self.errno = errno
        self.file: str | None = None
        self.line: int | None = None

    def text(self) -> str:
        """One line for people: FILE:LINE: KEY: MESSAGE."""
        place = ""
        if self.file is not None:
            place = f"{self.file}:{self.line}: " if self.line is not None else f"{self.file}: "
        key = f"{key_text(self.path)}: " if self.path else ""
        expected = f"expected {self.expected}, " if self.expected else ""
        return f"{place}{key}{expected}{self.message}"

    def json(self) -> dict[str, object]:
        """As `--batch` replies it."""
        return {
            "kind": self.kind,
            "file": self.file,
            "line": self.line,
            "key": key_text(self.path) if self.path else None,
            "message": self.text(),
            "expected": self.expected or None,
            "errno": self.errno,
        }


class Refused(Exception):
    """A command was not carried out, and nothing was changed; `problems` says why, in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(problem.text() for problem in problems))
        self.problems = problems
