"""The request path runs in softirq: no worker wakes and no process handles a request, in these named scenarios.

Said by two witnesses: the module's own counters (requests_other stays 0), and the guest's scheduler, which counts how
often each kernel thread went to sleep. Kernel threads other than ksoftirqd (softirq by another name) run for reasons of
their own a few dozen times a second; a thread woken once a request would show as hundreds.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from lab import speed
from lab.session import Lab
from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import Framing, Reply, encode_request
from suites.traffic.origin import Origin
from suites.traffic.programs import Programs

pytestmark = pytest.mark.only("weir", reason="nginx serves in a process")

GET = encode_request("GET", "/")
BACKGROUND_PER_S = 12.0  # how often a kernel thread (RCU's is the busiest) goes to sleep for reasons of its own
QUICK_S = 3.0  # a case, on a host that has nothing else to do


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


def test_no_kernel_thread_wakes_for_each_connection_that_is_reset(lab: Lab, dut: Dut, client: Client) -> None:
    if lab.prepared.kernel.instrumented:
        pytest.skip("the checks of an instrumented kernel have threads of their own (RCU's, for each object freed)")
    dut.apply(limits={"request_rate": 1, "action": "reset"})
    began = time.monotonic()
    count, slept, before = 300, sleeps_of_kernel_threads(dut), dut.statistics
    request = encode_request("GET", "/", fields=[("Connection", "close")])
    for _ in range(count):
        with client.connect() as connection:
            connection.send(request)
            connection.rest()
    after, delta = sleeps_of_kernel_threads(dut), dut.statistics - before
    took = time.monotonic() - began
    assert delta["limit_actions_reset"] >= count / 2
    woken = {f"{name} ({pid})": switches - slept.get(pid, (0, ""))[0] for pid, (switches, name) in after.items()}
    busiest = sorted(woken.items(), key=lambda item: -item[1])[:5]
    # One that is woken for each shows all of them, however long that takes; what they do besides grows with time.
    most = count / 5 + BACKGROUND_PER_S * max(0.0, took - QUICK_S)
    assert busiest[0][1] < most, f"voluntary switches of kernel threads: {busiest}"
    dut.wait_for_statistic("connections_active", 0)


def sleeps_of_kernel_threads(dut: Dut) -> dict[int, tuple[int, str]]:
    """How often each kernel thread but ksoftirqd has gone to sleep (voluntary context switches), and its name; by pid.

    Involuntary ones do not count: a thread that a packet interrupts is not one that was woken for it.
    """
    # A process may end meanwhile: grep says so and goes on.
    script = "cd /proc; grep -H . [0-9]*/comm; grep -H ^voluntary_ctxt [0-9]*/status; grep -LE ^VmSize [0-9]*/status"
    text = dut.machine.run("sh", "-c", script, check=False).stdout
    names = {int(pid): name for pid, name in re.findall(r"^(\d+)/comm:(.*)$", text, re.M)}
    kernel = {int(pid) for pid in re.findall(r"^(\d+)/status$", text, re.M)}
    sleeps = re.findall(r"^(\d+)/status:voluntary_ctxt_switches:\s+(\d+)$", text, re.M)
    return {
        int(pid): (int(count), names.get(int(pid), ""))
        for pid, count in sleeps
        if int(pid) in kernel and not names.get(int(pid), "").startswith("ksoftirqd")
    }


def test_no_kernel_thread_wakes_for_each_request(lab: Lab, dut: Dut, origin: Origin, programs: Programs) -> None:
    if lab.prepared.kernel.instrumented:
        pytest.skip("the checks of an instrumented kernel have threads of their own (RCU's, for each object freed)")
    origin.replies(Reply(200, b"x" * 100))
    dut.apply()
    slept, before = sleeps_of_kernel_threads(dut), dut.statistics
    programs.wrk(f"http://{dut.address}/", connections=16, seconds=2)
    after, delta = sleeps_of_kernel_threads(dut), dut.statistics - before
    requests = delta["requests"]
    assert requests > 300 / speed.factor()
    assert delta["requests_other"] == 0
    woken = {f"{name} ({pid})": count - slept.get(pid, (0, ""))[0] for pid, (count, name) in after.items()}
    busiest = sorted(woken.items(), key=lambda item: -item[1])[:5]
    assert len(woken) > 10
    most = max(requests / 5, 100)  # a fifth of the few that a slow host serves is less than what they do besides
    assert busiest[0][1] < most, f"{requests} requests, voluntary switches of kernel threads: {busiest}"
