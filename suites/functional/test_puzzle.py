"""Challenges: puzzles that a script has to solve, what is no solution, and who is given none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.functional.test_challenge import AGENT, ALPHABET, FAULTS, at, begin, hosts, with_session
from suites.traffic.challenge import (
    ANSWER,
    COOKIE,
    PUZZLE_TEXT,
    cookies_set,
    fail,
    puzzle_in,
    session_of,
    solve,
    token_bytes,
    zero_bits,
)
from suites.traffic.client import Client
from suites.traffic.messages import Pairs, Response
from suites.traffic.origin import Origin
from suites.traffic.programs import Programs

pytestmark = pytest.mark.only("weir", reason="peers have no challenges of their own")

Maker = Callable[[], Client]
DIFFICULTY = 8
MODE = {"mode": "javascript", "difficulty": DIFFICULTY, "min_time": 0}
HTML = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
BROWSER: Pairs = [AGENT, HTML]


def visit(client: Client, target: str = "/") -> str:
    """The puzzle that this client is given."""
    response = client.get(target, headers=BROWSER)
    assert response.status == 503, response.body
    return puzzle_in(response)


def bring(client: Client, answer: str, target: str = "/", headers: Pairs = BROWSER) -> Response:
    return client.get(target, headers=[*headers, ("Cookie", f"{ANSWER}={answer}")])


def test_browser_is_given_a_page(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(challenge=MODE)
    before = dut.statistics
    response = client.get("/x", headers=BROWSER)
    assert (response.status, response.fields["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert response.fields["Cache-Control"] == "no-store"
    assert b"{{" not in response.body
    assert ANSWER.encode() in response.body
    assert token_bytes(puzzle_in(response))[27] == DIFFICULTY
    assert puzzle_in(response) != puzzle_in(client.get("/x", headers=BROWSER))
    head = client.request("HEAD", "/x", headers=BROWSER)
    assert (head.status, head.fields["Content-Length"]) == (503, str(len(response.body)))
    counted = dut.statistics - before
    assert (counted["challenges_javascript"], counted["errors_503"], counted["responses_5xx"]) == (3, 0, 3)
    assert origin.requests == 0


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("text/html", True),
        ("TEXT/HTML;level=1", True),
        ("image/png, text/html ; q=0.1", True),
        ("text/html;q=1.0", True),
        ("text/html;q=0", False),
        ("text/html; q=0.000, */*", False),
        ("text/htm", False),
        ("text/html5", False),
        ("text/*", False),
        ("*/*", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_page_is_for_those_who_ask_for_html(dut: Dut, client: Client, accept: str, page: bool) -> None:
    dut.apply(challenge=MODE)
    response = client.get("/", headers=[AGENT, ("Accept", accept)])
    assert response.status == (503 if page else 403)
    assert response.fields["Content-Type"] == ("text/html; charset=utf-8" if page else "application/json")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_others_are_told_in_a_way_that_programs_read(dut: Dut, origin: Origin, client: Client, method: str) -> None:
    dut.apply(challenge=MODE)
    before = dut.statistics
    body = b"a=b" if method in ("POST", "PUT") else None
    with client.connect() as connection:
        response = connection.ask(method, "/", headers=BROWSER, body=body)
    assert (response.status, response.fields["Content-Type"]) == (403, "application/json")
    assert json.loads(response.body) == {"error": "challenge", "mode": "javascript"}
    assert (dut.statistics - before)["challenges_refusal"] == 1
    assert origin.requests == 0


def test_solution_begins_a_session(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(challenge=MODE)
    before = dut.statistics
    response = bring(client, solve(visit(client), DIFFICULTY), "/some/where?a=b")
    assert (response.status, response.fields["Location"]) == (302, "/some/where?a=b")
    lines = response.fields.all("Set-Cookie")
    assert lines[1] == f"{ANSWER}=; Path=/; Max-Age=0"
    assert "HttpOnly" in lines[0]
    session = session_of(response)
    assert origin.requests == 0
    assert client.get("/", headers=with_session(session)).status == 200
    assert client.request("POST", "/", headers=with_session(session), body=b"x").status == 200
    counted = dut.statistics - before
    assert (counted["puzzles_solved"], counted["sessions_verified"]) == (1, 2)
    assert [counted[name] for name in FAULTS] == [0, 0, 0]


def test_answer_is_not_forwarded(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(challenge=MODE)
    session = session_of(bring(client, solve(visit(client), DIFFICULTY)))
    cookies = f"a=b; {ANSWER}=x.1; {COOKIE}={session}; c=d"
    assert client.get("/", headers=[AGENT, ("Cookie", cookies)]).status == 200
    assert origin.last.fields["Cookie"] == "a=b; c=d"


def test_solution_by_another_method_keeps_it(dut: Dut, client: Client) -> None:
    dut.apply(challenge=MODE)
    answer = solve(visit(client), DIFFICULTY)
    response = client.request("POST", "/form", headers=[AGENT, ("Cookie", f"{ANSWER}={answer}")], body=b"x")
    assert response.status == 307
    assert client.request("POST", "/form", headers=with_session(session_of(response)), body=b"x").status == 200


def test_session_of_a_cookie_is_not_one_of_work(dut: Dut, client: Client) -> None:
    dut.apply(challenge={"mode": "cookie"})
    easy = begin(client)
    dut.apply(challenge=MODE)
    before = dut.statistics
    assert client.get("/", headers=with_session(easy)).status == 403
    assert (dut.statistics - before)["tokens_forged"] == 1
    hard = session_of(bring(client, solve(visit(client), DIFFICULTY)))
    dut.apply(challenge={"mode": "cookie"})
    assert client.get("/", headers=with_session(hard)).status == 200


def test_puzzle_is_no_session_and_no_answer(dut: Dut, client: Client) -> None:
    dut.apply(challenge=MODE)
    puzzle = visit(client)
    assert client.get("/", headers=with_session(puzzle)).status == 403
    assert bring(client, puzzle).status == 503


def test_solution_is_good_once(dut: Dut, client: Client) -> None:
    dut.apply(challenge=MODE)
    puzzle = visit(client)
    answer = solve(puzzle, DIFFICULTY)
    before = dut.statistics
    assert bring(client, answer).status == 302
    assert [bring(client, answer).status for _ in range(3)] == [503] * 3
    another = next(f"{puzzle}.{n}" for n in range(int(answer.partition(".")[2]) + 1, 1 << 20) if is_solved(puzzle, n))
    assert bring(client, another).status == 503
    dut.apply(challenge={**MODE, "status": 307})
    assert bring(client, answer).status == 503
    counted = dut.statistics - before
    assert (counted["tokens_replayed"], counted["puzzles_solved"]) == (5, 1)


def is_solved(puzzle: str, number: int) -> bool:
    return zero_bits(f"{puzzle}.{number}") >= DIFFICULTY


def test_solution_is_for_its_client(dut: Dut, client: Client, new_client: Maker) -> None:
    dut.apply(challenge=MODE)
    answer = solve(visit(client), DIFFICULTY)
    before = dut.statistics
    assert bring(new_client(), answer).status == 503
    assert bring(client, answer, headers=[("User-Agent", "other"), HTML]).status == 503
    assert (dut.statistics - before)["tokens_forged"] == 2
    assert bring(client, answer).status == 302


def test_solution_may_be_too_early(dut: Dut, client: Client) -> None:
    dut.apply(challenge={**MODE, "min_time": 1})
    answer = solve(visit(client), DIFFICULTY)
    before = dut.statistics
    assert bring(client, answer).status == 503
    assert (dut.statistics - before)["tokens_early"] == 1
    client.wait(seconds=1.01)
    assert bring(client, answer).status == 302


def test_solution_may_be_too_late(dut: Dut, client: Client) -> None:
    dut.apply(challenge={**MODE, "max_time": 1})
    answer = solve(visit(client), DIFFICULTY)
    client.wait(seconds=1.05)
    before = dut.statistics
    assert bring(client, answer).status == 503
    assert (dut.statistics - before)["tokens_expired"] == 1


def test_work_may_be_too_little(dut: Dut, client: Client) -> None:
    """One bit less than was asked for is too little, also when less is asked for now."""
    dut.apply(challenge=MODE)
    puzzle = visit(client)
    before = dut.statistics
    assert bring(client, fail(puzzle, DIFFICULTY)).status == 503
    dut.apply(challenge={**MODE, "difficulty": 1})
    assert bring(client, fail(puzzle, DIFFICULTY)).status == 503
    assert (dut.statistics - before)["tokens_lazy"] == 2
    assert bring(client, solve(puzzle, DIFFICULTY)).status == 302


def test_who_only_waits_fails(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(challenge={**MODE, "difficulty": 20})
    puzzle = visit(client)
    client.wait(seconds=0.2)
    assert bring(client, f"{puzzle}.0").status == 503
    assert client.get("/", headers=BROWSER).status == 503
    assert origin.requests == 0


def test_changed_answer_is_none(dut: Dut, client: Client) -> None:
    """Each character of the puzzle; the work would be enough for any."""
    dut.apply(challenge={**MODE, "difficulty": 1})
    puzzle = visit(client)
    before = dut.statistics
    with client.connect() as connection:
        for place, character in enumerate(puzzle):
            other = ALPHABET[(ALPHABET.index(character) + 1) % len(ALPHABET)]
            changed = solve(puzzle[:place] + other + puzzle[place + 1 :], 8)
            assert connection.ask(headers=[*BROWSER, ("Cookie", f"{ANSWER}={changed}")]).status == 503, place
    counted = dut.statistics - before
    assert sum(counted[name] for name in FAULTS) == PUZZLE_TEXT
    assert counted["puzzles_solved"] == 0
    assert bring(client, solve(puzzle, 1)).status == 302


def test_malformed_answers(dut: Dut, client: Client) -> None:
    dut.apply(challenge=MODE)
    puzzle = visit(client)
    answer = solve(puzzle, DIFFICULTY)
    wrong = ["", ".", puzzle, f"{puzzle}.", f"{puzzle}.x", f"{puzzle}.-1", f"{puzzle}. 1", f"{puzzle}.1.", f"{answer}x"]
    wrong += [answer[:length] for length in range(0, PUZZLE_TEXT + 2)]
    wrong += [f"{puzzle}.{10**20}", f"{puzzle}.{'0' * 400}", f"A{answer}", f'"{answer}"']
    before = dut.statistics
    with client.connect() as connection:
        for text in wrong:
            assert connection.ask(headers=[*BROWSER, ("Cookie", f"{ANSWER}={text}")]).status == 503, text
    assert (dut.statistics - before)["tokens_malformed"] == len(wrong)
    assert bring(client, answer).status == 302


def test_puzzles_are_misses_until_one_is_solved(dut: Dut, client: Client) -> None:
    dut.apply(challenge={**MODE, "max_misses": 3})
    answer = solve(visit(client), DIFFICULTY)
    assert client.get("/", headers=BROWSER).status == 503
    assert client.get("/", headers=[AGENT]).status == 403
    assert client.get("/", headers=BROWSER).status == 403
    assert bring(client, answer).status == 302
    assert [client.get("/", headers=BROWSER).status for _ in range(4)] == [503, 503, 503, 403]


def test_page_of_the_users_own(dut: Dut, client: Client) -> None:
    """Every place is filled, wherever it stands; what is no place stays."""
    page = "{{token}}|{{difficulty}}{{cookie}}|{{ token }}{{other}}{{{min_time_ms}}}{{token}}é{{token}}"
    options: dict[str, Any] = {**MODE, "cookie_name": "c", "min_time": 1.5, "page_status": 200}
    dut.apply(challenge={**options, "page_body": page})
    response = client.get("/", headers=BROWSER)
    assert response.status == 200
    token = response.body[:PUZZLE_TEXT].decode()
    filled = f"{token}|{DIFFICULTY}c_pow|{{{{ token }}}}{{{{other}}}}{{1500}}{token}é{token}"
    assert response.body.decode() == filled


def test_large_page(dut: Dut, client: Client) -> None:
    page = "{{token}}" + "x" * 16366 + "{{token}}"
    assert len(page) == 16384
    dut.apply(challenge={**MODE, "page_body": page})
    with client.connect() as connection:
        for _ in range(3):
            body = connection.ask(headers=BROWSER).body.decode()
            assert (len(body), body[:PUZZLE_TEXT]) == (16366 + 2 * PUZZLE_TEXT, body[-PUZZLE_TEXT:])


def test_page_is_shown_unless_it_is_weirctls(dut: Dut) -> None:
    weir = dut.adapter
    assert isinstance(weir, WeirAdapter)
    dut.apply(challenge=MODE)
    shown = weir.batch("show")["config"]["challenge"]
    assert {key: shown[key] for key in MODE} == MODE
    assert "page_body" not in shown
    dut.apply(challenge={**MODE, "page_body": "<p>{{token}}"})
    assert weir.batch("show")["config"]["challenge"]["page_body"] == "<p>{{token}}"
    dut.apply()
    assert "challenge" not in weir.batch("show")["config"]


def test_virtual_host_with_puzzles(dut: Dut, origin: Origin, client: Client) -> None:
    """A session by work is good where a cookie would do, not the other way round."""
    dut.apply(**hosts(origin, hard="javascript", easy="cookie"), challenge={**MODE, "mode": "off"})
    assert at(client, "hard.test", BROWSER).status == 503
    easy = with_session(session_of(at(client, "easy.test", BROWSER)))
    assert [at(client, f"{host}.test", easy).status for host in ("easy", "hard")] == [200, 403]
    answer = solve(puzzle_in(at(client, "hard.test", BROWSER)), DIFFICULTY)
    reply = at(client, "hard.test", [*BROWSER, ("Cookie", f"{ANSWER}={answer}")])
    hard = with_session(cookies_set(reply)[COOKIE])
    assert [at(client, f"{host}.test", hard).status for host in ("easy", "hard")] == [200, 200]


def test_curl_and_wrk_do_not_get_through(dut: Dut, origin: Origin, client: Client, programs: Programs) -> None:
    """Keeping cookies, following redirects and asking for HTML as a browser does are not enough."""
    dut.apply(challenge=MODE)
    address, port = dut.endpoint
    url = f"http://{address}:{port}/"
    browser = ["--cookie", "", "--location", "--header", "Accept: text/html", url, url, url]
    write = ["--write-out", "%{http_code} ", "--output", "/dev/null"]
    answer = programs.curl(*(option for _ in range(3) for option in write), *browser, source=client.address)
    assert answer.output == b"503 503 503 "
    assert programs.curl("--write-out", "%{http_code}", url, source=client.address).output.endswith(b"\n403")
    for headers in ((), ("Accept: text/html",)):
        report = programs.wrk(url, connections=8, seconds=1, headers=headers)
        assert report.non_2xx == report.requests > 20
        assert report.socket_errors == 0
    assert origin.requests == 0


def test_outcomes_are_prometheus_metrics(dut: Dut, client: Client) -> None:
    weir = dut.adapter
    assert isinstance(weir, WeirAdapter)
    dut.apply(challenge=MODE)
    assert bring(client, "nonsense").status == 503
    lines = weir.weirctl("stats", "--prometheus").stdout.splitlines()
    samples = {
        line.rpartition(" ")[0]: int(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("weir_") and line.rpartition(" ")[2].isdigit()
    }
    assert samples['weir_tokens_refused_total{reason="malformed"}'] >= 1
    assert samples['weir_challenges_total{mode="javascript"}'] >= 1
    for name in (
        "weir_puzzles_solved_total",
        "weir_sessions_verified_total",
        'weir_rejected_total{reason="challenge_misses"}',
        'weir_limit_actions_total{action="challenge"}',
    ):
        assert name in samples
