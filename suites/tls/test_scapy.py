"""Scapy's TLS layers make hellos and records that are wrong, and read the alert that comes."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from scapy.layers.tls.extensions import (
    ServerName,
    TLS_Ext_ServerName,
    TLS_Ext_SignatureAlgorithms,
    TLS_Ext_SupportedGroups,
    TLS_Ext_SupportedVersion_CH,
)
from scapy.layers.tls.handshake import TLSCertificate, TLSClientHello, TLSFinished, TLSServerHelloDone
from scapy.layers.tls.keyexchange_tls13 import KeyShareEntry, TLS_Ext_KeyShare_CH
from scapy.layers.tls.record import TLS, TLSAlert, TLSApplicationData, TLSChangeCipherSpec

from lab.deadline import Deadline
from suites.duts.dut import Dut
from suites.tls import otherwise
from suites.tls.otherwise import is_own_engine

X25519, P256 = 29, 23
BASE_POINT = b"\x09" + bytes(31)
pytestmark = pytest.mark.only("weir", reason="of several alerts that would do others choose another")


def hello(**changed: Any) -> Any:
    """A ClientHello of TLS 1.3 that is as it should be, but for what is changed."""
    fields: dict[str, Any] = {
        "version": 0x0303,
        "ciphers": [0x1301],
        "comp": [0],
        "ext": extensions(),
    }
    return TLSClientHello(**{**fields, **changed})


def extensions(*without: type, also: tuple[Any, ...] = (), key: bytes = BASE_POINT, group: int = X25519) -> list[Any]:
    every = [
        TLS_Ext_ServerName(servernames=[ServerName(servername=b"weir.test")]),
        TLS_Ext_SupportedVersion_CH(versions=[0x0304]),
        TLS_Ext_SupportedGroups(groups=[X25519, P256]),
        TLS_Ext_SignatureAlgorithms(sig_algs=[0x0403]),
        TLS_Ext_KeyShare_CH(client_shares=[KeyShareEntry(group=group, key_exchange=key)]),
    ]
    return [one for one in every if not isinstance(one, without)] + list(also)


def record(message: Any, kind: int = 22) -> bytes:
    return bytes(TLS(version=0x0301, type=kind, msg=[message]))


def of_bytes(kind: int, body: bytes, version: int = 0x0301) -> bytes:
    return bytes((kind,)) + version.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def with_number(at: int, size: int, by: int) -> bytes:
    """A hello with another number at that place."""
    whole = bytearray(bytes(hello()))
    whole[at : at + size] = (int.from_bytes(whole[at : at + size], "big") + by).to_bytes(size, "big")
    return of_bytes(22, bytes(whole))


LENGTH, SUITES, EXTENSIONS = 1, 39, 45  # where a hello says how long it is, and these are


ROWS: dict[str, tuple[Callable[[], bytes], str]] = {
    "application data first": (lambda: record(TLSApplicationData(data=b"GET / HTTP/1.1"), 23), "unexpected_message"),
    "Finished first": (lambda: record(TLSFinished(vdata=bytes(32))), "unexpected_message"),
    "Certificate first": (lambda: record(TLSCertificate()), "unexpected_message"),
    "ServerHelloDone first": (lambda: record(TLSServerHelloDone()), "unexpected_message"),
    "no such record": (lambda: of_bytes(77, b"x"), "unexpected_message"),
    "record of SSL 2": (lambda: b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37), "unexpected_message"),
    "record too long": (lambda: of_bytes(22, b"")[:3] + (2**14 + 257).to_bytes(2, "big"), "record_overflow"),
    "empty record": (lambda: of_bytes(22, b""), "unexpected_message"),
    "no null compression": (lambda: record(hello(comp=[1])), "illegal_parameter"),
    "two compressions": (lambda: record(hello(comp=[1, 0])), "illegal_parameter"),
    "no suites": (lambda: record(hello(ciphers=[])), "decode_error"),
    "no suite of ours": (lambda: record(hello(ciphers=[0x1304])), "handshake_failure"),
    "no version of ours": (
        lambda: record(
            hello(ext=extensions(TLS_Ext_SupportedVersion_CH, also=(TLS_Ext_SupportedVersion_CH(versions=[0x0302]),)))
        ),
        "protocol_version",
    ),
    "no groups": (lambda: record(hello(ext=extensions(TLS_Ext_SupportedGroups))), "missing_extension"),
    "no signature algorithms": (
        lambda: record(hello(ext=extensions(TLS_Ext_SignatureAlgorithms))),
        "missing_extension",
    ),
    "no signature of ours": (
        lambda: record(
            hello(ext=extensions(TLS_Ext_SignatureAlgorithms, also=(TLS_Ext_SignatureAlgorithms(sig_algs=[0x0603]),)))
        ),
        "handshake_failure",
    ),
    "an extension twice": (
        lambda: record(hello(ext=extensions(also=(TLS_Ext_SupportedVersion_CH(versions=[0x0304]),)))),
        "illegal_parameter",
    ),
    "key too short": (lambda: record(hello(ext=extensions(key=BASE_POINT[:-1]))), "illegal_parameter"),
    "key of low order": (lambda: record(hello(ext=extensions(key=bytes(32)))), "illegal_parameter"),
    "key that is no point": (
        lambda: record(hello(ext=extensions(key=b"\x04" + bytes(63) + b"\x07", group=P256))),
        "illegal_parameter",
    ),
    "a byte behind the hello": (lambda: with_number(LENGTH, 3, -1), "unexpected_message"),
    "suites of half a byte": (lambda: with_number(SUITES, 2, 1), "decode_error"),
    "fewer extensions than it says": (lambda: with_number(EXTENSIONS, 2, 1), "decode_error"),
    "more extensions than it says": (lambda: with_number(EXTENSIONS, 2, -1), "decode_error"),
    "change of ciphers first": (lambda: record(TLSChangeCipherSpec(), 20), "unexpected_message"),
}
"""What is sent first, and the alert that is due (RFC 8446, sections 4.1.2, 4.2, 5.1 and 6.2)."""


def alerts(dut: Dut, said: bytes) -> list[str]:
    """The alerts that come in the clear until the connection ends."""
    came = b""
    with socket.create_connection(dut.endpoint, timeout=Deadline(10).seconds) as sock:
        sock.sendall(said)
        try:
            while more := sock.recv(65536):
                came += more
        except ConnectionResetError:
            pass
    found = []
    while came:
        length = 5 + int.from_bytes(came[3:5], "big")
        if came[0] == 21 and length == 7:
            (alert,) = TLS(came[:length]).msg
            assert isinstance(alert, TLSAlert)
            found.append(str(alert.sprintf("%TLSAlert.descr%")))
        came = came[length:]
    return found


def answer(dut: Dut, said: bytes) -> bytes:
    """What comes first."""
    with socket.create_connection(dut.endpoint, timeout=Deadline(10).seconds) as sock:
        sock.sendall(said)
        return sock.recv(65536)


def is_answer(came: bytes) -> bool:
    """A ServerHello."""
    return (came[:1], came[5:6]) == (b"\x16", b"\x02")


@pytest.mark.parametrize("name", ROWS)
def test_wrong_start_is_refused(https: Dut, name: str) -> None:
    made, due = ROWS[name]
    if not is_own_engine(https):
        due = otherwise.SCAPYS.get(name, due)
    if due:
        assert alerts(https, made()) == [due]
    else:
        rest = record(hello()) if name == "change of ciphers first" else b""
        assert is_answer(answer(https, made() + rest)), f"{name} is not taken"


def test_hello_of_scapys_is_answered(https: Dut) -> None:
    """As it should be, it is: else what is refused above may be so for another reason."""
    assert is_answer(answer(https, record(hello())))
