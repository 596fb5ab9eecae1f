"""What a release is signed off by: the figures that must be there, how much worse each may be, and how sure we must be.

Constants on purpose. What decides about a release is changed by a reviewed commit, never by a variable or an option;
the statement that a sign-off makes holds a copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from results.statistics import Margin

SUITE: Final = "signoff"
"""Suite of the measuring run's record."""
VERDICT_SUITE: Final = "signoff-verdict"
"""Suite of the record that holds a decision."""

Side = Literal["candidate", "baseline", "canary"]
SIDES: Final[tuple[Side, ...]] = ("candidate", "baseline", "canary")
"""In the order of a round, which the next one reverses. The canary is the baseline once more: A/A."""

CONFIDENCE: Final = 0.95
ALPHA: Final = (1 - CONFIDENCE) / 2
"""Family-wise error of each one-sided question (is every metric good enough; is any too bad)."""
POWER: Final = 0.9
"""How surely the number of further pairs that is told should decide."""
FEWEST_PAIRS: Final = 10

THROUGHPUT: Final = "requests_per_s"
LATENCY: Final = "latency_p99"
MARGINS: Final = {
    THROUGHPUT: Margin(0.97, more_is_better=True),
    LATENCY: Margin(1.05, more_is_better=False),
}


@dataclass(frozen=True, order=True)
class Gate:
    """One figure that must be there and must not be worse than its margin."""

    scenario: str
    metric: str

    @property
    def margin(self) -> Margin:
        """How much worse it may be."""
        return MARGINS[self.metric]

    def __str__(self) -> str:
        return f"{self.metric} in {self.scenario}"


# Every scenario that is a load of requests; latency where requests are served one by one on kept connections.
# tests/test_signoff_policy.py holds it against the table of scenarios.
GATES: Final[tuple[Gate, ...]] = (
    *(
        Gate(scenario, THROUGHPUT)
        for scenario in (
            "get-keepalive-1k",
            "get-keepalive-64k",
            "post-64k",
            "connection-per-request",
            "pipelined-1k",
            "rate-limited",
            "malformed",
        )
    ),
    *(Gate(scenario, LATENCY) for scenario in ("get-keepalive-1k", "get-keepalive-64k", "post-64k")),
)

FITNESS: Final = (
    "host_load_per_core_before",
    "host_steal",
    "host_neighbours",
    "host_speed_drift",
    "host_frequency_governor",
)
"""Attributes of a figure by which it proves that the host was looked at."""


def described() -> dict[str, object]:
    """The policy, as a statement quotes it."""
    return {
        "confidence": CONFIDENCE,
        "family_wise_error": ALPHA,
        "correction": "Holm",
        "fewest_pairs": FEWEST_PAIRS,
        "gates": [{"scenario": gate.scenario, "metric": gate.metric, "margin": gate.margin.ratio} for gate in GATES],
    }
