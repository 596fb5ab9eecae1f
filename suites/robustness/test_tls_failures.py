"""Memory runs out under TLS: handshakes and requests may fail, no byte may be wrong, and all is given back."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest

from lab.deadline import Deadline
from lab.machine import Machine
from suites.duts.adapter import ConfigurationRefused
from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.robustness.faults import failing
from suites.traffic.certificates import Certified, Kind, authority
from suites.traffic.client import Client
from suites.traffic.errors import TrafficError
from suites.traffic.messages import Framing, Reply
from suites.traffic.origin import Origin
from suites.traffic.tls import Tls, trusting

pytestmark = [
    pytest.mark.only("weir", reason="what fails is chosen by the module's address"),
    pytest.mark.needs("FAULT_INJECTION_STACKTRACE_FILTER"),
]

BODY = bytes(range(256)) * 120  # two records and more
ROUNDS = 60
PERCENT = 10
RARELY = 1, 20  # of each so many, for mbed TLS, which allocates some thousand times in a handshake
MOST = 400
PATIENCE_S = 3.0

Maker = Callable[[], Client]


def serve(dut: Dut, certified: Certified) -> None:
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)])


def ask(client: Client) -> int:
    """A handshake and an exchange with a body each way: its status, or 0 if it was cut off."""
    try:
        with client.connect(patience=PATIENCE_S) as connection:
            response = connection.ask("POST", "/", body=BODY)
            if response.status == 200:
                assert response.body == BODY
            return response.status
    except (TrafficError, ssl.SSLError, OSError):
        return 0


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
@pytest.mark.parametrize("source", ["failslab", "fail_page_alloc"])
def test_handshakes_and_bodies_while_allocations_fail(
    dut: Dut, origin: Origin, machine: Machine, new_client: Maker, source: str, kind: Kind, version: str
) -> None:
    origin.replies(Reply(200, BODY, framing=Framing.CHUNKED, chunks=(4096,) * 8))
    serve(dut, authority().issue("weir.test", kind=kind))
    context = ssl.create_default_context(cadata=authority().pem)
    context.maximum_version = ssl.TLSVersion.TLSv1_2 if version == "1.2" else ssl.TLSVersion.TLSv1_3
    client = new_client()
    client.tls = Tls(context)
    assert ask(client) == 200
    dut.wait_for_statistic("connections_active", 0)
    dut.wait_for_upstreams()
    idle = dut.statistics["memory_bytes"]
    percent, each = (PERCENT, 1) if dut.adapter.prepared.tls == "weir" else RARELY
    with failing(machine, source, "weir", percent=percent, each=each, most=MOST) as injection:
        statuses = [ask(client) for _ in range(ROUNDS)]
    print(f"{injection.failed} allocations failed; {statuses.count(200)} of {ROUNDS} served, {set(statuses)}")
    assert injection.failed > 20, "hardly an allocation of the module's failed"
    assert set(statuses) <= {0, 200, 502, 503, 504}
    dut.wait_for_statistic("connections_active", 0)
    dut.wait_for_upstreams()
    assert [ask(client) for _ in range(5)] == [200] * 5
    dut.wait_for_statistic("connections_active", 0)
    Deadline(10).wait_for(lambda: dut.statistics["memory_bytes"] <= idle, what=f"memory_bytes to be {idle} again")


@pytest.mark.parametrize(("source", "percent", "least"), [("failslab", 10, 20), ("fail_page_alloc", 60, 5)])
def test_certificates_change_while_allocations_fail(
    dut: Dut, machine: Machine, new_client: Maker, source: str, percent: int, least: int
) -> None:
    """Each apply is in force, whole, or is refused and changes nothing: clients see the certificate that is."""
    kinds: tuple[Kind, ...] = ("ecdsa", "rsa")
    mine = [authority().issue("weir.test", kind=kind) for kind in kinds * 2]
    serve(dut, mine[0])
    client = new_client()
    client.tls = Tls(trusting())
    inforce, refused = mine[0], 0
    with failing(machine, source, "weir", percent=percent, most=MOST, sleeping=True) as injection:
        for number in range(ROUNDS):
            wanted = mine[number % len(mine)]
            try:
                serve(dut, wanted)
                inforce = wanted
            except ConfigurationRefused:
                refused += 1
    print(f"{source}: {injection.failed} allocations failed, {refused} of {ROUNDS} configurations refused")
    assert injection.failed >= least, "hardly an allocation of the module's failed"
    with client.connect() as connection:
        assert connection.ask().status == 200
        assert connection.secured.getpeercert(binary_form=True) == inforce.der
