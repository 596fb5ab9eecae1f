"""The checks of the fuzzer's target `tls` on its inputs, without libFuzzer."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab import fuzz_corpus, sandbox
from lab.fuzz_build import FUZZ, TLS_FUZZ, TLS_WRAPPED
from lab.tools import ToolsTree
from tests.test_http_parser import tools
from tests.tls_programs import FLAGS, build

__all__ = ["tools"]


def test_fuzz_corpus(tools: ToolsTree, tmp_path: Path) -> None:
    """The corpus; the seeds, their beginnings, and their bytes replaced."""
    program = build(tools, "replay-tls", [*sorted(TLS_FUZZ.glob("*.c")), FUZZ / "replay.c"], (*FLAGS, *TLS_WRAPPED))
    for kind in ("seeds", "corpus"):
        fuzz_corpus.unpack(fuzz_corpus.read(TLS_FUZZ / kind / "tls.txt"), tmp_path / kind)
    corpus, seeds = sorted((tmp_path / "corpus").iterdir()), sorted((tmp_path / "seeds").iterdir())
    argv = sandbox.command(tools, [program, *corpus, "--vary", *seeds])
    completed = subprocess.run(argv, capture_output=True, timeout=600, check=False)
    assert completed.returncode == 0, completed.stderr.decode(errors="replace")[-4000:]
    assert int(completed.stdout.split()[0]) > 30_000
