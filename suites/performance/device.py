"""How each device under test is started in a counting guest: files, and lines of the guest's script.

Configurations come from the renderers that the functional suite's adapters use, so that what is measured is what is
tested. A device runs on CPU 0 in the guest's first network namespace; the script that starts it runs on CPU 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from lab import deploy
from lab.module import Module
from suites.duts import haproxy, nginx
from suites.duts.config import Config
from suites.performance.scenarios import BLOCKED, Scenario

HOME: Final = "/opt/weir"
"""Where everything lies in the guest; /run is mounted over after files have been laid there."""


class DeviceSource(Protocol):
    """What a device is made of: a part of suites.performance.deterministic.CountingInputs."""

    @property
    def module(self) -> Module: ...

    @property
    def source(self) -> Path: ...


@dataclass(frozen=True)
class Device:
    """`start` leaves it serving; `finish` runs after the load. Lines of POSIX shell under `set -eu`."""

    files: dict[str, bytes] = field(default_factory=dict)
    start: tuple[str, ...] = ()
    finish: tuple[str, ...] = ()


def device(dut: str, scenario: Scenario, source: DeviceSource) -> Device:
    """The device `dut` set up for `scenario`. Raises ValueError for one that is not known."""
    if dut not in _DEVICES:
        raise ValueError(f"no such device: {dut!r} (there are {', '.join(sorted(_DEVICES))})")
    return _DEVICES[dut](scenario, source)


def _weir(scenario: Scenario, source: DeviceSource) -> Device:
    product = deploy.files(source.module.ko, source.source)
    files = {path.replace(deploy.HOME, HOME, 1): content for path, content in product.items()}
    files[f"{HOME}/weir.toml"] = scenario.config.to_toml().encode()
    certificates, install = _certificates(scenario.config)
    weirctl = f"python3 -IS {HOME}/weirctl"
    flood = scenario.load.mode == "flood"
    return Device(
        {**files, **certificates},
        start=(
            *install,
            f"insmod {HOME}/weir.ko",
            # Where the module's code lies, for whoever counts by address.
            "for path in /sys/module/weir/sections/.*text*; do",
            '    echo "section: weir ${path##*/} $(cat "$path")"',
            "done",
            f"{weirctl} apply {HOME}/weir.toml",
            *((f"{weirctl} block add {BLOCKED}/24",) if flood else ()),
        ),
        finish=(
            f"{weirctl} stats --json | sed 's/^/stats: /'",
            *((f"{weirctl} stats | sed -n 's/^packets_blocked *\\([0-9]*\\)$/dropped: \\1/p'",) if flood else ()),
        ),
    )


def _nginx(scenario: Scenario, _source: DeviceSource) -> Device:
    certificates, install = _certificates(scenario.config)
    return Device(
        {f"{HOME}/nginx.conf": nginx.render(scenario.config_of("nginx"), measured=True).encode(), **certificates},
        start=(
            *install,
            f"mkdir -p {nginx.PREFIX}/temp {nginx.PREFIX}/logs",
            f"taskset -c 0 nginx -p {nginx.PREFIX} -c {HOME}/nginx.conf",
            f'device=$(pgrep -P "$(cat {nginx.PID})")',
            *_TELL_PROCESS,
        ),
        finish=(f'kill -QUIT "$(cat {nginx.PID})"',),
    )


def _haproxy(scenario: Scenario, _source: DeviceSource) -> Device:
    certificates, install = _certificates(scenario.config, in_one=True)
    lists = haproxy.certificate_list(scenario.config)
    files = {f"{HOME}{name}": content for name, content in lists.items()}
    install += [f"install -D -m 644 {HOME}{name} {name}" for name in lists]
    return Device(
        {f"{HOME}/haproxy.cfg": haproxy.render(scenario.config, measured=True).encode(), **certificates, **files},
        start=(
            *install,
            f"mkdir -p {haproxy.PREFIX}",
            f"taskset -c 0 haproxy -D -q -f {HOME}/haproxy.cfg -p {haproxy.PID}",
            f"device=$(cat {haproxy.PID})",
            *_TELL_PROCESS,
        ),
        finish=('kill -USR1 "$device"',),
    )


def _nftables(_scenario: Scenario, _source: DeviceSource) -> Device:
    """The rule that an administrator writes: an interval set, looked up before connection tracking."""
    rules = f"""\
table inet weir {{
    set blocked {{
        type ipv4_addr
        flags interval
        elements = {{ {BLOCKED}/24 }}
    }}
    counter dropped {{ }}
    chain early {{
        type filter hook prerouting priority raw; policy accept;
        ip saddr @blocked counter name dropped drop
    }}
}}
"""
    return Device(
        {f"{HOME}/rules.nft": rules.encode()},
        start=(f"nft -f {HOME}/rules.nft",),
        finish=("nft list counter inet weir dropped | sed -n 's/.*packets \\([0-9]*\\) .*/dropped: \\1/p'",),
    )


def _certificates(config: Config, *, in_one: bool = False) -> tuple[dict[str, bytes], list[str]]:
    """Files of certificates where a guest gets them, and what puts them to their places below /run with their modes."""
    every = [item for one in config.certificates for item in one.files(in_one=in_one).items()]
    files = {f"{HOME}{name}": content for name, (content, _) in every}
    return files, [f"install -D -m {mode:o} {HOME}{name} {name}" for name, (_, mode) in every]


def _router(_scenario: Scenario, _source: DeviceSource) -> Device:
    return Device(start=("echo 1 >/proc/sys/net/ipv4/ip_forward",))


def _nothing(_scenario: Scenario, _source: DeviceSource) -> Device:
    return Device()


# The process that does the device's work, and where its code lies.
_TELL_PROCESS: Final = (
    'echo "device: $device $(cat "/proc/$device/comm")"',
    "grep ' r-xp ' \"/proc/$device/maps\" | sed 's/^/maps: /'",
)

_DEVICES: Final[dict[str, Callable[[Scenario, DeviceSource], Device]]] = {
    "weir": _weir,
    "nginx": _nginx,
    "haproxy": _haproxy,
    "nftables": _nftables,
    "forwarding": _router,
    "direct": _nothing,
}
