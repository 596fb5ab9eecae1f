"""An origin that takes requests and never answers: whoever asked stays busy. Runs as a process.

mute.py PORT ADDRESS...; ends when its standard input is closed.
"""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lab.deadline import Deadline
from lab.errors import InfrastructureError
from suites.performance.timed.hold import allow_files

BACKLOG = 4096
ADDRESSES_EACH = 15  # of a process: with 1,000 connections each, what hosts allow in open files


class Mute:
    """Handle of the processes. `asked` is how many connections have had a request on them so far."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self._processes = processes

    def asked(self) -> int:
        """Ask the processes. Raises InfrastructureError when one is gone."""
        return sum(map(self._asked, self._processes))

    def _asked(self, process: subprocess.Popen[str]) -> int:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write("\n")
            process.stdin.flush()
            return int(process.stdout.readline())
        except (OSError, ValueError) as error:
            raise InfrastructureError(f"the silent origin is gone (status {process.poll()})") from error

    def wait_for(self, count: int, *, seconds: float) -> None:
        """Until so many connections have had a request. Raises DeadlineExpired."""
        Deadline(seconds).wait_for(lambda: self.asked() >= count, interval=0.05, what=f"{count} requests at the origin")


@contextmanager
def listening(addresses: Sequence[str], port: int) -> Iterator[Mute]:
    """The origin at each of these addresses. Raises InfrastructureError when it does not come up."""
    processes: list[subprocess.Popen[str]] = []
    try:
        for start in range(0, len(addresses), ADDRESSES_EACH):
            own = addresses[start : start + ADDRESSES_EACH]
            argv = [sys.executable, "-m", "suites.performance.timed.mute", str(port), *own]
            processes.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        for process in processes:
            assert process.stdout is not None
            if process.stdout.readline() != "listening\n":
                raise InfrastructureError(f"the silent origin did not start (status {process.poll()})")
        yield Mute(processes)
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def main(port: int, addresses: Sequence[str]) -> None:
    """Accept and read, nothing else; a line on standard input is answered with how many connections were asked on."""
    allow_files(60_000)
    poll = select.epoll()
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    listeners: dict[int, socket.socket] = {}
    for address in addresses:
        listener = socket.create_server((address, port), backlog=BACKLOG)
        listener.setblocking(False)
        listeners[listener.fileno()] = listener
        poll.register(listener, select.EPOLLIN)
    links: dict[int, socket.socket] = {}
    asked: set[int] = set()
    print("listening", flush=True)
    while True:
        for descriptor, _events in poll.poll():
            if descriptor == sys.stdin.fileno():
                if not sys.stdin.readline():
                    return
                print(len(asked), flush=True)
            elif descriptor in listeners:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        link, _peer = listeners[descriptor].accept()
                        links[link.fileno()] = link
                        poll.register(link, select.EPOLLIN)
            else:
                try:
                    data = links[descriptor].recv(65536)
                except OSError:
                    data = b""
                if data:
                    asked.add(descriptor)
                else:
                    asked.discard(descriptor)
                    links.pop(descriptor).close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
