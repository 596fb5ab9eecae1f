"""Memory that a connection costs the guest: what many cost more than few, on one started device.

Only the device's end of each connection is in the guest, and the upstream connection of one that is busy: clients and
origins are on the host. What a device costs without connections is there both times and cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, Literal

from lab.errors import InfrastructureError
from suites.duts.config import Config, Server
from suites.performance.timed import guest, hold, mute, origin
from suites.performance.timed.sides import Sample, Side

Kind = Literal["idle", "active"]
MUTE_PORT: Final = 8081
PER_SERVER: Final = 1000  # upstream connections to one address; Weir opens 1,024 at most
FEW_SHARE: Final = 0.1


@dataclass(frozen=True)
class Place:
    """Addresses that connections come from, and those that requests which are to stay busy are sent to.

    `configure` makes the devices' configuration for these servers, none meaning the common origin; `side` makes the
    side for a configuration, told whether anything is to be answered there.
    """

    clients: Sequence[str]
    silent_origins: Sequence[str]
    configure: Callable[[Sequence[Server]], Config]
    side: Callable[[Config, bool], Side]


def per_connection(place: Place, kind: Kind, count: int) -> Sample:
    """Bytes for each of `count` connections of this kind.

    A connection that does not come to stand counts as failed. Raises InfrastructureError when they seem to cost nought.
    """
    few = max(1, round(count * FEW_SHARE))
    with ExitStack() as stack:
        silent = None
        if kind == "active":
            silent = stack.enter_context(mute.listening(_addresses(place.silent_origins, count), MUTE_PORT))
        side = place.side(place.configure(_servers(place, kind, count, few)), kind == "idle")
        endpoint = stack.enter_context(side.running())

        def hold_more(number: int, total: int) -> hold.Held:
            held = stack.enter_context(
                hold.held(
                    endpoint,
                    mode=kind,
                    count=number,
                    sources=place.clients,
                    path=origin.SMALL,
                    body=origin.SIZES[origin.SMALL],
                )
            )
            if silent is not None and not held.failed:
                silent.wait_for(total, seconds=10 + total / 300)
            return held

        first = hold_more(few, few)
        small = guest.memory(side.machine)
        if silent is not None and side.apply is not None:
            side.apply(place.configure(_servers(place, kind, count, count)))
        second = hold_more(count - few, count)
        used = guest.memory(side.machine) - small
    added, failed = count - few, first.failed + second.failed
    if used.used <= 0 and not failed:
        raise InfrastructureError(f"{added} connections seem to cost no memory: {used}")
    return Sample(
        metrics={f"memory_per_{kind}_connection": used.used / added},
        requests=count,
        failed=failed,
        failures=f"connections that did not stand: {first.reasons | second.reasons}" if failed else "",
        attributes={
            "connections": f"{count}, less what {few} use",
            "memory_used": f"{used.used} bytes",
            "slab_bytes_per_connection": f"{used.slab / added:.0f}",
            "socket_buffer_bytes_per_connection": f"{used.sockets / added:.0f}",
        },
    )


def _addresses(addresses: Sequence[str], count: int) -> list[str]:
    """As many origin addresses as so many upstream connections need."""
    return list(addresses[: -(-count // PER_SERVER)])


def _servers(place: Place, kind: Kind, count: int, busy: int) -> list[Server]:
    """Silent servers for `count` requests in the end, with an upstream connection for each of the `busy` ones."""
    if kind == "idle":
        return []
    addresses = _addresses(place.silent_origins, count)
    return [Server(f"{address}:{MUTE_PORT}", -(-busy // len(addresses))) for address in addresses]
