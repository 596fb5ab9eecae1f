"""Statistics in Prometheus' text format, version 0.0.4; docs/weirctl.md lists the names."""

from __future__ import annotations

from .meters import Scope, Statistics

# Counters of the namespace that are one family with a label: prefix, family, label, help.
_FAMILIES = (
    ("responses_", "responses", "code", "Replies sent to clients, by class; 1xx are interim ones."),
    ("requests_", "requests_handled", "context", "Requests by the context that they were handled in."),
    ("rejected_", "rejected", "reason", "Requests refused as such, and requests and connections over a limit."),
    ("limit_actions_", "limit_actions", "action", "What was done about requests and connections over a limit."),
    ("challenges_", "challenges", "mode", "Challenges put to clients: to bring a cookie, a puzzle, or a refusal."),
    ("tokens_", "tokens_refused", "reason", "Sessions and answers of challenges that were not good."),
    ("errors_", "errors", "code", "Replies of Weir's own, made because an upstream failed or was busy."),
)
# The others, without unit and suffix.
_HELP = {
    "connections_accepted": "Client connections accepted.",
    "connections_active": "Client connections open.",
    "requests": "Requests whose head was read.",
    "client_in_bytes": "Received from clients.",
    "client_out_bytes": "Sent to clients.",
    "upstreams_in_bytes": "Received from servers.",
    "upstreams_out_bytes": "Sent to servers.",
    "timeouts_client": "Clients that were too slow to send or to read.",
    "upstreams_connects": "Connections to servers that came up.",
    "upstreams_failures": "Connections to servers that failed: refused, reset, timed out, garbage.",
    "upstreams_active": "Connections to servers open.",
    "upgrades": "Requests that became tunnels.",
    "tunnels_active": "Tunnels open.",
    "allocation_failures": "Allocations that failed.",
    "memory_bytes": "Held for connections and messages.",
    "packets_blocked": "Packets of blocked clients dropped.",
    "blocked_bytes": "In these packets, IP headers included.",
    "packets_marked": "Packets of blocked clients marked instead.",
    "blocks_active": "Entries of the block table.",
    "blocks_refused": "Entries that the block table had no room or no memory for.",
    "sessions_verified": "Requests with the session of a challenge.",
    "puzzles_solved": "Puzzles of challenges that were solved.",
    "client_memory_bytes": "Held for client connections when last looked at; 0 unless it is bounded.",
    "connections_blocked": "Client connections closed since their client was blocked.",
    "events_told": "Events told to whoever follows the event log.",
    "events_lost": "Events that nobody could be told of: over the rate, or no memory, or no room.",
    "under_attack": "Listeners or virtual hosts under attack.",
    "attack_switches": "How often one came to be under attack, or ceased to.",
    "tls_handshakes": "TLS handshakes done.",
    "tls_resumptions": "Of these, those that resumed a session.",
    "tls_staples": "Of these, those in which the client got an OCSP staple.",
    "tls_handshake_failures": "TLS handshakes that an alert of either side ended.",
    "tls_incomplete": "TLS handshakes that came to nothing, for whatever reason.",
    "tls_signatures_refused": "RSA signatures that were not made: too many waited, or no memory.",
    "tls_cookies": "Clients that had to return a cookie first, so many others were waiting.",
    "clients_tracked": "Clients whose requests and connections are counted.",
}
# The sum of its classes.
_LEFT_OUT = {"responses"}

# Counters of a scope: name, family, help, the kinds that have it.
_SCOPED = (
    ("requests", "requests_total", "Requests that are over.", "listener vhost upstream server"),
    ("failures", "failures_total", "Requests that got no server's reply, or not all of it.", "listener vhost"),
    ("failures", "failures_total", "Requests that the server failed, or none could take.", "upstream server"),
    ("aborted", "aborted_total", "Requests whose client left or was too slow.", "listener vhost upstream server"),
    ("unserved", "unserved_total", "Requests refused, given a puzzle, or ended in a 5xx.", "listener vhost"),
    ("solved", "solved_total", "Puzzles solved.", "listener vhost"),
    ("under_attack", "under_attack", "Whether it is under attack.", "listener vhost"),
    ("retries", "retries_total", "Requests given to another connection.", "upstream server"),
    ("bytes_in", "received_bytes_total", "Bytes received.", "listener vhost upstream server"),
    ("bytes_out", "sent_bytes_total", "Bytes sent.", "listener vhost upstream server"),
    ("connects", "connections_opened_total", "Connections that came up.", "listener upstream server"),
    ("connections", "connections", "Connections open.", "listener upstream server"),
)
_LATENCY = {
    "listener": ("request", "From a request's head read to its reply's last byte sent."),
    "vhost": ("request", "From a request's head read to its reply's last byte sent."),
    "upstream": ("response", "From a request's head read to its reply's first byte received."),
    "server": ("response", "From a request's first byte sent to its reply's first byte received."),
}
# An octave of the module's buckets each: 16 us to 67 s.
BOUNDS_US = tuple(1 << octave for octave in range(4, 27))


def escape(value: str) -> str:
    """A label's value between its quotes."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _sample(name: str, labels: dict[str, str], value: float) -> str:
    inner = ",".join(f'{key}="{escape(text)}"' for key, text in labels.items())
    return f"{name}{{{inner}}} {value}" if inner else f"{name} {value}"


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _plain_name(name: str) -> str:
    """`bytes_client_in` with its unit where Prometheus wants it; of all upstreams, apart from what each has counted."""
    name = f"{name.removeprefix('bytes_')}_bytes" if name.startswith("bytes_") else name
    return name.replace("upstream_", "upstreams_", 1) if name.startswith("upstream_") else name


def _namespace(statistics: Statistics) -> list[str]:
    families: dict[str, list[str]] = {}
    for name, value in statistics.counters.items():
        if name in _LEFT_OUT:
            continue
        for prefix, family, label, text in _FAMILIES:
            if name.startswith(prefix):
                metric = f"weir_{family}_total"
                lines = families.setdefault(metric, _head(metric, "counter", text))
                lines.append(_sample(metric, {label: name.removeprefix(prefix)}, value))
                break
        else:
            plain = _plain_name(name)
            gauge = name in statistics.gauges
            metric = f"weir_{plain}" if gauge else f"weir_{plain}_total"
            families[metric] = _head(metric, "gauge" if gauge else "counter", _HELP.get(plain, "See docs/weirctl.md."))
            families[metric].append(_sample(metric, {}, value))
    return [line for lines in families.values() for line in lines]


def _histogram(name: str, scope: Scope) -> list[str]:
    labels = scope.labels()
    timed = scope.timed
    lines = [_sample(f"{name}_bucket", {**labels, "le": repr(us / 1e6)}, scope.below(us)) for us in BOUNDS_US]
    lines.append(_sample(f"{name}_bucket", {**labels, "le": "+Inf"}, timed))
    lines.append(_sample(f"{name}_sum", labels, scope.sum_us / 1e6))
    lines.append(_sample(f"{name}_count", labels, timed))
    return lines


def _kind(kind: str, scopes: list[Scope]) -> list[str]:
    lines: list[str] = []
    for counter, family, text, kinds in _SCOPED:
        if kind in kinds.split():
            name = f"weir_{kind}_{family}"
            lines += _head(name, "counter" if name.endswith("_total") else "gauge", text)
            lines += [_sample(name, scope.labels(), scope.counters.get(counter, 0)) for scope in scopes]
    name = f"weir_{kind}_responses_total"
    lines += _head(name, "counter", "Whole final replies, by class.")
    for scope in scopes:
        for code in ("1xx", "2xx", "3xx", "4xx", "5xx"):
            lines.append(_sample(name, {**scope.labels(), "code": code}, scope.counters.get(f"responses_{code}", 0)))
    what, text = _LATENCY[kind]
    name = f"weir_{kind}_{what}_seconds"
    lines += _head(name, "histogram", text)
    for scope in scopes:
        lines += _histogram(name, scope)
    return lines


def render(statistics: Statistics) -> str:
    """The exposition, for a textfile collector or whatever serves it."""
    lines = _namespace(statistics)
    for kind in _LATENCY:
        scopes = [scope for scope in statistics.scopes if scope.kind == kind]
        if scopes:
            lines += _kind(kind, scopes)
    return "\n".join(lines) + "\n"
