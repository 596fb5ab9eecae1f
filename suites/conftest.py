"""What every suite shares: the device under test, scripted clients and origins, and the marks about devices.

The fixtures `lab` and `machine` come from lab/pytest_plugin.py.
"""

from __future__ import annotations

import itertools
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.pytest_plugin import BUNDLE_FILES
from lab.run import PREPARED, Prepared
from suites.breaking import put_in_force
from suites.duts import ADAPTERS
from suites.duts.adapter import Adapter
from suites.duts.config import Config, Server, configured
from suites.duts.dut import Dut
from suites.traffic.certificates import Certified, authority
from suites.traffic.client import Client
from suites.traffic.origin import Origin
from suites.traffic.programs import Programs
from suites.traffic.tls import Tls, trusting

if TYPE_CHECKING:
    from lab.machine import Machine
    from lab.session import Lab

_numbers = itertools.count()
FUNCTIONAL = Path(__file__).parent / "functional"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("weir")
    group.addoption(
        "--applies", type=int, default=150, help="changes of configuration under load (default: %(default)s)"
    )
    group.addoption("--dut", default="weir", choices=sorted(ADAPTERS), help="device under test (default: %(default)s)")
    group.addoption(
        "--https", action="store_true", help="cases that do not say what listens, and where, have a listener of https"
    )
    group.addoption("--screenshots", metavar="FOLDER", help="where pictures of what a browser sees are put")
    group.addoption("--long", action="store_true", help="also the cases that take minutes")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "only(dut, reason): the case is about this device alone; skipped, and counted, on any other"
    )
    config.addinivalue_line(
        "markers", "differs(dut, reason): this device is known not to meet the case; a strict expected failure there"
    )
    config.addinivalue_line(
        "markers", "own_engine(reason): about Weir's own TLS engine; skipped, and counted, with `--tls mbedtls`"
    )
    config.addinivalue_line("markers", "long(reason): takes minutes; skipped, and counted, without --long")


def known_differences(dut: str) -> dict[str, dict[str, str]]:
    """What the table of the device's differences says, if it has one: reasons by case, under differs and left_out."""
    path = FUNCTIONAL / f"{dut}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _mark_known(item: pytest.Item, dut: str, known: Mapping[str, Mapping[str, str]]) -> None:
    names = {f"{item.path.name}::{item.name}", f"{item.path.name}::{item.name.partition('[')[0]}"}
    for name in names:
        if reason := known.get("differs", {}).get(name):
            item.add_marker(pytest.mark.differs(dut, reason=reason))
        if reason := known.get("left_out", {}).get(name):
            item.add_marker(pytest.mark.skip(reason=f"not on {dut}: {reason}"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    dut = config.getoption("--dut")
    known = known_differences(dut)
    other_engine = PREPARED in os.environ and dut == "weir" and Prepared.load().tls != "weir"
    for item in items:
        if item.path.parent == FUNCTIONAL:
            _mark_known(item, dut, known)
        if not config.getoption("--long"):
            for mark in item.iter_markers("long"):
                item.add_marker(pytest.mark.skip(reason=f"--long: {mark.kwargs['reason']}"))
        for mark in item.iter_markers("own_engine") if other_engine else ():
            item.add_marker(pytest.mark.skip(reason=f"not with mbed TLS: {mark.kwargs['reason']}"))
        for mark in item.iter_markers("only"):
            if mark.args[0] != dut:
                item.add_marker(pytest.mark.skip(reason=f"only on {mark.args[0]}: {mark.kwargs['reason']}"))
        for mark in item.iter_markers("differs"):
            if mark.args[0] == dut:
                item.add_marker(pytest.mark.xfail(reason=f"{dut}: {mark.kwargs['reason']}", strict=True))


@pytest.fixture(scope="session")
def device(lab: Lab, pytestconfig: pytest.Config) -> Iterator[Adapter]:
    """The adapter chosen by --dut; whatever it started is stopped at the end of the run."""
    adapter = ADAPTERS[pytestconfig.getoption("--dut")](lab.machine(), lab.prepared)
    yield adapter
    if adapter.running:
        adapter.stop()


@pytest.fixture(scope="session")
def fault(request: pytest.FixtureRequest, device: Adapter) -> str:
    """The deliberate break in force, by name (suites/breaking.py); none in a run of the product as it is."""
    name: str = getattr(request, "param", "")
    if name:
        put_in_force(name, device)
    return name


@pytest.fixture(scope="session")
def device_machine(device: Adapter) -> Machine:
    """The machine that the device runs in."""
    return device.machine


@pytest.fixture(scope="module")
def quick_acknowledgements(device_machine: Machine) -> Iterator[None]:
    """The guest acknowledges every segment at once while a module's cases run."""
    routes = [line for line in device_machine.run("ip", "route", "show").lines if line.strip()]
    for route in routes:
        device_machine.run("ip", "route", "change", *route.replace(" linkdown", "").split(), "quickack", "1")
    generation = device_machine.generation
    yield
    if generation == device_machine.generation:
        for route in routes:
            device_machine.run("ip", "route", "replace", *route.replace(" linkdown", "").split())


@pytest.fixture(scope="session")
def certified() -> Certified:
    """The certificate that the device shows."""
    return authority().issue("weir.test", "*.weir.test")


@pytest.fixture
def dut(device: Adapter, origins: list[Origin], certified: Certified, request: pytest.FixtureRequest) -> Iterator[Dut]:
    """The running device. Its base configuration sends to `origin`, named by the test or not."""
    if not device.running:
        device.start()

    def base() -> Config:
        origin: Origin = request.getfixturevalue("origin")  # made now, if the test did not name it
        return Config(servers=(Server(origin.endpoint),))

    made = Dut(
        device, base, origins, certificate=configured(certified) if request.config.getoption("--https") else None
    )
    request.node.stash.setdefault(BUNDLE_FILES, {})["device.toml"] = lambda: (
        made.config.to_toml() if made.config else "# the test has applied no configuration\n"
    )
    yield made
    if device.running:
        device.healthy()


@pytest.fixture
def origins(device: Adapter) -> Iterator[list[Origin]]:
    """Every origin of the test; stopped at its end, when a malformed message to one of them fails it.

    Its clients have left before, so that the device then has nothing in hand that might reach the next test's origin.
    """
    made: list[Origin] = []
    yield made
    for origin in made:
        origin.stop()
    if device.running:
        device.settle()
    for origin in made:
        for problem in origin.problems:
            raise AssertionError(f"what reached the origin at {origin.endpoint} was wrong: {problem}") from problem


@pytest.fixture
def new_origin(lab: Lab, origins: list[Origin]) -> Callable[[], Origin]:
    """Makes and starts scripted origins, each at an endpoint of its own."""

    def make() -> Origin:
        number = next(_numbers)
        # The port is explicit, so that an origin that paused gets it again.
        origins.append(Origin(lab.network.origin_address(number % 250), 8000 + number // 250))
        origins[-1].start()
        return origins[-1]

    return make


@pytest.fixture
def new_origin6(lab: Lab, origins: list[Origin]) -> Callable[[], Origin]:
    """As new_origin, at an IPv6 address."""

    def make() -> Origin:
        origins.append(Origin(lab.network.origin_address6(next(_numbers))))
        origins[-1].start()
        return origins[-1]

    return make


@pytest.fixture
def origin(new_origin: Callable[[], Origin]) -> Origin:
    """A scripted origin that answers 200 with an empty body until told otherwise."""
    return new_origin()


@pytest.fixture
def new_client(lab: Lab, dut: Dut, pytestconfig: pytest.Config) -> Iterator[Callable[[], Client]]:
    """Makes clients, each with an address that no test has used before."""
    with ExitStack() as stack:

        def make() -> Client:
            number = next(_numbers)
            client = Client(
                lambda: dut.endpoint,
                lab.network.client_address(number),
                source6=lab.network.client_address6(number),
                tls=Tls(trusting()) if pytestconfig.getoption("--https") else None,
            )
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def programs(lab: Lab, tmp_path: Path) -> Iterator[Programs]:
    """curl, wrk and nginx of the tools tree, as clients and origins."""
    with Programs(lab.prepared.tools, tmp_path) as programs:
        yield programs


@pytest.fixture
def client(new_client: Callable[[], Client]) -> Client:
    return new_client()
