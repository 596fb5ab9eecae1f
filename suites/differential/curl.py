"""curl as a reader of replies: one process fetches them all from a server that says exactly the bytes it is given.

Behind each reply whose connection stays open curl asks for another. That it comes over the same connection shows that
curl saw the first one end where it does: curl gives up a connection on which bytes are left.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lab.errors import InfrastructureError
from suites.differential.readers import BEHIND, BODY_BEHIND, Relayed, seen
from suites.differential.view import View
from suites.traffic.programs import Programs

PATIENCE_S = 5  # for one reply: curl that waits for more than there is says so after that time
_TOLD = "=== "
_FIELDS = "\n--- "


class Server:
    """Says reply n to whoever asks for /n, and BEHIND to who asks for /behind-n; closes where the reply says so."""

    def __init__(self, path: Path, messages: Sequence[Relayed]) -> None:
        self._messages = messages
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while head := _head(connection):
                target = head.split(b" ")[1].decode()
                if target.startswith("/behind-"):
                    connection.sendall(BEHIND)
                    continue
                message = self._messages[int(target.removeprefix("/"))]
                connection.sendall(message.raw)
                if not message.response.keeps_open:
                    return


def _head(connection: socket.socket) -> bytes:
    """A request without a body, as curl's are here; nothing at the end."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    return data


def read_by_curl(programs: Programs, folder: Path, messages: Sequence[Relayed]) -> list[View]:
    """What curl saw of each, in order. `folder` is new, and its name short: it has the server's socket."""
    folder.mkdir()
    server = Server(folder / "socket", messages)
    try:
        config = "next\n".join(_transfers(folder, messages))
        told = programs.curl("--config", "-", input=config.encode(), seconds=60.0 + len(messages)).output
    finally:
        server.close()
    transfers = _parse(told.decode("latin-1"))
    views = []
    for number, message in enumerate(messages):
        report, fields = next(transfers)
        behind = next(transfers)[0] if message.response.keeps_open else None
        views.append(_view(folder, number, message, report, fields, behind))
    return views


def _transfers(folder: Path, messages: Sequence[Relayed]) -> Iterator[str]:
    """Each transfer as a section of curl's configuration file."""

    def transfer(target: str, output: Path, method: str) -> str:
        lines = [
            f'url = "http://weir.test{target}"',
            f'unix-socket = "{folder / "socket"}"',
            f'output = "{output}"',
            f"max-time = {PATIENCE_S}",
            f'write-out = "\\n{_TOLD}%{{json}}{_FIELDS.replace(chr(10), chr(92) + "n")}%{{header_json}}"',
            *(["head"] if method == "HEAD" else []),
        ]
        return "".join(line + "\n" for line in lines)

    for number, message in enumerate(messages):
        yield transfer(f"/{number}", folder / str(number), message.case.method)
        if message.response.keeps_open:
            yield transfer(f"/behind-{number}", folder / f"behind-{number}", "GET")


def _parse(told: str) -> Iterator[tuple[dict[str, Any], dict[str, list[str]]]]:
    """What curl tells of each transfer: its report, and the fields it read."""
    for part in f"\n{told}".split(f"\n{_TOLD}")[1:]:
        report, _, fields = part.partition(_FIELDS)
        yield json.loads(report, strict=False), json.loads(fields, strict=False)
    raise InfrastructureError(f"curl ended before its time; the end of what it told: {told[-500:]!r}")


def _view(
    folder: Path,
    number: int,
    message: Relayed,
    report: dict[str, Any],
    fields: dict[str, list[str]],
    behind: dict[str, Any] | None,
) -> View:
    if report["exitcode"]:
        return View(f"refused: {report['errormsg']}", "not served")
    # What curl writes for HEAD are the lines of the head.
    body = b"" if message.case.method == "HEAD" else _content(folder / str(number))
    after = "served"
    if behind is not None:
        following = _content(folder / f"behind-{number}")
        if behind["num_connects"] or following != BODY_BEHIND:
            after = f"another end: {behind['num_connects']} connections more, then {following!r}"
    pairs = [(name, value) for name, values in fields.items() for value in values]
    return seen(report["response_code"], None, pairs, body, after)


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
