"""The reply to a request over its client's limit, byte by byte: it is written once a second, and sent to many."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest

from suites.duts.dut import Dut
from suites.traffic.client import Client, Conversation
from suites.traffic.messages import encode_request
from suites.traffic.origin import Origin

pytestmark = pytest.mark.only("weir", reason="the text of an error is each device's own")

GET = encode_request("GET", "/")
HEAD = encode_request("HEAD", "/")
BODY = b"429 Too Many Requests\n"
BURST_S = 0.125  # the window of request_burst
FORGIVEN_S = 1.2  # all that passed in a second's window, after nine eighths of it
# Runs in the guest: for each line the seconds of CLOCK_REALTIME_COARSE. As the device's own they go on with the timer's
# tick, which a busy host delays.
CLOCK = "import sys, time\nfor _ in sys.stdin: print(int(time.clock_gettime(5)), flush=True)"


@pytest.fixture
def limited(dut: Dut, client: Client) -> Iterator[Conversation]:
    """A connection of a client that is over its limit, for a while: each case is over within that."""
    dut.apply(limits={"request_rate": 1})
    with client.connect() as connection:
        assert connection.ask().status == 200
        yield connection


def head(date: str, *, connection: str = "") -> bytes:
    lines = [
        "HTTP/1.1 429 Too Many Requests",
        f"Date: {date}",
        "Content-Type: text/plain",
        f"Content-Length: {len(BODY)}",
        "Cache-Control: no-store",
        *([f"Connection: {connection}"] if connection else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def take_refusal(connection: Conversation, *, body: bytes = BODY, option: str = "") -> str:
    """Read one, byte for byte; its Date."""
    date_at = len(b"HTTP/1.1 429 Too Many Requests\r\nDate: ")
    length = len(head(" " * 29, connection=option)) + len(body)
    said = connection.take(length)
    date = said[date_at : date_at + 29].decode("ascii")
    assert said == head(date, connection=option) + body
    return date


def test_refusal_byte_by_byte(limited: Conversation) -> None:
    limited.send(GET)
    take_refusal(limited)


def test_refusal_of_a_head_request_has_no_body(limited: Conversation) -> None:
    limited.send(HEAD + GET + HEAD)
    take_refusal(limited, body=b"")
    take_refusal(limited)
    take_refusal(limited, body=b"")


@pytest.mark.parametrize(
    ("request_", "option"),
    [
        (encode_request("GET", "/", fields=[("Connection", "close")]), "close"),
        (encode_request("GET", "/", version="1.0"), "close"),
        (encode_request("POST", "/", body=b"text"), "close"),
        (encode_request("POST", "/", chunks=[b"text"]), "close"),
    ],
    ids=["close", "1.0", "length", "chunked"],
)
def test_refusal_that_ends_the_connection(limited: Conversation, request_: bytes, option: str) -> None:
    limited.send(GET + request_ + GET)
    take_refusal(limited)
    take_refusal(limited, option=option)
    limited.expect_closed()


def test_refusal_of_a_1_0_client_that_stays(limited: Conversation) -> None:
    limited.send(encode_request("GET", "/", version="1.0", fields=[("Connection", "keep-alive")]) + GET)
    take_refusal(limited, option="keep-alive")
    take_refusal(limited)


def test_date_of_a_refusal_is_the_present(dut: Dut, client: Client) -> None:
    """Over several seconds, the last in one connection and the first in another."""
    dut.apply(limits={"request_rate": 1})
    dates = []
    with dut.machine.spawn("python3", "-uc", CLOCK) as clock:

        def now() -> int:
            clock.write("\n")
            return int(clock.read_line())

        end = now() + 3
        while now() < end:
            with client.connect() as connection:
                earliest = now()
                connection.send(GET * 2)
                answers = connection.responses(2)
                latest = now()
            said = [answer.fields["Date"] for answer in answers if answer.status == 429]
            assert all(earliest <= parsedate_to_datetime(date).timestamp() <= latest for date in said), (said, earliest)
            dates += said
    assert len(set(dates)) > 1


def test_refusals_of_different_statuses(dut: Dut, client: Client) -> None:
    """Each in a packet of one connection, all on one CPU: each has a stock of its own."""
    dut.apply(limits={"request_rate": 2, "request_rate_status": 503, "request_burst": 1})
    for _ in range(5):
        with client.connect() as connection:
            began = time.monotonic()
            statuses = [connection.ask().status for _ in range(2)]
            if time.monotonic() - began >= BURST_S:
                client.wait(seconds=FORGIVEN_S)  # the origin's reply came so late that the second may have passed
                continue
            client.wait(seconds=0.2)
            statuses.append(connection.ask().status)
            client.wait(seconds=0.2)
            refusal = connection.ask()
        break
    assert statuses == [200, 429, 200]
    assert (refusal.status, refusal.body) == (503, b"503 Service Unavailable\n")


def test_client_that_does_not_read_its_refusals_gets_them_whole(dut: Dut, origin: Origin, client: Client) -> None:
    """More than TCP takes at once: what is left of a refusal follows when there is room."""
    dut.apply(limits={"request_rate": 1})
    count, before = 4000, dut.statistics
    with client.connect(receive_buffer=4096) as connection:
        writer = threading.Thread(target=connection.send, args=(GET * count,))
        writer.start()
        try:
            client.wait(seconds=0.5)  # it is the client's idleness that is tested
            statuses = [connection.response().status for _ in range(count)]
        finally:
            writer.join()
        statuses.append(connection.ask().status)
    assert set(statuses) == {200, 429}
    assert statuses.count(200) == origin.requests
    counted = dut.statistics - before
    assert counted["rejected_rate"] == counted["responses_4xx"] == counted["limit_actions_reply"]
    assert counted["rejected_rate"] + origin.requests == counted["requests"] == count + 1


def test_refusals_count_as_bytes_and_replies(dut: Dut, limited: Conversation) -> None:
    before = dut.statistics
    limited.send(GET * 3)
    for _ in range(3):
        take_refusal(limited)
    counted = dut.statistics - before
    assert counted["bytes_client_out"] == 3 * len(head(" " * 29) + BODY)
    assert (counted["responses"], counted["responses_4xx"]) == (3, 3)


def test_client_that_is_refused_is_not_idle(dut: Dut, client: Client) -> None:
    dut.apply(limits={"request_rate": 1}, timeouts={"keepalive": 1.0})
    with client.connect() as connection:
        for _ in range(5):
            assert connection.ask().status in {200, 429}
            client.wait(seconds=0.4)
        assert connection.ask().status in {200, 429}
        connection.expect_closed()
