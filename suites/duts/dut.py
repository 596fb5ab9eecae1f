"""The device under test as one test sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from lab.deadline import Deadline
from lab.machine import Machine
from suites.duts.adapter import Adapter
from suites.duts.config import Certificate, Config, Server, Table, Upstream, split_endpoint
from suites.traffic.origin import Origin

HTTPS = "0.0.0.0:443"


class Statistics(Mapping[str, int]):
    """Counters and gauges at one moment; `later - earlier` is what happened between."""

    def __init__(self, values: Mapping[str, int]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> int:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __sub__(self, earlier: Mapping[str, int]) -> Statistics:
        return Statistics({name: value - earlier.get(name, 0) for name, value in self._values.items()})

    def __repr__(self) -> str:
        return f"Statistics({ {name: value for name, value in self._values.items() if value} })"


class Dut:
    """Configures the device and asks it. What a test does not name is the default of duts/config.py."""

    def __init__(
        self,
        adapter: Adapter,
        base: Callable[[], Config],
        origins: Sequence[Origin] = (),
        *,
        certificate: Certificate | None = None,
    ) -> None:
        """With a `certificate` it serves https where a configuration does not say what listens."""
        self.adapter = adapter
        self._certificate = certificate
        self._origins = origins
        self._base = base
        self.config: Config | None = None

    @property
    def name(self) -> str:
        return self.adapter.name

    @property
    def limits_leak(self) -> bool:
        """Whether its limits are leaky buckets, which forgive a little all the time."""
        return self.adapter.limits_leak

    @property
    def machine(self) -> Machine:
        return self.adapter.machine

    @property
    def address(self) -> str:
        return self.machine.address

    @property
    def address6(self) -> str:
        return self.machine.address6

    def apply(
        self,
        *,
        listeners: Iterable[str] | None = None,
        https: Iterable[str] = (),
        certificates: Iterable[Certificate] = (),
        refuse_unknown_names: bool = False,
        tls_1_3: bool = False,
        servers: Iterable[Server] | None = None,
        group: Mapping[str, Any] | None = None,
        others: Iterable[Upstream] | None = None,
        vhosts: Iterable[Table] = (),
        rules: Iterable[Table] = (),
        error_pages: Iterable[Table] = (),
        proxy: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        timeouts: Mapping[str, Any] | None = None,
        firewall: Table | None = None,
        challenge: Table | None = None,
        log: Table | None = None,
        attack: Table | None = None,
    ) -> None:
        """Put the test's base configuration, with what is named replaced, in force."""
        base = self._base() if servers is None else Config()
        if self._certificate and listeners is None and not https:
            listeners, https, certificates = (), (HTTPS,), (self._certificate,)
        config = base.changed(
            listeners=listeners,
            https=https,
            certificates=certificates,
            refuse_unknown_names=refuse_unknown_names,
            tls_1_3=tls_1_3,
            servers=servers,
            group=group,
            others=others,
            vhosts=vhosts,
            rules=rules,
            error_pages=error_pages,
            proxy=proxy,
            limits=limits,
            timeouts=timeouts,
            firewall=firewall,
            challenge=challenge,
            log=log,
            attack=attack,
        )
        self.adapter.apply(config)
        self.config = config

    @property
    def endpoint(self) -> tuple[str, int]:
        """Where the first listener is reached; applies the base configuration if the test applied none."""
        if self.config is None:
            self.apply()
        assert self.config is not None
        return self.reach([*self.config.listeners, *self.config.https][0])

    def reach(self, listener: str) -> tuple[str, int]:
        """Address and port at which a client reaches this listener."""
        address, port = split_endpoint(listener)
        return {"0.0.0.0": self.address, "::": self.address6}.get(address, address), port

    @property
    def statistics(self) -> Statistics:
        return Statistics(self.adapter.statistics())

    def wait_until_accepted(self, count: int, *, seconds: float = 5.0) -> None:
        """Until so many more connections have been accepted than when this was called."""
        before = self.statistics["connections_accepted"]
        Deadline(seconds).wait_for(
            lambda: self.statistics["connections_accepted"] >= before + count,
            interval=0.005,
            what=f"{count} more connections to be accepted",
        )

    def wait_for_upstreams(self) -> None:
        """Until all upstream connections of the configuration, and no others, are open, where they are opened ahead."""
        assert self.config is not None, "apply a configuration first"
        if not self.adapter.opens_upstreams_ahead:
            return
        wanted: Counter[str] = Counter()
        for upstream in self.config.upstreams:
            wanted.update({server.address: server.connections for server in upstream.servers})
        for origin in self._origins:
            if origin.endpoint in wanted:
                origin.wait_for_connections(wanted[origin.endpoint])
        self.wait_for_statistic("upstream_active", sum(wanted.values()))

    def wait_for_statistic(self, name: str, value: int, *, seconds: float = 5.0) -> None:
        """Until this counter or gauge is `value`; what it is when time is up is in the error."""

        def reached() -> bool:
            return self.statistics[name] == value

        Deadline(seconds).wait_for(reached, interval=0.01, what=f"{name} == {value} (is {self.statistics[name]})")
