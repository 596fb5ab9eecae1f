"""Real WebSocket peers (the `websockets` package) at addresses of the lab: a server that echoes, and clients of it."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from lab.deadline import Deadline
from suites.traffic.wire import IP_FREEBIND

CHAT = Subprotocol("chat.weir.test")
PATIENCE_S = 60.0
_log = logging.getLogger("weir.websocket")
_log.setLevel(logging.CRITICAL)  # connections opened ahead that end without a request are no errors


def _socket(address: str, port: int = 0) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    return made


class EchoServer:
    """Sends every message back. A message "close" makes it close with code 4001."""

    def __init__(self, address: str, port: int) -> None:
        listener = _socket(address, port)
        listener.listen()
        self.endpoint = f"{address}:{port}"
        self.closed: list[tuple[int, str]] = []
        self._server = serve(
            self._echo,
            sock=listener,
            subprotocols=[CHAT],
            open_timeout=None,
            ping_interval=None,
            max_size=None,
            logger=_log,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name=f"websocket {self.endpoint}")

    def __enter__(self) -> EchoServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()

    def _echo(self, peer: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for message in peer:
                if message == "close":
                    peer.close(4001, "as asked")
                    break
                peer.send(message)
        self.closed.append((peer.close_code or 0, peer.close_reason or ""))

    def wait_until_closed(self, count: int) -> None:
        """Until so many WebSocket connections have ended."""
        Deadline(5).wait_for(lambda: len(self.closed) >= count, what=f"{count} WebSocket connections to end")


@contextmanager
def websocket(endpoint: tuple[str, int], source: str, *, compression: str | None = None) -> Iterator[ClientConnection]:
    """A WebSocket connection to `endpoint` from the address `source`."""
    wire = _socket(source)
    wire.settimeout(Deadline(PATIENCE_S).seconds)
    wire.connect(endpoint)
    with connect(
        "ws://weir.test/chat",
        sock=wire,
        subprotocols=[CHAT],
        compression=compression,
        ping_interval=None,
        max_size=None,
        open_timeout=Deadline(PATIENCE_S).seconds,
    ) as connection:
        yield connection
