"""Readers of other authors, asked what they see in a reply that our own strict one has read.

Each is given the very bytes that a client got, with another reply behind them where the connection stays open, and says
what it saw as a View. curl, which is a program, has a file of its own.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPException, HTTPResponse
from typing import cast

import h11

from suites.differential.draft import Case
from suites.differential.view import Difference, View, differences, lines_of
from suites.traffic.messages import Fields, Response
from suites.traffic.reader import HEAD_LIMIT

BODY_BEHIND = b"behind"
BEHIND = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" + BODY_BEHIND
ASPECTS = frozenset({"verdict", "after", "status", "reason", "body", "fields"})


@dataclass(frozen=True)
class Relayed:
    """A final reply as a client of Weir got it, and what our own reader says that it is."""

    case: Case
    raw: bytes
    response: Response

    @property
    def view(self) -> View:
        """What another reader should see: it, and then the next."""
        own = self.response
        return seen(own.status, own.reason, list(own.fields), own.body)


def seen(
    status: int, reason: str | None, fields: Sequence[tuple[str, str]], body: bytes, after: str = "served"
) -> View:
    """A reply as some reader saw it. `reason` is None where the reader does not tell."""
    parts: dict[str, tuple[str, ...]] = {
        "status": (str(status),),
        "body": (repr(body),),
        "fields": lines_of(Fields(fields)),
    }
    if reason is not None:
        parts["reason"] = (reason.strip(),)
    return View("relayed", after, parts)


def relayed(case: Case, view: View) -> Relayed | None:
    """The final reply of a conversation, cut out of all that the client got; None if it was no whole one."""
    if view.verdict != "relayed" or not view.received or not view.parts:
        return None
    response = view.responses[0]
    begin = view.received.index(response.head.raw)
    following = view.responses[1] if len(view.responses) > 1 else None
    heads = [*following.interim, following.head] if following else []
    end = view.received.index(heads[0].raw, begin + len(response.head.raw)) if heads else len(view.received)
    case = replace(case, raw=view.received[begin:end], close=not response.keeps_open)
    return Relayed(case, case.raw, response)


def disagreements(message: Relayed, reader: str, view: View) -> list[Difference]:
    """Where the reader saw something else than our own."""
    return [found for found in differences(message.view, reader, view) if found.aspect in ASPECTS]


class _File(io.BytesIO):
    """Not closed by its reader, so that what it left can be looked at."""

    def close(self) -> None:
        pass


class _Source:
    """What http.client takes for a socket."""

    def __init__(self, data: bytes) -> None:
        self.file = _File(data)

    def makefile(self, _mode: str) -> io.BytesIO:
        return self.file


def read_by_http_client(message: Relayed) -> View:
    """Python's own."""
    keeps_open = message.response.keeps_open
    source = _Source(message.raw + (BEHIND if keeps_open else b""))
    response = HTTPResponse(cast(socket.socket, source), method=message.case.method)
    try:
        response.begin()
        body = response.read()
    except (HTTPException, ValueError, OSError) as error:
        return View(f"refused: {error!r}", "not served")
    rest = source.file.read()
    after = "served" if rest == BEHIND or not keeps_open else f"another end: {rest!r} is left"
    return seen(response.status, response.reason, response.getheaders(), body, after)


def read_by_h11(message: Relayed) -> View:
    """A reader that is a state machine, strict by its own reading of the RFC."""
    keeps_open = message.response.keeps_open
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
    try:
        _ask(connection, message.case.method)
        connection.receive_data(message.raw + (BEHIND if keeps_open else b""))
        if not keeps_open:
            connection.receive_data(b"")
        head, body = _next_reply(connection)
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
        after = "served" if not keeps_open else _behind(connection)
    except h11.ProtocolError as error:
        return View(f"refused: {error}", "not served")
    return seen(head.status_code, head.reason.decode("latin-1"), fields, body, after)


def _ask(connection: h11.Connection, method: str) -> None:
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "weir.test")]))
    connection.send(h11.EndOfMessage())


def _next_reply(connection: h11.Connection) -> tuple[h11.Response, bytes]:
    """Raises h11.ProtocolError for what h11 refuses, or takes for unfinished."""
    head: h11.Response | None = None
    body = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return head, body
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError(f"it waits for more: {event!r}")


def _behind(connection: h11.Connection) -> str:
    if connection.their_state is not h11.DONE:
        return f"another end: {connection.their_state!r}"
    connection.start_next_cycle()
    _ask(connection, "GET")
    _, body = _next_reply(connection)
    return "served" if body == BODY_BEHIND else f"another end: {body!r} is the next body"


READERS: Mapping[str, Callable[[Relayed], View]] = {"http.client": read_by_http_client, "h11": read_by_h11}
