"""Measures one side: the phases of a run, the load, and what it cost. What tests and sign-off both build on.

Phases are those of RFC 9411, 4.3.4: init (device started, one request answered), ramp up (load that is not counted),
sustain (counted), ramp down (load has ended, connections are closed), collection (counters read).
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lab.deadline import Deadline
from lab.errors import ProductFailure
from suites.performance.timed import guest, h2load, handshakes, latency, wrk
from suites.performance.timed.sides import Endpoint, Sample, Side
from suites.performance.timed.tool import Bench
from suites.performance.timed.visit import trusting
from suites.performance.timed.workloads import WARM_UP_S, Workload

SUSTAIN_S: Final = 2
LONGEST_SUSTAIN_S: Final = 10
OFFERED: Final = 0.4
DEVIATIONS: Final = (
    "ramp up is a step to full load, not a slope; sustain is shorter than the RFC asks for; one client address"
)


@dataclass(frozen=True)
class Station:
    """Where measurements are made from: the place of the load generators. `scale` stretches phases."""

    bench: Bench
    scale: float = 1.0

    @property
    def sustain(self) -> int:
        """Whole seconds, as wrk takes them. Beyond LONGEST_SUSTAIN_S more rounds say more than longer ones."""
        return max(1, min(LONGEST_SUSTAIN_S, round(SUSTAIN_S * self.scale)))

    def measure(self, side: Side, workload: Workload, offered: float = 0.0) -> Sample:
        """Closed-loop throughput of a running side and its CPU time a request; open-loop latency at `offered`.

        `offered` is in requests a second, the same for all sides that are compared; 0 measures no latency.

        Raises ProductFailure when nothing at all was answered.
        """
        self._drive(side, workload, seconds=WARM_UP_S, name="ramp-up")
        before = guest.cpu_time(side.machine)
        report = self._drive(side, workload, seconds=self.sustain, name="sustain")
        spent = guest.cpu_time(side.machine) - before
        if not report.requests:
            raise ProductFailure(f"{side.name} answered nothing in {workload.id}: {report.detail}")
        metrics = {
            "requests_per_s": report.rate,
            "guest_cpu_per_request": spent.guest * 1e6 / report.requests,
            "qemu_cpu_per_request": spent.qemu * 1e6 / report.requests,
        }
        if workload.per_connection:
            metrics["connections_per_s"] = report.rate
        failed = workload.failed(report)
        said = [f"{report.refused} refused, broken {dict(report.detail)}"] if failed else []
        latencies, open_loop = None, {}
        if offered:
            paced = h2load.run(
                self.bench,
                side.endpoint,
                workload.plan.request,
                rate=offered,
                seconds=self.sustain,
                warm_up=WARM_UP_S,
                https=workload.plan.https,
            )
            latencies = paced.latencies
            metrics |= latency.percentiles(latencies)
            failed += paced.failed
            said += [f"open loop: {paced.said}"] if paced.failed else []
            open_loop = {
                "latency": f"h2load, open loop, {offered:.0f} requests/s over {h2load.CONNECTIONS} connections, "
                "corrected for coordinated omission"
            }
        return Sample(
            metrics=metrics,
            requests=report.requests,
            failed=failed,
            failures="; ".join(said),
            latencies=latencies,
            attributes={
                **open_loop,
                "generator": "Python, closed loop, 1 thread" if over_tls(workload) else "wrk, closed loop, 1 thread",
                "connections": str(workload.plan.connections),
                "phases": f"RFC 9411 4.3.4: init until one reply, ramp up {WARM_UP_S} s, "
                f"sustain {report.seconds:.1f} s, ramp down until the last connection is closed, collection after it",
                "deviations": DEVIATIONS,
            },
        )

    def _drive(self, side: Side, workload: Workload, *, seconds: int, name: str) -> wrk.Report:
        if over_tls(workload):
            return handshakes.drive(side.endpoint, workload.plan, seconds=seconds)
        return wrk.run(self.bench, side.endpoint, workload.plan, seconds=seconds, name=name)

    def offered_rate(self, sides: Sequence[Side], workload: Workload) -> float:
        """A rate that every side can carry: OFFERED of what the slowest does in a second of closed loop."""
        rates = []
        for side in sides:
            with side.running():
                report = wrk.run(self.bench, side.endpoint, workload.plan, seconds=1, name="probe")
            if not report.requests:
                raise ProductFailure(f"{side.name} answered nothing in {workload.id}: {dict(report.detail)}")
            rates.append(report.rate)
        return max(1.0, float(round(OFFERED * min(rates))))


def over_tls(workload: Workload) -> bool:
    """Whether each request has a handshake of its own."""
    return workload.per_connection and workload.plan.https


def wait_until_served(
    endpoint: Endpoint, path: str, *, seconds: float = 10.0, expect: bytes = b"HTTP/1.1 ", https: bool = False
) -> None:
    """Init phase: until one request gets a reply that begins with `expect`. Raises DeadlineExpired."""

    def served() -> bool:
        try:
            with contextlib.ExitStack() as stack:
                connection = stack.enter_context(socket.create_connection(endpoint, timeout=2.0))
                if https:
                    connection = stack.enter_context(trusting().wrap_socket(connection))
                request = f"GET {path} HTTP/1.1\r\nHost: {endpoint[0]}\r\nConnection: close\r\n\r\n"
                connection.sendall(request.encode())
                return connection.makefile("rb").read(len(expect)) == expect
        except OSError:
            return False

    Deadline(seconds).wait_for(served, interval=0.02, what=f"a reply from {endpoint[0]}:{endpoint[1]}{path}")


def wait_until_accepting(endpoint: Endpoint, *, seconds: float = 10.0) -> None:
    """Until a connection is accepted. Raises DeadlineExpired."""

    def accepting() -> bool:
        try:
            socket.create_connection(endpoint, timeout=2.0).close()
        except OSError:
            return False
        return True

    Deadline(seconds).wait_for(accepting, interval=0.02, what=f"{endpoint[0]}:{endpoint[1]} to accept a connection")
