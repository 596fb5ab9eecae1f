"""Handshakes, and what is asked and answered behind them."""

from __future__ import annotations

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


def test_request_is_served(secure: Client, origin: Origin) -> None:
    origin.replies(Reply(200, b"hello"))
    with secure.connect() as connection:
        assert connection.ask().body == b"hello"
        assert connection.secured.version() == "TLSv1.3"
        assert connection.secured.selected_alpn_protocol() == "http/1.1"


def test_many_requests_on_one_connection(secure: Client) -> None:
    assert secure.get("/", times=50).statuses == [200] * 50


@pytest.mark.parametrize("size", [0, 1, 1000, 16_000, 16_384, 100_000, 1_000_000])
def test_bodies_both_ways(secure: Client, origin: Origin, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    origin.replies(Reply(200, body))
    assert secure.request("POST", "/", body=body).body == body
    assert origin.last.body == body


@pytest.mark.parametrize("apart", [1, 7, 100])
def test_handshake_in_small_segments(secure: Client, apart: int) -> None:
    with secure.connect(tls=Tls(trusting(), apart=apart)) as connection:
        assert connection.ask().status == 200


def test_end_of_a_reply_is_told(secure: Client, origin: Origin) -> None:
    """Nothing can be cut off unnoticed: a close_notify is the end, and a FIN without one none."""
    origin.replies(Reply(200, b"all of it"))
    with secure.connect() as connection:
        assert connection.ask(headers=[("Connection", "close")]).body == b"all of it"
        connection.expect_closed()


def test_idle_connection_is_ended_with_a_close_notify(https: Dut, secure: Client, certified: Certified) -> None:
    https.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)], timeouts={"keepalive": 0.2})
    with secure.connect() as connection:
        assert connection.ask().status == 200
        connection.expect_closed()


def test_half_closed_client_gets_its_answer(secure: Client) -> None:
    """And then the device's end, in order."""
    with secure.connect() as connection:
        connection.send(encode_request("GET", "/"))
        connection.half_close()
        assert connection.response().status == 200
        connection.expect_closed()
        assert not connection.was_reset


def test_silent_client_is_given_up(https: Dut, secure: Client, certified: Certified) -> None:
    https.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)], timeouts={"client_header": 0.3})
    secure.tls = None
    with secure.connect() as connection:
        connection.send(b"\x16\x03\x01\x02\x00\x01\x00")
        connection.expect_closed()
        assert connection.was_reset


def test_plain_http_is_answered_with_an_alert(secure: Client) -> None:
    secure.tls = None
    with secure.connect() as connection:
        connection.send(encode_request("GET", "/"))
        assert connection.rest()[:1] == b"\x15"


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"])
@pytest.mark.parametrize("group", ["X25519", "P-256"])
def test_curl_by_suite_and_group(https: Dut, origin: Origin, programs: Programs, suite: str, group: str) -> None:
    origin.replies(Reply(200, b"x" * 40_000))
    address, port = https.endpoint
    answer = programs.curl(
        "--cacert", str(programs.put("authority.pem", authority().pem)), "--tlsv1.3", "--tls13-ciphers", suite,
        "--curves", group, "--resolve", f"weir.test:{port}:{address}", f"https://weir.test:{port}/",
    )  # fmt: skip
    assert (answer.status, answer.errors, answer.output) == (0, "", b"x" * 40_000)


def test_servers_learn_that_it_was_https(secure: Client, origin: Origin) -> None:
    assert secure.get("/").status == 200
    assert origin.last.fields.all("X-Forwarded-Proto") == ["https"]


def test_uploads_in_chunks(secure: Client, origin: Origin) -> None:
    assert secure.request("POST", "/", chunks=[bytes(5000)] * 40).status == 200
    assert origin.last.body == bytes(200_000)


def test_everything_is_given_back(https: Dut, secure: Client, new_client: Callable[[], Client]) -> None:
    """Handshakes that end, and such that do not, in all their stages."""
    https.wait_for_upstreams()
    before = https.statistics["memory_bytes"]
    hello, plain = client_hello(), new_client()
    for cut in range(0, len(hello), 40):
        with plain.connect() as connection:
            connection.send(hello[:cut])
    for _ in range(10):
        assert secure.get("/", times=3).statuses == [200] * 3
    https.adapter.settle()
    https.wait_for_statistic("memory_bytes", before)


def test_what_a_connection_holds(
    https: Dut, secure: Client, new_client: Callable[[], Client], certified: Certified
) -> None:
    """An idle one next to nothing, one in its handshake some more, a silent one no more than without TLS.

    With mbed TLS both hold its buffers for two records. All is given back, to the byte. All have time until the last
    one is as far.
    """
    count = 50
    patient = {"client_header": 60.0, "keepalive": 120.0}
    https.apply(listeners=[], https=[HTTPS], certificates=[configured(certified)], timeouts=patient)
    https.wait_for_upstreams()
    plain, hello = new_client(), client_hello()
    before = https.statistics["memory_bytes"]

    def held() -> float:
        return (https.statistics["memory_bytes"] - before) / count

    silent = [plain.connect() for _ in range(count)]
    https.wait_for_statistic("connections_active", count)
    nothing = held()
    for connection in silent:
        connection.send(hello)
    for connection in silent:
        assert connection.wire.receive()
    handshake = held()
    plain.close()
    https.adapter.settle()
    done = https.statistics["tls_handshakes"]
    connections = [secure.connect() for _ in range(count)]
    https.wait_for_statistic("tls_handshakes", done + count)
    fresh = held()
    for connection in connections:
        assert connection.ask().status == 200
    idle = held()
    print(
        f"bytes a connection: {nothing:.0f} silent, {handshake:.0f} in its handshake, {fresh:.0f} and {idle:.0f} idle"
    )
    if is_own_engine(https):
        assert fresh - nothing < 2048
        assert idle - nothing < 2048
        assert handshake - nothing < 24 * 1024
    else:
        assert min(fresh, idle) - nothing > 64 * 1024
        assert max(fresh, idle) < handshake < nothing + 128 * 1024
    secure.close()
    https.adapter.settle()
    https.wait_for_statistic("memory_bytes", before)
