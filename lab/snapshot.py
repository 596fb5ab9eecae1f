"""Snapshots of a running guest, by migration to a file with its memory left where it is.

The template guest's memory is a file on the lab's private tmpfs, mapped shared. With the migration capability
`x-ignore-shared` saving writes only the device state (some 90 KB); a restored QEMU maps the same memory file privately,
so the template is never changed and serves any number of restores, each of which pays only for the pages it touches.
(QEMU, qapi/migration.json; 0.3 s on q35 under TCG where a full stream takes longer and -loadvm over a second.)
"""

from __future__ import annotations

from pathlib import Path

from lab.deadline import Deadline
from lab.errors import InfrastructureError
from lab.qmp import Qmp

SAVE_TIMEOUT = 20.0  # seconds on the reference host
LOAD_TIMEOUT = 20.0


def save(qmp: Qmp, state: Path) -> None:
    """Write the device state. The guest is stopped from then on; its memory file must not change any more."""
    _allow_shared(qmp)
    qmp.execute("migrate", uri=f"file:{state}")
    _wait(qmp, "saving the snapshot", Deadline(SAVE_TIMEOUT))


def load(qmp: Qmp, state: Path) -> None:
    """Read the device state into a QEMU started with `-incoming defer`; the guest runs on return."""
    _allow_shared(qmp)
    qmp.execute("migrate-incoming", uri=f"file:{state}")
    _wait(qmp, "restoring the snapshot", Deadline(LOAD_TIMEOUT))


def _allow_shared(qmp: Qmp) -> None:
    qmp.execute("migrate-set-capabilities", capabilities=[{"capability": "x-ignore-shared", "state": True}])


def _wait(qmp: Qmp, what: str, deadline: Deadline) -> None:
    def completed() -> bool:
        information = qmp.execute("query-migrate")
        status = information.get("status")
        if status in ("failed", "cancelled"):
            raise InfrastructureError(f"{qmp.name}: {what} failed: {information.get('error-desc', status)}")
        return bool(status == "completed")

    deadline.wait_for(completed, interval=0.005, what=what)
