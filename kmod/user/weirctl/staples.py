"""OCSP responses from their files (RFC 6960): looked through for all that clients would complain of."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from . import abi
from .certificate_files import WEAK, Wrong, content, shown

_KEY = "ocsp"


def read(name: str, chain: list[x509.Certificate], room: int) -> tuple[bytes, int]:
    """What a file says of the first certificate of a chain, beside which there is so much room, and until when.

    Raises Wrong.
    """
    data = content(_KEY, name, secret=False, most=abi.ABI_STAPLE_MAX, form="DER")
    try:
        response = ocsp.load_der_ocsp_response(data)
    except ValueError as error:
        raise Wrong(_KEY, f"{name} is not well formed: {error}", "one OCSP response in DER") from None
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        message = f"the responder says {response.response_status.name.lower()}"
        raise Wrong(_KEY, message, "a response that is successful")
    if len(data) > room:
        message = f"{name} has {len(data)} bytes, and chain and response may have {abi.ABI_CHAIN_MAX}"
        raise Wrong(_KEY, message, f"a response of at most {max(room, 0)} bytes")
    issuer = _issuer(chain, response)
    said = _about(chain[0], issuer, response)
    _check_signature(issuer, response)
    if said.certificate_status is not ocsp.OCSPCertStatus.GOOD:
        message = f"it says that the certificate ({shown(chain[0].subject)}) is {said.certificate_status.name.lower()}"
        raise Wrong(_KEY, message, "one that says that it is good")
    return data, _until(said)


def _issuer(chain: list[x509.Certificate], response: ocsp.OCSPResponse) -> x509.Certificate:
    """Who issued the first of the chain. Whoever has signed it did, wherever his certificate comes from."""
    for one in (*chain[1:2], *response.certificates, chain[0]):
        if _issued(chain[0], one):
            return one
    message = f"{shown(chain[0].issuer)} is not in the chain"
    raise Wrong("chain", message, "the certificate of the issuer, too: it is what the OCSP response is checked by")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _about(leaf: x509.Certificate, issuer: x509.Certificate, response: ocsp.OCSPResponse) -> ocsp.OCSPSingleResponse:
    """What it says of a certificate, which may be one of many."""
    found = list(response.responses)
    for one in found:
        try:
            asked = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, one.hash_algorithm).build()
        except (ValueError, UnsupportedAlgorithm):
            continue
        if (one.serial_number, one.issuer_name_hash, one.issuer_key_hash) == (
            asked.serial_number, asked.issuer_name_hash, asked.issuer_key_hash,
        ):  # fmt: skip
            return one
    serials = ", ".join(f"{one.serial_number:x}" for one in found[:3]) + (", ..." if len(found) > 3 else "")
    same = any(one.serial_number == leaf.serial_number for one in found)
    message = "it is about one of another issuer" if same else f"it is about the serial numbers {serials or 'of none'}"
    raise Wrong(_KEY, message, f"one about the chain's first certificate, serial number {leaf.serial_number:x}")


def _check_signature(issuer: x509.Certificate, response: ocsp.OCSPResponse) -> None:
    """Whether it is signed by the issuer, or by whom the issuer has made a certificate for that."""
    expected = "one that is signed by the certificate's issuer, or by a responder that he has certified"
    by = next((one for one in (issuer, *response.certificates) if _is_responder(one, response)), None)
    if by is None:
        raise Wrong(_KEY, "it is signed by somebody whose certificate is not in it", expected)
    if by != issuer:
        _check_delegate(by, issuer, expected)
    algorithm = response.signature_hash_algorithm
    if algorithm and algorithm.name in WEAK:
        raise Wrong(_KEY, f"it is signed with {algorithm.name.upper()}", "a signature with SHA-256 or better")
    public, signed = by.public_key(), response.tbs_response_bytes
    try:
        if isinstance(public, rsa.RSAPublicKey) and algorithm:
            public.verify(response.signature, signed, padding.PKCS1v15(), algorithm)
        elif isinstance(public, ec.EllipticCurvePublicKey) and algorithm:
            public.verify(response.signature, signed, ec.ECDSA(algorithm))
        elif isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(response.signature, signed)
        else:
            raise InvalidSignature
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        raise Wrong(_KEY, f"its signature is not that of {shown(by.subject)}", expected) from None


def _is_responder(one: x509.Certificate, response: ocsp.OCSPResponse) -> bool:
    if response.responder_name is not None:
        return one.subject == response.responder_name
    return x509.SubjectKeyIdentifier.from_public_key(one.public_key()).digest == response.responder_key_hash


def _check_delegate(delegate: x509.Certificate, issuer: x509.Certificate, expected: str) -> None:
    what = f"its responder ({shown(delegate.subject)})"
    now = datetime.now(UTC)
    if not _issued(delegate, issuer):
        raise Wrong(_KEY, f"{what} was not certified by {shown(issuer.subject)}", expected)
    usages = [one.value for one in delegate.extensions if isinstance(one.value, x509.ExtendedKeyUsage)]
    if not usages or ExtendedKeyUsageOID.OCSP_SIGNING not in usages[0]:
        raise Wrong(_KEY, f"{what} has a certificate that is not for that", expected)
    if not delegate.not_valid_before_utc <= now <= delegate.not_valid_after_utc:
        raise Wrong(_KEY, f"{what} has a certificate that is not valid now", expected)


def _time(said: ocsp.OCSPSingleResponse, name: str) -> datetime | None:
    """Older libraries say it without its zone, newer ones complain of that."""
    if hasattr(said, f"{name}_utc"):
        value = getattr(said, f"{name}_utc")
    else:
        value = getattr(said, name)
        value = value and value.replace(tzinfo=UTC)
    assert value is None or isinstance(value, datetime)
    return value


def _until(said: ocsp.OCSPSingleResponse) -> int:
    """When it is old, in seconds since the epoch."""
    since, until = _time(said, "this_update"), _time(said, "next_update")
    now = datetime.now(UTC)
    if since and now < since:
        raise Wrong(_KEY, f"it is not valid before {since}", "one that is valid now")
    if until is None:
        raise Wrong(_KEY, "it does not say when there will be newer information (nextUpdate)", "one that does")
    if now > until:
        raise Wrong(_KEY, f"it has expired: {until}", "one that is valid now")
    return int(until.timestamp())
