"""What each device is told against slow clients: its own documented settings, with the same seconds for all.

Limits of connections per address are for none of them: all of an attacking tool's connections come from one address,
and those of the one that has many keep below any such limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

SECONDS: Final = 3.0
"""A device waits so long for a head, for more of a body, and for a client to take more of a reply."""

TIMEOUTS: Final[Mapping[str, float]] = {"client_header": SECONDS, "client_body": SECONDS}
"""Of the neutral configuration: client_header_timeout and client_body_timeout of nginx, `timeout http-request` and
`timeout client` of HAProxy."""

WEIR: Final[Mapping[str, Any]] = {
    "min_body_rate": 500,
    "min_body_grace": SECONDS,
    "min_send_rate": 500,
    "min_send_grace": SECONDS,
    "header_chunks": 16,
    "body_ahead": 16384,
}
"""Limits that the peers have no counterpart of; they are told nothing of them."""

PEERS: Final[Mapping[str, tuple[tuple[str, tuple[str, ...], str], ...]]] = {
    "nginx": (
        (
            "reset_timedout_connection off;",
            ("reset_timedout_connection on;",),
            "what is left of a timed-out connection goes at once",
        ),
        (
            "access_log off;",
            ("access_log off;", f"send_timeout {SECONDS:.0f}s;"),
            "between two writes to a client that does not read",
        ),
    ),
    "haproxy": (
        (
            "mode http",
            ("mode http", "option http-buffer-request"),
            "timeout http-request then holds for the body, too, and a server is asked once it is there",
        ),
    ),
}
"""A line of the rendered configuration, the lines that take its place, and the reason."""


def defended(dut: str, text: str) -> str:
    """A peer's rendered configuration with its defences. Raises ValueError where a line is not there just once."""
    lines = text.split("\n")
    for line, instead, _reason in PEERS[dut]:
        (at,) = (number for number, found in enumerate(lines) if found.strip() == line)
        indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        lines[at : at + 1] = [indent + each for each in instead]
    return "\n".join(lines)
