"""That no branch and no address in P-256, X25519, RSA and sessions depends on a secret, as the compiler made it.

The program runs under the host's valgrind with its secrets marked as undefined; without valgrind nothing is shown.
"""

from __future__ import annotations

import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from lab.tools import ToolsTree
from tests.test_http_parser import tools
from tests.test_tls_rsa import Numbers, generate, public
from tests.tls_programs import STATIC, STATIC_LIBRARIES, SUITES, build

__all__ = ["tools"]

VALGRIND = shutil.which("valgrind")
needs_valgrind = pytest.mark.skipif(VALGRIND is None, reason="valgrind is not installed on this host")


@pytest.fixture(scope="module", params=product(["-O2", "-Os", "-O1"], ["plain", "adx"]), ids=" ".join)
def taint(tools: ToolsTree, request: pytest.FixtureRequest) -> Path:
    """With several optimizations; by instructions that every processor has, and by those of BMI2 and ADX."""
    level, kind = request.param
    flags = (
        *STATIC,
        level,
        f"-DTLS_ADX={int(kind == 'adx')}",
        "-DTLS_TAINT",
        "-Wno-deprecated-declarations",
        "-Wl,--wrap=tls_ticket_open",
    )
    sources = [SUITES / "taint.c", SUITES / "taint_resume.c", SUITES / "taint_12.c", SUITES / "crypto.c"]
    return build(tools, "taint", sources, flags, STATIC_LIBRARIES)


def run(program: Path, what: str, key: bytes = b"") -> tuple[int, str, str]:
    """How many branches and addresses were reported, the result, and valgrind's words."""
    argv = [VALGRIND or "valgrind", "--quiet", str(program), what]
    done = subprocess.run(argv, input=key, capture_output=True, timeout=300, check=True)
    reports, result = done.stdout.decode().split()
    return int(reports), result, done.stderr.decode()


@needs_valgrind
@pytest.mark.parametrize(
    "what", ["public", "shared", "sign", "x25519", "x25519-shared", "x25519-exchange", "resume", "tls-1.2"]
)
def test_secrets_leave_no_trace(taint: Path, what: str) -> None:
    reports, result, words = run(taint, what)
    assert reports == 0, words[-6000:]
    assert len(result) >= 64


@pytest.fixture(scope="module")
def key() -> Numbers:
    return generate(2048, 65537)


@needs_valgrind
def test_rsa_leaves_no_trace(taint: Path, key: Numbers) -> None:
    reports, result, words = run(taint, "rsa", key.packed())
    assert reports == 0, words[-6000:]
    digest = b"\xab" * 32
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    public(key).verify(bytes.fromhex(result), digest, scheme, Prehashed(hashes.SHA256()))


@needs_valgrind
@pytest.mark.parametrize("what", ["leak", "rsa-leak"])
def test_a_leak_is_found(taint: Path, key: Numbers, what: str) -> None:
    """The check can fail."""
    reports, _, words = run(taint, what, key.packed())
    assert reports > 0
    assert "uninitialised value" in words
