"""HAProxy as a device under test: the guest image's own package, told the same neutral configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lab.deadline import Deadline
from lab.errors import ProductFailure
from suites.duts import haproxy_rules
from suites.duts.adapter import Adapter, ConfigurationRefused, NotSupported
from suites.duts.config import CERTIFICATES, Config, Group, Health, Proxy, Server, Upstream, split_endpoint

PREFIX: Final = "/run/weir-haproxy"
CONFIG: Final = f"{PREFIX}/haproxy.cfg"
PID: Final = f"{PREFIX}/haproxy.pid"
_MASTER: Final = f"{PREFIX}/master.sock"
_RELOAD: Final = f"{PREFIX}/reload.py"
_RELOAD_SOURCE: Final = Path(__file__).parent / "guest" / "haproxy_reload.py"
_REFUSED: Final = 1

_REFUSE: Final = 'http-request return status 429 content-type text/plain string "429 Too Many Requests"'
_REJECT: Final = "http-request reject"

REWRITE: Final = 1024
"""Bytes of its buffer that HAProxy keeps free for the fields it adds (tune.maxrewrite)."""

MEASURED: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "global": (
        ("cpu-map 1/1 0", "the worker stays on the CPU whose instructions are counted"),
        ("maxconn 131072", "as many connections as a scenario opens"),
        (
            "tune.bufsize 65536",
            "64 KiB cost 7 % less than with the default of 16 KiB; an idle connection has no buffer",
        ),
    ),
}
"""Settings of a measured HAProxy by the section they stand in, each with the reason why it is there."""


class HaproxyAdapter(Adapter):
    """Renders haproxy.cfg, starts `haproxy -W`, has its master reload on apply.

    request_rate and request_burst are sliding averages of what passed (gpc_rate of a stick table), connection_rate one
    of all that came (conn_rate), concurrent_connections those open now (conn_cur); rates forgive a little all the
    time. action = "reset" closes the connection without a reply (reject).
    """

    name = "haproxy"
    limits_leak = True

    def _start(self) -> None:
        self.machine.run("mkdir", "-p", PREFIX)
        self.machine.put(_RELOAD, _RELOAD_SOURCE.read_bytes())
        self.machine.put(CONFIG, render(Config(listeners=())))
        self.machine.run("haproxy", "-W", "-D", "-q", "-f", CONFIG, "-p", PID, "-S", _MASTER)
        Deadline(5).wait_for(
            lambda: self.machine.run("test", "-s", PID, "-a", "-S", _MASTER, check=False).ok,
            what="HAProxy to write its pid and open its master's socket",
        )

    def _stop(self) -> None:
        self.machine.run("sh", "-c", f"test ! -e {PID} || kill -TERM $(cat {PID})")
        Deadline(5).wait_for(
            lambda: not self.machine.run("sh", "-c", f"kill -0 $(cat {PID})", check=False).ok, what="HAProxy to end"
        )
        self.machine.run("rm", "-rf", PREFIX)

    def apply(self, config: Config) -> None:
        self.put_certificates(config, in_one=True)
        for name, content in certificate_list(config).items():
            self.machine.put(name, content)
        done = self.machine.run("python3", "-IS", _RELOAD, PREFIX, input=render(config), check=False, timeout=40)
        if done.status == _REFUSED:
            raise ConfigurationRefused(done.stderr)
        if not done.ok:
            raise ProductFailure(f"HAProxy did not take up its new configuration ({done.status}): {done.stderr}")

    def statistics(self) -> Mapping[str, int]:
        raise NotSupported("HAProxy's statistics have other names and meanings")

    def settle(self) -> None:
        """What is left is with processes of the old configuration, and goes to no new origin."""

    def healthy(self) -> None:
        if not self.machine.run("sh", "-c", f"kill -0 $(cat {PID})", check=False).ok:
            raise ProductFailure("HAProxy is gone")


def render(config: Config, *, measured: bool = False) -> str:
    """haproxy.cfg of a neutral configuration; `measured` adds MEASURED to what the functional suite runs with."""
    limits, timeouts = config.limits, config.timeouts

    def more(section: str) -> list[str]:
        return [setting for setting, _ in MEASURED[section]] if measured else []

    tables = [
        (name, limit, period)
        for name, limit, period in (("rate", limits.request_rate, "1s"), ("burst", limits.request_burst, "125ms"))
        if limit
    ]
    sections = {
        "global": [
            "nbthread 1",
            "hard-stop-after 30s",
            # A head takes more room parsed than as text.
            *([] if measured else [f"tune.bufsize {2 * limits.header_total + REWRITE}"]),
            f"tune.maxrewrite {REWRITE}",
            f"tune.http.maxhdr {limits.header_count}",
            *(more("global") or ["maxconn 4096"]),
        ],
        "defaults": [
            "mode http",
            "option redispatch 1",
            "option http-ignore-probes",
            f"timeout connect {_ms(timeouts.upstream_connect)}",
            f"timeout queue {_ms(config.upstreams[0].group.queue_timeout if config.upstreams else 5.0)}",
            f"timeout client {_ms(timeouts.client_body)}",
            f"timeout server {_ms(timeouts.upstream_response)}",
            f"timeout http-request {_ms(timeouts.client_header)}",
            f"timeout http-keep-alive {_ms(timeouts.keepalive)}",
            f"timeout tunnel {_ms(timeouts.tunnel)}",
        ],
        "frontend main": _frontend(config, tables, _SSL_MEASURED if measured else _SSL),
        **{f"backend {upstream.name}": _backend(upstream) for upstream in config.upstreams},
        **{
            f"backend {name}": [f"stick-table type ipv6 size 100k expire 10s store gpc(1),gpc_rate(1,{period})"]
            for name, _, period in tables
        },
        **({_CONNECTIONS: [_CONNECTION_TABLE]} if limits.connection_rate or limits.concurrent_connections else {}),
    }
    lines = []
    for title, content in sections.items():
        lines += [title, *(f"    {line}" for line in content), ""]
    return "\n".join(lines)


_LIST: Final = f"{CERTIFICATES}/haproxy.list"
_SSL: Final = f"ssl crt-list {_LIST} alpn http/1.1 ssl-min-ver TLSv1.2"
_SSL_MEASURED: Final = f"ssl crt-list {_LIST} alpn http/1.1 ssl-min-ver TLSv1.3 curves X25519:P-256"


def certificate_list(config: Config) -> dict[str, bytes]:
    """The file beside its configuration that says which certificates there are, by its name; none without TLS."""
    return {_LIST: _certificates(config).encode()} if config.certificates else {}


def _certificates(config: Config) -> str:
    """The list of certificates, each with its names if it does not serve its own. The first is the default."""
    ordered = sorted(config.certificates, key=lambda one: not one.default)
    return "".join(f"{' '.join((one.both_file, *(one.names or ())))}\n" for one in ordered)


_CONNECTIONS: Final = "backend connections"
_CONNECTION_TABLE: Final = "stick-table type ipv6 size 100k expire 10s store conn_rate(1s),conn_cur"


def _frontend(config: Config, tables: list[tuple[str, int, str]], ssl: str) -> list[str]:
    # A configuration without any listener is refused; nothing connects to this name.
    binds = [
        *(_bind(endpoint) for endpoint in config.listeners),
        *(
            f"{_bind(endpoint)} {ssl}{' strict-sni' if config.refuse_unknown_names else ''}"
            for endpoint in config.https
        ),
    ] or ["bind abns@weir-no-listener"]
    too_long = f"req.hdr_val(content-length) gt {config.limits.body_length}"
    limits = config.limits
    lines = [*binds]
    connections = (("conn_rate", limits.connection_rate), ("conn_cur", limits.concurrent_connections))
    if any(limit for _, limit in connections):
        lines.append(f"tcp-request connection track-sc2 src table {_CONNECTIONS.removeprefix('backend ')}")
    lines += [f"tcp-request connection reject if {{ sc_{what}(2) gt {limit} }}" for what, limit in connections if limit]
    lines.append(f"http-request deny deny_status 413 if {{ {too_long} }}")
    for index, (name, limit, _) in enumerate(tables):
        lines += [
            f"http-request track-sc{index} src table {name}",
            # Not `deny`, which copies a whole buffer for the few bytes of its text.
            f"{_REJECT if limits.action == 'reset' else _REFUSE} if {{ sc_gpc_rate(0,{index}) ge {limit} }}",
        ]
    # What is refused is not counted, as with Weir.
    lines += [f"http-request sc-inc-gpc(0,{index})" for index in range(len(tables))]
    if not config.upstreams and not config.rules:
        return [*lines, "http-request return status 503"]
    routed = bool(config.vhosts or config.rules or config.error_pages)
    return [
        *haproxy_rules.pages(config),
        *lines,
        'http-request add-header Via "1.1 weir"',
        *_client_fields(config.proxy, https=bool(config.https)),
        'http-response add-header Via "1.1 weir"',
        *(haproxy_rules.frontend(config) if routed else [f"default_backend {config.upstreams[0].name}"]),
    ]


def _client_fields(proxy: Proxy, *, https: bool) -> list[str]:
    """What is told of the client. `option` appends a field of its own to those received."""
    x_forwarded = [
        "http-request set-header X-Forwarded-Proto http",
        *(["http-request set-header X-Forwarded-Proto https if { ssl_fc }"] if https else []),
        "option forwardfor",
    ]
    return [
        *(["http-request del-header X-Forwarded-For"] if proxy.x_forwarded == "replace" else []),
        *(x_forwarded if proxy.x_forwarded != "off" else []),
        *(["http-request del-header Forwarded"] if proxy.forwarded == "replace" else []),
        *(["option forwarded"] if proxy.forwarded != "off" else []),
    ]


_HASHED: Final = {"address": "source", "uri": "uri whole", "host": "hdr(host)"}


def _backend(upstream: Upstream) -> list[str]:
    """A group. It leaves no server out for requests alone (fail_count): that needs checks as well."""
    group = upstream.group
    hashed = [f"balance {_HASHED[group.hash_key]}", "hash-type consistent"]
    methods = {"round-robin": ["balance roundrobin"], "least-connections": ["balance leastconn"], "hash": hashed}
    return [
        *methods[group.balance],
        # A request goes out on whichever connection is idle, as with Weir and nginx.
        "http-reuse always",
        *([f"retries {group.retries}"] if group.retries != Group().retries else []),
        *([f"cookie {group.sticky_cookie} insert indirect nocache httponly"] if group.sticky_cookie else []),
        *(_checks(group.health) if group.health else []),
        *(f"server s{number} {_server(server, number, upstream)}" for number, server in enumerate(upstream.servers)),
    ]


def _checks(health: Health) -> list[str]:
    expected = f"status {health.status}" if health.status else "rstatus ^[23]"
    return [
        "option httpchk",
        f"http-check send meth GET uri {health.uri}{f' hdr Host {health.host}' if health.host else ''}",
        f"http-check expect {expected}",
        f"timeout check {_ms(health.timeout)}",
    ]


def _server(server: Server, number: int, upstream: Upstream) -> str:
    group = upstream.group
    words = [
        server.address,
        f"pool-max-conn {server.connections} pool-low-conn {server.connections} pool-purge-delay 1h",
        *([f"weight {min(server.weight, 256)}"] if server.weight != 1 else []),
        *(["backup"] if server.backup else []),
        # What it is, not where it stands in the list, has its keys.
        *(["hash-key addr-port"] if group.balance == "hash" else []),
        *([f"cookie s{number}"] if group.sticky_cookie else []),
        *([f"slowstart {_ms(group.slow_start)}"] if group.slow_start else []),
    ]
    if health := group.health:
        words += [f"check inter {_ms(health.period)} rise {health.rise} fall {health.fall}"]
    return " ".join(words)


def _bind(endpoint: str) -> str:
    address, _ = split_endpoint(endpoint)
    return f"bind {endpoint}{' v6only' if ':' in address else ''}"


def _ms(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
