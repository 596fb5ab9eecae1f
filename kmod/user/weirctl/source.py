"""Configurations from files, texts and objects, checked; problems get the line they are on."""

from __future__ import annotations

from . import abi, schema
from .errors import Path, Problem, Refused

# typing's own would cost a fresh weirctl some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .family import Family

# Larger than any configuration within the ABI's bounds, comments included; keeps a wrong file name harmless.
MAX_BYTES = 4 * 1024 * 1024


class Source:
    """A valid configuration that still knows where its values were written.

    config: as schema.Config. name: the file's, or "<toml>", "<config>" for a text, an object.
    """

    def __init__(self, config: schema.Config, name: str, text: str | None) -> None:
        self.name = name
        self._unread: list[Problem] = []
        self.config = self._with_files(config)
        self._text = text
        self._lines: dict[Path, int] | None = None

    def _with_files(self, config: schema.Config) -> schema.Config:
        """The configuration with what it says is in files: relative names are beside its own."""
        table = config.get("challenge")
        has_page = isinstance(table, dict) and "page" in table
        directory = self.name[: self.name.rfind("/") + 1]

        def read(name: str) -> str:
            return _page(name if name.startswith("/") else directory + name)

        def add(path: Path, message: str, expected: str) -> None:
            self._unread.append(Problem("invalid", message, path, expected))

        if "certificate" in config:
            from . import certificates

            config = certificates.read(config, directory, add)
        if "error_page" not in config and not has_page:
            return config
        from . import challenge, routing

        read_in = routing.read_files(config, read, add)
        assert isinstance(read_in, dict)
        read_in = challenge.read_file(read_in, read, add)
        assert isinstance(read_in, dict)
        return read_in

    def place(self, problem: Problem) -> Problem:
        """Fill in the file and the line of what `problem.path` names."""
        if not problem.path and problem.kind != "invalid":
            return problem
        problem.file = self.name
        if self._text is not None:
            # Only looked for when there is something to complain of: a valid file pays nothing for it.
            from . import positions

            if self._lines is None:
                self._lines = positions.locate(self._text)
            problem.line = positions.line_of(self._lines, problem.path)
        return problem

    def checked(self) -> Source:
        """Itself. Raises Refused with all problems, in the order of the file."""
        problems = [self.place(problem) for problem in [*self._unread, *schema.check(self.config)]]
        if problems:
            raise Refused(sorted(problems, key=lambda problem: problem.line or 0))
        return self

    def apply(self, family: Family) -> int:
        """Apply it; how many configurations have been committed so far. Raises Refused, with lines where they help."""
        try:
            return family.apply(self.config)
        except Refused as refused:
            raise Refused([self.place(problem) for problem in refused.problems]) from None


def _page(name: str) -> str:
    """The text of an error page's file. Raises ValueError with what is wrong."""
    try:
        with open(name, "rb") as file:  # noqa: PTH123
            data = file.read(abi.ABI_PAGE_MAX + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > abi.ABI_PAGE_MAX:
        raise ValueError(f"{name} has more than {abi.ABI_PAGE_MAX} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not UTF-8") from None


def _syntax(name: str, message: str, line: int | None) -> Refused:
    problem = Problem("syntax", message)
    problem.file, problem.line = name, line
    return Refused([problem])


def from_text(text: str, name: str = "<toml>") -> Source:
    """A TOML text. Raises Refused."""
    import tomllib

    try:
        config = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Its message ends in "(at line 3, column 5)" or "(at end of document)".
        message, _, place = str(error).rpartition(" (at ")
        words = place.rstrip(")").replace(",", "").split()
        if words[:1] == ["line"]:
            raise _syntax(name, f"not TOML: {message} at column {words[3]}", int(words[1])) from None
        line = text.count("\n") + (not text.endswith("\n"))
        raise _syntax(name, f"not TOML: {message or error} at the end of the file", line) from None
    except ValueError as error:
        # An integer of more digits than Python converts.
        raise _syntax(name, f"not a configuration: {error}", None) from None
    except RecursionError:
        raise _syntax(name, "not a configuration: nested too deeply", None) from None
    return Source(config, name, text).checked()


def from_bytes(data: bytes, name: str) -> Source:
    """A TOML file's content. Raises Refused."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _syntax(name, f"not TOML: byte 0x{data[error.start]:02x} is not UTF-8", line) from None
    return from_text(text, name)


def from_file(name: str) -> Source:
    """A TOML file; "-" is standard input. Raises Refused, also when it cannot be read."""
    import sys

    try:
        if name == "-":
            name = "<stdin>"
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            # Not pathlib: it costs a fresh weirctl several milliseconds.
            with open(name, "rb") as file:  # noqa: PTH123
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused([Problem("usage", f"cannot read {name}: {error.strerror}")]) from None
    if len(data) > MAX_BYTES:
        raise Refused([Problem("usage", f"{name}: more than {MAX_BYTES} bytes: not a configuration")])
    return from_bytes(data, name)


def from_object(config: object) -> Source:
    """What a TOML text would parse to, for programs. Raises Refused."""
    if not isinstance(config, dict):
        raise Refused([Problem("usage", "config: expected an object")])
    return Source(config, "<config>", None).checked()
