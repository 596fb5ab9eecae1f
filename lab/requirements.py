"""The lab's requirements of its host, one function each: looks, judges, and knows the mend."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from lab import hostfacts
from lab.host import Host

GIB = 1 << 30
DISK_GIB = 12  # a cold build of everything: kernel tree, tools, images
MEMORY_GIB = 2.5  # one guest of 512 MiB, a compiler on each of two cores
SUBORDINATE_IDS = 65536
KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp")
MIRROR_VARIABLE = "WEIR_DEBIAN_MIRROR"


class State(Enum):
    OK = "ok"
    LIMITED = "limited"  # the lab works, less well
    MISSING = "MISSING"


@dataclass(frozen=True)
class Finding:
    """One requirement: its state, and how to mend it: `packages` to install, `commands` for root, or `advice`."""

    name: str
    state: State
    detail: str
    why: str
    packages: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    advice: str = ""

    @property
    def mend(self) -> str:
        """The mend of this one alone."""
        parts = [f"apt-get install -y {' '.join(self.packages)}"] if self.packages else []
        return " && ".join([*parts, *self.commands]) or self.advice


Check = Callable[[Host], Finding]


def check_python(host: Host) -> Finding:
    version = ".".join(map(str, host.python))
    why = "the lab is written in it"
    if host.python >= (3, 11):
        return Finding("python", State.OK, version, why)
    advice = "use Debian 12 or newer, or its container image"
    return Finding("python", State.MISSING, f"{version}, at least 3.11 is needed", why, advice=advice)


def check_machine(host: Host) -> Finding:
    why = "kernels and guests are built for x86-64"
    if host.machine in ("x86_64", "AMD64"):
        return Finding("architecture", State.OK, host.machine, why)
    return Finding("architecture", State.MISSING, host.machine, why, advice="use an x86-64 host")


def _program(name: str, package: str, why: str) -> Check:
    def check(host: Host) -> Finding:
        found = host.which(name)
        if found:
            return Finding(name, State.OK, found, why)
        return Finding(name, State.MISSING, "not found on PATH", why, packages=(package,))

    return check


def check_uidmap(host: Host) -> Finding:
    why = "file owners in trees that are made without root"
    if host.is_root:
        return Finding("newuidmap", State.OK, "not needed as root", why)
    if host.which("newuidmap") and host.which("newgidmap"):
        return Finding("newuidmap", State.OK, str(host.which("newuidmap")), why)
    return Finding("newuidmap", State.MISSING, "not found on PATH", why, packages=("uidmap",))


def check_subordinate_ids(host: Host) -> Finding:
    name, why = "subordinate ids", "file owners in trees that are made without root"
    if host.is_root:
        return Finding(name, State.OK, "not needed as root", why)
    lacking = [file for file in ("/etc/subuid", "/etc/subgid") if _ids(host, file) < SUBORDINATE_IDS]
    if not lacking:
        return Finding(name, State.OK, f"at least {SUBORDINATE_IDS} users and groups", why)
    start = max(100_000, *(_next_free(host, file) for file in ("/etc/subuid", "/etc/subgid")))
    spans = f"{start}-{start + SUBORDINATE_IDS - 1}"
    options = [f"--add-{file.removeprefix('/etc/')}s {spans}" for file in lacking]
    detail = f"{' and '.join(lacking)} give {host.user} fewer than {SUBORDINATE_IDS}"
    return Finding(name, State.MISSING, detail, why, commands=(f"usermod {' '.join(options)} {host.user}",))


def _entries(host: Host, file: str) -> list[tuple[str, int, int]]:
    found = re.findall(r"^([^:#\n]+):(\d+):(\d+)\s*$", host.read(file), re.MULTILINE)
    return [(who, int(start), int(count)) for who, start, count in found]


def _ids(host: Host, file: str) -> int:
    return max((n for who, _, n in _entries(host, file) if who in (host.user, str(host.uid))), default=0)


def _next_free(host: Host, file: str) -> int:
    return max((start + count for _, start, count in _entries(host, file)), default=0)


def check_namespaces(host: Host) -> Finding:
    name, why = "namespaces", "the lab's network, machines and builds live in namespaces of their own"
    wanted = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", "true"]
    user = ["--user", "--map-root-user"]
    status, said = 1, ""
    # As lab/isolation.py does: root of a container may lack the right, yet have it in a user namespace of its own.
    for own in ([], user) if host.is_root else (user,):
        status, said = host.status(["unshare", *own, *wanted])
        if status in (0, 127):
            break
    kinds = "network, mount, PID" if host.is_root else "user, network, mount, PID"
    if status == 0:
        return Finding(name, State.OK, kinds, why)
    if status == 127:
        return Finding(name, State.MISSING, "unshare is not there", why, packages=("util-linux",))
    commands = []
    for knob, bad, good in (
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
        ("user.max_user_namespaces", "0", "10000"),
    ):
        if not host.is_root and host.read("/proc/sys/" + knob.replace(".", "/")).strip() == bad:
            commands.append(f"sysctl -w {knob}={good}")
    advice = "" if commands else "the kernel or the container refuses them: start the container with --privileged"
    detail = f"refused: {said.splitlines()[-1] if said else f'status {status}'}"
    return Finding(name, State.MISSING, detail, why, commands=tuple(commands), advice=advice)


def check_tun(host: Host) -> Finding:
    name, device, why = "/dev/net/tun", "/dev/net/tun", "guests' network cards"
    error = host.opens(device)
    if error is None:
        return Finding(name, State.OK, "opens", why)
    detail = f"cannot be opened: {error.strerror}"
    if error.errno == errno.ENOENT:
        make = "mkdir -p /dev/net && mknod /dev/net/tun c 10 200 && chmod 0666 /dev/net/tun"
        return Finding(name, State.MISSING, detail, why, commands=(make,))
    if error.errno in (errno.EACCES, errno.EPERM) and not host.is_root:
        return Finding(name, State.MISSING, detail, why, commands=("chmod 0666 /dev/net/tun",))
    if error.errno in (errno.ENODEV, errno.ENXIO):
        return Finding(name, State.MISSING, detail, why, commands=("modprobe tun",))
    return Finding(
        name, State.MISSING, detail, why, advice="start the container with --privileged or --device /dev/net/tun"
    )


def check_kvm(host: Host) -> Finding:
    name, why = "/dev/kvm", "speed only: guests run about 10 times faster with it"
    error = host.opens("/dev/kvm")
    if error is None:
        return Finding(name, State.OK, "opens; " + _kvm_verdict(), why)
    if error.errno == errno.ENOENT:
        return Finding(name, State.LIMITED, "not there: guests run under TCG", why)
    detail = f"{error.strerror}: guests run under TCG"
    commands = () if host.is_root else (f"usermod --append --groups kvm {host.user}",)
    return Finding(name, State.LIMITED, detail, why, commands=commands)


def _kvm_verdict() -> str:
    verdicts = hostfacts.recall_all("accel-")
    if not verdicts:
        return "the lab boots a guest before it trusts it"
    return f"probed: {verdicts[-1].get('accel', '?')}, {verdicts[-1].get('reason', '')}"


def check_keyring(host: Host) -> Finding:
    name, why = "archive keyring", "verifies what comes from the mirror"
    for keyring in KEYRINGS:
        if host.file(keyring).exists():
            return Finding(name, State.OK, keyring, why)
    return Finding(name, State.MISSING, "none", why, packages=("debian-archive-keyring",))


def check_sources(host: Host) -> Finding:
    name, why = "package mirror", "tools, kernels and guest images are made of Debian packages"
    chosen = host.environment.get(MIRROR_VARIABLE)
    if chosen:
        return Finding(name, State.OK, f"{chosen} ({MIRROR_VARIABLE})", why)
    advice = f"set {MIRROR_VARIABLE} to the URL of a Debian mirror that you may use, or use a Debian container"
    if host.release("ID") != "debian":
        system = host.release("PRETTY_NAME") or "this system"
        return Finding(name, State.MISSING, f"{system} has no Debian mirror of its own", why, advice=advice)
    places = [host.file("/etc/apt/sources.list"), *sorted(host.file("/etc/apt/sources.list.d").glob("*"))]
    for place in places:
        text = host.read("/" + str(place.relative_to(host.root)))
        found = re.search(
            r"^(?:deb\s+(?:\[[^\]]*\]\s+)?|URIs:\s*)((?:https?|ftp|file|copy|cdrom|mirror\+\S+):\S+)", text, re.M
        )
        if found:
            return Finding(name, State.OK, f"{found[1]} ({place})", why)
    return Finding(name, State.MISSING, "/etc/apt names none", why, advice=advice)


def check_disk(host: Host) -> Finding:
    why = f"a cold build of everything takes up to {DISK_GIB} GiB below {host.cache}"
    place = host.cache
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free / GIB
    if free >= DISK_GIB:
        return Finding("disk", State.OK, f"{free:.0f} GiB free at {place}", why)
    filled = host.cache.is_dir() and any(host.cache.glob("kernel*/*"))
    detail = f"{free:.1f} GiB free at {place}, {DISK_GIB} GiB wanted"
    advice = f"free space at {place}, `python -m lab gc`, or set WEIR_CACHE to a folder on another disk"
    # What is built already needs no room again.
    state = State.LIMITED if filled and free >= 1 else State.MISSING
    return Finding("disk", state, detail, why, advice=advice)


def check_memory(host: Host) -> Finding:
    why = "a guest, its clients and origins, and compilers"
    found = re.search(r"^MemAvailable:\s+(\d+) kB", host.read("/proc/meminfo"), re.MULTILINE)
    if not found:
        return Finding("memory", State.LIMITED, "unknown", why)
    available = int(found[1]) * 1024 / GIB
    if available >= MEMORY_GIB:
        return Finding("memory", State.OK, f"{available:.1f} GiB available", why)
    detail = f"{available:.1f} GiB available, {MEMORY_GIB} GiB wanted"
    state = State.LIMITED if available >= 1 else State.MISSING
    return Finding("memory", state, detail, why, advice="close other programs, or add memory")


TREE_CHECKS: tuple[Check, ...] = (
    check_python,
    check_machine,
    _program("mmdebstrap", "mmdebstrap", "makes the tools tree and the guest image"),
    check_uidmap,
    check_subordinate_ids,
    _program("setpriv", "util-linux", "ends everything with the process that started it"),
    check_namespaces,
    check_keyring,
    check_sources,
    check_disk,
)
"""What it takes to make a Debian root and to build in it; the lint needs no more."""

CHECKS: tuple[Check, ...] = (*TREE_CHECKS, check_tun, check_kvm, check_memory)
