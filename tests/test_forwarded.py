"""For whom a proxy says that it asks: kmod/forwarded.c, built for user space and called from here."""

from __future__ import annotations

import ctypes
import ipaddress
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import sandbox
from lab.bootstrap import ROOT
from lab.cache import Cache, digest
from lab.lock import Lock
from lab.tools import ensure_tools

SOURCES = [ROOT / "kmod" / name for name in ("forwarded.c", "forwarded.h", "http_types.h")]
# Undefined behaviour ends the test.
FLAGS = (
    "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Wno-sign-compare", "-Werror", "-shared", "-fPIC", "-nostdlib",
    "-fsanitize=undefined", "-fsanitize-trap=all",
)  # fmt: skip
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
MORE, CLIENT, LOCAL, ERROR = range(4)
GUARD = b"\xa5"
"""What lies behind the bytes that a function may look at; none of it is part of an address."""


class Forwarded:
    """The functions of forwarded.h, with Python's types."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.forwarded_last.restype = ctypes.c_bool

    def header(self, data: bytes) -> tuple[int, str | None, int]:
        """The verdict, the client's address and the header's length."""
        address, total = ctypes.create_string_buffer(16), ctypes.c_size_t()
        verdict = self._library.proxy_header_read(
            data + GUARD * 60, ctypes.c_size_t(len(data)), address, ctypes.byref(total)
        )
        return verdict, told(address.raw) if verdict == CLIENT else None, total.value

    def last(self, text: bytes) -> tuple[str | None, bytes]:
        """The last address, and what is before it."""
        address, left = ctypes.create_string_buffer(16), ctypes.c_size_t(len(text))
        found = self._library.forwarded_last(text + GUARD, ctypes.byref(left), address)
        return told(address.raw) if found else None, text[: left.value]


def told(raw: bytes) -> str:
    address = ipaddress.IPv6Address(raw)
    return str(address.ipv4_mapped or address)


@pytest.fixture(scope="module")
def forwarded() -> Forwarded:
    cache = Cache()
    tools = ensure_tools(cache, Lock.load())

    def compile_into(folder: Path) -> None:
        argv = sandbox.command(tools, ["gcc", *FLAGS, "-o", folder / "forwarded.so", SOURCES[0]], cwd=ROOT)
        completed = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        assert completed.returncode == 0, completed.stderr

    key = digest("forwarded", tools.key, FLAGS, {path.name: path for path in SOURCES})
    return Forwarded(cache.ensure("http-tests", key, compile_into) / "forwarded.so")


def header(
    source: str, *, command: int = 0x21, family: int | None = None, more: bytes = b"", length: int = -1
) -> bytes:
    """A header of the PROXY protocol's version 2 for a connection from `source`, with `more` behind its addresses."""
    address = ipaddress.ip_address(source)
    pair = address.packed * 2 + b"\x30\x39\x00\x50"
    kind = family if family is not None else (0x11 if address.version == 4 else 0x21)
    size = len(pair) + len(more) if length < 0 else length
    return SIGNATURE + bytes((command, kind)) + size.to_bytes(2) + pair + more


@pytest.mark.parametrize("source", ["192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize("more", [b"", b"\x04\x00\x01x", bytes(3000)])
def test_header_names_the_client_when_all_of_it_is_there(forwarded: Forwarded, source: str, more: bytes) -> None:
    data = header(source, more=more)
    for cut in [*range(0, min(len(data), 80)), len(data) - 1]:
        assert forwarded.header(data[:cut])[0] == MORE
    assert forwarded.header(data) == (CLIENT, source, len(data))
    assert forwarded.header(data + b"GET / HTTP/1.1\r\n") == (CLIENT, source, len(data))


def test_header_of_the_proxy_itself_names_nobody(forwarded: Forwarded) -> None:
    data = header("192.0.2.7", command=0x20)
    assert forwarded.header(data) == (LOCAL, None, len(data))


@pytest.mark.parametrize("family", [0x00, 0x31, 0x32])
def test_header_without_an_ip_address_names_nobody(forwarded: Forwarded, family: int) -> None:
    assert forwarded.header(header("192.0.2.7", family=family))[0] == LOCAL


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 1 80\r\n",
        SIGNATURE[:-1] + b"\r",
        header("192.0.2.7", command=0x11),
        header("192.0.2.7", command=0x22),
        header("192.0.2.7", length=11)[:27],
        header("2001:db8::7", length=35)[:51],
        header("192.0.2.7", length=4081),
    ],
    ids=["http", "version-1", "signature", "version", "command", "short-4", "short-6", "long"],
)
def test_what_is_no_header_is_refused(forwarded: Forwarded, data: bytes) -> None:
    assert forwarded.header(data)[0] == ERROR


@given(data=st.binary(max_size=80), cut=st.integers(0, 30))
def test_no_bytes_but_those_that_came_are_looked_at(forwarded: Forwarded, data: bytes, cut: int) -> None:
    verdict, address, total = forwarded.header(SIGNATURE[: max(0, 12 - cut)] + data)
    assert verdict in {MORE, CLIENT, LOCAL, ERROR}
    assert address is None or "a5a5" not in address or b"\xa5" in data
    assert verdict in {MORE, ERROR} or total <= 4096


ADDRESSES = st.ip_addresses().map(str)


@given(address=ADDRESSES, before=st.sampled_from([b"", b"a, ", b"192.0.2.1,", b"unknown ,\t"]))
def test_the_last_address_of_a_list(forwarded: Forwarded, address: str, before: bytes) -> None:
    found, left = forwarded.last(before + address.encode() + b" ")
    assert found == told(ipaddress.ip_address(address).packed.rjust(16, b"\0")) or found == address
    assert left == before.rpartition(b",")[0]


@given(address=st.ip_addresses(v=6))
def test_every_spelling_of_an_ipv6_address(forwarded: Forwarded, address: ipaddress.IPv6Address) -> None:
    expected = told(address.packed)
    for text in (str(address), address.exploded, str(address).upper(), f"[{address}]", f"[{address.exploded}]:443"):
        assert forwarded.last(text.encode())[0] == expected
    v4 = ipaddress.IPv4Address(address.packed[12:])
    groups = ":".join(address.exploded.split(":")[:6])
    assert forwarded.last(f"{groups}:{v4}".encode())[0] == expected


@given(text=st.text("0123456789abcdefABCDEF:.[]x ", max_size=24))
def test_what_is_an_address_is_one_to_python_too(forwarded: Forwarded, text: str) -> None:
    found, left = forwarded.last(text.encode())
    assert left == b""
    word = text.strip(" ")
    if word.startswith("["):
        word = word[1:].partition("]")[0]
        family: type[ipaddress.IPv4Address | ipaddress.IPv6Address] = ipaddress.IPv6Address
    else:
        word = word.partition(":")[0] if word.count(":") == 1 else word
        family = ipaddress.IPv6Address if ":" in word else ipaddress.IPv4Address
    try:
        expected = told(family(word).packed.rjust(16, b"\0")) if family is ipaddress.IPv6Address else str(family(word))
    except ValueError:
        expected = None
    if found is not None or ("]" not in text and text.strip(" ").count(":") != 1):
        assert found == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "unknown",
        "_hidden",
        "192.0.2.7:",
        "192.0.2.7:x",
        "192.0.2.7:65536",
        "192.0.2.7:080",
        "192.0.2",
        "192.0.2.7.1",
        "192.0.2.07",
        "256.0.0.1",
        "[192.0.2.7]",
        "[2001:db8::7",
        "[2001:db8::7]443",
        "2001:db8::7%eth0",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7::8:9",
        "1:",
        ":1",
        "12345::",
        '"192.0.2.7"',
        "192.0.2.7 x",
    ],
)
def test_what_is_no_address_is_refused(forwarded: Forwarded, text: str) -> None:
    assert forwarded.last(text.encode())[0] is None
