"""A report of generated records, made by the command that users type, and a browser that has it open."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.bootstrap import ROOT
from lab.cache import Cache
from lab.errors import InfrastructureError, LabError
from lab.lock import Lock
from lab.tools import ensure_tools
from results import records
from suites.report import generated
from suites.traffic.browser import Browser, Page, browser

PHONE = (360, 740)
DESK = (1200, 900)


@dataclass(frozen=True)
class Written:
    """A report and what the command said when it made it."""

    path: Path
    said: str

    @property
    def url(self) -> str:
        """For the browser."""
        return self.path.as_uri()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for the session. It is made outside the lab: `python -m lab build --tools browser`."""
    try:
        tools = ensure_tools(Cache(), Lock.load(), "browser")
    except LabError as error:
        raise InfrastructureError(
            f"there is no browser: {error.message}", hint="python -m lab build --tools browser"
        ) from error
    with browser(tools, tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Written]:
    """Makes the report of some runs: `report(runs, "--run", ID)`."""

    def make(runs: Iterator[records.Run] | Sequence[records.Run], *options: str) -> Written:
        root = generated.store(tmp_path_factory.mktemp("records"), runs)
        path = root / "report.html"
        argv = [sys.executable, "-m", "results", "report", "--root", str(root), "--output", str(path), *options]
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("index"))}
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        return Written(path, done.stdout)

    return make


@pytest.fixture(scope="session")
def slower(report: Callable[..., Written]) -> Written:
    """A history of main, then a pull request that makes one scenario slower and another faster."""
    changes = {"get-keepalive-1k": 0.0121, "get-keepalive-64k": -0.008, "connection-per-request": 0.0004}
    return report([*generated.history(), generated.functional(61, broken=1), generated.gate(62, changes)])


@pytest.fixture
def on_desk(chromium: Browser, slower: Written) -> Page:
    """The report on a desk's screen."""
    return chromium.open(slower.url, lambda page: page.size(*DESK))


@pytest.fixture
def on_phone(chromium: Browser, slower: Written) -> Page:
    """The report on a phone 360 pixels wide."""
    return chromium.open(slower.url, lambda page: page.size(*PHONE, phone=True))
