"""Limits of one client's requests and connections: what is counted, when it is forgotten, what is done over them.

A row of LIMITS for each limit; every case that says so runs for all. An attempt is a new connection with one request,
which stays open. What was forgotten when (window.c) and what becomes of accounts that are pushed out (clients.c) is
tested with a clock of the test's own in tests/test_clients.py; here it is seen from outside.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from lab import speed
from lab.deadline import Deadline
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.traffic.client import Client
from suites.traffic.errors import Closed, Silence
from suites.traffic.messages import encode_request
from suites.traffic.origin import Origin
from suites.traffic.wire import IP_FREEBIND

pytestmark = pytest.mark.only("weir", reason="these limits are Weir's own; test_limits.py has those that peers have")

GET = encode_request("GET", "/")
FORGIVEN = 9 / 8  # windows until what passed is forgotten
MARGIN_S = 0.03  # a timer tick of the guest and the way of the request
SILENCE_S = 0.7  # after so long nothing comes: well before a SYN is sent again, after a second
MOST = 4
"""How many each limit allows here."""

Maker = Callable[[], Client]


@dataclass(frozen=True)
class Limit:
    """A limit: its key, its counter, its window in seconds (None: what is open), and whether it is of connections."""

    key: str
    counter: str
    window: float | None
    connections: bool = False

    @property
    def actions(self) -> list[str]:
        return ["reset", "drop"] if self.connections else ["reply", "reset", "drop"]


LIMITS = (
    Limit("request_rate", "rejected_rate", 1.0),
    Limit("request_burst", "rejected_burst", 0.125),
    Limit("connection_rate", "rejected_connection_rate", 1.0, connections=True),
    Limit("connection_burst", "rejected_connection_burst", 0.125, connections=True),
    Limit("concurrent_connections", "rejected_concurrent_connections", None, connections=True),
)
every_limit = pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.key)
every_action = pytest.mark.parametrize(
    ("limit", "action"), [pytest.param(limit, a, id=f"{limit.key}-{a}") for limit in LIMITS for a in limit.actions]
)


def attempt(client: Client) -> str:
    """What becomes of a new connection with one request: a status, "reset" or "silence"."""
    wire, before = None, 0
    try:
        connection = client.connect(patience=SILENCE_S / speed.factor())
        wire, before = connection.wire, connection.wire.info.retransmits
        wire.patience = SILENCE_S
        return str(connection.ask().status)
    except (Silence, TimeoutError):
        return "silence"
    except Closed as closed:
        if not closed.reset:
            return "closed"
    except ConnectionError:
        pass
    # The reset of a request that was sent again is the host's, which knows of no connection: Weir said nothing.
    return "silence" if wire and wire.info.retransmits > before else "reset"


@dataclass(frozen=True)
class Attempts:
    """What became of some attempts, one after another, and how long they took."""

    outcomes: list[str]
    seconds: float

    @property
    def served(self) -> int:
        return self.outcomes.count("200")

    def expect(self, limit: Limit, *, refusal: str) -> None:
        """Raises AssertionError unless MOST were served, or what a host that was held up allows more."""
        windows = int(self.seconds / limit.window) if limit.window else 0
        assert set(self.outcomes) <= {"200", refusal}, self
        assert min(MOST, len(self.outcomes)) <= self.served <= MOST * (1 + windows), self


def attempts(client: Client, count: int) -> Attempts:
    began = time.monotonic()
    outcomes = [attempt(client) for _ in range(count)]
    return Attempts(outcomes, time.monotonic() - began)


def refusal(limit: Limit) -> str:
    """What is done by default."""
    return "reset" if limit.connections else "429"


@every_limit
@pytest.mark.parametrize("count", [1, MOST - 1, MOST])
def test_up_to_the_limit_all_is_served(dut: Dut, origin: Origin, client: Client, limit: Limit, count: int) -> None:
    dut.apply(limits={limit.key: MOST})
    before = dut.statistics
    assert attempts(client, count).outcomes == ["200"] * count
    assert origin.requests == count
    assert (dut.statistics - before)[limit.counter] == 0


@every_limit
def test_what_is_over_the_limit_is_refused(dut: Dut, origin: Origin, client: Client, limit: Limit) -> None:
    dut.apply(limits={limit.key: MOST})
    before = dut.statistics
    found = attempts(client, MOST + 3)
    found.expect(limit, refusal=refusal(limit))
    assert origin.requests == found.served
    counted = dut.statistics - before
    assert counted[limit.counter] == len(found.outcomes) - found.served
    assert counted["limit_actions_reset" if limit.connections else "limit_actions_reply"] == counted[limit.counter]


@every_limit
def test_it_is_forgiven(dut: Dut, client: Client, limit: Limit) -> None:
    dut.apply(limits={limit.key: MOST})
    attempts(client, MOST + 1).expect(limit, refusal=refusal(limit))
    if limit.window:
        client.wait(seconds=limit.window * FORGIVEN + MARGIN_S)
    else:
        client.close()
        dut.wait_for_statistic("connections_active", 0)
    assert attempts(client, MOST).outcomes == ["200"] * MOST


@every_limit
def test_clients_are_counted_apart(dut: Dut, new_client: Maker, limit: Limit) -> None:
    dut.apply(limits={limit.key: MOST})
    for _ in range(3):
        attempts(new_client(), MOST + 1).expect(limit, refusal=refusal(limit))


@every_action
def test_each_action(dut: Dut, client: Client, limit: Limit, action: str) -> None:
    """Under a general action that is another."""
    general = "reply" if action == "reset" else "reset"
    dut.apply(limits={limit.key: MOST, f"{limit.key}_action": action, "action": general})
    before = dut.statistics
    found = in_time(limit, lambda: [*attempts(client, MOST).outcomes, attempt(client)], client)
    assert found == ["200"] * MOST + [{"reply": "429", "reset": "reset", "drop": "silence"}[action]]
    counted = dut.statistics - before
    assert counted[limit.counter] == counted[f"limit_actions_{action}"] >= 1
    assert {counted[f"limit_actions_{other}"] for other in {"reply", "reset", "drop"} - {action}} == {0}
    dut.wait_for_statistic("connections_active", MOST + 1 if action == "reply" else MOST)


def in_time(
    limit: Limit, steps: Callable[[], list[str]], *clients: Client, forget: Callable[[], object] = lambda: None
) -> list[str]:
    """What `steps` return, once they took less than the limit's window.

    What came before is forgiven; what is not by itself, `forget` undoes.
    """
    for _ in range(20):
        began = time.monotonic()
        found = steps()
        if not limit.window or time.monotonic() - began - SILENCE_S * found.count("silence") < limit.window:
            return found
        for client in clients:
            client.close()
        forget()
        time.sleep(limit.window * FORGIVEN + MARGIN_S)  # what the limit itself waits for: nothing can be asked
    raise AssertionError(f"this host is too slow for a window of {limit.window} s: {found}")


@every_limit
def test_the_general_action_is_that_of_limits_without_their_own(dut: Dut, client: Client, limit: Limit) -> None:
    dut.apply(limits={limit.key: 1, "action": "drop"})
    assert in_time(limit, lambda: [attempt(client), attempt(client)], client) == ["200", "silence"]


@pytest.mark.parametrize("key", ["request_rate", "request_burst"])
def test_a_reply_has_the_limits_status(dut: Dut, client: Client, key: str) -> None:
    (limit,) = (limit for limit in LIMITS if limit.key == key)
    dut.apply(limits={key: 1, f"{key}_status": 503})
    found = in_time(limit, lambda: [str(status) for status in client.pipeline(GET, GET, GET).statuses])
    assert found == ["200", "503", "503"]


def test_a_dropped_request_leaves_other_connections_alone(dut: Dut, client: Client, new_client: Maker) -> None:
    dut.apply(limits={"request_rate": 1, "request_rate_action": "drop"})
    other = new_client().connect()
    assert other.ask().status == 200
    assert [attempt(client), attempt(client)] == ["200", "silence"]
    client.wait(seconds=FORGIVEN + MARGIN_S)
    assert other.ask().status == 200
    assert attempt(client) == "200"


def test_dropped_connections_hold_nothing(dut: Dut, client: Client) -> None:
    """Neither sockets nor requests for them in the guest, nor counted connections."""
    dut.apply(limits={"connection_rate": 1, "connection_rate_action": "drop"})
    assert [attempt(client), attempt(client)] == ["200", "silence"]
    sockets = dut.machine.run("ss", "-Htan", "sport", "=", ":80", "and", "dst", client.address).stdout.split("\n")
    assert len([line for line in sockets if line]) == 1, sockets
    dut.wait_for_statistic("connections_active", 1)


@pytest.mark.parametrize("action", ["reset", "drop"])
def test_connections_at_the_same_moment_are_counted_exactly(
    dut: Dut, new_client: Maker, client: Client, action: str
) -> None:
    """SYNs that all come before the first handshake is over: they pass the first look, not the later ones."""
    dut.apply(limits={"concurrent_connections": MOST, "concurrent_connections_action": action})
    with open_at_once(client, 24, new_client) as connections:
        assert served(connections) == MOST
        dut.wait_for_statistic("connections_active", MOST)


@pytest.fixture
def syn_cookies(dut: Dut) -> Iterator[None]:
    """Every SYN is answered with a cookie, as in a flood: there is no request socket behind a handshake."""
    dut.machine.run("sysctl", "-qw", "net.ipv4.tcp_syncookies=2")
    yield
    dut.machine.run("sysctl", "-qw", "net.ipv4.tcp_syncookies=1")


@pytest.mark.usefixtures("syn_cookies")
@pytest.mark.parametrize(
    ("key", "action"),
    [("connection_rate", "reset"), ("concurrent_connections", "reset"), ("concurrent_connections", "drop")],
)
def test_connections_behind_syn_cookies_are_limited(
    dut: Dut, new_client: Maker, client: Client, key: str, action: str
) -> None:
    dut.apply(limits={key: MOST, f"{key}_action": action})
    with open_at_once(client, 12, new_client) as connections:
        assert served(connections) == MOST


def processors(dut: Dut) -> list[int]:
    """Receive softirqs of each CPU so far."""
    (line,) = [x for x in dut.machine.run("cat", "/proc/softirqs").stdout.splitlines() if "NET_RX:" in x]
    return [int(count) for count in line.split()[1:]]


def test_requests_on_two_cpus_are_counted_as_one(dut: Dut, client: Client) -> None:
    dut.apply(limits={"request_rate": 60})
    connections = [client.connect() for _ in range(20)]
    before = processors(dut)
    began = time.monotonic()
    for connection in connections:
        connection.send(GET * 8)
    statuses = [status for connection in connections for status in connection.responses(8).statuses]
    took = time.monotonic() - began
    assert set(statuses) <= {200, 429}
    assert 60 <= statuses.count(200) <= 60 * (1 + int(took))
    assert 429 in statuses or took > 2, "none was refused"
    assert all(after > earlier for earlier, after in zip(before, processors(dut), strict=True)), "one CPU did it all"


def test_ipv6_addresses_of_a_prefix_are_one_client(dut: Dut, new_client: Maker) -> None:
    """All the lab's are in one /64."""
    dut.apply(listeners=["[::]:80"], limits={"request_rate": 3})
    clients = [new_client() for _ in range(4)]
    assert sorted(attempt(client) for client in clients) == ["200", "200", "200", "429"]
    dut.apply(listeners=["[::]:80"], limits={"request_rate": 3, "ipv6_prefix": 128})
    assert [attempt(client) for client in clients] == ["200"] * 4


def test_ipv4_addresses_are_clients_of_their_own(dut: Dut, new_client: Maker) -> None:
    dut.apply(limits={"request_rate": 1, "ipv6_prefix": 1})
    assert [attempt(new_client()) for _ in range(4)] == ["200"] * 4


@pytest.mark.parametrize("limit", [limit for limit in LIMITS if limit.window != 0.125], ids=lambda limit: limit.key)
def test_counts_survive_another_configuration(dut: Dut, client: Client, limit: Limit) -> None:
    def steps() -> list[str]:
        dut.apply(limits={limit.key: 2})
        found = [attempt(client), attempt(client)]
        dut.apply(limits={limit.key: 3, "header_count": 50})
        return [*found, attempt(client), attempt(client)]

    assert in_time(limit, steps, client) == ["200", "200", "200", refusal(limit)]


def test_a_connection_from_before_a_limit_counts_from_its_next_request(dut: Dut, client: Client) -> None:
    dut.apply()
    connections = [client.connect() for _ in range(2)]
    assert [connection.ask().status for connection in connections] == [200, 200]
    dut.apply(limits={"concurrent_connections": 2})
    assert [connection.ask().status for connection in connections] == [200, 200]
    assert attempt(client) == "reset"
    connections[0].close()
    dut.wait_for_statistic("connections_active", 1)
    assert attempt(client) == "200"


def test_limits_are_lifted_from_connections_that_were_counted(dut: Dut, client: Client) -> None:
    dut.apply(limits={"concurrent_connections": 1, "request_rate": 1})
    with client.connect() as connection:
        assert [connection.ask().status, connection.ask().status] == [200, 429]
        dut.apply()
        assert [connection.ask().status for _ in range(5)] == [200] * 5
        assert attempt(client) == "200"


@pytest.fixture
def small_table(dut: Dut) -> Iterator[Dut]:
    """The device with a table that remembers eight clients without a connection."""
    assert isinstance(dut.adapter, WeirAdapter)
    weir = dut.adapter
    weir.stop()
    weir.parameters = ("clients=8",)
    weir.start()
    yield dut
    weir.stop()
    weir.parameters = ()
    weir.start()


def test_more_clients_with_connections_than_are_remembered(small_table: Dut, new_client: Maker) -> None:
    small_table.apply(limits={"concurrent_connections": 1, "request_rate": 2})
    clients = [new_client() for _ in range(30)]
    connections = [client.connect() for client in clients]
    assert [connection.ask().status for connection in connections] == [200] * 30
    assert [attempt(client) for client in clients] == ["reset"] * 30
    assert small_table.statistics["clients_tracked"] == 30
    for client in clients:
        client.close()
    small_table.wait_for_statistic("connections_active", 0)
    small_table.wait_for_statistic("clients_tracked", 8)


def test_an_attacker_who_churns_addresses_does_not_escape(small_table: Dut, new_client: Maker) -> None:
    """Nor does he push out a client with a connection open, who has his limit to himself."""
    limit = LIMITS[0]
    small_table.apply(limits={"request_rate": 3})

    def steps() -> list[str]:
        victim, attacker = new_client(), new_client()
        with victim.connect() as connection:
            assert connection.ask().status == 200
            served = sum(once(attacker) == 200 for _ in range(4))
            others = [once(new_client()) for _ in range(16)]
            assert 200 in others
            again = once(attacker)
            return [str(served), str(again), *(str(connection.ask().status) for _ in range(3))]

    assert in_time(limit, steps) == ["3", "429", "200", "200", "429"]


def once(client: Client) -> int:
    """The status of a request on a connection that is closed again."""
    with client.connect() as connection:
        return connection.ask().status


@contextmanager
def open_at_once(client: Client, count: int, new_client: Maker) -> Iterator[list[socket.socket]]:
    """Connections whose SYNs go out before any answer is looked at."""
    target = new_client().connect()
    peer = target.wire.peer
    target.close()
    made = []
    try:
        for _ in range(count):
            made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            made[-1].setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
            made[-1].bind((client.address, 0))
            made[-1].setblocking(False)
            made[-1].connect_ex(peer)
        yield made
    finally:
        for sock in made:
            sock.close()


def served(connections: list[socket.socket]) -> int:
    """On how many of them, each as soon as it is up, a request is answered. Of the others some may never say."""
    answered = 0
    end = Deadline(SILENCE_S)
    with selectors.DefaultSelector() as selector:
        for sock in connections:
            selector.register(sock, selectors.EVENT_WRITE, sock)
        while selector.get_map() and not end.expired:
            for key, events in selector.select(end.remaining):
                which: socket.socket = key.data
                try:
                    if events & selectors.EVENT_WRITE:
                        which.sendall(GET)
                        selector.modify(which, selectors.EVENT_READ, which)
                        continue
                    answered += which.recv(1 << 16).startswith(b"HTTP/1.1 200")
                except OSError:
                    pass
                selector.unregister(which)
    return answered
