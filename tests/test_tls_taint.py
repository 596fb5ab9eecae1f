"""That no branch and no address in P-256 depends on a secret, in the code that the module's compiler makes.

The program runs under the host's valgrind with its secrets marked as undefined; without valgrind nothing is shown.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lab.tools import ToolsTree
from tests.test_http_parser import tools
from tests.tls_programs import SUITES, WARNINGS, build

__all__ = ["tools"]

VALGRIND = shutil.which("valgrind")
needs_valgrind = pytest.mark.skipif(VALGRIND is None, reason="valgrind is not installed on this host")


@pytest.fixture(scope="module", params=["-O2", "-Os", "-O1"])
def taint(tools: ToolsTree, request: pytest.FixtureRequest) -> Path:
    """Built as the kernel builds its code: by general registers alone; and with other optimizations."""
    flags = ("-std=gnu11", "-g", request.param, "-mgeneral-regs-only", "-fno-strict-aliasing", "-static", "-DTLS_TAINT")
    sources = [SUITES / "taint.c", SUITES / "crypto.c"]
    warnings = (*WARNINGS, "-Wno-deprecated-declarations")
    return build(tools, "taint", sources, (*flags, *warnings), libraries=("-lcrypto", "-lz", "-lzstd"))


def run(program: Path, what: str) -> tuple[int, str, str]:
    """How many branches and addresses were reported, the result, and valgrind's words."""
    argv = [VALGRIND or "valgrind", "--quiet", str(program), what]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=True)
    reports, result = done.stdout.split()
    return int(reports), result, done.stderr


@needs_valgrind
@pytest.mark.parametrize("what", ["public", "shared", "sign"])
def test_secrets_leave_no_trace(taint: Path, what: str) -> None:
    reports, result, words = run(taint, what)
    assert reports == 0, words[-6000:]
    assert len(result) >= 64


@needs_valgrind
def test_a_leak_is_found(taint: Path) -> None:
    """The check can fail."""
    reports, _, words = run(taint, "leak")
    assert reports > 0
    assert "uninitialised value" in words
