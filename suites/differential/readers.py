"""Readers of other authors, asked whether they see the reply that our own strict one sees."""

from __future__ import annotations

import io
import socket
from http.client import HTTPException, HTTPResponse
from typing import cast

from suites.differential.view import View
from suites.traffic.messages import Response

BEHIND = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nbehind"


def reply_bytes(view: View) -> tuple[bytes, Response | None]:
    """The bytes of the final reply as the client got them, and what they say; nothing if it was no whole one."""
    if view.verdict != "relayed" or not view.received or not view.parts:
        return b"", None
    response = view.responses[0]
    begin = view.received.index(response.head.raw)
    following = view.responses[1] if len(view.responses) > 1 else None
    heads = [*following.interim, following.head] if following else []
    end = view.received.index(heads[0].raw, begin + len(response.head.raw)) if heads else len(view.received)
    return view.received[begin:end], response


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


def disagreement(raw: bytes, method: str, expected: Response) -> str:
    """Where http.client reads something else of `raw`, with another reply behind it if the connection stays open."""
    source = _Source(raw + (BEHIND if expected.keeps_open else b""))
    response = HTTPResponse(cast(socket.socket, source), method=method)
    try:
        response.begin()
        body = response.read()
    except (HTTPException, ValueError, OSError) as error:
        return f"refuses it: {error!r}"
    if (response.status, response.reason) != (expected.status, expected.reason.strip()):
        return f"status {response.status} {response.reason!r}, not {expected.status} {expected.reason!r}"
    if body != expected.body:
        return f"body {body!r}, not {expected.body!r}"
    rest = source.file.read()
    if expected.keeps_open and rest != BEHIND:
        return f"another end: {rest!r} is left"
    return ""
