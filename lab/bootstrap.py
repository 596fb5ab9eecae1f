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
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements.txt"
BARE = ROOT / "requirements-bare.txt"
SCANNERS = ROOT / "requirements-scanners.txt"
BUILDERS = ROOT / "requirements-builders.txt"


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
    return _ensure(
        "Python environment",
        environment_key(REQUIREMENTS.read_bytes() + BARE.read_bytes()),
        (["--only-binary", ":all:", "-r", str(REQUIREMENTS)], ["--only-binary", ":all:", "--no-deps", "-r", str(BARE)]),
    )


def scanners() -> Path:
    """The interpreter of the environment with TLS scanners, which need other versions than the lab; made or not."""
    return _home(environment_key(BUILDERS.read_bytes() + SCANNERS.read_bytes())) / "bin" / "python"


def ensure_scanners() -> Path:
    """As ensure_environment(), that of scanners(). sslyze comes as source: it is built with what BUILDERS has."""
    return _ensure(
        "environment of TLS scanners",
        environment_key(BUILDERS.read_bytes() + SCANNERS.read_bytes()),
        (
            ["--only-binary", ":all:", "-r", str(BUILDERS)],
            ["--only-binary", ":all:", "--no-binary", "sslyze", "--no-build-isolation", "-r", str(SCANNERS)],
        ),
    )


def _home(key: str) -> Path:
    return cache_root() / "python" / key


def _ensure(what: str, key: str, installs: Iterable[list[str]]) -> Path:
    home = _home(key)
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
        print(f"{what}: installing what is locked (about 30 s, once) ...", file=sys.stderr, flush=True)
        start = time.monotonic()
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
        for options in installs:
            subprocess.run(
                [*pip, "--require-hashes", *options],
                check=True,
                env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            )
        ready.touch()
        print(f"{what}: ready after {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return interpreter
