"""SSH into guests: keys made for each lab, host keys verified, fabric and testinfra on top.

The lab makes the guest's host key and its own key pair before the first boot and hands both in, so that no first
connection has to be trusted blindly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

USER = "root"
PORT = 22
CONNECT_TIMEOUT = 15.0  # seconds on the reference host
KEY_TYPE = "ssh-ed25519"


@dataclass(frozen=True)
class KeyPair:
    """An Ed25519 key in OpenSSH's formats."""

    private: bytes
    public: str  # "ssh-ed25519 AAAA..."

    @classmethod
    def generate(cls) -> KeyPair:
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        return cls(private, public)


class Keys:
    """The lab's own key and the host keys of its guests, with the files that ssh programs want below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.identity = folder / "id_ed25519"
        self.known_hosts = folder / "known_hosts"
        self.config = folder / "ssh_config"
        self._own = KeyPair.generate()
        self._hosts: dict[str, KeyPair] = {}
        self.identity.touch(mode=0o600)
        self.identity.write_bytes(self._own.private)
        self.config.write_text(
            f"Host *\n  User {USER}\n  IdentityFile {self.identity}\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.known_hosts}\n  StrictHostKeyChecking yes\n"
        )

    def guest_files(self, addresses: tuple[str, ...]) -> dict[str, tuple[bytes, int]]:
        """Files for the guest that answers at `addresses`: path without leading slash, bytes and mode."""
        host = self._hosts.setdefault(addresses[0], KeyPair.generate())
        lines = [f"{address} {pair.public}\n" for name, pair in self._hosts.items() for address in {name, *addresses}]
        self.known_hosts.write_text("".join(sorted(set(lines))))
        return {
            "etc/ssh/ssh_host_ed25519_key": (host.private, 0o600),
            "etc/ssh/ssh_host_ed25519_key.pub": (f"{host.public}\n".encode(), 0o644),
            "etc/ssh/sshd_config.d/10-lab.conf": (SSHD_CONFIG.encode(), 0o644),
            "root/.ssh/authorized_keys": (f"{self._own.public}\n".encode(), 0o600),
        }


# Of the host keys only the one that the lab made; name look-ups and PAM would only wait for what is not there.
SSHD_CONFIG = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
UsePAM no
PrintMotd no
PrintLastLog no
"""


def connect(address: str, keys: Keys) -> Any:
    """A connected fabric.Connection as root; a host key other than the guest's raises paramiko's SSHException."""
    import fabric
    import paramiko

    from lab.deadline import Deadline

    timeout = Deadline(CONNECT_TIMEOUT).remaining
    config = fabric.Config(overrides={"load_ssh_configs": False, "run": {"hide": True, "in_stream": False}})
    connection = fabric.Connection(
        address,
        user=USER,
        port=PORT,
        config=config,
        connect_timeout=timeout,
        connect_kwargs={
            "pkey": paramiko.Ed25519Key.from_private_key_file(str(keys.identity)),
            "allow_agent": False,
            "look_for_keys": False,
            "banner_timeout": timeout,
            "auth_timeout": timeout,
        },
    )
    connection.client.load_host_keys(str(keys.known_hosts))
    connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
    connection.open()
    return connection


def testinfra_host(address: str, keys: Keys) -> Any:
    """testinfra host over paramiko, with the same keys and the same verification."""
    import testinfra

    return testinfra.get_host(f"paramiko://{USER}@{address}", ssh_config=str(keys.config))
