"""What mbed TLS, the module's other engine, makes of messages that are not what they should be.

Only where it is not what is due: the rest of each table holds for both engines.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from suites.duts.dut import Dut
from tests.tls_programs import Alert


def is_own_engine(dut: Dut) -> bool:
    """Whether Weir's own is the module's, or another device is under test."""
    return dut.name != "weir" or dut.adapter.prepared.tls == "weir"


class Taken(Enum):
    """It refuses nothing: what follows is answered as if all had been right."""

    TAKEN = "taken"
    AT_FIRST = "refused behind its answer"


TAKEN: Final = Taken.TAKEN
AT_FIRST: Final = Taken.AT_FIRST
Otherwise = dict[str, Alert | Taken]

HELLOS: Final[Otherwise] = {
    # Not looked at, or not to its end.
    "rest": TAKEN,
    "versions-odd": TAKEN,
    "versions-rest": TAKEN,
    "groups-empty": TAKEN,
    "name-empty": TAKEN,
    "names-none": TAKEN,
    "modes-none": TAKEN,
    "early-data-body": TAKEN,
    "cookie-empty": TAKEN,
    "extensions-65": TAKEN,
    "twice": TAKEN,
    "unknown-twice": TAKEN,
    "share-twice": TAKEN,
    "share-without-group": TAKEN,
    "name-twice": TAKEN,
    "name-with-nul": TAKEN,
    # Called something else.
    "no-suites": Alert.HANDSHAKE_FAILURE,
    "share-empty": Alert.ILLEGAL_PARAMETER,
    "no-methods": Alert.ILLEGAL_PARAMETER,
    "versions-empty": Alert.PROTOCOL_VERSION,
    "alpn-empty-name": Alert.ILLEGAL_PARAMETER,
    "no-extensions": Alert.DECODE_ERROR,
    "psk-without-modes": Alert.ILLEGAL_PARAMETER,
    "psk-binders": Alert.DECODE_ERROR,
}
STARTS: Final[Otherwise] = {
    "change-cipher-spec": TAKEN,
    "hello-too-long": TAKEN,  # it has room for 16 KiB
    "two-messages": AT_FIRST,
    "torn-by-alert": Alert.UNEXPECTED_MESSAGE,
}
SECOND_HELLOS: Final[Otherwise] = {
    # It does not compare the second with the first.
    "no-share": Alert.HANDSHAKE_FAILURE,
    "other-share": TAKEN,
    "two-shares": TAKEN,
    "random": TAKEN,
    "session": TAKEN,
    "session-bytes": TAKEN,
    "suite": TAKEN,
}
FINISHES: Final[Otherwise] = {
    "sealed-change": TAKEN,
    "clear": Alert.BAD_RECORD_MAC,
    "alert-of-three": Alert.UNEXPECTED_MESSAGE,
}
RECORDS: Final[Otherwise] = {
    "change-cipher-spec": TAKEN,
    "too-much-padding": TAKEN,
    # It knows no KeyUpdate.
    "update-to-two": Alert.UNEXPECTED_MESSAGE,
    "update-of-two": Alert.UNEXPECTED_MESSAGE,
    "update-and-old-keys": Alert.UNEXPECTED_MESSAGE,
    "clear-alert": Alert.BAD_RECORD_MAC,
    "nothing": Alert.UNEXPECTED_MESSAGE,
    # The fourth is one too many.
    "empty": Alert.BAD_RECORD_MAC,
    "too-much-plain": Alert.UNEXPECTED_MESSAGE,
}
CHANGED: Final[Otherwise] = {
    "byte 2": Alert.UNEXPECTED_MESSAGE,  # of the version
}
SCAPYS: Final[dict[str, str]] = {
    "no suites": "handshake_failure",
    "a byte behind the hello": "decode_error",
    "an extension twice": "",
    "change of ciphers first": "",
}
"""Of test_scapy.py; empty: it is taken."""
OUT_OF_PLACE: Final[dict[str, Alert]] = {
    "KeyUpdate-of-no-kind": Alert.UNEXPECTED_MESSAGE,
    "KeyUpdate-without-a-body": Alert.UNEXPECTED_MESSAGE,
}
"""Of test_tlslite.py, in TLS 1.3."""
GOOD: Final[dict[str, Alert]] = {
    "tls-1.0-in-disguise": Alert.PROTOCOL_VERSION,
}
