"""The block table: whose packets die before TCP sees them, for how long, and who can never be blocked."""

from __future__ import annotations

import ipaddress
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab import speed
from lab.deadline import Deadline
from lab.deploy import ENVIRONMENT
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.functional.test_neighbours import nft_table
from suites.traffic.client import Client
from suites.traffic.errors import Silence
from suites.traffic.messages import Reply, encode_request
from suites.traffic.origin import Origin

pytestmark = pytest.mark.only("weir", reason="the block table is Weir's own")

GET = encode_request("GET", "/")
SILENT_S = 0.5  # this long nothing has to come until a client counts as cut off
AT_FIRST_S = 0.9  # in which only the first SYN is answered: the next one comes after a second
LIST = "/run/weir/block.list"


class Blocks:
    """The block table, through `weirctl --batch`."""

    def __init__(self, weir: WeirAdapter) -> None:
        self._weir = weir

    def add(self, *prefixes: str, seconds: float | None = None) -> None:
        self._weir.batch("block-add", prefixes=list(prefixes), **({} if seconds is None else {"seconds": seconds}))

    def refusal(self, command: str, *prefixes: str) -> str:
        """By its errno, how "add" or "remove" of these is refused."""
        answer = self._weir.batch_answer(f"block-{command}", prefixes=list(prefixes))
        assert not answer["ok"], f"{command} {prefixes} was not refused"
        return str(answer["errors"][0]["errno"])

    def remove(self, *prefixes: str) -> None:
        self._weir.batch("block-remove", prefixes=list(prefixes))

    def flush(self) -> None:
        self._weir.batch("block-flush")

    @property
    def listed(self) -> dict[str, float | None]:
        """What is blocked, and for how many more seconds."""
        entries: list[dict[str, Any]] = self._weir.batch("block-list")["blocks"]
        return {entry["prefix"]: entry["seconds"] for entry in entries}


@pytest.fixture
def weir(dut: Dut) -> WeirAdapter:
    assert isinstance(dut.adapter, WeirAdapter)
    dut.apply()
    return dut.adapter


@pytest.fixture
def blocks(weir: WeirAdapter) -> Iterator[Blocks]:
    """The block table, empty before the test and after it."""
    made = Blocks(weir)
    made.flush()
    yield made
    if weir.running:
        made.flush()


def is_served(client: Client, *, patience: float = AT_FIRST_S) -> bool:
    """Whether a new connection of the client is served; False when not even its first SYN is answered."""
    try:
        with client.connect(patience=patience / speed.factor()) as connection:
            connection.wire.patience = 5.0
            return connection.ask().status == 200
    except TimeoutError:
        return False


def is_cut_off(client: Client) -> bool:
    """Whether nothing of a new connection of the client is answered."""
    return not is_served(client, patience=min(SILENT_S * speed.factor(), AT_FIRST_S))


def network_of(address: str, prefix: int) -> str:
    return str(ipaddress.ip_network((address, prefix), strict=False))


def outside(new_client: Callable[[], Client], network: str) -> Client:
    """A client that is not in this network."""
    blocked = ipaddress.ip_network(network)
    while True:
        client = new_client()
        if not {ipaddress.ip_address(client.address), ipaddress.ip_address(client.address6)} & set(blocked):
            return client


def test_packets_of_a_blocked_client_get_no_answer(
    dut: Dut, origin: Origin, blocks: Blocks, new_client: Callable[[], Client]
) -> None:
    """Those of a connection that was established and SYNs alike; they are counted, and others are served."""
    blocked, other = new_client(), new_client()
    with blocked.connect() as connection:
        assert connection.ask().status == 200
        before = dut.statistics
        blocks.add(blocked.address)
        connection.send(GET)
        connection.wire.patience = SILENT_S
        with pytest.raises(Silence):
            connection.response()
        assert is_cut_off(blocked)
        assert is_served(other)
        counted = dut.statistics - before
        assert counted["packets_blocked"] >= 2
        # An IPv4 and a TCP header each, and the request at least once.
        assert counted["bytes_blocked"] >= 40 * counted["packets_blocked"] + len(GET)
        assert (counted["blocks_active"], counted["requests"]) == (1, 1)
        assert counted["connections_blocked"] == 1
        assert origin.requests == 2
        blocks.remove(blocked.address)
        connection.wire.patience = 10.0
        connection.rest()  # TCP sends the request again, and hears that the connection is gone
        assert connection.was_reset
    assert is_served(blocked)
    assert dut.statistics["blocks_active"] == before["blocks_active"]


def test_open_connections_of_a_blocked_client_are_closed_at_once(
    dut: Dut, origin: Origin, blocks: Blocks, new_client: Callable[[], Client]
) -> None:
    """Whatever they are at: idle, waiting for the origin, not reading, amid a head. It hears nothing of it."""
    blocked, other = new_client(), new_client()
    kept = other.connect()
    assert kept.ask().status == 200
    dut.wait_for_upstreams()
    before = dut.statistics
    idle = blocked.connect()
    assert idle.ask().status == 200
    beginning = blocked.connect()
    beginning.send(GET[:10])
    origin.replies(Reply(200, bytes(8 << 20)))
    stalled = blocked.connect(receive_buffer=16 * 1024)
    stalled.send(GET)
    stalled.wait_for_bytes(b"HTTP/1.1 200")
    origin.behaves(lambda visit: visit.hang())
    waiting = blocked.connect()
    heads = origin.heads
    waiting.send(GET)
    origin.wait_for_heads(heads + 1)
    dut.wait_for_statistic("connections_active", before["connections_active"] + 4)
    blocks.add(blocked.address)
    dut.wait_for_statistic("connections_active", before["connections_active"], seconds=2)
    assert (dut.statistics - before)["connections_blocked"] == 4
    # What the origin was asked for is given up, too.
    dut.wait_for_upstreams()
    for connection in (idle, beginning, waiting):
        connection.wire.patience = 0.2
        with pytest.raises(Silence):
            connection.response()
    origin.replies(Reply(200))
    assert kept.ask().status == 200


def test_connections_of_a_blocked_prefix_are_closed_among_many(
    dut: Dut, blocks: Blocks, new_client: Callable[[], Client]
) -> None:
    dut.apply(listeners=["[::]:80"])
    dut.wait_for_statistic("connections_active", 0)
    blocked, other = new_client(), new_client()
    kept = [other.connect() for _ in range(100)]
    for _ in range(200):
        blocked.connect()
    kept += [other.connect() for _ in range(100)]
    dut.wait_for_statistic("connections_active", 400)
    blocks.add(network_of(blocked.address6, 128))
    dut.wait_for_statistic("connections_active", 200, seconds=2)
    assert {connection.ask().status for connection in kept} == {200}


@pytest.mark.parametrize("spared", ["allow", "block_mark", "allow_mark"])
def test_connections_whose_packets_are_let_through_stay(
    dut: Dut, blocks: Blocks, new_client: Callable[[], Client], spared: str
) -> None:
    client, blocked = new_client(), new_client()
    ways: dict[str, Any] = {"allow": [client.address], "block_mark": "0x20/0xf0", "allow_mark": "0x30/0xf0"}
    dut.apply(firewall={spared: ways[spared]})
    with nft_table(dut, marking(client, 0x30)):
        kept, gone = client.connect(), blocked.connect()
        assert kept.ask().status == gone.ask().status == 200
        before = dut.statistics["connections_blocked"]
        blocks.add(*{network_of(address, 31) for address in (client.address, blocked.address)})
        if spared == "block_mark":
            client.wait(seconds=0.2)  # nothing is to happen
        else:
            dut.wait_for_statistic("connections_blocked", before + 1)
        assert kept.ask().status == 200
        assert dut.statistics["connections_blocked"] == before + (spared != "block_mark")


def test_blocked_ipv6_client(dut: Dut, blocks: Blocks, new_client: Callable[[], Client]) -> None:
    dut.apply(listeners=["[::]:80", "0.0.0.0:80"])
    blocked, other = new_client(), new_client()
    before = dut.statistics["packets_blocked"]
    blocks.add(blocked.address6)
    assert is_cut_off(blocked)
    assert is_served(other)
    assert dut.statistics["packets_blocked"] > before
    blocks.remove(blocked.address6)
    assert is_served(blocked)


@pytest.mark.parametrize("prefix", [32, 31, 28, 24])
def test_prefix_blocks_whom_it_contains_and_nobody_else(
    blocks: Blocks, new_client: Callable[[], Client], prefix: int
) -> None:
    blocked = new_client()
    network = network_of(blocked.address, prefix)
    blocks.add(network)
    assert is_cut_off(blocked)
    assert is_served(outside(new_client, network))


@pytest.mark.parametrize("prefix", [128, 127, 121, 120])
def test_ipv6_prefix_blocks_whom_it_contains_and_nobody_else(
    dut: Dut, blocks: Blocks, new_client: Callable[[], Client], prefix: int
) -> None:
    dut.apply(listeners=["[::]:80"])
    blocked = new_client()
    network = network_of(blocked.address6, prefix)
    blocks.add(network)
    assert is_cut_off(blocked)
    assert is_served(outside(new_client, network))


def test_prefixes_of_many_lengths_are_all_in_force(blocks: Blocks, new_client: Callable[[], Client]) -> None:
    """One that is over, or gone, leaves the others as they are."""
    client, other = new_client(), new_client()
    own = [network_of(client.address, prefix) for prefix in (32, 30, 24)]
    blocks.add(*(f"198.51.{number}.0/{prefix}" for number, prefix in enumerate(range(24, 33))), *own)
    for network in own:
        assert is_cut_off(client)
        blocks.remove(network)
    assert is_served(client)
    assert is_served(other)


def test_family_is_part_of_a_prefix(dut: Dut, blocks: Blocks, client: Client) -> None:
    """All of IPv6 is not IPv4, nor the other way round, although tables hold both."""
    dut.apply(listeners=["0.0.0.0:80"])
    blocks.add("::/0")
    assert is_served(client)
    dut.apply(listeners=["[::]:80"])
    assert is_cut_off(client)
    blocks.flush()
    assert is_served(client)
    assert blocks.listed == {}


def test_block_is_over_after_its_time(dut: Dut, blocks: Blocks, client: Client) -> None:
    before = dut.statistics["blocks_active"]
    blocks.add(client.address, seconds=2)
    assert is_cut_off(client)
    client.wait(seconds=2)
    assert is_served(client)
    # What is left of it goes by itself.
    dut.wait_for_statistic("blocks_active", before, seconds=10)
    assert blocks.listed == {}


def test_block_is_over_on_time(blocks: Blocks, client: Client) -> None:
    """Not only when the table is cleaned up, a second later or more."""
    blocks.add("192.0.2.1")

    def in_time() -> bool:
        blocks.add(client.address, seconds=0.3)
        client.wait(seconds=0.35)
        return is_served(client)

    # A block is timed by a clock that stands still for as long as the CPU that drives it: that may make one late.
    assert any(in_time() for _ in range(4))


def test_block_is_never_shortened(blocks: Blocks) -> None:
    blocks.add("192.0.2.1", seconds=60)
    blocks.add("192.0.2.1", seconds=1)
    left = blocks.listed["192.0.2.1"]
    assert left is not None
    assert 50 < left <= 60
    blocks.add("192.0.2.1", seconds=600)
    assert 500 < (blocks.listed["192.0.2.1"] or 0) <= 600
    blocks.add("192.0.2.1")
    assert blocks.listed["192.0.2.1"] is None
    blocks.add("192.0.2.1", seconds=5)
    assert blocks.listed == {"192.0.2.1": None}


def test_only_what_was_blocked_is_unblocked(blocks: Blocks, client: Client) -> None:
    blocks.add(network_of(client.address, 31))
    assert blocks.refusal("remove", client.address) == "ESRCH"
    assert blocks.refusal("remove", network_of(client.address, 30)) == "ESRCH"
    assert is_cut_off(client)
    blocks.remove(network_of(client.address, 31))
    assert blocks.refusal("remove", network_of(client.address, 31)) == "ESRCH"
    assert is_served(client)


def test_unblocking_one_leaves_the_others(blocks: Blocks, new_client: Callable[[], Client]) -> None:
    first, second = new_client(), new_client()
    blocks.add(first.address, second.address)
    blocks.remove(first.address)
    assert is_served(first)
    assert is_cut_off(second)


def test_allow_list_wins(dut: Dut, blocks: Blocks, new_client: Callable[[], Client]) -> None:
    """Whoever is in it cannot be blocked, neither by address nor within a prefix."""
    allowed = new_client()
    network = network_of(allowed.address, 24)
    dut.apply(firewall={"allow": ["192.0.2.0/24", allowed.address, "fd00::/8", "198.51.100.0/24"]})
    for prefix in (allowed.address, "192.0.2.0/24", "192.0.2.128/25", "198.51.100.255", "fd77::/64"):
        assert blocks.refusal("add", prefix) == "EACCES"
    assert blocks.listed == {}
    blocks.add(network, "192.0.0.0/16", "2001:db8::/32")
    assert is_served(allowed)
    neighbour = new_client()
    if ipaddress.ip_address(neighbour.address) in ipaddress.ip_network(network):
        assert is_cut_off(neighbour)


def test_allow_list_wins_over_what_was_blocked_before(dut: Dut, blocks: Blocks, client: Client) -> None:
    blocks.add(client.address)
    assert is_cut_off(client)
    dut.apply(firewall={"allow": [network_of(client.address, 25)]})
    assert is_served(client)
    dut.apply()
    assert is_cut_off(client)


def test_allow_list_of_an_ipv6_client(dut: Dut, blocks: Blocks, client: Client) -> None:
    dut.apply(listeners=["[::]:80"], firewall={"allow": ["10.0.0.0/8", client.address6, "fe80::/10"]})
    blocks.add("::/0")
    assert is_served(client)
    dut.apply(listeners=["[::]:80"], firewall={"allow": ["10.0.0.0/8", "fe80::/10"]})
    assert is_cut_off(client)


def marking(client: Client, mark: int) -> str:
    return (
        "chain prerouting { type filter hook prerouting priority mangle; "
        f"ip saddr {client.address} counter meta mark set {mark:#x}; }}"
    )


def test_mark_of_nftables_lets_packets_through(dut: Dut, blocks: Blocks, new_client: Callable[[], Client]) -> None:
    marked, unmarked = new_client(), new_client()
    blocks.add(marked.address, unmarked.address)
    with nft_table(dut, marking(marked, 0x1230)):
        assert is_cut_off(marked)  # nobody has said so yet
        dut.apply(firewall={"allow_mark": "0x30/0xf0"})
        assert is_served(marked)
        assert is_cut_off(unmarked)
        dut.apply(firewall={"allow_mark": "0x20/0xf0"})
        assert is_cut_off(marked)
        dut.apply(firewall={"allow_mark": 0x1230})
        assert is_served(marked)
        dut.apply()
        assert is_cut_off(marked)
    dut.apply(firewall={"allow_mark": "0x30/0xf0"})
    assert is_cut_off(marked)


def test_packets_are_marked_instead_where_that_is_wanted(
    dut: Dut, blocks: Blocks, new_client: Callable[[], Client]
) -> None:
    """Then rules decide what becomes of them; other bits stay as they were."""
    blocked, other = new_client(), new_client()
    blocks.add(blocked.address)
    dut.apply(firewall={"block_mark": "0x20/0xf0"})
    before = dut.statistics
    assert is_served(blocked)
    counted = dut.statistics - before
    assert counted["packets_marked"] >= 3
    assert counted["packets_blocked"] == 0
    early = "chain early { type filter hook prerouting priority -460; counter meta mark set 0x1233; }"
    late = "chain late { type filter hook prerouting priority raw; meta mark 0x1223 counter drop; }"
    with nft_table(dut, early, late):
        assert is_cut_off(blocked)
        assert is_served(other)
    dut.apply()
    assert is_cut_off(blocked)


def test_conntrack_never_sees_a_blocked_packet(dut: Dut, blocks: Blocks, client: Client) -> None:
    """The hook comes before it; with allow_mark it cannot, as rules that set marks come after it."""
    chain = "chain prerouting { type filter hook prerouting priority -200; %s counter; }"
    with nft_table(dut, chain % f"ip saddr {client.address}"):
        blocks.add(client.address)
        assert is_cut_off(client)
        assert seen_by_nftables(dut) == 0
        dut.apply(firewall={"allow_mark": 1})
        assert is_cut_off(client)
        assert seen_by_nftables(dut) > 0


def seen_by_nftables(dut: Dut) -> int:
    listing = json.loads(dut.machine.run("nft", "-j", "list", "chain", "inet", "weir_test", "prerouting").stdout)
    rules = [item["rule"] for item in listing["nftables"] if "rule" in item]
    counters = [part["counter"]["packets"] for rule in rules for part in rule["expr"] if "counter" in part]
    return int(counters[0])


def test_block_survives_reconfiguration(dut: Dut, blocks: Blocks, client: Client) -> None:
    blocks.add(client.address, seconds=600)
    blocks.add("2001:db8::/32")
    for number in range(3):
        dut.apply(listeners=["0.0.0.0:80", f"0.0.0.0:{8100 + number}"], limits={"request_rate": 1000 + number})
        assert is_cut_off(client)
    assert set(blocks.listed) == {client.address, "2001:db8::/32"}


def test_block_ends_with_the_module(dut: Dut, weir: WeirAdapter, blocks: Blocks, client: Client) -> None:
    blocks.add(client.address, *(f"198.18.{number}.0/24" for number in range(100)), seconds=3600)
    assert is_cut_off(client)
    weir.stop()
    with pytest.raises(ConnectionRefusedError):
        client.connect()
    weir.start()
    dut.apply()
    assert is_served(client)
    assert blocks.listed == {}


def test_table_is_bounded(dut: Dut, blocks: Blocks, client: Client) -> None:
    """What there is no room for is refused and counted; what is in it already may still be extended."""
    dut.apply(firewall={"block_max": 3})
    before = dut.statistics["blocks_refused"]
    blocks.add("192.0.2.1", "192.0.2.2", client.address)
    assert blocks.refusal("add", "192.0.2.4") == "ENOSPC"
    assert dut.statistics["blocks_refused"] == before + 1
    blocks.add("192.0.2.1", "192.0.2.2", client.address)
    assert set(blocks.listed) == {"192.0.2.1", "192.0.2.2", client.address}
    assert is_cut_off(client)
    blocks.remove("192.0.2.1")
    blocks.add("192.0.2.4")
    assert dut.statistics["blocks_active"] == 3


def test_expired_entries_make_room(dut: Dut, blocks: Blocks) -> None:
    dut.apply(firewall={"block_max": 100})
    for _ in range(3):
        blocks.add(*(f"192.0.2.{number}" for number in range(100)), seconds=0.2)
        dut.wait_for_statistic("blocks_active", 0, seconds=10)


def test_first_entry_that_is_refused_is_told_and_those_before_it_stay(weir: WeirAdapter, blocks: Blocks) -> None:
    weir.batch("apply", toml='[firewall]\nallow = ["192.0.2.7"]')
    weir.machine.put(LIST, "# a list\n192.0.2.6\n192.0.2.7\n192.0.2.8 5\n")
    result = weir.weirctl("block", "add", "--file", LIST, check=False)
    assert result.status == 1
    expected = f"{LIST}:3: 192.0.2.7: refused by the module: it is in the allow-list (the 1 before it are done)\n"
    assert result.stderr == expected
    assert blocks.listed == {"192.0.2.6": None}


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["add", "192.0.2.1/24"], 1, 'expected "ADDRESS" or "ADDRESS/PREFIX" without bits beyond the prefix, got'),
        (["add", "192.0.2.1", "--seconds", "0"], 1, "expected seconds, more than 0 and at most 31536000, got"),
        (["add"], 2, "block: expected add PREFIX"),
        (["remove", "192.0.2.77"], 1, "192.0.2.77: refused by the module: it is not blocked"),
        (["add", "--file", "/run/weir/none"], 1, "cannot read /run/weir/none"),
    ],
)
def test_mistakes_are_told(weir: WeirAdapter, blocks: Blocks, arguments: list[str], status: int, message: str) -> None:
    result = weir.weirctl("block", *arguments, check=False)
    assert result.status == status
    assert message in result.stderr
    assert blocks.listed == {}


def test_bad_firewall_is_refused_by_line_and_key(weir: WeirAdapter) -> None:
    result = weir.weirctl("check", "-", check=False, input='[firewall]\nallow = [\n  "10.0.0.0/8",\n  "10.0.0.1/8" ]\n')
    assert result.status == 1
    assert result.stderr.startswith("<stdin>:4: firewall.allow[1]: expected ")


def test_firewall_is_shown_as_it_was_applied(dut: Dut, weir: WeirAdapter) -> None:
    most = [f"10.{number >> 4}.{number & 15}.0/24" for number in range(256)]
    most += [f"2001:db8:{number:x}::/48" for number in range(1, 257)]
    given = {"allow": most, "allow_mark": "0x10/0xff", "block_mark": "0x1/0x3", "block_max": 5}
    dut.apply(firewall=given)
    shown = weir.batch("show")
    assert shown["config"]["firewall"] == given
    weir.batch("apply", toml=shown["toml"])
    assert weir.batch("show")["config"]["firewall"] == shown["config"]["firewall"]


def test_only_an_administrator_blocks_and_lists(weir: WeirAdapter, blocks: Blocks) -> None:
    blocks.add("192.0.2.1")
    nobody = ["setpriv", "--reuid", "65534", "--clear-groups", "--bounding-set", "-all", "--inh-caps", "-all"]
    for arguments in (["add", "192.0.2.2"], ["remove", "192.0.2.1"], ["list"], ["flush"]):
        result = weir.machine.run(
            *nobody, "python3", "-m", "weirctl", "block", *arguments, check=False, env=ENVIRONMENT
        )
        assert (result.status, result.stdout) == (1, "")
        assert "not permitted" in result.stderr
    assert blocks.listed == {"192.0.2.1": None}


def test_blocks_are_in_the_statistics(weir: WeirAdapter, blocks: Blocks) -> None:
    blocks.add("192.0.2.1", "192.0.2.2")
    assert json.loads(weir.weirctl("stats", "--json").stdout)["blocks_active"] == 2
    text = weir.weirctl("stats", "--prometheus").stdout
    assert "\nweir_blocks_active 2\n" in text
    assert "# TYPE weir_packets_blocked_total counter\n" in text


def fill(weir: WeirAdapter, count: int) -> None:
    """A list of as many addresses, IPv4 and IPv6 by turns, blocked for an hour."""
    script = (
        f"import ipaddress as ip\nfile = open('{LIST}', 'w')\nfor n in range({count}):\n"
        "    file.write(f'{ip.IPv4Address(0xC6120000 + n) if n % 2 else ip.IPv6Address((0x20010DB8 << 96) + n)}\\n')\n"
    )
    weir.machine.run("python3", "-c", script, timeout=300)
    weir.machine.run(
        "python3", "-m", "weirctl", "block", "add", "--seconds", "3600", "--file", LIST, env=ENVIRONMENT, timeout=600
    )


@pytest.mark.parametrize(
    "count",
    [20_000, pytest.param(1_000_000, marks=pytest.mark.long(reason="it blocks and lists a million addresses"))],
)
def test_long_list_is_blocked_and_listed(
    dut: Dut, weir: WeirAdapter, blocks: Blocks, new_client: Callable[[], Client], count: int
) -> None:
    client, other = new_client(), new_client()
    blocks.add(client.address)
    fill(weir, count)
    assert dut.statistics["blocks_active"] == count + 1
    took = Deadline(60 + count / 2000)
    command = f"python3 -m weirctl block list | cut -d' ' -f1 | grep -vxF {client.address} | sort >{LIST}.shown"
    weir.machine.run("sh", "-c", command, env=ENVIRONMENT, timeout=600)
    assert not took.expired
    weir.machine.run("sh", "-c", f"sort {LIST} | cmp - {LIST}.shown", timeout=300)
    assert is_cut_off(client)
    assert is_served(other)
    weir.machine.run("python3", "-m", "weirctl", "block", "flush", env=ENVIRONMENT, timeout=120)
    assert dut.statistics["blocks_active"] == 0
    assert is_served(client)


@contextmanager
def other_namespace(weir: WeirAdapter) -> Iterator[Callable[..., str]]:
    """A network namespace in the guest, joined to the first by 198.51.100.1 there and .2 in it; runs commands in it."""
    machine = weir.machine
    script = """
        ip netns add weir_other
        ip link add weir_b0 type veth peer name weir_b1 netns weir_other
        ip addr add 198.51.100.1/24 dev weir_b0
        ip link set weir_b0 up
        ip -n weir_other addr add 198.51.100.2/24 dev weir_b1
        ip -n weir_other link set weir_b1 up
        ip -n weir_other link set lo up
    """
    machine.run("sh", "-e", "-c", script)

    def inside(*command: str) -> str:
        return machine.run("ip", "netns", "exec", "weir_other", *command, env=ENVIRONMENT, timeout=30).stdout

    try:
        yield inside
    finally:
        machine.run("ip", "netns", "delete", "weir_other")
        machine.run("sh", "-c", "ip link delete weir_b0 2>/dev/null || true")


def answers(weir: WeirAdapter, address: str) -> bool:
    """Whether the guest gets any answer from this address, if only that nobody listens there."""
    script = (
        f"import socket\ntry:\n    socket.create_connection(('{address}', 9), 1)\n"
        "except ConnectionRefusedError:\n    print('refused')\nexcept TimeoutError:\n    print('silence')\n"
    )
    return weir.machine.run("python3", "-c", script).stdout.strip() == "refused"


def test_network_namespaces_have_tables_of_their_own(weir: WeirAdapter, blocks: Blocks, client: Client) -> None:
    with other_namespace(weir) as inside:
        inside("python3", "-m", "weirctl", "block", "add", client.address, "198.51.100.1")
        assert is_served(client)
        assert blocks.listed == {}
        assert not answers(weir, "198.51.100.2")
        inside("python3", "-m", "weirctl", "block", "remove", "198.51.100.1")
        assert answers(weir, "198.51.100.2")
        blocks.add("192.0.2.1")
        assert inside("python3", "-m", "weirctl", "block", "list").split() == [client.address]
    # The namespace is gone, and its table with it.
    assert blocks.listed == {"192.0.2.1": None}


CHURN = """
import random, sys, time
from weirctl import abi, block, family
from weirctl.errors import Refused

rng = random.Random(int(sys.argv[1]))
own = family.Family()
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    lines = []
    for _ in range(rng.randrange(1, 400)):
        bits = rng.choice([32, 32, 32, 31, 28, 24])
        address = (198 << 24 | 18 << 16 | rng.getrandbits(16)) & ~((1 << 32 - bits) - 1)
        lines.append(f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}/{bits}")
    what = rng.randrange(10)
    try:
        if what < 5:
            block.of_lines(lines, "x", rng.choice(["0.01", "0.3", "2", ""])).send(own, abi.CMD_BLOCK_ADD)
        elif what < 8:
            block.of_lines(lines, "x").send(own, abi.CMD_BLOCK_DEL)
        elif what == 8:
            sum(1 for _ in block.entries(own.stream(abi.CMD_BLOCK_LIST)))
        elif rng.random() < 0.2:
            own.command(abi.CMD_BLOCK_FLUSH)
    except Refused as refused:
        if refused.problems[0].errno != "ESRCH":
            raise
"""


def test_table_changes_from_all_sides_and_stays_sound(
    dut: Dut, weir: WeirAdapter, blocks: Blocks, new_client: Callable[[], Client]
) -> None:
    """Entries of several lengths come, go, expire and are listed at once, while packets are looked up."""
    served, blocked = new_client(), new_client()
    blocks.add(blocked.address)
    commands = [("python3", "-c", CHURN, str(seed), "6") for seed in (1, 2)]
    results: list[int] = []
    workers = [
        threading.Thread(
            target=lambda argv=argv: results.append(
                weir.machine.run(*argv, env=ENVIRONMENT, timeout=60, check=False).status
            )
        )
        for argv in commands
    ]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        assert is_served(served)
        blocks.add(blocked.address)  # a flush may have freed it
    for worker in workers:
        worker.join()
    assert results == [0, 0]
    blocks.flush()
    assert dut.statistics["blocks_active"] == 0
    assert blocks.listed == {}
    assert is_served(blocked)
    blocks.add(network_of(blocked.address, 28))
    assert is_cut_off(blocked)
