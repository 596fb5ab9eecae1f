"""Keys and files for SSH into guests."""

from __future__ import annotations

from pathlib import Path

import paramiko
import pytest

from lab.errors import UsageError
from lab.ssh import Access, Keys


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


def test_a_guest_gets_its_host_key_and_admits_the_lab(keys: Keys) -> None:
    files = keys.add_guest("guest", "10.77.0.2", "fd77::2")
    own = paramiko.Ed25519Key.from_private_key_file(str(keys.identity))
    assert files["root/.ssh/authorized_keys"][0].split()[1].decode() == own.get_base64()
    known = paramiko.HostKeys(str(keys.known_hosts))
    host = files["etc/ssh/ssh_host_ed25519_key.pub"][0].split()[1].decode()
    for address in ("10.77.0.2", "fd77::2"):
        assert known[address]["ssh-ed25519"].get_base64() == host


def test_private_keys_are_private(keys: Keys) -> None:
    files = keys.add_guest("guest", "10.77.0.2")
    assert keys.identity.stat().st_mode & 0o777 == 0o600
    assert keys.folder.stat().st_mode & 0o777 == 0o700
    assert files["etc/ssh/ssh_host_ed25519_key"][1] == 0o600
    assert files["root/.ssh/authorized_keys"][1] == 0o600


def test_every_guest_has_a_key_of_its_own_and_every_lab(tmp_path: Path) -> None:
    labs = [Keys(tmp_path / "one"), Keys(tmp_path / "two")]
    made = [
        keys.add_guest(name, address)["etc/ssh/ssh_host_ed25519_key.pub"][0]
        for keys in labs
        for name, address in (("a", "10.77.0.2"), ("b", "10.77.0.3"))
    ]
    assert len(set(made)) == 4
    assert labs[0].identity.read_bytes() != labs[1].identity.read_bytes()


def test_guests_are_found_by_name(keys: Keys, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no guest guest") as caught:
        Access(tmp_path).address("guest")
    assert "none so far" in caught.value.hint
    keys.add_guest("guest", "10.77.0.2")
    keys.add_guest("router", "10.77.0.3")
    assert Access(tmp_path).address("router") == "10.77.0.3"
    with pytest.raises(UsageError) as caught:
        Access(tmp_path).address("other")
    assert "guest, router" in caught.value.hint
