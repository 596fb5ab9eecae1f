"""XML from anywhere, read without entities: a document type is refused, so nothing expands and nothing is fetched.

Entities can only be declared in a document type (XML 1.0, section 4.2); without one, the five predefined ones are all
there are. That ends "billion laughs", quadratic expansion and external entities together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from results.errors import ResultsError

MAX_BYTES: Final = 256 * 2**20
MAX_DEPTH: Final = 64
_PIECE: Final = 2**20


class _Refused(Exception):
    pass


def parse(path: Path) -> Element:
    """The root element of the document in `path`.

    Raises ResultsError for what is no well-formed XML, has a document type, is deeper than MAX_DEPTH or larger than
    MAX_BYTES.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def doctype(*_: object) -> None:
        raise _Refused("it has a document type, which could define entities")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise _Refused(f"its elements lie more than {MAX_DEPTH} deep in each other")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _Refused(f"it is larger than {MAX_BYTES // 2**20} MiB")
        with path.open("rb") as document:
            while piece := document.read(_PIECE):
                parser.Parse(piece, False)
        parser.Parse(b"", True)
        return builder.close()
    except _Refused as refused:
        raise ResultsError(f"{path} is not read: {refused}") from refused
    except (expat.ExpatError, OSError, LookupError, ValueError) as error:
        raise ResultsError(f"{path} is no XML that can be read: {error}") from error
