"""`python -m tests.tls_cost`: what handshakes cost the engine, in instructions, by the host's valgrind.

All of tls_server_read() is counted and nothing else, and a fingerprint by itself, which nobody asks for there. The
first connections, in which OpenSSL makes what it makes once, are taken off: what is printed is the difference between
four connections and two, halved.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab.cache import Cache
from lab.lock import Lock
from lab.tools import ensure_tools
from tests import tls_12_client
from tests.fingerprints import hello_of
from tests.oracle import Oracle
from tests.test_tls_engine import NAME, make_identity
from tests.tls_client import P256, X25519, Client, Ticket
from tests.tls_programs import STATIC, STATIC_LIBRARIES, SUITES, Engine, build

KEY = bytes(range(48))


def connect(engine: Engine, group: int, ticket: Ticket | None = None) -> Client:
    """A handshake."""
    client = Client(groups=(group,), shares=(group,))
    hello = client.hello()
    engine.connect()
    client.receive(engine.read(client.send(client.offer(hello, ticket) if ticket else hello)).out)
    client.open(engine.read(client.finish()).out)
    assert engine.resumed() == bool(ticket)
    return client


def full(engine: Engine, times: int, group: int) -> None:
    """No session goes on."""
    engine.tickets()
    for _ in range(times):
        connect(engine, group)


def with_ticket(engine: Engine, times: int, group: int) -> None:
    """Each client gets a ticket."""
    for _ in range(times):
        connect(engine, group)


def resumed(engine: Engine, times: int, group: int) -> None:
    """The session goes on with each ticket."""
    [ticket] = connect(engine, group).tickets
    for _ in range(times):
        [ticket] = connect(engine, group, ticket).tickets


def connect_12(engine: Engine, group: int, session: tls_12_client.Session | None = None) -> tls_12_client.Session:
    """A handshake of TLS 1.2; the session can go on."""
    client = tls_12_client.Client(group, session=session, tickets=True)
    engine.connect()
    client.receive(engine.read(client.send(client.hello())).out)
    client.receive_finish(engine.read(client.finish()).out)
    assert engine.resumed() == bool(session)
    found = client.given or session
    assert found
    return found


def full_12(engine: Engine, times: int, group: int) -> None:
    """TLS 1.2, with a ticket."""
    for _ in range(times):
        connect_12(engine, group)


def resumed_12(engine: Engine, times: int, group: int) -> None:
    """The session goes on, without a new ticket."""
    session = connect_12(engine, group)
    for _ in range(times):
        connect_12(engine, group, session)


def cookie(engine: Engine, times: int, group: int) -> None:
    """Hellos of which nothing more is heard."""
    for _ in range(times):
        engine.connect(cookie=True)
        engine.read(Client(groups=(group,), shares=(group,)).send(Client().hello()))


def fingerprint(engine: Engine, times: int, _group: int) -> None:
    """That of OpenSSL's client."""
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        trusting = ssl.create_default_context()
        trusting.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=NAME).do_handshake()
    hello = hello_of(outgoing.read())
    for _ in range(times):
        assert engine.fingerprint(hello)


def count(
    program: Path,
    talk: Callable[[Engine, int, int], None],
    times: int,
    group: int = X25519,
    function: str = "tls_server_read",
) -> int:
    """Instructions of a function for so many connections."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        options = ["--tool=callgrind", "--callgrind-out-file=/dev/null", f"--toggle-collect={function}"]
        oracle = Oracle([shutil.which("valgrind") or "valgrind", *options, f"--log-file={log}", str(program)])
        engine, identity = Engine(oracle), make_identity()
        engine.identity([identity.der], identity.secret)
        engine.tickets(KEY)
        engine.clock(1_800_000_000)
        talk(engine, times, group)
        oracle.end()
        found = re.search(r"Collected : (\d+)", log.read_text(encoding="utf-8"))
        assert found
        return int(found[1])


def main() -> None:
    """Prints the table."""
    tools = ensure_tools(Cache(), Lock.load())
    # Valgrind knows them, but does not say so.
    flags = (*STATIC, "-O2", "-DTLS_ADX=1", "-Wno-deprecated-declarations")
    program = build(tools, "cost", [SUITES / "engine.c", SUITES / "crypto.c"], flags, STATIC_LIBRARIES)
    for name, group in ("X25519", X25519), ("P-256", P256):
        for talk in full, with_ticket, resumed, full_12, resumed_12, cookie:
            cost = (count(program, talk, 4, group) - count(program, talk, 2, group)) // 2
            print(f"{name} {talk.__name__}: {cost:,}", flush=True)
    ends = [count(program, fingerprint, times, function="tls_fingerprint") for times in (4, 2)]
    print(f"fingerprint: {(ends[0] - ends[1]) // 2:,}", flush=True)


if __name__ == "__main__":
    main()
