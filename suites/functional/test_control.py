"""weirctl: what it says of a bad file, that a refused one changes nothing, and that what it shows applies again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from suites.duts.config import Config, Limits, Server, Timeouts
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.traffic.client import Client
from suites.traffic.origin import Origin

pytestmark = pytest.mark.only("weir", reason="weirctl is Weir's own")

GOOD = """\
[[listener]]
address = "0.0.0.0:80"

[[upstream]]
name = "default"

[[upstream.server]]
address = "10.77.2.1:8080"
connections = 2

[limits]
request_rate = 10

[timeouts]
keepalive = 5
"""


@pytest.fixture
def weir(dut: Dut) -> WeirAdapter:
    assert isinstance(dut.adapter, WeirAdapter)
    return dut.adapter


def broken(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


BAD = {
    "unknown-key": (broken("request_rate = 10", "request_rat = 10"), 12, "limits.request_rat"),
    "unknown-table": (broken("[limits]", "[limitz]"), 11, "limitz"),
    "wrong-type": (broken("request_rate = 10", 'request_rate = "10"'), 12, "limits.request_rate"),
    "negative": (broken("request_rate = 10", "request_rate = -1"), 12, "limits.request_rate"),
    "too-large": (broken("request_rate = 10", "request_rate = 99999999999"), 12, "limits.request_rate"),
    "bad-address": (broken('"10.77.2.1:8080"', '"10.77.2.1"'), 8, "upstream[0].server[0].address"),
    "bad-port": (broken('"0.0.0.0:80"', '"0.0.0.0:70000"'), 2, "listener[0].address"),
    "host-name": (broken('"0.0.0.0:80"', '"localhost:80"'), 2, "listener[0].address"),
    "no-connections": (broken("connections = 2", "connections = 0"), 9, "upstream[0].server[0].connections"),
    "zero-timeout": (broken("keepalive = 5", "keepalive = 0"), 15, "timeouts.keepalive"),
    "bad-action": (broken("request_rate = 10", 'action = "explode"'), 12, "limits.action"),
    "not-toml": (broken("request_rate = 10", "request_rate 10"), 12, None),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("command", ["check", "apply"])
def test_bad_file_is_refused_by_file_line_and_key(dut: Dut, weir: WeirAdapter, command: str, kind: str) -> None:
    text, line, key = BAD[kind]
    dut.apply()
    before = weir.batch("show")["config"]
    answer = weir.batch_answer(command, toml=text)
    assert not answer["ok"]
    error = answer["errors"][0]
    assert error["line"] == line
    if key is not None:
        assert error["key"] == key
    assert error["message"]
    assert weir.batch("show")["config"] == before


def test_error_of_the_command_line(weir: WeirAdapter) -> None:
    text, line, key = BAD["wrong-type"]
    weir.machine.put("/run/weir/bad.toml", text)
    result = weir.weirctl("apply", "/run/weir/bad.toml", check=False)
    assert result.status == 1
    assert result.stdout == ""
    assert f"/run/weir/bad.toml:{line}: {key}: " in result.stderr


def test_listener_without_a_server_is_refused(dut: Dut, weir: WeirAdapter) -> None:
    dut.apply()
    before = weir.batch("show")["config"]
    assert not weir.batch_answer("apply", toml='[[listener]]\naddress = "0.0.0.0:80"\n')["ok"]
    assert weir.batch("show")["config"] == before


def test_every_error_of_a_file_is_told_at_once(weir: WeirAdapter) -> None:
    text = broken("keepalive = 5", "keepalive = 0").replace("request_rate = 10", "request_rate = -1")
    errors = weir.batch_answer("check", toml=text)["errors"]
    assert {error["key"] for error in errors} == {"limits.request_rate", "timeouts.keepalive"}


def test_missing_file(weir: WeirAdapter) -> None:
    result = weir.weirctl("apply", "/run/weir/none.toml", check=False)
    assert result.status == 1
    assert "/run/weir/none.toml" in result.stderr


def test_wrong_usage(weir: WeirAdapter) -> None:
    assert weir.weirctl("explode", check=False).status == 2


def test_good_file_from_a_cold_weirctl(dut: Dut, weir: WeirAdapter, origin: Origin, client: Client) -> None:
    dut.apply()
    text = Config(servers=(Server(origin.endpoint),), limits=Limits(request_rate=1)).to_toml()
    weir.weirctl("apply", "-", input=text)
    get = b"GET / HTTP/1.1\r\nHost: weir.test\r\n\r\n"
    assert client.pipeline(get, get).statuses == [200, 429]


def test_what_show_prints_applies_again(dut: Dut, weir: WeirAdapter, origin: Origin) -> None:
    config = Config(
        listeners=("0.0.0.0:80", "[::]:8080", f"{dut.address}:81"),
        servers=(Server(origin.endpoint, 3), Server("10.77.2.9:9", 1)),
        limits=Limits(
            request_rate=7, request_burst=3, action="reset", header_total=5000, header_count=9, body_length=77
        ),
        timeouts=Timeouts(1.5, 2.25, 3.125, 0.5, 0.000001 * 1500),
    )
    weir.apply(config)
    first = weir.weirctl("show").stdout
    weir.weirctl("apply", "-", input=first)
    assert weir.weirctl("show").stdout == first
    shown: dict[str, Any] = weir.batch("show")["config"]
    assert [listener["address"] for listener in shown["listener"]] == list(config.listeners)
    assert shown["limits"]["body_length"] == 77
    assert shown["timeouts"]["client_body"] == 2.25


def test_address_in_use_is_refused_and_changes_nothing(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    dut.apply()
    before = weir.batch("show")["config"]
    with weir.machine.spawn("python3", "-u", "-c", OCCUPY) as squatter:
        assert squatter.read_line() == "listening"
        answer = weir.batch_answer("apply", toml=GOOD.replace("0.0.0.0:80", "0.0.0.0:8099"))
        assert not answer["ok"]
        assert answer["errors"][0]["kind"] == "kernel"
        assert answer["errors"][0]["errno"] == "EADDRINUSE"
    assert weir.batch("show")["config"] == before
    assert client.get("/").status == 200


OCCUPY = """
import socket, sys
s = socket.socket(); s.bind(("0.0.0.0", 8099)); s.listen(); print("listening"); sys.stdin.read()
"""


def test_without_privilege_nothing_is_changed(dut: Dut, weir: WeirAdapter) -> None:
    dut.apply()
    before = weir.batch("show")["config"]
    command = ["setpriv", "--reuid", "65534", "--clear-groups", "--bounding-set", "-all", "--inh-caps", "-all"]
    result = weir.machine.run(
        *command, "python3", "-m", "weirctl", "apply", "-", input=GOOD, check=False, env={"PYTHONPATH": "/run/weir"}
    )
    assert result.status == 1
    assert weir.batch("show")["config"] == before


def test_batch_survives_nonsense(weir: WeirAdapter) -> None:
    answer = weir.batch_answer("no-such-command")
    assert not answer["ok"]
    assert answer["errors"][0]["kind"] == "usage"
    assert weir.batch("version")["ok"]


def test_generation_counts_what_was_applied(dut: Dut, weir: WeirAdapter) -> None:
    dut.apply()
    before = weir.batch("version")["generation"]
    dut.apply(limits={"request_rate": 1})
    weir.batch_answer("apply", toml="nonsense")
    assert weir.batch("version")["generation"] == before + 1


def test_empty_configuration_stops_serving(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    dut.apply()
    assert client.get("/").status == 200
    weir.batch("apply", toml="")
    with pytest.raises(ConnectionRefusedError):
        client.get("/")


def test_stats_of_a_cold_weirctl(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    dut.apply()
    before = dut.statistics
    assert client.get("/", times=3).statuses == [200] * 3
    cold = json.loads(weir.weirctl("stats", "--json").stdout)
    assert cold["requests"] - before["requests"] == 3
    text = weir.weirctl("stats").stdout
    assert str(cold["requests"]) in next(line for line in text.splitlines() if line.split()[:1] == ["requests"])
