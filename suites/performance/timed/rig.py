"""What timed tests stand on: a guest booted fresh, an origin, load generators; and where figures go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab.errors import ProductFailure
from lab.fitness import Watch
from lab.kernel import MEMORY_MIB
from results.environment import key
from results.figures import Figure
from suites.duts.config import Config, Server
from suites.performance.timed import devices, guest, origin
from suites.performance.timed import figures as figures_of
from suites.performance.timed.engine import Station
from suites.performance.timed.memory import PER_SERVER, Place
from suites.performance.timed.sides import Paired, Side
from suites.performance.timed.tool import Bench
from suites.recording import describe_host

if TYPE_CHECKING:
    from lab.qemu_machine import QemuMachine
    from lab.session import Lab

ORIGIN_NUMBER: Final = 200
FIRST_CLIENT: Final = 1000
CLIENTS: Final = 250
SILENT_ORIGINS: Final = 64  # kmod/config.h, WEIR_SERVERS_MAX
ROUNDS: Final = 2
ROOM_EACH_KIB: Final = 24  # more than any device takes for a connection
SPARE_MIB: Final = 256
CONNECTIONS: Final = {"idle": 2000, "active": 500}


@dataclass(frozen=True)
class Rig:
    """`attributes` describe the set-up and go into every figure; `environment` is what `environment_key` stands for.

    `wanted` is how many connections memory is measured with, 0 for the suite's own choice.
    """

    lab: Lab
    machine: QemuMachine
    station: Station
    origin: origin.Origin
    attributes: Mapping[str, str]
    environment: Mapping[str, str]
    wanted: int = 0

    @property
    def environment_key(self) -> str:
        return key(self.environment)

    @property
    def rounds(self) -> int:
        """How often each side is measured: more with the scale, never fewer than make a pair of pairs."""
        return max(ROUNDS, round(ROUNDS * self.station.scale))

    @property
    def attack_rounds(self) -> int:
        """As `rounds`, but one at the least: an attack is a matter of all or nothing before it is one of percents."""
        return max(1, round(self.station.scale))

    def configuration(
        self, limits: Mapping[str, int] | None = None, *, connections: int = 0, https: bool = False
    ) -> Config:
        """What every side is told."""
        return devices.configuration(self.origin, limits, connections=connections, https=https)

    def configuration_for(self, servers: Sequence[Server]) -> Config:
        """What every side is told when requests go to `servers`; to the common origin when there are none."""
        config = self.configuration()
        return config.changed(servers=servers) if servers else config

    def connections(self, kind: str) -> int:
        """How many connections memory is measured with; busy ones are as many as Weir takes upstream connections."""
        count = self.wanted or CONNECTIONS[kind]
        return min(count, SILENT_ORIGINS * PER_SERVER) if kind == "active" else count

    def with_memory_for(self, connections: int) -> Rig:
        """This rig with its guest booted fresh, without what others left; a larger one where so many would not fit."""
        if connections * ROOM_EACH_KIB <= SPARE_MIB * 1024:
            self._boot(self.machine)
            return self
        size = MEMORY_MIB + connections * ROOM_EACH_KIB // 1024
        machine = self.lab.machine(f"large{size}", memory_mib=size)
        self._boot(machine)
        attributes = {**self.attributes, "guest.memory": f"{size} MiB"}
        return replace(self, machine=machine, attributes=attributes)

    def _boot(self, machine: QemuMachine) -> None:
        machine.reboot()
        guest.prepare(machine)
        guest.prepare_for_memory(machine)

    def place(self, dut: str, connections: int) -> Place:
        """Where the memory that so many connections cost `dut` is measured."""
        network = self.lab.network

        def side(config: Config, serves: bool) -> Side:
            return devices.side(dut, self.machine, self.lab.prepared, config, serves=serves, connections=connections)

        return Place(
            clients=[network.client_address(FIRST_CLIENT + number) for number in range(CLIENTS)],
            silent_origins=[network.origin_address(number) for number in range(SILENT_ORIGINS)],
            configure=self.configuration_for,
            side=side,
        )

    def sides(self, duts: tuple[str, ...], config: Config, *, defended: bool = False) -> list[Side]:
        """The devices of these names in the one guest; `defended`: each with its own defences against slow clients."""
        return [devices.side(dut, self.machine, self.lab.prepared, config, defended=defended) for dut in duts]

    def context(self, scenario: str, watch: Watch) -> figures_of.Context:
        """What figures need to know besides their values; `watch` was made before the measurement."""
        prepared, fitness = self.lab.prepared, watch.finish()
        return figures_of.Context(
            scenario=scenario,
            kernel=prepared.kernel.flavour,
            environment=self.environment_key,
            unfit=fitness.reasons(prepared.acceleration.accel),
            attributes={**self.attributes, **fitness.attributes()},
        )


@contextmanager
def standing(lab: Lab, folder: Path, *, scale: float, connections: int = 0) -> Iterator[Rig]:
    """Boots the guest cold, starts the origin and asks it what it can carry by itself.

    `connections` is how many memory is measured with; 0: the suite's own choice.
    """
    bench = Bench(lab.prepared.tools, folder)
    machine = lab.machine()
    machine.reboot()
    settings = guest.prepare(machine)
    processors = int(machine.run("nproc").stdout)
    with origin.serving(bench, lab.network.origin_address(ORIGIN_NUMBER)) as made:
        ceiling = origin.ceiling(bench, made)
        yield Rig(
            lab=lab,
            machine=machine,
            station=Station(bench, scale),
            origin=made,
            attributes={
                "origin": f"nginx {lab.prepared.tools.versions.get('nginx', '')} on the host's side of the bridge",
                "origin_ceiling_per_s": f"{ceiling.rate:.0f}",
                "upstream_connections": str(devices.UPSTREAM_CONNECTIONS),
                **{f"guest.{name}": value for name, value in settings.items()},
            },
            wanted=connections,
            environment=figures_of.environment(lab.prepared, describe_host(), processors=processors),
        )


def judge(paired: Paired) -> None:
    """Raises ProductFailure when an honest request failed: the figure of that side was not recorded."""
    if failures := paired.failures():
        raise ProductFailure("requests failed, which voids the figures:\n" + "\n".join(failures))


def record(paired: Paired, context: figures_of.Context, take: Callable[[Figure], None]) -> list[Figure]:
    """Hands every figure to `take` and returns them all."""
    made = list(figures_of.figures(paired, context))
    for figure in made:
        take(figure)
    return made
