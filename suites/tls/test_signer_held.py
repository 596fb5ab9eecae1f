"""Workers that make RSA signatures, held back: so many wait as may, for a key whose configuration is gone, too.

They are ordinary tasks of a CPU: while one of real-time priority has it, softirqs run there and workers do not.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from lab.deadline import Deadline
from lab.machine import Machine
from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.duts.weir import WeirAdapter
from suites.tls.test_signer import BATCH, CHANGE_CIPHER_SPEC, Crowd, Handshake, browser, crowd, der, rsa
from suites.traffic.certificates import Certified
from suites.traffic.client import Client
from suites.traffic.messages import encode_request

__all__ = ["browser", "crowd", "rsa"]

pytestmark = [
    pytest.mark.only("weir", reason="workers are Weir's own"),
    pytest.mark.own_engine(reason="it signs in the softirq, so nothing waits for a worker"),
]

WAITING: Final = 256
"""WEIR_SIGNER_WAITING."""
BEYOND: Final = 10
CPU: Final = 1
MOST_S: Final = 60
"""Seconds of the CPU's time after which it is let go, whatever became of the test."""
HAVE_IT: Final = f"""
import os, resource
resource.setrlimit(resource.RLIMIT_CPU, ({MOST_S}, {MOST_S}))
os.sched_setaffinity(0, {{{CPU}}})
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
while True:
    pass
"""
FAIR: Final = f"/sys/kernel/debug/sched/fair_server/cpu{CPU}/runtime"
SETTINGS: Final = {
    # All that comes is looked at by that CPU, so one worker is asked.
    "/sys/class/net/eth0/queues/rx-0/rps_cpus": f"{1 << CPU:x}",
    # Ordinary tasks get nothing of it, instead of a twentieth.
    FAIR: "0",
}
# Other workers of that CPU are late, too, which a kernel that looks for that is not to complain of.
WATCHDOG: Final = {"/sys/module/workqueue/parameters/watchdog_thresh": "0"}


@contextmanager
def set_to(machine: Machine, settings: dict[str, str]) -> Iterator[None]:
    before = {path: machine.get(path).decode().strip() for path in settings}
    try:
        for path, value in settings.items():
            machine.run("sh", "-c", f"echo {value} >{path}")
        yield
    finally:
        for path, value in before.items():
            machine.run("sh", "-c", f"echo {value} >{path}")


@contextmanager
def held(dut: Dut) -> Iterator[None]:
    """No worker of that CPU does anything inside."""
    machine = dut.machine
    assert isinstance(dut.adapter, WeirAdapter)
    watched = machine.run("test", "-e", *WATCHDOG, check=False).ok
    with (
        set_to(machine, SETTINGS | (WATCHDOG if watched else {})),
        dut.adapter.keeping_to(1 - CPU),
        machine.spawn("python3", "-c", HAVE_IT) as hog,
    ):

        def has_it() -> bool:
            fields = machine.get(f"/proc/{hog.pid}/stat").rpartition(b")")[2].split()
            priority, policy, used = fields[37], fields[38], int(fields[11])
            return (priority, policy) == (b"1", b"1") and used > 5

        Deadline(10).wait_for(has_it, interval=0.02, what=f"a task to have CPU {CPU}")
        yield
        assert has_it(), "it was let go before the end"


@pytest.fixture(autouse=True)
def patient(dut: Dut, rsa: Certified) -> Dut:
    """The device, with a key whose signatures take long; handshakes may."""
    if not dut.machine.run("test", "-e", FAIR, check=False).ok:
        pytest.skip("the kernel has no CONFIG_SCHED_DEBUG: a twentieth of the CPU stays with its workers")
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(rsa)], timeouts={"client_header": 120.0})
    dut.adapter.settle()
    dut.wait_for_upstreams()
    return dut


def is_begun(handshake: Handshake) -> bool:
    """Whether its signature is asked for; else it was reset."""
    try:
        handshake.expect_certificate()
    except ConnectionResetError:
        return False
    return True


@pytest.fixture
def begin(patient: Dut, client: Client) -> Callable[[], Handshake]:
    """Begins one that can be finished."""

    def begun() -> Handshake:
        handshake = Handshake(client, patient.endpoint)
        handshake.begin()
        return handshake

    return begun


def test_more_than_may_wait(
    patient: Dut, crowd: Crowd, begin: Callable[[], Handshake], browser: Client, client: Client, rsa: Certified
) -> None:
    """They are reset and counted; those that wait get their signatures; a worker that is free takes others."""
    before = patient.statistics

    def refused() -> int:
        return (patient.statistics - before)["tls_signatures_refused"]

    with held(patient):
        first = begin()
        first.expect_certificate()
        for _ in range((WAITING - 1) // BATCH):
            crowd.begin()
        rest = [crowd.one() for _ in range(WAITING - 2 - len(crowd.all))]
        assert all(is_begun(handshake) for handshake in rest)
        last = begin()
        assert is_begun(last)
        assert refused() == 0
        assert not any(is_begun(crowd.one()) for _ in range(BEYOND))
        patient.wait_for_statistic("tls_signatures_refused", before["tls_signatures_refused"] + BEYOND)
        crowd.leave()
        patient.wait_for_statistic("connections_active", 2)
        # Who leaves makes no room: it is the worker that finds his place empty.
        assert not is_begun(crowd.one())
    for handshake in (first, last):
        assert handshake.finish() == der(rsa)
    assert browser.get("/").status == 200
    client.close()
    patient.adapter.settle()
    patient.wait_for_statistic("memory_bytes", before["memory_bytes"], seconds=20)


def test_key_outlives_its_configuration(
    patient: Dut,
    browser: Client,
    crowd: Crowd,
    begin: Callable[[], Handshake],
    client: Client,
    rsa: Certified,
    certified: Certified,
) -> None:
    """Handshakes end with the certificate that they began with, or are left; others begin with the new one."""
    before = patient.statistics["memory_bytes"]
    with held(patient):
        handshakes = [begin() for _ in range(5)]
        for handshake in handshakes:
            handshake.expect_certificate()
        crowd.begin()
        for _ in range(3):
            patient.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)])
            with browser.connect() as connection:
                assert connection.ask().status == 200
                assert connection.secured.getpeercert(binary_form=True) == der(certified)
        crowd.leave()
    for handshake in handshakes:
        assert handshake.finish() == der(rsa)
    client.close()
    patient.adapter.settle()
    patient.wait_for_statistic("memory_bytes", before, seconds=20)


def test_what_comes_meanwhile(patient: Dut, browser: Client, begin: Callable[[], Handshake], rsa: Certified) -> None:
    """It is left with TCP and read when the signature is there: a record that is due, one that is not, an end."""
    with held(patient):
        handshakes = [begin() for _ in range(3)]
        for handshake in handshakes:
            handshake.expect_certificate()
        good, bad, gone = handshakes
        good.wire.send(CHANGE_CIPHER_SPEC)
        bad.wire.send(encode_request("GET", "/"))
        gone.wire.half_close()
        failures = patient.statistics["tls_handshake_failures"]
    assert good.finish() == der(rsa)
    patient.wait_for_statistic("tls_handshake_failures", failures + 1)
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        bad.finish()
    with contextlib.suppress(ConnectionResetError):
        while gone.wire.receive():
            pass
    assert browser.get("/").status == 200
