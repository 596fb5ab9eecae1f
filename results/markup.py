"""HTML by construction: text is escaped unless it is Markup, and only this file makes Markup of text.

Records come from machines and pull requests that the reader need not trust. Every value passes through `el` or `text`,
attributes and links included, so that a scenario named `<script>` is read, never run.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Final, TypeAlias

# C0 controls but tab, line feed and carriage return may not occur in HTML; nor may surrogates, which no UTF-8 can hold.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_VOID: Final = frozenset({"meta", "br", "hr", "input", "path", "rect", "line", "circle", "col"})
# A table whose rows become blocks on a phone is none any more to those who hear it, unless its parts say what they are.
_ROLES: Final = {"table": "table", "thead": "rowgroup", "tbody": "rowgroup", "tr": "row", "td": "cell"}
_HEADERS: Final = {"col": "columnheader", "row": "rowheader"}
_BARE_NAME: Final = re.compile(r"[a-z][a-zA-Z0-9-]*")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child: TypeAlias = "Markup | str | int | Iterable[Child] | None"


def text(value: str) -> Markup:
    """`value` as HTML that shows it."""
    return Markup(html.escape(_FORBIDDEN.sub("\ufffd", value), quote=True))


def join(children: Child) -> Markup:
    """Children in order; text is escaped, None is nothing."""
    if children is None:
        return Markup("")
    if isinstance(children, Markup):
        return children
    if isinstance(children, (str, int)):
        return text(str(children))
    return Markup("".join(join(child) for child in children))


def el(name: str, /, *children: Child, **attributes: str | int | float | bool | None) -> Markup:
    """One element. `class_` is class, `aria_label` is aria-label; None and False leave an attribute out, True is bare.

    Raises ValueError for a link that is neither inside the page nor a relative path.
    """
    parts = [name]
    if role := _ROLES.get(name) or (name == "th" and _HEADERS.get(str(attributes.get("scope")))):
        attributes = {"role": role, **attributes}
    for key, value in attributes.items():
        attribute = key.rstrip("_").replace("_", "-")
        if not _BARE_NAME.fullmatch(attribute):
            raise ValueError(f"{attribute!r} is no attribute's name")
        if value is None or value is False:
            continue
        if attribute == "href" and not is_local(str(value)):
            raise ValueError(f"the report links nowhere outside: {value!r}")
        parts.append(attribute if value is True else f'{attribute}="{text(str(value))}"')
    opening = f"<{' '.join(parts)}>"
    if name in _VOID:
        # Inside SVG an element must be closed; in HTML the slash is ignored.
        return Markup(opening[:-1] + "/>")
    return Markup(f"{opening}{join(children)}</{name}>")


def is_local(link: str) -> bool:
    """Whether a link stays in the page or on its file system: it has no scheme and no authority."""
    return link.startswith("#") or not re.match(r"\s*(?:[^/?#]*:|[/\\]{2})", link)


def slug(*names: str) -> str:
    """An identifier for a fragment, from names of any kind; different names give different ones."""
    plain = "-".join(re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name in names)
    exact = "-".join(names)
    if plain == exact:
        return plain
    # Short and stable is enough: it tells apart what the letters no longer do.
    mark = 0
    for letter in exact:
        mark = (mark * 131 + ord(letter)) % 0xFFFFFF
    return f"{plain}-{mark:06x}"
