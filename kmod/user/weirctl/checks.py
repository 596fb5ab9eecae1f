"""What requests are to be like: the keys of [limits] that a virtual host may have of its own, and their attributes."""

from __future__ import annotations

from . import abi, netlink

# typing's own would cost a fresh weirctl some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .schema import Check

Table = dict[str, object]

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_METHOD_MAX = 32
_ALL = frozenset(range(256))
_ALPHA = frozenset((*range(0x41, 0x5B), *range(0x61, 0x7B)))
_DIGIT = frozenset(range(0x30, 0x3A))
# Sets of bytes that have a name.
CLASSES = {
    "any": _ALL,
    "alpha": _ALPHA,
    "digit": _DIGIT,
    "alnum": _ALPHA | _DIGIT,
    "visible": frozenset(range(0x21, 0x7F)),
    "print": frozenset(range(0x20, 0x7F)),
    "control": frozenset((*range(0x20), 0x7F)),
    "high": frozenset(range(0x80, 0x100)),
}
CODES = range(100, 600)


def _byte(text: str) -> int | None:
    """A byte given by itself or as "0x2f"."""
    if len(text) == 1 and "!" <= text <= "~":
        return ord(text)
    digits = text.removeprefix("0x")
    if digits == text or not 1 <= len(digits) <= 2 or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
        return None
    return int(digits, 16)


def _term(term: str) -> frozenset[int] | None:
    if term in CLASSES:
        return CLASSES[term]
    one = _byte(term)
    if one is not None:
        return frozenset((one,))
    middle = term.find("-", 1)
    first, last = _byte(term[:middle]), _byte(term[middle + 1 :])
    if middle < 0 or first is None or last is None or first > last:
        return None
    return frozenset(range(first, last + 1))


def parse_bytes(text: str) -> frozenset[int] | None:
    """The set that "any !control" or "a-z 0-9 - 0x80-0xff" is, or None when it is none.

    What begins with "!" is taken out again; if the first does, out of all bytes.
    """
    found: frozenset[int] | None = None
    for term in text.split():
        out = term.startswith("!") and len(term) > 1
        bytes_of = _term(term[1:] if out else term)
        if bytes_of is None:
            return None
        found = (_ALL if found is None else found) - bytes_of if out else (found or frozenset()) | bytes_of
    return found or None


def render_bytes(bytes_of: frozenset[int]) -> str:
    """The canonical text of a set."""
    if bytes_of == _ALL:
        return "any"
    terms = []
    for first in sorted(byte for byte in bytes_of if byte - 1 not in bytes_of):
        last = first
        while last + 1 in bytes_of:
            last += 1
        terms.append(f"0x{first:02x}" if first == last else f"0x{first:02x}-0x{last:02x}")
    return " ".join(terms)


def _bits(numbers: frozenset[int], size: int) -> bytes:
    return sum(1 << number for number in numbers).to_bytes(size, "little")


def _numbers(bits: bytes) -> frozenset[int]:
    value = int.from_bytes(bits, "little")
    return frozenset(number for number in range(8 * len(bits)) if value >> number & 1)


def _bytes(value: object) -> tuple[str, str] | None:
    from .schema import got

    if isinstance(value, str) and parse_bytes(value):
        return None
    return f'bytes, as "a-z 0x80-0xff !x", or of {", ".join(CLASSES)}', got(value)


def _words(expected: str, maximum: int, fits: Check) -> Check:
    """An array of words that make a list of at most `maximum` bytes."""

    def check(value: object) -> tuple[str, str] | None:
        from .schema import got

        if not isinstance(value, list):
            return f"an array of {expected}", got(value)
        for word in value:
            if wrong := fits(word):
                return wrong
        if len(", ".join(value)) > maximum:
            return f"an array of {expected} that make at most {maximum} bytes", f"got {len(value)}"
        return None

    return check


def _method(value: object) -> tuple[str, str] | None:
    from .schema import got

    if isinstance(value, str) and 0 < len(value) <= _METHOD_MAX and _TOKEN.issuperset(value):
        return None
    return "a method, such as GET", got(value)


def _content_type(value: object) -> tuple[str, str] | None:
    from .schema import got

    if isinstance(value, str):
        major, _, minor = value.partition("/")
        known = minor == "*" or "*" not in minor
        if major and minor and known and "*" not in major and _TOKEN.issuperset(major + minor):
            return None
    return 'a media type, such as "text/plain" or "image/*"', got(value)


def _codes(value: object) -> tuple[str, str] | None:
    from .schema import got

    if not isinstance(value, list):
        return "an array of statuses", got(value)
    for code in value:
        if isinstance(code, bool) or not isinstance(code, int) or code not in CODES:
            return f"statuses from {CODES[0]} to {CODES[-1]}", got(code)
    return None


_CHECKS = {
    "methods": _words("methods", abi.ABI_METHODS_MAX, _method),
    "content-types": _words("media types", abi.ABI_CONTENT_TYPES_MAX, _content_type),
    "response-codes": _codes,
}
# How what is not a number is kept.
_LISTS = ("methods", "content-types")
_TIMES = ("response-code-time",)
# Limits in their own right where they are not a virtual host's.
_LIMITS = ("uri-length", "body-length")


def _is_flag(name: str) -> bool:
    return abi.RANGES["checks"].get(name) == (0, 1)


def _check(name: str) -> Check:
    from . import schema

    if name in _CHECKS:
        return _CHECKS[name]
    if name in _TIMES:
        return schema.seconds_within("checks", name)
    if abi.TYPES["checks"][name] == "binary":
        return _bytes
    return schema.flag if _is_flag(name) else schema.integer("checks", name)


def keys(*, vhost: bool) -> dict[str, Check]:
    """A check for each key of [limits], or of a virtual host's limits."""
    names = [name for name in abi.TYPES["checks"] if vhost or name not in _LIMITS]
    return {name.replace("-", "_"): _check(name) for name in names}


def _encode_one(kind: int, name: str, value: object) -> bytes:
    if name == "response-codes":
        assert isinstance(value, list)
        return netlink.attribute(kind, _bits(frozenset(code - CODES[0] for code in value), 64))
    if name in _LISTS:
        assert isinstance(value, list)
        text = ", ".join(value)
        return netlink.text(kind, text.lower() if name == "content-types" else text)
    if abi.TYPES["checks"][name] == "binary":
        return netlink.attribute(kind, _bits(parse_bytes(str(value)) or frozenset(), 32))
    if name in _TIMES:
        from .schema import microseconds

        assert isinstance(value, (int, float))
        return netlink.uint(kind, microseconds(value))
    assert isinstance(value, int)
    return (netlink.uint if abi.TYPES["checks"][name] == "uint" else netlink.u32)(kind, int(value))


def encode(table: Table, kind: int, *, vhost: bool) -> bytes:
    """The attributes of a checked table in a nest of this kind; nothing when it has none."""
    content = b""
    for number, name in abi.NAMES["checks"].items():
        value = table.get(name.replace("-", "_"))
        if value is not None and (vhost or name not in _LIMITS):
            content += _encode_one(number, name, value)
    return netlink.nest(kind, content) if content else b""


def decode(content: bytes) -> Table:
    """What encode() made a nest of."""
    table: Table = {}
    for kind, payload in netlink.table(content).items():
        name = abi.NAMES["checks"].get(kind)
        if name is None:
            continue
        value: object
        if name == "response-codes":
            value = sorted(number + CODES[0] for number in _numbers(payload))
        elif name in _LISTS:
            value = netlink.string(payload).split(", ") if netlink.string(payload) else []
        elif abi.TYPES["checks"][name] == "binary":
            value = render_bytes(_numbers(payload))
        elif name in _TIMES:
            from .schema import seconds

            value = seconds(netlink.number(payload))
        else:
            value = bool(netlink.number(payload)) if _is_flag(name) else netlink.number(payload)
        table[name.replace("-", "_")] = value
    return table
