"""Counters and latencies of each scope: of listeners, and of what stands behind them."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lab.deadline import Deadline
from lab.errors import DeadlineExpired
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.traffic.client import Client
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin, Visit

pytestmark = pytest.mark.only("weir", reason="statistics of its own")

GET = encode_request("GET", "/")
LISTENER = "0.0.0.0:80"


@pytest.fixture
def weir(dut: Dut) -> WeirAdapter:
    assert isinstance(dut.adapter, WeirAdapter)
    return dut.adapter


def _slowly(seconds: float) -> None:
    """What an origin does that takes its time."""
    threading.Event().wait(seconds)


class Scopes:
    """What one scope has counted since this was made."""

    def __init__(self, weir: WeirAdapter, kind: str, **labels: str) -> None:
        self._weir = weir
        self._labels = {"kind": kind, **labels}
        self._before = self._now()

    def _now(self) -> dict[str, Any]:
        found = [s for s in self._weir.scopes() if self._labels.items() <= s.items()]
        assert len(found) <= 1, f"{self._labels} is shown {len(found)} times"
        return found[0] if found else {}

    def __getitem__(self, name: str) -> int:
        return int(self._now().get(name, 0) - self._before.get(name, 0))

    def wait_for(self, name: str, value: int) -> None:
        """Until so much of this has been counted; what has been, of all, is in the error."""
        seen: list[int] = []

        def reached() -> bool:
            now = self[name]
            if seen[-1:] != [now]:
                seen.append(now)
            return now == value

        try:
            Deadline(5).wait_for(reached, interval=0.01, what=f"{name} of {self._labels} == {value}")
        except DeadlineExpired as error:
            counted = {key: self[key] for key, count in self._now().items() if isinstance(count, int) and self[key]}
            raise DeadlineExpired(f"{error}; it was {seen}, in all {counted}") from None

    @property
    def latencies(self) -> list[float]:
        """Upper bounds of the buckets, each as often as it was counted."""
        before = dict(self._before.get("latency", {}).get("buckets", []))
        return [
            math.inf if bound is None else bound
            for bound, count in self._now().get("latency", {}).get("buckets", [])
            for _ in range(count - before.get(bound, 0))
        ]


@pytest.fixture
def listener(dut: Dut, weir: WeirAdapter) -> Scopes:
    dut.apply()
    return Scopes(weir, "listener", listener=LISTENER)


def test_listener_counts_what_it_accepted(dut: Dut, weir: WeirAdapter, client: Client, listener: Scopes) -> None:
    dut.apply(listeners=[LISTENER, "0.0.0.0:8085"])
    other = Scopes(weir, "listener", listener="0.0.0.0:8085")
    assert client.get("/", times=3).statuses == [200] * 3
    with client.connect(dut.reach("0.0.0.0:8085")) as connection:
        assert connection.ask().status == 200
    listener.wait_for("requests", 3)
    other.wait_for("requests", 1)
    assert (listener["responses_2xx"], listener["connects"], listener["failures"]) == (3, 1, 0)
    assert (other["requests"], other["responses_2xx"], other["connects"]) == (1, 1, 1)


def test_listener_counts_bytes_and_connections(client: Client, listener: Scopes) -> None:
    request = encode_request("POST", "/", body=b"y" * 3000)
    with client.connect() as connection:
        connection.send(request)
        connection.response()
        received = len(connection.reader.raw)
        listener.wait_for("requests", 1)
        assert listener["connections"] == 1
        # Of a request that never becomes one, too.
        connection.send(b"GET / HT")
    listener.wait_for("connections", 0)
    assert (listener["bytes_in"], listener["bytes_out"]) == (len(request) + 8, received)


@pytest.mark.parametrize("status", [200, 302, 404, 503])
def test_listener_counts_classes_of_the_origins_replies(
    origin: Origin, client: Client, listener: Scopes, status: int
) -> None:
    origin.replies(Reply(status))
    client.get("/", times=2)
    listener.wait_for("requests", 2)
    assert listener[f"responses_{status // 100}xx"] == 2
    assert listener["failures"] == 0


def test_replies_of_weirs_own_are_failures_where_upstream_failed(
    dut: Dut, origin: Origin, client: Client, listener: Scopes
) -> None:
    dut.apply(timeouts={"upstream_response": 0.2})
    origin.behaves(lambda visit: visit.hang())
    assert client.get("/").status == 504
    assert client.say(b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n")[0].statuses == [400]
    listener.wait_for("requests", 2)
    assert (listener["responses_5xx"], listener["responses_4xx"], listener["failures"]) == (1, 1, 1)


def test_reply_cut_short_is_a_failure(origin: Origin, client: Client, listener: Scopes) -> None:
    def cut(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        visit.close()

    origin.behaves(cut)
    with client.connect() as connection:
        connection.send(GET)
        connection.rest()
    listener.wait_for("requests", 1)
    assert (listener["failures"], listener["responses_2xx"], listener["aborted"]) == (1, 0, 0)


def test_client_that_leaves_is_counted_apart(origin: Origin, client: Client, listener: Scopes) -> None:
    origin.behaves(lambda visit: visit.hang())
    with client.connect() as connection:
        connection.send(GET)
        origin.wait_for_heads(1)
        connection.reset()
    listener.wait_for("aborted", 1)
    assert (listener["requests"], listener["failures"]) == (1, 0)


def test_latency_is_measured(origin: Origin, client: Client, listener: Scopes) -> None:
    """Of a reply that takes a fifth of a second, and of one that takes as long as it takes."""

    def later(_visit: Visit) -> Reply:
        _slowly(0.2)
        return Reply()

    client.get("/")
    listener.wait_for("requests", 1)
    (quick,) = listener.latencies
    origin.behaves(later)
    client.get("/")
    listener.wait_for("requests", 2)
    slow = max(listener.latencies)
    assert slow >= 0.2
    assert quick <= slow


def test_latency_of_pipelined_requests_begins_when_it_is_their_turn(
    origin: Origin, client: Client, listener: Scopes
) -> None:
    def later(_visit: Visit) -> Reply:
        _slowly(0.1)
        return Reply()

    origin.behaves(later)
    with client.connect() as connection:
        connection.send(GET * 3)
        assert connection.responses(3).statuses == [200] * 3
    listener.wait_for("requests", 3)
    assert len(listener.latencies) == 3
    assert min(listener.latencies) >= 0.1


def test_counts_survive_reconfiguration(dut: Dut, client: Client, listener: Scopes) -> None:
    with client.connect() as connection:
        connection.ask()
        dut.apply(limits={"header_count": 20})
        connection.ask()
        # And even the removal of the listener, while it has connections.
        dut.apply(listeners=["0.0.0.0:8086"])
        connection.ask()
        listener.wait_for("requests", 3)
        assert listener["connections"] == 1
        dut.apply()
    listener.wait_for("connections", 0)
    assert listener["requests"] == 3


def test_scope_without_configuration_and_connections_is_gone(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    dut.apply(listeners=[LISTENER, "0.0.0.0:8087"])
    with client.connect(dut.reach("0.0.0.0:8087")) as connection:
        connection.ask()
        dut.apply()

    def listeners() -> list[str]:
        return [scope["listener"] for scope in weir.scopes() if scope["kind"] == "listener"]

    Deadline(5).wait_for(lambda: listeners() == [LISTENER], interval=0.01, what="the listener's scope to go")


def test_prometheus_text_of_the_module_parses_and_agrees(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    dut.apply()
    client.get("/", times=4)
    text = weir.weirctl("stats", "--prometheus").stdout
    families = {family.name: family for family in text_string_to_metric_families(text)}
    said = json.loads(weir.weirctl("stats", "--json").stdout)
    assert families["weir_requests"].samples[0].value == said["requests"]
    (listener,) = [scope for scope in said["scopes"] if scope["kind"] == "listener"]
    (sample,) = families["weir_listener_requests"].samples
    assert (sample.labels, sample.value) == ({"listener": LISTENER}, listener["requests"])
    buckets = [s for s in families["weir_listener_request_seconds"].samples if s.labels.get("le") == "+Inf"]
    assert [bucket.value for bucket in buckets] == [listener["latency"]["count"]]


def test_table_for_people_has_the_scopes(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    dut.apply()
    client.get("/")
    lines = weir.weirctl("stats").stdout.splitlines()
    (row,) = [line for line in lines if line.startswith(LISTENER)]
    assert row.endswith(("us", "ms", "s"))


@pytest.fixture
def server(dut: Dut, weir: WeirAdapter, origin: Origin) -> Scopes:
    dut.apply()
    return Scopes(weir, "server", upstream="default", server=origin.endpoint)


@pytest.fixture
def upstream(dut: Dut, weir: WeirAdapter) -> Scopes:
    dut.apply()
    return Scopes(weir, "upstream", upstream="default")


def test_server_and_upstream_count_what_they_did(
    origin: Origin, client: Client, server: Scopes, upstream: Scopes
) -> None:
    reply = Reply(201, b"x" * 500)
    origin.replies(reply)
    assert client.get("/", times=3).statuses == [201] * 3
    upstream.wait_for("requests", 3)
    for scope in (server, upstream):
        assert (scope["requests"], scope["responses_2xx"], scope["failures"], scope["retries"]) == (3, 3, 0, 0)
        assert scope["bytes_in"] == 3 * len(reply.encode())
        assert scope["bytes_out"] == sum(len(link.received) for link in origin.links)


def test_servers_are_counted_apart(
    dut: Dut, weir: WeirAdapter, new_origin: Callable[[], Origin], client: Client
) -> None:
    origins = [new_origin(), new_origin()]
    dut.apply(servers=[Server(origin.endpoint) for origin in origins])
    dut.wait_for_upstreams()
    scopes = [Scopes(weir, "server", upstream="default", server=origin.endpoint) for origin in origins]
    together = Scopes(weir, "upstream", upstream="default")
    client.get("/", times=8)
    together.wait_for("requests", 8)
    assert [scope["requests"] for scope in scopes] == [origin.requests for origin in origins]
    assert sum(origin.requests for origin in origins) == 8


def test_server_that_fails_is_told(dut: Dut, origin: Origin, client: Client, server: Scopes, upstream: Scopes) -> None:
    dut.apply(timeouts={"upstream_response": 0.2})
    origin.behaves(lambda visit: visit.hang())
    assert client.get("/").status == 504
    upstream.wait_for("failures", 1)
    assert (server["requests"], server["failures"], server["responses_2xx"]) == (1, 1, 0)


def test_request_that_no_server_takes_is_the_upstreams_failure(
    dut: Dut, weir: WeirAdapter, origin: Origin, client: Client
) -> None:
    origin.behaves(lambda visit: visit.hang())
    dut.apply(servers=[Server(origin.endpoint, connections=1)], group={"queue_timeout": 0.2})
    dut.wait_for_upstreams()
    upstream = Scopes(weir, "upstream", upstream="default")
    with client.connect() as busy:
        busy.send(GET)
        origin.wait_for_heads(1)
        assert client.get("/").status == 503
        upstream.wait_for("requests", 1)
        assert upstream["failures"] == 1


def test_client_that_leaves_is_no_failure_of_the_server(
    origin: Origin, client: Client, server: Scopes, upstream: Scopes
) -> None:
    origin.behaves(lambda visit: visit.hang())
    with client.connect() as connection:
        connection.send(GET)
        origin.wait_for_heads(1)
        connection.reset()
    upstream.wait_for("aborted", 1)
    assert (server["aborted"], server["failures"]) == (1, 0)


def test_latency_of_a_server_is_its_own(origin: Origin, client: Client, server: Scopes, upstream: Scopes) -> None:
    def later(_visit: Visit) -> Reply:
        _slowly(0.2)
        return Reply()

    origin.behaves(later)
    client.get("/")
    upstream.wait_for("requests", 1)
    assert min(server.latencies) >= 0.2
    assert min(upstream.latencies) >= 0.2


def test_wait_for_a_connection_is_the_upstreams_latency_and_not_the_servers(
    dut: Dut, weir: WeirAdapter, origin: Origin, new_client: Callable[[], Client]
) -> None:
    release = threading.Event()
    rounds = 5

    def later(visit: Visit) -> Reply:
        if visit.target == "/slow":
            release.wait(10)
        return Reply()

    origin.behaves(later)
    dut.apply(servers=[Server(origin.endpoint, connections=1)])
    dut.wait_for_upstreams()
    server = Scopes(weir, "server", upstream="default", server=origin.endpoint)
    upstream = Scopes(weir, "upstream", upstream="default")
    with new_client().connect() as slow, new_client().connect() as quick:
        for _ in range(rounds):
            release.clear()
            heads = origin.heads
            slow.send(encode_request("GET", "/slow"))
            origin.wait_for_heads(heads + 1)
            quick.send_apart([GET])
            _slowly(0.5)
            release.set()
            assert (slow.response().status, quick.response().status) == (200, 200)
    upstream.wait_for("requests", 2 * rounds)
    assert min(upstream.latencies) >= 0.2, "both took long, one waiting for the other"
    # The quickest that waited: a server that answers late makes it longer, never shorter.
    assert min(server.latencies) < 0.2
    assert len([seconds for seconds in server.latencies if seconds >= 0.4]) >= rounds, "the slow ones"


def test_connections_of_a_server_are_a_gauge(dut: Dut, weir: WeirAdapter, origin: Origin) -> None:
    dut.apply(servers=[Server(origin.endpoint, connections=3)])
    dut.wait_for_upstreams()
    (server,) = [scope for scope in weir.scopes() if scope.get("server") == origin.endpoint]
    assert (server["connections"], server["connects"]) == (3, 3)


def test_virtual_hosts_are_counted_apart(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    hosts: list[dict[str, Any]] = [
        {"name": "shop", "hosts": ["shop.example"], "upstream": "default"},
        {"name": "blog", "hosts": ["blog.example"], "upstream": "default"},
    ]
    dut.apply(vhosts=hosts)
    shop, blog = (Scopes(weir, "vhost", vhost=name) for name in ("shop", "blog"))
    listener = Scopes(weir, "listener", listener=LISTENER)
    with client.connect() as connection:
        for host in ("shop.example", "blog.example", "shop.example", "none.example"):
            connection.send(encode_request("GET", "/", host=host))
            connection.response()
        dut.apply(vhosts=hosts, limits={"header_count": 30})
        connection.send(encode_request("GET", "/", host="shop.example"))
        connection.response()
        listener.wait_for("requests", 5)
        assert (shop["requests"], shop["responses_2xx"]) == (3, 3)
        assert (blog["requests"], blog["responses_2xx"]) == (1, 1)
        assert listener["responses_4xx"] == 1
        assert len(shop.latencies) == 3
