"""Bundles and their reproduce commands."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab import bundle
from lab.bundle import MOST_BUNDLES, Subject
from lab.crash import scan
from lab.errors import GuestCrash, InfrastructureError

FIXTURES = Path(__file__).parent / "fixtures" / "crashes"
WARN = (FIXTURES / "warn.txt").read_text()
TEST = "suites/functional/test_limits.py::test_burst[5-2]"


def prepared(tmp_path: Path) -> Any:
    """What a bundle reads of a prepared lab."""
    build = tmp_path / "build"
    build.mkdir(exist_ok=True)
    (build / ".config").write_text("CONFIG_NET=y\n")
    named = {"key": "k", "versions": {"gcc-14": "14.2"}}
    return SimpleNamespace(
        kernel=SimpleNamespace(flavour="patched", release="6.12.9", version="6.12.9-1", key="k", build_dir=build),
        module=SimpleNamespace(key="m"),
        tools=SimpleNamespace(**named),
        image=SimpleNamespace(**named),
        acceleration=SimpleNamespace(accel="tcg", reason="no /dev/kvm"),
        speed=1.0,
        drift=[],
        command="nox -s functional",
        source=Path("/the checkout"),
    )


class Guest:
    """A guest that answers, or does not."""

    def __init__(self, console: Path, *, alive: bool = True) -> None:
        self.console = console
        self.alive = alive
        console.write_text("before the restore\n" + WARN)
        self.console_start = len("before the restore\n")

    def ping(self, timeout: float) -> float:
        if not self.alive:
            raise GuestCrash(scan(WARN))
        return min(timeout, 0.01)

    def run(self, *argv: str, timeout: float) -> Any:
        assert argv == ("dmesg",)
        assert timeout < 5
        return SimpleNamespace(stdout="the whole log\n")

    def dump_memory(self, path: Path) -> None:
        if not self.alive:
            raise InfrastructureError("QMP is gone")
        path.write_bytes(b"\x7fELF")


def write(tmp_path: Path, guest: Any = None, *, memory: bool = False, **files: str) -> Path:
    return bundle.write(
        tmp_path / "bundles",
        scan(WARN)[0],
        stack="  weir_crash_warn+0x15/0x20  faults.c:50",
        subject=Subject(TEST, ["--dut", "nginx"], {name: partial(str, text) for name, text in files.items()}),
        prepared=prepared(tmp_path),
        machine=guest,
        memory=memory,
    )


def test_all_that_is_needed_is_in_it(tmp_path: Path) -> None:
    folder = write(tmp_path, Guest(tmp_path / "console"), memory=True, **{"weir.toml": "[[listener]]\n"})
    assert sorted(path.name for path in folder.iterdir()) == [
        "console.txt",
        "crash.json",
        "crash.txt",
        "kernel.config",
        "kernel.log",
        "memory.elf",
        "reproduce",
        "versions.json",
        "weir.toml",
    ]
    assert folder.name == scan(WARN)[0].fingerprint + "-1"
    assert (folder / "console.txt").read_text() == WARN
    assert (folder / "kernel.log").read_text() == "the whole log\n"
    said = json.loads((folder / "crash.json").read_text())
    assert said["kind"] == "WARN"
    assert said["test"] == TEST
    assert said["frames"][0] == "weir_crash_warn+0x15/0x20 [weir_crash_test]"
    assert json.loads((folder / "versions.json").read_text())["tools"]["versions"] == {"gcc-14": "14.2"}
    assert "faults.c:50" in (folder / "crash.txt").read_text()


def test_reproduce_is_a_script_that_a_shell_takes(tmp_path: Path) -> None:
    script = write(tmp_path) / "reproduce"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
    line = script.read_text().splitlines()[-1]
    assert line == "cd '/the checkout' && nox -s functional -- --kernel patched --dut nginx -k 'test_burst[5-2]'"


def test_dead_guest_leaves_what_the_host_has(tmp_path: Path) -> None:
    folder = write(tmp_path, Guest(tmp_path / "console", alive=False), memory=True)
    missing = (folder / "missing.txt").read_text()
    assert "memory.elf: QMP is gone" in missing
    assert "kernel.log: the guest no longer answered" in missing
    assert (folder / "console.txt").exists()


def test_bundles_of_one_fault_stand_side_by_side_within_bounds(tmp_path: Path) -> None:
    folders = [write(tmp_path) for _ in range(MOST_BUNDLES + 3)]
    assert len(set(folders)) == MOST_BUNDLES
    assert folders[1].name.endswith("-2")


@pytest.mark.parametrize(
    ("test", "command"),
    [
        ("suites/functional/test_a.py::test_b", "nox -s functional -- --kernel distro -k test_b"),
        ("suites/robustness/test_a.py::test_b", "nox -s robustness -- --kernel distro -k test_b"),
        ("tests/test_a.py::test_b", "nox -s tests -- --kernel distro -k test_b"),
        ("suites/tls/test_a.py::test_b", "nox -s lab -- run suites/tls/test_a.py --kernel distro -k test_b"),
        ("suites/functional/test_a.py::Class::test_b[x y]", "nox -s functional -- --kernel distro -k test_b"),
    ],
)
def test_reproduce_command(test: str, command: str) -> None:
    assert bundle.reproduce_command(Subject(test), "distro") == command


@pytest.mark.parametrize("parameter", ["5-2", "a/b", "1.1", "POST /", "é", "'", "x or y", "a\\r\\nb"])
def test_pytest_takes_the_keyword(tmp_path: Path, parameter: str) -> None:
    file = tmp_path / "test_inner.py"
    file.write_text(
        f"import pytest\n@pytest.mark.parametrize('p', [0], ids=[{parameter!r}])\ndef test_it(p): pass\n"
        "def test_other(): assert False\n"
    )
    command = shlex.split(bundle.reproduce_command(Subject(f"tests/test_inner.py::test_it[{parameter}]"), "distro"))
    keyword = command[command.index("-k") + 1]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", keyword, str(file)],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
