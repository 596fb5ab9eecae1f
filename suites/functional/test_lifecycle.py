"""Loading and unloading the module: clean, again and again, and under traffic."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import pytest

from lab.deadline import Deadline
from lab.deploy import MODULE
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.traffic.client import Client
from suites.traffic.errors import TrafficError
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin, Visit

pytestmark = pytest.mark.only("weir", reason="a kernel module's life is Weir's own")

GET = encode_request("GET", "/")


@pytest.fixture
def weir(dut: Dut) -> WeirAdapter:
    assert isinstance(dut.adapter, WeirAdapter)
    return dut.adapter


def loaded(weir: WeirAdapter) -> bool:
    return any(line.split()[0] == "weir" for line in weir.machine.run("cat", "/proc/modules").lines)


def sockets(weir: WeirAdapter, port: int) -> list[str]:
    """TCP sockets of the guest at this local port, in any state but TIME_WAIT, which is no one's."""
    lines = weir.machine.run("ss", "-Htan", f"sport = :{port}").lines
    return [line for line in lines if not line.startswith("TIME-WAIT")]


def expect_nothing_left(weir: WeirAdapter, dut: Dut, client: Client) -> None:
    assert not loaded(weir)
    with pytest.raises(ConnectionRefusedError):
        client.connect((dut.address, 80))
    Deadline(3).wait_for(lambda: not sockets(weir, 80), what="the guest's sockets at port 80 to be gone")
    slabs = weir.machine.run("sh", "-c", "cat /proc/slabinfo 2>/dev/null || true").stdout
    assert "weir" not in slabs


def test_unload_leaves_nothing_behind(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    assert client.get("/", times=5).statuses == [200] * 5
    weir.stop()
    expect_nothing_left(weir, dut, client)


def test_loaded_module_serves_nothing_until_told_to(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    weir.stop()
    weir.start()
    assert loaded(weir)
    with pytest.raises(ConnectionRefusedError):
        client.connect((dut.address, 80))


def test_second_load_is_refused(weir: WeirAdapter) -> None:
    again = weir.machine.run("insmod", MODULE, check=False)
    assert not again.ok
    assert "exist" in again.stderr.lower()


def test_weirctl_without_the_module_says_so(weir: WeirAdapter) -> None:
    weir.stop()
    result = weir.weirctl("stats", check=False)
    assert result.status == 1
    assert "module" in result.stderr
    weir.start()


def test_unload_with_idle_connections(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    connections = [client.connect() for _ in range(40)]
    for connection in connections[::2]:
        assert connection.ask().status == 200
    weir.stop()
    for connection in connections:
        connection.rest()
    expect_nothing_left(weir, dut, client)


def test_unload_while_requests_wait_for_the_origin(dut: Dut, weir: WeirAdapter, origin: Origin, client: Client) -> None:
    origin.behaves(lambda visit: visit.hang())
    connections = [client.connect() for _ in range(4)]
    for connection in connections:
        connection.send(GET)
    origin.wait_for_heads(4)
    weir.stop()
    for connection in connections:
        connection.rest()
    origin.wait_until_left()
    expect_nothing_left(weir, dut, client)


def test_unload_while_a_reader_stalls(dut: Dut, weir: WeirAdapter, origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, bytes(8 << 20)))
    connection = client.connect(receive_buffer=16 * 1024)
    connection.send(GET)
    connection.wait_for_bytes(b"\0" * 1000)
    weir.stop()
    connection.close()
    expect_nothing_left(weir, dut, client)


def test_unload_with_open_tunnels(dut: Dut, weir: WeirAdapter, origin: Origin, client: Client) -> None:
    """Idle ones, one that ended in one direction, and one whose reader stalls."""

    def grant(visit: Visit) -> None:
        _ = visit.request
        visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        if visit.target == "/stall":
            with contextlib.suppress(OSError):
                visit.send(bytes(8 << 20))
        visit.hang()

    origin.behaves(grant)
    tunnels = [client.connect(receive_buffer=16 * 1024) for _ in range(4)]
    for tunnel, target in zip(tunnels, ("/", "/", "/half", "/stall"), strict=True):
        tunnel.send(encode_request("GET", target, fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")]))
        assert tunnel.response().status == 101
    tunnels[2].half_close()
    weir.stop()
    for tunnel in tunnels:
        tunnel.rest()
    origin.wait_until_left()
    expect_nothing_left(weir, dut, client)


def test_unload_with_unfinished_requests(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    heads = [client.connect() for _ in range(3)]
    for connection in heads:
        connection.send(b"GET / HTTP/1.1\r\nHost: we")
    body = client.connect()
    body.send(encode_request("POST", "/", fields=[("Content-Length", "1000")]) + b"part")
    weir.stop()
    for connection in (*heads, body):
        connection.rest()
    expect_nothing_left(weir, dut, client)


@pytest.mark.parametrize("clients", [1, 3, 6])
def test_unload_and_reload_under_traffic(
    dut: Dut, weir: WeirAdapter, new_client: Callable[[], Client], client: Client, clients: int
) -> None:
    """Clients that never stop see their connections end and refused, then served again; nobody hangs."""
    dut.apply()
    served = [0, 0]
    phase = [0]
    stop = threading.Event()
    failures: list[BaseException] = []

    def hammer() -> None:
        mine = new_client()
        while not stop.is_set():
            try:
                with mine.connect((dut.address, 80)) as connection:
                    for _ in range(5):
                        connection.send(GET * 3)
                        served[phase[0]] += connection.responses(3).statuses.count(200)
            except (TrafficError, OSError):
                stop.wait(0.002)  # refused while the module is away: do not spin
            except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
                failures.append(error)

    threads = [threading.Thread(target=hammer) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        Deadline(5).wait_for(lambda: served[0] > 20, interval=0.005, what="traffic before the unload")
        weir.stop()
        assert not loaded(weir)
        phase[0] = 1
        weir.start()
        dut.apply()
        Deadline(5).wait_for(lambda: served[1] > 20, interval=0.005, what="traffic after the reload")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert client.get("/").status == 200


def test_unload_while_connections_open_and_close(dut: Dut, weir: WeirAdapter, new_client: Callable[[], Client]) -> None:
    """Handshakes are under way at the moment of the unload: children not yet accepted must not be left behind."""
    dut.apply()
    stop = threading.Event()

    def knock() -> None:
        mine = new_client()
        while not stop.is_set():
            with contextlib.suppress(TrafficError, OSError):
                mine.connect((dut.address, 80)).close()

    threads = [threading.Thread(target=knock) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        dut.wait_until_accepted(30)
        weir.stop()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    expect_nothing_left(weir, dut, new_client())


def test_module_describes_itself(weir: WeirAdapter) -> None:
    fields = weir.machine.run("modinfo", MODULE).stdout
    assert "license:        GPL" in fields
    assert "description:" in fields
