"""The backend that records: what a device forwarded, read strictly, and whose it was.

One recorder stands behind each device. Every device appends the client's address to X-Forwarded-For, and each exchange
has a client address of its own, so that a message is attributed by the last address in its own head; one that has none
(a device took it for part of a body) belongs to the exchange before it on that connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from lab.network import CLIENTS
from suites.traffic.errors import Incomplete, ProtocolViolation
from suites.traffic.messages import Request
from suites.traffic.reader import MessageReader
from suites.traffic.wire import IP_FREEBIND

SENTINEL = "/sentinel-"
_FORWARDED_FOR = re.compile(rb"^x-forwarded-for:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.I | re.M)
_BACKLOG = 1024


@dataclass(frozen=True)
class Message:
    """One message as it came. `request` is None when a strict reader refuses it or it was not complete."""

    raw: bytes
    request: Request | None
    problem: str = ""

    @property
    def is_sentinel(self) -> bool:
        return self.request is not None and self.request.target.startswith(SENTINEL) and not self.request.body


@dataclass(frozen=True)
class Answer:
    """The exact bytes with which an exchange's first request is answered, and whether the connection ends there."""

    raw: bytes
    close: bool


class Needed(Exception):
    """The message goes on beyond what has come."""


def read_message(buffer: bytes) -> tuple[Message, int] | None:
    """The message at the start of `buffer` and its length; None while it is not complete."""
    pieces = iter([buffer])

    def receive() -> bytes:
        try:
            return next(pieces)
        except StopIteration:
            raise Needed from None

    reader = MessageReader(receive, record=False)
    try:
        request = reader.read_request()
    except Needed:
        return None
    except (ProtocolViolation, Incomplete) as error:
        return Message(buffer, None, f"malformed: {error}"), len(buffer)
    used = len(buffer) - len(reader.pending)
    return Message(buffer[:used], request), used


def number_of(head: bytes) -> int | None:
    """Which exchange a head says that it belongs to."""
    found = _FORWARDED_FOR.findall(head.split(b"\r\n\r\n")[0])
    if not found:
        return None
    try:
        address = ipaddress.IPv4Address(found[-1].rsplit(b",", 1)[-1].strip().decode("latin-1"))
    except ValueError:
        return None
    return int(address) - int(CLIENTS[1]) if address in CLIENTS else None


class Recorder:
    """Serves one device. Belongs to the event loop that started it."""

    def __init__(self, address: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, port))
        self.endpoint = f"{address}:{port}"
        self.answers: Mapping[int, Answer] = {}
        self.strays: list[Message] = []
        self._messages: dict[int, list[Message]] = {}
        self._unfinished = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._socket, backlog=_BACKLOG, limit=1 << 20)

    def stop(self) -> None:
        """Listen no more."""
        if self._server:
            self._server.close()

    def begin(self, answers: Mapping[int, Answer]) -> None:
        """Forget what was recorded; answer the first request of these exchanges so, everything else with 200."""
        self.answers = answers
        self._messages.clear()
        self.strays.clear()

    def messages(self, number: int) -> tuple[Message, ...]:
        """What came for this exchange, in order."""
        return tuple(self._messages.get(number, ()))

    async def settle(self, seconds: float) -> None:
        """Wait until no connection is inside a message any more, for so long at most."""
        end = asyncio.get_running_loop().time() + seconds
        while self._unfinished and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)

    def _note(self, message: Message, number: int | None) -> None:
        if number is None:
            self.strays.append(message)
        else:
            self._messages.setdefault(number, []).append(message)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = b""
        last: int | None = None
        try:
            while data := await reader.read(1 << 16):
                self._unfinished += not buffer
                buffer += data
                while buffer and (read := read_message(buffer)):
                    message, used = read
                    known = number_of(message.raw)
                    last = last if known is None else known
                    buffer = buffer[used:]
                    self._unfinished -= not buffer
                    self._note(message, last)
                    if self._answer(message, last, writer):
                        return
        except ConnectionError:
            pass
        finally:
            if buffer:
                self._unfinished -= 1
                known = number_of(buffer)
                self._note(Message(buffer, None, "cut"), last if known is None else known)
            with contextlib.suppress(ConnectionError):
                writer.close()

    def _answer(self, message: Message, number: int | None, writer: asyncio.StreamWriter) -> bool:
        """Answers one message; whether the connection ends with that."""
        if message.request is None:
            writer.write(b"HTTP/1.1 400 Malformed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return True
        if number is not None and number in self.answers and not message.is_sentinel:
            answer = self.answers[number]
            writer.write(answer.raw)
            return answer.close
        body = message.request.target.encode("latin-1") if message.is_sentinel else b"served"
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        writer.write(head if message.request.method == "HEAD" else head + body)
        return False
