"""The origin of timed figures: nginx of the tools tree, on the host's side of the bridge, one for all sides.

It must not be what is measured: ceiling() asks it directly, without a device between, and says what it can carry.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.deadline import Deadline
from lab.errors import InfrastructureError
from suites.performance.timed import wrk
from suites.performance.timed.sides import Endpoint
from suites.performance.timed.tool import Bench

SMALL: Final = "/1k"
LARGE: Final = "/64k"
UPLOAD: Final = "/post"
SIZES: Final = {SMALL: 1024, "/16k": 16384, LARGE: 65536, "/1m": 1 << 20}
_TEMPORARY: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass(frozen=True)
class Origin:
    """Where it listens."""

    address: str
    port: int

    @property
    def endpoint(self) -> str:
        return f"{self.address}:{self.port}"


@contextmanager
def serving(bench: Bench, address: str, port: int = 8080) -> Iterator[Origin]:
    """An nginx with one worker that serves SIZES; what is posted to /post it takes whole, then answers as /1k.

    Raises InfrastructureError when it does not start.
    """
    home = bench.folder / "origin"
    (home / "files").mkdir(parents=True, exist_ok=True)
    for path, size in SIZES.items():
        (home / "files" / path.lstrip("/")).write_bytes(b"x" * size)
    config = home / "nginx.conf"
    config.write_text(_config(str(home), address, port))
    (home / "pid").unlink(missing_ok=True)
    process = bench.start(["nginx", "-p", str(home), "-c", str(config)])
    try:
        _wait(process, home / "pid")
        yield Origin(address, port)
    finally:
        process.terminate()
        process.communicate(timeout=Deadline(10).seconds)


def ceiling(bench: Bench, origin: Origin, *, seconds: int = 1) -> wrk.Report:
    """What wrk gets from the origin without a device between: no figure of a device may come near it."""
    endpoint: Endpoint = (origin.address, origin.port)
    request = f"GET {SMALL} HTTP/1.1\r\nHost: {origin.endpoint}\r\n\r\n".encode()
    report = wrk.run(bench, endpoint, wrk.Plan(request), seconds=seconds, name="ceiling")
    if report.refused or report.broken:
        raise InfrastructureError(f"the origin failed {report.refused + report.broken} requests without any device")
    return report


def _config(home: str, address: str, port: int) -> str:
    temporary = "".join(f"    {kind}_temp_path {home}/{kind};\n" for kind in _TEMPORARY)
    return f"""\
load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;
daemon off;
master_process off;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 8192; multi_accept on; }}
http {{
    access_log off;
    server_tokens off;
{temporary}
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    # A device may open its upstream connections long before it sends a first request on them.
    client_header_timeout 600s;
    client_max_body_size 16m;
    client_body_buffer_size 128k;
    server {{
        listen {address}:{port} backlog=4096;
        root {home}/files;
        default_type text/plain;
        # A reply before the whole body was read would spare the device the work of passing it on.
        location = {UPLOAD} {{ echo_read_request_body; echo_exec /taken; }}
        # The static module refuses a POST; what it is told to say instead is a GET of the small file.
        location = /taken {{ internal; alias {home}/files{SMALL}; error_page 405 =200 {SMALL}; }}
    }}
}}
"""


def _wait(process: subprocess.Popen[str], file: Path) -> None:
    def ready() -> bool:
        if process.poll() is not None:
            said = process.stdout.read() if process.stdout else ""
            raise InfrastructureError(f"nginx as the origin ended at once: {said.strip()}")
        return file.is_file() and bool(file.read_text().strip())

    Deadline(10).wait_for(ready, what="nginx as the origin to start")
