"""[limits] tls_fingerprint_deny: what weirctl refuses, and that what is shown means what was applied."""

from __future__ import annotations

from typing import Any

import pytest

from tests.test_weirctl_family import as_dumped
from weirctl import abi, family, render, source
from weirctl.errors import Refused

WHOLE = "t13d1516h2_8daaf6152771_e5627efa2ab1"


@pytest.mark.parametrize(
    "limits",
    [
        {"tls_fingerprint_deny": [WHOLE, "t12*", "*_8daaf6152771_*", "t13d????*".replace("?", "0")]},
        {"tls_fingerprint_deny": ["*"], "tls_fingerprint_deny_action": "drop", "tls_fingerprint_deny_block": 60},
        {"tls_fingerprint_deny": [f"t{i:03}*" for i in range(abi.ABI_FINGERPRINTS_MAX)]},
    ],
)
def test_shown_as_applied(limits: dict[str, Any]) -> None:
    text = render.toml({"limits": limits})
    shown = family.decode(as_dumped(family.encode(source.from_text(text).config)))
    assert shown["limits"] == limits


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('"t13d*"', 'expected an array of fingerprints, got "t13d*"'),
        ("[1]", "expected a fingerprint, such as"),
        ('[""]', "expected a fingerprint, such as"),
        ('["!t13d*"]', "expected a fingerprint, such as"),
        ('["t13d1516h2_8daaf6152771"]', "expected a whole fingerprint, such as"),
        ('["q13d1516h2_8daaf6152771_e5627efa2ab1"]', "expected a whole fingerprint, such as"),
        (f"{['*'] * 129}".replace("'", '"'), "expected at most 128 fingerprints, got 129"),
    ],
)
def test_mistakes_are_told(value: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        source.from_text(f"[limits]\nrequest_rate = 1\ntls_fingerprint_deny = {value}\n", "weir.toml")
    [problem] = refused.value.problems
    assert problem.text().startswith("weir.toml:3: limits.tls_fingerprint_deny: ")
    assert words in problem.text()


def test_an_action_is_a_connections() -> None:
    with pytest.raises(Refused, match=r'limits\.tls_fingerprint_deny_action: expected "reset" or "drop"'):
        source.from_text('[limits]\ntls_fingerprint_deny_action = "reply"\n')


def test_no_fingerprints_are_none() -> None:
    assert "tls_fingerprint_deny" not in str(family.decode(as_dumped(family.encode({"limits": {}}))))
