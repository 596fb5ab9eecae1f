"""Which lines and branches of the HTTP and TLS code the fuzzer's inputs reach, by clang's source-based coverage."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab import fuzz_corpus, sandbox
from lab.errors import ExitCode
from lab.fuzz_build import Builder, sources_of

_KINDS: Final = ("lines", "branches", "regions", "functions")


@dataclass(frozen=True)
class Missing:
    """A branch that was never taken one way. `way` is "true" or "false"."""

    file: str
    line: int
    way: str
    text: str


def report(builder: Builder, inputs: Mapping[str, Sequence[bytes]]) -> int:
    """Prints for each file the shares that the inputs reach, alone and with the unit tests, and what they miss."""
    with tempfile.TemporaryDirectory(dir=builder.cache.scratch("fuzz-coverage")) as name:
        folder = Path(name)
        programs = []
        for target, data in inputs.items():
            program = builder.fuzzer(target, counted=True)
            fuzz_corpus.unpack(data, folder / target)
            _run(builder, [program, "-runs=0", folder / target], folder / f"{target}.profraw")
            programs.append(program)
        fuzzed = _export(builder, folder, programs)
        tests = builder.unit_tests(counted=True)
        _run(builder, [tests], folder / "unit.profraw")
        together = _export(builder, folder, [*programs, tests])
    print(f"\n{sum(map(len, inputs.values()))} inputs; in brackets: together with the unit tests\n")
    print(f"{'':<16}" + "".join(f"{kind:>26}" for kind in _KINDS))
    for file, alone, both in zip(
        [*fuzzed["files"], {"filename": "all", "summary": fuzzed["totals"]}],
        [*(entry["summary"] for entry in fuzzed["files"]), fuzzed["totals"]],
        [*(entry["summary"] for entry in together["files"]), together["totals"]],
        strict=True,
    ):
        cells = [f"{_share(alone[kind])} [{both[kind]['percent']:.1f}]" for kind in _KINDS]
        print(f"{Path(file['filename']).name:<16}" + "".join(f"{cell:>26}" for cell in cells))
    missing, untested = _missing(fuzzed), set(_missing(together))
    print(f"\nbranches that no input takes ({len(missing)}); marked: nor does a unit test ({len(untested)}):")
    for branch in missing:
        mark = "*" if branch in untested else " "
        print(f"{mark} {branch.file}:{branch.line} {branch.way:<5} {branch.text}")
    return ExitCode.PASSED


def _share(figures: Mapping[str, Any]) -> str:
    return f"{figures['covered']}/{figures['count']} {figures['percent']:.1f} %"


def _run(builder: Builder, argv: Sequence[str | Path], profile: Path) -> None:
    command = sandbox.command(builder.tools, argv, env={"LLVM_PROFILE_FILE": str(profile)})
    subprocess.run(command, capture_output=True, timeout=600, check=True)


def _export(builder: Builder, folder: Path, programs: Sequence[Path]) -> Any:
    merged = folder / "merged.profdata"
    argv: list[str | Path] = ["llvm-profdata", "merge", "-sparse", "-o", merged, *sorted(folder.glob("*.profraw"))]
    subprocess.run(sandbox.command(builder.tools, argv), capture_output=True, timeout=600, check=True)
    objects = [word for program in programs[1:] for word in ("-object", str(program))]
    sources = [path for product in ("http", "tls") for path in sources_of(product)]
    argv = ["llvm-cov", "export", f"-instr-profile={merged}", programs[0], *objects, *sources]
    done = subprocess.run(sandbox.command(builder.tools, argv), capture_output=True, timeout=600, check=True)
    return json.loads(done.stdout)["data"][0]


def _missing(exported: Any) -> list[Missing]:
    found = set()
    for file in exported["files"]:
        path = Path(file["filename"])
        lines = path.read_text(encoding="utf-8").splitlines()
        for line, column, end, end_column, true, false, *_ in file["branches"]:
            text = lines[line - 1][column - 1 : end_column - 1 if end == line else None]
            found |= {Missing(path.name, line, way, text) for way, n in (("true", true), ("false", false)) if not n}
    return sorted(found, key=lambda branch: (branch.file, branch.line, branch.text, branch.way))
