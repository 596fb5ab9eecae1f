"""pytest plugin: a test that fails while the host stands still is run again, and the summary says so.

Only then, or when the emulator ran code that was not there (`Crash.of_the_emulator`): a failure without a stall that
was measured (lab/stalls.py), any other crash of the guest and a fault of the lab count at once, and a test that still
fails has failed. Why: docs/decisions/0006-the-host-stands-still.md.
"""

from __future__ import annotations

import time

import pytest
from _pytest.runner import runtestprotocol

from lab.pytest_plugin import CAUSES, GUARD, RETRIES
from lab.stalls import Stalls

STALLS = pytest.StashKey[Stalls]()

ENOUGH_S = 0.25
"""In one stall, within the test: the shortest spans that tests give a device are half a second."""

REPEATS = 2
"""Of one test."""

REPEATS_OF_RUN = 20
"""Of all tests: a host that stands still more often than that is no host to test on."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("weir lab").addoption(
        "--no-repeats", action="store_true", help="a test that failed while the host stood still is not run again"
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    if not session.config.getoption("--no-repeats"):
        session.config.stash[STALLS] = Stalls().__enter__()


def pytest_unconfigure(config: pytest.Config) -> None:
    if (stalls := config.stash.get(STALLS, None)) is not None:
        stalls.__exit__(None, None, None)


def _void(item: pytest.Item, reports: list[pytest.TestReport]) -> bool:
    """Whether it is the host's standing still that may have failed the test, and nothing that must be told at once."""
    failed = [dict(report.user_properties) for report in reports if report.failed]
    told = any(properties.get("cause") != "product" or properties.get("fingerprint") for properties in failed)
    return bool(failed) and not told and not item.session.shouldstop


def _emulators(item: pytest.Item, reports: list[pytest.TestReport]) -> bool:
    """Whether nothing but a crash of the emulator's making failed it."""
    prepared = item.config.stash[GUARD].prepared
    if prepared is not None and prepared.acceleration.accel != "tcg":
        return False
    failed = [dict(report.user_properties) for report in reports if report.failed]
    return bool(failed) and all(one.get("of_the_emulator") for one in failed) and not item.session.shouldstop


def _reason(reports: list[pytest.TestReport]) -> str:
    longrepr = next(report.longrepr for report in reports if report.failed)
    crash = getattr(longrepr, "reprcrash", None)
    return str(crash.message if crash else longrepr).strip().splitlines()[0]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """As pytest's own, but that a void failure is forgotten and the test run again."""
    stalls = item.config.stash.get(STALLS, None)
    if stalls is None:
        return None
    retries, causes = item.config.stash[RETRIES], item.config.stash[CAUSES]
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    properties, known = list(item.user_properties), len(causes)
    for attempt in range(REPEATS + 1):
        began = time.monotonic()
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        ended = time.monotonic()
        emulator = _emulators(item, reports)
        if attempt == REPEATS or not (emulator or _void(item, reports)):
            break
        repeated = sum(what.startswith("test ") for what, _ in retries)
        if repeated >= REPEATS_OF_RUN:
            break
        if emulator:
            why = f"the emulator ran code that was not there: {_reason(reports)}"
        else:
            lost = stalls.longest(began, ended)
            if lost < ENOUGH_S:
                break
            why = (
                f"failed after {ended - began:.1f} s, of which the host stood still for {lost:.2f}: {_reason(reports)}"
            )
        retries.append((f"test {item.nodeid}", why))
        item.user_properties[:] = properties
        del causes[known:]
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
