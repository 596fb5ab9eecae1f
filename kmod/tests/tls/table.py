"""Makes the tables of P-256's and of X25519's base point from the curves' definitions.

python kmod/tests/tls/table.py            # writes kmod/tls_p256_table.c and kmod/tls_x25519_table.c
python kmod/tests/tls/table.py --check    # exit 1 if a file is not what would be written
"""

from __future__ import annotations

import sys
from pathlib import Path

KMOD = Path(__file__).resolve().parents[2]

# FIPS 186-5 and SP 800-186: the prime, and the base point.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
WINDOWS, MULTIPLES, SHIFT = 26, 16, 10

HEAD = """// SPDX-License-Identifier: GPL-2.0-only
/* Do not edit directly, auto-generated from: */
/*	kmod/tests/tls/table.py */
#include "tls_p256_point.h"

const u64 p256_base_multiples[P256_DIGITS / 2][P256_MULTIPLES][2][P256_LIMBS] = {
"""

# RFC 7748, section 4.1: edwards25519, -x^2 + y^2 = 1 + d x^2 y^2; its base point has an even x.
Q = 2**255 - 19
D = -121665 * pow(121666, -1, Q) % Q
B = (
    0x216936D3CD6E53FEC0A4E231FDD6DC5C692CC7609525A7B2C9562D608F25D51A,
    0x6666666666666666666666666666666666666666666666666666666666666658,
)
X25519_WINDOWS, X25519_MULTIPLES, X25519_SHIFT = 32, 8, 8

X25519_HEAD = """// SPDX-License-Identifier: GPL-2.0-only
/* Do not edit directly, auto-generated from: */
/*	kmod/tests/tls/table.py */
#include "tls_x25519.h"

const struct x25519_multiple x25519_base_multiples[X25519_DIGITS / 2][X25519_MULTIPLES] = {
"""

Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    """The sum of two points, neither of them the other's negative."""
    slope = (3 * a[0] ** 2 - 3) * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope**2 - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def limbs(value: int) -> str:
    """A number in Montgomery's form as C."""
    value = value * 2**256 % P
    return ", ".join(f"0x{value >> 64 * i & 2**64 - 1:016x}" for i in range(4))


def table() -> str:
    """The file."""
    lines = [HEAD]
    first = G
    for _ in range(WINDOWS):
        lines.append("\t{\n")
        multiple = first
        for i in range(MULTIPLES):
            lines.append(f"\t\t{{ {{ {limbs(multiple[0])} }},\n\t\t  {{ {limbs(multiple[1])} }} }},\n")
            if i < MULTIPLES - 1:
                multiple = add(multiple, first)
        lines.append("\t},\n")
        for _ in range(SHIFT):
            first = add(first, first)
    return "".join([*lines, "};\n"])


def x25519_add(a: Point, b: Point) -> Point:
    """The sum of two points of edwards25519."""
    both = D * a[0] * b[0] * a[1] * b[1] % Q
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + both, -1, Q) % Q
    return x, (a[1] * b[1] + a[0] * b[0]) * pow(1 - both, -1, Q) % Q


def x25519_limbs(value: int) -> str:
    """A number as C."""
    return ", ".join(f"0x{value % Q >> 64 * i & 2**64 - 1:016x}" for i in range(4))


def x25519_table() -> str:
    """The file."""
    lines = [X25519_HEAD]
    first = B
    for _ in range(X25519_WINDOWS):
        lines.append("\t{\n")
        x, y = first
        for _ in range(X25519_MULTIPLES):
            parts = [x25519_limbs(value) for value in (y + x, y - x, 2 * D * x * y)]
            lines.append("\t\t{ { " + " },\n\t\t  { ".join(parts) + " } },\n")
            x, y = x25519_add((x, y), first)
        lines.append("\t},\n")
        for _ in range(X25519_SHIFT):
            first = x25519_add(first, first)
    return "".join([*lines, "};\n"])


TABLES = {KMOD / "tls_p256_table.c": table, KMOD / "tls_x25519_table.c": x25519_table}


def main() -> int:
    """0 if the file is, or now is, as it has to be."""
    if "--check" in sys.argv:
        return int(any(path.read_text(encoding="utf-8") != make() for path, make in TABLES.items()))
    for path, make in TABLES.items():
        path.write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
