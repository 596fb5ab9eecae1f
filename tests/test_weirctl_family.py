"""Configurations to netlink and back, refusals mapped to keys, and a kernel without the module."""

from __future__ import annotations

import contextlib
import errno
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weirctl import abi, family, netlink, render, schema, source
from weirctl.errors import Refused

PORTS = st.integers(1, 65535)
# No multicast, mapped or link-local ones, and nothing unspecified: good for listeners and servers alike.
ADDRESSES4 = st.tuples(st.integers(1, 223), *[st.integers(0, 255)] * 3).map(bytes)
ADDRESSES6 = st.binary(min_size=15, max_size=15).map(lambda tail: b"\xfd" + tail)
ADDRESSES = st.builds(schema.render_address, ADDRESSES4 | ADDRESSES6, PORTS)


def integers(attribute_set: str, name: str) -> st.SearchStrategy[int]:
    return st.integers(*abi.RANGES[attribute_set][name])


def scalar(attribute_set: str, name: str) -> st.SearchStrategy[Any]:
    if abi.TYPES[attribute_set][name] == "flag":
        return st.just(True)
    if abi.TYPES[attribute_set][name] == "string":
        return st.just("/a") if name == "uri" else st.text("abc-", max_size=abi.ABI_TEXT_MAX)
    if name in abi.ENUMS.get(attribute_set, {}):
        return st.sampled_from(abi.ENUMS[attribute_set][name])
    if schema.is_time(attribute_set, name):
        return integers(attribute_set, name).map(schema.seconds)
    return integers(attribute_set, name)


def scalars(attribute_set: str) -> dict[str, st.SearchStrategy[Any]]:
    """Values of the keys that are numbers, words, times or flags."""
    return {
        name.replace("-", "_"): scalar(attribute_set, name)
        for name in abi.TYPES[attribute_set]
        if schema.is_scalar(attribute_set, name)
    }


PROXY = st.fixed_dictionaries({}, optional=scalars("proxy"))
# To challenge needs a [challenge]: test_weirctl_challenge.py.
LIMITS = st.fixed_dictionaries({}, optional=scalars("limits")).filter(lambda limits: "challenge" not in limits.values())
TIMEOUTS = st.fixed_dictionaries({}, optional=scalars("timeouts"))
NAMES = st.text("abcXYZ019._-", min_size=1, max_size=abi.ABI_NAME_MAX)


def server_is_valid(server: dict[str, Any]) -> bool:
    return bool(server.get("connections_max", server["connections"]) >= server["connections"])


def health_is_valid(health: dict[str, Any]) -> bool:
    return not 0 < health.get("status", 0) < 200


SERVER: dict[str, st.SearchStrategy[Any]] = {
    "address": ADDRESSES,
    "connections": integers("server", "connections"),
}
HEALTH: dict[str, st.SearchStrategy[Any]] = {"uri": st.just("/health?x=1")}
SERVERS = st.fixed_dictionaries(
    SERVER, optional={key: value for key, value in scalars("server").items() if key not in SERVER}
).filter(server_is_valid)
CHECKS = st.fixed_dictionaries(
    HEALTH, optional={key: value for key, value in scalars("health").items() if key not in HEALTH}
).filter(health_is_valid)
GROUP: dict[str, st.SearchStrategy[Any]] = {
    "name": NAMES,
    "server": st.lists(SERVERS, min_size=1, max_size=6, unique_by=lambda server: str(server["address"])),
}
UPSTREAMS = st.fixed_dictionaries(GROUP, optional={**scalars("upstream"), "health": CHECKS})


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """Valid configurations, everything in the spelling that show uses."""
    listeners = draw(st.lists(ADDRESSES, max_size=6, unique=True))
    return {
        "listener": [{"address": address, "protocol": "http"} for address in listeners],
        "upstream": draw(
            st.lists(UPSTREAMS, min_size=bool(listeners), max_size=3, unique_by=lambda group: str(group["name"]))
        ),
        "proxy": draw(PROXY),
        "limits": draw(LIMITS),
        "timeouts": draw(TIMEOUTS),
    }


def as_dumped(parts: list[family.Part]) -> list[bytes]:
    """Stage operations as the messages in which the module would show them again."""
    return [bytes((abi.CMD_GET_CONFIG, 1, 0, 0)) + part.request()[4:] for part in parts]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(configs())
def test_shown_configuration_applies_again_as_it_is(config: dict[str, Any]) -> None:
    assert schema.check(config) == []
    assert family.decode(as_dumped(family.encode(config))) == config
    text = render.toml(config)
    read = source.from_text(text).config
    assert family.decode(as_dumped(family.encode(read))) == config


def test_defaults_that_the_module_does_not_have() -> None:
    config = source.from_text(
        '[[listener]]\naddress = "0.0.0.0:80"\n[[upstream]]\nname = "a"\n[[upstream.server]]\naddress = "10.0.0.1:1"\n'
    ).config
    shown: Any = family.decode(as_dumped(family.encode(config)))
    assert shown["listener"] == [{"address": "0.0.0.0:80", "protocol": "http"}]
    assert shown["upstream"][0]["server"] == [{"address": "10.0.0.1:1", "connections": 8}]
    assert shown["proxy"] == shown["limits"] == {}


CONFIG = source.from_text("""\
[[listener]]
address = "0.0.0.0:80"
[[listener]]
address = "[0:0::0]:81"
[[upstream]]
name = "a"
[[upstream.server]]
address = "10.0.0.1:1"
connections = 4
[proxy]
x_forwarded = "off"
[limits]
header_count = 7
request_rate = 5
[timeouts]
keepalive = 5
""").config


def part(name: str, index: int = 0) -> family.Part:
    return [part for part in family.encode(CONFIG) if part.name == name][index]


@pytest.mark.parametrize(
    ("name", "index", "attribute", "path"),
    [
        ("listener", 1, abi.A_LISTENER_PORT, ("listener", 1, "address")),
        ("listener", 0, abi.A_LISTENER_ADDRESS4, ("listener", 0, "address")),
        ("listener", 1, abi.A_LISTENER_ADDRESS6, ("listener", 1, "address")),
        ("listener", 0, abi.A_LISTENER_PROTOCOL, ("listener", 0, "protocol")),
        ("upstream", 0, abi.A_UPSTREAM_NAME, ("upstream", 0, "name")),
        ("server", 0, abi.A_SERVER_CONNECTIONS, ("upstream", 0, "server", 0, "connections")),
        ("proxy", 0, abi.A_PROXY_X_FORWARDED, ("proxy", "x_forwarded")),
        ("limits", 0, abi.A_LIMITS_HEADER_COUNT, ("limits", "header_count")),
        ("limits", 0, abi.A_LIMITS_REQUEST_RATE, ("limits", "request_rate")),
        ("timeouts", 0, abi.A_TIMEOUTS_KEEPALIVE, ("timeouts", "keepalive")),
    ],
)
def test_attribute_at_fault_is_a_key(name: str, index: int, attribute: int, path: tuple[object, ...]) -> None:
    staged = part(name, index)
    message = netlink.message(20, 1, 1, staged.request())
    # Where the kernel would point to: the attribute's header, in a message of 16 + 4 bytes of headers and the nest's 4.
    (at,) = [at for kind, at, _ in netlink.attributes(message[24:]) if kind == attribute]
    assert staged.blamed(24 + at) == path


@pytest.mark.parametrize("offset", [None, 0, 20, 9999])
def test_attribute_at_fault_is_the_table_when_it_is_none_of_its_keys(offset: int | None) -> None:
    assert part("listener", 1).blamed(offset) == ("listener", 1)


def outcome(error: netlink.KernelError | None = None) -> netlink.Outcome:
    made = netlink.Outcome()
    made.error = error
    return made


def refusals(errors: dict[int, netlink.KernelError], sent: int | None = None) -> list[Any]:
    """Problems when the requests of these indices (0 is begin, -1 commit) are refused."""
    parts = family.encode(CONFIG)
    outcomes = [outcome() for _ in range(len(parts) + 2)][:sent]
    for index, error in errors.items():
        outcomes[index] = outcome(error)
    return family.Family._refusals(CONFIG, parts, outcomes)


def test_refused_begin_is_all_that_is_told() -> None:
    later = netlink.KernelError(errno.EBADFD, "this socket has no transaction")
    (problem,) = refusals({0: netlink.KernelError(errno.EPERM), 1: later, -1: later})
    assert (problem.kind, problem.errno) == ("permission", "EPERM")
    assert "CAP_NET_ADMIN" in problem.text()


def test_refused_part_is_told_by_its_key_and_the_commit_is_not() -> None:
    canceled = netlink.KernelError(errno.ECANCELED, "6 parts were staged, not 7")
    (problem,) = refusals({2: netlink.KernelError(errno.ERANGE, "integer out of range", 44), -1: canceled})
    assert (problem.kind, problem.errno, problem.path) == ("kernel", "ERANGE", ("listener", 1, "address"))
    assert "integer out of range" in problem.text()


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ("listener [::]:81: address in use", ("listener", 1, "address")),
        ("listener 0.0.0.0:80: address in use", ("listener", 0, "address")),
        ("cannot connect to 10.0.0.1:1.", ("upstream", 0, "server", 0, "address")),
        ("listener 0.0.0.0:8: address in use", ()),
        ("", ()),
    ],
)
def test_address_in_a_refused_commits_message_is_found(message: str, path: tuple[object, ...]) -> None:
    (problem,) = refusals({-1: netlink.KernelError(errno.EADDRINUSE, message)})
    assert (problem.path, problem.errno) == (path, "EADDRINUSE")
    assert (message or "Address already in use") in problem.text()


def test_dump_of_a_newer_module_is_shown_as_far_as_known() -> None:
    extra = netlink.nest(abi.A_CONFIG_LIMITS, netlink.u32(999, 1) + netlink.u32(abi.A_LIMITS_HEADER_COUNT, 9))
    config = family.decode([bytes(4) + extra + netlink.nest(999, b"")])
    assert config["limits"] == {"header_count": 9}


@given(st.lists(st.binary(max_size=100), max_size=4))
def test_garbage_instead_of_a_dump_is_refused_or_read(parts: list[bytes]) -> None:
    with contextlib.suppress(ValueError, KeyError, IndexError):
        family.decode(parts)


def test_kernel_without_the_module() -> None:
    # No test of the host loads the module: the lab's machines do.
    own = family.Family()
    for command in (own.show, own.stats, own.info, lambda: own.apply(CONFIG)):
        with pytest.raises(Refused) as refused:
            command()
        (problem,) = refused.value.problems
        assert problem.kind == "unavailable"
        assert "insmod" in problem.text()
