"""What a counting guest needs for one scenario and one device: files, and the script that its init runs.

The guest's network is the whole experiment:

    namespace "load"            first namespace               namespace "origin"
    client, CPU 1   eth0 --- client0   device, CPU 0   origin0 --- eth0   origin, CPU 1

Both ends of each veth pair steer what they receive: to CPU 0 in the first namespace, to CPU 1 in the others. So what
CPU 0 executes is the device's work, and nothing else is. Two controls prove it in each run: `forwarding`, where the
device is a router, must cost something, and `direct`, where the client asks an origin in its own namespace, nothing.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import Any, Final, Protocol

from lab.cache import Cache
from lab.errors import InfrastructureError, ProductFailure
from lab.tools import ToolsTree
from suites.performance.device import HOME, DeviceSource, device
from suites.performance.identity import NAME
from suites.performance.program import ensure_load_program
from suites.performance.scenarios import (
    BLOCKED,
    CLIENT,
    DEVICE,
    DEVICE_AT_ORIGIN,
    ORIGIN,
    ORIGIN_PORT,
    PARTS,
    Scenario,
)  # fmt: skip

SCRIPT: Final = f"{HOME}/count"
PROGRAM: Final = f"{HOME}/load"
REQUEST: Final = f"{HOME}/request"
CHAIN: Final = f"{HOME}/chain.pem"
"""What a client in TLS wants to be shown."""
CONTROLS: Final = ("forwarding", "direct")

FORWARDING_FIELDS: Final = ("host", "via", "x-forwarded-for", "x-forwarded-proto")
"""What the origin wants to see in each request that a reverse proxy sends on."""

UPSTREAM_CONNECTIONS_MAX: Final = 16
"""What the origin may see: the configured ones and a few that were replaced. More is another kind of work."""


class StageInputs(DeviceSource, Protocol):
    """The part of suites.performance.deterministic.CountingInputs that is needed here."""

    @property
    def tools(self) -> ToolsTree: ...


@dataclass(frozen=True)
class Stage:
    """`files`: content by absolute path in the guest; what begins as a script or an ELF program is executable.

    `script` is the guest path of the program to run: what it prints is for `read_report`; it ends with status 0
    when all went as expected, and needs nobody's input.
    """

    files: dict[str, bytes]
    script: str


@dataclass(frozen=True)
class LoadReport:
    """What client and origin counted: whole replies by status, bytes of bodies, packets of a flood.

    `refused` are connections that the device ended without a byte, `left` those that the client ended without one,
    `handshakes` those on which nothing else happened;
    `upstream_connections` are those that the origin accepted.
    """

    requests: int
    statuses: dict[int, int]
    bytes: int
    packets: int
    refused: int
    left: int
    handshakes: int
    forwarded: int
    upstream_connections: int


def stage(scenario: Scenario, dut: str, prepared: StageInputs) -> Stage:
    """Files and script for one counting boot. `dut` is a device under test, or one of CONTROLS.

    Builds the load program unless it is cached. Raises InfrastructureError when that fails, ValueError for a device
    that is not known.
    """
    under_test = device(dut, scenario, prepared)
    files = {
        PROGRAM: ensure_load_program(Cache(), prepared.tools).read_bytes(),
        REQUEST: scenario.load.request,
        **({CHAIN: scenario.config.certificates[0].chain.encode()} if scenario.load.group else {}),
        SCRIPT: _script(scenario, dut, under_test.start, under_test.finish).encode(),
        **under_test.files,
    }
    return Stage(files, SCRIPT)


def _script(scenario: Scenario, dut: str, start: tuple[str, ...], finish: tuple[str, ...]) -> str:
    """The guest's script; the text is the same for the same scenario and device."""
    namespace = "load" if dut == "direct" else "origin"
    wanted = () if dut in CONTROLS else FORWARDING_FIELDS
    origin = [
        PROGRAM, "origin", f"--listen={_origin_address(dut)}:{ORIGIN_PORT}", f"--body={scenario.origin_body}",
        "--pid-file=/run/origin.pid", *(f"--field={name}" for name in wanted),
    ]  # fmt: skip
    lines = [
        "#!/bin/sh",
        "set -eu",
        "export PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "taskset -pc 1 $$ >/dev/null",
        f"{PROGRAM} prepare",
        *_network(),
        f"ip netns exec {namespace} {shlex.join(origin)}",
        *start,
        _TELL_MODULES,
        "status=0",
        f"ip netns exec load {shlex.join(_load(scenario, dut))} || status=$?",
        *finish,
        "origin=$(cat /run/origin.pid)",
        'kill -TERM "$origin"',
        'while kill -0 "$origin" 2>/dev/null; do sleep 0.01; done',
        'echo "finished: $status"',
        'exit "$status"',
    ]
    return "\n".join(lines) + "\n"


# Where the code of the kernel's own modules lies: ciphers and links, on a distribution's kernel.
_TELL_MODULES: Final = (
    r"sed -n '/\[weir\]/d; s/^\([0-9a-f]*\) [tT] \(\S*\)\s\[\(\S*\)\]$/module: \1 \2 \3/p' /proc/kallsyms"
)


def _network() -> list[str]:
    """Namespaces, links, addresses that need no look-up, and steering."""
    quiet = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6"
    steer = "for queue in /sys/class/net/eth0/queues/rx-*; do echo 2 >$queue/rps_cpus; done"
    links = []
    for name, namespace, here, there, number in (
        ("client0", "load", DEVICE, CLIENT, 1),
        ("origin0", "origin", DEVICE_AT_ORIGIN, ORIGIN, 2),
    ):
        ours, theirs = f"02:00:00:00:0{number}:01", f"02:00:00:00:0{number}:02"
        links += [
            f"ip netns add {namespace}",
            f"ip netns exec {namespace} sh -c '{quiet}'",
            f"ip link add {name} address {ours} type veth peer name eth0 address {theirs} netns {namespace}",
            f"ip addr add {here}/24 dev {name}",
            f"ip link set {name} up",
            f"ip neigh add {there} lladdr {theirs} dev {name} nud permanent",
            f"ip -n {namespace} link set lo up",
            f"ip -n {namespace} addr add {there}/24 dev eth0",
            f"ip -n {namespace} link set eth0 up",
            f"ip -n {namespace} neigh add {here} lladdr {ours} dev eth0 nud permanent",
            f"ip -n {namespace} route add default via {here}",
            f"ip netns exec {namespace} sh -c '{steer}'",
            f"for queue in /sys/class/net/{name}/queues/rx-*; do echo 1 >$queue/rps_cpus; done",
        ]
    return [
        quiet,
        # A timer runs where it was armed: the device's on CPU 0, nobody else's there.
        "echo 0 >/proc/sys/kernel/timer_migration",
        # Connections that the device has closed stay in TIME-WAIT for longer than the run: none may be recycled in it.
        "echo 262144 >/proc/sys/net/ipv4/tcp_max_tw_buckets",
        "echo 4096 >/proc/sys/net/core/somaxconn",
        "ip link set lo up",
        *links,
        # Where a flood's sources live, so that an answer to one would be seen.
        f"ip -n load route add local {BLOCKED}/24 dev lo",
        f"ip route add {BLOCKED}/24 via {CLIENT}",
        "ip netns exec load sh -c 'echo 10000 65000 >/proc/sys/net/ipv4/ip_local_port_range'",
    ]


def _origin_address(dut: str) -> str:
    return CLIENT if dut == "direct" else ORIGIN


def _load(scenario: Scenario, dut: str) -> list[str]:
    """The load program's command line."""
    load, expect = scenario.load, scenario.expect
    target = f"{_origin_address(dut)}:{ORIGIN_PORT}" if dut in CONTROLS else f"{DEVICE}:{443 if load.group else 80}"
    argv = [PROGRAM, load.mode, f"--target={target}"]
    argv += [f"--warm-up={load.warm_up}", f"--count={load.steps}", f"--parts={PARTS}"]
    if load.mode == "flood":
        return [*argv, f"--sources={BLOCKED}", f"--burst={load.burst}", f"--pause={load.pause_us}"]
    if load.group and dut not in CONTROLS:
        argv += [f"--group={load.group}", f"--server-name={NAME}", f"--chain={CHAIN}"]
        argv += ["--resume"] if load.resume else []
        if load.handshakes:
            return [*argv, "--handshakes"]
    argv.append(f"--request={REQUEST}")
    if expect.body is not None:
        argv.append(f"--body={expect.body}")
    if load.mode == "idle":
        return [*argv, f"--connections={load.connections}"]
    argv += [f"--status={expect.status}", f"--replies={load.replies}"]
    if expect.also:
        argv += [f"--also={expect.also}", f"--at-most={expect.at_most}"]
    for wanted, option in ((load.fresh, "--fresh"), (load.leave, "--leave"), (expect.refused, "--refused")):
        if wanted:
            argv.append(option)
    if load.cookie and dut not in CONTROLS:
        argv.append(f"--cookie={load.cookie}")
    if expect.forwarded and dut not in CONTROLS:
        argv.append("--field=via")
    return argv


def read_report(console: str, scenario: Scenario, dut: str) -> LoadReport:
    """What client and origin said on the console, checked against what the scenario expects.

    Raises ProductFailure when anything was not as expected: there is no figure then. Raises InfrastructureError when
    nothing was said at all.
    """
    load = _last(console, "load")
    if load is None:
        raise InfrastructureError(
            f"{scenario.id} on {dut}: the load program said nothing", hint="the guest's console shows where it stopped"
        )
    what = f"{scenario.id} on {dut}"
    if load["errors"]:
        raise ProductFailure(f"{what}: {load['problem']} (after {load['requests']} replies)")
    origin = _last(console, "origin")
    if origin is None:
        raise InfrastructureError(f"{what}: the origin said nothing", hint="the guest's console shows where it stopped")
    if origin["errors"]:
        raise ProductFailure(f"{what}: {origin['problem']}")
    report = LoadReport(
        requests=load["requests"],
        statuses={int(status): count for status, count in load["status"].items()},
        bytes=load["bytes"],
        packets=load["packets"],
        refused=load["refused"],
        left=load["left"],
        handshakes=load["handshakes"],
        forwarded=origin["requests"],
        upstream_connections=origin["connections"],
    )
    if problem := _disagreement(report, origin["bytes"], console, scenario, dut):
        raise ProductFailure(f"{what}: {problem}")
    return report


def _disagreement(report: LoadReport, uploaded: int, console: str, scenario: Scenario, dut: str) -> str:
    """What client, origin and scenario do not agree on; empty when they do."""
    expect, load = scenario.expect, scenario.load
    if load.leave:
        return "" if report.left == scenario.total else f"{report.left} connections instead of {scenario.total}"
    if load.handshakes:
        return (
            "" if report.handshakes == scenario.total else f"{report.handshakes} handshakes instead of {scenario.total}"
        )
    if expect.refused:
        served = sum(report.statuses.values())
        if report.refused + served != scenario.total or served > expect.at_most:
            return f"{report.refused} of {scenario.total} connections were refused; statuses {report.statuses}"
        return "" if report.forwarded == served else f"the origin had {report.forwarded} requests instead of {served}"
    if load.mode == "flood":
        dropped = re.findall(r"^dropped: (\d+)\r?$", console, re.MULTILINE)
        if report.packets != scenario.total:
            return f"{report.packets} packets were sent instead of {scenario.total}"
        if dut in ("weir", "nftables") and dropped != [str(scenario.total)]:
            return f"{scenario.total} packets were sent, the device says it dropped {', '.join(dropped) or 'nothing'}"
        return ""
    # Before and after it lies idle a connection has a request.
    total = 2 * load.connections if load.mode == "idle" else scenario.total
    also = report.statuses.get(expect.also, 0) if expect.also else 0
    if report.requests != total or report.statuses.get(expect.status, 0) + also != total:
        return f"{report.requests} replies with statuses {report.statuses} instead of {total} with {expect.status}"
    if also > expect.at_most:
        return f"{also} replies with status {expect.also}, at most {expect.at_most} may be"
    passed = report.statuses.get(200, 0)
    if report.forwarded != passed:
        return f"the origin had {report.forwarded} requests, the client {passed} replies with status 200"
    if dut not in CONTROLS and report.upstream_connections > UPSTREAM_CONNECTIONS_MAX:
        return f"{report.upstream_connections} connections to the origin: the device does not keep them"
    if expect.forwarded and expect.body is not None and report.bytes != total * expect.body:
        return f"replies of {report.bytes} bytes instead of {total * expect.body}"
    body = len(load.request.partition(b"\r\n\r\n")[2]) if load.replies == 1 else 0
    if expect.forwarded and uploaded != total * body:
        return f"requests of {uploaded} bytes reached the origin instead of {total * body}"
    return ""


def _last(console: str, who: str) -> dict[str, Any] | None:
    """The last report of `who` on the console."""
    found = re.findall(rf"(?:^|\W){who}: (\{{.*?\}})\r?$", console, re.MULTILINE)
    if not found:
        return None
    try:
        value = json.loads(found[-1])
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def read_sections(console: str) -> dict[str, int]:
    """Addresses of the module's code sections by name (".text"), as the guest said; empty without the module."""
    return {name: int(address, 16) for name, address in re.findall(r"section: weir (\S+) (0x[0-9a-f]+)", console)}


def read_modules(console: str) -> dict[int, str]:
    """Functions of the kernel's modules by address, each with its module's name, as the guest said."""
    found = re.findall(r"module: ([0-9a-f]{16}) (\S+) (\S+)", console)
    return {int(address, 16): f"{name} [{module}]" for address, name, module in found}


def read_maps(console: str) -> list[tuple[int, int, int, str]]:
    """Executable mappings of the device's process: start, end, offset in the file, path; empty for the kernel's own."""
    pattern = r"maps: ([0-9a-f]+)-([0-9a-f]+) r-xp ([0-9a-f]+) \S+ \d+ *(\S*)"
    return [
        (int(start, 16), int(end, 16), int(offset, 16), path)
        for start, end, offset, path in re.findall(pattern, console)
    ]
