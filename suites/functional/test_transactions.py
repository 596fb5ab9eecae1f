"""The control ABI below weirctl: who owns a transaction, what ends it, and what its messages may not say.

A helper in the guest speaks netlink with weirctl's own codec, over sockets that the test names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from lab.deploy import HOME
from lab.machine import Process
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.traffic.client import Client

pytestmark = pytest.mark.only("weir", reason="the control ABI is Weir's own")

HELPER = """
import json, os, random, sys, time
from weirctl import abi, family, netlink
from weirctl.errors import Refused

sockets = {}

def request(word, value=None):
    stage, listener = abi.CMD_STAGE_LISTENER, abi.A_CONFIG_LISTENER
    command, attributes = {
        "begin": lambda: (abi.CMD_BEGIN, netlink.u32(abi.A_INFO_ABI, abi.ABI_VERSION if value is None else value)),
        "listener": lambda: (stage, netlink.nest(listener, netlink.attribute(1, bytes(4)) + netlink.u16(3, value))),
        "nowhere": lambda: (stage, netlink.nest(listener, netlink.u16(3, 80))),
        "commit": lambda: (abi.CMD_COMMIT, netlink.u32(abi.A_COMMIT_STAGED, value)),
        "abort": lambda: (abi.CMD_ABORT, b""),
    }[word]()
    return bytes((command, abi.FAMILY_VERSION, 0, 0)) + attributes

def ask(name, requests):
    own = sockets.setdefault(name, family.Family())
    outcomes = own._open().exchange([(own._family(), request(*words)) for words in requests])
    return [outcome.error and str(outcome.error) for outcome in outcomes]

def close(name):
    sockets.pop(name).close()

def close_all():
    while sockets:
        sockets.popitem()[1].close()

def die_with_a_transaction():
    child = os.fork()
    if not child:
        ask("child", [["begin"], ["listener", 5]])
        os._exit(0)
    os.waitpid(child, 0)

def in_another_namespace(flags, toml):
    # What a child sees that moved into namespaces of its own: the configuration before and after it applied one.
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        from weirctl import source
        try:
            os.unshare(flags)
            own = family.Family()
            before = own.show()
            generation = source.from_text(toml).apply(own)
            ask("left open when the namespace goes", [["begin"]])
            said = [before, generation, own.show()]
        except (Refused, OSError) as error:
            said = str(error)
        os.write(writer, json.dumps(said).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = json.load(answer)
    os.waitpid(child, 0)
    return said

def fuzz(seed, count):
    rng = random.Random(seed)
    def garbage(depth):
        data = b""
        for _ in range(rng.randrange(5)):
            inner = rng.randbytes(rng.choice([0, 1, 4, 8, 16, 33]))
            if depth < 3 and rng.random() < 0.6:
                inner = garbage(depth + 1)
            one = netlink.attribute(rng.choice([0, 1, 2, 3, 4, 5, 6, 200]) | rng.choice([0, 0x8000, 0x4000]), inner)
            if rng.random() < 0.1:
                one = one[: rng.randrange(len(one) + 1)]
            data += one
        return data
    def spoilt():
        words = rng.choice([["begin"], ["listener", rng.randrange(1, 9)], ["commit", rng.randrange(3)], ["nowhere"]])
        data = bytearray(request(*words))
        for _ in range(rng.randrange(4)):
            data[rng.randrange(4, len(data))] = rng.getrandbits(8)
        return bytes(data)
    seen = {}
    own = family.Family()
    while count > 0:
        requests = [
            spoilt() if rng.random() < 0.6 else bytes((rng.randrange(20), rng.choice([0, 1, 9]), 0, 0)) + garbage(0)
            for _ in range(rng.randrange(1, 20))
        ]
        count -= len(requests)
        for outcome in own._open().exchange([(own._family(), data) for data in requests]):
            name = str(outcome.error).split(":")[0]
            seen[name] = seen.get(name, 0) + 1
        if rng.random() < 0.05:
            own.close()
    own.close()
    return seen

print("ready", flush=True)
for line in sys.stdin:
    call = json.loads(line)
    print(json.dumps(globals()[call[0]](*call[1:])), flush=True)
"""


class Helper:
    """The helper in the guest; a call is a function of its script, with its arguments."""

    def __init__(self, process: Process) -> None:
        self._process = process
        assert process.read_line(timeout=30).strip() == "ready"

    def call(self, function: str, *arguments: object) -> Any:
        self._process.write(json.dumps([function, *arguments]) + "\n")
        return json.loads(self._process.read_line(timeout=60))

    def ask(self, socket: str, *requests: list[object]) -> list[str | None]:
        """What the kernel said to each of the requests, sent in one write; None is success."""
        answer: list[str | None] = self.call("ask", socket, requests)
        return answer

    def close(self, socket: str) -> None:
        self.call("close", socket)


BEGIN: list[object] = ["begin"]
ABORT: list[object] = ["abort"]


@pytest.fixture
def weir(dut: Dut) -> WeirAdapter:
    assert isinstance(dut.adapter, WeirAdapter)
    dut.apply()
    return dut.adapter


@pytest.fixture(scope="module")
def helpers() -> Iterator[tuple[ExitStack, dict[int, Helper]]]:
    """The helper of each generation of the machine; to start one costs more than a test."""
    with ExitStack() as stack:
        yield stack, {}


@pytest.fixture
def helper(weir: WeirAdapter, helpers: tuple[ExitStack, dict[int, Helper]]) -> Iterator[Helper]:
    """The helper, with no socket open at the beginning of a test or at its end."""
    stack, known = helpers
    machine = weir.machine
    if machine.generation not in known:
        process = stack.enter_context(machine.spawn("python3", "-u", "-c", HELPER, env={"PYTHONPATH": HOME}))
        known[machine.generation] = Helper(process)
    yield known[machine.generation]
    known[machine.generation].call("close_all")


@pytest.fixture
def unchanged(weir: WeirAdapter) -> Iterator[None]:
    """What is configured at the end of the test is what was at its beginning."""
    before = weir.batch("show")["config"], weir.batch("version")["generation"]
    yield
    assert (weir.batch("show")["config"], weir.batch("version")["generation"]) == before


@pytest.mark.usefixtures("unchanged")
def test_one_transaction_at_a_time(weir: WeirAdapter, helper: Helper) -> None:
    assert helper.ask("a", BEGIN) == [None]
    (again,) = helper.ask("a", BEGIN)
    assert again is not None
    assert again.startswith("EALREADY: ")
    (other,) = helper.ask("b", BEGIN)
    assert other is not None
    assert other.startswith("EBUSY: another transaction is open, of netlink port ")
    refused = weir.batch_answer("apply", toml="")["errors"]
    assert [(problem["kind"], problem["errno"]) for problem in refused] == [("kernel", "EBUSY")]
    assert helper.ask("a", ABORT, ABORT) == [None, None]
    assert helper.ask("b", BEGIN, ABORT) == [None, None]


@pytest.mark.usefixtures("unchanged")
def test_transaction_is_its_sockets_own(helper: Helper) -> None:
    assert helper.ask("a", BEGIN, ["listener", 5]) == [None, None]
    for words in (["listener", 6], ["commit", 1]):
        (said,) = helper.ask("b", list(words))
        assert said is not None
        assert said.startswith("EBADFD: ")
    # Nothing of another's is aborted either.
    assert helper.ask("b", ABORT) == [None]
    (said,) = helper.ask("b", BEGIN)
    assert said is not None
    assert said.startswith("EBUSY: ")
    helper.close("a")


@pytest.mark.usefixtures("unchanged")
def test_closed_socket_aborts(helper: Helper) -> None:
    assert helper.ask("a", BEGIN, ["listener", 5]) == [None, None]
    helper.close("a")
    assert helper.ask("b", BEGIN, ABORT) == [None, None]


@pytest.mark.usefixtures("unchanged")
def test_process_that_ends_aborts(helper: Helper) -> None:
    helper.call("die_with_a_transaction")
    assert helper.ask("a", BEGIN, ABORT) == [None, None]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("requests", "refusals"),
    [
        ([BEGIN, ["listener", 5], ["commit", 2]], [None, None, "ECANCELED"]),
        ([BEGIN, ["listener", 0], ["commit", 1]], [None, "ERANGE", "ECANCELED"]),
        ([BEGIN, ["listener", 5], ["listener", 5], ["commit", 2]], [None, None, "EEXIST", "ECANCELED"]),
        ([BEGIN, ["nowhere"], ["commit", 1]], [None, "EINVAL", "ECANCELED"]),
        ([BEGIN, ["listener", 5], ["commit", 1]], [None, None, "EINVAL"]),
        ([["begin", 99], ["commit", 0]], ["EPROTO", "EBADFD"]),
        ([["commit", 0]], ["EBADFD"]),
        ([["listener", 5]], ["EBADFD"]),
    ],
    ids=[
        "miscounted",
        "out of range",
        "twice",
        "no address",
        "no upstream",
        "other ABI",
        "no begin",
        "no begin either",
    ],
)
def test_refused_part_refuses_the_whole(
    helper: Helper, requests: list[list[object]], refusals: list[str | None]
) -> None:
    said = helper.ask("a", *requests)
    assert [text and text.split(":")[0] for text in said] == refusals
    # And the transaction is over.
    assert helper.ask("b", BEGIN, ABORT) == [None, None]


def test_random_attributes_do_no_harm(dut: Dut, helper: Helper, client: Client) -> None:
    seen = helper.call("fuzz", 20261122, 3000)
    assert sum(seen.values()) >= 3000
    expected = {"None", "EINVAL", "EBADFD", "ENOTSUP", "ERANGE", "EPROTO", "E2BIG", "ECANCELED", "EALREADY", "EEXIST"}
    assert set(seen) <= expected | {"ESRCH"}
    assert seen["EINVAL"] > 100
    dut.apply(limits={"request_rate": 1})
    assert client.get("/", times=2).statuses == [200, 429]


CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("flags", [CLONE_NEWNET, CLONE_NEWNET | CLONE_NEWUSER], ids=["as root", "as its owner"])
def test_network_namespace_has_a_configuration_of_its_own(helper: Helper, flags: int) -> None:
    before, generation, after = helper.call("in_another_namespace", flags, "[limits]\nrequest_rate = 3\n")
    assert (before["listener"], before["limits"]["request_rate"]) == ([], 0)
    assert generation == 1
    assert (after["listener"], after["limits"]["request_rate"]) == ([], 3)


def test_open_transaction_does_not_hold_the_module(dut: Dut, weir: WeirAdapter, helper: Helper, client: Client) -> None:
    assert helper.ask("a", BEGIN, ["listener", 5]) == [None, None]
    weir.unload()
    weir.load()
    # The batch process finds the new family by itself, and the old transaction is gone.
    assert weir.batch("version")["generation"] == 0
    dut.apply()
    assert client.get("/").status == 200
