"""`lab run PATH [pytest options]`: everything from a checkout to a finished test run, in one command.

Looks at the host, builds what is not cached, probes the acceleration, writes down what it prepared, and re-executes
itself as pytest inside the lab's namespaces. Whatever needs the outside (packages, mirrors) happens before that step.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lab import accel, doctor, handover, isolation, mbedtls, speed
from lab.bootstrap import ROOT
from lab.cache import Cache
from lab.errors import ExitCode, UsageError
from lab.image import Image, ensure_image
from lab.initramfs import ensure_initrd
from lab.kernel import Kernel, ensure_kernel
from lab.lock import Lock
from lab.module import Module, ensure_module
from lab.progress import note, step
from lab.tools import ToolsTree, ensure_tools

PREPARED = "WEIR_PREPARED"
DEFAULT_KERNEL = "patched"
LOGS_KEPT = 50
PYTEST = (sys.executable, "-m", "pytest", "-p", "lab.pytest_plugin", "-p", "lab.repeats", "-p", "suites.recording")


@dataclass(frozen=True)
class Prepared:
    """All that a run needs and that was made before it: passed to the lab's inside as a JSON file."""

    tools: ToolsTree
    kernel: Kernel
    module: Module
    image: Image
    initrd: Path
    acceleration: accel.Verdict
    speed: float
    run_dir: Path
    command: str
    seconds: float
    """How long the preparation took."""
    source: Path = ROOT
    tls: str = "weir"
    """The module's TLS engine: one of lab.mbedtls.ENGINES."""
    extra_kernels: dict[str, tuple[Kernel, Path]] = field(default_factory=dict)
    """Kernels and their initrds prepared for a second opinion, by flavour."""

    @property
    def drift(self) -> list[str]:
        """One line for each package that the mirror no longer offered in its locked version."""
        return [*self.tools.drift, *self.kernel.drift, *self.module.drift, *self.image.drift]

    def save(self, path: Path) -> None:
        """Writes it as JSON."""
        handover.save(self, path)

    @classmethod
    def load(cls, path: Path | None = None) -> Prepared:
        """Reads what `save` wrote (default: the file that WEIR_PREPARED names). Raises UsageError outside a lab."""
        if path is None:
            if PREPARED not in os.environ:
                raise UsageError("this does not run in a lab", hint="python -m lab run suites/functional")
            path = Path(os.environ[PREPARED])
        return handover.load(path, cls)


def log_root() -> Path:
    """Where runs leave their logs: `logs/` below the folder of the records."""
    if chosen := os.environ.get("WEIR_RESULTS"):
        return Path(chosen).expanduser().resolve() / "logs"
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "weir" / "results" / "logs"


def make_run_dir() -> Path:
    """A new folder for one run's logs; its name sorts by time. Only the newest LOGS_KEPT stay."""
    root = log_root()
    old = sorted(path for path in root.glob("*Z-*") if path.is_dir()) if root.is_dir() else []
    for path in old[: -LOGS_KEPT + 1]:
        shutil.rmtree(path, ignore_errors=True)
    run_dir = root / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}Z-{os.getpid()}"
    run_dir.mkdir(parents=True)
    return run_dir


def prepare(kernel_flavour: str, *, command: str, locked: bool = False, tls: str = "weir") -> Prepared:
    """Host looked at, everything built, acceleration probed. Raises HostError or InfrastructureError."""
    began = time.monotonic()
    doctor.require()
    cache, lock = Cache(), Lock.load(strict=locked)
    with step("build"):
        tools = ensure_tools(cache, lock)
        kernel = ensure_kernel(cache, lock, tools, kernel_flavour)
        module = ensure_module(cache, kernel, tools, mbedtls=mbedtls.ensure_engine(cache, lock, tools, tls))
        image = ensure_image(cache, lock, tools)
        initrd = ensure_initrd(cache, kernel, tools)
    extra = {}
    if kernel_flavour != "distro":
        # The second opinion when a kernel of ours does not boot; it is a package, not a build.
        distro = ensure_kernel(cache, lock, tools, "distro")
        extra["distro"] = (distro, ensure_initrd(cache, distro, tools))
    with step("acceleration"):
        verdict = accel.probe(tools, kernel)
    prepared = Prepared(
        tools=tools,
        kernel=kernel,
        module=module,
        image=image,
        initrd=initrd,
        acceleration=verdict,
        speed=speed.factor(),
        run_dir=make_run_dir(),
        command=command,
        seconds=time.monotonic() - began,
        tls=tls,
        extra_kernels=extra,
    )
    for line in prepared.drift:
        note(f"DRIFT from images/lock.json: {line}")
    return prepared


def enter(prepared: Prepared, argv: list[str]) -> None:
    """Replaces this process by `argv` inside the lab's namespaces; never returns."""
    file = prepared.run_dir / "prepared.json"
    prepared.save(file)
    env = dict(os.environ) | {PREPARED: str(file), speed.VARIABLE: str(prepared.speed)}
    isolation.enter(argv, env, prepared.tools, prepared.run_dir)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("path", help="what pytest is to run: suites/functional, tests, a file, a test id")
    parser.add_argument("--kernel", default=DEFAULT_KERNEL, help=f"flavour to boot (default: {DEFAULT_KERNEL})")
    parser.add_argument(
        "--locked", action="store_true", help="a package that drifted from images/lock.json is an error"
    )
    parser.add_argument("--tls", choices=mbedtls.ENGINES, default="weir", help="the module's TLS engine")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="options of pytest and of its plugins")


def run(args: argparse.Namespace) -> int:
    """Runs the command; returns only when nothing was started."""
    options = list(args.options)
    # The lab's own options may stand anywhere among pytest's, as its users expect.
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--kernel", default=args.kernel)
    own.add_argument("--locked", action="store_true", default=args.locked)
    own.add_argument("--tls", choices=mbedtls.ENGINES, default=args.tls)
    chosen, options = own.parse_known_args([option for option in options if option != "--"])
    session = Path(args.path.split("::")[0]).name or "run"
    engine = [] if chosen.tls == "weir" else ["--tls", chosen.tls]
    command = shlex.join(["nox", "-s", session, "--", "--kernel", chosen.kernel, *engine, *options])
    prepared = prepare(chosen.kernel, command=command, locked=chosen.locked, tls=chosen.tls)
    kernel = prepared.kernel
    note(
        f"kernel {kernel.flavour} {kernel.release}, {prepared.acceleration.accel} ({prepared.acceleration.reason}), "
        f"prepared in {prepared.seconds:.1f} s, logs in {prepared.run_dir}"
    )
    enter(prepared, [*PYTEST, "--kernel", chosen.kernel, args.path, *options])
    return ExitCode.INTERNAL_ERROR


def revision(source: Path = ROOT) -> tuple[str, str, bool]:
    """Commit, branch and whether there are uncommitted changes; empty where `source` is no git checkout."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(source), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    return git("rev-parse", "HEAD"), git("rev-parse", "--abbrev-ref", "HEAD"), bool(git("status", "--porcelain"))
