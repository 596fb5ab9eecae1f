"""How deep stacks are used: each CPU's own, on which softirqs run, with plain HTTP and with every kind of handshake.

An interrupt that comes meanwhile is on the same stack, so figures (`-s`) are a run's worst. Of ksoftirqd and of the
workers that sign there is the worst since they began.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import pytest

from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.traffic.certificates import Kind, authority
from suites.traffic.client import Client
from suites.traffic.messages import Reply
from suites.traffic.origin import Origin
from suites.traffic.programs import Programs
from suites.traffic.tls import Tls, trusting
from suites.traffic.tls_programs import OpenSsl
from tests import tls_client
from tests.tls_rows import GOOD_HELLOS

if TYPE_CHECKING:
    from lab.machine import Machine
    from lab.session import Lab

pytestmark = pytest.mark.only("weir", reason="others serve in processes of their own")

MARGIN: Final = 8192
"""Bytes that nobody ever used: more than another interrupt wants, or a compiler makes of the same code."""
SEEN: Final = 1024
"""Less than any softirq uses that receives a packet."""
TIMES: Final = 8
BODY: Final = bytes(300_000)
MODULE: Final = "/run/weir_stack_depth.ko"
DOOR: Final = "/proc/weir_stack_depth"


@dataclass(frozen=True)
class Depth:
    """Of a stack: bytes that were used, and that there are."""

    used: int
    size: int

    def __str__(self) -> str:
        return f"{self.used} of {self.size}"


class Stacks:
    """The guest's."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def clear(self) -> None:
        """Take it that no CPU's was ever used."""
        self._machine.run("sh", "-c", f"echo >{DOOR}")

    def deepest(self, names: str) -> Depth:
        """Of those whose names begin so."""
        found = re.findall(rf"^{names}\S* (\d+) (\d+)$", self._machine.get(DOOR).decode(), re.MULTILINE)
        return max((Depth(int(used), int(size)) for used, size in found), key=lambda depth: depth.used)


@pytest.fixture
def stacks(lab: Lab, machine: Machine) -> Iterator[Stacks]:
    machine.put(MODULE, lab.prepared.module.test_kos["weir_stack_depth"].read_bytes())
    machine.run("insmod", MODULE)
    yield Stacks(machine)
    machine.run("rmmod", "weir_stack_depth")


@dataclass(frozen=True)
class Scene:
    """Who takes part."""

    dut: Dut
    client: Client
    programs: Programs

    def serve(self, kind: Kind = "ecdsa") -> None:
        """By https, with a key of that kind."""
        self.dut.apply(
            listeners=[], https=[HTTPS], certificates=[configured(authority().issue("weir.test", kind=kind))]
        )

    def exchange(self, tls: Tls | None) -> ssl.SSLObject | None:
        """Requests and long bodies both ways: what the last connection agreed on."""
        secured = None
        for _ in range(TIMES):
            with self.client.connect(tls=tls) as connection:
                assert connection.ask(headers=[(f"X-Field-{number}", "x" * 40) for number in range(60)]).status == 200
                assert connection.ask("POST", body=BODY).body == BODY
                secured = connection.secured if tls else None
        return secured


Act = Callable[[Scene], None]


def settings(version: str, *, curve: str = "", ciphers: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority().pem)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    if curve:
        context.set_ecdh_curve(curve)
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def http(scene: Scene) -> None:
    scene.dut.apply()
    scene.exchange(None)


def handshakes(version: str, *, kind: Kind = "ecdsa", curve: str = "", ciphers: str = "", again: bool = False) -> Act:
    """`again`: all but the first go on with a session."""

    def act(scene: Scene) -> None:
        scene.serve(kind)
        tls = Tls(settings(version, curve=curve, ciphers=ciphers))
        if again:
            with scene.client.connect(tls=tls) as connection:
                assert connection.ask().status == 200
                tls = replace(tls, session=connection.secured.session)
        secured = scene.exchange(tls)
        assert secured
        assert secured.session_reused == again

    return act


def small_segments(scene: Scene) -> None:
    scene.serve("rsa4096")
    for _ in range(TIMES):
        with scene.client.connect(tls=Tls(trusting(), apart=50)) as connection:
            assert connection.ask().status == 200


def openssl(*options: str, hellos: int = 1) -> Act:
    def act(scene: Scene) -> None:
        scene.serve()
        client = OpenSsl(scene.programs, scene.dut.endpoint)
        for _ in range(TIMES):
            answer = client.say("-msg", *options)
            assert "HTTP/1.1 200 OK" in answer.text
            assert answer.text.count(", ClientHello\n") == hellos

    return act


def odd_hellos(scene: Scene) -> None:
    """The longest, and that with the most extensions, among them."""
    scene.serve()
    for change in GOOD_HELLOS.values():
        for _ in range(TIMES):
            client = tls_client.Client()
            with scene.client.connect() as connection:
                connection.send(client.send(change(client.hello(), client)))
                assert connection.wire.receive().startswith(b"\x16\3\3")


KINDS: Final[dict[str, Act]] = {
    "http": http,
    "1.3-x25519": handshakes("TLSv1_3"),
    "1.3-p256": handshakes("TLSv1_3", curve="prime256v1"),
    "1.3-chacha": openssl("-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"),
    "1.3-aes256": openssl("-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"),
    "1.3-rsa": handshakes("TLSv1_3", kind="rsa4096"),
    "1.3-again": handshakes("TLSv1_3", again=True),
    "1.3-again-p256": handshakes("TLSv1_3", curve="prime256v1", again=True),
    "1.3-retry": openssl("-groups", "P-384:X25519", hellos=2),
    "1.3-retry-p256": openssl("-groups", "P-384:P-256", hellos=2),
    "1.3-segments": small_segments,
    "1.3-odd-hellos": odd_hellos,
    "1.2-x25519": handshakes("TLSv1_2"),
    "1.2-p256": handshakes("TLSv1_2", curve="prime256v1"),
    "1.2-chacha": handshakes("TLSv1_2", ciphers="ECDHE+CHACHA20"),
    "1.2-rsa": handshakes("TLSv1_2", kind="rsa4096"),
    "1.2-again": handshakes("TLSv1_2", again=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_margin(
    dut: Dut, origin: Origin, new_client: Callable[[], Client], programs: Programs, stacks: Stacks, kind: str
) -> None:
    origin.replies(Reply(200, BODY))
    scene = Scene(dut, new_client(), programs)
    dut.apply()
    stacks.clear()
    KINDS[kind](scene)
    depth = stacks.deepest("irq/")
    tasks = {name: stacks.deepest(name) for name in ("ksoftirqd/", "kworker/")}
    print(f"{kind}: {depth} bytes of a CPU's stack; {', '.join(f'{name} {task}' for name, task in tasks.items())}")
    assert depth.used > SEEN, "softirqs run elsewhere"
    for one in (depth, *tasks.values()):
        assert one.size - one.used >= MARGIN
