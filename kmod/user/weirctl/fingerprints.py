"""TLS fingerprints, as rules and limits name them: checked, as netlink attributes, and back."""

from __future__ import annotations

from . import abi, netlink

LISTED = "tls_fingerprint_deny"
EXAMPLE = '"t13d1516h2_8daaf6152771_e5627efa2ab1"'
_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_*")
_HEX = frozenset("0123456789abcdef")
# Of the three parts.
_LENGTHS = (10, 12, 12)


def _is_whole(text: str) -> bool:
    parts = text.split("_")
    if tuple(map(len, parts)) != _LENGTHS:
        return False
    head, *hashes = parts
    return head[0] == "t" and head[3] in "di" and head[4:8].isdigit() and all(map(_HEX.issuperset, hashes))


def fault(pattern: str) -> str:
    """What is expected instead of a pattern; "" when nothing is."""
    if not 0 < len(pattern) <= abi.ABI_FINGERPRINT_MAX or not _CHARACTERS.issuperset(pattern):
        return f"a fingerprint, such as {EXAMPLE}, or a pattern with * of at most {abi.ABI_FINGERPRINT_MAX} characters"
    if "*" in pattern or _is_whole(pattern):
        return ""
    return f"a whole fingerprint, such as {EXAMPLE}, or a * for what is left out"


def check(value: object) -> tuple[str, str] | None:
    """Of an array of patterns."""
    from .schema import got

    if not isinstance(value, list):
        return "an array of fingerprints", got(value)
    if len(value) > abi.ABI_FINGERPRINTS_MAX:
        return f"at most {abi.ABI_FINGERPRINTS_MAX} fingerprints", f"got {len(value)}"
    for member in value:
        expected = fault(member) if isinstance(member, str) else fault("")
        if expected:
            return expected, got(member)
    return None


def encode(limits: dict[str, object]) -> bytes:
    """The attributes of a checked [limits] table's list."""
    patterns = limits.get(LISTED, [])
    assert isinstance(patterns, list), "the schema has checked it"
    return b"".join(netlink.text(abi.A_LIMITS_TLS_FINGERPRINT_DENY, str(pattern)) for pattern in patterns)


def decode(content: bytes) -> dict[str, object]:
    """What encode() made of it; nothing where there is none."""
    patterns = [
        netlink.string(payload)
        for kind, _, payload in netlink.attributes(content)
        if kind == abi.A_LIMITS_TLS_FINGERPRINT_DENY
    ]
    return {LISTED: patterns} if patterns else {}
