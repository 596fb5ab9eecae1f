"""Handshakes and requests that come cut at any byte, and over links that lose, reorder and repeat."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.traffic.certificates import Certified
from suites.traffic.client import Client
from suites.traffic.messages import Reply
from suites.traffic.origin import Origin
from suites.traffic.tls import Tls, client_hello, trusting


@pytest.mark.parametrize("part", range(8))
def test_hello_cut_at_every_byte(secure: Client, part: int) -> None:
    """In two segments; the handshake goes on as ever."""
    length = len(client_hello())
    for cut in range(1 + part, length, 8):
        with secure.connect(tls=Tls(trusting(), cut=cut)) as connection:
            assert connection.ask().status == 200


def test_finished_and_request_cut_at_every_byte(secure: Client, origin: Origin) -> None:
    """What follows the server's answer, and the request with it, in segments of every small size."""
    origin.replies(Reply(200, b"whole"))
    for apart in range(1, 40):
        with secure.connect(tls=Tls(trusting(), apart=apart)) as connection:
            assert connection.ask(headers=[("X-Padding", "x" * 50)]).body == b"whole"


@pytest.mark.parametrize("size", [1, 100, 1000, 16_384])
def test_request_in_records_of_any_size(secure: Client, origin: Origin, size: int) -> None:
    body = bytes(range(256)) * 100
    with secure.connect(tls=Tls(trusting(), record=size)) as connection:
        assert connection.ask("POST", body=body).status == 200
    assert origin.last.body == body


def test_many_connections_at_once(
    secure: Client, new_client: Callable[[], Client], https: Dut, certified: Certified
) -> None:
    """All of them in the middle of their handshakes, for which they have time: it is not what this is about."""
    https.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)], timeouts={"client_header": 60.0})
    plain, hello = new_client(), client_hello()
    waiting = [plain.connect() for _ in range(200)]
    for connection in waiting:
        connection.send(hello[:100])
    assert secure.get("/").status == 200
    for connection in waiting:
        connection.send(hello[100:])
    assert secure.get("/", times=5).statuses == [200] * 5
    for connection in waiting:
        assert connection.wire.receive().startswith(b"\x16\x03\x03")
    plain.close()
    https.adapter.settle()
