"""TLS on a wire: what is said is encrypted by Python's ssl, and goes where the wire's own rules put it.

So a test may still cut what is sent at any byte, close one direction, or reset.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from suites.traffic.certificates import authority
from suites.traffic.wire import PATIENCE_S, Wire

_CHUNK: Final = 1 << 16


@cache
def trusting(*, protocol: str = "http/1.1", verify: bool = True) -> ssl.SSLContext:
    """A client's settings: it trusts the tests' own authority, and asks for `protocol` unless that is empty."""
    context = ssl.create_default_context(cadata=authority().pem)
    # Python lets a FIN pass for a close_notify: then nobody would see that one is missing.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if protocol:
        context.set_alpn_protocols([protocol])
    return context


@dataclass(frozen=True)
class Tls:
    """How a client speaks TLS: its settings, and the name that it asks for."""

    context: ssl.SSLContext
    name: str | None = "weir.test"
    session: ssl.SSLSession | None = None
    """That the client would go on with."""
    apart: int = 0
    """All is sent in pieces of so many bytes, each in a segment of its own; 0: as it comes."""
    cut: int = 0
    """What is sent first is cut here: two segments."""
    record: int = 1 << 16
    """Bytes that are encrypted at a time."""


def client_hello(context: ssl.SSLContext | None = None, name: str = "weir.test") -> bytes:
    """The record with a client's first message."""
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        (context or trusting()).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


class TlsWire(Wire):
    """A wire whose bytes are those inside TLS. The handshake is done when it is made."""

    def __init__(self, sock: socket.socket, tls: Tls, *, patience: float = PATIENCE_S) -> None:
        super().__init__(sock, patience=patience)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls.context.wrap_bio(self._incoming, self._outgoing, server_hostname=tls.name, session=tls.session)
        self._apart, self._cut, self._record = tls.apart, tls.cut, tls.record
        self._handshake()

    def _handshake(self) -> None:
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._feed(None)
                continue
            except ssl.SSLError:
                self._flush()  # the alert
                raise
            self._flush()
            return

    def _flush(self) -> None:
        data = self._outgoing.read()
        if not data:
            return
        if self._cut:
            super().send(data[: self._cut])
            self.wait_acknowledged()
            data, self._cut = data[self._cut :], 0
        for at in range(0, len(data), self._apart or len(data)):
            super().send(data[at : at + (self._apart or len(data))])
            if self._apart:
                self.wait_acknowledged()

    def _feed(self, patience: float | None) -> None:
        """More of what the peer has sent, or that it sends no more."""
        data = super().receive(patience=patience)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def send(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            view = view[self.tls.write(view[: self._record]) :]
            self._flush()

    def send_what_fits(self, data: bytes | memoryview) -> int:
        raise NotImplementedError("there is no half a record")

    def send_apart(self, pieces: Iterable[bytes]) -> None:
        """Each piece in a record, and that in a segment, of its own."""
        for piece in pieces:
            self.send(piece)
            self.wait_acknowledged()

    def receive(self, *, patience: float | None = None) -> bytes:
        """As Wire's. b"" once the peer has said that it will send no more; ssl.SSLEOFError: it ended without a word."""
        while True:
            try:
                return self.tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                self._flush()
                self._feed(patience)
            except ssl.SSLZeroReturnError:
                return b""

    def half_close(self) -> None:
        """Say that nothing more follows, and send FIN."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self._flush()
        super().half_close()

    def close(self) -> None:
        """Say that nothing more follows, as far as there is room to, and close."""
        if not self.closed:
            with contextlib.suppress(ssl.SSLError, OSError):
                self.tls.unwrap()
            with contextlib.suppress(OSError):
                self._write(self._outgoing.read())
        super().close()
