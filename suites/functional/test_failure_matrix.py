"""Every way in which an origin fails, at every place of a reply, for every kind of request, with and without another.

Each case also has a bystander: a request that the same origin has in hand meanwhile, and that must not be harmed.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lab.deadline import Deadline
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.traffic.client import Client, Conversation
from suites.traffic.errors import Incomplete
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin, Visit

NewOrigin = Callable[[], Origin]

FAILURES = ("fin", "rst", "hang", "garbage")
PARTS = {
    "before": b"",
    "head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n",
}
BODIES = {"GET": None, "HEAD": None, "DELETE": None, "PUT": b"", "POST": b"pay 5"}
REPEATABLE = ("GET", "HEAD", "DELETE", "PUT")
BAD = {"before": b"\x16\x03\x01 nonsense\r\n\r\n", "head": b"\r\n\x00: x\r\n\r\n", "chunk": b"zz\r\nnonsense\r\n"}


@dataclass(frozen=True)
class Case:
    failure: str
    place: str
    method: str
    servers: int

    def __str__(self) -> str:
        return f"{self.failure}-{self.place}-{self.method}-{self.servers}"

    @property
    def makes_sense(self) -> bool:
        in_body = self.place in ("body", "chunk")
        return not (in_body and self.method == "HEAD") and not (self.failure == "garbage" and self.place == "body")

    @property
    def status(self) -> int | None:
        """What the client is told; None: that its reply is not whole."""
        if self.place in ("body", "chunk"):
            return None
        if self.failure == "hang":
            return 504
        repeated = self.failure in ("fin", "rst") and self.place == "before" and self.method in REPEATABLE
        return 200 if repeated and self.servers > 1 else 502


CASES = [
    case for case in itertools.starmap(Case, itertools.product(FAILURES, PARTS, BODIES, (1, 2))) if case.makes_sense
]


def failing(case: Case, release: threading.Event) -> Callable[[Visit], Reply | None]:
    def behave(visit: Visit) -> Reply | None:
        if visit.target == "/bystander":
            release.wait(10)
            return Reply(200, b"unharmed")
        _ = visit.request
        if PARTS[case.place]:
            visit.send_apart([PARTS[case.place]])
        if case.failure == "garbage":
            visit.send(BAD[case.place])
        if case.failure == "rst":
            visit.reset()
        elif case.failure == "fin":
            visit.close()
        else:
            visit.hang()
        return None

    return behave


def ask(connection: Conversation, case: Case) -> int | None:
    """The status, or None for a reply that was not whole."""
    try:
        return connection.ask(case.method, "/", body=BODIES[case.method]).status
    except Incomplete:
        return None


@pytest.mark.only("weir", reason="test_upstream_failures.py has what the peers are asked")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_failure_is_told_and_harms_nobody_else(
    dut: Dut, new_origin: NewOrigin, new_client: Callable[[], Client], case: Case
) -> None:
    release = threading.Event()
    bad, *others = [new_origin() for _ in range(case.servers)]
    bad.behaves(failing(case, release))
    for origin in others:
        origin.behaves(lambda visit: Reply(200, b"unharmed" if visit.target == "/bystander" else b"well"))
    # The bystanders have the first turns, one at each server; the next is the first server's again.
    dut.apply(
        servers=[Server(origin.endpoint, connections=2) for origin in (bad, *others)],
        timeouts={"upstream_response": 0.5} if case.failure == "hang" else {},
    )
    dut.wait_for_upstreams()
    bystanders = [new_client().connect() for _ in range(case.servers)]
    for number, bystander in enumerate(bystanders, 1):
        bystander.send(encode_request("GET", "/bystander"))
        Deadline(5).wait_for(lambda n=number: sum(o.heads for o in (bad, *others)) == n, what="a bystander's request")  # type: ignore[misc]
    with new_client().connect() as connection:
        assert ask(connection, case) == case.status
    release.set()
    if case.failure != "hang":
        assert [bystander.response().body for bystander in bystanders] == [b"unharmed"] * case.servers
    bad.behaves(lambda _visit: Reply(200, b"well"))
    assert [new_client().get("/").body for _ in range(case.servers)] == [b"well"] * case.servers


def leaves(visit: Visit) -> None:
    _ = visit.request
    visit.reset()


@pytest.mark.only("weir", reason="the peers count what they repeat in ways of their own")
@pytest.mark.parametrize("retries", [0, 1, 2, 5])
def test_request_is_repeated_as_often_as_is_said(dut: Dut, origin: Origin, client: Client, retries: int) -> None:
    origin.behaves(leaves)
    dut.apply(servers=[Server(origin.endpoint, connections=8)], group={"retries": retries})
    dut.wait_for_upstreams()
    assert client.get("/").status == 502
    assert origin.heads == 1 + retries


@pytest.mark.only("weir", reason="the peers count what they repeat in ways of their own")
@pytest.mark.parametrize("balance", ["round-robin", "hash"])
def test_request_is_repeated_at_another_server(balance: str, dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    """Even where the first choice would be the same again."""
    bad, good = new_origin(), new_origin()
    bad.behaves(leaves)
    dut.apply(
        servers=[Server(origin.endpoint, connections=4) for origin in (bad, good)],
        group={"retries": 1, "balance": balance, "hash_key": "uri"},
    )
    dut.wait_for_upstreams()
    assert [client.get(f"/{number}").status for number in range(32)] == [200] * 32
    assert good.requests == 32
    assert bad.heads >= 1  # by its hash none of so many keys would be sent there once in four billion times


@pytest.mark.only("weir", reason="the peers count what they repeat in ways of their own")
def test_request_with_a_body_is_never_repeated(dut: Dut, new_origin: NewOrigin, client: Client) -> None:
    bad, good = new_origin(), new_origin()
    bad.behaves(leaves)
    dut.apply(servers=[Server(origin.endpoint, connections=4) for origin in (bad, good)], group={"retries": 8})
    dut.wait_for_upstreams()
    statuses = [client.request("PUT", "/", body=b"x").status for _ in range(8)]
    assert sorted(statuses) == [200] * 4 + [502] * 4
    assert (bad.heads, good.requests) == (4, 4)
