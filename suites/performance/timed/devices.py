"""Devices under test as sides: each started with its configuration in force, on all the guest's CPUs.

Settings of nginx and HAProxy are those of the counted scenarios (MEASURED in suites/duts), but for what ties them to
one CPU there: CHANGES says which, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.errors import InfrastructureError
from suites.duts import haproxy, nginx
from suites.duts.config import Config, Server, Timeouts, split_endpoint
from suites.duts.weir import WeirAdapter
from suites.performance.identity import certificate
from suites.performance.timed import defences
from suites.performance.timed.engine import wait_until_accepting, wait_until_served
from suites.performance.timed.origin import SMALL, Origin
from suites.performance.timed.sides import Side

if TYPE_CHECKING:
    from lab.machine import Machine
    from lab.qemu_machine import QemuMachine
    from lab.run import Prepared

HTTPS: Final = "0.0.0.0:443"
UPSTREAM_CONNECTIONS: Final = 64
UPSTREAM_CONNECTIONS_MAX: Final = 1024
"""weirctl's own default. The peers open as many as there are requests."""
START_TIMEOUT: Final = 30.0  # seconds on the reference host, which may be busy
STOP_TIMEOUT: Final = 60.0
FEWEST: Final = 32768
PER_CONNECTION: Final = 2  # nginx counts those to the origin as well
TIMEOUTS: Final = Timeouts(
    client_header=20.0, client_body=20.0, keepalive=120.0, upstream_connect=5.0, upstream_response=60.0, tunnel=120.0
)
"""The same for every side, and longer than any phase of a run: what is measured is not a time-out."""


@dataclass(frozen=True)
class Change:
    """A setting of a counted device that a timed one has otherwise; `{cpus}` is the number of the guest's CPUs."""

    counted: str
    timed: str
    reason: str


CHANGES: Final[Mapping[str, tuple[Change, ...]]] = {
    "nginx": (
        Change("worker_processes 1;", "worker_processes {cpus};", "a worker for each CPU, as Weir works on each"),
        Change("worker_cpu_affinity 01;", "worker_cpu_affinity auto;", "each worker stays on a CPU of its own"),
        Change(
            "worker_connections 131072;",
            "worker_connections {connections};",
            "memory for each is taken at the start: as many as are needed",
        ),
    ),
    "haproxy": (
        Change("nbthread 1", "nbthread {cpus}", "a thread for each CPU, as Weir works on each"),
        Change("cpu-map 1/1 0", "cpu-map auto:1/1-{cpus} 0-{last}", "each thread stays on a CPU of its own"),
    ),
}


def configuration(
    origin: Origin, limits: Mapping[str, Any] | None = None, *, connections: int = 0, https: bool = False
) -> Config:
    """What every side is told: one listener, one origin, kept connections to it."""
    held = connections or UPSTREAM_CONNECTIONS
    server = Server(origin.endpoint, held, connections_max=max(held, UPSTREAM_CONNECTIONS_MAX))
    config = Config(servers=(server,), timeouts=TIMEOUTS)
    if https:
        return config.changed(listeners=(), https=(HTTPS,), certificates=(certificate("ecdsa"),), limits=limits or {})
    return config.changed(limits=limits or {})


def side(
    dut: str,
    machine: QemuMachine,
    prepared: Prepared,
    config: Config,
    *,
    name: str = "",
    serves: bool = True,
    connections: int = 0,
    defended: bool = False,
) -> Side:
    """The device `dut` as a side called `name` (default: the device's). Raises KeyError for one that is not known.

    `connections` are as many as it must be able to hold. `defended`: with its defences against slow clients.
    `serves`: it is up once a request is answered; else, for an origin that answers none, once it accepts connections.
    """
    if defended:
        limits = defences.WEIR if dut == "weir" else {}
        config = config.changed(timeouts=defences.TIMEOUTS, limits=limits)
    start, stop, apply = _DEVICES[dut](machine, prepared, config, Told(connections, defended))
    endpoint = (machine.address, split_endpoint((*config.https, *config.listeners)[0])[1])

    def serve() -> None:
        try:
            start()
            if serves:
                wait_until_served(endpoint, SMALL, https=bool(config.https))
            else:
                wait_until_accepting(endpoint)
        except BaseException:
            stop()
            raise

    return Side(name or dut, serve, stop, endpoint, machine, apply)


@dataclass(frozen=True)
class Told:
    """What a device is told besides its configuration: see side()."""

    connections: int = 0
    defended: bool = False


def rendered(dut: str, config: Config, cpus: int, told: Told = Told()) -> str:
    """The configuration file of a timed nginx or HAProxy. Raises InfrastructureError where CHANGES do not fit."""
    text = nginx.render(config, measured=True) if dut == "nginx" else haproxy.render(config, measured=True)
    room = max(FEWEST, PER_CONNECTION * told.connections)
    for change in CHANGES[dut]:
        if change.counted not in text:
            raise InfrastructureError(
                f"{dut} is no longer told {change.counted!r}, which timed runs change",
                hint="suites/performance/timed/devices.py, CHANGES",
            )
        text = text.replace(change.counted, change.timed.format(cpus=cpus, last=cpus - 1, connections=room))
    return defences.defended(dut, text) if told.defended else text


Device = tuple[Callable[[], None], Callable[[], None], Callable[[Config], None] | None]


def _weir(machine: Machine, prepared: Prepared, config: Config, _told: Told) -> Device:
    adapter = WeirAdapter(machine, prepared)

    def start() -> None:
        # Another build may lie where this one's files go, and build ids tell which one the kernel has taken.
        adapter.forget()
        adapter.start()
        check_build(machine, prepared.module.ko)
        adapter.apply(config)

    def stop() -> None:
        if adapter.running:
            adapter.stop()

    return start, stop, adapter.apply


def check_build(machine: Machine, module: Path) -> None:
    """That the loaded module is this file: its build id (ELF note, gnu) is in both. Raises InfrastructureError."""
    loaded = machine.get("/sys/module/weir/notes/.note.gnu.build-id")
    if loaded not in module.read_bytes():
        raise InfrastructureError(f"the guest has loaded another module than {module}")


def _nginx(machine: Machine, _prepared: Prepared, config: Config, told: Told) -> Device:
    def start() -> None:
        machine.run("mkdir", "-p", f"{nginx.PREFIX}/temp", f"{nginx.PREFIX}/logs")
        machine.put(f"{nginx.PREFIX}/nginx.conf", rendered("nginx", config, _cpus(machine), told))
        _put_certificates(machine, config)
        machine.run("nginx", "-p", nginx.PREFIX, "-c", f"{nginx.PREFIX}/nginx.conf", timeout=START_TIMEOUT)

    return start, lambda: _end(machine, nginx.PID), None


def _haproxy(machine: Machine, _prepared: Prepared, config: Config, told: Told) -> Device:
    def start() -> None:
        machine.run("mkdir", "-p", haproxy.PREFIX)
        machine.put(haproxy.CONFIG, rendered("haproxy", config, _cpus(machine), told))
        _put_certificates(machine, config, in_one=True)
        for name, content in haproxy.certificate_list(config).items():
            machine.put(name, content)
        machine.run("haproxy", "-D", "-q", "-f", haproxy.CONFIG, "-p", haproxy.PID, timeout=START_TIMEOUT)

    return start, lambda: _end(machine, haproxy.PID), None


def _put_certificates(machine: Machine, config: Config, *, in_one: bool = False) -> None:
    for one in config.certificates:
        for name, (content, mode) in one.files(in_one=in_one).items():
            machine.put(name, content, mode)


def _end(machine: Machine, pid_file: str) -> None:
    """Ends a peer, which takes its time where it has many connections to close; nothing to do when it is not there."""
    script = f"""
pid=$(cat {pid_file} 2>/dev/null) || exit 0
kill -TERM "$pid" 2>/dev/null
while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
rm -f {pid_file}
"""
    machine.run("sh", "-c", script, timeout=STOP_TIMEOUT)


_DEVICES: Final[Mapping[str, Callable[[Machine, Prepared, Config, Told], Device]]] = {
    "weir": _weir,
    "nginx": _nginx,
    "haproxy": _haproxy,
}


def _cpus(machine: Machine) -> int:
    return int(machine.run("nproc").stdout)
