"""The gate: compares a candidate with BASE in one job, and says whether it got slower.

Harness, scenarios, image and configuration are the candidate's on both sides; only kmod/ (the module, the kernel's
patches, weirctl) is BASE's. `prepare_base` builds it before the lab is entered; `compare` judges one scenario once both
sides are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.initramfs import ensure_initrd
from lab.kernel import Kernel, ensure_kernel
from lab.lock import Lock
from lab.module import Module, ensure_module
from lab.progress import step
from lab.tools import ToolsTree
from results.compare import Thresholds, judge, regressions
from results.figures import Comparison, Figure
from suites.performance.base import Base, Git, find_base, materialise, show
from suites.performance.deterministic import Cell, CountingInputs
from suites.performance.scenario_changes import PATH, changed_scenarios

DUT: Final = "weir"
"""The only device that a change of kmod/ is compared on."""
NAMED: Final = 3
"""Functions that a verdict names."""


@dataclass(frozen=True)
class BaseBuild:
    """BASE, built. `source` holds its kmod/. `changed_scenarios` are those that the candidate defines otherwise.

    `same_product` says that module, kernel and weirctl are what the candidate has: counting BASE would count the
    candidate again, to the same number.
    """

    base: Base
    source: Path
    kernel: Kernel
    module: Module
    initrd: Path
    changed_scenarios: tuple[str, ...]
    same_product: bool

    def inputs(self, candidate: CountingInputs) -> CountingInputs:
        """BASE's side: the candidate's guest with BASE's kmod/ in it."""
        return replace(candidate, kernel=self.kernel, module=self.module, initrd=self.initrd, source=self.source)

    def cell(self, candidate: Cell) -> Cell:
        """BASE's cell to the candidate's; the same one where the product is the same."""
        return candidate if self.same_product else replace(candidate, revision=self.base.commit)


def prepare_base(cache: Cache, lock: Lock, tools: ToolsTree, kernel_flavour: str, base: str | None) -> BaseBuild:
    """Finds BASE (`base`, or what find_base takes by default) and builds what of it is measured.

    To be called before the lab is entered: it may fetch history and packages. Raises UsageError when there is no such
    revision, InfrastructureError when its kernel or module does not build.
    """
    git = Git(ROOT)
    with step("BASE"):
        found = find_base(git, base)
        source = materialise(cache, git, found)
        kmod = source / "kmod"
        kernel = ensure_kernel(cache, lock, tools, kernel_flavour, patches=kmod / "patches")
        module = ensure_module(cache, kernel, tools, source=kmod)
        initrd = ensure_initrd(cache, kernel, tools)
        mine = ensure_module(cache, ensure_kernel(cache, lock, tools, kernel_flavour), tools)
    changed = changed_scenarios(show(git, found, PATH), (ROOT / PATH).read_text(encoding="utf-8"))
    return BaseBuild(
        base=found,
        source=source,
        kernel=kernel,
        module=module,
        initrd=initrd,
        changed_scenarios=tuple(sorted(changed)),
        # A module's key has its kernel's in it.
        same_product=module.key == mine.key and _weirctl(kmod) == _weirctl(ROOT / "kmod"),
    )


def _weirctl(kmod: Path) -> str:
    folder = kmod / "user/weirctl"
    return digest([[str(path.relative_to(folder)), path] for path in sorted(folder.rglob("*.py"))])


def compare(
    base: BaseBuild, baseline: Sequence[Figure], candidate: Sequence[Figure], thresholds: Thresholds
) -> list[Comparison]:
    """One scenario's figures on both sides, judged; every metric that both sides have.

    Raises results.compare.CompareError when the sides are not alike.
    """
    before = [msgspec.structs.replace(figure, revision=base.base.commit) for figure in baseline]
    return judge(
        before,
        candidate,
        thresholds,
        changed_scenarios=base.changed_scenarios,
        across_environments=not base.same_product,
    )


def describe(comparison: Comparison) -> str:
    """One line: what changed, from what to what, over which threshold, and in which functions.

    get-keepalive-1k: instr_per_request_module +1.04 % (8,312 -> 8,398 instructions; threshold 0.40 %), mostly
    weir_pool_submit() +83
    """
    one = comparison
    line = (
        f"{one.scenario}: {one.metric} {one.change:+.2%} ({one.baseline:,.0f} -> {one.candidate:,.0f} {one.unit}; "
        f"threshold {one.threshold:.2%})"
    )
    worse = [change for change in one.functions if (change.candidate - change.baseline) * one.change > 0]
    if worse:
        named = ", ".join(f"{change.name}() {change.candidate - change.baseline:+,.0f}" for change in worse[:NAMED])
        line += f", mostly {named}"
    return line + ("; the candidate changes this scenario" if one.changed_scenario else "")


def failure(comparisons: Sequence[Comparison]) -> str:
    """Why the gate fails, one line a regression; empty if it does not."""
    return "\n".join(describe(one) for one in regressions(comparisons))


def verdict(comparisons: Sequence[Comparison]) -> str:
    """PASS or FAIL; INCONCLUSIVE when nothing that gates was compared."""
    gating = [one for one in comparisons if one.gating]
    if regressions(gating):
        return "FAIL"
    return "PASS" if gating and all(one.verdict != "inconclusive" for one in gating) else "INCONCLUSIVE"


def table(base: BaseBuild, comparisons: Sequence[Comparison]) -> list[str]:
    """The gating comparisons as lines of text."""
    lines = [f"candidate against {base.base.short} ({base.base.why})"]
    if base.same_product:
        lines.append("module, kernel and weirctl are the same on both sides: counted once")
    for one in comparisons:
        if one.gating:
            noise = "" if one.noise is None else f", noise {one.noise:.2%}"
            mark = " (scenario changed)" if one.changed_scenario else ""
            lines.append(
                f"  {one.verdict:<12} {one.scenario:<24} {one.metric:<26} {one.baseline:>10,.0f} -> "
                f"{one.candidate:>10,.0f} {one.change:+8.2%}   threshold {one.threshold:.2%}{noise}{mark}"
            )
    return lines
