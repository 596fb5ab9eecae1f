"""wrk: closed-loop load. Says what a device carries when clients ask again as soon as they are answered.

Its report comes as one line of JSON from a Lua script of ours. wrk is no judge of latency: it sends the next request
only when the last one is answered (see h2load.py for that).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lab.errors import InfrastructureError
from suites.performance.timed.sides import Endpoint
from suites.performance.timed.tool import Bench

MARK: Final = "weir-wrk "
GRACE_S: Final = 20.0
REPLY_TIMEOUT_S: Final = 8

_SCRIPT: Final = """\
local file = assert(io.open({request}, "rb"))
local wanted = file:read("*a")
file:close()

-- wrk parses the very first one to learn how many replies one call is worth, and refuses what is malformed.
local asked = false
request = function()
    if asked then return wanted end
    asked = true
    return string.rep("GET / HTTP/1.1\\r\\nHost: weir\\r\\n\\r\\n", {replies})
end

done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '{mark}{{"requests":%d,"bytes":%d,"duration_us":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}}\\n',
        summary.requests, summary.bytes, summary.duration,
        errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
"""


@dataclass(frozen=True)
class Plan:
    """What wrk is to send, byte for byte. `request` may be a pipeline of several, which get so many `replies`."""

    request: bytes
    replies: int = 1
    connections: int = 16
    https: bool = False


@dataclass(frozen=True)
class Report:
    """What wrk saw. `requests` counts whole replies, `refused` those with a status of 400 or more.

    `broken` is what got no whole reply: connections refused, reset or closed early, time-outs. `bytes` are those of
    heads and bodies together.
    """

    requests: int
    bytes: int
    seconds: float
    refused: int
    detail: Mapping[str, int]

    @property
    def broken(self) -> int:
        return sum(self.detail.values())

    @property
    def rate(self) -> float:
        """Replies a second."""
        return self.requests / self.seconds if self.seconds > 0 else 0.0


def run(bench: Bench, endpoint: Endpoint, plan: Plan, *, seconds: int, name: str = "wrk") -> Report:
    """One thread of wrk for `seconds`. Raises InfrastructureError when wrk itself fails."""
    address, port = endpoint
    request, script = bench.folder / f"{name}.request", bench.folder / f"{name}.lua"
    request.write_bytes(plan.request)
    script.write_text(_SCRIPT.format(request=json.dumps(str(request)), replies=plan.replies, mark=MARK))
    argv = [
        *("wrk", "--threads", "1", "--connections", str(plan.connections), "--duration", f"{seconds}s"),
        *(
            "--timeout",
            f"{REPLY_TIMEOUT_S}s",
            "--script",
            str(script),
            f"{'https' if plan.https else 'http'}://{address}:{port}/",
        ),
    ]
    return parse(bench.run(argv, seconds=seconds + GRACE_S).stdout)


def parse(output: str) -> Report:
    """The report in wrk's output. Raises InfrastructureError when there is none."""
    for line in output.splitlines():
        if line.startswith(MARK):
            said: dict[str, int] = json.loads(line.removeprefix(MARK))
            return Report(
                requests=said["requests"],
                bytes=said["bytes"],
                seconds=said["duration_us"] / 1e6,
                refused=said["status"],
                detail={name: said[name] for name in ("connect", "read", "write", "timeout")},
            )
    raise InfrastructureError(f"wrk printed no report of ours: {output.strip()[-500:] or '(silent)'}")
