"""Memory that a connection costs the guest: the slope between few and many, so that what a device costs at all cancels.

For each number of connections a side is started anew; used is what the guest has less than right before the start. Only
the device's end of each connection is in the guest, and its upstream connections with it: clients and origins are not.
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
    side for a configuration, told whether anything is to be answered there; `fresh` boots the guest.
    """

    clients: Sequence[str]
    silent_origins: Sequence[str]
    configure: Callable[[Sequence[Server]], Config]
    side: Callable[[Config, bool], Side]
    fresh: Callable[[], None]


def per_connection(place: Place, kind: Kind, count: int) -> Sample:
    """Bytes for each of `count` connections of this kind.

    A connection that does not come to stand counts as failed. Raises InfrastructureError when they seem to cost nothing.
    """
    few = max(1, round(count * FEW_SHARE))
    # What other measurements left behind, connections in TIME-WAIT above all, would be freed meanwhile; what a first
    # start leaves for good (files, caches of slabs) is no connection's cost.
    place.fresh()
    _used(place, kind, few)
    small, large = (_used(place, kind, number) for number in (few, count))
    failed = small.held.failed + large.held.failed

    def slope(what: Callable[[guest.Memory], int]) -> float:
        return (what(large.memory) - what(small.memory)) / (count - few)

    value = -slope(lambda memory: memory.available)
    if value <= 0 and not failed:
        raise InfrastructureError(f"{count} connections seem to cost no memory: {small}, {large}")
    return Sample(
        metrics={f"memory_per_{kind}_connection": value},
        requests=few + count,
        failed=failed,
        failures=f"connections that did not stand: {small.held.reasons | large.held.reasons}" if failed else "",
        attributes={
            "connections": f"slope between {few} and {count}",
            "memory_used": f"{-small.memory.available} bytes with {few}, {-large.memory.available} with {count}",
            "slab_bytes_per_connection": f"{slope(lambda memory: memory.slab):.0f}",
            "socket_buffer_bytes_per_connection": f"{slope(lambda memory: memory.sockets):.0f}",
        },
    )


@dataclass(frozen=True)
class _Used:
    """The change of the guest's memory, and what it is for."""

    memory: guest.Memory
    held: hold.Held


def _used(place: Place, kind: Kind, count: int) -> _Used:
    """From before the side's start to `count` standing connections."""
    with ExitStack() as stack:
        servers = _servers(place.silent_origins, count) if kind == "active" else []
        side = place.side(place.configure(servers), not servers)
        silent = None
        if servers:
            addresses = [server.address.rpartition(":")[0] for server in servers]
            silent = stack.enter_context(mute.listening(addresses, MUTE_PORT))
        before = guest.memory(side.machine)
        endpoint = stack.enter_context(side.running())
        held = stack.enter_context(
            hold.held(
                endpoint,
                mode=kind,
                count=count,
                sources=place.clients,
                path=origin.SMALL,
                body=origin.SIZES[origin.SMALL],
            )
        )
        if silent is not None and not held.failed:
            silent.wait_for(count, seconds=10 + count / 300)
        after = guest.memory(side.machine)
    return _Used(
        guest.Memory(after.available - before.available, after.slab - before.slab, after.sockets - before.sockets), held
    )


def _servers(addresses: Sequence[str], count: int) -> list[Server]:
    """As many origin addresses as it takes, with an upstream connection for each request."""
    number = -(-count // PER_SERVER)
    return [Server(f"{address}:{MUTE_PORT}", -(-count // number)) for address in addresses[:number]]
