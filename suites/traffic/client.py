"""A scripted HTTP client: says exactly the bytes it is told to, and reads replies strictly."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Self, overload

from lab.deadline import Deadline
from suites.traffic.errors import Closed, TrafficError
from suites.traffic.messages import Pairs, Response, Responses, encode_request
from suites.traffic.reader import MessageReader
from suites.traffic.tls import Tls, TlsWire
from suites.traffic.wire import PATIENCE_S, Wire, dial


class Conversation:
    """One client connection: its wire, and a strict reader of what comes back."""

    def __init__(self, wire: Wire, *, record: bool = True) -> None:
        self.wire = wire
        self.reader = MessageReader(wire.receive, record=record)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def secured(self) -> ssl.SSLObject:
        """What Python's ssl says of it."""
        assert isinstance(self.wire, TlsWire), "it is not spoken TLS on"
        return self.wire.tls

    def send(self, data: bytes) -> None:
        """Exactly these bytes."""
        self.wire.send(data)

    def send_apart(self, pieces: Iterable[bytes]) -> None:
        """Each piece in a segment of its own, seen by the peer's kernel before the next is sent."""
        self.wire.send_apart(pieces)

    def ask(
        self,
        method: str = "GET",
        target: str = "/",
        *,
        host: str = "weir.test",
        headers: Pairs = (),
        body: bytes | None = None,
        chunks: Iterable[bytes] | None = None,
        trailers: Pairs = (),
        version: str = "1.1",
    ) -> Response:
        """Send one request and read its response."""
        self.send(
            encode_request(
                method, target, host=host, fields=headers, body=body, chunks=chunks, trailers=trailers, version=version
            )
        )
        return self.response(to=method)

    def response(self, *, to: str = "GET") -> Response:
        """The next final response, to a request of method `to`."""
        return self.reader.read_response(to=to)

    def responses(self, count: int, *, to: str = "GET") -> Responses:
        return self.reader.read_responses(count, to=to)

    def wait_for_bytes(self, data: bytes) -> None:
        """Until these bytes of the reply have come."""
        self.reader.wait_for_bytes(data)

    def take(self, count: int) -> bytes:
        """So many bytes that are no HTTP."""
        return self.reader.take(count)

    def expect_closed(self) -> None:
        """The peer ends the connection now and sends no byte more."""
        self.reader.expect_closed()

    def rest(self) -> bytes:
        """Whatever comes until the connection ends."""
        return self.reader.read_end()

    @property
    def was_reset(self) -> bool:
        return self.reader.was_reset

    def half_close(self) -> None:
        self.wire.half_close()

    def reset(self) -> None:
        self.wire.reset()

    def close(self) -> None:
        self.wire.close()


class Client:
    """A host with an address of its own. Connections that a test leaves open are closed with it."""

    def __init__(
        self,
        target: Callable[[], tuple[str, int]],
        source: str,
        *,
        source6: str = "",
        patience: float = PATIENCE_S,
        tls: Tls | None = None,
    ) -> None:
        self._target = target
        self.tls = tls
        self.address = source
        self.address6 = source6
        self.patience = patience
        self._open = ExitStack()

    def close(self) -> None:
        self._open.close()

    def connect(
        self,
        to: tuple[str, int] | None = None,
        *,
        receive_buffer: int = 0,
        patience: float | None = None,
        record: bool = True,
        fast_open: bool = False,
        tls: Tls | None = None,
    ) -> Conversation:
        """A new connection to the device under test, or to the listener `to`.

        `receive_buffer` (bytes) bounds the window that the device sees; `record=False` keeps no copy of large bodies;
        `fast_open` sends what is written first with the SYN, if this host has been given a cookie before; `tls` is
        spoken on it, else what the client speaks.
        """
        address, port = to or self._target()
        limit = self.patience if patience is None else patience
        sock = dial(
            address,
            port,
            source=self.address6 if ":" in address else self.address,
            receive_buffer=receive_buffer,
            patience=limit,
            fast_open=fast_open,
        )
        spoken = tls or self.tls
        wire = TlsWire(sock, spoken, patience=limit) if spoken else Wire(sock, patience=limit)
        return self._open.enter_context(Conversation(wire, record=record))

    @overload
    def get(self, target: str = "/", *, headers: Pairs = ()) -> Response: ...

    @overload
    def get(self, target: str = "/", *, times: int, headers: Pairs = ()) -> Responses: ...

    def get(self, target: str = "/", *, times: int | None = None, headers: Pairs = ()) -> Response | Responses:
        """GET on a new connection; with `times`, so many one after another on that same connection."""
        with self.connect() as connection:
            answers = Responses(connection.ask("GET", target, headers=headers) for _ in range(times or 1))
        return answers[0] if times is None else answers

    def request(
        self,
        method: str,
        target: str = "/",
        *,
        headers: Pairs = (),
        body: bytes | None = None,
        chunks: Iterable[bytes] | None = None,
        trailers: Pairs = (),
        version: str = "1.1",
    ) -> Response:
        """One request on a new connection."""
        with self.connect() as connection:
            return connection.ask(
                method, target, headers=headers, body=body, chunks=chunks, trailers=trailers, version=version
            )

    def pipeline(self, *requests: bytes) -> Responses:
        """All requests in one write; their responses, in the order in which they came."""
        with self.connect() as connection:
            connection.send(b"".join(requests))
            return connection.responses(len(requests))

    def say(self, data: bytes) -> tuple[Responses, Conversation]:
        """Send bytes and read every response until the connection ends, which it must."""
        connection = self.connect()
        connection.send(data)
        answers: list[Response] = []
        while True:
            try:
                answers.append(connection.response())
            except Closed:
                return Responses(answers), connection
            except TrafficError as error:
                statuses = [answer.status for answer in answers]
                raise TrafficError(f"after the responses {statuses}: {error}") from error

    def wait(self, *, seconds: float) -> None:
        """Let time pass, where time is what the test is about (a limit's window, a timer): never to synchronise."""
        end = Deadline(seconds, scale=False)
        pause = threading.Event()
        while not end.expired:
            pause.wait(end.remaining)
