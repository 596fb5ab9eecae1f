"""The lab's own network: one bridge in the lab's network namespace, and addresses without number on the host's side.

Clients and origins are processes in this namespace. Their addresses are not configured one by one: a `local` route
over a whole range (AnyIP, ip-route(8)) makes every address in it this host's, so that hundreds cost nothing, and a
process only has to bind to one. The guest routes all of them by the bridge's address, so it needs a single neighbour.
No route leads out of the namespace.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import HostError, InfrastructureError

BRIDGE = "weir0"
BRIDGE_MAC = "52:54:00:77:00:01"

HOST = "10.77.0.1"
HOST6 = "fd77::1"
NETWORK = ipaddress.IPv4Network("10.77.0.0/16")
NETWORK6 = ipaddress.IPv6Network("fd77::/64")
ORIGINS = ipaddress.IPv4Network("10.77.2.0/24")
CLIENTS = ipaddress.IPv4Network("10.77.128.0/17")
ORIGINS6 = ipaddress.IPv6Network("fd77:0:0:2::/64")
CLIENTS6 = ipaddress.IPv6Network("fd77:c::/64")
ROUTED = (ORIGINS, CLIENTS)
ROUTED6 = (ORIGINS6, CLIENTS6)

MAX_GUESTS = 200
RT_TABLE_LOCAL, RT_SCOPE_UNIVERSE, RT_SCOPE_HOST = 255, 0, 254  # linux/rtnetlink.h
TUN = Path("/dev/net/tun")


@dataclass(frozen=True)
class GuestPort:
    """Where a guest is plugged in: its tap device and its addresses."""

    index: int

    @property
    def tap(self) -> str:
        return f"tap{self.index}"

    @property
    def mac(self) -> str:
        return f"52:54:00:77:01:{self.index + 2:02x}"

    @property
    def address(self) -> str:
        return str(NETWORK[self.index + 2])

    @property
    def address6(self) -> str:
        return str(NETWORK6[self.index + 2])


class Network:
    """The lab's network as tests see it. `set_up()` makes it, once, in the current network namespace."""

    host_address = HOST
    host_address6 = HOST6
    bridge = BRIDGE

    @staticmethod
    def client_address(number: int) -> str:
        """The number-th client's IPv4 address, from 0; every one is the host's own already: just bind to it."""
        return _nth(CLIENTS, number)

    @staticmethod
    def client_address6(number: int) -> str:
        """The number-th client's IPv6 address, from 0."""
        return _nth(CLIENTS6, number)

    @staticmethod
    def origin_address(number: int) -> str:
        """The number-th origin server's IPv4 address, from 0."""
        return _nth(ORIGINS, number)

    @staticmethod
    def origin_address6(number: int) -> str:
        """The number-th origin server's IPv6 address, from 0."""
        return _nth(ORIGINS6, number)

    def set_up(self) -> None:
        """Make loopback, bridge, addresses and ranges. Raises InfrastructureError naming the step that failed."""
        set_sysctl("net/ipv6/conf/all/disable_ipv6", "0")
        set_sysctl("net/ipv6/conf/default/disable_ipv6", "0")
        set_sysctl("net/ipv6/conf/default/accept_dad", "0")
        set_sysctl("net/ipv6/conf/default/accept_ra", "0")
        # Thousands of short connections from one bound address must not wait for TIME_WAIT to pass.
        set_sysctl("net/ipv4/tcp_tw_reuse", "1")
        set_sysctl("net/ipv4/ip_local_port_range", "10000 65535")
        # IPv4's bind() takes an AnyIP address as local; IPv6's asks for a configured one unless told otherwise.
        set_sysctl("net/ipv6/ip_nonlocal_bind", "1")
        set_sysctl("net/core/somaxconn", "4096")
        with ip_route("the lab's bridge") as ip:
            loopback = ip.link_lookup(ifname="lo")[0]
            ip.link("set", index=loopback, state="up")
            ip.link("add", ifname=BRIDGE, kind="bridge", address=BRIDGE_MAC, br_stp_state=0, br_forward_delay=0)
            index = ip.link_lookup(ifname=BRIDGE)[0]
            ip.link("set", index=index, state="up")
            ip.addr("add", index=index, address=HOST, prefixlen=NETWORK.prefixlen)
            ip.addr("add", index=index, address=HOST6, prefixlen=NETWORK6.prefixlen)
            for block in (*ROUTED, *ROUTED6):
                _add_local_range(ip, block, loopback)
        # Where br_netfilter is loaded a new namespace may start with the bridge passing frames to the host's iptables.
        for family in ("iptables", "ip6tables", "arptables"):
            set_sysctl(f"net/bridge/bridge-nf-call-{family}", "0")

    def plug(self, port: GuestPort) -> None:
        """Make the guest's tap on the bridge, and its neighbour entries; nothing to do when they are there.

        Raises HostError without access to /dev/net/tun.
        """
        check_tun()
        with ip_route(f"the tap of guest {port.index}") as ip:
            bridge = ip.link_lookup(ifname=BRIDGE)[0]
            if not ip.link_lookup(ifname=port.tap):
                ip.link("add", ifname=port.tap, kind="tuntap", mode="tap", vnet_hdr=1)
            tap = ip.link_lookup(ifname=port.tap)[0]
            set_sysctl(f"net/ipv6/conf/{port.tap}/disable_ipv6", "1")
            ip.link("set", index=tap, master=bridge, state="up")
            for address in (port.address, port.address6):
                ip.neigh("replace", dst=address, lladdr=port.mac, ifindex=bridge, state="permanent")

    def unplug(self, port: GuestPort) -> None:
        """Remove the guest's tap; nothing to do when it is not there."""
        with ip_route(f"the tap of guest {port.index}") as ip:
            for index in ip.link_lookup(ifname=port.tap):
                ip.link("del", index=index)


def check_tun() -> None:
    """Raises HostError, with the mend, when /dev/net/tun cannot be opened."""
    try:
        with TUN.open("r+b", buffering=0):
            pass
    except FileNotFoundError:
        raise HostError(f"{TUN} is missing", hint="sudo modprobe tun; in a container: --device /dev/net/tun") from None
    except PermissionError:
        raise HostError(f"no access to {TUN}", hint=f"sudo chmod 0666 {TUN}, or run as root") from None
    except OSError as error:
        raise HostError(f"{TUN} does not work: {error.strerror}", hint="sudo modprobe tun") from None


def set_sysctl(name: str, value: str) -> None:
    """Write /proc/sys/<name> unless it is missing or already so. Raises InfrastructureError when refused."""
    path = Path("/proc/sys") / name
    try:
        if path.read_text().split() != value.split():
            path.write_text(value)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InfrastructureError(f"cannot set {path} to {value}: {error.strerror}") from error


def _add_local_range(ip: Any, block: ipaddress.IPv4Network | ipaddress.IPv6Network, loopback: int) -> None:
    """`ip route add local BLOCK dev lo`."""
    family, scope = (socket.AF_INET, RT_SCOPE_HOST) if block.version == 4 else (socket.AF_INET6, RT_SCOPE_UNIVERSE)
    ip.route("add", family=family, dst=str(block), type="local", scope=scope, table=RT_TABLE_LOCAL, oif=loopback)


def _nth(block: ipaddress.IPv4Network | ipaddress.IPv6Network, number: int) -> str:
    """The number-th host address of a block, from 0; the block's first and last address are left out."""
    if not 0 <= number < block.num_addresses - 2:
        raise ValueError(f"{block} has no host number {number}")
    return str(block[number + 1])


class ip_route:
    """pyroute2's IPRoute, with its errors turned into InfrastructureError that name the work at hand."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> Any:
        from pyroute2 import IPRoute

        self.handle = IPRoute()
        return self.handle

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        from pyroute2 import NetlinkError

        self.handle.close()
        if isinstance(error, NetlinkError):
            raise InfrastructureError(
                f"cannot make {self.what}: {error}", hint="the lab needs its own network namespace: `python -m lab run`"
            ) from error
