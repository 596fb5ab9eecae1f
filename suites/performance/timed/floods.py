"""Floods from one address and from ten thousand, on devices that limit their clients; a row each, as in attacks.py.

Every device is told the same limits, in its own words. Only Weir blocks whoever passes one (`..._block`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from suites.performance.timed import flood, origin
from suites.performance.timed.attacks import ATTACKS, Attack, Start
from suites.performance.timed.sides import Endpoint
from suites.performance.timed.tool import Bench

MANY: Final = 10_000
REQUESTS_EACH: Final = 8  # of a connection, at once
BLOCK_S: Final = 30
LIMITS: Final = {
    "request_rate": 20,
    "connection_rate": 20,
    "concurrent_connections": 50,
    "action": "reset",
}
"""Each honest address asks once in two seconds, each of them on a connection of its own."""
BLOCKS: Final = dict.fromkeys(("request_rate_block", "connection_rate_block", "concurrent_connections_block"), BLOCK_S)


def _flood(mode: flood.Mode, rate: float) -> Start:
    def start(_bench: Bench, at: Endpoint, sources: Sequence[str], seconds: float) -> AbstractContextManager[None]:
        return flood.flooding(
            at,
            mode=mode,
            sources=sources,
            rate=rate,
            seconds=seconds,
            path=origin.SMALL,
            requests=REQUESTS_EACH,
        )

    return start


def _rows(name: str, what: str, mode: flood.Mode, rate: int, limits: dict[str, Any], **more: Any) -> tuple[Attack, ...]:
    start = _flood(mode, rate)
    return tuple(
        Attack(
            f"flood-{name}-{how}",
            f"{rate} {what} from {'one address' if sources == 1 else f'{sources} addresses'}",
            start,
            packets=rate // 10,
            limits=limits,
            sources=sources,
            answering=mode != "syn",
            **more,
        )
        for how, sources in (("one", 1), ("many", MANY))
    )


HANDSHAKES: Final = 300
"""A second: more than nginx on OpenSSL completes in an emulated guest."""
HONEST_HANDSHAKES: Final = 10.0
TLS_LIMITS: Final = {"tls_handshake_rate": 5, "tls_incomplete_rate": 5}
"""Weir's alone: the peers have none, but for those of connections."""

FLOODS: Final = {
    row.id: row
    for row in (
        *_rows("requests", f"connections a second with {REQUESTS_EACH} requests each", "requests", 500, LIMITS),
        *_rows(
            "blocked",
            f"connections a second with {REQUESTS_EACH} requests each, who is over a limit is blocked,",
            "requests",
            500,
            LIMITS | BLOCKS,
        ),
        *_rows("connections", "connections a second that say nothing", "connections", 1000, LIMITS | BLOCKS),
        *_rows(
            "handshakes",
            "TLS handshakes a second that are begun and left",
            "handshakes",
            HANDSHAKES,
            LIMITS | BLOCKS | TLS_LIMITS,
            https=True,
            honest_rate=HONEST_HANDSHAKES,
        ),
        *_rows("syn", "SYN a second that nobody stands behind", "syn", 10_000, LIMITS | BLOCKS),
    )
}

ATTACKS_AND_FLOODS: Final = {**ATTACKS, **FLOODS}
