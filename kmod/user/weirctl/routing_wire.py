"""Virtual hosts, rules and error pages as netlink attributes, and back. What is encoded has passed routing.py."""

from __future__ import annotations

from collections.abc import Iterable

from . import abi, checks, netlink, routing
from .errors import Path

Table = dict[str, object]
# (stage command, attribute of the configuration, name of the attribute set, path in the file, content)
Staged = tuple[int, int, str, Path, bytes]


def _tables(value: object) -> list[Table]:
    assert isinstance(value, list), "the schema has checked it"
    return value


def _vhost(table: Table) -> bytes:
    content = netlink.text(abi.A_VHOST_NAME, str(table["name"]))
    hosts = table.get("hosts", [])
    assert isinstance(hosts, list), "the schema has checked it"
    for host in hosts:
        content += netlink.text(abi.A_VHOST_HOST, str(host).lower())
    if "upstream" in table:
        content += netlink.text(abi.A_VHOST_UPSTREAM, str(table["upstream"]))
    if "chain" in table:
        content += netlink.text(abi.A_VHOST_CHAIN, str(table["chain"]))
    if "limits" in table:
        limits = table["limits"]
        assert isinstance(limits, dict), "the schema has checked it"
        content += checks.encode(limits, abi.A_VHOST_CHECKS, vhost=True)
    if "challenge" in table:
        content += netlink.u32(abi.A_VHOST_CHALLENGE, abi.CHALLENGE_MODE.index(str(table["challenge"])))
    return content


def _match(kind: str, content: bytes, *, negate: bool) -> bytes:
    head = netlink.u32(abi.A_MATCH_KIND, abi.MATCH_KIND.index(kind.replace("_", "-")))
    if negate:
        head += netlink.attribute(abi.A_MATCH_NEGATE, b"")
    return netlink.nest(abi.A_RULE_MATCH, head + content)


def _pattern(kind: str, value: object) -> bytes:
    negate, pattern = routing.negated(str(value))
    return _match(kind, netlink.text(abi.A_MATCH_PATTERN, pattern), negate=negate)


def _named(kind: str, table: object) -> bytes:
    assert isinstance(table, dict), "the schema has checked it"
    negate, pattern = routing.negated(str(table.get("value", "*")))
    content = netlink.text(abi.A_MATCH_NAME, str(table["name"])) + netlink.text(abi.A_MATCH_PATTERN, pattern)
    return _match(kind, content, negate=negate)


def _source(value: object) -> bytes:
    negate, text = routing.negated(str(value))
    parsed = routing.parse_network(text)
    assert parsed is not None, "the schema has checked it"
    kind = abi.A_MATCH_ADDRESS4 if len(parsed[0]) == 4 else abi.A_MATCH_ADDRESS6
    content = netlink.attribute(kind, parsed[0]) + netlink.u32(abi.A_MATCH_PREFIX, parsed[1])
    return _match("source", content, negate=negate)


def _mark(value: object) -> bytes:
    negate, text = routing.negated(value) if isinstance(value, str) else (False, value)
    parsed = routing.parse_mark(text)
    assert parsed is not None, "the schema has checked it"
    content = netlink.u32(abi.A_MATCH_MARK, parsed[0]) + netlink.u32(abi.A_MATCH_MASK, parsed[1])
    return _match("mark", content, negate=negate)


def _conditions(table: Table) -> Iterable[bytes]:
    for kind in routing.CONDITIONS:
        for value in routing.listed(table[kind]) if kind in table else ():
            if kind in ("header", "cookie"):
                yield _named(kind, value)
            elif kind == "source":
                yield _source(value)
            elif kind == "mark":
                yield _mark(value)
            else:
                yield _pattern(kind, value)


def _number(value: object) -> int:
    assert isinstance(value, int), "the schema has checked it"
    return value


def _action(table: Table) -> bytes:
    def action(name: str) -> bytes:
        return netlink.u32(abi.A_RULE_ACTION, abi.RULE_ACTION.index(name))

    if "upstream" in table:
        return action("upstream") + netlink.text(abi.A_RULE_UPSTREAM, str(table["upstream"]))
    if "redirect" in table:
        status = _number(table.get("status", routing.REDIRECT))
        location = netlink.text(abi.A_RULE_LOCATION, str(table["redirect"]))
        return action("redirect") + location + netlink.u32(abi.A_RULE_STATUS, status)
    if "set_mark" in table:
        return action("set-mark") + netlink.u32(abi.A_RULE_MARK, _number(table["set_mark"]))
    if "jump" in table:
        return action("jump") + netlink.text(abi.A_RULE_JUMP, str(table["jump"]))
    block = table["block"]
    if isinstance(block, str):
        return action(block)
    return action("block") + netlink.u32(abi.A_RULE_STATUS, _number(block))


def _rule(table: Table) -> bytes:
    chain = netlink.text(abi.A_RULE_CHAIN, str(table.get("chain", routing.MAIN)))
    return chain + b"".join(_conditions(table)) + _action(table)


def _error_page(table: Table) -> bytes:
    content = netlink.text(abi.A_ERROR_PAGE_VHOST, str(table["vhost"])) if "vhost" in table else b""
    content += netlink.u32(abi.A_ERROR_PAGE_STATUS, _number(table["status"]))
    content += netlink.text(abi.A_ERROR_PAGE_CONTENT_TYPE, str(table.get("content_type", routing.CONTENT_TYPE)))
    return content + netlink.attribute(abi.A_ERROR_PAGE_BODY, str(table["body"]).encode())


def encode(config: Table) -> list[Staged]:
    """The stage operations, in the order in which the module wants them: what is referred to comes first."""
    staged: list[Staged] = []
    for i, table in enumerate(_tables(config.get("vhost", []))):
        staged.append((abi.CMD_STAGE_VHOST, abi.A_CONFIG_VHOST, "vhost", ("vhost", i), _vhost(table)))
    for i, table in enumerate(_tables(config.get("rule", []))):
        staged.append((abi.CMD_STAGE_RULE, abi.A_CONFIG_RULE, "rule", ("rule", i), _rule(table)))
    for i, table in enumerate(_tables(config.get("error_page", []))):
        path: Path = ("error_page", i)
        content = _error_page(table)
        staged.append((abi.CMD_STAGE_ERROR_PAGE, abi.A_CONFIG_ERROR_PAGE, "error-page", path, content))
    return staged


def _decode_vhost(content: bytes) -> Table:
    table: Table = {}
    hosts: list[str] = []
    for kind, _, payload in netlink.attributes(content):
        if kind == abi.A_VHOST_HOST:
            hosts.append(netlink.string(payload))
        elif kind == abi.A_VHOST_CHECKS:
            table["limits"] = checks.decode(payload)
        elif kind == abi.A_VHOST_CHALLENGE:
            table["challenge"] = abi.CHALLENGE_MODE[netlink.number(payload)]
        elif kind in abi.NAMES["vhost"]:
            table[abi.NAMES["vhost"][kind]] = netlink.string(payload)
    return {"name": table.pop("name"), **({"hosts": hosts} if hosts else {}), **table}


def _decode_match(content: bytes) -> tuple[str, object]:
    values = netlink.table(content)
    kind = abi.MATCH_KIND[netlink.number(values[abi.A_MATCH_KIND])].replace("-", "_")
    sign = "!" if abi.A_MATCH_NEGATE in values else ""
    if kind == "source":
        address = values[abi.A_MATCH_ADDRESS4 if abi.A_MATCH_ADDRESS4 in values else abi.A_MATCH_ADDRESS6]
        return kind, sign + routing.render_network(address, netlink.number(values[abi.A_MATCH_PREFIX]))
    if kind == "mark":
        mark, mask = netlink.number(values[abi.A_MATCH_MARK]), netlink.number(values[abi.A_MATCH_MASK])
        return kind, f"{sign}0x{mark:x}" + ("" if mask == routing.U32 else f"/0x{mask:x}")
    pattern = sign + netlink.string(values[abi.A_MATCH_PATTERN])
    if kind not in ("header", "cookie"):
        return kind, pattern
    name = netlink.string(values[abi.A_MATCH_NAME])
    return kind, {"name": name} if pattern == "*" else {"name": name, "value": pattern}


def _decode_action(values: dict[int, bytes]) -> Table:
    action = abi.RULE_ACTION[netlink.number(values[abi.A_RULE_ACTION])]
    if action == "redirect":
        status = netlink.number(values[abi.A_RULE_STATUS])
        return {"redirect": netlink.string(values[abi.A_RULE_LOCATION]), "status": status}
    if action == "block":
        return {"block": netlink.number(values[abi.A_RULE_STATUS])}
    if action == "set-mark":
        return {"set_mark": netlink.number(values[abi.A_RULE_MARK])}
    if action in ("reset", "drop"):
        return {"block": action}
    return {action: netlink.string(values[abi.A_RULE_UPSTREAM if action == "upstream" else abi.A_RULE_JUMP])}


def _decode_rule(content: bytes) -> Table:
    values = netlink.table(content)
    conditions: dict[str, list[object]] = {}
    for kind, _, payload in netlink.attributes(content):
        if kind == abi.A_RULE_MATCH:
            name, value = _decode_match(payload)
            conditions.setdefault(name, []).append(value)
    table: Table = {"chain": netlink.string(values[abi.A_RULE_CHAIN])}
    for name, found in conditions.items():
        table[name] = found[0] if len(found) == 1 else found
    return {**table, **_decode_action(values)}


def _decode_error_page(content: bytes) -> Table:
    values = netlink.table(content)
    table: Table = {}
    if abi.A_ERROR_PAGE_VHOST in values:
        table["vhost"] = netlink.string(values[abi.A_ERROR_PAGE_VHOST])
    return {
        **table,
        "status": netlink.number(values[abi.A_ERROR_PAGE_STATUS]),
        "content_type": netlink.string(values[abi.A_ERROR_PAGE_CONTENT_TYPE]),
        "body": values[abi.A_ERROR_PAGE_BODY].decode("utf-8", "backslashreplace"),
    }


DECODERS = {
    abi.A_CONFIG_VHOST: ("vhost", _decode_vhost),
    abi.A_CONFIG_RULE: ("rule", _decode_rule),
    abi.A_CONFIG_ERROR_PAGE: ("error_page", _decode_error_page),
}
