"""The command line. No argparse: it would double the time that a fresh weirctl takes."""

from __future__ import annotations

import sys

from . import VERSION
from .errors import Refused

# typing's own would cost a fresh weirctl some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .family import Family

USAGE = """\
usage: weirctl [--timeout SECONDS] COMMAND

commands:
  apply FILE      check a TOML configuration and apply it as one transaction; "-" is standard input
  check FILE      only check it
  show            print the applied configuration as TOML
  stats           print what was counted; with --json, or --prometheus for its text format
  block ...       the block table: add PREFIX... [--seconds SECONDS], add --file FILE, remove PREFIX...,
                  remove --file FILE, list [--json], flush
  log -f          print events as lines of JSON as they happen; [--count N] [--seconds SECONDS] and no longer
  --batch         read commands as JSON lines from standard input, reply a line each (docs/weirctl.md)
  --version       print the versions of weirctl and of the loaded module
  --help          print this

exit status: 0 done, 1 refused, 2 wrong usage
"""

DONE, REFUSED, WRONG_USAGE = 0, 1, 2


class UsageError(Exception):
    """The command line makes no sense; the message says why."""


def _family(timeout: float) -> Family:
    from .family import Family

    return Family(timeout)


def _apply(arguments: list[str], timeout: float) -> None:
    from . import source

    source.from_file(_one_file("apply", arguments)).apply(_family(timeout))


def _check(arguments: list[str], _: float) -> None:
    from . import source

    source.from_file(_one_file("check", arguments))


def _show(arguments: list[str], timeout: float) -> None:
    from . import render

    _nothing("show", arguments)
    sys.stdout.write(render.toml(_family(timeout).show()))


def _stats(arguments: list[str], timeout: float) -> None:
    if arguments not in ([], ["--json"], ["--prometheus"]):
        raise UsageError(f"stats: expected nothing, --json or --prometheus, got {' '.join(arguments)}")
    stats = _family(timeout).stats()
    if arguments == ["--json"]:
        import json

        print(json.dumps(stats.json()))
    elif arguments:
        from . import prometheus

        sys.stdout.write(prometheus.render(stats))
    else:
        from . import table

        sys.stdout.write(table.render(stats))


def _block(arguments: list[str], timeout: float) -> None:
    from . import cli_block

    if not cli_block.run(arguments, _family(timeout)):
        raise UsageError(cli_block.EXPECTED)


def _log(arguments: list[str], timeout: float) -> None:
    from . import log

    if not log.run(arguments, _family(timeout)):
        raise UsageError(log.EXPECTED)


def _batch(arguments: list[str], timeout: float) -> None:
    from .batch import Batch

    _nothing("--batch", arguments)

    def write(line: str) -> None:
        sys.stdout.write(line)
        sys.stdout.flush()

    Batch(_family(timeout)).run(sys.stdin, write)


def _version(arguments: list[str], timeout: float) -> None:
    _nothing("--version", arguments)
    print(f"weirctl {VERSION}")
    try:
        info = _family(timeout).info()
    except Refused as refused:
        if refused.problems[0].kind != "unavailable":
            raise
        print("module not loaded")
    else:
        print(f"module {info['module']}, control ABI {info['abi']}")


def _one_file(command: str, arguments: list[str]) -> str:
    if len(arguments) != 1 or (arguments[0].startswith("-") and arguments[0] != "-"):
        raise UsageError(f"{command}: expected one file")
    return arguments[0]


def _nothing(command: str, arguments: list[str]) -> None:
    if arguments:
        raise UsageError(f"{command}: expected nothing more, got {' '.join(arguments)}")


_COMMANDS = {
    "apply": _apply,
    "check": _check,
    "show": _show,
    "stats": _stats,
    "block": _block,
    "log": _log,
    "--batch": _batch,
    "--version": _version,
}


def _parse(arguments: list[str]) -> tuple[str, list[str], float]:
    """The command, its arguments, and the seconds that the kernel has for an answer."""
    timeout = 10.0
    while arguments and arguments[0].startswith("--timeout"):
        option, equals, value = arguments[0].partition("=")
        if option != "--timeout" or not (equals or len(arguments) > 1):
            raise UsageError("--timeout: expected seconds")
        value, arguments = (value, arguments[1:]) if equals else (arguments[1], arguments[2:])
        try:
            timeout = float(value)
        except ValueError:
            timeout = 0.0
        if not 0 < timeout <= 86400:
            raise UsageError(f"--timeout: expected seconds, more than 0 and at most 86400, got {value}")
    if not arguments:
        raise UsageError("expected a command")
    if arguments[0] not in _COMMANDS:
        raise UsageError(f"no command {arguments[0]}: expected one of {', '.join(_COMMANDS)}")
    return arguments[0], arguments[1:], timeout


def main(arguments: list[str]) -> int:
    """Carry out one command line (without the program's name); the exit status."""
    if arguments and arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(USAGE)
        return DONE
    try:
        command, rest, timeout = _parse(arguments)
        _COMMANDS[command](rest, timeout)
        sys.stdout.flush()
    except UsageError as error:
        print(f"weirctl: {error}\n\n{USAGE}", file=sys.stderr, end="")
        return WRONG_USAGE
    except Refused as refused:
        for problem in refused.problems:
            prefix = "" if problem.file else "weirctl: "
            print(f"{prefix}{problem.text()}", file=sys.stderr)
        return REFUSED
    except BrokenPipeError:
        # The reader of standard output has seen enough. Python would complain when it closes it at exit.
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    return DONE


def run() -> None:
    """Carry out the process's own command line, and exit."""
    try:
        status = main(sys.argv[1:])
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
