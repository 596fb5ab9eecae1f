"""The lab's Python environment: made once for each lock file and interpreter, shared by all checkouts of the user.

Runs before any dependency is there, so it uses the standard library only.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements.txt"
BARE = ROOT / "requirements-bare.txt"


def cache_root() -> Path:
    """Folder of everything built: `WEIR_CACHE`, or the user's cache folder."""
    if chosen := os.environ.get("WEIR_CACHE"):
        return Path(chosen).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "weir"


def environment_key(requirements: bytes) -> str:
    """Identity of an environment: the lock file's bytes and the interpreter's version and ABI."""
    interpreter = f"{sys.implementation.cache_tag} {sys.version} {sys.base_prefix}"
    return hashlib.sha256(requirements + interpreter.encode()).hexdigest()[:16]


def ensure_environment() -> Path:
    """The interpreter of the environment that holds exactly what the lock files say; makes it when it is not there.

    Raises subprocess.CalledProcessError when `venv` or `pip` fails; what they printed is on the terminal by then.
    """
    home = cache_root() / "python" / environment_key(REQUIREMENTS.read_bytes() + BARE.read_bytes())
    interpreter = home / "bin" / "python"
    ready = home / "ready"
    if ready.exists():
        return interpreter
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ready.exists():
            return interpreter
        # A virtual environment cannot be renamed, so it is built in place and marked ready last.
        shutil.rmtree(home, ignore_errors=True)
        print(
            "Python environment: installing what is locked (about 30 s, once) ...",
            file=sys.stderr,
            flush=True,
        )
        start = time.monotonic()
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
        for options in (["-r", str(REQUIREMENTS)], ["--no-deps", "-r", str(BARE)]):
            subprocess.run(
                [*pip, "--require-hashes", "--only-binary", ":all:", *options],
                check=True,
                env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            )
        ready.touch()
        print(f"Python environment: ready after {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return interpreter
