"""Sides made of devices under test: an adapter, a configuration, and the check that it serves before it is measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suites.duts.adapter import Adapter
from suites.duts.config import Config, Server, split_endpoint
from suites.performance.timed.engine import wait_until_served
from suites.performance.timed.origin import SMALL, Origin
from suites.performance.timed.sides import Side

UPSTREAM_CONNECTIONS = 64


def configuration(origin: Origin, limits: Mapping[str, Any] | None = None, *, connections: int = 0) -> Config:
    """What every side is told: one listener, one origin, kept connections to it."""
    server = Server(origin.endpoint, connections or UPSTREAM_CONNECTIONS)
    return Config(servers=(server,)).changed(limits=limits or {})


def device_side(adapter: Adapter, config: Config, *, name: str = "") -> Side:
    """A device as a side: started with `config`, up when it answers a request of its own."""
    endpoint = (adapter.machine.address, split_endpoint(config.listeners[0])[1])

    def start() -> None:
        adapter.start()
        try:
            adapter.apply(config)
            wait_until_served(endpoint, SMALL)
        except BaseException:
            adapter.stop()
            raise

    return Side(name or adapter.name, start, adapter.stop, endpoint)
