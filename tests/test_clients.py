"""Client accounting: kmod/clients.c and kmod/window.c, built for user space and called with a clock of the test's own.

What is asserted is what kmod/clients.h and kmod/window.h promise, against every event that there was.
"""

from __future__ import annotations

import ctypes
import random
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.lock import Lock
from lab.tools import ensure_tools

KMOD = ROOT / "kmod"
SHIM = KMOD / "tests" / "clients"
SOURCES = [
    *(KMOD / name for name in ("clients.c", "clients.h", "window.c", "window.h", "stats.h", "http_types.h")),
    *(KMOD / name for name in ("http_policy.h", "http_bytes.h", "http_parser.h")),
    *(SHIM / name for name in ("shim.c", "shim.h", "stress.c")),
]
# The kernel's headers that clients.c includes, all of which are shim.h.
HEADERS = re.findall(r"#include <(.*)>", (KMOD / "clients.c").read_text() + (KMOD / "clients.h").read_text())
HEADERS += ["linux/percpu.h"]
FLAGS = ("-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Wno-sign-compare", "-Werror")
LIBRARY = ("-shared", "-fPIC", "-fsanitize=undefined", "-fsanitize-trap=all")
THREADS = ("-DSHIM_THREADS", "-fsanitize=thread", "-static-libtsan", "-pthread")

SECOND, EIGHTH, MINUTE = 1_000_000_000, 125_000_000, 64_000_000_000
REQUEST_BURST, REQUEST_RATE, CONNECTION_BURST, CONNECTION_RATE, MISSES = range(5)
HANDSHAKE_BURST, HANDSHAKE_RATE, INCOMPLETE, CONCURRENT = range(5, 9)
# Behind limits of one connection, too, with which accounts have nothing to do.
CHECKS = re.findall(r"^\tWEIR_LIMIT_(\w+),", (KMOD / "clients.h").read_text(), re.MULTILINE).index("CHECKS")
# Behind what is counted come the checks of requests, which are enum http_check.
NONE = CHECKS + re.findall(r"^\tHTTP_CHECK_(\w+),", (KMOD / "http_policy.h").read_text(), re.M).index("COUNT")
WINDOWS = {
    REQUEST_BURST: EIGHTH,
    REQUEST_RATE: SECOND,
    CONNECTION_BURST: EIGHTH,
    CONNECTION_RATE: SECOND,
    MISSES: MINUTE,
    HANDSHAKE_BURST: EIGHTH,
    HANDSHAKE_RATE: SECOND,
    INCOMPLETE: SECOND,
}
BUCKET = 8  # accounts without connections in one
START = 10**18  # decades of uptime


def late(window: int) -> int:
    """How long an event may be remembered at most."""
    return window * 9 // 8


class Accounts:
    """A table of kmod/clients.c."""

    def __init__(self, library: ctypes.CDLL, clients: int, most: list[int]) -> None:
        self._library = library
        self.most = (ctypes.c_uint32 * CHECKS)(*most)
        counters = ctypes.c_void_p(library.shim_counters())
        self._table = ctypes.c_void_p(library.weir_accounts_alloc(clients, counters))
        self._over = ctypes.c_int()
        self.now = START

    @property
    def now(self) -> int:
        return int(ctypes.c_uint64.in_dll(self._library, "shim_clock").value)

    @now.setter
    def now(self, value: int) -> None:
        ctypes.c_uint64.in_dll(self._library, "shim_clock").value = value

    @property
    def objects(self) -> int:
        """Accounts that there are."""
        return ctypes.c_int.in_dll(self._library, "shim_objects").value

    def starve(self, starved: bool) -> None:
        """No memory from now on, or again."""
        ctypes.c_bool.in_dll(self._library, "shim_no_memory").value = starved

    @staticmethod
    def _key(client: int) -> ctypes.Array[ctypes.c_char]:
        return ctypes.create_string_buffer(client.to_bytes(16), 16)

    def probe(self, client: int) -> int:
        return int(self._library.weir_accounts_probe(self._table, self._key(client), self.most))

    def connect(self, client: int) -> int | None:
        """Which limit it passes; None: no memory."""
        over = ctypes.byref(self._over)
        enough = self._library.weir_accounts_connect(self._table, self._key(client), self.most, over)
        return self._over.value if enough else None

    def open(self, client: int, *, bounded: bool = True) -> int | None:
        """The account, or None when it is refused (`over` says for what) or there is no memory."""
        over = ctypes.byref(self._over)
        account = self._library.weir_accounts_open(self._table, self._key(client), self.most, bounded, over)
        return int(account) if account else None

    @property
    def over(self) -> int:
        return self._over.value

    def close(self, account: int) -> None:
        self._library.weir_accounts_close(self._table, ctypes.c_void_p(account), self.most)

    def request(self, account: int) -> int:
        return int(self._library.weir_account_request(ctypes.c_void_p(account), self.most))

    def miss(self, account: int) -> int:
        return int(self._library.weir_account_miss(ctypes.c_void_p(account), self.most))

    def handshake(self, account: int) -> int:
        return int(self._library.weir_account_handshake(ctypes.c_void_p(account), self.most))

    def abandon(self, account: int) -> None:
        self._library.weir_account_incomplete(ctypes.c_void_p(account), self.most)

    def forgive(self, account: int) -> None:
        self._library.weir_account_forgive(ctypes.c_void_p(account))

    def visit(self, client: int) -> int | None:
        """A connection with one request; which limit that passes, or None without memory."""
        over = self.connect(client)
        if over != NONE:
            return over
        account = self.open(client)
        if account is None:
            return self.over if self.over != NONE else None
        over = self.request(account)
        self.close(account)
        return over

    def free(self) -> None:
        self._library.weir_accounts_free(self._table)


@pytest.fixture(scope="module")
def built() -> Path:
    """Where the library and the program are."""
    cache = Cache()
    tools = ensure_tools(cache, Lock.load())

    def compile_into(folder: Path) -> None:
        for header in HEADERS:
            path = folder / "include" / header
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('#include "shim.h"\n')
        sources = [KMOD / "clients.c", KMOD / "window.c", SHIM / "shim.c"]
        includes = [f"-I{path}" for path in (folder / "include", SHIM, KMOD)]
        for flags, name, more in ((LIBRARY, "clients.so", []), (THREADS, "stress", [SHIM / "stress.c"])):
            command = ["gcc", *FLAGS, *flags, *includes, *map(str, sources + more), "-o", str(folder / name)]
            argv = sandbox.command(tools, command, cwd=ROOT)
            completed = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
            assert completed.returncode == 0, completed.stderr

    key = digest("clients", tools.key, FLAGS, LIBRARY, THREADS, tuple(HEADERS), {path.name: path for path in SOURCES})
    return cache.ensure("http-tests", key, compile_into)


@pytest.fixture(scope="module")
def library(built: Path) -> ctypes.CDLL:
    made = ctypes.CDLL(str(built / "clients.so"))
    for name in ("weir_accounts_alloc", "weir_accounts_open", "shim_counters"):
        getattr(made, name).restype = ctypes.c_void_p
    made.weir_accounts_connect.restype = ctypes.c_bool
    made.weir_accounts_init()
    return made


@contextmanager
def table(library: ctypes.CDLL, clients: int = BUCKET, **most: int) -> Iterator[Accounts]:
    """A table with these limits; all its memory is back at the end."""
    names = [
        *("request_burst", "request_rate", "connection_burst", "connection_rate", "misses"),
        *("handshake_burst", "handshake_rate", "incomplete", "concurrent"),
    ]
    assert not set(most) - set(names)
    made = Accounts(library, clients, [most.get(name, 0) for name in names])
    try:
        yield made
    finally:
        made.starve(False)
        made.free()
    assert made.objects == 0


@dataclass
class Log:
    """When events of one client passed."""

    passed: list[int] = field(default_factory=list)

    def within(self, now: int, span: int) -> int:
        return sum(now - span < at <= now for at in self.passed)


GAPS = st.one_of(
    st.integers(0, 2_000_000),
    st.integers(0, 200_000_000),
    st.sampled_from([EIGHTH, EIGHTH // 8]),
    *(st.integers(window * 7 // 8, window) for window in (EIGHTH, SECOND, MINUTE)),
    st.integers(0, MINUTE // 8),
)


@settings(max_examples=300, deadline=None)
@given(
    limit=st.integers(1, 12),
    gaps=st.lists(GAPS, max_size=120),
    kind=st.sampled_from([REQUEST_BURST, REQUEST_RATE, MISSES]),
)
def test_a_window_passes_its_limit_and_no_more(library: ctypes.CDLL, limit: int, gaps: list[int], kind: int) -> None:
    most = {{REQUEST_BURST: "request_burst", REQUEST_RATE: "request_rate", MISSES: "misses"}[kind]: limit}
    window, log = WINDOWS[kind], Log()
    with table(library, **most) as accounts:
        account = accounts.open(1)
        assert account is not None
        for gap in gaps:
            accounts.now += gap
            over = accounts.miss(account) if kind == MISSES else accounts.request(account)
            if over == NONE:
                assert log.within(accounts.now, window) < limit, "more than the limit in a window"
                log.passed.append(accounts.now)
            else:
                assert over == kind
                assert log.within(accounts.now, late(window)) >= limit, "refused too early"
        accounts.close(account)


def test_misses_are_forgiven_and_requests_are_not(library: ctypes.CDLL) -> None:
    with table(library, request_rate=2, misses=3) as accounts:
        account = accounts.open(1)
        assert account is not None
        assert [accounts.miss(account) for _ in range(4)] == [NONE] * 3 + [MISSES]
        assert [accounts.request(account) for _ in range(3)] == [NONE] * 2 + [REQUEST_RATE]
        accounts.forgive(account)
        assert [accounts.miss(account) for _ in range(4)] == [NONE] * 3 + [MISSES]
        assert accounts.request(account) == REQUEST_RATE
        accounts.close(account)
        again = accounts.open(1)
        assert again is not None
        assert accounts.miss(again) == MISSES
        accounts.close(again)


@pytest.mark.parametrize("limit", [1, 2, 8, 9, 1000])
def test_who_keeps_below_eight_ninths_of_a_limit_is_never_refused(library: ctypes.CDLL, limit: int) -> None:
    with table(library, request_rate=limit) as accounts:
        account = accounts.open(1)
        assert account is not None
        for _ in range(5 * limit):
            accounts.now += late(SECOND) // limit + 1
            assert accounts.request(account) == NONE
        accounts.close(account)


def test_a_clock_that_steps_back_a_little_forgets_nothing(library: ctypes.CDLL) -> None:
    with table(library, request_burst=3) as accounts:
        account = accounts.open(1)
        assert account is not None
        assert [accounts.request(account) for _ in range(3)] == [NONE] * 3
        accounts.now -= EIGHTH // 8
        assert accounts.request(account) == REQUEST_BURST
        accounts.close(account)


def test_what_is_refused_is_not_counted(library: ctypes.CDLL) -> None:
    """Twenty that are refused do not put off the moment when what passed is forgotten."""
    with table(library, request_rate=2, connection_rate=2) as accounts:
        account = accounts.open(1)
        assert account is not None
        for _ in range(22):
            accounts.request(account)
            accounts.connect(1)
            accounts.now += SECOND // 22
        accounts.now += late(SECOND) - SECOND + SECOND // 22
        assert [accounts.request(account) for _ in range(3)] == [NONE, NONE, REQUEST_RATE]
        assert [accounts.connect(1) for _ in range(3)] == [NONE, NONE, CONNECTION_RATE]
        accounts.close(account)


class Window(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_uint32), ("counts", ctypes.c_uint32 * 9))


@pytest.mark.parametrize(("own", "other", "now"), [(100, 98, 101), (98, 100, 101), (100, 60, 100), (60, 100, 100)])
def test_the_floor_is_raised_slot_by_slot(library: ctypes.CDLL, own: int, other: int, now: int) -> None:
    """Each of nine slots by itself, wherever the windows were when they were last looked at."""
    floor, added = Window(own, (5, 0, 1)), Window(other, (0, 2, 4))
    expected = [0] * 9
    for window in (floor, added):
        for i, count in enumerate(window.counts):
            age = now - window.slot + i
            if age < 9:
                expected[age] = max(expected[age], count)
    library.weir_window_raise(ctypes.byref(floor), ctypes.byref(added), ctypes.c_uint32(now))
    assert (floor.slot, list(floor.counts)) == (now, expected)


def test_open_connections_are_exact(library: ctypes.CDLL) -> None:
    with table(library, concurrent=3) as accounts:
        open_ = [accounts.open(1) for _ in range(5)]
        assert [account is not None for account in open_] == [True] * 3 + [False] * 2
        assert accounts.over == CONCURRENT
        assert accounts.probe(1) == CONCURRENT
        assert accounts.connect(1) == CONCURRENT
        assert accounts.probe(2) == NONE
        late_one = accounts.open(1, bounded=False)
        assert late_one is not None, "one that was there before the limit is counted, not refused"
        for account in [*open_[:3], late_one]:
            assert account is not None
            accounts.close(account)
        assert accounts.probe(1) == NONE


def test_more_open_connections_than_the_table_remembers(library: ctypes.CDLL) -> None:
    """Clients with a connection open keep their accounts, however many they are, and are told apart."""
    with table(library, concurrent=1, request_rate=1) as accounts:
        open_ = [accounts.open(client) for client in range(100)]
        assert None not in open_
        assert [accounts.open(client) for client in range(100)] == [None] * 100
        assert [accounts.request(account) for account in open_ if account] == [NONE] * 100
        assert [accounts.request(account) for account in open_ if account] == [REQUEST_RATE] * 100
        for account in open_:
            assert account is not None
            accounts.close(account)
        assert accounts.objects == BUCKET


def test_a_probe_counts_nothing_and_takes_no_memory(library: ctypes.CDLL) -> None:
    with table(library, connection_rate=2) as accounts:
        assert [accounts.probe(client) for client in range(50)] == [NONE] * 50
        assert accounts.objects == 0
        assert [accounts.connect(1) for _ in range(3)] == [NONE, NONE, CONNECTION_RATE]
        assert accounts.probe(1) == CONNECTION_RATE


STEPS = st.lists(
    st.tuples(
        st.integers(0, 19), st.sampled_from(["visit", "open", "close", "request"]), st.integers(0, 500_000) | GAPS
    ),
    max_size=250,
)


@settings(max_examples=200, deadline=None)
@given(steps=STEPS, limit=st.integers(1, 5))
def test_nobody_ever_gets_more_than_his_limits(
    library: ctypes.CDLL, steps: list[tuple[int, str, int]], limit: int
) -> None:
    """20 clients in a table for 8, in any order, however their accounts are pushed out."""
    most = {"request_burst": limit, "request_rate": 2 * limit, "connection_burst": limit, "connection_rate": 2 * limit}
    requests: dict[int, Log] = {client: Log() for client in range(20)}
    connections: dict[int, Log] = {client: Log() for client in range(20)}
    open_: dict[int, list[int]] = {client: [] for client in range(20)}

    def passed(log: Log, now: int) -> None:
        assert log.within(now, EIGHTH) < limit
        assert log.within(now, SECOND) < 2 * limit
        log.passed.append(now)

    with table(library, **most, concurrent=2) as accounts:
        for client, step, gap in steps:
            accounts.now += gap
            if step == "close" and open_[client]:
                accounts.close(open_[client].pop())
            elif step == "request" and open_[client]:
                if accounts.request(open_[client][0]) == NONE:
                    passed(requests[client], accounts.now)
            elif step in ("open", "visit") and accounts.connect(client) == NONE:
                passed(connections[client], accounts.now)
                assert len(open_[client]) < 2
                account = accounts.open(client)
                assert account is not None, "what passed a moment ago"
                if step == "visit":
                    if accounts.request(account) == NONE:
                        passed(requests[client], accounts.now)
                    accounts.close(account)
                else:
                    open_[client].append(account)
            assert accounts.objects <= BUCKET + sum(map(bool, open_.values()))
        for rest in open_.values():
            for account in rest:
                accounts.close(account)


def test_churning_addresses_does_not_push_out_an_account_over_its_limit(library: ctypes.CDLL) -> None:
    with table(library, request_rate=5) as accounts:
        assert [accounts.visit(1) for _ in range(6)] == [NONE] * 5 + [REQUEST_RATE]
        others = [accounts.visit(client) for client in range(1000, 1040)]
        assert NONE in others
        assert accounts.visit(1) == REQUEST_RATE
        accounts.now += late(SECOND)
        assert accounts.visit(1) == NONE


def test_what_was_done_before_an_account_was_pushed_out_still_counts(library: ctypes.CDLL) -> None:
    with table(library, request_rate=5) as accounts:
        assert [accounts.visit(1) for _ in range(3)] == [NONE] * 3
        for client in range(1000, 1024):
            accounts.visit(client)
        assert [accounts.visit(1) for _ in range(3)].count(NONE) <= 2


def test_handshakes_of_many_clients_take_no_more_memory_than_there_is(library: ctypes.CDLL) -> None:
    with table(library, connection_rate=5) as accounts:
        for client in range(50):
            accounts.connect(client)
            assert accounts.objects <= BUCKET


def test_a_client_with_an_open_connection_is_untouched_by_churn(library: ctypes.CDLL) -> None:
    with table(library, request_rate=5) as accounts:
        victim = accounts.open(1)
        assert victim is not None
        for client in range(1000, 2000):
            accounts.visit(client)
        assert [accounts.request(victim) for _ in range(6)] == [NONE] * 5 + [REQUEST_RATE]
        accounts.close(victim)


@pytest.mark.parametrize(("limit", "churners", "most"), [(10, 1, 0.02), (20, 6, 0.0), (50, 30, 0.0), (10, 4, 0.6)])
def test_honest_newcomers_while_attackers_churn(library: ctypes.CDLL, limit: int, churners: int, most: float) -> None:
    """New clients come with two requests each while, in each second, `churners` times as many addresses as the table
    remembers come with one: the share `most` of the honest may be refused (docs/firewall.md has these figures).
    """
    clients, seconds = 1024, 2
    chance = random.Random(5)
    events = [("churn", 10_000 + n) for n in range(seconds * churners * clients)]
    events += [("honest", n) for n in range(800)]
    chance.shuffle(events)
    refused: list[bool] = []
    with table(library, clients, request_rate=limit) as accounts:
        for i, (who, client) in enumerate(events):
            accounts.now += seconds * SECOND // len(events)
            if who == "churn":
                accounts.visit(client)
            elif i < len(events) // 2:
                accounts.visit(client)  # the table is not full yet
            else:
                refused.append([accounts.visit(client), accounts.visit(client)] != [NONE, NONE])
    assert sum(refused) <= most * len(refused)


def test_without_memory_a_client_is_counted_where_there_is_room_or_refused(library: ctypes.CDLL) -> None:
    with table(library, request_rate=3) as accounts:
        accounts.starve(True)
        assert accounts.connect(1) is None
        assert accounts.open(1) is None
        assert accounts.over == NONE, "no limit is to blame"
        accounts.starve(False)
        assert [accounts.visit(1) for _ in range(3)] == [NONE] * 3
        accounts.starve(True)
        # Another takes the only account; what the first did goes to the floor, and nobody starts below it.
        assert accounts.visit(2) == REQUEST_RATE
        assert accounts.visit(1) == REQUEST_RATE


def test_a_table_is_a_power_of_two_within_bounds(library: ctypes.CDLL) -> None:
    for clients in (0, 1, 8, 9, 100, 65536):
        with table(library, clients, concurrent=1) as accounts:
            accounts.connect(1)


def test_threads_count_as_one(built: Path) -> None:
    """Of kmod/tests/clients/stress.c: no data race, nobody over his limits, and one who stays gets all of his."""
    tools = ensure_tools(Cache(), Lock.load())
    argv = sandbox.command(tools, [built / "stress"], cwd=ROOT)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    regular, *others, objects, memory = map(int, done.stdout.split())
    assert regular == 50
    assert max(others) <= 50
    assert max(others) > 10, "they got next to nothing: the test says little"
    assert (objects, memory) == (0, 0)


def test_handshakes_and_those_that_come_to_nothing(library: ctypes.CDLL) -> None:
    with table(library, handshake_rate=3, incomplete=2) as accounts:
        account = accounts.open(1)
        assert account
        accounts.abandon(account)
        assert accounts.handshake(account) == NONE
        accounts.abandon(account)
        assert accounts.handshake(account) == INCOMPLETE
        accounts.now += late(SECOND)
        assert [accounts.handshake(account) for _ in range(4)] == [NONE, NONE, NONE, HANDSHAKE_RATE]
        accounts.close(account)
