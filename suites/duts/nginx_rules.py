"""Virtual hosts, rules and error pages as nginx's server, if, return and error_page: what maps well.

A rule is a string of marks, one for each condition that held; a rule that took the request ends the next ones' chances.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suites.duts.config import Config
from suites.duts.rules import Condition, conditions, of_chain

_VARIABLES = {"host": "$host", "path": "$uri", "query": "$args", "method": "$request_method", "source": "$remote_addr"}
HTTP = ["absolute_redirect off;", 'map $request_uri $weir_path { "~^(?<weir_part>[^?]*)" $weir_part; }']


def _variable(condition: Condition) -> str:
    if condition.kind == "header":
        return "$http_" + condition.name.lower().replace("-", "_")
    return f"$cookie_{condition.name}" if condition.kind == "cookie" else _VARIABLES[condition.kind]


def _test(condition: Condition) -> str:
    fold = "*" if condition.kind in ("host", "header") else ""
    regex = "." if condition.values == ("*",) else condition.regex
    return f'{_variable(condition)} {"!" if condition.negate else ""}~{fold} "{regex}"'


def _action(rule: Mapping[str, Any]) -> str:
    if "upstream" in rule:
        return f"set $weir_to {rule['upstream']}; set $weir_taken x;"
    if "redirect" in rule:
        location = rule["redirect"].replace("$uri", "$request_uri").replace("$path", "$weir_path")
        return f'return {rule.get("status", 302)} "{location}";'
    # 444 is nginx's own: no reply, the connection closed.
    return f"return {444 if rule['block'] in ('drop', 'reset') else rule['block']};"


def _rules(rules: list[Mapping[str, Any]], first: str) -> list[str]:
    lines = ['set $weir_taken "";', f"set $weir_to {first};"] if rules or first else []
    for rule in rules:
        found = list(conditions(rule))
        lines.append("set $weir_held $weir_taken;")
        lines += [f'if ({_test(condition)}) {{ set $weir_held "${{weir_held}}1"; }}' for condition in found]
        lines.append(f'if ($weir_held = "{"1" * len(found)}") {{ {_action(rule)} }}')
    return lines


def _pages(config: Config) -> list[str]:
    lines = []
    for page in config.error_pages:
        place = f"/weir-page-{page['status']}"
        kind = page.get("content_type", "text/html; charset=utf-8")
        body = page["body"].replace("\\", "\\\\").replace('"', '\\"')
        lines += [
            f"error_page {page['status']} {place};",
            f'location = {place} {{ internal; default_type "{kind}"; return 200 "{body}"; }}',
        ]
    return lines


def servers(config: Config, listens: list[str], location: list[str]) -> list[str]:
    """The server blocks; `location` forwards to the group named by $weir_to."""
    first = config.upstreams[0].name if config.upstreams else '""'
    lines = []
    if not config.vhosts:
        return _server([f"{listen} default_server;" for listen in listens], "", config, "main", first, location)
    plain = [f"{listen};" for listen in listens]
    for vhost in config.vhosts:
        names = " ".join(vhost.get("hosts", ()))
        own = plain if names else [f"{listen} default_server;" for listen in listens]
        lines += _server(own, names, config, vhost.get("chain", ""), vhost.get("upstream", '""'), location)
    if all(vhost.get("hosts") for vhost in config.vhosts):
        lines += ["server {", *(f"    {listen} default_server;" for listen in listens), "    return 421;", "}"]
    return lines


def _server(listens: list[str], names: str, config: Config, chain: str, first: str, location: list[str]) -> list[str]:
    inner = [
        *listens,
        *([f"server_name {names};"] if names else []),
        *_pages(config),
        *_rules(of_chain(config.rules, chain), first),
        "location / {",
        *(f"    {line}" for line in location),
        "}",
    ]
    return ["server {", *(f"    {line}" for line in inner), "}"]
