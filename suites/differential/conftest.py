"""All three devices in one guest, a recorder behind each, and what the run is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.session import Lab
from suites.differential.driver import Driver
from suites.differential.recorder import Recorder
from suites.duts import ADAPTERS
from suites.duts.adapter import Adapter
from suites.duts.config import Config, Server, Timeouts

FULL = 1500
PORTS = {"weir": 80, "nginx": 81, "haproxy": 82}
CONNECTIONS = 48
# Nobody is slow here; what no peer ends by itself must not take long either.
TIMEOUTS = Timeouts(client_header=5, client_body=5, keepalive=5, upstream_connect=10, upstream_response=10)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("weir differential")
    group.addoption(
        "--examples",
        type=int,
        default=FULL,
        help="messages made by the grammar in each direction, beside the hand-written ones (default: %(default)s)",
    )
    group.addoption("--seed", type=int, default=0, help="of the grammar (default: 0, the same messages every time)")


@pytest.fixture(scope="session")
def driver(lab: Lab, device: Adapter, fault: str) -> Iterator[Driver]:
    """The three devices, running and configured alike. With a break in force they are not stopped: their guest is."""
    machine = device.machine
    with Driver() as driver:
        adapters = []
        for number, (name, port) in enumerate(PORTS.items()):
            recorder = Recorder(lab.network.origin_address(number), 9000)
            driver.start(recorder)
            adapter = device if name == device.name else ADAPTERS[name](machine, lab.prepared)
            adapter.start()
            adapters.append(adapter)
            server = Server(recorder.endpoint, connections=CONNECTIONS)
            adapter.apply(Config(listeners=(f"0.0.0.0:{port}",), servers=(server,), timeouts=TIMEOUTS))
            driver.add(name, (machine.address, port), recorder)
        yield driver
        for adapter in adapters if not fault else ():
            adapter.stop()
