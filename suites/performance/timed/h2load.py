"""h2load: open-loop load. Requests leave at a given rate whatever the device does: what latency means to a user.

h2load logs each request's start and duration. A connection that waits for a reply sends its next request late, which
the log does not show; the histogram makes up for it (timed/latency.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab.errors import InfrastructureError
from suites.performance.timed import latency
from suites.performance.timed.sides import Endpoint
from suites.performance.timed.tool import Bench

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

GRACE_S: Final = 20.0
CONNECTIONS: Final = 4  # their timers tick together: so many requests leave at once
_NO_REPLY: Final = -1
_OWN_FIELDS: Final = frozenset({"host", "user-agent", "accept", "content-length"})
"""What h2load sends by itself."""


@dataclass(frozen=True)
class Report:
    """What h2load saw. `failed` counts requests without a reply or with another status than expected."""

    requests: int
    failed: int
    rate: float
    latencies: HdrHistogram
    said: str


def run(
    bench: Bench,
    endpoint: Endpoint,
    request: bytes,
    *,
    rate: float,
    seconds: int,
    warm_up: int = 1,
    status: int = 200,
    connections: int = CONNECTIONS,
    https: bool = False,
) -> Report:
    """`rate` requests a second like `request`, over `connections` kept connections, for `seconds` after `warm_up`.

    Raises InfrastructureError when h2load itself fails.
    """
    log = bench.folder / "h2load.log"
    log.unlink(missing_ok=True)
    per_connection = rate / connections
    address, port = endpoint
    argv = [
        *("h2load", "--h1", "--threads=1", f"--clients={connections}", f"--duration={seconds}"),
        *(f"--warm-up-time={warm_up}", f"--rps={per_connection:.3f}", f"--log-file={log}"),
        *_options(bench.folder, request),
        f"{'https' if https else 'http'}://{address}:{port}{target(request)}",
    ]
    said = bench.run(argv, seconds=seconds + warm_up + GRACE_S).stdout
    return parse(said, log.read_text(), rate=rate, connections=connections, status=status)


def target(request: bytes) -> str:
    """The request target of an HTTP/1.1 message."""
    return request.split(b" ", 2)[1].decode("ascii")


def parse(said: str, log: str, *, rate: float, connections: int, status: int) -> Report:
    """The report made of h2load's own words and its log (start in µs, status, duration in µs; -1: no reply).

    Raises InfrastructureError when either is not what h2load 1.64 writes.
    """
    totals = re.search(r"^requests: .*?(\d+) failed, (\d+) errored, (\d+) timeout", said, re.M)
    if not totals:
        raise InfrastructureError(f"h2load printed no report: {said.strip()[-500:] or '(silent)'}")
    durations, wrong = [], 0
    for line in log.splitlines():
        _start, code, duration = map(int, line.split("\t")[:3])
        if code == status:
            durations.append(duration)
        elif code != _NO_REPLY:
            wrong += 1
    # Requests without a reply are h2load's failed ones, except those that were under way when the time was over: the
    # log has them too, and they are nobody's failure.
    failed = max(wrong, sum(map(int, totals.groups())))
    return Report(
        requests=len(durations) + failed,
        failed=failed,
        rate=rate,
        latencies=latency.record(durations, interval_us=connections / rate * 1e6),
        said=totals[0],
    )


def _options(folder: Path, request: bytes) -> list[str]:
    """The request's fields, and its body in a file: what h2load needs to send the like of it."""
    head, _, body = request.partition(b"\r\n\r\n")
    options = []
    for line in head.decode("ascii").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() not in _OWN_FIELDS:
            options.append(f"--header={name}: {value.strip()}")
    if body:
        file = folder / "h2load.body"
        file.write_bytes(body)
        options.append(f"--data={file}")
    return options
