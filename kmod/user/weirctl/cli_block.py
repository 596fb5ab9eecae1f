"""`weirctl block`: the block table on the command line."""

from __future__ import annotations

import sys

from . import abi, block

# typing's own would cost a fresh weirctl some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .family import Family

EXPECTED = (
    "block: expected add PREFIX... [--seconds SECONDS], add --file FILE, remove PREFIX..., remove --file FILE, "
    "list [--json], or flush"
)


def _options(words: list[str]) -> tuple[list[str], dict[str, str]] | None:
    """Prefixes, and values of options by name; None where that makes no sense."""
    plain: list[str] = []
    options: dict[str, str] = {}
    words = list(words)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word == "--json":
            options[word] = "yes"
        elif name in ("--seconds", "--file"):
            if name in options or not (equals or words):
                return None
            options[name] = value if equals else words.pop(0)
        elif word.startswith("-"):
            return None
        else:
            plain.append(word)
    return plain, options


def _change(family: Family, command: int, prefixes: list[str], options: dict[str, str]) -> None:
    seconds = options.get("--seconds", "")
    blocks = block.of_file(options["--file"], seconds) if "--file" in options else block.of_prefixes(prefixes, seconds)
    blocks.send(family, command)


def _print(family: Family, *, as_json: bool) -> None:
    """A line each, as they come: there may be a million."""
    import json

    found = False
    if as_json:
        sys.stdout.write("[")
    for entry in block.entries(family.stream(abi.CMD_BLOCK_LIST)):
        if as_json:
            sys.stdout.write((",\n " if found else "") + json.dumps(block.to_object(entry)))
        else:
            sys.stdout.write(block.render_line(entry) + "\n")
        found = True
    if as_json:
        sys.stdout.write("]\n")
    if family.interrupted:
        print("weirctl: the table grew or shrank meanwhile: some entries may have been listed twice", file=sys.stderr)


def run(arguments: list[str], family: Family) -> bool:
    """Carry out `block ARGUMENTS`; False where they make no sense. Raises Refused."""
    parsed = _options(arguments[1:])
    if not arguments or parsed is None:
        return False
    prefixes, options = parsed
    command = arguments[0]
    if command in ("add", "remove"):
        allowed = {"--file", "--seconds"} if command == "add" else {"--file"}
        if not allowed.issuperset(options) or bool(prefixes) == ("--file" in options) or options.get("--seconds") == "":
            return False
        _change(family, abi.CMD_BLOCK_ADD if command == "add" else abi.CMD_BLOCK_DEL, prefixes, options)
        return True
    if prefixes or not {"--json"}.issuperset(options):
        return False
    if command == "list":
        _print(family, as_json=bool(options))
        return True
    if command != "flush" or options:
        return False
    family.command(abi.CMD_BLOCK_FLUSH)
    return True
