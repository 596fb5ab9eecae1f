"""Certificates and keys from their files: read, and looked through for all that clients would complain of."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from . import abi
from .certificates import Certificate, Material, is_name
from .errors import Path

# Larger than any chain within the ABI's bounds, with the texts that some write between certificates.
_FILE_MAX = 1 << 18
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_KEYS = "an ECDSA key on the curve P-256, or an RSA key of 2048, 3072 or 4096 bits"
_ISSUER = "issuers with an RSA key of at least 2048 bits, an ECDSA key on P-256, P-384 or P-521, or an Ed25519 key"
_RSA_BITS = (2048, 3072, 4096)
_EXPONENTS = range(3, 1 << 32)
WEAK = ("md5", "sha1")


class Wrong(Exception):
    """Something will not do: `key` of the table, what it is, and what was expected."""

    def __init__(self, key: str, message: str, expected: str) -> None:
        super().__init__(message)
        self.key = key
        self.message = message
        self.expected = expected


def read(table: dict[str, object], path: Path, add: Callable[[Path, str, str], None]) -> Certificate | None:
    """The certificate of a table, which gets names if it has none; None, and `add` is told, if it will not do."""
    try:
        chain = _chain(str(table["chain"]))
    except Wrong as wrong:
        add((*path, wrong.key), wrong.message, wrong.expected)
        chain = []
    try:
        kind, key = _key(str(table["key"]), chain[0] if chain else None)
        if not chain or not isinstance(table.get("names", []), list):
            return None
        names = _names(chain[0], table)
        listed = _list(chain)
        staple, until = _staple(table.get("ocsp"), chain, abi.ABI_CHAIN_MAX - len(listed))
    except Wrong as wrong:
        add((*path, wrong.key), wrong.message, wrong.expected)
        return None
    return Certificate({**table, "names": names}, Material(listed, kind, key, staple, until))


def _staple(name: object, chain: list[x509.Certificate], room: int) -> tuple[bytes, int]:
    """What the table's file says of the chain's first certificate, and until when, in seconds since the epoch."""
    if isinstance(name, str):
        from . import staples

        return staples.read(name, chain, room)
    for extension in chain[0].extensions:
        value = extension.value
        if isinstance(value, x509.TLSFeature) and x509.TLSFeatureType.status_request in value:
            message = "the certificate says that it comes with one (RFC 7633)"
            raise Wrong("chain", message, "ocsp = ..., the file of an OCSP response")
    return b"", 0


def content(key: str, name: str, *, secret: bool, most: int = _FILE_MAX, form: str = "PEM") -> bytes:
    """What is in a file, of at most so many bytes."""
    try:
        # Not to wait for who might write to it, if it is a pipe.
        number = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, str(error.errno))
        raise Wrong(key, f"cannot read {name}: {error.strerror} ({code})", "a readable file") from None
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise Wrong(key, f"{name} is no file", "a readable file")
        if secret and status.st_mode & stat.S_IRWXO:
            message = f"{name} has mode {stat.S_IMODE(status.st_mode):04o}"
            raise Wrong(key, message, "a file that only its owner and its group may read (chmod o-rwx)")
        with os.fdopen(number, "rb", closefd=False) as file:
            data = file.read(most + 1)
    finally:
        os.close(number)
    if len(data) > most:
        raise Wrong(key, f"{name} has more than {most} bytes", f"a file of {form}")
    return data


def shown(name: x509.Name) -> str:
    text = name.rfc4514_string().encode("unicode_escape").decode()
    return text if len(text) <= 80 else text[:77] + "..."


def _chain(name: str) -> list[x509.Certificate]:
    """A chain that a client will take, as far as its certificates say."""
    blocks = _CERTIFICATE.findall(content("chain", name, secret=False))
    if not blocks:
        raise Wrong("chain", f"{name} has none", "PEM certificates, the server's own first")
    chain = []
    for i, block in enumerate(blocks, 1):
        try:
            certificate = x509.load_pem_x509_certificate(block)
            _check_certificate(certificate, i, is_root=i > 1 and certificate.issuer == certificate.subject)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            message = f"certificate {i} of {name} is not well formed: {error}"
            raise Wrong("chain", message, "PEM certificates, the server's own first") from None
        chain.append(certificate)
    for i, (certificate, issuer) in enumerate(pairwise(chain), 1):
        _check_issued(certificate, issuer, i)
    size = len(_list(chain))
    if size > abi.ABI_CHAIN_MAX:
        message = f"{len(chain)} certificates have {size} bytes"
        raise Wrong("chain", message, f"a chain of at most {abi.ABI_CHAIN_MAX} bytes")
    return chain


def _check_certificate(certificate: x509.Certificate, number: int, *, is_root: bool) -> None:
    """Whether the certificate that is the chain's first, second, ... is good in itself."""
    what = f"certificate {number} ({shown(certificate.subject)})"
    now = datetime.now(UTC)
    if now < certificate.not_valid_before_utc:
        raise Wrong("chain", f"{what} is not valid before {certificate.not_valid_before_utc}", "one that is valid now")
    if now > certificate.not_valid_after_utc:
        raise Wrong("chain", f"{what} has expired: {certificate.not_valid_after_utc}", "one that is valid now")
    public = certificate.public_key()
    if number == 1:
        _check_leaf(certificate, what)
    elif not (
        (isinstance(public, rsa.RSAPublicKey) and public.key_size >= min(_RSA_BITS))
        or (
            isinstance(public, ec.EllipticCurvePublicKey)
            and public.curve.name in ("secp256r1", "secp384r1", "secp521r1")
        )
        or isinstance(public, ed25519.Ed25519PublicKey)
    ):
        raise Wrong("chain", f"{what} has {_key_text(public)}", _ISSUER)
    # Nobody looks at the signature of a root.
    algorithm = certificate.signature_hash_algorithm
    if algorithm and algorithm.name in WEAK and not is_root:
        raise Wrong("chain", f"{what} is signed with {algorithm.name.upper()}", "signatures with SHA-256 or better")


def _key_text(key: object) -> str:
    if isinstance(key, (rsa.RSAPublicKey, rsa.RSAPrivateKey)):
        return f"an RSA key of {key.key_size} bits"
    if isinstance(key, (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)):
        return f"an ECDSA key on the curve {key.curve.name}"
    return "a key of another kind"


def _check_leaf(leaf: x509.Certificate, what: str) -> None:
    """Whether a server can use it."""
    public = leaf.public_key()
    if not _usable(public):
        raise Wrong("chain", f"{what} has {_key_text(public)}", f"a certificate with {_KEYS}")
    # As it is written where it may make signatures of every kind; else it is for PSS alone, which is another algorithm.
    if isinstance(public, rsa.RSAPublicKey) and _spki(public) not in leaf.tbs_certificate_bytes:
        raise Wrong("chain", f"{what} has {_key_text(public)} for RSASSA-PSS alone", "one for rsaEncryption")
    for extension in leaf.extensions:
        value = extension.value
        if isinstance(value, x509.KeyUsage) and not value.digital_signature:
            raise Wrong("chain", f"{what} is not for digital signatures", "one whose key usage has them")
        if isinstance(value, x509.ExtendedKeyUsage) and not {
            ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        } & set(value):  # fmt: skip
            raise Wrong("chain", f"{what} is not for servers", "one whose extended key usage has serverAuth")


def _check_issued(certificate: x509.Certificate, issuer: x509.Certificate, number: int) -> None:
    """Whether one certificate of a chain was issued by the next."""
    expected = "the server's own certificate first, then of each its issuer's"
    if certificate.issuer != issuer.subject:
        message = (
            f"certificate {number} was issued by {shown(certificate.issuer)}, but the next is {shown(issuer.subject)}"
        )
        raise Wrong("chain", message, expected)
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        message = f"certificate {number} is not signed by the key of the next, {shown(issuer.subject)}"
        raise Wrong("chain", message, expected) from None


def _usable(key: object) -> bool:
    """Whether a server can have this key, public or private."""
    if isinstance(key, (rsa.RSAPublicKey, rsa.RSAPrivateKey)):
        return key.key_size in _RSA_BITS
    return isinstance(key, (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)) and key.curve.name == "secp256r1"


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key(name: str, leaf: x509.Certificate | None) -> tuple[str, bytes]:
    """The private key in a file, which is that of the certificate, if there is one: its kind, and what it is."""
    blocks = [match.group(0) for match in _KEY.finditer(content("key", name, secret=True))]
    if len(blocks) != 1:
        raise Wrong("key", f"{name} has {len(blocks) or 'none'}", "one private key in PEM")
    try:
        key = load_pem_private_key(blocks[0], None)
    except TypeError:
        raise Wrong("key", f"the key in {name} is encrypted", "a key without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        # What the error says may have some of the key in it.
        raise Wrong("key", f"the key in {name} is not well formed", "one private key in PEM") from None
    if leaf and _spki(key.public_key()) != _spki(leaf.public_key()):
        raise Wrong("key", f"{name} has another ({_key_text(key)})", "the key of the chain's first certificate")
    if isinstance(key, rsa.RSAPrivateKey) and _usable(key):
        return "rsa", _rsa_numbers(name, key.private_numbers())
    if isinstance(key, ec.EllipticCurvePrivateKey) and _usable(key):
        return "ecdsa-p256", key.private_numbers().private_value.to_bytes(32, "big")
    raise Wrong("key", f"{name} has {_key_text(key)}", _KEYS)


def _rsa_numbers(name: str, key: rsa.RSAPrivateNumbers) -> bytes:
    """As abi.KEY_KIND has them."""
    exponent, half = key.public_numbers.e, key.public_numbers.n.bit_length() // 2
    if exponent not in _EXPONENTS:
        raise Wrong("key", f"{name} has the public exponent {exponent}", "one below 2^32, such as 65537")
    if key.p.bit_length() != half or key.q.bit_length() != half:
        message = f"{name} has primes of {key.p.bit_length()} and {key.q.bit_length()} bits"
        raise Wrong("key", message, f"a key with two primes of {half} bits")
    numbers = (key.public_numbers.n, exponent, key.p, key.q, key.dmp1, key.dmq1, key.iqmp)
    texts = [number.to_bytes((number.bit_length() + 7) // 8, "big") for number in numbers]
    return b"".join(len(text).to_bytes(2, "big") + text for text in texts)


def _names(leaf: x509.Certificate, table: dict[str, object]) -> list[object]:
    """The names that the table says, which have to be the certificate's; or the certificate's own."""
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        certified: list[str] = []
    else:
        certified = [name.lower() for name in extension.value.get_values_for_type(x509.DNSName)]
    names = table.get("names")
    if names is None:
        usable = list(dict.fromkeys(name for name in certified if is_name(name)))
        if len(usable) > abi.ABI_SERVER_NAMES_MAX:
            message = f"the certificate has {len(usable)}"
            raise Wrong("chain", message, f"names = [...] with at most {abi.ABI_SERVER_NAMES_MAX} of its names")
        return list(usable)
    for name in names if isinstance(names, list) else []:
        if isinstance(name, str) and is_name(name) and not any(_covers(one, name.lower()) for one in certified):
            said = ", ".join(certified[:5]) + (", ..." if len(certified) > 5 else "") or "none"
            raise Wrong("names", f'got "{name}"', f"names of the certificate ({said})")
    return names if isinstance(names, list) else []


def _covers(certified: str, name: str) -> bool:
    """Whether a name of a certificate stands for a name, or has it among those that it stands for."""
    if certified == name:
        return True
    label, _, rest = name.partition(".")
    return certified == f"*.{rest}" and label != "*"


def _list(chain: list[x509.Certificate]) -> bytes:
    """As a Certificate message of TLS 1.3 has it: of each length and DER, and no extensions."""
    ders = [certificate.public_bytes(Encoding.DER) for certificate in chain]
    return b"".join(len(der).to_bytes(3, "big") + der + bytes(2) for der in ders)
