"""The block table from this side: lists of prefixes to requests, and what is blocked to lists again.

A list has an entry a line, `PREFIX [SECONDS]`, seconds being left out for what is blocked until it is unblocked;
empty lines, and what follows a "#", do not count. `weirctl block list` prints one that `block add --file` reads.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator

from . import abi, netlink, routing
from .errors import Problem, Refused
from .firewall import PREFIX, parse_prefix

# typing's own would cost a fresh weirctl some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .family import Family

# An entry of the table: address of 4 or 16 bytes, prefix, seconds left (None: until it is unblocked).
Entry = tuple[bytes, int, "float | None"]

# Entries of one request; of 48 bytes each at most, so that it fits into a socket's buffer.
_AT_ONCE = 1024
_SECONDS_MAX = abi.ABI_BLOCK_TIME_MAX // 1_000_000
# A nest's header with that of the address inside it.
_HEAD = struct.Struct("=HHHH")


class Blocks:
    """Entries on their way to the module. `places`: line of each in `name`, "" when they are no file's."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.problems: list[Problem] = []
        self._requests: list[bytearray] = []
        self._places = array("L")
        # What entries of one prefix length and one time have in common.
        self._tails: dict[tuple[int, str], bytes] = {}

    def problem(self, place: int, message: str, expected: str = "") -> None:
        problem = Problem("invalid", message, (), expected)
        if self.name:
            problem.file, problem.line = self.name, place
        self.problems.append(problem)

    def add(self, prefix: str, seconds: str, place: int) -> None:
        """One more entry; seconds "": until it is unblocked. What is wrong with it becomes a problem."""
        from .schema import got

        parsed = parse_prefix(prefix)
        if parsed is None:
            self.problem(place, got(prefix), PREFIX)
            return
        address, length = parsed
        tail = self._tails.get((length, seconds))
        if tail is None:
            tail = netlink.u32(abi.A_BLOCK_PREFIX, length)
            if seconds:
                microseconds = _microseconds(seconds)
                if microseconds is None:
                    self.problem(place, got(seconds), f"seconds, more than 0 and at most {_SECONDS_MAX}")
                    return
                tail += netlink.uint(abi.A_BLOCK_TIME, microseconds)
            self._tails[length, seconds] = tail
        kind = abi.A_BLOCK_ADDRESS4 if len(address) == 4 else abi.A_BLOCK_ADDRESS6
        size = 4 + len(address)
        head = _HEAD.pack(4 + size + len(tail), abi.A_BLOCKS_BLOCK | netlink.NLA_F_NESTED, size, kind)
        if len(self._places) % _AT_ONCE == 0:
            self._requests.append(bytearray())
        self._requests[-1] += head + address + tail
        self._places.append(place)

    def send(self, family: Family, command: int) -> int:
        """Have the module do it to all of them; how many these were. Raises Refused, for the first it refuses."""
        if self.problems:
            raise Refused(self.problems)
        for number, request in enumerate(self._requests):
            error = family.request(command, bytes(request))
            if error is not None:
                raise self._refused(error, number * _AT_ONCE, request)
        return len(self._places)

    def _refused(self, error: netlink.KernelError, before: int, request: bytearray) -> Refused:
        from .family import problem_of

        problem = problem_of(error)
        start = netlink.HEADER.size + 4
        for index, (_, at, content) in enumerate(netlink.attributes(bytes(request))):
            if error.offset == start + at and problem.kind == "kernel":
                done = before + index
                problem.message = f"{_render(_entry(content))}: {problem.message}"
                if done:
                    problem.message += f" (the {done} before it are done)"
                if self.name:
                    problem.file, problem.line = self.name, self._places[done]
        return Refused([problem])


def _microseconds(text: str) -> int | None:
    try:
        microseconds = round(float(text) * 1e6)
    except (ValueError, OverflowError):
        return None
    return microseconds if 0 < microseconds <= abi.ABI_BLOCK_TIME_MAX else None


def of_prefixes(prefixes: Iterable[str], seconds: str = "") -> Blocks:
    """Those of a command line or a request."""
    blocks = Blocks()
    for prefix in prefixes:
        blocks.add(prefix, seconds, 0)
    return blocks


def of_lines(lines: Iterable[str], name: str, seconds: str = "") -> Blocks:
    """Those of a list; `seconds` for lines that have none."""
    blocks = Blocks(name)
    for place, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if len(words) > 2:
            blocks.problem(place, f"{len(words)} words", "PREFIX, or PREFIX SECONDS")
        elif words:
            blocks.add(words[0], words[1] if len(words) == 2 else seconds, place)
        if len(blocks.problems) == 20:
            break
    return blocks


def of_file(name: str, seconds: str = "") -> Blocks:
    """Those of a list in a file; "-" is standard input. Raises Refused when it cannot be read."""
    import sys

    try:
        if name == "-":
            return of_lines(sys.stdin, "<stdin>", seconds)
        # Not pathlib: it costs a fresh weirctl several milliseconds.
        with open(name, encoding="utf-8") as file:  # noqa: PTH123
            return of_lines(file, name, seconds)
    except OSError as error:
        raise Refused([Problem("usage", f"cannot read {name}: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise Refused([Problem("usage", f"cannot read {name}: it is not UTF-8")]) from None


def _entry(content: bytes) -> Entry:
    values = netlink.table(content)
    address = values.get(abi.A_BLOCK_ADDRESS4) or values[abi.A_BLOCK_ADDRESS6]
    left = values.get(abi.A_BLOCK_TIME)
    return address, netlink.number(values[abi.A_BLOCK_PREFIX]), None if left is None else netlink.number(left) / 1e6


def entries(messages: Iterable[bytes]) -> Iterator[Entry]:
    """The entries of a dump's messages, without genetlink headers. Raises ValueError, KeyError."""
    for message in messages:
        for kind, _, content in netlink.attributes(message):
            if kind == abi.A_BLOCKS_BLOCK:
                yield _entry(content)


def _render(entry: Entry) -> str:
    return routing.render_network(entry[0], entry[1])


def render_line(entry: Entry) -> str:
    """A line of a list, without its end."""
    return _render(entry) if entry[2] is None else f"{_render(entry)} {entry[2]:.6f}"


def to_object(entry: Entry) -> dict[str, object]:
    return {"prefix": _render(entry), "seconds": entry[2]}
