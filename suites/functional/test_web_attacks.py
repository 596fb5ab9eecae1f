"""Checks of what a request is like: what each lets through and refuses, what is done then, and whose checks they are.

A row of CHECKS for each check; every case that says so runs for all. Attacks that are refused under the configuration
that docs/firewall.md recommends are in test_attack_sets.py, with real clients that are not.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.bootstrap import ROOT
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.traffic.client import Client, Conversation
from suites.traffic.errors import Closed, Silence
from suites.traffic.messages import Reply
from suites.traffic.origin import Origin

pytestmark = pytest.mark.only("weir", reason="these checks are Weir's own")

Maker = Callable[[], Client]

SILENCE_S = 0.4
FORGIVEN = 9 / 8  # windows until what passed is forgotten
MARGIN_S = 0.03  # a timer tick of the guest and the way of the request
OWN = "own.test"
OTHER = "other.test"
FORM = "Content-Type: application/x-www-form-urlencoded"
BY_DEFAULT = {"methods": None, "host_strict": None}
"""For limits: these are as the device has them by itself, not as the suites have them."""


def head(*lines: str, start: str = "GET / HTTP/1.1", host: str = "HOST") -> str:
    """A head; HOST stands for a name that the case chooses."""
    return "\r\n".join((start, *([f"Host: {host}"] if host else []), *lines)) + "\r\n\r\n"


def post(*lines: str, body: str = "a=b") -> str:
    return head(*lines, f"Content-Length: {len(body)}", start="POST / HTTP/1.1") + body


def chunked(*lines: str, body: str = "a=b", trailer: str = "") -> str:
    start = head(*lines, "Transfer-Encoding: chunked", start="POST / HTTP/1.1")
    return f"{start}{len(body):x}\r\n{body}\r\n0\r\n{trailer}\r\n"


def sized(text: str, size: int) -> str:
    """A head of so many bytes once HOST is OWN."""
    padding = size - len(text.replace("HOST", OWN)) - len("X: \r\n")
    return text[:-2] + f"X: {'x' * padding}\r\n\r\n"


@dataclass(frozen=True)
class Check:
    """A check: its key, limits under which it refuses what is in `refused` and nothing in `passed`.

    `off` are limits under which it refuses nothing of that; None: no virtual host can have its own.
    `in_body`: the origin has seen the request's head by then.
    """

    key: str
    limits: Mapping[str, Any]
    passed: tuple[str, ...]
    refused: tuple[str, ...]
    status: int
    off: Mapping[str, Any] | None = None
    in_body: bool = False
    others: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counter(self) -> str:
        return f"rejected_{self.key}"


CHECKS = (
    Check("header_total", {"header_total": 256}, (sized(head(), 255), sized(head(), 256)), (sized(head(), 257),), 431),
    Check(
        "header_count",
        {"header_count": 3},
        (head("A: 1"), head("A: 1", "B: 2")),
        (head("A: 1", "B: 2", "C: 3"), head("A: 1", "A: 1", "A: 1")),
        431,
    ),
    Check(
        "header_length",
        {"header_length": 30},
        (head("X: " + "x" * 28), head("X: " + "x" * 29)),
        (head("X: " + "x" * 30), head("x" * 31 + ":")),
        431,
    ),
    Check(
        "uri_length",
        {"uri_length": 64},
        (head(start=f"GET /{'x' * 62} HTTP/1.1"), head(start=f"GET /{'x' * 63} HTTP/1.1")),
        (head(start=f"GET /{'x' * 64} HTTP/1.1"), head(start=f"GET /?{'x' * 63} HTTP/1.1")),
        414,
        {"uri_length": 8192},
    ),
    Check(
        "body_length",
        {"body_length": 3},
        (head(), post(body="12"), post(body="123"), chunked(body="123")),
        (post(body="1234"), chunked(body="1234")),
        413,
        {"body_length": 0},
        in_body=True,
    ),
    Check(
        "methods",
        {"methods": ["GET", "PROPFIND"]},
        (head(), head(start="PROPFIND / HTTP/1.1")),
        (head(start="PUT / HTTP/1.1"), head(start="PROPFINDS / HTTP/1.1"), head(start="get / HTTP/1.1"), post()),
        405,
        {"methods": []},
    ),
    Check(
        "method_override",
        {"method_override": False},
        (head("X-HTTP-Method-Overrides: PUT"), head("X-Method: PUT")),
        (
            head("X-HTTP-Method-Override: PUT"),
            post("x-http-method: DELETE"),
            head("X-METHOD-OVERRIDE: GET"),
            head("X-HTTP-Method-Override:"),
        ),
        403,
        {"method_override": True},
    ),
    Check(
        "host_strict",
        {"host_strict": True},
        (head(), head(host="HOST:80"), head(host="HOST."), head(start="GET http://HOST/ HTTP/1.1", host="HOST:80")),
        (
            head(start="GET http://HOST/ HTTP/1.1", host="elsewhere.test"),
            head(start="GET http://HOST:8080/ HTTP/1.1", host="HOST"),
        ),
        400,
        {"host_strict": False},
    ),
    Check(
        "content_type_required",
        {"content_type_required": True},
        (head(), post(FORM), chunked(FORM)),
        (post(), chunked()),
        415,
        {"content_type_required": False},
    ),
    Check(
        "content_types",
        {"content_types": ["text/plain", "image/*"]},
        (post(), post("Content-Type: Text/Plain;charset=utf-8"), post("Content-Type: image/png"), head()),
        (
            post("Content-Type: text/plainer"),
            post("Content-Type: image/"),
            chunked("Content-Type: */*"),
            post("Content-Type: text/plain", "Content-Type: text/xml"),
        ),
        415,
        {"content_types": []},
    ),
    Check(
        "uri_bytes",
        {"uri_bytes": "any !control !<"},
        (head(start="GET /%3D?a=%3e HTTP/1.1"), head(start="GET /%253C HTTP/1.1"), head("X: <")),
        (
            head(start="GET /%3C HTTP/1.1"),
            head(start="GET /?a=< HTTP/1.1"),
            head(start="GET /a%00.png HTTP/1.1"),
            head(start="GET /%0d%0aX:1 HTTP/1.1"),
        ),
        400,
        {"uri_bytes": "any"},
    ),
    Check(
        "header_name_bytes",
        {"header_name_bytes": "alnum -"},
        (head("X-A1: _"),),
        (head("X_A: 1"), head("X-A: 1", "~: 1")),
        400,
        {"header_name_bytes": "any"},
    ),
    Check(
        "header_value_bytes",
        {"header_value_bytes": "print !<"},
        (head("X_A: >%3C"),),
        (head("X: <"), head("X: a\tb"), head("X: \xff")),
        400,
        {"header_value_bytes": "any"},
    ),
    Check(
        "form_bytes",
        {"form_bytes": "any !control !<"},
        (post(FORM, body="a=%3D%25"), post(body="a=%3C<\0"), post("Content-Type: text/plain", body="<")),
        (
            post(FORM, body="a=%3c"),
            post(FORM, body="a=<"),
            post(f"{FORM};charset=utf-8", body="%00"),
            chunked(FORM, body="a=b&c=%0a"),
        ),
        400,
        {"form_bytes": "any"},
        in_body=True,
    ),
    Check(
        "trailer_split",
        {"trailer_split": False},
        (chunked("X-A: 1", trailer="X-B: 1\r\n"), chunked("X-A: 1", trailer="X-AA: 1\r\nX: 1\r\n")),
        (chunked("X-A: 1", trailer="X-A: 1\r\n"), chunked("X-A: 1", "X-B: 1", trailer="X-C: 1\r\nx-b:\r\n")),
        400,
        {"trailer_split": True},
        in_body=True,
    ),
)
every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.key)
OWNED = tuple(check for check in CHECKS if check.off is not None)
owned_checks = pytest.mark.parametrize("check", OWNED, ids=lambda check: check.key)


def encode(text: str, host: str) -> bytes:
    return text.replace("HOST", host).encode("latin-1")


def attempt(client: Client, text: str, *, host: str = OWN) -> str:
    """What becomes of a request on a connection of its own: a status, "reset", "closed" or "silence"."""
    with client.connect(patience=SILENCE_S) as connection:
        try:
            connection.send(encode(text, host))
            return str(connection.response(to=text.split(" ")[0]).status)
        except (Silence, TimeoutError):
            return "silence"
        except Closed as closed:
            if not closed.reset:
                return "closed"
        except ConnectionError:
            pass
        # One behind a retransmission answers that, which finds no connection.
        return "silence" if connection.wire.info.retransmits else "reset"


@every_check
def test_up_to_what_a_check_allows_all_is_served(dut: Dut, origin: Origin, client: Client, check: Check) -> None:
    dut.apply(limits=check.limits)
    before = dut.statistics
    assert [attempt(client, text) for text in check.passed] == ["200"] * len(check.passed)
    assert origin.requests == len(check.passed)
    assert (dut.statistics - before)[check.counter] == 0


@every_check
def test_what_does_not_pass_a_check_is_refused(dut: Dut, origin: Origin, client: Client, check: Check) -> None:
    dut.apply(limits=check.limits)
    before = dut.statistics
    assert [attempt(client, text) for text in check.refused] == [str(check.status)] * len(check.refused)
    if not check.in_body:
        assert origin.requests == 0
    counted = dut.statistics - before
    assert counted[check.counter] == counted["limit_actions_reply"] == len(check.refused)
    assert attempt(client, check.passed[0]) == "200"


@every_check
@pytest.mark.parametrize("action", ["reset", "drop"])
def test_each_action(dut: Dut, client: Client, check: Check, action: str) -> None:
    """Under a general action that is another."""
    general = "reply" if action == "reset" else "reset"
    dut.apply(limits={**check.limits, f"{check.key}_action": action, "action": general})
    before = dut.statistics
    tries = 1
    # A guest that stands still for as long as TCP waits makes it send again what a reset will answer.
    while (met := attempt(client, check.refused[0])) != {"reset": "reset", "drop": "silence"}[action] and tries < 3:
        tries += 1
    assert met == {"reset": "reset", "drop": "silence"}[action]
    counted = dut.statistics - before
    assert counted[check.counter] == counted[f"limit_actions_{action}"] == tries
    assert attempt(client, check.passed[0]) == "200"


@every_check
def test_a_reply_has_the_checks_status(dut: Dut, client: Client, check: Check) -> None:
    dut.apply(limits={**check.limits, f"{check.key}_status": 451})
    assert attempt(client, check.refused[0]) == "451"


def blocked(dut: Dut) -> dict[str, float | None]:
    """What the block table has: seconds by prefix."""
    assert isinstance(dut.adapter, WeirAdapter)
    return {entry["prefix"]: entry["seconds"] for entry in dut.adapter.batch("block-list")["blocks"]}


@pytest.fixture
def blocks(dut: Dut) -> Iterator[Callable[[], dict[str, float | None]]]:
    """Reads the block table, which is emptied afterwards."""
    yield lambda: blocked(dut)
    assert isinstance(dut.adapter, WeirAdapter)
    dut.adapter.batch("block-flush")


@every_check
def test_a_check_blocks_its_client(
    dut: Dut, client: Client, check: Check, blocks: Callable[[], dict[str, float | None]]
) -> None:
    dut.apply(limits={**check.limits, f"{check.key}_block": 600, f"{check.key}_action": "drop"})
    assert attempt(client, check.passed[0]) == "200"
    assert client.address not in blocks()
    attempt(client, check.refused[0])
    seconds = blocks()[client.address]
    assert seconds is not None
    assert 500 < seconds <= 600


def test_clients_of_the_allow_list_are_refused_and_not_blocked(
    dut: Dut, client: Client, blocks: Callable[[], dict[str, float | None]]
) -> None:
    dut.apply(limits={"methods": ["GET"], "methods_block": 600}, firewall={"allow": [client.address]})
    assert attempt(client, post()) == "405"
    assert blocks() == {}


# Virtual hosts.


def vhosts(own: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": "own", "hosts": [OWN], "upstream": "default", "limits": dict(own)},
        {"name": "other", "hosts": [OTHER], "upstream": "default"},
    ]


@owned_checks
def test_a_virtual_host_is_stricter_than_the_others(dut: Dut, client: Client, check: Check) -> None:
    assert check.off is not None
    dut.apply(limits=check.off, vhosts=vhosts(check.limits))
    assert [attempt(client, text) for text in check.refused] == [str(check.status)] * len(check.refused)
    assert [attempt(client, text) for text in check.passed] == ["200"] * len(check.passed)
    assert [attempt(client, text, host=OTHER) for text in check.refused] == ["200"] * len(check.refused)


@owned_checks
def test_a_virtual_host_is_laxer_than_the_others(dut: Dut, client: Client, check: Check) -> None:
    assert check.off is not None
    dut.apply(limits=check.limits, vhosts=vhosts(check.off))
    assert [attempt(client, text) for text in check.refused] == ["200"] * len(check.refused)
    assert attempt(client, check.refused[0], host=OTHER) == str(check.status)


def test_a_virtual_host_inherits_what_it_has_not_of_its_own(dut: Dut, client: Client) -> None:
    vhost = {"name": "own", "hosts": [OWN], "upstream": "default", "limits": {"body_length": 5}}
    dut.apply(limits={"methods": ["POST"], "content_types": ["text/plain"], "body_length": 3}, vhosts=[vhost])
    assert attempt(client, head()) == "405"
    assert attempt(client, post(FORM)) == "415"
    assert attempt(client, post(body="12345")) == "200"
    assert attempt(client, post(body="123456")) == "413"


def test_rules_see_only_what_passes(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(limits={"methods": ["GET"]}, rules=[{"path": "/*", "block": 403}])
    assert [attempt(client, head()), attempt(client, post())] == ["403", "405"]
    assert origin.requests == 0


def test_an_error_page_of_the_virtual_host(dut: Dut, client: Client) -> None:
    page = {"vhost": "own", "status": 405, "body": "no such verb here"}
    check = next(check for check in CHECKS if check.key == "methods")
    dut.apply(vhosts=vhosts(check.limits), error_pages=[page])
    with client.connect() as connection:
        connection.send(encode(head(start="PUT / HTTP/1.1"), OWN))
        answer = connection.response(to="PUT")
    assert (answer.status, answer.body, answer.fields["Allow"]) == (405, b"no such verb here", "GET, PROPFIND")


# Hosts that are addresses.

ADDRESSES = (
    "10.0.0.1", "10.0.0.1:80", "10.0.0.1.", "10.1", "167772161", "0x0a000001", "0xA.1", "012.0.0.1", "[fd00::1]",
    "[::ffff:10.0.0.1]:80", "%31%30.0.0.1",
)  # fmt: skip


@pytest.mark.parametrize("host", ADDRESSES)
def test_an_address_is_no_host(dut: Dut, origin: Origin, client: Client, host: str) -> None:
    dut.apply(limits={"host_strict": True})
    assert attempt(client, head(), host=host) == "400"
    assert origin.requests == 0


@pytest.mark.parametrize("host", ["3com.test", "10.0.0.1.test", "1-2.test", "10x", "0xyz", "test:8080", "localhost"])
def test_a_name_with_digits_is_a_host(dut: Dut, client: Client, host: str) -> None:
    dut.apply(limits={"host_strict": True})
    assert attempt(client, head(), host=host) == "200"


@pytest.mark.parametrize("host", ["10.0.0.1", "[fd00::1]:80"])
def test_an_address_that_is_configured_is_a_host(dut: Dut, client: Client, host: str) -> None:
    dut.apply(limits={"host_strict": True, "host_address": True})
    assert attempt(client, head(), host=host) == "200"
    name = host.removesuffix(":80")
    named: dict[str, Any] = {"name": "address", "hosts": [name], "upstream": "default"}
    dut.apply(limits={"host_strict": True}, vhosts=[named, {"name": "rest", "upstream": "default"}])
    assert attempt(client, head(), host=host) == "200"
    assert attempt(client, head(), host="10.0.0.2") == "400"


# What is refused unless it is configured otherwise.


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (head(), "200"),
        (post(), "200"),
        (head(start="HEAD / HTTP/1.1"), "200"),
        (head(start="OPTIONS / HTTP/1.1"), "405"),
        (head(start="PUT / HTTP/1.1"), "405"),
        (head(start="TRACE / HTTP/1.1"), "405"),
        (head("X-HTTP-Method-Override: DELETE"), "403"),
        (head(host="192.0.2.1"), "400"),
        (head(start="GET http://HOST/ HTTP/1.1", host="elsewhere.test"), "400"),
        (chunked("X-Role: user", trailer="X-Role: admin\r\n"), "400"),
    ],
    ids=lambda value: value.split(" HTTP")[0] if "HTTP" in value else None,
)
def test_by_default(dut: Dut, client: Client, text: str, status: str) -> None:
    dut.apply(limits=BY_DEFAULT)
    assert attempt(client, text) == status


def test_defaults_are_those_of_the_documentation(dut: Dut) -> None:
    assert isinstance(dut.adapter, WeirAdapter)
    weir = dut.adapter
    dut.apply()
    page = (ROOT / "docs/weirctl.md").read_text(encoding="utf-8")
    text = page.partition("    [limits]")[2].partition("    [timeouts]")[0]
    documented = tomllib.loads("\n".join(line.strip() for line in text.splitlines()[1:]))
    assert dut.config is not None
    weir.batch("apply", config={key: dut.config.to_object()[key] for key in ("listener", "upstream")})
    shown = weir.batch("show")["config"]["limits"]
    assert shown.keys() >= {key for key, value in documented.items() if value != []}  # none of a list is not shown
    assert {key: shown.get(key, []) for key in documented} == documented
    assert all(key.endswith("_status") for key in set(shown) - set(documented))


def test_405_says_which_methods_there_are(dut: Dut, client: Client) -> None:
    dut.apply(limits=BY_DEFAULT)
    assert client.request("DELETE").fields["Allow"] == "GET, HEAD, POST"
    dut.apply(limits={"methods": ["GET", "PURGE"]})
    assert client.request("DELETE").fields["Allow"] == "GET, PURGE"


def test_a_refused_request_without_a_body_leaves_the_connection(dut: Dut, client: Client) -> None:
    dut.apply(limits={"methods": ["GET"]})
    with client.connect() as connection:
        assert [connection.ask("PUT").status, connection.ask().status] == [405, 200]


def test_lengths_change_while_a_connection_is_open(dut: Dut, client: Client) -> None:
    dut.apply(limits={"uri_length": 64})
    with client.connect() as connection:
        assert connection.ask(target="/" + "x" * 63).status == 200
        dut.apply(limits={"uri_length": 128})
        assert connection.ask(target="/" + "x" * 100).status == 200
        dut.apply(limits={"methods": ["POST"]})
        assert connection.ask().status == 405


# Bodies.


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_form_is_looked_at_wherever_it_is_cut(dut: Dut, client: Client, cut: int) -> None:
    dut.apply(limits={"form_bytes": "any !<"})
    for body, status in (("abc=%3C&d=e", 400), ("abc=%3D&d=e", 200)):
        data = encode(post(FORM, body=body), OWN)
        at = len(data) - cut
        with client.connect() as connection:
            connection.send_apart([data[:at], data[at:]])
            assert connection.response(to="POST").status == status


def test_a_long_form_is_relayed_whole(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(limits={"form_bytes": "any !<"})
    body = b"name=" + b"%3D%20value+" * 50_000
    fields = [("Content-Type", "application/x-www-form-urlencoded")]
    answer = client.request("POST", headers=fields, body=body)
    assert answer.status == 200
    assert origin.last.body == body


def test_what_is_watched_over_is_given_back(dut: Dut, client: Client) -> None:
    dut.apply(limits={"form_bytes": "any !<"})
    attempt(client, chunked(FORM))
    dut.wait_for_statistic("connections_active", 0)
    before = dut.statistics["memory_bytes"]
    for _ in range(20):
        attempt(client, chunked(FORM, "X-A: 1", trailer="X-B: 1\r\n"))
        attempt(client, chunked(FORM, body="<"))
    dut.wait_for_statistic("connections_active", 0)
    dut.wait_for_statistic("memory_bytes", before)


# Replies with certain codes.

COUNT = 3
CODES = {"response_codes": [401, 404], "response_code_count": COUNT, "response_code_time": 60}


def answers(connection: Conversation, *targets: str, host: str = OWN) -> list[int]:
    return [connection.ask(target=target, host=host).status for target in targets]


@pytest.fixture
def answering(origin: Origin) -> Origin:
    """An origin that answers /404 with 404, and so on."""
    origin.behaves(lambda visit: Reply(int(visit.request.target[1:4])))
    return origin


def test_replies_up_to_the_count_are_given(dut: Dut, answering: Origin, client: Client, new_client: Maker) -> None:
    dut.apply(limits=CODES)
    before = dut.statistics
    with client.connect() as connection:
        assert answers(connection, "/404", "/200", "/500", "/401") == [404, 200, 500, 401]
        assert answers(connection, "/200", "/200", "/404") == [200, 200, 404]
        assert (dut.statistics - before)["rejected_response_code"] == 0
        assert answers(connection, "/200", "/404") == [429, 429]
    assert attempt(client, head(start="GET /200 HTTP/1.1")) == "429"
    assert attempt(new_client(), head(start="GET /200 HTTP/1.1")) == "200"
    assert (dut.statistics - before)["rejected_response_code"] == 3
    assert answering.requests == 8


@pytest.mark.usefixtures("answering")
def test_replies_are_forgotten(dut: Dut, client: Client) -> None:
    dut.apply(limits={**CODES, "response_code_time": 1.0})
    with client.connect() as connection:
        for _ in range(5):
            began = time.monotonic()
            statuses = answers(connection, *["/404"] * COUNT, "/200")
            quick = time.monotonic() - began < 1.0
            client.wait(seconds=FORGIVEN + MARGIN_S)
            later = answers(connection, "/200")
            # The device's clock is as late as the guest's tick, which a busy host delays.
            if quick and later == [200]:
                break
            client.wait(seconds=FORGIVEN + MARGIN_S)
        assert statuses == [404] * COUNT + [429]
        assert later == [200]


def test_replies_that_the_client_does_not_wait_for_count(dut: Dut, origin: Origin, client: Client) -> None:
    """Whoever resets the connection behind the status has seen what he wanted."""
    origin.replies(Reply(404, body=b"x" * 1_000_000))
    dut.apply(limits=CODES)
    for _ in range(COUNT):
        with client.connect() as connection:
            connection.send(encode(head(), OWN))
            connection.wait_for_bytes(b"404")
            connection.reset()
    dut.wait_for_statistic("connections_active", 0)
    assert attempt(client, head()) == "429"


def test_replies_of_weirs_own_count(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(limits=CODES, rules=[{"path": "/*.php", "block": 404}])
    with client.connect() as connection:
        assert answers(connection, "/a.php", "/", "/b.php", "/c.php", "/") == [404, 200, 404, 404, 429]
    assert origin.requests == 1


@pytest.mark.usefixtures("answering")
def test_a_client_that_had_such_replies_is_blocked(
    dut: Dut, client: Client, blocks: Callable[[], dict[str, float | None]]
) -> None:
    dut.apply(limits={**CODES, "response_code_block": 600, "response_code_action": "reset"})
    with client.connect() as connection:
        assert answers(connection, *["/404"] * COUNT) == [404] * COUNT
        assert blocks() == {}
    assert attempt(client, head()) == "reset"
    assert list(blocks()) == [client.address]


@pytest.mark.usefixtures("answering")
def test_virtual_hosts_count_for_themselves(dut: Dut, client: Client) -> None:
    both: list[dict[str, Any]] = [
        {"name": "own", "hosts": [OWN], "upstream": "default", "limits": {"response_code_count": 1}},
        {"name": "other", "hosts": [OTHER], "upstream": "default"},
    ]
    dut.apply(limits=CODES, vhosts=both)
    with client.connect() as connection:
        assert answers(connection, "/404", "/200") == [404, 429]
        assert answers(connection, *["/404"] * COUNT, "/200", host=OTHER) == [404] * COUNT + [429]


@pytest.mark.usefixtures("answering")
def test_clients_of_the_allow_list_may_have_any_replies(dut: Dut, client: Client) -> None:
    dut.apply(limits=CODES, firewall={"allow": [client.address]})
    with client.connect() as connection:
        assert answers(connection, *["/404"] * (COUNT + 2)) == [404] * (COUNT + 2)


@pytest.mark.usefixtures("answering")
def test_counts_survive_another_configuration(dut: Dut, client: Client) -> None:
    dut.apply(limits=CODES)
    with client.connect() as connection:
        assert answers(connection, *["/404"] * COUNT) == [404] * COUNT
        dut.apply(limits={**CODES, "response_code_count": COUNT + 1})
        assert answers(connection, "/404", "/404") == [404, 429]
