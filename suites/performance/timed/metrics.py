"""The metrics of timed figures: what each is called, its unit, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Metric:
    """`meaning` is one line for the report."""

    unit: str
    better: Better
    meaning: str


METRICS: Final = {
    "requests_per_s": Metric("requests/s", "higher", "replies as expected, closed loop (wrk)"),
    "connections_per_s": Metric("connections/s", "higher", "connections opened, used for one request and closed"),
    "guest_cpu_per_request": Metric(
        "microseconds", "lower", "CPU time of all the guest's CPUs that were not idle (/proc/stat)"
    ),
    "qemu_cpu_per_request": Metric("microseconds", "lower", "CPU time that the guest's QEMU used on the host"),
    "latency_p50": Metric("microseconds", "lower", "half of the replies came within, open loop"),
    "latency_p99": Metric("microseconds", "lower", "99 % of the replies came within, open loop"),
    "latency_p999": Metric("microseconds", "lower", "99.9 % of the replies came within, open loop"),
    "goodput": Metric("requests/s", "higher", "honest requests answered as expected and in time, during an attack"),
    "goodput_share": Metric("ratio", "higher", "goodput during the attack over goodput right before it"),
    "quiet_latency_p99": Metric("microseconds", "lower", "as latency_p99, right before an attack"),
    "latency_p99_growth": Metric("ratio", "lower", "latency_p99 during an attack over that of right before it"),
    "memory_per_idle_connection": Metric("bytes", "lower", "the guest's memory for a kept connection without request"),
    "memory_per_active_connection": Metric(
        "bytes", "lower", "the guest's memory for a connection whose request is with the origin"
    ),
}
