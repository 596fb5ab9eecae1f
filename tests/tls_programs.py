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
from lab.fuzz_build import sources_of
from lab.tools import ToolsTree
from tests.oracle import Oracle

KMOD: Final = ROOT / "kmod"
SUITES: Final = KMOD / "tests/tls"
WARNINGS: Final = ("-Wall", "-Wextra", "-Wno-sign-compare", "-Wno-unused-parameter", "-Werror")
FLAGS: Final = (
    "-std=gnu11", "-O1", "-g", *WARNINGS, "-Wno-deprecated-declarations",
    "-fsanitize=address,undefined,bounds-strict", "-fno-sanitize-recover=all",
)  # fmt: skip

STATIC: Final = ("-std=gnu11", "-g", "-mgeneral-regs-only", "-fno-strict-aliasing", "-static", *WARNINGS)
"""As the kernel builds its code, by general registers alone; for the host's valgrind, whose libraries are others."""
STATIC_LIBRARIES: Final = ("-lcrypto", "-lz", "-lzstd")


def build(
    tools: ToolsTree,
    name: str,
    sources: list[Path],
    flags: tuple[str, ...] = FLAGS,
    libraries: tuple[str, ...] = ("-lcrypto",),
) -> Path:
    """The program `name` made from `sources` and the engine, unless cached. Fails with the compiler's words."""
    sources = [*sources, *sources_of("tls")]

    def compile_into(folder: Path) -> None:
        argv = sandbox.command(tools, ["gcc", *flags, "-o", folder / name, *sources, *libraries], cwd=ROOT)
        completed = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        assert completed.returncode == 0, completed.stderr

    inputs = [*sources, *sorted(SUITES.rglob("*.h")), *sorted(KMOD.glob("tls_*.h")), KMOD / "http_types.h"]
    key = digest(name, tools.key, flags, libraries, {str(path.relative_to(KMOD)): path for path in inputs})
    return Cache().ensure("tls-tests", key, compile_into) / name


def chain_of(certificates: list[bytes]) -> bytes:
    """The list of a Certificate message, of certificates in DER."""
    return b"".join(len(der).to_bytes(3, "big") + der + b"\0\0" for der in certificates)


class Event(IntEnum):
    """enum tls_event."""

    HUNGRY = 0
    DATA = 1
    END = 2
    FAILED = 3
    BLOCKED = 4
    WANTS_ROOM = 5
    SIGN = 6


class State(IntEnum):
    """enum tls_state."""

    WAIT_HELLO = 0
    WAIT_SECOND_HELLO = 1
    WAIT_SIGNATURE = 2
    WAIT_KEY_EXCHANGE = 3
    WAIT_CHANGE = 4
    WAIT_FINISHED = 5
    OPEN = 6
    HALF_CLOSED = 7
    CLOSED = 8


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
    INAPPROPRIATE_FALLBACK = 86
    USER_CANCELED = 90
    NO_RENEGOTIATION = 100
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
        self.oracle.ask(b"k", chain_of(chain), key.to_bytes(32, "big"))

    def rsa_identity(self, chain: list[bytes], key: bytes) -> None:
        """The same with a key of RSA, as kmod/tests/tls/rsa_key.h has it."""
        self.oracle.ask(b"K", chain_of(chain), key)

    def staple(self, staple: bytes, until: int = 1 << 40) -> None:
        """The status of both certificates, and when it is old; empty: none."""
        self.oracle.ask(b"o", staple, until.to_bytes(8, "little"))

    def connect(
        self,
        *,
        p256_first: bool = False,
        key_records: int = 0,
        cookie: bool = False,
        sign_later: bool = False,
        refused_cipher: int = 0,
        tls_1_3: bool = False,
        refused: bool = False,
        random: bytes = b"",
    ) -> None:
        """Ends the connection there is, which must leave nothing behind, and begins one."""
        options = bytes([p256_first, key_records, cookie, sign_later, refused_cipher, tls_1_3, refused])
        self.oracle.ask(b"n", options, random)

    def sign(self, *, fails: bool = False) -> Said:
        """The signature that is due is there, or could not be made; then what has come meanwhile is read."""
        return self._said(self.oracle.ask(b"g", bytes([fails])))

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

    def resumed(self) -> bool:
        """Whether a session went on."""
        return bool(self.oracle.ask(b"s", b"")[4])

    def stapled(self) -> bool:
        """Whether a status was sent."""
        return bool(self.oracle.ask(b"s", b"")[5])

    def tickets(self, *keys: bytes, lifetime: int = 0, count: int = 1) -> None:
        """Name and key of each in 48 bytes, the first encrypts; none: no tickets."""
        self.oracle.ask(b"t", b"".join(keys), lifetime.to_bytes(4, "little") + bytes([count]))

    def clock(self, seconds: int) -> None:
        """The time, since the epoch."""
        self.oracle.ask(b"T", seconds.to_bytes(8, "little"))

    def secrets(self) -> list[bytes]:
        """The traffic secrets of reading and of writing, each in 48 bytes."""
        told = self.oracle.ask(b"s", b"")[6:]
        return [told[:48], told[48:]]

    def greetings(self) -> bytes:
        """The hellos, without their headers, that the connection's owner was asked about."""
        return self.oracle.ask(b"F", b"")

    def fingerprint(self, hello: bytes) -> str:
        """That of a ClientHello without its header; "" of one that it refuses."""
        return self.oracle.ask(b"f", hello).decode("ascii")

    @staticmethod
    def _said(answer: bytes) -> Said:
        length = int.from_bytes(answer[4:8], "little")
        state, alert = State(answer[1]), Alert(answer[2])
        return Said(answer[0], state, alert, bool(answer[3]), answer[8 : 8 + length], answer[8 + length :])
