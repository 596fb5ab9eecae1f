"""Configurations that change all the time under load: no request fails, and nothing of them is left.

The ordinary form makes 150 changes; `-- -k under_load_fail --applies 2500` as many as are asked for.
"""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from lab import speed
from lab.deadline import Deadline
from lab.deploy import ENVIRONMENT
from suites.duts.config import Server
from suites.duts.dut import Dut
from suites.duts.random_config import configurations, lost
from suites.duts.weir import WeirAdapter
from suites.traffic.busy import Unceasing
from suites.traffic.certificates import authority, files, tables
from suites.traffic.client import Client
from suites.traffic.programs import Programs, WrkReport
from weirctl import render, schema

pytestmark = pytest.mark.only("weir", reason="reconfigured in one way of its own")

# What p99 may become while the configuration changes all the time, as a multiple of what it was before; and the
# least that is looked at, since a change takes the machine's CPUs as anything else does.
P99_TIMES = 5.0
P99_LEAST_S = 1.0
# What may be left in the kernel, for whatever reason, of all changes.
LEFT_KIB = 1024
ACCOUNT = 384  # bytes that a client is remembered by (docs/firewall.md)


@pytest.fixture
def weir(dut: Dut) -> WeirAdapter:
    assert isinstance(dut.adapter, WeirAdapter)
    return dut.adapter


@pytest.fixture
def applies(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--applies"))


class Load(Unceasing):
    """wrk after wrk, on connections that stay and on new ones."""

    def __init__(self, programs: Programs, url: str) -> None:
        self.kept: list[WrkReport] = []
        self.new: list[WrkReport] = []

        def wrk(reports: list[WrkReport], connections: int, *headers: str) -> None:
            reports.append(programs.wrk(url, connections=connections, seconds=3, headers=headers))

        super().__init__(partial(wrk, self.kept, 8), partial(wrk, self.new, 4, "Connection: close"))

    def expect_no_failure(self) -> None:
        for report in (*self.kept, *self.new):
            assert (report.non_2xx, report.socket_errors) == (0, 0), report.text
        for reports in (self.kept, self.new):
            assert sum(report.requests for report in reports) > 0, reports[-1].text

    @property
    def p99_s(self) -> float:
        return max(report.p99_s for report in self.kept)


class Changes:
    """One configuration after another; all of them serve what the load asks for."""

    def __init__(self, origins: list[str]) -> None:
        self._origins = origins
        self._random = random.Random(4)

    def config(self, number: int) -> dict[str, Any]:
        a, b = self._origins
        servers = [
            [{"address": a, "connections": 8}],
            [{"address": a, "connections": 8}, {"address": b, "connections": 8}],
            [{"address": b, "connections": 12}],
            [{"address": b, "connections": 2}, {"address": a, "connections": 12}],
        ][number % 4]
        extra = [[], ["0.0.0.0:8101"], ["0.0.0.0:8102", "[::]:80"]][number % 3]
        return {
            "listener": [{"address": address} for address in ["0.0.0.0:80", *extra]],
            # By another name now and then: another group, then.
            "upstream": [{"name": f"group{number % 5 // 4}", "server": servers, "queue_timeout": 5 * speed.factor()}],
            "limits": {
                "header_count": 20 + number % 40,
                "request_rate": [0, 1_000_000][number % 2],
                "host_address": True,  # the load asks by address
            },
            "timeouts": {"keepalive": 20 + number % 7},
        }

    def bad_text(self, config: dict[str, Any]) -> str:
        """A file that is none, or says what no configuration may, as chance has it."""
        text = render.toml(config)
        while True:
            at = self._random.randrange(len(text))
            junk = self._random.choice(["", "[[", "=", '"', "x", "99999", "\n[limits]\n", "-1", "\\", "\0"])
            bad = text[:at] + junk + text[at + self._random.randrange(1, 9) :]
            try:
                if schema.check(tomllib.loads(bad)):
                    return bad
            except tomllib.TOMLDecodeError:
                return bad


def kernel_kib(weir: WeirAdapter) -> int:
    """Memory of the kernel's own that nobody can take back from it: slab and per-CPU."""
    lines = [line.split() for line in weir.machine.run("cat", "/proc/meminfo").lines]
    return sum(int(line[1]) for line in lines if line[0] in ("SUnreclaim:", "Percpu:", "VmallocUsed:"))


def held(dut: Dut) -> int:
    """Bytes that the module holds, without what it remembers of clients since there were limits."""
    return dut.statistics["memory_bytes"] - ACCOUNT * dut.statistics["clients_tracked"]


def test_changes_under_load_fail_no_request(dut: Dut, weir: WeirAdapter, programs: Programs, applies: int) -> None:
    """Listeners, servers, groups, limits and timeouts come and go, with bad files in between."""
    files = {"k.txt": b"k" * 1000}
    changes = Changes([programs.nginx_origin(f"10.77.2.24{n}", files) for n in (1, 2)])
    weir.batch("apply", config=changes.config(0))
    address, port = dut.reach("0.0.0.0:80")
    url = f"http://{address}:{port}/k.txt"
    dut.wait_for_statistic("upstream_active", 8)

    with Load(programs, url) as rest:
        Deadline(10).wait_for(lambda: rest.kept and rest.new, what="a round of load without changes")
    for number in range(1, 13):  # whatever is made once is there now
        weir.batch("apply", config=changes.config(number))
    weir.batch("apply", config=changes.config(0))
    dut.wait_for_statistic("connections_active", 0)
    dut.wait_for_statistic("upstream_active", 8)
    memory, kernel = held(dut), kernel_kib(weir)
    generation = weir.batch("version")["generation"]

    with Load(programs, url) as load:
        for number in range(1, applies + 1):
            weir.batch("apply", config=changes.config(number))
            if number % 5 == 0:
                refused = weir.batch_answer("apply", toml=changes.bad_text(changes.config(number)))
                assert not refused["ok"]
                assert {error["kind"] for error in refused["errors"]} <= {"syntax", "invalid"}
    assert weir.batch("version")["generation"] - generation == applies, "a bad file changes nothing"
    load.expect_no_failure()
    rest.expect_no_failure()
    bound = max(P99_LEAST_S, P99_TIMES * rest.p99_s)
    print(f"{applies} changes; p99 {rest.p99_s * 1e3:.1f} ms at rest, {load.p99_s * 1e3:.1f} ms while changing")
    assert load.p99_s <= bound, f"p99 was {rest.p99_s:.3f} s at rest, {load.p99_s:.3f} s while changing"

    weir.batch("apply", config=changes.config(0))
    dut.wait_for_statistic("connections_active", 0)
    dut.wait_for_statistic("upstream_active", 8)
    Deadline(10).wait_for(lambda: held(dut) == memory, what=f"the module to hold {memory} bytes again")
    Deadline(10).wait_for(
        lambda: kernel_kib(weir) <= kernel + LEFT_KIB,
        interval=0.2,
        what=f"the kernel's memory to be {kernel} KiB again (is {kernel_kib(weir)} KiB)",
    )
    listed = {(scope["kind"], scope.get("listener", scope.get("upstream"))) for scope in weir.scopes()}
    assert ("listener", "0.0.0.0:8101") not in listed


def test_bad_file_changes_nothing_at_any_point(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    """Neither what weirctl refuses nor what only the kernel can."""
    dut.apply()
    before = weir.batch("show")
    generation = weir.batch("version")["generation"]
    changes = Changes(["10.77.2.1:8080", "10.77.2.2:8080"])
    for number in range(40):
        assert not weir.batch_answer("apply", toml=changes.bad_text(changes.config(number)))["ok"]
    # SSH has this one; the listeners before it were opened, and have to be closed.
    taken = {**changes.config(1), "listener": [{"address": f"0.0.0.0:{port}"} for port in (8103, 80, 22)]}
    refused = weir.batch_answer("apply", config=taken)
    assert refused["errors"][0]["errno"] == "EADDRINUSE"
    assert weir.batch("show") == before
    assert weir.batch("version")["generation"] == generation
    assert client.get("/").status == 200
    with pytest.raises(ConnectionRefusedError):
        client.connect(dut.reach("0.0.0.0:8103"))


def test_of_appliers_at_once_one_wins_and_others_are_told(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    """Each change is made whole, or refused with EBUSY; the last one made is what is shown."""
    dut.apply()
    generation = weir.batch("version")["generation"]
    base = Server("10.77.2.1:8080") if dut.config is None else dut.config.servers[0]
    processes = [weir.machine.spawn("python3", "-m", "weirctl", "--batch", env=ENVIRONMENT) for _ in range(3)]
    rounds = 15
    made, refused = 0, 0
    for _ in range(rounds):
        for number, process in enumerate(processes):
            config = dut.config.to_object() if dut.config else {}
            config["limits"] = {"header_count": 30 + number, "body_length": 1000 + number}
            assert base.address in json.dumps(config)
            process.write(json.dumps({"command": "apply", "config": config}) + "\n")
        for process in processes:
            answer = json.loads(process.read_line())
            if answer["ok"]:
                made += 1
            else:
                refused += 1
                assert [error["errno"] for error in answer["errors"]] == ["EBUSY"], answer
    for process in processes:
        process.close_stdin()
        process.wait()
    assert made + refused == 3 * rounds
    assert made >= rounds, "one wins"
    assert weir.batch("version")["generation"] - generation == made
    limits = weir.batch("show")["config"]["limits"]
    assert limits["header_count"] - 30 == limits["body_length"] - 1000, "no mixture"
    assert client.get("/").status == 200


def test_what_is_shown_applies_again_whatever_it_is(dut: Dut, weir: WeirAdapter) -> None:
    """Random configuration, apply, show, apply what was shown, show: nothing is lost and nothing changes."""
    dut.apply()
    certified = {name: authority().issue(f"{name}.example", f"*.{name}.example") for name in ("a", "b")}
    certified["c"] = authority().issue("a.example", "*.c.example", kind="rsa")
    for name, (text, mode) in files("/run/weir-certificates", certified).items():
        weir.machine.put(name, text, mode)

    @given(configurations(tables("/run/weir-certificates", certified)))
    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def round_trip(config: dict[str, Any]) -> None:
        weir.batch("apply", config=config)
        shown = weir.batch("show")
        if config.get("listener") or config.get("upstream"):
            assert lost(config, shown["config"]) == []
        weir.batch("apply", toml=shown["toml"])
        assert weir.batch("show") == shown

    round_trip()


def test_statistics_are_read_while_all_changes(dut: Dut, weir: WeirAdapter, new_client: Callable[[], Client]) -> None:
    """A reader of statistics sees every counter grow only, and each scope once, whatever comes and goes meanwhile."""
    dut.apply()
    client = new_client()
    reader = weir.machine.spawn("python3", "-m", "weirctl", "--batch", env=ENVIRONMENT)
    last = 0
    for number in range(30):
        reader.write(json.dumps({"command": "stats"}) + "\n")
        dut.apply(listeners=["0.0.0.0:80", *[f"0.0.0.0:{8110 + n}" for n in range(number % 8)]])
        assert client.get("/").status == 200
        said = json.loads(reader.read_line())
        assert said["ok"], said
        names = [
            json.dumps([scope.get(key) for key in ("kind", "listener", "upstream", "server", "vhost")])
            for scope in said["scopes"]
        ]
        assert len(names) == len(set(names))
        (listener,) = [scope for scope in said["scopes"] if scope.get("listener") == "0.0.0.0:80"]
        assert listener["requests"] >= last
        last = listener["requests"]
    reader.close_stdin()
    reader.wait()
