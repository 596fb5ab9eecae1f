"""TLS 1.2 of the TLS engine: with real clients, and with one that does everything wrong."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import sandbox
from lab.tools import ToolsTree
from tests import tls_client
from tests.oracle import Oracle
from tests.test_http_parser import tools
from tests.test_tls_engine import NAME, S_CLIENT, Identity, engine, identity, program, python_client
from tests.test_tls_sign import RsaIdentity, only_rsa, rsa_identity
from tests.tls_12_client import (
    ECDSA_AES128,
    ECDSA_AES256,
    ECDSA_CHACHA,
    ECDSA_SUITES,
    EXTENDED_MASTER,
    FALLBACK_SCSV,
    POINT_FORMATS,
    RENEGOTIATION,
    RENEGOTIATION_SCSV,
    RSA_PKCS1,
    RSA_SUITES,
    SENTINEL,
    Client,
    prf,
)
from tests.tls_client import (
    ALERT,
    ALPN,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    COMPAT,
    EARLY_DATA,
    ECDSA_P256,
    GROUPS,
    HANDSHAKE,
    P256,
    RSA_PSS,
    SCHEMES,
    SERVER_NAME,
    VERSIONS,
    X25519,
    Hello,
    message,
    messages,
    numbers,
    record,
    records,
    vector,
)
from tests.tls_programs import SUITES, Alert, Engine, Event, Said, State, build, chain_of

__all__ = ["engine", "identity", "only_rsa", "program", "rsa_identity", "tools"]


def answered(engine: Engine, client: Client, hello: Hello | None = None) -> Client:
    """A connection whose hello has been answered."""
    engine.connect()
    said = engine.read(client.send(hello or client.hello()))
    assert (said.event, said.state) == (Event.HUNGRY, State.WAIT_KEY_EXCHANGE)
    client.receive(said.out)
    return client


def opened(engine: Engine, client: Client | None = None) -> Client:
    """One whose handshake is over."""
    client = answered(engine, client or Client())
    said = engine.read(client.finish())
    assert (said.event, said.state) == (Event.HUNGRY, State.OPEN)
    client.receive_finish(said.out)
    return client


def refused(said: Said, alert: Alert, client: Client | None = None) -> None:
    """One alert was sent, with the server's keys if it has any."""
    assert (said.event, said.state, said.alert, said.sent_alert) == (Event.FAILED, State.CLOSED, alert, True)
    assert not said.data
    if client:
        assert client.open(said.out) == [(ALERT, bytes([2, alert]))]
    else:
        assert list(records(said.out)) == [(ALERT, b"\x15\3\3\0\2", bytes([2, alert]))]


def talk(engine: Engine, client: Client) -> None:
    """A handshake to its end, data both ways, and both ends."""
    said = engine.read(client.finish() + client.seal(APPLICATION_DATA, b"GET / HTTP/1.1\r\n\r\n"))
    assert (said.event, said.state, said.data) == (Event.HUNGRY, State.OPEN, b"GET / HTTP/1.1\r\n\r\n")
    client.receive_finish(said.out)
    for text in (b"HTTP/1.1 200 OK\r\n\r\n", b"", bytes(16384)):
        assert client.open(engine.write(text).out) == [(APPLICATION_DATA, text)]
        assert engine.read(client.seal(APPLICATION_DATA, text)).data == text
    said = engine.read(client.seal(ALERT, b"\1\0"))
    assert (said.event, said.state) == (Event.END, State.HALF_CLOSED)
    assert client.open(engine.write(b"more").out + engine.close().out) == [(23, b"more"), (21, b"\1\0")]
    assert not engine.write(b"too late").event


EXTENSIONS = {RENEGOTIATION: b"\0", SERVER_NAME: b"", POINT_FORMATS: b"\1\0", ALPN: b"\0\x09\x08http/1.1"}


@pytest.mark.parametrize("extended", [True, False])
@pytest.mark.parametrize("suite", ECDSA_SUITES)
@pytest.mark.parametrize("group", [X25519, P256])
def test_handshake(engine: Engine, identity: Identity, suite: int, group: int, *, extended: bool) -> None:
    client = answered(engine, Client(group, (suite,), extended=extended))
    assert client.chain() == [identity.certificate]
    assert client.server_random.endswith(SENTINEL)
    assert client.extensions == EXTENSIONS | ({EXTENDED_MASTER: b""} if extended else {})
    assert engine.agreed() == (suite, group == P256, True)
    talk(engine, client)


@pytest.mark.parametrize("schemes", [(RSA_PSS, RSA_PKCS1), (RSA_PKCS1, RSA_PSS), (RSA_PKCS1,), (RSA_PSS,)])
@pytest.mark.parametrize("suite", RSA_SUITES)
@pytest.mark.parametrize("group", [X25519, P256])
def test_rsa(only_rsa: Engine, rsa_identity: RsaIdentity, suite: int, group: int, schemes: tuple[int, ...]) -> None:
    client = Client(group, (*ECDSA_SUITES, suite))
    groups = vector(numbers([group]), 2)
    hello = client.hello().with_extension(SCHEMES, vector(numbers(schemes), 2)).with_extension(GROUPS, groups)
    answered(only_rsa, client, hello)
    assert client.chain() == [rsa_identity.certificate]
    assert client.scheme == (RSA_PSS if RSA_PSS in schemes else RSA_PKCS1)
    talk(only_rsa, client)


def test_signature_that_takes_its_time(only_rsa: Engine) -> None:
    """ServerHello and Certificate are sent ahead; what comes meanwhile waits."""
    client = Client()
    only_rsa.connect(sign_later=True)
    said = only_rsa.read(client.send(client.hello()))
    assert (said.event, said.state) == (Event.SIGN, State.WAIT_SIGNATURE)
    client.receive(said.out)
    assert only_rsa.read(b"\x16").event == Event.SIGN
    said = only_rsa.sign()
    assert (said.event, said.state) == (Event.HUNGRY, State.WAIT_KEY_EXCHANGE)
    client.receive(said.out)
    said = only_rsa.read(client.finish()[1:])
    assert said.state == State.OPEN
    client.receive_finish(said.out)


def test_signature_that_fails(only_rsa: Engine) -> None:
    client = Client()
    only_rsa.connect(sign_later=True)
    only_rsa.read(client.send(client.hello()))
    refused(only_rsa.sign(fails=True), Alert.INTERNAL_ERROR)


@pytest.fixture
def both(engine: Engine, rsa_identity: RsaIdentity) -> Iterator[Engine]:
    engine.rsa_identity([rsa_identity.der], rsa_identity.packed)
    yield engine
    engine.rsa_identity([], b"")


@pytest.mark.parametrize(
    ("suites", "schemes", "groups", "chosen"),
    [
        ((0xCCA8, 0xC030, 0xCCA9, 0xC02C), (RSA_PSS, ECDSA_P256), (P256, X25519), (0xC02C, X25519)),
        ((0xCCA8, 0xC030, 0xCCA9), (ECDSA_P256,), (P256,), (0xCCA9, P256)),
        ((0xCCA8, 0xC030, 0xCCA9), (RSA_PSS,), (P256,), (0xC030, P256)),
        ((0xC02B, 0xC02F), (ECDSA_P256, RSA_PKCS1), (X25519,), (0xC02F, X25519)),
        ((0xC02B, 0xC02F), (0x0201, 0x0203, 0x0503), (P256,), None),
        ((0xC009, 0xC013, 0x009C, 0x1301), (ECDSA_P256, RSA_PSS), (P256,), None),
    ],
)
def test_choice(
    both: Engine,
    suites: tuple[int, ...],
    schemes: tuple[int, ...],
    groups: tuple[int, ...],
    chosen: tuple[int, int] | None,
) -> None:
    """ECDSA before RSA, AES-128 before AES-256 before ChaCha20, by what the client can verify."""
    client = Client(chosen[1] if chosen else X25519, suites)
    hello = client.hello().with_extension(SCHEMES, vector(numbers(schemes), 2))
    hello = hello.with_extension(GROUPS, vector(numbers(groups), 2))
    if chosen:
        answered(both, client, hello)
        assert client.suite == chosen[0]
        talk(both, client)
        return
    both.connect()
    refused(both.read(client.send(hello)), Alert.HANDSHAKE_FAILURE)


# Real clients.


@pytest.mark.parametrize("curve", ["prime256v1", None])
@pytest.mark.parametrize("cut", [1, 7, 1 << 20])
def test_python_ssl(engine: Engine, identity: Identity, curve: str | None, cut: int) -> None:
    context = ssl.create_default_context(cadata=identity.pem)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2", "http/1.1"])
    if curve:
        context.set_ecdh_curve(curve)
    python_client(engine, context, cut, "TLSv1.2")


Serve = Callable[[str, bool], str]


@pytest.fixture(scope="module")
def serve(
    tools: ToolsTree, identity: Identity, rsa_identity: RsaIdentity, tmp_path_factory: pytest.TempPathFactory
) -> Serve:
    """Runs a shell command of the tools tree beside a server, with a key of RSA or one of P-256: what it printed."""
    binary = build(tools, "serve", [SUITES / "serve.c", SUITES / "crypto.c"])
    folder = tmp_path_factory.mktemp("tls")

    def run(command: str, of_rsa: bool = False) -> str:
        (folder / "chain").write_bytes(chain_of([rsa_identity.der if of_rsa else identity.der]))
        (folder / "key").write_bytes(rsa_identity.packed if of_rsa else identity.secret.to_bytes(32, "big"))
        (folder / "ca.pem").write_text(rsa_identity.pem if of_rsa else identity.pem)
        script = 'ip link set lo up; exec "$0" chain key timeout 60 sh -c "$1"'
        argv = sandbox.command(tools, ["sh", "-c", script, binary, command], cwd=folder)
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        output = done.stdout.decode(errors="replace")
        assert done.returncode == 0, output[-4000:]
        return output

    return run


GET = "(printf 'GET /50000 HTTP/1.1\\r\\n\\r\\n'; sleep 1)"


@pytest.mark.parametrize(
    ("suite", "options"),
    [
        ("c02b", "-groups X25519:P-256"),
        ("c02b", "-groups P-256 -no_ems"),
        ("c02c", "-cipher ECDHE-ECDSA-AES256-GCM-SHA384 -groups P-384:P-256"),
        ("cca9", "-cipher ECDHE-ECDSA-CHACHA20-POLY1305"),
        ("c02f", "-cipher ECDHE-RSA-AES128-GCM-SHA256 -groups X25519"),
        ("c02f", "-groups P-256 -sigalgs RSA+SHA256 -no_ems"),
        ("c030", "-cipher ECDHE-RSA-AES256-GCM-SHA384"),
        ("cca8", "-cipher ECDHE-RSA-CHACHA20-POLY1305 -sigalgs RSA-PSS+SHA256"),
    ],
)
def test_openssl(serve: Serve, suite: str, options: str) -> None:
    output = serve(f"{GET} | {S_CLIENT} -tls1_2 -alpn http/1.1 {options}", suite in ("c02f", "c030", "cca8"))
    assert "Verify return code: 0 (ok)" in output
    assert "Secure Renegotiation IS supported" in output
    assert "HTTP/1.1 200 OK" in output
    assert "ALPN protocol: http/1.1" in output
    assert f"Extended master secret: {'no' if 'no_ems' in options else 'yes'}" in output
    group = int("-groups P" in options)
    assert f"serve: suite {suite} group {group} state {State.HALF_CLOSED.value}" in output
    assert output.count("\0") >= 50000


def test_openssl_renegotiates(serve: Serve) -> None:
    output = serve(f"(sleep 0.5; echo R; sleep 0.5) | {S_CLIENT} -tls1_2; true", False)
    assert "no renegotiation" in output
    assert f"state {State.CLOSED.value} alert {Alert.NO_RENEGOTIATION.value}" in output


def test_openssl_falls_back(serve: Serve) -> None:
    output = serve(f"{S_CLIENT} -tls1_2 -fallback_scsv </dev/null; true", False)
    assert "inappropriate fallback" in output


@pytest.mark.parametrize("of_rsa", [False, True])
def test_curl(serve: Serve, *, of_rsa: bool) -> None:
    """Twenty requests over one connection, and a body of many records."""
    url = f"https://{NAME}:$PORT"
    options = f"--silent --show-error --cacert ca.pem --resolve {NAME}:$PORT:127.0.0.1 --tls-max 1.2 --http1.1"
    output = serve(
        f'curl {options} --output out {url}/3000000 && wc -c <out && curl {options} "{url}/[1-20]" | wc -c', of_rsa
    )
    assert [int(line) for line in output.splitlines() if line.isdigit()] == [3000000, 210]
    assert output.count(f"serve: suite {'c02f' if of_rsa else 'c02b'}") == 2


# Versions.


def test_tls_1_3_where_both_know_it(engine: Engine) -> None:
    """No sentinel there, and no session that is TLS 1.2's."""
    client = tls_client.Client()
    hello = client.hello()
    hello = replace(hello, suites=(*ECDSA_SUITES, *hello.suites, FALLBACK_SCSV))
    engine.connect()
    said = engine.read(client.send(hello))
    client.receive(said.out)
    assert SENTINEL[:7] not in said.out
    assert engine.read(client.finish()).state == State.OPEN


def test_only_tls_1_3(engine: Engine) -> None:
    client = Client()
    engine.connect(tls_1_3=True)
    refused(engine.read(client.send(client.hello())), Alert.PROTOCOL_VERSION)
    newer = tls_client.Client()
    engine.connect(tls_1_3=True)
    newer.receive(engine.read(newer.send(newer.hello())).out)
    assert engine.read(newer.finish()).state == State.OPEN


def test_second_hello_of_tls_1_2(engine: Engine) -> None:
    client = tls_client.Client(shares=())
    engine.connect()
    client.receive(engine.read(client.send(client.hello())).out)
    hello = client.hello().with_extension(VERSIONS, b"\2\3\3")
    refused(engine.read(client.send(replace(hello, suites=ECDSA_SUITES))), Alert.ILLEGAL_PARAMETER)


def test_cookie_is_not_asked_for(engine: Engine) -> None:
    """There is none in TLS 1.2."""
    client = Client()
    engine.connect(cookie=True)
    client.receive(engine.read(client.send(client.hello())).out)
    talk(engine, client)


# Hellos.

GOOD: dict[str, Callable[[Hello], Hello]] = {
    "versions": lambda hello: hello.with_extension(VERSIONS, b"\4\x0a\x0a\3\3"),
    "later-version": lambda hello: replace(hello, version=0x0304),
    "no-name": lambda hello: hello.without(SERVER_NAME),
    "no-alpn": lambda hello: hello.without(ALPN),
    "no-formats": lambda hello: hello.without(POINT_FORMATS),
    "formats": lambda hello: hello.with_extension(POINT_FORMATS, b"\3\1\0\2"),
    "no-renegotiation": lambda hello: hello.without(RENEGOTIATION),
    "scsv": lambda hello: replace(hello.without(RENEGOTIATION), suites=(*hello.suites, RENEGOTIATION_SCSV)),
    "session": lambda hello: replace(hello, session=bytes(32)),
    "ticket": lambda hello: hello.with_extension(35, b"ticket"),
    "compression-too": lambda hello: replace(hello, methods=b"\1\0"),
    "early-data": lambda hello: hello.with_extension(EARLY_DATA, b""),
}


@pytest.mark.parametrize("name", GOOD)
def test_hello_that_is_fine(engine: Engine, name: str) -> None:
    client = Client()
    answered(engine, client, GOOD[name](client.hello()))
    without = {"no-name": SERVER_NAME, "no-alpn": ALPN, "no-formats": POINT_FORMATS, "no-renegotiation": RENEGOTIATION}
    expected = {**EXTENSIONS, EXTENDED_MASTER: b""}
    expected.pop(without.get(name, 0xFFFF), None)
    assert client.extensions == expected
    talk(engine, client)


def test_hello_without_groups(engine: Engine) -> None:
    """P-256 then; and a ServerHello without extensions where none is due."""
    client = Client(P256, extended=False)
    schemes = (SCHEMES, vector(numbers([ECDSA_P256]), 2))
    answered(engine, client, replace(client.hello(), extensions=(schemes,)))
    assert client.parts[2][38:] == b""
    talk(engine, client)


HELLO = Client().hello()
BAD: dict[str, tuple[Hello | bytes, Alert]] = {
    "versions-1.1": (HELLO.with_extension(VERSIONS, b"\2\3\2"), Alert.PROTOCOL_VERSION),
    "version-1.1": (replace(HELLO, version=0x0302), Alert.PROTOCOL_VERSION),
    "ssl-3": (replace(HELLO.with_extension(VERSIONS, b"\2\3\3"), version=0x0300), Alert.PROTOCOL_VERSION),
    "fallback": (replace(HELLO, suites=(*HELLO.suites, FALLBACK_SCSV)), Alert.INAPPROPRIATE_FALLBACK),
    "compression": (replace(HELLO, methods=b"\1\2"), Alert.ILLEGAL_PARAMETER),
    "formats": (HELLO.with_extension(POINT_FORMATS, b"\1\1"), Alert.ILLEGAL_PARAMETER),
    "formats-none": (HELLO.with_extension(POINT_FORMATS, b"\0"), Alert.DECODE_ERROR),
    "formats-rest": (HELLO.with_extension(POINT_FORMATS, b"\1\0\0"), Alert.DECODE_ERROR),
    "extended-master-body": (HELLO.with_extension(EXTENDED_MASTER, b"\0"), Alert.DECODE_ERROR),
    "renegotiation": (HELLO.with_extension(RENEGOTIATION, vector(bytes(12), 1)), Alert.HANDSHAKE_FAILURE),
    "renegotiation-empty": (HELLO.with_extension(RENEGOTIATION, b""), Alert.DECODE_ERROR),
    "renegotiation-cut": (HELLO.with_extension(RENEGOTIATION, b"\2\0"), Alert.DECODE_ERROR),
    "renegotiation-rest": (HELLO.with_extension(RENEGOTIATION, b"\0\0"), Alert.DECODE_ERROR),
    "suites": (replace(HELLO, suites=(0xC013, 0x009E, 0x1301)), Alert.HANDSHAKE_FAILURE),
    "suites-rsa": (replace(HELLO, suites=RSA_SUITES), Alert.HANDSHAKE_FAILURE),
    "groups": (HELLO.with_extension(GROUPS, vector(numbers([0x0018]), 2)), Alert.HANDSHAKE_FAILURE),
    "groups-without-the-certificate's": (
        HELLO.with_extension(GROUPS, vector(numbers([X25519]), 2)),
        Alert.HANDSHAKE_FAILURE,
    ),
    "no-schemes": (HELLO.without(SCHEMES), Alert.HANDSHAKE_FAILURE),
    "schemes": (HELLO.with_extension(SCHEMES, vector(numbers([0x0203, 0x0503]), 2)), Alert.HANDSHAKE_FAILURE),
    "alpn": (HELLO.with_extension(ALPN, vector(vector(b"h2", 1), 2)), Alert.NO_APPLICATION_PROTOCOL),
    "name": (HELLO.with_extension(SERVER_NAME, vector(b"\0\0\7unknown", 2)), Alert.UNRECOGNIZED_NAME),
    "no-extensions": (HELLO.body()[: 2 + 32 + 1 + 2 + 12 + 2], Alert.HANDSHAKE_FAILURE),
    "rest": (HELLO.body() + b"\0", Alert.DECODE_ERROR),
}


@pytest.mark.parametrize("name", BAD)
def test_hello_that_is_refused(engine: Engine, name: str) -> None:
    hello, alert = BAD[name]
    body = hello if isinstance(hello, bytes) else hello.body()
    engine.connect()
    refused(engine.read(record(HANDSHAKE, message(1, body))), alert)
    assert engine.read(b"more").out == b""


def test_fallback_to_what_is_best(engine: Engine) -> None:
    """A client of TLS 1.3 that says so has not fallen back."""
    client = tls_client.Client()
    hello = client.hello()
    engine.connect()
    client.receive(engine.read(client.send(replace(hello, suites=(*hello.suites, FALLBACK_SCSV)))).out)
    assert engine.read(client.finish()).state == State.OPEN


# Order, and shape.

RANDOM = bytes(range(1, 121))
"""For the exchange, the ServerHello and the signature."""


def test_hello_cut_at_every_byte(engine: Engine) -> None:
    hello = record(HANDSHAKE, HELLO.message())
    engine.connect(random=RANDOM)
    whole = engine.read(hello)
    assert whole.state == State.WAIT_KEY_EXCHANGE
    for cut in range(1, len(hello)):
        engine.connect(random=RANDOM)
        said = engine.read(hello[:cut])
        assert (said.event, said.state, said.out) == (Event.HUNGRY, State.WAIT_HELLO, b"")
        assert engine.read(hello[cut:]) == whole


@pytest.mark.parametrize("suite", [ECDSA_AES128, ECDSA_CHACHA])
def test_rest_cut_at_every_byte(engine: Engine, suite: int) -> None:
    length = 1 << 20
    cut = 0
    while (cut := cut + 1) < length:
        client = answered(engine, Client(suites=(suite,)))
        sent = client.finish() + client.seal(APPLICATION_DATA, b"hello")
        length = len(sent)
        first, second = engine.read(sent[:cut]), engine.read(sent[cut:])
        assert first.data + second.data == b"hello"
        client.receive_finish(first.out + second.out)
        assert second.state == State.OPEN


def test_messages_in_parts(engine: Engine) -> None:
    client = answered(engine, Client())
    exchange = client.key_exchange()
    said = engine.read(b"".join(record(HANDSHAKE, exchange[at : at + 5]) for at in range(0, len(exchange), 5)))
    assert said.state == State.WAIT_CHANGE
    finished = client.finished()
    parts = [finished[:3], finished[3:7], finished[7:]]
    said = engine.read(COMPAT + b"".join(client.seal(HANDSHAKE, part) for part in parts))
    assert said.state == State.OPEN
    client.receive_finish(said.out)


Bad = Callable[[Client], bytes]
POINT = Client(P256).public()


def point(public: bytes, rest: bytes = b"") -> bytes:
    return record(HANDSHAKE, message(16, vector(public, 1) + rest))


BAD_EXCHANGES: dict[str, tuple[int, bytes, Alert]] = {
    # CVE-2014-0224.
    "change-first": (X25519, COMPAT, Alert.UNEXPECTED_MESSAGE),
    "finished": (X25519, record(HANDSHAKE, message(20, bytes(12))), Alert.UNEXPECTED_MESSAGE),
    "hello": (X25519, record(HANDSHAKE, HELLO.message()), Alert.UNEXPECTED_MESSAGE),
    "certificate": (X25519, record(HANDSHAKE, message(11, bytes(3))), Alert.UNEXPECTED_MESSAGE),
    "data": (X25519, record(APPLICATION_DATA, b"early"), Alert.UNEXPECTED_MESSAGE),
    "no-key": (X25519, record(HANDSHAKE, message(16, b"")), Alert.DECODE_ERROR),
    "empty-key": (X25519, point(b""), Alert.DECODE_ERROR),
    "cut": (X25519, record(HANDSHAKE, message(16, b"\x20" + bytes(31))), Alert.DECODE_ERROR),
    "rest": (X25519, point(bytes([9]) * 32, b"\0"), Alert.DECODE_ERROR),
    "too-long": (X25519, record(HANDSHAKE, b"\x10\0\1\1"), Alert.DECODE_ERROR),
    "rsa": (X25519, record(HANDSHAKE, message(16, vector(bytes(256), 2))), Alert.DECODE_ERROR),
    "31-bytes": (X25519, point(bytes([9]) * 31), Alert.ILLEGAL_PARAMETER),
    "33-bytes": (X25519, point(bytes([9]) * 33), Alert.ILLEGAL_PARAMETER),
    "zero": (X25519, point(bytes(32)), Alert.ILLEGAL_PARAMETER),
    "one": (X25519, point(b"\1" + bytes(31)), Alert.ILLEGAL_PARAMETER),
    "other-group": (X25519, point(POINT), Alert.ILLEGAL_PARAMETER),
    "off-curve": (P256, point(POINT[:-1] + bytes([POINT[-1] ^ 1])), Alert.ILLEGAL_PARAMETER),
    "compressed": (P256, point(b"\2" + POINT[1:33]), Alert.ILLEGAL_PARAMETER),
    "hybrid": (P256, point(bytes([6 + POINT[-1] % 2]) + POINT[1:]), Alert.ILLEGAL_PARAMETER),
    "infinity": (P256, point(b"\0"), Alert.ILLEGAL_PARAMETER),
    "64-bytes": (P256, point(POINT[:-1]), Alert.ILLEGAL_PARAMETER),
    "with-more": (P256, record(HANDSHAKE, message(16, vector(POINT, 1)) + b"\x14"), Alert.UNEXPECTED_MESSAGE),
    "empty-record": (X25519, record(HANDSHAKE, b""), Alert.UNEXPECTED_MESSAGE),
    "record-too-long": (X25519, b"\x16\3\3\x40\1", Alert.RECORD_OVERFLOW),
    "torn-by-change": (X25519, record(HANDSHAKE, b"\x10\0") + COMPAT, Alert.UNEXPECTED_MESSAGE),
}


@pytest.mark.parametrize("name", BAD_EXCHANGES)
def test_exchange_that_is_refused(engine: Engine, name: str) -> None:
    group, sent, alert = BAD_EXCHANGES[name]
    answered(engine, Client(group))
    refused(engine.read(sent), alert)


BAD_CHANGES: dict[str, tuple[Bad, Alert]] = {
    "exchange-twice": (lambda c: point(c.public()), Alert.UNEXPECTED_MESSAGE),
    "finished-in-the-clear": (lambda c: record(HANDSHAKE, c.finished()), Alert.UNEXPECTED_MESSAGE),
    "finished-without-change": (lambda c: c.seal(HANDSHAKE, c.finished()), Alert.UNEXPECTED_MESSAGE),
    "data": (lambda c: c.seal(APPLICATION_DATA, b"early"), Alert.UNEXPECTED_MESSAGE),
    "change-of-two": (lambda _: record(CHANGE_CIPHER_SPEC, b"\1\1"), Alert.UNEXPECTED_MESSAGE),
    "change-to-two": (lambda _: record(CHANGE_CIPHER_SPEC, b"\2"), Alert.UNEXPECTED_MESSAGE),
    "change-to-nothing": (lambda _: record(CHANGE_CIPHER_SPEC, b""), Alert.UNEXPECTED_MESSAGE),
    "changes": (lambda _: COMPAT * 2, Alert.UNEXPECTED_MESSAGE),
    "wrong": (lambda c: COMPAT + c.seal(HANDSHAKE, c.finished()[:-1] + b"\0"), Alert.DECRYPT_ERROR),
    "server's": (
        lambda c: COMPAT + c.seal(HANDSHAKE, message(20, c._verify_data(b"server"))),
        Alert.DECRYPT_ERROR,
    ),
    "short": (lambda c: COMPAT + c.seal(HANDSHAKE, message(20, bytes(11))), Alert.DECODE_ERROR),
    "long": (lambda c: COMPAT + c.seal(HANDSHAKE, message(20, bytes(32))), Alert.DECODE_ERROR),
    "with-more": (lambda c: COMPAT + c.seal(HANDSHAKE, c.finished() + b"\x10"), Alert.UNEXPECTED_MESSAGE),
    "then-data": (lambda c: COMPAT + c.seal(APPLICATION_DATA, b"early"), Alert.UNEXPECTED_MESSAGE),
    "then-exchange": (
        lambda c: COMPAT + c.seal(HANDSHAKE, message(16, vector(c.public(), 1))),
        Alert.UNEXPECTED_MESSAGE,
    ),
    "then-hello": (lambda c: COMPAT + c.seal(HANDSHAKE, HELLO.message()), Alert.UNEXPECTED_MESSAGE),
    "then-empty": (lambda c: COMPAT + c.seal(HANDSHAKE, b""), Alert.UNEXPECTED_MESSAGE),
    "then-clear": (lambda c: COMPAT + record(HANDSHAKE, c.finished()), Alert.BAD_RECORD_MAC),
    "then-clear-alert": (lambda _: COMPAT + record(ALERT, b"\1\0"), Alert.BAD_RECORD_MAC),
    "then-forged": (lambda _: COMPAT + record(HANDSHAKE, bytes(40)), Alert.BAD_RECORD_MAC),
    "shorter-than-a-tag": (lambda _: COMPAT + record(HANDSHAKE, bytes(23)), Alert.BAD_RECORD_MAC),
    "nothing": (lambda _: COMPAT + record(APPLICATION_DATA, b""), Alert.BAD_RECORD_MAC),
    "then-too-long": (lambda _: COMPAT + b"\x16\3\3\x41\1", Alert.RECORD_OVERFLOW),
    "torn": (
        lambda c: COMPAT + c.seal(HANDSHAKE, c.finished()[:5]) + c.seal(APPLICATION_DATA, b""),
        Alert.UNEXPECTED_MESSAGE,
    ),
}


@pytest.mark.parametrize("name", BAD_CHANGES)
def test_change_that_is_refused(engine: Engine, name: str) -> None:
    """The alert is in the clear: our keys have not been changed."""
    make, alert = BAD_CHANGES[name]
    client = answered(engine, Client())
    said = engine.read(record(HANDSHAKE, client.key_exchange()))
    assert (said.state, said.out) == (State.WAIT_CHANGE, b"")
    refused(engine.read(make(client)), alert)


BAD_RECORDS: dict[str, tuple[Bad, Alert]] = {
    "renegotiation": (lambda c: c.seal(HANDSHAKE, HELLO.message()), Alert.NO_RENEGOTIATION),
    "renegotiation-in-parts": (
        lambda c: c.seal(HANDSHAKE, HELLO.message()[:2]) + c.seal(HANDSHAKE, HELLO.message()[2:]),
        Alert.NO_RENEGOTIATION,
    ),
    "renegotiation-in-the-clear": (lambda _: record(HANDSHAKE, HELLO.message()), Alert.BAD_RECORD_MAC),
    "key-update": (lambda c: c.seal(HANDSHAKE, message(24, b"\0")), Alert.UNEXPECTED_MESSAGE),
    "finished": (lambda c: c.seal(HANDSHAKE, message(20, bytes(12))), Alert.UNEXPECTED_MESSAGE),
    "change": (lambda c: c.seal(CHANGE_CIPHER_SPEC, b"\1"), Alert.UNEXPECTED_MESSAGE),
    "change-in-the-clear": (lambda _: COMPAT, Alert.UNEXPECTED_MESSAGE),
    "heartbeat": (lambda c: c.seal(24, b"\1\0\0"), Alert.UNEXPECTED_MESSAGE),
    "clear-alert": (lambda _: record(ALERT, b"\1\0"), Alert.BAD_RECORD_MAC),
    "clear": (lambda _: record(APPLICATION_DATA, b"x" * 60), Alert.BAD_RECORD_MAC),
    "nothing": (lambda _: record(APPLICATION_DATA, b""), Alert.BAD_RECORD_MAC),
    "empty": (lambda c: b"".join(c.seal(23, b"") for _ in range(33)), Alert.UNEXPECTED_MESSAGE),
    "warnings": (lambda c: b"".join(c.seal(ALERT, b"\1\x64") for _ in range(33)), Alert.UNEXPECTED_MESSAGE),
    "too-much": (lambda c: c.seal(23, bytes(16385)), Alert.RECORD_OVERFLOW),
    "alert-of-three": (lambda c: c.seal(ALERT, b"\1\x64\0"), Alert.DECODE_ERROR),
    "alert-of-nothing": (lambda c: c.seal(ALERT, b""), Alert.DECODE_ERROR),
}


@pytest.mark.parametrize("suite", [ECDSA_AES256, ECDSA_CHACHA])
@pytest.mark.parametrize("name", BAD_RECORDS)
def test_record_that_is_refused(engine: Engine, name: str, suite: int) -> None:
    make, alert = BAD_RECORDS[name]
    client = opened(engine, Client(suites=(suite,)))
    refused(engine.read(make(client)), alert, client)
    assert not engine.write(b"more").event


@pytest.mark.parametrize("suite", ECDSA_SUITES)
def test_record_that_is_repeated(engine: Engine, suite: int) -> None:
    client = opened(engine, Client(suites=(suite,)))
    sent = client.seal(23, b"once")
    assert engine.read(sent).data == b"once"
    refused(engine.read(sent), Alert.BAD_RECORD_MAC, client)


def test_nonces_of_the_clients_own_choice(engine: Engine) -> None:
    """RFC 5288, section 3: the sender chooses them."""
    client = opened(engine)
    assert client.outgoing
    for explicit in (b"\xff" * 8, bytes(8), b"anything"):
        assert engine.read(client.outgoing.seal(23, b"hello", explicit)).data == b"hello"


@settings(max_examples=200, deadline=None)
@given(data=st.data(), suite=st.sampled_from(ECDSA_SUITES))
def test_record_with_a_bit_changed(engine: Engine, data: st.DataObject, suite: int) -> None:
    """Version, type and length belong to what is authentic; a type that there is not is seen before."""
    client = opened(engine, Client(suites=(suite,)))
    sent = bytearray(client.seal(23, b"hello"))
    bit = data.draw(st.integers(5 * 8, len(sent) * 8 - 1) | st.integers(8, 24 - 1) | st.integers(1, 1))
    sent[bit // 8] ^= 1 << bit % 8
    refused(engine.read(bytes(sent)), Alert.BAD_RECORD_MAC, client)


def test_type_is_authentic(engine: Engine) -> None:
    client = opened(engine)
    sent = client.seal(23, b"\1\0")
    refused(engine.read(b"\x15" + sent[1:]), Alert.BAD_RECORD_MAC, client)


@pytest.mark.parametrize("suite", ECDSA_SUITES)
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1000, 16383, 16384])
def test_sizes(engine: Engine, size: int, suite: int) -> None:
    client = opened(engine, Client(suites=(suite,)))
    content = (bytes(range(256)) * 64)[:size]
    for _ in range(3):
        assert engine.read(client.seal(23, content)).data == content
        assert client.open(engine.write(content).out) == [(23, content)]
    assert not engine.write(bytes(16385)).out


def test_keys_that_are_used_up(engine: Engine) -> None:
    """They cannot be changed: no more is written with them but the end."""
    client = Client()
    engine.connect(key_records=4)
    client.receive(engine.read(client.send(client.hello())).out)
    client.receive_finish(engine.read(client.finish()).out)
    # The Finished is the first.
    assert [engine.write(b"text").event for _ in range(5)] == [1, 1, 1, 0, 0]


@pytest.mark.parametrize("refused_cipher", [1, 2])
def test_no_memory(engine: Engine, refused_cipher: int) -> None:
    client = Client()
    engine.connect(refused_cipher=refused_cipher)
    client.receive(engine.read(client.send(client.hello())).out)
    said = engine.read(client.finish())
    assert (said.event, said.state, said.alert) == (Event.FAILED, State.CLOSED, Alert.INTERNAL_ERROR)


@pytest.mark.parametrize("alert", [Alert.CLOSE_NOTIFY, Alert.HANDSHAKE_FAILURE])
@pytest.mark.parametrize("stage", ["answered", "exchanged", "changed"])
def test_client_gives_up(engine: Engine, alert: Alert, stage: str) -> None:
    client = answered(engine, Client())
    sent = record(ALERT, bytes([2, alert]))
    if stage != "answered":
        engine.read(record(HANDSHAKE, client.key_exchange()))
    if stage == "changed":
        engine.read(COMPAT)
        sent = client.seal(ALERT, bytes([2, alert]))
    said = engine.read(sent)
    assert (said.event, said.state, said.alert, said.sent_alert) == (Event.FAILED, State.CLOSED, alert, False)
    assert not said.out


def test_warnings(engine: Engine) -> None:
    """They are no end."""
    client = answered(engine, Client())
    assert engine.read(record(ALERT, b"\1\x70")).state == State.WAIT_KEY_EXCHANGE
    talk(engine, client)


def test_closed_first(engine: Engine) -> None:
    """Our close_notify does not end the client's direction."""
    client = opened(engine)
    assert client.open(engine.close().out) == [(ALERT, b"\1\0")]
    said = engine.read(client.seal(23, b"more"))
    assert (said.event, said.data, said.out) == (Event.HUNGRY, b"more", b"")
    said = engine.read(client.seal(HANDSHAKE, HELLO.message()))
    assert (said.event, said.sent_alert, said.out) == (Event.FAILED, False, b"")


@pytest.mark.parametrize("length", [1, 15 * 1024 - 5])
def test_chain(engine: Engine, identity: Identity, length: int) -> None:
    """Of any length that is allowed, in one record, without the extensions of TLS 1.3."""
    ders = [bytes(length)] if length > 1 else [b"a", b"bc", b"def"]
    client = Client()
    try:
        engine.identity(ders, identity.secret)
        engine.connect()
        said = engine.read(client.send(client.hello()))
    finally:
        engine.identity([identity.der], identity.secret)
    [(kind, _, body)] = records(said.out)
    assert kind == HANDSHAKE
    assert dict(messages(body))[11] == vector(b"".join(vector(der, 3) for der in ders), 3)


def test_key_that_is_none(engine: Engine, identity: Identity) -> None:
    client = Client()
    try:
        engine.identity([identity.der], 0)
        engine.connect()
        said = engine.read(client.send(client.hello()))
    finally:
        engine.identity([identity.der], identity.secret)
    refused(said, Alert.INTERNAL_ERROR)


def test_randoms_and_shares_are_new(engine: Engine) -> None:
    clients = [answered(engine, Client(group)) for group in (X25519, P256) for _ in range(2)]
    assert len({client.server_random for client in clients}) == 4
    assert len({client.peer for client in clients}) == 4


# The function that keys come from.


@pytest.fixture(scope="module")
def oracle(tools: ToolsTree) -> Iterator[Oracle]:
    binary: Path = build(tools, "oracle", [SUITES / "oracle.c", SUITES / "crypto.c"])
    oracle = Oracle(sandbox.command(tools, [binary]))
    yield oracle
    oracle.end()


def test_prf(oracle: Oracle) -> None:
    """A vector that was published on the TLS working group's list, and others against Python's HMAC."""
    secret = bytes.fromhex("9bbe436ba940f017b17652849a71db35")
    seed = bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c")
    expected = bytes.fromhex(
        "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a"
        "6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab"
        "4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701"
        "87347b66"
    )
    assert oracle.ask(b"q", secret, seed)[:100] == expected
    for length in (0, 1, 12, 32, 48, 64):
        for algorithm, letter in (("sha256", b"q"), ("sha384", b"Q")):
            found = oracle.ask(letter, bytes(range(length)), bytes(range(77)))
            assert found == prf(algorithm, bytes(range(length)), b"test label", bytes(range(77)), 128)
