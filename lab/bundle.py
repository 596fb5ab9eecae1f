"""The bundle of a crash: all that is needed to understand it later, and one line that makes it happen again.

bundles/<fingerprint>-<n>/
    crash.txt        what happened, symbolised stack, the console's report
    crash.json       the same for programs
    console.txt      the guest's console since its boot or restore
    kernel.log       the guest's kernel log, if it still answered
    kernel.config    the kernel's configuration
    versions.json    kernel, module, tools, image: keys, releases, package versions; host, acceleration
    reproduce        the command, executable
    memory.elf       the guest's memory, if asked for (--memory-dump)
    ...              what the suite added (its device's configuration, say)
"""

from __future__ import annotations

import contextlib
import json
import platform
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.crash import Crash
from lab.errors import LabError, ProductFailure

if TYPE_CHECKING:
    from lab.machine import Machine
    from lab.run import Prepared

CONSOLE_LIMIT = 8 << 20  # bytes of the console that a bundle keeps: the last ones
LOG_TIMEOUT_S = 3.0
MOST_BUNDLES = 50  # of one fingerprint and run; a crash in every test must not fill the disk


@dataclass(frozen=True)
class Subject:
    """What was running: the test's id, the options that a reproduction has to repeat, what makes further files."""

    test: str
    options: Sequence[str] = ()
    files: dict[str, Callable[[], str]] = field(default_factory=dict)


def reproduce_command(subject: Subject, kernel: str) -> str:
    """The one line that runs this test again, alone, on the same kernel flavour."""
    path, _, name = subject.test.partition("::")
    parts = Path(path).parts
    session = parts[1] if len(parts) > 2 and parts[0] == "suites" else "tests" if parts[:1] == ("tests",) else ""
    argv = ["--kernel", kernel, *subject.options]
    if session in ("functional", "robustness", "tests"):
        return shlex.join(["nox", "-s", session, "--", *argv, "-k", _keyword(name)])
    return shlex.join(["nox", "-s", "lab", "--", "run", path, *argv, "-k", _keyword(name)])


def _keyword(name: str) -> str:
    """A -k expression for a test of this name; pytest's grammar takes word characters and some more, no blanks."""
    last = name.split("::")[-1]
    if re.fullmatch(r"[\w:+.\[\]/-]+", last, re.ASCII):
        return last
    return last.partition("[")[0]


def write(
    root: Path,
    crash: Crash,
    *,
    stack: str,
    subject: Subject,
    prepared: Prepared,
    machine: Machine | None = None,
    memory: bool = False,
) -> Path:
    """Write the bundle below `root`, and return its folder.

    The guest may be dead: what cannot be had is left out and named in `missing.txt`. Call before the machine is
    restored.
    """
    folder = _new_folder(root, crash.fingerprint)
    command = reproduce_command(subject, prepared.kernel.flavour)
    missing: list[str] = []
    _write(folder / "crash.txt", _summary(crash, stack, subject, command))
    _write(folder / "crash.json", json.dumps(_as_dict(crash, stack, subject, command), indent=2))
    _write(folder / "versions.json", json.dumps(_versions(prepared), indent=2, default=str))
    _write(folder / "reproduce", f"#!/bin/sh\n# {subject.test}\ncd {shlex.quote(str(prepared.source))} && {command}\n")
    (folder / "reproduce").chmod(0o755)
    for name, text in subject.files.items():
        _write(folder / Path(name).name, text())
    config = prepared.kernel.build_dir / ".config"
    try:
        shutil.copyfile(config, folder / "kernel.config")
    except OSError as error:
        missing.append(f"kernel.config: {error}")
    if machine is not None:
        _from_guest(folder, machine, memory=memory, missing=missing)
    if missing:
        _write(folder / "missing.txt", "\n".join(missing) + "\n")
    return folder


def _from_guest(folder: Path, machine: Machine, *, memory: bool, missing: list[str]) -> None:
    try:
        with machine.console.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(machine.console_start, file.tell() - CONSOLE_LIMIT))
            _write(folder / "console.txt", file.read())
    except OSError as error:
        missing.append(f"console.txt: {error}")
    # Memory first: asking a sick guest for its log changes it.
    if memory:
        try:
            machine.dump_memory(folder / "memory.elf")
        except (LabError, ProductFailure, OSError) as error:
            missing.append(f"memory.elf: {error}")
    try:
        machine.ping(timeout=1.0)
        _write(folder / "kernel.log", machine.run("dmesg", timeout=LOG_TIMEOUT_S).stdout)
    except (LabError, ProductFailure, OSError) as error:
        missing.append(f"kernel.log: the guest no longer answered: {error}")


def _new_folder(root: Path, fingerprint: str) -> Path:
    for number in range(1, MOST_BUNDLES + 1):
        folder = root / f"{fingerprint}-{number}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    # Full: the last one is overwritten, the first ones are the telling ones.
    return root / f"{fingerprint}-{MOST_BUNDLES}"


def _write(path: Path, content: str | bytes) -> None:
    path.write_bytes(content.encode(errors="replace") if isinstance(content, str) else content)


def _summary(crash: Crash, stack: str, subject: Subject, command: str) -> str:
    return (
        f"{crash.kind}: {crash.title}\n"
        f"fingerprint: {crash.fingerprint}\n"
        f"test: {subject.test}\n"
        f"reproduce: {command}\n"
        f"\nstack:\n{stack or '  (none)'}\n"
        f"\nreport:\n{crash.text}\n"
    )


def _as_dict(crash: Crash, stack: str, subject: Subject, command: str) -> dict[str, Any]:
    return {
        "kind": crash.kind.value,
        "title": crash.title,
        "function": crash.function,
        "fingerprint": crash.fingerprint,
        "fatal": crash.fatal,
        "test": subject.test,
        "reproduce": command,
        "frames": [str(frame) for frame in crash.frames if frame.reliable],
        "stack": stack.splitlines(),
        "text": crash.text,
    }


def _versions(prepared: Prepared) -> dict[str, Any]:
    return {
        "kernel": {
            "flavour": prepared.kernel.flavour,
            "release": prepared.kernel.release,
            "version": prepared.kernel.version,
            "key": prepared.kernel.key,
        },
        "module": {"key": prepared.module.key},
        "tools": {"key": prepared.tools.key, "versions": dict(prepared.tools.versions)},
        "image": {"key": prepared.image.key, "versions": dict(prepared.image.versions)},
        "acceleration": {"accel": prepared.acceleration.accel, "reason": prepared.acceleration.reason},
        "speed": prepared.speed,
        "drift": list(prepared.drift),
        "host": {"kernel": platform.release(), "machine": platform.machine(), "python": platform.python_version()},
        "command": prepared.command,
    }
