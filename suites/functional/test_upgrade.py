"""A connection upgraded to WebSocket is a tunnel: bytes of any kind both ways, with back-pressure, until its ends.

Most cases look at bytes alone, for nothing between the two may read them; frames are real in `test_websocket.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from lab.deadline import Deadline
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.functional.test_streaming import (
    HELD_AT_MOST,
    PATIENCE_S,
    large_body,
    send_aside,
    sha256,
    wait_until_stalled,
)
from suites.traffic.client import Client, Conversation
from suites.traffic.messages import Pairs, Reply, encode_request
from suites.traffic.origin import Origin, Visit

SIZE = 8 << 20
FIELDS = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)
GRANT = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
# What a proxy that reads on would take for requests, and refuse or forward.
TEMPTING = (
    b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n"
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n\0\xff"
)


class Tunnels:
    """Grants every upgrade and keeps what belongs to each tunnel's far end until the test is done with it."""

    def __init__(self, origin: Origin) -> None:
        self._opened = threading.Semaphore(0)
        self._done = threading.Event()
        self.ends: list[Visit] = []
        origin.behaves(self._serve)

    def _serve(self, visit: Visit) -> Reply | None:
        if "upgrade" not in visit.head.fields:
            return Reply(200, b"plain")
        _ = visit.request
        visit.send(GRANT)
        self.ends.append(visit)
        self._opened.release()
        self._done.wait()
        visit.close()
        return None

    def wait_for_one(self) -> Visit:
        assert self._opened.acquire(timeout=20), "no upgrade reached the origin"
        return self.ends[-1]

    def end(self) -> None:
        self._done.set()


@pytest.fixture
def tunnels(origin: Origin) -> Iterator[Tunnels]:
    made = Tunnels(origin)
    yield made
    made.end()


def refuses_bytes(connection: Conversation) -> bool:
    """Whether the peer has reset the connection, of which all there was to read was read."""
    try:
        connection.send(b"x")
    except (ConnectionResetError, BrokenPipeError):
        return True
    return False


def ask_for_upgrade(connection: Conversation, fields: Pairs = FIELDS, *, method: str = "GET") -> None:
    connection.send(encode_request(method, "/chat", fields=fields))


def open_tunnel(connection: Conversation, tunnels: Tunnels) -> Visit:
    """The far end of a tunnel through `connection`."""
    ask_for_upgrade(connection)
    assert connection.response().status == 101
    end = tunnels.wait_for_one()
    end.wire.patience = connection.wire.patience  # an origin's own is for ever
    return end


# Handshake


def test_upgrade_reaches_the_origin_and_its_consent_the_client(client: Client, tunnels: Tunnels) -> None:
    connection = client.connect()
    ask_for_upgrade(connection, [("Connection", "keep-alive, Upgrade"), *FIELDS[1:]])
    answer = connection.response()
    end = tunnels.wait_for_one()
    assert answer.status == 101
    assert answer.head.fields.tokens("connection") == ["upgrade"]
    assert answer.head.fields.tokens("upgrade") == ["websocket"]
    assert answer.head.fields["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert end.head.fields.tokens("connection") == ["upgrade"]
    assert end.head.fields.tokens("upgrade") == ["websocket"]
    assert end.head.fields["sec-websocket-key"] == "dGhlIHNhbXBsZSBub25jZQ=="
    assert end.head.fields["sec-websocket-version"] == "13"


def test_interim_reply_before_the_consent(origin: Origin, client: Client) -> None:
    def hint(visit: Visit) -> None:
        _ = visit.request
        visit.send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" + GRANT)
        visit.send(visit.take(4))
        visit.close()

    origin.behaves(hint)
    connection = client.connect()
    ask_for_upgrade(connection)
    answer = connection.response()
    assert [head.start_line for head in answer.interim] == ["HTTP/1.1 103 Early Hints"]
    assert answer.status == 101
    connection.send(b"ping")
    assert connection.rest() == b"ping"


@pytest.mark.parametrize("status", [200, 403, 426])
def test_refused_upgrade_is_ordinary_http(origin: Origin, client: Client, status: int) -> None:
    origin.replies(Reply(status, b"no"), Reply(200, b"next"))
    with client.connect() as connection:
        ask_for_upgrade(connection)
        answer = connection.response()
        assert (answer.status, answer.body) == (status, b"no")
        assert "upgrade" not in answer.head.fields
        assert connection.ask().body == b"next"


def test_what_was_sent_before_a_refusal_is_the_next_request(origin: Origin, client: Client) -> None:
    """Nothing is a tunnel's that was not agreed to: it is read as HTTP, with all its checks."""
    origin.replies(Reply(426), Reply(200, b"next"))
    with client.connect() as connection:
        connection.send(encode_request("GET", "/chat", fields=FIELDS) + TEMPTING)
        assert connection.response().status == 426
        assert connection.response().body == b"next"
        assert connection.response(to="POST").status == 400
    assert [request.target for request in origin.received] == ["/chat", "/inner"]


def test_what_was_sent_before_the_consent_follows_it(origin: Origin, client: Client) -> None:
    before: list[bytes] = []

    def grant(visit: Visit) -> None:
        _ = visit.request
        before.append(visit.link.reader.pending)
        visit.send(GRANT)
        visit.send(visit.take(5))
        visit.close()

    origin.behaves(grant)
    connection = client.connect()
    connection.send(encode_request("GET", "/chat", fields=FIELDS) + b"early")
    assert connection.response().status == 101
    assert connection.rest() == b"early"
    assert before == [b""]


@pytest.mark.parametrize(
    ("fields", "method", "version"),
    [
        (
            [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQ")],
            "GET",
            "1.1",
        ),
        ([("Connection", "Upgrade"), ("Upgrade", "websocket, h2c")], "GET", "1.1"),
        ([("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Upgrade", "h2c")], "GET", "1.1"),
        ([("Connection", "Upgrade"), ("Upgrade", "TLS/1.0")], "GET", "1.1"),
        ([("Upgrade", "websocket")], "GET", "1.1"),
        ([("Connection", "Upgrade"), ("Upgrade", "websocket")], "GET", "1.0"),
        ([("Connection", "Upgrade"), ("Upgrade", "websocket")], "POST", "1.1"),
    ],
    ids=["h2c", "list", "two-fields", "tls", "not-a-connection-option", "1.0", "post"],
)
def test_other_upgrades_are_not_forwarded(
    origin: Origin, client: Client, fields: Pairs, method: str, version: str
) -> None:
    origin.replies(Reply(200, b"plain"))
    assert client.request(method, headers=fields, version=version).body == b"plain"
    assert "upgrade" not in origin.last.head.fields
    assert "upgrade" not in origin.last.head.fields.tokens("connection")
    assert "http2-settings" not in origin.last.head.fields


def test_upgrade_of_a_request_with_a_body_is_not_forwarded(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"plain"))
    assert client.request("GET", headers=FIELDS[:2], chunks=[b"abc"]).body == b"plain"
    assert "upgrade" not in origin.last.head.fields
    assert origin.last.body == b"abc"


def grant_unasked(visit: Visit) -> None:
    _ = visit.request
    visit.send(GRANT + TEMPTING)
    visit.hang()


@pytest.mark.parametrize("fields", [(), (("Connection", "Upgrade"), ("Upgrade", "h2c"))], ids=["plain", "h2c"])
def test_consent_that_nobody_asked_for_is_502(dut: Dut, origin: Origin, client: Client, fields: Pairs) -> None:
    dut.apply(servers=[Server(origin.endpoint, connections=1)])
    origin.behaves(grant_unasked)
    assert client.get(headers=fields).status == 502
    origin.replies(Reply(200, b"fine"))
    assert client.get().body == b"fine"


def test_consent_to_another_protocol_is_502(origin: Origin, client: Client) -> None:
    def grant(visit: Visit) -> None:
        _ = visit.request
        visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + TEMPTING)
        visit.hang()

    origin.behaves(grant)
    connection = client.connect()
    ask_for_upgrade(connection)
    assert connection.response().status == 502


# Bytes


def test_bytes_are_not_looked_at(origin: Origin, client: Client, tunnels: Tunnels) -> None:
    data = TEMPTING + bytes(range(256))
    connection = client.connect()
    end = open_tunnel(connection, tunnels)
    connection.send(data)
    assert end.take(len(data)) == data
    end.send(data[::-1])
    assert connection.take(len(data)) == data[::-1]
    assert origin.requests == 1


def test_bytes_in_the_consents_own_segment(origin: Origin, client: Client) -> None:
    def grant(visit: Visit) -> None:
        _ = visit.request
        visit.send(GRANT + TEMPTING)
        visit.close()

    origin.behaves(grant)
    connection = client.connect()
    ask_for_upgrade(connection)
    assert connection.response().status == 101
    assert connection.rest() == TEMPTING


def test_consent_cut_at_every_byte(origin: Origin, client: Client) -> None:
    cuts = iter(range(1, len(GRANT) + 2))

    def grant(visit: Visit) -> None:
        cut = next(cuts)
        _ = visit.request
        visit.send_apart([(GRANT + b"ab")[:cut], (GRANT + b"ab")[cut:]])
        visit.close()

    origin.behaves(grant)
    for _ in range(1, len(GRANT) + 2):
        with client.connect() as connection:
            ask_for_upgrade(connection)
            assert connection.response().status == 101
            assert connection.rest() == b"ab"


def test_small_messages_are_not_held_back(client: Client, tunnels: Tunnels) -> None:
    """A thousand round trips, each of which would take a delayed acknowledgement's time if anybody gathered bytes."""
    connection = client.connect()
    end = open_tunnel(connection, tunnels)
    for number in range(1000):
        message = b"%06d" % number
        connection.send(message)
        assert end.take(6) == message
        end.send(message)
        assert connection.take(6) == message


def test_large_amounts_in_both_directions_at_once(client: Client, tunnels: Tunnels) -> None:
    up, down = large_body(SIZE), large_body(SIZE)[::-1]
    with client.connect(patience=PATIENCE_S) as connection:
        end = open_tunnel(connection, tunnels)
        sender = send_aside(connection, up)
        origin_sender = threading.Thread(target=lambda: end.send(down))
        origin_sender.start()
        received: list[bytes] = []
        reader = threading.Thread(target=lambda: received.append(end.take(len(up))))
        reader.start()
        assert sha256(connection.take(len(down))) == sha256(down)
        for thread in (sender, origin_sender, reader):
            thread.join()
    assert sha256(received[0]) == sha256(up)


def test_slow_client_holds_back_the_origin(dut: Dut, client: Client, tunnels: Tunnels) -> None:
    data = large_body()
    with client.connect(receive_buffer=64 * 1024, patience=PATIENCE_S, record=False) as connection:
        end = open_tunnel(connection, tunnels)
        end.wire.patience = PATIENCE_S
        sender = threading.Thread(target=lambda: end.send(data))
        sender.start()
        wait_until_stalled(end.wire)
        assert end.wire.info.bytes_acked < HELD_AT_MOST
        if dut.name == "weir":
            assert dut.statistics["memory_bytes"] < HELD_AT_MOST
        assert sha256(connection.take(len(data))) == sha256(data)
        sender.join()


def test_slow_origin_holds_back_the_client(client: Client, tunnels: Tunnels) -> None:
    data = large_body()
    with client.connect(patience=PATIENCE_S) as connection:
        end = open_tunnel(connection, tunnels)
        end.wire.patience = PATIENCE_S
        sender = send_aside(connection, data)
        wait_until_stalled(connection.wire)
        assert connection.wire.info.bytes_acked < HELD_AT_MOST
        assert sha256(end.take(len(data))) == sha256(data)
        sender.join()


# Ends


def test_clients_half_close_is_passed_on(client: Client, tunnels: Tunnels) -> None:
    connection = client.connect()
    end = open_tunnel(connection, tunnels)
    connection.send(b"last")
    connection.half_close()
    assert end.rest() == b"last"
    end.send_apart([b"still ", b"here"])
    assert connection.take(10) == b"still here"
    end.half_close()
    connection.expect_closed()
    assert not end.link.reader.was_reset
    assert not connection.was_reset


def test_origins_half_close_is_passed_on(client: Client, tunnels: Tunnels) -> None:
    connection = client.connect()
    end = open_tunnel(connection, tunnels)
    end.send(b"last")
    end.half_close()
    assert connection.rest() == b"last"
    connection.send_apart([b"still ", b"here"])
    assert end.take(10) == b"still here"
    connection.half_close()
    assert end.rest() == b""
    assert not end.link.reader.was_reset
    assert not connection.was_reset


def test_large_amount_then_the_end_arrives_whole(client: Client, tunnels: Tunnels) -> None:
    data = large_body(SIZE)
    with client.connect(patience=PATIENCE_S) as connection:
        end = open_tunnel(connection, tunnels)
        end.half_close()
        connection.expect_closed()
        sender = send_aside(connection, data)
        assert sha256(end.take(len(data) - 1)) == sha256(data[:-1])
        sender.join()
        connection.close()
        assert end.rest() == data[-1:]
        assert not end.link.reader.was_reset


def test_clients_reset_is_passed_on(client: Client, tunnels: Tunnels) -> None:
    connection = client.connect()
    end = open_tunnel(connection, tunnels)
    connection.reset()
    assert end.rest() == b""
    assert end.link.reader.was_reset


def test_origins_reset_is_passed_on(client: Client, tunnels: Tunnels) -> None:
    connection = client.connect()
    end = open_tunnel(connection, tunnels)
    end.reset()
    assert connection.rest() == b""
    assert connection.was_reset


def test_reset_after_the_origins_half_close_is_passed_on(client: Client, tunnels: Tunnels) -> None:
    connection = client.connect()
    end = open_tunnel(connection, tunnels)
    end.half_close()
    assert connection.rest() == b""
    end.reset()
    Deadline(5).wait_for(lambda: refuses_bytes(connection), interval=0.01, what="the reset to reach the client")


# Time


@pytest.mark.parametrize("talker", ["client", "origin", "nobody"])
def test_idle_tunnel_is_closed_after_its_time(dut: Dut, client: Client, tunnels: Tunnels, talker: str) -> None:
    dut.apply(timeouts={"tunnel": 0.5})
    connection = client.connect()
    end = open_tunnel(connection, tunnels)
    if talker != "nobody":  # for longer than an idle tunnel lives
        for _ in range(8):
            client.wait(seconds=0.1)
            if talker == "client":
                connection.send(b"x")
                assert end.take(1) == b"x"
            else:
                end.send(b"x")
                assert connection.take(1) == b"x"
    connection.expect_closed()
    assert end.rest() == b""


def test_half_closed_tunnel_has_the_time_of_an_idle_connection(dut: Dut, client: Client, tunnels: Tunnels) -> None:
    dut.apply(timeouts={"keepalive": 0.3})
    connection = client.connect()
    end = open_tunnel(connection, tunnels)
    client.wait(seconds=0.5)
    end.send(b"alive")
    assert connection.take(5) == b"alive"
    connection.half_close()
    assert end.rest() == b""
    connection.expect_closed()


# Others


def test_tunnels_use_up_no_upstream_connections(dut: Dut, origin: Origin, client: Client, tunnels: Tunnels) -> None:
    dut.apply(servers=[Server(origin.endpoint, connections=1)])
    connections = [client.connect() for _ in range(4)]
    ends = [open_tunnel(connection, tunnels) for connection in connections]
    assert client.get("/", times=3).bodies == [b"plain"] * 3
    for number, (connection, end) in enumerate(zip(connections, ends, strict=True)):
        connection.send(b"%d" % number)
        assert end.take(1) == b"%d" % number


def test_connection_of_a_tunnel_is_never_used_again(dut: Dut, origin: Origin, client: Client, tunnels: Tunnels) -> None:
    dut.apply(servers=[Server(origin.endpoint, connections=1)])
    connection = client.connect()
    end = open_tunnel(connection, tunnels)
    connection.close()
    assert end.rest() == b""
    end.half_close()
    assert client.get("/", times=3).bodies == [b"plain"] * 3
    assert len(end.link.requests) == 1


def test_tunnel_survives_reconfiguration(
    dut: Dut, client: Client, tunnels: Tunnels, new_origin: Callable[[], Origin]
) -> None:
    """Also the removal of its listener and of its server."""
    dut.apply(listeners=["0.0.0.0:80", "0.0.0.0:8081"])
    connection = client.connect(dut.reach("0.0.0.0:8081"))
    end = open_tunnel(connection, tunnels)
    for change in ({"limits": {"request_rate": 1000}}, {"servers": [Server(new_origin().endpoint)]}):
        dut.apply(listeners=["0.0.0.0:80"], **change)
        connection.send(b"up")
        assert end.take(2) == b"up"
        end.send(b"down")
        assert connection.take(4) == b"down"


@pytest.mark.only("weir", reason="others count otherwise")
def test_upgrades_and_open_tunnels_are_counted(dut: Dut, origin: Origin, client: Client, tunnels: Tunnels) -> None:
    dut.apply(servers=[Server(origin.endpoint, connections=2)])
    before = dut.statistics
    connections = [client.connect() for _ in range(3)]
    ends = [open_tunnel(connection, tunnels) for connection in connections]
    counted = dut.statistics - before
    assert counted["upgrades"] == counted["tunnels_active"] == counted["responses"] == counted["responses_1xx"] == 3
    connections[0].reset()
    ends[1].reset()
    connections[2].close()
    ends[2].close()
    dut.wait_for_statistic("tunnels_active", 0)
    dut.wait_for_statistic("upstream_active", 2)
    dut.wait_for_statistic("connections_active", before["connections_active"])
