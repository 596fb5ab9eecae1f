"""A message in parts, and twists: named departures from a plain message, each of a family that rules speak of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

CRLF = b"\r\n"
Framing = Literal["none", "length", "chunked", "own"]


@dataclass(frozen=True)
class Draft:
    """A message before it is written down. `start` is its first line, `routing` the line that must stand in each.

    `framing` says which framing line is added for `body`; "own": the lines say it themselves, or do not.
    """

    start: bytes
    routing: bytes = b""
    lines: tuple[bytes, ...] = ()
    framing: Framing = "none"
    body: bytes = b""
    leading: bytes = b""
    line_end: bytes = CRLF
    head_end: bytes = CRLF
    close: bool = False

    @property
    def raw(self) -> bytes:
        lines = [self.start, *([self.routing] if self.routing else []), *self.lines]
        if self.framing == "length":
            lines.append(b"Content-Length: %d" % len(self.body))
        elif self.framing == "chunked":
            lines.append(b"Transfer-Encoding: chunked")
        return self.leading + b"".join(line + self.line_end for line in lines) + self.head_end + self.body


@dataclass(frozen=True)
class Twist:
    """One departure. What is None stays as the draft has it; `lines` are added, in front of all others if `first`."""

    family: str
    name: str
    lines: tuple[bytes, ...] = ()
    first: bool = False
    start: bytes | None = None
    routing: bytes | None = None
    framing: Framing | None = None
    body: bytes | None = None
    leading: bytes | None = None
    line_end: bytes | None = None
    head_end: bytes | None = None
    close: bool | None = None

    @property
    def title(self) -> str:
        return f"{self.family}: {self.name}"

    def apply(self, draft: Draft) -> Draft:
        changes = {
            name: value
            for name in ("start", "routing", "framing", "body", "leading", "line_end", "head_end", "close")
            if (value := getattr(self, name)) is not None
        }
        lines = (*self.lines, *draft.lines) if self.first else (*draft.lines, *self.lines)
        return replace(draft, lines=lines, **changes)


@dataclass(frozen=True)
class Case:
    """One message to be sent, and the families of what is odd about it.

    `method` is the method of the request, or of the request that a reply answers. `close`: whoever sends it ends the
    connection behind it; only replies have that.
    """

    name: str
    raw: bytes = field(repr=False)
    families: frozenset[str]
    method: str = "GET"
    close: bool = False


def twisted(draft: Draft, twists: Iterable[Twist], *, method: str = "") -> Case:
    """The draft with all of the twists, one after the other."""
    chosen = list(twists)
    for twist in chosen:
        draft = twist.apply(draft)
    name = " + ".join(twist.title for twist in chosen) or "plain"
    return Case(
        name,
        draft.raw,
        frozenset(twist.family for twist in chosen) | (mixed(draft.raw) if len(chosen) > 1 else frozenset()),
        method or method_of(draft.start),
        draft.close,
    )


def mixed(raw: bytes) -> frozenset[str]:
    """Families that a message has come to by several twists together."""
    head = raw.split(CRLF * 2)[0].lower()
    lengths, codings = head.count(b"\ncontent-length:"), head.count(b"\ntransfer-encoding:")
    found = {
        "length-and-chunked": lengths and codings,
        "several-lengths": lengths > 1,
        "coding-twice": codings > 1,
        "coding-in-1.0": codings and b"http/1.0" in head,
    }
    return frozenset(name for name, present in found.items() if present)


def method_of(start: bytes) -> str:
    """The method as a client that sent this line would read replies by."""
    return start.split(None, 1)[0].decode("latin-1") if start.split() else ""
