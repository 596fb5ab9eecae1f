"""The gate's words and verdict, the thresholds it uses, and the two sides' inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.kernel import Kernel
from lab.module import Module
from results.compare import Thresholds
from results.figures import Figure, FunctionCost
from suites.performance import gate
from suites.performance.base import Base
from suites.performance.deterministic import Cell
from suites.performance.thresholds import read_thresholds

KERNEL = Kernel("patched", "6.12", Path("bzImage"), Path("build"), None, None, "key", "6.12-1")
MODULE = Module(Path("weir.ko"), Path("debug/weir.ko"), {}, "key")


def build(*changed: str, same_product: bool = False) -> gate.BaseBuild:
    return gate.BaseBuild(
        Base("c0ffee" * 6 + "abcd", "for a test"), Path("base"), KERNEL, MODULE, Path("initrd"), changed, same_product
    )


def figures(whole: float, module: float, *functions: FunctionCost, environment: str = "e") -> list[Figure]:
    return [
        Figure(
            scenario="get", dut="weir", kernel="patched", mode="deterministic", metric=metric, value=value,
            unit="instructions", spread=0.0, environment=environment,
            functions=list(functions) if metric == "instr_per_request" else [],
        )
        for metric, value in (("instr_per_request", whole), ("instr_per_request_module", module))
    ]  # fmt: skip


@pytest.fixture
def thresholds() -> Thresholds:
    return read_thresholds()


def test_the_committed_thresholds_gate_the_whole_and_the_module(thresholds: Thresholds) -> None:
    for metric in ("instr_per_request", "instr_per_request_module"):
        row = thresholds.find(metric, "no scenario of this name")
        assert row is not None
        assert row.gating
        assert 0 < row.threshold <= 0.01


def test_a_slower_module_fails_even_where_the_whole_hardly_moves(thresholds: Thresholds) -> None:
    before = figures(40_000, 8_000, FunctionCost("weir_pool_submit", "module", 300), FunctionCost("ack", "kernel", 99))
    after = figures(40_080, 8_080, FunctionCost("weir_pool_submit", "module", 380), FunctionCost("ack", "kernel", 99))
    found = gate.compare(build(), before, after, thresholds)
    text = gate.failure(found)
    assert text.startswith(
        "get: instr_per_request_module +1.00 % (8,000 -> 8,080 instructions; threshold".replace(" %", "%")
    )
    assert "mostly weir_pool_submit() +80" in text
    assert text.count("\n") == 0, "the whole is below its threshold"
    assert gate.verdict(found) == "FAIL"


def test_no_change_passes(thresholds: Thresholds) -> None:
    found = gate.compare(build(), figures(40_000, 8_000), figures(40_001, 8_000), thresholds)
    assert gate.failure(found) == ""
    assert gate.verdict(found) == "PASS"


def test_nothing_compared_is_no_pass() -> None:
    assert gate.verdict([]) == "INCONCLUSIVE"


def test_an_improvement_passes_and_names_nobody(thresholds: Thresholds) -> None:
    found = gate.compare(build(), figures(40_000, 8_000), figures(39_000, 7_000), thresholds)
    assert gate.verdict(found) == "PASS"
    assert {one.verdict for one in found} == {"improvement"}


def test_the_baseline_is_of_its_commit_and_a_changed_scenario_is_marked(thresholds: Thresholds) -> None:
    found = gate.compare(build("get"), figures(40_000, 8_000), figures(48_000, 8_000), thresholds)
    assert {one.baseline_revision for one in found} == {"c0ffee" * 6 + "abcd"}
    assert all(one.changed_scenario for one in found)
    assert "the candidate changes this scenario" in gate.failure(found)


def test_another_kernel_is_no_other_environment(thresholds: Thresholds) -> None:
    before, after = figures(1, 1, environment="one kernel"), figures(1, 1, environment="another")
    assert gate.compare(build(), before, after, thresholds)


def test_the_same_product_is_counted_once() -> None:
    cell = Cell("get", "weir", "patched")
    assert build(same_product=True).cell(cell) == cell
    assert build().cell(cell).revision == "c0ffee" * 6 + "abcd"


def test_the_table_says_both_sides(thresholds: Thresholds) -> None:
    found = gate.compare(build("get"), figures(40_000, 8_000), figures(48_000, 8_000), thresholds)
    lines = gate.table(build("get"), found)
    assert lines[0] == "candidate against c0ffeec0ffee (for a test)"
    assert "40,000" in lines[1]
    assert "+20.00%" in lines[1]
    assert "scenario changed" in lines[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "Expected"),
        ("[[threshold]]\nmetric = 'x'\nthreshold = 'much'\n", "Expected `float`"),
        ("[[threshold]]\nmetric = 'x'\nthreshold = 0.1\ngate = true\n", "unknown field `gate`"),
        ("[[threshold]]\nmetric = 'x'\nthreshold = -0.1\n", "must not be negative"),
    ],
)
def test_a_wrong_threshold_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.toml").write_text(text)
    with pytest.raises(UsageError, match=said):
        read_thresholds(tmp_path / "t.toml")
