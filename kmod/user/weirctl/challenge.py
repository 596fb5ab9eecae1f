"""The [challenge] table of a configuration: checked, as netlink attributes, and back."""

from __future__ import annotations

from collections.abc import Callable

from . import abi, netlink
from .errors import Path

# typing's own would cost a fresh weirctl some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .schema import Check, Checker

# What the module takes for what is left out.
DEFAULTS: dict[str, object] = {
    "mode": "off", "when": "always", "cookie_name": "__weir", "lifetime": 86400, "secure": False, "http_only": True,
    "same_site": "lax", "path": "/", "status": 302, "page_status": 503, "refusal_status": 403, "max_misses": 0,
    "key_rotation": 86400, "difficulty": 16, "min_time": 1, "max_time": 120, "exempt_paths": [], "per_vhost": False,
}  # fmt: skip
STATUSES = (302, 307)
TOKEN = "{{token}}"
TOKENS_MAX = 4
JAVASCRIPT = "javascript"
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
# The page that is sent where the configuration has none, beside this package.
PAGE = "challenge.html"


def default_page() -> bytes:
    """The page that comes with weirctl, from a folder or from a zip file."""
    home = __file__.rsplit("/", 2)[0]
    data: bytes = globals()["__loader__"].get_data(f"{home}/{PAGE}")
    return data


def _name(value: object) -> tuple[str, str] | None:
    from .schema import got

    if isinstance(value, str) and 0 < len(value) <= abi.ABI_COOKIE_NAME_MAX and _TOKEN.issuperset(value):
        return None
    return f"a cookie's name of at most {abi.ABI_COOKIE_NAME_MAX} bytes", got(value)


def _is_path(value: object, without: str) -> bool:
    return (
        isinstance(value, str)
        and value.startswith("/")
        and len(value) <= abi.ABI_COOKIE_PATH_MAX
        and all("!" <= character <= "~" and character not in without for character in value)
    )


def _path(value: object) -> tuple[str, str] | None:
    from .schema import got

    expected = f'a path of at most {abi.ABI_COOKIE_PATH_MAX} bytes without ";" and "#"'
    return None if _is_path(value, ";#") else (expected, got(value))


def _status(value: object) -> tuple[str, str] | None:
    from .schema import got

    fits = isinstance(value, int) and not isinstance(value, bool) and value in STATUSES
    return None if fits else ("302 or 307", got(value))


def _page(value: object) -> tuple[str, str] | None:
    from .schema import got

    if not isinstance(value, str):
        return "a text", got(value)
    if not 0 < value.count(TOKEN) <= TOKENS_MAX:
        return f"a page with one to {TOKENS_MAX} {TOKEN}", f"it has {value.count(TOKEN)}"
    length = len(value.encode())
    return None if length <= abi.ABI_PAGE_MAX else (f"at most {abi.ABI_PAGE_MAX} bytes", f"got {length}")


def modes(config: dict[str, object]) -> set[object]:
    """Those of the configuration and of its virtual hosts."""
    table, vhosts = config.get("challenge"), config.get("vhost")
    found = {table.get("mode", "off")} if isinstance(table, dict) else set()
    if isinstance(vhosts, list):
        found |= {vhost["challenge"] for vhost in vhosts if isinstance(vhost, dict) and "challenge" in vhost}
    return found


def check(checker: Checker, config: dict[str, object]) -> None:
    """Add what is wrong with the table, or with what needs it, to the checker's problems."""
    from . import schema

    path: Path = ("challenge",)
    checks: dict[str, Check] = {
        **schema.attributes("challenge"), "cookie_name": _name, "path": _path, "status": _status,
        "http_only": schema.flag, "page_body": _page,
    }  # fmt: skip
    del checks["script_access"]
    value = config.get("challenge", {})
    if not checker.fields(path, value, checks, (), "exempt_paths") or not isinstance(value, dict):
        return
    _check_paths(checker, (*path, "exempt_paths"), value.get("exempt_paths", []))
    if checker.problems:
        return
    least, most = value.get("min_time", DEFAULTS["min_time"]), value.get("max_time", DEFAULTS["max_time"])
    if least >= most:
        checker.add((*path, "min_time" if "min_time" in value else "max_time"), schema.got(least), "less than max_time")
    attack = config.get("attack", {})
    watched = isinstance(attack, dict) and any(attack.get(key) for key in ("requests_on", "failures_on"))
    if value.get("when") == "attack" and not watched and not modes(config) <= {"off"}:
        checker.add((*path, "when"), schema.got("attack"), "an [attack] with requests_on or failures_on")
    limits = config.get("limits", {})
    assert isinstance(limits, dict)
    for key, action in limits.items():
        if action == "challenge" and modes(config) <= {"off"}:
            checker.add(("limits", key), 'got "challenge"', "a [challenge] with a mode")


def _check_paths(checker: Checker, path: Path, value: object) -> None:
    from .schema import got

    if not isinstance(value, list):
        checker.add(path, got(value), "an array of paths")
        return
    if len(value) > abi.ABI_EXEMPT_MAX:
        checker.add((*path, abi.ABI_EXEMPT_MAX), "too many", f"at most {abi.ABI_EXEMPT_MAX} paths")
    for i, item in enumerate(value[: abi.ABI_EXEMPT_MAX]):
        if not _is_path(item, "?#"):
            checker.add((*path, i), got(item), f"what a path begins with, of at most {abi.ABI_COOKIE_PATH_MAX} bytes")


def scalars(table: dict[str, object]) -> dict[str, object]:
    """A checked table's attributes that are numbers, words, times, flags or texts."""
    return {**table, "script_access": not table.get("http_only", True)}


def others(config: dict[str, object]) -> bytes:
    """The attributes that are not."""
    table = config.get("challenge", {})
    assert isinstance(table, dict), "the schema has checked it"
    content = b"".join(netlink.text(abi.A_CHALLENGE_EXEMPT_PATH, str(path)) for path in table.get("exempt_paths", []))
    page = str(table["page_body"]).encode() if "page_body" in table else None
    if page is None and JAVASCRIPT in modes(config):
        page = default_page()
    return content + (netlink.attribute(abi.A_CHALLENGE_PAGE, page) if page is not None else b"")


def decode(scalar: dict[str, object], content: bytes) -> dict[str, object]:
    """The table, of its scalars and all of its attributes; empty if nothing differs from the defaults."""
    table = {**DEFAULTS, **scalar, "http_only": not scalar.get("script_access", False)}
    table.pop("script_access", None)
    table.pop("exempt_path", None)
    paths = []
    for kind, _, payload in netlink.attributes(content):
        if kind == abi.A_CHALLENGE_EXEMPT_PATH:
            paths.append(netlink.string(payload))
        elif kind == abi.A_CHALLENGE_PAGE and payload != default_page():
            table["page_body"] = payload.decode("utf-8", "backslashreplace")
    table["exempt_paths"] = paths
    return {} if table == DEFAULTS else table


def read_file(config: dict[str, object], read: Callable[[str], str], add: Callable[[Path, str, str], None]) -> object:
    """The configuration with the page that stands in a file; as routing.read_files()."""
    table = config.get("challenge")
    if not isinstance(table, dict) or "page" not in table:
        return config
    path: Path = ("challenge", "page")
    kept = {key: value for key, value in table.items() if key != "page"}
    name = table["page"]
    if "page_body" in table:
        add(path, "got both", "one of page and page_body")
    elif not isinstance(name, str):
        from .schema import got

        add(path, got(name), "the name of a file")
    else:
        try:
            text = read(name)
        except ValueError as error:
            add(path, str(error), f"a readable file of at most {abi.ABI_PAGE_MAX} bytes of UTF-8")
        else:
            if wrong := _page(text):
                add(path, wrong[1], wrong[0])
            else:
                kept["page_body"] = text
    return {**config, "challenge": kept}
