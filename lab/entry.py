"""How the lab's programs begin and end: with their parent, and with an exit status that tells whose fault it was."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from lab import isolation
from lab.errors import ExitCode, LabError, ProductFailure


def run(main: Callable[[list[str]], int], argv: Sequence[str] | None = None) -> int:
    """The exit status of `main` with `argv` (default: the command line's); errors are told in words on stderr."""
    if os.environ.get(isolation.PARENT_VARIABLE):
        isolation.die_with_parent()
    try:
        return int(main(list(sys.argv[1:] if argv is None else argv)))
    except LabError as error:
        print(f"weir: {error}", file=sys.stderr)
        return int(error.exit_code)
    except ProductFailure as failure:
        print(f"weir: {failure}", file=sys.stderr)
        return int(failure.exit_code)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
