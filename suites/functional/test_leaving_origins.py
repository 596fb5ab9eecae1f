"""An origin that leaves at any byte of a request or of its reply, by FIN or by RST: whoever asked is told or served by
another connection, and nobody else is harmed.

Throughout each case the same origin has another request in hand, and between any two bytes it serves a plain one.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest

from lab.link import Link
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.traffic.client import Client, Conversation
from suites.traffic.errors import Closed, Incomplete
from suites.traffic.messages import Framing, Reply, encode_request
from suites.traffic.origin import Leaving, Origin, Visit
from suites.traffic.reader import MessageReader

pytestmark = pytest.mark.usefixtures("quick_acknowledgements")

LEAVING: tuple[Leaving, ...] = ("close", "reset")
CONNECTIONS = 4
SEGMENT = 4  # bytes of a head in each segment, so that an origin can leave in the midst of it
# No byte of these bodies can be taken for a byte of their framing.
BODY = b"ghijklmnopqrstuv"
REQUESTS = {
    "length": encode_request("POST", "/leave", body=BODY),
    "chunked": encode_request("POST", "/leave", chunks=[BODY[:1], BODY[1:6], BODY[6:]], trailers=[("X-T", "yz")]),
}
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
REPLIES = {
    "length": Reply(200, BODY).encode(),
    "chunked": Reply(200, BODY, framing=Framing.CHUNKED, chunks=(1, 5), trailers=(("X-Checksum", "ok"),)).encode(),
    "until-close": Reply(200, BODY, framing=Framing.CLOSE).encode(),
    "interim": INTERIM + Reply(200, b"g").encode(),
}
PATIENCE_S = 120.0  # of those who wait for as long as a case takes
WELL = Reply(200, b"well")


class Rest:
    """What else an origin is asked: one request that it has in hand all the time, and plain ones in between."""

    def __init__(self, client: Client, leaves: Callable[[Visit], None]) -> None:
        self._client = client
        self._leaves = leaves
        self._release = threading.Event()
        self._held: Conversation | None = None

    def behave(self, visit: Visit) -> Reply | None:
        if visit.target == "/leave":
            self._leaves(visit)
            return None
        if visit.target == "/held":
            _ = visit.request
            self._release.wait(PATIENCE_S)
            return Reply(200, b"unharmed")
        return WELL

    def begin(self, origin: Origin) -> None:
        origin.behaves(self.behave)
        self._held = self._client.connect(patience=PATIENCE_S)
        self._held.send(encode_request("GET", "/held"))
        origin.wait_for_heads(1)

    def goes_on(self) -> None:
        assert self._client.get("/next").body == b"well"

    def end(self) -> None:
        self._release.set()
        assert self._held is not None
        assert self._held.response().body == b"unharmed"


Others = Callable[[Callable[[Visit], None]], Rest]


@pytest.fixture
def others(dut: Dut, origin: Origin, new_client: Callable[[], Client]) -> Iterator[Others]:
    """Nothing is repeated, so that an answer tells what became of the first attempt."""
    dut.apply(
        servers=[Server(origin.endpoint, connections=CONNECTIONS)],
        group={"retries": 0},
        timeouts={"upstream_response": PATIENCE_S},
    )
    dut.wait_for_upstreams()
    begun: list[Rest] = []

    def begin(leaves: Callable[[Visit], None]) -> Rest:
        begun.append(Rest(new_client(), leaves))
        begun[-1].begin(origin)
        return begun[-1]

    yield begin
    for rest in begun:
        rest.end()


def leave(visit: Visit, how: Leaving) -> None:
    if how == "reset":
        visit.reset()
    else:
        visit.half_close()  # a FIN, even where bytes are left unread, which make a close a reset
        visit.close()


@pytest.mark.parametrize("how", LEAVING)
@pytest.mark.parametrize("kind", REQUESTS)
def test_origin_that_leaves_at_any_byte_of_a_body(
    origin: Origin, client: Client, others: Others, kind: str, how: Leaving
) -> None:
    """A request with a body is sent once, whoever leaves, and its client is told so, though it still sends."""
    request = REQUESTS[kind]
    begin = request.index(b"\r\n\r\n") + 4
    awaited = b""

    def leaves(visit: Visit) -> None:
        while awaited not in visit.link.reader.raw:
            visit.read_payload()
        leave(visit, how)
        gone.set()

    rest = others(leaves)
    for point in range(begin, len(request) + 1):
        gone = threading.Event()
        awaited = bytes(byte for byte in request[begin:point] if byte in BODY)[-1:]
        heads = origin.heads
        with client.connect() as connection:
            connection.send_apart([request[:point]])
            assert gone.wait(10), f"byte {point}"
            with contextlib.suppress(OSError):  # refused before its end came
                connection.send(request[point:])
            assert connection.response(to="POST").status == 502, f"byte {point}"
        assert origin.heads == heads + 1, f"byte {point}"
        rest.goes_on()


@pytest.mark.parametrize("how", LEAVING)
def test_origin_that_leaves_at_any_byte_of_a_head(
    dut: Dut, origin: Origin, client: Client, link: Link, how: Leaving
) -> None:
    """What came of the head was no request to anybody: it is repeated, and comes whole but once."""
    dut.apply(servers=[Server(origin.endpoint, connections=CONNECTIONS)], group={"retries": 1})
    dut.wait_for_upstreams()
    origin.replies(WELL)
    assert client.get("/leave").body == b"well"
    head = origin.last.head.raw
    link.shape(segment=SEGMENT)
    for number, point in enumerate(range(SEGMENT, len(head), SEGMENT), start=2):
        origin.leaves(point, how)
        assert client.get("/leave").body == b"well", f"byte {point}"
        assert (origin.requests, origin.departures) == (number, number - 1), f"byte {point}"
    assert link.counters["from_guest"].split > len(head)


def as_sent(data: bytes, how: Leaving) -> tuple[int | None, bytes]:
    """What a client can know of a reply that breaks off here: a status and a body, or no status and part of a body."""
    pieces = [data]
    reader = MessageReader(lambda: pieces.pop() if pieces else b"")
    try:
        answer = reader.read_response()
    except Closed:
        return 502, b""
    except Incomplete as cut:
        return (None, cut.received) if b"\r\n\r\n" in data.removeprefix(INTERIM) else (502, b"")
    # A reset is no end, even where the end of the connection would be one.
    truncated = answer.framing is Framing.CLOSE and how == "reset"
    return (None if truncated else answer.status), answer.body


def received(connection: Conversation) -> tuple[int | None, bytes]:
    connection.send(encode_request("GET", "/leave"))
    try:
        answer = connection.response()
    except Incomplete as cut:
        return None, cut.received
    return answer.status, answer.body if answer.status == 200 else b""


@pytest.mark.parametrize("how", LEAVING)
@pytest.mark.parametrize("kind", REPLIES)
def test_origin_that_leaves_at_any_byte_of_its_reply(client: Client, others: Others, kind: str, how: Leaving) -> None:
    """502 while the head is not whole; then a reply that is seen to be cut short, with all that came of it."""
    reply = REPLIES[kind]
    point = 0

    def leaves(visit: Visit) -> None:
        _ = visit.request
        visit.send_apart([reply[:point]])
        leave(visit, how)

    rest = others(leaves)
    for point in range(1, len(reply)):
        with client.connect() as connection:
            assert received(connection) == as_sent(reply[:point], how), f"byte {point}"
        rest.goes_on()
