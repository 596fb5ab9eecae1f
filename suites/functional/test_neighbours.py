"""To everything else in the kernel the device's traffic is ordinary TCP: packet capture, netfilter, ss."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.errors import Silence
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin


@contextmanager
def nft_table(dut: Dut, *chains: str) -> Iterator[None]:
    """An nftables table of these chains, for the time being."""
    text = "table inet weir_test {\n" + "\n".join(chains) + "\n}\n"
    dut.machine.run("nft", "-f", "-", input=text)
    try:
        yield
    finally:
        dut.machine.run("nft", "delete", "table", "inet", "weir_test")


def counted(dut: Dut, chain: str) -> int:
    """Packets that the first counter of the chain has seen."""
    text = dut.machine.run("nft", "list", "chain", "inet", "weir_test", chain).stdout
    match = re.search(r"counter packets (\d+)", text)
    assert match, text
    return int(match[1])


def test_tcpdump_sees_both_legs(dut: Dut, origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"seen by all"))
    dut.apply()
    wanted = {
        "request": f"IP {client.address}.",
        "forwarded": f"> {origin.address}.{origin.port}:",
        "reply": f"IP {origin.address}.{origin.port} >",
        "relayed": f"> {client.address}.",
    }
    filter_ = f"(host {client.address} or host {origin.address}) and tcp[tcpflags] & tcp-push != 0"
    with dut.machine.spawn("sh", "-c", f"exec tcpdump -i any -nn -l --immediate-mode '{filter_}' 2>&1") as tcpdump:
        while "listening on" not in tcpdump.read_line():
            pass
        assert client.get("/").body == b"seen by all"
        missing = dict(wanted)
        while missing:
            line = tcpdump.read_line()
            missing = {leg: pattern for leg, pattern in missing.items() if pattern not in line}


def test_nftables_counts_both_legs(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply()
    with nft_table(
        dut,
        f"chain input {{ type filter hook input priority 0; ip saddr {client.address} tcp dport 80 counter accept; }}",
        "chain output { type filter hook output priority 0; "
        f"ip daddr {origin.address} tcp dport {origin.port} counter accept; }}",
    ):
        assert client.get("/", times=3).statuses == [200] * 3
        assert counted(dut, "input") >= 5  # SYN, ACK, three requests
        assert counted(dut, "output") >= 3


def test_nftables_drop_cuts_off_one_client(dut: Dut, new_client: Callable[[], Client]) -> None:
    dut.apply()
    blocked, other = new_client(), new_client()
    with blocked.connect() as connection:
        assert connection.ask().status == 200
        connection.wire.patience = 0.5
        match = f"ip saddr {blocked.address} tcp dport 80"
        rule = f"chain input {{ type filter hook input priority 0; {match} counter drop; }}"
        with nft_table(dut, rule):
            connection.send(encode_request("GET", "/"))
            with pytest.raises(Silence):
                connection.response()
            assert counted(dut, "input") >= 1
            assert other.get("/").status == 200
        connection.wire.patience = 5.0
        assert connection.response().status == 200  # TCP sends the request again


def test_nftables_reject_towards_the_origin(dut: Dut, origin: Origin, client: Client) -> None:
    """A rule against the upstream leg is obeyed: the client is told, instead of being served around it."""
    dut.apply()
    assert client.get("/").status == 200
    dut.apply(timeouts={"upstream_response": 0.5, "upstream_connect": 0.5})
    rule = f"chain output {{ type filter hook output priority 0; ip daddr {origin.address} counter drop; }}"
    with nft_table(dut, rule):
        assert client.get("/").status in {502, 504}
        assert counted(dut, "output") >= 1


def test_ss_shows_both_legs(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(servers=[Server(origin.endpoint, connections=4)])
    with client.connect() as connection:
        assert connection.ask().status == 200
        port = connection.wire.local[1]
        table = dut.machine.run("ss", "-Htn", "state", "established").stdout
        assert re.search(rf"{re.escape(dut.address)}:80\s+{re.escape(client.address)}:{port}\b", table), table
        assert f"{origin.address}:{origin.port}" in table


def kill_sockets(dut: Dut, *sockets: str) -> None:
    """Have the guest's administrator destroy these, as `ss -K` does where the kernel lets him."""
    killed = dut.machine.run("ss", "-K", "-Htn", *sockets)
    assert killed.stdout, f"ss found no socket to kill: {sockets}"


@pytest.mark.needs("INET_DIAG_DESTROY")
@pytest.mark.only("weir", reason="a process gets an error from its socket; here nobody owns it")
def test_killed_client_socket_ends_its_request(dut: Dut, origin: Origin, client: Client) -> None:
    origin.behaves(lambda visit: visit.hang())
    connection = client.connect()
    connection.send(encode_request("GET", "/"))
    origin.wait_for_heads(1)
    serving = next(link for link in origin.links if link.reader.raw)
    kill_sockets(dut, "dst", f"{client.address}:{connection.wire.local[1]}")
    assert connection.rest() == b""
    assert connection.was_reset
    assert serving.ended.wait(20)
    origin.replies(Reply(200, b"on it goes"))
    assert client.get("/").body == b"on it goes"


@pytest.mark.needs("INET_DIAG_DESTROY")
@pytest.mark.only("weir", reason="a process gets an error from its socket; here nobody owns it")
def test_killed_upstream_sockets_are_502_then_opened_again(dut: Dut, origin: Origin, client: Client) -> None:
    origin.behaves(lambda visit: visit.hang())
    with client.connect() as connection:
        connection.send(encode_request("POST", "/", body=b"once"))
        origin.wait_for_heads(1)
        kill_sockets(dut, "dst", f"{origin.address}:{origin.port}")
        assert connection.response(to="POST").status == 502
        origin.replies(Reply(200, b"on it goes"))
        assert connection.ask().body == b"on it goes"
    dut.wait_for_upstreams()


def test_listener_shares_the_host_with_others(dut: Dut, client: Client) -> None:
    """A process of the guest binds other ports of the same address as ever."""
    dut.apply()
    script = "import socket\ns = socket.create_server(('0.0.0.0', 8098))\n"
    script += "print('up', flush=True)\ns.accept()[0].sendall(b'mine')"
    with dut.machine.spawn("python3", "-c", script) as process:
        assert process.read_line() == "up"
        with client.connect((dut.address, 8098)) as connection:
            assert connection.rest() == b"mine"
    assert client.get("/").status == 200
