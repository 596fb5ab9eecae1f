"""Makes kmod/tls_p256_table.c, the multiples of P-256's base point, from the curve's definition.

python kmod/tests/tls/table.py            # writes it
python kmod/tests/tls/table.py --check    # exit 1 if the file is not what would be written
"""

from __future__ import annotations

import sys
from pathlib import Path

TABLE = Path(__file__).resolve().parents[2] / "tls_p256_table.c"

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


def main() -> int:
    """0 if the file is, or now is, as it has to be."""
    if "--check" in sys.argv:
        return int(TABLE.read_text(encoding="utf-8") != table())
    TABLE.write_text(table(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
