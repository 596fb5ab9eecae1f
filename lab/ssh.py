"""SSH into guests: keys made for each lab, host keys verified, fabric and testinfra on top.

The lab makes the guests' host keys and its own key pair before the first boot and hands them in, so that no first
connection has to be trusted blindly. The files below the run's `ssh` folder serve every ssh program:
`ssh -F .../ssh_config guest`, from within the lab.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from lab.deadline import Deadline
from lab.errors import InfrastructureError, UsageError

USER = "root"
PORT = 22
FOLDER = "ssh"  # below the run's folder
CONNECT_TIMEOUT = 15.0  # seconds on the reference host

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


class Access:
    """What a client of a lab's guests needs: files below the run's folder."""

    def __init__(self, run_dir: Path) -> None:
        self.folder = run_dir / FOLDER
        self.identity = self.folder / "id_ed25519"
        self.known_hosts = self.folder / "known_hosts"
        self.config = self.folder / "ssh_config"

    def address(self, guest: str) -> str:
        """The guest's address. Raises UsageError when the lab has none of that name."""
        import paramiko

        known = paramiko.SSHConfig()
        if self.config.exists():
            known = paramiko.SSHConfig.from_path(str(self.config))
        names = sorted(known.get_hostnames() - {"*"})
        if guest not in names:
            raise UsageError(f"this lab has no guest {guest}", hint=f"it has: {', '.join(names) or 'none so far'}")
        return str(known.lookup(guest)["hostname"])


class Keys(Access):
    """The keys of a new lab, written where Access finds them."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(run_dir)
        self._own = KeyPair.generate()
        self._guests: dict[str, tuple[tuple[str, ...], KeyPair]] = {}
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.identity.unlink(missing_ok=True)
        self.identity.touch(mode=0o600)
        self.identity.write_bytes(self._own.private)

    def add_guest(self, name: str, *addresses: str) -> dict[str, tuple[bytes, int]]:
        """Make known the guest that will answer at `addresses`, the main one first.

        Returns the files it needs: path without leading slash, bytes and mode.
        """
        host = KeyPair.generate()
        self._guests[name] = (addresses, host)
        known, config = "", ""
        for guest, (places, pair) in self._guests.items():
            known += "".join(f"{place} {pair.public}\n" for place in places)
            config += f"Host {guest}\n  HostName {places[0]}\n"
        self.known_hosts.write_text(known)
        self.config.write_text(
            f"{config}Host *\n  User {USER}\n  IdentityFile {self.identity}\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.known_hosts}\n  StrictHostKeyChecking yes\n"
        )
        return {
            "etc/ssh/ssh_host_ed25519_key": (host.private, 0o600),
            "etc/ssh/ssh_host_ed25519_key.pub": (f"{host.public}\n".encode(), 0o644),
            "etc/ssh/sshd_config.d/10-lab.conf": (SSHD_CONFIG.encode(), 0o644),
            "root/.ssh/authorized_keys": (f"{self._own.public}\n".encode(), 0o600),
        }


def connect(address: str, access: Access) -> Any:
    """A connected fabric.Connection as root.

    Raises InfrastructureError, also for a host key that is not the one the lab gave to the guest.
    """
    import fabric
    import paramiko

    timeout = Deadline(CONNECT_TIMEOUT).remaining
    config = fabric.Config(overrides={"load_ssh_configs": False, "run": {"hide": True, "in_stream": False}})
    connection = fabric.Connection(
        address,
        user=USER,
        port=PORT,
        config=config,
        connect_timeout=timeout,
        connect_kwargs={
            "pkey": paramiko.Ed25519Key.from_private_key_file(str(access.identity)),
            "allow_agent": False,
            "look_for_keys": False,
            "banner_timeout": timeout,
            "auth_timeout": timeout,
        },
    )
    connection.client.load_host_keys(str(access.known_hosts))
    connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        connection.open()
    except (OSError, paramiko.SSHException) as error:
        raise InfrastructureError(
            f"no SSH connection to {address}: {error or type(error).__name__}",
            hint="the guest's sshd writes /var/log/sshd.log; the agent works without a network: `lab shell`",
        ) from error
    return connection


def testinfra_host(address: str, connection: Any) -> Any:
    """testinfra host over a connection of connect(): testinfra's own would only warn of a wrong host key."""
    import testinfra

    host = testinfra.get_host(f"paramiko://{USER}@{address}")
    host.backend.client = connection.client
    return host
