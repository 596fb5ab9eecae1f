"""Topologies: which machines there are and how they are connected. The Vagrantfile reads the same files."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.errors import UsageError
from lab.lock import IMAGES

FOLDER: Final = IMAGES / "topologies"


@dataclass(frozen=True)
class Node:
    """One machine. `memory` is in MiB."""

    name: str
    cpus: int
    memory: int


@dataclass(frozen=True)
class Topology:
    """Machines on one private network, which has no way out; `address` is its prefix."""

    name: str
    network: str
    address: str
    machines: tuple[Node, ...]

    @classmethod
    def load(cls, name: str, folder: Path = FOLDER) -> Topology:
        """Read images/topologies/<name>.json. Raises UsageError when it is missing or makes no sense."""
        path = folder / f"{name}.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            network = content["network"]
            address = str(ipaddress.ip_network(network["address"]))
            return cls(name, network["name"], address, tuple(Node(**node) for node in content["machines"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            known = ", ".join(sorted(item.stem for item in folder.glob("*.json")))
            raise UsageError(f"{path} is no topology: {error!r}", hint=f"there are: {known}") from error
