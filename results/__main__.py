"""`python -m results COMMAND`: every command is a module of this package with `add_arguments` and `run`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import Final

from results.errors import ResultsError
from results.records import RecordError

# name: (module, one line of help). A module is imported only when its command is asked for.
COMMANDS: Final = {
    "show": ("results.show", "print the last run, or the run with this identity"),
    "report": ("results.report", "one offline HTML page: verdict, changes, peers, history"),
    "comment": ("results.comment", "Markdown for a pull request: what a gate decided, the verdict first"),
    "history": ("results.history", "records of main on a branch that only grows: pull, push"),
    "query": ("results.query_command", "figures, tests, comparisons or runs that answer to filters"),
    "trend": ("results.trend", "history of figures: change points and environments"),
    "import": ("results.importing", "merge records of another machine, or read JUnit XML, KCIDB JSON or CSV"),
    "export": ("results.exporting", "write runs as JUnit XML, KCIDB JSON or CSV"),
    "reindex": ("results.reindex", "bring the index over the records up to date, or make it anew"),
    "signoff": ("results.signoff_command", "decide about the release that a run measured"),
    "verify": ("results.verify_command", "whether a statement is what someone we trust signed"),
    "validate-statistics": ("results.simulation", "how often the statistics of a sign-off keep their promises"),
    "bench": ("results.bench", "time index and queries over many generated records"),
}


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns the process's exit status: its own, 4 for wrong usage, 70 when it could not work."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m results", description="What the records say.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in argv if not word.startswith("-")), None)
    for name, (module, summary) in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:
            loaded = importlib.import_module(module)
            loaded.add_arguments(sub)
            sub.set_defaults(run_command=loaded.run)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run_command(arguments))
    except ResultsError as error:
        print(f"weir: {error}", file=sys.stderr)
        return error.exit_code
    except RecordError as error:
        print(f"weir: {error}", file=sys.stderr)
        return ResultsError.exit_code
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing is wrong, and nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 2


if __name__ == "__main__":
    sys.exit(main())
