"""TLS beside tasks that have the kernel encrypt all the time: a softirq then finds the vector registers in use.

What it was to do is done soon afterwards; nothing is encrypted without them, and nothing is lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from lab.deadline import Deadline
from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import Reply
from suites.traffic.origin import Origin

pytestmark = [
    pytest.mark.only("weir", reason="others are served in tasks"),
    pytest.mark.needs("CRYPTO_USER_API_SKCIPHER"),
]

MOST_S: Final = 120
"""Seconds of a CPU's time after which such a task ends, whatever became of the test."""
ENCRYPT: Final = f"""
import os, resource, socket, sys
os.sched_setaffinity(0, {{int(sys.argv[1])}})
resource.setrlimit(resource.RLIMIT_CPU, ({MOST_S}, {MOST_S}))
with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as settings:
    settings.bind(("skcipher", "ctr(aes)"))
    settings.setsockopt(socket.SOL_ALG, socket.ALG_SET_KEY, bytes(16))
    cipher, _ = settings.accept()
    data = bytes(65536)
    while True:
        cipher.sendmsg_afalg([data], op=socket.ALG_OP_ENCRYPT, iv=bytes(16))
        cipher.recv(len(data))
"""
BODY: Final = bytes(range(256)) * 200
HANDSHAKES: Final = 10
REQUESTS: Final = 20


@pytest.fixture
def encrypting(https: Dut) -> Iterator[None]:
    """A task on each CPU does nothing else, once the device is there."""
    machine = https.machine
    machine.run("modprobe", "-a", "aesni-intel", "algif_skcipher")
    with ExitStack() as stack:
        tasks = [
            stack.enter_context(machine.spawn("python3", "-c", ENCRYPT, str(cpu)))
            for cpu in range(int(machine.run("nproc").stdout))
        ]

        def at_work() -> bool:
            stats = [machine.get(f"/proc/{task.pid}/stat").rpartition(b")")[2].split() for task in tasks]
            # In the kernel, for a tenth of a second: field 15 of proc(5).
            return all(int(fields[12]) > 10 for fields in stats)

        Deadline(20).wait_for(at_work, interval=0.05, what="both CPUs to encrypt")
        yield
        assert at_work(), "it ended before the test"


@pytest.mark.usefixtures("encrypting")
def test_everything_is_served(https: Dut, secure: Client, origin: Origin) -> None:
    origin.replies(Reply(200, BODY))
    before = https.statistics
    took = []
    for _ in range(HANDSHAKES):
        with secure.connect() as connection:
            for _ in range(REQUESTS):
                began = time.perf_counter()
                assert connection.ask("POST", body=BODY).body == BODY
                took.append((time.perf_counter() - began) * 1000)
    took.sort()
    counted = https.statistics - before
    assert counted["tls_handshakes"] == HANDSHAKES
    assert counted["tls_handshake_failures"] == 0
    print(f"ms: median {took[len(took) // 2]:.1f}, p90 {took[len(took) * 9 // 10]:.1f}, worst {took[-1]:.1f}")
