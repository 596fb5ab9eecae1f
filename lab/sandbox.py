"""Runs programs of the tools tree: its /usr, /etc and /var, with the host's other folders at their places.

Two ways lead in. Outside the lab every command gets fresh mount, PID and network namespaces (and a user namespace
when not root) whose first process is this file, run as a script: it puts the root together, starts the program and
reaps its orphans. Nothing that a build starts outlives it, and no build reaches the network. Inside the lab the root
has been put together once (`mount_root`, by the isolation), and a command is a plain chroot into `$WEIR_TOOLS_ROOT`.

As a script this file must run with the host's bare Python (`-I -S`): it imports nothing of the lab at module level.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lab.tools import ToolsTree

ROOT_VARIABLE: Final = "WEIR_TOOLS_ROOT"
"""Set inside the lab: where its mount namespace has the tools tree's root."""
TREE_VARIABLE: Final = "WEIR_TOOLS_TREE"
"""Set inside the lab: which tree that is; any other gets namespaces of its own there too."""

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FROM_TREE: Final = ("usr", "etc")
_VAR_FOLDERS: Final = ("cache", "lib", "lib/nginx", "log", "log/nginx", "spool", "tmp")

# mount(2) flags, from linux/mount.h; the statvfs flags of the same name have the same values.
_MS_RDONLY: Final = 1
_MS_REMOUNT: Final = 32
_MS_BIND: Final = 4096
_MS_REC: Final = 16384
_MS_UNBINDABLE: Final = 1 << 17
_MS_KEPT: Final = 2 | 4 | 8 | 1024 | 2048 | 2097152  # nosuid nodev noexec noatime nodiratime relatime


def command(
    tools: ToolsTree,
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    keep: Sequence[Path] = (),
    bind: Mapping[str, Path] | None = None,
    network: bool = False,
) -> list[str]:
    """The argument list, for subprocess, that runs `argv` in the tools tree.

    `cwd` and all paths in `argv` are the host's absolute paths. The program's environment is PATH, HOME, a UTF-8
    C locale and `env`, nothing else, so that a build sees the same on every host. `keep` names host folders
    below /usr, /etc or /var that must stay visible; the cache and this checkout always do. `bind` shows host folders
    at fixed places ("/build/linux"), so that no path of the host gets into what a compiler writes; builds only.
    `network` leaves the program in the caller's network, which is for the lab's own.
    """
    variables = {"PATH": PATH, "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8", **(env or {})}
    assignments = [f"{name}={value}" for name, value in variables.items()]
    where = str((cwd or Path.cwd()).absolute())
    program = ["/usr/bin/env", "-i", "-C", where, *assignments, *map(str, argv)]
    root = os.environ.get(ROOT_VARIABLE)
    if root and os.environ.get(TREE_VARIABLE, str(tools.root)) == str(tools.root):
        if bind:
            raise ValueError("builds run before the lab is entered: nothing can be bound inside it")
        return ["chroot", root, *program]
    namespaces = ["--mount", "--pid", *([] if network else ["--net"]), "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        namespaces = ["--user", "--map-root-user", *namespaces]
    script = [sys.executable, "-I", "-S", str(Path(__file__).absolute()), str(tools.root)]
    for folder in (*_own_folders(tools), *keep):
        script += ["--keep", str(folder)]
    for place, folder in (bind or {}).items():
        script += ["--bind", f"{place}={folder.absolute()}"]
    return ["setpriv", "--pdeathsig", "KILL", "unshare", *namespaces, "--", *script, "--", *program]


def mount_root(tools: ToolsTree, at: Path) -> None:
    """Put the root together at the directory `at` of this mount namespace. The caller has the right to mount.

    Raises InfrastructureError when the kernel refuses a mount.
    """
    from lab.errors import InfrastructureError

    try:
        _assemble(tools.root, at, _own_folders(tools))
    except OSError as error:
        raise InfrastructureError(
            f"cannot mount the tools tree at {at}: {error}", hint="`python -m lab doctor` checks namespaces and mounts"
        ) from error


def _own_folders(tools: ToolsTree) -> list[Path]:
    from lab.cache import default_root

    return [default_root(), tools.root, Path(__file__).resolve().parent.parent]


def _assemble(tree: Path, at: Path, keep: Sequence[Path]) -> None:
    """See `mount_root`. Raises OSError."""
    _mount("tmpfs", at, "tmpfs", 0, "mode=0755")
    _mount(None, at, None, _MS_UNBINDABLE, None)  # lest the host folder that contains `at` brings it along
    for entry in sorted(tree.iterdir()):
        target = at / entry.name
        if entry.is_symlink():
            target.symlink_to(entry.readlink())
        elif entry.name in _FROM_TREE:
            target.mkdir()
            _bind(entry, target, read_only=True)
    (at / "var").mkdir()
    for name in _VAR_FOLDERS:
        (at / "var" / name).mkdir()
    (at / "var/run").symlink_to("/run")
    (at / "var/lock").symlink_to("/run/lock")
    for entry in sorted(Path("/").iterdir()):
        target = at / entry.name
        if target.is_symlink() or target.exists() or entry == at:
            continue
        if entry.is_symlink():
            target.symlink_to(entry.readlink())
        elif entry.is_dir():
            target.mkdir()
            _bind(entry, target)
    if Path("/var/tmp").is_dir():
        _bind(Path("/var/tmp"), at / "var/tmp")
    for folder in keep:
        target = at / folder.relative_to("/")
        if folder.is_dir() and not target.is_dir():
            target.mkdir(parents=True)
            _bind(folder, target)


def _bind(source: Path, target: Path, *, read_only: bool = False) -> None:
    _mount(str(source), target, None, _MS_BIND | _MS_REC, None)
    if read_only:
        # A user namespace may add flags to a mount it inherited, never drop them.
        kept = os.statvfs(target).f_flag & _MS_KEPT
        _mount(None, target, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | kept, None)


def _mount(source: str | None, target: Path, kind: str | None, flags: int, data: str | None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)

    def text(value: str | None) -> bytes | None:
        return None if value is None else os.fsencode(value)

    if libc.mount(text(source), os.fsencode(target), text(kind), ctypes.c_ulong(flags), text(data)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount of {source or 'flags'}: {os.strerror(number)}", str(target))


def _main(arguments: list[str]) -> int:
    """First process of the namespaces that `command` makes.

    sandbox.py TREE [--keep FOLDER | --bind PLACE=FOLDER]... -- PROGRAM...
    """
    separator = arguments.index("--")
    tree, options, program = Path(arguments[0]), arguments[1:separator], arguments[separator + 1 :]
    pairs = list(zip(options[::2], options[1::2], strict=True))
    keep = [Path(value) for flag, value in pairs if flag == "--keep"]
    bind = [value.split("=", 1) for flag, value in pairs if flag == "--bind"]
    at = tree / "mnt"  # an empty folder of every Debian root
    try:
        _assemble(tree, at, keep)
        for place, folder in bind:
            (at / place.lstrip("/")).mkdir(parents=True)
            _bind(Path(folder), at / place.lstrip("/"))
        os.chroot(at)
    except OSError as error:
        print(f"sandbox: cannot put the tools tree's root together: {error}", file=sys.stderr)
        return 70
    child = os.fork()
    if child == 0:
        try:
            os.chdir("/")
            os.execv(program[0], program)
        finally:
            os._exit(127)
    while True:  # the first process of a PID namespace inherits all orphans
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
