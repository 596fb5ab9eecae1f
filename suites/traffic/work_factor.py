"""`python -m suites.traffic.work_factor`: what a puzzle costs a visitor's browser, and what a program made for it.

Both solve the same puzzles, one after another. The browser is Chromium with the real page's script, each puzzle in a
worker that is created for it, as the page does: its time has that, and the compiler's warming up, in it. Medians are of
the time that passes in the browser, and of the program's CPU time, with quartiles; means are CPU time of all threads.
Both tools trees must be there: `python -m lab build --tools tools`, and `--tools browser`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lab.bootstrap import ROOT
from lab.cache import Cache
from lab.errors import LabError
from lab.lock import Lock
from lab.tools import ensure_tools
from suites.traffic.browser import Page, browser
from suites.traffic.solver import Solver

PAGE: Final = ROOT / "kmod" / "user" / "challenge.html"
TOKEN_BYTES: Final = 60  # 80 characters
_SOLVE: Final = """
new Promise((resolve, reject) => {
  const began = performance.now();
  const worker = new Worker(URL.createObjectURL(new Blob([
    `onmessage = e => postMessage((${solver})().find(e.data[0], e.data[1], 0, 1e9))`])));
  worker.onerror = reject;
  worker.onmessage = e => {
    worker.terminate();
    resolve([e.data, performance.now() - began]);
  };
  worker.postMessage(["TOKEN.", BITS]);
})
"""


@contextmanager
def page_with_script() -> Iterator[Page]:
    """The challenge's page in Chromium, from a file: it has given up, for want of a cookie, and its script is there."""
    tools = ensure_tools(Cache(), Lock.load(), "browser")
    with tempfile.TemporaryDirectory() as name:
        filled = Path(name) / "page.html"
        text = PAGE.read_text(encoding="utf-8")
        for place, value in (("token", "x"), ("cookie", "x"), ("difficulty", "1"), ("min_time_ms", "0")):
            text = text.replace(f"{{{{{place}}}}}", value)
        filled.write_text(text, encoding="utf-8")
        with browser(tools, Path(name)) as chromium:
            page = chromium.open(filled.as_uri())
            page.until("!document.getElementById('again').hidden")
            yield page


def spread(values: Sequence[float]) -> str:
    """Median and quartiles, in milliseconds."""
    low, middle, high = (1000 * value for value in statistics.quantiles(values, n=4, method="inclusive"))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def measure(page: Page, solver: Solver, difficulty: int, puzzles: int) -> str:
    """A row of the table."""
    browsers, programs, hashes = [], [], []
    began = page.browser.cpu_seconds()
    for _ in range(puzzles):
        token = secrets.token_urlsafe(TOKEN_BYTES)
        solution = solver.solve(token, difficulty)
        number, milliseconds = page.ask(_SOLVE.replace("TOKEN", token).replace("BITS", str(difficulty)))
        assert number == solution.number, f"{token}: {number} in the browser, {solution.number} in the program"
        hashes.append(solution.hashes)
        browsers.append(milliseconds / 1000)
        programs.append(solution.seconds)
    means = [1000 * seconds / puzzles for seconds in (page.browser.cpu_seconds() - began, sum(programs))]
    return (
        f"| {difficulty} | {sum(hashes) / puzzles:,.0f} | {spread(browsers)} | {means[0]:.3g} "
        f"| {spread(programs)} | {means[1]:.3g} |"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m suites.traffic.work_factor", description=__doc__)
    parser.add_argument("--puzzles", type=int, default=31, help="of each difficulty (default: %(default)s)")
    parser.add_argument("--least", type=int, default=8, help="difficulty (default: %(default)s)")
    parser.add_argument("--most", type=int, default=20, help="difficulty (default: %(default)s)")
    options = parser.parse_args(arguments)
    load, cpus = os.getloadavg()[0], os.cpu_count()
    print(f"{options.puzzles} puzzles of each difficulty; load before: {load:.1f} on {cpus} CPUs")
    print("| difficulty | mean hashes | browser, ms | browser, mean CPU ms | program, CPU ms | program, mean CPU ms |")
    print("|---|---|---|---|---|---|", flush=True)
    try:
        solver = Solver(ensure_tools(Cache(), Lock.load()))
        with page_with_script() as page:
            for difficulty in range(options.least, options.most + 1, 2):
                print(measure(page, solver, difficulty, options.puzzles), flush=True)
    except LabError as error:
        print(f"work_factor: {error.message}", file=sys.stderr)
        return 70
    return 0


if __name__ == "__main__":
    sys.exit(main())
