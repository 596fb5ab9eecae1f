"""Virtual hosts, rules and error pages as HAProxy's http-request rules: what maps well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suites.duts.adapter import NotSupported
from suites.duts.config import Config
from suites.duts.rules import Condition, conditions, of_chain

# Without its port, and without the dot that ends a name.
_HOST = "req.hdr(host),host_only,regsub('[.]$',''),lower"
_FETCHES = {"host": _HOST, "path": "path,url_dec", "query": "query,url_dec"}
# Statuses that `http-request deny` knows; it sends the configured page, `return` does not.
_DENIES = {400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 422, 425, 429, 500, 501, 502, 503, 504}
_FREE = "!{ var(txn.weir_to) -m found }"


def _test(condition: Condition) -> str:
    sign = "!" if condition.negate else ""
    if condition.kind == "method":
        return f"{sign}{{ method {' '.join(condition.values)} }}"
    if condition.kind == "source":
        return f"{sign}{{ src {' '.join(condition.values)} }}"
    fold = " -i" if condition.kind in ("host", "header") else ""
    fetch = _FETCHES.get(condition.kind, f"req.{'fhdr' if condition.kind == 'header' else 'cook'}({condition.name})")
    if condition.values == ("*",):
        return f"{sign}{{ {fetch} -m found }}"
    if condition.kind == "query" and condition.values == ("",):
        return f"{'' if sign else '!'}{{ query -m found }}"
    return f"{sign}{{ {fetch} -m reg{fold} '{condition.regex}' }}"


def _action(rule: Mapping[str, Any]) -> str:
    if "upstream" in rule:
        return f"set-var(txn.weir_to) str({rule['upstream']})"
    if "redirect" in rule:
        location = rule["redirect"].replace("$uri", "%[pathq]").replace("$path", "%[path]")
        location = location.replace("$host", "%[req.hdr(host),field(1,:)]")
        return f"redirect code {rule.get('status', 302)} location {location}"
    block = rule["block"]
    if block == "drop":
        return "reject"
    if isinstance(block, str):
        raise NotSupported("HAProxy's silent-drop leaves the client waiting; it has no reset")
    if block in _DENIES:
        return f"deny deny_status {block}"
    return f'return status {block} content-type text/plain string "{block}"'


def frontend(config: Config) -> list[str]:
    """The rules of a frontend, and where each request goes."""
    lines = []
    chains = [("main", "", config.upstreams[0].name if config.upstreams else "")]
    if config.vhosts:
        lines += _vhosts(config)
        chains = [
            (vhost.get("chain", ""), f"{{ var(txn.weir_vhost) -m str {vhost['name']} }}", vhost.get("upstream", ""))
            for vhost in config.vhosts
        ]
    for chain, here, _ in chains:
        for rule in of_chain(config.rules, chain):
            tests = [_FREE, *([here] if here else []), *map(_test, conditions(rule))]
            lines.append(f"http-request {_action(rule)} if {' '.join(tests)}")
    for _, here, upstream in chains:
        if upstream:
            lines.append(f"http-request set-var(txn.weir_to) str({upstream}) if {_FREE} {here}".rstrip())
    return [*lines, f"http-request deny deny_status 404 if {_FREE}", "use_backend %[var(txn.weir_to)]"]


def _vhosts(config: Config) -> list[str]:
    """The name itself first, then the longest ending, then whoever has no names."""
    hosts = [(host.lower(), vhost["name"]) for vhost in config.vhosts for host in vhost.get("hosts", ())]
    hosts.sort(key=lambda pair: (pair[0].startswith("*"), -len(pair[0])))
    lines = []
    for host, name in hosts:
        test = f"-m end {host[1:]}" if host.startswith("*") else f"-m str {host}"
        free = "!{ var(txn.weir_vhost) -m found }"
        lines.append(f"http-request set-var(txn.weir_vhost) str({name}) if {free} {{ {_HOST} {test} }}")
    rest = [vhost["name"] for vhost in config.vhosts if not vhost.get("hosts")]
    free = "!{ var(txn.weir_vhost) -m found }"
    last = f"set-var(txn.weir_vhost) str({rest[0]})" if rest else "deny deny_status 421"
    return [*lines, f"http-request {last} if {free}"]


def pages(config: Config) -> list[str]:
    return [
        f'http-error status {page["status"]} content-type "{page.get("content_type", "text/html; charset=utf-8")}"'
        f" string {_quoted(page['body'])}"
        for page in config.error_pages
    ]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("$", "\\$") + '"'
