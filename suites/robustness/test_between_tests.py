"""What one test leaves to the next: nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from suites.duts.adapter import Adapter
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.functional.test_neighbours import nft_table
from suites.traffic.client import Client
from suites.traffic.messages import encode_request
from suites.traffic.origin import Origin, Visit


@pytest.mark.only("weir", reason="about its way to wait for a connection")
def test_request_of_one_test_does_not_reach_the_origin_of_the_next(
    device: Adapter, dut: Dut, new_origin: Callable[[], Origin], client: Client
) -> None:
    """Its client left by FIN, its origin without an answer: it is to be repeated, and waits for a connection."""
    old, new = new_origin(), new_origin()
    old.behaves(Visit.hang)
    dut.apply(servers=[Server(old.endpoint, connections=1)], timeouts={"upstream_connect": 0.5})
    dut.wait_for_upstreams()
    syn = f"ip daddr {old.address} tcp dport {old.port} tcp flags & (syn | ack) == syn drop;"
    with client.connect() as connection:
        connection.send(encode_request("GET", "/old"))
        old.wait_for_heads(1)
    with nft_table(dut, f"chain out {{ type filter hook output priority 0; {syn} }}"):
        old.stop()
        device.settle()
        dut.apply(servers=[Server(new.endpoint)], timeouts={"upstream_connect": 0.5})
        assert client.get("/new").status == 200
    assert [request.target for request in new.received] == ["/new"]
