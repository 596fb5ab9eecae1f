"""What a configuration may hold: checks what tomllib (or JSON) read, and says of each mistake where it is.

The bounds are the control ABI's own (abi.py), so weirctl refuses what the module would, but knows the line.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable, Iterable, Mapping

from . import abi, checks, fingerprints
from .errors import Path, Problem

# A configuration as TOML has it, checked: tables are dicts, arrays lists, times seconds.
Config = dict[str, object]

ADDRESS = '"ADDRESS:PORT" with an IPv4 address or an IPv6 address in brackets'
# Connections to a server that does not say; the kernel has no default of its own.
CONNECTIONS = 8
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")

# A check takes a value and returns what is wrong: (expected, message); or None.
Check = Callable[[object], "tuple[str, str] | None"]


def got(value: object) -> str:
    """How the file's author knows the value: `got "abc"`, `got 3`, `got a table`."""
    if isinstance(value, bool):
        return "got true" if value else "got false"
    if isinstance(value, str):
        shown = value if len(value) <= 60 else value[:57] + "..."
        return 'got "' + shown.encode("unicode_escape").decode().replace('"', '\\"') + '"'
    if isinstance(value, int) and value.bit_length() > 128:
        return f"got an integer of {value.bit_length()} bits"
    if isinstance(value, (int, float)):
        return f"got {value}"
    if isinstance(value, dict):
        return "got a table"
    if isinstance(value, list):
        return "got an array"
    return "got null" if value is None else f"got a {type(value).__name__}"


def parse_address(value: str) -> tuple[bytes, int] | None:
    """The address (4 or 16 bytes, network order) and port of "ADDRESS:PORT", or None when it is not one."""
    host, colon, port = value.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 2**16):
        return None
    family = _socket.AF_INET
    if host.startswith("[") and host.endswith("]"):
        family, host = _socket.AF_INET6, host[1:-1]
    try:
        return _socket.inet_pton(family, host), int(port)
    except (OSError, ValueError):
        return None


def render_address(address: bytes, port: int) -> str:
    """The canonical "ADDRESS:PORT" of 4 or 16 bytes and a port."""
    if len(address) == 4:
        return f"{_socket.inet_ntop(_socket.AF_INET, address)}:{port}"
    return f"[{_socket.inet_ntop(_socket.AF_INET6, address)}]:{port}"


def _usable(address: bytes, *, server: bool) -> str:
    """What else is expected of an address that listens or, `server`, is connected to; "" when it will do."""
    if len(address) == 16 and address[:12] == bytes(10) + b"\xff\xff":
        return "an IPv4 address written as IPv4"
    if (address[0] >= 224) if len(address) == 4 else (address[0] == 0xFF):
        return "a unicast address"
    if len(address) == 16 and address[0] == 0xFE and address[1] & 0xC0 == 0x80:
        return "an address that needs no interface (not link-local)"
    if server and not any(address):
        return "a server's address (not the unspecified one)"
    return ""


def _address(*, server: bool) -> Check:
    def check(value: object) -> tuple[str, str] | None:
        parsed = parse_address(value) if isinstance(value, str) else None
        expected = ADDRESS if parsed is None else _usable(parsed[0], server=server)
        return (expected, got(value)) if expected else None

    return check


def integer(attribute_set: str, name: str) -> Check:
    """A number within the ABI's bounds."""
    low, high = abi.RANGES[attribute_set][name]
    expected = f"an integer from {low} to {high}"

    def check(value: object) -> tuple[str, str] | None:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            return expected, got(value)
        return None

    return check


def seconds_within(attribute_set: str, name: str) -> Check:
    """A time within the ABI's bounds."""
    low, high = abi.RANGES[attribute_set][name]
    expected = f"seconds from {seconds(low)} to {seconds(high)}"

    def check(value: object) -> tuple[str, str] | None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low / 1e6 <= value <= high / 1e6:
            return expected, got(value)
        return None

    return check


def microseconds(value: float) -> int:
    """Seconds as they cross netlink."""
    return value * 1_000_000 if isinstance(value, int) else round(value * 1e6)


def seconds(value: int) -> int | float:
    """Microseconds as a file has them: an integer where it can be one."""
    return value // 1_000_000 if value % 1_000_000 == 0 else value / 1e6


def one_of(words: Iterable[str]) -> Check:
    known = tuple(words)
    expected = " or ".join(f'"{word}"' for word in known)
    return lambda value: None if isinstance(value, str) and value in known else (expected, got(value))


def _name(value: object) -> tuple[str, str] | None:
    if isinstance(value, str) and 0 < len(value) <= abi.ABI_NAME_MAX and _NAME_CHARACTERS.issuperset(value):
        return None
    return f"1 to {abi.ABI_NAME_MAX} letters, digits, dots, dashes or underscores", got(value)


# Attributes that a file has in seconds; netlink has microseconds.
SECONDS = {
    "timeouts": frozenset(abi.NAMES["timeouts"].values()),
    "upstream": frozenset(("queue-timeout", "fail-time", "slow-start")),
    "health": frozenset(("period", "timeout")),
    "challenge": frozenset(("lifetime", "block", "key-rotation", "min-time", "max-time")),
    "attack": frozenset(("window", "hold")),
    "limits": frozenset(name for name in abi.NAMES["limits"].values() if name.endswith(("-block", "-grace"))),
}


def is_time(attribute_set: str, name: str) -> bool:
    """Whether the attribute is a time."""
    return name in SECONDS.get(attribute_set, ())


def is_scalar(attribute_set: str, name: str) -> bool:
    """Whether the attribute is a number, a word for one, a time, a flag or a text of its own."""
    if name.startswith("address") or name in ("name", "upstream", "tls-fingerprint-deny"):
        return False
    return abi.TYPES[attribute_set].get(name) in ("u32", "uint", "flag", "string")


def flag(value: object) -> tuple[str, str] | None:
    return None if isinstance(value, bool) else ("true or false", got(value))


def _attribute(attribute_set: str, name: str) -> Check:
    if abi.TYPES[attribute_set][name] == "flag":
        return flag
    if name in abi.ENUMS.get(attribute_set, {}):
        return one_of(abi.ENUMS[attribute_set][name])
    return seconds_within(attribute_set, name) if is_time(attribute_set, name) else integer(attribute_set, name)


def attributes(attribute_set: str, **others: Check) -> dict[str, Check]:
    """A check for each key of a table that is an attribute set of the ABI; `others` for texts."""
    rest = {
        name.replace("-", "_"): _attribute(attribute_set, name)
        for name in abi.TYPES[attribute_set]
        if is_scalar(attribute_set, name) and abi.TYPES[attribute_set][name] != "string"
    }
    return {**others, **rest}


_TOKEN = frozenset("!#$%&'*+-.^_`|~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def _text(expected: str, fits: Callable[[str], bool]) -> Check:
    """A string of a bounded length, as the ABI has it, for which `fits` is true."""
    expected = f"{expected} of at most {abi.ABI_TEXT_MAX} bytes"

    def check(value: object) -> tuple[str, str] | None:
        fitting = isinstance(value, str) and len(value) <= abi.ABI_TEXT_MAX and fits(value)
        return None if fitting else (expected, got(value))

    return check


def _visible(value: str, without: str) -> bool:
    return all("!" <= character <= "~" and character not in without for character in value)


LISTENER = {"address": _address(server=False), "protocol": one_of(abi.PROTOCOL)}


def _speaks_https(listener: object) -> bool:
    return isinstance(listener, dict) and listener.get("protocol") == "https"


SERVER = attributes("server", address=_address(server=True))
HEALTH = attributes(
    "health",
    uri=_text('a path, as "/health",', lambda value: value.startswith("/") and _visible(value, '#"\\')),
    host=_text("a host's name", lambda value: _visible(value, '/?#@"\\')),
)
UPSTREAM = attributes("upstream", name=_name, sticky_cookie=_text("a cookie's name", _TOKEN.issuperset))
PROXY = attributes("proxy")
LIMITS = {**attributes("limits"), fingerprints.LISTED: fingerprints.check, **checks.keys(vhost=False)}
LOG = attributes("log")
TIMEOUTS = attributes("timeouts")
ATTACK = attributes("attack")


class Checker:
    """Collects all problems of one configuration; `problems` is empty when it is valid."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, path: Path, message: str, expected: str = "") -> None:
        self.problems.append(Problem("invalid", message, path, expected))

    def unknown(self, path: Path, known: Iterable[str]) -> None:
        names = list(known)
        import difflib

        near = difflib.get_close_matches(str(path[-1]), names, 1)
        hint = f', did you mean "{near[0]}"?' if near else ""
        self.add(path, f"unknown key{hint}", f"one of {', '.join(names)}")

    def fields(
        self, path: Path, value: object, checks: Mapping[str, Check], required: Iterable[str], *others: str
    ) -> bool:
        """A table with checked values, and `others` that the caller looks at; whether it is a table at all."""
        if not isinstance(value, dict):
            self.add(path, got(value), "a table")
            return False
        for key, item in value.items():
            if key in checks:
                wrong = checks[key](item)
                if wrong:
                    self.add((*path, key), wrong[1], wrong[0])
            elif key not in others:
                self.unknown((*path, key), (*checks, *others))
        for key in required:
            if key not in value:
                self.add(path, f'"{key}" is missing')
        return True

    def tables(self, path: Path, value: object, maximum: int) -> list[tuple[Path, object]]:
        """The members of an array of tables."""
        header = ".".join(part for part in path if isinstance(part, str))
        if not isinstance(value, list):
            self.add(path, got(value), f"an array of tables: [[{header}]]")
            return []
        if len(value) > maximum:
            self.add((*path, maximum), "too many", f"at most {maximum} [[{header}]]")
        return [((*path, i), item) for i, item in enumerate(value[:maximum])]

    def duplicates(self, members: list[tuple[Path, object]], key: str = "address") -> None:
        """No two members of an array may have one address, or the same of another key."""
        seen: dict[object, Path] = {}
        for path, item in members:
            value = item.get(key) if isinstance(item, dict) else None
            if not isinstance(value, str):
                continue
            same = parse_address(value) if key == "address" else value
            if same is None:
                continue
            if same in seen:
                from .errors import key_text

                self.add((*path, key), f"{key_text(seen[same])} has this {key} already")
            seen.setdefault(same, path)

    def config(self, config: object) -> None:
        tables = ("tls", "proxy", "limits", "timeouts", "firewall", "challenge", "log", "attack")
        known = ("listener", "certificate", "upstream", "vhost", "rule", "error_page", *tables)
        if not isinstance(config, dict):
            self.add((), got(config), "a table")
            return
        for key in config:
            if key not in known:
                self.unknown((key,), known)
        listeners = self.tables(("listener",), config.get("listener", []), abi.ABI_LISTENERS_MAX)
        for path, item in listeners:
            self.fields(path, item, LISTENER, ("address",))
        self.duplicates(listeners)
        if "certificate" in config or "tls" in config or any(_speaks_https(item) for _, item in listeners):
            from . import certificates

            certificates.check(self, config)
        upstreams = self.tables(("upstream",), config.get("upstream", []), abi.ABI_UPSTREAMS_MAX)
        for path, item in upstreams:
            self.upstream(path, item)
        self.duplicates(upstreams, "name")
        if listeners and not any(key in config for key in ("upstream", "vhost", "rule")):
            self.add(listeners[0][0], "there is no upstream to forward to", "an [[upstream]]")
        if any(key in config for key in ("vhost", "rule", "error_page")):
            from .routing import Routing

            names = [str(item["name"]) for _, item in upstreams if isinstance(item, dict) and "name" in item]
            Routing(self, _name).check(config, names)
        self.fields(("proxy",), config.get("proxy", {}), PROXY, ())
        self.fields(("limits",), config.get("limits", {}), LIMITS, ())
        self.fields(("timeouts",), config.get("timeouts", {}), TIMEOUTS, ())
        self.fields(("log",), config.get("log", {}), LOG, ())
        if "firewall" in config:
            from . import firewall

            firewall.check(self, config["firewall"])
        limits = config.get("limits")
        if "challenge" in config or (isinstance(limits, dict) and "challenge" in limits.values()):
            from . import challenge

            challenge.check(self, config)
        self.attack(("attack",), config.get("attack", {}))

    def attack(self, path: Path, value: object) -> None:
        if not self.fields(path, value, ATTACK, ()):
            return
        assert isinstance(value, dict)
        for what in ("requests", "failures"):
            lower, upper = value.get(f"{what}_off", 0), value.get(f"{what}_on", 0)
            valid = ATTACK[f"{what}_off"](lower) is None and ATTACK[f"{what}_on"](upper) is None
            if valid and lower > upper:
                self.add((*path, f"{what}_off"), got(lower), f"at most {what}_on, which is {upper}")

    def upstream(self, path: Path, value: object) -> None:
        if not self.fields(path, value, UPSTREAM, ("name",), "health", "server"):
            return
        assert isinstance(value, dict)
        if "health" in value:
            self.health((*path, "health"), value["health"])
        servers = self.tables((*path, "server"), value.get("server", []), abi.ABI_SERVERS_MAX)
        if value.get("server", []) == []:
            self.add(path, "it has no server", "at least one [[upstream.server]]")
        for server_path, server in servers:
            self.server(server_path, server)
        self.duplicates(servers)

    def health(self, path: Path, value: object) -> None:
        if not self.fields(path, value, HEALTH, ("uri",)):
            return
        assert isinstance(value, dict)
        status = value.get("status", 200)
        if HEALTH["status"](status) is None and 0 < status < 200:
            self.add((*path, "status"), got(status), "0, or an integer from 200 to 599")

    def server(self, path: Path, value: object) -> None:
        if not self.fields(path, value, SERVER, ("address",)):
            return
        assert isinstance(value, dict)
        fewest, most = value.get("connections", CONNECTIONS), value.get("connections_max")
        if SERVER["connections"](fewest) is None and isinstance(most, int) and 0 < most < fewest:
            self.add((*path, "connections_max"), got(most), f"at least connections, which are {fewest}")


def check(config: object) -> list[Problem]:
    """All that is wrong with a configuration, in the order in which it is looked at."""
    checker = Checker()
    checker.config(config)
    return checker.problems
