"""Real clients and a real origin: what the scripted ones say of the protocol, these say of practice."""

from __future__ import annotations

import hashlib

import pytest

from lab import speed
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import Reply
from suites.traffic.origin import Origin
from suites.traffic.programs import Programs

BODY = hashlib.sha256(b"file").digest() * 40_000  # 1.28 MB


@pytest.fixture
def url(dut: Dut) -> str:
    address, port = dut.endpoint
    return f"http://{address}:{port}"


def test_curl_get(url: str, origin: Origin, client: Client, programs: Programs) -> None:
    origin.replies(Reply(200, BODY))
    answer = programs.curl(f"{url}/file", source=client.address)
    assert (answer.status, answer.output) == (0, BODY)
    assert origin.last.fields["x-forwarded-for"] == client.address


def test_curl_many_urls_on_one_connection(url: str, origin: Origin, client: Client, programs: Programs) -> None:
    answer = programs.curl(
        *[f"{url}/{n}" for n in range(10)], "--write-out", "%{http_code} %{num_connects}\n", source=client.address
    )
    assert answer.output.decode().split() == ["200", "1", *["200", "0"] * 9]
    assert origin.requests == 10


@pytest.mark.parametrize("mode", ["length", "chunked", "expect"])
def test_curl_upload(url: str, origin: Origin, client: Client, programs: Programs, mode: str) -> None:
    origin.behaves(lambda visit: Reply(200, hashlib.sha256(visit.request.body).hexdigest().encode()))
    options = {
        "length": ["--header", "Expect:"],
        "chunked": ["--header", "Transfer-Encoding: chunked", "--header", "Expect:"],
        "expect": ["--header", "Expect: 100-continue", "--expect100-timeout", "0.2"],
    }[mode]
    answer = programs.curl("--data-binary", "@-", *options, f"{url}/up", input=BODY, source=client.address)
    assert answer.output == hashlib.sha256(BODY).hexdigest().encode(), answer.errors


def test_curl_head(url: str, origin: Origin, client: Client, programs: Programs) -> None:
    origin.replies(Reply(200, declared_length=1234))
    answer = programs.curl("--head", url, source=client.address)
    assert answer.status == 0
    assert b"Content-Length: 1234" in answer.output


def test_curl_1_0(url: str, origin: Origin, client: Client, programs: Programs) -> None:
    origin.replies(Reply(200, BODY))
    answer = programs.curl("--http1.0", url, source=client.address)
    assert (answer.status, answer.output) == (0, BODY)


def test_nginx_as_origin(dut: Dut, client: Client, programs: Programs) -> None:
    """Ranges, validators and compression are between client and origin; the proxy leaves them alone."""
    endpoint = programs.nginx_origin("10.77.2.251", {"a.txt": BODY, "b.txt": b"small"})
    dut.apply(servers=[Server(endpoint)])
    address, port = dut.endpoint
    url = f"http://{address}:{port}"
    assert programs.curl(f"{url}/a.txt", source=client.address).output == BODY
    assert programs.curl("--range", "100-299", f"{url}/a.txt", source=client.address).output == BODY[100:300]
    assert programs.curl("--compressed", f"{url}/a.txt", source=client.address).output == BODY
    first = client.get("/b.txt")
    again = client.get("/b.txt", headers=[("If-None-Match", first.fields["etag"])])
    assert (first.body, again.status, again.body) == (b"small", 304, b"")
    assert client.get("/none").status == 404


def test_wrk_without_one_failure(dut: Dut, client: Client, programs: Programs) -> None:
    endpoint = programs.nginx_origin("10.77.2.252", {"k.txt": b"k" * 1000})
    dut.apply(servers=[Server(endpoint, connections=16)])
    address, port = dut.endpoint
    report = programs.wrk(f"http://{address}:{port}/k.txt", connections=32, seconds=2)
    assert report.requests > 200 / speed.factor(), report.text
    assert (report.non_2xx, report.socket_errors) == (0, 0), report.text
    assert client.get("/k.txt").body == b"k" * 1000


def test_wrk_with_a_new_connection_for_each_request(dut: Dut, programs: Programs) -> None:
    endpoint = programs.nginx_origin("10.77.2.253", {"k.txt": b"k" * 100})
    dut.apply(servers=[Server(endpoint, connections=8)])
    address, port = dut.endpoint
    url = f"http://{address}:{port}/k.txt"
    report = programs.wrk(url, connections=8, seconds=3, headers=("Connection: close",))
    assert report.requests > 50 / speed.factor(), report.text
    assert (report.non_2xx, report.socket_errors) == (0, 0), report.text
