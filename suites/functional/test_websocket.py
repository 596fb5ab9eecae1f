"""Real WebSocket peers at both ends agree through the device: handshake, frames of every size, pings, closes."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from lab.deadline import Deadline
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.websocket import CHAT, PATIENCE_S, EchoServer, websocket

if TYPE_CHECKING:
    from lab.session import Lab

LARGE = hashlib.sha256(b"frame").digest() * (4 << 15)  # 4 MiB in one frame
_ports = itertools.count(9300)


@pytest.fixture
def echo(lab: Lab, dut: Dut) -> Iterator[EchoServer]:
    with EchoServer(lab.network.origin_address(251), next(_ports)) as server:
        dut.apply(servers=[Server(server.endpoint, connections=2)])
        yield server
        # It waits for the connections that were opened ahead, and never said anything.
        dut.apply(listeners=(), servers=())


def send_all(connection: ClientConnection, messages: Sequence[str | bytes]) -> None:
    for message in messages:
        connection.send(message)


def patience() -> float:
    return Deadline(PATIENCE_S).seconds


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.usefixtures("echo")
def test_handshake_is_negotiated_between_the_peers(dut: Dut, client: Client, compression: str | None) -> None:
    with websocket(dut.endpoint, client.address, compression=compression) as connection:
        assert connection.subprotocol == CHAT
        assert [extension.name for extension in connection.protocol.extensions] == (
            ["permessage-deflate"] if compression else []
        )
        connection.send("grüße" * 1000)
        assert connection.recv(patience()) == "grüße" * 1000


@pytest.mark.usefixtures("echo")
def test_large_frames_in_both_directions(dut: Dut, client: Client) -> None:
    with websocket(dut.endpoint, client.address) as connection:
        # One at a time: a peer of this library that sends does not read, and two that do so wait for each other.
        for _ in range(3):
            connection.send(LARGE)
            assert connection.recv(patience()) == LARGE


@pytest.mark.usefixtures("echo")
def test_thousands_of_small_frames(dut: Dut, client: Client) -> None:
    messages = [f"message {number}" for number in range(3000)]
    with websocket(dut.endpoint, client.address) as connection:
        sender = threading.Thread(target=send_all, args=(connection, messages))
        sender.start()
        assert [connection.recv(patience()) for _ in messages] == messages
        sender.join()


def test_ping_and_close_codes_go_through(dut: Dut, echo: EchoServer, client: Client) -> None:
    with websocket(dut.endpoint, client.address) as connection:
        assert connection.ping().wait(patience())
        connection.close(4000, "client's")
    echo.wait_until_closed(1)
    assert echo.closed == [(4000, "client's")]
    with websocket(dut.endpoint, client.address) as connection:
        connection.send("close")
        with pytest.raises(ConnectionClosed):
            connection.recv(patience())
        assert (connection.close_code, connection.close_reason) == (4001, "as asked")
