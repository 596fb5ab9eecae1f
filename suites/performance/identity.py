"""The certificates that measured devices show: the same in every run, or counts would differ from run to run.

    python -m suites.performance.identity       # writes new ones, once in a lifetime: older figures are void then

Their keys are in the repository: they are worth nothing, and nobody trusts who issued them.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from suites.duts.config import Certificate

NAME: Final = "www.example.com"
FOLDER: Final = Path(__file__).parent / "certificates"
Kind = Literal["ecdsa", "rsa"]
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_WORTHLESS: Final = "Worthless: it is for measuring, and everyone has its key.\n"
# A counting guest's clock stands in 2025, a timed one's where the host's is.
_FROM: Final = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_UNTIL: Final = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)


def chain_file(kind: Kind) -> Path:
    """The server's certificate and the one between it and a root."""
    return FOLDER / f"{kind}.pem"


def certificate(kind: Kind) -> Certificate:
    """What devices are told."""
    key = (FOLDER / f"{kind}.key").read_text(encoding="ascii")
    return Certificate(chain_file(kind).read_text(encoding="ascii"), key)


def _new_key(kind: Kind) -> _Key:
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ecdsa" else rsa.generate_private_key(65537, 2048)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _issue(subject: str, key: _Key, issuer: str, signer: _Key, *, authority: bool) -> x509.Certificate:
    """With the extensions that those of public authorities have."""
    others = ("content_commitment", "data_encipherment", "key_agreement", "key_encipherment")
    usage = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    public, signing = key.public_key(), signer.public_key()
    builder = (
        x509.CertificateBuilder(_name(issuer), _name(subject), public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(authority, 0 if authority else None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=authority, crl_sign=authority, **usage), critical=True
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing), critical=False)
    )
    if not authority:
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in ("example.com", NAME)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _write(kind: Kind) -> None:
    root, middle, key = (_new_key(kind) for _ in range(3))
    between = _issue("Worthless intermediate", middle, "Worthless root", root, authority=True)
    leaf = _issue(NAME, key, "Worthless intermediate", middle, authority=False)
    pem = "".join(one.public_bytes(Encoding.PEM).decode() for one in (leaf, between))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    chain_file(kind).write_text(_WORTHLESS + pem, encoding="ascii")
    (FOLDER / f"{kind}.key").write_text(_WORTHLESS + private, encoding="ascii")


if __name__ == "__main__":
    for one in ("ecdsa", "rsa"):
        _write(one)
