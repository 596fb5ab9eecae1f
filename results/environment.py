"""Environments: what a figure's value depends on besides the code measured; their keys, their epochs, their difference.

Only figures of one environment are compared with each other. An environment is a flat mapping of names to texts; its
key is a hash of it, so that the same environment has the same key on every machine, and whoever reads the key in a
figure finds the mapping in the record's `environments`.

What belongs in it: everything that moves the figure and is not under test. For deterministic figures that is the guest
and what runs it (`DETERMINISTIC`), and nothing of the host: instruction counts do not depend on it. Timed figures
depend on the host too (`TIMED`). What must not be in it: the revision and the module (they are what is measured),
times, paths, host names, load (a state, not a property: it makes a figure unfit, not different).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from results.figures import Mode
from results.records import Environment

KEY_LENGTH: Final = 16

# name: what it holds. A mapping may hold more; `missing` says what of this it lacks.
DETERMINISTIC: Final[Mapping[str, str]] = {
    "qemu": "version of the QEMU that counts",
    "cpu": "its -cpu argument",
    "icount": "its -icount argument",
    "kernel": "key of the guest's kernel",
    "compiler": "version of the compiler that built kernel and module",
    "image": "key of the guest's root image",
    "recipe": "number of the measuring recipe: raised when the harness changes what it counts",
}
TIMED: Final[Mapping[str, str]] = {
    "qemu": DETERMINISTIC["qemu"].replace("counts", "runs the guest"),
    "acceleration": "kvm, tcg, or none on bare metal",
    "cpu": DETERMINISTIC["cpu"],
    "processors": "number of the guest's processors",
    "kernel": DETERMINISTIC["kernel"],
    "compiler": DETERMINISTIC["compiler"],
    "image": DETERMINISTIC["image"],
    "recipe": DETERMINISTIC["recipe"],
    "host.processor": "the host's processor model",
    "host.processors": "number of processors that the lab may use",
    "host.kernel": "release of the host's kernel",
}
REQUIRED: Final[Mapping[Mode, Mapping[str, str]]] = {"deterministic": DETERMINISTIC, "timed": TIMED}


def key(environment: Mapping[str, str]) -> str:
    """The environment's key: 16 hexadecimal digits of SHA-256 over its names and texts, whatever their order."""
    canonical = msgspec.json.encode(sorted((str(name), str(text)) for name, text in environment.items()))
    return hashlib.sha256(canonical).hexdigest()[:KEY_LENGTH]


def missing(environment: Mapping[str, str], mode: Mode) -> list[str]:
    """What figures of `mode` depend on and `environment` does not say, by name, sorted."""
    return sorted(name for name in REQUIRED[mode] if not environment.get(name))


def of_run(environment: Environment) -> dict[str, str]:
    """The environment in which a run's tests ran, for runs whose tests are compared rather than figures.

    The host's speed is left out: it is measured anew at each run, and no two measurements are the same.
    """
    host = environment.host
    return {
        "provider": environment.provider,
        "acceleration": environment.acceleration,
        "kernel": environment.kernel_flavour,
        "kernel.release": environment.kernel_release,
        "host.system": host.system,
        "host.kernel": host.kernel,
        "host.processor": host.processor,
        "host.processors": str(host.processors),
        "host.memory_mib": str(host.memory_mib),
    }


@dataclass(frozen=True)
class Change:
    """One name that differs between two environments; a text is empty where the environment lacks the name."""

    name: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before:
            return f"{self.name}: {self.after} (new)"
        return f"{self.name}: {self.before} -> {self.after or '(gone)'}"


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """What differs between two environments, by name; empty when they are the same."""
    names = sorted(before.keys() | after.keys())
    changes = (Change(name, before.get(name, ""), after.get(name, "")) for name in names)
    return [change for change in changes if change.before != change.after]


@dataclass(frozen=True)
class Epoch:
    """A stretch of a history in one environment.

    `first` and `last` are positions in that history (both included), `started` when its first point was taken;
    `changes` say how the environment differs from the epoch before, and are empty for the first.
    """

    environment: str
    first: int
    last: int
    started: datetime
    changes: tuple[Change, ...] = ()


def epochs(
    history: Iterable[tuple[datetime, str]], environments: Mapping[str, Mapping[str, str]] | None = None
) -> list[Epoch]:
    """The epochs of a history of (time, environment key), in its order.

    `environments` describes the keys; a key that it lacks differs from its neighbours in nothing that could be named.
    """
    known = environments or {}
    found: list[Epoch] = []
    for position, (moment, current) in enumerate(history):
        if found and found[-1].environment == current:
            found[-1] = Epoch(current, found[-1].first, position, found[-1].started, found[-1].changes)
            continue
        before = known.get(found[-1].environment) if found else None
        after = known.get(current)
        changes = difference(before, after) if before is not None and after is not None else []
        found.append(Epoch(current, position, position, moment, tuple(changes)))
    return found
