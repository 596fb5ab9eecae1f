"""The lab's machines keep their promises: what init sets up, what a restore puts in order, who may talk to whom."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import leaks, ssh
from lab.deadline import Deadline
from lab.errors import InfrastructureError
from lab.machine import CommandFailed, CommandTimeout
from lab.network import BRIDGE_MAC, HOST

if TYPE_CHECKING:
    from lab.qemu_machine import QemuMachine
    from lab.session import Lab

SYN_TIMEOUT = 0.9  # seconds: the first retransmission of a SYN comes after 1 s
RESTORE = 1.0  # seconds on the reference host: "well under a second" with room for a neighbour's load


@pytest.fixture
def agent_pid(machine: QemuMachine) -> int:
    """The agent is the parent of whatever it starts."""
    return int(machine.run("sh", "-c", "echo $PPID").stdout)


def test_it_runs_the_kernel_that_was_prepared(machine: QemuMachine, lab: Lab) -> None:
    assert machine.run("uname", "-r").stdout.strip() == lab.prepared.kernel.release


def test_root_is_a_writable_layer_over_a_read_only_image(machine: QemuMachine) -> None:
    assert machine.run("stat", "-f", "-c", "%T", "/").stdout.strip() == "overlayfs"
    machine.put("/etc/written", "here")
    assert machine.get("/etc/written") == b"here"
    machine.restore()
    with pytest.raises(FileNotFoundError):
        machine.get("/etc/written")


def test_packets_are_steered_to_every_cpu(machine: QemuMachine) -> None:
    cpus = int(machine.run("nproc").stdout)
    assert cpus >= 2
    assert int(machine.get("/sys/class/net/eth0/queues/rx-0/rps_cpus").replace(b",", b""), 16) == (1 << cpus) - 1


def test_its_router_is_a_permanent_neighbour(machine: QemuMachine) -> None:
    assert f"{HOST} dev eth0 lladdr {BRIDGE_MAC} PERMANENT" in machine.run("ip", "neigh").stdout


def test_time_is_kept(machine: QemuMachine) -> None:
    """A guest that could not calibrate its clocks on a busy host loses every fifth second."""
    clock = machine.get("/sys/devices/system/clocksource/clocksource0/current_clocksource").decode().strip()
    assert clock in ("tsc", "tsc-early", "kvm-clock", "hpet", "acpi_pm")

    def offset() -> float:
        """Of its clock from ours: what the quickest of some answers says, which was the least held up."""
        answers = []
        for _ in range(5):
            asked = time.time()
            told = float(machine.run("date", "+%s.%N").stdout)
            answered = time.time()
            answers.append((answered - asked, told - (asked + answered) / 2))
        return min(answers)[1]

    before = offset()
    machine.run("sleep", "3")
    assert abs(offset() - before) < 0.3


def test_clocks_that_date_a_leak_are_read_at_one_moment(machine: QemuMachine, lab: Lab) -> None:
    """Jiffies, which the kernel notes of each allocation, and the uptime at which each test began."""
    hz = int(lab.prepared.kernel.option("HZ"))
    apart = []
    for _ in range(5):
        before = leaks.uptime(machine)
        one, other = leaks.clock(machine, hz), leaks.clock(machine, hz)
        after = leaks.uptime(machine)
        assert before - 0.05 <= one.uptime <= other.uptime <= after + 0.05
        assert one.jiffies <= other.jiffies
        apart.append(abs(one.uptime_at(other.jiffies) - other.uptime))
    # While the host keeps that CPU from running which counts jiffies, they lag behind.
    assert min(apart) < 0.1, apart


def test_the_agent_has_priority_and_its_commands_have_not(machine: QemuMachine, agent_pid: int) -> None:
    def scheduling(pid: str) -> tuple[int, int]:
        fields = machine.get(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        return int(fields[38]), int(fields[37])  # policy, real-time priority: fields 41 and 40 of proc(5)

    assert scheduling(str(agent_pid)) == (1, 50)
    with machine.spawn("sleep", "100") as command:
        assert scheduling(str(command.pid)) == (0, 0)
        assert machine.get(f"/proc/{command.pid}/oom_score_adj").strip() == b"0"
    status = machine.get(f"/proc/{agent_pid}/status").decode()
    assert int(re.search(r"VmLck:\s+(\d+)", status)[1]) > 0  # type: ignore[index]
    assert machine.get(f"/proc/{agent_pid}/oom_score_adj").strip() == b"-1000"


def test_the_console_holds_the_kernels_words_alone(machine: QemuMachine) -> None:
    machine.run("sh", "-c", "echo for-nobody; echo for-nobody >&2; echo '<3>for-the-log' > /dev/kmsg")

    def text() -> str:
        with machine.console.open("rb") as file:
            file.seek(machine.console_start)
            return file.read().decode(errors="replace")

    Deadline(5).wait_for(lambda: "for-the-log" in text(), what="the kernel's message on the console")
    assert "for-nobody" not in text()


def test_a_failed_command_says_what_it_said(machine: QemuMachine) -> None:
    with pytest.raises(CommandFailed, match=r"ended with status 3: because"):
        machine.run("sh", "-c", "echo because >&2; exit 3")
    assert machine.run("sh", "-c", "exit 3", check=False).status == 3


def test_a_command_that_does_not_end_is_killed(machine: QemuMachine) -> None:
    with pytest.raises(CommandTimeout, match=r"`sleep 987` did not end within"):
        machine.run("sleep", "987", timeout=0.3)
    Deadline(5).wait_for(lambda: not machine.run("pgrep", "-f", "sleep 987", check=False).ok)


def test_restores_are_fast_and_put_clock_and_randomness_in_order(machine: QemuMachine) -> None:
    seen, took = set(), []
    for _ in range(5):
        generation = machine.generation
        machine.restore()
        assert machine.generation == generation + 1
        took.append(machine.timings["restore_s"])
        asked = time.time()
        told = float(machine.run("date", "+%s.%N").stdout)
        assert asked - 0.5 < told < time.time() + 0.5
        seen.add(machine.get("/proc/sys/kernel/random/uuid"))
    assert len(seen) == 5
    print(f"restores took {', '.join(f'{one:.2f}' for one in took)} s")
    assert max(took) < Deadline(RESTORE).seconds, took


def test_a_restored_guest_is_reached_at_once(machine: QemuMachine) -> None:
    """Neighbour entries and the bridge's table are in order: the first connection needs no retransmission."""
    machine.restore()
    for address in (machine.address, machine.address6):
        began = time.monotonic()
        with socket.create_connection((address, ssh.PORT), timeout=5) as connection:
            assert time.monotonic() - began < Deadline(SYN_TIMEOUT).seconds
            assert connection.recv(4) == b"SSH-"


def test_a_pulled_cable_is_noticed_and_harmless_to_the_agent(machine: QemuMachine) -> None:
    machine.pull_cable()
    Deadline(5).wait_for(lambda: machine.get("/sys/class/net/eth0/carrier") == b"0\n", what="loss of carrier")
    with pytest.raises(OSError):  # noqa: PT011 - which error depends on who notices first
        socket.create_connection((machine.address, ssh.PORT), timeout=1)
    machine.plug_cable()
    Deadline(5).wait_for(lambda: machine.get("/sys/class/net/eth0/carrier") == b"1\n", what="the carrier's return")
    socket.create_connection((machine.address, ssh.PORT), timeout=5).close()


def test_ssh_takes_the_labs_key_and_no_other(machine: QemuMachine, lab: Lab, tmp_path: Path) -> None:
    with machine.ssh() as connection:
        assert connection.run("hostname").stdout.strip() == machine.name
    impostor = ssh.Keys(tmp_path)
    impostor.add_guest(machine.name, machine.address)
    impostor.identity.write_bytes(lab.keys.identity.read_bytes())
    with pytest.raises(InfrastructureError, match="does not match"):
        ssh.connect(machine.address, impostor)


def test_testinfra_looks_into_the_guest(machine: QemuMachine) -> None:
    assert machine.host.socket("tcp://0.0.0.0:22").is_listening
    assert machine.host.file("/etc/hostname").content_string.strip() == machine.name
    assert machine.host.process.filter(comm="sshd")


def test_a_killed_qemu_leaves_a_usable_lab(machine: QemuMachine) -> None:
    """Ended behind the machine's back but on purpose, so no crash: the watcher is told first."""
    machine.watcher.expect_exit()
    process = machine.qemu.process
    threading.Thread(target=os.kill, args=(process.pid, signal.SIGKILL)).start()
    process.wait(10)
    machine.restore()
    assert machine.run("true").ok


def test_a_reboot_is_cold_and_the_snapshot_stays(machine: QemuMachine) -> None:
    machine.reboot()
    assert float(machine.get("/proc/uptime").split()[0]) < Deadline(60).seconds
    machine.put("/etc/written", "here")
    machine.restore()
    with pytest.raises(FileNotFoundError):
        machine.get("/etc/written")
