"""What a counting guest is given, and how its words are judged."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.bootstrap import ROOT
from lab.errors import InfrastructureError, ProductFailure
from suites.duts import haproxy, nginx
from suites.performance import stage as staging
from suites.performance.scenarios import DUTS, PARTS, SCENARIOS, reason_against
from suites.performance.settings import settings
from suites.performance.stage import Stage, read_maps, read_modules, read_report, read_sections

IDS = (
    "get-keepalive-1k", "get-keepalive-16k", "get-keepalive-64k", "get-keepalive-1m", "post-64k",
    "connection-per-request", "pipelined-1k", "rate-limited", "rate-limited-reset", "connection-left",
    "refused-connection", "challenge-cookie", "session", "session-per-connection", "blocked-syn", "malformed",
    "idle-connections", "tls-handshake", "tls-handshake-p256", "tls-handshake-rsa", "tls-resume",
    "tls-get-keepalive-1k", "tls-get-keepalive-1m",
)  # fmt: skip
SCENARIO = SCENARIOS["get-keepalive-1k"]


@dataclass(frozen=True)
class FakeModule:
    ko: Path


@dataclass(frozen=True)
class FakeInputs:
    module: FakeModule
    source: Path = ROOT
    tools: Any = None


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Inputs whose module and load program are files with a few bytes: nothing is run."""
    program = tmp_path / "load"
    program.write_bytes(b"\x7fELF")
    monkeypatch.setattr(staging, "ensure_load_program", lambda *_: program)
    return FakeInputs(FakeModule(program))


def staged(inputs: Any, scenario: str, dut: str) -> Stage:
    return staging.stage(SCENARIOS[scenario], dut, inputs)


def line(who: str, **values: object) -> str:
    counted = dict.fromkeys(("requests", "packets", "refused", "left", "handshakes", "bytes", "errors"), 0)
    report = {**counted, "status": {}, "connections": 1, **values}
    return f"{who}: {json.dumps(report)}\r\n"


def test_ids_are_those_that_others_build_on() -> None:
    assert tuple(SCENARIOS) == IDS


def test_every_device_is_measured_or_told_why_not() -> None:
    missing = {(scenario.id, dut) for scenario in SCENARIOS.values() for dut in DUTS if reason_against(scenario, dut)}
    alone = ("blocked-syn", "challenge-cookie", "session", "session-per-connection")
    assert missing == {(scenario, dut) for scenario in alone for dut in ("nginx", "haproxy")}
    assert reason_against(SCENARIOS["blocked-syn"], "nftables") is None
    assert reason_against(SCENARIO, "nftables")


def test_request_bytes_are_whole_messages() -> None:
    post = SCENARIOS["post-64k"].load.request
    head, _, body = post.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert len(body) == 65536
    assert SCENARIOS["pipelined-1k"].load.request.count(b"GET ") == SCENARIOS["pipelined-1k"].load.replies == 16
    assert SCENARIOS["pipelined-1k"].units_per_part == 16 * SCENARIOS["pipelined-1k"].load.steps


@pytest.mark.parametrize("scenario", IDS)
@pytest.mark.parametrize("dut", [*DUTS, "forwarding", "direct", "nftables"])
def test_script_is_a_shell_script(inputs: Any, scenario: str, dut: str, tmp_path: Path) -> None:
    made = staged(inputs, scenario, dut)
    script = tmp_path / "script"
    script.write_bytes(made.files[made.script])
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    assert all(path.startswith("/") and not path.startswith(("/run/", "/dev/", "/proc/")) for path in made.files)


def test_script_is_the_same_each_time(inputs: Any) -> None:
    assert staged(inputs, "post-64k", "haproxy") == staged(inputs, "post-64k", "haproxy")


def test_devices_are_on_the_first_cpu_and_told(inputs: Any) -> None:
    for dut in ("nginx", "haproxy"):
        script = staged(inputs, "get-keepalive-1k", dut).files["/opt/weir/count"].decode()
        assert f"taskset -c 0 {dut}" in script


def test_weir_gets_what_is_in_the_checkout(inputs: Any) -> None:
    files = staged(inputs, "get-keepalive-1k", "weir").files
    assert files["/opt/weir/weirctl/cli.py"] == (ROOT / "kmod/user/weirctl/cli.py").read_bytes()
    assert b'address = "10.78.2.2:8080"' in files["/opt/weir/weir.toml"]


def test_unknown_device(inputs: Any) -> None:
    with pytest.raises(ValueError, match="no such device: 'squid'"):
        staged(inputs, "get-keepalive-1k", "squid")


def good(total: int = SCENARIO.total) -> str:
    return line("load", requests=total, status={"200": total}, bytes=total * 1024) + line("origin", requests=total)


def test_good_report() -> None:
    report = read_report("[    0.1] boot\r\n" + good(), SCENARIO, "weir")
    assert report.requests == report.forwarded == SCENARIO.load.warm_up + PARTS * SCENARIO.load.steps
    assert report.statuses == {200: SCENARIO.total}


TOTAL = SCENARIO.total


@pytest.mark.parametrize(
    ("console", "problem"),
    [
        (line("load", errors=1, problem="status 502 instead of 200", requests=7), "status 502 instead of 200"),
        (good(TOTAL - 1), "replies with statuses"),
        (good().replace('"200"', '"204"'), "replies with statuses"),
        (good().replace(str(TOTAL * 1024), str(TOTAL * 1024 - 1)), "replies of"),
        (
            line("load", requests=TOTAL, status={"200": TOTAL}, bytes=TOTAL * 1024)
            + line("origin", requests=TOTAL - 1),
            f"the origin had {TOTAL - 1} requests",
        ),
        (
            line("load", requests=TOTAL, status={"200": TOTAL}, bytes=TOTAL * 1024)
            + line("origin", requests=TOTAL, errors=1, problem="2 requests reached the origin without via"),
            "without via",
        ),
        (good().replace('"connections": 1', '"connections": 999'), "999 connections to the origin"),
    ],
)
def test_wrong_replies_are_a_product_failure(console: str, problem: str) -> None:
    with pytest.raises(ProductFailure, match=problem):
        read_report(console, SCENARIO, "weir")


@pytest.mark.parametrize("console", ["", "load: {", line("load", requests=TOTAL, status={"200": TOTAL})])
def test_silence_is_no_product_failure(console: str) -> None:
    with pytest.raises(InfrastructureError, match="said nothing"):
        read_report(console, SCENARIO, "weir")


def test_limited_report() -> None:
    scenario = SCENARIOS["rate-limited"]
    total = scenario.total

    def console(passed: int) -> str:
        status = {"200": passed, "429": total - passed}
        return line("load", requests=total, status=status) + line("origin", requests=passed)

    assert read_report(console(2), scenario, "weir").statuses == {200: 2, 429: total - 2}
    with pytest.raises(ProductFailure, match="at most 5"):
        read_report(console(6), scenario, "weir")


@pytest.mark.parametrize("id_", ["rate-limited-reset", "refused-connection"])
def test_refused_report(id_: str) -> None:
    scenario = SCENARIOS[id_]
    total = scenario.total

    def console(refused: int, served: int, forwarded: int) -> str:
        load = line("load", requests=served, refused=refused, status={"200": served} if served else {})
        return load + line("origin", requests=forwarded)

    assert read_report(console(total - 2, 2, 2), scenario, "weir").refused == total - 2
    assert read_report(console(total, 0, 0), scenario, "nginx").refused == total
    for wrong in (console(total - 6, 6, 6), console(total - 1, 0, 0)):
        with pytest.raises(ProductFailure, match="were refused"):
            read_report(wrong, scenario, "weir")
    with pytest.raises(ProductFailure, match="the origin had 2 requests instead of 1"):
        read_report(console(total - 1, 1, 2), scenario, "weir")


def test_report_of_connections_left() -> None:
    scenario = SCENARIOS["connection-left"]
    assert read_report(line("load", left=scenario.total) + line("origin"), scenario, "weir").left == scenario.total
    with pytest.raises(ProductFailure, match="3 connections instead of"):
        read_report(line("load", left=3) + line("origin"), scenario, "weir")


def test_report_of_handshakes() -> None:
    scenario = SCENARIOS["tls-resume"]
    whole = line("load", handshakes=scenario.total) + line("origin", connections=4)
    assert read_report(whole, scenario, "nginx").handshakes == scenario.total
    with pytest.raises(ProductFailure, match="3 handshakes instead of"):
        read_report(line("load", handshakes=3) + line("origin"), scenario, "weir")


@pytest.mark.parametrize("dut", DUTS)
def test_certificates_get_to_their_places_with_their_modes(inputs: Any, dut: str) -> None:
    made = staged(inputs, "tls-handshake", dut)
    script = made.files[made.script].decode()
    certificate = SCENARIOS["tls-handshake"].config.certificates[0]
    for name, (content, mode) in certificate.files(in_one=dut == "haproxy").items():
        assert made.files[f"/opt/weir{name}"] == content
        assert f"install -D -m {mode:o} /opt/weir{name} {name}" in script
    assert made.files["/opt/weir/chain.pem"] == certificate.chain.encode()
    assert "--target=10.78.1.1:443" in script
    assert ("/opt/weir/run/weir-certificates/haproxy.list" in made.files) == (dut == "haproxy")


def test_uploads_are_checked() -> None:
    scenario = SCENARIOS["post-64k"]
    total = scenario.total
    load = line("load", requests=total, status={"200": total}, bytes=total * 1024)
    assert read_report(load + line("origin", requests=total, bytes=total * 65536), scenario, "nginx")
    with pytest.raises(ProductFailure, match="reached the origin instead"):
        read_report(load + line("origin", requests=total, bytes=total * 65536 - 1), scenario, "nginx")


def test_flood_report() -> None:
    scenario = SCENARIOS["blocked-syn"]
    load, origin = line("load", packets=scenario.total), line("origin")
    assert read_report(f"{load}dropped: {scenario.total}\r\n{origin}", scenario, "nftables").packets == scenario.total
    with pytest.raises(ProductFailure, match="says it dropped 1"):
        read_report(f"{load}dropped: 1\r\n{origin}", scenario, "nftables")
    for dut in ("nftables", "weir"):
        with pytest.raises(ProductFailure, match="says it dropped nothing"):
            read_report(load + origin, scenario, dut)
    with pytest.raises(ProductFailure, match="packets were sent instead"):
        read_report(line("load", packets=3) + origin, scenario, "nftables")


def test_idle_connections_serve_before_and_after() -> None:
    scenario = SCENARIOS["idle-connections"]
    count = 2 * scenario.load.connections
    console = line("load", requests=count, status={"200": count}, bytes=count * 1024) + line("origin", requests=count)
    assert read_report(console, scenario, "haproxy").requests == count
    assert scenario.units_per_part == scenario.load.connections * scenario.load.steps


def test_addresses() -> None:
    console = (
        "section: weir .text 0xffffffffa0000000\r\nsection: weir .text.unlikely 0xffffffffa000d53e\r\n"
        "maps: 55e000-55f000 r-xp 00028000 fe:00 62344     /usr/sbin/nginx\r\n"
        "maps: 7f0000-7f1000 r-xp 00000000 00:00 0         [vdso]\r\n"
    )
    assert read_modules("module: ffffffffc0001000 gcm_enc aesni_intel\r\n") == {
        0xFFFFFFFFC0001000: "gcm_enc [aesni_intel]"
    }
    assert read_sections(console) == {".text": 0xFFFFFFFFA0000000, ".text.unlikely": 0xFFFFFFFFA000D53E}
    assert read_maps(console) == [
        (0x55E000, 0x55F000, 0x28000, "/usr/sbin/nginx"),
        (0x7F0000, 0x7F1000, 0, "[vdso]"),
    ]


@pytest.mark.parametrize("scenario", IDS)
@pytest.mark.parametrize("dut", DUTS)
def test_every_setting_has_a_reason(dut: str, scenario: str) -> None:
    found = settings(dut, scenario)
    assert found
    assert all(setting and reason for setting, reason in found)


def test_a_setting_without_a_reason_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def render(*_: object, **__: object) -> str:
        return "http {\n    gzip on;\n}\n"

    monkeypatch.setattr(nginx, "render", render)
    with pytest.raises(KeyError, match="gzip on"):
        settings("nginx")


def test_measured_settings_are_in_the_configuration() -> None:
    """What is published is what is run: each measured setting is a line of what is rendered."""
    for scenario, left_out in (("get-keepalive-1k", "tls"), ("tls-get-keepalive-1k", "")):
        for module in (nginx, haproxy):
            lines = {text.strip() for text in module.render(SCENARIOS[scenario].config, measured=True).splitlines()}
            measured = {block: {setting for setting, _ in settings} for block, settings in module.MEASURED.items()}
            assert set().union(*(settings for block, settings in measured.items() if block != left_out)) <= lines
            assert not measured.get(left_out, set()) & lines


def test_haproxy_without_origin_or_listener() -> None:
    from suites.duts.config import Config, Limits, Server

    assert "abns@" in haproxy.render(Config(listeners=()))
    assert "http-request return status 503" in haproxy.render(Config())
    limited = haproxy.render(
        Config(listeners=("[::]:80",), servers=(Server("10.0.0.1:80"),), limits=Limits(request_rate=5, request_burst=2))
    )
    assert "bind [::]:80 v6only" in limited
    assert "if { sc_gpc_rate(0,0) ge 5 }" in limited
    assert "if { sc_gpc_rate(0,1) ge 2 }" in limited
    assert limited.index("sc-inc-gpc(0,0)") > limited.index("sc_gpc_rate(0,1) ge 2")
