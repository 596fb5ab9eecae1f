"""A visit of a web client's: a connection, one request, its reply. Over TLS with a full handshake.

And how those who make many are run: by an order, in a process of their own, so that nothing here disturbs their timing.
"""

from __future__ import annotations

import json
import os
import select
import socket
import ssl
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from lab.deadline import Deadline
from lab.errors import InfrastructureError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_IP_BIND_ADDRESS_NO_PORT: Final = 24  # linux/in.h


def by_order(module: str, order: DataclassInstance, *, seconds: float) -> dict[str, Any]:
    """What `python -m module ORDER` prints as JSON; it should end within `seconds`. Raises InfrastructureError."""
    limit = seconds + Deadline(10.0).seconds
    argv = [sys.executable, "-m", module, json.dumps(asdict(order))]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as expired:
        raise InfrastructureError(f"the clients of {module} did not end within {limit:.0f} s") from expired
    if done.returncode:
        raise InfrastructureError(f"the clients of {module} failed: {done.stderr.strip()[-1000:]}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def trusting() -> ssl.SSLContext:
    """Of a client that takes any certificate: those of measurements are worthless."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Visit:
    """One request on its way, from `source`; it was due at `due`. Over TLS if there is a `context`.

    It is to be registered for EPOLLOUT, and `step` called whenever epoll(7) names it.
    """

    def __init__(self, to: tuple[str, int], source: str, due: float, context: ssl.SSLContext | None = None) -> None:
        self.due = due
        self.received = bytearray()
        self._asked = False
        self._shaken = False
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing) if context else None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        # The port is chosen at connect(2), for the whole tuple: as many connections a source as there are ports.
        self.socket.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        self.socket.bind((source, 0))
        self.socket.connect_ex(to)

    def complete(self, body: int) -> str:
        """The status once head and body are there; nothing before."""
        head, found, rest = bytes(self.received).partition(b"\r\n\r\n")
        if not found:
            return ""
        status = head.split(b" ", 2)[1].decode("ascii", "replace")
        return status if status != "200" or len(rest) >= body else ""

    def step(self, poll: select.epoll, request: bytes) -> bool:
        """Send the request when connected, or take what came; whether the other side has closed. Raises OSError."""
        if error := self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))
        if not self._asked:
            self._asked = True
            poll.modify(self.socket, select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP)
            if self._tls is None:
                self.socket.send(request)
            else:
                self._go_on(self._tls, request)
            return False
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return False
        if self._tls is None:
            self.received += data
        elif data:
            self._incoming.write(data)
            self._go_on(self._tls, request)
        return not data

    def _go_on(self, tls: ssl.SSLObject, request: bytes) -> None:
        """The handshake, the request, the reply: as far as what came takes it. What is sent fits into the socket."""
        try:
            if not self._shaken:
                tls.do_handshake()
                self._shaken = True
                tls.write(request)
            while more := tls.read(65536):
                self.received += more
        except ssl.SSLWantReadError:
            pass
        if said := self._outgoing.read():
            self.socket.send(said)
