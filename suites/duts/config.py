"""What a reverse proxy is told to do, in words that every device under test understands.

Sizes are in bytes, times in seconds (fractions allowed), rates in requests or connections per client: `..._rate` in a
second, `..._burst` in 125 ms. 0 switches a limit off.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Protocol, Self

from cryptography import x509

from lab import speed

Action = Literal["reply", "reset", "drop", "challenge"]
ConnectionAction = Literal["reset", "drop"]
Forwarding = Literal["append", "replace", "off"]

# A virtual host, a rule or an error page, with the keys that docs/weirctl.md gives it.
Table = Mapping[str, Any]


Balance = Literal["round-robin", "least-connections", "hash"]
HashKey = Literal["address", "uri", "host"]


@dataclass(frozen=True)
class Server:
    """An origin server, how many connections to it are held open, and how many there may be (None: no more)."""

    address: str
    connections: int = 4
    connections_max: int | None = None
    weight: int = 1
    backup: bool = False

    def __post_init__(self) -> None:
        split_endpoint(self.address)

    def to_object(self) -> dict[str, Any]:
        """As a TOML file would parse to it."""
        return {**asdict(self), "connections_max": self.connections_max or self.connections}


@dataclass(frozen=True)
class Health:
    """How servers are checked."""

    uri: str = "/health"
    host: str = ""
    period: float = 0.2
    timeout: float = 1.0
    status: int = 200
    rise: int = 2
    fall: int = 2


@dataclass(frozen=True)
class Group:
    """How a group of origin servers treats requests. None is left out for what it fails, unless that is asked for."""

    balance: Balance = "round-robin"
    hash_key: HashKey = "address"
    queue: int = 1024
    queue_timeout: float = 5.0
    sticky_cookie: str = ""
    retries: int = 1
    fail_count: int = 0
    fail_time: float = 10.0
    slow_start: float = 0.0
    health: Health | None = None

    def to_object(self) -> dict[str, Any]:
        """As a TOML file would parse to it."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Upstream:
    """A group of origin servers."""

    name: str
    servers: tuple[Server, ...]
    group: Group = field(default_factory=Group)

    def to_object(self) -> dict[str, Any]:
        """As a TOML file would parse to it."""
        return {"name": self.name, **self.group.to_object(), "server": [server.to_object() for server in self.servers]}


CERTIFICATES = "/run/weir-certificates"
"""Where an adapter puts certificates on the machine."""


def _names_in(chain: str) -> tuple[str, ...]:
    extensions = x509.load_pem_x509_certificate(chain.encode()).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(names.get_values_for_type(x509.DNSName))


@dataclass(frozen=True)
class Certificate:
    """A certificate's chain and its key, in PEM; the names that it serves, None: those that it is for.

    `ocsp`: the response about it, in DER, that clients get which ask for one.
    """

    chain: str
    key: str = field(repr=False)
    names: tuple[str, ...] | None = None
    default: bool = False
    ocsp: bytes = field(default=b"", repr=False)

    @property
    def _name(self) -> str:
        """What is in a file never changes: its name tells."""
        return hashlib.sha256((self.chain + self.key).encode() + self.ocsp).hexdigest()[:16]

    @property
    def chain_file(self) -> str:
        return f"{CERTIFICATES}/{self._name}.pem"

    @property
    def key_file(self) -> str:
        return f"{CERTIFICATES}/{self._name}.key"

    @property
    def ocsp_file(self) -> str:
        return f"{CERTIFICATES}/{self._name}.ocsp"

    @property
    def both_file(self) -> str:
        """Chain and key in one, as HAProxy wants them."""
        return f"{CERTIFICATES}/{self._name}.both"

    def files(self, *, in_one: bool) -> dict[str, tuple[bytes, int]]:
        """What is in them, or in the one, and their modes."""
        if in_one:
            return {self.both_file: ((self.chain + self.key).encode(), 0o600)}
        return {
            self.chain_file: (self.chain.encode(), 0o644),
            self.key_file: (self.key.encode(), 0o600),
            **({self.ocsp_file: (self.ocsp, 0o644)} if self.ocsp else {}),
        }

    @property
    def served(self) -> tuple[str, ...]:
        """The names that it serves."""
        return _names_in(self.chain) if self.names is None else self.names

    def to_object(self) -> dict[str, Any]:
        """As a TOML file would parse to it."""
        return {
            "chain": self.chain_file,
            "key": self.key_file,
            **({"ocsp": self.ocsp_file} if self.ocsp else {}),
            **({} if self.names is None else {"names": list(self.names)}),
            **({"default": True} if self.default else {}),
        }


class Issued(Protocol):
    """A certificate as suites.traffic.certificates makes it."""

    @property
    def chain(self) -> str: ...

    def key_pem(self, password: bytes | None = None) -> str: ...


def configured(issued: Issued, **how: Any) -> Certificate:
    """It in a configuration; `how`: names, default and ocsp."""
    return Certificate(issued.chain, issued.key_pem(), **how)


@dataclass(frozen=True)
class Proxy:
    """What servers are told of a request's client: in X-Forwarded-For and -Proto, and in Forwarded."""

    x_forwarded: Forwarding = "append"
    forwarded: Forwarding = "off"


@dataclass(frozen=True)
class Limits:
    request_rate: int = 0
    request_burst: int = 0
    action: Action = "reply"
    header_total: int = 16384
    header_count: int = 64
    body_length: int = 1 << 30
    uri_length: int = 8192
    request_rate_action: Action | None = None
    request_rate_status: int = 429
    request_burst_action: Action | None = None
    request_burst_status: int = 429
    connection_rate: int = 0
    connection_rate_action: ConnectionAction | None = None
    connection_burst: int = 0
    connection_burst_action: ConnectionAction | None = None
    concurrent_connections: int = 0
    concurrent_connections_action: ConnectionAction | None = None
    ipv6_prefix: int = 64
    request_rate_block: float | None = None
    request_burst_block: float | None = None
    connection_rate_block: float | None = None
    connection_burst_block: float | None = None
    concurrent_connections_block: float | None = None
    client_memory: int = 0
    total_memory: int = 0
    methods: tuple[str, ...] | None = ()
    host_strict: bool | None = False
    """These two let all through, as the peers do; None leaves them as the device has them by itself."""
    others: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of Weir's [limits]."""

    def changed(self, limits: Mapping[str, Any]) -> Self:
        """These limits with what is named replaced."""
        known = {key: value for key, value in limits.items() if key in self.__dataclass_fields__}
        return replace(self, **known, others={key: value for key, value in limits.items() if key not in known})

    def to_object(self) -> dict[str, Any]:
        """As a TOML file would parse to it: what is said of any device, and what else is not as usual."""
        said = ("request_rate", "request_burst", "action", "header_total", "header_count", "body_length", "uri_length")
        usual = {**asdict(Limits()), "methods": None, "host_strict": None}
        table = {key: value for key, value in asdict(self).items() if key in said or value != usual[key]}
        others = table.pop("others", {})
        return {**table, **({} if self.methods is None else {"methods": list(self.methods)}), **others}


def _patient(seconds: float) -> Any:
    """A default that a slow guest's slowness stretches, so that it serves within it, too."""
    return field(default_factory=lambda: seconds * speed.factor())


@dataclass(frozen=True)
class Timeouts:
    """Short ones, for a test waits for those it is about; long enough for a busy host to serve within the others."""

    client_header: float = _patient(10.0)
    client_body: float = _patient(10.0)
    keepalive: float = _patient(30.0)
    upstream_connect: float = _patient(5.0)
    upstream_response: float = _patient(10.0)
    tunnel: float = _patient(30.0)


@dataclass(frozen=True)
class Config:
    """One whole configuration. Requests go to `servers`, the group "default"; `others` are groups beside it, and
    `vhosts` and `rules` say which get what.
    """

    listeners: tuple[str, ...] = ("0.0.0.0:80",)
    https: tuple[str, ...] = ()
    """Listeners that speak it."""
    certificates: tuple[Certificate, ...] = ()
    refuse_unknown_names: bool = False
    """Clients that ask for a name which no certificate has get no default."""
    tls_1_3: bool = False
    """Clients that know no better than TLS 1.2 are refused."""
    servers: tuple[Server, ...] = ()
    group: Group = field(default_factory=Group)
    others: tuple[Upstream, ...] = ()
    vhosts: tuple[Table, ...] = ()
    rules: tuple[Table, ...] = ()
    error_pages: tuple[Table, ...] = ()
    proxy: Proxy = field(default_factory=Proxy)
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    firewall: Table = field(default_factory=dict)
    challenge: Table = field(default_factory=dict)
    log: Table = field(default_factory=dict)
    attack: Table = field(default_factory=dict)

    def changed(
        self,
        *,
        listeners: Iterable[str] | None = None,
        https: Iterable[str] = (),
        certificates: Iterable[Certificate] = (),
        refuse_unknown_names: bool = False,
        tls_1_3: bool = False,
        servers: Iterable[Server] | None = None,
        group: Mapping[str, Any] | None = None,
        others: Iterable[Upstream] | None = None,
        vhosts: Iterable[Table] = (),
        rules: Iterable[Table] = (),
        error_pages: Iterable[Table] = (),
        proxy: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        timeouts: Mapping[str, Any] | None = None,
        firewall: Table | None = None,
        challenge: Table | None = None,
        log: Table | None = None,
        attack: Table | None = None,
    ) -> Self:
        """This configuration with what is named replaced."""
        return replace(
            self,
            listeners=self.listeners if listeners is None else tuple(listeners),
            https=tuple(https),
            certificates=tuple(certificates),
            refuse_unknown_names=refuse_unknown_names,
            tls_1_3=tls_1_3,
            servers=self.servers if servers is None else tuple(servers),
            group=replace(self.group, **(group or {})),
            others=self.others if others is None else tuple(others),
            vhosts=tuple(vhosts),
            rules=tuple(rules),
            error_pages=tuple(error_pages),
            proxy=replace(self.proxy, **(proxy or {})),
            limits=self.limits.changed(limits or {}),
            timeouts=replace(self.timeouts, **(timeouts or {})),
            firewall=firewall or {},
            challenge=challenge or {},
            log=log or {},
            attack=attack or {},
        )

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        """All groups, the default one first."""
        first = (Upstream("default", self.servers, self.group),) if self.servers else ()
        return (*first, *self.others)

    def to_object(self) -> dict[str, Any]:
        """As weirctl's batch mode takes it: what its TOML file would parse to."""
        tls = {"unknown_name": "refuse"} if self.refuse_unknown_names else {}
        if self.tls_1_3:
            tls["min_version"] = "1.3"
        return {
            "listener": [
                *({"address": address} for address in self.listeners),
                *({"address": address, "protocol": "https"} for address in self.https),
            ],
            **({"certificate": [one.to_object() for one in self.certificates]} if self.certificates else {}),
            **({"tls": tls} if tls else {}),
            "upstream": [upstream.to_object() for upstream in self.upstreams],
            **{
                key: [dict(table) for table in tables]
                for key, tables in (("vhost", self.vhosts), ("rule", self.rules), ("error_page", self.error_pages))
                if tables
            },
            # An older weirctl, which a change is compared with, has no such table.
            **({"proxy": asdict(self.proxy)} if self.proxy != Proxy() else {}),
            "limits": self.limits.to_object(),
            "timeouts": asdict(self.timeouts),
            **({"firewall": dict(self.firewall)} if self.firewall else {}),
            **({"challenge": dict(self.challenge)} if self.challenge else {}),
            **({"log": dict(self.log)} if self.log else {}),
            **({"attack": dict(self.attack)} if self.attack else {}),
        }

    def to_toml(self) -> str:
        """As weirctl reads it."""
        return "\n".join(_toml_lines("", self.to_object()))


def _toml_value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return json.dumps(value)


def _toml_lines(header: str, table: Mapping[str, Any]) -> list[str]:
    """The lines of a table: its own keys first, then the tables in it."""
    lines, inner = [], []
    for key, value in table.items():
        name = f"{header}.{key}" if header else key
        if isinstance(value, Mapping) and header != "rule":
            inner += [f"[{name}]", *_toml_lines(name, value), ""]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping) and header != "rule":
            for item in value:
                inner += [f"[[{name}]]", *_toml_lines(name, item), ""]
        else:
            lines.append(f"{key} = {_toml_value(value)}")
    return [*lines, *([""] if lines and inner else []), *inner]


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """("10.0.0.1", 80) of "10.0.0.1:80", ("::1", 80) of "[::1]:80". Raises ValueError."""
    host, _, port = endpoint.rpartition(":")
    address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]") if host.startswith("[") else host)
    if (address.version == 6) != host.startswith("["):
        raise ValueError(f"{endpoint!r}: an IPv6 address stands in brackets, an IPv4 address does not")
    return str(address), int(port)
