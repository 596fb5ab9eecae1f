"""The lab's own namespaces: network, mount, PID, and user when not root.

`enter()` replaces the calling process by a chain `unshare` -> first process of the PID namespace (`main()` here) ->
command. Whichever of them dies, the kernel ends the rest: unshare gets SIGKILL with its parent, its child with it, and
the whole namespace with its first process. Bridge, taps, mounts and guest memory are gone with the namespaces, and
nothing in them can send a packet outside.

A lab is known by its own processes, so there is no register that could be wrong: `find()` reads /proc.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lab.errors import HostError, InfrastructureError, LabError

if TYPE_CHECKING:
    from lab.tools import ToolsTree

RUN_DIR_VARIABLE = "WEIR_RUN_DIR"
PARENT_VARIABLE = "WEIR_PARENT"
ROOT_FOLDER = "root"  # below the run's folder: mount point of the tools tree, empty outside of the lab
MEMORY_FOLDER = "memory"  # likewise: private tmpfs for the guests' memory and snapshots

CHECKOUT = Path(__file__).resolve().parent.parent
MARK = "lab.isolation"
PR_SET_PDEATHSIG = 1  # linux/prctl.h
FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


def die_with_parent() -> None:
    """Ask for SIGKILL at the parent's death: to be called first thing by what must not outlive who started it.

    The parent may have died before: with WEIR_PARENT set to the pid of one that shall not be outlived, that is seen.
    Survives execve(2) (prctl(2), PR_SET_PDEATHSIG).
    """
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise InfrastructureError(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
    expected = os.environ.pop(PARENT_VARIABLE, "")
    if expected and os.getppid() != int(expected) and _start_time(int(expected)) is None:
        os._exit(128 + signal.SIGKILL)


def namespaces() -> list[str]:
    """Options of unshare(1) for this user. Raises HostError when the host refuses them."""
    wanted = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    user = ["--user", "--map-root-user"]
    said = ""
    for options in ([wanted] if os.geteuid() == 0 else []) + [[*user, *wanted]]:
        try:
            done = subprocess.run(["unshare", *options, "true"], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise HostError("unshare(1) is missing", hint="sudo apt-get install util-linux") from None
        if done.returncode == 0:
            return options
        said = done.stderr.strip()
    raise HostError(f"the host refuses the lab its namespaces: {said}", hint="`python -m lab doctor` knows the mend")


def enter(argv: Sequence[str], env: Mapping[str, str], tools: ToolsTree, run_dir: Path) -> NoReturn:
    """Replace this process by `argv`, run in fresh namespaces with the lab's network up and the tools tree mounted.

    `env` is the whole environment of the command, to which WEIR_TOOLS_ROOT and WEIR_RUN_DIR are added. Ends with the
    command's exit status, 128 + N if signal N ended it. Raises HostError when the host refuses the namespaces or
    /dev/net/tun.
    """
    from lab.network import check_tun

    die_with_parent()
    check_tun()
    options = namespaces()
    # unshare forks before it asks for the signal at its own death: by this the child sees whether it came too late.
    itself = os.pidfd_open(os.getpid())
    os.set_inheritable(itself, True)
    path = os.pathsep.join(filter(None, [str(CHECKOUT), env.get("PYTHONPATH", "")]))
    inside = [sys.executable, "-m", MARK, str(run_dir), str(tools.root), tools.key, str(itself), "--", *argv]
    chain = ["setpriv", "--pdeathsig", "KILL", "unshare", *options, "--", *inside]
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(chain[0], chain, {**env, "PYTHONPATH": path, PARENT_VARIABLE: ""})
    except FileNotFoundError:
        raise HostError("setpriv(1) is missing", hint="sudo apt-get install util-linux") from None


def main(arguments: Sequence[str]) -> int:
    """First process of the lab's PID namespace: makes what the lab needs, runs the command, reaps orphans."""
    run_dir, root, key, outer, separator, *argv = arguments
    assert separator == "--"
    if select.select([int(outer)], [], [], 0)[0]:
        return 128 + signal.SIGKILL
    os.close(int(outer))
    try:
        environment = _set_up(Path(run_dir), Path(root), key)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    return _supervise(argv, environment)


def _set_up(run_dir: Path, tools_root: Path, key: str) -> dict[str, str]:
    from lab import sandbox
    from lab.network import Network
    from lab.tools import ToolsTree

    memory, root = run_dir / MEMORY_FOLDER, run_dir / ROOT_FOLDER
    for folder in (memory, root):
        folder.mkdir(parents=True, exist_ok=True)
    # Before the root is put together, since mounts made later would not show in it.
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "mode=0700,size=75%", "weir-memory", str(memory)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise InfrastructureError(f"cannot mount a tmpfs for guest memory: {done.stderr.strip()}")
    sandbox.mount_root(ToolsTree(root=tools_root, key=key, versions={}), root)
    Network().set_up()
    return {
        **os.environ,
        sandbox.ROOT_VARIABLE: str(root),
        sandbox.TREE_VARIABLE: str(tools_root),
        RUN_DIR_VARIABLE: str(run_dir),
    }


def _supervise(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the command, hand signals on to it, reap what is orphaned; its exit status."""
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    child = os.fork()
    if child == 0:
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
            os.execvpe(argv[0], list(argv), environment)
        except OSError as error:
            os.write(2, f"lab: cannot run {argv[0]}: {error.strerror}\n".encode())
        finally:
            os._exit(127)
    # The terminal's ^C reaches the command by itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in FORWARDED:
        signal.signal(number, lambda received, _frame: os.kill(child, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


@dataclass(frozen=True)
class RunningLab:
    """A lab of this user, found in /proc: `pid` is the outermost process, `inner` the first one inside."""

    pid: int
    inner: int
    run_dir: Path
    command: tuple[str, ...]
    started: int  # field 22 of proc(5)'s stat: tells a reused pid

    def nsenter(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` inside, as the lab's own root."""
        user = (
            ["--user", "--preserve-credentials"] if _user_namespace(self.inner) != _user_namespace(os.getpid()) else []
        )
        return ["nsenter", "--target", str(self.inner), *user, "--mount", "--net", "--pid", "--", *argv]

    def end(self, number: int) -> bool:
        """Send the signal unless the process is gone; whether it was there."""
        try:
            handle = os.pidfd_open(self.pid if number == signal.SIGKILL else self.inner)
        except OSError:
            return False
        try:
            if _start_time(self.pid) != self.started:
                return False
            signal.pidfd_send_signal(handle, number)
        except OSError:
            return False
        finally:
            os.close(handle)
        return True

    @property
    def alive(self) -> bool:
        return _start_time(self.pid) == self.started


def find() -> list[RunningLab]:
    """The user's running labs, oldest first (root: everybody's)."""
    labs = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if os.geteuid() != 0 and entry.stat().st_uid != os.geteuid():
                continue
            words = (entry / "cmdline").read_bytes().decode(errors="surrogateescape").split("\0")[:-1]
            # Only the outermost process is called so; the one inside starts with the interpreter.
            if Path(words[0] if words else "").name != "unshare" or MARK not in words:
                continue
            at = words.index(MARK)
            if words[at - 1] != "-m" or words[at + 5] != "--":
                continue
            pid = int(entry.name)
            children = (entry / "task" / entry.name / "children").read_text().split()
            started = _start_time(pid)
            if started is None or not children:
                continue
        except (OSError, IndexError, ValueError):
            continue
        labs.append(RunningLab(pid, int(children[0]), Path(words[at + 1]), tuple(words[at + 6 :]), started))
    return sorted(labs, key=lambda lab: (lab.started, lab.pid))


def _start_time(pid: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _user_namespace(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/user").readlink())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
