"""Two revisions of the product side by side: what is built of each, and their figures. Harness and image are one.

`candidate` and `baseline` are commits of which kmod/ (module, patches, weirctl) is measured; `canary` is the baseline
once more, to see what the host makes of a comparison in which there is nothing to see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from lab.bootstrap import ROOT
from lab.initramfs import ensure_initrd
from lab.kernel import Kernel, ensure_kernel
from lab.module import Module, ensure_module
from suites.performance.base import Git, find_base, materialise
from suites.performance.timed import figures as figures_of

if TYPE_CHECKING:
    from lab.cache import Cache
    from lab.lock import Lock
    from lab.run import Prepared
    from lab.tools import ToolsTree
    from results.figures import Figure
    from suites.performance.timed.sides import Paired

CANDIDATE: Final = "candidate"
BASELINE: Final = "baseline"
CANARY: Final = "canary"
# The baseline is in the middle: both comparisons are then of neighbours in time.
SIDES: Final = (CANDIDATE, BASELINE, CANARY)


@dataclass(frozen=True)
class Build:
    """One commit's product. `source` holds its kmod/."""

    commit: str
    source: Path
    kernel: Kernel
    module: Module
    initrd: Path

    def prepared(self, run: Prepared) -> Prepared:
        """What was prepared for the run, with this product in it."""
        return replace(run, kernel=self.kernel, module=self.module, initrd=self.initrd, source=self.source)

    @property
    def attributes(self) -> dict[str, str]:
        """What a figure of it says of what it was made of."""
        return {"module": self.module.key, "kernel": self.kernel.key}


def build(cache: Cache, lock: Lock, tools: ToolsTree, flavour: str, revision: str) -> Build:
    """Builds what of `revision` is measured, unless it is cached. To be called before the lab is entered.

    Raises UsageError when there is no such revision, InfrastructureError when it does not build.
    """
    git = Git(ROOT)
    found = find_base(git, revision)
    source = materialise(cache, git, found)
    kernel = ensure_kernel(cache, lock, tools, flavour, patches=source / "kmod" / "patches")
    return Build(
        commit=found.commit,
        source=source,
        kernel=kernel,
        module=ensure_module(cache, kernel, tools, source=source / "kmod"),
        initrd=ensure_initrd(cache, kernel, tools),
    )


@dataclass(frozen=True)
class Revisions:
    """The builds of a comparison."""

    candidate: Build
    baseline: Build

    def of(self, side: str) -> Build:
        """The build that a side runs."""
        return self.candidate if side == CANDIDATE else self.baseline

    @property
    def same_kernel(self) -> bool:
        """Whether one guest can run both: they differ in the module alone."""
        return self.candidate.kernel.key == self.baseline.kernel.key

    def environment(self, of_run: Mapping[str, str]) -> dict[str, str]:
        """The run's environment, with both kernels in it where there are two: it is the comparison's, not a side's."""
        kernel = self.candidate.kernel.key
        if not self.same_kernel:
            kernel = f"{CANDIDATE} {kernel}, {BASELINE} {self.baseline.kernel.key}"
        return {**of_run, "kernel": kernel}


def figures(paired: Paired, context: figures_of.Context, revisions: Revisions) -> Iterator[Figure]:
    """Every side's figures, as what they are: Weir's, of a commit; with the number of requests that failed.

    Elsewhere a side with failed requests has no figures. Here it has, with their number, and whoever decides refuses
    them by name.
    """
    counted = replace(
        paired,
        samples={name: [replace(sample, failed=0) for sample in rounds] for name, rounds in paired.samples.items()},
    )
    for figure in figures_of.figures(counted, context):
        if figure.against:
            continue
        made = revisions.of(figure.dut)
        yield msgspec.structs.replace(
            figure,
            dut="weir",
            revision=made.commit,
            attributes={
                **figure.attributes,
                **made.attributes,
                "side": figure.dut,
                "failed": str(paired.failed(figure.dut)),
            },
        )
