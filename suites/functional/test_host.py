"""The guest as a host while the device serves: through testinfra, over SSH, as an administrator sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.deploy import HOME, MODULE
from suites.duts.dut import Dut
from suites.traffic.client import Client

if TYPE_CHECKING:
    from lab.session import Lab

# Documentation/admin-guide/tainted-kernels.rst: a module out of tree (12), and an unsigned one (13); under TCG the
# lab's own clearcpuid (2).
CPU_OUT_OF_SPEC, OUT_OF_TREE, UNSIGNED = 1 << 2, 1 << 12, 1 << 13

weir_only = pytest.mark.only("weir", reason="about the module")


@pytest.fixture
def host(dut: Dut, client: Client) -> Any:
    assert client.get("/").status == 200
    return dut.machine.host


@weir_only
def test_module_is_loaded(host: Any) -> None:
    loaded = {line.split()[0]: line for line in host.file("/proc/modules").content_string.splitlines()}
    assert "weir" in loaded
    assert loaded["weir"].split()[4] == "Live"


@weir_only
def test_taint_is_only_that_of_a_module_of_ours(host: Any) -> None:
    assert host.sysctl("kernel.tainted") & ~(CPU_OUT_OF_SPEC | OUT_OF_TREE | UNSIGNED) == 0


@weir_only
def test_kernel_log_has_no_complaint(host: Any) -> None:
    log = host.run("dmesg --level emerg,alert,crit,err,warn --notime").stdout.splitlines()
    assert [line for line in log if "weir" in line.lower() and "taint" not in line.lower()] == []


def test_listener_is_seen(host: Any) -> None:
    assert host.socket("tcp://0.0.0.0:80").is_listening
    assert not host.socket("tcp://0.0.0.0:81").is_listening


@weir_only
def test_no_process_serves(host: Any) -> None:
    """The listening socket belongs to the kernel: ss names no process for it."""
    lines = host.run("ss -Hltnp 'sport = :80'").stdout.splitlines()
    assert len(lines) == 1
    assert "users:" not in lines[0]


def test_kernel_is_the_one_asked_for(host: Any, lab: Lab) -> None:
    assert host.check_output("uname -r") == lab.prepared.kernel.release


@weir_only
def test_installed_files(host: Any, lab: Lab) -> None:
    module = host.file(MODULE)
    assert module.is_file
    assert module.user == "root"
    assert module.size == lab.prepared.module.ko.stat().st_size
    assert host.file(f"{HOME}/weirctl").is_directory


@weir_only
def test_sysctls_are_left_alone(host: Any, dut: Dut) -> None:
    """The module changes no setting of the host's network behind its administrator's back."""
    names = ["net.ipv4.ip_forward", "net.ipv4.tcp_syncookies", "net.core.somaxconn", "net.ipv4.tcp_rmem"]
    before = {name: str(host.sysctl(name)) for name in names}
    dut.apply(limits={"request_rate": 3})
    assert {name: str(host.sysctl(name)) for name in names} == before


def test_ssh_and_agent_see_the_same_machine(host: Any, dut: Dut) -> None:
    boot = "/proc/sys/kernel/random/boot_id"
    assert host.file(boot).content_string == dut.machine.run("cat", boot).stdout
