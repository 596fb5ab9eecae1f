"""When a listener or a virtual host is under attack: thresholds, the band between them, and how long it holds.

Rates are far from their thresholds, so that a host that is busy elsewhere does not bring them across.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from lab.deadline import Deadline
from suites.duts.config import Table
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.traffic.challenge import ANSWER, puzzle_in, solve
from suites.traffic.client import Client
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin, Visit
from suites.traffic.pace import Pace

pytestmark = pytest.mark.only("weir", reason="no other device watches for attacks")

GET = [encode_request("GET", "/")]
WINDOW_S = 0.4
HOLD_S = 2.5
LOAD: Table = {"requests_on": 80, "requests_off": 10, "window": WINDOW_S, "hold": HOLD_S}
QUIET, BETWEEN, BUSY = 2, 36, 200
FAILURES: Table = {"failures_on": 50, "failures_min": 10, "window": WINDOW_S, "hold": HOLD_S}


@pytest.fixture
def weir(dut: Dut) -> WeirAdapter:
    assert isinstance(dut.adapter, WeirAdapter)
    return dut.adapter


@pytest.fixture
def pace(dut: Dut, new_client: Callable[[], Client]) -> Callable[..., Pace]:
    """Requests at a pace, from a client of their own."""

    def make(rate: float, *requests: bytes) -> Pace:
        dut.wait_for_upstreams()
        return Pace(new_client(), rate, requests or GET)

    return make


def scope(weir: WeirAdapter, **labels: str) -> dict[str, Any]:
    (found,) = [scope for scope in weir.scopes() if labels.items() <= scope.items()]
    return found


def wait_until(dut: Dut, active: int, *, seconds: float = 5.0) -> float:
    """Until so many scopes are under attack; how long that took."""
    began = time.monotonic()
    dut.wait_for_statistic("under_attack", active, seconds=seconds)
    return time.monotonic() - began


def expect_held(dut: Dut, since: float) -> None:
    """It is over, but not before its hold, of which nothing was over at `since`: the attack still went on then."""
    wait_until(dut, 0)
    assert time.monotonic() - since >= HOLD_S


def stays(dut: Dut, active: int, *, seconds: float) -> None:
    """So many scopes are under attack, all the time."""
    before = dut.statistics["attack_switches"]
    end = Deadline(seconds, scale=False)
    while not end.expired:
        assert dut.statistics["under_attack"] == active
    assert dut.statistics["attack_switches"] == before


def test_load_switches_it_on_and_its_end_off(dut: Dut, weir: WeirAdapter, pace: Callable[..., Pace]) -> None:
    dut.apply(attack=LOAD)
    before = dut.statistics["attack_switches"]
    with pace(BETWEEN):
        stays(dut, 0, seconds=3 * WINDOW_S)
    with pace(BUSY):
        wait_until(dut, 1)
        assert scope(weir, kind="listener", listener="0.0.0.0:80")["under_attack"] == 1
        attacked = time.monotonic()
    expect_held(dut, attacked)
    assert scope(weir, kind="listener", listener="0.0.0.0:80")["under_attack"] == 0
    assert dut.statistics["attack_switches"] == before + 2


def test_between_the_thresholds_it_stays_on(dut: Dut, pace: Callable[..., Pace]) -> None:
    dut.apply(attack=LOAD)
    with pace(BUSY):
        wait_until(dut, 1)
    with pace(BETWEEN):
        stays(dut, 1, seconds=2 * HOLD_S)
    with pace(QUIET):
        assert wait_until(dut, 0) >= HOLD_S / 2


def test_load_that_comes_and_goes_does_not_make_it_flap(dut: Dut, pace: Callable[..., Pace]) -> None:
    dut.apply(attack=LOAD)
    with pace(BUSY):
        wait_until(dut, 1)
    before = dut.statistics["attack_switches"]
    for _ in range(4):
        with pace(QUIET):
            stays(dut, 1, seconds=HOLD_S / 3)
        with pace(BUSY):
            stays(dut, 1, seconds=2 * WINDOW_S)
    assert dut.statistics["attack_switches"] == before


def fail(visit: Visit) -> Reply:
    return Reply(500 if visit.target == "/fail" else 200)


UNSERVED: dict[str, tuple[dict[str, Any], bytes, int]] = {
    "server-error": ({}, encode_request("GET", "/fail"), 500),
    "rule": ({"rules": [{"path": "/fail", "block": 403}]}, encode_request("GET", "/fail"), 403),
    "limit": ({"limits": {"request_rate": 3}}, encode_request("GET", "/"), 429),
    "no-host": (
        {"vhosts": [{"name": "one", "hosts": ["x"], "upstream": "default"}]},
        encode_request("GET", "/", host="other.example"),
        421,
    ),
}


@pytest.mark.parametrize("kind", UNSERVED)
def test_failures_switch_it_on(dut: Dut, origin: Origin, pace: Callable[..., Pace], kind: str) -> None:
    """Most of what is asked for is not served, whoever refuses it."""
    settings, request, status = UNSERVED[kind]
    origin.behaves(fail)
    dut.apply(attack=FAILURES, **settings)
    good = encode_request("GET", "/", host="x")
    with pace(BUSY, good, request, request, request) as requests:
        wait_until(dut, 1)
        attacked = time.monotonic()
    assert requests.statuses[status] > 0
    expect_held(dut, attacked)


def test_failures_below_their_share_or_their_number_say_nothing(
    dut: Dut, origin: Origin, client: Client, pace: Callable[..., Pace]
) -> None:
    origin.behaves(fail)
    dut.apply(attack=FAILURES)
    bad = encode_request("GET", "/fail")
    with pace(BUSY, *GET, *GET, *GET, bad):
        stays(dut, 0, seconds=3 * WINDOW_S)
    client.wait(seconds=2 * WINDOW_S)
    with pace(QUIET, bad):
        stays(dut, 0, seconds=3 * WINDOW_S)


def test_virtual_hosts_are_watched_apart(dut: Dut, weir: WeirAdapter, pace: Callable[..., Pace]) -> None:
    vhosts: list[Table] = [
        {"name": name, "hosts": [f"{name}.example"], "upstream": "default"} for name in ("shop", "blog")
    ]
    dut.apply(vhosts=vhosts, attack={**LOAD, "scope": "vhost"})
    with pace(BUSY, encode_request("GET", "/", host="shop.example")):
        wait_until(dut, 1)
        stays(dut, 1, seconds=2 * WINDOW_S)
        assert scope(weir, kind="vhost", vhost="shop")["under_attack"] == 1
        assert scope(weir, kind="vhost", vhost="blog")["under_attack"] == 0
        assert scope(weir, kind="listener", listener="0.0.0.0:80")["under_attack"] == 0
        dut.apply(vhosts=vhosts[1:], attack={**LOAD, "scope": "vhost"})
        # Nobody asks for the one that is left; the other is gone when its last connection is.
    wait_until(dut, 0)


HTML = [("User-Agent", "test"), ("Accept", "text/html")]
PUZZLE: Table = {"mode": "javascript", "difficulty": 1, "min_time": 0, "max_time": 60}


def test_virtual_host_under_attack_is_challenged_alone(dut: Dut, client: Client, pace: Callable[..., Pace]) -> None:
    """And stays under attack while those who attack it are challenged."""
    vhosts: list[Table] = [
        {"name": name, "hosts": [f"{name}.example"], "upstream": "default"} for name in ("shop", "blog")
    ]
    dut.apply(vhosts=vhosts, attack={**LOAD, "scope": "vhost"}, challenge={**PUZZLE, "when": "attack"})
    ask = {name: encode_request("GET", "/", host=f"{name}.example", fields=HTML) for name in ("shop", "blog")}
    with pace(BUSY, encode_request("GET", "/", host="shop.example")) as attack, client.connect() as connection:
        wait_until(dut, 1)
        stays(dut, 1, seconds=HOLD_S + WINDOW_S)
        connection.send(ask["shop"] + ask["blog"])
        assert connection.responses(2).statuses == [503, 200]
    assert attack.statuses[403] > attack.statuses[200]
    wait_until(dut, 0)
    with client.connect() as connection:
        connection.send(ask["shop"])
        assert connection.response().status == 200


def test_solved_puzzles_are_no_failures(dut: Dut, client: Client, pace: Callable[..., Pace]) -> None:
    """Visitors who pass do not look like an attack, however many come; those who do not pass do."""
    dut.apply(challenge=PUZZLE, attack={**FAILURES, "failures_on": 40})
    before = dut.statistics
    end = Deadline(6 * WINDOW_S, scale=False)
    with client.connect() as visitor:
        while not end.expired:
            page = visitor.ask(headers=HTML)
            assert page.status == 503
            answer = solve(puzzle_in(page), 1)
            assert visitor.ask(headers=[*HTML, ("Cookie", f"{ANSWER}={answer}")]).status == 302
    counted = dut.statistics - before
    assert counted["puzzles_solved"] >= 2 * FAILURES["failures_min"]
    assert counted["attack_switches"] == 0
    with pace(BUSY, encode_request("GET", "/", fields=HTML)):
        wait_until(dut, 1)


def test_challenge_that_waits_for_no_attack_is_refused(weir: WeirAdapter) -> None:
    answer = weir.batch_answer("apply", config={"challenge": {"mode": "cookie", "when": "attack"}})
    assert [error["key"] for error in answer["errors"]] == ["challenge.when"]


def test_changes_of_configuration(dut: Dut, pace: Callable[..., Pace]) -> None:
    """One that is like the one before leaves things as they are, one without thresholds ends it at once."""
    dut.apply(attack=LOAD)
    with pace(BUSY):
        wait_until(dut, 1)
        for _ in range(3):
            dut.apply(attack=LOAD)
        stays(dut, 1, seconds=2 * WINDOW_S)
        dut.apply()
        assert wait_until(dut, 0) < HOLD_S
        stays(dut, 0, seconds=2 * WINDOW_S)
        dut.apply(attack=LOAD)
        wait_until(dut, 1)


def test_module_goes_while_it_watches(dut: Dut, pace: Callable[..., Pace]) -> None:
    dut.apply(attack={**LOAD, "window": 0.1})
    with pace(BUSY):
        wait_until(dut, 1)
    dut.adapter.stop()
    dut.adapter.start()
    dut.apply()
    assert dut.statistics["under_attack"] == 0


def test_thresholds_out_of_order_are_refused(weir: WeirAdapter) -> None:
    answer = weir.batch_answer("apply", config={"attack": {"requests_on": 10, "requests_off": 11}})
    assert [error["key"] for error in answer["errors"]] == ["attack.requests_off"]


def test_prometheus_tells_of_it(dut: Dut, weir: WeirAdapter, pace: Callable[..., Pace]) -> None:
    dut.apply(attack={**LOAD, "hold": 60})
    with pace(BUSY):
        wait_until(dut, 1)
    # It takes seconds in a guest with all these requests, and many of them on a busy host.
    text = weir.weirctl("stats", "--prometheus").stdout
    dut.apply()
    wait_until(dut, 0)
    assert "\nweir_under_attack 1\n" in text
    assert '\nweir_listener_under_attack{listener="0.0.0.0:80"} 1\n' in text
    assert "# TYPE weir_attack_switches_total counter" in text
