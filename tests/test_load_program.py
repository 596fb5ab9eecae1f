"""The load program against peers that behave and peers that do not: only what was expected may pass.

Each case runs this file once more in a network namespace of its own, where it is the peer.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
BODY = b"x" * 1024
GOOD = b"HTTP/1.1 200 OK\r\nvia: 1.1 weir\r\ncontent-length: 1024\r\n\r\n" + BODY
TARGET = ("127.0.0.1", 8080)
PARTS = 5
COURSE = ["--warm-up=2", "--count=3"]
ASKED = 2 + PARTS * 3


def answering(reply: bytes, *, piece: int = 1 << 20, close: bool = False, after: int = 0) -> Callable[[], None]:
    """A peer that gives each request `reply` in pieces; the first `after` requests get GOOD."""

    def serve(listener: socket.socket) -> None:
        served = 0
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                pending = b""
                while chunk := connection.recv(65536):
                    pending += chunk
                    while (end := pending.find(b"\r\n\r\n")) >= 0:
                        pending = pending[end + 4 :]
                        given = GOOD if served < after else reply
                        served += 1
                        for start in range(0, len(given), piece):
                            connection.sendall(given[start : start + piece])
                        if close:
                            break
                    if close:
                        break

    def start() -> None:
        listener = socket.create_server(TARGET)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()

    return start


def refusing(after: int, *, in_order: bool = False) -> Callable[[], None]:
    """A peer that serves the first `after` connections, and ends each later one when its request has come."""

    def serve(listener: socket.socket) -> None:
        for number in itertools.count():
            connection, _ = listener.accept()
            with contextlib.suppress(ConnectionResetError):
                asked = connection.recv(65536)
                if asked and number < after:
                    connection.sendall(GOOD)
                    connection.recv(65536)
                elif asked and not in_order:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    def start() -> None:
        listener = socket.create_server(TARGET)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()

    return start


CERTIFICATES = Path(__file__).resolve().parent.parent / "suites/performance/certificates"


def secured(
    kind: str = "ecdsa",
    *,
    reply: bytes = GOOD,
    asked: bool = True,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    curve: str = "",
    protocol: str = "http/1.1",
    tickets: int = 2,
    forgets: bool = False,
    rude: bool = False,
) -> Callable[[], None]:
    """A peer in TLS, that answers requests, or closes once the client does, with its own close_notify or (`rude`) by a
    reset. `forgets`: no session is resumed.
    """

    def context() -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(CERTIFICATES / f"{kind}.pem", CERTIFICATES / f"{kind}.key")
        made.minimum_version = made.maximum_version = version
        made.set_alpn_protocols([protocol])
        made.num_tickets = tickets
        if curve:
            made.set_ecdh_curve(curve)
        return made

    def serve(listener: socket.socket) -> None:
        shared = context()
        while True:
            plain, _ = listener.accept()
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                with (context() if forgets else shared).wrap_socket(plain, server_side=True) as connection:
                    pending = b""
                    while chunk := connection.recv(65536):
                        pending += chunk
                        if asked and pending.endswith(b"\r\n\r\n"):
                            connection.sendall(reply)
                            pending = b""
                    if rude:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    else:
                        connection.unwrap()
            except OSError:
                plain.close()

    def start() -> None:
        listener = socket.create_server(TARGET)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()

    return start


PEERS: dict[str, Callable[[], None]] = {
    "good": answering(GOOD),
    "in pieces": answering(GOOD, piece=100),
    "closes": answering(GOOD, close=True),
    "wrong status": answering(GOOD.replace(b"200 OK", b"502 Bad Gateway"), after=5),
    "short body": answering(GOOD.replace(b"1024", b"1023")[:-1], after=5),
    "cut": answering(GOOD[:-1], close=True),
    "long": answering(GOOD + b"y", after=5),
    "chunked": answering(b"HTTP/1.1 200 OK\r\nvia: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    "no length": answering(b"HTTP/1.1 200 OK\r\nvia: a\r\n\r\n"),
    "no via": answering(GOOD.replace(b"via", b"vie"), after=5),
    "interim": answering(b"HTTP/1.1 103 Early Hints\r\n\r\n" + GOOD),
    "not HTTP": answering(b"hello, world\r\n\r\n"),
    "resets": refusing(2),
    "closes at once": refusing(2, in_order=True),
    "serves all": refusing(ASKED),
    "is not there": lambda: None,
    "TLS": secured(),
    "TLS by RSA": secured("rsa"),
    "TLS 1.2": secured(version=ssl.TLSVersion.TLSv1_2),
    "TLS with P-256": secured(curve="prime256v1"),
    "TLS of another protocol": secured(protocol="h2"),
    "TLS that forgets": secured(forgets=True),
    "TLS without tickets": secured(tickets=0),
    "TLS that resets": secured(rude=True),
    "TLS with a short body": secured(reply=GOOD[:-1].replace(b"1024", b"1023")),
    "limited": answering(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\nno", after=1),
}


@pytest.fixture(scope="session")
def program() -> Path:
    from lab.cache import Cache
    from lab.lock import Lock
    from lab.tools import ensure_tools
    from suites.performance.program import ensure_load_program

    cache = Cache()
    return ensure_load_program(cache, ensure_tools(cache, Lock.load()))


pytestmark = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="the load program keeps to the second CPU")


def run(program: Path, peer: str, tmp_path: Path, *options: str, request: bytes = GET) -> tuple[int, dict[str, Any]]:
    """The load program's exit status, and what it printed."""
    sent = tmp_path / "request"
    sent.write_bytes(request)
    argv = [str(program), "client", "--target=127.0.0.1:8080", f"--request={sent}", *COURSE, *options]
    return outcome([sys.executable, __file__, peer, *argv], "load")


def outcome(argv: list[str], who: str) -> tuple[int, dict[str, Any]]:
    """Run in namespaces of its own; the status, and the last line that begins with `who`."""
    namespaces = ["unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"]
    done = subprocess.run([*namespaces, *argv], capture_output=True, text=True, timeout=60, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(f"{who}: ")]
    assert lines, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(lines[-1].partition(" ")[2])
    return done.returncode, report


@pytest.mark.parametrize("peer", ["good", "in pieces"])
def test_counts_what_came(program: Path, tmp_path: Path, peer: str) -> None:
    status, report = run(program, peer, tmp_path, "--body=1024", "--field=via")
    assert status == 0
    assert report["status"] == {"200": ASKED}
    assert (report["requests"], report["bytes"], report["errors"]) == (ASKED, ASKED * 1024, 0)
    assert report["connections"] == 1


def test_volleys(program: Path, tmp_path: Path) -> None:
    status, report = run(program, "in pieces", tmp_path, "--replies=16", request=GET * 16)
    assert (status, report["requests"]) == (0, 16 * ASKED)


def test_new_connection_for_each_request(program: Path, tmp_path: Path) -> None:
    status, report = run(program, "closes", tmp_path, "--fresh")
    assert (status, report["requests"], report["connections"]) == (0, ASKED, ASKED)


@pytest.mark.parametrize(
    ("peer", "problem"),
    [
        ("wrong status", "status 502 instead of 200"),
        ("short body", "a body of 1023 bytes instead of 1024"),
        ("cut", "closed inside or before a reply"),
        # Reset if the next request reached the peer before its end was seen.
        ("closes", "closed inside or before a reply|Connection reset by peer"),
        ("long", "bytes after the last reply"),
        ("chunked", "it has a transfer coding"),
        ("no length", "without Content-Length"),
        ("no via", "without the field via"),
        ("interim", "without Content-Length, status 103"),
        ("not HTTP", "not a status line"),
        ("limited", "status 429 instead of 200"),
    ],
)
def test_surprise_ends_the_run(program: Path, tmp_path: Path, peer: str, problem: str) -> None:
    status, report = run(program, peer, tmp_path, "--body=1024", "--field=via")
    assert status == 1
    assert report["errors"] == 1
    assert re.search(problem, report["problem"])
    assert report["requests"] < ASKED


def test_another_status_so_many_times(program: Path, tmp_path: Path) -> None:
    status, report = run(program, "limited", tmp_path, "--status=429", "--also=200", "--at-most=1")
    assert (status, report["status"]) == (0, {"200": 1, "429": ASKED - 1})


def test_another_status_once_too_often(program: Path, tmp_path: Path) -> None:
    status, report = run(program, "wrong status", tmp_path, "--status=502", "--also=200", "--at-most=4")
    assert status == 1
    assert "status 200 instead of 502" in report["problem"]


@pytest.mark.parametrize(
    ("peer", "served"), [("resets", 2), ("closes at once", 2), ("is not there", 0)], ids=lambda value: str(value)
)
def test_connections_that_are_refused(program: Path, tmp_path: Path, peer: str, served: int) -> None:
    status, report = run(program, peer, tmp_path, "--refused", "--status=429", "--also=200", "--at-most=2")
    assert (status, report["requests"], report["refused"]) == (0, served, ASKED - served)


@pytest.mark.parametrize("peer", ["resets", "serves all"])
def test_connections_that_should_have_been_refused(program: Path, tmp_path: Path, peer: str) -> None:
    status, report = run(program, peer, tmp_path, "--refused", "--status=429", "--also=200", "--at-most=1")
    assert status == 1
    assert "status 200 instead of 429" in report["problem"]


def test_connections_that_the_client_resets(program: Path, tmp_path: Path) -> None:
    status, report = run(program, "resets", tmp_path, "--leave")
    assert (status, report["left"], report["connections"], report["requests"]) == (0, ASKED, ASKED, 0)


IN_TLS = ("--server-name=www.example.com", f"--chain={CERTIFICATES}/ecdsa.pem")


@pytest.mark.parametrize(
    ("peer", "options"),
    [
        ("TLS", ["--group=X25519"]),
        ("TLS", ["--group=P-256"]),
        ("TLS", ["--group=X25519", "--resume"]),
        ("TLS with P-256", ["--group=P-256", "--resume"]),
        ("TLS by RSA", ["--group=X25519", f"--chain={CERTIFICATES}/rsa.pem"]),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:2]).partition("/")[0],
)
def test_handshakes(program: Path, tmp_path: Path, peer: str, options: list[str]) -> None:
    status, report = run(program, peer, tmp_path, *IN_TLS, *options, "--handshakes")
    assert (status, report["handshakes"], report["requests"]) == (0, ASKED, 0)
    assert report["connections"] == ASKED + ("--resume" in options)


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_requests_in_tls(program: Path, tmp_path: Path, resume: list[str]) -> None:
    status, report = run(program, "TLS", tmp_path, *IN_TLS, "--group=X25519", *resume, "--body=1024", "--field=via")
    assert (status, report["requests"], report["bytes"]) == (0, ASKED, ASKED * 1024)
    assert report["connections"] == 1 + len(resume)


@pytest.mark.parametrize(
    ("peer", "options", "problem"),
    [
        ("serves all", [], "no handshake: wrong version number"),
        ("TLS 1.2", [], "no handshake: .*protocol version"),
        ("TLS with P-256", [], "no handshake: .*handshake failure"),
        ("TLS by RSA", [], "certificate 1 is another"),
        ("TLS of another protocol", [], "the protocol is not http/1.1"),
        ("TLS without tickets", ["--resume"], "no session to resume"),
        ("TLS that forgets", ["--resume"], "the session was not resumed"),
        ("TLS that resets", [], "the connection was not closed in order"),
    ],
)
def test_handshakes_that_are_not_as_offered(
    program: Path, tmp_path: Path, peer: str, options: list[str], problem: str
) -> None:
    status, report = run(program, peer, tmp_path, *IN_TLS, "--group=X25519", "--handshakes", *options)
    assert (status, report["errors"], report["handshakes"]) == (1, 1, 0)
    assert re.search(problem, report["problem"])


def test_wrong_replies_in_tls(program: Path, tmp_path: Path) -> None:
    status, report = run(program, "TLS with a short body", tmp_path, *IN_TLS, "--group=X25519", "--body=1024")
    assert status == 1
    assert "a body of 1023 bytes" in report["problem"]


def test_idle_connection_that_is_closed(program: Path, tmp_path: Path) -> None:
    sent = tmp_path / "request"
    sent.write_bytes(GET)
    argv = [str(program), "idle", "--target=127.0.0.1:8080", f"--request={sent}", "--connections=3", "--body=1024"]
    argv += ["--warm-up=0", "--count=0"]
    assert outcome([sys.executable, __file__, "closes", *argv], "load")[1]["errors"] == 1


VIA = b"Via: 1.1 weir\r\n"


@pytest.mark.parametrize(
    ("request_", "ok"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + VIA + b"\r\n", True),
        (b"POST / HTTP/1.1\r\nHost: a\r\n" + VIA + b"Content-Length: 300000\r\n\r\n" + b"z" * 300000, True),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", False),
    ],
    ids=["get", "post", "without Via"],
)
def test_origin_wants_the_fields_of_a_proxy(program: Path, tmp_path: Path, request_: bytes, ok: bool) -> None:
    """The program's own client and origin: with all fields each request is served, without one the first fails."""
    sent = tmp_path / "request"
    sent.write_bytes(request_)
    pid = tmp_path / "pid"
    script = (
        f"ip link set lo up; {program} origin --listen=127.0.0.1:8080 --body=70000 --field=host --field=via"
        f" --pid-file={pid}; {program} client --target=127.0.0.1:8080 --request={sent} --body=70000 --count=3;"
        f" status=$?; pid=$(cat {pid}); kill -TERM $pid; while kill -0 $pid 2>/dev/null; do sleep 0.01; done;"
        " exit $status"
    )
    status, report = outcome(["sh", "-c", script], "origin")
    assert status == (0 if ok else 1)
    assert report["errors"] == (0 if ok else 1)
    if ok:
        body = len(request_.partition(b"\r\n\r\n")[2])
        assert (report["requests"], report["bytes"]) == (100 + 15, (100 + 15) * body)
    else:
        assert "without via" in report["problem"]


def _main(peer: str, argv: list[str]) -> int:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    PEERS[peer]()
    return subprocess.run(argv, check=False).returncode


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2:]))
