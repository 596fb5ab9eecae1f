"""nginx as a device under test: the guest image's own package, told the same neutral configuration."""

from __future__ import annotations

from collections.abc import Mapping

from lab.deadline import Deadline
from lab.errors import ProductFailure
from suites.duts.adapter import Adapter, ConfigurationRefused, NotSupported
from suites.duts.config import Config, split_endpoint

_PREFIX = "/run/weir-nginx"
_CONFIG = f"{_PREFIX}/nginx.conf"
_PID = f"{_PREFIX}/nginx.pid"

# One trip to the guest does it all. A reload is over when the master has a worker it did not have before, and every one
# it had is gone or is shutting down, which closes its listening sockets; 3 says that it did not come to that.
_APPLY = f"""
cat >{_CONFIG}.new && mv {_CONFIG}.new {_CONFIG} || exit 2
nginx -p {_PREFIX} -c {_CONFIG} -t 2>{_PREFIX}/check || {{ cat {_PREFIX}/check >&2; exit 1; }}
master=$(cat {_PID}) || exit 2
workers() {{ pgrep -P $master | tr '\\n' ' '; }}
title() {{ tr '\\0' ' ' <"/proc/$1/cmdline"; }}
old=" $(workers) "
nginx -p {_PREFIX} -c {_CONFIG} -s reload || exit 2
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
    header_count and action = "reset" have none; request_burst is a limit_req zone of its own at 8 r/s.
    """

    name = "nginx"
    limits_leak = True

    def _start(self) -> None:
        self.machine.run("mkdir", "-p", f"{_PREFIX}/temp", f"{_PREFIX}/logs")
        self.machine.put(_CONFIG, render(Config(listeners=())))
        self.machine.run("nginx", "-p", _PREFIX, "-c", _CONFIG)
        self._wait_started()

    def _stop(self) -> None:
        self.machine.run("sh", "-c", f"test ! -e {_PID} || kill -TERM $(cat {_PID})")
        Deadline(5).wait_for(
            lambda: not self.machine.run("test", "-e", _PID, check=False).ok,
            what="nginx to end and remove its pid file",
        )

    def apply(self, config: Config) -> None:
        done = self.machine.run("sh", "-c", _APPLY, input=render(config), check=False, timeout=20)
        if done.status == _REFUSED:
            raise ConfigurationRefused(done.stderr)
        if not done.ok:
            raise ProductFailure(f"nginx did not take up its new configuration ({done.status}): {done.stderr}")

    def statistics(self) -> Mapping[str, int]:
        raise NotSupported("nginx (open source) has no statistics of this kind")

    def healthy(self) -> None:
        if not self.machine.run("sh", "-c", f"kill -0 $(cat {_PID})", check=False).ok:
            log = self.machine.run("tail", "-n", "20", f"{_PREFIX}/logs/error.log", check=False).stdout
            raise ProductFailure(f"nginx is gone; the end of its log: {log}")

    def _wait_started(self) -> None:
        Deadline(5).wait_for(
            lambda: self.machine.run("test", "-s", _PID, check=False).ok, what="nginx to write its pid"
        )


def render(config: Config) -> str:
    """nginx.conf of a neutral configuration."""
    limits, timeouts = config.limits, config.timeouts
    zones, uses = [], []
    if limits.request_rate:
        zones.append(f"limit_req_zone $binary_remote_addr zone=rate:1m rate={limits.request_rate}r/s;")
        uses.append(f"limit_req zone=rate{_extra(limits.request_rate)};")
    if limits.request_burst:
        zones.append(f"limit_req_zone $binary_remote_addr zone=burst:1m rate={limits.request_burst * 8}r/s;")
        uses.append(f"limit_req zone=burst{_extra(limits.request_burst)};")
    listens = [_listen(endpoint) for endpoint in config.listeners]
    servers = [f"server {server.address} max_fails=0;" for server in config.servers]
    connections = sum(server.connections for server in config.servers)
    upstream = ["upstream default {", *_indent(servers), f"    keepalive {connections};", "}"] if servers else []
    return "\n".join(
        [
            "daemon on;",
            "worker_processes 1;",
            "worker_shutdown_timeout 30s;",
            f"pid {_PID};",
            f"error_log {_PREFIX}/logs/error.log warn;",
            "events { worker_connections 4096; }",
            "http {",
            *_indent(
                [
                    "access_log off;",
                    "server_tokens off;",
                    "ignore_invalid_headers off;",  # takes every token as a field name, as RFC 9110 does
                    *(f"{kind}_temp_path {_PREFIX}/temp/{kind};" for kind in _TEMPORARY),
                    f"client_header_timeout {_ms(timeouts.client_header)};",
                    f"client_body_timeout {_ms(timeouts.client_body)};",
                    f"keepalive_timeout {_ms(timeouts.keepalive)};",
                    "keepalive_requests 1000000;",
                    f"client_header_buffer_size {min(1024, limits.header_total)};",
                    f"large_client_header_buffers 4 {limits.header_total};",
                    f"client_max_body_size {limits.body_length};",
                    "lingering_timeout 500ms;",
                    "limit_req_status 429;",
                    *zones,
                    *upstream,
                    *(_server(listens, bool(servers), uses, config) if listens else []),
                ]
            ),
            "}",
            "",
        ]
    )


_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def _server(listens: list[str], has_upstream: bool, limits: list[str], config: Config) -> list[str]:
    timeouts = config.timeouts
    forward = [
        *limits,
        "proxy_pass http://default;",
        "proxy_http_version 1.1;",
        'proxy_set_header Connection "";',
        "proxy_set_header Host $http_host;",
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        'proxy_set_header Via "$server_protocol weir";',
        "proxy_pass_header Server;",
        "proxy_pass_header Date;",
        "proxy_buffering off;",
        "proxy_request_buffering off;",
        "proxy_next_upstream error;",
        "proxy_ignore_client_abort on;",  # a half-closed client still gets its reply
        f"proxy_connect_timeout {_ms(timeouts.upstream_connect)};",
        f"proxy_read_timeout {_ms(timeouts.upstream_response)};",
        f"proxy_send_timeout {_ms(timeouts.upstream_response)};",
    ]
    body = forward if has_upstream else ["return 503;"]
    return ["server {", *_indent([*listens, "location / {", *_indent(body), "}"]), "}"]


def _extra(limit: int) -> str:
    """limit_req's burst comes on top of the one request that its rate allows at once."""
    return f" burst={limit - 1} nodelay" if limit > 1 else ""


def _listen(endpoint: str) -> str:
    address, _ = split_endpoint(endpoint)
    return f"listen {endpoint}{' ipv6only=on' if ':' in address else ''} default_server;"


def _ms(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"


def _indent(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
