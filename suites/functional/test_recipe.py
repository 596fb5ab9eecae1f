"""What docs/firewall.md tells an administrator to type finds the busiest client."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.deadline import Deadline
from suites.duts.dut import Dut
from suites.traffic.client import Client

PAGE = Path(__file__).resolve().parents[2] / "docs" / "firewall.md"
BUSY, QUIET = 7, 2


def commands(heading: str) -> str:
    """The first block of commands below a heading of that page."""
    section = PAGE.read_text().partition(f"### {heading}\n")[2]
    found = re.search(r"(?:^    .*\n)+", section, re.MULTILINE)
    assert found, heading
    return "\n".join(line.strip() for line in found.group().splitlines())


@pytest.fixture
def clients(dut: Dut, new_client: Callable[[], Client]) -> tuple[Client, Client]:
    dut.apply()
    return new_client(), new_client()


def test_most_connections_at_the_moment(dut: Dut, clients: tuple[Client, Client]) -> None:
    busy, quiet = clients
    opened = [busy.connect() for _ in range(BUSY)] + [quiet.connect() for _ in range(QUIET)]
    dut.wait_for_statistic("connections_active", len(opened))
    said = dut.machine.run("sh", "-c", commands("The most connections that one client has open")).lines
    assert [line.split() for line in said] == [[str(BUSY), busy.address], [str(QUIET), quiet.address]]


@pytest.fixture
def counting(dut: Dut) -> Iterator[str]:
    """The rules of the documentation in force; the command that asks them."""
    *rules, ask = commands("The most connections that one client opens").splitlines()
    dut.machine.run("sh", "-ec", "\n".join(rules))
    yield ask
    dut.machine.run("nft", "delete", "table", "inet", "busiest")


def test_most_new_connections(counting: str, dut: Dut, clients: tuple[Client, Client]) -> None:
    busy, quiet = clients
    for client, count in ((busy, BUSY), (quiet, QUIET)):
        for _ in range(count):
            client.get("/")

    def said() -> list[list[str]]:
        return [line.split() for line in dut.machine.run("sh", "-c", counting).lines]

    Deadline(5).wait_for(
        lambda: said() == [[str(BUSY), busy.address], [str(QUIET), quiet.address]], what="both clients"
    )
