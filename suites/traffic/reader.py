"""A strict reader of HTTP/1.1 messages (RFC 9112), used by both scripted sides.

Whatever the device under test writes goes through it, so leniency here would hide its faults: a bare CR or LF, a folded
line, white space before a colon, two framings at once, or a chunk that is not exactly delimited is a violation.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from suites.traffic.errors import Closed, Incomplete, ProtocolViolation
from suites.traffic.messages import Body, Fields, Framing, Head, Request, Response, Responses

HEAD_LIMIT = 1 << 18  # bytes; far above any limit that a device under test is given

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rf"{_TOKEN} [!-~\x80-\xff]+ HTTP/(1\.[01])")
_STATUS_LINE = re.compile(r"HTTP/(1\.[01]) [1-9]\d\d [\t -~\x80-\xff]*")
_FIELD_LINE = re.compile(rf"({_TOKEN}):[ \t]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*")
_QUOTED = r'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_CHUNK_LINE = re.compile(rf"([0-9A-Fa-f]{{1,16}})(?:;{_TOKEN}(?:=(?:{_TOKEN}|{_QUOTED}))?)*")


class MessageReader:
    """Reads messages from `receive`, which returns b"" at the end. `raw` holds every byte that came."""

    def __init__(self, receive: Callable[[], bytes], *, record: bool = True) -> None:
        self._receive = receive
        self._buffer = bytearray()
        self._ended = False
        self._was_reset = False
        self._record = record
        self.raw = bytearray()

    @property
    def pending(self) -> bytes:
        """Bytes that have come and belong to no message read so far."""
        return bytes(self._buffer)

    def read_request_head(self) -> Head:
        """Raises Closed when the peer ended the connection between messages."""
        return self._read_head(_REQUEST_LINE, "request line")

    def read_request(self, head: Head | None = None) -> Request:
        """The rest of the request whose head was read, or a whole one."""
        head = head or self.read_request_head()
        return Request(head, self._read_body(head, request_framing(head)))

    def read_response(self, *, to: str = "GET") -> Response:
        """The next final response to a request of method `to`, and the interim ones before it."""
        interim: list[Head] = []
        while True:
            head = self._read_head(_STATUS_LINE, "status line")
            status = int(head.start_line.split(" ")[1])
            if status >= 200 or status == 101:
                break
            interim.append(head)
        return Response(head, self._read_body(head, response_framing(head, to)), tuple(interim))

    def read_interim(self) -> Head:
        """The next interim response."""
        head = self._read_head(_STATUS_LINE, "status line")
        if not head.start_line.split(" ")[1].startswith("1"):
            raise ProtocolViolation(f"an interim response was due, got {head.start_line!r}")
        return head

    def read_responses(self, count: int, *, to: str = "GET") -> Responses:
        return Responses(self.read_response(to=to) for _ in range(count))

    def take_some(self) -> bytes:
        """The bytes that have come and were not read yet; waits for the next ones if there are none."""
        if not self._buffer and not self._fill():
            raise Incomplete("the connection ended where more was expected", reset=self._was_reset)
        taken = bytes(self._buffer)
        self._buffer.clear()
        return taken

    def wait_for_bytes(self, data: bytes) -> None:
        """Read, without consuming, until these bytes have come in a row."""
        while data not in self._buffer:
            if not self._fill():
                raise Incomplete(f"the connection ended before {data[:60]!r} came", received=self.pending)

    def read_end(self) -> bytes:
        """Everything up to the end of the connection, however it ends."""
        while self._fill():
            pass
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    @property
    def was_reset(self) -> bool:
        """Whether the connection ended with RST."""
        return self._was_reset

    def expect_closed(self) -> None:
        """Raises ProtocolViolation unless the connection ends now, with no byte more."""
        rest = self.read_end()
        if rest:
            raise ProtocolViolation(f"the connection should have ended, got {rest[:200]!r}")

    def _fill(self) -> bool:
        if self._ended:
            return False
        try:
            data = self._receive()
        except (ConnectionResetError, BrokenPipeError):
            self._was_reset = True
            data = b""
        if not data:
            self._ended = True
            return False
        self._buffer += data
        if self._record:
            self.raw += data
        return True

    def _read_head(self, start: re.Pattern[str], what: str) -> Head:
        searched = 0
        while (end := self._buffer.find(b"\r\n\r\n", searched)) < 0:
            searched = max(0, len(self._buffer) - 3)
            if len(self._buffer) > HEAD_LIMIT:
                raise ProtocolViolation(f"no end of the head within {HEAD_LIMIT} bytes")
            if not self._fill():
                if not self._buffer:
                    how = "reset" if self._was_reset else "closed"
                    raise Closed(f"the connection was {how} where a {what} could come", reset=self._was_reset)
                raise Incomplete(
                    f"the connection ended inside a head: {bytes(self._buffer[:200])!r}", reset=self._was_reset
                )
        raw = bytes(self._buffer[: end + 4])
        del self._buffer[: end + 4]
        first, *lines = raw[:-4].decode("latin-1").split("\r\n")
        match = start.fullmatch(first)
        if not match:
            raise ProtocolViolation(f"not a {what}: {first!r}")
        return Head(first, match[1], Fields(_field(line) for line in lines), raw)

    def _read_body(self, head: Head, framing: Framing) -> Body:
        if framing is Framing.NONE:
            return Body()
        if framing is Framing.LENGTH:
            return Body(self.take(int(head.fields["content-length"])), framing)
        if framing is Framing.CLOSE:
            content = self.read_end()
            if self._was_reset:
                raise Incomplete("the connection was reset inside a close-delimited body", received=content, reset=True)
            return Body(content, framing)
        return self._read_chunks()

    def _read_chunks(self) -> Body:
        content = bytearray()
        sizes: list[int] = []
        in_payload = False
        try:
            while size := self._chunk_size():
                in_payload = True
                content += self.take(size)
                in_payload = False
                sizes.append(size)
                if self.take(2) != b"\r\n":
                    raise ProtocolViolation(f"chunk {len(sizes)} of {size} bytes does not end with CRLF")
            trailers = []
            while line := self._line():
                trailers.append(_field(line))
        except Incomplete as cut:
            received = bytes(content) + (cut.received if in_payload else b"")
            raise Incomplete(str(cut), received=received, reset=cut.reset) from None
        return Body(bytes(content), Framing.CHUNKED, tuple(sizes), Fields(trailers))

    def _chunk_size(self) -> int:
        line = self._line()
        match = _CHUNK_LINE.fullmatch(line)
        if not match:
            raise ProtocolViolation(f"not the size of a chunk: {line!r}")
        return int(match[1], 16)

    def _line(self) -> str:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > HEAD_LIMIT:
                raise ProtocolViolation("a line without end")
            if not self._fill():
                raise Incomplete(
                    f"the connection ended inside a line: {bytes(self._buffer[:200])!r}", reset=self._was_reset
                )
        line = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + 2]
        return line

    def take(self, count: int) -> bytes:
        """So many bytes, of whatever kind. Raises Incomplete when the connection ends before."""
        while len(self._buffer) < count:
            if not self._fill():
                had = bytes(self._buffer)
                raise Incomplete(
                    f"the connection ended after {len(had)} of {count} bytes", received=had, reset=self._was_reset
                )
        taken = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return taken


def request_framing(head: Head) -> Framing:
    """How the body of a request ends (RFC 9112 section 6.3), refusing what an intermediary must never send."""
    framing = _declared(head)
    return Framing.NONE if framing is Framing.CLOSE else framing


def response_framing(head: Head, method: str) -> Framing:
    """How the body of the response to a request of `method` ends (RFC 9112 section 6.3)."""
    status = int(head.start_line.split(" ")[1])
    framing = _declared(head)
    if status == 204 or status < 200:
        if "content-length" in head.fields or "transfer-encoding" in head.fields:
            raise ProtocolViolation(f"a {status} response must not declare a body (RFC 9110 section 8.6)")
        return Framing.NONE
    if method == "HEAD" or status == 304 or (method == "CONNECT" and status < 300):
        return Framing.NONE
    return framing


def _declared(head: Head) -> Framing:
    lengths = head.fields.all("content-length")
    codings = head.fields.tokens("transfer-encoding")
    if lengths and codings:
        raise ProtocolViolation("both Content-Length and Transfer-Encoding (RFC 9112 section 6.2)")
    if codings:
        if codings != ["chunked"] or head.version != "1.1":
            raise ProtocolViolation(f"transfer codings {codings} in an HTTP/{head.version} message")
        return Framing.CHUNKED
    if lengths:
        if len(lengths) > 1 or not re.fullmatch(r"\d{1,18}", lengths[0]):
            raise ProtocolViolation(f"Content-Length {lengths}")
        return Framing.LENGTH
    return Framing.CLOSE


def _field(line: str) -> tuple[str, str]:
    match = _FIELD_LINE.fullmatch(line)
    if not match:
        raise ProtocolViolation(f"not a field line: {line!r}")
    return match[1], match[2]
