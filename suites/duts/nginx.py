"""nginx as a device under test: the guest image's own package, told the same neutral configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from lab.deadline import Deadline
from lab.errors import ProductFailure
from suites.duts import nginx_rules
from suites.duts.adapter import Adapter, ConfigurationRefused, NotSupported
from suites.duts.config import Config, Limits, Proxy, Upstream, split_endpoint

PREFIX = "/run/weir-nginx"
_CONFIG = f"{PREFIX}/nginx.conf"
PID = f"{PREFIX}/nginx.pid"

# One trip to the guest does it all. A reload is over when the master has a worker it did not have before, and every one
# it had is gone or is shutting down, which closes its listening sockets; 3 says that it did not come to that.
_APPLY = f"""
cat >{_CONFIG}.new && mv {_CONFIG}.new {_CONFIG} || exit 2
nginx -p {PREFIX} -c {_CONFIG} -t 2>{PREFIX}/check || {{ cat {PREFIX}/check >&2; exit 1; }}
master=$(cat {PID}) || exit 2
workers() {{ pgrep -P $master | tr '\\n' ' '; }}
title() {{ tr '\\0' ' ' <"/proc/$1/cmdline"; }}
old=" $(workers) "
nginx -p {PREFIX} -c {_CONFIG} -s reload || exit 2
rounds=0
while [ $rounds -lt 500 ]; do
    fresh=0 stale=0
    for pid in $(workers); do
        case "$old" in
        *" $pid "*) title "$pid" 2>/dev/null | grep -q 'shutting down' || stale=1 ;;
        *) fresh=1 ;;
        esac
    done
    [ $fresh = 1 ] && [ $stale = 0 ] && exit 0
    rounds=$((rounds + 1))
    sleep 0.02
done
exit 3
"""
_REFUSED = 1


class NginxAdapter(Adapter):
    """Renders nginx.conf, starts `nginx`, reloads it on apply.

    What has no counterpart is left out: header_total becomes large_client_header_buffers (which bounds each line),
    header_count has none; request_burst is a limit_req zone of its own at 8 r/s. action = "reset" is the code 444,
    which closes the connection, by a reset where nginx is measured. It has no limit of new connections, and
    concurrent_connections counts only those with a request in progress (limit_conn).
    """

    name = "nginx"
    limits_leak = True

    def _start(self) -> None:
        self.machine.run("mkdir", "-p", f"{PREFIX}/temp", f"{PREFIX}/logs")
        self.machine.put(_CONFIG, render(Config(listeners=())))
        self.machine.run("nginx", "-p", PREFIX, "-c", _CONFIG)
        self._wait_started()

    def _stop(self) -> None:
        self.machine.run("sh", "-c", f"test ! -e {PID} || kill -TERM $(cat {PID})")
        Deadline(5).wait_for(
            lambda: not self.machine.run("test", "-e", PID, check=False).ok,
            what="nginx to end and remove its pid file",
        )

    def apply(self, config: Config) -> None:
        self.put_certificates(config)
        done = self.machine.run("sh", "-c", _APPLY, input=render(config), check=False, timeout=20)
        if done.status == _REFUSED:
            raise ConfigurationRefused(done.stderr)
        if not done.ok:
            raise ProductFailure(f"nginx did not take up its new configuration ({done.status}): {done.stderr}")

    def statistics(self) -> Mapping[str, int]:
        raise NotSupported("nginx (open source) has no statistics of this kind")

    def settle(self) -> None:
        """What is left is with processes of the old configuration, and goes to no new origin."""

    def healthy(self) -> None:
        if not self.machine.run("sh", "-c", f"kill -0 $(cat {PID})", check=False).ok:
            log = self.machine.run("tail", "-n", "20", f"{PREFIX}/logs/error.log", check=False).stdout
            raise ProductFailure(f"nginx is gone; the end of its log: {log}")

    def _wait_started(self) -> None:
        Deadline(5).wait_for(lambda: self.machine.run("test", "-s", PID, check=False).ok, what="nginx to write its pid")


MEASURED: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "main": (
        ("worker_cpu_affinity 01;", "the worker stays on the CPU whose instructions are counted"),
        ("worker_rlimit_nofile 262144;", "idle connections must not run into the limit of open files"),
        (f"error_log {PREFIX}/logs/error.log crit;", "a line for each refused request would be work the others do not"),
    ),
    "events": (("worker_connections 131072;", "as many connections as a scenario opens"),),
    "http": (("limit_req_log_level info;", "below the log's level: a refused request costs no log line"),),
    "tls": (
        ("ssl_protocols TLSv1.3;", "the version that is measured"),
        ("ssl_ecdh_curve X25519:prime256v1;", "the groups that Weir has; a client offers one of them"),
        ("ssl_session_cache shared:SSL:10m;", "as nginx's documentation advises; tickets are on by themselves"),
        ("ssl_session_timeout 10m;", "likewise: longer than a run"),
    ),
    "upstream": (
        ("keepalive_requests 100000000;", "the default closes an upstream connection after 1,000 requests"),
        ("keepalive_timeout 1h;", "upstream connections stay open, as Weir's do"),
    ),
    "location": (
        ('add_header Via "1.1 weir" always;', "replies carry Via, as RFC 9110 section 7.6.3 wants and Weir does"),
        ("proxy_buffering on;", "nginx's default, and its cheapest way: 64 KiB cost a third less than streamed"),
        ("proxy_buffer_size 32k;", "few large buffers, so that a reply of 64 KiB takes few reads and writes"),
        ("proxy_buffers 4 32k;", "as above; holds a reply of 64 KiB whole, which never goes to a file"),
        ("proxy_busy_buffers_size 64k;", "as above"),
        ("proxy_max_temp_file_size 0;", "no reply is written to a file"),
        (
            "proxy_request_buffering on;",
            "nginx's default, and its cheapest way: 64 KiB cost a quarter less than streamed",
        ),
        ("client_body_buffer_size 128k;", "holds a request of 64 KiB whole, which never goes to a file"),
    ),
}
"""Directives of a measured nginx by the block they stand in, each with the reason why it is there."""


def render(config: Config, *, measured: bool = False) -> str:
    """nginx.conf of a neutral configuration; `measured` adds MEASURED to what the functional suite runs with."""
    limits, timeouts = config.limits, config.timeouts

    def more(block: str) -> list[str]:
        return [directive for directive, _ in MEASURED[block]] if measured else []

    zones, uses = [], []
    if limits.request_rate:
        zones.append(f"limit_req_zone $binary_remote_addr zone=rate:1m rate={limits.request_rate}r/s;")
        uses.append(f"limit_req zone=rate{_extra(limits.request_rate)};")
    if limits.request_burst:
        zones.append(f"limit_req_zone $binary_remote_addr zone=burst:1m rate={limits.request_burst * 8}r/s;")
        uses.append(f"limit_req zone=burst{_extra(limits.request_burst)};")
    if config.proxy.forwarded != "off":
        zones += _FORWARDED
    if limits.concurrent_connections:
        zones += ["limit_conn_zone $binary_remote_addr zone=open:1m;", f"limit_conn_status {_refusal(limits)};"]
        uses.append(f"limit_conn open {limits.concurrent_connections};")
    zones += _certificates(config, more("tls") or ["ssl_protocols TLSv1.2 TLSv1.3;"])
    listens = [_listen(endpoint) for endpoint in config.listeners]
    listens += [f"{_listen(endpoint)} ssl" for endpoint in config.https]
    upstreams = [line for upstream in config.upstreams for line in _upstream(upstream, more("upstream"))]
    settings = [*uses, *(more("location") or _STREAMED)]
    zones += [] if measured else _UPGRADES
    upgrades = ['proxy_set_header Connection "";'] if measured else _ASK
    if config.vhosts or config.rules or config.error_pages:
        servers = nginx_rules.servers(config, listens, _forward("$weir_to", settings, upgrades, config))
        zones += nginx_rules.HTTP
    else:
        servers = _server(listens, settings, upgrades, config) if listens else []
    events = more("events") or ["worker_connections 16384;"]
    return "\n".join(
        [
            "daemon on;",
            "worker_processes 1;",
            "worker_shutdown_timeout 30s;",
            f"pid {PID};",
            # Where there are several they read keys at each handshake.
            *(["user root;"] if len(config.certificates) > 1 else []),
            *(more("main") or [f"error_log {PREFIX}/logs/error.log warn;", "worker_rlimit_nofile 65536;"]),
            "events {",
            *_indent(events),
            "}",
            "http {",
            *_indent(
                [
                    "access_log off;",
                    "server_tokens off;",
                    "ignore_invalid_headers off;",  # takes every token as a field name, as RFC 9110 does
                    *(f"{kind}_temp_path {PREFIX}/temp/{kind};" for kind in _TEMPORARY),
                    f"client_header_timeout {_ms(timeouts.client_header)};",
                    f"client_body_timeout {_ms(timeouts.client_body)};",
                    f"keepalive_timeout {_ms(timeouts.keepalive)};",
                    "keepalive_requests 1000000;",
                    f"client_header_buffer_size {min(1024, limits.header_total)};",
                    f"large_client_header_buffers 4 {limits.header_total};",
                    f"client_max_body_size {limits.body_length};",
                    "lingering_timeout 500ms;",
                    f"limit_req_status {_refusal(limits)};",
                    *(_reset(limits) if measured else []),
                    *more("http"),
                    *zones,
                    *upstreams,
                    *servers,
                ]
            ),
            "}",
            "",
        ]
    )


_DROP: Final = 444
"""nginx's own code for: close the connection, without a reply."""


def _refusal(limits: Limits) -> int:
    return _DROP if limits.action == "reset" else 429


def _reset(limits: Limits) -> list[str]:
    """Whether a connection that is dropped is reset, or closed in order."""
    return [f"reset_timedout_connection {'on' if limits.action == 'reset' else 'off'};"]


_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


_STREAMED: Final = ["proxy_buffering off;", "proxy_request_buffering off;"]
_ASK: Final = ["proxy_set_header Upgrade $weir_upgrade;", "proxy_set_header Connection $weir_upgrade_option;"]
# WebSocket is relayed, as by Weir: asked for by GET alone, in HTTP/1.1, without a body. A measured nginx relays none.
_UPGRADES: Final = [
    'map "$server_protocol $request_method $http_connection|$http_upgrade|$http_content_length$http_transfer_encoding"'
    " $weir_upgrade {",
    '    "~*^HTTP/1\\.1 GET ([^|]*, *)?upgrade( *,[^|]*)?\\|websocket\\|$" websocket;',
    '    default "";',
    "}",
    'map $weir_upgrade $weir_upgrade_option { websocket upgrade; default ""; }',
]


def _certificates(config: Config, protocols: list[str]) -> list[str]:
    """Those of all servers: of several each handshake reads the one for its name."""
    if not config.https:
        return []
    first = next((one for one in config.certificates if one.default), config.certificates[0])
    if len(config.certificates) == 1 and not config.refuse_unknown_names:
        staple = ["ssl_stapling on;", f"ssl_stapling_file {first.ocsp_file};"] if first.ocsp else []
        return [*protocols, f"ssl_certificate {first.chain_file};", f"ssl_certificate_key {first.key_file};", *staple]
    lines = [*protocols, "ssl_certificate $weir_chain;", "ssl_certificate_key $weir_key;"]
    # One that is not there ends the handshake.
    nowhere = "/nowhere" if config.refuse_unknown_names else None
    for variable, default, chosen in (
        ("$weir_chain", first.chain_file, {name: one.chain_file for one in config.certificates for name in one.served}),
        ("$weir_key", first.key_file, {name: one.key_file for one in config.certificates for name in one.served}),
    ):
        lines += [f"map $ssl_server_name {variable} {{", f"    default {nowhere or default};"]
        lines += [*(f"    {_asked(name)} {file};" for name, file in chosen.items()), "}"]
    return lines


def _asked(name: str) -> str:
    """A map's pattern: a wildcard is one label, where that of nginx's own `hostnames` is any number."""
    return f'"~*^[^.]+\\.{re.escape(name[2:])}$"' if name.startswith("*.") else name


_HASHED: Final = {"address": "$remote_addr", "uri": "$request_uri", "host": "$host"}


def _upstream(upstream: Upstream, more: list[str]) -> list[str]:
    """A group. It has no checks, no slow start and no cookies of its own; servers are left out as Weir does."""
    group = upstream.group
    methods = {
        "round-robin": [],
        "least-connections": ["least_conn;"],
        "hash": [f"hash {_HASHED[group.hash_key]} consistent;"],
    }
    servers = [
        f"server {server.address}{f' weight={server.weight}' if server.weight != 1 else ''}"
        f" max_fails={group.fail_count}{f' fail_timeout={max(1, round(group.fail_time))}s' if group.fail_count else ''}"
        f"{' backup' if server.backup else ''};"
        for server in upstream.servers
    ]
    connections = sum(server.connections for server in upstream.servers)
    pool = [*methods[group.balance], *servers, f"keepalive {connections};", *more]
    return [f"upstream {upstream.name} {{", *_indent(pool), "}"]


def _server(listens: list[str], settings: list[str], upgrades: list[str], config: Config) -> list[str]:
    first = config.upstreams[0].name if config.upstreams else ""
    nothing = f"return {_DROP if config.limits.action == 'reset' else 503};"
    body = _forward(first, settings, upgrades, config) if first else [nothing]
    return [
        "server {",
        *_indent([*(f"{listen} default_server;" for listen in listens), "location / {", *_indent(body), "}"]),
        "}",
    ]


def _forward(to: str, settings: list[str], upgrades: list[str], config: Config) -> list[str]:
    """What a location that forwards to an upstream group, or to the one named by a variable, has in it."""
    timeouts = config.timeouts
    retries = config.upstreams[0].group.retries if config.upstreams else 0
    return [
        *(['if ($weir_to = "") { return 404; }'] if to.startswith("$") else []),
        *settings,
        f"proxy_pass http://{to};",
        "proxy_http_version 1.1;",
        *upgrades,
        "proxy_set_header Host $http_host;",
        *_client_fields(config.proxy),
        'proxy_set_header Via "$server_protocol weir";',
        "proxy_pass_header Server;",
        "proxy_pass_header Date;",
        f"proxy_next_upstream {'error' if retries else 'off'};",
        "proxy_ignore_client_abort on;",  # a half-closed client still gets its reply
        f"proxy_connect_timeout {_ms(timeouts.upstream_connect)};",
        f"proxy_read_timeout {_ms(timeouts.upstream_response)};",
        f"proxy_send_timeout {_ms(timeouts.upstream_response)};",
    ]


_FORWARDED: Final = [
    "map $remote_addr $weir_forwarded {",
    '    ~: "for=\\"[$remote_addr]\\";proto=$scheme";',
    '    default "for=$remote_addr;proto=$scheme";',
    "}",
    "map $http_forwarded $weir_add_forwarded {",
    '    "" $weir_forwarded;',
    '    default "$http_forwarded, $weir_forwarded";',
    "}",
]


def _client_fields(proxy: Proxy) -> list[str]:
    """What is told of the client."""
    address = {"append": "$proxy_add_x_forwarded_for", "replace": "$remote_addr"}.get(proxy.x_forwarded)
    forwarded = {"append": "$weir_add_forwarded", "replace": "$weir_forwarded"}.get(proxy.forwarded)
    return [
        *([f"proxy_set_header X-Forwarded-For {address};"] if address else []),
        *(["proxy_set_header X-Forwarded-Proto $scheme;"] if address else []),
        *([f"proxy_set_header Forwarded {forwarded};"] if forwarded else []),
    ]


def _extra(limit: int) -> str:
    """limit_req's burst comes on top of the one request that its rate allows at once."""
    return f" burst={limit - 1} nodelay" if limit > 1 else ""


def _listen(endpoint: str) -> str:
    address, _ = split_endpoint(endpoint)
    return f"listen {endpoint}{' ipv6only=on' if ':' in address else ''}"


def _ms(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"


def _indent(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
