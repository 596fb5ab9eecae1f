"""Attacks on a device, bounded in count and time, inside the lab's own network; and what honest clients get meanwhile.

One row an attack. What proves that it took place is measured in the guest: segments that came in, sockets in use. An
attack of which neither shows is the lab's failure, not the device's strength.
"""

from __future__ import annotations

import ipaddress
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from lab.deadline import Deadline
from lab.errors import InfrastructureError, ProductFailure
from lab.machine import Machine
from suites.performance.timed import hold, honest, latency, origin, slow
from suites.performance.timed.engine import Station, wait_until_served
from suites.performance.timed.sides import Endpoint, Sample, Side
from suites.performance.timed.tool import Bench

NOBODY: Final = ipaddress.IPv4Network("10.77.64.0/18")
"""Sources of SYN floods: in the lab's network and nobody's, so that nothing answers the device's SYN-ACK."""
SPOOFED: Final = str(NOBODY[1])

CARD: Final = "eth0"
SYN_RATE: Final = 5000
SLOW_CONNECTIONS: Final = 500
FLOOD_CONNECTIONS: Final = 2000
TRICKLING_CONNECTIONS: Final = 2000
TRICKLING_AGAIN: Final = 100.0  # a second, in place of those that the device has ended: one for each address
REQUEST_LIMIT: Final = 20  # requests a second and client, where the attack is one of requests
HONEST_RATE: Final = 50.0
HONEST_ADDRESSES: Final = 100
PATIENCE_S: Final = 2.0
BEFORE_S: Final = 1.5
DURING_S: Final = 2.5
RISE_S: Final = 1.0
RECOVERY_S: Final = 15.0
LONGEST_S: Final = 60.0
SHORTEST: Final = 0.5  # of the phases: with fewer than some dozen requests goodput says nothing

Start = Callable[[Bench, Endpoint, Sequence[str], float], AbstractContextManager[None]]


@dataclass(frozen=True)
class Attack:
    """`start` runs it, for so many seconds at most, from these addresses where it can choose.

    It must show in the guest by `segments` a second, by `packets` a second that reach its card, of which TCP need not
    see any, or by `connections` more than before. `limits` are configured on every side. It comes from `sources`
    addresses, behind which there is nobody unless they are `answering`. `defended`: each
    has its own defences against slow clients besides (timed/defences.py). `https`: devices and honest clients speak
    TLS, with a full handshake for each of the `honest_rate` requests a second.
    """

    id: str
    summary: str
    start: Start
    segments: int = 0
    packets: int = 0
    connections: int = 0
    limits: Mapping[str, Any] = field(default_factory=dict)
    sources: int = HONEST_ADDRESSES
    answering: bool = True
    defended: bool = False
    https: bool = False
    honest_rate: float = HONEST_RATE


@contextmanager
def _program(bench: Bench, argv: Sequence[str]) -> Iterator[None]:
    """A program that runs until the `with` ends, or ends before by its own bounds."""
    process = bench.start(argv)
    try:
        yield
        if process.poll() not in (None, 0):
            said = process.stdout.read() if process.stdout else ""
            raise InfrastructureError(f"{argv[0]} ended with status {process.returncode}: {said.strip()[-500:]}")
    finally:
        process.terminate()
        try:
            process.communicate(timeout=Deadline(5).seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _syn_flood(
    bench: Bench, endpoint: Endpoint, _clients: Sequence[str], seconds: float
) -> AbstractContextManager[None]:
    argv = [
        *("hping3", "--syn", "--quiet", "--numeric", "--spoof", SPOOFED, "--destport", str(endpoint[1])),
        *("--interval", f"u{1_000_000 // SYN_RATE}", "--count", str(round(SYN_RATE * seconds)), endpoint[0]),
    ]
    return _program(bench, ["timeout", f"{seconds:.0f}", *argv])


def _request_flood(
    bench: Bench, endpoint: Endpoint, _clients: Sequence[str], seconds: float
) -> AbstractContextManager[None]:
    host = f"{endpoint[0]}:{endpoint[1]}"
    duration = f"{max(1, round(seconds))}s"
    return _program(
        bench,
        ["wrk", "--threads", "1", "--connections", "64", "--duration", duration, f"http://{host}{origin.SMALL}"],
    )


def _slow(*mode: str, path: str) -> Start:
    def start(
        bench: Bench, endpoint: Endpoint, _clients: Sequence[str], seconds: float
    ) -> AbstractContextManager[None]:
        argv = [
            *("slowhttptest", "-c", str(SLOW_CONNECTIONS), "-r", str(SLOW_CONNECTIONS), "-l", f"{seconds:.0f}"),
            *("-v", "0", *mode, "-u", f"http://{endpoint[0]}:{endpoint[1]}{path}"),
        ]
        return _program(bench, argv)

    return start


@contextmanager
def _connection_flood(_bench: Bench, endpoint: Endpoint, clients: Sequence[str], seconds: float) -> Iterator[None]:
    with hold.held(
        endpoint, mode="silent", count=FLOOD_CONNECTIONS, sources=clients, rate=2.0 * FLOOD_CONNECTIONS, seconds=seconds
    ):
        yield


@contextmanager
def _one_byte_a_second(_bench: Bench, endpoint: Endpoint, clients: Sequence[str], seconds: float) -> Iterator[None]:
    with slow.trickling(
        endpoint,
        upload=origin.UPLOAD,
        download=origin.LARGE,
        count=TRICKLING_CONNECTIONS,
        sources=clients,
        rate=1.0 * TRICKLING_CONNECTIONS,
        again=TRICKLING_AGAIN,
        seconds=seconds,
    ):
        yield


ATTACKS: Final = {
    attack.id: attack
    for attack in (
        Attack(
            "attack-syn-flood",
            f"{SYN_RATE} SYN a second from an address that never answers",
            _syn_flood,
            segments=SYN_RATE // 10,
        ),
        Attack(
            "attack-request-flood",
            f"one client on 64 connections asks as fast as it is answered; the limit is {REQUEST_LIMIT} a second",
            _request_flood,
            segments=100,
            limits={"request_rate": REQUEST_LIMIT},
        ),
        Attack(
            "attack-slow-header",
            f"{SLOW_CONNECTIONS} connections send a field a second and never end the head",
            _slow("-H", "-i", "1", "-x", "8", path=origin.SMALL),
            connections=SLOW_CONNECTIONS // 4,
            defended=True,
        ),
        Attack(
            "attack-slow-body",
            f"{SLOW_CONNECTIONS} connections send a few bytes of body a second",
            _slow("-B", "-i", "1", "-x", "8", "-s", "65536", path=origin.UPLOAD),
            connections=SLOW_CONNECTIONS // 4,
            defended=True,
        ),
        Attack(
            "attack-slow-read",
            f"{SLOW_CONNECTIONS} connections ask for 64 KiB and read 32 bytes a second",
            _slow("-X", "-n", "1", "-z", "32", "-w", "512", "-y", "1024", path=origin.LARGE),
            connections=SLOW_CONNECTIONS // 4,
            defended=True,
        ),
        Attack(
            "attack-one-byte",
            f"{TRICKLING_CONNECTIONS} connections from {HONEST_ADDRESSES} addresses send a byte of a head or of a body "
            f"a second, or read one, for ever; {TRICKLING_AGAIN:.0f} a second follow those that end",
            _one_byte_a_second,
            connections=TRICKLING_CONNECTIONS // 4,
            defended=True,
        ),
        Attack(
            "attack-connection-flood",
            f"{FLOOD_CONNECTIONS} connections from {HONEST_ADDRESSES} addresses that say nothing",
            _connection_flood,
            connections=FLOOD_CONNECTIONS // 2,
        ),
    )
}


@dataclass(frozen=True)
class Traffic:
    """The guest's TCP: segments received so far (RFC 4022, tcpInSegs), and sockets in use now.

    `packets` are those that its card has received.
    """

    segments: int
    packets: int
    sockets: int


def traffic(machine: Machine) -> Traffic:
    """From /proc/net/snmp, /proc/net/dev and /proc/net/sockstat."""
    lines = machine.run("cat", "/proc/net/snmp", "/proc/net/dev", "/proc/net/sockstat").lines
    names, values = (line.split() for line in lines if line.startswith("Tcp: "))
    inuse = next(line.split() for line in lines if line.startswith("TCP: "))
    card = next(line.partition(":")[2].split() for line in lines if line.strip().startswith(f"{CARD}:"))
    return Traffic(int(values[names.index("InSegs")]), int(card[1]), int(inuse[inuse.index("inuse") + 1]))


def measure(
    station: Station, side: Side, attack: Attack, *, honest_clients: Sequence[str], attackers: Sequence[str]
) -> Sample:
    """Goodput of honest clients right before and during the attack, on a running side; then the device must recover.

    Only requests that fail before the attack count as failed: those that fail during it are the figure.
    Raises InfrastructureError when the attack did not take place, ProductFailure when the device does not come back.
    """

    def ask(seconds: float) -> honest.Report:
        return honest.ask(
            side.endpoint,
            path=origin.SMALL,
            body=origin.SIZES[origin.SMALL],
            sources=honest_clients,
            rate=attack.honest_rate,
            seconds=seconds,
            patience=PATIENCE_S,
            https=attack.https,
        )

    stretch = max(SHORTEST, station.scale)
    before = ask(BEFORE_S * stretch)
    quiet = traffic(side.machine)
    limit = min(LONGEST_S, DURING_S * stretch + PATIENCE_S + RISE_S + Deadline(5.0).seconds)
    with attack.start(station.bench, side.endpoint, attackers, limit):
        risen = _wait_until_risen(side.machine, attack, quiet)
        began = time.monotonic()
        during = ask(DURING_S * stretch)
        end = traffic(side.machine)
        elapsed = time.monotonic() - began
    try:
        wait_until_served(side.endpoint, origin.SMALL, seconds=RECOVERY_S, https=attack.https)
    except TimeoutError as error:
        raise ProductFailure(f"{side.name} served nobody any more after {attack.id}: {error}") from error
    histogram = latency.record(during.latencies_us, interval_us=0)
    metrics = {"goodput": during.goodput, "goodput_share": during.goodput / before.goodput if before.goodput else 0.0}
    if during.latencies_us:
        metrics |= latency.percentiles(histogram)
    if during.latencies_us and before.latencies_us:
        p99 = latency.percentiles(latency.record(before.latencies_us, interval_us=0))["latency_p99"]
        metrics |= {"quiet_latency_p99": p99, "latency_p99_growth": metrics["latency_p99"] / p99}
    return Sample(
        metrics=metrics,
        requests=before.sent + during.sent,
        failed=before.failed,
        failures=f"before the attack: {before}" if before.failed else "",
        latencies=histogram if during.latencies_us else None,
        attributes={
            "attack": attack.summary,
            "attack_segments_per_s": f"{(end.segments - risen.segments) / elapsed:.0f}",
            "attack_packets_per_s": f"{(end.packets - risen.packets) / elapsed:.0f}",
            "attack_sockets": str(end.sockets - quiet.sockets),
            "honest": f"{attack.honest_rate:.0f} requests/s, a new connection each, open loop, "
            f"{len(honest_clients)} addresses, patience {PATIENCE_S:.0f} s",
            "honest_before": str(before),
            "honest_during": str(during),
        },
    )


def _wait_until_risen(machine: Machine, attack: Attack, quiet: Traffic) -> Traffic:
    """Until the attack shows. Raises InfrastructureError when it does not within some seconds."""
    last, at = quiet, time.monotonic()
    deadline = Deadline(10.0)
    while not deadline.expired:
        time.sleep(0.2)
        now, moment = traffic(machine), time.monotonic()
        rate = (now.segments - last.segments) / (moment - at)
        packets = (now.packets - last.packets) / (moment - at)
        last, at = now, moment
        if rate >= attack.segments and packets >= attack.packets and now.sockets - quiet.sockets >= attack.connections:
            return now
    raise InfrastructureError(
        f"{attack.id} did not take place: {rate:.0f} segments a second (wanted {attack.segments}), "
        f"{packets:.0f} packets (wanted {attack.packets}), "
        f"{last.sockets - quiet.sockets} more sockets (wanted {attack.connections})"
    )
