"""`lab fuzz`: the HTTP code of the module under libFuzzer, in user space, with the sanitizers on.

The harness is kmod/tests/http/fuzz; its seeds are also replayed by the unit tests. What a run finds new is kept in the
cache's scratch, so that the next run goes on from there.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from typing import Final

from lab import progress, sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.errors import ExitCode
from lab.lock import Lock
from lab.process import run_logged
from lab.tools import ToolsTree, ensure_tools

HTTP: Final = ROOT / "kmod/tests/http"
FLAGS: Final = ("-std=gnu11", "-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all")
INPUT_MAX: Final = 4096
"""Bytes of the longest input that is tried."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--seconds", type=int, default=60, help="how long to look (default: 60)")
    parser.add_argument("input", nargs="*", type=Path, help="run these inputs once instead, to reproduce a finding")


def run(args: argparse.Namespace) -> int:
    """Fuzzes; 1 when something was found, after printing the report and the file that reproduces it."""
    cache = Cache()
    tools = ensure_tools(cache, Lock.load(), "fuzz")
    program = ensure_fuzzer(cache, tools)
    work = cache.scratch("fuzz-http")
    if args.input:
        arguments: list[str | Path] = [path.absolute() for path in args.input]
    else:
        corpus = work / "corpus"
        corpus.mkdir(exist_ok=True)
        arguments = [f"-max_total_time={args.seconds}", f"-max_len={INPUT_MAX}", "-timeout=10", "-print_final_stats=1"]
        arguments += [f"-dict={HTTP / 'fuzz/http.dict'}", f"-artifact_prefix={work}/", corpus, HTTP / "fuzz/seeds"]
    done = subprocess.run(sandbox.command(tools, [program, *arguments]), timeout=args.seconds + 120, check=False)
    return ExitCode.PRODUCT_FAILURE if done.returncode else ExitCode.PASSED


def ensure_fuzzer(cache: Cache, tools: ToolsTree) -> Path:
    """The fuzzer made from the sources as they are now, unless cached."""
    sources = [HTTP / "fuzz/fuzz_http.c", HTTP / "roundtrip.c", *sorted((ROOT / "kmod").glob("http_*.c"))]
    headers = [*sorted(HTTP.rglob("*.h")), *sorted((ROOT / "kmod").glob("http_*.h"))]
    content = {str(path.relative_to(ROOT)): path for path in (*sources, *headers)}

    def build(directory: Path) -> None:
        with progress.step("building the fuzzer"):
            argv = sandbox.command(tools, ["clang", *FLAGS, "-o", directory / "fuzz", *sources], cwd=ROOT)
            run_logged(argv, what="building the fuzzer", log=cache.scratch("logs") / "fuzz.log")

    return cache.ensure("fuzz-http", digest(tools.key, FLAGS, content), build) / "fuzz"
