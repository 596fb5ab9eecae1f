"""The lab's namespaces: what runs in them sees the lab only, and dies with any process of the chain."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyroute2
import pytest

from lab import isolation
from lab.deadline import Deadline
from lab.errors import HostError
from lab.network import check_tun

ROOT = Path(__file__).resolve().parent.parent
KILLS = 10

# The host's own root takes the tools tree's place: what is tested here is the namespaces.
ENTER = """
import os, sys
from pathlib import Path
from lab import isolation
from lab.tools import ToolsTree
isolation.enter(sys.argv[2:], dict(os.environ), ToolsTree(Path(os.environ["TREE"]), "test", {}), Path(sys.argv[1]))
"""


@pytest.fixture(scope="module", autouse=True)
def _host_can() -> None:
    try:
        check_tun()
        isolation.namespaces()
    except HostError as error:
        pytest.skip(f"this host cannot isolate: {error}")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tools tree as far as the isolation looks into it: folders that the host's fill."""
    root = tmp_path / "tree"
    for name in ("mnt", "usr", "etc"):
        (root / name).mkdir(parents=True)
    return root


@pytest.fixture
def public() -> Iterator[Path]:
    """A tree, open to every user as pytest's own temporary folders are not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        for folder in ("mnt", "usr", "etc"):
            (Path(name) / folder).mkdir()
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "run"


def start(tree: Path, run_dir: Path, *argv: str, parent: bool = False) -> subprocess.Popen[str]:
    """The chain; with `parent`, below a shell that stands for nox."""
    chain = [sys.executable, "-c", ENTER, str(run_dir), *argv]
    if parent:
        chain = ["sh", "-c", 'WEIR_PARENT=$$ "$@"; exit $?', "sh", *chain]
    environment = {**os.environ, "TREE": str(tree), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(chain, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def inside(tree: Path, run_dir: Path, code: str) -> str:
    process = start(tree, run_dir, sys.executable, "-c", code)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def test_the_lab_has_its_own_network_and_processes(tree: Path, run_dir: Path) -> None:
    found = json.loads(
        inside(
            tree,
            run_dir,
            "import json, os, socket\n"
            "print(json.dumps({'links': sorted(n for _, n in socket.if_nameindex()), 'parent': os.getppid(),\n"
            "  'processes': sum(e.isdigit() for e in os.listdir('/proc')), 'root': os.environ['WEIR_TOOLS_ROOT'],\n"
            "  'mounts': [line.split()[1] for line in open('/proc/self/mounts') if line.startswith('weir-memory')]}))",
        )
    )
    assert found["links"] == ["lo", "weir0"]
    assert found["parent"] == 1
    assert found["processes"] == 2
    assert found["root"] == str(run_dir / "root")
    assert str(run_dir / "memory") in found["mounts"]


def test_nothing_leads_out(tree: Path, run_dir: Path) -> None:
    """The route would be needed first: no packet is sent here."""
    out = inside(
        tree,
        run_dir,
        "import socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "try:\n    s.connect(('192.0.2.1', 9)); print('reached')\n"
        "except OSError as error:\n    print(error.strerror)",
    )
    assert out.strip() == "Network is unreachable"


def test_clients_bind_to_any_of_their_addresses(tree: Path, run_dir: Path) -> None:
    """AnyIP: no address was configured, and a connection from each arrives with it."""
    out = inside(
        tree,
        run_dir,
        "import socket\n"
        "from lab.network import Network as N\n"
        "for family, server, clients in ((socket.AF_INET, N.origin_address(3), N.client_address),\n"
        "                                (socket.AF_INET6, N.origin_address6(3), N.client_address6)):\n"
        "    with socket.create_server((server, 8080), family=family, backlog=512) as listener:\n"
        "        for number in range(300):\n"
        "            with socket.create_connection((server, 8080), source_address=(clients(number), 0)):\n"
        "                connection, peer = listener.accept()\n"
        "                connection.close()\n"
        "                assert peer[0] == clients(number), peer\n"
        "print(clients(0))",
    )
    assert out.strip() == "fd77:c::1"


@pytest.mark.parametrize("status", [0, 1, 7, 70])
def test_the_exit_status_is_the_commands(tree: Path, run_dir: Path, status: int) -> None:
    process = start(tree, run_dir, "sh", "-c", f"exit {status}")
    process.communicate(timeout=60)
    assert process.returncode == status


def test_a_command_that_is_not_there(tree: Path, run_dir: Path) -> None:
    process = start(tree, run_dir, "/no/such/program")
    assert "cannot run /no/such/program" in process.communicate(timeout=60)[1]
    assert process.returncode == 127


def test_orphans_are_reaped_and_end_with_the_command(tree: Path, run_dir: Path) -> None:
    out = inside(
        tree,
        run_dir,
        "import os, subprocess, time\n"
        "subprocess.run(['sh', '-c', 'true & sleep 100 & exit'])\n"
        "from lab.deadline import Deadline\n"
        "def zombies():\n"
        "    states = []\n"
        "    for entry in os.listdir('/proc'):\n"
        "        if entry.isdigit():\n"
        "            states.append(open(f'/proc/{entry}/stat').read().rpartition(')')[2].split()[0])\n"
        "    return 'Z' in states\n"
        "Deadline(10).wait_for(lambda: not zombies())\n"
        "print('reaped')",
    )
    assert out.strip() == "reaped"


def _marked(marker: str) -> set[int]:
    """Processes of any namespace whose command line has the marker."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marker.encode() in (entry / "cmdline").read_bytes():
                    found.add(int(entry.name))
            except OSError:
                continue
    return found


def _in_namespace(namespace: Path) -> set[int]:
    """Processes that are in the network namespace; one may belong to whoever else uses this host."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "ns" / "net").readlink() == namespace:
                    found.add(int(entry.name))
            except OSError:
                continue
    return found


@pytest.fixture
def marker() -> Iterator[str]:
    """Told apart by its command line: a sleep of this many seconds."""
    seconds = f"{random.randrange(10**6, 10**7)}.5"
    yield seconds
    for pid in _marked(seconds):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("victim", ["parent", "unshare", "init", "command"])
def test_nothing_outlives_any_process_of_the_chain(tree: Path, run_dir: Path, marker: str, victim: str) -> None:
    # A grandchild that left its session, as QEMU is one.
    process = start(tree, run_dir, "sh", "-c", f"setsid sleep {marker} & echo up; wait", parent=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        (lab,) = [lab for lab in isolation.find() if lab.run_dir == run_dir]
        command = int(Path(f"/proc/{lab.inner}/task/{lab.inner}/children").read_text().split()[0])
        pids = {"parent": process.pid, "unshare": lab.pid, "init": lab.inner, "command": command}
        namespace = Path(f"/proc/{lab.inner}/ns/net").readlink()
        assert len(_in_namespace(namespace)) >= 3
        os.kill(pids[victim], signal.SIGKILL)
        process.wait(10)
        Deadline(10).wait_for(lambda: not _marked(marker), what="the end of all processes")
        Deadline(10).wait_for(lambda: not _in_namespace(namespace), what="the end of the namespace")
    finally:
        process.kill()
        process.communicate()


def test_nothing_is_left_whenever_the_parent_is_killed(tree: Path, run_dir: Path, marker: str) -> None:
    """At random moments of the start, too; the times cover all of it."""
    for _ in range(KILLS):
        process = start(tree, run_dir, "sh", "-c", f"setsid sleep {marker} & echo up; wait", parent=True)
        try:
            process.communicate(timeout=random.uniform(0.0, 1.2))
            pytest.fail("the lab ended by itself")
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        # Every process of the chain but the first has the run's folder in its command line; QEMU's like have a mark.
        Deadline(10).wait_for(lambda: not _marked(marker) | _marked(str(run_dir)), what="the end of all processes")
    assert [lab for lab in isolation.find() if lab.run_dir == run_dir] == []
    assert [entry.name for entry in (run_dir / "memory").iterdir()] == []


def test_find_and_end(tree: Path, run_dir: Path, marker: str) -> None:
    process = start(tree, run_dir, "sh", "-c", f"trap 'exit 3' TERM; echo up; sleep {marker} & wait")
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    (lab,) = [lab for lab in isolation.find() if lab.run_dir == run_dir]
    assert lab.command[:2] == ("sh", "-c")
    joined = subprocess.run(lab.nsenter(["cat", "/proc/net/dev"]), capture_output=True, text=True, check=True)
    assert "weir0" in joined.stdout
    assert lab.end(signal.SIGTERM)
    assert process.wait(10) == 3
    assert not lab.alive
    assert not lab.end(signal.SIGKILL)
    process.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="as an ordinary user every test here runs in a user namespace already")
def test_an_ordinary_user_gets_the_same(public: Path) -> None:
    """As nobody. Taps need /dev/net/tun, which may be root's alone, so that is not asked for here."""
    environment = {**os.environ, "TREE": str(public), "PYTHONPATH": f"{ROOT}:{Path(pyroute2.__file__).parents[1]}"}
    nobody = 65534
    for python in (sys.executable, "/usr/bin/python3"):
        probe = subprocess.run(
            ["sh", "-c", 'exec "$0" -c "import lab.isolation, pyroute2"', python],
            user=nobody,
            group=nobody,
            extra_groups=[],
            env=environment,
            capture_output=True,
            check=False,
        )
        if probe.returncode == 0:
            break
    else:
        pytest.skip(f"{sys.executable} or {ROOT} is closed to other users")
    home = public / "home"
    home.mkdir()
    home.chmod(0o777)
    code = ENTER.replace("isolation.enter", "import lab.network; lab.network.check_tun = lambda: None\nisolation.enter")
    done = subprocess.run(
        [python, "-c", code, str(home / "run"), "sh", "-c", "id -u; cat /proc/net/dev"],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "HOME": str(home)},
        user=nobody,
        group=nobody,
        extra_groups=[],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0\n")
    assert "weir0" in done.stdout
