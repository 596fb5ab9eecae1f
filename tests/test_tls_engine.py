"""The TLS engine in user space: RFC 8448, real clients, and a client that does everything wrong."""

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
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lab import sandbox
from lab.cache import Cache
from lab.errors import LabError
from lab.lock import Lock
from lab.mbedtls import ensure_client
from lab.tools import ToolsTree
from tests.oracle import Oracle
from tests.test_http_parser import tools
from tests.tls_client import AES128, AES256, CHACHA, COMPAT, P256, X25519, Client, vector
from tests.tls_programs import SUITES, Engine, Event, State, build

__all__ = ["tools"]

NAME = "weir.test"


@dataclass(frozen=True)
class Identity:
    """A certificate of its own authority."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def secret(self) -> int:
        return self.key.private_numbers().private_value


def make_identity() -> Identity:
    """Good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    return Identity(builder.sign(key, hashes.SHA256()), key)


@pytest.fixture(scope="module")
def identity() -> Identity:
    return make_identity()


@pytest.fixture(scope="module")
def program(tools: ToolsTree) -> Path:
    return build(tools, "engine", [SUITES / "engine.c", SUITES / "crypto.c"])


@pytest.fixture(scope="module")
def engine(tools: ToolsTree, program: Path, identity: Identity) -> Iterator[Engine]:
    oracle = Oracle(sandbox.command(tools, [program]))
    one = Engine(oracle)
    one.identity([identity.der], identity.secret)
    yield one
    oracle.end()


def opened(engine: Engine, client: Client | None = None) -> Client:
    """A connection whose handshake is over."""
    client = client or Client()
    engine.connect()
    client.receive(engine.read(client.send(client.hello())).out)
    said = engine.read(client.finish())
    assert (said.event, said.state, said.out) == (Event.HUNGRY, State.OPEN, b"")
    return client


@pytest.mark.parametrize("suite", [AES128, AES256, CHACHA])
@pytest.mark.parametrize("group", [X25519, P256])
def test_handshake(engine: Engine, identity: Identity, suite: int, group: int) -> None:
    client = Client(groups=(group,), shares=(group,))
    hello = client.hello()
    engine.connect()
    said = engine.read(client.send(type(hello)(hello.extensions, suites=(suite,))))
    assert (said.event, said.state) == (Event.HUNGRY, State.WAIT_FINISHED)
    client.receive(said.out)
    assert client.suite == suite
    assert client.session == hello.session
    assert client.chain() == [identity.certificate]
    assert client.extensions == {0: b"", 16: b"\0\x09\x08http/1.1"}
    assert client.compat == 1
    assert engine.agreed() == (suite, group == P256, True)
    said = engine.read(COMPAT + client.finish() + client.outgoing.seal(23, b"GET / HTTP/1.1\r\n\r\n"))
    assert (said.state, said.data) == (State.OPEN, b"GET / HTTP/1.1\r\n\r\n")
    assert client.open(engine.write(b"HTTP/1.1 200 OK\r\n\r\n").out) == [(23, b"HTTP/1.1 200 OK\r\n\r\n")]
    said = engine.read(client.outgoing.seal(21, b"\1\0"))
    assert (said.event, said.state) == (Event.END, State.HALF_CLOSED)
    assert client.open(engine.write(b"more").out + engine.close().out) == [(23, b"more"), (21, b"\1\0")]
    assert not engine.write(b"too late").event


def python_client(engine: Engine, context: ssl.SSLContext, cut: int = 1 << 20, version: str = "TLSv1.3") -> None:
    """Python's ssl, that is OpenSSL, shakes hands, sends a request and gets a reply, in pieces of so many bytes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=NAME)
    engine.connect()
    received = b""

    def exchange() -> None:
        nonlocal received
        sent = outgoing.read()
        for at in range(0, len(sent), cut):
            said = engine.read(sent[at : at + cut])
            received += said.data
            for place in range(0, len(said.out), cut):
                incoming.write(said.out[place : place + cut])

    for _ in range(5):
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            exchange()
    assert client.version() == version
    assert client.selected_alpn_protocol() == "http/1.1"
    body = bytes(range(256)) * 50
    client.write(b"POST / HTTP/1.1\r\n\r\n" + body)
    exchange()
    assert received == b"POST / HTTP/1.1\r\n\r\n" + body
    incoming.write(engine.write(b"HTTP/1.1 200 OK\r\n\r\n" + body).out + engine.close().out)
    assert client.read(1 << 16) == b"HTTP/1.1 200 OK\r\n\r\n" + body
    client.unwrap()
    said = engine.read(outgoing.read())
    assert said.event == Event.END


@pytest.mark.parametrize("curve", ["prime256v1", None])
@pytest.mark.parametrize("cut", [1, 7, 1 << 20])
def test_python_ssl(engine: Engine, identity: Identity, curve: str | None, cut: int) -> None:
    context = ssl.create_default_context(cadata=identity.pem)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2", "http/1.1"])
    if curve:
        context.set_ecdh_curve(curve)
    python_client(engine, context, cut)


@pytest.fixture(scope="module")
def serve(tools: ToolsTree, identity: Identity, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Runs a shell command of the tools tree beside a server: what it printed. Fails with it."""
    program = build(tools, "serve", [SUITES / "serve.c", SUITES / "crypto.c"])
    folder = tmp_path_factory.mktemp("tls")
    (folder / "chain").write_bytes(vector(identity.der, 3) + b"\0\0")
    (folder / "key").write_bytes(identity.secret.to_bytes(32, "big"))
    (folder / "ca.pem").write_text(identity.pem)

    def run(command: str) -> str:
        script = 'ip link set lo up; exec "$0" chain key timeout 60 sh -c "$1"'
        argv = sandbox.command(tools, ["sh", "-c", script, program, command], cwd=folder)
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        output = done.stdout.decode(errors="replace")
        assert done.returncode == 0, output[-4000:]
        return output

    return run


S_CLIENT = f"openssl s_client -connect 127.0.0.1:$PORT -servername {NAME} -CAfile ca.pem -verify_return_error"


@pytest.mark.parametrize(
    ("options", "suite", "group"),
    [
        ("", "1301", "X25519"),
        ("-groups X25519", "1301", "X25519"),
        ("-groups P-256 -ciphersuites TLS_AES_256_GCM_SHA384", "1302", "secp256r1"),
        ("-groups P-384:P-256", "1301", "secp256r1"),
        ("-groups P-521:X25519 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", "1303", "X25519"),
    ],
    ids=["default", "x25519", "p256", "retry-p256", "retry-x25519"],
)
def test_openssl(serve: Callable[[str], str], options: str, suite: str, group: str) -> None:
    """Also with a group that the engine does not know first: HelloRetryRequest."""
    output = serve(f"(printf 'GET /50000 HTTP/1.1\\r\\n\\r\\n'; sleep 1) | {S_CLIENT} -tls1_3 -alpn http/1.1 {options}")
    assert "Verify return code: 0 (ok)" in output
    assert "HTTP/1.1 200 OK" in output
    assert "ALPN protocol: http/1.1" in output
    assert f"serve: suite {suite} group {int(group != 'X25519')} state {State.HALF_CLOSED.value}" in output
    assert output.count("\0") >= 50000


@pytest.fixture(scope="module")
def mbedtls(tools: ToolsTree) -> str:
    """mbed TLS's client with what it is always told. Skipped only where it is not there."""
    try:
        client = ensure_client(Cache(), Lock.load(), tools)
    except LabError as error:
        pytest.skip(f"no client of mbed TLS (python -m lab build --tools tls): {error.message}")
    trust = f"server_name={NAME} ca_file=ca.pem auth_mode=required"
    return f"{client} server_addr=127.0.0.1 server_port=$PORT {trust} request_page=/5"


@pytest.mark.parametrize(("group", "number"), [("x25519", 0), ("secp256r1", 1), ("secp384r1,x25519", 0)])
@pytest.mark.parametrize(
    ("name", "suite"),
    [
        ("TLS1-3-AES-128-GCM-SHA256", "1301"),
        ("TLS1-3-AES-256-GCM-SHA384", "1302"),
        ("TLS1-3-CHACHA20-POLY1305-SHA256", "1303"),
    ],
)
def test_mbedtls(serve: Callable[[str], str], mbedtls: str, name: str, suite: str, group: str, number: int) -> None:
    """Also with a group that the engine does not know first: HelloRetryRequest."""
    output = serve(f"{mbedtls} force_version=tls13 alpn=h2,http/1.1 force_ciphersuite={name} groups={group}")
    assert f"[ Ciphersuite is {name} ]" in output
    assert "[ Application Layer Protocol is http/1.1 ]" in output
    assert "HTTP/1.1 200 OK" in output
    assert f"serve: suite {suite} group {number} state {State.HALF_CLOSED.value}" in output


def test_mbedtls_goes_on_with_a_session(serve: Callable[[str], str], mbedtls: str) -> None:
    output = serve(f"{mbedtls} force_version=tls13 new_session_tickets=1 reconnect=1")
    assert "Reconnecting with saved session... ok" in output
    assert output.count("HTTP/1.1 200 OK") == 2
    assert output.count("resumed 1") == 1


def test_openssl_changes_keys(serve: Callable[[str], str]) -> None:
    """KeyUpdate, with and without asking for ours."""
    talk = "printf 'GET /a HTTP/1.1\\r\\n\\r\\n'; sleep 0.3; for key in K k K; do echo $key; sleep 0.3; "
    talk += "printf 'GET /b HTTP/1.1\\r\\n\\r\\n'; sleep 0.3; done"
    output = serve(f"({talk}) | {S_CLIENT} -tls1_3 -nocommands 2>&1; ({talk}) | {S_CLIENT} -tls1_3 2>&1")
    assert output.count("KEYUPDATE") == 3
    assert output.count("GET /b HTTP/1.1") >= 3


def test_curl(serve: Callable[[str], str]) -> None:
    """Twenty requests over one connection, and a body of many records."""
    url = f"https://{NAME}:$PORT"
    options = f"--silent --show-error --cacert ca.pem --resolve {NAME}:$PORT:127.0.0.1 --tlsv1.3 --http1.1"
    output = serve(f'curl {options} --output out {url}/3000000 && wc -c <out && curl {options} "{url}/[1-20]" | wc -c')
    assert [int(line) for line in output.splitlines() if line.isdigit()] == [3000000, 210]
    assert output.count("serve: ") == 2


def test_openssl_that_knows_no_better_than_tls_1_1(serve: Callable[[str], str]) -> None:
    output = serve(f"{S_CLIENT} -tls1_1 -cipher DEFAULT@SECLEVEL=0 </dev/null; true")
    assert "alert protocol version" in output
