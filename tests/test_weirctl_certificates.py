"""Certificates from weirctl's side: what it says of those that will not do, to netlink and back; no key shows."""

from __future__ import annotations

import datetime
import json
import os
import secrets
import subprocess
import sys
import tomllib
from collections.abc import Callable
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.bootstrap import ROOT
from suites.traffic.certificates import AFTER, BEFORE, Authority, Certified, Kind, new_key
from tests.test_tls_rsa import Numbers
from weirctl import abi, certificates, family, netlink, render, schema, source
from weirctl.errors import Refused

TEXT = """\
[[listener]]
address = "0.0.0.0:443"
protocol = "https"

[[certificate]]
chain = "chain.pem"
key = "key.pem"

[[upstream]]
name = "app"

[[upstream.server]]
address = "10.0.0.1:80"
"""
NAMES = ["shop.example", "*.shop.example"]
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority("root")


@pytest.fixture(scope="module")
def below(root: Authority) -> Authority:
    return Authority("below", above=root)


@pytest.fixture(scope="module")
def old() -> Authority:
    return Authority("old", kind="rsa")


@pytest.fixture(scope="module")
def good(below: Authority) -> Certified:
    return below.issue(*NAMES)


def put(folder: Path, certified: Certified, *, chain: str | None = None, key: str | None = None) -> Path:
    """A configuration with its files; how it is read."""
    (folder / "weir.toml").write_text(TEXT)
    (folder / "chain.pem").write_text(certified.chain if chain is None else chain)
    (folder / "key.pem").write_text(certified.key_pem() if key is None else key)
    (folder / "key.pem").chmod(0o600)
    return folder / "weir.toml"


def refusal(file: Path) -> list[str]:
    """What is said, without the names of files."""
    with pytest.raises(Refused) as refused:
        source.from_file(str(file))
    return [problem.text().replace(f"{file.parent}/", "") for problem in refused.value.problems]


def through_the_wire(config: dict[str, Any]) -> dict[str, Any]:
    return family.decode([bytes(4) + netlink.nest(part.kind, part.content) for part in family.encode(config)])


def first(config: dict[str, Any]) -> certificates.Certificate:
    table = config["certificate"][0]
    assert isinstance(table, certificates.Certificate)
    return table


def staged(config: dict[str, Any]) -> dict[int, bytes]:
    (part,) = [part for part in family.encode(config) if part.kind == abi.A_CONFIG_CERTIFICATE]
    return netlink.table(part.content)


def test_certificate_is_read_and_survives_the_wire(tmp_path: Path, good: Certified) -> None:
    config = source.from_file(str(put(tmp_path, good))).config
    table = {"chain": f"{tmp_path}/chain.pem", "key": f"{tmp_path}/key.pem", "names": NAMES}
    assert config["certificate"] == [table]
    assert through_the_wire(config)["certificate"] == [table]
    assert tomllib.loads(render.toml(config))["certificate"] == [table]
    values = staged(config)
    assert values[abi.A_CERTIFICATE_KEY] == good.secret
    ders = [one.public_bytes(Encoding.DER) for one in (good.certificate, *good.issuers)]
    assert len(ders) == 2
    listed = b"".join(len(der).to_bytes(3, "big") + der + b"\0\0" for der in ders)
    assert values[abi.A_CERTIFICATE_CHAIN] == listed


def test_what_is_shown_applies_again_from_anywhere(tmp_path: Path, good: Certified) -> None:
    shown = render.toml(source.from_file(str(put(tmp_path, good))).config)
    again = source.from_text(shown, "/elsewhere/weir.toml").config
    assert render.toml(again) == shown
    assert staged(again)[abi.A_CERTIFICATE_KEY] == good.secret


@pytest.mark.parametrize("kind", ["rsa", "rsa3072", "rsa4096"])
def test_key_of_rsa_is_read_and_survives_the_wire(tmp_path: Path, below: Authority, kind: Kind) -> None:
    certified = below.issue(*NAMES, kind=kind)
    config = source.from_file(str(put(tmp_path, certified))).config
    table = {"chain": f"{tmp_path}/chain.pem", "key": f"{tmp_path}/key.pem", "names": NAMES}
    assert config["certificate"] == through_the_wire(config)["certificate"] == [table]
    values = staged(config)
    assert netlink.number(values[abi.A_CERTIFICATE_KEY_KIND]) == abi.KEY_KIND.index("rsa")
    assert isinstance(certified.key, rsa.RSAPrivateKey)
    key = certified.key.private_numbers()
    numbers = Numbers(key.public_numbers.n, 65537, key.p, key.q, key.dmp1, key.dmq1, key.iqmp)
    assert values[abi.A_CERTIFICATE_KEY] == numbers.packed()


def test_traditional_form_of_rsa_is_read(tmp_path: Path, below: Authority) -> None:
    certified = below.issue(*NAMES, kind="rsa")
    traditional = certified.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    assert "BEGIN RSA PRIVATE KEY" in traditional
    config = source.from_file(str(put(tmp_path, certified, key=traditional))).config
    assert certified.secret in staged(config)[abi.A_CERTIFICATE_KEY]


BOTH = """\
[[certificate]]
chain = "rsa.pem"
key = "rsa.key"
"""


def put_both(folder: Path, good: Certified, below: Authority, *names: str, more: str = "") -> Path:
    """A configuration with a certificate of each kind, the second one with a key of RSA and text of its own."""
    file = put(folder, good)
    other = below.issue(*names, kind="rsa")
    (folder / "rsa.pem").write_text(other.chain)
    (folder / "rsa.key").write_text(other.key_pem())
    (folder / "rsa.key").chmod(0o600)
    file.write_text(TEXT.replace("[[upstream]]", f"{BOTH}{more}[[upstream]]"))
    return file


def test_certificates_of_both_kinds_have_the_same_names(tmp_path: Path, good: Certified, below: Authority) -> None:
    config = source.from_file(str(put_both(tmp_path, good, below, *NAMES))).config
    tables: Any = config["certificate"]
    assert [table["names"] for table in tables] == [NAMES, NAMES]
    shown = render.toml(config)
    assert render.toml(source.from_text(shown, "/elsewhere/weir.toml").config) == shown


def test_default_of_each_kind(tmp_path: Path, good: Certified, below: Authority) -> None:
    """One without names may be the default of its kind, where nobody else is, or where it says so."""
    source.from_file(str(put_both(tmp_path, good, below)))
    file = put_both(tmp_path, good, below, more="default = true\n")
    source.from_file(str(file))
    both = TEXT.replace('key = "key.pem"\n', 'key = "key.pem"\ndefault = true\n')
    file.write_text(both.replace("[[upstream]]", f"{BOTH}default = true\n[[upstream]]"))
    source.from_file(str(file))
    file.write_text(both.replace("[[upstream]]", f"{BOTH}[[upstream]]"))
    assert refusal(file) == [
        "weir.toml:10: certificate[1]: expected names, it has none and is not the default: no client would get it"
    ]


def test_twice_of_one_kind_is_too_much(tmp_path: Path, good: Certified, below: Authority) -> None:
    file = put_both(tmp_path, good, below, *NAMES, more=f"default = true\n{BOTH}default = true\n")
    problems = refusal(file)
    twice = "expected one default with a key of RSA, certificate[1] is the default already"
    assert f"weir.toml:16: certificate[2].default: {twice}" in problems
    once = "expected a name once with a key of RSA, certificate[1] has shop.example already"
    assert f"weir.toml:13: certificate[2].names[0]: {once}" in problems


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_no_key_is_shown(tmp_path: Path, below: Authority, kind: Kind) -> None:
    good = below.issue(*NAMES, kind=kind)
    config = source.from_file(str(put(tmp_path, good))).config
    table = first(config)
    number = good.secret.hex()
    for text in (repr(config), json.dumps(config), render.toml(config), repr(table.material), schema.got(table)):
        assert number not in text
        assert str(int(number, 16)) not in text
        assert repr(good.secret) not in text


def test_changed_files_are_read_anew(tmp_path: Path, good: Certified, below: Authority) -> None:
    file = str(put(tmp_path, good))
    source.from_file(file)
    other = below.issue(*NAMES)
    put(tmp_path, other)
    assert staged(source.from_file(file).config)[abi.A_CERTIFICATE_KEY] == other.secret


@pytest.mark.parametrize("form", ["EC PRIVATE KEY", "with parameters", "with text", "in one file"])
def test_other_forms_are_read(tmp_path: Path, good: Certified, form: str) -> None:
    traditional = good.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    key = {"with parameters": parameters + traditional, "EC PRIVATE KEY": traditional}.get(form, good.key_pem())
    chain = good.chain
    if form == "with text":
        chain = "".join(f"subject=CN = shop\n\n{block}" for block in chain.split("\n\n"))
    if form == "in one file":
        key += chain
    config = source.from_file(str(put(tmp_path, good, chain=chain, key=key))).config
    assert staged(config)[abi.A_CERTIFICATE_KEY] == good.secret


def test_root_may_be_in_the_chain(tmp_path: Path, good: Certified, root: Authority) -> None:
    source.from_file(str(put(tmp_path, good, chain=good.chain + root.pem)))


def test_group_may_read_a_key(tmp_path: Path, good: Certified) -> None:
    file = put(tmp_path, good)
    (tmp_path / "key.pem").chmod(0o640)
    source.from_file(str(file))


def weakened(certified: Certified, last_byte: int) -> str:
    """Its certificate with another algorithm of signatures said: of PKCS #1, 4 is MD5, 5 SHA-1, 11 SHA-256."""
    der = certified.certificate.public_bytes(Encoding.DER)
    oid = bytes.fromhex("2a864886f70d0101")
    assert der.count(oid + b"\x0b") == 2
    return x509.load_der_x509_certificate(der.replace(oid + b"\x0b", oid + bytes([last_byte]))).public_bytes(
        Encoding.PEM
    ).decode()  # fmt: skip


def swapped(certified: Certified) -> str:
    return certified.issuers[0].public_bytes(Encoding.PEM).decode() + certified.pem


def torn(pem: str) -> str:
    lines = pem.splitlines()
    return "\n".join([*lines[:3], "AAAA", *lines[4:]])


def for_pss(certified: Certified) -> str:
    """Its certificate with a key that is for RSASSA-PSS alone."""
    der = certified.certificate.public_bytes(Encoding.DER)
    oid = bytes.fromhex("2a864886f70d0101")
    assert der.count(oid + b"\x01\x05\0") == 1
    der = der.replace(oid + b"\x01\x05\0", oid + b"\x0a\x30\0")
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()


def prime(bits: int, exponent: int) -> int:
    """One whose two highest bits are set, so that the product of two has as many bits as both."""
    while True:
        number = secrets.randbits(bits) | 3 << bits - 2 | 1
        if gcd(number - 1, exponent) == 1 and all(pow(base, number - 1, number) == 1 for base in (2, 3, 5)):
            return number


def lopsided(bits: int, exponent: int) -> rsa.RSAPrivateKey:
    """A key of 2048 bits, whose first prime has so many."""
    p, q = prime(bits, exponent), prime(2048 - bits, exponent)
    d = pow(exponent, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(exponent, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


KEYS = "an ECDSA key on the curve P-256, or an RSA key of 2048, 3072 or 4096 bits"
PREFIX = "weir.toml:6: certificate[0].chain: expected "
KEY_PREFIX = "weir.toml:7: certificate[0].key: expected "


class Made(NamedTuple):
    """What certificates are made of; `old` signs by RSA."""

    root: Authority
    old: Authority
    good: Certified

    def old_key(self) -> str:
        return Certified(self.old.certificate, self.old.key).key_pem()


Make = Callable[[Made], dict[str, Any]]

# What is put into the files, and what is said of it.
BAD: dict[str, tuple[Make, str]] = {
    "chain-empty": (
        lambda _: {"chain": ""},
        PREFIX + "PEM certificates, the server's own first, chain.pem has none",
    ),
    "chain-is-a-key": (
        lambda made: {"chain": made.good.key_pem()},
        PREFIX + "PEM certificates, the server's own first, chain.pem has none",
    ),
    "chain-torn": (
        lambda made: {"chain": torn(made.good.chain)},
        PREFIX + "PEM certificates, the server's own first, certificate 1 of chain.pem is not well formed: ",
    ),
    "second-torn": (
        lambda made: {"chain": made.good.pem + torn(made.good.chain.removeprefix(made.good.pem))},
        PREFIX + "PEM certificates, the server's own first, certificate 2 of chain.pem is not well formed: ",
    ),
    "order": (
        lambda made: {"chain": swapped(made.good)},
        PREFIX + "the server's own certificate first, then of each its issuer's, certificate 1 was issued by CN=root, "
        "but the next is CN=shop.example",
    ),
    "gap": (
        lambda made: {"chain": made.good.pem + made.root.pem},
        PREFIX + "the server's own certificate first, then of each its issuer's, certificate 1 was issued by CN=below, "
        "but the next is CN=root",
    ),
    "another-of-the-same-name": (
        lambda made: {"chain": made.good.pem + Authority("below").pem},
        PREFIX
        + "the server's own certificate first, then of each its issuer's, certificate 1 is not signed by the key "
        "of the next, CN=below",
    ),
    "expired": (
        lambda made: {"certified": made.root.issue("a.example", before=BEFORE, after=NOW - DAY)},
        PREFIX + "one that is valid now, certificate 1 (CN=a.example) has expired: ",
    ),
    "not-yet-valid": (
        lambda made: {"certified": made.root.issue("a.example", before=NOW + DAY, after=AFTER)},
        PREFIX + "one that is valid now, certificate 1 (CN=a.example) is not valid before ",
    ),
    "sha-1": (
        lambda made: {"chain": weakened(made.old.issue("a.example", key=made.good.key), 5)},
        PREFIX + "signatures with SHA-256 or better, certificate 1 (CN=a.example) is signed with SHA1",
    ),
    "md5": (
        lambda made: {"chain": weakened(made.old.issue("a.example", key=made.good.key), 4)},
        PREFIX + "signatures with SHA-256 or better, certificate 1 (CN=a.example) is signed with MD5",
    ),
    "short-rsa": (
        lambda made: {"certified": made.root.issue("a.example", kind="rsa1024"), "key": made.good.key_pem()},
        PREFIX + f"a certificate with {KEYS}, certificate 1 (CN=a.example) has an RSA key of 1024 bits",
    ),
    "odd-rsa": (
        lambda made: {"certified": made.root.issue("a.example", key=rsa.generate_private_key(65537, 2056))},
        PREFIX + f"a certificate with {KEYS}, certificate 1 (CN=a.example) has an RSA key of 2056 bits",
    ),
    "rsa-for-pss-alone": (
        lambda made: {"chain": for_pss(made.old.issue("a.example", kind="rsa"))},
        PREFIX + "one for rsaEncryption, certificate 1 (CN=a.example) has an RSA key of 2048 bits for RSASSA-PSS alone",
    ),
    "other-curve": (
        lambda made: {"certified": made.root.issue("a.example", kind="p384"), "key": made.good.key_pem()},
        PREFIX + f"a certificate with {KEYS}, certificate 1 (CN=a.example) has an ECDSA key on the curve secp384r1",
    ),
    "weak-issuer": (
        lambda made: {"certified": Authority("weak", kind="rsa1024", above=made.root).issue("a.example")},
        PREFIX
        + "issuers with an RSA key of at least 2048 bits, an ECDSA key on P-256, P-384 or P-521, or an Ed25519 key, "
        "certificate 2 (CN=weak) has an RSA key of 1024 bits",
    ),
    "not-for-signatures": (
        lambda made: {"certified": made.root.issue("a.example", signs=False)},
        PREFIX + "one whose key usage has them, certificate 1 (CN=a.example) is not for digital signatures",
    ),
    "not-for-servers": (
        lambda made: {"certified": made.root.issue("a.example", usages=[ExtendedKeyUsageOID.CLIENT_AUTH])},
        PREFIX + "one whose extended key usage has serverAuth, certificate 1 (CN=a.example) is not for servers",
    ),
    "too-long": (
        lambda made: {"certified": made.root.issue(*(f"{'n' * 60}{i}.example" for i in range(250)))},
        PREFIX + "a chain of at most 15360 bytes, 1 certificates have ",
    ),
    "too-many-names": (
        lambda made: {"certified": made.root.issue(*(f"n{i}.example" for i in range(101)))},
        PREFIX + "names = [...] with at most 100 of its names, the certificate has 101",
    ),
    "key-empty": (lambda _: {"key": ""}, KEY_PREFIX + "one private key in PEM, key.pem has none"),
    "two-keys": (
        lambda made: {"key": made.good.key_pem() * 2},
        KEY_PREFIX + "one private key in PEM, key.pem has 2",
    ),
    "key-torn": (
        lambda made: {"key": torn(made.good.key_pem()) + "\n"},
        KEY_PREFIX + "one private key in PEM, the key in key.pem is not well formed",
    ),
    "encrypted": (
        lambda made: {"key": made.good.key_pem(b"secret")},
        KEY_PREFIX + "a key without a passphrase, the key in key.pem is encrypted",
    ),
    "another-key": (
        lambda made: {"key": made.root.issue("b.example").key_pem()},
        KEY_PREFIX
        + "the key of the chain's first certificate, key.pem has another (an ECDSA key on the curve secp256r1)",
    ),
    "another-rsa-key": (
        lambda made: {"certified": made.root.issue("a.example", kind="rsa"), "key": made.old_key()},
        KEY_PREFIX + "the key of the chain's first certificate, key.pem has another (an RSA key of 2048 bits)",
    ),
    "short-rsa-key": (
        lambda made: {"certified": made.root.issue("a.example", kind="rsa1024"), "chain": ""},
        KEY_PREFIX + f"{KEYS}, key.pem has an RSA key of 1024 bits",
    ),
    "other-key": (
        lambda made: {"certified": made.root.issue("a.example", kind="p384"), "chain": ""},
        KEY_PREFIX + f"{KEYS}, key.pem has an ECDSA key on the curve secp384r1",
    ),
    "primes-of-different-length": (
        lambda made: {"certified": made.root.issue("a.example", key=lopsided(1000, 65537))},
        KEY_PREFIX + "a key with two primes of 1024 bits, key.pem has primes of 1000 and 1048 bits",
    ),
    "large-exponent": (
        lambda made: {"certified": made.root.issue("a.example", key=lopsided(1024, 2**32 + 15))},
        KEY_PREFIX + "one below 2^32, such as 65537, key.pem has the public exponent 4294967311",
    ),
    "no-name": (
        lambda made: {"certified": made.root.issue(), "text": TEXT + '[tls]\nunknown_name = "refuse"\n'},
        "weir.toml:5: certificate[0]: expected names, it has none, and unknown names are refused: ",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_will_not_do(tmp_path: Path, root: Authority, old: Authority, good: Certified, kind: str) -> None:
    make, said = BAD[kind]
    what = make(Made(root, old, good))
    file = put(tmp_path, what.get("certified", good), chain=what.get("chain"), key=what.get("key"))
    file.write_text(what.get("text", TEXT))
    problems = refusal(file)
    assert any(problem.startswith(said) for problem in problems), problems
    assert problems[0].startswith(said) or said.startswith(KEY_PREFIX), problems


@pytest.mark.parametrize("which", ["chain", "key"])
@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("missing", "a readable file, cannot read {}.pem: No such file or directory (ENOENT)"),
        ("directory", "a readable file, {}.pem is no file"),
        ("pipe", "a readable file, {}.pem is no file"),
        ("loop", "a readable file, cannot read {}.pem: Too many levels of symbolic links (ELOOP)"),
        ("huge", "a file of PEM, {}.pem has more than 262144 bytes"),
    ],
)
def test_file_that_cannot_be_read(tmp_path: Path, good: Certified, which: str, state: str, said: str) -> None:
    config = put(tmp_path, good)
    file = tmp_path / f"{which}.pem"
    if state == "huge":
        file.write_text("#" * (1 << 18) + file.read_text())
    else:
        file.unlink()
    if state == "directory":
        file.mkdir(0o700)
    elif state == "pipe":
        os.mkfifo(file, 0o600)
    elif state == "loop":
        file.symlink_to(file)
    line = {"chain": 6, "key": 7}[which]
    assert refusal(config) == [f"weir.toml:{line}: certificate[0].{which}: expected {said.format(which)}"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(tmp_path: Path, good: Certified) -> None:
    config = put(tmp_path, good)
    (tmp_path / "key.pem").chmod(0)
    assert refusal(config)[0].endswith("cannot read key.pem: Permission denied (EACCES)")


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o601])
def test_key_that_everyone_may_read(tmp_path: Path, good: Certified, mode: int) -> None:
    config = put(tmp_path, good)
    (tmp_path / "key.pem").chmod(mode)
    said = f"a file that only its owner and its group may read (chmod o-rwx), key.pem has mode {mode:04o}"
    assert refusal(config) == [KEY_PREFIX + said]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path, good: Certified) -> None:
    assert [line.split(":")[1] for line in refusal(put(tmp_path, good, chain="", key=""))] == ["6", "7"]


SHAPES: dict[str, tuple[str, str, str]] = {
    "no-key": ('key = "key.pem"\n', "", '5: certificate[0]: "key" is missing'),
    "no-chain": ('chain = "chain.pem"\n', "", '5: certificate[0]: "chain" is missing'),
    "number": ('"key.pem"', "5", "7: certificate[0].key: expected the name of a file, of at most 1023 bytes, got 5"),
    "empty": ('"key.pem"', '""', '7: certificate[0].key: expected the name of a file, of at most 1023 bytes, got ""'),
    "newline": ('"key.pem"', '"a\\n"', "7: certificate[0].key: expected the name of a file"),
    "long": ('"key.pem"', f'"{"k" * 1024}"', "7: certificate[0].key: expected the name of a file"),
    "unknown": (
        "key = ",
        "keys = ",
        "7: certificate[0].keys: expected one of chain, key, ocsp, default, names, unknown key",
    ),
    "default": (
        "[[upstream]]",
        "default = 1\n[[upstream]]",
        "9: certificate[0].default: expected true or false, got 1",
    ),
    "names": (
        "[[upstream]]",
        'names = "a"\n[[upstream]]',
        "9: certificate[0].names: expected an array of hosts' names",
    ),
    "port": (
        "[[upstream]]",
        'names = ["shop.example", "shop.example:443"]\n[[upstream]]',
        '9: certificate[0].names[1]: expected a host\'s name, or "*." and one, got "shop.example:443"',
    ),
    "foreign": (
        "[[upstream]]",
        'names = ["a.shop.example", "b.example"]\n[[upstream]]',
        '9: certificate[0].names: expected names of the certificate (shop.example, *.shop.example), got "b.example"',
    ),
    "deep": (
        "[[upstream]]",
        'names = ["a.b.shop.example"]\n[[upstream]]',
        "9: certificate[0].names: expected names of the certificate",
    ),
    "twice": (
        "[[upstream]]",
        'names = ["shop.example", "Shop.example"]\n[[upstream]]',
        "9: certificate[0].names[1]: expected a name once with a key of ECDSA, certificate[0] has Shop.example already",
    ),
    "again": (
        "[[upstream]]",
        '[[certificate]]\nchain = "chain.pem"\nkey = "key.pem"\n[[upstream]]',
        "9: certificate[1].names[0]: expected a name once with a key of ECDSA, certificate[0] has shop.example already",
    ),
    "two-defaults": (
        "[[upstream]]",
        'default = true\nnames = ["a.shop.example"]\n[[certificate]]\nchain = "chain.pem"\nkey = "key.pem"\n'
        "default = true\n[[upstream]]",
        "14: certificate[1].default: expected one default with a key of ECDSA, certificate[0] is the default already",
    ),
    "default-and-refuse": (
        "[[upstream]]",
        'default = true\n[tls]\nunknown_name = "refuse"\n[[upstream]]',
        "9: certificate[0].default: expected no default where unknown names are refused, got true, but tls",
    ),
    "second-without-names": (
        "[[upstream]]",
        '[[certificate]]\nchain = "chain.pem"\nkey = "key.pem"\nnames = []\n[[upstream]]',
        "9: certificate[1]: expected names, it has none and is not the default: no client would get it",
    ),
    "unknown-name": (
        "[[upstream]]",
        '[tls]\nunknown_name = "drop"\n[[upstream]]',
        '10: tls.unknown_name: expected "default" or "refuse", got "drop"',
    ),
    "min-version": (
        "[[upstream]]",
        '[tls]\nmin_version = "1.1"\n[[upstream]]',
        '10: tls.min_version: expected "1.2" or "1.3", got "1.1"',
    ),
    "min-version-that-is-a-number": (
        "[[upstream]]",
        "[tls]\nmin_version = 1.2\n[[upstream]]",
        '10: tls.min_version: expected "1.2" or "1.3", got 1.2',
    ),
    "none": (
        '[[certificate]]\nchain = "chain.pem"\nkey = "key.pem"\n',
        "",
        '3: listener[0].protocol: expected a [[certificate]] for https, got "https"',
    ),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_table_that_will_not_do(tmp_path: Path, good: Certified, kind: str) -> None:
    before, after, said = SHAPES[kind]
    assert TEXT.count(before) == 1
    file = put(tmp_path, good)
    file.write_text(TEXT.replace(before, after))
    problems = refusal(file)
    assert any(problem.startswith(f"weir.toml:{said}") for problem in problems), problems


def test_names_of_the_file_are_taken(tmp_path: Path, good: Certified) -> None:
    file = put(tmp_path, good)
    names = 'names = ["A.Shop.Example", "*.shop.example"]\ndefault = true\n'
    tls = '[tls]\nunknown_name = "default"\nmin_version = "1.3"\n'
    file.write_text(TEXT.replace("[[upstream]]", names + tls + "[[upstream]]"))
    shown = through_the_wire(source.from_file(str(file)).config)
    (table,) = shown["certificate"]
    assert (table["names"], table["default"]) == (["a.shop.example", "*.shop.example"], True)
    assert shown["tls"] == {"unknown_name": "default", "min_version": "1.3"}


def test_certificate_without_names_may_be_the_default(tmp_path: Path, root: Authority) -> None:
    assert first(source.from_file(str(put(tmp_path, root.issue()))).config)["names"] == []


def test_refusal_of_the_module_is_told_by_its_key(tmp_path: Path, good: Certified, below: Authority) -> None:
    config = source.from_file(str(put_staple(tmp_path, good, below.status(good)))).config
    (part,) = [part for part in family.encode(config) if part.kind == abi.A_CONFIG_CERTIFICATE]
    blamed = {
        abi.NAMES["certificate"][kind]: part.blamed(16 + 4 + 4 + offset)
        for kind, offset, _ in netlink.attributes(part.content)
    }
    assert {name: path[2] for name, path in blamed.items()} == {
        "chain": "chain", "key-kind": "key", "key": "key", "server-name": "names", "chain-file": "chain",
        "key-file": "key", "staple": "ocsp", "staple-until": "ocsp", "staple-file": "ocsp",
    }  # fmt: skip


# OCSP staples.


def put_staple(folder: Path, certified: Certified, staple: bytes, *, chain: str | None = None) -> Path:
    """A configuration whose certificate has one."""
    file = put(folder, certified, chain=chain)
    file.write_text(TEXT.replace('key = "key.pem"\n', 'key = "key.pem"\nocsp = "status.der"\n'))
    (folder / "status.der").write_bytes(staple)
    return file


def delegate(of: Authority, usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.OCSP_SIGNING, **how: Any) -> Certified:
    """Who may sign responses for an authority."""
    return of.issue("responder", usages=[usage], **how)


@pytest.mark.parametrize("by_key", [True, False])
@pytest.mark.parametrize("by", [None, "ecdsa", "rsa"])
def test_staple_is_read_and_survives_the_wire(
    tmp_path: Path, good: Certified, below: Authority, by: Kind | None, *, by_key: bool
) -> None:
    """Signed by the issuer, or by whom he has certified for that."""
    response = below.status(good, by=delegate(below, kind=by) if by else None, by_key=by_key)
    config = source.from_file(str(put_staple(tmp_path, good, response))).config
    table = {"chain": f"{tmp_path}/chain.pem", "key": f"{tmp_path}/key.pem", "ocsp": f"{tmp_path}/status.der"}
    assert config["certificate"] == through_the_wire(config)["certificate"] == [{**table, "names": NAMES}]
    values = staged(config)
    assert values[abi.A_CERTIFICATE_STAPLE] == response
    assert netlink.number(values[abi.A_CERTIFICATE_STAPLE_UNTIL]) == int(AFTER.timestamp())


@pytest.mark.parametrize("hashed", [hashes.SHA256(), hashes.SHA512()])
def test_issuer_may_be_told_by_another_hash(
    tmp_path: Path, good: Certified, below: Authority, hashed: hashes.HashAlgorithm
) -> None:
    source.from_file(str(put_staple(tmp_path, good, below.status(good, hashed=hashed))))


def test_staple_is_shown_with_its_end(tmp_path: Path, good: Certified, below: Authority) -> None:
    """In a comment: what is shown applies again."""
    config = source.from_file(str(put_staple(tmp_path, good, below.status(good)))).config
    shown = render.toml(through_the_wire(config))
    assert f"# its OCSP response is sent until {AFTER:%Y-%m-%d %H:%M:%S} UTC\n" in shown
    again = source.from_text(shown, "/elsewhere/weir.toml").config
    assert staged(again) == staged(config)
    table = certificates.decode(
        netlink.text(abi.A_CERTIFICATE_CHAIN_FILE, "a") + netlink.text(abi.A_CERTIFICATE_KEY_FILE, "b")
        + netlink.text(abi.A_CERTIFICATE_STAPLE_FILE, "c") + netlink.uint(abi.A_CERTIFICATE_STAPLE_UNTIL, 86400)
    )  # fmt: skip
    shown = render.toml({"certificate": [table]})
    assert shown.startswith("[[certificate]]\n# its OCSP response is old: 1970-01-02 00:00:00 UTC\n")


def test_issuer_may_come_with_the_response(tmp_path: Path, root: Authority) -> None:
    """Where the chain ends at the server's own certificate."""
    certified = root.issue(*NAMES)
    source.from_file(str(put_staple(tmp_path, certified, root.status(certified))))
    source.from_file(
        str(put_staple(tmp_path, certified, root.status(certified, along=[]), chain=certified.pem + root.pem))
    )
    assert refusal(put_staple(tmp_path, certified, root.status(certified, along=[]))) == [
        "weir.toml:6: certificate[0].chain: expected the certificate of the issuer, too: it is what the OCSP response "
        "is checked by, CN=root is not in the chain"
    ]


class Answers(NamedTuple):
    """Who says something of a certificate."""

    good: Certified
    below: Authority
    root: Authority


OCSP_PREFIX = "weir.toml:8: certificate[0].ocsp: expected "
SIGNED = OCSP_PREFIX + "one that is signed by the certificate's issuer, or by a responder that he has certified, "
STAPLES: dict[str, tuple[Callable[[Answers], bytes], str]] = {
    "empty": (lambda _: b"", OCSP_PREFIX + "one OCSP response in DER, status.der is not well formed: "),
    "pem": (
        lambda made: made.good.pem.encode(),
        OCSP_PREFIX + "one OCSP response in DER, status.der is not well formed: ",
    ),
    "cut": (
        lambda made: made.below.status(made.good)[:-1],
        OCSP_PREFIX + "one OCSP response in DER, status.der is not well formed: ",
    ),
    "more-behind": (
        lambda made: made.below.status(made.good) + b"\0",
        OCSP_PREFIX + "one OCSP response in DER, status.der is not well formed: ",
    ),
    "too-large": (lambda _: bytes(8193), OCSP_PREFIX + "a file of DER, status.der has more than 8192 bytes"),
    "try-later": (
        lambda _: ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(
            Encoding.DER
        ),
        OCSP_PREFIX + "a response that is successful, the responder says try_later",
    ),
    "revoked": (
        lambda made: made.below.status(made.good, ocsp.OCSPCertStatus.REVOKED),
        OCSP_PREFIX + "one that says that it is good, it says that the certificate (CN=shop.example) is revoked",
    ),
    "unknown": (
        lambda made: made.below.status(made.good, ocsp.OCSPCertStatus.UNKNOWN),
        OCSP_PREFIX + "one that says that it is good, it says that the certificate (CN=shop.example) is unknown",
    ),
    "another-certificate": (
        lambda made: made.below.status(made.below.issue("shop.example")),
        OCSP_PREFIX + "one about the chain's first certificate, serial number ",
    ),
    "another-issuer": (
        lambda made: made.root.status(made.good),
        OCSP_PREFIX + "one about the chain's first certificate, serial number ",
    ),
    "expired": (
        lambda made: made.below.status(made.good, until=NOW - DAY),
        OCSP_PREFIX + "one that is valid now, it has expired: ",
    ),
    "not-yet-valid": (
        lambda made: made.below.status(made.good, since=NOW + DAY),
        OCSP_PREFIX + "one that is valid now, it is not valid before ",
    ),
    "for-ever": (
        lambda made: made.below.status(made.good, until=None),
        OCSP_PREFIX + "one that does, it does not say when there will be newer information (nextUpdate)",
    ),
    "signature": (
        lambda made: flipped(made.below.status(made.good)),
        SIGNED + "its signature is not that of CN=below",
    ),
    "delegate-of-nobody": (
        lambda made: made.below.status(made.good, by=delegate(Authority("below"))),
        SIGNED + "its responder (CN=responder) was not certified by CN=below",
    ),
    "delegate-that-is-none": (
        lambda made: made.below.status(made.good, by=made.below.issue("responder")),
        SIGNED + "its responder (CN=responder) has a certificate that is not for that",
    ),
    "delegate-that-has-expired": (
        lambda made: made.below.status(made.good, by=delegate(made.below, before=BEFORE, after=NOW - DAY)),
        SIGNED + "its responder (CN=responder) has a certificate that is not valid now",
    ),
    "signer-is-not-there": (
        lambda made: made.below.status(made.good, by=delegate(made.below), along=[]),
        SIGNED + "it is signed by somebody whose certificate is not in it",
    ),
    "sha-1": (
        lambda made: made.below.status(made.good, by=delegate(made.below, kind="rsa")).replace(
            bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")
        ),
        OCSP_PREFIX + "a signature with SHA-256 or better, it is signed with SHA1",
    ),
}  # fmt: skip


def flipped(response: bytes) -> bytes:
    """With the last bit of its signature changed."""
    return response[:-1] + bytes([response[-1] ^ 1])


@pytest.mark.parametrize("kind", STAPLES)
def test_staple_that_will_not_do(tmp_path: Path, root: Authority, below: Authority, good: Certified, kind: str) -> None:
    make, said = STAPLES[kind]
    response = make(Answers(good, below, root))
    (problem,) = refusal(put_staple(tmp_path, good, response))
    assert problem.startswith(said)


def test_staple_that_is_not_there(tmp_path: Path, good: Certified) -> None:
    file = put_staple(tmp_path, good, b"")
    (tmp_path / "status.der").unlink()
    said = "a readable file, cannot read status.der: No such file or directory (ENOENT)"
    assert refusal(file) == [OCSP_PREFIX + said]


def test_room_beside_the_chain(tmp_path: Path, root: Authority) -> None:
    """Both have to fit into one record."""
    certified = root.issue(
        *(f"{'n' * 60}{i}.example" for i in range(100)), *(f"{'m' * 40}{i}.example" for i in range(99))
    )
    file = put_staple(tmp_path, certified, root.status(certified, along=[root.certificate] * 9))
    text = file.read_text().replace("ocsp =", 'names = ["' + certified.names[0] + '"]\nocsp =')
    file.write_text(text)
    (problem,) = refusal(file)
    room = 15360 - len(certified.der) - 5
    assert problem.startswith(
        f"weir.toml:9: certificate[0].ocsp: expected a response of at most {room} bytes, status.der"
    )


def test_certificate_that_has_to_have_a_staple(tmp_path: Path, below: Authority) -> None:
    certified = below.issue(*NAMES, must_staple=True)
    assert refusal(put(tmp_path, certified)) == [
        PREFIX + "ocsp = ..., the file of an OCSP response, the certificate says that it comes with one (RFC 7633)"
    ]
    source.from_file(str(put_staple(tmp_path, certified, below.status(certified))))


def test_missing_library_is_told(tmp_path: Path, good: Certified, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_has_library", lambda: False)
    said = "Python's cryptography, 42 or later (Debian's package python3-cryptography), it is not there"
    assert refusal(put(tmp_path, good)) == [f"weir.toml:5: certificate: expected {said}"]


@pytest.mark.parametrize("options", ["-I", "-IS"])
def test_command_finds_the_library(tmp_path: Path, good: Certified, options: str) -> None:
    """As docs/weirctl.md starts it, without the directories that libraries are in."""
    command = [sys.executable, options, str(ROOT / "kmod/user/weirctl"), "check", str(put(tmp_path, good))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_is_imported_for_those_who_have_none(tmp_path: Path) -> None:
    """A fresh weirctl is quick: cryptography costs more than all the rest of it."""
    (tmp_path / "weir.toml").write_text('[[upstream]]\nname = "a"\nserver = [{ address = "10.0.0.1:80" }]\n')
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from weirctl import family, source\n"
        "family.encode(source.from_file(sys.argv[2]).config)\n"
        "print([name for name in sys.modules if name.startswith(('cryptography', 'weirctl.certificate'))])"
    )
    command = [sys.executable, "-IS", "-c", program, str(ROOT / "kmod/user"), str(tmp_path / "weir.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_key_of_a_fixed_length() -> None:
    """A number with zeros in front is as long as any other."""
    assert Certified(Authority().certificate, ec.derive_private_key(5, ec.SECP256R1())).secret == bytes(31) + b"\x05"
    assert new_key("p384").key_size == 384
