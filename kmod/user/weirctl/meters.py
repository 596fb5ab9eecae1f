"""What the module has counted: of the network namespace, and of each scope (listener, vhost, upstream, server)."""

from __future__ import annotations

from . import abi, netlink, schema

# Latencies in microseconds: what took less than the first, and no less than the bucket before; None: no bound.
Bucket = tuple["int | None", int]


class Scope:
    """Counters and latencies of one part of the configuration.

    `name` is the vhost's or upstream's, or that of the server's upstream; `address` the listener's or server's.
    """

    __slots__ = ("address", "buckets", "counters", "kind", "name", "sum_us")

    def __init__(self, kind: str, name: str, address: str) -> None:
        self.kind = kind
        self.name = name
        self.address = address
        self.counters: dict[str, int] = {}
        self.buckets: list[Bucket] = []
        self.sum_us = 0

    @property
    def timed(self) -> int:
        """How many latencies the buckets count."""
        return sum(count for _, count in self.buckets)

    def below(self, microseconds: int) -> int:
        """How many latencies are below a bucket's bound."""
        return sum(count for bound, count in self.buckets if bound is not None and bound <= microseconds)

    def percentile(self, part: float) -> float | None:
        """Seconds within which this part (0 to 1) of the replies came, at most a quarter too many; None of none."""
        left = part * self.timed
        for bound, count in self.buckets:
            left -= count
            if count and left <= 0:
                return float("inf") if bound is None else bound / 1e6
        return None

    def labels(self) -> dict[str, str]:
        """What tells it apart from others of its kind."""
        if self.kind == "server":
            return {"upstream": self.name, "server": self.address}
        return {self.kind: self.name or self.address}

    def json(self) -> dict[str, object]:
        buckets = [[None if bound is None else bound / 1e6, count] for bound, count in self.buckets]
        latency = {"count": self.timed, "sum": self.sum_us / 1e6, "buckets": buckets}
        return {"kind": self.kind, **self.labels(), **self.counters, "latency": latency}


class Statistics:
    """All of it: `counters` and `gauges` by name, both numbers, and the scopes by kind."""

    __slots__ = ("counters", "gauges", "scopes")

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}
        self.gauges: set[str] = set()
        self.scopes: list[Scope] = []

    def json(self) -> dict[str, object]:
        return {**self.counters, "scopes": [scope.json() for scope in self.scopes]}

    def add(self, payload: bytes) -> None:
        """Take in one message of a dump, from behind its genetlink header. Raises ValueError, KeyError, IndexError."""
        for kind, _, content in netlink.attributes(payload):
            if kind == abi.A_STATS_COUNTER:
                name, value, gauge = _counter(content)
                self.counters[name] = value
                if gauge:
                    self.gauges.add(name)
            elif kind == abi.A_STATS_SCOPE:
                scope = _scope(content)
                if scope is not None:
                    self.scopes.append(scope)

    def sort(self) -> None:
        self.scopes.sort(key=lambda scope: (abi.SCOPE_KIND.index(scope.kind), scope.name))


def _counter(content: bytes) -> tuple[str, int, bool]:
    values = netlink.table(content)
    name = netlink.string(values[abi.A_COUNTER_NAME])
    return name, netlink.number(values[abi.A_COUNTER_VALUE]), abi.A_COUNTER_GAUGE in values


def _scope(content: bytes) -> Scope | None:
    values = netlink.table(content)
    number = netlink.number(values[abi.A_SCOPE_KIND])
    if number >= len(abi.SCOPE_KIND):
        return None  # of a newer module
    address = values.get(abi.A_SCOPE_ADDRESS4) or values.get(abi.A_SCOPE_ADDRESS6)
    endpoint = schema.render_address(address, netlink.number(values[abi.A_SCOPE_PORT])) if address else ""
    name = netlink.string(values[abi.A_SCOPE_NAME]) if abi.A_SCOPE_NAME in values else ""
    scope = Scope(abi.SCOPE_KIND[number], name, endpoint)
    for kind, _, part in netlink.attributes(content):
        if kind == abi.A_SCOPE_COUNTER:
            counter, value, _ = _counter(part)
            scope.counters[counter] = value
        elif kind == abi.A_SCOPE_LATENCY:
            scope.sum_us, scope.buckets = _latency(part)
    return scope


def _latency(content: bytes) -> tuple[int, list[Bucket]]:
    total = 0
    buckets: list[Bucket] = []
    for kind, _, part in netlink.attributes(content):
        if kind == abi.A_LATENCY_SUM:
            total = netlink.number(part)
        elif kind == abi.A_LATENCY_BUCKET:
            values = netlink.table(part)
            bound = values.get(abi.A_BUCKET_BELOW)
            count = netlink.number(values[abi.A_BUCKET_COUNT])
            buckets.append((None if bound is None else netlink.number(bound), count))
    return total, buckets
