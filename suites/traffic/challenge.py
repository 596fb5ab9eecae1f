"""What a client does about a challenge: keeps its cookie, and solves its puzzle."""

from __future__ import annotations

import base64
import hashlib
import re
from itertools import count

from suites.traffic.messages import Response

COOKIE = "__weir"
ANSWER = "__weir_pow"
SESSION_TEXT = 58
PUZZLE_TEXT = 80


def cookies_set(response: Response) -> dict[str, str]:
    """What a reply sets, by name: the value alone."""
    pairs = (line.partition(";")[0].partition("=") for line in response.fields.all("Set-Cookie"))
    return {name: value for name, _, value in pairs}


def session_of(response: Response) -> str:
    """The session that a reply begins. Raises KeyError where it begins none."""
    return cookies_set(response)[COOKIE]


def token_bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def token_text(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def key_of(token: str) -> int:
    """Which secret a token was made with."""
    return token_bytes(token)[2]


def puzzle_in(response: Response) -> str:
    """The puzzle in a page."""
    found = re.search(rb"[A-Za-z0-9_-]{80}", response.body)
    assert found, response.body
    return found[0].decode()


def zero_bits(text: str) -> int:
    digest = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    return 256 - digest.bit_length()


def solve(puzzle: str, difficulty: int) -> str:
    """The first answer with so many zero bits."""
    return next(text for text in (f"{puzzle}.{n}" for n in count()) if zero_bits(text) >= difficulty)


def fail(puzzle: str, difficulty: int) -> str:
    """The first text that has just one zero bit less than that."""
    return next(text for text in (f"{puzzle}.{n}" for n in count()) if zero_bits(text) == difficulty - 1)
