"""JA4 fingerprints by the engine, of real clients and of hellos in every shape, against the format's description."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import sandbox
from lab.cache import Cache
from lab.deadline import Deadline
from lab.errors import LabError
from lab.lock import Lock
from lab.tools import ToolsTree, ensure_tools
from tests.fingerprints import GREASE, hello_of, ja4
from tests.test_http_parser import tools
from tests.test_tls_engine import NAME, engine, identity, program
from tests.tls_12_client import Client as OldClient
from tests.tls_client import (
    ALERT,
    ALPN,
    COOKIE,
    P256,
    SCHEMES,
    SERVER_NAME,
    SHARES,
    VERSIONS,
    X25519,
    Client,
    Hello,
    numbers,
    record,
    vector,
)
from tests.tls_programs import Alert, Engine, Event

__all__ = ["engine", "identity", "program", "tools"]

# A Chromium's, as it is published with the format.
SUITES = (
    0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C, 0x009D, 0x002F,
    0x0035,
)  # fmt: skip
SIGNATURES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)
KINDS = (
    0x001B, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002D, 0x000D, 0x0005, 0x0023, 0x0012, 0x002B, 0xFF01, 0x000B,
    0x000A, 0x0015,
)  # fmt: skip
PUBLISHED = "t13d1516h2_8daaf6152771_e5627efa2ab1"


def usual() -> dict[int, bytes]:
    """The extensions of the tests' own client."""
    return dict(Client().hello().extensions)


def protocols(*names: bytes) -> bytes:
    return vector(b"".join(vector(name, 1) for name in names), 2)


def published(*, grease: bool) -> Hello:
    """That Chromium's hello as far as the fingerprint goes, with values that stand for none or without."""
    bodies = usual() | {
        ALPN: protocols(b"h2", b"http/1.1"),
        SCHEMES: vector(numbers((*((0x3A3A,) if grease else ()), *SIGNATURES)), 2),
        VERSIONS: vector(numbers((*((0xFAFA,) if grease else ()), 0x0304, 0x0303)), 1),
        5: b"\1\0\0\0\0",
        11: b"\1\0",
        45: b"\1\1",
        0xFF01: b"\0",
    }
    extensions = tuple((kind, bodies.get(kind, b"")) for kind in KINDS)
    if grease:
        extensions = ((0x2A2A, b""), *extensions, (0xDADA, b"\0"))
    return Hello(extensions, suites=(0x8A8A, *SUITES) if grease else SUITES)


@pytest.mark.parametrize("grease", [False, True])
def test_published_example(engine: Engine, grease: bool) -> None:
    body = published(grease=grease).body()
    assert engine.fingerprint(body) == ja4(body) == PUBLISHED


def test_order_of_suites_and_extensions_does_not_count(engine: Engine) -> None:
    hello = published(grease=False)
    turned = replace(hello, suites=hello.suites[::-1], extensions=hello.extensions[::-1])
    assert engine.fingerprint(turned.body()) == PUBLISHED


def test_order_of_signatures_counts(engine: Engine) -> None:
    hello = published(grease=False).with_extension(SCHEMES, vector(numbers(SIGNATURES[::-1]), 2))
    fingerprint = engine.fingerprint(hello.body())
    assert fingerprint == ja4(hello.body())
    assert fingerprint[:23] == PUBLISHED[:23]
    assert fingerprint[24:] != PUBLISHED[24:]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ((b"h2", b"http/1.1"), "h2"),
        ((b"http/1.1", b"h2"), "h1"),
        ((b"h",), "hh"),
        ((b"\xab",), "ab"),
        ((b"\xab\xcd",), "ad"),
        ((b"0\xab",), "3b"),
        ((b"01\xab\xcd",), "3d"),
        ((b"0\xab\xcd1",), "01"),
        ((b"\x0a\x0a", b"h2"), "0a"),
        ((b"Z_",), "5f"),
    ],
)
def test_first_protocol(engine: Engine, names: tuple[bytes, ...], shown: str) -> None:
    body = Client().hello().with_extension(ALPN, protocols(*names)).body()
    fingerprint = engine.fingerprint(body)
    assert fingerprint == ja4(body)
    assert fingerprint[8:10] == shown


def test_no_protocol_and_no_name(engine: Engine) -> None:
    body = Client().hello().without(ALPN).without(SERVER_NAME).body()
    fingerprint = engine.fingerprint(body)
    assert fingerprint == ja4(body)
    assert fingerprint[3] == "i"
    assert fingerprint[8:10] == "00"


def old(extensions: bytes, version: int = 0x0303, suites: tuple[int, ...] = (0xC02B,)) -> bytes:
    """A hello that says no versions."""
    return numbers([version]) + bytes(32) + b"\0" + vector(numbers(suites), 2) + b"\1\0" + extensions


@pytest.mark.parametrize("extensions", [b"", b"\0\0"])
def test_no_extensions(engine: Engine, extensions: bytes) -> None:
    fingerprint = engine.fingerprint(old(extensions))
    assert fingerprint == ja4(old(extensions)) == f"t12i010000_{ja4(old(b''))[11:23]}_000000000000"


def test_no_signatures(engine: Engine) -> None:
    body = old(vector(numbers([23, 0]), 2))
    assert engine.fingerprint(body) == ja4(body)
    assert engine.fingerprint(body).startswith("t12i010100_")


def test_suites_that_stand_for_none(engine: Engine) -> None:
    body = old(b"", suites=(0x0A0A, 0xFAFA))
    assert engine.fingerprint(body) == ja4(body) == "t12i000000_000000000000_000000000000"


@pytest.mark.parametrize("version", [0x0303, 0x0304, 0x0305, 0xFEFF])
def test_version_where_none_are_listed(engine: Engine, version: int) -> None:
    assert engine.fingerprint(old(b"", version)) == ja4(old(b"", version))


def test_many_suites(engine: Engine) -> None:
    """Counts end at 99; all are hashed up to 256, and then the first 256."""
    for count in (99, 100, 256):
        body = old(b"", suites=tuple(range(0xC000 + count, 0xC000, -1)))
        assert engine.fingerprint(body) == ja4(body)
    first, more = (old(b"", suites=tuple(range(0x1000, 0x1000 + count))) for count in (256, 4000))
    assert engine.fingerprint(more) == engine.fingerprint(first)


def test_malformed_hellos_have_none(engine: Engine) -> None:
    assert not engine.fingerprint(Client().hello().body()[:-1])


@settings(deadline=None)
@given(
    suites=st.lists(st.integers(0, 0xFFFF) | st.sampled_from(sorted(GREASE)), min_size=1, max_size=200),
    kinds=st.lists(st.integers(0x0100, 0xFE00) | st.sampled_from(sorted(GREASE)), max_size=55, unique=True),
    schemes=st.lists(st.integers(0, 0xFFFF) | st.sampled_from(sorted(GREASE)), min_size=1, max_size=40),
    protocol=st.binary(min_size=1, max_size=20),
    order=st.randoms(use_true_random=False),
)
def test_any_hello(
    engine: Engine, suites: list[int], kinds: list[int], schemes: list[int], protocol: bytes, order: Random
) -> None:
    known = usual() | {SCHEMES: vector(numbers(schemes), 2), ALPN: protocols(protocol)}
    extensions = [*known.items(), *((kind, b"") for kind in kinds)]
    order.shuffle(extensions)
    body = Hello(tuple(extensions), suites=tuple(suites)).body()
    assert engine.fingerprint(body) == ja4(body)


# Who is asked, and when.


@pytest.mark.parametrize("kind", [Client, OldClient])
def test_refused_before_anything_is_chosen(engine: Engine, kind: type[Client | OldClient]) -> None:
    """Nothing but an alert is said, whatever else is wrong with the hello."""
    client = kind()
    engine.connect(refused=True)
    hello = replace(client.hello(), suites=(0x002F,))
    said = engine.read(client.send(hello))
    assert (said.event, said.alert, said.out) == (
        Event.FAILED,
        Alert.HANDSHAKE_FAILURE,
        record(ALERT, bytes([2, Alert.HANDSHAKE_FAILURE])),
    )
    assert engine.greetings() == hello.body()


@pytest.mark.parametrize("cookie", [False, True])
def test_asked_once_where_a_hello_is_repeated(engine: Engine, cookie: bool) -> None:
    """With the first one: the second has one extension more."""
    client = Client(groups=(P256, X25519), shares=(X25519,) if cookie else ())
    engine.connect(cookie=cookie)
    first = client.hello()
    client.receive(engine.read(client.send(first)).out)
    assert client.retried
    again = client.hello().with_extension(SHARES, client.share(X25519 if cookie else client.retry_group))
    if client.cookie is not None:
        again = again.with_extension(COOKIE, client.cookie)
    client.receive(engine.read(client.send(again)).out)
    assert engine.greetings() == first.body()


def test_malformed_hellos_are_nobodys(engine: Engine) -> None:
    client = Client()
    engine.connect()
    assert engine.read(client.send(client.hello().with_extension(SCHEMES, b""))).event == Event.FAILED
    assert not engine.greetings()


# Real clients, which speak to nobody: the first record says it all.


def record_of(stream: socket.socket) -> bytes:
    """The first record; b"" where the client leaves without one."""
    data = b""
    while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
        more = stream.recv(1 << 16)
        if not more:
            return b""
        data += more
    return data


@pytest.fixture(scope="module")
def clients() -> ToolsTree:
    """Other people's TLS. Skipped only where it is not there: `nox -s tls` makes it."""
    try:
        return ensure_tools(Cache(), Lock.load(), "tls")
    except LabError as error:
        pytest.skip(f"no tools tree `tls` (python -m lab build --tools tls): {error.message}")


def heard(tree: ToolsTree, *argv: str, seconds: float = 30) -> bytes:
    """The hello of a program that is given the port to connect to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(Deadline(seconds).seconds)
        port = str(server.getsockname()[1])
        command = sandbox.command(tree, [word.replace("PORT", port) for word in argv], network=True)
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet) as client:
            try:
                said = b""
                # A browser may open connections that it then makes no use of.
                while not said:
                    stream, _ = server.accept()
                    with stream:
                        stream.settimeout(Deadline(seconds).seconds)
                        said = record_of(stream)
                return hello_of(said)
            finally:
                client.kill()


def test_python(engine: Engine) -> None:
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=NAME).do_handshake()
    hello = hello_of(outgoing.read())
    assert engine.fingerprint(hello) == ja4(hello)
    assert engine.fingerprint(hello).startswith("t13d")


def test_curl(engine: Engine, tools: ToolsTree) -> None:
    hello = heard(tools, "curl", "-sk", "--resolve", f"{NAME}:PORT:127.0.0.1", f"https://{NAME}:PORT/")
    assert engine.fingerprint(hello) == ja4(hello)


@pytest.fixture(scope="module")
def browser() -> ToolsTree:
    """Chromium's tree. Skipped only where it is not there: `nox -s tls` makes it."""
    try:
        return ensure_tools(Cache(), Lock.load(), "browser")
    except LabError as error:
        pytest.skip(f"no tools tree `browser` (python -m lab build --tools browser): {error.message}")


def test_chromium(engine: Engine, browser: ToolsTree) -> None:
    """It draws other values that stand for none, and another order of extensions, for each connection."""
    quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    there = f"--host-resolver-rules=MAP {NAME} 127.0.0.1"
    hellos = [heard(browser, "chromium", *quiet, there, f"https://{NAME}:PORT/", seconds=90) for _ in range(2)]
    first, second = (engine.fingerprint(hello) for hello in hellos)
    assert first == second == ja4(hellos[0])
    assert any(hellos[0].count(code.to_bytes(2, "big")) for code in GREASE)
    # As many suites as when its fingerprint was published, and the same.
    assert first[10:24] == PUBLISHED[10:24]


def test_others_are_told_apart(engine: Engine, clients: ToolsTree) -> None:
    openssl = ("openssl", "s_client", "-connect", "127.0.0.1:PORT", "-servername", NAME)
    gnutls = ("gnutls-cli", "--port", "PORT", "--sni-hostname", NAME, "--no-ca-verification")
    hellos = {
        "OpenSSL": heard(clients, *openssl),
        "OpenSSL, TLS 1.2": heard(clients, *openssl, "-tls1_2"),
        "OpenSSL, h2": heard(clients, *openssl, "-alpn", "h2,http/1.1"),
        "GnuTLS": heard(clients, *gnutls, "127.0.0.1"),
        "GnuTLS, TLS 1.2": heard(clients, *gnutls, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2", "127.0.0.1"),
        "NSS": heard(clients, "tstclnt", "-4", "-h", "127.0.0.1", "-p", "PORT", "-a", NAME, "-D", "-o"),
    }
    found = {name: engine.fingerprint(hello) for name, hello in hellos.items()}
    assert found == {name: ja4(hello) for name, hello in hellos.items()}
    assert len(set(found.values())) == len(found)
    assert {name: text[1:3] for name, text in found.items() if "1.2" in name} == {
        "OpenSSL, TLS 1.2": "12",
        "GnuTLS, TLS 1.2": "12",
    }
