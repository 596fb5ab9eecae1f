"""Where the device listens, and changes of configuration under live connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.link import Link
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.traffic.busy import BusyClients
from suites.traffic.client import Client, Conversation
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin, Visit

GET = encode_request("GET", "/")

# ip-sysctl.rst, tcp_fastopen: as a client, as a server, at every listener.
FAST_OPEN_CLIENT, FAST_OPEN_SERVER, FAST_OPEN_EVERYWHERE = 0x1, 0x2, 0x400
ROUND_TRIP_S = 0.2


def is_refused(dut: Dut, client: Client, listener: str) -> bool:
    try:
        client.connect(dut.reach(listener)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_several_listeners(dut: Dut, origin: Origin, client: Client) -> None:
    listeners = ["0.0.0.0:80", "0.0.0.0:8080", f"{dut.address}:8081", "[::]:80", f"[{dut.address6}]:8082"]
    dut.apply(listeners=listeners)
    for listener in listeners:
        with client.connect(dut.reach(listener)) as connection:
            assert connection.ask().status == 200, listener
    assert origin.requests == len(listeners)


def test_ipv6_client(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(listeners=["[::]:80"])
    origin.replies(Reply(200, b"six"))
    assert client.get("/").body == b"six"
    assert origin.last.fields["x-forwarded-for"] == client.address6


def test_ipv6_listener_takes_no_ipv4(dut: Dut, client: Client) -> None:
    dut.apply(listeners=["[::]:8090"])
    assert is_refused(dut, client, "0.0.0.0:8090")


def test_ipv6_origin(dut: Dut, new_origin6: Callable[[], Origin], client: Client) -> None:
    origin = new_origin6()
    origin.replies(Reply(200, b"over six"))
    dut.apply(servers=[Server(origin.endpoint)])
    assert client.get("/").body == b"over six"


@pytest.fixture
def fast_open(dut: Dut) -> Iterator[None]:
    """The guest takes data with a SYN (TCP Fast Open, RFC 7413) at listeners that are made from now on."""
    if not int(Path("/proc/sys/net/ipv4/tcp_fastopen").read_text()) & FAST_OPEN_CLIENT:
        pytest.skip("the host sends no data with a SYN: net.ipv4.tcp_fastopen")
    path = "/proc/sys/net/ipv4/tcp_fastopen"
    before = dut.machine.run("cat", path).stdout.strip()
    wanted = FAST_OPEN_CLIENT | FAST_OPEN_SERVER | FAST_OPEN_EVERYWHERE
    dut.machine.run("sh", "-c", f"echo {wanted} > {path}")
    dut.apply(listeners=[])
    yield
    dut.machine.run("sh", "-c", f"echo {before} > {path}")


def expect_fast(client: Client, sent: bytes) -> Conversation:
    """A connection whose handshake carries `sent`; one before it fetches the cookie for that."""
    with client.connect(fast_open=True) as first:
        assert first.ask().status == 200
    connection = client.connect(fast_open=True)
    connection.send(sent)
    return connection


@pytest.mark.usefixtures("fast_open")
@pytest.mark.parametrize("listener", ["0.0.0.0:80", "[::]:80"], ids=["ipv4", "ipv6"])
def test_request_in_the_handshake(dut: Dut, origin: Origin, client: Client, listener: str) -> None:
    """TCP Fast Open: the request comes with the SYN, and is served before the handshake is over."""
    dut.apply(listeners=[listener])
    origin.behaves(lambda visit: Reply(200, visit.target.encode()))
    with expect_fast(client, encode_request("GET", "/first") + encode_request("GET", "/second")) as connection:
        assert connection.responses(2).bodies == [b"/first", b"/second"]
        assert connection.wire.began_in_the_handshake
        assert connection.ask("GET", "/third").body == b"/third"
    assert origin.requests == 4


@pytest.mark.usefixtures("fast_open")
def test_large_reply_and_the_end_in_the_handshake(dut: Dut, origin: Origin, client: Client) -> None:
    """More than the first window, then a FIN: what has to wait for the end of the handshake does, and comes."""
    dut.apply()
    body = bytes(range(256)) * 1024
    origin.replies(Reply(200, body))
    with expect_fast(client, encode_request("GET", "/", fields=[("Connection", "close")])) as connection:
        assert connection.response().body == body
        connection.expect_closed()
        assert connection.wire.began_in_the_handshake


@pytest.mark.usefixtures("fast_open")
def test_body_that_begins_in_the_handshake(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply()
    origin.behaves(lambda visit: Reply(200, visit.request.body))
    post = encode_request("POST", "/", body=b"0123456789")
    with expect_fast(client, post[:-5]) as connection:
        connection.wire.wait_acknowledged()
        connection.send(post[-5:])
        assert connection.response().body == b"0123456789"
        assert connection.wire.began_in_the_handshake


@pytest.mark.usefixtures("fast_open")
@pytest.mark.only("weir", reason="about replies of its own")
def test_reply_in_the_handshake_does_not_wait_for_its_end(dut: Dut, client: Client, link: Link) -> None:
    """The FIN has to wait; what is before it comes after one round trip, which is what Fast Open is for."""
    dut.apply(rules=[{"path": "/no", "block": 403}])
    with client.connect(fast_open=True) as first:
        assert first.ask().status == 200
    link.shape(delay_ms=ROUND_TRIP_S * 500)
    waits = []
    for _ in range(6):
        with client.connect(fast_open=True) as connection:
            began = time.monotonic()
            connection.send(encode_request("GET", "/no", fields=[("Connection", "close")]))
            assert connection.response().status == 403
            if not connection.wire.info.retransmits:  # a SYN that is sent again, for whatever reason, has no data
                waits.append(time.monotonic() - began)
                assert connection.wire.began_in_the_handshake, (waits, connection.wire.info)
            connection.expect_closed()
    assert len(waits) >= 3
    # The quickest of them: a busy host only adds to what is looked at.
    assert min(waits) < ROUND_TRIP_S * 1.5, waits


@pytest.mark.usefixtures("fast_open")
@pytest.mark.only("weir", reason="about the module's gauges")
def test_clients_that_leave_in_the_handshake(dut: Dut, client: Client) -> None:
    """With a reset right behind the SYN, a request refused, none sent, or the listener gone meanwhile."""
    dut.apply()
    for _ in range(5):
        expect_fast(client, GET).reset()
        with expect_fast(client, b"no HTTP\r\n\r\n") as connection:
            assert connection.response().status == 400
    waiting = [expect_fast(client, GET[:10]) for _ in range(3)]
    dut.apply(listeners=["0.0.0.0:8086"])
    for connection in waiting:
        connection.send(GET[10:])
        assert connection.response().status == 200
        connection.close()
    dut.wait_for_statistic("connections_active", 0)


def test_port_without_listener_is_refused(dut: Dut, client: Client) -> None:
    dut.apply()
    assert is_refused(dut, client, "0.0.0.0:81")


def test_listener_is_added_live(dut: Dut, client: Client) -> None:
    dut.apply()
    assert is_refused(dut, client, "0.0.0.0:8083")
    with client.connect() as old:
        assert old.ask().status == 200
        dut.apply(listeners=["0.0.0.0:80", "0.0.0.0:8083"])
        assert client.connect(dut.reach("0.0.0.0:8083")).ask().status == 200
        if dut.name == "weir":  # nginx ends idle connections on reload
            assert old.ask().status == 200


def test_listener_is_removed_live(dut: Dut, client: Client) -> None:
    dut.apply(listeners=["0.0.0.0:80", "0.0.0.0:8084"])
    assert not is_refused(dut, client, "0.0.0.0:8084")
    dut.apply(listeners=["0.0.0.0:80"])
    assert is_refused(dut, client, "0.0.0.0:8084")
    assert client.get("/").status == 200


@pytest.mark.only("weir", reason="nginx ends idle keep-alive connections on reload")
def test_idle_connection_survives_reconfiguration(dut: Dut, client: Client, origin: Origin) -> None:
    dut.apply()
    with client.connect() as connection:
        for number in range(5):
            assert connection.ask().status == 200
            dut.apply(limits={"header_count": 30 + number})
        assert connection.ask().status == 200
    assert origin.requests == 6


@pytest.mark.only("weir", reason="nginx ends idle keep-alive connections on reload")
def test_connection_survives_the_removal_of_its_listener(dut: Dut, client: Client) -> None:
    dut.apply(listeners=["0.0.0.0:80", "0.0.0.0:8085"])
    with client.connect(dut.reach("0.0.0.0:8085")) as connection:
        assert connection.ask().status == 200
        dut.apply(listeners=["0.0.0.0:80"])
        assert connection.ask().status == 200


def test_request_in_progress_survives_reconfiguration(dut: Dut, origin: Origin, client: Client) -> None:
    release = threading.Event()

    def answer_later(visit: Visit) -> Reply:
        if visit.target == "/slow":
            release.wait(10)
        return Reply(200, visit.target.encode())

    origin.behaves(answer_later)
    dut.apply()
    with client.connect() as connection:
        connection.send(encode_request("GET", "/slow"))
        origin.wait_for_heads(1)
        dut.apply(limits={"header_count": 33})
        release.set()
        assert connection.response().body == b"/slow"


def test_request_in_progress_survives_the_removal_of_its_server(
    dut: Dut, new_origin: Callable[[], Origin], client: Client
) -> None:
    old, new = new_origin(), new_origin()
    release = threading.Event()

    def answer_later(_visit: Visit) -> Reply:
        release.wait(10)
        return Reply(200, b"old")

    old.behaves(answer_later)
    new.replies(Reply(200, b"new"))
    dut.apply(servers=[Server(old.endpoint)])
    with client.connect() as connection:
        connection.send(GET)
        old.wait_for_heads(1)
        dut.apply(servers=[Server(new.endpoint)])
        assert client.get("/").body == b"new"
        release.set()
        assert connection.response().body == b"old"


@pytest.mark.only("weir", reason="nginx keeps no connection open before it is used")
def test_connections_to_a_removed_server_are_closed(dut: Dut, new_origin: Callable[[], Origin], client: Client) -> None:
    old, new = new_origin(), new_origin()
    dut.apply(servers=[Server(old.endpoint, connections=4)])
    old.wait_for_connections(4)
    dut.apply(servers=[Server(new.endpoint, connections=4)])
    old.wait_until_left()
    assert client.get("/").status == 200
    assert new.requests == 1


@pytest.mark.only("weir", reason="nginx opens connections on demand")
def test_connections_to_a_kept_server_stay(dut: Dut, origin: Origin) -> None:
    dut.apply(servers=[Server(origin.endpoint, connections=4)])
    origin.wait_for_connections(4)
    dut.apply(servers=[Server(origin.endpoint, connections=4)], limits={"header_count": 20})
    dut.wait_for_statistic("upstream_active", 4)
    assert origin.connections == 4


@pytest.mark.only("weir", reason="nginx's old workers close connections that they accepted and did not serve yet")
def test_reconfiguration_under_load_loses_no_request(
    dut: Dut, origin: Origin, new_client: Callable[[], Client]
) -> None:
    """Clients that never stop see every reply while ten changes are made."""
    dut.apply()
    with BusyClients([new_client() for _ in range(3)]) as busy:
        for number in range(10):
            dut.apply(limits={"header_count": 40 + number})
        busy.wait_for_more()
    busy.expect_all_served(origin)
