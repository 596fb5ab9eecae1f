"""`weirctl log`: events as lines of JSON, as they happen."""

from __future__ import annotations

import json
import sys
import time

from . import abi, netlink, schema
from .routing import render_network

# typing's own would cost a fresh weirctl some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .family import Family

EXPECTED = "log: expected -f, and at most --count N and --seconds SECONDS"
_GENL_HEADER = 4


def _when(microseconds: int) -> str:
    """RFC 3339, in UTC."""
    whole, rest = divmod(microseconds, 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{rest:06}Z"


def _word(name: str, value: int) -> str:
    """What an enumeration's value is called; one of a newer module by its number."""
    words = abi.ENUMS["event"][name]
    return words[value].replace("-", "_") if value < len(words) else str(value)


def to_object(content: bytes) -> dict[str, object]:
    """An event's attributes as an object. Raises ValueError, KeyError."""
    values = {abi.NAMES["event"].get(kind, ""): payload for kind, payload in netlink.table(content).items()}
    address = values.get("address4") or values["address6"]
    event: dict[str, object] = {
        "time": _when(netlink.number(values["time"])),
        "reason": _word("reason", netlink.number(values["reason"])),
        "action": _word("action", netlink.number(values["action"])),
        "client": render_network(address, 8 * len(address)),
        "port": netlink.number(values["port"]),
        "listener": schema.render_address(
            values.get("listener4") or values["listener6"], netlink.number(values["listener-port"])
        ),
    }
    if "status" in values:
        event["status"] = netlink.number(values["status"])
    for name in ("vhost", "detail", "tls-fingerprint"):
        if name in values:
            event[name.replace("-", "_")] = netlink.string(values[name])
    # A character for each byte, whatever they are: JSON escapes all that are not printable ASCII.
    for name in ("method", "uri"):
        if name in values:
            event[name] = values[name].decode("latin-1")
    if "uri-length" in values:
        event["uri_length"] = netlink.number(values["uri-length"])
    if "block-time" in values:
        microseconds = netlink.number(values["block-time"])
        event["blocked_seconds"] = schema.seconds(microseconds) if microseconds else None
    return event


def _options(words: list[str]) -> tuple[int | None, float | None] | None:
    """How many events, and for how long; None where the words make no sense."""
    count: int | None = None
    seconds: float | None = None
    following = False
    words = list(words)
    while words:
        name, equals, value = words.pop(0).partition("=")
        if name in ("-f", "--follow") and not equals:
            following = True
            continue
        if name not in ("--count", "--seconds") or not (equals or words):
            return None
        value = value if equals else words.pop(0)
        try:
            if name == "--count":
                count = int(value)
            else:
                seconds = float(value)
        except ValueError:
            return None
    valid = following and (count is None or count > 0) and (seconds is None or 0 < seconds <= 1e6)
    return (count, seconds) if valid else None


def run(arguments: list[str], family: Family) -> bool:
    """Carry out `log ARGUMENTS`; False where they make no sense. Raises Refused."""
    options = _options(arguments)
    if options is None:
        return False
    left, seconds = options
    for message in family.follow(abi.GROUP_EVENTS, seconds):
        if message is None:
            print("weirctl: some events were lost: they came faster than they were read", file=sys.stderr)
            continue
        if message[0] != abi.CMD_EVENT:
            continue
        sys.stdout.write(json.dumps(to_object(message[_GENL_HEADER:])) + "\n")
        sys.stdout.flush()
        if left is not None:
            left -= 1
            if not left:
                break
    return True
