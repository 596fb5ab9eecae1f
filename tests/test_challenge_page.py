"""The page with the puzzle, by itself: in a real browser, but from a file, where no cookie can be set."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.bootstrap import ROOT
from lab.cache import Cache
from lab.errors import LabError
from lab.lock import Lock
from lab.tools import ensure_tools
from suites.traffic.browser import Browser, Page, browser

TEXT = (ROOT / "kmod" / "user" / "challenge.html").read_text(encoding="utf-8")
TOKEN = "0123456789abcdefABCDEF_-" * 3 + "01234567"
LENGTHS = [0, 1, 46, 53, 54, 55, 56, 57, 63, 64, 65, 80, 81, 118, 119, 120, 127, 128, 129, 192]
NUMBERS = [0, 9, 10, 99_999, 2**31, 2**40 + 1]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    try:
        tools = ensure_tools(Cache(), Lock.load(), "browser")
    except LabError as error:
        pytest.skip(f"no browser (python -m lab build --tools browser): {error.message}")
    with browser(tools, tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def page(chromium: Browser, tmp_path: Path) -> Page:
    filled = tmp_path / "page.html"
    text = TEXT.replace("{{token}}", TOKEN).replace("{{cookie}}", "__weir_pow")
    filled.write_text(text.replace("{{difficulty}}", "4").replace("{{min_time_ms}}", "1"), encoding="utf-8")
    return chromium.open(filled.as_uri())


def zero_bits(text: str) -> int:
    return 256 - int.from_bytes(hashlib.sha256(text.encode()).digest()).bit_length()


def test_hash_is_sha256(page: Page) -> None:
    """Of texts that end anywhere in a block, followed by numbers of any length."""
    words = page.ask(
        f"(s => {LENGTHS}.map(l => {NUMBERS}.map(n => s.hash('x'.repeat(l), n).map(w => w >>> 0))))(solver())"
    )
    for length, row in zip(LENGTHS, words, strict=True):
        for number, found in zip(NUMBERS, row, strict=True):
            expected = hashlib.sha256(f"{'x' * length}{number}".encode()).hexdigest()
            assert "".join(f"{word:08x}" for word in found) == expected, (length, number)


def test_first_number_with_enough_zero_bits_is_found(page: Page) -> None:
    for bits in (0, 1, 7, 8, 9, 12):
        found = page.ask(f"solver().find('{TOKEN}.', {bits}, 0, 100000)")
        assert found == next(n for n in range(100_000) if zero_bits(f"{TOKEN}.{n}") >= bits)
    assert page.ask(f"solver().find('{TOKEN}.', 200, 0, 1000)") == -1


def test_page_asks_for_nothing_and_gives_up_where_no_cookie_stays(page: Page) -> None:
    page.until("!document.getElementById('again').hidden")
    assert "allow cookies" in page.ask("document.querySelector('[role=status]').textContent")
    assert [url for url in page.requests if not url.startswith("blob:")] == [page.ask("location.href")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_a_phone(page: Page, scheme: str) -> None:
    page.size(320, 640, phone=True)
    page.prefers(scheme=scheme)
    assert page.ask("[document.documentElement.scrollWidth, innerWidth]") == [320, 320]


def test_page_fits_into_what_the_module_takes() -> None:
    assert len(TEXT.encode()) <= 16384
    found = re.findall(r"{{(\w+)}}", TEXT)
    assert sorted(found) == ["cookie", "difficulty", "min_time_ms", "token"]
    assert re.search(r'<html lang="en">', TEXT)


@pytest.mark.parametrize("tag", ["script", "style"])
def test_policy_allows_just_what_the_page_has(tag: str) -> None:
    """The placeholders are in attributes: script and style are the same on every page, and known by their hashes."""
    (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", TEXT, re.DOTALL)
    expected = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert f"{tag}-src 'sha256-{expected}'" in TEXT
