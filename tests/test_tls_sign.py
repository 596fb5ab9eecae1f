"""Identities of RSA in the TLS engine: which one a client gets, and signatures that are made elsewhere."""

from __future__ import annotations

import datetime
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lab import sandbox
from lab.tools import ToolsTree
from tests.test_http_parser import tools
from tests.test_tls_engine import NAME, S_CLIENT, Identity, engine, identity, opened, program, python_client
from tests.test_tls_rsa import Numbers
from tests.tls_client import (
    AES256,
    COMPAT,
    COOKIE,
    ECDSA_P256,
    P256,
    RSA_PSS,
    SCHEMES,
    SHARES,
    X25519,
    Client,
    numbers,
    records,
    vector,
)
from tests.tls_programs import SUITES, Alert, Engine, Event, State, build, chain_of

__all__ = ["engine", "identity", "program", "tools"]


@dataclass(frozen=True)
class RsaIdentity:
    """A certificate of its own authority."""

    certificate: x509.Certificate
    packed: bytes

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def make(bits: int) -> RsaIdentity:
    key = rsa.generate_private_key(65537, bits)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    private = key.private_numbers()
    values = Numbers(private.public_numbers.n, 65537, private.p, private.q, private.dmp1, private.dmq1, private.iqmp)
    return RsaIdentity(builder.sign(key, hashes.SHA256()), values.packed())


@pytest.fixture(scope="module")
def rsa_identity() -> RsaIdentity:
    return make(2048)


@pytest.fixture
def only_rsa(engine: Engine, identity: Identity, rsa_identity: RsaIdentity) -> Iterator[Engine]:
    engine.identity([], 1)
    engine.rsa_identity([rsa_identity.der], rsa_identity.packed)
    yield engine
    engine.rsa_identity([], b"")
    engine.identity([identity.der], identity.secret)


@pytest.fixture
def both(engine: Engine, rsa_identity: RsaIdentity) -> Iterator[Engine]:
    engine.rsa_identity([rsa_identity.der], rsa_identity.packed)
    yield engine
    engine.rsa_identity([], b"")


def schemes(*codes: int) -> bytes:
    return vector(numbers(codes), 2)


@pytest.mark.parametrize("group", [X25519, P256])
@pytest.mark.parametrize("suite", [None, AES256])
def test_handshake(only_rsa: Engine, rsa_identity: RsaIdentity, suite: int | None, group: int) -> None:
    client = Client(groups=(group,), shares=(group,))
    hello = client.hello()
    only_rsa.connect()
    said = only_rsa.read(client.send(hello if suite is None else type(hello)(hello.extensions, suites=(suite,))))
    assert (said.event, said.state) == (Event.HUNGRY, State.WAIT_FINISHED)
    client.receive(said.out)
    assert client.chain() == [rsa_identity.certificate]
    assert client.scheme == RSA_PSS
    said = only_rsa.read(client.finish() + client.outgoing.seal(23, b"GET / HTTP/1.1\r\n\r\n"))
    assert (said.state, said.data) == (State.OPEN, b"GET / HTTP/1.1\r\n\r\n")
    assert client.open(only_rsa.write(b"HTTP/1.1 200 OK\r\n\r\n").out) == [(23, b"HTTP/1.1 200 OK\r\n\r\n")]


@pytest.mark.parametrize(
    ("codes", "scheme"),
    [
        ((ECDSA_P256, RSA_PSS), ECDSA_P256),
        ((RSA_PSS, ECDSA_P256), ECDSA_P256),
        ((ECDSA_P256,), ECDSA_P256),
        ((RSA_PSS,), RSA_PSS),
        ((0x0805, 0x0503, RSA_PSS, 0x0401), RSA_PSS),
        ((0x0401, 0x0809, 0x0503), None),
    ],
)
def test_choice(both: Engine, codes: tuple[int, ...], scheme: int | None) -> None:
    """ECDSA before RSA, whatever the client likes better; none that it cannot verify."""
    client = Client()
    both.connect()
    said = both.read(client.send(client.hello().with_extension(SCHEMES, schemes(*codes))))
    if scheme is None:
        assert (said.event, said.alert, said.sent_alert) == (Event.FAILED, Alert.HANDSHAKE_FAILURE, True)
        return
    client.receive(said.out)
    assert client.scheme == scheme
    assert both.read(client.finish()).state == State.OPEN


def test_client_that_cannot_verify_rsa(only_rsa: Engine) -> None:
    client = Client()
    only_rsa.connect()
    said = only_rsa.read(client.send(client.hello().with_extension(SCHEMES, schemes(ECDSA_P256))))
    assert (said.event, said.alert) == (Event.FAILED, Alert.HANDSHAKE_FAILURE)


def test_signature_that_takes_its_time(only_rsa: Engine) -> None:
    """The certificate is sent ahead; bytes that come meanwhile wait."""
    client = Client()
    only_rsa.connect(sign_later=True)
    said = only_rsa.read(client.send(client.hello()))
    assert (said.event, said.state) == (Event.SIGN, State.WAIT_SIGNATURE)
    assert [kind for kind, _, _ in records(said.out)] == [22, 20, 23]
    client.receive(said.out)
    for byte in COMPAT:
        said = only_rsa.read(bytes([byte]))
        assert (said.event, said.state, said.out) == (Event.SIGN, State.WAIT_SIGNATURE, b"")
    said = only_rsa.sign()
    assert (said.event, said.state) == (Event.HUNGRY, State.WAIT_FINISHED)
    assert [kind for kind, _, _ in records(said.out)] == [23]
    client.receive(said.out)
    assert client.scheme == RSA_PSS
    said = only_rsa.read(client.finish() + client.outgoing.seal(23, b"x"))
    assert (said.state, said.data) == (State.OPEN, b"x")


def test_signature_that_fails(only_rsa: Engine) -> None:
    client = Client()
    only_rsa.connect(sign_later=True)
    client.receive(only_rsa.read(client.send(client.hello())).out)
    said = only_rsa.sign(fails=True)
    assert (said.event, said.state, said.alert) == (Event.FAILED, State.CLOSED, Alert.INTERNAL_ERROR)
    assert client.open(said.out) == [(21, b"\2\x50")]


@pytest.mark.parametrize(
    ("meanwhile", "alert", "sent"),
    [
        (b"\x15\3\3\0\2\2\x2f", Alert.ILLEGAL_PARAMETER, False),
        (b"\x16\3\3\0\1\1", Alert.UNEXPECTED_MESSAGE, True),
        (b"\x17\3\3\0\x11" + bytes(17), Alert.BAD_RECORD_MAC, True),
    ],
    ids=["alert", "plain message", "forged"],
)
def test_what_came_meanwhile_counts(only_rsa: Engine, meanwhile: bytes, alert: Alert, sent: bool) -> None:
    client = Client()
    only_rsa.connect(sign_later=True)
    only_rsa.read(client.send(client.hello()))
    assert only_rsa.read(meanwhile).event == Event.SIGN
    said = only_rsa.sign()
    assert (said.event, said.alert, said.sent_alert) == (Event.FAILED, alert, sent)


def test_connection_that_ends_meanwhile(only_rsa: Engine) -> None:
    """Nothing is left of it: the program looks."""
    client = Client()
    only_rsa.connect(sign_later=True)
    assert only_rsa.read(client.send(client.hello())).state == State.WAIT_SIGNATURE
    opened(only_rsa)


@pytest.mark.parametrize("cookie", [False, True])
def test_second_hello(only_rsa: Engine, *, cookie: bool) -> None:
    """The signature is due behind the second one, not the first."""
    client = Client(shares=(X25519,) if cookie else ())
    only_rsa.connect(sign_later=True, cookie=cookie)
    hello = client.hello()
    said = only_rsa.read(client.send(hello))
    assert (said.event, said.state) == (Event.HUNGRY, State.WAIT_SECOND_HELLO)
    client.receive(said.out)
    if cookie:
        assert client.cookie
        hello = hello.with_extension(COOKIE, client.cookie)
    said = only_rsa.read(client.send(hello.with_extension(SHARES, client.share(X25519))))
    assert (said.event, said.state) == (Event.SIGN, State.WAIT_SIGNATURE)
    client.receive(said.out)
    client.receive(only_rsa.sign().out)
    assert only_rsa.read(client.finish()).state == State.OPEN


@pytest.mark.parametrize("cut", [1, 1 << 20])
def test_python_ssl(only_rsa: Engine, rsa_identity: RsaIdentity, cut: int) -> None:
    context = ssl.create_default_context(cadata=rsa_identity.pem)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    python_client(only_rsa, context, cut)


@pytest.fixture(scope="module")
def serve(tools: ToolsTree) -> Path:
    return build(tools, "serve", [SUITES / "serve.c", SUITES / "crypto.c"])


@pytest.fixture
def openssl(tools: ToolsTree, serve: Path, tmp_path: Path) -> Callable[[RsaIdentity, str], str]:
    """What `openssl s_client` prints with these options, and the exit status behind it."""

    def run(one: RsaIdentity, options: str) -> str:
        (tmp_path / "chain").write_bytes(chain_of([one.der]))
        (tmp_path / "key").write_bytes(one.packed)
        (tmp_path / "ca.pem").write_text(one.pem)
        command = f"(printf 'GET /500 HTTP/1.1\\r\\n\\r\\n'; sleep 1) | {S_CLIENT} -tls1_3 {options}"
        script = 'ip link set lo up; exec "$0" chain key timeout 60 sh -c "$1"'
        argv = sandbox.command(tools, ["sh", "-c", script, serve, command], cwd=tmp_path)
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        return done.stdout.decode(errors="replace") + f"status {done.returncode}"

    return run


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_openssl(openssl: Callable[[RsaIdentity, str], str], bits: int) -> None:
    one = make(bits)
    output = openssl(one, "")
    assert "Verify return code: 0 (ok)" in output
    assert "rsa_pss_rsae_sha256" in output or "RSA-PSS" in output
    assert "HTTP/1.1 200 OK" in output
    assert output.endswith("status 0")
    assert "handshake failure" in openssl(one, "-sigalgs ECDSA+SHA256")
