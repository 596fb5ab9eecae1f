"""Runs the user-space tests of the kernel module's HTTP code, one pytest case for each C case.

The C side is kmod/tests/http; it is compiled with the tools tree's gcc under the address and undefined-behaviour
sanitizers, once for unchanged sources, and run once for a session.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab import fuzz_corpus, sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.fuzz_build import FUZZ, targets
from lab.lock import Lock
from lab.tools import ToolsTree, ensure_tools
from suites.http_cases import SUITES, case_names

__all__ = ["SUITES", "build", "tools"]

KMOD = ROOT / "kmod"
FLAGS = (
    "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Wno-sign-compare", "-Wno-unused-parameter", "-Werror",
    "-fsanitize=address,undefined,bounds-strict", "-fno-sanitize-recover=all",
)  # fmt: skip


@pytest.fixture(scope="session")
def tools() -> ToolsTree:
    """The tools tree, taken from the cache and built only outside the lab."""
    cache = Cache()
    return ensure_tools(cache, Lock.load())


def build(tools: ToolsTree, name: str, sources: list[Path]) -> Path:
    """The program `name` made from `sources` and the HTTP code, unless cached. Fails with the compiler's words."""
    sources = [*sources, *sorted(KMOD.glob("http_*.c"))]

    def compile_into(folder: Path) -> None:
        argv = sandbox.command(tools, ["gcc", *FLAGS, "-o", folder / name, *sources], cwd=ROOT)
        completed = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        assert completed.returncode == 0, completed.stderr

    inputs = [*sources, *sorted(SUITES.rglob("*.h")), *sorted(KMOD.glob("http_*.h"))]
    key = digest(name, tools.key, FLAGS, {str(path.relative_to(KMOD)): path for path in inputs})
    return Cache().ensure("http-tests", key, compile_into) / name


@pytest.fixture(scope="session")
def harness(tools: ToolsTree) -> Path:
    """The program of all C cases."""
    return build(tools, "harness", sorted(SUITES.glob("*.c")))


@pytest.fixture(scope="session")
def outcomes(tools: ToolsTree, harness: Path) -> dict[str, str]:
    """For every case that was run: "" if it passed, else what is wrong with it."""
    argv = sandbox.command(tools, [harness], env={"ASAN_OPTIONS": "detect_leaks=1"})
    completed = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
    found: dict[str, str] = {}
    running = ""
    said: list[str] = []
    for line in completed.stdout.decode(errors="replace").splitlines():
        if line.startswith("run "):
            running, said = line.removeprefix("run "), []
            found[running] = "did not end"
        elif line == f"ok {running}":
            found[running] = ""
        elif line == f"not ok {running}":
            found[running] = "\n".join(said) or "failed"
        else:
            said.append(line)
    if found and found[running]:
        found[running] += "\n" + "\n".join(said)
    elif completed.returncode not in (0, 1):
        found["exit"] = f"exit status {completed.returncode}\n" + "\n".join(said)
    return found


@pytest.mark.parametrize("name", list(case_names()))
def test_case(name: str, outcomes: dict[str, str]) -> None:
    assert name in outcomes, f"not run: an earlier case ended the program ({list(outcomes)[-1:]})"
    assert not outcomes[name], outcomes[name]


def test_every_case_is_listed(outcomes: dict[str, str]) -> None:
    """No case of the program is hidden from pytest, and the program ended well (no leak, no crash)."""
    assert sorted(outcomes) == sorted(case_names())


@pytest.mark.parametrize("target", targets(FUZZ))
def test_fuzz_corpus(tools: ToolsTree, tmp_path: Path, target: str) -> None:
    """The fuzzer's checks on its corpus; and on its seeds, their beginnings, and their bytes replaced."""
    folder = SUITES / "fuzz"
    shared = [path for path in sorted(folder.glob("*.c")) if not path.name.startswith("fuzz_")]
    sources = [folder / f"fuzz_{target}.c", *shared, SUITES / "roundtrip.c"]
    program = build(tools, f"replay-{target}", sources)
    for kind in ("seeds", "corpus"):
        fuzz_corpus.unpack(fuzz_corpus.read(folder / kind / f"{target}.txt"), tmp_path / kind)
    corpus, seeds = sorted((tmp_path / "corpus").iterdir()), sorted((tmp_path / "seeds").iterdir())
    argv = sandbox.command(tools, [program, *corpus, "--vary", *seeds])
    completed = subprocess.run(argv, capture_output=True, timeout=300, check=False)
    assert completed.returncode == 0, completed.stderr.decode(errors="replace")[-4000:]
    least = {"http": 10_000, "parts": 4_000, "rules": 20_000, "sticky": 8_000, "token": 2_000}
    assert int(completed.stdout.split()[0]) > least[target]
