"""Addresses of the lab's network, and what makes it; what it does is tested in test_isolation.py."""

from __future__ import annotations

import ipaddress
import itertools
from pathlib import Path

import pytest

from lab import network
from lab.errors import HostError
from lab.network import CLIENTS, CLIENTS6, NETWORK, ORIGINS, ORIGINS6, GuestPort, Network


def test_blocks_do_not_overlap() -> None:
    assert not ORIGINS.overlaps(CLIENTS)
    for one, other in itertools.combinations([ORIGINS6, CLIENTS6, network.NETWORK6], 2):
        assert not one.overlaps(other), (one, other)


@pytest.mark.parametrize(
    ("address", "block"),
    [
        (Network.origin_address, ORIGINS),
        (Network.client_address, CLIENTS),
        (Network.origin_address6, ORIGINS6),
        (Network.client_address6, CLIENTS6),
    ],
)
def test_addresses_are_distinct_hosts_of_their_block(address, block) -> None:  # type: ignore[no-untyped-def]
    found = [ipaddress.ip_address(address(number)) for number in range(200)]
    assert len(set(found)) == 200
    assert all(one in block and one != block.network_address for one in found)
    with pytest.raises(ValueError, match="no host number"):
        address(-1)
    with pytest.raises(ValueError, match="no host number"):
        address(block.num_addresses)


def test_guests_have_their_own_place() -> None:
    ports = [GuestPort(index) for index in range(network.MAX_GUESTS)]
    for unique in ("tap", "mac", "address", "address6"):
        assert len({getattr(port, unique) for port in ports}) == network.MAX_GUESTS
    for port in ports:
        assert ipaddress.IPv4Address(port.address) in NETWORK
        assert not any(ipaddress.IPv4Address(port.address) in block for block in (ORIGINS, CLIENTS))
        assert len(port.tap) < 16


@pytest.mark.parametrize("missing", ["absent", "folder"])
def test_without_a_tun_device_the_host_is_to_blame(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    monkeypatch.setattr(network, "TUN", tmp_path if missing == "folder" else tmp_path / "tun")
    with pytest.raises(HostError, match=r"tun|does not work") as caught:
        network.check_tun()
    assert "modprobe tun" in caught.value.hint
