"""Shaped links without a machine: segments are cut up rightly, and what happens to them is the seed's doing alone."""

from __future__ import annotations

import struct

import pytest

from lab.link_relay import Direction, Shape
from lab.segments import PLAIN, Tcp, checksum, clamp_mss, split

PAYLOAD = bytes(range(256)) * 12
NEEDS_CHECKSUM = struct.pack("<BBHHHH", 1, 1, 54, 1000, 34, 16)  # a TSO segment of a virtio card, MSS 1000
FIN_PSH_ACK = 0x19


def ipv4(payload: bytes, *, sequence: int = 0xFFFFFF00, flags: int = FIN_PSH_ACK, options: bytes = b"") -> bytes:
    tcp = struct.pack("!HHIIBBHHH", 1000, 80, sequence, 1, (20 + len(options)) // 4 << 4, flags, 9, 0, 0) + options
    ip = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp) + len(payload), 5, 0x4000, 64, 6, 0, b"\n\0\0\1", b"\n\0\0\2"
    )
    return bytes(12) + b"\x08\x00" + ip + tcp + payload


def ipv6(payload: bytes) -> bytes:
    tcp = struct.pack("!HHIIBBHHH", 1000, 80, 7, 1, 5 << 4, FIN_PSH_ACK, 9, 0, 0)
    ip = struct.pack("!IHBB16s16s", 6 << 28, len(tcp) + len(payload), 6, 64, b"\xfd" * 16, b"\xfe" * 16)
    return bytes(12) + b"\x86\xdd" + ip + tcp + payload


def check_sums(frame: bytes) -> None:
    """A sum over data that includes its own right checksum is 0."""
    at = Tcp.find(frame)
    assert at is not None
    addresses = frame[at.ip + 12 : at.ip + 20] if at.version == 4 else frame[at.ip + 8 : at.ip + 40]
    assert checksum(addresses + struct.pack("!II", at.end - at.tcp, 6) + frame[at.tcp : at.end]) == 0
    if at.version == 4:
        assert checksum(frame[at.ip : at.tcp]) == 0


@pytest.mark.parametrize("frame", [ipv4(PAYLOAD), ipv6(PAYLOAD)], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize(
    ("header", "most", "sizes"), [(NEEDS_CHECKSUM, 0, [1000, 1000, 1000, 72]), (PLAIN, 2000, [2000, 1072])]
)
def test_split(frame: bytes, header: bytes, most: int, sizes: list[int]) -> None:
    at = Tcp.find(frame)
    assert at is not None
    made = split(header, frame, at, most)
    places = [Tcp.find(segment) for segment in made]
    payloads = [segment[place.payload : place.end] for segment, place in zip(made, places, strict=True) if place]
    assert [len(payload) for payload in payloads] == sizes
    assert b"".join(payloads) == PAYLOAD
    first = int.from_bytes(frame[at.tcp + 4 : at.tcp + 8])
    offset = 0
    for number, segment in enumerate(made):
        check_sums(segment)
        assert int.from_bytes(segment[at.tcp + 4 : at.tcp + 8]) == (first + offset) & 0xFFFFFFFF
        last = number == len(made) - 1
        assert segment[at.tcp + 13] == (FIN_PSH_ACK if last else 0x10)
        offset += sizes[number]


def test_segment_that_fits_is_left_alone() -> None:
    frame = ipv4(b"x")
    at = Tcp.find(frame)
    assert at is not None
    assert split(PLAIN, frame, at, 1) == [frame]
    (finished,) = split(NEEDS_CHECKSUM, frame, at, 0)
    check_sums(finished)


def test_mss_of_a_syn_is_lowered_and_never_raised() -> None:
    syn = ipv4(b"", flags=0x02, options=struct.pack("!BBHBBBB", 2, 4, 1460, 1, 1, 1, 0))
    at = Tcp.find(syn)
    assert at is not None
    clamped = clamp_mss(syn, at, 536)
    assert clamped[at.tcp + 20 : at.tcp + 24] == struct.pack("!BBH", 2, 4, 536)
    check_sums(clamped)
    assert clamp_mss(syn, at, 9000) is syn
    assert clamp_mss(ipv4(b"x"), at, 536) == ipv4(b"x")


def test_what_is_no_tcp_is_not_found() -> None:
    assert Tcp.find(bytes(12) + b"\x08\x06" + bytes(46)) is None
    assert Tcp.find(b"") is None


def send(shape: Shape, count: int, *, at: float = 0.0) -> tuple[Direction, list[bytes]]:
    sent: list[bytes] = []
    direction = Direction("to_guest", sent.append)
    direction.shape(shape)
    for number in range(count):
        direction.take(PLAIN, ipv4(b"%d" % number), at)
        direction.release(at)
    direction.release(at + 10)
    return direction, sent


def test_segments_are_lost_doubled_and_reordered_as_asked() -> None:
    direction, sent = send(Shape(loss=0.1, duplicate=0.1, reorder=0.2, seed=1), 2000)
    counters = direction.counters
    assert 140 < counters.lost < 260
    assert 120 < counters.duplicated < 240
    assert 280 < counters.reordered < 440
    assert counters.passed == len(sent) == 2000 - counters.lost + counters.duplicated
    assert sent != sorted(sent, key=lambda frame: int(frame[64:] or b"0"))


def test_seed_decides() -> None:
    shape = Shape(loss=0.2, duplicate=0.1, reorder=0.3, seed=5)
    assert send(shape, 300)[1] == send(shape, 300)[1]
    assert send(shape, 300)[1] != send(Shape(loss=0.2, duplicate=0.1, reorder=0.3, seed=6), 300)[1]


def test_plain_shape_changes_nothing() -> None:
    direction, sent = send(Shape(), 10)
    assert sent == [PLAIN + ipv4(b"%d" % number) for number in range(10)]
    assert direction.counters.passed == 10


def test_delay_holds_back() -> None:
    sent: list[bytes] = []
    direction = Direction("to_guest", sent.append)
    direction.shape(Shape(delay_ms=50))
    direction.take(PLAIN, ipv4(b"x"), 1.0)
    assert direction.release(1.04) == pytest.approx(1.05)
    assert sent == []
    assert direction.release(1.06) is None
    assert len(sent) == 1


def test_cut_lets_nothing_pass() -> None:
    direction, sent = send(Shape(cut=True), 10)
    assert sent == []
    assert direction.counters.lost == 10
