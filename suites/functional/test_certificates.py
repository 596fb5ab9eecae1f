"""Certificates as they are configured: taken, refused, shown without their keys, and changed live."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from lab.deploy import ENVIRONMENT
from suites.duts.adapter import ConfigurationRefused
from suites.duts.config import configured
from suites.duts.dut import Dut
from suites.duts.weir import WeirAdapter
from suites.traffic.certificates import Certified, Kind, authority, new_key
from suites.traffic.client import Client
from suites.traffic.errors import TrafficError
from suites.traffic.origin import Origin

pytestmark = pytest.mark.only("weir", reason="weirctl is Weir's own")

FOLDER = "/run/weir-test-certificates"
LISTENER = "0.0.0.0:443"


@pytest.fixture
def weir(dut: Dut) -> WeirAdapter:
    assert isinstance(dut.adapter, WeirAdapter)
    return dut.adapter


@pytest.fixture(scope="module")
def shop() -> Certified:
    return authority().issue("shop.example", "*.shop.example")


@pytest.fixture(scope="module")
def other() -> Certified:
    return authority().issue("other.example")


def raw_dump(weir: WeirAdapter) -> bytes:
    """The configuration as it crosses netlink."""
    program = "from weirctl import abi, family\nprint(b''.join(family.Family()._dump(abi.CMD_GET_CONFIG)).hex())\n"
    return bytes.fromhex(weir.machine.run("python3", "-c", program, env=ENVIRONMENT).stdout)


def test_certificates_are_shown_and_apply_again(dut: Dut, weir: WeirAdapter, shop: Certified, other: Certified) -> None:
    certificates = [configured(shop), configured(other, names=("Other.example",), default=True)]
    dut.apply(https=[LISTENER], certificates=certificates)
    shown = weir.weirctl("show").stdout
    weir.weirctl("apply", "-", input=shown)
    assert weir.weirctl("show").stdout == shown
    config = weir.batch("show")["config"]
    assert config["listener"][1] == {"address": LISTENER, "protocol": "https"}
    assert config["certificate"] == [
        {"chain": certificates[0].chain_file, "key": certificates[0].key_file, "names": shop.names},
        {
            "chain": certificates[1].chain_file,
            "key": certificates[1].key_file,
            "names": ["other.example"],
            "default": True,
        },
    ]
    assert config["tls"] == {"unknown_name": "default", "min_version": "1.2"}


def test_certificates_of_both_kinds_for_one_name(dut: Dut, weir: WeirAdapter, shop: Certified) -> None:
    other = authority().issue(*shop.names, kind="rsa")
    dut.apply(https=[LISTENER], certificates=[configured(shop, default=True), configured(other, default=True)])
    shown = weir.weirctl("show").stdout
    weir.weirctl("apply", "-", input=shown)
    assert weir.weirctl("show").stdout == shown
    config = weir.batch("show")["config"]
    assert [(one["names"], one["default"]) for one in config["certificate"]] == [(shop.names, True)] * 2


def test_clients_without_a_known_name_are_to_be_refused(dut: Dut, weir: WeirAdapter, shop: Certified) -> None:
    dut.apply(https=[LISTENER], certificates=[configured(shop)], refuse_unknown_names=True)
    assert weir.batch("show")["config"]["tls"] == {"unknown_name": "refuse", "min_version": "1.2"}
    dut.apply(https=[LISTENER], certificates=[configured(shop)])
    assert weir.batch("show")["config"]["tls"] == {"unknown_name": "default", "min_version": "1.2"}


def test_as_many_as_there_may_be(dut: Dut, weir: WeirAdapter) -> None:
    key = new_key()
    certified = [authority().issue(f"n{n}.example", key=key) for n in range(256)]
    dut.apply(https=[LISTENER], certificates=[configured(one) for one in certified])
    config = weir.batch("show")["config"]
    assert len(config["certificate"]) == 256
    assert config["certificate"][255]["names"] == ["n255.example"]
    certified.append(authority().issue("too.many.example", key=key))
    with pytest.raises(ConfigurationRefused, match=r"at most 256 \[\[certificate\]\]"):
        dut.apply(https=[LISTENER], certificates=[configured(one) for one in certified])
    assert weir.batch("show")["config"] == config


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_no_key_is_readable_back(dut: Dut, weir: WeirAdapter, kind: Kind) -> None:
    shop = authority().issue("shop.example", kind=kind)
    dut.apply(https=[LISTENER], certificates=[configured(shop)])
    dump = raw_dump(weir)
    assert b"shop.example" in dump
    answer = json.dumps(weir.batch("show")) + weir.weirctl("show").stdout
    assert shop.secret not in dump
    assert shop.secret[::-1] not in dump
    assert shop.secret.hex() not in answer
    assert "PRIVATE" not in answer


def test_file_that_will_not_do_is_refused_and_changes_nothing(
    dut: Dut, weir: WeirAdapter, shop: Certified, other: Certified
) -> None:
    dut.apply(https=[LISTENER], certificates=[configured(shop)])
    before = weir.batch("show")
    weir.machine.put(f"{FOLDER}/chain.pem", other.chain)
    weir.machine.put(f"{FOLDER}/key.pem", shop.key_pem(), 0o600)
    table = {"chain": f"{FOLDER}/chain.pem", "key": f"{FOLDER}/key.pem"}
    answer = weir.batch_answer("apply", config={**before["config"], "certificate": [table]})
    (error,) = answer["errors"]
    assert (error["key"], error["expected"]) == ("certificate[0].key", "the key of the chain's first certificate")
    weir.machine.put(f"{FOLDER}/key.pem", other.key_pem(), 0o644)
    answer = weir.batch_answer("apply", config={**before["config"], "certificate": [table]})
    assert "chmod o-rwx" in answer["error"]
    assert weir.batch("show") == before


def rsa_numbers() -> bytes:
    """A key of RSA as abi.KEY_KIND has it."""
    key = rsa.generate_private_key(65537, 2048).private_numbers()
    public = key.public_numbers
    texts = [
        number.to_bytes((number.bit_length() + 7) // 8, "big")
        for number in (public.n, public.e, key.p, key.q, key.dmp1, key.dmq1, key.iqmp)
    ]
    return b"".join(len(text).to_bytes(2, "big") + text for text in texts)


RSA = rsa_numbers()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# Of the module itself: what weirctl would not send. The fields of a certificate that differ from a good one, and what
# is said of it.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "chain-empty": ({"chain": b""}, "the chain is no list of certificates"),
    "chain-torn": ({"chain": b"\0\0\5abc\0\0"}, "the chain is no list of certificates"),
    "chain-without-end": ({"chain": b"\0\0\3abc"}, "the chain is no list of certificates"),
    "chain-with-extensions": ({"chain": b"\0\0\3abc\0\1x"}, "the chain is no list of certificates"),
    "chain-of-nothing": ({"chain": bytes(5)}, "the chain is no list of certificates"),
    "chain-with-rest": ({"chain": b"\0\0\3abc\0\0\0"}, "the chain is no list of certificates"),
    "chain-too-long": ({"chain": b"\0\x3b\xfc" + bytes(0x3BFC) + b"\0\0"}, "the chain is no list of certificates"),
    "key-zero": ({"key": bytes(32)}, "the key is no private key of P-256"),
    "key-order": ({"key": ORDER.to_bytes(32, "big")}, "the key is no private key of P-256"),
    "key-above": ({"key": b"\xff" * 32}, "the key is no private key of P-256"),
    "key-short": ({"key": b"\1" * 31}, "the key is no private key of P-256"),
    "key-long": ({"key": b"\0" + b"\1" * 32}, "the key is no private key of P-256"),
    "kind": ({"kind": 2}, "integer out of range"),
    "rsa-is-ecdsa": ({"kind": 1}, "the key is no private key of RSA with 2048, 3072 or 4096 bits"),
    "rsa-cut": ({"kind": 1, "key": RSA[:-1]}, "the key is no private key of RSA with 2048, 3072 or 4096 bits"),
    "rsa-more": ({"kind": 1, "key": RSA + b"\0"}, "the key is no private key of RSA with 2048, 3072 or 4096 bits"),
    "rsa-length": ({"kind": 1, "key": b"\xff\xff" + RSA[2:]}, "the key is no private key of RSA"),
    "rsa-wrong": ({"kind": 1, "key": RSA[:-1] + bytes([RSA[-1] ^ 1])}, "the key is no private key of RSA"),
    "rsa-nothing": ({"kind": 1, "key": b""}, "the key is no private key of RSA"),
    "name-upper": ({"names": ["A.example"]}, "a name is no host's in lower case"),
    "name-star": ({"names": ["*.*.example"]}, "a name is no host's in lower case"),
    "name-dots": ({"names": ["a..example"]}, "a name is no host's in lower case"),
    "name-end": ({"names": ["a.example."]}, "a name is no host's in lower case"),
    "name-begin": ({"names": [".example"]}, "a name is no host's in lower case"),
    "name-empty": ({"names": [""]}, "a name is no host's in lower case"),
    "names-too-many": ({"names": [f"n{n}.example" for n in range(101)]}, "a certificate has more than 100 names"),
    "name-twice": ({"names": ["a.example", "a.example"]}, "name a.example is given twice"),
    "none": ({"certificates": 0}, "listener 0.0.0.0:443: https needs a certificate"),
    "default-twice": ({"certificates": 2, "default": True}, "two certificates are the default"),
    "default-refused": (
        {"default": True, "refuse": True},
        "a certificate is the default, but unknown names are refused",
    ),
}
# Runs in the guest: what it sends nothing but the module checks.
UNCHECKED = """
import json, sys
from weirctl import abi, certificates, errors, family, netlink
asked = json.load(sys.stdin)
tables = []
for number in range(asked["certificates"]):
    content = netlink.attribute(abi.A_CERTIFICATE_CHAIN, bytes.fromhex(asked["chain"]))
    content += netlink.u32(abi.A_CERTIFICATE_KEY_KIND, asked["kind"])
    content += netlink.attribute(abi.A_CERTIFICATE_KEY, bytes.fromhex(asked["key"]))
    for name in [] if number else asked["names"]:
        content += netlink.text(abi.A_CERTIFICATE_SERVER_NAME, name)
    if asked["default"]:
        content += netlink.attribute(abi.A_CERTIFICATE_DEFAULT, b"")
    content += netlink.text(abi.A_CERTIFICATE_CHAIN_FILE, "/" + "c" * 1022)
    content += netlink.text(abi.A_CERTIFICATE_KEY_FILE, "/" + "k" * 1022)
    tables.append(certificates.Certificate({}, content))
certificates._encode = lambda table: table.material
config = {
    "listener": [{"address": "0.0.0.0:443", "protocol": "https"}],
    "upstream": [{"name": "a", "server": [{"address": "10.0.0.1:80"}]}],
    "certificate": tables,
    "tls": {"unknown_name": "refuse" if asked["refuse"] else "default"},
}
try:
    print(family.Family().apply(config))
except errors.Refused as refused:
    print(refused)
"""
GOOD: dict[str, Any] = {
    "chain": b"\0\0\3abc\0\0\0\0\1x\0\0", "key": (ORDER - 1).to_bytes(32, "big"), "names": ["a.example", "*.a.example"],
    "default": False, "refuse": False, "certificates": 1, "kind": 0,
}  # fmt: skip


def ask_unchecked(weir: WeirAdapter, what: dict[str, Any]) -> str:
    asked = {key: value.hex() if isinstance(value, bytes) else value for key, value in what.items()}
    return weir.machine.run("python3", "-c", UNCHECKED, input=json.dumps(asked), env=ENVIRONMENT).stdout.strip()


def test_good_one_is_taken_unchecked(dut: Dut, weir: WeirAdapter) -> None:
    """So that it is what differs from it that the module refuses below."""
    dut.apply()
    assert ask_unchecked(weir, GOOD).isdecimal()
    assert ask_unchecked(weir, {**GOOD, "key": bytes(31) + b"\1", "names": []}).isdecimal()
    assert ask_unchecked(weir, {**GOOD, "kind": 1, "key": RSA}).isdecimal()
    # As much of all as there may be, which still fits into one message when it is shown.
    names = [f"{n:03}.{'a' * 62}.{'b' * 62}.{'c' * 62}.{'d' * 59}" for n in range(100)]
    assert {len(name) for name in names} == {252}
    names = [f"x{name}" for name in names]
    chain = b"\0\x3b\xfb" + bytes(0x3BFB) + b"\0\0"
    assert ask_unchecked(weir, {**GOOD, "chain": chain, "names": names}).isdecimal()
    (table,) = weir.batch("show")["config"]["certificate"]
    assert table["names"] == names
    assert (len(table["chain"]), len(table["key"])) == (1023, 1023)


@pytest.mark.parametrize("kind", REFUSED)
def test_module_refuses_by_itself(dut: Dut, weir: WeirAdapter, kind: str) -> None:
    changed, said = REFUSED[kind]
    dut.apply()
    before = weir.batch("show")
    assert said in ask_unchecked(weir, {**GOOD, **changed})
    assert weir.batch("show") == before


def listening_socket(dut: Dut) -> str:
    """Which socket listens at port 80, by its inode."""
    (line,) = dut.machine.run("ss", "-Htlne", "sport", "=", ":80").stdout.splitlines()
    return next(word for word in line.split() if word.startswith(("ino:", "sk:")))


def speaks_http(client: Client) -> bool:
    try:
        return client.get("/").status == 200
    except (TrafficError, OSError):
        return False


def test_protocol_of_a_listener_changes_live(dut: Dut, origin: Origin, client: Client, shop: Certified) -> None:
    """For connections that are opened from then on; the listening socket and those that there are stay."""
    dut.apply()
    before = listening_socket(dut)
    with client.connect() as kept:
        assert kept.ask().status == 200
        dut.apply(listeners=[], https=["0.0.0.0:80"], certificates=[configured(shop)])
        assert kept.ask().status == 200
        assert not speaks_http(client)
        dut.apply()
        assert kept.ask().status == 200
        assert speaks_http(client)
    assert listening_socket(dut) == before
    assert origin.requests == 4


def test_certificates_are_replaced_live(dut: Dut, weir: WeirAdapter, client: Client) -> None:
    """New files under the same names."""
    dut.apply()
    with client.connect() as connection:
        for number in range(10):
            new = authority().issue("a.example", f"n{number}.example")
            weir.machine.put(f"{FOLDER}/same.pem", new.chain)
            weir.machine.put(f"{FOLDER}/same.key", new.key_pem(), 0o600)
            config = weir.batch("show")["config"]
            config["certificate"] = [{"chain": f"{FOLDER}/same.pem", "key": f"{FOLDER}/same.key"}]
            weir.batch("apply", config=config)
            shown = weir.batch("show")["config"]["certificate"]
            assert shown[0]["names"] == ["a.example", f"n{number}.example"]
            assert connection.ask().status == 200
