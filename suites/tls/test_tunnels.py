"""WebSocket's tunnels over TLS: their ends are said, so that nothing is cut off unnoticed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from suites.functional.test_upgrade import Tunnels, open_tunnel
from suites.traffic.client import Client
from suites.traffic.origin import Origin
from suites.traffic.wire import Wire


@pytest.fixture
def tunnels(origin: Origin) -> Iterator[Tunnels]:
    made = Tunnels(origin)
    yield made
    made.end()


def test_bytes_both_ways_and_an_end_that_is_said(secure: Client, tunnels: Tunnels) -> None:
    with secure.connect() as connection:
        end = open_tunnel(connection, tunnels)
        connection.send(b"to the server" * 5000)
        assert end.take(65_000) == b"to the server" * 5000
        end.send(b"to the client" * 5000)
        assert connection.take(65_000) == b"to the client" * 5000
        connection.half_close()
        assert end.wire.receive() == b""
        end.send(b"the last word")
        assert connection.take(13) == b"the last word"


def test_end_that_is_not_said_is_none(secure: Client, tunnels: Tunnels) -> None:
    with secure.connect() as connection:
        end = open_tunnel(connection, tunnels)
        connection.send(b"half of a")
        assert end.take(9) == b"half of a"
        Wire.half_close(connection.wire)
        with pytest.raises(ConnectionResetError):
            end.wire.receive()


def test_server_that_ends_is_heard_of(secure: Client, tunnels: Tunnels) -> None:
    with secure.connect() as connection:
        end = open_tunnel(connection, tunnels)
        end.send(b"bye")
        end.close()
        assert connection.rest() == b"bye"
