"""The debugger's protocol, against a stub that answers as QEMU's does."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from lab.deadline import Deadline
from lab.errors import InfrastructureError
from lab.gdb import Gdb

Stub = Callable[[dict[str, bytes]], tuple[Gdb, list[str]]]


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A stub that answers each command by its first letter, in pieces; checks every checksum."""
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(answers: dict[str, bytes]) -> tuple[Gdb, list[str]]:
        ours, its = socket.socketpair()
        sockets.extend((ours, its))
        asked: list[str] = []

        def serve() -> None:
            received = b""
            while data := its.recv(4096):
                received += data
                while found := re.search(rb"\$([^#]*)#(..)", received, re.DOTALL):
                    received = received[found.end() :]
                    assert sum(found[1]) & 0xFF == int(found[2], 16)
                    asked.append(found[1].decode())
                    answer = answers[found[1][:1].decode()]
                    reply = b"+$%s#%02x" % (answer, sum(answer) & 0xFF)
                    for at in range(0, len(reply), 3):
                        its.sendall(reply[at : at + 3])

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return Gdb(ours, Deadline(5, scale=False)), asked

    yield start
    for one in sockets[::2]:
        one.close()
    for thread in threads:
        thread.join()
    for one in sockets[1::2]:
        one.close()


GOOD = {"Z": b"OK", "z": b"OK", "c": b"T05thread:01;", "M": b"OK", "D": b"OK"}


def test_a_guest_is_stopped_written_to_and_let_go(stub: Stub) -> None:
    gdb, asked = stub(GOOD)
    gdb.run_to(0xFFFFFFFF81D72060)
    gdb.write(0xFFFFFFFF81E194B4, (4_000_000).to_bytes(4, "little"))
    gdb.let_go()
    assert asked == ["Z1,ffffffff81d72060,1", "c", "z1,ffffffff81d72060,1", "Mffffffff81e194b4,4:00093d00", "D"]


def test_a_refused_write_is_told(stub: Stub) -> None:
    gdb, _ = stub({**GOOD, "M": b"E14"})
    with pytest.raises(InfrastructureError, match="E14"):
        gdb.write(0, b"1234")


def test_a_guest_that_ends_first_is_told(stub: Stub) -> None:
    gdb, _ = stub({**GOOD, "c": b"W00"})
    with pytest.raises(InfrastructureError, match="ended before"):
        gdb.run_to(4096)


def test_a_qemu_that_goes_away_is_told() -> None:
    ours, its = socket.socketpair()
    its.close()
    with ours, pytest.raises(InfrastructureError):
        Gdb(ours, Deadline(1, scale=False)).let_go()


def test_a_qemu_that_is_silent_is_told() -> None:
    ours, its = socket.socketpair()
    with ours, its, pytest.raises(InfrastructureError, match="does not answer"):
        Gdb(ours, Deadline(0.1, scale=False)).let_go()
