"""A guest's link, which a test may shape: loss, reordering, duplicates, delay, MTU, segmentation; or cut.

    link.shape(loss=0.05, reorder=0.2, delay_ms=10, seed=7)
    ...
    assert link.counters["from_guest"].lost > 0
    link.clear()

A link that nobody shapes has nothing in its way: the guest's tap is a port of the bridge. Shaping takes it off the
bridge and puts a process between the two (lab/link_relay.py), since the host's kernel may have no netem.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.deadline import Deadline
from lab.errors import InfrastructureError
from lab.link_relay import Counters, Shape
from lab.network import BRIDGE, GuestPort, ip_route, set_sysctl

CHECKOUT = Path(__file__).resolve().parent.parent


class Link:
    """The link of one guest. Not shaped until `shape()` or `cut()`; `clear()` undoes both."""

    def __init__(self, port: GuestPort) -> None:
        self.port = port
        self._relay: subprocess.Popen[bytes] | None = None

    @property
    def shaped(self) -> bool:
        return self._relay is not None

    def shape(
        self,
        *,
        loss: float = 0.0,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        delay_ms: float = 0.0,
        held_ms: float = 5.0,
        mtu: int = 0,
        segment: int = 0,
        seed: int = 0,
    ) -> None:
        """From now on, in both directions: shares of TCP segments (0 to 1) are lost, doubled, or held back.

        `delay_ms` each way. `mtu` lowers what new connections agree on, `segment` cuts every segment's data into
        pieces of so many bytes, down to 1. The same seed does the same to the n-th segment of each direction.
        """
        for name, share in (("loss", loss), ("duplicate", duplicate), ("reorder", reorder)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is a share of segments, 0 to 1, not {share}")
        self._set(Shape(loss, duplicate, reorder, delay_ms, held_ms, mtu, segment, seed))

    def cut(self) -> None:
        """Nothing passes in either direction, and neither side is told."""
        self._set(Shape(cut=True))

    def clear(self) -> None:
        """As before: the guest's tap is a port of the bridge again."""
        if self._relay is None:
            return
        relay, self._relay = self._relay, None
        assert relay.stdin is not None
        relay.stdin.close()
        try:
            relay.wait(Deadline(5).seconds)
        except subprocess.TimeoutExpired:
            relay.kill()
            relay.wait()
        self._plug(relayed=False)

    @property
    def counters(self) -> dict[str, Counters]:
        """What has been done to segments since the link was shaped, by direction: to_guest and from_guest."""
        return {name: Counters(**values) for name, values in self._say({}).items()}

    def _set(self, shape: Shape) -> None:
        if self._relay is None:
            self._start()
        self._say(asdict(shape))

    def _start(self) -> None:
        self._relay = subprocess.Popen(
            [sys.executable, "-m", "lab.link_relay", self.port.tap, self._bridge_tap],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._answer()
        self._plug(relayed=True)

    @property
    def _bridge_tap(self) -> str:
        return f"shape{self.port.index}"

    def _plug(self, *, relayed: bool) -> None:
        # Off the bridge, the tap must not answer ARP for the host.
        set_sysctl(f"net/ipv4/conf/{self.port.tap}/arp_ignore", "8" if relayed else "0")
        with ip_route(f"the shaped link of guest {self.port.index}") as ip:
            bridge, tap = (ip.link_lookup(ifname=name)[0] for name in (BRIDGE, self.port.tap))
            ip.link("set", index=tap, master=0 if relayed else bridge)
            if relayed:
                set_sysctl(f"net/ipv6/conf/{self._bridge_tap}/disable_ipv6", "1")
                ip.link("set", index=ip.link_lookup(ifname=self._bridge_tap)[0], master=bridge, state="up")

    def _say(self, command: dict[str, Any]) -> dict[str, Any]:
        if self._relay is None:
            raise ValueError("this link is not shaped")
        assert self._relay.stdin is not None
        try:
            self._relay.stdin.write(json.dumps(command).encode() + b"\n")
            self._relay.stdin.flush()
        except BrokenPipeError:
            pass  # the answer will not come either
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._relay is not None
        assert self._relay.stdout is not None
        line = self._relay.stdout.readline()
        if not line:
            raise InfrastructureError(f"the relay of {self.port.tap} ended ({self._relay.wait()})")
        answer: dict[str, Any] = json.loads(line)
        return answer
