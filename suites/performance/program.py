"""The load program of counting guests, built from guest/ in the tools tree: static, so that any guest runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lab import progress
from lab.cache import Cache, digest
from lab.process import run_logged
from lab.sandbox import command
from lab.tools import ToolsTree

RECIPE: Final = 2
SOURCE: Final = Path(__file__).parent / "guest"
_COMPILE: Final = ("gcc", "-O2", "-static", "-s", "-std=gnu17", "-Wall", "-Wextra", "-Werror")
_LIBRARIES: Final = ("-lssl", "-lcrypto", "-lz", "-lzstd")


def ensure_load_program(cache: Cache, tools: ToolsTree) -> Path:
    """The static ELF program `load`, built unless cached. Raises InfrastructureError with the compiler's words."""
    libraries = {name: tools.versions[name] for name in ("libc6-dev", "linux-libc-dev", "libssl-dev")}
    key = digest("load", RECIPE, [*_COMPILE, *_LIBRARIES], SOURCE, tools.toolchain(), libraries)

    def build(directory: Path) -> None:
        with progress.step("load program of counting guests"):
            sources = sorted(path.name for path in SOURCE.glob("*.c"))
            # Nothing is bound to a fixed place, so that unit tests may build it inside the lab; stripped, and named by
            # relative paths, the program says nothing of where it was made.
            argv = command(tools, [*_COMPILE, "-o", str(directory / "load"), *sources, *_LIBRARIES], cwd=SOURCE)
            run_logged(argv, what="compiling suites/performance/guest", log=cache.scratch("logs") / "load.log")

    return cache.ensure("load", key, build) / "load"
