"""Virtual hosts and rules: which upstream a request goes to, and what is blocked, redirected or marked."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from suites.duts.config import Server, Table, Upstream
from suites.duts.dut import Dut
from suites.functional.test_neighbours import counted, nft_table
from suites.traffic.client import Client
from suites.traffic.messages import Reply, Response, encode_request
from suites.traffic.origin import Origin

NewOrigin = Callable[[], Origin]
NewClient = Callable[[], Client]

weir_only = pytest.mark.only("weir", reason="the peers' configurations have no such thing in this form")


def named(new_origin: NewOrigin, name: str) -> tuple[Origin, Upstream]:
    """An origin that says its name, and the group of it alone."""
    origin = new_origin()
    origin.replies(Reply(200, name.encode()))
    return origin, Upstream(name, (Server(origin.endpoint, 2),))


@pytest.fixture
def groups(new_origin: NewOrigin) -> list[Upstream]:
    """Two groups, "a" and "b", that answer with their names."""
    return [named(new_origin, name)[1] for name in ("a", "b")]


def ask(client: Client, host: str, target: str = "/", method: str = "GET") -> Response:
    with client.connect() as connection:
        return connection.ask(method, target, host=host)


# Virtual hosts.

SHOPS: tuple[Table, ...] = (
    {"name": "shop", "hosts": ["shop.example", "*.shop.example"], "upstream": "a"},
    {"name": "eu", "hosts": ["*.eu.shop.example", "[2001:db8::1]"], "upstream": "b"},
)


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("shop.example", b"a"),
        ("SHOP.Example:8080", b"a"),
        ("shop.example.", b"a"),
        ("www.shop.example", b"a"),
        ("de.eu.shop.example", b"b"),
        ("eu.shop.example", b"a"),
        ("[2001:db8::1]:80", b"b"),
    ],
)
def test_host_chooses_the_upstream(dut: Dut, groups: list[Upstream], client: Client, host: str, answer: bytes) -> None:
    dut.apply(servers=(), others=groups, vhosts=SHOPS)
    assert ask(client, host).body == answer


def test_host_that_nobody_has_is_misdirected(dut: Dut, groups: list[Upstream], client: Client) -> None:
    dut.apply(servers=(), others=groups, vhosts=SHOPS)
    with client.connect() as connection:
        for host in ("other.example", "shop.example.com", "xshop.example"):
            assert connection.ask(host=host).status == 421
        assert connection.ask(host="shop.example").status == 200


def test_virtual_host_without_hosts_has_all_others(dut: Dut, groups: list[Upstream], client: Client) -> None:
    dut.apply(servers=(), others=groups, vhosts=[*SHOPS, {"name": "rest", "upstream": "b"}])
    assert ask(client, "other.example").body == b"b"
    assert ask(client, "shop.example").body == b"a"


def test_authority_of_an_absolute_target_is_the_host(dut: Dut, groups: list[Upstream], client: Client) -> None:
    dut.apply(servers=(), others=groups, vhosts=SHOPS)
    assert ask(client, "shop.example", "http://de.eu.shop.example/").body == b"b"


@weir_only
def test_virtual_host_without_upstream_has_nothing(dut: Dut, groups: list[Upstream], client: Client) -> None:
    dut.apply(servers=(), others=groups, vhosts=[{"name": "empty", "hosts": ["empty.example"]}])
    with client.connect() as connection:
        assert connection.ask(host="empty.example").status == 404
        assert connection.ask(host="empty.example").status == 404


@weir_only
def test_host_with_an_escape_is_refused(dut: Dut, groups: list[Upstream], client: Client) -> None:
    dut.apply(servers=(), others=groups, vhosts=[{"name": "rest", "upstream": "a"}])
    assert ask(client, "sh%6fp.example").status == 400


# Conditions, each with a request that meets it and one that does not.

CONDITIONS: dict[str, tuple[Table, dict[str, Any], dict[str, Any]]] = {
    "host": ({"host": "*.b.example"}, {"host": "x.B.example"}, {"host": "b.example"}),
    "host negated": ({"host": "!weir.*"}, {"host": "b.example"}, {"host": "weir.test"}),
    "path": ({"path": "/b/*"}, {"target": "/b/x"}, {"target": "/B/x"}),
    "exact path": ({"path": "/b"}, {"target": "/b?x"}, {"target": "/b/"}),
    "end of a path": ({"path": "*.b"}, {"target": "/x.b"}, {"target": "/x.bc"}),
    "path negated": ({"path": "!/a/*"}, {"target": "/"}, {"target": "/a/x"}),
    "query": ({"query": "*debug=1*"}, {"target": "/?a&debug=1"}, {"target": "/debug=1"}),
    "escaped query": ({"query": "*debug=1*"}, {"target": "/?%64ebug=1"}, {"target": "/?debug=0"}),
    "no query": ({"query": ""}, {"target": "/"}, {"target": "/?x"}),
    "method": ({"method": ["PUT", "DELETE"]}, {"method": "DELETE"}, {"method": "GET"}),
    "method negated": ({"method": ["!GET", "!HEAD"]}, {"method": "DELETE"}, {"method": "GET"}),
    "unknown method": ({"method": "PURGE"}, {"method": "PURGE"}, {"method": "PURGED"}),
    "header": (
        {"header": {"name": "User-Agent", "value": "*bot*"}},
        {"headers": [("user-agent", "GoogleBot/2")]},
        {"headers": [("user-agent", "curl")]},
    ),
    "one of several headers": (
        {"header": {"name": "X-Tag", "value": "b"}},
        {"headers": [("X-Tag", "a"), ("x-tag", "B")]},
        {"headers": [("X-Tag", "a, b")]},
    ),
    "presence of a header": ({"header": {"name": "X-Tag"}}, {"headers": [("X-Tag", "")]}, {"headers": [("X-Ta", "")]}),
    "absence of a header": ({"header": {"name": "X-Tag", "value": "!*"}}, {}, {"headers": [("X-Tag", "")]}),
    "two headers": (
        {"header": [{"name": "X-A"}, {"name": "X-B"}]},
        {"headers": [("X-B", "1"), ("X-A", "1")]},
        {"headers": [("X-A", "1")]},
    ),
    "cookie": (
        {"cookie": {"name": "canary", "value": "b*"}},
        {"headers": [("Cookie", "x=1; canary=b2")]},
        {"headers": [("Cookie", "x=1; canary=a; xcanary=b")]},
    ),
    "cookie in the second field": (
        {"cookie": {"name": "canary"}},
        {"headers": [("Cookie", "x=1"), ("Cookie", "canary=")]},
        {"headers": [("Cookie", "Canary=1")]},
    ),
    "all of several": (
        {"path": "/b*", "method": "GET", "header": {"name": "X-A"}},
        {"target": "/b", "headers": [("X-A", "1")]},
        {"target": "/b"},
    ),
}


NGINX_DIFFERS = {
    "escaped query": "decodes no escapes of a query",
    "one of several headers": "knows the fields of one name as one list",
    "presence of a header": "does not tell an empty field from none",
    "absence of a header": "does not tell an empty field from none",
    "cookie in the second field": "does not tell an empty cookie from none",
}


def _named(name: str) -> Any:
    marks = [pytest.mark.differs("nginx", reason=NGINX_DIFFERS[name])] if name in NGINX_DIFFERS else []
    return pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", [_named(name) for name in CONDITIONS])
def test_condition_chooses_the_upstream(dut: Dut, groups: list[Upstream], client: Client, name: str) -> None:
    condition, meets, misses = CONDITIONS[name]
    dut.apply(servers=(), others=groups, rules=[{**condition, "upstream": "b"}])
    with client.connect() as connection:
        for request, answer in ((meets, b"b"), (misses, b"a")):
            assert connection.ask(**request).body == answer, request


@weir_only
def test_source_chooses_the_upstream(dut: Dut, groups: list[Upstream], new_client: NewClient) -> None:
    inside, outside = new_client(), new_client()
    dut.apply(servers=(), others=groups, rules=[{"source": ["192.0.2.0/24", inside.address], "upstream": "b"}])
    assert inside.get("/").body == b"b"
    assert outside.get("/").body == b"a"


@weir_only
def test_source_of_an_ipv6_client(dut: Dut, groups: list[Upstream], new_client: NewClient) -> None:
    inside, outside = new_client(), new_client()
    rules: list[Table] = [{"source": f"!{inside.address6}", "block": 403}]
    dut.apply(listeners=["[::]:80"], servers=(), others=groups, rules=rules)
    assert inside.get("/").status == 200
    assert outside.get("/").status == 403


def test_first_rule_that_applies_decides(dut: Dut, groups: list[Upstream], client: Client) -> None:
    rules: list[Table] = [
        {"path": "/open/*", "upstream": "b"},
        {"path": "/*", "method": "DELETE", "block": 405},
        {"path": "/open/*", "block": 403},
    ]
    dut.apply(servers=(), others=groups, rules=rules)
    with client.connect() as connection:
        assert connection.ask("DELETE", "/open/x").body == b"b"
        assert connection.ask("DELETE", "/x").status == 405
        assert connection.ask("GET", "/x").body == b"a"


# A block is not to be got round by writing its path in another way.

BLOCKED = [
    "/admin/x", "/%61dmin/x", "/%61%64%6d%69%6e/x", "//admin/x", "/admin//x", "/./admin/x", "/a/../admin/x",
    "/a/%2e%2e/admin/x", "/admin/./x", "/admin/y/../x", "/admin%2fx", "/admin%2Fx", "/admin\\x", "/admin%5cx",
    "/%2fadmin/x",
]  # fmt: skip
REFUSED = [
    "/admin%2f..", "/admin%2f../x", "/public%2f..%2fadmin/x", "/public/..%2fadmin/x", "/public\\..\\admin/x",
    "/public//../admin/x", "/admin//../x", "/../admin/x", "/public/../../admin/x", "/..;/admin/x", "/a/..;x/admin/x",
    "/admin%00/x", "/admin/x%00", "/admin/%", "/%zz/admin/x",
]  # fmt: skip
PASSED = ["/administrator/x", "/Admin/x", "/a/admin/x", "/%2561dmin/x", "/", "/?/admin/x", "/admin;x/y"]


@weir_only
@pytest.mark.parametrize(
    ("targets", "status"), [(BLOCKED, 403), (REFUSED, 400), (PASSED, 200)], ids=["blocked", "refused", "passed"]
)
def test_block_is_not_got_round(
    dut: Dut, groups: list[Upstream], client: Client, targets: list[str], status: int
) -> None:
    dut.apply(servers=(), others=groups, rules=[{"path": "/admin/*", "block": 403}])
    with client.connect() as connection:
        assert {target: connection.ask("GET", target).status for target in targets} == dict.fromkeys(targets, status)


@weir_only
def test_path_is_not_looked_at_unless_a_rule_asks(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(rules=[{"method": "DELETE", "block": 403}])
    assert client.get("/admin%2f..").status == 200
    assert origin.last.target == "/admin%2f.."


def test_request_is_forwarded_as_it_was_sent(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(rules=[{"path": "/admin/*", "block": 403}])
    assert client.get("/a/./%63?x=%41").status == 200
    assert origin.last.target == "/a/./%63?x=%41"


# What a block does to the connection.


def test_blocked_request_keeps_the_connection(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(rules=[{"path": "/no", "block": 403}])
    with client.connect() as connection:
        assert connection.ask("GET", "/no").status == 403
        assert connection.ask("HEAD", "/no").status == 403
        assert connection.ask("GET", "/yes").status == 200
    assert origin.requests == 1


@weir_only
def test_blocked_request_with_a_body_ends_the_connection(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(rules=[{"path": "/no", "block": 403}])
    with client.connect() as connection:
        assert connection.ask("POST", "/no", body=b"x" * 100).status == 403
        connection.expect_closed()
    assert origin.requests == 0


@weir_only
def test_blocked_requests_of_a_pipeline_are_answered_in_order(dut: Dut, client: Client) -> None:
    dut.apply(rules=[{"path": "/no", "block": 404}])
    answers = client.pipeline(*(encode_request("GET", target) for target in ("/no", "/yes", "/no", "/yes")))
    assert answers.statuses == [404, 200, 404, 200]


@weir_only
def test_block_by_reset(dut: Dut, client: Client) -> None:
    dut.apply(rules=[{"path": "/no", "block": "reset"}])
    with client.connect() as connection:
        assert connection.ask("GET", "/yes").status == 200
        connection.send(encode_request("GET", "/no"))
        assert connection.rest() == b""
        assert connection.was_reset


def test_block_without_a_word(dut: Dut, client: Client) -> None:
    dut.apply(rules=[{"path": "/no", "block": "drop"}])
    with client.connect() as connection:
        assert connection.ask("GET", "/yes").status == 200
        connection.send(encode_request("GET", "/no"))
        connection.expect_closed()


@weir_only
def test_blocks_are_counted(dut: Dut, client: Client) -> None:
    dut.apply(rules=[{"path": "/no", "block": 403}, {"path": "/drop", "block": "drop"}])
    before = dut.statistics
    client.get("/no", times=3)
    with client.connect() as connection:
        connection.send(encode_request("GET", "/drop"))
        connection.expect_closed()
    difference = dut.statistics - before
    assert (difference["rejected_rule"], difference["responses_4xx"], difference["requests"]) == (4, 3, 4)


# Redirects.


@pytest.mark.parametrize(
    ("location", "target", "host", "leads_to"),
    [
        ("https://shop.example$uri", "/a?b=c", "x.example", "https://shop.example/a?b=c"),
        ("https://$host$path", "/a?b=c", "x.example:8080", "https://x.example/a"),
        ("/new$uri", "/a/../b", "x.example", "/new/a/../b"),
    ],
)
def test_redirect(dut: Dut, client: Client, location: str, target: str, host: str, leads_to: str) -> None:
    dut.apply(rules=[{"redirect": location, "status": 308}])
    answer = ask(client, host, target)
    assert (answer.status, answer.fields["Location"]) == (308, leads_to)


@weir_only
def test_redirect_never_leads_to_a_host_of_the_clients_choice(dut: Dut, client: Client) -> None:
    dut.apply(rules=[{"redirect": "$uri"}])
    with client.connect() as connection:
        for target in ("//evil.example/a", "/\\evil.example/a", "/\\/evil.example/a"):
            assert connection.ask("GET", target).fields["Location"] == "/evil.example/a"


@weir_only
def test_redirect_that_hangs_on_the_client_is_not_cached(dut: Dut, client: Client) -> None:
    cookie: Table = {"cookie": {"name": "moved"}, "redirect": "/elsewhere", "status": 301}
    dut.apply(rules=[{"path": "/plain", "redirect": "/new", "status": 301}, cookie])
    with client.connect() as connection:
        plain = connection.ask("GET", "/plain")
        moved = connection.ask("GET", "/", headers=[("Cookie", "moved=1")])
    assert (plain.status, "Cache-Control" in plain.fields) == (301, False)
    assert (moved.status, moved.fields["Cache-Control"]) == (301, "no-store")


@weir_only
def test_redirect_that_needs_a_host_that_is_not_there(dut: Dut, client: Client) -> None:
    dut.apply(rules=[{"redirect": "https://$host/"}])
    answers, _ = client.say(b"GET / HTTP/1.0\r\n\r\n")
    assert answers.statuses == [400]


@weir_only
def test_long_redirect(dut: Dut, client: Client) -> None:
    """Its head has more bytes than a page."""
    dut.apply(rules=[{"redirect": "https://a.example$uri$uri"}])
    target = "/" + "x" * 6000
    assert client.get(target).fields["Location"] == f"https://a.example{target}{target}"


# Chains.


@weir_only
def test_chain_falls_back_to_the_rule_behind_the_jump(dut: Dut, groups: list[Upstream], client: Client) -> None:
    rules: list[Table] = [
        {"path": "/api/*", "jump": "api"},
        {"path": "/*", "upstream": "b"},
        {"chain": "api", "method": "DELETE", "jump": "deletes"},
        {"chain": "api", "path": "/api/old/*", "block": 410},
        {"chain": "deletes", "path": "/api/keep/*", "block": 405},
    ]
    dut.apply(servers=(), others=groups, rules=rules)
    with client.connect() as connection:
        assert connection.ask("DELETE", "/api/keep/x").status == 405
        assert connection.ask("DELETE", "/api/old/x").status == 410
        assert connection.ask("GET", "/api/keep/x").body == b"b"
        assert connection.ask("DELETE", "/keep/x").body == b"b"


@weir_only
def test_virtual_hosts_have_chains_of_their_own(dut: Dut, groups: list[Upstream], client: Client) -> None:
    vhosts: list[Table] = [
        {"name": "one", "hosts": ["one.example"], "upstream": "a", "chain": "one"},
        {"name": "two", "hosts": ["two.example"], "upstream": "b"},
    ]
    dut.apply(servers=(), others=groups, vhosts=vhosts, rules=[{"chain": "one", "path": "/no", "block": 403}])
    assert ask(client, "one.example", "/no").status == 403
    assert ask(client, "one.example", "/yes").body == b"a"
    assert ask(client, "two.example", "/no").body == b"b"


@weir_only
def test_deepest_chains_and_most_rules(dut: Dut, groups: list[Upstream], client: Client) -> None:
    rules: list[Table] = [{"chain": "main" if i == 0 else f"c{i}", "jump": f"c{i + 1}"} for i in range(8)]
    rules += [{"chain": "c8", "path": f"/{i}", "block": 403} for i in range(1015)]
    rules += [{"chain": "c8", "path": "/last", "upstream": "b"}]
    dut.apply(servers=(), others=groups, rules=rules)
    with client.connect() as connection:
        assert connection.ask("GET", "/1014").status == 403
        assert connection.ask("GET", "/last").body == b"b"
        assert connection.ask("GET", "/other").body == b"a"


# Marks.


def output_counter(mark: int) -> str:
    rule = f"meta mark {mark} tcp flags & (psh | syn) == psh counter"
    return f"chain output {{ type filter hook output priority 0; {rule}; }}"


@weir_only
def test_mark_of_a_rule_is_seen_by_nftables(dut: Dut, origin: Origin, client: Client) -> None:
    """On the reply to the client, and on the request to the origin; not on what comes after without it."""
    dut.apply(servers=[Server(origin.endpoint, 1)], rules=[{"path": "/marked", "set_mark": 7}])
    with nft_table(dut, output_counter(7)):
        assert client.get("/plain").status == 200
        assert counted(dut, "output") == 0
        assert client.get("/marked").status == 200
        assert counted(dut, "output") == 2
        assert client.get("/plain").status == 200
        assert counted(dut, "output") == 2


@weir_only
def test_mark_of_nftables_is_seen_by_a_rule(dut: Dut, groups: list[Upstream], new_client: NewClient) -> None:
    marked, other = new_client(), new_client()
    dut.apply(servers=(), others=groups, rules=[{"mark": "0x10/0xf0", "upstream": "b"}])
    mark = f"chain input {{ type filter hook input priority 0; ip saddr {marked.address} meta mark set 0x13; }}"
    with nft_table(dut, mark):
        assert marked.get("/", times=2).bodies == [b"b", b"b"]
        assert other.get("/").body == b"a"


@weir_only
def test_rules_go_on_behind_a_mark(dut: Dut, client: Client) -> None:
    dut.apply(rules=[{"set_mark": 1}, {"path": "/no", "block": 403}])
    assert client.get("/no").status == 403


# The configuration.


@weir_only
def test_uri_length(dut: Dut, client: Client) -> None:
    dut.apply(limits={"uri_length": 100})
    assert client.get("/" + "x" * 99).status == 200
    assert client.get("/" + "x" * 100).status == 414


@weir_only
def test_what_is_shown_applies_again(dut: Dut, groups: list[Upstream]) -> None:
    page: Table = {"vhost": "one", "status": 404, "content_type": "text/plain", "body": 'Größe "x"\n\\ \x7f'}
    vhosts: list[Table] = [{"name": "one", "hosts": ["One.example", "*.one.example"], "upstream": "a", "chain": "main"}]
    actions: list[Table] = [
        {"upstream": "b"}, {"redirect": "/x$uri"}, {"block": 418}, {"block": "reset"}, {"set_mark": 3},
    ]  # fmt: skip
    rules: list[Table] = [
        {**condition, **action}
        for (condition, _, _), action in zip(
            CONDITIONS.values(),
            itertools.cycle(actions),
            strict=False,
        )
    ]
    rules += [{"source": ["!10.0.0.0/8", "!fd00::/8"], "mark": "!0x1/0xff", "jump": "more"}]
    rules += [{"chain": "more", "block": "drop"}]
    dut.apply(servers=(), others=groups, vhosts=vhosts, rules=rules, error_pages=[page, {"status": 503, "body": ""}])
    adapter = dut.adapter
    first = adapter.batch("show")  # type: ignore[attr-defined]
    adapter.batch("apply", toml=first["toml"])  # type: ignore[attr-defined]
    second = adapter.batch("show")  # type: ignore[attr-defined]
    assert second["config"] == first["config"]
    assert len(first["config"]["rule"]) == len(CONDITIONS) + 2
    assert first["config"]["error_page"][0]["body"] == page["body"]


@weir_only
def test_most_that_a_configuration_may_have_is_shown(dut: Dut, groups: list[Upstream]) -> None:
    """The largest messages that the control ABI allows, both ways."""
    page = "x" * 16384
    rule: Table = {"header": [{"name": f"X-{i}", "value": "y" * 255} for i in range(63)], "redirect": "/" + "z" * 1023}
    dut.apply(
        servers=(),
        others=groups,
        vhosts=[{"name": f"v{i}", "hosts": [f"h{j}.v{i}.example" for j in range(64)], "chain": "c"} for i in range(8)],
        rules=[{"chain": "c", **rule}] * 8,
        error_pages=[{"status": 400 + i, "body": page} for i in range(64)],
    )
    shown = dut.adapter.batch("show")["config"]  # type: ignore[attr-defined]
    assert [table["body"] for table in shown["error_page"]] == [page] * 64
    assert [len(table["hosts"]) for table in shown["vhost"]] == [64] * 8
    assert [table["header"] for table in shown["rule"]] == [rule["header"]] * 8


@weir_only
def test_reconfiguration_of_rules_under_load_loses_no_request(
    dut: Dut, groups: list[Upstream], new_client: NewClient
) -> None:
    """Requests go to "a", "b" or are redirected, as the configuration of their moment says; none fails."""
    variants: list[list[Table]] = [
        [{"path": "/*", "upstream": "b"}],
        [{"path": "/x", "redirect": "/y"}],
        [],
        [{"host": "weir.test", "jump": "more"}, {"chain": "more", "upstream": "b"}],
    ]
    dut.apply(servers=(), others=groups)
    connections = [new_client().connect() for _ in range(4)]
    seen = set()
    for round_ in range(60):
        for connection in connections:
            connection.send(encode_request("GET", "/x"))
        dut.apply(servers=(), others=groups, rules=variants[round_ % len(variants)])
        for connection in connections:
            answer = connection.response()
            seen.add((answer.status, answer.body if answer.status == 200 else b""))
    assert seen == {(200, b"a"), (200, b"b"), (302, b"")}
