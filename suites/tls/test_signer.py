"""Workers that make RSA signatures: clients leave, bytes come, the module goes while they do; nothing of it is left."""

from __future__ import annotations

import contextlib
import resource
import ssl
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.duts.weir import WeirAdapter
from suites.traffic.certificates import Certified, authority
from suites.traffic.client import Client
from suites.traffic.messages import encode_request
from suites.traffic.tls import Tls, TlsWire, client_hello, trusting

pytestmark = [
    pytest.mark.only("weir", reason="workers are Weir's own"),
    pytest.mark.own_engine(reason="it signs in the softirq, so nothing waits for a worker"),
]

# Hellos that are sent at once: fewer than those of which the last ones would have to return a cookie first.
BATCH: Final = 50
CHANGE_CIPHER_SPEC: Final = b"\x14\x03\x03\0\1\1"
# Records before the signature: ServerHello, change_cipher_spec, and what ends with the certificate.
UNSIGNED: Final = 3


@pytest.fixture(scope="module")
def rsa() -> Certified:
    """Of those whose signatures take longest."""
    return authority().issue("weir.test", "*.weir.test", kind="rsa4096")


@pytest.fixture(autouse=True)
def slow(dut: Dut, rsa: Certified) -> Dut:
    """The device, which has such a key."""
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(rsa)])
    dut.adapter.settle()
    dut.wait_for_upstreams()
    return dut


@pytest.fixture
def browser(new_client: Callable[[], Client]) -> Client:
    client = new_client()
    client.tls = Tls(trusting())
    return client


def der(certified: Certified) -> bytes:
    return certified.certificate.public_bytes(Encoding.DER)


class Handshake:
    """A connection, and after begin() a handshake of which it can be told whether its signature has come."""

    def __init__(self, client: Client, endpoint: tuple[str, int]) -> None:
        self.wire = client.connect(endpoint).wire
        assert not isinstance(self.wire, TlsWire)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = trusting().wrap_bio(self._in, self._out, server_hostname="weir.test")
        self._came = b""

    def begin(self, *, hello: bytes = b"", more: bytes = b"") -> None:
        """`hello`: another's, with which it cannot be finished, but begins sooner; `more` follows at once."""
        if not hello:
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.do_handshake()
            hello = self._out.read()
        self.wire.send(hello + more)

    def expect_certificate(self) -> None:
        """Until the signature is asked for."""
        while self._records() < UNSIGNED:
            self._take(self.wire.receive())

    def _take(self, data: bytes) -> None:
        if not data:
            raise ConnectionResetError("the device ended the connection")
        self._came += data
        self._in.write(data)

    def _records(self) -> int:
        at = count = 0
        while len(self._came) >= at + 5:
            at += 5 + int.from_bytes(self._came[at + 3 : at + 5], "big")
            if len(self._came) < at:
                break
            count += 1
        return count

    def finish(self) -> bytes:
        """The certificate that is shown, and that the reply to a request begins with."""
        self._until(self._tls.do_handshake)
        certificate = self._tls.getpeercert(binary_form=True)
        assert certificate
        self._tls.write(encode_request("GET", "/"))
        self.wire.send(self._out.read())
        assert self._until(lambda: self._tls.read(12)) == b"HTTP/1.1 200"
        return certificate

    def _until(self, step: Callable[[], bytes | None]) -> bytes | None:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                if data := self._out.read():
                    self.wire.send(data)
                self._take(self.wire.receive())
            else:
                return done


class Crowd:
    """Handshakes that wait for workers."""

    def __init__(self, connect: Callable[[], Handshake]) -> None:
        self._connect = connect
        self._hello = client_hello()
        self.all: list[Handshake] = []

    def begin(self) -> None:
        """A batch of them. Raises ConnectionResetError if one is refused."""
        batch = [self._connect() for _ in range(BATCH)]
        self.all += batch
        for handshake in batch:
            handshake.begin(hello=self._hello)
        for handshake in batch:
            handshake.expect_certificate()

    def one(self) -> Handshake:
        """One more, whose hello is sent."""
        handshake = self._connect()
        self.all.append(handshake)
        handshake.begin(hello=self._hello)
        return handshake

    def leave(self) -> None:
        """By resets and FINs in turn."""
        for number, handshake in enumerate(self.all):
            if number % 2:
                handshake.wire.reset()
            else:
                handshake.wire.close()
        self.all.clear()


@pytest.fixture
def crowd(dut: Dut, new_client: Callable[[], Client]) -> Iterator[Crowd]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    client = new_client()
    yield Crowd(lambda: Handshake(client, dut.endpoint))
    client.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_clients_leave_meanwhile(slow: Dut, crowd: Crowd, browser: Client) -> None:
    before = slow.statistics
    crowd.begin()
    crowd.leave()
    slow.adapter.settle()
    slow.wait_for_statistic("memory_bytes", before["memory_bytes"], seconds=20)
    assert (slow.statistics - before)["tls_incomplete"] == BATCH
    assert browser.get("/").status == 200


def test_bytes_that_come_with_the_hello(dut: Dut, new_client: Callable[[], Client], rsa: Certified) -> None:
    handshake = Handshake(new_client(), dut.endpoint)
    handshake.begin(more=CHANGE_CIPHER_SPEC)
    assert handshake.finish() == der(rsa)


def test_module_unloads_meanwhile(slow: Dut, crowd: Crowd, browser: Client) -> None:
    assert isinstance(slow.adapter, WeirAdapter)
    assert slow.config
    for _ in range(3):
        crowd.begin()
        slow.adapter.stop()
        crowd.leave()
        slow.adapter.start()
        slow.adapter.apply(slow.config)
    assert browser.get("/").status == 200
