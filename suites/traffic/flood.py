"""Packet floods from the lab's bridge into a guest, bounded in count and in time.

Frames are made beforehand and sent by a packet socket in a process of its own, as fast as it goes: the test's own
threads keep their time. Sources are the lab's client addresses, so nothing that answers them leaves the lab.
"""

from __future__ import annotations

import argparse
import errno
import ipaddress
import json
import select
import socket
import struct
import subprocess
import sys
import time
from types import TracebackType
from typing import Self

SOURCES = 250
KINDS = ("udp", "syn")


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    total = (total & 0xFFFF) + (total >> 16)
    return int(~(total + (total >> 16)) & 0xFFFF)


def frame(kind: str, macs: tuple[bytes, bytes], source: str, target: str, ports: tuple[int, int]) -> bytes:
    """One Ethernet frame with a UDP datagram of 18 bytes or a TCP SYN; checksums right, so it is taken seriously."""
    addresses = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(target).packed
    if kind == "udp":
        protocol = socket.IPPROTO_UDP
        body = struct.pack("!HHHH", *ports, 26, 0) + bytes(18)
        at = 6
    else:
        protocol = socket.IPPROTO_TCP
        body = struct.pack("!HHIIBBHHHBBH", *ports, 1, 0, 6 << 4, 2, 64240, 0, 0, 2, 4, 1460)
        at = 16
    total = checksum(addresses + struct.pack("!BBH", 0, protocol, len(body)) + body)
    body = body[:at] + struct.pack("!H", total or 0xFFFF) + body[at + 2 :]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, 64, protocol, 0) + addresses
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return macs[1] + macs[0] + b"\x08\x00" + head + body


class Flood:
    """A flood for as long as the `with` lasts, and never longer than `seconds` or `packets`."""

    def __init__(
        self,
        kind: str,
        *,
        interface: str,
        mac: str,
        target: str,
        sources: list[str],
        port: int,
        packets: int,
        seconds: float,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"no such flood: {kind}")
        request = {
            "kind": kind,
            "interface": interface,
            "mac": mac,
            "target": target,
            "sources": sources[:SOURCES],
            "port": port,
            "packets": packets,
            "seconds": seconds,
        }
        self._argv = [sys.executable, "-m", "suites.traffic.flood", json.dumps(request)]
        self._process: subprocess.Popen[str] | None = None
        self.sent = 0
        self.lasted = False
        """Whether it was still going on when the `with` ended."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "started\n":
            raise RuntimeError("the flood did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self.lasted = self._process.poll() is None
        out, _ = self._process.communicate(timeout=30)  # closes its standard input, which ends it
        self.sent = int(out or 0)


def main(request: str) -> None:
    """Flood until standard input ends, the packets are sent or the time is up; prints how many were sent."""
    wanted = json.loads(request)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((wanted["interface"], 0))
        own: bytes = sender.getsockname()[4]
        macs = (own, bytes.fromhex(wanted["mac"].replace(":", "")))
        frames = [
            frame(wanted["kind"], macs, source, wanted["target"], (10000 + number, wanted["port"]))
            for number, source in enumerate(wanted["sources"] * 4)
        ]
        print("started", flush=True)
        end = time.monotonic() + wanted["seconds"]
        sent = 0
        while sent < wanted["packets"] and time.monotonic() < end and not select.select([sys.stdin], [], [], 0)[0]:
            for data in frames:
                try:
                    sender.send(data)
                except OSError as error:
                    if error.errno != errno.ENOBUFS:  # the tap's queue is full, as is meant
                        raise
            sent += len(frames)
    print(sent)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("request", help="JSON, as class Flood writes it")
    main(parser.parse_args().request)
