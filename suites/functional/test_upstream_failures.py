"""What a client is told when its origin fails (RFC 9110 section 15.6), and that the device serves on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from lab.deadline import Deadline
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.traffic.client import Client, Conversation
from suites.traffic.errors import Closed, Incomplete
from suites.traffic.messages import Framing, Reply, encode_request
from suites.traffic.origin import Origin, Visit
from suites.traffic.wire import DeafPort

LENIENT = "lenient towards origins"
OK = b"HTTP/1.1 200 OK\r\n"
GARBAGE = {
    "not-http": b"\x16\x03\x01\x02\x00\x01\x00" * 20,
    "text": b"hello world\r\n\r\n",
    "bad-version": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "status-too-short": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "status-too-long": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "no-colon": OK + b"nonsense\r\nContent-Length: 0\r\n\r\n",
    "space-before-colon": OK + b"Content-Length : 0\r\n\r\n",
    "nul": OK + b"X: \x00\r\nContent-Length: 0\r\n\r\n",
    "length-and-chunked": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two-lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "negative-length": OK + b"Content-Length: -5\r\n\r\nhello",
    "folded": OK + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "switching-unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
}
NGINX_LENIENT = {
    "not-http",
    "text",
    "bad-version",
    "no-colon",
    "switching-unasked",
    "status-too-long",
    "status-too-short",
}


@pytest.fixture
def deaf() -> Iterator[Callable[[str], DeafPort]]:
    with ExitStack() as stack:
        yield lambda address: stack.enter_context(DeafPort(address))


def expect_error_then_service(connection: Conversation, origin: Origin, status: int) -> None:
    """The error is well-formed, and once the origin is well again the client is served, here or on a new connection."""
    answer = connection.ask()
    assert answer.status == status
    assert answer.framing is not Framing.CLOSE
    origin.behaves(lambda _visit: Reply(200, b"well again"))
    if answer.keeps_open:
        again = connection.ask()
        assert (again.status, again.body) == (200, b"well again")


@pytest.mark.only("weir", reason="the peers open connections when they are asked")
def test_upstream_connections_whose_time_is_over_at_once(dut: Dut, origin: Origin, client: Client) -> None:
    """Even before they have begun to connect: some may come up in time, and all do as soon as they have more of it."""
    before = dut.statistics
    dut.apply(servers=[Server(origin.endpoint, 64)], timeouts={"upstream_connect": 0.001})

    def tried() -> int:
        since = dut.statistics - before
        return since["upstream_connects"] + since["upstream_failures"]

    # Of those that fail one is tried at a time, at longer and longer intervals: how many come up is a matter of luck.
    Deadline(20).wait_for(lambda: tried() >= 4, what="connections to be tried")
    dut.apply(servers=[Server(origin.endpoint, 64)])
    dut.wait_for_upstreams()
    dut.apply()
    assert client.get("/").status == 200


@pytest.mark.only("weir", reason="nginx opens as many connections as there are requests")
def test_no_upstream_connection_becomes_free(dut: Dut, origin: Origin, client: Client) -> None:
    """All are busy for longer than a request may wait for one: 503, and the busy ones are served."""
    release = threading.Event()

    def answer_later(visit: Visit) -> Reply:
        _ = visit.request
        release.wait(10)
        return Reply(200, b"late")

    origin.behaves(answer_later)
    dut.apply(servers=[Server(origin.endpoint, connections=2)], group={"queue_timeout": 0.3})
    dut.wait_for_upstreams()
    busy = [client.connect() for _ in range(2)]
    for connection in busy:
        connection.send(encode_request("GET", "/"))
    origin.wait_for_requests(2)
    with client.connect() as waiting:
        answer = waiting.ask()
        assert (answer.status, answer.keeps_open) == (503, True)
        release.set()
        assert [connection.response().body for connection in busy] == [b"late"] * 2
        assert waiting.ask().body == b"late"


def test_refused(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(servers=[Server(f"{origin.address}:9")])  # nobody listens there
    assert client.get("/").status == 502


def test_no_answer_to_the_handshake(dut: Dut, origin: Origin, client: Client, deaf: Callable[[str], DeafPort]) -> None:
    port = deaf(origin.address)
    dut.apply(servers=[Server(port.endpoint)], timeouts={"upstream_connect": 0.3})
    assert client.get("/").status == 504


def test_hang_before_the_reply(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(timeouts={"upstream_response": 0.3})
    origin.behaves(lambda visit: visit.hang())
    with client.connect() as connection:
        expect_error_then_service(connection, origin, 504)


def test_hang_inside_the_head(dut: Dut, origin: Origin, client: Client) -> None:
    def half_a_head(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        visit.hang()

    dut.apply(timeouts={"upstream_response": 0.3})
    origin.behaves(half_a_head)
    assert client.get("/").status == 504


def test_hang_inside_the_body(dut: Dut, origin: Origin, client: Client) -> None:
    def half_a_body(visit: Visit) -> None:
        visit.send(OK + b"Content-Length: 10\r\n\r\n01234")
        visit.hang()

    dut.apply(timeouts={"upstream_response": 0.3})
    origin.behaves(half_a_body)
    with client.connect() as connection:
        with pytest.raises(Incomplete) as cut:
            connection.ask()
        assert cut.value.received == b"01234"


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_gone_before_the_reply(origin: Origin, client: Client, reset: bool) -> None:
    def leave(visit: Visit) -> None:
        _ = visit.request
        if reset:
            visit.reset()
        else:
            visit.close()

    origin.behaves(leave)
    with client.connect() as connection:
        expect_error_then_service(connection, origin, 502)


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_gone_inside_the_head(origin: Origin, client: Client, reset: bool) -> None:
    def leave(visit: Visit) -> None:
        _ = visit.request
        visit.send_apart([b"HTTP/1.1 200 OK\r\nContent-Le"])
        if reset:
            visit.reset()
        else:
            visit.close()

    origin.behaves(leave)
    with client.connect() as connection:
        expect_error_then_service(connection, origin, 502)


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("framing", ["length", "chunked", "chunk-line"])
def test_gone_inside_the_body(origin: Origin, client: Client, framing: str, reset: bool) -> None:
    """The client must be able to tell that the reply is not whole."""
    partial = {
        "length": OK + b"Content-Length: 10\r\n\r\n01234",
        "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n",
        "chunk-line": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n3",
    }[framing]

    client_has_it = threading.Event()

    def leave(visit: Visit) -> None:
        _ = visit.request
        visit.send_apart([partial])
        client_has_it.wait(10)
        if reset:
            visit.reset()
        else:
            visit.close()

    origin.behaves(leave)
    with client.connect() as connection:
        connection.send(encode_request("GET", "/"))
        connection.wait_for_bytes(b"01234")
        client_has_it.set()
        with pytest.raises(Incomplete) as cut:
            connection.response()
        assert cut.value.received == b"01234"
    origin.behaves(lambda _visit: Reply(200, b"well again"))
    assert client.get("/").body == b"well again"


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[pytest.mark.differs("nginx", reason=LENIENT)] if kind in NGINX_LENIENT else [])
        for kind in GARBAGE
    ],
)
def test_garbage_instead_of_a_reply(origin: Origin, client: Client, kind: str) -> None:
    def garbage(visit: Visit) -> None:
        _ = visit.request
        visit.send(GARBAGE[kind])
        visit.half_close()
        visit.hang()

    origin.behaves(garbage)
    with client.connect() as connection:
        expect_error_then_service(connection, origin, 502)


def test_head_of_a_reply_beyond_every_bound(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, fields=tuple((f"X-{n}", "v" * 1000) for n in range(200))))
    with client.connect() as connection:
        expect_error_then_service(connection, origin, 502)


def test_bad_chunk_in_a_reply_ends_it(origin: Origin, client: Client) -> None:
    def bad_chunk(visit: Visit) -> None:
        _ = visit.request
        visit.send_apart([OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n", b"zz\r\nnonsense\r\n0\r\n\r\n"])

    origin.behaves(bad_chunk)
    with client.connect() as connection:
        connection.send(encode_request("GET", "/"))
        with pytest.raises((Incomplete, Closed)):
            connection.response()


def test_bytes_after_a_reply_are_never_given_to_anybody(origin: Origin, client: Client) -> None:
    """Response splitting: what the origin says without being asked must not answer the next request."""

    def say_too_much(visit: Visit) -> None:
        _ = visit.request
        visit.send(Reply(200, b"asked").encode() + Reply(200, b"poison").encode())

    origin.behaves(say_too_much)
    with client.connect() as connection:
        for _ in range(6):
            answer = connection.ask()
            assert answer.body != b"poison"
            if not answer.keeps_open:
                break
    assert client.get("/").body != b"poison"


@pytest.mark.only("weir", reason="nginx has no connections open before they are used")
def test_bytes_on_an_idle_upstream_connection_are_never_given_to_anybody(
    dut: Dut, origin: Origin, client: Client
) -> None:
    origin.behaves(lambda _visit: Reply(200, b"asked"))
    dut.apply(servers=[Server(origin.endpoint, connections=4)])
    dut.wait_for_upstreams()
    for link in list(origin.links):
        link.wire.send(Reply(200, b"poison").encode())
        Deadline(5).wait_for(link.ended.is_set, interval=0.002, what="a connection that spoke unasked to be closed")
    assert client.get("/", times=8).bodies == [b"asked"] * 8


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("body", [b"", b"pay 5"], ids=["empty", "body"])
def test_request_that_may_not_be_repeated_is_sent_once(
    dut: Dut, origin: Origin, client: Client, method: str, body: bytes
) -> None:
    """Not even when the kept connection it went out on turns out to be dead, where a GET may be tried again."""
    dut.apply(servers=[Server(origin.endpoint, connections=1)])
    assert client.get("/", times=4).statuses == [200] * 4
    origin.behaves(lambda visit: visit.reset())
    assert client.request(method, "/pay", body=body).status == 502
    assert origin.heads == 5


def test_error_reply_to_head_has_no_body(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(servers=[Server(f"{origin.address}:9")])
    with client.connect() as connection:
        answer = connection.ask("HEAD")
        assert answer.status == 502
        if answer.keeps_open:
            assert connection.ask("HEAD").status == 502


def test_client_that_leaves_before_the_reply(origin: Origin, client: Client) -> None:
    """A reply that nobody waits for any more is not given to anybody else."""
    left = threading.Event()

    def answer_when_the_client_is_gone(visit: Visit) -> Reply:
        _ = visit.request
        if visit.target == "/first":
            assert left.wait(20)
            return Reply(200, b"stale")
        return Reply(200, b"fresh")

    origin.behaves(answer_when_the_client_is_gone)
    with client.connect() as connection:
        connection.send(encode_request("GET", "/first"))
        origin.wait_for_heads(1)
        connection.reset()
    left.set()
    assert client.get("/second", times=10).bodies == [b"fresh"] * 10
