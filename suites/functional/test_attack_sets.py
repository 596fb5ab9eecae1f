"""Attacks that are refused under the recommended configuration, and real clients that are not under the default one.

attacks.toml has the attacks; suites/clients/recorded.jsonl what real clients sent, which `python -m suites.clients`
records. The recommended configuration is the one in docs/firewall.md.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import pytest

from lab.bootstrap import ROOT
from suites.clients import Recorded, read
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.traffic.client import Client
from suites.traffic.messages import Reply
from suites.traffic.origin import Origin

pytestmark = pytest.mark.only("weir", reason="these checks are Weir's own")

PATIENCE_S = 2.0
BY_DEFAULT: Final = {"methods": None, "host_strict": None}
DEFAULT_METHODS: Final = ("GET", "HEAD", "POST")
OVERRIDE: Final = "\r\nx-http-method-override:"
RECORDED: Final = read()
CLIENTS: Final = sorted({one.client for one in RECORDED})
ATTACKS: Final = tomllib.loads((ROOT / "suites/functional/attacks.toml").read_text(encoding="utf-8"))["attack"]


def recommended() -> dict[str, Any]:
    """What docs/firewall.md has under "A configuration to begin with", which is without listeners and servers."""
    text = (ROOT / "docs/firewall.md").read_text(encoding="utf-8")
    section = text.partition("### A configuration to begin with\n")[2].partition("\n#")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    config = tomllib.loads("\n".join(lines))
    return {"limits": {**BY_DEFAULT, **config["limits"]}, "rules": config["rule"]}


def encode(attack: dict[str, Any]) -> bytes:
    text = attack.get("raw", "")
    if "head" in attack:
        start, *fields = attack["head"]
        body = attack.get("body")
        lines = [start, "Host: shop.example", *fields, *([f"Content-Length: {len(body)}"] if body is not None else [])]
        text = "\r\n".join(lines) + "\r\n\r\n" + (body or "") + text
    return str(text).replace("LONG", "x" * attack.get("long", 0)).encode("latin-1")


def outcome(client: Client, data: bytes) -> int:
    """The status of the reply to a request on a connection of its own."""
    with client.connect(patience=PATIENCE_S) as connection:
        connection.send(data)
        return connection.response(to=data.split(b" ", 1)[0].decode("latin-1")).status


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack["name"])
def test_attack_is_refused(dut: Dut, origin: Origin, client: Client, attack: dict[str, Any]) -> None:
    dut.apply(**recommended())
    before = dut.statistics
    status = outcome(client, encode(attack))
    assert 400 <= status < 600, status
    counted = dut.statistics - before
    assert counted[f"rejected_{attack['by']}"] == 1, counted
    assert all(request.message_body.content == b"" for request in origin.received)


def test_scan_is_ended(dut: Dut, origin: Origin, client: Client) -> None:
    """Of paths that are not there, each a request like any other."""
    config = recommended()
    most = config["limits"]["response_code_count"]
    del config["limits"]["response_code_block"]
    dut.apply(**config)
    origin.replies(Reply(404))
    with client.connect() as connection:
        paths = (f"/{name}{number}.php" for number in range(most) for name in ("admin", "backup", "old"))
        statuses = [connection.ask(target=path).status for path, _ in zip(paths, range(most + 5), strict=False)]
    assert statuses == [404] * most + [429] * 5
    assert origin.requests == most


def test_guessing_of_passwords_is_ended(dut: Dut, origin: Origin, client: Client) -> None:
    config = recommended()
    most = config["limits"]["response_code_count"]
    dut.apply(**config)
    origin.replies(Reply(401))
    fields = [("Content-Type", "application/x-www-form-urlencoded")]
    with client.connect() as connection:
        for number in range(most):
            assert connection.ask("POST", "/login", headers=fields, body=b"p=%d" % number).status == 401
        assert origin.requests == most
        connection.send(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        assert connection.response().status == 429
    assert isinstance(dut.adapter, WeirAdapter)
    blocks = dut.adapter.batch("block-list")["blocks"]
    dut.adapter.batch("block-flush")
    assert [entry["prefix"] for entry in blocks] == [client.address]


def by_default(one: Recorded) -> int:
    """What the default configuration makes of a recorded request: two keys of it are for sites that need no more."""
    if one.method not in DEFAULT_METHODS:
        return 405
    return 403 if OVERRIDE in one.request.partition("\r\n\r\n")[0].lower() else 200


def outcomes(client: Client, recorded: list[Recorded]) -> dict[str, int]:
    """Of each recorded request the status of its reply."""
    return {f"{one.client}: {one.what}: {one.request[:60]!r}": outcome(client, one.data) for one in recorded}


def of(name: str) -> list[Recorded]:
    return [one for one in RECORDED if one.client == name]


@pytest.mark.parametrize("name", CLIENTS)
def test_real_client_passes_by_default(dut: Dut, client: Client, name: str) -> None:
    """But for methods, tunnelled ones too, that have to be allowed first; nothing else is refused."""
    dut.apply(limits=BY_DEFAULT)
    before = dut.statistics
    expected = [by_default(one) for one in of(name)]
    found = [outcome(client, one.data) for one in of(name)]
    assert found == expected
    counted = dut.statistics - before
    refused = {key for key in ("rejected_bad_request", "rejected_host_strict") if counted[key]}
    assert not refused
    assert counted["rejected_methods"] == expected.count(405)
    assert counted["rejected_method_override"] == expected.count(403)


@pytest.mark.parametrize("name", CLIENTS)
def test_real_client_passes_with_its_methods(dut: Dut, origin: Origin, client: Client, name: str) -> None:
    methods = sorted({*DEFAULT_METHODS, *(one.method for one in RECORDED)})
    dut.apply(limits={**BY_DEFAULT, "methods": methods, "method_override": True})
    found = outcomes(client, of(name))
    assert set(found.values()) == {200}, {what: status for what, status in found.items() if status != 200}
    assert origin.requests == len(of(name))


def expected_by_recommended(one: Recorded, limits: dict[str, Any]) -> int:
    """What the recommended configuration makes of a recorded request, by another way than the module's."""
    line, *fields = one.request.partition("\r\n\r\n")[0].split("\r\n")
    types = [field.partition(":")[2].strip() for field in fields if field.lower().startswith("content-type:")]
    has_body = any(field.lower().startswith(("content-length:", "transfer-encoding:")) for field in fields)
    empty = any(field.lower().replace(" ", "") == "content-length:0" for field in fields)
    if by_default(one) != 200:  # it allows the same methods
        return by_default(one)
    if has_body and not empty and not types:
        return 415
    if has_body and not empty and types[0].partition(";")[0].lower() not in limits["content_types"]:
        return 415
    target = unquote_to_bytes(line.split(" ")[1])
    if any(byte < 0x20 or byte == 0x7F or byte in b'<>"\\`{|}^' for byte in target):
        return 400
    if any(set(field.partition(":")[2]) & set("{}") for field in fields):
        return 400
    return 200


def test_real_clients_under_the_recommended_configuration(dut: Dut, client: Client) -> None:
    """What it costs: docs/firewall.md has these figures."""
    config = recommended()
    dut.apply(**config)
    expected = Counter(expected_by_recommended(one, config["limits"]) for one in RECORDED)
    found = [outcome(client, one.data) for one in RECORDED]
    assert found == [expected_by_recommended(one, config["limits"]) for one in RECORDED]
    assert expected[200] >= len(RECORDED) * 0.8, expected
