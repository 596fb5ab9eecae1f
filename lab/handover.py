"""What the lab's outside hands to its inside: dataclasses as JSON files, with paths in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def save(value: object, path: Path) -> None:
    """Writes a dataclass or struct as JSON. Raises NotImplementedError for a type that JSON cannot hold."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value, enc_hook=_encode), indent=1))


def load(path: Path, kind: type[T]) -> T:
    """Reads what `save` wrote as a `kind`. Raises msgspec.ValidationError when it is something else."""
    return msgspec.json.decode(path.read_bytes(), type=kind, dec_hook=_decode)


def _encode(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"cannot write a {type(value).__name__}")


def _decode(kind: type, value: Any) -> Any:
    if issubclass(kind, Path):
        return Path(value)
    raise NotImplementedError(f"cannot read a {kind.__name__}")
