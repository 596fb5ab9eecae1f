"""The block table from weirctl's side: lists to requests and back, refusals told by line, and the [firewall] table."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weirctl import abi, block, cli_block, family, firewall, netlink, schema, source
from weirctl.errors import Refused

NETWORKS = st.one_of(
    st.builds(
        lambda bits, n: ipaddress.ip_network((n, bits), strict=False), st.integers(0, 32), st.integers(0, 2**32 - 1)
    ),
    st.builds(
        lambda bits, n: ipaddress.ip_network((n | 1 << 127, bits), strict=False),
        st.integers(0, 128),
        st.integers(0, 2**128 - 1),
    ),
)


class FakeFamily:
    """Takes requests as the module would; refuses the entry `refuse`, and answers a list with what was blocked."""

    def __init__(self, refuse: int | None = None, error: netlink.KernelError | None = None) -> None:
        self.requests: list[tuple[int, bytes]] = []
        self.refuse = refuse
        self.error = error
        self.interrupted = False

    def request(self, command: int, content: bytes = b"") -> netlink.KernelError | None:
        self.requests.append((command, content))
        for _, at, _ in netlink.attributes(content):
            if self.refuse == 0:
                assert self.error is not None
                self.error.offset = netlink.HEADER.size + 4 + at
                return self.error
            self.refuse = None if self.refuse is None else self.refuse - 1
        return None

    command = request

    def stream(self, command: int) -> Iterator[bytes]:
        assert command == abi.CMD_BLOCK_LIST
        yield from [content for _, content in self.requests]


def family_of(fake: FakeFamily) -> Any:
    return fake


@given(st.lists(st.tuples(NETWORKS, st.none() | st.integers(1, 10**12)), max_size=20))
def test_list_survives_being_added_and_listed(wanted: list[tuple[Any, int | None]]) -> None:
    lines = [f"{net} {us / 1e6:.6f}" if us else str(net) for net, us in wanted]
    fake = FakeFamily()
    assert block.of_lines(lines, "list").send(family_of(fake), abi.CMD_BLOCK_ADD) == len(lines)
    shown = [block.render_line(entry) for entry in block.entries(fake.stream(abi.CMD_BLOCK_LIST))]
    assert [line.replace("/32", "") if ":" not in line else line.replace("/128", "") for line in lines] == shown


def test_long_list_goes_in_requests_that_fit_into_a_socket() -> None:
    fake = FakeFamily()
    lines = [f"2001:db8::{number:x} 3600.5" for number in range(5000)]
    assert block.of_lines(lines, "list").send(family_of(fake), abi.CMD_BLOCK_ADD) == 5000
    assert sum(len(netlink.attributes(content)) for _, content in fake.requests) == 5000
    assert max(len(content) for _, content in fake.requests) < 65536
    assert len(fake.requests) == 5


def test_comments_and_empty_lines_are_nothing() -> None:
    fake = FakeFamily()
    text = "# a list\n\n192.0.2.1   # why\n  2001:db8::/32\t60 \n"
    assert block.of_lines(text.splitlines(), "list").send(family_of(fake), abi.CMD_BLOCK_ADD) == 2
    found = list(block.entries(fake.stream(abi.CMD_BLOCK_LIST)))
    assert [block.render_line(entry) for entry in found] == ["192.0.2.1", "2001:db8::/32 60.000000"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("192.0.2.1/24", 'expected "ADDRESS" or "ADDRESS/PREFIX" without bits beyond the prefix, got "192.0.2.1/24"'),
        ("::ffff:192.0.2.1", 'expected "ADDRESS" or "ADDRESS/PREFIX"'),
        ("192.0.2.0/33", 'got "192.0.2.0/33"'),
        ("example.com", 'got "example.com"'),
        ("192.0.2.1 0", 'expected seconds, more than 0 and at most 31536000, got "0"'),
        ("192.0.2.1 -1", 'got "-1"'),
        ("192.0.2.1 nan", 'got "nan"'),
        ("192.0.2.1 inf", 'got "inf"'),
        ("192.0.2.1 31536001", 'got "31536001"'),
        ("192.0.2.1 soon", 'got "soon"'),
        ("192.0.2.1 5 6", "expected PREFIX, or PREFIX SECONDS, 3 words"),
    ],
)
def test_mistake_is_told_by_its_line_and_nothing_is_sent(line: str, expected: str) -> None:
    fake = FakeFamily()
    blocks = block.of_lines(["192.0.2.9", "", line], "bad.list")
    with pytest.raises(Refused) as refused:
        blocks.send(family_of(fake), abi.CMD_BLOCK_ADD)
    (problem,) = refused.value.problems
    assert problem.text().startswith("bad.list:3: ")
    assert expected in problem.text()
    assert fake.requests == []


def test_endless_nonsense_ends_soon() -> None:
    blocks = block.of_lines(["nonsense"] * 100_000, "bad.list")
    assert len(blocks.problems) == 20


@pytest.mark.parametrize("refused", [0, 1, 1023, 1024, 2000])
def test_entry_that_the_module_refuses_is_told_by_its_line(refused: int) -> None:
    lines = ["# one more line", *[f"10.0.{number >> 8}.{number & 255}" for number in range(2500)]]
    fake = FakeFamily(refused, netlink.KernelError(errno.EACCES, "it is in the allow-list"))
    with pytest.raises(Refused) as error:
        block.of_lines(lines, "some.list").send(family_of(fake), abi.CMD_BLOCK_ADD)
    (problem,) = error.value.problems
    address = lines[refused + 1]
    assert problem.text().startswith(
        f"some.list:{refused + 2}: {address}: refused by the module: it is in the allow-list"
    )
    assert (f"the {refused} before it are done" in problem.text()) == (refused > 0)
    assert problem.errno == "EACCES"
    assert len(fake.requests) == refused // 1024 + 1


def test_refused_for_want_of_privilege_is_not_the_entries_fault() -> None:
    fake = FakeFamily(0, netlink.KernelError(errno.EPERM))
    with pytest.raises(Refused) as error:
        block.of_prefixes(["192.0.2.1"]).send(family_of(fake), abi.CMD_BLOCK_ADD)
    assert "CAP_NET_ADMIN" in error.value.problems[0].text()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["add"],
        ["add", "--file"],
        ["add", "192.0.2.1", "--file", "x"],
        ["add", "192.0.2.1", "--seconds"],
        ["add", "192.0.2.1", "--seconds="],
        ["add", "192.0.2.1", "--for", "5"],
        ["add", "192.0.2.1", "--json"],
        ["remove"],
        ["remove", "192.0.2.1", "--seconds", "5"],
        ["list", "192.0.2.1"],
        ["list", "--file", "x"],
        ["flush", "192.0.2.1"],
        ["flush", "--json"],
        ["unknown"],
    ],
)
def test_command_line_that_makes_no_sense(arguments: list[str]) -> None:
    fake = FakeFamily()
    assert not cli_block.run(arguments, family_of(fake))
    assert fake.requests == []


@pytest.mark.parametrize(
    ("arguments", "command", "line"),
    [
        (["add", "192.0.2.1"], abi.CMD_BLOCK_ADD, "192.0.2.1"),
        (["add", "192.0.2.0/24", "--seconds", "1.5"], abi.CMD_BLOCK_ADD, "192.0.2.0/24 1.500000"),
        (["add", "--seconds=60", "::1"], abi.CMD_BLOCK_ADD, "::1 60.000000"),
        (["remove", "192.0.2.1"], abi.CMD_BLOCK_DEL, "192.0.2.1"),
    ],
)
def test_command_line_becomes_a_request(arguments: list[str], command: int, line: str) -> None:
    fake = FakeFamily()
    assert cli_block.run(arguments, family_of(fake))
    ((sent, content),) = fake.requests
    assert (sent, [block.render_line(entry) for entry in block.entries([content])]) == (command, [line])


def test_list_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake = FakeFamily()
    path = tmp_path / "list"
    path.write_text("192.0.2.1 5\n2001:db8::/32\n")
    assert cli_block.run(["add", "--file", str(path)], family_of(fake))
    assert cli_block.run(["list"], family_of(fake))
    assert capsys.readouterr().out == "192.0.2.1 5.000000\n2001:db8::/32\n"
    assert cli_block.run(["list", "--json"], family_of(fake))
    expected = '[{"prefix": "192.0.2.1", "seconds": 5.0},\n {"prefix": "2001:db8::/32", "seconds": null}]\n'
    assert capsys.readouterr().out == expected
    fake.interrupted = True
    assert cli_block.run(["list"], family_of(fake))
    assert "listed twice" in capsys.readouterr().err


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot read"):
        block.of_file(str(tmp_path / "none"))
    (tmp_path / "latin").write_bytes(b"# caf\xe9\n")
    with pytest.raises(Refused, match="not UTF-8"):
        block.of_file(str(tmp_path / "latin"))


FIREWALL = """\
[firewall]
allow = [
  "10.0.0.0/8",
  "fd00::/8",
]
allow_mark = "0x10/0xff"
block_max = 1000
block_mark = "0x1/0x1"
proxies = ["192.0.2.0/24", "2001:db8::/32"]
proxy_protocol = true
forwarded_for = true
"""


def test_firewall_survives_the_wire() -> None:
    config = source.from_text(FIREWALL).config
    (part,) = [part for part in family.encode(config) if part.name == "firewall"]
    dump = [bytes(4) + netlink.nest(part.kind, part.content)]
    assert family.decode(dump)["firewall"] == config["firewall"]


def test_configuration_without_the_table_stages_nothing_of_it() -> None:
    assert [part.name for part in family.encode({})] == ["proxy", "limits", "timeouts"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"fd00::/8"', '"fd00::1/8"', ':4: firewall.allow[1]: expected "ADDRESS" or "ADDRESS/PREFIX" without bits'),
        ('"fd00::/8"', '"::ffff:10.0.0.1"', ":4: firewall.allow[1]: "),
        ('"fd00::/8"', "7", ":4: firewall.allow[1]: "),
        ('"0x10/0xff"', '"0x100/0xff"', ":6: firewall.allow_mark: expected a mark"),
        ('"0x10/0xff"', '"0/0"', ":6: firewall.allow_mark: "),
        ('["192.0.2.0/24", "2001:db8::/32"]', '"192.0.2.1"', ":9: firewall.proxies: expected an array of prefixes"),
        ("forwarded_for = true", "forwarded_for = 1", ":11: firewall.forwarded_for: expected true or false"),
        ("1000", "0", ":7: firewall.block_max: expected an integer from 1 to 16777216, got 0"),
        (
            "block_max",
            "blok_max",
            ":7: firewall.blok_max: expected one of allow_mark, block_mark, block_max, ",
        ),
    ],
)
def test_mistake_in_the_table_is_told_by_line_and_key(old: str, new: str, expected: str) -> None:
    with pytest.raises(Refused) as refused:
        source.from_text(FIREWALL.replace(old, new))
    (problem,) = refused.value.problems
    assert expected in problem.text()


def test_allow_list_is_bounded() -> None:
    many = [f"10.0.{number >> 8}.{number & 255}" for number in range(abi.ABI_ALLOW_MAX + 1)]
    assert schema.check({"firewall": {"allow": many[:-1]}}) == []
    (problem,) = schema.check({"firewall": {"allow": many}})
    assert "at most 512" in problem.text()
    # All of it has to fit into one message of the dump.
    widest = {"allow": [f"2001:db8::{number:x}" for number in range(abi.ABI_ALLOW_MAX)], "allow_mark": 1}
    assert len(firewall.encode(widest)) < 31 * 1024
