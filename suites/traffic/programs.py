"""Real programs of a tools tree as clients and origins: curl, wrk, nginx ... They run in the lab's network."""

from __future__ import annotations

import re
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lab import sandbox, speed
from lab.deadline import Deadline
from lab.errors import InfrastructureError, ProductFailure

if TYPE_CHECKING:
    from lab.tools import ToolsTree

WRK_PATIENCE_S = 2.0  # wrk's own default


@dataclass(frozen=True)
class WrkReport:
    """What wrk saw: whole replies, replies that were not 2xx or 3xx, connections that failed, and what 99 % took."""

    requests: int
    non_2xx: int
    socket_errors: int
    p99_s: float
    text: str


@dataclass(frozen=True)
class Answer:
    """How a program ended, and what it wrote."""

    status: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        """All that it wrote."""
        return self.output.decode(errors="replace") + self.errors


class Programs:
    """Runs them; those that stay are ended with it. `folder` is theirs to write in."""

    def __init__(self, tools: ToolsTree, folder: Path) -> None:
        self._tools = tools
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def put(self, name: str, content: str) -> Path:
        """A file of theirs, such as certificates that they are to trust."""
        path = self._folder / name
        path.write_text(content)
        return path

    def curl(self, *arguments: str, source: str = "", input: bytes = b"", seconds: float = 20.0) -> Answer:
        """curl, silent but for errors, from the address `source`."""
        argv = ["curl", "--silent", "--show-error", "--noproxy", "*", *(["--interface", source] if source else [])]
        return self.run(*argv, *arguments, input=input, seconds=seconds)

    def run(self, *argv: str, input: bytes = b"", seconds: float = 20.0) -> Answer:
        """Any program; relative paths are in its folder."""
        done = self._run(list(argv), input, seconds)
        return Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace"))

    def openssl(self, *arguments: str, seconds: float = 20.0) -> Answer:
        """openssl, which has nothing to read."""
        done = self._run(["openssl", *arguments], b"", seconds)
        return Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace"))

    def wrk(self, url: str, *, connections: int, seconds: int, headers: tuple[str, ...] = ()) -> WrkReport:
        """One thread of wrk. Raises ProductFailure when it could not connect at all."""
        options = [option for header in headers for option in ("--header", header)]
        argv = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--latency"]
        argv += ["--timeout", f"{ceil(WRK_PATIENCE_S * speed.factor())}s"]
        done = self._run([*argv, *options, url], b"", seconds + 20.0)
        text = done.stdout.decode()
        total = re.search(r"^\s*(\d+) requests in", text, re.M)
        if done.returncode or not total:
            raise ProductFailure(f"wrk failed ({done.returncode}): {text} {done.stderr.decode(errors='replace')}")
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        p99 = re.search(r"^\s*99%\s+([\d.]+)(us|ms|s|m)$", text, re.M)
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        return WrkReport(
            requests=int(total[1]),
            non_2xx=int(bad[1]) if bad else 0,
            socket_errors=sum(map(int, errors.groups())) if errors else 0,
            p99_s=float(p99[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[p99[2]] if p99 else 0.0,
            text=text,
        )

    def nginx_origin(
        self, address: str, files: dict[str, bytes], *, port: int = 8080, tls: tuple[str, ...] = ()
    ) -> str:
        """A real nginx that serves these files, by https with the directives `tls`; returns its endpoint."""
        home = self._folder / f"nginx-{address}-{port}"
        (home / "files").mkdir(parents=True)
        for name, content in files.items():
            (home / "files" / name).write_bytes(content)
        config = home / "nginx.conf"
        temporary = " ".join(f"{kind}_temp_path {home}/{kind};" for kind in _TEMPORARY)
        config.write_text(
            f"daemon off; master_process off; pid {home}/pid; error_log {home}/error.log;\n"
            "events { worker_connections 1024; }\n"
            f"http {{ access_log off; {temporary} keepalive_requests 1000000; gzip on; gzip_min_length 1;\n"
            f"gzip_types text/plain; gzip_proxied any;\n"
            f"server {{ listen {address}:{port}{' ssl' if tls else ''}; {' '.join(tls)}\n"
            f"root {home}/files; default_type text/plain; }} }}\n"
        )
        process = subprocess.Popen(
            sandbox.command(self._tools, ["nginx", "-p", home, "-c", config], cwd=self._folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._stack.callback(_end, process)

        def ready() -> bool:
            if process.poll() is not None:
                said = process.stderr.read().decode() if process.stderr else ""
                raise InfrastructureError(f"nginx as an origin ended at once: {said}")
            return (home / "pid").is_file() and bool((home / "pid").read_text().strip())

        Deadline(10).wait_for(ready, what="nginx as an origin to start")
        return f"{address}:{port}"

    def _run(self, argv: list[str], input: bytes, seconds: float) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                sandbox.command(self._tools, argv, cwd=self._folder, network=True),
                input=input,
                capture_output=True,
                timeout=Deadline(seconds).seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as expired:
            raise ProductFailure(f"{' '.join(argv)} did not end within {seconds:.0f} s") from expired


_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(Deadline(10).seconds)
    if process.stderr:
        process.stderr.close()
