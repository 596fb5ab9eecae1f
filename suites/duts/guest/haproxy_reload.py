"""Runs in the guest: puts a new haproxy.cfg, read from standard input, in force. haproxy_reload.py FOLDER

Back when the new worker serves and no worker from before listens any more. Exit status: 0 done, 1 refused (standard
error has HAProxy's words), 2 anything else. Standard library only, so that `python3 -IS` starts it quickly.
"""

import socket
import subprocess
import sys
import time
from pathlib import Path

LISTEN = "0A"  # include/net/tcp_states.h, as /proc/net/tcp prints it
PATIENCE_S = 15.0


def ask(path: str, command: str) -> str:
    """One command to the master's socket, and all it answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer.decode(errors="replace")


def workers(path: str) -> set[str]:
    """Process ids of workers, old ones included (`show proc`: pid, type, ...)."""
    lines = (line.split() for line in ask(path, "show proc").splitlines())
    return {words[0] for words in lines if len(words) > 1 and words[1] == "worker"}


def listening_inodes() -> set[str]:
    """Socket inodes that listen, from /proc/net/tcp (sl, local, remote, state, ..., the tenth is the inode)."""
    lines = [line for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]]
    return {words[9] for words in map(str.split, lines) if words[3] == LISTEN}


def listens(pid: str) -> bool:
    """Whether the process holds a listening TCP socket."""
    inodes = {f"socket:[{inode}]" for inode in listening_inodes()}
    try:
        return any(str(path.readlink()) in inodes for path in Path("/proc", pid, "fd").iterdir())
    except OSError:  # it closed something, or ended, while we looked
        return Path("/proc", pid).exists() and listens(pid)


def main(folder: str) -> int:
    master, config, new = f"{folder}/master.sock", Path(folder, "haproxy.cfg"), Path(folder, "haproxy.cfg.new")
    new.write_text(sys.stdin.read())
    check = subprocess.run(["haproxy", "-c", "-q", "-f", str(new)], capture_output=True, text=True)
    if check.returncode:
        sys.stderr.write(check.stdout + check.stderr)
        return 1
    new.replace(config)
    old = workers(master)
    answer = ask(master, "reload")
    if not answer.startswith("Success=1"):
        sys.stderr.write(f"reload: {answer}")
        return 2
    deadline = time.monotonic() + PATIENCE_S
    while remaining := [pid for pid in old if listens(pid)]:
        if time.monotonic() > deadline:
            sys.stderr.write(f"workers from before still listen: {' '.join(remaining)}")
            return 2
        time.sleep(0.01)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
