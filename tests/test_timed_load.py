"""Load generators of the timed suite: what is read out of their reports, and our own against a server on loopback."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.errors import InfrastructureError
from suites.performance.timed import h2load, hold, honest, mute, wrk

LOOPBACK = "127.0.0.1"
BODY = b"x" * 1024
SERVED = b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n" + BODY
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def server(reply: bytes, *, delay: float = 0.0) -> Iterator[int]:
    """Answers every request on every connection with these bytes; its port. An empty reply closes the connection."""
    listener = socket.create_server((LOOPBACK, 0), backlog=512)
    ended = threading.Event()

    def serve(link: socket.socket) -> None:
        with link:
            while data := link.recv(65536):
                if b"\r\n\r\n" in data:
                    time.sleep(delay)
                    if not reply:
                        return
                    link.sendall(reply)

    def accept() -> None:
        while not ended.is_set():
            try:
                link, _peer = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(link,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def ask(port: int, *, rate: float = 100.0, seconds: float = 0.3, patience: float = 2.0) -> honest.Report:
    return honest.ask(
        (LOOPBACK, port), path="/1k", body=len(BODY), sources=[LOOPBACK], rate=rate, seconds=seconds, patience=patience
    )


def test_honest_clients_are_served() -> None:
    with server(SERVED) as port:
        report = ask(port)
    assert (report.sent, report.served, report.failed) == (30, 30, 0)
    assert report.goodput == pytest.approx(100.0)


def test_a_refusal_is_no_goodput() -> None:
    with server(REFUSED) as port:
        report = ask(port)
    assert report.served == 0
    assert report.others == {"429": 30}


def test_a_short_body_is_no_goodput() -> None:
    with server(SERVED[:-1]) as port:
        report = ask(port, patience=0.5)
    assert (report.served, sum(report.lost.values())) == (0, 30)


def test_a_closed_connection_and_a_closed_port_are_told_apart() -> None:
    with server(b"") as port:
        assert ask(port).lost == {"closed early": 30}
    assert ask(port).lost == {"Connection refused": 30}


def test_patience_ends_and_latency_counts_from_when_a_request_was_due() -> None:
    with server(SERVED, delay=0.2) as port:
        report = ask(port)
    # Far apart: who wakes behind both has a late reply, which is another reason.
    with server(SERVED, delay=2.0) as port:
        late = ask(port, patience=0.1)
    assert min(report.latencies_us) >= 200_000
    assert (late.served, late.lost) == (0, {"no reply in time": 30})


def test_connections_are_held_and_let_go() -> None:
    with (
        server(SERVED) as port,
        hold.held(
            (LOOPBACK, port), mode="idle", count=200, sources=[LOOPBACK], path="/1k", body=1024, seconds=20.0
        ) as held,
    ):
        assert (held.open, held.failed) == (200, 0)


def test_connections_that_do_not_come_to_stand_are_counted() -> None:
    with (
        server(REFUSED) as port,
        hold.held((LOOPBACK, port), mode="idle", count=10, sources=[LOOPBACK], path="/1k", body=1024) as held,
    ):
        assert (held.open, held.failed) == (0, 10)
        assert held.reasons == {"HTTP/1.1 429 Too Many Requests": 10}


def test_many_connections_take_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "PER_PROCESS", 40)
    with (
        server(SERVED) as port,
        hold.held((LOOPBACK, port), mode="silent", count=100, sources=[LOOPBACK, "127.0.0.2"], seconds=20.0) as held,
    ):
        assert (held.open, held.failed) == (100, 0)


def test_a_silent_origin_takes_requests_and_says_how_many() -> None:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    with (
        mute.listening([LOOPBACK], port) as silent,
        hold.held((LOOPBACK, port), mode="active", count=50, sources=[LOOPBACK], seconds=20.0) as held,
    ):
        assert held.open == 50
        silent.wait_for(50, seconds=5.0)
        assert silent.asked() == 50
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((LOOPBACK, port), timeout=1.0)


WRK = {"requests": 10, "bytes": 100, "duration_us": 2_000_000, "connect": 1, "read": 2, "write": 0, "timeout": 3}


def test_silent_origins_take_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mute, "ADDRESSES_EACH", 1)
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    with mute.listening([LOOPBACK, "127.0.0.2"], port) as silent:
        links = [socket.create_connection((address, port)) for address in (LOOPBACK, "127.0.0.2")]
        for link in links:
            link.sendall(b"GET / HTTP/1.1\r\n\r\n")
        silent.wait_for(2, seconds=5.0)
        for link in links:
            link.close()


def test_wrk_report() -> None:
    report = wrk.parse(f"Running 2s test\nnoise\n{wrk.MARK}{json.dumps(WRK | {'status': 4})}\n")
    assert (report.requests, report.seconds, report.rate, report.refused, report.broken) == (10, 2.0, 5.0, 4, 6)


def test_wrk_without_a_report_is_the_labs_failure() -> None:
    with pytest.raises(InfrastructureError, match="no report of ours: unable to connect"):
        wrk.parse("unable to connect to 10.77.0.2:80")


H2LOAD = "finished in 2.00s\nrequests: 4 total, 4 started, 4 done, {} succeeded, {} failed, {} errored, {} timeout\n"


def test_h2load_report() -> None:
    log = "1700000000000000\t200\t1500\n1700000000250000\t200\t2500\n"
    report = h2load.parse(H2LOAD.format(2, 0, 0, 0), log, rate=8.0, connections=2, status=200)
    assert (report.requests, report.failed) == (2, 0)
    assert report.latencies.get_total_count() == 2


@pytest.mark.parametrize(
    ("log", "counts", "failed"),
    [
        ("1\t200\t10\n2\t503\t10\n", (2, 0, 0, 0), 1),  # a reply of another status is a success to h2load
        ("1\t200\t10\n2\t-1\t10\n", (1, 1, 0, 0), 1),
        ("1\t200\t10\n2\t-1\t10\n", (1, 0, 0, 0), 0),  # under way when the time was over
        ("1\t200\t10\n", (1, 1, 1, 1), 3),  # lost without a line in the log
    ],
)
def test_h2load_failures(log: str, counts: tuple[int, int, int, int], failed: int) -> None:
    report = h2load.parse(H2LOAD.format(*counts), log, rate=8.0, connections=2, status=200)
    assert report.failed == failed
    assert report.latencies.get_total_count() == 1


def test_h2load_corrects_for_what_a_waiting_connection_did_not_send() -> None:
    """Two connections, 8 requests a second: each sends one every 250 ms, and one waited for a whole second."""
    log = "1\t200\t1000000\n"
    report = h2load.parse(H2LOAD.format(1, 0, 0, 0), log, rate=8.0, connections=2, status=200)
    assert report.latencies.get_total_count() == 4


def test_h2load_without_a_report_is_the_labs_failure() -> None:
    with pytest.raises(InfrastructureError, match="no report"):
        h2load.parse("starting benchmark...\n", "", rate=1.0, connections=1, status=200)


def test_the_target_of_a_request() -> None:
    assert h2load.target(b"GET /1k HTTP/1.1\r\nHost: a\r\n\r\n") == "/1k"
