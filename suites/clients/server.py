"""The server that real clients are recorded with: keeps every request's bytes, and says what lets a client go on."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Answer = tuple[int, dict[str, str], bytes]

PAGE: Final = b"""<!doctype html><html><head><meta charset="utf-8"><title>Shop</title>
<link rel="stylesheet" href="/style.css"><link rel="icon" href="/favicon.ico"><script src="/app.js"></script></head>
<body><h1>Shop</h1><img src="/logo.png" alt="">
<form id="login" method="post" action="/wp-login.php"><input name="log" value="J\xc3\xbcrgen O'Neil">
<input name="pwd" type="password" value="p&amp;ss &lt;w&gt; %100"><input type="submit" name="wp-submit" value="Log In">
</form><form id="search" action="/"><input name="s" value="caf&#233; &amp; cr&#232;me br&#251;l&#233;e 50%"></form>
<form id="upload" method="post" action="/upload" enctype="multipart/form-data"><input name="title" value="t">
<input id="file" type="file" name="file"></form></body></html>"""
_CHALLENGES: Final = {
    "/private": 'Basic realm="shop"',
    "/digest": 'Digest realm="shop", nonce="a+b/c==", qop="auth", algorithm=SHA-256, opaque="x"',
}
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".png": "image/png", ".json": "application/json"}


def _git(target: str, method: str, head: bytes, body: bytes, root: Path) -> Answer:
    """What git's own server program answers."""
    path, _, query = target.partition("?")
    fields = dict(line.lower().split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:] if ": " in line)
    environment = {
        **os.environ, "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
        "QUERY_STRING": query, "REQUEST_METHOD": method, "CONTENT_TYPE": fields.get("content-type", ""),
        "HTTP_CONTENT_ENCODING": fields.get("content-encoding", ""), "REMOTE_ADDR": "127.0.0.1",
        "GIT_PROTOCOL": fields.get("git-protocol", ""),
    }  # fmt: skip
    done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
    lines, _, content = done.stdout.partition(b"\r\n\r\n")
    answer = dict(line.split(": ", 1) for line in lines.decode().split("\r\n") if ": " in line)
    return int(answer.pop("Status", "200").split()[0]), answer, content


def answer_to(method: str, target: str, head: bytes, body: bytes, root: Path) -> Answer:
    """What a shop, an API of another origin and a git server would answer."""
    path = target.split("?")[0]
    if ".git/" in path:
        return _git(target, method, head, body, root)
    fields = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "Access-Control-Allow-Headers": "content-type, x-requested-with, authorization",
        "Set-Cookie": "wordpress_test_cookie=WP%20Cookie%20check; path=/",
        "ETag": '"1"',
        "Last-Modified": "Sun, 01 Nov 2026 10:00:00 GMT",
        "Cache-Control": "no-cache",
    }
    if path.startswith("/missing") or "/debian/" in path or "/simple/" in path:
        return 404, {"Content-Type": "text/plain"}, b"no such thing\n"
    scheme = _CHALLENGES.get(path)
    if scheme and b"\r\nauthorization:" not in head.lower():
        return 401, {**fields, "WWW-Authenticate": scheme, "Content-Type": "text/plain"}, b"who is there?\n"
    if path == "/redirect":
        return 302, {**fields, "Location": "/"}, b""
    if method == "OPTIONS":
        return 204, fields, b""
    kind = _TYPES.get(Path(path).suffix) or ("application/json" if "/api" in path or "json" in path else "text/html")
    content = {"text/html": PAGE, "application/json": b'{"ok": true}'}.get(kind, b"/* */")
    return 200, {**fields, "Content-Type": kind}, content


@dataclass(frozen=True)
class Came:
    """A request: all of its bytes, its head, and its body without chunks."""

    data: bytes
    head: bytes
    body: bytes


class Server:
    """Listens at an address; `seen` has each request's bytes in the order in which they came."""

    def __init__(self, address: tuple[str, int], root: Path) -> None:
        self.seen: list[bytes] = []
        self._root = root
        self._listener = socket.create_server(address)
        threading.Thread(target=self._accept, daemon=True).start()

    def take(self) -> list[bytes]:
        """What came since this was last asked."""
        taken, self.seen = self.seen, []
        return taken

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = bytearray()

        def more() -> bool:
            try:
                data = connection.recv(1 << 16)
            except OSError:
                return False
            buffer.extend(data)
            return bool(data)

        with connection:
            while True:
                while b"\r\n\r\n" not in buffer:
                    if not more():
                        return
                end = buffer.index(b"\r\n\r\n") + 4
                head = bytes(buffer[:end])
                if b"\r\nexpect: 100-continue" in head.lower():
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                size, body = self._body(head, buffer, end, more)
                request = bytes(buffer[:size])
                self.seen.append(request)
                del buffer[:size]
                if not self._reply(connection, Came(request, head, body)):
                    return

    def _reply(self, connection: socket.socket, came: Came) -> bool:
        """Replies to a request; false if the connection is over then."""
        method, target, _ = came.head.split(b"\r\n")[0].decode("latin-1").split(" ")
        status, fields, content = answer_to(method, target, came.head, came.body, self._root)
        fields["Content-Length"] = str(len(content))
        lines = [f"HTTP/1.1 {status} Answer", *(f"{name}: {value}" for name, value in fields.items())]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if method == "HEAD" else content))
        start, *rest = came.head.lower().split(b"\r\n")
        named = {part.strip() for field in rest if field.startswith(b"connection:") for part in field[11:].split(b",")}
        return b"keep-alive" in named if start.endswith(b"http/1.0") else b"close" not in named

    def _body(self, head: bytes, buffer: bytearray, at: int, more: Callable[[], bool]) -> tuple[int, bytes]:
        """Where the request ends, and its body without chunks."""
        lower = head.lower()
        if b"\r\ntransfer-encoding: chunked" in lower:
            body = b""
            while True:
                while b"\r\n" not in buffer[at:]:
                    if not more():
                        return len(buffer), body
                line = buffer.index(b"\r\n", at)
                size = int(bytes(buffer[at:line]).split(b";")[0], 16)
                while len(buffer) < line + 2 + size + 2:
                    if not more():
                        return len(buffer), body
                body += buffer[line + 2 : line + 2 + size]
                at = line + 2 + size + 2
                if not size:
                    return at, body
        length = 0
        if b"\r\ncontent-length:" in lower:
            length = int(lower.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0])
        while len(buffer) < at + length:
            if not more():
                break
        return at + length, bytes(buffer[at : at + length])


class Relay(Server):
    """Passes requests on to the server `upstream`, one on a connection, and is a Server otherwise."""

    def __init__(self, address: tuple[str, int], root: Path, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        super().__init__(address, root)

    def _reply(self, connection: socket.socket, came: Came) -> bool:
        start, _, fields = came.data.partition(b"\r\n")
        # A page that is left waits for nothing, and one may be open when the server is gone already.
        with suppress(OSError), socket.create_connection(self._upstream) as server:
            # It would keep the connection otherwise; of two fields that contradict each other close is heeded.
            server.sendall(start + b"\r\nConnection: close\r\n" + fields)
            while data := server.recv(1 << 16):
                connection.sendall(data)
        return False
