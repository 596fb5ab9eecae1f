"""Challenges in a real browser: Chromium without a screen, each visitor with an address and a profile of its own.

Skipped only where there is no Chromium: `python -m lab build --tools browser` makes it, as `nox -s functional` does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab.cache import Cache
from lab.errors import LabError
from lab.lock import Lock
from lab.tools import ensure_tools
from suites.duts.config import Table
from suites.duts.dut import Dut
from suites.traffic.browser import Browser, Navigated, Page, PageError, browser
from suites.traffic.client import Client
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin, Visit
from suites.traffic.pace import Pace
from suites.traffic.socks import SocksHost
from suites.traffic.solver import Solver

if TYPE_CHECKING:
    from lab.session import Lab

pytestmark = pytest.mark.only("weir", reason="no other device has challenges of its own")

PUZZLE: Table = {"mode": "javascript", "difficulty": 10, "min_time": 0.2, "max_time": 60}
COOKIE: Table = {"mode": "cookie"}
SHOP = "http://shop.example"
BEHIND = "document.title == 'The shop: all there'"
GIVEN_UP = "(b => b && !b.hidden)(document.getElementById('again'))"
FOREIGN = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PATIENCE_S = 30.0

FRONT = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>The shop</title>
<link rel="icon" href="/logo.svg"><style>body { font: 1rem/1.5 sans-serif; margin: 3rem; }</style>
<h1><img id="logo" src="/logo.svg" width="32" height="32" alt=""> The shop</h1><p id="stock">Looking.</p>
<script src="/shop.js"></script>"""
SCRIPT = b"""addEventListener('load', async () => {
  const stock = await (await fetch('/stock.json')).json();
  const logo = document.getElementById('logo');
  document.getElementById('stock').textContent = `${stock.tins} tins of soup.`;
  if (logo.naturalWidth) document.title += ': all there';
});"""
LOGO = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"><circle cx="16" cy="16" r="15" fill="#c33"/></svg>'
)
GOODS = {
    "/logo.svg": ("image/svg+xml", LOGO),
    "/shop.js": ("text/javascript", SCRIPT),
    "/stock.json": ("application/json", b'{"tins": 42}'),
}
PARTS = {"/shop.js", "/logo.svg", "/stock.json"}
_addresses = itertools.count(20_000)
PROGRESS = "+document.getElementById('bar').getAttribute('aria-valuenow')"


def shop(visit: Visit) -> Reply:
    """A page whose parts are all needed for its title to say so."""
    kind, body = GOODS.get(visit.target, ("text/html; charset=utf-8", FRONT))
    return Reply(200, body, (("Content-Type", kind), ("Cache-Control", "no-store")))


class Visitor:
    """A profile in a browser, with an address of its own."""

    def __init__(self, chromium: Browser, host: SocksHost) -> None:
        self._chromium = chromium
        self.host = host
        self.profile = chromium.profile(host.url)

    def open(self, path: str = "/", *, scripts: bool = True, agent: str = "", cookies: str = "") -> Page:
        """Load a page. `cookies`: the content of a session's cookie that was not got by this profile."""

        def prepare(page: Page) -> None:
            page.size(900, 600)
            if not scripts:
                page.call("Emulation.setScriptExecutionDisabled", value=True)
            if agent:
                page.call("Emulation.setUserAgentOverride", userAgent=agent)
            if cookies:
                page.call("Network.setCookie", name="__weir", value=cookies, url=SHOP)

        return self._chromium.open(SHOP + path, prepare, profile=self.profile)

    def close(self) -> None:
        self._chromium.forget(self.profile)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    try:
        tools = ensure_tools(Cache(), Lock.load(), "browser")
    except LabError as error:
        pytest.skip(f"no Chromium (python -m lab build --tools browser): {error.message}")
    with browser(tools, tmp_path_factory.mktemp("chromium"), network=True) as running:
        yield running


@pytest.fixture
def new_host(lab: Lab, dut: Dut) -> Iterator[Callable[[], SocksHost]]:
    """Addresses for visitors."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(SocksHost(lab.network.client_address(next(_addresses)), lambda: dut.endpoint))


@pytest.fixture
def new_visitor(chromium: Browser, new_host: Callable[[], SocksHost]) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors that nobody knows yet, at an address of their own or at that of another."""
    with ExitStack() as stack:

        def make(host: SocksHost | None = None) -> Visitor:
            visitor = Visitor(chromium, host or new_host())
            stack.callback(visitor.close)
            return visitor

        yield make


@pytest.fixture
def visitor(new_visitor: Callable[..., Visitor]) -> Visitor:
    return new_visitor()


@pytest.fixture
def counted(dut: Dut) -> Callable[[str], int]:
    """How often something was counted since it was asked for first."""
    before: dict[str, int] = {}

    def count(name: str) -> int:
        now = dut.statistics[name]
        return now - before.setdefault(name, now)

    for name in dut.statistics:
        count(name)
    return count


def arrive(page: Page) -> None:
    """Until all of the shop is there."""
    page.until(BEHIND, PATIENCE_S)


def session_of(page: Page) -> str:
    """The content of the session's cookie, which scripts do not see."""
    cookies: list[dict[str, Any]] = page.call("Network.getCookies", urls=[SHOP])["cookies"]
    (found,) = [cookie for cookie in cookies if cookie["name"] == "__weir"]
    assert found["httpOnly"] is True
    return str(found["value"])


def statuses(page: Page, path: str = "/") -> list[int]:
    return [status for url, status in page.statuses if url == SHOP + path]


def test_page_behind_the_puzzle_loads_with_all_its_parts(
    dut: Dut, origin: Origin, visitor: Visitor, counted: Callable[[str], int]
) -> None:
    origin.behaves(shop)
    dut.apply(challenge=PUZZLE)
    page = visitor.open("/?a=b&c=%2F")
    arrive(page)
    assert page.ask("location.href") == f"{SHOP}/?a=b&c=%2F"
    assert statuses(page, "/?a=b&c=%2F") == [503, 200]
    targets = [request.target for request in origin.received]
    assert targets[0] == "/?a=b&c=%2F"
    assert set(targets) >= PARTS
    assert not [cookie for request in origin.received for cookie in request.fields.all("Cookie")]
    for path in ("/second", "/third", "/second"):
        page.go(SHOP + path)
        arrive(page)
    assert (counted("challenges_javascript"), counted("puzzles_solved")) == (1, 1)
    assert counted("challenges_refusal") == 0
    assert page.ask("document.cookie") == ""


def test_another_page_of_the_same_profile_is_not_challenged(
    dut: Dut, origin: Origin, visitor: Visitor, counted: Callable[[str], int]
) -> None:
    origin.behaves(shop)
    dut.apply(challenge=PUZZLE)
    arrive(visitor.open())
    page = visitor.open("/other")
    arrive(page)
    assert statuses(page, "/other") == [200]
    assert counted("challenges_javascript") == 1


def test_each_profile_is_challenged_of_its_own(
    dut: Dut, origin: Origin, new_visitor: Callable[..., Visitor], counted: Callable[[str], int]
) -> None:
    """Also at the same address, behind one NAT."""
    origin.behaves(shop)
    dut.apply(challenge=PUZZLE)
    first = new_visitor()
    sessions = set()
    for visitor in (first, new_visitor(), new_visitor(first.host)):
        page = visitor.open()
        arrive(page)
        sessions.add(session_of(page))
    assert counted("puzzles_solved") == 3
    assert len(sessions) >= 2


@pytest.mark.parametrize("mode", [PUZZLE, COOKIE], ids=["puzzle", "cookie"])
def test_borrowed_cookie_is_no_good(
    dut: Dut, origin: Origin, new_visitor: Callable[..., Visitor], counted: Callable[[str], int], mode: Table
) -> None:
    """At another address, or under another name; without scripts, so that nothing is solved meanwhile."""
    origin.behaves(shop)
    dut.apply(challenge=mode)
    owner = new_visitor()
    page = owner.open()
    arrive(page)
    session = session_of(page)
    assert counted("tokens_forged") == 0
    new_visitor(owner.host).open("/lent", cookies=session, scripts=False)
    assert counted("tokens_forged") == 0, "the same address and agent: as good as the owner's"
    assert origin.last.target == "/lent" or "/lent" in {request.target for request in origin.received}
    new_visitor().open("/stolen", cookies=session, scripts=False)
    assert counted("tokens_forged") == 1
    new_visitor(owner.host).open("/renamed", cookies=session, scripts=False, agent=FOREIGN)
    assert counted("tokens_forged") == 2
    if mode is PUZZLE:
        assert not {"/stolen", "/renamed"} & {request.target for request in origin.received}


def test_without_scripts_the_page_says_what_to_do_and_nothing_is_solved(
    dut: Dut, origin: Origin, visitor: Visitor, counted: Callable[[str], int]
) -> None:
    dut.apply(challenge=PUZZLE)
    page = visitor.open(scripts=False)
    for _ in range(3):
        assert page.ask("document.body.innerText").startswith("One moment, please\n\nJavaScript is switched off")
        assert page.ask("document.documentElement.lang") == "en"
        page.go(f"{SHOP}/")
    assert set(statuses(page)) == {503}
    assert origin.requests == 0
    assert counted("puzzles_solved") == 0


def test_browser_that_keeps_no_cookie_is_told_so_and_does_not_reload(
    dut: Dut, origin: Origin, visitor: Visitor, counted: Callable[[str], int]
) -> None:
    dut.apply(challenge=PUZZLE)
    # As a page sees it that may set none.
    page = visitor.open("/", scripts=False)
    page.call("Emulation.setScriptExecutionDisabled", value=False)
    page.call("Emulation.setDocumentCookieDisabled", disabled=True)
    page.go(f"{SHOP}/again")
    page.until(GIVEN_UP, PATIENCE_S)
    assert "allow cookies" in page.ask("document.querySelector('[role=status]').textContent")
    assert statuses(page, "/again") == [503]
    assert counted("challenges_javascript") == 2
    assert origin.requests == 0


def test_answer_that_is_never_accepted_is_not_tried_for_ever(
    dut: Dut, origin: Origin, visitor: Visitor, counted: Callable[[str], int]
) -> None:
    """Its profile is at home behind proxies that change their address with each request, say; here, it is too slow."""
    dut.apply(challenge={**PUZZLE, "min_time": 1.0, "max_time": 1.001})
    page = visitor.open()
    page.until(GIVEN_UP, PATIENCE_S)
    assert counted("tokens_expired") == 3
    assert counted("challenges_javascript") == 4
    assert "did not accept it" in page.ask("document.querySelector('[role=status]').textContent")
    total = dut.statistics["challenges_javascript"]
    page.ask("document.getElementById('again').click()")
    dut.wait_for_statistic("challenges_javascript", total + 4, seconds=PATIENCE_S)
    page.until(GIVEN_UP, PATIENCE_S)
    assert dut.statistics["challenges_javascript"] == total + 4
    assert origin.requests == 0


def test_page_stays_responsive_while_it_works(dut: Dut, new_visitor: Callable[..., Visitor]) -> None:
    """A turn of the page's own loop takes little time although the puzzle is out of reach."""
    dut.apply(challenge={**PUZZLE, "difficulty": 32, "max_time": 3600})
    turn = "new Promise(done => setTimeout(began => done(performance.now() - began), 0, performance.now()))"
    for attempts_left in (2, 1, 0):  # a page that is so lucky that it solves it meanwhile, one in thousands, is left
        page = new_visitor().open()
        try:
            page.until("!document.getElementById('bar').hidden", PATIENCE_S)
            turns = sorted(page.ask(turn) for _ in range(21))
            page.until(f"{PROGRESS} >= 0", PATIENCE_S)
        except (Navigated, PageError):
            if not attempts_left:
                raise
        else:
            break
    assert turns[10] < 100


def test_cookie_challenge_goes_unnoticed(
    dut: Dut, origin: Origin, visitor: Visitor, counted: Callable[[str], int]
) -> None:
    origin.behaves(shop)
    dut.apply(challenge=COOKIE)
    page = visitor.open("/?x=1")
    arrive(page)
    assert statuses(page, "/?x=1") == [200]
    page.go(f"{SHOP}/second")
    arrive(page)
    assert counted("challenges_cookie") == 1
    assert {request.target for request in origin.received} >= PARTS | {"/?x=1", "/second"}
    session_of(page)


def test_program_that_solves_passes_and_pays(lab: Lab, dut: Dut, client: Client, counted: Callable[[str], int]) -> None:
    """What a puzzle is: no wall, but a price for each session. docs/firewall.md says what price."""
    difficulty = 16
    dut.apply(challenge={**PUZZLE, "difficulty": difficulty})
    agent = [("User-Agent", "solver"), ("Accept", "text/html")]
    solver, hashes = Solver(lab.prepared.tools), 0
    for _ in range(4):
        page = client.get("/", headers=agent)
        assert page.status == 503
        token = page.body.decode().partition('data-token="')[2].partition('"')[0]
        solution = solver.solve(token, difficulty)
        hashes += solution.hashes
    client.wait(seconds=0.2)
    answer = client.get("/", headers=[*agent, ("Cookie", f"__weir_pow={token}.{solution.number}")])
    assert answer.status == 302
    (session,) = [line.partition(";")[0] for line in answer.fields.all("Set-Cookie") if line.startswith("__weir=")]
    assert client.get("/", headers=[*agent, ("Cookie", session)]).status == 200
    assert counted("puzzles_solved") == 1
    assert hashes > 400, "of all four: that one is solved so soon happens once in 600"


def test_screenshots(
    dut: Dut, origin: Origin, new_visitor: Callable[..., Visitor], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """`nox -s functional -- -k test_screenshots --screenshots docs` makes the pictures in docs/."""
    folder = Path(pytestconfig.getoption("--screenshots") or tmp_path)
    origin.behaves(shop)
    dut.apply(challenge={**PUZZLE, "difficulty": 22, "max_time": 3600})
    bar = "!!document.getElementById('bar')"
    for _ in range(8):  # one in thirty is so lucky that the puzzle is solved before there is a picture of it
        page = new_visitor().open()
        page.until(f"!({bar}) || {PROGRESS} >= 3", 4 * PATIENCE_S)
        page.screenshot(folder / "challenge.png")
        if solving := page.until(f"document.readyState == 'complete' && [{bar}]", PATIENCE_S)[0]:
            break
    assert solving
    dut.apply(challenge=PUZZLE)
    page.go(f"{SHOP}/soup")
    arrive(page)
    page.screenshot(folder / "challenge-passed.png")
    for name in ("challenge.png", "challenge-passed.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


ATTACK: Table = {"requests_on": 80, "requests_off": 10, "window": 0.4, "hold": 2.0}


def test_visitors_are_challenged_only_under_attack(
    dut: Dut,
    origin: Origin,
    new_client: Callable[[], Client],
    new_visitor: Callable[..., Visitor],
    counted: Callable[[str], int],
) -> None:
    """Who has a session from an attack before is not asked again in the next."""
    origin.behaves(shop)
    dut.apply(challenge={**PUZZLE, "when": "attack"}, attack=ATTACK)
    visitor = new_visitor()
    page = visitor.open("/quiet")
    arrive(page)
    assert counted("challenges_javascript") == counted("challenges_refusal") == 0
    for attack in range(2):
        with Pace(new_client(), 200, [encode_request("GET", "/flood")]) as flood:
            dut.wait_for_statistic("under_attack", 1)
            before = len([request for request in origin.received if request.target == "/flood"])
            page.go(f"{SHOP}/busy/{attack}")
            arrive(page)
            after = len([request for request in origin.received if request.target == "/flood"])
        assert flood.statuses[403] > 0
        assert after - before <= 20, "what was on its way when it began"
        assert counted("puzzles_solved") == 1
        dut.wait_for_statistic("under_attack", 0, seconds=10)
        stranger = new_visitor().open(f"/after/{attack}")
        arrive(stranger)
        assert counted("puzzles_solved") == 1
