"""`lab build --box`: a vagrant-libvirt box of the same image, kernel and init that the lab boots.

The box is the image alone, in a qcow2 file. Kernel, initrd and command line are handed to libvirt by the Vagrantfile,
so there is no bootloader. Keys are made per checkout and ride in the initrd; everything the Vagrantfile needs to
know is in `.vagrant/weir/box.json`, next to Vagrant's own state.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import accel, progress
from lab.cache import Cache, digest
from lab.cpio import Archive
from lab.image import Image, ensure_image
from lab.initramfs import ensure_initrd
from lab.kernel import ensure_kernel
from lab.lock import CHECKOUT, Lock
from lab.process import run_logged
from lab.sandbox import command
from lab.tools import ToolsTree, ensure_tools
from lab.topology import Node, Topology

RECIPE: Final = 1
STATE: Final = CHECKOUT / ".vagrant/weir"
_GUIDE: Final = "docs/vagrant.md"
_GIGABYTE: Final = 1 << 30
_SSHD_CONFIG: Final = """\
HostKey /etc/ssh/ssh_host_ecdsa_key
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
PrintMotd no
"""


@dataclass(frozen=True)
class Box:
    """`file` is the .box; `settings` is what the Vagrantfile reads."""

    file: Path
    settings: Path

    def describe(self) -> str:
        """What to do with it."""
        text = f"box: {self.file}\nsettings: {self.settings}\nnow: vagrant up --provider=libvirt"
        if json.loads(self.settings.read_text())["accel"] == "tcg" and accel.KVM.exists():
            text += f"\nKVM does not work here, and libvirt would try it for a minute each time: see {_GUIDE}"
        return text


def ensure_box(cache: Cache, lock: Lock, flavour: str, topology: str = "single") -> Box:
    """Make the box and the settings for `topology` on kernel `flavour`; all but the keys is cached.

    Raises HostError, InfrastructureError or UsageError as what it is built from does.
    """
    tools = ensure_tools(cache, lock)
    kernel = ensure_kernel(cache, lock, tools, flavour)
    image = ensure_image(cache, lock, tools)
    initrd = ensure_initrd(cache, kernel, tools)
    plan = Topology.load(topology)
    verdict = accel.probe(tools, kernel)
    key = digest("box", RECIPE, image.key, tools.versions["qemu-utils"])
    box = cache.ensure("box", key, lambda directory: _make(cache, tools, image, directory)) / "weir.box"
    STATE.mkdir(parents=True, exist_ok=True)
    keys = _Keys(STATE / "ssh")
    machines = []
    for node in plan.machines:
        personal = STATE / f"{node.name}.initrd"
        personal.unlink(missing_ok=True)
        personal.touch(mode=0o600)  # it holds the host's private key; libvirt gives it to its QEMU's user
        personal.write_bytes(_personal_initrd(initrd, node, keys))
        machines.append({"name": node.name, "initrd": str(personal), "cmd_line": kernel_command_line(node)})
    # libvirt's QEMU runs as a user of its own, who may not look into the cache: what it reads lies in the checkout.
    image_copy = STATE / "kernel"
    shutil.copyfile(kernel.image, image_copy)
    settings = STATE / "box.json"
    content = {
        "topology": plan.name,
        "box": str(box),
        "box_name": f"weir-{key}",
        "kernel": str(image_copy),
        "accel": verdict.accel,
        "accel_reason": verdict.reason,
        "private_key": str(keys.identity),
        "known_hosts": str(keys.known_hosts),
        "machines": machines,
    }
    settings.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return Box(box, settings)


def kernel_command_line(node: Node) -> str:
    """Parameters for the guest's kernel and, beginning with `lab.`, for its init. libvirt's DHCP gives the address."""
    return f"console=ttyS0 quiet panic=-1 ip=dhcp lab.root=/dev/vda lab.hostname={node.name}"


def _make(cache: Cache, tools: ToolsTree, image: Image, directory: Path) -> None:
    """metadata.json and box.img in a tar archive, as vagrant-libvirt wants it."""
    with progress.step("vagrant box") as step:
        disk = directory / "box.img"
        argv = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(image.squashfs), str(disk)]
        log = cache.scratch("logs") / "box.log"
        run_logged(command(tools, argv), what="making the box's disk", log=log, step=step)
        # Grown to whole gigabytes: vagrant-libvirt states sizes so. squashfs does not mind what follows it.
        gigabytes = -(-image.squashfs.stat().st_size // _GIGABYTE)
        argv = ["qemu-img", "resize", "-q", str(disk), f"{gigabytes}G"]
        run_logged(command(tools, argv), what="growing the box's disk", log=log, step=step)
        metadata = directory / "metadata.json"
        metadata.write_text(json.dumps({"provider": "libvirt", "format": "qcow2", "virtual_size": gigabytes}) + "\n")
        with tarfile.open(directory / "weir.box", "w") as archive:
            for path in (metadata, disk):
                archive.add(path, arcname=path.name)
                path.unlink()


def _personal_initrd(initrd: Path, node: Node, keys: _Keys) -> bytes:
    """The common initrd with this machine's keys and names appended."""
    archive = Archive()
    archive.folder("overlay/root/.ssh", 0o700)
    archive.file("overlay/root/.ssh/authorized_keys", keys.public.encode(), 0o600)
    private, public = keys.host_key(node.name)
    archive.file("overlay/etc/ssh/ssh_host_ecdsa_key", private, 0o600)
    archive.file("overlay/etc/ssh/ssh_host_ecdsa_key.pub", public.encode())
    archive.file("overlay/etc/ssh/sshd_config.d/10-lab.conf", _SSHD_CONFIG.encode())
    archive.file("overlay/etc/hosts", f"127.0.0.1 localhost {node.name}\n::1 localhost\n".encode())
    archive.file("overlay/etc/hostname", f"{node.name}\n".encode())
    keys.trust(node.name, public)
    common = initrd.read_bytes()
    return common + bytes(-len(common) % 4) + archive.finish()


class _Keys:
    """Keys in `folder`, kept from one build to the next.

    Vagrant's net-ssh reads Ed25519 only with further packages and trips over ECDSA identities (7.0.1): RSA it is, and
    ECDSA for the hosts.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self.identity = folder / "identity"
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.write_text("")
        _, self.public = self._pair(self.identity, rsa=True)

    def host_key(self, name: str) -> tuple[bytes, str]:
        """Private (PEM) and public (one line) key of the machine `name`."""
        return self._pair(self.folder / f"host-{name}")

    def trust(self, name: str, public: str) -> None:
        """Make the machine's key known to ssh clients, which ask for it by the machine's name (HostKeyAlias)."""
        with self.known_hosts.open("a") as stream:
            stream.write(f"{name} {public}")

    @staticmethod
    def _pair(path: Path, *, rsa: bool = False) -> tuple[bytes, str]:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
        from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa

        if path.exists():
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        else:
            key = generate_rsa(65537, 3072) if rsa else generate_private_key(SECP256R1())
            path.touch(mode=0o600)
            path.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.TraditionalOpenSSL,
                    serialization.NoEncryption(),
                )
            )
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return path.read_bytes(), public.decode() + "\n"
