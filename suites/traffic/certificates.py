"""Certificates for tests: a small authority, and servers' certificates and keys as PEM."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Kind = Literal["ecdsa", "rsa", "p384", "rsa1024", "rsa3072", "rsa4096"]
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

# Long enough for any guest's clock.
_NOW: Final = datetime.datetime.now(datetime.UTC)
BEFORE: Final = _NOW - datetime.timedelta(days=365)
AFTER: Final = _NOW + datetime.timedelta(days=3650)


def new_key(kind: Kind = "ecdsa") -> Key:
    if kind in ("ecdsa", "p384"):
        return ec.generate_private_key(ec.SECP256R1() if kind == "ecdsa" else ec.SECP384R1())
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa") or 2048))


@dataclass(frozen=True)
class Certified:
    """A certificate, its key, and the certificates between it and its root, which is not among them."""

    certificate: x509.Certificate
    key: Key
    issuers: tuple[x509.Certificate, ...] = ()

    @property
    def chain(self) -> str:
        """The certificate and those between, in PEM, as a server wants them."""
        return "".join(one.public_bytes(Encoding.PEM).decode() for one in (self.certificate, *self.issuers))

    @property
    def pem(self) -> str:
        """The certificate alone."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        """The same in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    def key_pem(self, password: bytes | None = None) -> str:
        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()

    @property
    def names(self) -> list[str]:
        """DNS names of the certificate."""
        extension = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return extension.value.get_values_for_type(x509.DNSName)

    @property
    def secret(self) -> bytes:
        """The private key's number, of ECDSA with P-256; of RSA one of the two primes."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.private_numbers().p.to_bytes(self.key.key_size // 16, "big")
        return self.key.private_numbers().private_value.to_bytes(32, "big")


class Authority:
    """Who issues certificates: a root, or below one."""

    def __init__(
        self, name: str = "Weir's test authority", kind: Kind = "ecdsa", above: Authority | None = None
    ) -> None:
        self._above = above
        self.key: Key = new_key(kind)
        subject = _subject(name)
        issuer = above.certificate.subject if above else subject
        builder = _builder(subject, issuer, self.key, above.key if above else self.key, BEFORE, AFTER)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_usage(authority=True), critical=True)
        self.certificate: x509.Certificate = builder.sign(above.key if above else self.key, hashes.SHA256())

    @property
    def pem(self) -> str:
        """Its own certificate: of a root what clients have to trust."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def issuers(self) -> tuple[x509.Certificate, ...]:
        """Those that a chain has between a server and the root."""
        return (self.certificate, *self._above.issuers) if self._above else ()

    def issue(
        self,
        *names: str,
        kind: Kind = "ecdsa",
        key: Key | None = None,
        before: datetime.datetime = BEFORE,
        after: datetime.datetime = AFTER,
        usages: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.SERVER_AUTH,),
        signs: bool = True,
        must_staple: bool = False,
    ) -> Certified:
        """A server's certificate for DNS names; without any it has none. `signs`: its key is for signatures.

        `must_staple`: clients are to take it with an OCSP staple only.
        """
        key = key or new_key(kind)
        subject = _subject(names[0] if names else "nobody")
        builder = _builder(subject, self.certificate.subject, key, self.key, before, after)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
        # Authorities give keys of RSA both, and NSS wants that.
        enciphers = isinstance(key, rsa.RSAPrivateKey) or not signs
        builder = builder.add_extension(_usage(authority=False, signs=signs, enciphers=enciphers), critical=True)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if must_staple:
            builder = builder.add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), critical=False)
        return Certified(builder.sign(self.key, hashes.SHA256()), key, self.issuers)

    def status(
        self,
        about: Certified,
        says: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
        *,
        since: datetime.datetime = BEFORE,
        until: datetime.datetime | None = AFTER,
        by: Certified | None = None,
        by_key: bool = False,
        hashed: hashes.HashAlgorithm | None = None,
        along: Sequence[x509.Certificate] | None = None,
    ) -> bytes:
        """What it says of a certificate of its own: an OCSP response, in DER.

        `by`: who signs for it. `by_key`: who signs is named by the key. `hashed`: how names and keys are told; None: by
        SHA-1, as everybody does, and as curl compares them. `along`: certificates that come with it; None: the
        signer's, and of a root its own, which is in no chain.
        """
        signer = by.certificate if by else self.certificate
        encoding = ocsp.OCSPResponderEncoding.HASH if by_key else ocsp.OCSPResponderEncoding.NAME
        builder = ocsp.OCSPResponseBuilder().add_response(
            about.certificate, self.certificate, hashed or hashes.SHA1(), says, since, until,
            since if says is ocsp.OCSPCertStatus.REVOKED else None, None,
        )  # fmt: skip
        if along is None:
            along = [*([by.certificate] if by else []), *([] if self._above else [self.certificate])]
        if along:
            builder = builder.certificates(along)
        response = builder.responder_id(encoding, signer).sign(by.key if by else self.key, hashes.SHA256())
        return response.public_bytes(Encoding.DER)


def tables(folder: str, certified: Mapping[str, Certified]) -> list[dict[str, Any]]:
    """[[certificate]] tables for certificates of authority()'s whose files are below a folder by these names."""
    return [
        {
            "chain": f"{folder}/{name}.pem",
            "key": f"{folder}/{name}.key",
            "ocsp": f"{folder}/{name}.ocsp",
            "names": list(one.names),
        }
        for name, one in certified.items()
    ]


def files(folder: str, certified: Mapping[str, Certified]) -> dict[str, tuple[bytes, int]]:
    """What is in those files, and their modes."""
    found = {}
    for name, one in certified.items():
        found[f"{folder}/{name}.pem"] = (one.chain.encode(), 0o644)
        found[f"{folder}/{name}.key"] = (one.key_pem().encode(), 0o600)
        found[f"{folder}/{name}.ocsp"] = (authority().status(one), 0o644)
    return found


@cache
def authority() -> Authority:
    """The one that tests use which do not care; its certificates hang on it directly."""
    return Authority()


def _subject(name: str) -> x509.Name:
    # As long as the standard lets it be.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _usage(*, authority: bool, signs: bool = True, enciphers: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs, content_commitment=False, key_encipherment=enciphers, data_encipherment=False,
        key_agreement=False, key_cert_sign=authority, crl_sign=authority, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: Key,
    issuer_key: Key,
    before: datetime.datetime,
    after: datetime.datetime,
) -> x509.CertificateBuilder:
    """With the identifiers of both keys, which authorities have to give (RFC 5280, sections 4.2.1.1 and 4.2.1.2)."""
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(before).not_valid_after(after)
    own, above = key.public_key(), issuer_key.public_key()
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
    return builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
