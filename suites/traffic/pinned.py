"""A client inside the guest, on one of its CPUs: what it sends over loopback is served on that CPU. Runs there, alone.

Waits until it is told to begin, asks over some connections at once, prints how many replies there were of each status
("0" stands for a connection that was refused), and keeps its connections for a while. Every read is bounded.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time

PATIENCE_S = 30.0


def connect(port: int) -> socket.socket | None:
    """A connection that is up, or None if it was refused."""
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    except ConnectionError:
        return None


def statuses(connection: socket.socket, count: int) -> list[str]:
    """Those of the next `count` replies; all of their heads have a length."""
    found: list[str] = []
    buffer = b""
    while len(found) < count:
        head, end, rest = buffer.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = sum(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        if end and len(rest) >= length:
            found.append(lines[0].split(b" ")[1].decode())
            buffer = rest[length:]
            continue
        try:
            data = connection.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            return [*found, "0"]
        buffer += data
    return found


def main(cpu: int, port: int, begin: float, hold: float, connections: int, requests: int) -> None:
    os.sched_setaffinity(0, {cpu})
    while time.monotonic() < begin:
        pass  # both are to begin at the same time, and a clock says when
    began = time.monotonic()
    open_ = [connect(port) for _ in range(connections)]
    request = b"GET / HTTP/1.1\r\nHost: weir.test\r\n\r\n" * requests
    for connection in open_:
        if connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(request)
    counted: dict[str, int] = {}
    for connection in open_:
        for status in statuses(connection, requests) if connection else ["0"]:
            counted[status] = counted.get(status, 0) + 1
    ended = time.monotonic()
    print(json.dumps({"statuses": counted, "began": began, "ended": ended}), flush=True)
    time.sleep(max(0.0, begin + hold - ended))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *map(float, sys.argv[3:5]), *map(int, sys.argv[5:7]))
