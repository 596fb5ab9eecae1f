"""The event log: each refusal is told to whoever follows it, with its reason; nobody waits for who does not read."""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.deadline import Deadline
from lab.deploy import ENVIRONMENT
from lab.machine import Process
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.functional.test_client_limits import GET, Limit, attempt, every_action, in_time, refusal
from suites.traffic.client import Client
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin

pytestmark = pytest.mark.only("weir", reason="the event log is Weir's own")

Maker = Callable[[], Client]
Event = dict[str, Any]

NO_HOST = b"GET /marker HTTP/1.1\r\n\r\n"
UNPRIVILEGED = ("setpriv", "--reuid", "65534", "--clear-groups", "--bounding-set", "-all", "--inh-caps", "-all")
URI_KEPT = 256
RATE = 5


class Follower:
    """`weirctl log -f`, which follows from the time on when this is made."""

    def __init__(self, dut: Dut, marker: Client) -> None:
        self._marker = marker
        self._marks = 0
        self._read: list[Event] = []
        self.process: Process = dut.machine.spawn("python3", "-m", "weirctl", "log", "-f", env=ENVIRONMENT)
        # What is told before it follows is not told to it.
        told = threading.Event()
        marking = threading.Thread(target=self._mark_until, args=(told,))
        marking.start()
        try:
            self._read.append(json.loads(self.process.read_line()))
        finally:
            told.set()
            marking.join()
        self.synchronise()

    def _mark(self) -> str:
        """A bad request, and its target."""
        self._marks += 1
        target = f"/marker/{self._marker.address}/{self._marks}"
        self._marker.say(f"GET {target} HTTP/1.1\r\n\r\n".encode())
        return target

    def _mark_until(self, told: threading.Event) -> None:
        while not told.wait(0.1):
            self._mark()

    def synchronise(self) -> None:
        """Read all that was told so far."""
        target = self._mark()
        while self._read[-1].get("uri") != target:
            self._read.append(json.loads(self.process.read_line()))

    def of(self, client: Client) -> list[Event]:
        """What was read of this client so far."""
        return [event for event in self._read if event["client"] in (client.address, client.address6)]

    def because(self, reason: str) -> list[Event]:
        """All that was told for this reason until now, of whomever."""
        self.synchronise()
        return [event for event in self._read if event["reason"] == reason]

    def told(self, client: Client) -> list[Event]:
        """All that was told of this client until now."""
        self.synchronise()
        return self.of(client)


@pytest.fixture
def weir(dut: Dut) -> WeirAdapter:
    assert isinstance(dut.adapter, WeirAdapter)
    return dut.adapter


@pytest.fixture
def follow(dut: Dut, new_client: Maker) -> Iterator[Callable[[], Follower]]:
    """Makes followers."""
    made: list[Follower] = []

    def make() -> Follower:
        if dut.config is None:
            dut.apply()
        made.append(Follower(dut, new_client()))
        return made[-1]

    yield make
    for follower in made:
        if follower.process.poll() is None:
            follower.process.kill(signal.SIGKILL)
            follower.process.wait()


@pytest.fixture
def log(follow: Callable[[], Follower]) -> Follower:
    return follow()


def expect(event: Event, **fields: object) -> None:
    """The event says this, and when; `port` aside nothing else."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["time"])
    assert 0 < event["port"] < 65536
    assert {key: value for key, value in event.items() if key not in ("time", "port")} == {
        "listener": "0.0.0.0:80",
        **fields,
    }


@every_action
def test_refusal_by_a_limit_is_told(dut: Dut, client: Client, log: Follower, limit: Limit, action: str) -> None:
    """Each that is counted, once; of a request its method and target, of a connection there is none yet."""
    dut.apply(limits={limit.key: 1, f"{limit.key}_action": action})
    before = dut.statistics
    outcome = {"reply": "429", "reset": "reset", "drop": "silence"}[action]
    assert in_time(limit, lambda: [attempt(client), attempt(client)], client) == ["200", outcome]
    events = log.told(client)
    assert len(events) == (dut.statistics - before)[limit.counter] >= 1
    request = {} if limit.connections else {"method": "GET", "uri": "/"}
    status = {"status": 429} if action == "reply" else {}
    for event in events:
        expect(event, client=client.address, reason=limit.key, action=action, **request, **status)


@pytest.mark.parametrize(("seconds", "told"), [(0, None), (60, 60)])
def test_block_by_a_limit_is_told(
    dut: Dut, weir: WeirAdapter, client: Client, log: Follower, seconds: int, told: int | None
) -> None:
    dut.apply(limits={"request_rate": 1, "request_rate_block": seconds})
    try:
        assert client.pipeline(GET, GET).statuses == [200, 429]
    finally:
        weir.weirctl("block", "flush")
    (event,) = log.told(client)
    expect(
        event, client=client.address, reason="request_rate", action="reply", status=429, method="GET", uri="/",
        blocked_seconds=told,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("block", "fields"),
    [(403, {"action": "reply", "status": 403}), ("reset", {"action": "reset"}), ("drop", {"action": "close"})],
)
def test_request_blocked_by_a_rule_is_told(
    dut: Dut, client: Client, log: Follower, block: object, fields: dict[str, object]
) -> None:
    dut.apply(
        vhosts=[{"name": "shop", "hosts": ["shop.example"], "upstream": "default", "chain": "shop"}],
        rules=[{"chain": "shop", "path": "/admin*", "block": block}],
    )
    connection = client.connect()
    connection.send(encode_request("POST", "/admin?x=1", host="shop.example", body=b""))
    connection.rest() if block != 403 else connection.response(to="POST")
    (event,) = log.told(client)
    expect(
        event, client=client.address, reason="rule", vhost="shop", method="POST", uri="/admin?x=1", **fields
    )  # fmt: skip


def test_request_that_nobody_serves_is_told(dut: Dut, client: Client, log: Follower) -> None:
    dut.apply(vhosts=[{"name": "shop", "hosts": ["shop.example"]}])
    with client.connect() as connection:
        assert connection.ask("GET", "/a", host="other.example").status == 421
        assert connection.ask("GET", "/b", host="shop.example").status == 404
    first, second = log.told(client)
    no_route = {"client": client.address, "reason": "no_route", "action": "reply", "method": "GET"}
    expect(first, **no_route, status=421, uri="/a")
    expect(second, **no_route, status=404, uri="/b", vhost="shop")


LINE = b"PUT /x?y HTTP/1.1\r\nHost: weir.test\r\n"
TOO_MANY = b"".join(b"F%d: v\r\n" % number for number in range(70))


@pytest.mark.parametrize(
    ("request_", "status", "detail", "more"),
    [
        (NO_HOST, 400, "no Host", {"method": "GET", "uri": "/marker"}),
        (LINE + b"Host: b\r\n\r\n", 400, "more than one Host", {"method": "PUT", "uri": "/x?y"}),
        (LINE + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
         "Content-Length beside Transfer-Encoding", {"method": "PUT", "uri": "/x?y"}),
        (LINE + TOO_MANY + b"\r\n", 431, "too many fields",
         {"method": "PUT", "uri": "/x?y", "reason": "header_count"}),
        (LINE + b"Content-Length: 2000000000\r\n\r\n", 413, "body too large",
         {"method": "PUT", "uri": "/x?y", "reason": "body_length"}),
        (LINE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "malformed chunk size", {}),
        (LINE + b"Expect: nonsense\r\n\r\n", 417, "unknown expectation", {"method": "PUT", "uri": "/x?y"}),
        (b"GET /" + b"u" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414, "request target too long",
         {"method": "GET", "reason": "uri_length"}),
        (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, "HTTP version is neither 1.0 nor 1.1",
         {"method": "GET", "uri": "/"}),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400, "method is not a token", {}),
    ],
    ids=["no host", "two hosts", "length and chunked", "many fields", "large body", "bad chunk", "expectation",
         "long target", "version", "tls"],
)  # fmt: skip
def test_bad_request_is_told(
    client: Client, log: Follower, request_: bytes, status: int, detail: str, more: dict[str, object]
) -> None:
    """With what was wrong with it; method and target as far as they were read."""
    responses, _ = client.say(request_)
    assert responses.statuses == [status]
    (event,) = log.told(client)
    told = {"client": client.address, "reason": "bad_request", "action": "reply", "status": status, "detail": detail}
    expect(event, **{**told, **more})


@pytest.mark.parametrize("key", ["methods", "host_strict", "method_override", "content_type_required"])
def test_request_that_does_not_pass_a_check_is_told(dut: Dut, client: Client, log: Follower, key: str) -> None:
    """By the check's name, of a virtual host's requests with that."""
    value: object = ["GET"] if key == "methods" else key != "method_override"
    dut.apply(
        limits={key: value},
        vhosts=[{"name": "any", "upstream": "default"}],
    )
    fields = [("X-HTTP-Method-Override", "DELETE")] if key == "method_override" else []
    with client.connect() as connection:
        host = "192.0.2.1" if key == "host_strict" else "weir.test"
        status = connection.ask("POST", "/x", host=host, headers=fields, body=b"abc").status
    assert 400 <= status < 500
    (event,) = log.told(client)
    expect(
        event, client=client.address, reason=key, action="reply", status=status, method="POST", uri="/x", vhost="any"
    )


def test_long_target_is_cut_off(dut: Dut, client: Client, log: Follower) -> None:
    dut.apply(rules=[{"chain": "main", "path": "/secret*", "block": 403}])
    target = "/secret/" + "0123456789" * 100
    with client.connect() as connection:
        assert connection.ask("GET", target).status == 403
    (event,) = log.told(client)
    expect(
        event, client=client.address, reason="rule", action="reply", status=403, method="GET",
        uri=target[:URI_KEPT], uri_length=len(target),
    )  # fmt: skip


def test_client_that_is_too_slow_is_told(dut: Dut, origin: Origin, new_client: Maker, log: Follower) -> None:
    """To send a head, or a body, or to take a reply."""
    dut.apply(timeouts={"client_header": 0.6, "client_body": 0.8})
    slow = {"reason": "timeout", "action": "reply", "status": 408}
    for start in (b"GET / HT", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"):
        client = new_client()
        responses, _ = client.say(start)
        assert responses.statuses == [408]
        (event,) = log.told(client)
        expect(event, client=client.address, **slow)
    origin.replies(Reply(200, bytes(8 << 20)))
    client = new_client()
    before = dut.statistics["timeouts_client"]
    with client.connect(receive_buffer=16 * 1024) as connection:
        connection.send(GET)
        dut.wait_for_statistic("timeouts_client", before + 1, seconds=20)
        (event,) = log.told(client)
        expect(event, client=client.address, reason="timeout", action="reset")


def test_ipv6_client_and_listener_are_told(dut: Dut, client: Client, log: Follower) -> None:
    dut.apply(listeners=["[::]:80", "0.0.0.0:80"])
    responses, _ = client.say(NO_HOST)
    assert responses.statuses == [400]
    (event,) = log.told(client)
    assert (event["client"], event["listener"]) == (client.address6, "[::]:80")


def test_whom_a_proxy_names_is_told(dut: Dut, new_client: Maker, log: Follower) -> None:
    proxy = new_client()
    dut.apply(limits={"request_rate": 1}, firewall={"proxies": [proxy.address], "forwarded_for": True})
    named = new_client()

    def twice() -> list[str]:
        with proxy.connect() as connection:
            fields = [("X-Forwarded-For", named.address)]
            return [str(connection.ask("GET", "/", headers=fields).status) for _ in range(2)]

    assert in_time(Limit("request_rate", "", 1.0), twice, proxy) == ["200", "429"]
    assert log.told(proxy) == []
    assert log.of(named)
    for event in log.of(named):
        expect(event, client=named.address, reason="request_rate", action="reply", status=429, method="GET", uri="/")


def test_flood_is_told_at_the_rate_and_the_rest_is_counted(dut: Dut, client: Client, log: Follower) -> None:
    cpus = int(dut.machine.run("nproc").stdout)
    dut.apply(log={"rate": RATE}, rules=[{"chain": "main", "block": 403}])
    before, began = dut.statistics, time.monotonic()
    sent = 0
    with client.connect() as connection:
        # More than a second, since what the follower was told before counts for the first one.
        while time.monotonic() - began < 1.5 or sent < 200:
            connection.send(GET * 10)
            assert connection.responses(10).statuses == [403] * 10
            sent += 10
    counted, seconds = dut.statistics - before, time.monotonic() - began
    assert counted["events_told"] + counted["events_lost"] == sent
    assert RATE <= counted["events_told"] <= RATE * cpus * (int(seconds * 1.1) + 2)
    assert counted["events_lost"] > 0
    dut.apply()
    assert len(log.told(client)) == counted["events_told"]


def test_all_followers_are_told(client: Client, follow: Callable[[], Follower]) -> None:
    first, second = follow(), follow()
    client.say(NO_HOST)
    assert first.told(client) == second.told(client) != []


def test_nothing_is_told_to_nobody(dut: Dut, client: Client) -> None:
    dut.apply()
    before = dut.statistics
    client.say(NO_HOST)
    counted = dut.statistics - before
    assert (counted["rejected_bad_request"], counted["events_told"], counted["events_lost"]) == (1, 0, 0)


def test_follower_that_does_not_read_harms_nobody(dut: Dut, client: Client, follow: Callable[[], Follower]) -> None:
    """Its events are lost, and counted while nobody else gets them; requests are served as ever, and others told."""
    stuck = follow()
    stuck.process.kill(signal.SIGSTOP)
    dut.apply(log={"rate": 1_000_000}, rules=[{"chain": "main", "path": "/blocked", "block": 403}])
    blocked = encode_request("GET", "/blocked")
    before = dut.statistics
    lost = 0
    with client.connect() as connection:
        for _ in range(60):
            connection.send(blocked * 40)
            assert connection.responses(40).statuses == [403] * 40
            lost = (dut.statistics - before)["events_lost"]
            if lost:
                break
        assert lost, "no buffer was ever full"
        assert connection.ask("GET", "/").status == 200
    reading = follow()
    client.say(NO_HOST)
    (event,) = reading.told(client)
    assert event["reason"] == "bad_request"
    # It is told that some are missing, and then what its buffer held.
    stuck.process.kill(signal.SIGCONT)
    while json.loads(stuck.process.read_line())["reason"] != "rule":
        pass
    stuck.process.kill(signal.SIGINT)
    assert "some events were lost" in stuck.process.wait().stderr


def test_following_ends_by_itself(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    dut.apply()
    assert weir.weirctl("log", "-f", "--seconds", "0.3").stdout == ""
    process = dut.machine.spawn("python3", "-m", "weirctl", "log", "-f", "--count", "2", env=ENVIRONMENT)

    def ended() -> bool:
        client.say(NO_HOST)
        return process.poll() is not None

    Deadline(10).wait_for(ended, what="two events to be enough")
    result = process.wait()
    assert (result.status, len(result.lines)) == (0, 2)
    assert {json.loads(line)["client"] for line in result.lines} == {client.address}


def test_only_an_administrator_may_follow(dut: Dut, weir: WeirAdapter) -> None:
    dut.apply()
    result = dut.machine.run(
        *UNPRIVILEGED, "python3", "-m", "weirctl", "log", "-f", "--seconds", "1", check=False,
        env={"PYTHONPATH": "/run/weir"},
    )  # fmt: skip
    assert result.status == 1
    assert "CAP_NET_ADMIN" in result.stderr
    assert weir.weirctl("log", check=False).status == 2


def test_module_unloads_while_it_is_followed(dut: Dut, weir: WeirAdapter, client: Client, log: Follower) -> None:
    with client.connect() as connection:
        connection.send(NO_HOST)
        weir.stop()
        weir.start()
        connection.rest()
    dut.apply()
    assert client.get("/").status == 200
    assert log.process.poll() is None


def test_rate_is_shown_as_it_was_applied(dut: Dut, weir: WeirAdapter) -> None:
    dut.apply(log={"rate": 17})
    assert weir.batch("show")["config"]["log"] == {"rate": 17}
    dut.apply()
    assert weir.batch("show")["config"]["log"] == {"rate": 1000}


def test_default_actions_are_told_as_what_was_done(dut: Dut, client: Client, log: Follower) -> None:
    """A limit of connections cannot reply: what is told is a reset."""
    limit = Limit("concurrent_connections", "", None, connections=True)
    dut.apply(limits={limit.key: 1})
    assert [attempt(client), attempt(client)] == ["200", refusal(limit)]
    assert {event["action"] for event in log.told(client)} == {"reset"}
