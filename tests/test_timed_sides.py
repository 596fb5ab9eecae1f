"""Timed figures without a machine: the order of sides, merged latencies, what becomes a figure and what voids one."""

from __future__ import annotations

import contextlib
import socket
import statistics
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab.errors import InfrastructureError, ProductFailure
from suites.duts.config import Config, Server
from suites.performance.scenarios import SCENARIOS
from suites.performance.timed import attacks, defences, devices, figures, flood, guest, latency
from suites.performance.timed.attacks import ATTACKS
from suites.performance.timed.figures import Context
from suites.performance.timed.floods import ATTACKS_AND_FLOODS, FLOODS
from suites.performance.timed.metrics import METRICS
from suites.performance.timed.rig import judge
from suites.performance.timed.sides import Paired, Sample, Side, interleave
from suites.performance.timed.workloads import COUNTED_ONLY, TIMED, TIMED_ONLY, TO_COME, UNGATED, WORKLOADS
from suites.performance.timed.wrk import Report

MACHINE = cast(Any, None)


class Stage:
    """Sides that only write down what happens to them."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def side(self, name: str) -> Side:
        def note(what: str) -> Callable[[], None]:
            return lambda: self.events.append(f"{what} {name}")

        return Side(name, note("start"), note("stop"), ("127.0.0.1", 1), MACHINE)


def sample(value: float, *, failed: int = 0, **more: float) -> Sample:
    return Sample({"requests_per_s": value, **more}, requests=100, failed=failed, failures="lost" if failed else "")


def paired(**sides: list[Sample]) -> Paired:
    return Paired(sides, [name for name in sides for _ in sides[name]])


CONTEXT = Context("get-keepalive-1k", "patched", "key", unfit=["TCG"])


def test_two_sides_run_a_b_b_a() -> None:
    stage = Stage()
    done = interleave([stage.side("a"), stage.side("b")], 2, lambda _side: sample(1.0))
    assert done.order == ["a", "b", "b", "a"]
    assert stage.events == [f"{what} {name}" for name in "abba" for what in ("start", "stop")]


def test_three_sides_turn_round_each_round() -> None:
    stage = Stage()
    done = interleave([stage.side(name) for name in "abc"], 3, lambda _side: sample(1.0))
    assert "".join(done.order) == "abccbaabc"


def test_a_drift_of_the_host_cancels() -> None:
    """Each measurement is slower than the one before, and b is really 10 % slower than a."""
    speeds = iter([1.0, 0.99, 0.98, 0.97])
    stage = Stage()
    done = interleave(
        [stage.side("a"), stage.side("b")], 2, lambda side: sample(next(speeds) * (1.0 if side.name == "a" else 0.9))
    )
    ratios = [
        b / a for a, b in zip(done.values("a", "requests_per_s"), done.values("b", "requests_per_s"), strict=True)
    ]
    assert statistics.geometric_mean(ratios) == pytest.approx(0.9, rel=1e-3)
    assert abs(ratios[0] - 0.9) > 5e-3


def test_a_side_is_stopped_whatever_happens() -> None:
    stage = Stage()

    def fail(_side: Side) -> Sample:
        raise ProductFailure("nothing was answered")

    with pytest.raises(ProductFailure):
        interleave([stage.side("a")], 1, fail)
    assert stage.events == ["start a", "stop a"]


def test_sides_need_names_of_their_own_and_a_round() -> None:
    stage = Stage()
    with pytest.raises(ValueError, match="names of their own"):
        interleave([stage.side("a"), stage.side("a")], 2, lambda _side: sample(1.0))
    with pytest.raises(ValueError, match="one round"):
        interleave([stage.side("a")], 0, lambda _side: sample(1.0))


def test_latencies_make_up_for_what_waited_unseen() -> None:
    """One request in ten waits a second while ten more should have been sent: half of what users saw was slow."""
    seen = [1000] * 9 + [1_000_000]
    naive, corrected = latency.record(seen, interval_us=0), latency.record(seen, interval_us=100_000)
    assert naive.get_value_at_percentile(50) <= 1001
    assert corrected.get_total_count() == 10 + 9
    assert corrected.get_value_at_percentile(75) > 400_000


def test_percentiles_are_of_the_merged_histogram_not_averaged() -> None:
    quick, slow = latency.record([1000] * 990, interval_us=0), latency.record([100_000] * 10, interval_us=0)
    merged = latency.merged([quick, slow])
    assert merged is not None
    assert latency.percentiles(merged)["latency_p99"] == pytest.approx(1000, rel=1e-3)
    assert latency.percentiles(merged)["latency_p999"] == pytest.approx(100_000, rel=1e-3)
    assert latency.merged([]) is None


def test_a_histogram_travels_as_text() -> None:
    from hdrh.histogram import HdrHistogram

    histogram = latency.record([10, 20, 30_000_000], interval_us=0)
    again = HdrHistogram.decode(latency.encoded(histogram))
    assert again.get_total_count() == 3
    assert again.get_max_value() == pytest.approx(30_000_000, rel=1e-3)


def test_figures_and_ratios_of_sound_sides() -> None:
    done = paired(
        weir=[sample(200.0), sample(220.0), sample(210.0)], nginx=[sample(100.0), sample(110.0), sample(105.0)]
    )
    found = list(figures.figures(done, CONTEXT))
    assert [(figure.dut, figure.unit, figure.against) for figure in found] == [
        ("weir", "requests/s", ""),
        ("nginx", "requests/s", ""),
        ("weir", "ratio", "nginx"),
    ]
    ratio = found[-1]
    assert ratio.value == pytest.approx(2.0)
    assert ratio.low is not None
    assert ratio.low <= 2.0 + 1e-9
    assert all(figure.unfit == ["TCG"] and figure.mode == "timed" for figure in found)
    assert found[0].samples == [200.0, 220.0, 210.0]
    assert found[0].low is not None
    assert 0 < found[0].low < found[0].value


def test_two_rounds_have_a_range_and_no_interval() -> None:
    first = next(figures.figures(paired(weir=[sample(100.0), sample(121.0)]), CONTEXT))
    assert (first.low, first.high) == (None, None)
    assert first.value == pytest.approx(110.0)
    assert first.spread == pytest.approx(21 / 2 / 110)


def test_a_failed_request_voids_the_figures_of_its_side() -> None:
    done = paired(weir=[sample(200.0), sample(900.0, failed=1)], nginx=[sample(100.0), sample(100.0)])
    assert {figure.dut for figure in figures.figures(done, CONTEXT)} == {"nginx"}
    with pytest.raises(ProductFailure, match="weir, round 1: 1 of 100 requests failed: lost"):
        judge(done)
    judge(paired(nginx=[sample(1.0)]))


def test_goodput_of_nought_is_a_figure_and_no_ratio() -> None:
    done = paired(weir=[sample(0.0), sample(0.0)], nginx=[sample(50.0), sample(50.0)])
    found = list(figures.figures(done, CONTEXT))
    assert [(figure.dut, round(figure.value, 9), figure.spread) for figure in found] == [
        ("weir", 0.0, 0.0),
        ("nginx", 50.0, 0.0),
    ]


def test_a_percentile_is_that_of_all_rounds_together() -> None:
    rounds = [
        replace(sample(1.0, latency_p99=99.0), latencies=latency.record([value] * 1000, interval_us=0))
        for value in (1000, 5000)
    ]
    p99 = next(figure for figure in figures.figures(paired(weir=rounds), CONTEXT) if figure.metric == "latency_p99")
    assert p99.value == pytest.approx(5000, rel=1e-3)
    assert p99.histogram


def test_every_metric_is_described() -> None:
    produced = {"requests_per_s", "connections_per_s", "guest_cpu_per_request", "qemu_cpu_per_request", "goodput"}
    assert (produced | set(latency.PERCENTILES) | {"goodput_share"}) <= METRICS.keys()
    assert {f"memory_per_{kind}_connection" for kind in ("idle", "active")} <= METRICS.keys()


REPORT = Report(requests=1000, bytes=1_300_000, seconds=2.0, refused=0, detail={"read": 0, "timeout": 0})


@pytest.mark.parametrize(
    ("scenario", "report", "failed"),
    [
        ("get-keepalive-1k", REPORT, 0),
        ("get-keepalive-1k", replace(REPORT, refused=2), 2),
        ("get-keepalive-1k", replace(REPORT, detail={"read": 3, "timeout": 1}), 4),
        ("get-keepalive-1k", replace(REPORT, bytes=1_000_000), 1000),  # shorter than the bodies alone
        ("rate-limited", replace(REPORT, refused=997), 0),
        ("rate-limited", REPORT, 995),  # five are within the limit: a second each, the warm-up, the window's edges
        ("rate-limited", replace(REPORT, refused=1000, detail={"read": 2}), 2),
        ("malformed", replace(REPORT, refused=1000), 0),
        ("malformed", replace(REPORT, refused=999), 1),
    ],
)
def test_replies_are_judged_by_the_scenario(scenario: str, report: Report, failed: int) -> None:
    assert WORKLOADS[scenario].failed(report) == failed


def test_every_load_of_requests_is_timed_and_the_rest_is_told() -> None:
    loads = {id for id, scenario in SCENARIOS.items() if scenario.load.mode == "client"}
    assert set(TIMED) == loads - COUNTED_ONLY | set(TIMED_ONLY)
    assert set(WORKLOADS) == set(TIMED) - set(UNGATED) - set(TIMED_ONLY)
    assert loads >= COUNTED_ONLY
    assert not set(TO_COME) & set(SCENARIOS), "a scenario that is there now"
    assert {id for id, workload in TIMED.items() if workload.latency} == {
        "get-keepalive-1k",
        "get-keepalive-64k",
        "post-64k",
        "tls-get-keepalive-1k",
    }


def test_attacks_have_to_show() -> None:
    assert len(ATTACKS) == 7
    assert len(FLOODS) == 10
    for attack in ATTACKS_AND_FLOODS.values():
        assert attack.segments or attack.connections or attack.packets, attack.id


def test_what_an_attack_shows_as_is_read_from_the_guest() -> None:
    files = [
        "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs",
        "Tcp: 1 200 120000 -1 1 2 3 4 5 678",
        "Inter-|   Receive                                                |  Transmit",
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop",
        "    lo:     900      9    0    0    0     0          0         0      900       9    0    0",
        "  eth0: 4567890   4321    0    0    0     0          0         0  1234567    1000    0    0",
        "sockets: used 70",
        "TCP: inuse 12 orphan 0 tw 3 alloc 14 mem 2",
    ]

    class Guest:
        def run(self, *_argv: str) -> SimpleNamespace:
            return SimpleNamespace(lines=files)

    assert attacks.traffic(cast(Any, Guest())) == attacks.Traffic(segments=678, packets=4321, sockets=12)


def test_syns_of_a_flood_are_whole() -> None:
    source, target = socket.inet_aton("10.77.64.9"), socket.inet_aton("10.77.0.2")
    packet = flood.syn(source, target, 80, 70_000)
    assert packet[12:20] == source + target
    segment = packet[20:]
    assert int.from_bytes(segment[:2]) in range(1024, 65536)
    assert (int.from_bytes(segment[2:4]), segment[13]) == (80, 2)
    # What has the right checksum sums to nothing.
    assert flood.checksum(source + target + struct.pack("!BBH", 0, 6, 20) + segment) == 0


@pytest.mark.parametrize("mode", ["requests", "connections", "handshakes"])
def test_flood_keeps_its_rate_and_ends(mode: flood.Mode) -> None:
    """From several addresses of the loopback network, at a listener that answers nothing."""
    seen: list[tuple[str, bytes]] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        sources = [f"127.0.0.{number}" for number in range(1, 6)]
        began = time.monotonic()
        port = listener.getsockname()[1]
        with flood.flooding(
            ("127.0.0.1", port), mode=mode, sources=sources, rate=50, seconds=60, path="/x", requests=2
        ):
            while len(seen) < 10:
                connection, (address, _) = listener.accept()
                with connection:
                    connection.settimeout(10)
                    said = b""
                    with contextlib.suppress(ConnectionResetError):
                        while (mode != "requests" or len(said) < 2 * len(ASKED)) and (part := connection.recv(4096)):
                            said += part
                    seen.append((address, said))
        assert time.monotonic() - began >= 9 / 50
    assert {address for address, _ in seen} == set(sources)
    (said,) = {said for _, said in seen}
    if mode == "handshakes":
        assert said[:3] == b"\x16\x03\x01", "no record with a handshake"
        assert len(said) == 5 + int.from_bytes(said[3:5])
        assert said[5] == 1, "no ClientHello"
    else:
        assert said == (2 * ASKED if mode == "requests" else b"")


ASKED = b"GET /x HTTP/1.1\r\nHost: www.example.com\r\n\r\n"


def config() -> Config:
    return Config(servers=(Server("10.77.2.1:8080", 64),))


@pytest.mark.parametrize(
    ("dut", "wanted", "unwanted"),
    [
        ("nginx", "worker_processes 4;", "worker_cpu_affinity 01;"),
        ("haproxy", "cpu-map auto:1/1-4 0-3", "nbthread 1\n"),
    ],
)
def test_peers_have_all_cpus(dut: str, wanted: str, unwanted: str) -> None:
    text = devices.rendered(dut, config(), 4)
    assert wanted in text
    assert unwanted not in text


@pytest.mark.parametrize("dut", sorted(defences.PEERS))
def test_peers_have_their_own_defences_where_that_is_wanted(dut: str) -> None:
    slow = config().changed(timeouts=defences.TIMEOUTS)
    told = {line.strip() for line in devices.rendered(dut, slow, 4, devices.Told(defended=True)).split("\n")}
    usual = {line.strip() for line in devices.rendered(dut, slow, 4).split("\n")}
    wanted = {line for _, lines, _ in defences.PEERS[dut] for line in lines}
    assert wanted <= told
    assert not wanted <= usual


def test_a_setting_that_changed_elsewhere_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    stale = devices.Change("worker_processes 7;", "worker_processes {cpus};", "")
    monkeypatch.setattr(devices, "CHANGES", {"nginx": (stale,)})
    with pytest.raises(InfrastructureError, match="no longer told 'worker_processes 7;'"):
        devices.rendered("nginx", config(), 2)


class FakeMachine:
    """A guest that answers every command with one text and has one file."""

    def __init__(self, answer: str = "", file: bytes = b"") -> None:
        self.answer, self.file = answer, file

    def run(self, *_argv: str, **_options: object) -> Any:
        from lab.machine import Result

        return Result((), 0, self.answer, "")

    def get(self, _path: str) -> bytes:
        return self.file

    @property
    def qemu(self) -> Any:
        class Qemu:
            def cpu_seconds(self) -> float:
                return 12.5

        return Qemu()


def test_cpu_time_is_what_was_not_idle() -> None:
    """Two CPUs for 100 s, idle for 150 s of 200 s together; ticks in the busy columns are not looked at."""
    stat = "cpu  1 0 1 14000 1000 0 1 0 0 0\ncpu0 0 0 0 0 0 0 0\ncpu1 0 0 0 0 0 0 0\nintr 1\n"
    spent = guest.cpu_time(cast(Any, FakeMachine(f"{stat}100.00 150.00\n")))
    assert spent.guest == pytest.approx(50.0)
    assert spent.qemu == 12.5


def test_memory_leaves_caches_out() -> None:
    meminfo = "".join(
        f"{name}: {value} kB\n"
        for name, value in {
            "MemTotal": 1000,
            "MemFree": 300,
            "Buffers": 10,
            "Cached": 200,
            "Slab": 90,
        }.items()
    )
    found = guest.memory(cast(Any, FakeMachine(f"{meminfo}TCP: inuse 5 orphan 0 tw 2 alloc 9 mem 3\n")))
    assert found == guest.Memory(used=490 * 1024, slab=90 * 1024, sockets=3 * 4096)


def test_another_module_than_the_sides_own_is_noticed(tmp_path: Any) -> None:
    module = tmp_path / "weir.ko"
    module.write_bytes(b"ELF...GNU\0build-id-1...")
    devices.check_build(cast(Any, FakeMachine(file=b"GNU\0build-id-1")), module)
    with pytest.raises(InfrastructureError, match="has loaded another module"):
        devices.check_build(cast(Any, FakeMachine(file=b"GNU\0build-id-2")), module)
