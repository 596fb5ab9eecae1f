"""What TLS's cases share: a device with an https listener, and clients that trust its certificate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.cache import Cache
from lab.errors import LabError
from lab.lock import Lock
from lab.tools import ToolsTree, ensure_tools
from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.duts.weir import WeirAdapter
from suites.traffic.certificates import Certified
from suites.traffic.client import Client
from suites.traffic.programs import Programs
from suites.traffic.tls import Tls, trusting


@pytest.fixture
def https(dut: Dut, certified: Certified) -> Dut:
    """The device, which serves https alone."""
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)])
    return dut


@pytest.fixture
def secure(https: Dut, new_client: Callable[[], Client]) -> Client:
    """A client that speaks TLS to it."""
    assert https.config
    client = new_client()
    client.tls = Tls(trusting())
    return client


@pytest.fixture
def leaves_no_block(dut: Dut) -> Iterator[None]:
    """The block table is emptied afterwards: it outlives configurations."""
    yield
    assert isinstance(dut.adapter, WeirAdapter)
    dut.adapter.batch("block-flush")


@pytest.fixture(scope="session")
def tls_tools() -> ToolsTree:
    """Other people's TLS. Skipped only where it is not there: `nox -s tls` makes it."""
    try:
        return ensure_tools(Cache(), Lock.load(), "tls")
    except LabError as error:
        pytest.skip(f"no tools tree `tls` (python -m lab build --tools tls): {error.message}")


@pytest.fixture
def others(tls_tools: ToolsTree, tmp_path: Path) -> Iterator[Programs]:
    """Its programs."""
    with Programs(tls_tools, tmp_path) as programs:
        yield programs
