"""Firefox without a screen, driven by Marionette, the protocol that is built into it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from lab import sandbox
from lab.deadline import Deadline
from lab.errors import InfrastructureError
from lab.tools import ToolsTree

_PORT: Final = 2828
_START_S: Final = 120
_ANSWER_S: Final = 60
# What it would ask of its maker by itself has nowhere to go here; this keeps it from waiting for that.
_PREFERENCES: Final[dict[str, bool | int | str]] = {
    "marionette.port": _PORT,
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}


class Firefox:
    """A running one; use `firefox()`."""

    def __init__(self, connection: socket.socket) -> None:
        self._stream = connection.makefile("rwb")
        self._number = 0
        self._read()  # it says what it speaks
        capabilities = self.call("WebDriver:NewSession")["capabilities"]
        self.version = f"Firefox/{capabilities['browserVersion']}"

    def call(self, command: str, **parameters: Any) -> Any:
        """One command and its answer. Raises InfrastructureError when Firefox refuses it."""
        self._number += 1
        message = json.dumps([0, self._number, command, parameters]).encode()
        self._stream.write(b"%d:%s" % (len(message), message))
        self._stream.flush()
        _, _, error, result = self._read()
        if error:
            raise InfrastructureError(f"Firefox refused {command}: {error}")
        return result

    def open(self, url: str) -> None:
        """Loads a page, and whatever that leads to at once."""
        self.call("WebDriver:Navigate", url=url)

    def ask(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression, awaited if it is a promise."""
        script = f"return (async () => {{ return await ({expression}); }})();"
        return self.call("WebDriver:ExecuteScript", script=script, args=[])["value"]

    def until(self, expression: str, seconds: float = 20) -> None:
        """Asks until the answer is true, whatever is loaded meanwhile. Raises DeadlineExpired."""

        def answer() -> Any:
            try:
                return self.ask(expression)
            except InfrastructureError:  # the page that was asked is gone
                return None

        Deadline(seconds).wait_for(answer, what=expression)

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            byte = self._stream.read(1)
            if not byte:
                raise InfrastructureError("Firefox ended", hint="its log is firefox.log")
            length += byte
        return json.loads(self._stream.read(int(length[:-1])))


@contextmanager
def firefox(tree: ToolsTree, folder: Path) -> Iterator[Firefox]:
    """Firefox of the tree, in the caller's network, with its profile and log in `folder`; gone on leaving."""
    profile = folder / "firefox"
    profile.mkdir()
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _PREFERENCES.items()]
    (profile / "user.js").write_text("".join(lines), encoding="ascii")
    argv: list[str | Path] = ["firefox-esr", "--headless", "--no-remote", "--marionette", "--profile", profile]
    environment = {"HOME": str(profile), "MOZ_DISABLE_CONTENT_SANDBOX": "1"}
    command = sandbox.command(tree, argv, cwd=folder, env=environment, network=True)
    with (folder / "firefox.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            with _connected(process) as connection:
                yield Firefox(connection)
        finally:
            process.kill()
            process.wait()


def _connected(process: subprocess.Popen[bytes]) -> socket.socket:
    def connect() -> socket.socket | None:
        if process.poll() is not None:
            raise InfrastructureError("Firefox ended before it listened", hint="its log is firefox.log")
        try:
            return socket.create_connection(("127.0.0.1", _PORT), timeout=_ANSWER_S)
        except ConnectionRefusedError:
            return None

    connection = Deadline(_START_S).wait_for(connect, what="Firefox listens for commands")
    assert connection is not None
    return connection
