"""Memory that a connection costs the guest: the slope between few and many, so that what a device costs at all cancels.

For each number of connections a side is started anew; used is what the guest has less than right before the start. Only
the device's end of each connection is in the guest, and its upstream connections with it: clients and origins are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, Literal

from lab.errors import ProductFailure
from suites.duts.config import Config, Server
from suites.performance.timed import guest, hold, mute, origin
from suites.performance.timed.engine import Station
from suites.performance.timed.sides import Sample, Side

Kind = Literal["idle", "active"]
MUTE_PORT: Final = 8081
PER_SERVER: Final = 1000  # upstream connections to one address; Weir opens 1,024 at most
FEW_SHARE: Final = 0.1


@dataclass(frozen=True)
class Place:
    """Where connections come from and, where they stay busy, lead to; `configure` adds the common settings."""

    station: Station
    clients: Sequence[str]
    silent_origins: Sequence[str]
    configure: Callable[[Sequence[Server]], Config]
    idle: Config


def per_connection(place: Place, kind: Kind, make_side: Callable[[Config, bool], Side], count: int) -> Sample:
    """Bytes for each of `count` connections of this kind. `make_side(config, serves)` makes the side.

    A connection that does not come to stand, or is closed, counts as failed.
    """
    few = max(1, round(count * FEW_SHARE))
    small, large = (_used(place, kind, make_side, number) for number in (few, count))
    failed = small[1].failed + large[1].failed
    span = count - few

    def slope(what: Callable[[guest.Memory], int]) -> float:
        return (what(large[0]) - what(small[0])) / span

    value = -slope(lambda memory: memory.available)
    if value <= 0 and not failed:
        raise ProductFailure(f"{count} connections cost no memory ({value:.0f} bytes each): they were not measured")
    return Sample(
        metrics={f"memory_per_{kind}_connection": value},
        requests=few + count,
        failed=failed,
        failures=f"connections that did not stand: {small[1].reasons | large[1].reasons}" if failed else "",
        attributes={
            "connections": f"{few} and {count}, slope",
            "slab_bytes_per_connection": f"{slope(lambda memory: memory.slab):.0f}",
            "socket_buffer_bytes_per_connection": f"{slope(lambda memory: memory.sockets):.0f}",
        },
    )


def _used(
    place: Place, kind: Kind, make_side: Callable[[Config, bool], Side], count: int
) -> tuple[guest.Memory, hold.Held]:
    """The change of the guest's memory from before the side's start to `count` standing connections."""
    machine = place.station.machine
    with ExitStack() as stack:
        if kind == "idle":
            side = make_side(place.idle, True)
            path, body, silent = origin.SMALL, origin.SIZES[origin.SMALL], None
        else:
            servers = _servers(place.silent_origins, count)
            silent = stack.enter_context(
                mute.listening([server.address.rpartition(":")[0] for server in servers], MUTE_PORT)
            )
            side, path, body = make_side(place.configure(servers), False), "/", 0
        before = guest.memory(machine)
        endpoint = stack.enter_context(side.running())
        held = stack.enter_context(
            hold.held(endpoint, mode=kind, count=count, sources=place.clients, path=path, body=body)
        )
        if silent is not None and not held.failed:
            silent.wait_for(count, seconds=10 + count / 300)
        after = guest.memory(machine)
    return (
        guest.Memory(after.available - before.available, after.slab - before.slab, after.sockets - before.sockets),
        held,
    )


def _servers(addresses: Sequence[str], count: int) -> list[Server]:
    """As many origin addresses as it takes, with an upstream connection for each request."""
    number = -(-count // PER_SERVER)
    return [Server(f"{address}:{MUTE_PORT}", -(-count // number)) for address in addresses[:number]]
