"""Every setting of the measured devices, with the reason why it is there: for the report, and for whoever doubts it.

The devices do the same work: same statuses, the fields that a reverse proxy adds (Via, X-Forwarded-For,
X-Forwarded-Proto) both ways, connections kept to client and origin, no access log, one worker. Where a device has a
choice it has the setting that was measured to be cheapest for it, buffering for one: Weir itself only streams. The load
program and its origin check what can be seen of that in every measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from suites.duts import haproxy, nginx
from suites.performance.scenarios import SCENARIOS

_FORWARD = "the fields that Weir adds to what it forwards"
_LIMIT = "429 on a connection that stays open, or the reset that a scenario is about, by the client's address"
_TIME = "as long as Weir's; none passes within a run"
_BOUND = "the bound that Weir has"
_CERTIFICATE = "the same certificate and chain on each device"
_SHAPE = "where it listens and what it forwards to"

_NGINX: Final[Mapping[str, str]] = {
    "daemon": "starts like a service",
    "worker_processes": "one worker, as one CPU is counted",
    "pid": "where the lab finds it",
    "worker_shutdown_timeout": "for reloads, of which there is none in a run",
    "access_log": "Weir writes no access log",
    "server_tokens": "replies of its own do not tell its version, as Weir's do not",
    "ignore_invalid_headers": "takes every token as a field name, as RFC 9110 and Weir do",
    "_temp_path": "folders that the lab made; nothing is written there",
    "client_header_timeout": _TIME,
    "client_body_timeout": _TIME,
    "keepalive_timeout": _TIME,
    "keepalive_requests": "connections stay open, as Weir's do: the default closes one after 1,000 requests",
    "client_header_buffer_size": "nginx's default",
    "large_client_header_buffers": _BOUND,
    "client_max_body_size": _BOUND,
    "lingering_timeout": "reads out what is left of a refused request, as Weir does",
    "limit_req": _LIMIT,
    "limit_req_zone": _LIMIT,
    "limit_req_status": _LIMIT,
    "limit_conn": _LIMIT,
    "limit_conn_zone": _LIMIT,
    "limit_conn_status": _LIMIT,
    "reset_timedout_connection": "a dropped connection is reset where Weir resets it; else it closes as the others do",
    "return": "the least work with a connection that is refused: nginx has no limit of new connections",
    "upstream": _SHAPE,
    "server": _SHAPE,
    "listen": _SHAPE,
    "location": _SHAPE,
    "keepalive": "as many connections to the origin are kept as Weir keeps",
    "proxy_pass_header": "the origin's Server and Date reach the client, as with Weir",
    "proxy_pass": _SHAPE,
    "proxy_http_version": "connections to the origin stay open; the default is HTTP/1.0",
    "proxy_set_header": _FORWARD,
    "proxy_next_upstream": "a request is sent again only when the connection failed",
    "proxy_ignore_client_abort": "a client that closes its sending side still gets its reply, as with Weir",
    "proxy_connect_timeout": _TIME,
    "proxy_read_timeout": _TIME,
    "proxy_send_timeout": _TIME,
    **dict.fromkeys(("ssl_certificate", "ssl_certificate_key"), _CERTIFICATE),
}

_HAPROXY: Final[Mapping[str, str]] = {
    "nbthread": "one thread, as one CPU is counted",
    "hard-stop-after": "for reloads, of which there is none in a run",
    "tune.maxrewrite": "HAProxy's default",
    "tune.http.maxhdr": _BOUND,
    "mode": "HTTP, not TCP",
    "timeout": _TIME,
    "bind": "where it listens; in TLS the version that is measured, and the groups that Weir has",
    "http-request deny deny_status 413": _BOUND,
    "http-request return status 429": _LIMIT,
    "http-request reject": "without a reply where Weir resets the connection",
    "tcp-request connection": "before anything is read, as early as it can; only where the scenario limits connections",
    "http-request track": _LIMIT,
    "http-request sc-inc-gpc": _LIMIT,
    "stick-table": _LIMIT,
    "http-request": _FORWARD,
    "option forwardfor": _FORWARD,
    "option redispatch": "a request whose server cannot be reached goes to the next one, as with Weir and nginx",
    "option http-ignore-probes": "a connection without a request is closed without a word, as with Weir and nginx",
    "http-response add-header": _FORWARD,
    "default_backend": _SHAPE,
    "balance": "in turn, as Weir and nginx",
    "http-reuse always": "a request goes out on whichever connection is idle, as with Weir and nginx",
    "server": "as many connections to the origin are kept as Weir keeps, for as long; the default drops idle ones",
}

_WEIR: Final[Mapping[str, str]] = {
    "address": _SHAPE,
    "name": _SHAPE,
    "protocol": _SHAPE,
    **dict.fromkeys(("chain", "key"), _CERTIFICATE),
    "connections_max": "no more than that: as many as are needed are open before a run begins",
    "connections": "held open to the origin, spread over the CPUs",
    "weight": "Weir's default",
    "backup": "Weir's default",
    "balance": "in turn, as nginx and HAProxy",
    **dict.fromkeys(("hash_key", "queue", "queue_timeout", "sticky_cookie", "retries"), "Weir's default"),
    "fail_count": "off, as with nginx and HAProxy: no origin fails in a run",
    **dict.fromkeys(("fail_time", "slow_start"), "of no use without failures"),
    "request_rate": _LIMIT,
    "request_burst": _LIMIT,
    "mode": "of challenges; only where the scenario has them",
    "action": "a refused request has a reply, or a reset where the scenario is about that",
    **dict.fromkeys(("concurrent_connections", "request_rate_block", "connection_rate_block"), _LIMIT),
    "connection_rate": "new connections by the client's address; only where the scenario limits them",
    "header_total": "Weir's default",
    "header_count": "Weir's default",
    "uri_length": "Weir's default",
    "body_length": "Weir's default",
    **dict.fromkeys(
        ("client_header", "client_body", "keepalive", "upstream_connect", "upstream_response", "tunnel"), _TIME
    ),
}


def settings(dut: str, scenario: str = "get-keepalive-1k") -> list[tuple[str, str]]:
    """Each line of the device's configuration in that scenario, and why it is there.

    Headings and braces are left out. Empty for a device without a configuration of this kind.
    """
    config = SCENARIOS[scenario].config_of(dut)
    match dut:
        case "nginx":
            text, reasons = nginx.render(config, measured=True), _NGINX
            own = [pair for block in nginx.MEASURED.values() for pair in block]
            lines = [line for line in text.splitlines() if line.endswith(";")]
        case "haproxy":
            text, reasons = haproxy.render(config, measured=True), _HAPROXY
            own = [pair for section in haproxy.MEASURED.values() for pair in section]
            lines = [line for line in text.splitlines() if line.startswith(" ")]
        case "weir":
            text, reasons, own = config.to_toml(), _WEIR, []
            lines = [line for line in text.splitlines() if "=" in line]
        case _:
            return []
    exact = dict(own)
    return [(line.strip(), exact.get(line.strip()) or _reason(line.strip(), reasons)) for line in lines]


def configuration(dut: str, scenario: str) -> dict[str, str]:
    """The settings as a record holds them (results.records.Run): a setting a line, its reason after a tab.

    Under the device's name are those of the plainest scenario, under device and scenario what is different there.
    """
    plain = settings(dut)
    here = settings(dut, scenario) if scenario in SCENARIOS else plain
    found = {dut: plain, f"{dut}, {scenario}": [one for one in here if one not in plain]}
    return {title: "\n".join(f"{line}\t{reason}" for line, reason in lines) for title, lines in found.items() if lines}


def _reason(line: str, reasons: Mapping[str, str]) -> str:
    """The reason given for the line's first word, its first words, or its first word's end. Raises KeyError."""
    word = line.split(maxsplit=1)[0].rstrip(";")
    fitting = [
        name
        for name in reasons
        if name == word or (" " in name and line.startswith(name)) or (name.startswith("_") and word.endswith(name))
    ]
    if not fitting:
        raise KeyError(f"no reason is given for the setting {line!r}")
    return reasons[max(fitting, key=len)]
