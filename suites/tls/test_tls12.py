"""Clients that know no better than TLS 1.2, and those that know better than to speak it."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest

from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.tls.otherwise import is_own_engine
from suites.traffic.certificates import Certified, authority
from suites.traffic.client import Client
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin
from suites.traffic.programs import Programs
from suites.traffic.tls import Tls, client_hello, trusting
from suites.traffic.tls_programs import OpenSsl

SENTINEL = b"DOWNGRD\x01"


def older() -> ssl.SSLContext:
    """The settings of a client that trusts the tests' authority and speaks TLS 1.2."""
    context = ssl.create_default_context(cadata=authority().pem)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


@pytest.fixture
def old(https: Dut, new_client: Callable[[], Client]) -> Client:
    """A client that speaks TLS 1.2 to the device."""
    assert https.config
    client = new_client()
    client.tls = Tls(older())
    return client


def test_request_is_served(old: Client, origin: Origin) -> None:
    origin.replies(Reply(200, b"hello"))
    with old.connect() as connection:
        assert connection.ask().body == b"hello"
        assert connection.secured.version() == "TLSv1.2"
        assert connection.secured.selected_alpn_protocol() == "http/1.1"


def test_many_requests_on_one_connection(old: Client) -> None:
    assert old.get("/", times=50).statuses == [200] * 50


@pytest.mark.parametrize("size", [1, 16_384, 100_000, 1_000_000])
def test_bodies_both_ways(old: Client, origin: Origin, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    origin.replies(Reply(200, body))
    assert old.request("POST", "/", body=body).body == body
    assert origin.last.body == body


@pytest.mark.parametrize("apart", [1, 100])
def test_handshake_in_small_segments(old: Client, apart: int) -> None:
    with old.connect(tls=Tls(older(), apart=apart)) as connection:
        assert connection.ask().status == 200


def test_half_closed_client_gets_its_answer(old: Client) -> None:
    with old.connect() as connection:
        connection.send(encode_request("GET", "/"))
        connection.half_close()
        assert connection.response().status == 200


def test_end_of_a_reply_is_told(old: Client, origin: Origin) -> None:
    origin.replies(Reply(200, b"all of it"))
    with old.connect() as connection:
        assert connection.ask(headers=[("Connection", "close")]).body == b"all of it"
        connection.expect_closed()


AES128, AES256, CHACHA = "AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
@pytest.mark.parametrize("cipher", [AES128, AES256, CHACHA])
@pytest.mark.parametrize("group", ["X25519:P-256", "P-256"])
def test_curl_by_suite_and_group(
    dut: Dut, origin: Origin, programs: Programs, kind: str, cipher: str, group: str
) -> None:
    certified = authority().issue("weir.test", kind="rsa" if kind == "rsa" else "ecdsa")
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)])
    origin.replies(Reply(200, b"x" * 40_000))
    address, port = dut.endpoint
    answer = programs.curl(
        "--cacert", str(programs.put("authority.pem", authority().pem)), "--tls-max", "1.2",
        "--ciphers", f"ECDHE-{kind.upper()}-{cipher}", "--curves", group,
        "--resolve", f"weir.test:{port}:{address}", f"https://weir.test:{port}/",
    )  # fmt: skip
    assert (answer.status, answer.errors, answer.output) == (0, "", b"x" * 40_000)


def test_downgrade_is_seen(old: Client) -> None:
    """A hello that offers TLS 1.2 alone gets a random number that says that more was to be had."""
    old.tls = None
    with old.connect() as connection:
        connection.send(client_hello(older()))
        answer = connection.wire.receive()
    assert answer[:3] == b"\x16\3\3"
    assert answer[5:11] == b"\2" + answer[6:9] + b"\3\3"
    assert answer[35:43] == SENTINEL


@pytest.mark.only("weir", reason="others' files are not written for it")
def test_only_tls_1_3(dut: Dut, old: Client, certified: Certified) -> None:
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)], tls_1_3=True)
    with pytest.raises(ssl.SSLError, match="protocol version"):
        old.connect()
    with old.connect(tls=Tls(trusting())) as connection:
        assert connection.ask().status == 200
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)])
    assert old.get("/").status == 200


def session_of(old: Client) -> ssl.SSLSession:
    """One that can go on; whoever shows it speaks with the same settings."""
    with old.connect() as connection:
        assert connection.ask().status == 200
        session = connection.secured.session
    assert session
    assert session.has_ticket
    return session


def goes_on(old: Client, session: ssl.SSLSession, name: str = "weir.test") -> bool:
    assert old.tls
    with old.connect(tls=Tls(old.tls.context, name=name, session=session)) as connection:
        assert connection.ask().status == 200
        return bool(connection.secured.session_reused)


def test_session_goes_on(old: Client, https: Dut) -> None:
    session = session_of(old)
    before = https.statistics
    assert [goes_on(old, session) for _ in range(3)] == [True] * 3
    if https.name == "weir":
        counted = https.statistics - before
        assert counted["tls_resumptions"] == counted["tls_handshakes"] == 3


def test_session_is_for_the_same_name(old: Client) -> None:
    session = session_of(old)
    assert not goes_on(old, session, "www.weir.test")
    assert goes_on(old, session)


@pytest.mark.only("weir", reason="its keys outlive its configuration")
def test_session_outlives_the_configuration(https: Dut, old: Client) -> None:
    """As long as the name has a certificate, and TLS 1.2 is spoken."""
    session = session_of(old)
    https.apply(listeners=[], https=[HTTPS], certificates=[configured(authority().issue("weir.test"))])
    assert goes_on(old, session)
    https.apply(listeners=[], https=[HTTPS], certificates=[configured(authority().issue("weir.test", kind="rsa"))])
    # mbed TLS goes on with a suite only where there is a certificate for it.
    assert goes_on(old, session) == is_own_engine(https)
    other = configured(authority().issue("other.test"))
    https.apply(listeners=[], https=[HTTPS], certificates=[other], refuse_unknown_names=True)
    with pytest.raises(ssl.SSLError, match="unrecognized name"):
        goes_on(old, session)


def test_sessions_that_go_on_are_not_limited(https: Dut, old: Client, certified: Certified) -> None:
    """They cost no work with public keys."""
    session = session_of(old)
    limits = {"tls_handshake_rate": 1}
    https.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)], limits=limits)
    assert [goes_on(old, session) for _ in range(4)] == [True] * 4


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_openssl_comes_again(dut: Dut, origin: Origin, programs: Programs, kind: str) -> None:
    """By a file."""
    certified = authority().issue("weir.test", kind="rsa" if kind == "rsa" else "ecdsa")
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)])
    origin.replies(Reply(200, b"hello"))
    client = OpenSsl(programs, dut.endpoint)
    answer, resumed = client.ask_again("1.2")
    assert resumed, answer.text
    assert b"hello" in answer.output
    assert "Extended master secret: yes" in answer.text


def test_extended_master_secret_that_is_dropped(https: Dut, programs: Programs) -> None:
    """RFC 7627, section 5.3: the handshake ends."""
    client = OpenSsl(programs, https.endpoint)
    client.say("-tls1_2", "-sess_out", "session.pem")
    answer = client.say("-tls1_2", "-sess_in", "session.pem", "-no_ems")
    assert answer.status != 0
    assert "SSL alert number 47" in answer.text
    assert b"HTTP/1.1" not in answer.output


def test_openssl_reconnects(https: Dut, programs: Programs) -> None:
    """Five times."""
    answer = OpenSsl(programs, https.endpoint).say("-tls1_2", "-reconnect")
    assert answer.text.count("Reused, TLSv1.2") == 5, answer.text


def test_change_of_keys_that_comes_too_early(old: Client) -> None:
    """CVE-2014-0224: an alert, and the end."""
    old.tls = None
    with old.connect() as connection:
        connection.send(client_hello(older()) + b"\x14\3\3\0\1\1")
        assert connection.rest().endswith(b"\x15\3\3\0\2\2\x0a")


def test_everything_is_given_back(https: Dut, old: Client, certified: Certified) -> None:
    assert certified
    https.wait_for_upstreams()
    before = https.statistics["memory_bytes"]
    for _ in range(10):
        assert old.get("/", times=3).statuses == [200] * 3
    plain, old.tls = old.tls, None
    for _ in range(10):
        with old.connect() as connection:
            connection.send(client_hello(older()))
            assert connection.wire.receive()
    old.tls = plain
    https.adapter.settle()
    https.wait_for_statistic("memory_bytes", before)
