"""One client on both CPUs of the guest at the same moment: its limits are exact, and what is counted adds up.

The clients are processes in the guest, each tied to a CPU: over loopback a packet is received where it was sent.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import speed
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.traffic import pinned
from suites.traffic.origin import Origin

pytestmark = pytest.mark.only("weir", reason="works on every CPU; the peers have one worker here")

PROGRAM = "/run/pinned.py"
CPUS = (0, 1)
MOST = 60
FORGIVEN_S = 1.2  # all that passed in a second's window, after nine eighths of it


@dataclass(frozen=True)
class Both:
    """What both clients had together: replies by status, "0" for a refused connection; and how long it took."""

    statuses: Counter[str]
    seconds: float
    overlap: float

    def windows(self, seconds: float) -> int:
        """How many windows of this length a limit may have begun meanwhile."""
        return 1 + int(self.seconds / seconds)


def ask_on_both(dut: Dut, *, connections: int, requests: int, hold: float = 0.0) -> Both:
    """Each with so many connections and requests on each, keeping them open until `hold` seconds have passed."""
    machine = dut.machine
    machine.put(PROGRAM, Path(pinned.__file__).read_bytes())
    script = (
        "meeting=$(mktemp -d)\n"
        "for cpu in {cpus}; do\n"
        "python3 -IS {program} $cpu {port} {hold} {connections} {requests} $meeting {count} &\n"
        "done\nwait\n"
    ).format(
        cpus=" ".join(map(str, CPUS)),
        program=PROGRAM,
        hold=hold,
        port=dut.endpoint[1],
        connections=connections,
        requests=requests,
        count=len(CPUS),
    )
    reports = [json.loads(line) for line in machine.run("sh", "-c", script, timeout=60).lines]
    assert len(reports) == len(CPUS), reports
    statuses = Counter[str]()
    for report in reports:
        statuses.update(report["statuses"])
    began, ended = [report["began"] for report in reports], [report["ended"] for report in reports]
    return Both(statuses, max(ended) - min(began), min(ended) - max(began))


def rounds(dut: Dut) -> Iterator[None]:
    """A few, the last of which counts: of one in which a CPU stood still until the other's client was done nothing can
    be said. Who was limited in it is not any more in the next."""
    yield
    for _ in range(4):
        dut.wait_for_statistic("connections_active", 0)
        time.sleep(FORGIVEN_S)  # what the limits are about
        yield


def received(dut: Dut) -> list[int]:
    """Receive softirqs of each CPU so far."""
    (line,) = [x for x in dut.machine.run("cat", "/proc/softirqs").stdout.splitlines() if "NET_RX:" in x]
    return [int(count) for count in line.split()[1:]]


# On a busy host few come in 125 ms.
@pytest.mark.parametrize(("key", "most"), [("request_rate", MOST), ("request_burst", 5)])
def test_requests_on_both_cpus_share_a_limit(dut: Dut, origin: Origin, key: str, most: int) -> None:
    dut.apply(limits={key: most})
    for _ in rounds(dut):
        before, packets, served = dut.statistics, received(dut), origin.requests
        both = ask_on_both(dut, connections=8, requests=25)
        counted = dut.statistics - before
        if both.overlap > 0:
            break
    assert both.overlap > 0, "one had ended before the other began"
    assert all(after - earlier > 20 for earlier, after in zip(packets, received(dut), strict=True)), (
        "one CPU did it all"
    )
    assert set(both.statuses) == {"200", "429"}
    assert both.statuses.total() == 2 * 8 * 25 == counted["requests"]
    assert most <= both.statuses["200"] <= most * both.windows(1.0 if key == "request_rate" else 0.125)
    assert both.statuses["200"] == origin.requests - served


def test_connections_on_both_cpus_share_a_limit(dut: Dut) -> None:
    dut.apply(limits={"connection_rate": MOST})
    for _ in rounds(dut):
        before = dut.statistics
        both = ask_on_both(dut, connections=100, requests=1)
        counted = dut.statistics - before
        if both.overlap > 0:
            break
    assert both.overlap > 0, "one had ended before the other began"
    assert set(both.statuses) == {"200", "0"}
    assert MOST <= both.statuses["200"] <= MOST * both.windows(1.0)
    assert both.statuses["200"] == counted["connections_accepted"]
    assert both.statuses["0"] == counted["rejected_connection_rate"] == counted["limit_actions_reset"]


def test_open_connections_on_both_cpus_share_a_limit(dut: Dut) -> None:
    dut.apply(limits={"concurrent_connections": MOST})
    hold = 4.0 * speed.factor()
    for _ in rounds(dut):
        both = ask_on_both(dut, connections=100, requests=1, hold=hold)
        if both.overlap > 0 and both.seconds < hold:
            break
    assert both.overlap > 0, "one had ended before the other began"
    assert both.seconds < hold, "one had closed its connections before the other had tried all"
    assert both.statuses == {"200": MOST, "0": 200 - MOST}
    dut.wait_for_statistic("connections_active", 0)
    assert ask_on_both(dut, connections=MOST // 2, requests=1).statuses == {"200": MOST}


def test_counts_of_both_cpus_add_up(dut: Dut, origin: Origin) -> None:
    dut.apply(limits={"request_rate": MOST})
    assert isinstance(dut.adapter, WeirAdapter)
    before, scope = dut.statistics, listener(dut.adapter)
    both = ask_on_both(dut, connections=10, requests=20)
    dut.wait_for_statistic("connections_active", 0)
    counted = dut.statistics - before
    now = listener(dut.adapter)
    served, refused = both.statuses["200"], both.statuses["429"]
    assert served + refused == 2 * 10 * 20
    assert counted["requests"] == counted["requests_softirq"] == served + refused
    assert counted["requests_other"] == 0
    assert (counted["responses_2xx"], counted["responses_4xx"]) == (served, refused)
    assert counted["responses"] == served + refused
    assert counted["rejected_rate"] == counted["limit_actions_reply"] == refused
    assert counted["connections_accepted"] == now["connects"] - scope["connects"] == 20
    assert now["requests"] - scope["requests"] == served + refused
    assert now["bytes_out"] - scope["bytes_out"] == counted["bytes_client_out"]
    assert now["bytes_in"] - scope["bytes_in"] == counted["bytes_client_in"]
    assert origin.requests == served


def listener(weir: WeirAdapter) -> dict[str, int]:
    """What the one listener has counted."""
    (scope,) = [scope for scope in weir.scopes() if scope["kind"] == "listener"]
    return {name: value for name, value in scope.items() if isinstance(value, int)}
