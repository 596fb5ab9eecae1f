"""Changes of certificates and of the configuration under load, by which nothing fails; the module's end under load."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.deadline import Deadline
from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.traffic.certificates import Certified, authority
from suites.traffic.client import Client
from suites.traffic.origin import Origin
from suites.traffic.programs import Programs, WrkReport
from suites.traffic.tls import client_hello


@pytest.mark.only("weir", reason="the peers close connections when they are configured anew")
@pytest.mark.parametrize(
    ("connections", "field"),
    [(8, ()), (1, ("Connection: close",))],  # handshakes leave a slow guest's weirctl little time
    ids=["kept connections", "new connections"],
)
def test_certificates_change_under_load(
    dut: Dut,
    origin: Origin,
    secure: Client,
    programs: Programs,
    certified: Certified,
    connections: int,
    field: tuple[str, ...],
) -> None:
    other = authority().issue("weir.test", "*.weir.test")
    reports: list[WrkReport] = []
    url = f"https://{dut.address}/"
    load = threading.Thread(
        target=lambda: reports.append(
            programs.wrk(url, connections=connections, seconds=8, headers=("Host: weir.test", *field))
        )
    )
    load.start()
    shown = set()
    changes = 0
    while load.is_alive():
        changes += 1
        one = other if changes % 2 else certified
        dut.apply(listeners=[], https=[HTTPS], certificates=[configured(one)])
        with secure.connect() as connection:
            shown.add(connection.secured.getpeercert(binary_form=True))
            assert connection.ask().status == 200
    load.join()
    assert shown == {certified.der, other.der}
    assert reports[0].requests > 20
    assert reports[0].non_2xx == 0
    assert reports[0].socket_errors == 0
    assert origin.requests >= reports[0].requests


@pytest.mark.only("weir", reason="about its module")
@pytest.mark.parametrize("field", [(), ("Connection: close",)], ids=["kept connections", "new connections"])
def test_module_is_unloaded_under_load(
    dut: Dut, secure: Client, new_client: Callable[[], Client], programs: Programs, field: tuple[str, ...]
) -> None:
    """With connections that stand, handshakes in their middle, and such that have said nothing."""
    url = f"https://{dut.address}/"
    before = dut.statistics["tls_handshakes"]
    with ThreadPoolExecutor() as pool:
        load = pool.submit(programs.wrk, url, connections=8, seconds=3, headers=("Host: weir.test", *field))
        Deadline(10).wait_for(lambda: dut.statistics["tls_handshakes"] >= before + 8, what="the load to begin")
        plain = new_client()
        waiting = [plain.connect() for _ in range(20)]
        for connection in waiting[10:]:
            connection.send(client_hello())
        open_ = [secure.connect() for _ in range(10)]
        dut.adapter.stop()
        for connection in (*waiting, *open_):
            connection.wire.abort()
        load.result()
    dut.adapter.start()
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(authority().issue("weir.test"))])
    assert secure.get("/").status == 200
