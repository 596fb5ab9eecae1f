"""The [firewall] table of a configuration: checked, as netlink attributes, and back."""

from __future__ import annotations

from . import abi, netlink, routing
from .errors import Path

# typing's own would cost a fresh weirctl some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .schema import Checker

_MARKS = {
    "allow_mark": (abi.A_FIREWALL_ALLOW_MARK, abi.A_FIREWALL_ALLOW_MASK),
    "block_mark": (abi.A_FIREWALL_BLOCK_MARK, abi.A_FIREWALL_BLOCK_MASK),
}
# Lists of prefixes: the attribute, and how many there may be.
_NETWORKS = {
    "allow": (abi.A_FIREWALL_ALLOW, abi.ABI_ALLOW_MAX),
    "proxies": (abi.A_FIREWALL_PROXY, abi.ABI_PROXIES_MAX),
}
_FLAGS = {"proxy_protocol": abi.A_FIREWALL_PROXY_PROTOCOL, "forwarded_for": abi.A_FIREWALL_FORWARDED_FOR}
PREFIX = '"ADDRESS" or "ADDRESS/PREFIX" without bits beyond the prefix'
_MAPPED = bytes(10) + b"\xff\xff"


def parse_prefix(text: str) -> tuple[bytes, int] | None:
    """As routing.parse_network(), but for IPv4 addresses written as IPv6 ones: None."""
    parsed = routing.parse_network(text)
    return None if parsed is None or (len(parsed[0]) == 16 and parsed[0][:12] == _MAPPED) else parsed


def _mark(value: object) -> tuple[str, str] | None:
    from .schema import got

    parsed = routing.parse_mark(value)
    if parsed is not None and parsed[1]:
        return None
    return 'a mark, or "MARK/MASK" without bits beyond the mask, which is not 0', got(value)


def check(checker: Checker, value: object) -> None:
    """Add what is wrong with the table to the checker's problems."""
    from . import schema

    path: Path = ("firewall",)
    checks = {"allow_mark": _mark, "block_mark": _mark, "block_max": schema.integer("firewall", "block-max")}
    checks |= dict.fromkeys(_FLAGS, schema.flag)
    if not checker.fields(path, value, checks, (), *_NETWORKS) or not isinstance(value, dict):
        return
    for key, (_, most) in _NETWORKS.items():
        _check_networks(checker, (*path, key), value.get(key, []), most)


def _check_networks(checker: Checker, path: Path, value: object, most: int) -> None:
    from .schema import got

    if not isinstance(value, list):
        checker.add(path, got(value), "an array of prefixes")
        return
    if len(value) > most:
        checker.add((*path, most), "too many", f"at most {most} prefixes")
    for i, item in enumerate(value[:most]):
        if not isinstance(item, str) or parse_prefix(item) is None:
            checker.add((*path, i), got(item), PREFIX)


def _network(key: str, text: str) -> bytes:
    parsed = parse_prefix(text)
    assert parsed is not None, "the schema has checked it"
    kind = abi.A_NETWORK_ADDRESS4 if len(parsed[0]) == 4 else abi.A_NETWORK_ADDRESS6
    content = netlink.attribute(kind, parsed[0]) + netlink.u32(abi.A_NETWORK_PREFIX, parsed[1])
    return netlink.nest(_NETWORKS[key][0], content)


def encode(table: dict[str, object]) -> bytes:
    """The attributes of a checked table."""
    content = b""
    for key in _NETWORKS:
        networks = table.get(key, [])
        assert isinstance(networks, list), "the schema has checked it"
        content += b"".join(_network(key, str(text)) for text in networks)
    content += b"".join(netlink.attribute(kind, b"") for key, kind in _FLAGS.items() if table.get(key))
    for key, kinds in _MARKS.items():
        mark = routing.parse_mark(table[key]) if key in table else None
        if mark is not None:
            content += netlink.u32(kinds[0], mark[0]) + netlink.u32(kinds[1], mark[1])
    most = table.get("block_max")
    return content + (netlink.u32(abi.A_FIREWALL_BLOCK_MAX, most) if isinstance(most, int) else b"")


def decode(content: bytes) -> dict[str, object]:
    """What encode() made of a table. Raises ValueError, KeyError, IndexError for what is none."""
    table: dict[str, object] = {}
    networks: dict[str, list[str]] = {"allow": []}
    keys = {kind: key for key, (kind, _) in _NETWORKS.items()}
    for kind, _, payload in netlink.attributes(content):
        if kind in keys:
            values = netlink.table(payload)
            address = values.get(abi.A_NETWORK_ADDRESS4) or values[abi.A_NETWORK_ADDRESS6]
            network = routing.render_network(address, netlink.number(values[abi.A_NETWORK_PREFIX]))
            networks.setdefault(keys[kind], []).append(network)
        elif kind == abi.A_FIREWALL_BLOCK_MAX:
            table["block_max"] = netlink.number(payload)
    table.update(networks)
    values = netlink.table(content)
    for key, kinds in _MARKS.items():
        mark, mask = (netlink.number(values[kind]) if kind in values else 0 for kind in kinds)
        if mask:
            table[key] = f"{mark:#x}/{mask:#x}"
    table.update(dict.fromkeys((key for key, kind in _FLAGS.items() if kind in values), True))
    return table
