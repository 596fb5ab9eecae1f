"""Random configurations: every key of the schema is among them, and none is refused or changed on its way."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from suites.duts import random_config
from suites.duts.random_config import SUBTABLES, configurations, generator, keys, lost, tables
from suites.traffic.certificates import authority, files
from suites.traffic.certificates import tables as tables_of_certificates
from weirctl import family, netlink, render, schema, source

_FOLDER = tempfile.TemporaryDirectory(prefix="weir-certificates-")
_CERTIFIED = {
    "a": authority().issue("a.example", "*.a.example"),
    "b": authority().issue("b.example"),
    "c": authority().issue("a.example", "www.c.example", kind="rsa"),
}
for _name, (_content, _mode) in files(_FOLDER.name, _CERTIFIED).items():
    Path(_name).write_bytes(_content)
    Path(_name).chmod(_mode)
CERTIFICATES = tables_of_certificates(_FOLDER.name, _CERTIFIED)
THOROUGH = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_every_table_of_the_schema_is_known() -> None:
    inner = {key for key in keys(()) if (key,) not in SUBTABLES}
    assert not inner, f"tables without an entry in {random_config.__name__}.SUBTABLES: {inner}"


@pytest.mark.parametrize("table", [table for table in tables() if table], ids=".".join)
def test_every_key_of_the_schema_has_a_generator(table: tuple[str, ...]) -> None:
    without = [key for key in keys(table) if (*table, key) not in SUBTABLES and generator(table, key) is None]
    assert not without, f"keys of {'.'.join(table)} without an entry in {random_config.__name__}.GENERATORS: {without}"


def test_keys_are_asked_of_the_schema() -> None:
    assert {"listener", "upstream", "limits", "timeouts"} <= set(keys(()))
    assert {"address", "connections"} <= set(keys(("upstream", "server")))
    assert keys(("nothing",)) == []


@given(configurations(CERTIFICATES))
@THOROUGH
def test_configurations_are_valid(config: dict[str, Any]) -> None:
    assert [problem.text() for problem in schema.check(config)] == []


@given(configurations(CERTIFICATES))
@THOROUGH
def test_configurations_survive_rendering(config: dict[str, Any]) -> None:
    assert lost(config, tomllib.loads(render.toml(config))) == []


@given(configurations(CERTIFICATES))
@THOROUGH
def test_configurations_survive_the_wire(config: dict[str, Any]) -> None:
    """What is staged, read as the dump of it, which has the same attributes."""
    parts = family.encode(source.from_object(config).config)
    dump = [bytes(4) + netlink.nest(part.kind, part.content) for part in parts]
    assert lost(config, family.decode(dump)) == []


def test_every_key_is_given_now_and_then() -> None:
    given_keys: set[str] = set()

    def note(config: dict[str, Any], table: tuple[str, ...] = ()) -> None:
        for key, value in config.items():
            given_keys.add(".".join((*table, key)))
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(inner, dict):
                    note(inner, (*table, key))

    @given(configurations(CERTIFICATES))
    @settings(THOROUGH, max_examples=150, derandomize=True, database=None)
    def look(config: dict[str, Any]) -> None:
        note(config)

    look()
    known = {".".join((*table, key)) for table in tables() for key in keys(table)}
    # A file is read by weirctl, and never shown.
    assert known - given_keys <= {"error_page.file"}


def test_loss_is_seen() -> None:
    config = {"limits": {"header_count": 5}, "upstream": [{"name": "a", "server": [{"address": "[::1]:80"}]}]}
    assert lost(config, config) == []
    assert lost(config, {**config, "limits": {"header_count": 6}}) == ["limits.header_count: 5 was given, 6 is shown"]
    assert lost(config, {**config, "limits": {}}) == ["limits.header_count: 5 was given, nothing is shown"]
    assert lost(config, {**config, "upstream": []}) == ["upstream: 1 tables were given, 0 are shown"]
    assert lost(config, {**config, "upstream": [{"name": "a", "server": [{"address": "[0::1]:80"}]}]}) == []


def test_any_value_is_as_good_as_none() -> None:
    given = {"rule": [{"cookie": [{"name": "a", "value": "*"}]}]}
    assert lost(given, {"rule": [{"cookie": {"name": "a"}}]}) == []
    assert lost(given, {"rule": [{"cookie": {"name": "b"}}]})
