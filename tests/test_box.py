"""Vagrant box: topologies, and keys that stay from one build to the next."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from lab import box
from lab.errors import UsageError
from lab.topology import FOLDER, Node, Topology


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_topology_of_ours_can_be_read(path: Path) -> None:
    topology = Topology.load(path.stem)
    assert topology.machines
    assert all(node.cpus >= 2 and node.memory >= 256 for node in topology.machines)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"machines": []}',
        '{"network": {"name": "n", "address": "10.0.0.1/8"}, "machines": []}',
        '{"network": {"name": "n", "address": "10.0.0.0/8"}, "machines": [{"name": "a"}]}',
    ],
    ids=["no JSON", "no network", "host bits set", "half a machine"],
)
def test_a_topology_that_makes_no_sense_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "broken.json").write_text(content)
    with pytest.raises(UsageError, match="is no topology"):
        Topology.load("broken", tmp_path)


def test_keys_are_kept_private_and_stay(tmp_path: Path) -> None:
    folder = tmp_path / "ssh"
    first, second = box._Keys(folder), box._Keys(folder)
    assert first.public == second.public
    assert first.host_key("a") == second.host_key("a") != first.host_key("b")
    for path in folder.iterdir():
        if path.name != "known_hosts":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_machine_gets_its_own_keys_in_an_archive_after_the_common_one(tmp_path: Path) -> None:
    keys = box._Keys(tmp_path / "ssh")
    common = tmp_path / "initrd"
    common.write_bytes(b"common!")
    combined = box._personal_initrd(common, Node("a", 2, 512), keys)
    assert combined.startswith(b"common!\0" + b"070701")  # newc archives start at multiples of four
    private, public = keys.host_key("a")
    assert private in combined
    assert keys.public.encode() in combined
    assert f"a {public}" == keys.known_hosts.read_text()


def test_the_vagrantfile_and_the_lab_read_the_same_file() -> None:
    vagrantfile = (FOLDER.parent.parent / "Vagrantfile").read_text()
    assert "images/topologies" in vagrantfile
    for field in json.loads((FOLDER / "single.json").read_text())["machines"][0]:
        assert f'node["{field}"]' in vagrantfile or f"node['{field}']" in vagrantfile
