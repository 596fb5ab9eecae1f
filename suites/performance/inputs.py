"""What counting guests of this checkout are made of, built before the lab is entered."""

from __future__ import annotations

from lab.cache import Cache
from lab.lock import Lock
from lab.plugin import TREE, ensure_plugin
from lab.run import Prepared
from lab.tools import ensure_tools
from suites.performance.deterministic import CountingInputs
from suites.performance.program import ensure_load_program


def counting_inputs(prepared: Prepared, cache: Cache, lock: Lock) -> CountingInputs:
    """Builds the counting QEMU's tree, its plugin and the load program unless cached.

    Raises HostError or InfrastructureError when one cannot be built.
    """
    count_tools = ensure_tools(cache, lock, TREE)
    ensure_load_program(cache, prepared.tools)
    return CountingInputs(
        tools=prepared.tools,
        count_tools=count_tools,
        kernel=prepared.kernel,
        module=prepared.module,
        image=prepared.image,
        initrd=prepared.initrd,
        source=prepared.source,
        plugin=ensure_plugin(cache, lock, count_tools),
        run_dir=prepared.run_dir,
    )
