"""The event log from weirctl's side: messages to objects, and the options of `weirctl log`."""

from __future__ import annotations

import json
import socket

import pytest

from weirctl import abi, log, netlink

TIME = 1_764_439_743_104_233


def message(**attributes: bytes) -> bytes:
    """An event with what each has, and these; an attribute that is b"" is left out."""
    numbers = {name.replace("-", "_"): kind for kind, name in abi.NAMES["event"].items()}
    values = {
        "time": TIME.to_bytes(8, "little"),
        "reason": abi.REASON.index("bad-request").to_bytes(4, "little"),
        "action": abi.EVENT_ACTION.index("reply").to_bytes(4, "little"),
        "address4": socket.inet_aton("192.0.2.7"),
        "port": (40112).to_bytes(2, "little"),
        "listener4": bytes(4),
        "listener_port": (80).to_bytes(2, "little"),
        **attributes,
    }
    return b"".join(netlink.attribute(numbers[name], value) for name, value in values.items() if value)


def test_least_event() -> None:
    assert log.to_object(message()) == {
        "time": "2025-11-29T18:09:03.104233Z",
        "reason": "bad_request",
        "action": "reply",
        "client": "192.0.2.7",
        "port": 40112,
        "listener": "0.0.0.0:80",
    }


def test_event_with_all() -> None:
    event = log.to_object(
        message(
            address4=b"",
            address6=socket.inet_pton(socket.AF_INET6, "2001:db8::7"),
            listener4=b"",
            listener6=bytes(16),
            status=(429).to_bytes(4, "little"),
            vhost=b"shop\0",
            method=b"GET",
            uri=b"/x",
            uri_length=(9000).to_bytes(4, "little"),
            detail=b"no Host\0",
            block_time=(1_500_000).to_bytes(4, "little"),
            tls_fingerprint=b"t12i010000_69b4acb9dd6a_000000000000\0",
        )
    )
    assert event == {
        **log.to_object(message()),
        "client": "2001:db8::7",
        "listener": "[::]:80",
        "status": 429,
        "vhost": "shop",
        "method": "GET",
        "uri": "/x",
        "uri_length": 9000,
        "detail": "no Host",
        "blocked_seconds": 1.5,
        "tls_fingerprint": "t12i010000_69b4acb9dd6a_000000000000",
    }


def test_block_without_an_end() -> None:
    assert log.to_object(message(block_time=bytes(4)))["blocked_seconds"] is None


def test_any_bytes_are_one_line_of_ascii() -> None:
    uri = bytes(range(256))
    line = json.dumps(log.to_object(message(uri=uri)))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["uri"].encode("latin-1") == uri


def test_reason_of_a_newer_module_is_its_number() -> None:
    assert log.to_object(message(reason=(200).to_bytes(4, "little")))["reason"] == "200"


@pytest.mark.parametrize("words", [["-f"], ["--follow", "--count", "3"], ["-f", "--seconds=0.5", "--count=1"]])
def test_options(words: list[str]) -> None:
    assert log._options(words) is not None


@pytest.mark.parametrize(
    "words",
    [[], ["-f", "x"], ["--count", "3"], ["-f", "--count"], ["-f", "--count", "0"], ["-f", "--seconds", "no"]],
    ids=" ".join,
)
def test_options_that_make_no_sense(words: list[str]) -> None:
    assert log._options(words) is None
