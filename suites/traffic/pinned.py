"""A client inside the guest, on one of its CPUs: what it sends over loopback is served on that CPU. Runs there, alone.

Waits until all have come to a meeting, asks over some connections at once, prints how many replies there were of each
status ("0" stands for a connection that was refused), and keeps its connections for a while. Every read is bounded.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from pathlib import Path

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


def meet(folder: Path, who: int, count: int) -> None:
    """Wait, on the CPU, until so many have come: however long each takes to start, they begin at the same time."""
    (folder / str(who)).touch(exist_ok=False)
    end = time.monotonic() + PATIENCE_S
    while sum(1 for _ in folder.iterdir()) < count:
        if time.monotonic() > end:
            sys.exit("nobody came")


def main(port: int, hold: float, connections: int, requests: int) -> None:
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
    time.sleep(max(0.0, began + hold - ended))


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    meet(Path(sys.argv[6]), int(sys.argv[1]), int(sys.argv[7]))
    main(int(sys.argv[2]), float(sys.argv[3]), *map(int, sys.argv[4:6]))
