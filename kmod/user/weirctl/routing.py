"""Virtual hosts, rules and error pages: what of them a configuration may hold."""

from __future__ import annotations

import _socket
from collections.abc import Callable, Iterable

from . import abi, checks, fingerprints
from .errors import Path, key_text

# typing's own would cost a fresh weirctl some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .schema import Check, Checker

# The chain of a rule that names none, and what judges requests where there is no virtual host.
MAIN = "main"
CONTENT_TYPE = "text/html; charset=utf-8"
REDIRECT = 302
REDIRECTS = (301, 302, 303, 307, 308)
U32 = 2**32 - 1
CONDITIONS = ("host", "path", "query", "method", "header", "cookie", "source", "mark", "tls_fingerprint")
ACTIONS = ("upstream", "redirect", "block", "set_mark", "jump")
_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_VARIABLES = ("$host", "$path", "$uri")


def negated(value: str) -> tuple[bool, str]:
    """Whether a value begins with "!", and the rest of it."""
    return (True, value[1:]) if value.startswith("!") else (False, value)


def listed(value: object) -> list[object]:
    """What may be given alone or as an array."""
    return value if isinstance(value, list) else [value]


def parse_network(text: str) -> tuple[bytes, int] | None:
    """The address (4 or 16 bytes) and the prefix of "ADDRESS" or "ADDRESS/PREFIX", or None when it is not one."""
    address, slash, prefix = text.partition("/")
    try:
        packed = _socket.inet_pton(_socket.AF_INET6 if ":" in address else _socket.AF_INET, address)
    except (OSError, ValueError):
        return None
    bits = 8 * len(packed)
    if not slash:
        return packed, bits
    if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= 3 and int(prefix) <= bits):
        return None
    # What is beyond the prefix has to be zero, as ip and nft want it.
    if int.from_bytes(packed, "big") & ((1 << bits - int(prefix)) - 1):
        return None
    return packed, int(prefix)


def render_network(address: bytes, prefix: int) -> str:
    """The canonical text of an address of 4 or 16 bytes and a prefix."""
    text = _socket.inet_ntop(_socket.AF_INET if len(address) == 4 else _socket.AF_INET6, address)
    return text if prefix == 8 * len(address) else f"{text}/{prefix}"


def parse_mark(value: object) -> tuple[int, int] | None:
    """Mark and mask of 5, "5", "0x5" or "0x5/0xff", or None when it is no such thing."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, U32) if 0 <= value <= U32 else None
    if not isinstance(value, str):
        return None
    mark, slash, mask = value.partition("/")
    try:
        pair = int(mark, 0), int(mask, 0) if slash else U32
    except ValueError:
        return None
    return pair if 0 <= pair[1] <= U32 and pair[0] >= 0 and not pair[0] & ~pair[1] else None


def _pattern(value: object) -> tuple[str, str] | None:
    from .schema import got

    expected = f"a pattern of at most {abi.ABI_PATTERN_MAX} bytes"
    if isinstance(value, str) and "\0" not in value and len(negated(value)[1].encode()) <= abi.ABI_PATTERN_MAX:
        return None
    return expected, got(value)


def _path(value: object) -> tuple[str, str] | None:
    from .schema import got

    wrong = _pattern(value)
    if wrong is None and isinstance(value, str) and negated(value)[1][:1] not in ("/", "*"):
        return 'a pattern that begins with "/" or "*"', got(value)
    return wrong


def _token(value: object) -> tuple[str, str] | None:
    from .schema import got

    if isinstance(value, str) and 0 < len(value) <= abi.ABI_PATTERN_MAX and _TOKEN.issuperset(value):
        return None
    return "a name (letters, digits and !#$%&'*+-.^_`|~)", got(value)


def _source(value: object) -> tuple[str, str] | None:
    from .schema import got

    if isinstance(value, str) and parse_network(negated(value)[1]):
        return None
    return '"ADDRESS" or "ADDRESS/PREFIX" without bits beyond the prefix', got(value)


def _mark(value: object) -> tuple[str, str] | None:
    from .schema import got

    _, text = negated(value) if isinstance(value, str) else (False, value)
    return None if parse_mark(text) else ('"MARK" or "MARK/MASK" of 32 bits, such as "0x10/0xff"', got(value))


def _fingerprint(value: object) -> tuple[str, str] | None:
    from .schema import got

    expected = fingerprints.fault(negated(value)[1] if isinstance(value, str) else "")
    return (expected, got(value)) if expected else None


def _set_mark(value: object) -> tuple[str, str] | None:
    from .schema import got

    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= U32:
        return None
    return f"an integer from 0 to {U32}", got(value)


def _alternatives(check: Check) -> Check:
    """A value or a non-empty array of them, all negated or none."""

    def checked(value: object) -> tuple[str, str] | None:
        from .schema import got

        members = listed(value)
        if not members:
            return "at least one member", "got an empty array"
        for member in members:
            if wrong := check(member):
                return wrong
        if len({isinstance(member, str) and member.startswith("!") for member in members}) > 1:
            return 'either all or none to begin with "!"', got(value)
        return None

    return checked


def _block(value: object) -> tuple[str, str] | None:
    from .schema import got

    if value in ("reset", "drop") or (isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599):
        return None
    return 'a status from 400 to 599, "reset" or "drop"', got(value)


def _status(value: object) -> tuple[str, str] | None:
    from .schema import got

    if isinstance(value, int) and not isinstance(value, bool) and value in REDIRECTS:
        return None
    return "one of " + ", ".join(map(str, REDIRECTS)), got(value)


def _error_status(value: object) -> tuple[str, str] | None:
    from .schema import got

    low, high = abi.RANGES["error-page"]["status"]
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return None
    return f"a status from {low} to {high}", got(value)


def location_fault(text: str) -> str:
    """What is wrong with where a redirect leads to; "" when nothing is. The module's http_location_fault() agrees."""
    if not text or len(text) > abi.ABI_LOCATION_MAX:
        return f"1 to {abi.ABI_LOCATION_MAX} characters"
    if any(not "!" <= character <= "~" for character in text):
        return "a URI, which has visible ASCII characters only"
    rest = text
    while "$" in rest:
        rest = rest[rest.index("$") :]
        if not rest.startswith(_VARIABLES):
            return "no $ but in $host, $path and $uri"
        rest = rest[1:]
    lower = text.lower()
    for scheme in ("http://", "https://"):
        if lower.startswith(scheme):
            after = text[len(scheme) :]
            return "" if after and not after.startswith(("/", "?", "$path", "$uri")) else "a host behind the scheme"
    if text.startswith(("$path", "$uri")):
        return ""
    if not text.startswith("/"):
        return '"http://", "https://" or "/" in front'
    # It would be read as a host.
    return "one slash in front" if text[1:].startswith(("/", "\\", "$path", "$uri")) else ""


def _redirect(value: object) -> tuple[str, str] | None:
    from .schema import got

    if not isinstance(value, str):
        return "where it leads to", got(value)
    fault = location_fault(value)
    return (fault, got(value)) if fault else None


def host_ok(name: str) -> bool:
    """Whether it is a host name, "*." and one, or an IPv6 address in brackets."""
    if not 0 < len(name) <= abi.ABI_HOST_MAX:
        return False
    if name.startswith("[") and name.endswith("]"):
        try:
            _socket.inet_pton(_socket.AF_INET6, name[1:-1])
        except (OSError, ValueError):
            return False
        return True
    labels = name.lower().removeprefix("*.")
    return bool(labels) and _HOST.issuperset(labels) and not labels.endswith(".") and ".." not in f".{labels}"


def _host(value: object) -> tuple[str, str] | None:
    from .schema import got

    if isinstance(value, str) and host_ok(value):
        return None
    return 'a host name without port, "*." and one, or an IPv6 address in brackets', got(value)


def _content_type(value: object) -> tuple[str, str] | None:
    from .schema import got

    if (
        isinstance(value, str)
        and 0 < len(value) <= abi.ABI_CONTENT_TYPE_MAX
        and all(" " <= character <= "~" for character in value)
        and value == value.strip()
    ):
        return None
    return f"a media type of at most {abi.ABI_CONTENT_TYPE_MAX} characters", got(value)


def _body(value: object) -> tuple[str, str] | None:
    from .schema import got

    if not isinstance(value, str):
        return "a text", got(value)
    length = len(value.encode())
    return None if length <= abi.ABI_PAGE_MAX else (f"at most {abi.ABI_PAGE_MAX} bytes", f"got {length}")


def _challenge(value: object) -> tuple[str, str] | None:
    from .schema import got

    expected = " or ".join(f'"{mode}"' for mode in abi.CHALLENGE_MODE)
    return None if isinstance(value, str) and value in abi.CHALLENGE_MODE else (expected, got(value))


VHOST = ("name", "hosts", "upstream", "chain", "limits", "challenge")
_NAMED: dict[str, Check] = {"name": _token, "value": _pattern}
ERROR_PAGE: dict[str, Check] = {"status": _error_status, "content_type": _content_type, "body": _body}


class References:
    """Names that other tables refer to, and what is said where one is unknown."""

    def __init__(self, checker: Checker) -> None:
        self.checker = checker

    def known(self, path: Path, value: object, names: Iterable[str], what: str) -> bool:
        names = list(names)
        from .schema import got

        if isinstance(value, str) and value in names:
            return True
        import difflib

        near = difflib.get_close_matches(str(value), names, 1) if isinstance(value, str) else []
        hint = f', did you mean "{near[0]}"?' if near else ""
        shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
        expected = f"the name of {what} ({shown or 'there is none'})"
        self.checker.add(path, got(value) + hint, expected)
        return False


def _names(tables: list[tuple[Path, object]], key: str, default: str | None = None) -> list[str]:
    found = [item.get(key, default) for _, item in tables if isinstance(item, dict)]
    return list(dict.fromkeys(name for name in found if isinstance(name, str)))


class Routing:
    """Checks the tables `vhost`, `rule` and `error_page` of one configuration."""

    def __init__(self, checker: Checker, name: Check) -> None:
        self.checker = checker
        self.references = References(checker)
        self.name = name

    def check(self, config: dict[str, object], upstreams: list[str]) -> None:
        checker = self.checker
        vhosts = checker.tables(("vhost",), config.get("vhost", []), abi.ABI_VHOSTS_MAX)
        rules = checker.tables(("rule",), config.get("rule", []), abi.ABI_RULES_MAX)
        pages = checker.tables(("error_page",), config.get("error_page", []), abi.ABI_ERROR_PAGES_MAX)
        chains = _names(rules, "chain", MAIN)
        for path, item in vhosts:
            self.vhost(path, item, upstreams, chains)
        self.unique([((*path, "name"), item.get("name")) for path, item in vhosts if isinstance(item, dict)])
        self.hosts(vhosts)
        for path, item in rules:
            self.rule(path, item, upstreams, chains)
        if not checker.problems:
            Chains(rules, vhosts).check(checker)
        for path, item in pages:
            self.error_page(path, item, _names(vhosts, "name"))
        self.unique(
            [(path, f"{item.get('vhost', '')} {item.get('status')}") for path, item in pages if isinstance(item, dict)]
        )

    def unique(self, members: list[tuple[Path, object]]) -> None:
        seen: dict[str, Path] = {}
        for path, value in members:
            if not isinstance(value, str):
                continue
            if value in seen:
                self.checker.add(path, f"{key_text(seen[value])} is the same")
            seen.setdefault(value, path)

    def vhost(self, path: Path, value: object, upstreams: list[str], chains: list[str]) -> None:
        own = {"name": self.name, "challenge": _challenge}
        if not self.checker.fields(path, value, own, ("name",), *(key for key in VHOST if key not in own)):
            return
        assert isinstance(value, dict)
        if "upstream" in value:
            self.references.known((*path, "upstream"), value["upstream"], upstreams, "an upstream")
        if "chain" in value:
            self.references.known((*path, "chain"), value["chain"], chains, "a chain that has rules")
        if "limits" in value:
            self.checker.fields((*path, "limits"), value["limits"], checks.keys(vhost=True), ())
        from .schema import got

        hosts = value.get("hosts", [])
        if not isinstance(hosts, list):
            self.checker.add((*path, "hosts"), got(hosts), "an array of host names")
            return
        if len(hosts) > abi.ABI_HOSTS_MAX:
            self.checker.add((*path, "hosts"), f"got {len(hosts)}", f"at most {abi.ABI_HOSTS_MAX} names")
        for i, host in enumerate(hosts):
            if wrong := _host(host):
                self.checker.add((*path, "hosts", i), wrong[1], wrong[0])

    def hosts(self, vhosts: list[tuple[Path, object]]) -> None:
        """No name may be two virtual hosts', and only one may have none."""
        seen: dict[str, Path] = {}
        for path, item in vhosts:
            hosts = item.get("hosts", []) if isinstance(item, dict) else None
            if not isinstance(hosts, list):
                continue
            for place, host in [((*path, "hosts", i), host) for i, host in enumerate(hosts)] or [(path, "")]:
                if not isinstance(host, str):
                    continue
                name = host.lower()
                if name in seen:
                    has = "has this name already" if name else "has no hosts either, and there can be one such only"
                    self.checker.add(place, f"{key_text(seen[name])} {has}")
                seen.setdefault(name, place)

    def rule(self, path: Path, value: object, upstreams: list[str], chains: list[str]) -> None:
        checks: dict[str, Check] = {
            "chain": self.name, "host": _pattern, "path": _path, "query": _pattern, "method": _alternatives(_method),
            "source": _alternatives(_source), "mark": _mark, "tls_fingerprint": _alternatives(_fingerprint),
            "redirect": _redirect, "status": _status,
            "block": _block, "set_mark": _set_mark,
        }  # fmt: skip
        if not self.checker.fields(path, value, checks, (), "upstream", "jump", "header", "cookie"):
            return
        assert isinstance(value, dict)
        for key in ("header", "cookie"):
            self.named((*path, key), value.get(key, []))
        if "upstream" in value:
            self.references.known((*path, "upstream"), value["upstream"], upstreams, "an upstream")
        if "jump" in value:
            self.references.known((*path, "jump"), value["jump"], chains, "a chain that has rules")
        actions = [key for key in ACTIONS if key in value]
        if len(actions) != 1:
            got = f"got {' and '.join(actions)}" if actions else "got none"
            self.checker.add((*path, actions[1]) if actions else path, got, f"one action of {', '.join(ACTIONS)}")
        if "status" in value and "redirect" not in value:
            self.checker.add((*path, "status"), "there is none", "a redirect")
        conditions = sum(len(listed(value[key])) for key in CONDITIONS if key in value)
        if conditions > abi.ABI_MATCHES_MAX:
            self.checker.add(path, f"got {conditions}", f"at most {abi.ABI_MATCHES_MAX} conditions")

    def named(self, path: Path, value: object) -> None:
        """A header or cookie condition, or an array of them."""
        if isinstance(value, list):
            for i, member in enumerate(value):
                self.checker.fields((*path, i), member, _NAMED, ("name",))
        else:
            self.checker.fields(path, value, _NAMED, ("name",))

    def error_page(self, path: Path, value: object, vhosts: list[str]) -> None:
        if not self.checker.fields(path, value, ERROR_PAGE, ("status", "body"), "vhost"):
            return
        assert isinstance(value, dict)
        if "vhost" in value:
            self.references.known((*path, "vhost"), value["vhost"], vhosts, "a virtual host")


def _method(value: object) -> tuple[str, str] | None:
    from .schema import got

    if isinstance(value, str) and _token(negated(value)[1]) is None:
        return None
    return "a method, such as GET", got(value)


class Chains:
    """How rules lead from chain to chain."""

    def __init__(self, rules: list[tuple[Path, object]], vhosts: list[tuple[Path, object]]) -> None:
        self.jumps: dict[str, list[tuple[Path, str]]] = {}
        self.first: dict[str, Path] = {}
        self.sizes: dict[str, int] = {}
        for path, item in rules:
            assert isinstance(item, dict)
            chain = str(item.get("chain", MAIN))
            self.first.setdefault(chain, path)
            self.sizes[chain] = self.sizes.get(chain, 0) + 1
            self.jumps.setdefault(chain, [])
            if "jump" in item:
                self.jumps[chain].append(((*path, "jump"), str(item["jump"])))
        named = {str(item["chain"]) for _, item in vhosts if isinstance(item, dict) and "chain" in item}
        self.roots = named if vhosts else {MAIN}

    def check(self, checker: Checker) -> None:
        measures: dict[str, tuple[int, int]] = {}
        waiting = list(self.jumps)
        while True:
            ready = [chain for chain in waiting if all(target in measures for _, target in self.jumps[chain])]
            if not ready:
                break
            for chain in ready:
                inner = [measures[target] for _, target in self.jumps[chain]]
                depth = max((depth for depth, _ in inner), default=0) + 1
                measures[chain] = depth, self.sizes[chain] + sum(work for _, work in inner)
            waiting = [chain for chain in waiting if chain not in measures]
        for chain in waiting:
            path = next(path for path, target in self.jumps[chain] if target in waiting)
            checker.add(path, "this leads back to where it came from", "chains without circles")
        for chain, (depth, work) in measures.items():
            if depth > abi.ABI_CHAIN_DEPTH_MAX + 1:
                message = f"chain {chain} leads through {depth - 1} others"
                checker.add(self.first[chain], message, f"at most {abi.ABI_CHAIN_DEPTH_MAX}")
            elif work > abi.ABI_CHAIN_WORK_MAX:
                message = f"chain {chain} may compare a request with {work} rules"
                checker.add(self.first[chain], message, f"at most {abi.ABI_CHAIN_WORK_MAX}")
        self.reachable(checker)

    def reachable(self, checker: Checker) -> None:
        """A rule that no request can come to is a mistake, and a rule that blocks a dangerous one."""
        reached: set[str] = set()
        todo = [root for root in self.roots if root in self.jumps]
        while todo:
            chain = todo.pop()
            if chain not in reached:
                reached.add(chain)
                todo += [target for _, target in self.jumps[chain]]
        for chain, path in self.first.items():
            if chain not in reached:
                which = "a chain that a virtual host or a jump names" if self.roots != {MAIN} else f'"{MAIN}"'
                checker.add((*path, "chain"), f'no request comes to chain "{chain}"', which)


def read_files(config: object, read: Callable[[str], str], add: Callable[[Path, str, str], None]) -> object:
    """The configuration with the bodies of error pages that stand in files; `add` is told of what cannot be read.

    `read` returns a file's text or raises ValueError with what is wrong.
    """
    if not isinstance(config, dict) or not isinstance(config.get("error_page"), list):
        return config
    pages = []
    for i, page in enumerate(config["error_page"]):
        if not isinstance(page, dict) or "file" not in page:
            pages.append(page)
            continue
        path: Path = ("error_page", i, "file")
        kept = {key: value for key, value in page.items() if key != "file"}
        pages.append(kept)
        name = page["file"]
        kept.setdefault("body", "")
        if "body" in page:
            add(path, "got both", "one of body and file")
        elif not isinstance(name, str):
            from .schema import got

            add(path, got(name), "the name of a file")
        else:
            try:
                kept["body"] = read(name)
            except ValueError as error:
                add(path, str(error), f"a readable file of at most {abi.ABI_PAGE_MAX} bytes of UTF-8")
    return {**config, "error_page": pages}
