"""Connects the user's terminal with a command that runs elsewhere, over whatever carries its bytes."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import socket
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from typing import Protocol

PIECE = 32 * 1024


class Remote(Protocol):
    """The far end: a command on a terminal of its own, or on pipes."""

    def send(self, data: bytes) -> None:
        """Bytes for its input."""

    def end_input(self) -> None:
        """No more follows."""

    def receive(self) -> bytes:
        """The next bytes of its output, waiting for them; empty at its end."""

    def resize(self, rows: int, columns: int) -> None:
        """Its terminal's new size."""

    def status(self) -> int:
        """Its exit status, once receive() has returned nothing."""


def size() -> tuple[int, int]:
    """Rows and columns of the user's terminal."""
    columns, rows = shutil.get_terminal_size()
    return rows, columns


def is_terminal() -> bool:
    """Whether a person sits there."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def attach(remote: Remote) -> int:
    """Pass bytes both ways until the command ends; its exit status. The terminal is raw meanwhile."""
    wake, woken = socket.socketpair()
    with wake, woken, _raw(), _on_resize(remote):
        feeder = threading.Thread(target=_feed, args=(remote, woken), daemon=True)
        feeder.start()
        while data := remote.receive():
            view = memoryview(data)
            while view:
                view = view[os.write(sys.stdout.fileno(), view) :]
        wake.send(b"\0")
        feeder.join()
    return remote.status()


def _feed(remote: Remote, woken: socket.socket) -> None:
    source = sys.stdin.fileno()
    with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
        selector.register(woken, selectors.EVENT_READ)
        try:
            selector.register(source, selectors.EVENT_READ)
        except PermissionError:  # a regular file is always readable, and epoll refuses it
            while data := os.read(source, PIECE):
                remote.send(data)
            remote.end_input()
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if woken in ready:
                return
            data = os.read(source, PIECE)
            if not data:
                selector.unregister(source)
                remote.end_input()
                continue
            remote.send(data)


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin.fileno())
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _on_resize(remote: Remote) -> Iterator[None]:
    handler: Callable[..., None] = lambda *_: remote.resize(*size())  # noqa: E731 - a handler of one line
    before = signal.signal(signal.SIGWINCH, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
