"""QMP, QEMU's control protocol, for synchronous callers: qemu.qmp on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from qemu.qmp import ExecuteError, QMPClient, QMPError, StateError

from lab.errors import InfrastructureError

Event = dict[str, Any]


class QmpError(InfrastructureError):
    """QEMU refused a command, or does not answer."""


class Qmp:
    """A connection to one QEMU. Events go to `on_event`, which is called in the connection's own thread.

    A STOP event carries the run state that it led to as "status" ("internal-error" if the accelerator failed).
    """

    def __init__(self, connection: socket.socket, *, name: str, on_event: Callable[[Event], None]) -> None:
        self.name = name
        self._on_event = on_event
        self._connection = connection
        self._loop = asyncio.new_event_loop()
        self._client = QMPClient(name)
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"qmp-{name}", daemon=True)
        self._thread.start()
        self._listener: asyncio.Task[None] | None = None

    def connect(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for QEMU's greeting. Raises QmpError."""
        self._call(self._connect(), timeout, "the greeting")

    def execute(self, command: str, timeout: float = 10.0, **arguments: Any) -> Any:
        """Run a command: what QEMU returns. `_` in argument names stands for `-`. Raises QmpError."""
        named = {key.replace("_", "-"): value for key, value in arguments.items()}
        return self._call(self._client.execute(command, named), timeout, command)

    def close(self) -> None:
        """End the connection and its thread; nothing is said to QEMU."""
        with contextlib.suppress(QmpError):
            self._call(self._disconnect(), 5.0, "disconnect")
        self._loop.call_soon_threadsafe(self._loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join(5.0)
        if not self._loop.is_running():
            self._loop.close()
        self._connection.close()

    async def _connect(self) -> None:
        await self._client.connect(self._connection)
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for message in self._client.events:
            event = dict(message)
            if event["event"] == "STOP":
                # The event does not say why; the run state does, and only this thread may ask for it now.
                with contextlib.suppress(QMPError, StateError, OSError, EOFError):
                    event["status"] = (await self._client.execute("query-status"))["status"]
            self._on_event(event)

    async def _disconnect(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
        with contextlib.suppress(QMPError, StateError, OSError, EOFError):
            await self._client.disconnect()

    def _call(self, work: Coroutine[Any, Any, Any], timeout: float, what: str) -> Any:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise QmpError(f"{self.name}: QEMU did not answer `{what}` within {timeout:.1f} s") from None
        except ExecuteError as error:
            raise QmpError(f"{self.name}: QEMU refused `{what}`: {error}") from error
        except (QMPError, StateError, OSError, EOFError) as error:
            raise QmpError(f"{self.name}: no QMP connection for `{what}`: {error}") from error
