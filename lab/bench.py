"""`lab bench`: how long the lab's own steps take, as medians with their spread.

boot_s        start of QEMU to a usable agent, cold
restore_s     back to the snapshot, with clock, entropy and agent in order
roundtrip_s   one command by the agent (`true`)
apply_s       one configuration through an open `weirctl --batch`
apply_cold_s  one configuration by a weirctl of its own
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.deploy import ENVIRONMENT, HOME, MODULE, deploy
from lab.errors import ExitCode, ProductFailure
from lab.qemu_machine import QemuMachine
from lab.run import DEFAULT_KERNEL, PREPARED, Prepared, enter, prepare
from lab.session import Lab

ROUNDS = 10
TARGETS = {"boot_s": 2.5, "restore_s": 0.4, "roundtrip_s": 0.020, "apply_s": 0.150}  # seconds, under TCG
ORIGIN_PORT = 8080

CONFIGURATION = """\
[[listener]]
address = "0.0.0.0:80"
[[upstream]]
name = "default"
[[upstream.server]]
address = "{origin}"
connections = 8
[limits]
request_rate = {rate}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--kernel", default=DEFAULT_KERNEL, help=f"flavour to boot (default: {DEFAULT_KERNEL})")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"measurements of each (default: {ROUNDS})")


def run(args: argparse.Namespace) -> int:
    """Measures and prints; 0 whatever the figures are."""
    if PREPARED not in os.environ:
        again = [sys.executable, "-m", "lab", "bench", "--kernel", args.kernel, "--rounds", str(args.rounds)]
        prepared = prepare(args.kernel, command="lab bench")
        enter(prepared, again + (["--json"] if args.json else []))
    with Lab.from_environment() as lab:
        measured, missing = measure(lab, args.rounds)
        environment = _environment(lab.prepared)
    if args.json:
        table = {name: _summary(values) for name, values in measured.items()}
        print(json.dumps({"figures": table, "not_measured": missing, "environment": environment}, indent=1))
    else:
        _print_table(measured, missing, environment)
    return ExitCode.PASSED


def measure(lab: Lab, rounds: int) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Seconds of every round by figure, and the reason of each figure that could not be measured."""
    measured: dict[str, list[float]] = {name: [] for name in ("boot_s", "boot_cpu_s", "restore_s", "restore_cpu_s")}
    missing: dict[str, str] = {}
    machine = lab.machine()
    for _ in range(rounds):
        machine.reboot()
        for name in ("boot_s", "boot_cpu_s"):
            measured[name].append(machine.timings[name])
    for _ in range(rounds):
        machine.restore()
        for name in ("restore_s", "restore_cpu_s"):
            measured[name].append(machine.timings[name])
    machine.run("true")
    measured["roundtrip_s"] = _timed(rounds, lambda _: machine.run("true"))
    try:
        with _origin(lab.network.origin_address(0)) as origin:
            measured.update(_apply(machine, lab.prepared, origin, rounds))
    except (ProductFailure, EOFError) as failure:
        missing = {name: str(failure) for name in ("apply_s", "apply_cold_s")}
    return measured, missing


def _apply(machine: QemuMachine, prepared: Prepared, origin: str, rounds: int) -> dict[str, list[float]]:
    """Deploy weir.ko and weirctl and time configurations; each differs from the one before."""
    deploy(machine, prepared)
    machine.run("insmod", MODULE)
    with machine.spawn("python3", "-m", "weirctl", "--batch", env=ENVIRONMENT) as batch:

        def apply(number: int) -> None:
            toml = CONFIGURATION.format(origin=origin, rate=1000 + number)
            batch.write(json.dumps({"command": "apply", "toml": toml}) + "\n")
            answer: dict[str, Any] = json.loads(batch.read_line())
            if not answer.get("ok"):
                raise ProductFailure(f"weirctl refused the configuration: {answer}")

        apply(-1)  # the first one also opens the listener and the upstream connections
        warm = _timed(rounds, apply)
        batch.close_stdin()
        batch.wait()

    def apply_cold(number: int) -> None:
        machine.run("python3", "-m", "weirctl", "apply", f"{HOME}/{number}.toml", env=ENVIRONMENT)

    for number in range(rounds):
        machine.put(f"{HOME}/{number}.toml", CONFIGURATION.format(origin=origin, rate=2000 + number))
    cold = _timed(rounds, apply_cold)
    machine.run("rmmod", "weir")
    return {"apply_s": warm, "apply_cold_s": cold}


def _timed(rounds: int, action: Callable[[int], object]) -> list[float]:
    taken = []
    for number in range(rounds):
        began = time.perf_counter()
        action(number)
        taken.append(time.perf_counter() - began)
    return taken


@contextmanager
def _origin(address: str) -> Iterator[str]:
    """A server that accepts connections and reads them; enough for an upstream that gets no request."""
    with socket.create_server((address, ORIGIN_PORT), backlog=256) as server:
        accepted: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    accepted.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"{address}:{ORIGIN_PORT}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in accepted:
            connection.close()


def _summary(values: list[float]) -> dict[str, Any]:
    """Median, quartiles, extremes and every value, in seconds."""
    low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    rounded = [round(value, 4) for value in values]
    return {
        "median": round(statistics.median(values), 4),
        "quartiles": [round(low, 4), round(high, 4)],
        "min": min(rounded),
        "max": max(rounded),
        "values": rounded,
    }


def _environment(prepared: Prepared) -> dict[str, Any]:
    return {
        "acceleration": prepared.acceleration.accel,
        "kernel": f"{prepared.kernel.flavour} {prepared.kernel.release}",
        "qemu": prepared.tools.versions.get("qemu-system-x86", "unknown"),
        "host_kernel": platform.release(),
        "host_cpus": len(os.sched_getaffinity(0)),
        "host_load": float(Path("/proc/loadavg").read_text().split()[0]),
    }


def _print_table(measured: dict[str, list[float]], missing: dict[str, str], environment: dict[str, Any]) -> None:
    print(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in environment.items()))
    print(f"{'':14}{'median':>9}{'quartiles':>19}{'min':>9}{'max':>9}{'target':>9}")
    for name, values in measured.items():
        found = _summary(values)
        low, high = found["quartiles"]
        target = f"{TARGETS[name]:9.3f}" if name in TARGETS else f"{'-':>9}"
        print(
            f"{name:14}{found['median']:9.3f}{f'{low:.3f} - {high:.3f}':>19}"
            f"{found['min']:9.3f}{found['max']:9.3f}{target}"
        )
    for name, reason in missing.items():
        print(f"{name:14} not measured: {reason}")
