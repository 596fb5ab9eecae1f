"""Challenges: a cookie that a client has to bring back, and what is no such cookie. Puzzles: test_puzzle.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.deadline import Deadline
from suites.duts.config import Server, Upstream
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.functional.test_client_limits import attempt
from suites.functional.test_neighbours import nft_table
from suites.traffic.challenge import COOKIE, SESSION_TEXT, cookies_set, key_of, session_of
from suites.traffic.client import Client
from suites.traffic.messages import Pairs, Response
from suites.traffic.origin import Origin
from suites.traffic.programs import Programs

pytestmark = pytest.mark.only("weir", reason="peers have no challenges of their own")

Maker = Callable[[], Client]
AGENT = ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0")
MODE = {"mode": "cookie"}
FAULTS = ("tokens_malformed", "tokens_forged", "tokens_expired")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def with_session(session: str, *others: tuple[str, str]) -> Pairs:
    return [*(others or [AGENT]), ("Cookie", f"{COOKIE}={session}")]


def begin(client: Client, target: str = "/") -> str:
    """A session of this client."""
    response = client.get(target, headers=[AGENT])
    assert response.status == 302
    return session_of(response)


def test_first_visit_is_sent_back_with_a_cookie(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(challenge=MODE)
    before = dut.statistics
    response = client.get("/some/where?a=b&c=%2F", headers=[AGENT])
    assert (response.status, response.fields["Location"]) == (302, "/some/where?a=b&c=%2F")
    assert response.fields["Cache-Control"] == "no-store"
    assert len(session_of(response)) == SESSION_TEXT
    assert origin.requests == 0
    assert (dut.statistics - before)["challenges_cookie"] == 1


def test_cookie_lets_its_client_through(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(challenge=MODE)
    session = begin(client)
    before = dut.statistics
    assert [client.get("/", headers=with_session(session)).status for _ in range(3)] == [200] * 3
    assert origin.requests == 3
    counted = dut.statistics - before
    assert (counted["sessions_verified"], counted["challenges_cookie"]) == (3, 0)


@pytest.mark.parametrize(
    ("sent", "forwarded"),
    [
        ([f"{COOKIE}=S"], []),
        ([f"a=b; {COOKIE}=S"], ["a=b"]),
        ([f"{COOKIE}=S; a=b"], ["a=b"]),
        ([f'a="b c";  {COOKIE}=S ;d=e=f'], ['a="b c"; d=e=f']),
        ([f"{COOKIE}=S; {COOKIE}_pow=x.1; {COOKIE}=other; {COOKIE}y=z"], [f"{COOKIE}y=z"]),
        (["x=y", f"{COOKIE}=S", f"{COOKIE}=T; z=1"], ["x=y", "z=1"]),
    ],
)
def test_its_cookie_is_not_forwarded(
    dut: Dut, origin: Origin, client: Client, sent: list[str], forwarded: list[str]
) -> None:
    dut.apply(challenge=MODE)
    session = begin(client)
    cookies = [("Cookie", line.replace("=S", f"={session}")) for line in sent]
    assert client.get("/", headers=[AGENT, *cookies, ("X-Last", "1")]).status == 200
    assert origin.last.fields.all("Cookie") == forwarded
    assert origin.last.fields["X-Last"] == "1"


def test_cookie_is_as_configured(dut: Dut, client: Client) -> None:
    dut.apply(challenge=MODE)
    (line,) = client.get("/").fields.all("Set-Cookie")
    assert [part.strip() for part in line.split(";")[1:]] == ["Path=/", "Max-Age=86400", "HttpOnly", "SameSite=Lax"]
    given: dict[str, Any] = {"cookie_name": "seen", "lifetime": 60.9, "path": "/app", "same_site": "none"}
    dut.apply(challenge={**MODE, **given, "secure": True, "http_only": False, "status": 307})
    response = client.get("/app/x")
    (line,) = response.fields.all("Set-Cookie")
    assert line.startswith("seen=")
    assert [part.strip() for part in line.split(";")[1:]] == ["Path=/app", "Max-Age=60", "Secure", "SameSite=None"]
    assert response.status == 307
    headers = [("Cookie", f"seen={cookies_set(response)['seen']}")]
    assert client.get("/app/x", headers=headers).status == 200


@pytest.mark.parametrize(
    "agent", [("User-Agent", "curl/8.5.0"), ("User-Agent", AGENT[1] + " "), ("User-Agent", ""), ("X-None", "1")]
)
def test_session_is_for_its_agent(dut: Dut, client: Client, agent: tuple[str, str]) -> None:
    dut.apply(challenge=MODE)
    session = begin(client)
    before = dut.statistics
    same = agent[1].strip() == AGENT[1]
    assert client.get("/", headers=with_session(session, agent)).status == (200 if same else 302)
    assert (dut.statistics - before)["tokens_forged"] == (0 if same else 1)


def test_session_without_an_agent(dut: Dut, client: Client) -> None:
    dut.apply(challenge=MODE)
    session = session_of(client.get("/"))
    assert client.get("/", headers=[("Cookie", f"{COOKIE}={session}")]).status == 200
    assert client.get("/", headers=with_session(session)).status == 302


def test_session_is_for_its_address(dut: Dut, origin: Origin, client: Client, new_client: Maker) -> None:
    dut.apply(challenge=MODE)
    session = begin(client)
    before = dut.statistics
    assert new_client().get("/", headers=with_session(session)).status == 302
    assert origin.requests == 0
    assert (dut.statistics - before)["tokens_forged"] == 1


def test_session_of_an_ipv6_client_is_for_its_prefix(dut: Dut, new_client: Maker) -> None:
    """All addresses of the lab's clients have it in common."""
    dut.apply(listeners=["[::]:80"], challenge=MODE)
    session = begin(new_client())
    other = new_client()
    assert other.get("/", headers=with_session(session)).status == 200
    dut.apply(listeners=["[::]:80"], challenge=MODE, limits={"ipv6_prefix": 128})
    assert other.get("/", headers=with_session(session)).status == 302


def test_cut_off_session_is_none(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(challenge=MODE)
    session = begin(client)
    texts = [*(session[:length] for length in range(SESSION_TEXT)), session + "A", session + "=", f'"{session}"']
    before = dut.statistics
    with client.connect() as connection:
        assert {connection.ask(headers=with_session(text)).status for text in texts} == {302}
        assert connection.ask(headers=with_session(session)).status == 200
    assert origin.requests == 1
    assert (dut.statistics - before)["tokens_malformed"] == len(texts)


def test_changed_session_is_none(dut: Dut, origin: Origin, client: Client) -> None:
    """Each character, to its neighbour and to one of another bit; also bits of the last that mean nothing."""
    dut.apply(challenge=MODE)
    session = begin(client)
    before = dut.statistics
    with client.connect() as connection:
        for place, character in enumerate(session):
            for step in (1, 32):
                other = ALPHABET[(ALPHABET.index(character) + step) % len(ALPHABET)]
                changed = session[:place] + other + session[place + 1 :]
                assert connection.ask(headers=with_session(changed)).status == 302, (place, other)
        assert connection.ask(headers=with_session(session)).status == 200
    counted = dut.statistics - before
    assert sum(counted[name] for name in FAULTS) == 2 * SESSION_TEXT
    assert counted["tokens_expired"] == 0
    assert origin.requests == 1


def test_session_is_over_after_its_time(dut: Dut, client: Client) -> None:
    dut.apply(challenge={**MODE, "lifetime": 2})
    session = begin(client)
    assert client.get("/", headers=with_session(session)).status == 200
    before = dut.statistics
    client.wait(seconds=2.05)
    response = client.get("/", headers=with_session(session))
    assert response.status == 302
    assert (dut.statistics - before)["tokens_expired"] == 1
    assert client.get("/", headers=with_session(session_of(response))).status == 200


def test_session_is_good_until_its_secret_was_replaced_twice(dut: Dut, client: Client) -> None:
    dut.apply(challenge={**MODE, "key_rotation": 2})
    session = begin(client)
    key = key_of(session)

    def replaced(times: int) -> Callable[[], bool]:
        return lambda: (key_of(begin(client)) - key) % 256 >= times

    if not replaced(1)():
        Deadline(10).wait_for(replaced(1), what="the secret to be replaced")
    if (key_of(begin(client)) - key) % 256 == 1:
        assert client.get("/", headers=with_session(session)).status == 200
    Deadline(10).wait_for(replaced(2), what="it to be replaced again")
    assert client.get("/", headers=with_session(session)).status == 302


def test_sessions_survive_another_configuration(dut: Dut, client: Client) -> None:
    dut.apply(challenge=MODE)
    session = begin(client)
    dut.apply()
    assert client.get("/").status == 200
    dut.apply(challenge={**MODE, "status": 307, "exempt_paths": ["/x"]}, limits={"request_rate": 1000})
    assert client.get("/", headers=with_session(session)).status == 200


def test_other_methods_keep_theirs(dut: Dut, origin: Origin, client: Client) -> None:
    """307; a body is not waited for."""
    dut.apply(challenge=MODE)
    response = client.request("POST", "/form", headers=[AGENT], body=b"a=b")
    assert (response.status, response.fields["Location"]) == (307, "/form")
    assert response.fields["Connection"] == "close"
    again = client.request("POST", "/form", headers=with_session(session_of(response)), body=b"a=b")
    assert (again.status, origin.last.body) == (200, b"a=b")
    assert client.request("DELETE", "/form", headers=[AGENT]).status == 307


def test_head_and_1_0(dut: Dut, client: Client) -> None:
    dut.apply(challenge=MODE)
    response = client.request("HEAD", "/", headers=[AGENT])
    assert (response.status, response.body) == (302, b"")
    session = session_of(response)
    assert client.request("HEAD", "/", headers=with_session(session)).status == 200
    old = client.request("GET", "/", headers=[AGENT], version="1.0")
    assert (old.status, "Location" in old.fields) == (302, True)
    assert client.request("GET", "/", headers=with_session(session), version="1.0").status == 200


def test_connection_goes_on_after_a_challenge(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(challenge=MODE)
    with client.connect() as connection:
        session = session_of(connection.ask(headers=[AGENT]))
        assert connection.ask(headers=with_session(session)).status == 200
        assert connection.ask(headers=[AGENT]).status == 302
        assert connection.ask(headers=with_session(session)).status == 200
    assert origin.requests == 2


def test_no_redirect_leads_to_another_host(dut: Dut, client: Client) -> None:
    dut.apply(challenge=MODE)
    for target in ("//evil.example/x", "/\\evil.example/", "///evil.example"):
        location = client.get(target, headers=[AGENT]).fields["Location"]
        assert location.startswith("/")
        assert location[1:2] not in ("/", "\\"), location


@pytest.fixture
def unblocked(dut: Dut) -> Iterator[Callable[[], list[str]]]:
    """What is blocked; nothing before and afterwards."""
    weir = dut.adapter
    assert isinstance(weir, WeirAdapter)
    dut.apply()
    weir.weirctl("block", "flush")
    yield lambda: [line.split()[0] for line in weir.weirctl("block", "list").stdout.splitlines()]
    weir.weirctl("block", "flush")


def statuses(client: Client, times: int, **options: Any) -> list[int]:
    """Each on a connection of its own."""
    return [client.get("/", headers=options.get("headers", [AGENT])).status for _ in range(times)]


def test_misses_are_counted_over_connections(dut: Dut, origin: Origin, client: Client, new_client: Maker) -> None:
    dut.apply(challenge={**MODE, "max_misses": 3})
    before = dut.statistics
    assert statuses(client, 5) == [302, 302, 302, 403, 403]
    assert statuses(new_client(), 1) == [302]
    counted = dut.statistics - before
    assert (counted["rejected_challenge_misses"], counted["challenges_cookie"]) == (2, 4)
    assert origin.requests == 0


def test_forged_sessions_are_misses(dut: Dut, client: Client) -> None:
    dut.apply(challenge={**MODE, "max_misses": 3})
    assert statuses(client, 4, headers=with_session("A" * SESSION_TEXT)) == [302, 302, 302, 403]


def test_who_misses_is_told_in_a_way_that_programs_read(dut: Dut, client: Client) -> None:
    dut.apply(challenge={**MODE, "max_misses": 1, "refusal_status": 429})
    client.get("/")
    response = client.get("/")
    assert (response.status, response.fields["Content-Type"]) == (429, "application/json")
    assert response.body == b'{"error":"challenge","mode":"cookie"}\n'


def test_misses_are_forgiven_who_passes(dut: Dut, client: Client) -> None:
    dut.apply(challenge={**MODE, "max_misses": 3})
    session = begin(client)
    assert statuses(client, 2) == [302, 302]
    assert client.get("/", headers=with_session(session)).status == 200
    assert statuses(client, 4) == [302, 302, 302, 403]
    assert client.get("/", headers=with_session(session)).status == 200


def test_who_misses_too_often_is_blocked(
    dut: Dut, client: Client, new_client: Maker, unblocked: Callable[[], list[str]]
) -> None:
    dut.apply(challenge={**MODE, "max_misses": 2, "block": 0})
    assert statuses(client, 3) == [302, 302, 403]
    assert unblocked() == [client.address]
    Deadline(5).wait_for(lambda: attempt(client) == "silence", what=f"{client.address} to get no answer")
    assert statuses(new_client(), 1) == [302]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/.well-known/acme", 200),
        ("/.well-known/%61", 200),
        ("/health", 200),
        ("/healthy", 200),
        ("/", 302),
        ("/.well-known", 302),
        ("/.well-known/../x", 302),
        ("/.well-known/%2e%2e/x", 302),
        ("/x/../health", 200),
        ("/.well-known%2f..%2fx", 302),
        ("/.WELL-KNOWN/x", 302),
        ("/?/health", 302),
    ],
)
def test_paths_without_challenges(dut: Dut, origin: Origin, client: Client, target: str, status: int) -> None:
    dut.apply(challenge={**MODE, "exempt_paths": ["/.well-known/", "/health"]})
    assert client.get(target, headers=[AGENT]).status == status
    assert origin.requests == (status == 200)


def test_allow_list_is_not_challenged(dut: Dut, client: Client, new_client: Maker) -> None:
    dut.apply(challenge=MODE, firewall={"allow": [client.address]})
    assert client.get("/").status == 200
    assert new_client().get("/").status == 302


def test_mark_of_nftables_is_not_challenged(dut: Dut, client: Client, new_client: Maker) -> None:
    chain = "chain prerouting { type filter hook prerouting priority mangle; ip saddr %s meta mark set 0x1230; }"
    with nft_table(dut, chain % client.address):
        dut.apply(challenge=MODE, firewall={"allow_mark": "0x30/0xf0"})
        assert client.get("/").status == 200
        assert new_client().get("/").status == 302


def hosts(origin: Origin, **challenges: str) -> dict[str, Any]:
    """A virtual host for each, and one that does not say."""
    vhosts = [
        {"name": name, "hosts": [f"{name}.test"], "upstream": "default", "challenge": mode}
        for name, mode in challenges.items()
    ]
    return {"vhosts": [*vhosts, {"name": "rest", "upstream": "default"}], "servers": [Server(origin.endpoint)]}


def at(client: Client, host: str, headers: Pairs = (AGENT,)) -> Response:
    with client.connect() as connection:
        return connection.ask(host=host, headers=headers)


def test_virtual_hosts_have_modes_of_their_own(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(**hosts(origin, open="off", closed="cookie"), challenge=MODE)
    assert [at(client, host).status for host in ("open.test", "closed.test", "else.test")] == [200, 302, 302]
    dut.apply(**hosts(origin, open="off", closed="cookie"))
    assert [at(client, host).status for host in ("open.test", "closed.test", "else.test")] == [200, 302, 200]


def test_session_for_one_virtual_host_or_all(dut: Dut, origin: Origin, client: Client) -> None:
    made = hosts(origin, one="cookie", two="cookie")
    for apart in (False, True):
        dut.apply(**made, challenge={"per_vhost": apart})
        session = with_session(session_of(at(client, "one.test")))
        assert [at(client, f"{host}.test", session).status for host in ("one", "two")] == [200, 302 if apart else 200]


def test_limit_may_challenge(dut: Dut, client: Client, new_client: Maker) -> None:
    """Who is over it and has a session passes; nobody else is challenged."""
    limits = {"request_rate": 1, "request_rate_action": "challenge"}
    dut.apply(limits=limits, challenge={**MODE, "when": "limits"})
    before = dut.statistics
    with client.connect() as connection:
        first, *over = (connection.ask(headers=[AGENT]) for _ in range(3))
    assert [first.status, *(response.status for response in over)] == [200, 302, 302]
    session = with_session(session_of(over[-1]))
    assert statuses(client, 4, headers=session) == [200] * 4
    assert statuses(new_client(), 1) == [200]
    counted = dut.statistics - before
    assert counted["limit_actions_challenge"] == counted["rejected_rate"] >= 2
    assert counted["challenges_cookie"] == counted["limit_actions_challenge"]


def test_limit_refuses_where_nobody_is_challenged(dut: Dut, origin: Origin, client: Client) -> None:
    limits = {"request_rate": 2, "request_rate_action": "challenge", "request_rate_status": 420}
    dut.apply(**hosts(origin, open="off"), limits=limits, challenge={**MODE, "when": "limits"})
    assert [at(client, "open.test").status for _ in range(3)] == [200, 200, 420]


def test_routing_comes_behind(dut: Dut, origin: Origin, new_origin: Callable[[], Origin], client: Client) -> None:
    """A rule judges what has passed, by its cookies, too."""
    other = new_origin()
    dut.apply(
        others=[Upstream("other", (Server(other.endpoint),))],
        rules=[{"path": "/admin*", "block": 403}, {"cookie": {"name": "x", "value": "1"}, "upstream": "other"}],
        challenge=MODE,
    )
    assert client.get("/admin", headers=[AGENT]).status == 302
    session = begin(client)
    assert client.get("/admin", headers=with_session(session)).status == 403
    assert client.get("/", headers=[AGENT, ("Cookie", f"x=1; {COOKIE}={session}")]).status == 200
    assert (origin.requests, other.requests) == (0, 1)


def test_curl_with_a_cookie_jar(dut: Dut, origin: Origin, client: Client, programs: Programs) -> None:
    dut.apply(challenge=MODE)
    address, port = dut.endpoint
    url = f"http://{address}:{port}/"
    write = ["--write-out", "%{http_code} %{num_redirects}", "--location", "--max-redirs", "5"]
    assert programs.curl(*write, "--cookie", "", url, source=client.address).output == b"200 1"
    answer = programs.curl(*write, url, source=client.address)
    assert answer.status == 47, answer.output  # too many redirects
    assert origin.requests == 1


def test_wrk_does_not_get_through(dut: Dut, origin: Origin, programs: Programs) -> None:
    dut.apply(challenge=MODE)
    address, port = dut.endpoint
    report = programs.wrk(f"http://{address}:{port}/", connections=8, seconds=1)
    assert report.requests > 20
    assert report.socket_errors == 0
    assert origin.requests == 0


def test_what_was_good_on_a_connection_is_judged_anew_when_anything_differs(
    dut: Dut, origin: Origin, client: Client
) -> None:
    """A connection remembers the session that it has seen; its agent, its time, its mode and its host are looked at."""
    made = hosts(origin, one="cookie", two="cookie")
    dut.apply(**made, challenge={"per_vhost": True})
    with client.connect() as connection:

        def ask(host: str, headers: Pairs) -> int:
            return connection.ask(host=f"{host}.test", headers=headers).status

        session = session_of(connection.ask(host="one.test", headers=[AGENT]))
        assert [ask("one", with_session(session)) for _ in range(3)] == [200] * 3
        assert ask("one", with_session(session, ("User-Agent", "other"))) == 302
        assert ask("two", with_session(session)) == 302
        changed = session[:-2] + ("A" if session[-2] != "A" else "B") + session[-1]
        assert ask("one", with_session(changed)) == 302
        assert ask("one", with_session(session)) == 200
        dut.apply(**made, challenge={"per_vhost": True, "lifetime": 1})
        client.wait(seconds=1.05)
        assert ask("one", with_session(session)) == 302
        dut.apply(**made, challenge={"per_vhost": True})
        assert ask("one", with_session(session)) == 200
        dut.apply(**hosts(origin, one="javascript"), challenge={"per_vhost": True})
        assert ask("one", with_session(session)) == 403
