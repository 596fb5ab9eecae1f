"""The programs of `lab fuzz`, made of the sources as they are now by the clang of the fuzz tools tree, unless cached.

A target is a file fuzz_NAME.c of kmod/tests/http/fuzz or kmod/tests/tls/fuzz; the other files there are what targets
share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import progress, sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.process import run_logged
from lab.tools import ToolsTree

HTTP: Final = ROOT / "kmod/tests/http"
FUZZ: Final = HTTP / "fuzz"
TLS_FUZZ: Final = ROOT / "kmod/tests/tls/fuzz"
TLS_WRAPPED: Final = tuple(f"-Wl,--wrap=x25519_{name}" for name in ("public", "shared", "exchange"))
"""What its platform.c has something quicker for."""
_COMMON: Final = ("-std=gnu11", "-O1", "-g")
_SANITIZED: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_COUNTED: Final = ("-fprofile-instr-generate", "-fcoverage-mapping")
# What guides the fuzzer: new edges in the product, in the reader it is compared with and in what reads the rules of an
# input, not in what compares them.
_GUIDED: Final = "src:*kmod/http_*.c\nsrc:*kmod/tls_*.c\nsrc:*/fuzz/strict.c\nsrc:*/fuzz/written.c\nfun:*\n"


def targets(*folders: Path) -> list[str]:
    """The names of the targets in these folders; none: of all."""
    found = [path for folder in folders or (FUZZ, TLS_FUZZ) for path in folder.glob("fuzz_*.c")]
    return sorted(path.stem.removeprefix("fuzz_") for path in found)


def folder_of(target: str) -> Path:
    """Where its sources and inputs are."""
    return TLS_FUZZ if target in targets(TLS_FUZZ) else FUZZ


def sources_of(product: str) -> list[Path]:
    """The files of kmod/ that compile in user space: http_*.c, or tls_*.c but for the one that is the kernel's."""
    return [path for path in sorted((ROOT / "kmod").glob(f"{product}_*.c")) if path.name != "tls_kernel.c"]


@dataclass(frozen=True)
class Builder:
    """Builds programs with one tools tree."""

    cache: Cache
    tools: ToolsTree

    def fuzzer(self, target: str, *, counted: bool = False) -> Path:
        """libFuzzer with the target: under the sanitizers, or instead of them `counted`, for a coverage report."""
        flags = [*_COMMON, "-fsanitize=fuzzer", *(_COUNTED if counted else _SANITIZED)]
        folder = folder_of(target)
        shared = [path for path in sorted(folder.glob("*.c")) if path.name != "replay.c" and path.stem[:5] != "fuzz_"]
        sources = [folder / f"fuzz_{target}.c", *shared]
        if folder == TLS_FUZZ:
            return self._build(f"fuzz-{target}", [*flags, *TLS_WRAPPED], sources, product="tls")
        return self._build(f"fuzz-{target}", flags, [*sources, HTTP / "roundtrip.c"])

    def unit_tests(self, *, counted: bool = False) -> Path:
        """The program of the unit tests, whose rows are seeds."""
        return self._build("harness", [*_COMMON, *(_COUNTED if counted else ())], sorted(HTTP.glob("*.c")))

    def _build(self, name: str, flags: Sequence[str], sources: Sequence[Path], product: str = "http") -> Path:
        kmod = ROOT / "kmod"
        everything = [*sources, *sources_of(product)]
        headers = [*sorted((kmod / "tests" / product).rglob("*.h")), *sorted(kmod.glob(f"{product}_*.h"))]
        headers.append(kmod / "http_types.h")
        content = {str(path.relative_to(ROOT)): path for path in (*everything, *headers)}

        def build(directory: Path) -> None:
            with progress.step(f"building {name}"):
                guided = directory / "guided.txt"
                guided.write_text(_GUIDED, encoding="utf-8")
                own = [f"-fsanitize-coverage-allowlist={guided}"] if "-fsanitize=fuzzer" in flags else []
                argv: list[str | Path] = ["clang", *flags, *own, "-o", directory / name, *everything]
                log = self.cache.scratch("logs") / f"{name}.log"
                run_logged(sandbox.command(self.tools, argv, cwd=ROOT), what=f"building {name}", log=log)

        # Where the sources are is part of the key: reports name them.
        key = digest(name, self.tools.key, flags, _GUIDED, str(ROOT), content)
        return self.cache.ensure("fuzzers", key, build) / name
