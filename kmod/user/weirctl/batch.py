"""`weirctl --batch`: commands as JSON lines, for scripts and tests; docs/weirctl.md has the protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from . import VERSION, abi, block, render, source
from .errors import Problem, Refused
from .family import Family

Answer = dict[str, object]


def _source(request: dict[str, object]) -> source.Source:
    """The configuration that a request brings."""
    given = [name for name in ("toml", "file", "config") if name in request]
    if len(given) != 1:
        raise Refused([Problem("usage", 'expected one of "toml", "file" and "config"')])
    value = request[given[0]]
    if given[0] == "config":
        return source.from_object(value)
    if not isinstance(value, str):
        raise Refused([Problem("usage", f"{given[0]}: expected a string")])
    if given[0] == "toml":
        return source.from_text(value)
    if value == "-":
        raise Refused([Problem("usage", 'file: "-" is where the commands come from')])
    return source.from_file(value)


def _prefixes(request: dict[str, object]) -> list[str]:
    """Those that a request is about."""
    prefixes = request.get("prefixes")
    if not isinstance(prefixes, list) or not all(isinstance(prefix, str) for prefix in prefixes):
        raise Refused([Problem("usage", "prefixes: expected an array of strings")])
    return prefixes


class Batch:
    """Carries out commands, one after another, over one netlink socket."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._commands: dict[str, tuple[Callable[[dict[str, object]], Answer], tuple[str, ...]]] = {
            "apply": (self._apply, ("toml", "file", "config")),
            "check": (self._check, ("toml", "file", "config")),
            "show": (self._show, ()),
            "stats": (self._stats, ()),
            "version": (self._version, ()),
            "block-add": (self._block_add, ("prefixes", "seconds")),
            "block-remove": (self._block_remove, ("prefixes",)),
            "block-list": (self._block_list, ()),
            "block-flush": (self._block_flush, ()),
        }

    def _apply(self, request: dict[str, object]) -> Answer:
        return {"generation": _source(request).apply(self._family)}

    def _check(self, request: dict[str, object]) -> Answer:
        _source(request)
        return {}

    def _show(self, _: dict[str, object]) -> Answer:
        config = self._family.show()
        return {"config": config, "toml": render.toml(config)}

    def _stats(self, _: dict[str, object]) -> Answer:
        statistics = self._family.stats()
        return {"stats": statistics.counters, "scopes": [scope.json() for scope in statistics.scopes]}

    def _version(self, _: dict[str, object]) -> Answer:
        return {"weirctl": VERSION, **self._family.info()}

    def _block_add(self, request: dict[str, object]) -> Answer:
        seconds = request.get("seconds")
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, (int, float))):
            raise Refused([Problem("usage", "seconds: expected a number")])
        given = "" if seconds is None else repr(seconds)
        return {"blocked": block.of_prefixes(_prefixes(request), given).send(self._family, abi.CMD_BLOCK_ADD)}

    def _block_remove(self, request: dict[str, object]) -> Answer:
        return {"unblocked": block.of_prefixes(_prefixes(request)).send(self._family, abi.CMD_BLOCK_DEL)}

    def _block_list(self, _: dict[str, object]) -> Answer:
        entries = block.entries(self._family.stream(abi.CMD_BLOCK_LIST))
        return {"blocks": [block.to_object(entry) for entry in entries]}

    def _block_flush(self, _: dict[str, object]) -> Answer:
        self._family.command(abi.CMD_BLOCK_FLUSH)
        return {}

    def _run(self, request: object) -> Answer:
        if not isinstance(request, dict):
            raise Refused([Problem("usage", "expected a JSON object")])
        name = request.get("command")
        if not isinstance(name, str) or name not in self._commands:
            raise Refused([Problem("usage", f"command: expected one of {', '.join(self._commands)}, got {name!r}")])
        command, keys = self._commands[name]
        unknown = sorted(set(request) - {"command", "id", *keys})
        if unknown:
            raise Refused([Problem("usage", f"{name} does not take {', '.join(unknown)}")])
        return command(request)

    def reply(self, line: str) -> str:
        """The reply to one line, without its line end."""
        answer: Answer = {}
        try:
            request: object = json.loads(line)
            if isinstance(request, dict) and "id" in request:
                answer["id"] = request["id"]
            result = self._run(request)
            answer["ok"] = True
            answer.update(result)
        except Refused as refused:
            answer["ok"] = False
            answer["error"] = str(refused)
            answer["errors"] = [problem.json() for problem in refused.problems]
        except (ValueError, RecursionError) as error:
            answer["ok"] = False
            answer["error"] = f"not JSON: {error}"
            answer["errors"] = [Problem("usage", f"not JSON: {error}").json()]
        return json.dumps(answer)

    def run(self, lines: Iterable[str], write: Callable[[str], object]) -> None:
        """Reply to every line but empty ones, until they end."""
        for line in lines:
            if line.strip():
                write(self.reply(line) + "\n")
