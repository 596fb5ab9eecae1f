"""Sessions for contributors and CI. No logic lives here: each calls `python -m lab`, `suites` or `results`.

Exit status: 0 pass, 1 product failure, 70 infrastructure failure, 69 the host lacks something (see lab/errors.py).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lab.bootstrap import ROOT, ensure_environment, ensure_scanners

nox.options.sessions = ["functional"]
nox.options.default_venv_backend = "none"


def run(*arguments: str, needed: bool = True) -> None:
    """Runs `python -m ...` in the locked environment; if it fails and is `needed`, nox ends with its exit status."""
    # Nothing that a session starts shall outlive it, even if it is killed before the command has come up.
    environment = {**os.environ, "WEIR_PARENT": str(os.getpid())}
    completed = subprocess.run([str(ensure_environment()), "-m", *arguments], cwd=ROOT, env=environment, check=False)
    if completed.returncode and needed:
        # nox folds every failure into 1; the three kinds of failure must reach CI as they are.
        raise SystemExit(completed.returncode)


@nox.session
def functional(session: nox.Session) -> None:
    """The main job: build what is not cached, boot, deploy, test, record. Options go to pytest after `--`."""
    # A lab has no network to fetch it by. Without it the cases with a browser are skipped, and say so.
    run("lab", "build", "--tools", "browser", needed=False)
    run("lab", "run", "suites/functional", *session.posargs)


@nox.session
def tls(session: nox.Session) -> None:
    """HTTPS: handshakes, certificates, names, limits. `nox -s functional -- --https` has all other cases over it."""
    # Other people's clients and scanners, a browser: a lab has no network to fetch them by. Without them their cases
    # are skipped, and say so.
    run("lab", "build", "--tools", "tls", "--tools", "browser", needed=False)
    with contextlib.suppress(subprocess.CalledProcessError):
        ensure_scanners()
    run("lab", "run", "suites/tls", *session.posargs)


@nox.session
def differential(session: nox.Session) -> None:
    """The same bytes through Weir, nginx and HAProxy; `-- --examples 100` is CI's short form."""
    run("lab", "run", "suites/differential", *session.posargs)


@nox.session
def robustness(session: nox.Session) -> None:
    """Crashes, floods and lost machines: that the lab sees them, and names their owner."""
    run("lab", "run", "suites/robustness", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Unit tests, and one that boots the distribution's kernel."""
    # As in `functional`; mbed TLS's client comes with the tree `tls`.
    run("lab", "build", "--tools", "tls", "--tools", "browser", needed=False)
    run("lab", "run", "tests", "--kernel", "distro", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, mypy, checkpatch, sparse, generated files, house rules."""
    run("lab", "lint", *session.posargs)


@nox.session
def lab(session: nox.Session) -> None:
    """Any command of the lab: `nox -s lab -- doctor --fix`, `build`, `shell`, `bench`, ..."""
    run("lab", *(session.posargs or ["--help"]))


@nox.session
def performance(session: nox.Session) -> None:
    """Guest instructions per request, or with `-- --mode timed` seconds; `-- --gate` compares with another revision."""
    run("suites.performance", *session.posargs)


@nox.session
def signoff(session: nox.Session) -> None:
    """Decides about a release: `-- --candidate X --baseline Y`. 0 PASS, 1 FAIL, 75 INCONCLUSIVE, 77 REFUSED."""
    run("suites.performance.signoff", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """One offline HTML page of what the records say; options go to `python -m results report`."""
    run("results", "report", *session.posargs)


@nox.session(name="report-suite")
def report_suite(session: nox.Session) -> None:
    """The report in a real browser: phone and desk, hover and zoom, no network."""
    run("lab", "build", "--tools", "browser")  # a lab has no network to fetch it by
    run("lab", "run", "suites/report", *session.posargs)


@nox.session
def results(session: nox.Session) -> None:
    """What the records say: `nox -s results -- show`."""
    run("results", *(session.posargs or ["show"]))
