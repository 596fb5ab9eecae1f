"""One TCP socket under full control: exact bytes, separate segments, half-close, reset, and what its kernel knows.

Seconds are stretched by the host's measured speed (lab.deadline).
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import errno
import fcntl
import select
import socket
import struct
import termios
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from lab.deadline import Deadline
from suites.traffic.errors import LateReset, Silence

PATIENCE_S = 5.0
"""How long a peer may keep silent before a test calls it hung."""

SIOCOUTQ = termios.TIOCOUTQ  # tcp(7): bytes sent and not yet acknowledged, and bytes not yet sent
TCP_FASTOPEN_CONNECT = 30  # tcp(7): what is written first goes with the SYN if the peer has given us a cookie
_SYN_DATA_ACKNOWLEDGED = 32  # TCPI_OPT_SYN_DATA of include/uapi/linux/tcp.h
IP_FREEBIND = 15  # ip(7); the lab's client addresses are routed to the host, not assigned to an interface
IPV6_FREEBIND = 78  # linux/in6.h
# include/net/tcp_states.h
_ESTABLISHED, _FIN_WAIT1, _FIN_WAIT2, _TIME_WAIT, _CLOSE = 1, 4, 5, 6, 7
_PEER_OPEN = frozenset({_ESTABLISHED, _FIN_WAIT1, _FIN_WAIT2})
_FIN_ACKNOWLEDGED = frozenset({_FIN_WAIT2, _TIME_WAIT, _CLOSE})
_RECEIVE_BYTES = 1 << 18
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class TcpInfo:
    """What the kernel says of a connection: struct tcp_info of include/uapi/linux/tcp.h, the members used here."""

    state: int
    options: int
    send_mss: int
    unacked_segments: int
    retransmits: int
    bytes_acked: int
    bytes_received: int
    not_sent_bytes: int
    data_segments_in: int
    data_segments_out: int
    send_window: int

    @classmethod
    def parse(cls, raw: bytes) -> TcpInfo:
        return cls(
            state=raw[0],
            options=raw[5],
            send_mss=struct.unpack_from("I", raw, 16)[0],
            unacked_segments=struct.unpack_from("I", raw, 24)[0],
            retransmits=struct.unpack_from("I", raw, 100)[0],
            bytes_acked=struct.unpack_from("Q", raw, 120)[0],
            bytes_received=struct.unpack_from("Q", raw, 128)[0],
            not_sent_bytes=struct.unpack_from("I", raw, 144)[0],
            data_segments_in=struct.unpack_from("I", raw, 152)[0],
            data_segments_out=struct.unpack_from("I", raw, 156)[0],
            send_window=struct.unpack_from("I", raw, 228)[0],
        )


class DeafPort:
    """A listening port whose accept queue is full, so that its kernel drops every SYN: a peer that never answers."""

    def __init__(self, address: str) -> None:
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        self._listener.bind((address, 0))
        self._listener.listen(0)
        self.endpoint = "{}:{}".format(*self._listener.getsockname())
        self._fillers: list[socket.socket] = []

    def __enter__(self) -> Self:
        # A backlog of 0 holds one connection; the second handshake is dropped in its last step and fills the queue.
        for _ in range(2):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            filler.setblocking(False)
            filler.connect_ex(self._listener.getsockname())
            self._fillers.append(filler)
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for sock in (*self._fillers, self._listener):
            sock.close()


def dial(
    address: str, port: int, *, source: str, receive_buffer: int, patience: float, fast_open: bool
) -> socket.socket:
    """A connected socket: see Wire.connect()."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if fast_open:
            sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
            sock.bind((source, 0))
        sock.settimeout(Deadline(patience).seconds)
        sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


class Wire:
    """A connected socket. Reading past `patience` seconds of silence raises Silence, never hangs."""

    def __init__(self, sock: socket.socket, *, patience: float = PATIENCE_S) -> None:
        self._sock = sock
        self.patience = patience
        self.closed = False
        sock.setblocking(
            False
        )  # two threads may read and write at once: waiting is by poll(), not by the socket's mode
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @classmethod
    def connect(
        cls,
        address: str,
        port: int,
        *,
        source: str = "",
        receive_buffer: int = 0,
        patience: float = PATIENCE_S,
        fast_open: bool = False,
    ) -> Wire:
        """Connect from `source`; `receive_buffer` (bytes) is set before the handshake, so that it bounds the window.

        `fast_open`: TCP Fast Open (RFC 7413), whose handshake begins with the first write once the peer's cookie is
        known, and fetches that cookie before.
        """
        return cls(
            dial(address, port, source=source, receive_buffer=receive_buffer, patience=patience, fast_open=fast_open),
            patience=patience,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def local(self) -> tuple[str, int]:
        """Own address and port."""
        name = self._sock.getsockname()
        return name[0], name[1]

    @property
    def peer(self) -> tuple[str, int]:
        """The other side's address and port."""
        name = self._sock.getpeername()
        return name[0], name[1]

    @property
    def info(self) -> TcpInfo:
        return TcpInfo.parse(self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256).ljust(256, b"\0"))

    @property
    def unacknowledged(self) -> int:
        """Bytes written here that the peer's kernel has not acknowledged yet."""
        answer = array.array("i", [0])
        fcntl.ioctl(self._sock.fileno(), SIOCOUTQ, answer)
        return answer[0]

    @property
    def began_in_the_handshake(self) -> bool:
        """Whether the peer has acknowledged data that went with the SYN."""
        return bool(self.info.options & _SYN_DATA_ACKNOWLEDGED)

    def send(self, data: bytes | memoryview) -> None:
        """Write all of `data`; blocks while the peer's window is closed, at most `patience` seconds at a time."""
        view = memoryview(data)
        while view:
            taken = self._write(view)
            if not taken and not self._ready(select.POLLOUT, self.patience):
                raise Silence(f"the peer took no byte for {self.patience:g} s (window closed)")
            view = view[taken:]

    def send_what_fits(self, data: bytes | memoryview) -> int:
        """Write what the kernel takes without waiting, and return how many bytes that was."""
        return self._write(data)

    def _write(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    def send_apart(self, pieces: Iterable[bytes]) -> None:
        """Write each piece as a segment of its own: the next goes out only when the peer's kernel has this one."""
        for piece in pieces:
            self.send(piece)
            self.wait_acknowledged()

    def wait_acknowledged(self) -> None:
        """Wait until the peer's kernel has every byte written so far."""
        if self.unacknowledged == 0:
            return
        Deadline(self.patience).wait_for(
            lambda: self.unacknowledged == 0, interval=0.0002, what="the peer's kernel to acknowledge what was sent"
        )

    def receive(self, *, patience: float | None = None) -> bytes:
        """The next bytes, or b"" once the peer has shut its side. Raises ConnectionResetError, LateReset, Silence."""
        limit = self.patience if patience is None else patience
        while True:
            try:
                return self._sock.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                if not self._ready(select.POLLIN, limit):
                    raise Silence(f"no byte came for {limit:g} s") from None
            except ConnectionResetError as reset:
                if self._has_sent_again():
                    raise LateReset(reset.errno, "reset after a retransmission") from reset
                raise

    def _has_sent_again(self) -> bool:
        try:
            return bool(self.info.retransmits)
        except OSError:  # closed meanwhile by another thread
            return False

    def _ready(self, event: int, seconds: float) -> bool:
        poll, deadline = select.poll(), Deadline(seconds)
        poll.register(self._sock, event)
        while not poll.poll(deadline.remaining * 1000):
            if deadline.expired:
                return False
        return True

    def half_close(self) -> None:
        """Send FIN, keep reading. Raises ConnectionResetError if the peer has reset the connection."""
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno == errno.ENOTCONN:
                raise ConnectionResetError(error.errno, "the peer reset the connection") from error
            raise

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def finish(self) -> None:
        """Send FIN while another thread may be blocked in receive(), which goes on."""
        if not self.closed:
            with contextlib.suppress(OSError):  # the other side was quicker
                self._sock.shutdown(socket.SHUT_WR)

    @property
    def fin_acknowledged(self) -> bool:
        """Whether the peer's kernel has our FIN, or the connection is gone altogether."""
        try:
            return self.info.state in _FIN_ACKNOWLEDGED
        except OSError:
            return True

    @property
    def peer_has_closed(self) -> bool:
        """Whether the peer's FIN or RST has come, read or not."""
        return self.info.state not in _PEER_OPEN

    def abort(self) -> None:
        """Send RST while another thread may be blocked on this socket; that thread closes the descriptor."""
        if not self.closed:
            # connect(2): AF_UNSPEC dissolves the association; the kernel resets a connection dissolved so.
            sockaddr = struct.pack("H14x", socket.AF_UNSPEC)
            _libc.connect(self._sock.fileno(), sockaddr, len(sockaddr))

    def interrupt(self) -> None:
        """Wake whoever is blocked on this socket in another thread, without the descriptor being reused under him."""
        if not self.closed:
            with contextlib.suppress(OSError):  # not connected any more: nobody can be blocked
                self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.closed = True
        self._sock.close()
