"""Secrets of connections: root can read them where a kernel finds faults, and nobody anywhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.session import Lab
from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.tls import Tls, trusting

pytestmark = pytest.mark.own_engine(reason="it logs no secrets")
LOG = "/sys/kernel/debug/weir/keylog"
# CLIENT_RANDOM is among a compiler's numbers.
LABELS = ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0")


def test_only_a_module_that_finds_faults_can_tell(lab: Lab) -> None:
    """Neither the words nor the names of functions are in any other."""
    built = lab.prepared.module.ko.read_bytes()
    for word in (*LABELS, "weir_keylog_add", "keylog"):
        assert (word.encode() in built) == lab.prepared.kernel.instrumented, word


@pytest.mark.only("weir", reason="the file is its own")
def test_log_is_that_of_the_client(lab: Lab, https: Dut, new_client: Callable[[], Client], tmp_path: Path) -> None:
    """Line by line, but for the secret that only exporters need; who is not root may not look."""
    machine = https.machine
    machine.run(
        "sh", "-c", "mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug", check=False
    )
    if not lab.prepared.kernel.instrumented:
        assert machine.run("test", "-e", LOG, check=False).status != 0
        return
    machine.run("cat", LOG)
    client, context = new_client(), trusting()
    context.keylog_filename = str(tmp_path / "keylog")
    with client.connect(tls=Tls(context)) as connection:
        assert connection.ask().status == 200
    theirs = (tmp_path / "keylog").read_text().splitlines()
    expected = sorted(line for line in theirs if not line.startswith(("#", "EXPORTER_SECRET")))
    assert len(expected) == 4
    assert sorted(machine.run("cat", LOG).stdout.splitlines()) == expected
    assert machine.run("cat", LOG).stdout == ""
    assert machine.run("stat", "-c", "%a %U", LOG).stdout.split() == ["400", "root"]
