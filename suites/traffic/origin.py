"""A scripted origin server: a listening raw socket, one thread a connection, every byte and request recorded."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Literal, Self

from lab.deadline import Deadline
from lab.errors import InfrastructureError
from suites.traffic.errors import Closed, Incomplete, ProtocolViolation
from suites.traffic.messages import Head, Reply, Request
from suites.traffic.reader import MessageReader
from suites.traffic.wire import IP_FREEBIND, IPV6_FREEBIND, Wire

Behaviour = Callable[["Visit"], Reply | None]
Greeting = Callable[[Wire], None]
Leaving = Literal["close", "reset"]

_IDLE_S = 3600.0  # an origin never gives up on a connection by itself: closing it is the test's business


class Link:
    """One connection that the device under test opened, with all that came over it."""

    def __init__(self, number: int, wire: Wire, receive: Callable[[Link], bytes]) -> None:
        self.number = number
        self.wire = wire
        self.reader = MessageReader(lambda: receive(self))
        self.unserved = 0  # bytes that came behind the last whole request
        self.requests: list[Request] = []
        self.ended = threading.Event()

    @property
    def received(self) -> bytes:
        """Every byte that came, whether or not it made a request."""
        return bytes(self.reader.raw)

    @property
    def peer(self) -> tuple[str, int]:
        return self.wire.peer


class Visit:
    """One request being served: what a behaviour sees and may do on the raw wire."""

    def __init__(self, origin: Origin, link: Link, head: Head, number: int) -> None:
        self.origin = origin
        self.link = link
        self.head = head
        self.number = number  # of this request among all that reached this origin, from 0
        self._request: Request | None = None

    @property
    def wire(self) -> Wire:
        return self.link.wire

    @property
    def request(self) -> Request:
        """The whole request; reads its body when that was not read yet."""
        if self._request is None:
            self._request = self.link.reader.read_request(self.head)
            self.origin.record(self.link, self._request)
        return self._request

    @property
    def target(self) -> str:
        return self.head.start_line.split(" ")[1]

    def send(self, data: bytes) -> None:
        self.wire.send(data)

    def send_apart(self, pieces: Sequence[bytes]) -> None:
        """Each piece in a segment of its own."""
        self.wire.send_apart(pieces)

    def read_payload(self) -> bytes:
        """Whatever came of the body and was not read yet, or the next bytes of it."""
        return self.link.reader.take_some()

    def take(self, count: int) -> bytes:
        """So many bytes that are no HTTP."""
        return self.link.reader.take(count)

    def rest(self) -> bytes:
        """Whatever comes until the connection ends."""
        return self.link.reader.read_end()

    def close(self) -> None:
        self.wire.close()

    def half_close(self) -> None:
        self.wire.half_close()

    def reset(self) -> None:
        self.wire.reset()

    def hang(self) -> None:
        """Say nothing until the device under test or the end of the test closes the connection."""
        self.link.reader.read_end()
        self.wire.close()


class Origin:
    """An HTTP server that does what it is told. Use as a context manager, or start() and stop().

    `behaves` takes a function run for each request once its head is there; it may use the wire as it likes, and the
    Reply it returns, if any, is sent after the body was read. `replies` is the short form for fixed answers.
    A message from the device under test that breaks the protocol is kept in `problems`, which fails the test.
    """

    def __init__(self, address: str, port: int = 8080, *, backlog: int = 128) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        if family == socket.AF_INET6:
            self._listener.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        else:
            self._listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, port))
        self.address = address
        self.port: int = self._listener.getsockname()[1]
        self._backlog = backlog
        self._behaviour: Behaviour = lambda _visit: Reply()
        self._greeting: Greeting | None = None
        self._leaving: tuple[int, Leaving] | None = None
        self.departures = 0  # in leaves()'s way
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._stopping = False
        self.links: list[Link] = []
        self.received: list[Request] = []
        self.incomplete: list[Incomplete] = []
        self.problems: list[BaseException] = []
        self._heads = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """address:port as configurations write it."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def requests(self) -> int:
        """How many whole requests came."""
        return len(self.received)

    @property
    def last(self) -> Request:
        """The request that came last."""
        if not self.received:
            raise AssertionError("no request reached the origin")
        return self.received[-1]

    @property
    def connections(self) -> int:
        """How many connections were ever accepted."""
        return len(self.links)

    @property
    def open_connections(self) -> int:
        return sum(not link.ended.is_set() for link in self.links)

    @property
    def heads(self) -> int:
        """How many request heads came, whether or not their bodies were complete."""
        return self._heads

    def behaves(self, behaviour: Behaviour) -> None:
        """Run `behaviour` for each request from now on."""
        self._behaviour = behaviour

    def greets(self, greeting: Greeting | None) -> None:
        """Run `greeting` on each new connection before anything is read from it."""
        self._greeting = greeting

    def leaves(self, after: int, how: Leaving) -> None:
        """Leave the next connection over which so many bytes of a request come, whatever follows them."""
        self._leaving = (after, how)

    def replies(self, *replies: Reply) -> None:
        """Answer with these in turn, and with the last of them ever after."""
        first = self._heads

        def answer(visit: Visit) -> Reply:
            return replies[min(visit.number - first, len(replies) - 1)]

        self._behaviour = answer

    def start(self) -> None:
        self.resume()

    def stop(self) -> None:
        """Close everything; raises InfrastructureError if a thread does not end."""
        self._stopping = True
        with contextlib.suppress(OSError):  # paused: not listening
            self._listener.shutdown(socket.SHUT_RDWR)
        for link in list(self.links):
            link.wire.interrupt()
        end = Deadline(10)
        for thread in self._threads:
            thread.join(end.remaining)
            if thread.is_alive():
                raise InfrastructureError(f"thread {thread.name!r} of a scripted origin does not end")
        self._listener.close()

    def drop_connections(self, *, reset: bool = False) -> None:
        """End every open connection from this side with FIN (known to the peer's kernel on return) or RST."""
        links = [link for link in list(self.links) if not link.ended.is_set()]
        for link in links:
            if reset:
                link.wire.abort()
            else:
                link.wire.finish()
        for link in links:
            Deadline(5).wait_for(
                lambda link=link: link.ended.is_set() or link.wire.fin_acknowledged,  # type: ignore[misc]
                interval=0.001,
                what="the peer's kernel to acknowledge the end of a connection",
            )

    def wait_for_requests(self, count: int, *, seconds: float = 5.0) -> None:
        """Until so many whole requests have come."""
        Deadline(seconds).wait_for(
            lambda: self.requests >= count, interval=0.002, what=f"{count} requests at the origin (got {self.requests})"
        )

    def wait_for_heads(self, count: int, *, seconds: float = 5.0) -> None:
        """Until so many request heads have come."""
        Deadline(seconds).wait_for(lambda: self._heads >= count, interval=0.002, what=f"{count} heads at the origin")

    def wait_for_connections(self, count: int, *, seconds: float = 5.0) -> None:
        """Until so many connections are open."""
        Deadline(seconds).wait_for(
            lambda: self.open_connections >= count, interval=0.002, what=f"{count} open connections at the origin"
        )

    def wait_for_total(self, count: int, *, seconds: float = 5.0) -> None:
        """Until so many connections have ever been accepted."""
        Deadline(seconds).wait_for(
            lambda: self.connections >= count, interval=0.002, what=f"{count} connections accepted by the origin"
        )

    def wait_for_bytes(self, data: bytes, *, seconds: float = 5.0) -> None:
        """Until these bytes have come in a row over one connection."""
        Deadline(seconds).wait_for(
            lambda: any(data in link.reader.raw for link in list(self.links)),
            interval=0.002,
            what=f"{data[:60]!r} to reach the origin",
        )

    def wait_for_incomplete(self, count: int, *, seconds: float = 5.0) -> None:
        """Until so many connections have ended inside a request."""
        Deadline(seconds).wait_for(
            lambda: len(self.incomplete) >= count, interval=0.002, what=f"{count} requests cut off at the origin"
        )

    def wait_until_left(self, *, seconds: float = 5.0) -> None:
        """Until no connection is open any more."""
        Deadline(seconds).wait_for(
            lambda: self.open_connections == 0, interval=0.002, what="every connection to the origin to end"
        )

    def pause(self) -> None:
        """Stop listening: connections to the endpoint are refused until resume(). Open ones live on."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()

    def resume(self) -> None:
        """Listen again."""
        self._listener.listen(self._backlog)
        self._acceptor = self._spawn(self._accept, f"origin {self.endpoint}")

    def record(self, link: Link, request: Request) -> None:
        with self._lock:
            link.unserved = 0
            link.requests.append(request)
            self.received.append(request)

    def _spawn(self, work: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return  # pause() or stop() shut the listener
            link = Link(len(self.links), Wire(sock, patience=_IDLE_S), self._receive)
            with self._lock:
                self.links.append(link)
            if self._stopping:
                link.wire.interrupt()
            self._spawn(lambda link=link: self._serve(link), f"origin {self.endpoint} link {link.number}")  # type: ignore[misc]

    def _receive(self, link: Link) -> bytes:
        data = link.wire.receive()
        with self._lock:
            link.unserved += len(data)
            if self._leaving is None or not data or link.unserved < self._leaving[0]:
                return data
            (_, how), self._leaving = self._leaving, None
            self.departures += 1
        if how == "reset":
            link.wire.reset()
        else:
            link.wire.close()
        return b""

    def _serve(self, link: Link) -> None:
        try:
            if self._greeting:
                self._greeting(link.wire)
            while not link.wire.closed:
                head = link.reader.read_request_head()
                with self._lock:
                    number = self._heads
                    self._heads += 1
                visit = Visit(self, link, head, number)
                reply = self._behaviour(visit)
                if reply is not None:
                    _ = visit.request
                    link.wire.send(reply.encode())
                    if reply.framing.value == "close":
                        link.wire.close()
        except Closed:
            pass
        except Incomplete as cut:
            self.incomplete.append(cut)
        except ProtocolViolation as violation:
            self.problems.append(violation)
        except OSError as error:
            if not link.wire.closed and not isinstance(error, ConnectionError):
                self.problems.append(error)
        except BaseException as error:  # noqa: BLE001 - kept for the test's own thread, which raises it
            if not self._stopping:
                self.problems.append(error)
        finally:
            link.ended.set()
            link.wire.close()
