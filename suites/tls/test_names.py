"""The name that a client asks for in its handshake: which certificate it gets, and what it may then ask for."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest

from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.traffic.certificates import Certified, authority
from suites.traffic.client import Client
from suites.traffic.tls import Tls, trusting


@pytest.fixture
def strict(dut: Dut, certified: Certified) -> None:
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)], limits={"host_strict": True})


def status(client: Client, name: str | None, host: str) -> int:
    context = trusting() if name else trusting(verify=False)
    with client.connect(tls=Tls(context, name=name)) as connection:
        return connection.ask(host=host).status


@pytest.mark.only("weir", reason="nginx and HAProxy do not compare the names")
@pytest.mark.parametrize(
    ("name", "host", "expected"),
    [
        ("weir.test", "weir.test", 200),
        ("weir.test", "WEIR.Test", 200),
        ("weir.test", "weir.test:443", 200),
        ("weir.test", "weir.test.", 200),
        ("www.weir.test", "www.weir.test", 200),
        (None, "weir.test", 200),
        ("weir.test", "www.weir.test", 400),
        ("weir.test", "weir.tes", 400),
        ("www.weir.test", "weir.test", 400),
    ],
)
@pytest.mark.usefixtures("strict")
def test_host_is_that_of_the_handshake(
    new_client: Callable[[], Client], dut: Dut, name: str | None, host: str, expected: int
) -> None:
    before = dut.statistics
    assert status(new_client(), name, host) == expected
    assert (dut.statistics - before)["rejected_host_strict"] == (expected == 400)


def test_hosts_may_differ_where_that_is_allowed(
    dut: Dut, certified: Certified, new_client: Callable[[], Client]
) -> None:
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)], limits={"host_strict": False})
    assert status(new_client(), "weir.test", "other.test") == 200


@pytest.mark.only("weir", reason="limits of virtual hosts are Weir's own")
def test_virtual_host_has_its_own_mind(dut: Dut, certified: Certified, new_client: Callable[[], Client]) -> None:
    dut.apply(
        listeners=[],
        https=[HTTPS],
        certificates=[configured(certified)],
        limits={"host_strict": True},
        vhosts=[
            {"name": "main", "hosts": ["weir.test"], "upstream": "default"},
            {"name": "lax", "hosts": ["lax.weir.test"], "upstream": "default", "limits": {"host_strict": False}},
        ],
    )
    assert status(new_client(), "weir.test", "lax.weir.test") == 200
    assert status(new_client(), "lax.weir.test", "weir.test") == 400
    assert status(new_client(), "weir.test", "weir.test") == 200


def test_resumed_session_is_for_the_same_name(dut: Dut, certified: Certified, new_client: Callable[[], Client]) -> None:
    """A ticket that was got for one name is none for another."""
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)])
    client = new_client()
    context = trusting()
    with client.connect(tls=Tls(context)) as connection:
        assert connection.ask().status == 200
        session = connection.secured.session
    with client.connect(tls=Tls(context, session=session)) as connection:
        assert connection.secured.session_reused
    with client.connect(tls=Tls(context, name="www.weir.test", session=session)) as connection:
        assert not connection.secured.session_reused


def test_certificate_of_the_name(dut: Dut, certified: Certified, new_client: Callable[[], Client]) -> None:
    shop = authority().issue("shop.example", "*.shop.example")
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified), configured(shop)])
    client = new_client()
    for name, expected in (
        ("weir.test", certified), ("a.weir.test", certified), ("shop.example", shop), ("x.shop.example", shop),
    ):  # fmt: skip
        with client.connect(tls=Tls(trusting(), name=name)) as connection:
            assert connection.secured.getpeercert(binary_form=True) == expected.der
    with pytest.raises(ssl.SSLCertVerificationError):
        client.connect(tls=Tls(trusting(), name="a.b.shop.example"))
