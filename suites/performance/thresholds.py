"""Reads thresholds.toml: from which change on a count has changed, as calibrated."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

import msgspec

from lab.errors import UsageError
from results.compare import CompareError, Threshold, Thresholds

FILE: Final = Path(__file__).with_name("thresholds.toml")


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """`calibration` says how, when and with which figures the thresholds were found; nothing reads it but people."""

    threshold: list[Threshold]
    calibration: list[dict[str, str | float | int]] = []


def read_thresholds(path: Path = FILE) -> Thresholds:
    """The thresholds by metric and scenario. Raises UsageError that says what is wrong in the file."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return Thresholds.of(msgspec.convert(table, _File).threshold)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError, CompareError) as error:
        raise UsageError(f"{path}: {error}", hint="python -m suites.performance.calibrate makes it anew") from error
