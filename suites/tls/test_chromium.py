"""Chromium over https, which verifies chain and name by its own rules and has its own ClientHello.

It trusts no authority of ours: --ignore-certificate-errors-spki-list tells it that the key of one certificate is good.
That another is refused the last case shows.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab.cache import Cache
from lab.errors import LabError
from lab.lock import Lock
from lab.tools import ensure_tools
from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.traffic.browser import Browser, Page, browser
from suites.traffic.certificates import Certified, authority
from suites.traffic.messages import Reply
from suites.traffic.origin import Origin, Visit
from suites.traffic.socks import SocksHost

if TYPE_CHECKING:
    from lab.session import Lab

SHOP = "https://shop.example"
PARTS = {f"/part/{number}": bytes([65 + number]) * 50_000 for number in range(8)}
FRONT = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>The shop</title><link rel="icon" href="data:,">
<script>addEventListener('load', async () => {{
  const parts = await Promise.all({list(PARTS)}.map(async part => (await fetch(part)).text()));
  document.title += `: ${{parts.map(part => part.length).join(' ')}}`;
}});</script>""".encode()
WHOLE = f"document.title == 'The shop: {' '.join(['50000'] * len(PARTS))}'"
HOP = "performance.getEntriesByType('navigation')[0].nextHopProtocol"


@pytest.fixture(scope="module")
def shop() -> Certified:
    return authority().issue("shop.example")


@pytest.fixture(scope="module")
def chromium(shop: Certified, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    try:
        tools = ensure_tools(Cache(), Lock.load(), "browser")
    except LabError as error:
        pytest.skip(f"no Chromium (python -m lab build --tools browser): {error.message}")
    key = shop.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    good = base64.b64encode(hashlib.sha256(key).digest()).decode()
    flags = [f"--ignore-certificate-errors-spki-list={good}"]
    with browser(tools, tmp_path_factory.mktemp("chromium"), flags=flags, network=True) as running:
        yield running


@pytest.fixture
def visit(lab: Lab, dut: Dut, chromium: Browser, origin: Origin) -> Iterator[Callable[[Certified], Page]]:
    """The shop's front page, as a new profile gets it, behind a certificate."""

    def reply(visit: Visit) -> Reply:
        return Reply(
            200, PARTS.get(visit.target, FRONT), (("Content-Type", "text/html"), ("Cache-Control", "no-store"))
        )

    origin.behaves(reply)
    with SocksHost(lab.network.client_address(30_000), lambda: dut.endpoint) as host:
        profile = chromium.profile(host.url)

        def open_page(certified: Certified) -> Page:
            dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)])
            return chromium.open(SHOP, profile=profile)

        yield open_page
        chromium.forget(profile)


def test_page_loads_with_all_its_parts(visit: Callable[[Certified], Page], origin: Origin, shop: Certified) -> None:
    page = visit(shop)
    page.until(WHOLE, 30)
    assert page.ask("isSecureContext")
    assert page.ask(HOP) == "http/1.1"
    assert {request.target for request in origin.received} == {"/", *PARTS}


def test_next_connections_go_on(visit: Callable[[Certified], Page], dut: Dut, shop: Certified) -> None:
    """Of its six or so connections at a time those behind the first bring its tickets."""
    before = dut.statistics if dut.name == "weir" else None
    page = visit(shop)
    page.until(WHOLE, 30)
    for path in ("/second", "/third"):
        page.go(SHOP + path)
        page.until(WHOLE, 30)
    if before is not None:
        counted = dut.statistics - before
        assert counted["tls_handshake_failures"] == 0
        assert counted["tls_resumptions"] > 0


def test_unknown_certificate_is_not_taken(visit: Callable[[Certified], Page], origin: Origin) -> None:
    page = visit(authority().issue("shop.example"))
    assert page.call("Page.navigate", url=SHOP + "/again")["errorText"] == "net::ERR_CERT_AUTHORITY_INVALID"
    assert not origin.received
