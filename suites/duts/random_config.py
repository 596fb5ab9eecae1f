"""Random valid configurations of Weir, made from what weirctl's own schema says there is.

The keys of each table are asked of the schema, so a key that is new appears here by itself, with values from the
control ABI's bounds where it is an integer of the ABI. Any other needs an entry of `GENERATORS`;
tests/test_random_config.py fails as long as it has none.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from weirctl import abi, checks, routing, schema

# Where a table is: ("upstream", "server"); () is the whole file.
Table = tuple[str, ...]

# Tables that are arrays, and how many of each a configuration gets at most here.
ARRAYS = {
    ("listener",): 4,
    ("certificate",): 3,
    ("upstream",): 3,
    ("upstream", "server"): 4,
    ("vhost",): 4,
    ("rule",): 8,
    ("rule", "header"): 2,
    ("rule", "cookie"): 2,
    ("error_page",): 3,
}
# A rule has exactly one of them.
ACTIONS = ("upstream", "redirect", "block", "set_mark", "jump")


@dataclass
class Context:
    """What else is in the configuration that a value may refer to, and what must stay unique."""

    certificate: dict[str, Any] = field(default_factory=dict)
    upstreams: list[str] = field(default_factory=list)
    vhosts: list[str] = field(default_factory=list)
    chains: list[str] = field(default_factory=list)
    chain: str = "main"


Generator = Callable[[Context], st.SearchStrategy[Any]]


def keys(table: Table) -> list[str]:
    """The keys that the schema knows in a table; [] when there is no such table."""
    probe: Any = {"?": 1}
    for name in reversed(table):
        probe = {name: [probe] if (*table[: table.index(name)], name) in ARRAYS else probe}
    for problem in schema.check(probe):
        if problem.path[-1:] == ("?",):
            return problem.expected.removeprefix("one of ").split(", ")
    return []


def tables() -> list[Table]:
    """Every table of the schema that this module knows, outer ones first."""
    return [table for table in [(), *SUBTABLES] if keys(table)]


def _names(prefix: str = "") -> st.SearchStrategy[str]:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
    return st.text(letters, min_size=1, max_size=abi.ABI_NAME_MAX - len(prefix)).map(prefix.__add__)


def _seconds(low: int, high: int) -> st.SearchStrategy[int | float]:
    """Microseconds as a file has them: mostly short."""
    return (st.integers(low, min(high, 10_000_000)) | st.integers(low, high)).map(schema.seconds)


# Nothing of it is outside the machine: it is refused at once, and nobody is disturbed.
_SERVER_HOSTS = st.integers(1, 2**24 - 2).map(lambda n: str(ipaddress.IPv4Address(0x7F000000 + n))) | st.just("[::1]")
# Below the ephemeral ports, and none that the machine uses itself.
_PORTS = st.integers(2000, 30000)
_LISTENER_HOSTS = st.sampled_from(["0.0.0.0", "[::]", "127.0.0.1", "127.9.9.9", "[::1]"])


def _endpoint(hosts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{}:{}".format, hosts, _PORTS)


# What a header, a path or a body may hold: also what TOML has to escape.
_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('"\\'), max_size=12)
_TOKENS = st.text("abcXYZ019-_", min_size=1, max_size=8)
_HOST_NAMES = st.from_regex(re.compile(r"(\*\.)?[a-z][a-z0-9]{0,5}(\.[a-z]{2,4}){1,2}", re.A), fullmatch=True)
_METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PURGE"])
_NETWORKS = st.sampled_from(["10.0.0.0/8", "192.0.2.7", "fd00::/8", "2001:db8::1", "0.0.0.0/0"])


def _negatable(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda negate, text: f"!{text}" if negate else text, st.booleans(), strategy)


def _one_or_more(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    several = st.lists(strategy, min_size=1, max_size=3, unique=True)
    return strategy | several | st.builds(lambda texts: [f"!{text}" for text in texts], several)


_PATTERNS = _negatable(_TEXT.filter(lambda text: not text.startswith("!")))
_MARKS = st.builds(
    lambda mark, bits: f"{mark & bits:#x}/{bits:#x}", st.integers(0, 2**32 - 1), st.integers(1, 2**32 - 1)
)


_FINGERPRINTS = st.sampled_from(["t13d1516h2_8daaf6152771_e5627efa2ab1", "t12*", "*_8daaf6152771_*", "*_e5627efa2ab1"])


def _always(strategy: st.SearchStrategy[Any]) -> Generator:
    """Whatever else is in the configuration."""
    return lambda _: strategy


# As they are shown.
_CHECKS: dict[str, st.SearchStrategy[Any]] = {
    "methods": st.lists(_METHODS, max_size=4, unique=True),
    "content_types": st.lists(st.sampled_from(["text/plain", "image/*", "application/json"]), max_size=3, unique=True),
    "response_codes": st.lists(st.integers(100, 599), max_size=5, unique=True).map(sorted),
    "response_code_count": st.integers(0, 100),
    "response_code_time": _seconds(*abi.RANGES["checks"]["response-code-time"]),
    **dict.fromkeys(
        ("method_override", "host_strict", "host_address", "content_type_required", "trailer_split"), st.booleans()
    ),
    **dict.fromkeys(
        ("uri_bytes", "header_name_bytes", "header_value_bytes", "form_bytes"),
        st.frozensets(st.integers(0, 255), min_size=1).map(checks.render_bytes),
    ),
}
_CHECK_LENGTHS: dict[str, st.SearchStrategy[Any]] = {
    "uri_length": st.integers(64, 32768),
    "body_length": st.integers(0, 2**63),
}

GENERATORS: dict[str, Generator] = {
    **{f"limits.{key}": _always(of) for key, of in _CHECKS.items()},
    **{f"vhost.limits.{key}": _always(of) for key, of in {**_CHECKS, **_CHECK_LENGTHS}.items()},
    "vhost.limits": lambda _: st.fixed_dictionaries({}, optional={**_CHECKS, **_CHECK_LENGTHS}).filter(bool),
    "limits.tls_fingerprint_deny": lambda _: st.lists(_FINGERPRINTS, min_size=1, max_size=3),
    "listener.address": lambda _: _endpoint(_LISTENER_HOSTS),
    "listener.protocol": lambda _: st.sampled_from(abi.PROTOCOL),
    "certificate.chain": lambda context: st.just(context.certificate["chain"]),
    "certificate.key": lambda context: st.just(context.certificate["key"]),
    "certificate.names": lambda context: st.lists(
        st.sampled_from(context.certificate["names"]), min_size=1, unique=True
    ),
    # A file that is to be there, and to fit the certificate.
    "certificate.ocsp": lambda context: st.just(context.certificate["ocsp"]),
    "certificate.default": lambda _: st.booleans(),
    "tls.unknown_name": lambda _: st.sampled_from(abi.UNKNOWN_NAME),
    "tls.min_version": lambda _: st.sampled_from(["1.2", "1.3"]),
    "proxy.x_forwarded": lambda _: st.sampled_from(abi.FORWARDING),
    "proxy.forwarded": lambda _: st.sampled_from(abi.FORWARDING),
    "upstream.name": lambda _: _names(),
    "upstream.balance": lambda _: st.sampled_from(["round-robin", "least-connections", "hash"]),
    "upstream.hash_key": lambda _: st.sampled_from(["address", "uri", "host"]),
    "upstream.sticky_cookie": lambda _: st.just("") | _TOKENS,
    "upstream.queue_timeout": lambda _: _seconds(1000, 86400_000_000),
    "upstream.fail_time": lambda _: _seconds(1_000_000, 600_000_000),
    "upstream.slow_start": lambda _: st.just(0) | _seconds(1_000_000, 600_000_000),
    "upstream.server.address": lambda _: _endpoint(_SERVER_HOSTS),
    # Few: each is opened, in vain, and tried again.
    "upstream.server.connections": lambda _: st.integers(1, 16),
    "upstream.server.connections_max": lambda _: st.integers(16, abi.ABI_CONNECTIONS_MAX),
    "upstream.server.backup": lambda _: st.booleans(),
    "upstream.health.uri": lambda _: st.sampled_from(["/", "/health", "/a?b=c"]),
    "upstream.health.host": lambda _: st.just("") | st.sampled_from(["health.example", "shop.example:8080"]),
    "upstream.health.period": lambda _: _seconds(5_000_000, 600_000_000),
    "upstream.health.timeout": lambda _: _seconds(1_000_000, 5_000_000),
    "upstream.health.status": lambda _: st.sampled_from([0, 200, 204, 301]),
    "vhost.name": lambda _: _names(),
    "vhost.hosts": lambda _: st.lists(_HOST_NAMES, max_size=3, unique=True),
    "vhost.upstream": lambda context: st.sampled_from(context.upstreams),
    "vhost.chain": lambda context: st.sampled_from(context.chains),
    "rule.host": lambda _: _PATTERNS,
    "rule.path": lambda _: _negatable(_TEXT.map("/".__add__)),
    "rule.query": lambda _: _PATTERNS,
    "rule.method": lambda _: _one_or_more(_METHODS),
    "rule.source": lambda _: _one_or_more(_NETWORKS),
    "rule.tls_fingerprint": lambda _: _one_or_more(_FINGERPRINTS),
    "rule.mark": lambda _: _negatable(_MARKS),
    "rule.header.name": lambda _: _TOKENS,
    "rule.header.value": lambda _: _PATTERNS,
    "rule.cookie.name": lambda _: _TOKENS,
    "rule.cookie.value": lambda _: _PATTERNS,
    "rule.chain": lambda context: st.just(context.chain),
    "rule.jump": lambda context: st.sampled_from([name for name in context.chains if name > context.chain]),
    "rule.upstream": lambda context: st.sampled_from(context.upstreams),
    "rule.redirect": lambda _: st.sampled_from(["https://shop.example$uri", "/moved$path", "https://$host$uri"]),
    "rule.status": lambda _: st.sampled_from([301, 302, 303, 307, 308]),
    "rule.block": lambda _: st.integers(400, 599) | st.sampled_from(["reset", "drop"]),
    "rule.set_mark": lambda _: st.integers(0, 2**32 - 1),
    "firewall.allow": lambda _: st.lists(_NETWORKS, max_size=3, unique=True),
    "firewall.proxies": lambda _: st.lists(_NETWORKS, max_size=3, unique=True),
    "firewall.proxy_protocol": lambda _: st.booleans(),
    "firewall.forwarded_for": lambda _: st.booleans(),
    "firewall.allow_mark": lambda _: _MARKS,
    "firewall.block_mark": lambda _: _MARKS,
    "challenge.mode": lambda _: st.sampled_from(abi.CHALLENGE_MODE),
    "challenge.when": lambda _: st.sampled_from(abi.CHALLENGE_WHEN),
    "challenge.same_site": lambda _: st.sampled_from(abi.SAME_SITE),
    "challenge.cookie_name": lambda _: _TOKENS,
    "challenge.path": lambda _: st.sampled_from(["/", "/app", "/a/b"]),
    "challenge.status": lambda _: st.sampled_from([302, 307]),
    "challenge.lifetime": lambda _: _seconds(abi.ABI_SESSION_MIN, abi.ABI_SESSION_MAX),
    "challenge.key_rotation": lambda _: _seconds(abi.ABI_SESSION_MIN, abi.ABI_SESSION_MAX),
    "challenge.block": lambda _: _seconds(0, 600_000_000),
    # Their defaults lie between.
    "challenge.min_time": lambda _: _seconds(0, 2_000_000),
    "challenge.max_time": lambda _: _seconds(3_000_000, 600_000_000),
    "challenge.exempt_paths": lambda _: st.lists(st.sampled_from(["/.well-known/", "/health", "/"]), max_size=3),
    "challenge.page_body": lambda _: _TEXT.map("<p>{{token}} ".__add__),
    **{f"challenge.{key}": lambda _: st.booleans() for key in ("secure", "http_only", "per_vhost")},
    "vhost.challenge": lambda _: st.sampled_from(abi.CHALLENGE_MODE),
    "attack.scope": lambda _: st.sampled_from(abi.ATTACK_SCOPE),
    "attack.window": lambda _: _seconds(abi.ABI_ATTACK_WINDOW_MIN, abi.ABI_ATTACK_WINDOW_MAX),
    "attack.hold": lambda _: _seconds(1_000_000, 86400_000_000),
    "error_page.vhost": lambda context: st.sampled_from(context.vhosts),
    "error_page.status": lambda _: st.sampled_from([400, 403, 404, 429, 502, 503, 504]),
    "error_page.content_type": lambda _: st.sampled_from(["text/html; charset=utf-8", "text/plain"]),
    "error_page.body": lambda _: st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
}
# Tables inside the file, and the ABI's attribute set that bounds their integers.
SUBTABLES: dict[Table, str] = {
    ("listener",): "listener",
    ("certificate",): "certificate",
    ("tls",): "tls",
    ("proxy",): "proxy",
    ("upstream",): "upstream",
    ("upstream", "server"): "server",
    ("upstream", "health"): "health",
    ("vhost",): "vhost",
    ("vhost", "limits"): "checks",
    ("rule",): "rule",
    ("rule", "header"): "match",
    ("rule", "cookie"): "match",
    ("error_page",): "error-page",
    ("limits",): "limits",
    ("timeouts",): "timeouts",
    ("firewall",): "firewall",
    ("challenge",): "challenge",
    ("log",): "log",
    ("attack",): "attack",
}


def generator(table: Table, key: str) -> Generator | None:
    """What makes values of a key; None when nothing can, or it is a table of its own."""
    name = ".".join((*table, key))
    if name in GENERATORS:
        return GENERATORS[name]
    words = abi.ENUMS.get("limits", {}).get(key.replace("_", "-"), ()) if table == ("limits",) else ()
    # That one needs a challenge.
    words = tuple(word for word in words if word != "challenge")
    if words:
        return lambda _: st.sampled_from(words)
    low, high = abi.RANGES.get(SUBTABLES.get(table, ""), {}).get(key.replace("_", "-"), (0, -1))
    if high < low:
        return None
    if table == ("timeouts",) or (table == ("limits",) and schema.is_time("limits", key.replace("_", "-"))):
        return lambda _: _seconds(low, high)
    return lambda _: st.integers(low, high) | st.integers(low, min(high, low + 100))


@st.composite
def _table(draw: st.DrawFn, table: Table, context: Context, leave_out: Iterable[str] = ()) -> dict[str, Any]:
    """One table of plain keys, each given or left to its default."""
    made: dict[str, Any] = {}
    for key in keys(table):
        make = generator(table, key)
        if make is None or key in leave_out:
            continue
        needed = (
            key in ("name", "address", "uri", "key")
            or (*table, key) == ("certificate", "chain")
            or (table == ("error_page",) and key in ("status", "body"))
        )
        if needed or draw(st.booleans()):
            made[key] = draw(make(context))
    return made


def _unique(tables: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    seen: set[Any] = set()
    kept = []
    for item in tables:
        identity = tuple(item.get(name) for name in names)
        if identity not in seen:
            seen.add(identity)
            kept.append(item)
    return kept


@st.composite
def _upstreams(draw: st.DrawFn, context: Context, maximum: int) -> list[dict[str, Any]]:
    made = []
    for item in _unique(draw(st.lists(_table(("upstream",), context), min_size=1, max_size=maximum)), "name"):
        servers = draw(st.lists(_table(("upstream", "server"), context), min_size=1, max_size=4))
        item["server"] = _unique(servers, "address")
        if "health" in keys(("upstream",)) and draw(st.booleans()):
            item["health"] = draw(_table(("upstream", "health"), context))
        made.append(item)
    return made


@st.composite
def _rules(draw: st.DrawFn, context: Context) -> list[dict[str, Any]]:
    """At least one rule in each chain, and nothing that leads back: jumps go to chains that sort later."""
    made = []
    chains = list(context.chains)
    for chain in [*chains, *draw(st.lists(st.sampled_from(chains), max_size=4))]:
        context.chain = chain
        item = draw(_table(("rule",), context, leave_out=(*ACTIONS, "status", "chain")))
        if chain != "main" or draw(st.booleans()):
            item["chain"] = chain
        for key in ("header", "cookie"):
            if draw(st.booleans()):
                conditions = draw(st.lists(_table(("rule", key), context), min_size=1, max_size=2))
                item[key] = conditions[0] if len(conditions) == 1 and draw(st.booleans()) else conditions
        actions = [name for name in ACTIONS if name != "jump" or chain < max(chains)]
        action = draw(st.sampled_from(actions))
        item[action] = draw(GENERATORS[f"rule.{action}"](context))
        if action == "redirect" and draw(st.booleans()):
            item["status"] = draw(GENERATORS["rule.status"](context))
        made.append(item)
    return made


@st.composite
def configurations(draw: st.DrawFn, certificates: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """A configuration that weirctl and the module take, in which any key may be given or left out.

    `certificates` are tables with `chain` and `key` of files that are there, and all their `names`.
    """
    known = keys(())
    context = Context()
    config: dict[str, Any] = {}
    config["listener"] = _unique(draw(st.lists(_table(("listener",), context), max_size=4)), "address")
    one = not _is_valid({"upstream": [_least_upstream("a"), _least_upstream("b")]})
    config["upstream"] = draw(_upstreams(context, 1 if one else ARRAYS[("upstream",)]))
    context.upstreams = [item["name"] for item in config["upstream"]]
    if "vhost" in known and draw(st.booleans()):
        context.chains = sorted({"main", *draw(st.lists(_names(), max_size=2))})
        config["rule"] = draw(_rules(context))
        config["vhost"] = _vhosts(draw, context)
        context.vhosts = [item["name"] for item in config["vhost"]]
        pages = draw(st.lists(_table(("error_page",), context), max_size=3))
        config["error_page"] = _unique(pages, "vhost", "status")
    for name in known:
        if name not in config and (name,) in SUBTABLES and (name,) not in ARRAYS and draw(st.booleans()):
            config[name] = draw(_table((name,), context))
    if "certificate" in known:
        _add_certificates(draw, context, config, certificates)
    if config.get("challenge", {}).get("when") == "attack":
        attack = config.setdefault("attack", {})
        attack["failures_on"] = attack.get("failures_on") or 50
    _put_in_order(config.get("attack", {}))
    return config


def _add_certificates(
    draw: st.DrawFn, context: Context, config: dict[str, Any], certificates: Sequence[dict[str, Any]]
) -> None:
    """Some of them, each once, one default at most; without any no listener speaks https."""
    made: list[dict[str, Any]] = []
    has_default = config.get("tls", {}).get("unknown_name") == "refuse"
    for context.certificate in certificates:
        if len(made) == ARRAYS[("certificate",)] or not draw(st.booleans()):
            continue
        item = draw(_table(("certificate",), context))
        if item.get("default"):
            item["default"] = not has_default
            has_default = True
        made.append(item)
    if made:
        config["certificate"] = made
        return
    for listener in config["listener"]:
        if listener.get("protocol") == "https":
            listener["protocol"] = "http"


def _put_in_order(attack: dict[str, Any]) -> None:
    """No lower threshold above its upper one."""
    for what in ("requests", "failures"):
        if f"{what}_off" in attack:
            pair = sorted((attack[f"{what}_off"], attack.get(f"{what}_on", 0)))
            attack[f"{what}_off"], attack[f"{what}_on"] = pair


def _vhosts(draw: st.DrawFn, context: Context) -> list[dict[str, Any]]:
    """One for each chain, so that requests come to all of them; no host twice, one without at most."""
    made: list[dict[str, Any]] = []
    hosts: set[str] = set()
    for chain in context.chains:
        item = draw(_table(("vhost",), context, leave_out=("chain",)))
        item["chain"] = chain
        item["hosts"] = [host for host in item.get("hosts", []) if host.lower() not in hosts]
        if not item["hosts"]:
            item["hosts"] = [f"h{len(made)}.only.example"]
        hosts.update(host.lower() for host in item["hosts"])
        made.append(item)
    return _unique(made, "name") if len({item["name"] for item in made}) == len(made) else _renamed(made)


def _renamed(vhosts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**item, "name": f"v{number}"} for number, item in enumerate(vhosts)]


def _least_upstream(name: str) -> dict[str, Any]:
    return {"name": name, "server": [{"address": "127.0.0.1:1"}]}


def _is_valid(config: dict[str, Any]) -> bool:
    return not schema.check(config)


def _condition(key: str, value: object) -> object:
    """A rule's value as it is compared: by itself or in an array, a mark by its number, a header in lower case."""
    if key in ("method", "source", "header", "cookie", "tls_fingerprint"):
        members = [_without_default(member) for member in (value if isinstance(value, list) else [value])]
        return [_lower(member) if key == "header" else member for member in members]
    if key == "mark" and isinstance(value, str):
        return value.startswith("!"), routing.parse_mark(value.removeprefix("!"))
    return _lower(value) if key == "host" else value


def _without_default(member: object) -> object:
    """A header or cookie of any value, whether that was said or not."""
    return (
        {key: it for key, it in member.items() if (key, it) != ("value", "*")} if isinstance(member, dict) else member
    )


def _same_mark(given: object, shown: object) -> bool:
    return routing.parse_mark(given) == routing.parse_mark(shown)


def _lower(value: object) -> object:
    """ASCII letters in lower case, as the module keeps what it compares so."""
    if isinstance(value, dict):
        return {key: _lower(item) if key == "value" else item for key, item in value.items()}
    return value.encode().lower().decode() if isinstance(value, str) else value


def same(table: Table, key: str, given: object, shown: object) -> bool:
    """Whether a value as it is shown means what the given one does."""
    if isinstance(given, float) or isinstance(shown, float):
        return isinstance(given, (int, float)) and isinstance(shown, (int, float)) and abs(given - shown) < 1e-6
    if key == "address" and isinstance(given, str) and isinstance(shown, str):
        return schema.parse_address(given) == schema.parse_address(shown)
    if key == "hosts" and isinstance(given, list):
        return sorted(host.lower() for host in given) == sorted(shown) if isinstance(shown, list) else False
    if key in ("allow_mark", "block_mark"):
        return _same_mark(given, shown)
    if table == ("rule",):
        return _condition(key, given) == _condition(key, shown)
    return given == shown


def lost(given: dict[str, Any], shown: dict[str, Any], table: Table = ()) -> list[str]:
    """What was given and is not shown, or means another thing: "limits.action" and the like."""
    missing = []
    for key, value in given.items():
        name = ".".join((*table, key))
        if (*table, key) in SUBTABLES and table != ("rule",):
            inner = value if isinstance(value, list) else [value]
            found = shown.get(key, [])
            outer = found if isinstance(found, list) else [found]
            if len(inner) != len(outer) and inner != [{}]:
                missing.append(f"{name}: {len(inner)} tables were given, {len(outer)} are shown")
            for one, other in zip(inner, outer, strict=False):
                missing += lost(one, other, (*table, key))
        elif key not in shown:
            # A flag is shown where it is set.
            if value is not False and value not in ("", [], "main"):
                missing.append(f"{name}: {value!r} was given, nothing is shown")
        elif not same(table, key, value, shown[key]):
            missing.append(f"{name}: {value!r} was given, {shown[key]!r} is shown")
    return missing
