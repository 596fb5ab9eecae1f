"""Generated records with known traits: a history with a regression and a new environment, peers, timed figures, gaps.

The numbers are invented and say so: every run's command is this file's name. They are for tests of the page alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from results import records
from results.figures import Comparison, Figure, FunctionChange, FunctionCost, Mode, NotMeasured, Verdict

COMMAND: Final = "python -m suites.report.generated"
START: Final = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
SCENARIOS: Final = {"get-keepalive-1k": 14_800.0, "get-keepalive-64k": 52_300.0, "connection-per-request": 61_200.0}
PEERS: Final = {"weir": 1.0, "nginx": 2.31, "haproxy": 2.74}
GATED: Final = 0.968
"""Weir in a gate's run, against the beginning of the history."""
_SPLIT: Final = {"weir": (0.34, 0.66, 0.0), "nginx": (0.0, 0.63, 0.37), "haproxy": (0.0, 0.55, 0.45)}
_NAMES: Final = {
    "module": ("weir_http_parse", "weir_relay_run", "weir_exchange_send", "weir_pipe_move", "weir_account_request"),
    "kernel": ("tcp_v4_rcv", "tcp_write_xmit", "ip_queue_xmit", "nf_hook_slow", "kmem_cache_alloc", "skb_release_data",
               "__netif_receive_skb_core", "tcp_ack", "sock_def_readable"),
    "user": ("main_loop", "parse_request_line", "write_chain", "event_poll"),
}  # fmt: skip
_HOST: Final = records.Host("Debian GNU/Linux 13", "6.12.0", "generated processor", 2, 8192, "3.13.0")


@dataclass(frozen=True)
class Plan:
    """`runs` on main; from run `slower` on Weir costs 3 % more; from `new_qemu` on another QEMU counts 6 % less."""

    runs: int = 60
    slower: int = 24
    new_qemu: int = 42
    scenarios: Sequence[str] = tuple(SCENARIOS)
    noise: float = 0.0004


def environment(number: int) -> tuple[str, dict[str, str]]:
    """Key and description of the environment of generation `number`."""
    return f"generated-{number}", {
        "qemu": f"7.2.{22 + number}",
        "cpu": "max,-cx16,-erms,-fsrm",
        "icount": "shift=0,sleep=off",
        "kernel": "ba3076ad87b5571a0b7d15f4",
        "compiler": "gcc-14 14.2.0-19",
        "image": "2bcede53bff8e35f64ea162b",
        "recipe": "1",
    }


def functions(dut: str, value: float) -> list[FunctionCost]:
    """The functions of a device's cost, dearest first within each part; they sum to 92 % of it."""
    found = []
    for part, share in zip(_NAMES, _SPLIT[dut], strict=True):
        weights = [1 / (rank + 1.4) for rank in range(len(_NAMES[part]))]
        for name, weight in zip(_NAMES[part], weights, strict=True):
            if share:
                found.append(FunctionCost(name, part, value * share * 0.92 * weight / sum(weights)))
    return found


def figures(scenario: str, factor: float, key: str, noise: random.Random, spread: float) -> list[Figure]:
    """The deterministic figures of one scenario, all devices and parts."""
    found = []
    for dut, ratio in PEERS.items():
        value = SCENARIOS.get(scenario, 10_000.0) * ratio * (factor if dut == "weir" else 1.0)
        value *= 1 + noise.gauss(0, spread)
        for metric, share in (("", 1.0), *((f"_{part}", s) for part, s in zip(_NAMES, _SPLIT[dut], strict=True))):
            found.append(
                Figure(
                    scenario=scenario,
                    dut=dut,
                    kernel="patched",
                    mode="deterministic",
                    metric=f"instr_per_request{metric}",
                    value=round(value * share, 1),
                    unit="instructions",
                    spread=spread,
                    environment=key,
                    functions=functions(dut, value) if not metric else [],
                )
            )
    return found


def timed_figures(scenario: str, key: str) -> list[Figure]:
    """Requests per second and latency of all devices, with paired ratios, marked as not fit for sign-off."""
    found = []
    unfit = ["TCG", "load 3.2 > 0.5"]
    for metric, unit, base, better in (
        ("requests_per_second", "requests/s", 4000.0, -1),
        ("latency_p99", "us", 900.0, 1),
    ):
        values = {dut: base * ratio**better for dut, ratio in PEERS.items()}
        for dut, value in values.items():
            found.append(_timed(scenario, dut, metric, value, unit, key, unfit))
        for dut in ("nginx", "haproxy"):
            ratio = values["weir"] / values[dut]
            found.append(_timed(scenario, "weir", metric, ratio, "ratio", key, unfit, against=dut))
    return found


def _timed(
    scenario: str, dut: str, metric: str, value: float, unit: str, key: str, unfit: list[str], against: str = ""
) -> Figure:
    return Figure(
        scenario=scenario, dut=dut, kernel="patched", mode="timed", metric=metric, value=value, unit=unit, spread=0.04,
        low=value * 0.96, high=value * 1.05,
        samples=[value * 0.97, value, value * 1.04], against=against, environment=key, unfit=unfit,
    )  # fmt: skip


def run(
    number: int,
    suite: str,
    *,
    figures: list[Figure] | None = None,
    comparisons: list[Comparison] | None = None,
    not_measured: list[NotMeasured] | None = None,
    tests: list[records.TestResult] | None = None,
    environments: dict[str, dict[str, str]] | None = None,
    branch: str = "main",
    verdict: str = "",
    exit_code: int = 0,
    configurations: dict[str, str] | None = None,
) -> records.Run:
    """One record; `number` decides its time, identity and revision."""
    started = START + timedelta(hours=8 * number)
    return records.Run(
        id=f"{started:%Y%m%dT%H%M%SZ}-{number:08x}",
        suite=suite,
        started=started,
        duration_s=321.5,
        exit_code=exit_code,
        command=COMMAND,
        environment=records.Environment(_HOST, "qemu", "tcg", "generated", 1.0, "patched", "6.12.117-weir"),
        revision=records.Revision(f"{number * 2654435761 % 2**32:08x}" * 5, branch, False),
        dut="weir" if tests else "",
        versions={"qemu-system-x86": "1:10.0.13", "nginx": "1.26.3", "haproxy": "3.0.11"},
        hashes={"kernel": "ba3076ad87b5571a0b7d15f4"},
        figures=figures or [],
        comparisons=comparisons or [],
        not_measured=not_measured or [],
        tests=tests or [],
        environments=environments or {},
        verdict=verdict,
        configurations=configurations or {},
    )


def history(plan: Plan = Plan()) -> Iterator[records.Run]:
    """The runs of main, oldest first."""
    noise = random.Random(1)
    for number in range(plan.runs):
        key, described = environment(int(number >= plan.new_qemu))
        factor = (1.03 if number >= plan.slower else 1.0) * (0.94 if number >= plan.new_qemu else 1.0)
        found = [one for name in plan.scenarios for one in figures(name, factor, key, noise, plan.noise)]
        yield run(number, "performance", figures=found, environments={key: described})


def comparison(scenario: str, metric: str, change: float, *, gating: bool = True) -> Comparison:
    """A judged comparison; verdicts follow from the change and a threshold of 0.3 %."""
    baseline = SCENARIOS.get(scenario, 10_000.0) * (0.34 if metric.endswith("module") else 1.0)
    verdict: Verdict = "regression" if change > 0.003 else "improvement" if change < -0.003 else "same"
    cost = baseline * change
    changed = [
        FunctionChange("weir_http_parse", "module", baseline * 0.1, baseline * 0.1 + cost * 0.9),
        FunctionChange("weir_relay_run", "module", baseline * 0.05, baseline * 0.05 + cost * 0.1),
    ]
    return Comparison(
        scenario=scenario, dut="weir", kernel="patched", mode="deterministic", metric=metric, unit="instructions",
        baseline=round(baseline, 1), candidate=round(baseline + cost, 1), change=change, threshold=0.003,
        verdict=verdict, noise=0.0011, baseline_revision="5e1f" * 10, gating=gating, functions=changed if cost else [],
    )  # fmt: skip


def gate(number: int, changes: dict[str, float], *, branch: str = "change") -> records.Run:
    """A pull request's run: `changes` by scenario in the module; the total moves a third as much."""
    key, described = environment(1)
    noise = random.Random(number)
    found = [one for name in changes for one in figures(name, GATED, key, noise, 0.0004)]
    found += [one for name in changes for one in timed_figures(name, key)]
    compared = []
    for name, change in changes.items():
        compared.append(comparison(name, "instr_per_request_module", change))
        compared.append(comparison(name, "instr_per_request", change * 0.34))
        compared.append(comparison(name, "instr_per_request_kernel", change * 0.01, gating=False))
    worse = any(one.gating and one.verdict == "regression" for one in compared)
    mode: Mode = "deterministic"
    missing = [
        NotMeasured("blocked-syn", dut, "patched", mode, "the device has no block table") for dut in ("weir", "nginx")
    ]
    settings = {"nginx": "worker_processes 1;\tone CPU is counted", "weir": "request_rate = 0\tno limit here"}
    return run(
        number, "performance", figures=found, comparisons=compared, not_measured=missing, branch=branch,
        environments={key: described}, verdict="FAIL" if worse else "PASS", exit_code=int(worse),
        configurations=settings,
    )  # fmt: skip


def functional(number: int, *, broken: int = 0) -> records.Run:
    """A run of tests, `broken` of them failed."""
    tests = [
        records.TestResult(f"suites/functional/test_x.py::test_{i}", "passed", 0.1 + math.sin(i) ** 2)
        for i in range(40)
    ]
    tests += [
        records.TestResult(
            f"suites/functional/test_x.py::test_broken_{i}", "failed", 0.2, "product", "assert 200 == 502"
        )
        for i in range(broken)
    ]
    return run(number, "functional", tests=tests, exit_code=int(bool(broken)))


def store(root: Path, runs: Iterator[records.Run] | Sequence[records.Run]) -> Path:
    """Appends the runs below `root` and returns it."""
    for one in runs:
        records.append(one, root)
    return root


EVIL: Final = "<script>document.title='owned';window.owned=1</script>\"'><img src=x onerror=\"window.owned=2\">"
"""A name that must be read and never run."""


def main(root: Path) -> None:
    """Everything at once, for looking at the page: a history, then a pull request that is slower."""
    store(root, [*history(), functional(61, broken=1)])
    store(root, [gate(62, {"get-keepalive-1k": 0.0121, "get-keepalive-64k": -0.008, "connection-per-request": 0.0004})])


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1]))
