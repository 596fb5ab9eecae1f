"""What the tests of the TLS engine share: its programs, built in the tools tree, and how they are asked."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from lab import sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.tools import ToolsTree
from tests.oracle import Oracle

KMOD: Final = ROOT / "kmod"
SUITES: Final = KMOD / "tests/tls"
WARNINGS: Final = ("-Wall", "-Wextra", "-Wno-sign-compare", "-Wno-unused-parameter", "-Werror")
FLAGS: Final = (
    "-std=gnu11", "-O1", "-g", *WARNINGS, "-Wno-deprecated-declarations",
    "-fsanitize=address,undefined,bounds-strict", "-fno-sanitize-recover=all",
)  # fmt: skip


def build(
    tools: ToolsTree,
    name: str,
    sources: list[Path],
    flags: tuple[str, ...] = FLAGS,
    libraries: tuple[str, ...] = ("-lcrypto",),
) -> Path:
    """The program `name` made from `sources` and the engine, unless cached. Fails with the compiler's words."""
    sources = [*sources, *sorted(KMOD.glob("tls_*.c"))]

    def compile_into(folder: Path) -> None:
        argv = sandbox.command(tools, ["gcc", *flags, "-o", folder / name, *sources, *libraries], cwd=ROOT)
        completed = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        assert completed.returncode == 0, completed.stderr

    inputs = [*sources, *sorted(SUITES.rglob("*.h")), *sorted(KMOD.glob("tls_*.h")), KMOD / "http_types.h"]
    key = digest(name, tools.key, flags, libraries, {str(path.relative_to(KMOD)): path for path in inputs})
    return Cache().ensure("tls-tests", key, compile_into) / name


class Event(IntEnum):
    """enum tls_event."""

    HUNGRY = 0
    DATA = 1
    END = 2
    FAILED = 3
    BLOCKED = 4


class State(IntEnum):
    """enum tls_state."""

    WAIT_HELLO = 0
    WAIT_SECOND_HELLO = 1
    WAIT_FINISHED = 2
    OPEN = 3
    HALF_CLOSED = 4
    CLOSED = 5


class Alert(IntEnum):
    """RFC 8446, section 6; 0 also stands for none."""

    CLOSE_NOTIFY = 0
    UNEXPECTED_MESSAGE = 10
    BAD_RECORD_MAC = 20
    RECORD_OVERFLOW = 22
    HANDSHAKE_FAILURE = 40
    ILLEGAL_PARAMETER = 47
    DECODE_ERROR = 50
    DECRYPT_ERROR = 51
    PROTOCOL_VERSION = 70
    INTERNAL_ERROR = 80
    USER_CANCELED = 90
    MISSING_EXTENSION = 109
    UNRECOGNIZED_NAME = 112
    NO_APPLICATION_PROTOCOL = 120


@dataclass(frozen=True)
class Said:
    """What the engine made of a call: `out` is for the peer, `data` came from it."""

    event: int
    state: State
    alert: Alert
    sent_alert: bool
    out: bytes
    data: bytes


class Engine:
    """kmod/tests/tls/engine.c: one connection at a time."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle

    def identity(self, chain: list[bytes], key: int) -> None:
        """The certificates, in DER, and the secret number of the first one's key."""
        entries = [len(der).to_bytes(3, "big") + der + b"\0\0" for der in chain]
        self.oracle.ask(b"k", b"".join(entries), key.to_bytes(32, "big"))

    def connect(self, *, p256_first: bool = False, key_records: int = 0, random: bytes = b"") -> None:
        """Ends the connection there is, which must leave nothing behind, and begins one."""
        self.oracle.ask(b"n", bytes([p256_first, key_records]), random)

    def read(self, data: bytes) -> Said:
        """Gives it bytes of the client's."""
        return self._said(self.oracle.ask(b"r", data))

    def write(self, data: bytes) -> Said:
        """One record; `event` is whether it was written."""
        return self._said(self.oracle.ask(b"w", data))

    def close(self) -> Said:
        """Sends close_notify."""
        return self._said(self.oracle.ask(b"c", b""))

    def agreed(self) -> tuple[int, int, bool]:
        """The suite's number, the group's place (0: X25519, 1: P-256), whether ALPN chose HTTP/1.1."""
        told = self.oracle.ask(b"s", b"")
        return int.from_bytes(told[:2], "big"), told[2], bool(told[3])

    def secrets(self) -> list[bytes]:
        """The traffic secrets of reading and of writing, each in 48 bytes."""
        told = self.oracle.ask(b"s", b"")[4:]
        return [told[:48], told[48:]]

    @staticmethod
    def _said(answer: bytes) -> Said:
        length = int.from_bytes(answer[4:8], "little")
        state, alert = State(answer[1]), Alert(answer[2])
        return Said(answer[0], state, alert, bool(answer[3]), answer[8 : 8 + length], answer[8 + length :])
