"""The process between a guest's tap and the bridge that loses, delays, doubles and cuts up what crosses a shaped link.

Started by lab/link.py as `python -m lab.link_relay GUEST_TAP BRIDGE_TAP`. It speaks JSON lines: a shape comes in on
standard input, the counters go out after each. What happens to a frame depends on the seed and on how many TCP
segments went that way before it, on nothing else; frames that are not TCP (ARP, neighbour discovery) pass untouched.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from lab.segments import PLAIN, VNET_HEADER, Tcp, clamp_mss, split

# linux/if_tun.h, linux/if_packet.h
TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 0x0002, 0x1000, 0x4000
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
ETH_P_ALL = 3
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
_LARGEST = 1 << 17
_HELD_AT_MOST = 20_000  # frames waiting in each direction; what comes beyond is lost, as on any queue
_TO_GUEST, _FROM_GUEST = "to_guest", "from_guest"


@dataclass
class Shape:
    """Shares are of segments, 0 to 1. `held_ms` is how long one that is reordered waits, so that others pass it."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay_ms: float = 0.0
    held_ms: float = 5.0
    mtu: int = 0
    segment: int = 0
    seed: int = 0
    cut: bool = False


@dataclass
class Counters:
    """Of one direction, in TCP segments."""

    passed: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    split: int = 0
    overflowed: int = 0


class Direction:
    """One way through the relay: what is done to a segment, and those that wait for their time."""

    def __init__(self, name: str, send: Callable[[bytes], None]) -> None:
        self.name = name
        self.counters = Counters()
        self._send = send
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, bytes]] = []
        self.shape(Shape())

    def shape(self, shape: Shape) -> None:
        self._shape = shape
        self._random = random.Random(f"{shape.seed} {self.name}")

    def take(self, header: bytes, frame: bytes, now: float) -> None:
        """A frame has come."""
        at = Tcp.find(frame)
        if self._shape.cut:
            self.counters.lost += at is not None
            return
        if at is None:
            self._send(header + frame)
            return
        if self._shape.mtu:
            changed = clamp_mss(frame, at, self._shape.mtu - (40 if at.version == 4 else 60))
            header, frame = (PLAIN, changed) if changed is not frame else (header, frame)
        segments = split(header, frame, at, self._shape.segment)
        self.counters.split += len(segments) - 1
        for segment in segments:
            self._pass(segment, now)

    def _pass(self, segment: bytes, now: float) -> None:
        lose, double, hold = (self._random.random() for _ in range(3))
        if lose < self._shape.loss:
            self.counters.lost += 1
            return
        due = now + self._shape.delay_ms / 1000
        if hold < self._shape.reorder:
            self.counters.reordered += 1
            due += self._shape.held_ms / 1000
        copies = 1
        if double < self._shape.duplicate:
            self.counters.duplicated += 1
            copies = 2
        for _ in range(copies):
            if len(self._waiting) >= _HELD_AT_MOST:
                self.counters.overflowed += 1
                continue
            heapq.heappush(self._waiting, (due, next(self._order), PLAIN + segment))

    def release(self, now: float) -> float | None:
        """Send what is due; the time at which the next one is."""
        while self._waiting and self._waiting[0][0] <= now:
            self._send(heapq.heappop(self._waiting)[2])
            self.counters.passed += 1
        return self._waiting[0][0] if self._waiting else None


def open_tap(name: str) -> int:
    """A tap that lives as long as the descriptor."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    return descriptor


def open_packets(interface: str) -> socket.socket:
    """Everything that arrives on an interface, and a way out of it."""
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    packets.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    packets.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    packets.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    packets.bind((interface, 0))
    packets.setblocking(False)
    return packets


def main(guest_tap: str, bridge_tap: str) -> None:
    """Relays until standard input ends."""
    commands = open(sys.stdin.fileno(), "rb", buffering=0)  # noqa: PTH123, SIM115 - unbuffered, for poll() to tell the truth
    tap, packets = open_tap(bridge_tap), open_packets(guest_tap)

    def quietly(send: Callable[[bytes], object]) -> Callable[[bytes], None]:
        def attempt(data: bytes) -> None:
            with contextlib.suppress(OSError):  # a full queue, an interface that is down: lost, as on any link
                send(data)

        return attempt

    inward = Direction(_TO_GUEST, quietly(packets.send))
    outward = Direction(_FROM_GUEST, quietly(lambda data: os.write(tap, data)))
    print(json.dumps({}), flush=True)
    poll = select.poll()
    for descriptor in (sys.stdin.fileno(), tap, packets.fileno()):
        poll.register(descriptor, select.POLLIN)
    while True:
        now = time.monotonic()
        due = [when for when in (inward.release(now), outward.release(now)) if when is not None]
        wait = max(0.0, min(due) - now) * 1000 if due else None
        for descriptor, _ in poll.poll(wait):
            if descriptor == sys.stdin.fileno():
                line = commands.readline()
                if not line:
                    return
                answer(line, inward, outward)
            elif descriptor == tap:
                drain(lambda: os.read(tap, _LARGEST), inward)
            else:
                drain(lambda: packets.recv(_LARGEST), outward)


def drain(receive: Callable[[], bytes], direction: Direction) -> None:
    """All that has come, up to a bound."""
    for _ in range(64):
        try:
            data = receive()
        except BlockingIOError:
            return
        except OSError:  # the interface went down
            return
        direction.take(data[:VNET_HEADER], data[VNET_HEADER:], time.monotonic())


def answer(line: bytes, inward: Direction, outward: Direction) -> None:
    """Take a shape, if the line has one, and say the counters."""
    command = json.loads(line)
    if command:
        shape = Shape(**command)
        inward.shape(shape)
        outward.shape(shape)
    counters = {direction.name: asdict(direction.counters) for direction in (inward, outward)}
    print(json.dumps(counters), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
