"""Configurations as TOML that `weirctl apply` takes."""

from __future__ import annotations

from .schema import Config


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for DEL, which TOML wants escaped, too.
        import json

        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    return repr(value)


def _table(header: str, values: dict[str, object]) -> str:
    lines = [f"# {note}" for note in getattr(values, "notes", ())]
    lines += [f"{key} = {_value(value)}" for key, value in values.items() if key not in ("server", "health")]
    return "\n".join([header, *lines]) + "\n"


def toml(config: Config) -> str:
    """The TOML text of a valid configuration."""
    parts = []
    for kind in ("listener", "certificate", "upstream", "vhost", "rule", "error_page"):
        tables = config.get(kind, [])
        assert isinstance(tables, list)
        for table in tables:
            parts.append(_table(f"[[{kind}]]", table))
            if "health" in table:
                parts.append(_table(f"[{kind}.health]", table["health"]))
            parts += [_table(f"[[{kind}.server]]", server) for server in table.get("server", [])]
    for kind in ("tls", "proxy", "limits", "timeouts", "firewall", "challenge", "log", "attack"):
        table = config.get(kind, {})
        assert isinstance(table, dict)
        if table:
            parts.append(_table(f"[{kind}]", table))
    return "\n".join(parts)
