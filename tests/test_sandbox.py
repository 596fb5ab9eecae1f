"""Running programs of a tools tree: here the host's own root stands for the tree, so that nothing has to be built."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from lab import sandbox
from lab.tools import ToolsTree

TREE = ToolsTree(Path("/"), "host", {})


@pytest.fixture(autouse=True)
def outside_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(sandbox.ROOT_VARIABLE, raising=False)


def run(*argv: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = sandbox.command(TREE, argv, **options)  # type: ignore[arg-type]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_the_environment_is_the_same_on_every_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CFLAGS", "-O0")
    done = run("env", cwd=tmp_path, env={"EXTRA": "a b"})
    names = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert names == {"PATH", "HOME", "LC_ALL", "EXTRA"}
    assert "EXTRA=a b\n" in done.stdout


def test_host_folders_keep_their_places_and_the_tree_is_read_only(tmp_path: Path) -> None:
    assert run("sh", "-c", "pwd; echo seen > result", cwd=tmp_path).stdout.strip() == str(tmp_path)
    assert (tmp_path / "result").read_text() == "seen\n"
    done = run("touch", "/usr/weir-was-here")
    assert done.returncode != 0
    assert "Read-only" in done.stderr


def test_a_bound_folder_is_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    assert run("cat", "/build/place/file", bind={"/build/place": tmp_path}).stdout == "content"
    assert not Path("/build/place").exists()


def test_no_build_reaches_the_network() -> None:
    devices = run("sh", "-c", "tail -n +3 /proc/net/dev | cut -d: -f1").stdout.split()
    assert devices == ["lo"]


@pytest.mark.parametrize(("script", "status"), [("exit 7", 7), ("kill -TERM $$", 128 + signal.SIGTERM)])
def test_the_exit_status_comes_through(script: str, status: int) -> None:
    assert run("sh", "-c", script).returncode == status


def test_nothing_outlives_a_killed_command(tmp_path: Path) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    # The background process holds the pipe open for writing; its death shows as end of file.
    script = f"exec 3>{fifo}; echo started >&3; sleep 60 & sleep 60"
    process = subprocess.Popen(sandbox.command(TREE, ["sh", "-c", script]))
    with fifo.open() as stream:
        assert stream.readline() == "started\n"
        process.kill()
        process.wait(timeout=10)
        assert stream.read() == ""


def test_inside_the_lab_a_command_is_a_chroot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(sandbox.ROOT_VARIABLE, "/lab/root")
    monkeypatch.setenv(sandbox.TREE_VARIABLE, str(TREE.root))
    command = sandbox.command(TREE, ["true"], cwd=tmp_path)
    assert command[:2] == ["chroot", "/lab/root"]
    with pytest.raises(ValueError, match="before the lab"):
        sandbox.command(TREE, ["true"], bind={"/build": tmp_path})
