"""Which line of a TOML text each key is on; tomllib, which reads the values, does not say."""

from __future__ import annotations

from .errors import Path

_SPACE = " \t"
_BLANK = " \t\r\n"


class _Scanner:
    """Walks over a text that tomllib has accepted, so that it need not check anything again.

    Of any other text it may say anything, but it comes to an end: ValueError where it makes no sense at all.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.lines: dict[Path, int] = {}
        # How many tables each array of tables has so far.
        self.counts: dict[Path, int] = {}

    def skip(self, count: int = 1) -> None:
        if self.at >= len(self.text):
            raise ValueError(f"line {self.line}: the text ends too early")
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def peek(self, count: int = 1) -> str:
        return self.text[self.at : self.at + count]

    def space(self, characters: str = _SPACE) -> None:
        while (character := self.peek()) and character in characters:
            self.skip()

    def blank(self) -> None:
        """Spaces, line ends and comments."""
        while True:
            self.space(_BLANK)
            if self.peek() != "#":
                return
            end = self.text.find("\n", self.at)
            self.at = end if end >= 0 else len(self.text)

    def string(self) -> str:
        """A string of any of the four kinds; its text with escapes as written, which is enough to tell keys apart."""
        quote = self.peek()
        delimiter = quote * 3 if self.peek(3) == quote * 3 else quote
        self.skip(len(delimiter))
        start = self.at
        while self.peek(len(delimiter)) != delimiter:
            self.skip(2 if quote == '"' and self.peek() == "\\" else 1)
        # A multi-line string may end in one or two quotes of its own.
        while len(delimiter) == 3 and self.peek(4) == quote * 4:
            self.skip()
        value = self.text[start : self.at]
        self.skip(len(delimiter))
        return value

    def key(self) -> Path:
        """A dotted key, up to what follows it."""
        parts: list[str] = []
        while True:
            self.space()
            if self.peek() in ('"', "'"):
                quote = self.peek()
                part = self.string()
                parts.append(_unescape(part) if quote == '"' else part)
            else:
                start = self.at
                while (character := self.peek()) and character not in " \t.=]":
                    self.skip()
                parts.append(self.text[start : self.at])
            self.space()
            if self.peek() != ".":
                return tuple(parts)
            self.skip()

    def mark(self, path: Path, length: int = 0) -> None:
        """This line is where `path` is, and what of it has not been seen before."""
        for end in range(length + 1, len(path) + 1):
            self.lines.setdefault(path[:end], self.line)

    def resolve(self, key: Path) -> Path:
        """The key of a table header as a path: the latest table of each array of tables on the way."""
        path: Path = ()
        for part in key:
            path = (*path, part)
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
        return path

    def header(self) -> Path:
        """A [table] or [[array of tables]] header; the path of the table that it opens."""
        array = self.peek(2) == "[["
        self.skip(2 if array else 1)
        line = self.line
        key = self.key()
        self.skip(2 if array else 1)
        if array:
            array_path = (*self.resolve(key[:-1]), key[-1])
            self.counts[array_path] = self.counts.get(array_path, 0) + 1
        path = self.resolve(key)
        self.mark(path)
        self.lines[path] = line
        return path

    def pair(self, table: Path) -> None:
        """`key = value` in a table, or in an inline one."""
        path = (*table, *self.key())
        self.mark(path, len(table))
        self.skip()
        self.space()
        self.value(path)

    def value(self, path: Path) -> None:
        character = self.peek()
        if character in ('"', "'"):
            self.string()
        elif character == "[":
            self.items(path)
        elif character == "{":
            self.inline(path)
        else:
            while (character := self.peek()) and character not in ",]}#\n":
                self.skip()

    def items(self, path: Path) -> None:
        """An array: its elements are `path` and a number."""
        self.skip()
        index = 0
        self.blank()
        while self.peek() != "]":
            self.mark((*path, index), len(path))
            self.value((*path, index))
            index += 1
            self.separator("]")
        self.skip()

    def separator(self, end: str) -> None:
        """What follows an element: a comma, or the end of the array or inline table."""
        self.blank()
        if self.peek() == ",":
            self.skip()
            self.blank()
        elif self.peek() != end:
            raise ValueError(f"line {self.line}: neither a comma nor {end}")

    def inline(self, path: Path) -> None:
        """An inline table."""
        self.skip()
        self.blank()
        while self.peek() != "}":
            self.pair(path)
            self.separator("}")
        self.skip()

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self.blank()
        while self.at < len(self.text):
            if self.peek() == "[":
                table = self.header()
            else:
                self.pair(table)
            self.blank()
        return self.lines


def _unescape(key: str) -> str:
    """A quoted key's text. Only keys with escapes, which nobody writes, pay for tomllib reading them."""
    if "\\" not in key:
        return key
    import tomllib

    value: str = tomllib.loads(f'v = "{key}"')["v"]
    return value


def locate(text: str) -> dict[Path, int]:
    """The line, from 1, of every key, table and array element of `text`, which must be valid TOML.

    A table is where its header is (or the first key that names it), an array of tables where its first header is.
    """
    return _Scanner(text).scan()


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the innermost table around it that the text has; None when there is none."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None
