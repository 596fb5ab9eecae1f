"""Records real clients: `python -m suites.clients [--output FILE]`.

They run in namespaces of their own, without any network but a loopback device, on which shop.example and api.example
are one server that keeps what it is sent. Which clients a host has, and which not, is printed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab import sandbox
from lab.bootstrap import ROOT
from suites.clients import RECORDED, Recorded, read, real, write
from suites.clients.server import Server
from suites.traffic.browser import browser

_TREE = "WEIR_CLIENTS_TREE"


def _repository(root: Path) -> None:
    """A git repository with a commit, for `git` to clone and push to."""

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example", *arguments], check=True, cwd=root)

    git("init", "-q", "work")
    (root / "work/file").write_text("x\n", encoding="ascii")
    git("-C", "work", "add", "file")
    git("-C", "work", "commit", "-q", "-m", "first")
    git("clone", "-q", "--bare", "work", "repository.git")
    git("-C", "repository.git", "config", "http.receivepack", "true")


def _outside(output: Path) -> int:
    """What needs the network, then the rest in namespaces without."""
    tree = real.chromium_tree()
    with tempfile.TemporaryDirectory(prefix="weir-clients-") as scratch:
        place = Path(scratch)
        python = real.environment(place)
        (place / "hosts").write_text("127.0.0.1 localhost shop.example api.example\n", encoding="ascii")
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        again = [sys.executable, "-m", "suites.clients", "--inside", scratch, "--python", python]
        command = ["unshare", *user, "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
                   "--", *again, "--output", str(output)]  # fmt: skip
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", **({_TREE: str(tree.root)} if tree else {})}
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _record_programs(server: Server, scratch: Path, python: str) -> list[Recorded]:
    recorded = []
    for program in real.programs(scratch, python):
        version = real.said(program.version, scratch).split("\n")[0].partition(" from ")[0]
        if not version:
            print(f"{program.name}: not here")
            continue
        server.take()
        count = 0
        for what, argv in program.runs:
            real.said(argv, scratch)
            taken = server.take()
            recorded += [Recorded(program.name, version, what, data.decode("latin-1")) for data in taken]
            count += len(taken)
        print(f"{program.name}: {version}: {count} requests")
    return recorded


def _record_chromium(server: Server, scratch: Path) -> list[Recorded]:
    tree = real.chromium_tree() if os.environ.get(_TREE) else None
    if tree is None:
        return []
    at = scratch / "root"
    at.mkdir()
    sandbox.mount_root(tree, at)
    os.environ[sandbox.ROOT_VARIABLE] = str(at)
    os.environ[sandbox.TREE_VARIABLE] = str(tree.root)
    recorded: list[Recorded] = []
    server.take()
    with browser(tree, scratch, flags=["--host-resolver-rules=MAP *.example 127.0.0.1"]) as running:
        version = running.call("Browser.getVersion")["product"]

        def take(what: str) -> None:
            recorded.extend(Recorded("Chromium", version, what, data.decode("latin-1")) for data in server.take())

        page = running.open(f"{real.SHOP}/")
        take("page")
        page.ask(real.VISIT)
        take("scripts")
        for form in real.SUBMITS:
            page = running.open(f"{real.SHOP}/")
            page.ask("window.name = 'old'")
            page.ask(real.submit(form))
            page.until("location.href != 'http://shop.example/' && document.readyState == 'complete'")
            take(form)
    print(f"Chromium: {version}: {len(recorded)} requests")
    return recorded


def _inside(scratch: Path, python: str, output: Path) -> int:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "--bind", str(scratch / "hosts"), "/etc/hosts"], check=True)
    _repository(scratch)
    server = Server(("127.0.0.1", 80), scratch)
    recorded = _record_programs(server, scratch, python)
    recorded += _record_chromium(server, scratch)
    write(recorded, output)
    print(f"{output}: {len(read(output))} requests")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="suites.clients", description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=RECORDED)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--python", default=sys.executable, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.inside:
        return _inside(options.inside, options.python, options.output)
    return _outside(options.output.absolute())


if __name__ == "__main__":
    sys.exit(main())
