"""An address in the lab for a program that cannot bind to one: a SOCKS5 proxy (RFC 1928) on the loopback device.

Each connection that the program asks for, whatever name it asks for, is made to one place from one of the lab's
addresses, and its bytes are passed on as they are. So a browser is a host of the lab, and any name leads to the device.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from suites.traffic.wire import IP_FREEBIND

_PATIENCE_S = 60.0
"""A connection on which nothing moves for so long is given up."""
_CONNECTIONS = 64
_PIECE = 1 << 16
_VERSION, _CONNECT, _NAME, _GRANTED, _REFUSED = 5, 1, 3, 0, 5


class SocksHost:
    """The address `source`, while entered. `target` is asked for each connection where it goes to."""

    def __init__(self, source: str, target: Callable[[], tuple[str, int]]) -> None:
        self.address = source
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_CONNECTIONS)
        self._slots = threading.BoundedSemaphore(_CONNECTIONS)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False
        self.connections = 0
        """That were made."""

    @property
    def url(self) -> str:
        """For the program."""
        return f"socks5://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="socks", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
            left = list(self._open)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in left:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                inner, _ = self._listener.accept()
            except OSError:
                return
            if not self._slots.acquire(blocking=False):
                inner.close()
                continue
            threading.Thread(target=self._serve, args=(inner,), name="socks", daemon=True).start()

    def _serve(self, inner: socket.socket) -> None:
        try:
            with inner, contextlib.suppress(OSError, EOFError):
                inner.settimeout(_PATIENCE_S)
                _ask(inner)
                self._relay(inner)
        finally:
            self._slots.release()

    def _relay(self, inner: socket.socket) -> None:
        try:
            outer = self._connect()
        except OSError:
            inner.sendall(_answer(_REFUSED))
            return
        with outer:
            with self._lock:
                if self._closed:
                    return
                self._open |= {inner, outer}
                self.connections += 1
            try:
                inner.sendall(_answer(_GRANTED))
                back = threading.Thread(target=_pass_on, args=(outer, inner), name="socks", daemon=True)
                back.start()
                _pass_on(inner, outer)
                back.join()
            finally:
                with self._lock:
                    self._open -= {inner, outer}

    def _connect(self) -> socket.socket:
        outer = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            outer.settimeout(_PATIENCE_S)
            outer.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
            outer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            outer.bind((self.address, 0))
            outer.connect(self._target())
        except OSError:
            outer.close()
            raise
        return outer


def _exactly(inner: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = inner.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _ask(inner: socket.socket) -> None:
    """The program's greeting and request, neither of which says anything that matters here. Raises EOFError."""
    version, methods = _exactly(inner, 2)
    _exactly(inner, methods)
    inner.sendall(bytes((_VERSION, 0)))  # no authentication
    again, command, _, kind = _exactly(inner, 4)
    if (version, again, command) != (_VERSION, _VERSION, _CONNECT):
        raise EOFError
    length = _exactly(inner, 1)[0] if kind == _NAME else {1: 4, 4: 16}.get(kind, 0)
    _exactly(inner, length + 2)


def _answer(code: int) -> bytes:
    return bytes((_VERSION, code, 0, 1)) + bytes(6)


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Bytes until the end, which is passed on as well: a FIN as a FIN, a reset as one."""
    try:
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except ConnectionResetError:
        with contextlib.suppress(OSError):
            sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sink.shutdown(socket.SHUT_RDWR)
    except OSError:
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
