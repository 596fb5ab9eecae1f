"""Runs in the guest: puts a new haproxy.cfg, read from standard input, in force. haproxy_reload.py FOLDER

Back when the new worker serves and no worker from before listens any more. Exit status: 0 done, 1 refused (standard
error has HAProxy's words), 2 anything else. Standard library only, so that `python3 -IS` starts it quickly.
"""

import socket
import sys
import time
from pathlib import Path

LISTEN = "0A"  # include/net/tcp_states.h, as /proc/net/tcp prints it
PATIENCE_S = 15.0
REFUSED, FAILED = 1, 2


def ask(path: str, command: str) -> str:
    """One command to the master's socket, and all it answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)  # the master then closes when it has answered
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
    master, config = f"{folder}/master.sock", Path(folder, "haproxy.cfg")
    before = config.read_text()
    config.write_text(sys.stdin.read())
    old = workers(master)
    # No `haproxy -c` first: it would take as long again, and a master that refuses leaves its workers as they are.
    answer = ask(master, "reload")
    if not answer.startswith("Success=1"):
        config.write_text(before)
        sys.stderr.write(answer)
        return REFUSED if answer.startswith("Success=0") else FAILED
    deadline = time.monotonic() + PATIENCE_S
    while remaining := [pid for pid in old if listens(pid)]:
        if time.monotonic() > deadline:
            sys.stderr.write(f"workers from before still listen: {' '.join(remaining)}")
            return FAILED
        time.sleep(0.01)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except OSError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(FAILED)
