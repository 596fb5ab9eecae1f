"""HTTP/1 messages as values: what was received, and what an origin is told to answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus

Pairs = Iterable[tuple[str, str]]


class Framing(Enum):
    """How the end of a body is told (RFC 9112 section 6)."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


class Fields:
    """Header or trailer fields in the order of the wire; names are compared without case. Bytes are Latin-1."""

    def __init__(self, pairs: Pairs = ()) -> None:
        self.pairs = tuple(pairs)

    def all(self, name: str) -> list[str]:
        """Values of every field of this name, in order."""
        return [value for key, value in self.pairs if key.lower() == name.lower()]

    def get(self, name: str, default: str = "") -> str:
        """Values of this name joined as one list (RFC 9110 section 5.3), or `default`."""
        values = self.all(name)
        return ", ".join(values) if values else default

    def tokens(self, name: str) -> list[str]:
        """Lower-case members of a comma-separated list."""
        return [item.strip().lower() for item in self.get(name).split(",") if item.strip()]

    @property
    def names(self) -> list[str]:
        """Lower-case names in order, repeated as on the wire."""
        return [key.lower() for key, _ in self.pairs]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.all(name))

    def __getitem__(self, name: str) -> str:
        values = self.all(name)
        if not values:
            raise KeyError(f"no field {name!r} among {self.names}")
        return ", ".join(values)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        return f"Fields({list(self.pairs)!r})"


@dataclass(frozen=True)
class Head:
    """Start line and fields, and the very bytes they came in."""

    start_line: str
    version: str
    fields: Fields
    raw: bytes = field(repr=False)


@dataclass(frozen=True)
class Body:
    """A received body and how it was framed. `chunks` are the sizes of its chunks, without the last."""

    content: bytes = b""
    framing: Framing = Framing.NONE
    chunks: tuple[int, ...] = ()
    trailers: Fields = field(default_factory=Fields)

    def __repr__(self) -> str:
        shown = self.content if len(self.content) <= 80 else self.content[:80] + b"..."
        return f"Body({self.framing.value}, {len(self.content)} bytes: {shown!r})"


@dataclass(frozen=True)
class Request:
    """A whole request as an origin received it."""

    head: Head
    message_body: Body

    @property
    def method(self) -> str:
        return self.head.start_line.split(" ")[0]

    @property
    def target(self) -> str:
        return self.head.start_line.split(" ")[1]

    @property
    def version(self) -> str:
        return self.head.version

    @property
    def fields(self) -> Fields:
        return self.head.fields

    @property
    def body(self) -> bytes:
        return self.message_body.content

    @property
    def framing(self) -> Framing:
        return self.message_body.framing

    @property
    def trailers(self) -> Fields:
        return self.message_body.trailers


@dataclass(frozen=True)
class Response:
    """A whole final response as a client received it, with the interim (1xx) ones before it."""

    head: Head
    message_body: Body
    interim: tuple[Head, ...] = ()

    @property
    def status(self) -> int:
        return int(self.head.start_line.split(" ")[1])

    @property
    def reason(self) -> str:
        return self.head.start_line.split(" ", 2)[2]

    @property
    def version(self) -> str:
        return self.head.version

    @property
    def fields(self) -> Fields:
        return self.head.fields

    @property
    def body(self) -> bytes:
        return self.message_body.content

    @property
    def framing(self) -> Framing:
        return self.message_body.framing

    @property
    def chunks(self) -> tuple[int, ...]:
        return self.message_body.chunks

    @property
    def trailers(self) -> Fields:
        return self.message_body.trailers

    @property
    def keeps_open(self) -> bool:
        """Whether the sender says that the connection stays open (RFC 9112 section 9.3)."""
        options = self.fields.tokens("connection")
        if self.framing is Framing.CLOSE or "close" in options:
            return False
        return self.version == "1.1" or "keep-alive" in options


class Responses(tuple[Response, ...]):
    """Several responses in order."""

    @property
    def statuses(self) -> list[int]:
        return [response.status for response in self]

    @property
    def bodies(self) -> list[bytes]:
        return [response.body for response in self]


def chunked(pieces: Iterable[bytes], trailers: Pairs = ()) -> bytes:
    """A chunked body of these chunks (RFC 9112 section 7.1); empty pieces are left out, for they would end it."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
    return body + b"0\r\n" + encode_fields(trailers) + b"\r\n"


def encode_fields(pairs: Pairs) -> bytes:
    """Field lines without the empty line after them."""
    return "".join(f"{name}: {value}\r\n" for name, value in pairs).encode("latin-1")


def encode_request(
    method: str,
    target: str,
    *,
    host: str = "weir.test",
    fields: Pairs = (),
    body: bytes | None = None,
    chunks: Iterable[bytes] | None = None,
    trailers: Pairs = (),
    version: str = "1.1",
) -> bytes:
    """A request of exactly these fields, framed by Content-Length when `body` is given, chunked when `chunks` is."""
    pairs = [("Host", host)] if host else []
    pairs += fields
    payload = b""
    if chunks is not None:
        pairs.append(("Transfer-Encoding", "chunked"))
        payload = chunked(chunks, trailers)
    elif body is not None:
        pairs.append(("Content-Length", str(len(body))))
        payload = body
    return f"{method} {target} HTTP/{version}\r\n".encode("latin-1") + encode_fields(pairs) + b"\r\n" + payload


@dataclass(frozen=True)
class Reply:
    """What an origin answers. `framing` decides which framing fields are written; FRAMING_NONE writes no body.

    `chunks` gives the sizes of chunks of a chunked body (the rest goes into one more); `declared_length` overrides what
    Content-Length says, as a reply to HEAD or a lying origin needs.
    """

    status: int = 200
    body: bytes = b""
    fields: tuple[tuple[str, str], ...] = ()
    framing: Framing = Framing.LENGTH
    chunks: tuple[int, ...] = ()
    trailers: tuple[tuple[str, str], ...] = ()
    version: str = "1.1"
    reason: str | None = None
    declared_length: int | None = None

    @property
    def head(self) -> bytes:
        reason = self.reason if self.reason is not None else _phrase(self.status)
        pairs = list(self.fields)
        if self.framing is Framing.LENGTH:
            length = len(self.body) if self.declared_length is None else self.declared_length
            pairs.append(("Content-Length", str(length)))
        elif self.framing is Framing.CHUNKED:
            pairs.append(("Transfer-Encoding", "chunked"))
        elif self.framing is Framing.CLOSE:
            pairs.append(("Connection", "close"))
        line = f"HTTP/{self.version} {self.status} {reason}\r\n".encode("latin-1")
        return line + encode_fields(pairs) + b"\r\n"

    @property
    def payload(self) -> bytes:
        """The body as it goes over the wire."""
        if self.framing is Framing.NONE:
            return b""
        if self.framing is Framing.CHUNKED:
            return chunked(self._pieces(), self.trailers)
        return self.body

    def encode(self) -> bytes:
        return self.head + self.payload

    def _pieces(self) -> list[bytes]:
        pieces = []
        rest = self.body
        for size in self.chunks:
            pieces.append(rest[:size])
            rest = rest[size:]
        return [*pieces, rest]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unassigned"
