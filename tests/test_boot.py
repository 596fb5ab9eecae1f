"""The one test here that boots: the distribution's kernel, untouched, with the lab's image, agent and network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lab.run import PREPARED

if TYPE_CHECKING:
    from lab.session import Lab

pytestmark = pytest.mark.skipif(PREPARED not in os.environ, reason="needs a lab: `nox -s tests`, `lab run tests`")


def test_a_guest_boots_is_restored_and_answers(lab: Lab) -> None:
    machine = lab.machine()
    assert machine.run("uname", "-r").stdout.strip() == lab.prepared.kernel.release
    machine.put("/run/mark", "gone after a restore")
    machine.restore()
    with pytest.raises(FileNotFoundError):
        machine.get("/run/mark")
    assert machine.host.socket("tcp://0.0.0.0:22").is_listening
    assert machine.crashes() == []
