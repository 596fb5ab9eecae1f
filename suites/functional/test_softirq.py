"""The request path runs in softirq: no worker wakes and no process handles a request, in these named scenarios.

Said by two witnesses: the module's own counters (requests_other stays 0), and the guest's scheduler, which counts how
often each kernel thread ran. Kernel threads other than ksoftirqd (softirq by another name) run for reasons of their own
a few dozen times a second; a thread woken once a request would show as hundreds.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import Framing, Reply, encode_request
from suites.traffic.origin import Origin
from suites.traffic.programs import Programs

pytestmark = pytest.mark.only("weir", reason="nginx serves in a process")

GET = encode_request("GET", "/")


def keep_alive(client: Client) -> int:
    return client.get("/", times=50).statuses.count(200)


def pipelined(client: Client) -> int:
    return sum(client.pipeline(*[GET] * 25).statuses.count(200) for _ in range(4))


def connection_per_request(client: Client) -> int:
    return sum(client.get("/", headers=[("Connection", "close")]).status == 200 for _ in range(30))


def uploads_with_a_length(client: Client) -> int:
    return sum(client.request("POST", "/", body=bytes(20_000)).status == 200 for _ in range(15))


def uploads_in_chunks(client: Client) -> int:
    return sum(client.request("POST", "/", chunks=[bytes(5000)] * 4).status == 200 for _ in range(15))


def clients_in_parallel(client: Client) -> int:
    connections = [client.connect() for _ in range(16)]
    for connection in connections:
        connection.send(GET * 4)
    return sum(connection.responses(4).statuses.count(200) for connection in connections)


SCENARIOS: dict[str, Callable[[Client], int]] = {
    scenario.__name__: scenario
    for scenario in (
        keep_alive,
        pipelined,
        connection_per_request,
        uploads_with_a_length,
        uploads_in_chunks,
        clients_in_parallel,
    )
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_request_is_handled_in_softirq(dut: Dut, origin: Origin, client: Client, scenario: str) -> None:
    origin.replies(Reply(200, bytes(3000), framing=Framing.CHUNKED, chunks=(1000,)))
    dut.apply()
    before = dut.statistics
    served = SCENARIOS[scenario](client)
    delta = dut.statistics - before
    assert delta["requests"] == served > 0
    assert delta["requests_other"] == 0
    assert delta["requests_softirq"] == served


def test_refusals_are_made_in_softirq(dut: Dut, client: Client) -> None:
    dut.apply(limits={"request_rate": 1})
    before = dut.statistics
    assert client.pipeline(*[GET] * 30).statuses == [200] + [429] * 29
    delta = dut.statistics - before
    assert (delta["requests_softirq"], delta["requests_other"]) == (30, 0)


def switches_of_kernel_threads(dut: Dut) -> dict[str, int]:
    """Context switches of each kernel thread but ksoftirqd so far, by pid and name."""
    script = (
        "grep -H ctxt_switches /proc/[0-9]*/status; grep -H . /proc/[0-9]*/comm; grep -LE '^VmSize' /proc/[0-9]*/status"
    )
    text = dut.machine.run(
        "sh", "-c", script, check=False
    ).stdout  # a process may end meanwhile: grep says so, no matter
    names = dict(re.findall(r"^/proc/(\d+)/comm:(.*)$", text, re.M))
    kernel = set(re.findall(r"^/proc/(\d+)/status$", text, re.M))
    counts: dict[str, int] = {}
    for pid, number in re.findall(r"^/proc/(\d+)/status:\w*voluntary_ctxt_switches:\s+(\d+)$", text, re.M):
        name = names.get(pid, "")
        if pid in kernel and not name.startswith("ksoftirqd"):
            counts[f"{pid} {name}"] = counts.get(f"{pid} {name}", 0) + int(number)
    return counts


def test_no_kernel_thread_wakes_for_each_request(dut: Dut, origin: Origin, programs: Programs) -> None:
    origin.replies(Reply(200, b"x" * 100))
    dut.apply()
    before_threads, before = switches_of_kernel_threads(dut), dut.statistics
    programs.wrk(f"http://{dut.address}/", connections=16, seconds=2)
    after, delta = switches_of_kernel_threads(dut), dut.statistics - before
    requests = delta["requests"]
    assert requests > 300
    assert delta["requests_other"] == 0
    ran = {name: count - before_threads.get(name, 0) for name, count in after.items()}
    busiest = sorted(ran.items(), key=lambda item: -item[1])[:5]
    assert busiest[0][1] < requests / 5, f"{requests} requests, context switches of kernel threads: {busiest}"
