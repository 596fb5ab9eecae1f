"""Slow clients: heads, bodies and replies that come, or are taken, too slowly or in too many pieces.

A row of LIMITS for each limit of one connection by itself; every case that says so runs for all. Bytes are paced by
the clock, not by pauses, so a host that was held up catches up, and the grace period is what it may be held up by.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from lab import speed
from lab.deadline import Deadline
from lab.network import Network
from suites.duts.config import Server, Upstream
from suites.duts.dut import Dut
from suites.functional.test_limit_blocks import blocked as blocked  # a fixture
from suites.functional.test_streaming import large_body, send_aside, sha256, wait_until_stalled
from suites.traffic.client import Client, Conversation
from suites.traffic.errors import Closed, Incomplete, TrafficError
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin, Visit
from suites.traffic.wire import IP_FREEBIND

pytestmark = pytest.mark.only("weir", reason="these limits are Weir's own; test_keepalive.py has those that peers have")

Maker = Callable[[], Client]

RATE = 2000  # bytes a second
GRACE_S = 0.8
AHEAD = 1000
PIECES = 3
STEP_S = 0.05
LEFT_IN_PEACE_S = 3 * GRACE_S  # longer than any silence that a least rate allows
SMALL_WINDOW = 4096
TAKES_LONG = 300_000  # bytes: more than Weir gives TCP to hold unsent (kmod/leg.h)
FITS = 64 * 1024  # TCP holds all of it, so as an exchange it is over


def head(length: int, *, method: str = "POST", fields: str = "") -> bytes:
    return f"{method} / HTTP/1.1\r\nHost: weir.test\r\nContent-Length: {length}\r\n{fields}\r\n".encode()


def split(data: bytes, pieces: int) -> list[bytes]:
    """`data` in so many pieces of about a size."""
    ends = [len(data) * number // pieces for number in range(pieces + 1)]
    return [data[start:end] for start, end in itertools.pairwise(ends)]


def wait_until(moment: float) -> None:
    """Time is what these cases are about."""
    time.sleep(max(0.0, moment - time.monotonic()))


@contextmanager
def sending(connection: Conversation, data: bytes, *, rate: float) -> Iterator[None]:
    """In a thread, at so many bytes a second, until all is sent, the peer wants no more, or the `with` ends."""
    over = threading.Event()

    def send() -> None:
        began, sent = time.monotonic(), 0
        while sent < len(data) and not over.wait(STEP_S):
            due = min(len(data), int(rate * (time.monotonic() - began)))
            with contextlib.suppress(OSError, TrafficError):
                connection.send(data[sent:due])
            sent = due

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def read_paced(connection: Conversation, count: int, *, rate: float) -> int:
    """Read at so many bytes a second until `count` are there or the connection ends; how many came."""
    began, got = time.monotonic(), 0
    while got < count:
        try:
            data = connection.wire.receive()
        except ConnectionResetError:
            break
        if not data:
            break
        got += len(data)
        wait_until(began + got / rate)
    return got


@contextmanager
def reading(connection: Conversation, *, rate: float) -> Iterator[None]:
    """In a thread, at so many bytes a second, until the connection or the `with` ends; 0: nothing is read."""
    over = threading.Event()

    def read() -> None:
        with contextlib.suppress(OSError, TrafficError):
            while rate and (data := connection.wire.receive()) and not over.wait(len(data) / rate):
                pass

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        over.set()
        connection.wire.interrupt()
        thread.join()


def ending(connection: Conversation) -> str:
    """How it ends: a status and a close, or a reset, now or after what had come."""
    try:
        status = connection.response().status
        connection.expect_closed()
    except (Closed, Incomplete) as ended:
        return "reset" if ended.reset else "closed"
    except ConnectionResetError:
        return "reset"
    return str(status)


def send_seen(dut: Dut, connection: Conversation, *pieces: bytes) -> None:
    """Each when Weir has read what was before: its kernel may have acknowledged that long before."""
    for piece in pieces:
        before = dut.statistics["bytes_client_in"]
        connection.send(piece)
        dut.wait_for_statistic("bytes_client_in", before + len(piece))


# What offends a limit, on a new connection. The offence is complete on return, or will be by time alone.


def stalled_body(_dut: Dut, client: Client, _origin: Origin) -> Conversation:
    connection = client.connect()
    connection.send(head(100_000) + b"x")
    return connection


def untaken_reply(_dut: Dut, client: Client, origin: Origin) -> Conversation:
    origin.replies(Reply(200, bytes(TAKES_LONG)))
    connection = client.connect(receive_buffer=SMALL_WINDOW)
    connection.send(encode_request("GET", "/"))
    return connection


def head_in_pieces(dut: Dut, client: Client, _origin: Origin, pieces: int = PIECES + 1) -> Conversation:
    """As many of them as are allowed."""
    connection = client.connect()
    parts = split(encode_request("GET", "/"), pieces)
    send_seen(dut, connection, *parts[:PIECES])
    return connection


def body_in_pieces(dut: Dut, client: Client, _origin: Origin, pieces: int = PIECES + 1) -> Conversation:
    """All but the last."""
    connection = client.connect()
    send_seen(dut, connection, head(pieces), *[b"x"] * (pieces - 1))
    return connection


@dataclass(frozen=True)
class Limit:
    """A limit, with what offends it, and what a configuration needs for that; `status`: of its reply, 0 for none."""

    key: str
    value: int
    offend: Callable[[Dut, Client, Origin], Conversation]
    status: int
    grace: str = ""

    @property
    def counter(self) -> str:
        return f"rejected_{self.key}"

    @property
    def actions(self) -> list[str]:
        return ["reply", "reset", "drop"] if self.status else ["reset", "drop"]

    def configured(self, **more: object) -> dict[str, object]:
        return {
            self.key: self.value,
            **({self.grace: GRACE_S} if self.grace else {}),
            **{f"{self.key}_{name}": value for name, value in more.items()},
        }


LIMITS = (
    Limit("min_body_rate", RATE, stalled_body, 408, "min_body_grace"),
    Limit("min_send_rate", RATE, untaken_reply, 0, "min_send_grace"),
    Limit("header_chunks", PIECES, head_in_pieces, 400),
    Limit("body_chunks", PIECES, body_in_pieces, 400),
)
every_limit = pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.key)
BODY, SEND, HEAD_CHUNKS, BODY_CHUNKS = LIMITS


@pytest.mark.parametrize(
    ("limit", "action"), [pytest.param(limit, a, id=f"{limit.key}-{a}") for limit in LIMITS for a in limit.actions]
)
def test_each_action(dut: Dut, origin: Origin, client: Client, limit: Limit, action: str) -> None:
    """Under a general action that is another; and the next connection is served."""
    dut.apply(limits={**limit.configured(action=action), "action": "reply" if action == "reset" else "reset"})
    before = dut.statistics
    connection = limit.offend(dut, client, origin)
    dut.wait_for_statistic(limit.counter, before[limit.counter] + 1)
    if action == "drop":
        # What was acknowledged before asks for nothing; what was not is sent again, and answered by TCP.
        assert not (limit.grace and connection.wire.peer_has_closed)
    else:
        assert ending(connection) == (str(limit.status) if action == "reply" else "reset")
        connection.close()  # else Weir waits for the end of what is sent, for as long as this test waits for that
    dut.wait_for_statistic("connections_active", 0)
    counted = dut.statistics - before
    assert counted[limit.counter] == counted[f"limit_actions_{action}"] == 1
    assert client.get("/").status == 200


@pytest.mark.parametrize("limit", [limit for limit in LIMITS if limit.status], ids=lambda limit: limit.key)
def test_a_reply_has_the_limits_status(dut: Dut, origin: Origin, client: Client, limit: Limit) -> None:
    dut.apply(limits=limit.configured(status=418))
    assert ending(limit.offend(dut, client, origin)) == "418"


@every_limit
def test_it_is_off_unless_set(dut: Dut, origin: Origin, client: Client, limit: Limit) -> None:
    dut.apply(limits={limit.grace: 0.01} if limit.grace else {})
    before = dut.statistics
    connection = limit.offend(dut, client, origin)
    client.wait(seconds=LEFT_IN_PEACE_S if limit.grace else STEP_S)
    assert (dut.statistics - before)[limit.counter] == 0
    assert not connection.wire.peer_has_closed


@every_limit
def test_it_may_block_its_client(
    dut: Dut, origin: Origin, client: Client, limit: Limit, blocked: Callable[[], list[str]]
) -> None:
    dut.apply(limits=limit.configured(block=0))
    limit.offend(dut, client, origin)
    Deadline(5).wait_for(lambda: blocked() == [client.address], what="the client to be blocked")


@every_limit
def test_it_does_not_concern_the_allow_list(dut: Dut, origin: Origin, client: Client, limit: Limit) -> None:
    dut.apply(limits=limit.configured(block=0), firewall={"allow": [client.address]})
    before = dut.statistics
    connection = limit.offend(dut, client, origin)
    client.wait(seconds=LEFT_IN_PEACE_S if limit.grace else STEP_S)
    if limit is BODY:
        connection.send(bytes(100_000 - 1))
    if limit is HEAD_CHUNKS:
        connection.send(split(encode_request("GET", "/"), PIECES + 1)[-1])
    if limit is BODY_CHUNKS:
        connection.send(b"x")
    assert connection.response().status == 200
    assert (dut.statistics - before)[limit.counter] == 0


# Bodies.


@pytest.mark.parametrize("rate", [0, RATE // 10, RATE // 2])
def test_a_body_below_the_rate_is_refused(dut: Dut, client: Client, rate: int) -> None:
    """However steadily it comes, and though each byte puts off client_body."""
    dut.apply(limits=BODY.configured(), timeouts={"client_body": 60.0})
    connection = client.connect()
    began = time.monotonic()
    connection.send(head(100_000))
    with sending(connection, bytes(100_000), rate=rate):
        assert ending(connection) == "408"
    assert time.monotonic() - began >= GRACE_S


@pytest.mark.parametrize("rate", [RATE, 2 * RATE], ids=["at", "above"])
def test_a_body_at_the_rate_is_served(dut: Dut, origin: Origin, client: Client, rate: int) -> None:
    dut.apply(limits=BODY.configured())
    seconds = 5
    body = bytes(range(256)) * (seconds * RATE // 256)
    # There is no answer before all of it has come.
    with client.connect(patience=3 * seconds) as connection:
        connection.send(head(len(body)))
        with sending(connection, body, rate=rate):
            assert connection.response().status == 200
    assert origin.last.body == body


def test_a_body_that_pauses_and_catches_up_is_served(dut: Dut, origin: Origin, client: Client) -> None:
    """As over a bad link: nothing for most of the grace period, then all that is due, and again."""
    dut.apply(limits=BODY.configured())
    pause, times = GRACE_S / 2, 6
    piece = bytes(int(RATE * pause))
    with client.connect() as connection:
        connection.send(head(len(piece) * times))
        began = time.monotonic()
        for number in range(1, times + 1):
            wait_until(began + number * pause)
            connection.send(piece)
        assert connection.response().status == 200
    assert origin.requests == 1


def test_what_came_at_first_does_not_pay_for_silence_later(dut: Dut, client: Client) -> None:
    """Bytes for a minute, then none."""
    dut.apply(limits=BODY.configured(), timeouts={"client_body": 60.0})
    connection = client.connect()
    connection.send(head(1_000_000) + bytes(60 * RATE - 1))
    began = time.monotonic()
    connection.send(b"x")
    assert ending(connection) == "408"
    assert time.monotonic() - began >= GRACE_S


def test_a_server_that_does_not_read_is_not_the_clients_fault(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(limits={"min_body_rate": 100_000, "min_body_grace": GRACE_S})
    body = large_body()
    go_on = threading.Event()

    def read_late(visit: Visit) -> Reply:
        go_on.wait(60)
        return Reply(200, sha256(visit.request.body).encode())

    origin.behaves(read_late)
    before = dut.statistics
    with client.connect(patience=60, record=False) as connection:
        sender = send_aside(connection, encode_request("POST", "/", body=body))
        origin.wait_for_heads(1)
        wait_until_stalled(connection.wire)
        client.wait(seconds=LEFT_IN_PEACE_S)
        assert (dut.statistics - before)["rejected_min_body_rate"] == 0
        go_on.set()
        assert connection.response().body == sha256(body).encode()
        sender.join()


def test_the_gap_that_is_allowed_is_as_short_as_ever(dut: Dut, client: Client) -> None:
    """client_body is shorter than the grace period here."""
    dut.apply(limits={"min_body_rate": 1, "min_body_grace": 60.0}, timeouts={"client_body": 0.5})
    before = dut.statistics
    connection = client.connect()
    connection.send(head(100) + b"x")
    assert ending(connection) == "408"
    counted = dut.statistics - before
    assert counted["rejected_min_body_rate"] == 0
    assert counted["timeouts_client"] == 1


def test_a_rate_is_imposed_and_lifted_live(dut: Dut, client: Client, new_client: Maker) -> None:
    dut.apply()
    first, second = client.connect(), new_client().connect()
    for connection in (first, second):
        connection.send(head(100) + b"x")
    client.wait(seconds=LEFT_IN_PEACE_S)
    dut.apply(limits=BODY.configured())
    first.send(b"x")  # it is looked at from now on, with a grace period of its own
    assert ending(first) == "408"
    dut.apply()
    second.send(bytes(99))
    assert second.response().status == 200


# Replies.


@pytest.mark.parametrize("size", [TAKES_LONG, FITS], ids=["held-back", "with-tcp"])
@pytest.mark.parametrize("rate", [0, 5 * RATE], ids=["not-at-all", "too-slowly"])
def test_a_reply_taken_below_the_rate_is_cut(dut: Dut, origin: Origin, client: Client, size: int, rate: int) -> None:
    """Though some of it is acknowledged in every client_body; and also when all of it is TCP's affair already."""
    dut.apply(limits={"min_send_rate": 20 * RATE, "min_send_grace": GRACE_S}, timeouts={"client_body": 60.0})
    origin.replies(Reply(200, bytes(size)))
    before = dut.statistics
    connection = client.connect(receive_buffer=SMALL_WINDOW)
    began = time.monotonic()
    connection.send(encode_request("GET", "/"))
    with reading(connection, rate=rate):
        dut.wait_for_statistic("rejected_min_send_rate", before["rejected_min_send_rate"] + 1)
        assert time.monotonic() - began >= GRACE_S
        dut.wait_for_statistic("connections_active", 0)


@pytest.mark.parametrize("size", [TAKES_LONG, FITS], ids=["held-back", "with-tcp"])
def test_a_reply_taken_slowly_but_above_the_rate_is_whole(dut: Dut, origin: Origin, client: Client, size: int) -> None:
    dut.apply(limits={"min_send_rate": 10_000, "min_send_grace": GRACE_S})
    origin.replies(Reply(200, bytes(size)), Reply(200, b"again"))
    before = dut.statistics
    with client.connect(receive_buffer=SMALL_WINDOW) as connection:
        connection.send(encode_request("GET", "/"))
        assert read_paced(connection, size, rate=60_000) >= size
        assert connection.ask().body == b"again"
    assert (dut.statistics - before)["rejected_min_send_rate"] == 0


def test_who_has_taken_all_may_be_idle(dut: Dut, client: Client) -> None:
    dut.apply(limits=SEND.configured())
    with client.connect() as connection:
        for _ in range(3):
            assert connection.ask().status == 200
            client.wait(seconds=LEFT_IN_PEACE_S)
        assert dut.statistics["connections_active"] == 1


def test_a_slow_server_is_not_the_clients_fault(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(limits=SEND.configured())

    def drip(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")
        for _ in range(3):
            time.sleep(GRACE_S)  # a server that thinks
            visit.send(b"x")

    origin.behaves(drip)
    assert client.get("/").body == b"xxx"


def test_the_end_of_a_reply_taken_slowly_is_not_lost(dut: Dut, origin: Origin, client: Client) -> None:
    """The connection ends with it, so Weir is done long before the client is: 64 KiB at 6 KiB a second."""
    dut.apply()
    origin.replies(Reply(200, bytes(FITS)))
    with client.connect(receive_buffer=SMALL_WINDOW) as connection:
        connection.send(encode_request("GET", "/", fields=[("Connection", "close")]))
        assert read_paced(connection, FITS, rate=6144) >= FITS
        connection.rest()
        assert not connection.was_reset


def test_the_end_of_a_reply_that_is_not_taken_is_given_up(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply()
    origin.replies(Reply(200, bytes(FITS)))
    connection = client.connect(receive_buffer=SMALL_WINDOW)
    connection.send(encode_request("GET", "/", fields=[("Connection", "close")]))
    with reading(connection, rate=100):
        dut.wait_for_statistic("connections_active", 0, seconds=20)


# Pieces.


@pytest.mark.parametrize("pieces", [1, PIECES - 1, PIECES])
def test_a_head_in_as_many_pieces_is_served(dut: Dut, origin: Origin, client: Client, pieces: int) -> None:
    dut.apply(limits={"header_chunks": PIECES})
    connection = head_in_pieces(dut, client, origin, pieces)
    assert connection.response().status == 200
    # The next one is counted by itself.
    send_seen(dut, connection, *split(encode_request("GET", "/"), PIECES))
    assert connection.response().status == 200


@pytest.mark.parametrize("pieces", [PIECES + 1, 20])
def test_a_head_in_more_pieces_is_refused(dut: Dut, origin: Origin, client: Client, pieces: int) -> None:
    dut.apply(limits={"header_chunks": PIECES})
    connection = client.connect()
    parts = split(encode_request("GET", "/"), pieces)
    send_seen(dut, connection, *parts[:PIECES])
    assert ending(connection) == "400"
    assert origin.heads == 0


@pytest.mark.parametrize("pieces", [2, PIECES])
def test_a_body_in_as_many_small_pieces_is_served(dut: Dut, origin: Origin, client: Client, pieces: int) -> None:
    dut.apply(limits={"body_chunks": PIECES})
    connection = body_in_pieces(dut, client, origin, pieces)
    connection.send(b"x")
    assert connection.response().status == 200
    assert origin.last.body == b"x" * pieces


def test_a_chunked_body_in_more_small_pieces_is_refused(dut: Dut, client: Client) -> None:
    """What TCP brings apart is a piece, whatever the framing."""
    dut.apply(limits={"body_chunks": PIECES})
    connection = client.connect()
    begin = b"POST / HTTP/1.1\r\nHost: weir.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    send_seen(dut, connection, begin, *[b"1\r\nx\r\n"] * PIECES)
    assert ending(connection) == "400"


def test_pieces_of_half_a_kilobyte_are_not_counted(dut: Dut, origin: Origin, client: Client) -> None:
    """The least that a whole segment of any link holds: 536 bytes (RFC 9293, 3.7.1)."""
    dut.apply(limits={"body_chunks": PIECES})
    with client.connect() as connection:
        connection.send_apart([head(20 * 536), *[bytes(536)] * 20])
        assert connection.response().status == 200
    assert len(origin.last.body) == 20 * 536


def test_a_long_upload_is_no_matter_of_pieces(dut: Dut, origin: Origin, client: Client) -> None:
    """What is left in the socket for want of room is no piece, however little it is."""
    dut.apply(limits={"body_chunks": 2, "header_chunks": 1, **BODY.configured()})
    body = large_body()
    origin.behaves(lambda visit: Reply(200, sha256(visit.request.body).encode()))
    with client.connect(patience=60, record=False) as connection:
        assert connection.ask("POST", body=body).body == sha256(body).encode()


# What a server hears of slow bodies.


def test_no_server_is_asked_before_enough_of_the_body_is_there(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(limits={"body_ahead": AHEAD})
    body = bytes(range(250)) * 12
    with client.connect() as connection:
        connection.send_apart([head(len(body)), body[: AHEAD - 1]])
        client.wait(seconds=STEP_S)
        assert origin.heads == 0
        connection.send_apart([body[AHEAD - 1 : AHEAD]])
        origin.wait_for_heads(1)
        connection.send(body[AHEAD:])
        assert connection.response().status == 200
    assert origin.last.body == body


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_no_server_is_asked_before_all_of_a_short_body_is_there(
    dut: Dut, origin: Origin, client: Client, chunked: bool
) -> None:
    dut.apply(limits={"body_ahead": AHEAD})
    request = encode_request("POST", "/", chunks=[b"short"]) if chunked else encode_request("POST", "/", body=b"short")
    with client.connect() as connection:
        connection.send_apart([request[:-6], request[-6:-1]])
        client.wait(seconds=STEP_S)
        assert origin.heads == 0
        connection.send(request[-1:])
        assert connection.response().status == 200
        assert connection.ask("POST", body=b"the next").status == 200
    assert [request.body for request in origin.received] == [b"short", b"the next"]


def test_who_asks_for_leave_is_passed_on_at_once(dut: Dut, origin: Origin, client: Client) -> None:
    """RFC 9110, 10.1.1."""
    dut.apply(limits={"body_ahead": AHEAD})
    with client.connect() as connection:
        connection.send(head(5, fields="Expect: 100-continue\r\n"))
        origin.wait_for_heads(1)
        connection.send(b"short")
        assert connection.response().status == 200


def test_slow_bodies_hold_no_upstream_connection(dut: Dut, origin: Origin, client: Client, new_client: Maker) -> None:
    dut.apply(servers=[Server(origin.endpoint, 1)], limits={"body_ahead": AHEAD})
    dut.wait_for_upstreams()
    slow = [new_client().connect() for _ in range(20)]
    for connection in slow:
        connection.send(head(AHEAD) + b"x")
    assert client.get("/", times=5).statuses == [200] * 5
    for connection in slow:
        connection.send(bytes(AHEAD - 1))
    assert [connection.response().status for connection in slow] == [200] * 20


def test_a_body_that_is_held_has_its_time(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(limits={"body_ahead": AHEAD}, timeouts={"client_body": 0.5})
    connection = client.connect()
    connection.send(head(AHEAD) + b"x")
    assert ending(connection) == "408"
    assert origin.heads == 0


def test_a_client_that_leaves_while_it_is_held_leaves_nothing(dut: Dut, origin: Origin, new_client: Maker) -> None:
    dut.apply(limits={"body_ahead": AHEAD})
    assert new_client().get("/").status == 200
    dut.wait_for_statistic("connections_active", 0)
    before = dut.statistics["memory_bytes"]
    for leave in (Conversation.reset, Conversation.close) * 20:
        connection = new_client().connect()
        connection.send_apart([head(AHEAD) + b"x"])
        leave(connection)
    dut.wait_for_statistic("connections_active", 0)
    Deadline(5).wait_for(lambda: dut.statistics["memory_bytes"] <= before + 65536, what="the memory to be given back")
    assert origin.heads == 1


def test_a_group_that_is_gone_meanwhile_serves_no_more(
    dut: Dut, origin: Origin, new_origin: Callable[[], Origin], client: Client
) -> None:
    dut.apply(limits={"body_ahead": AHEAD})
    other = new_origin()
    before = dut.statistics["requests"]
    connection = client.connect()
    connection.send(head(AHEAD) + b"x")
    dut.wait_for_statistic("requests", before + 1)  # its group is chosen
    dut.apply(servers=[], others=[Upstream("other", (Server(other.endpoint),))])
    connection.send(bytes(AHEAD - 1))
    assert connection.response().status == 503
    assert (origin.heads, other.heads) == (0, 0)
    assert client.get("/").status == 200


# All of it at once.


@contextmanager
def crowd(dut: Dut, count: int, say: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections, each from an address of its own, which say this at once."""
    connections = []
    try:
        for number in range(count):
            sock = socket.socket()
            connections.append(sock)
            sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
            sock.bind((Network.client_address(20_000 + number), 0))
            sock.settimeout(Deadline(20).seconds)
            sock.connect(dut.endpoint)
            sock.send(say)
        yield connections
    finally:
        for sock in connections:
            sock.close()


def test_thousands_that_are_idle_are_left_in_peace(dut: Dut, client: Client) -> None:
    count = int(2000 / speed.factor())
    dut.apply(
        limits={**BODY.configured(), **SEND.configured(), "header_chunks": 1, "body_chunks": 1, "body_ahead": AHEAD},
        timeouts={"client_header": 300.0, "keepalive": 300.0},
    )
    before = dut.statistics
    with crowd(dut, count) as connections:
        for sock in connections[::2]:
            sock.send(encode_request("GET", "/"))
        for sock in connections[::2]:
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
        client.wait(seconds=LEFT_IN_PEACE_S)
        counted = dut.statistics - before
        assert counted["connections_active"] == count
        assert not any(counted[limit.counter] for limit in LIMITS)
        assert client.get("/", times=20).statuses == [200] * 20


@pytest.mark.parametrize("part", ["head", "body"])
def test_thousands_that_send_a_byte_now_and_then_come_to_an_end(
    dut: Dut, origin: Origin, client: Client, part: str
) -> None:
    """And others are served meanwhile."""
    count = int(1000 / speed.factor())
    dut.apply(limits={**BODY.configured(), "body_ahead": AHEAD}, timeouts={"client_header": 2.0, "client_body": 60.0})
    before = dut.statistics
    asked = head(100_000) if part == "body" else b"GET / HTTP/1.1\r\nHost: weir.test\r\nX-Long: "
    with crowd(dut, count, asked) as connections:
        Deadline(30).wait_for(
            lambda: trickle(connections) and dut.statistics["connections_active"] == 0,
            what="the slow ones to be gone",
            interval=0.3,
        )
        assert client.get("/", times=20).statuses == [200] * 20
    assert (dut.statistics - before)["timeouts_client"] == count
    assert origin.heads == 20


def trickle(connections: list[socket.socket]) -> bool:
    """A byte more from each that may still send; True."""
    for sock in connections:
        with contextlib.suppress(OSError):
            sock.send(b"x")
    return True
