"""TCP frames as a link sees them: told apart, cut into smaller segments, checksums complete.

A guest hands its network card segments of up to 64 KiB with half a checksum, which the card is to finish ("offload",
virtio 1.2 section 5.1.6). What crosses a real link are frames of at most the MTU: `split` makes those.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

VNET_HEADER: Final = 10  # struct virtio_net_hdr
PLAIN: Final = bytes(VNET_HEADER)
_NEEDS_CHECKSUM: Final = 1
_ETHERNET: Final = 14
_IPV4, _IPV6, _TCP = 0x0800, 0x86DD, 6
_FIN, _SYN, _PSH = 0x01, 0x02, 0x08
_OPTION_END, _OPTION_NOP, _OPTION_MSS = 0, 1, 2


@dataclass(frozen=True)
class Tcp:
    """Where the parts of an Ethernet frame with TCP inside are."""

    version: int
    ip: int
    tcp: int
    payload: int
    end: int

    @classmethod
    def find(cls, frame: bytes) -> Tcp | None:
        """None when it is no TCP segment, or one in fragments."""
        if len(frame) < _ETHERNET + 40:
            return None
        kind = int.from_bytes(frame[12:14])
        if kind == _IPV4:
            words = frame[_ETHERNET] & 15
            fragment = int.from_bytes(frame[20:22]) & 0x3FFF
            if frame[_ETHERNET + 9] != _TCP or fragment:
                return None
            tcp, end = _ETHERNET + 4 * words, _ETHERNET + int.from_bytes(frame[16:18])
            version = 4
        elif kind == _IPV6 and frame[_ETHERNET + 6] == _TCP:
            tcp, end = _ETHERNET + 40, _ETHERNET + 40 + int.from_bytes(frame[18:20])
            version = 6
        else:
            return None
        if len(frame) < tcp + 20 or len(frame) < end:
            return None
        return cls(version, _ETHERNET, tcp, tcp + 4 * (frame[tcp + 12] >> 4), end)


def clamp_mss(frame: bytes, at: Tcp, most: int) -> bytes:
    """The frame, with the MSS that a SYN announces lowered to `most`; its checksum is then to be made anew."""
    if not frame[at.tcp + 13] & _SYN:
        return frame
    place = at.tcp + 20
    while place + 4 <= at.payload and frame[place] != _OPTION_END:
        if frame[place] == _OPTION_MSS:
            if int.from_bytes(frame[place + 2 : place + 4]) <= most:
                return frame
            return _complete(bytearray(frame[: place + 2] + most.to_bytes(2) + frame[place + 4 :]), at)
        place += 1 if frame[place] == _OPTION_NOP else max(2, frame[place + 1])
    return frame


def split(header: bytes, frame: bytes, at: Tcp, most: int) -> list[bytes]:
    """The frame as segments of at most `most` bytes each (0: as the sender's own MSS says), checksums complete."""
    flags, _, _, size = struct.unpack_from("<BBHH", header)
    bounds = [bound for bound in (size, most) if bound]
    payload = frame[at.payload : at.end]
    if not bounds or len(payload) <= min(bounds):
        return [_complete(bytearray(frame), at) if flags & _NEEDS_CHECKSUM else frame]
    step = min(bounds)
    made: list[bytes] = []
    for start in range(0, len(payload), step):
        piece = payload[start : start + step]
        last = start + step >= len(payload)
        segment = bytearray(frame[: at.payload] + piece)
        sequence = (int.from_bytes(segment[at.tcp + 4 : at.tcp + 8]) + start) & 0xFFFFFFFF
        segment[at.tcp + 4 : at.tcp + 8] = sequence.to_bytes(4)
        if not last:
            segment[at.tcp + 13] &= ~(_FIN | _PSH) & 0xFF
        if at.version == 4:
            segment[at.ip + 2 : at.ip + 4] = (len(segment) - at.ip).to_bytes(2)
            number = (int.from_bytes(segment[at.ip + 4 : at.ip + 6]) + len(made)) & 0xFFFF
            segment[at.ip + 4 : at.ip + 6] = number.to_bytes(2)
        else:
            segment[at.ip + 4 : at.ip + 6] = (len(segment) - at.tcp).to_bytes(2)
        made.append(_complete(segment, Tcp(at.version, at.ip, at.tcp, at.payload, len(segment))))
    return made


def _complete(segment: bytearray, at: Tcp) -> bytes:
    """Both checksums made anew."""
    if at.version == 4:
        segment[at.ip + 10 : at.ip + 12] = bytes(2)
        segment[at.ip + 10 : at.ip + 12] = checksum(bytes(segment[at.ip : at.tcp])).to_bytes(2)
        addresses = segment[at.ip + 12 : at.ip + 20]
    else:
        addresses = segment[at.ip + 8 : at.ip + 40]
    segment[at.tcp + 16 : at.tcp + 18] = bytes(2)
    pseudo = bytes(addresses) + struct.pack("!II", at.end - at.tcp, _TCP)
    segment[at.tcp + 16 : at.tcp + 18] = checksum(pseudo + bytes(segment[at.tcp : at.end])).to_bytes(2)
    return bytes(segment)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071): a ones' complement sum is a remainder by 65535."""
    if len(data) % 2:
        data += b"\0"
    total = int.from_bytes(data)
    return 0xFFFF - (total % 0xFFFF or (0xFFFF if total else 0))
