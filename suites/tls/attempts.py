"""What becomes of a handshake that a limit may refuse, as its client sees it."""

from __future__ import annotations

from suites.traffic.client import Client
from suites.traffic.errors import LateReset, Silence
from suites.traffic.tls import Tls

PATIENCE_S = 1.0
"""More than it takes until a hello is sent again."""


def attempt(client: Client, tls: Tls | None = None, *, to: tuple[str, int] | None = None) -> str:
    """A handshake with a request behind it: the status, "reset", or "silence".

    A hello that is dropped is sent again after 0.2 s or more, and then reset by TCP, which knows of no connection: this
    is silence, too. A host that is late may have sent it again as well, and gets another try.
    """
    for _ in range(2):
        try:
            with client.connect(patience=PATIENCE_S, to=to, tls=tls) as connection:
                return str(connection.ask().status)
        except Silence:
            return "silence"
        except LateReset:
            continue
        except ConnectionError:
            return "reset"
    return "silence"
