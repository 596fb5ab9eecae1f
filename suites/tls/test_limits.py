"""Limits of handshakes: what is counted, when it is forgotten, what is done over them; and who has to wait for whom.

And that a client's bound of memory counts what TLS holds for his connections.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.deadline import Deadline
from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.functional.test_client_limits import Limit, in_time
from suites.tls.attempts import attempt
from suites.tls.otherwise import is_own_engine
from suites.traffic.certificates import Certified
from suites.traffic.client import Client
from suites.traffic.errors import TrafficError
from suites.traffic.tls import Tls, client_hello, trusting

pytestmark = pytest.mark.only("weir", reason="these limits are Weir's own")

BOUND = "/sys/module/weir/parameters/mbedtls_memory"
MOST = 3
STILL_S = 0.5
FORGIVEN = 9 / 8  # windows until what passed is forgotten

# The limit, its window in seconds.
LIMITS = {"tls_handshake_rate": 1.0, "tls_handshake_burst": 0.125}
every_limit = pytest.mark.parametrize("limit", LIMITS)


@pytest.fixture
def limited(dut: Dut, certified: Certified) -> Callable[..., None]:
    """Puts limits in force at a listener of https."""

    def apply(**limits: Any) -> None:
        dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)], limits=limits)

    return apply


@pytest.fixture
def browser(limited: Callable[..., None], new_client: Callable[[], Client]) -> Client:
    limited()
    client = new_client()
    client.tls = Tls(trusting())
    return client


def within(steps: Callable[[], list[str]]) -> list[str]:
    """What they return, once they took less than a second, which is the window of rates."""
    return in_time(Limit("tls_handshake_rate", "", LIMITS["tls_handshake_rate"]), steps)


def abandon(client: Client) -> None:
    """A hello, and nothing after the answer."""
    tls, client.tls = client.tls, None
    with client.connect() as connection:
        connection.send(client_hello())
        assert connection.wire.receive()
    client.tls = tls


@every_limit
def test_as_many_as_may_be(limited: Callable[..., None], browser: Client, dut: Dut, limit: str) -> None:
    """Below and at the limit all pass; one above is refused, counted, and forgiven after a while."""
    limited(**{limit: MOST if limit == "tls_handshake_rate" else 1})
    before = dut.statistics

    def one_too_many() -> list[str]:
        nonlocal before
        before = dut.statistics
        return [attempt(browser) for _ in range(MOST + 1)]

    if limit == "tls_handshake_rate":
        assert within(one_too_many) == ["200"] * MOST + ["reset"]
    else:
        while attempt(browser) != "reset":
            assert (dut.statistics - before)["tls_handshakes"] < 100, "a burst of handshakes is never refused"
    counted = dut.statistics - before
    assert counted[f"rejected_{limit}"] == counted["limit_actions_reset"] == 1
    browser.wait(seconds=LIMITS[limit] * FORGIVEN)
    assert attempt(browser) == "200"


def test_refused_handshakes_are_not_counted(limited: Callable[..., None], browser: Client) -> None:
    limited(tls_handshake_rate=1)

    def four_more() -> list[str]:
        found = [attempt(browser)]
        for _ in range(4):
            browser.wait(seconds=0.1)
            found.append(attempt(browser))
        return found

    assert within(four_more) == ["200"] + ["reset"] * 4
    browser.wait(seconds=0.9)
    assert attempt(browser) == "200"


def test_silent_refusal(limited: Callable[..., None], browser: Client) -> None:
    limited(tls_handshake_rate=1, tls_handshake_rate_action="drop")
    assert within(lambda: [attempt(browser) for _ in range(2)]) == ["200", "silence"]


@pytest.mark.usefixtures("leaves_no_block")
def test_client_over_the_limit_is_blocked(limited: Callable[..., None], browser: Client, dut: Dut) -> None:
    limited(tls_handshake_rate=1, tls_handshake_rate_block=60.0)
    # Once, for it is blocked then; on a host that is late the second one may have come too late for that.
    outcomes = [attempt(browser)]
    while outcomes[-1] == "200" and len(outcomes) < 6:
        outcomes.append(attempt(browser))
    assert outcomes[0] == "200"
    assert outcomes[-1] == "reset"
    dut.wait_for_statistic("blocks_active", 1)
    with pytest.raises(TimeoutError):
        browser.connect(patience=0.5)


def test_others_are_not_concerned(
    limited: Callable[..., None], browser: Client, new_client: Callable[[], Client]
) -> None:
    limited(tls_handshake_rate=1)
    other = new_client()
    other.tls = browser.tls
    assert within(lambda: [attempt(browser), attempt(browser)]) == ["200", "reset"]
    assert attempt(other) == "200"


def test_resumed_handshakes_are_not_counted(limited: Callable[..., None], browser: Client, dut: Dut) -> None:
    limited(tls_handshake_rate=1)
    assert browser.tls
    with browser.connect() as connection:
        assert connection.ask().status == 200
        session = connection.secured.session
    before = dut.statistics
    resumed = Tls(browser.tls.context, session=session)
    assert [attempt(browser, resumed) for _ in range(3)] == ["200"] * 3
    counted = dut.statistics - before
    assert counted["tls_resumptions"] == counted["tls_handshakes"] == 3


def test_abandoned_handshakes(limited: Callable[..., None], browser: Client, dut: Dut) -> None:
    limited(tls_incomplete_rate=MOST)
    before = dut.statistics

    def one_too_many() -> list[str]:
        nonlocal before
        before = dut.statistics
        for _ in range(MOST):
            abandon(browser)
        dut.adapter.settle()
        return [attempt(browser)]

    assert within(one_too_many) == ["reset"]
    dut.adapter.settle()
    counted = dut.statistics - before
    assert counted["rejected_tls_incomplete_rate"] == 1
    # The refused one came to nothing, too, but not by its client's will.
    assert counted["tls_incomplete"] == MOST + 1
    browser.wait(seconds=FORGIVEN)
    assert attempt(browser) == "200"


def test_finished_handshakes_are_not_abandoned(limited: Callable[..., None], browser: Client) -> None:
    limited(tls_incomplete_rate=1)
    assert [attempt(browser) for _ in range(4)] == ["200"] * 4


def test_open_connections_live_on(limited: Callable[..., None], browser: Client) -> None:
    """A limit of handshakes ends none that are done."""
    limited(tls_handshake_rate=1)

    def another() -> list[str]:
        with browser.connect() as connection:
            return [str(connection.ask().status), attempt(browser), str(connection.ask().status)]

    assert within(another) == ["200", "reset", "200"]


def test_certificate_errors_are_the_clients_own(limited: Callable[..., None], browser: Client, dut: Dut) -> None:
    """A client that does not trust the certificate says so by an alert: a handshake that failed."""
    limited()
    before = dut.statistics
    with pytest.raises(ssl.SSLCertVerificationError):
        browser.connect(tls=Tls(ssl.create_default_context()))
    dut.adapter.settle()
    counted = dut.statistics - before
    assert (counted["tls_handshakes"], counted["tls_handshake_failures"], counted["tls_incomplete"]) == (0, 1, 1)


def settled(dut: Dut, name: str) -> int:
    """A gauge's value when it has been the same for longer than clients put an acknowledgement off: no reply counts."""
    value, since = 0, time.monotonic()

    def stands() -> bool:
        nonlocal value, since
        if (now := dut.statistics[name]) != value:
            value, since = now, time.monotonic()
        return value > 0 and time.monotonic() - since > STILL_S

    Deadline(10).wait_for(stands, interval=0.05, what=f"{name} to stand still")
    return value


def test_what_tls_holds_is_within_the_bound_of_memory(
    limited: Callable[..., None], browser: Client, new_client: Callable[[], Client], dut: Dut
) -> None:
    """Of idle connections as many go as have to; whoever else there is keeps his."""
    count, kept = 12, 5
    other = new_client()
    other.tls = browser.tls
    mine, another = [browser.connect() for _ in range(count)], other.connect()
    for connection in (*mine, another):
        assert connection.ask().status == 200
    limited(total_memory=1 << 40)
    each = settled(dut, "client_memory_bytes") // (count + 1)
    print(f"{each} bytes are held for an idle connection")
    # mbed TLS has buffers for two records, which its allocator makes 32 KiB each.
    assert (each < 8192) if is_own_engine(dut) else (64 * 1024 < each < 96 * 1024)
    before = dut.statistics
    limited(client_memory=each * kept + each // 2)
    dut.wait_for_statistic("connections_active", kept + 1, seconds=10)
    assert (dut.statistics - before)["rejected_client_memory"] == count - kept
    assert another.ask().status == 200


@pytest.fixture
def bound(dut: Dut) -> Iterator[Callable[[int], None]]:
    """Bounds what mbed TLS may have for a connection."""
    if is_own_engine(dut):
        pytest.skip("Weir's own engine allocates nothing but a cipher's keys")
    usual = int(dut.machine.run("cat", BOUND).stdout)

    def put(most: int) -> None:
        dut.machine.run("tee", BOUND, input=f"{most}\n")

    yield put
    put(usual)


def test_what_is_above_the_engines_bound_is_refused(
    bound: Callable[[int], None], browser: Client, new_client: Callable[[], Client], dut: Dut
) -> None:
    """Wherever in a handshake that is, the handshake ends, and all is given back."""
    standing = new_client()
    standing.tls = browser.tls
    dut.wait_for_upstreams()

    def served() -> bool:
        try:
            with browser.connect(patience=3.0) as connection:
                return connection.ask().status == 200
        except (TrafficError, OSError):
            return False

    before = dut.statistics["memory_bytes"]
    with standing.connect() as connection:
        assert connection.ask().status == 200
        sizes = range(1024, 104 * 1024, 2000)
        outcomes = []
        for most in sizes:
            bound(most)
            outcomes.append(served())
        assert sizes[outcomes.index(True)] > 64 * 1024
        assert outcomes == sorted(outcomes)
        # Who came before goes on.
        assert connection.ask().status == 200
    dut.adapter.settle()
    dut.wait_for_statistic("memory_bytes", before)
