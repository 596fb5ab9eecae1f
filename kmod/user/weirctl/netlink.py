"""Netlink messages and a socket for them, as much as generic netlink requests need.

include/uapi/linux/netlink.h has the format. Everything is in the host's byte order, and 4-byte aligned.
"""

from __future__ import annotations

# The plain socket type: `socket` would cost a fresh weirctl more than most of what else it imports.
import _socket
import errno
import struct
import sys
import time
from collections.abc import Iterator

AF_NETLINK = 16
NETLINK_GENERIC = 16
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11

NLM_F_REQUEST = 0x1
NLM_F_MULTI = 0x2
NLM_F_ACK = 0x4
NLM_F_DUMP = 0x300
NLM_F_DUMP_INTR = 0x10
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200

NLMSG_NOOP = 1
NLMSG_ERROR = 2
NLMSG_DONE = 3

NLMSGERR_ATTR_MSG = 1
NLMSGERR_ATTR_OFFS = 2
NLMSGERR_ATTR_MISS_TYPE = 5

NLA_F_NESTED = 0x8000
_NLA_TYPE_MASK = 0x3FFF

HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")

# The kernel's dumps come in pieces of at most 32 KiB.
_RECEIVE_BYTES = 65536
# So many messages are sent at once that their errors fit into the socket's receive buffer ...
_CHUNK_MESSAGES = 64
# ... and so many bytes, unless one alone has more, that they fit into its send buffer.
_CHUNK_BYTES = 65536


class FormatError(ValueError):
    """Bytes that are not the netlink they should be."""


class KernelError(Exception):
    """The kernel refused a request.

    errno: positive. message: the extended acknowledgement's text, "" without. offset: of the attribute at fault in
    the request, counted from its header's first byte; missing: type of a missing attribute; None without.
    """

    def __init__(self, number: int, message: str = "", offset: int | None = None, missing: int | None = None) -> None:
        super().__init__(f"{errno.errorcode.get(number, number)}: {message}")
        self.errno = number
        self.message = message
        self.offset = offset
        self.missing = missing


class Interrupted(Exception):
    """What a dump shows was changed while it was made: ask again."""


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute with its padding. Raises FormatError when it would be too long for its length field."""
    length = 4 + len(payload)
    if length > 0xFFFF:
        raise FormatError(f"attribute {kind} of {length} bytes")
    return _ATTRIBUTE.pack(length, kind) + payload + bytes(-length % 4)


def u16(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=H", value))


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def uint(kind: int, value: int) -> bytes:
    """The type `uint`: four bytes when they suffice, else eight."""
    return attribute(kind, struct.pack("=I" if value < 2**32 else "=Q", value))


def text(kind: int, value: str) -> bytes:
    """A string with its closing NUL."""
    return attribute(kind, value.encode() + b"\0")


def nest(kind: int, payload: bytes) -> bytes:
    return attribute(kind | NLA_F_NESTED, payload)


def attributes(data: bytes) -> list[tuple[int, int, bytes]]:
    """(type without flags, offset, payload) of each attribute in `data`, in order. Raises FormatError."""
    found = []
    at = 0
    while at < len(data):
        if len(data) - at < 4:
            raise FormatError(f"{len(data) - at} bytes after the last attribute")
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if not 4 <= length <= len(data) - at:
            raise FormatError(f"attribute of {length} bytes where {len(data) - at} are left")
        found.append((kind & _NLA_TYPE_MASK, at, data[at + 4 : at + length]))
        at += length + (-length % 4)
    return found


def table(data: bytes) -> dict[int, bytes]:
    """Attributes by type; of several with one type the last. Raises FormatError."""
    return {kind: payload for kind, _, payload in attributes(data)}


def number(payload: bytes) -> int:
    """An unsigned integer of any of netlink's sizes. Raises FormatError for another size."""
    if len(payload) not in (1, 2, 4, 8):
        raise FormatError(f"integer of {len(payload)} bytes")
    return int.from_bytes(payload, sys.byteorder)


def string(payload: bytes) -> str:
    """A string, up to its NUL."""
    return payload.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def message(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    """One message with its padding."""
    length = HEADER.size + len(payload)
    return HEADER.pack(length, kind, flags, sequence, 0) + payload + bytes(-length % 4)


def messages(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """(type, flags, sequence, payload) of each message in `data`. Raises FormatError."""
    found = []
    at = 0
    while at < len(data):
        if len(data) - at < HEADER.size:
            raise FormatError(f"{len(data) - at} bytes after the last message")
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, at)
        if not HEADER.size <= length <= len(data) - at:
            raise FormatError(f"message of {length} bytes where {len(data) - at} are left")
        found.append((kind, flags, sequence, data[at + HEADER.size : at + length]))
        at += length + (-length % 4)
    return found


def acknowledgement(kind: int, flags: int, payload: bytes) -> KernelError | None:
    """What an NLMSG_ERROR or NLMSG_DONE (kind) says: the refusal, or None for success. Raises FormatError."""
    if len(payload) < 4:
        raise FormatError(f"acknowledgement of {len(payload)} bytes")
    (code,) = struct.unpack_from("=i", payload)
    if code >= 0:
        return None
    told: dict[int, bytes] = {}
    if flags & NLM_F_ACK_TLVS:
        at = 4
        if kind == NLMSG_ERROR:
            # After the errno: the request's header, and its payload unless capped.
            if len(payload) < at + HEADER.size:
                raise FormatError(f"acknowledgement of {len(payload)} bytes")
            (length,) = struct.unpack_from("=I", payload, at)
            at += HEADER.size if flags & NLM_F_CAPPED else max(HEADER.size, length + (-length % 4))
        told = table(payload[at:])
    return KernelError(
        -code,
        string(told.get(NLMSGERR_ATTR_MSG, b"")),
        number(told[NLMSGERR_ATTR_OFFS]) if NLMSGERR_ATTR_OFFS in told else None,
        number(told[NLMSGERR_ATTR_MISS_TYPE]) if NLMSGERR_ATTR_MISS_TYPE in told else None,
    )


class Outcome:
    """What came of one request: payloads of its replies, and the refusal if there was one."""

    __slots__ = ("error", "replies")

    def __init__(self) -> None:
        self.replies: list[bytes] = []
        self.error: KernelError | None = None


def _chunks(requests: list[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """The requests, as many together as one write may have."""
    chunk: list[tuple[int, bytes]] = []
    size = 0
    for request in requests:
        size += len(request[1])
        if chunk and (len(chunk) == _CHUNK_MESSAGES or size > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], len(request[1])
        chunk.append(request)
    if chunk:
        yield chunk


class Socket:
    """A generic netlink socket; requests and their answers matched by sequence number.

    timeout: seconds that one exchange may take. Raises OSError where the kernel has no netlink to offer.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._sequence = 0
        self._socket = _socket.socket(AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, NETLINK_GENERIC)
        try:
            self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
            self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        except OSError:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def exchange(self, requests: list[tuple[int, bytes]]) -> list[Outcome]:
        """Send (type, payload) requests in as few writes as is safe, and collect what the kernel says to each.

        Only the last of each write asks for an acknowledgement: refusals come anyway, and nothing else is worth the
        time. A write follows only when the one before had no refusal; the outcomes end with the last one sent.
        Raises TimeoutError, OSError, FormatError.
        """
        outcomes: list[Outcome] = []
        for chunk in _chunks(requests):
            outcomes += self._write(chunk)
            if any(outcome.error for outcome in outcomes):
                break
        return outcomes

    def _write(self, requests: list[tuple[int, bytes]]) -> list[Outcome]:
        first = self._sequence + 1
        self._sequence += len(requests)
        flags = [NLM_F_REQUEST] * (len(requests) - 1) + [NLM_F_REQUEST | NLM_F_ACK]
        self._socket.send(
            b"".join(
                message(kind, flag, first + i, payload)
                for i, ((kind, payload), flag) in enumerate(zip(requests, flags, strict=True))
            )
        )
        outcomes = [Outcome() for _ in requests]
        deadline = time.monotonic() + self.timeout
        while True:
            for kind, flag, sequence, payload in self._receive(deadline):
                # Anything else is the late answer to a request given up earlier.
                if not first <= sequence <= self._sequence:
                    continue
                outcome = outcomes[sequence - first]
                if kind == NLMSG_ERROR:
                    outcome.error = acknowledgement(kind, flag, payload)
                    if sequence == self._sequence:
                        return outcomes
                elif kind != NLMSG_NOOP:
                    outcome.replies.append(payload)

    def dump(self, kind: int, payload: bytes) -> list[bytes]:
        """Payloads of all messages of a dump. Raises KernelError, Interrupted, TimeoutError, OSError, FormatError."""
        return list(self.stream(kind, payload))

    def stream(self, kind: int, payload: bytes) -> Iterator[bytes]:
        """As dump(), but as they come, the timeout being for each piece; Interrupted comes behind the last."""
        self._sequence += 1
        self._socket.send(message(kind, NLM_F_REQUEST | NLM_F_DUMP, self._sequence, payload))
        asked = self._sequence
        interrupted = False
        while True:
            for answer, flags, sequence, content in self._receive(time.monotonic() + self.timeout):
                if sequence != asked:
                    continue
                interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
                if answer in (NLMSG_ERROR, NLMSG_DONE):
                    refusal = acknowledgement(answer, flags, content)
                    if refusal:
                        raise refusal
                    if interrupted:
                        raise Interrupted("the dump was interrupted by a change")
                    return
                if answer != NLMSG_NOOP:
                    yield content

    def join(self, group: int) -> None:
        """Become a member of a multicast group. Raises OSError."""
        self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)

    def notices(self, seconds: float | None) -> Iterator[bytes | None]:
        """Payloads of what is told to the groups, as it comes, for so long; None: some were lost, we were too slow.

        Raises OSError, FormatError.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            try:
                for _, _, sequence, payload in self._receive(deadline):
                    if sequence == 0:
                        yield payload
            except TimeoutError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                yield None

    def _receive(self, deadline: float | None) -> list[tuple[int, int, int, bytes]]:
        while True:
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                raise TimeoutError(f"no answer from the kernel in {self.timeout:g} s")
            self._socket.settimeout(remaining)
            data, _, flags, sender = self._socket.recvmsg(_RECEIVE_BYTES)
            if flags & _socket.MSG_TRUNC:
                raise FormatError(f"message of more than {_RECEIVE_BYTES} bytes")
            # Any local process may write to this socket; only port 0 is the kernel.
            if sender[0] == 0:
                return messages(data)
