"""What wrk sends in each scenario, taken from the one table of scenarios, and how its report is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from suites.performance.scenarios import SCENARIOS, Expect, Scenario
from suites.performance.timed import wrk

WARM_UP_S: Final = 1
CONNECTIONS: Final = 16
EDGE: Final = 2  # limits count in windows: so many times the limit may pass more than the time alone says


@dataclass(frozen=True)
class Workload:
    """One scenario as wrk plays it. `limits` go into every side's configuration.

    `latency` says whether an open-loop run makes sense: where requests are served, one by one, on kept connections.
    """

    id: str
    summary: str
    plan: wrk.Plan
    expect: Expect
    limits: Mapping[str, Any]
    per_connection: bool
    latency: bool

    def failed(self, report: wrk.Report) -> int:
        """Requests that were lost or got another reply than the scenario wants."""
        if self.expect.status < 400:
            served = report.requests - report.refused
            short = self.expect.body is not None and report.bytes < served * self.expect.body
            return report.refused + report.broken + (served if short else 0)
        served = report.requests - report.refused
        return report.broken + max(0, served - self._allowed(report.seconds))

    def _allowed(self, seconds: float) -> int:
        """Requests that may be served where all others are refused: those within the limit."""
        rate = int(self.limits.get("request_rate", 0)) if self.expect.also else 0
        return round(rate * (seconds + WARM_UP_S + EDGE))


def of(scenario: Scenario) -> Workload:
    """The scenario's workload. Raises ValueError for one that is no load of requests."""
    if scenario.load.mode != "client":
        raise ValueError(f"{scenario.id} is no load of requests")
    rate = scenario.config.limits.request_rate
    return Workload(
        id=scenario.id,
        summary=scenario.summary,
        plan=wrk.Plan(scenario.load.request, scenario.load.replies, CONNECTIONS, https=bool(scenario.config.https)),
        expect=scenario.expect,
        limits={"request_rate": rate} if rate else {},
        per_connection=scenario.load.fresh,
        latency=scenario.expect.status < 400 and not scenario.load.fresh and scenario.load.replies == 1,
    )


# Questions for counts, and no gate of a release: at which size copying pays, what a refusal costs by itself, and
# challenges, which no other device has. Under load refusals are what the floods measure (attacks.py).
COUNTED_ONLY: Final = frozenset(
    {
        "get-keepalive-16k",
        "get-keepalive-1m",
        "rate-limited-reset",
        "connection-left",
        "refused-connection",
        "challenge-cookie",
        "session",
        "session-per-connection",
        "tls-handshake",
        "tls-handshake-p256",
        "tls-handshake-rsa",
        "tls-resume",
        "tls-get-keepalive-1m",
    }
)

# No gate before there is a release that has TLS, which a candidate can be held against.
UNGATED: Final = ("tls-get-keepalive-1k",)

WORKLOADS: Final[Mapping[str, Workload]] = {
    scenario.id: of(scenario)
    for scenario in SCENARIOS.values()
    if scenario.load.mode == "client" and scenario.id not in COUNTED_ONLY and scenario.id not in UNGATED
}
"""Those that a release is judged by."""
_PER_CONNECTION: Final = of(SCENARIOS["connection-per-request"])
TIMED_ONLY: Final[Mapping[str, Workload]] = {
    workload.id: workload
    for workload in (
        replace(
            _PER_CONNECTION,
            id="tls-handshakes-under-load",
            summary=f"{_PER_CONNECTION.summary}, and which begins with a full TLS 1.3 handshake",
            plan=replace(_PER_CONNECTION.plan, https=True),
        ),
    )
}
"""What is not counted: tls-handshake and its kin are, without a request."""
TIMED: Final[Mapping[str, Workload]] = {**WORKLOADS, **{id: of(SCENARIOS[id]) for id in UNGATED}, **TIMED_ONLY}
"""All that can be timed."""

TO_COME: Final[Mapping[str, str]] = {
    "compress-16k": "Weir does not compress yet",
}
"""Scenarios that the suite is to have and cannot measure today, and why."""
