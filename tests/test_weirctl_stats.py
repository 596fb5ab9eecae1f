"""What weirctl makes of the module's statistics: JSON, a table, and Prometheus' text as its own parser reads it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from weirctl import abi, netlink, prometheus, table
from weirctl.meters import Scope, Statistics

STATS_H = Path(__file__).resolve().parent.parent / "kmod" / "stats.h"


def counter(kind: int, name: str, value: int, *, gauge: bool = False) -> bytes:
    content = netlink.text(abi.A_COUNTER_NAME, name) + netlink.uint(abi.A_COUNTER_VALUE, value)
    return netlink.nest(kind, content + (netlink.attribute(abi.A_COUNTER_GAUGE, b"") if gauge else b""))


def bucket(below: int | None, count: int) -> bytes:
    bound = b"" if below is None else netlink.uint(abi.A_BUCKET_BELOW, below)
    return netlink.nest(abi.A_LATENCY_BUCKET, bound + netlink.uint(abi.A_BUCKET_COUNT, count))


def scope_message(kind: str, name: str, port: int, latency: bytes, **counters: int) -> bytes:
    content = netlink.u32(abi.A_SCOPE_KIND, abi.SCOPE_KIND.index(kind))
    if name:
        content += netlink.text(abi.A_SCOPE_NAME, name)
    if port:
        content += netlink.attribute(abi.A_SCOPE_ADDRESS4, bytes((10, 0, 0, 1))) + netlink.u16(abi.A_SCOPE_PORT, port)
    content += b"".join(counter(abi.A_SCOPE_COUNTER, key, value) for key, value in counters.items())
    return netlink.nest(abi.A_STATS_SCOPE, content + netlink.nest(abi.A_SCOPE_LATENCY, latency))


@pytest.fixture
def statistics() -> Statistics:
    """As a module would say them, scopes in no order."""
    found = Statistics()
    latency = (
        netlink.uint(abi.A_LATENCY_SUM, 90_000_500) + bucket(16, 1) + bucket(448, 2) + bucket(512, 3) + bucket(None, 1)
    )
    found.add(
        counter(abi.A_STATS_COUNTER, "connections_active", 3, gauge=True)
        + counter(abi.A_STATS_COUNTER, "requests", 8)
        + counter(abi.A_STATS_COUNTER, "requests_softirq", 8)
        + counter(abi.A_STATS_COUNTER, "responses", 7)
        + counter(abi.A_STATS_COUNTER, "responses_2xx", 6)
        + counter(abi.A_STATS_COUNTER, "bytes_client_in", 2**40)
        + counter(abi.A_STATS_COUNTER, "rejected_rate", 1)
        + counter(abi.A_STATS_COUNTER, "responses_4xx", 1)
    )
    found.add(scope_message("server", "app", 8080, latency, requests=7, retries=2, responses_2xx=7))
    found.add(scope_message("listener", "", 80, b"", requests=8, connections=3))
    found.add(scope_message("upstream", "app", 0, latency, requests=7))
    found.sort()
    return found


def families(statistics: Statistics) -> dict[str, Metric]:
    text = prometheus.render(statistics)
    parsed = list(text_string_to_metric_families(text))
    names = [family.name for family in parsed]
    assert len(names) == len(set(names)), "each family stands once, its samples together"
    return {family.name: family for family in parsed}


def test_scopes_are_read_and_put_in_order(statistics: Statistics) -> None:
    assert [(s.kind, s.name, s.address) for s in statistics.scopes] == [
        ("listener", "", "10.0.0.1:80"),
        ("upstream", "app", ""),
        ("server", "app", "10.0.0.1:8080"),
    ]
    assert statistics.scopes[2].counters["retries"] == 2
    assert statistics.gauges == {"connections_active"}


def test_scope_of_a_newer_module_is_left_out() -> None:
    found = Statistics()
    found.add(netlink.nest(abi.A_STATS_SCOPE, netlink.u32(abi.A_SCOPE_KIND, 99)))
    assert found.scopes == []


def test_json_has_the_counters_and_the_scopes(statistics: Statistics) -> None:
    said = json.loads(json.dumps(statistics.json()))
    assert said["requests"] == 8
    server = said["scopes"][2]
    assert (server["kind"], server["upstream"], server["server"], server["requests"]) == (
        "server", "app", "10.0.0.1:8080", 7,
    )  # fmt: skip
    assert server["latency"]["count"] == 7
    assert server["latency"]["buckets"][-1] == [None, 1]


def test_prometheus_parses_with_types_help_and_units(statistics: Statistics) -> None:
    for name, family in families(statistics).items():
        assert re.fullmatch(r"weir_[a-z_]+", name)
        assert family.documentation
        assert family.type in {"counter", "gauge", "histogram"}
        for sample in family.samples:
            # The parser takes the suffix off a counter's family, not off its samples.
            assert sample.name.endswith("_total") == (family.type == "counter")
    assert "weir_client_in_bytes" in families(statistics)


def test_prometheus_values_and_labels(statistics: Statistics) -> None:
    found = families(statistics)

    def value(family: str, **labels: str) -> float:
        (sample,) = [s for s in found[family].samples if s.labels == labels]
        return float(sample.value)

    assert value("weir_connections_active") == 3
    assert value("weir_client_in_bytes") == 2**40
    assert value("weir_responses", code="4xx") == 1
    assert value("weir_requests_handled", context="softirq") == 8
    assert value("weir_rejected", reason="rate") == 1
    assert value("weir_listener_connections", listener="10.0.0.1:80") == 3
    assert value("weir_server_retries", upstream="app", server="10.0.0.1:8080") == 2
    assert value("weir_server_responses", upstream="app", server="10.0.0.1:8080", code="2xx") == 7


def test_prometheus_histogram_is_cumulative_and_ends_with_all(statistics: Statistics) -> None:
    family = families(statistics)["weir_upstream_response_seconds"]
    buckets = [(float(s.labels["le"]), s.value) for s in family.samples if s.name.endswith("_bucket")]
    bounds, counts = zip(*buckets, strict=True)
    assert list(bounds) == sorted(bounds)
    assert math.isinf(bounds[-1])
    assert list(counts) == sorted(counts)
    assert dict(buckets)[16e-6] == 1
    assert dict(buckets)[256e-6] == 1
    assert dict(buckets)[512e-6] == 6
    assert dict(buckets)[67.108864] == 6
    assert counts[-1] == 7
    others = {s.name.rpartition("_")[2]: s.value for s in family.samples if not s.name.endswith("_bucket")}
    assert others == {"sum": 90.0005, "count": 7}


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", 'both\\"', "plain"])
def test_prometheus_labels_are_escaped(name: str) -> None:
    found = Statistics()
    found.scopes.append(Scope("vhost", name, ""))
    assert families(found)["weir_vhost_requests"].samples[0].labels == {"vhost": name}


def test_prometheus_of_nothing_is_nothing_but_valid() -> None:
    assert families(Statistics()) == {}


def test_every_counter_of_the_module_has_a_help_of_its_own() -> None:
    names = re.findall(r"^\tWEIR_STAT_([a-z0-9_]+),", STATS_H.read_text(), re.M)
    assert len(names) >= 27
    found = Statistics()
    found.counters = dict.fromkeys(names, 0)
    assert "See docs" not in prometheus.render(found)


def test_every_metric_is_documented(statistics: Statistics) -> None:
    documented = (STATS_H.parent.parent / "docs" / "weirctl.md").read_text()
    names = re.findall(r"^\tWEIR_STAT_([a-z0-9_]+),", STATS_H.read_text(), re.M)
    statistics.counters = dict.fromkeys(names, 0)
    gauges = "connections_active upstream_active tunnels_active memory_bytes client_memory_bytes blocks_active "
    gauges += "clients_tracked under_attack"
    statistics.gauges = set(gauges.split())
    statistics.scopes.append(Scope("vhost", "shop", ""))
    for name, family in families(statistics).items():
        # Those that every kind of scope has are listed once.
        kind = re.sub(r"^weir_(listener|vhost|upstream|server)_", "weir_KIND_", name)
        kind += "_total" if family.type == "counter" else ""
        assert f"`{kind}`" in documented, f"{kind} is not in docs/weirctl.md"


def test_percentiles_are_upper_bounds() -> None:
    scope = Scope("upstream", "app", "")
    scope.buckets = [(16, 50), (1024, 49), (None, 1)]
    assert scope.percentile(0.5) == 16e-6
    assert scope.percentile(0.9) == 1024e-6
    assert scope.percentile(1.0) == math.inf
    assert Scope("upstream", "idle", "").percentile(0.5) is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "-"), (math.inf, "over 67 s"), (1.25, "1.25 s"), (0.00256, "2.56 ms"), (16e-6, "16 us"), (0.001, "1 ms")],
)
def test_durations_are_for_people(seconds: float | None, said: str) -> None:
    assert table.duration(seconds) == said


def test_table_has_a_line_for_each_counter_and_scope(statistics: Statistics) -> None:
    lines = table.render(statistics).splitlines()
    assert "requests           8" in lines
    assert any(line.startswith("server") and line.endswith("p99") for line in lines)
    (server,) = [line for line in lines if line.startswith("app 10.0.0.1:8080")]
    assert server.split()[2] == "7"
    assert server.endswith("over 67 s")
