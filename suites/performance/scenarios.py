"""What is measured: one row a scenario. Adding one is adding a row (docs/performance/scenarios.md).

A row says how the device under test is configured, what the client sends, and what must come back. It has no figures
and no thresholds: those are measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from suites.duts.config import Config, Limits, Server, Table, Timeouts
from suites.performance.identity import Kind, certificate

KIB: Final = 1024
PARTS: Final = 5
"""Counted parts of a run: a slope each, the figure is their median."""

Unit = Literal["request", "packet", "connection"]
Mode = Literal["client", "idle", "flood"]


@dataclass(frozen=True)
class LoadPlan:
    """What the load program does (suites/performance/guest). One step sends `request` and reads `replies` replies.

    `steps` are those of one counted part. `warm_up` steps come before the first, more than TCP takes to open its
    windows: until some 4,300 small replies have passed a connection, many of its packets take the slow path (+0.7 %).
    `fresh`: each step opens a connection of its own, which the device closes. `cookie`: one of this name is asked for
    first, and put into the request where that has one of the same length. `connections` are those that lie idle
    (mode `idle`, where a step is a second). A flood sends `burst` packets, one a step, then waits `pause_us`
    microseconds. `leave`: each step opens a connection, says nothing, and resets it once the device has accepted it.
    `group`: all is said in TLS, whose keys are exchanged in this group; `resume`: in a session that a first handshake,
    which is not counted, has left; `handshakes`: each step is a connection, a handshake, and its end.
    """

    request: bytes = b""
    steps: int = 1500
    warm_up: int = 5000
    mode: Mode = "client"
    replies: int = 1
    fresh: bool = False
    leave: bool = False
    group: Literal["", "X25519", "P-256"] = ""
    resume: bool = False
    handshakes: bool = False
    cookie: str = ""
    connections: int = 1
    burst: int = 16
    pause_us: int = 1000


@dataclass(frozen=True)
class Expect:
    """What must come back. `body`: bytes of each reply's body; None: a text of the device's own, the same each time.

    `forwarded`: requests reach the origin with what a reverse proxy adds, and replies the client likewise. `also` is
    another status that may occur `at_most` times. `silent`: nothing may come back at all. `refused`: each step opens a
    connection and sends the request, and the device ends it without a byte, as soon as it likes.
    """

    status: int = 200
    body: int | None = KIB
    forwarded: bool = True
    also: int = 0
    at_most: int = 0
    silent: bool = False
    refused: bool = False


@dataclass(frozen=True)
class Scenario:
    """A row. `unit` is what a figure is divided by. `excluded`: devices that cannot do it, and why.

    `instead`: what a device is told that cannot be told `config`. `origin_body` is the bytes of the origin's reply
    body. `revision` counts up when a change makes older figures incomparable.
    """

    id: str
    summary: str
    load: LoadPlan
    unit: Unit = "request"
    config: Config = field(default_factory=Config)
    expect: Expect = field(default_factory=Expect)
    origin_body: int = KIB
    excluded: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, Config] = field(default_factory=dict)
    revision: int = 1

    def config_of(self, dut: str) -> Config:
        """How this device is configured."""
        return self.instead.get(dut, self.config)

    @property
    def units_per_part(self) -> int:
        """Units between two markers: requests, packets, or connections times seconds."""
        return self.load.steps * (self.load.connections if self.load.mode == "idle" else self.load.replies)

    @property
    def total(self) -> int:
        """Units of a whole run, warm-up included."""
        steps = self.load.warm_up + PARTS * self.load.steps
        return steps * (self.load.connections if self.load.mode == "idle" else self.load.replies)


def _message(method: str, target: str, *fields: str, body: int = 0) -> bytes:
    """A request as a plain program sends it."""
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: www.example.com",
        "User-Agent: load/1",
        "Accept: */*",
        "Accept-Encoding: gzip, br",
        *fields,
    ]
    if body:
        lines += ["Content-Type: application/octet-stream", f"Content-Length: {body}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + bytes(ord("a") + number % 26 for number in range(body))


def _config(limits: Limits | None = None, challenge: Table | None = None, https: Kind | None = None) -> Config:
    """One listener, one origin, two connections a CPU to it; nothing times out within a run. `https`: with a
    certificate of this kind.
    """
    return Config(
        listeners=() if https else ("0.0.0.0:80",),
        https=("0.0.0.0:443",) if https else (),
        certificates=(certificate(https),) if https else (),
        servers=(Server(f"{ORIGIN}:{ORIGIN_PORT}", connections=4),),
        limits=replace(limits or Limits(), methods=None, host_strict=None),  # as the device has them
        timeouts=Timeouts(60, 60, 600, 10, 60),
        challenge=challenge or {},
    )


DEVICE: Final = "10.78.1.1"
CLIENT: Final = "10.78.1.2"
DEVICE_AT_ORIGIN: Final = "10.78.2.1"
ORIGIN: Final = "10.78.2.2"
ORIGIN_PORT: Final = 8080
BLOCKED: Final = "198.51.100.0"
"""The first of the addresses that `blocked-syn` sends from (a /24 for documentation, RFC 5737)."""

_NO_BLOCK_TABLE: Final = {
    "nginx": "nginx has no filter before TCP: it refuses an address once the connection stands",
    "haproxy": "HAProxy has no filter before TCP: it refuses an address once the connection stands",
}
_NO_CHALLENGE: Final = {
    "nginx": "nginx has no challenges",
    "haproxy": "HAProxy has no challenges of its own",
}
_SESSION: Final = "Cookie: __weir=" + 58 * "A"
_REQUESTS_ONLY: Final = "a packet filter, not a reverse proxy"


def _handshake(name: str, summary: str, load: LoadPlan, kind: Kind = "ecdsa") -> Scenario:
    return Scenario(
        name,
        summary,
        replace(load, steps=60, warm_up=60, handshakes=True),
        unit="connection",
        config=_config(https=kind),
        expect=Expect(body=None, forwarded=False),
    )


_TLS: Final = (
    _handshake(
        "tls-handshake",
        "a connection with a full TLS 1.3 handshake, X25519 and ECDSA with P-256, and its end",
        LoadPlan(group="X25519"),
    ),
    _handshake(
        "tls-handshake-p256",
        "a connection with a full TLS 1.3 handshake, keys exchanged in P-256, ECDSA with P-256, and its end",
        LoadPlan(group="P-256"),
    ),
    _handshake(
        "tls-handshake-rsa",
        "a connection with a full TLS 1.3 handshake, X25519 and RSA with 2,048 bits, and its end",
        LoadPlan(group="X25519"),
        "rsa",
    ),
    _handshake(
        "tls-resume",
        "a connection whose TLS 1.3 handshake resumes a session, with new keys by X25519, and its end",
        LoadPlan(group="X25519", resume=True),
    ),
    Scenario(
        "tls-get-keepalive-1k",
        "get-keepalive-1k in TLS 1.3 with AES-128-GCM",
        LoadPlan(_message("GET", "/1k"), group="X25519"),
        config=_config(https="ecdsa"),
    ),
    Scenario(
        "tls-get-keepalive-1m",
        "get-keepalive-1m in TLS 1.3 with AES-128-GCM",
        LoadPlan(_message("GET", "/1m"), steps=30, warm_up=30, group="X25519"),
        config=_config(https="ecdsa"),
        expect=Expect(body=1024 * KIB),
        origin_body=1024 * KIB,
    ),
)

SCENARIOS: Final[Mapping[str, Scenario]] = {
    scenario.id: scenario
    for scenario in (
        Scenario(
            "get-keepalive-1k",
            "GET of 1,024 bytes on a connection that stays open",
            LoadPlan(_message("GET", "/1k")),
            config=_config(),
        ),
        Scenario(
            "get-keepalive-16k",
            "GET of 16,384 bytes on a connection that stays open",
            LoadPlan(_message("GET", "/16k"), steps=400, warm_up=400),
            config=_config(),
            expect=Expect(body=16 * KIB),
            origin_body=16 * KIB,
        ),
        Scenario(
            "get-keepalive-64k",
            "GET of 65,536 bytes on a connection that stays open",
            LoadPlan(_message("GET", "/64k"), steps=800, warm_up=200),
            config=_config(),
            expect=Expect(body=64 * KIB),
            origin_body=64 * KIB,
        ),
        Scenario(
            "get-keepalive-1m",
            "GET of 1,048,576 bytes on a connection that stays open",
            LoadPlan(_message("GET", "/1m"), steps=30, warm_up=30),
            config=_config(),
            expect=Expect(body=1024 * KIB),
            origin_body=1024 * KIB,
        ),
        Scenario(
            "post-64k",
            "POST of 65,536 bytes on a connection that stays open; the reply is that of get-keepalive-1k",
            LoadPlan(_message("POST", "/post", body=64 * KIB), steps=400, warm_up=100),
            config=_config(),
        ),
        Scenario(
            "connection-per-request",
            "GET of 1,024 bytes on a new connection, which the device closes",
            LoadPlan(_message("GET", "/1k", "Connection: close"), steps=800, warm_up=200, fresh=True),
            config=_config(),
        ),
        Scenario(
            "pipelined-1k",
            "volleys of 16 pipelined GETs of 1,024 bytes on a connection that stays open",
            LoadPlan(_message("GET", "/1k") * 16, steps=100, warm_up=320, replies=16),
            config=_config(),
        ),
        Scenario(
            "rate-limited",
            "GETs over their client's limit, each answered 429 on a connection that stays open",
            LoadPlan(_message("GET", "/1k")),
            config=_config(Limits(request_rate=1)),
            # One request a second is within the limit: a run takes a second or two of the guest's time.
            expect=Expect(status=429, body=None, forwarded=False, also=200, at_most=5),
        ),
        Scenario(
            "rate-limited-reset",
            "a connection with a GET over its client's limit, reset without a reply",
            LoadPlan(_message("GET", "/1k"), steps=800, warm_up=200),
            unit="connection",
            config=_config(Limits(request_rate=1, action="reset")),
            expect=Expect(status=429, body=None, forwarded=False, also=200, at_most=5, refused=True),
        ),
        Scenario(
            "connection-left",
            "a connection that says nothing and is reset by its client: rate-limited-reset without the request",
            LoadPlan(_message("GET", "/1k"), steps=800, warm_up=200, leave=True),
            unit="connection",
            config=_config(Limits(request_rate=1, action="reset")),
            expect=Expect(body=None, forwarded=False),
        ),
        Scenario(
            "refused-connection",
            "a connection over its client's limit of connections, refused as soon as the device can",
            LoadPlan(_message("GET", "/1k"), steps=800, warm_up=200),
            unit="connection",
            config=_config(Limits(connection_rate=1, action="reset")),
            expect=Expect(status=429, body=None, forwarded=False, also=200, at_most=5, refused=True),
            # It has no limit of new connections: what it does with one that is refused whatever it asks.
            instead={"nginx": Config(listeners=("0.0.0.0:80",), limits=Limits(action="reset"))},
        ),
        Scenario(
            "challenge-cookie",
            "GETs without the session that is wanted, each answered 302 on a connection that stays open",
            LoadPlan(_message("GET", "/1k")),
            config=_config(challenge={"mode": "cookie"}),
            expect=Expect(status=302, body=None, forwarded=False),
            excluded=_NO_CHALLENGE,
        ),
        Scenario(
            "session",
            "GETs of 1,024 bytes with a challenge's session, on a connection that stays open",
            LoadPlan(_message("GET", "/1k", _SESSION), cookie="__weir"),
            config=_config(challenge={"mode": "cookie"}),
            excluded=_NO_CHALLENGE,
        ),
        Scenario(
            "session-per-connection",
            "GET of 1,024 bytes with a challenge's session on a new connection, which the device closes",
            LoadPlan(
                _message("GET", "/1k", "Connection: close", _SESSION),
                steps=800,
                warm_up=200,
                fresh=True,
                cookie="__weir",
            ),
            config=_config(challenge={"mode": "cookie"}),
            excluded=_NO_CHALLENGE,
        ),
        Scenario(
            "blocked-syn",
            "SYN from a blocked address, dropped",
            LoadPlan(mode="flood", steps=2000, warm_up=320),
            unit="packet",
            config=_config(),
            expect=Expect(forwarded=False, silent=True),
            excluded=_NO_BLOCK_TABLE,
        ),
        Scenario(
            "malformed",
            "a field name with a space in it, answered 400 and the connection closed",
            LoadPlan(_message("GET", "/1k", "Bad Name: 1"), steps=800, warm_up=200, fresh=True),
            config=_config(),
            expect=Expect(status=400, body=None, forwarded=False),
        ),
        Scenario(
            "idle-connections",
            "a connection that has had its reply, idle for a second",
            LoadPlan(_message("GET", "/1k"), steps=9, warm_up=2, mode="idle", connections=500),
            unit="connection",
            config=_config(),
        ),
        *_TLS,
    )
}
"""By id, in the order in which they are reported."""

DUTS: Final = ("weir", "nginx", "haproxy")
"""Devices under test of a measuring run."""
REFERENCES: Final[Mapping[str, tuple[str, ...]]] = {"blocked-syn": ("nftables",)}
"""What else is measured, and in which scenario: the kernel's own packet filter, before a host without any proxy."""


def reason_against(scenario: Scenario, dut: str) -> str | None:
    """Why this device is not measured in this scenario, or None when it is."""
    if dut in DUTS or dut in ("forwarding", "direct"):
        return scenario.excluded.get(dut)
    if dut in REFERENCES.get(scenario.id, ()):
        return None
    return _REQUESTS_ONLY if dut == "nftables" else f"no such device: {dut}"
