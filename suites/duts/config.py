"""What a reverse proxy is told to do, in words that every device under test understands.

Sizes are in bytes, times in seconds (fractions allowed), rates in requests per client address: `request_rate` in a
second, `request_burst` in 125 ms. 0 switches a limit off.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, Self

Action = Literal["reply", "reset"]


@dataclass(frozen=True)
class Server:
    """An origin server, and how many connections to it are held open."""

    address: str
    connections: int = 4

    def __post_init__(self) -> None:
        split_endpoint(self.address)


@dataclass(frozen=True)
class Limits:
    request_rate: int = 0
    request_burst: int = 0
    action: Action = "reply"
    header_total: int = 16384
    header_count: int = 64
    body_length: int = 1 << 30


@dataclass(frozen=True)
class Timeouts:
    """Short ones, for a test waits for those it is about; long enough for a busy host to serve within the others."""

    client_header: float = 10.0
    client_body: float = 10.0
    keepalive: float = 30.0
    upstream_connect: float = 5.0
    upstream_response: float = 10.0


@dataclass(frozen=True)
class Config:
    """One whole configuration."""

    listeners: tuple[str, ...] = ("0.0.0.0:80",)
    servers: tuple[Server, ...] = ()
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)

    def changed(
        self,
        *,
        listeners: Iterable[str] | None = None,
        servers: Iterable[Server] | None = None,
        limits: Mapping[str, Any] | None = None,
        timeouts: Mapping[str, Any] | None = None,
    ) -> Self:
        """This configuration with what is named replaced."""
        return replace(
            self,
            listeners=self.listeners if listeners is None else tuple(listeners),
            servers=self.servers if servers is None else tuple(servers),
            limits=replace(self.limits, **(limits or {})),
            timeouts=replace(self.timeouts, **(timeouts or {})),
        )

    def to_object(self) -> dict[str, Any]:
        """As weirctl's batch mode takes it: what its TOML file would parse to."""
        servers = [asdict(server) for server in self.servers]
        return {
            "listener": [{"address": address} for address in self.listeners],
            "upstream": [{"name": "default", "server": servers}] if servers else [],
            "limits": asdict(self.limits),
            "timeouts": asdict(self.timeouts),
        }

    def to_toml(self) -> str:
        """As weirctl reads it."""
        lines = []
        for address in self.listeners:
            lines += ["[[listener]]", f'address = "{address}"', ""]
        if self.servers:
            lines += ["[[upstream]]", 'name = "default"', ""]
        for server in self.servers:
            lines += ["[[upstream.server]]", f'address = "{server.address}"', f"connections = {server.connections}", ""]
        for title, table in (("limits", self.limits), ("timeouts", self.timeouts)):
            lines.append(f"[{title}]")
            for item in fields(table):
                value = getattr(table, item.name)
                lines.append(f'{item.name} = "{value}"' if isinstance(value, str) else f"{item.name} = {value}")
            lines.append("")
        return "\n".join(lines)


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """("10.0.0.1", 80) of "10.0.0.1:80", ("::1", 80) of "[::1]:80". Raises ValueError."""
    host, _, port = endpoint.rpartition(":")
    address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]") if host.startswith("[") else host)
    if (address.version == 6) != host.startswith("["):
        raise ValueError(f"{endpoint!r}: an IPv6 address stands in brackets, an IPv4 address does not")
    return str(address), int(port)
