"""OCSP staples in the TLS engine: who gets one, in TLS 1.3 and 1.2."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import sandbox
from lab.tools import ToolsTree
from suites.traffic.certificates import Authority, Certified
from tests import tls_12_client, tls_client
from tests.test_http_parser import tools
from tests.test_tls_engine import NAME, Identity, engine, identity, program
from tests.test_tls_resume import KEY
from tests.test_tls_sign import only_rsa, rsa_identity
from tests.tls_client import STATUS_REQUEST, Hello, messages, records, vector
from tests.tls_programs import SUITES, Alert, Engine, Event, State, build, chain_of

__all__ = ["engine", "identity", "only_rsa", "program", "rsa_identity", "tools"]

STAPLE = bytes(range(256)) * 5
ASKED = b"\1\0\0\0\0"
NOW = 1_700_000_000
Client = tls_client.Client | tls_12_client.Client
CLIENTS: dict[str, Callable[[], Client]] = {"1.3": tls_client.Client, "1.2": tls_12_client.Client}
every_version = pytest.mark.parametrize("version", CLIENTS)


@pytest.fixture
def stapled(engine: Engine) -> Iterator[Engine]:
    engine.clock(NOW)
    engine.staple(STAPLE, NOW + 1)
    yield engine
    engine.staple(b"")


def asking(client: Client, body: bytes = ASKED) -> Hello:
    return client.hello().with_extension(STATUS_REQUEST, body)


def answered(engine: Engine, version: str, body: bytes | None = ASKED) -> Client:
    """A client whose hello has been answered; everything that was said is verified."""
    client = CLIENTS[version]()
    engine.connect()
    said = engine.read(client.send(client.hello() if body is None else asking(client, body)))
    assert said.event == Event.HUNGRY
    client.receive(said.out)
    return client


def status(client: Client) -> bytes | None:
    """Of the server's own certificate; none of the others has one."""
    if isinstance(client, tls_12_client.Client):
        return client.status()
    first, *others = client.statuses()
    assert not any(others)
    return first


@every_version
def test_who_asks_gets_it(stapled: Engine, version: str) -> None:
    client = answered(stapled, version)
    assert status(client) == STAPLE
    assert stapled.stapled()
    assert stapled.read(client.finish()).state == State.OPEN


@every_version
@pytest.mark.parametrize(
    "body",
    [ASKED, b"\1" + vector(vector(b"a responder", 2), 2) + vector(b"\x30\0", 2), b"\1\0\3abc\0\4defg"],
    ids=["any", "one of some", "what is no list"],
)
def test_responders_that_are_trusted_are_not_looked_at(stapled: Engine, version: str, body: bytes) -> None:
    assert status(answered(stapled, version, body)) == STAPLE


@every_version
@pytest.mark.parametrize("body", [None, b"\2", b"\0", b"\2\0\3", b"\xff" * 9], ids=["none", "2", "0", "more", "long"])
def test_who_does_not_ask_for_ocsp_gets_none(stapled: Engine, version: str, body: bytes | None) -> None:
    assert status(answered(stapled, version, body)) is None
    assert not stapled.stapled()


@every_version
@pytest.mark.parametrize("body", [b"", b"\1", b"\1\0", b"\1\0\0", b"\1\0\0\0", b"\1\0\1\0\0", ASKED + b"\0"])
def test_question_that_is_malformed(stapled: Engine, version: str, body: bytes) -> None:
    client = CLIENTS[version]()
    stapled.connect()
    said = stapled.read(client.send(asking(client, body)))
    assert (said.event, said.alert) == (Event.FAILED, Alert.DECODE_ERROR)


@every_version
def test_none_is_there(engine: Engine, version: str) -> None:
    assert status(answered(engine, version)) is None


@every_version
@pytest.mark.parametrize(("time", "sent"), [(NOW - 1, True), (NOW, True), (NOW + 1, False), (NOW + 2, False)])
def test_old_one_is_not_sent(stapled: Engine, version: str, time: int, *, sent: bool) -> None:
    """Clients may then ask somebody else, which they do not who have got an old one."""
    stapled.clock(time)
    assert status(answered(stapled, version)) == (STAPLE if sent else None)
    assert stapled.stapled() == sent


@every_version
def test_certificate_with_an_rsa_key(only_rsa: Engine, version: str) -> None:
    """Ahead of a signature that takes its time."""
    client = CLIENTS[version]()
    only_rsa.clock(NOW)
    only_rsa.staple(STAPLE)
    try:
        only_rsa.connect(sign_later=True)
        said = only_rsa.read(client.send(asking(client)))
        assert said.event == Event.SIGN
        client.receive(said.out)
        client.receive(only_rsa.sign().out)
    finally:
        only_rsa.staple(b"")
    assert status(client) == STAPLE


@every_version
@pytest.mark.parametrize(("chain", "staple"), [(15 * 1024 - 8192, 8192), (15 * 1024 - 1, 1), (100, 8192)])
def test_sizes(engine: Engine, identity: Identity, version: str, chain: int, staple: int) -> None:
    """As long as may be, in one record behind the hello; it belongs to the first."""
    client = CLIENTS[version]()
    parts = [bytes([7]) * 20, bytes(chain - 20 - 2 * 5)]
    try:
        engine.identity(parts, identity.secret)
        engine.staple(bytes(staple))
        engine.connect()
        said = engine.read(client.send(asking(client)))
    finally:
        engine.identity([identity.der], identity.secret)
        engine.staple(b"")
    assert said.event == Event.HUNGRY
    if version == "1.2":
        [(_, _, body)] = records(said.out)
        assert dict(messages(body))[11] == vector(b"".join(vector(part, 3) for part in parts), 3)
        assert dict(messages(body))[22] == b"\1" + vector(bytes(staple), 3)
    else:
        assert len(list(records(said.out))) == 3
        assert isinstance(client, tls_client.Client)
        with pytest.raises(ValueError, match="parsing asn1"):
            client.receive(said.out)
        assert client.statuses() == [bytes(staple), None]


def test_second_hello_is_the_one_that_counts(stapled: Engine) -> None:
    client = tls_client.Client(shares=())
    stapled.connect()
    client.receive(stapled.read(client.send(asking(client))).out)
    client.shares = (client.retry_group,)
    client.receive(stapled.read(client.send(asking(client))).out)
    assert status(client) == STAPLE


def test_session_that_goes_on_has_none(stapled: Engine) -> None:
    """Nor a certificate that it would be about."""
    stapled.tickets(KEY)
    try:
        client = answered(stapled, "1.3")
        assert isinstance(client, tls_client.Client)
        client.open(stapled.read(client.finish()).out)
        again = tls_client.Client()
        stapled.connect()
        again.receive(stapled.read(again.send(again.offer(asking(again), *client.tickets))).out)
        assert again.selected == 0
        assert not stapled.stapled()
    finally:
        stapled.tickets()


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=30), version=st.sampled_from(sorted(CLIENTS)))
def test_any_question(engine: Engine, body: bytes, version: str) -> None:
    """It is an answer or an alert, whatever is asked."""
    client = CLIENTS[version]()
    engine.connect()
    said = engine.read(client.send(asking(client, body)))
    assert said.event == Event.HUNGRY or said.alert == Alert.DECODE_ERROR


# Real clients.


class Serve:
    """A server with a certificate and its status, beside which commands of the tools tree are run."""

    def __init__(self, tools: ToolsTree, folder: Path) -> None:
        self.tools = tools
        self.folder = folder
        self.program = build(tools, "serve", [SUITES / "serve.c", SUITES / "crypto.c"])

    def __call__(self, root: Authority, certified: Certified, staple: bytes, command: str) -> str:
        """What it printed. `root` is trusted."""
        ders = [one.public_bytes(Encoding.DER) for one in (certified.certificate, *certified.issuers)]
        (self.folder / "chain").write_bytes(chain_of(ders))
        (self.folder / "key").write_bytes(certified.secret)
        (self.folder / "staple").write_bytes(staple)
        (self.folder / "ca.pem").write_text(root.pem)
        script = 'ip link set lo up; export STAPLE=staple; exec "$0" chain key timeout 60 sh -c "$1"'
        argv = sandbox.command(self.tools, ["sh", "-c", script, self.program, command], cwd=self.folder)
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        return done.stdout.decode(errors="replace")


@pytest.fixture(scope="module")
def serve(tools: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    return Serve(tools, tmp_path_factory.mktemp("tls"))


@every_version
def test_openssl(serve: Serve, version: str) -> None:
    root = Authority()
    certified = root.issue(NAME)
    client = (
        f"openssl s_client -connect 127.0.0.1:$PORT -servername {NAME} -CAfile ca.pem -tls{version.replace('.', '_')}"
    )
    output = serve(root, certified, root.status(certified), f"{client} -status </dev/null")
    assert "OCSP Response Status: successful (0x0)" in output
    assert "Cert Status: good" in output
    assert f"Serial Number: {certified.certificate.serial_number:X}" in output.replace(
        "Serial Number: 0", "Serial Number: "
    )
    output = serve(root, certified, root.status(certified), f"{client} </dev/null")
    assert "OCSP" not in output
    assert "Verify return code: 0 (ok)" in output


@every_version
def test_curl(serve: Serve, version: str) -> None:
    """It verifies what it gets: what is about another certificate it refuses."""
    root = Authority()
    below = Authority("below", above=root)
    certified = below.issue(NAME)
    options = (
        f"--silent --show-error --cacert ca.pem --resolve {NAME}:$PORT:127.0.0.1 --tls-max {version} --cert-status"
    )
    command = f'curl {options} https://{NAME}:$PORT/3; echo " is $?"'
    output = serve(root, certified, below.status(certified), command)
    assert "\0\0\0" in output
    assert " is 0" in output
    assert " is 91" in serve(root, certified, below.status(below.issue(NAME)), command)
