"""`lab mutants`: plants one fault at a time in the module's HTTP code, and wants the user-space tests to find each.

A mutant is an edit of kmod/tests/http/mutants.toml; or, with `--sweep`, every small edit that lab/mutate.py can think
of. Each is compiled alone, linked with the rest, and given to the unit tests and to the fuzzer's checks on its seeds
and corpus. One that neither notices survives: a test is missing, or the edit changes nothing that can be seen, and then
the file says why.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import fuzz_corpus, mutate, progress, sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.errors import ExitCode, LabError, UsageError
from lab.fuzz import Target
from lab.fuzz_build import FUZZ, HTTP, Builder, targets
from lab.lock import Lock
from lab.mutate import Mutant
from lab.process import run_logged
from lab.tools import ToolsTree, ensure_tools

MUTANTS: Final = HTTP / "mutants.toml"
KMOD: Final = ROOT / "kmod"
_FLAGS: Final = ("-std=gnu11", "-O1", "-g1", "-fsanitize=address,undefined,bounds-strict", "-fno-sanitize-recover=all")
_CPU_S: Final = 30
"""Seconds of CPU for each program: all end within two, so that one that is stopped hangs, however busy the host is."""
_OUT_OF_TIME: Final = (128 + 9, 128 + 24)  # by SIGKILL, by SIGXCPU


@dataclass(frozen=True)
class Outcome:
    """What the unit tests and the fuzzer's checks said of a mutant: the first complaint, or "" for none."""

    unit: str
    fuzz: str

    @property
    def killed(self) -> bool:
        return bool(self.unit or self.fuzz)


def read_mutants(path: Path = MUTANTS) -> list[Mutant]:
    """Every mutant of the data file."""
    return [Mutant(name=name, **entry) for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("names", nargs="*", help="mutants to try (default: all of mutants.toml)")
    parser.add_argument("--sweep", metavar="FILE", action="append", help="all small edits of kmod/FILE instead")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth of a sweep")


def run(args: argparse.Namespace) -> int:
    """Tries the mutants; 1 if one survives that is not known to, or the other way round."""
    known = {mutant.name: mutant for mutant in read_mutants()}
    if unknown := sorted(set(args.names) - known.keys()):
        raise UsageError(f"no such mutant: {', '.join(unknown)}", hint=f"there are {', '.join(known)}")
    chosen = [known[name] for name in args.names] or list(known.values())
    if args.sweep:
        chosen = [mutant for name in args.sweep for mutant in mutate.sweep(KMOD / name)][:: args.every]
    cache = Cache()
    lab = Laboratory(cache, ensure_tools(cache, Lock.load()))
    wrong = killed = 0
    with lab:
        if lab.judge(None).killed:
            raise LabError("the tests fail without any mutant", hint="nox -s tests -- -k http")
        for number, mutant in enumerate(chosen, start=1):
            try:
                outcome = lab.judge(mutant)
            except (LabError, ValueError) as error:
                print(f"{mutant.name}: NOT TRIED: {str(error).splitlines()[0]}", flush=True)
                wrong += not args.sweep
                continue
            killed += outcome.killed
            wrong += outcome.killed == bool(mutant.survives)
            print(f"[{number}/{len(chosen)}] {describe(mutant, outcome)}", flush=True)
    print(f"mutants: {killed} of {len(chosen)} killed, {wrong} not as they should be")
    return ExitCode.PRODUCT_FAILURE if wrong else ExitCode.PASSED


def describe(mutant: Mutant, outcome: Outcome) -> str:
    """One line about what became of it."""
    if outcome.killed:
        return f"{mutant.name}: killed: {outcome.unit or '-'} | {outcome.fuzz or '-'}"
    if mutant.survives:
        return f"{mutant.name}: survives: {mutant.survives}"
    return f"{mutant.name}: SURVIVES: {mutant.find.strip()!r} -> {mutant.replace.strip()!r}"


class Laboratory:
    """Compiles mutants and runs the tests on them. To be entered: it keeps the inputs in a folder meanwhile."""

    def __init__(self, cache: Cache, tools: ToolsTree) -> None:
        self.cache = cache
        self.tools = tools
        self.product = sorted(KMOD.glob("http_*.c"))
        self.harness = sorted(HTTP.glob("*.c"))
        self.replay = {name: [FUZZ / f"fuzz_{name}.c", *self._shared(), HTTP / "roundtrip.c"] for name in targets(FUZZ)}

    def _shared(self) -> list[Path]:
        return [path for path in sorted(FUZZ.glob("*.c")) if not path.name.startswith("fuzz_")]

    def __enter__(self) -> Laboratory:
        sources = [*self.product, *self.harness, *{path for group in self.replay.values() for path in group}]
        self.headers = [*sorted(HTTP.rglob("*.h")), *sorted(KMOD.glob("http_*.h"))]
        with progress.step("compiling the HTTP code and its tests") as step:
            self.objects: Mapping[Path, Path] = {}
            for source in sources:
                step.update(source.name)
                self.objects = {**self.objects, source: self._object(source)}
        self._folder = tempfile.TemporaryDirectory(dir=self.cache.scratch("mutants"))
        self.work = Path(self._folder.name)
        builder = Builder(self.cache, ensure_tools(self.cache, Lock.load(), "fuzz"))
        for name in self.replay:
            fuzz_corpus.unpack(Target(builder, name).inputs(), self.work / "inputs" / name)
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def judge(self, mutant: Mutant | None) -> Outcome:
        """What the tests say of the code with this fault. Raises LabError or ValueError where it cannot be built."""
        changed: dict[Path, Path] = {}
        lines = [f"ulimit -t {_CPU_S}", "set -e"]
        if mutant:
            text = mutant.apply((KMOD / mutant.file).read_text(encoding="utf-8"))
            # Alone in a folder; what it includes is found in kmod/, and a header is found here first by copies.
            shutil.rmtree(self.work / "mutant", ignore_errors=True)
            (self.work / "mutant").mkdir()
            for source in self._built_from(mutant.file):
                shutil.copyfile(source, self.work / "mutant" / source.name)
                changed[source] = self.work / "mutant" / f"{source.stem}.o"
            (self.work / "mutant" / mutant.file).write_text(text, encoding="utf-8")
            for source, built in changed.items():
                lines.append(shlex.join(self._compiler(self.work / "mutant" / source.name, built)))
        programs = {"harness": self.harness, **{f"replay-{name}": group for name, group in self.replay.items()}}
        for name, sources in programs.items():
            objects = [changed.get(path, self.objects[path]) for path in (*sources, *self.product)]
            lines.append(shlex.join(["gcc", *_FLAGS, "-o", name, *map(str, objects)]))
            arguments = f"inputs/{name.removeprefix('replay-')}/*" if name.startswith("replay-") else ""
            lines.append(f"status=0; ./{name} {arguments} >{name}.log 2>&1 || status=$?; echo $status >{name}.status")
        script = self.work / "judge.sh"
        script.write_text("\n".join(lines) + "\n", encoding="utf-8")
        log = self.cache.scratch("logs") / "mutants.log"
        run_logged(sandbox.command(self.tools, ["sh", script], cwd=self.work), what="building a mutant", log=log)
        said = [self._complaint(name) for name in programs]
        return Outcome(said[0], next(filter(None, said[1:]), ""))

    def _built_from(self, file: str) -> list[Path]:
        if file.endswith(".c"):
            return [KMOD / file]
        return [path for path in self.product if f'"{file}"' in path.read_text(encoding="utf-8")]

    def _complaint(self, name: str) -> str:
        status = int((self.work / f"{name}.status").read_text())
        if status in _OUT_OF_TIME:
            return "hangs"
        return complaint((self.work / f"{name}.log").read_bytes().decode(errors="replace")) if status else ""

    def _object(self, source: Path) -> Path:
        def build(directory: Path) -> None:
            argv = sandbox.command(self.tools, self._compiler(source, directory / "object.o"), cwd=ROOT)
            run_logged(argv, what=f"compiling {source.name}", log=self.cache.scratch("logs") / "mutants.log")

        content = {str(path.relative_to(ROOT)): path for path in (source, *self.headers)}
        return self.cache.ensure("mutants", digest(self.tools.key, _FLAGS, content), build) / "object.o"

    def _compiler(self, source: Path, into: Path) -> list[str]:
        # The source may be a copy elsewhere: its headers are found in kmod/.
        return ["gcc", *_FLAGS, "-I", str(KMOD), "-c", "-o", str(into), str(source)]


def complaint(output: str) -> str:
    """What a test program's output says first: a sanitizer's summary, the cases that failed, or a check's words."""
    if failed := re.findall(r"^not ok (\S+)", output, re.MULTILINE):
        return f"{failed[0]}" + (f" and {len(failed) - 1} more" if len(failed) > 1 else "")
    if found := re.search(r"runtime error: (.*)|SUMMARY: (\w+: [\w-]+)", output):
        return found[1] or found[2]
    lines = [line for line in output.splitlines() if line and not line.startswith("/")]
    return lines[0][:60] if lines else "fails without a word"
