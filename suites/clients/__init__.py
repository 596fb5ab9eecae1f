"""Requests of real clients, recorded: what a firewall must not refuse.

`python -m suites.clients` records them anew into recorded.jsonl; the functional suite replays them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

RECORDED: Final = Path(__file__).with_name("recorded.jsonl")


@dataclass(frozen=True)
class Recorded:
    """A request as it came: who sent it, what for, and its bytes as Latin-1."""

    client: str
    version: str
    what: str
    request: str

    @property
    def data(self) -> bytes:
        return self.request.encode("latin-1")

    @property
    def method(self) -> str:
        return self.request.split(" ", 1)[0]


def read(path: Path = RECORDED) -> list[Recorded]:
    """All that was recorded."""
    return [Recorded(**json.loads(line)) for line in path.read_text(encoding="ascii").splitlines()]


def write(recorded: Iterable[Recorded], path: Path = RECORDED) -> None:
    """Each request once."""
    lines = dict.fromkeys(json.dumps(asdict(one)) for one in recorded)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")


def merged(recorded: Iterable[Recorded], before: Iterable[Recorded]) -> list[Recorded]:
    """What was recorded now, and of clients that were not here now what was before."""
    now = list(recorded)
    clients = {one.client for one in now}
    return [*(one for one in before if one.client not in clients), *now]
