"""`lab fuzz`: the HTTP and TLS code of the module under libFuzzer, in user space, with sanitizers. See docs/fuzzing.md.

What a run finds new is kept in the cache's scratch, so that the next run goes on from there; `--merge` brings what is
worth keeping into the repository.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lab import fuzz_corpus, fuzz_coverage, sandbox
from lab.cache import Cache
from lab.errors import ExitCode, LabError, UsageError
from lab.fuzz_build import Builder, folder_of, targets
from lab.lock import Lock
from lab.tools import ensure_tools

INPUT_MAX: Final = 4096
"""Bytes of the longest input that is tried."""
_CORPUS_COMMENT: Final = (
    "Found by fuzzing and chosen by `nox -s lab -- fuzz --merge`: the fewest inputs that reach what all of them reach.",
    "Never edited by hand; lab/fuzz_corpus.py reads it.",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--seconds", type=int, default=60, help="how long to look, all targets together (default: 60)")
    parser.add_argument("--target", choices=targets(), action="append", help="only this one (default: all)")
    parser.add_argument("--merge", action="store_true", help="choose the repository's corpus anew, from all there is")
    parser.add_argument("--coverage", action="store_true", help="report what the repository's corpus covers")
    parser.add_argument("input", nargs="*", type=Path, help="run these inputs once instead, to reproduce a finding")


def run(args: argparse.Namespace) -> int:
    """Fuzzes; 1 when something was found, after printing the report and how to reproduce it."""
    cache = Cache()
    builder = Builder(cache, ensure_tools(cache, Lock.load(), "fuzz"))
    chosen = args.target or targets()
    if args.input:
        if len(chosen) > 1:
            raise UsageError("an input belongs to one target", hint=f"--target {{{','.join(chosen)}}}")
        return Target(builder, chosen[0]).replay(args.input)
    status = ExitCode.PASSED
    if args.coverage:
        return fuzz_coverage.report(builder, {name: Target(builder, name).inputs() for name in chosen})
    for name in chosen:
        target = Target(builder, name)
        if args.merge:
            target.merge()
        elif not target.look(max(1, args.seconds // len(chosen))):
            status = ExitCode.PRODUCT_FAILURE
    return status


class Target:
    """One harness with its inputs."""

    def __init__(self, builder: Builder, name: str) -> None:
        self.builder = builder
        self.name = name
        folder = folder_of(name)
        self.seeds = folder / f"seeds/{name}.txt"
        self.corpus = folder / f"corpus/{name}.txt"
        self.dictionary = folder / f"{name}.dict"
        self.found = builder.cache.scratch(f"fuzz-{name}")

    def inputs(self) -> list[bytes]:
        """What the repository has: seeds, the unit tests' rows, and the corpus."""
        return [*self._given(), *(fuzz_corpus.read(self.corpus) if self.corpus.is_file() else [])]

    def _given(self) -> list[bytes]:
        inputs = fuzz_corpus.read(self.seeds)
        if self.name == "http":
            argv = sandbox.command(self.builder.tools, [self.builder.unit_tests(), "--seeds"])
            done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=True)
            inputs += fuzz_corpus.parse(done.stdout, "rows of the unit tests")
        return inputs

    def look(self, seconds: int) -> bool:
        """Fuzzes for so long. False when something was found."""
        corpus = self.found / "corpus"
        corpus.mkdir(exist_ok=True)
        began = time.time()
        with self._unpacked(self.inputs()) as known:
            arguments: list[str | Path] = [f"-max_total_time={seconds}", f"-max_len={INPUT_MAX}", "-timeout=120"]
            arguments += ["-print_final_stats=1", "-reduce_inputs=1", f"-artifact_prefix={self.found}/"]
            arguments += [f"-dict={self.dictionary}"] if self.dictionary.is_file() else []
            status = self._run([*arguments, corpus, known], timeout=seconds + 120)
        for path in sorted(self.found.glob("*-*")):
            # A slow unit is no finding: a busy host makes many.
            if path.is_file() and path.stat().st_mtime >= began and not path.name.startswith("slow-unit-"):
                print(f"fuzz: to reproduce: nox -s lab -- fuzz --target {self.name} {path}")
                print(f"fuzz: as a line of {self.seeds.name}: {fuzz_corpus.to_line(path.read_bytes())}")
        return status == 0

    def replay(self, paths: Sequence[Path]) -> int:
        """Runs inputs once: files as libFuzzer writes them, or .txt of lines."""
        inputs: list[bytes] = []
        for path in paths:
            inputs += fuzz_corpus.read(path) if path.suffix == ".txt" else [path.read_bytes()]
        with self._unpacked(inputs) as folder:
            status = self._run(sorted(folder.iterdir()), timeout=600)
        return ExitCode.PRODUCT_FAILURE if status else ExitCode.PASSED

    def merge(self) -> None:
        """Writes the corpus anew: of what it had and what was found here, the fewest inputs that reach as much."""
        given = self._given()
        with self._unpacked([]) as chosen, self._unpacked(self.inputs()) as known:
            corpus = self.found / "corpus"
            corpus.mkdir(exist_ok=True)
            if self._run(["-set_cover_merge=1", f"-max_len={INPUT_MAX}", chosen, known, corpus], timeout=3600):
                raise LabError(f"merging the corpus of {self.name} failed", hint="its output is above")
            kept = {path.read_bytes() for path in chosen.iterdir()} - set(given)
        self.corpus.parent.mkdir(exist_ok=True)
        fuzz_corpus.write(self.corpus, _CORPUS_COMMENT, {data for data in kept if len(data) >= 2})
        print(f"fuzz: {self.corpus.name}: {len(kept)} inputs beside {len(set(given))} seeds")

    def _run(self, arguments: Sequence[str | Path], timeout: float) -> int:
        argv = sandbox.command(self.builder.tools, [self.builder.fuzzer(self.name), *arguments])
        return subprocess.run(argv, timeout=timeout, check=False).returncode

    @contextmanager
    def _unpacked(self, inputs: Sequence[bytes]) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self.found, prefix="inputs-") as name:
            fuzz_corpus.unpack(inputs, Path(name))
            yield Path(name)
