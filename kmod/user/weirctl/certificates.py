"""The [[certificate]] tables and [tls] of a configuration: checked, as netlink attributes, and back."""

from __future__ import annotations

from collections.abc import Callable

from . import abi, netlink
from .errors import Path, key_text

# typing's own would cost a fresh weirctl some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .schema import Check, Checker

# (stage command, attribute of the configuration, name of the attribute set, path in the file, content)
Staged = tuple[int, int, str, Path, bytes]

HTTPS = "https"
REFUSE = "refuse"
VERSIONS = tuple(name.removeprefix("tls-").replace("-", ".") for name in abi.TLS_VERSION)
LIBRARY = "Python's cryptography, 42 or later (Debian's package python3-cryptography)"
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


class Material:
    """What a certificate's files have in them.

    chain: as the list of a Certificate message of TLS 1.3. kind: of abi.KEY_KIND. key: as that says.
    staple: an OCSP response, or nothing; until: it is old, in seconds since the epoch.
    """

    __slots__ = ("chain", "key", "kind", "staple", "until")

    def __init__(self, chain: bytes, kind: str, key: bytes, staple: bytes = b"", until: int = 0) -> None:
        self.chain = chain
        self.kind = kind
        self.key = key
        self.staple = staple
        self.until = until


class Certificate(dict[str, object]):
    """A table whose files have been read: their names are absolute, and it has names. What was read is none of its
    items, so nothing that shows the table shows a key.
    """

    __slots__ = ("material",)

    def __init__(self, table: dict[str, object], material: Material) -> None:
        super().__init__(table)
        self.material = material


class Shown(dict[str, object]):
    """A table as the module has it, with what is known of it besides what a file may say."""

    __slots__ = ("notes",)

    def __init__(self, table: dict[str, object], notes: tuple[str, ...]) -> None:
        super().__init__(table)
        self.notes = notes


def is_name(value: str) -> bool:
    """A host's name, or "*." and one."""
    labels = value.lower().removeprefix("*.").split(".")
    return len(value) <= abi.ABI_SERVER_NAME_MAX and all(label and _NAME.issuperset(label) for label in labels)


def _file(value: object) -> tuple[str, str] | None:
    from .schema import got

    if isinstance(value, str) and value.isprintable() and 0 < len(value.encode()) <= abi.ABI_FILE_NAME_MAX:
        return None
    return f"the name of a file, of at most {abi.ABI_FILE_NAME_MAX} bytes", got(value)


def _checks() -> dict[str, Check]:
    from . import schema

    return {"chain": _file, "key": _file, "ocsp": _file, "default": schema.flag}


def check(checker: Checker, config: dict[str, object]) -> None:
    """Add what is wrong with the tables, or with the listeners that need one, to the checker's problems."""
    from . import schema

    tables = checker.tables(("certificate",), config.get("certificate", []), abi.ABI_CERTIFICATES_MAX)
    names: dict[tuple[str, str], Path] = {}
    chosen: dict[str, Path] = {}
    first: dict[str, Path] = {}
    checks = {**schema.attributes("tls"), "min_version": schema.one_of(VERSIONS)}
    checker.fields(("tls",), config.get("tls", {}), checks, ())
    tls = config.get("tls")
    refuses = isinstance(tls, dict) and tls.get("unknown_name") == REFUSE
    for path, table in tables:
        if not checker.fields(path, table, _checks(), ("chain", "key"), "names"):
            continue
        assert isinstance(table, dict)
        kind = _kind(table, path)
        first.setdefault(kind, path)
        _check_names(checker, (*path, "names"), table.get("names", []), kind, names)
        if table.get("default") is not True:
            continue
        if kind in chosen:
            message = f"{key_text(chosen[kind])} is the default already"
            checker.add((*path, "default"), message, "one default" + _of(kind))
        elif refuses:
            message = f'got true, but tls.unknown_name is "{REFUSE}"'
            checker.add((*path, "default"), message, "no default where unknown names are refused")
        chosen.setdefault(kind, path)
    defaults = (chosen or first).values()
    for path, table in tables:
        if isinstance(table, dict) and table.get("names") == [] and path not in defaults:
            checker.add(path, "it has none and is not the default: no client would get it", "names")
        elif isinstance(table, dict) and table.get("names") == [] and refuses:
            checker.add(path, "it has none, and unknown names are refused: no client would get it", "names")
    listeners = config.get("listener")
    for i, listener in enumerate(listeners if isinstance(listeners, list) else []):
        if not tables and isinstance(listener, dict) and listener.get("protocol") == HTTPS:
            checker.add(("listener", i, "protocol"), f'got "{HTTPS}"', "a [[certificate]] for https")


def _kind(table: dict[str, object], path: Path) -> str:
    """Of its key: certificates of different kinds may serve the same name. Each that was not read is of its own."""
    return table.material.kind if isinstance(table, Certificate) else key_text(path)


def _of(kind: str) -> str:
    return f" with a key of {kind.partition('-')[0].upper()}" if kind in abi.KEY_KIND else ""


def _check_names(checker: Checker, path: Path, value: object, kind: str, seen: dict[tuple[str, str], Path]) -> None:
    from .schema import got

    if not isinstance(value, list):
        checker.add(path, got(value), "an array of hosts' names")
        return
    most = abi.ABI_SERVER_NAMES_MAX
    if len(value) > most:
        checker.add((*path, most), "too many", f"at most {most} names of a certificate")
    for i, name in enumerate(value[:most]):
        if not isinstance(name, str) or not is_name(name):
            checker.add((*path, i), got(name), 'a host\'s name, or "*." and one')
        elif (kind, name.lower()) in seen:
            message = f"{key_text(seen[kind, name.lower()])} has {name} already"
            checker.add((*path, i), message, "a name once" + _of(kind))
        else:
            seen[kind, name.lower()] = path[:-1]


def read(config: dict[str, object], directory: str, add: Callable[[Path, str, str], None]) -> dict[str, object]:
    """The configuration with certificates whose files were read; `add` is told of what is wrong with them.

    Relative names are beside the configuration's file. What has the wrong shape is left to check().
    """
    tables = config.get("certificate")
    if not isinstance(tables, list) or not any(_is_readable(table) for table in tables):
        return config
    if not _has_library():
        add(("certificate",), "it is not there", LIBRARY)
        return config
    from . import certificate_files

    def absolute(name: object) -> str:
        import os

        return os.path.abspath(os.path.join(directory, str(name)))  # noqa: PTH100, PTH118

    found: list[object] = []
    for i, table in enumerate(tables):
        if _is_readable(table):
            assert isinstance(table, dict)
            named = {**table, **{key: absolute(table[key]) for key in _FILES if key in table}}
            table = certificate_files.read(named, ("certificate", i), add) or table
        found.append(table)
    return {**config, "certificate": found}


_FILES = ("chain", "key", "ocsp")


def _is_readable(table: object) -> bool:
    return isinstance(table, dict) and all(
        _file(table.get(key)) is None for key in _FILES if key != "ocsp" or key in table
    )


def _has_library() -> bool:
    """Whether cryptography can be imported. `python3 -S` leaves out the directories where it is."""
    import sys

    if sys.flags.no_site:
        import site

        site.main()
    try:
        from cryptography import x509
    except ImportError:
        return False
    return hasattr(x509.Certificate, "not_valid_after_utc")


def encode(config: dict[str, object]) -> list[Staged]:
    """The stage operations of a checked configuration whose files were read."""
    staged: list[Staged] = []
    tables = config.get("certificate", [])
    assert isinstance(tables, list), "the schema has checked it"
    for i, table in enumerate(tables):
        assert isinstance(table, Certificate), "its files were read"
        path: Path = ("certificate", i)
        staged.append((abi.CMD_STAGE_CERTIFICATE, abi.A_CONFIG_CERTIFICATE, "certificate", path, _encode(table)))
    if "tls" in config:
        tls = config["tls"]
        assert isinstance(tls, dict), "the schema has checked it"
        word = str(tls.get("unknown_name", abi.UNKNOWN_NAME[0]))
        content = netlink.u32(abi.A_TLS_UNKNOWN_NAME, abi.UNKNOWN_NAME.index(word))
        version = str(tls.get("min_version", VERSIONS[0]))
        content += netlink.u32(abi.A_TLS_MIN_VERSION, VERSIONS.index(version))
        staged.append((abi.CMD_STAGE_TLS, abi.A_CONFIG_TLS, "tls", ("tls",), content))
    return staged


def _encode(table: Certificate) -> bytes:
    names = table["names"]
    assert isinstance(names, list), "the schema has checked it"
    return (
        netlink.attribute(abi.A_CERTIFICATE_CHAIN, table.material.chain)
        + netlink.u32(abi.A_CERTIFICATE_KEY_KIND, abi.KEY_KIND.index(table.material.kind))
        + netlink.attribute(abi.A_CERTIFICATE_KEY, table.material.key)
        + b"".join(netlink.text(abi.A_CERTIFICATE_SERVER_NAME, str(name).lower()) for name in names)
        + (netlink.attribute(abi.A_CERTIFICATE_DEFAULT, b"") if table.get("default") else b"")
        + netlink.text(abi.A_CERTIFICATE_CHAIN_FILE, str(table["chain"]))
        + netlink.text(abi.A_CERTIFICATE_KEY_FILE, str(table["key"]))
        + _encode_staple(table)
    )


def _encode_staple(table: Certificate) -> bytes:
    if not table.material.staple:
        return b""
    return (
        netlink.attribute(abi.A_CERTIFICATE_STAPLE, table.material.staple)
        + netlink.uint(abi.A_CERTIFICATE_STAPLE_UNTIL, table.material.until)
        + netlink.text(abi.A_CERTIFICATE_STAPLE_FILE, str(table["ocsp"]))
    )


def decode_tls(scalars: dict[str, object]) -> dict[str, object]:
    """The table of what all certificates have in common; versions as a file has them."""
    if "min_version" in scalars:
        scalars["min_version"] = VERSIONS[abi.TLS_VERSION.index(str(scalars["min_version"]))]
    return scalars


def decode(content: bytes) -> dict[str, object]:
    """A certificate's table, of what the module shows of it."""
    values = netlink.table(content)
    names = [
        netlink.string(payload)
        for kind, _, payload in netlink.attributes(content)
        if kind == abi.A_CERTIFICATE_SERVER_NAME
    ]
    stapled = abi.A_CERTIFICATE_STAPLE_FILE in values
    table: dict[str, object] = {
        "chain": netlink.string(values[abi.A_CERTIFICATE_CHAIN_FILE]),
        "key": netlink.string(values[abi.A_CERTIFICATE_KEY_FILE]),
        **({"ocsp": netlink.string(values[abi.A_CERTIFICATE_STAPLE_FILE])} if stapled else {}),
        "names": names,
        **({"default": True} if abi.A_CERTIFICATE_DEFAULT in values else {}),
    }
    return Shown(table, (_until(netlink.number(values[abi.A_CERTIFICATE_STAPLE_UNTIL])),)) if stapled else table


def _until(seconds: int) -> str:
    import time

    # The last second that the calendar has.
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(min(seconds, 253402300799)))
    return f"its OCSP response is sent until {when}" if seconds > time.time() else f"its OCSP response is old: {when}"
