"""Records real clients: `python -m suites.clients [--output FILE]`.

They run in namespaces of their own, without any network but a loopback device, on which shop.example and api.example
are one server that keeps what it is sent, and the content management systems stand behind others. Which clients are
here, and which not, is printed; of those that are not the records stay.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab import sandbox
from lab.bootstrap import ROOT
from lab.tools import ToolsTree
from suites.clients import RECORDED, Recorded, cms, merged, packaged, read, real, visits, write
from suites.clients.firefox import firefox
from suites.clients.server import Server
from suites.traffic.browser import Browser, browser

_TREES = ("browser", "clients")
_HOSTS = "127.0.0.1 localhost shop.example api.example\n"


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


def _variable(tree: str) -> str:
    """In the environment of the part inside, if there is that tree: it must not try to make one."""
    return f"WEIR_CLIENTS_{tree.upper()}"


def _tree(name: str) -> ToolsTree | None:
    return real.tree(name) if _variable(name) in os.environ else None


def _outside(output: Path) -> int:
    """What needs the network, then the rest in namespaces without."""
    trees = {_variable(name): "1" for name in _TREES if real.tree(name)}
    with tempfile.TemporaryDirectory(prefix="weir-clients-") as scratch:
        place = Path(scratch)
        python = real.environment(place)
        sites = "".join(f"{address} {host}\n" for host, address in cms.ADDRESSES.items())
        (place / "hosts").write_text(_HOSTS + sites, encoding="ascii")
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        again = [sys.executable, "-m", "suites.clients", "--inside", scratch, "--python", python]
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", *user, "--mount", "--net", "--pid", "--fork",
                   "--kill-child", "--mount-proc", "--", *again, "--output", str(output)]  # fmt: skip
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", **trees}
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _record_programs(server: Server, scratch: Path, programs: Sequence[real.Program]) -> list[Recorded]:
    recorded = []
    for program in programs:
        version = real.said(program.version, scratch).strip().split("\n")[0].partition(" from ")[0]
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
            if not taken:
                print(f"{program.name}: {what}: sent nothing")
        print(f"{program.name}: {version}: {count} requests")
    return recorded


def _record_packaged(server: Server, scratch: Path, tree: ToolsTree) -> list[Recorded]:
    """Programs of the tree, and Firefox. Its root becomes what `sandbox.command` runs that tree's programs in."""
    at = scratch / "root"
    at.mkdir()
    sandbox.mount_root(tree, at)
    etc = shutil.copytree(tree.root / "etc", scratch / "etc", symlinks=True)  # which need not have the file hosts
    shutil.copy(scratch / "hosts", etc / "hosts")
    subprocess.run(["mount", "--bind", str(etc), str(at / "etc")], check=True)
    os.environ[sandbox.ROOT_VARIABLE] = str(at)
    os.environ[sandbox.TREE_VARIABLE] = str(tree.root)
    recorded = _record_programs(server, scratch, packaged.programs(tree, scratch))
    server.take()
    began = len(recorded)
    with firefox(tree, scratch) as running:

        def take(what: str) -> None:
            recorded.extend(
                Recorded("Firefox", running.version, what, data.decode("latin-1")) for data in server.take()
            )

        running.open(f"{real.SHOP}/")
        take("page")
        running.ask(real.VISIT)
        take("scripts")
        for form in real.SUBMITS:
            running.open(f"{real.SHOP}/?")
            running.ask(real.submit(form))
            running.until("location.href != 'http://shop.example/?' && document.readyState == 'complete'")
            take(form)
        print(f"Firefox: {running.version}: {len(recorded) - began} requests")
    return recorded


@contextmanager
def _chromium(scratch: Path, tree: ToolsTree) -> Iterator[tuple[Browser, str]]:
    """Chromium in this network, and its version."""
    rules = [f"MAP {host} {address}" for host, address in cms.ADDRESSES.items()]
    rules.append("MAP *.example 127.0.0.1")
    with browser(tree, scratch, flags=[f"--host-resolver-rules={', '.join(rules)}"], network=True) as running:
        yield running, running.call("Browser.getVersion")["product"]


def _record_chromium(server: Server, running: Browser, version: str) -> list[Recorded]:
    recorded: list[Recorded] = []
    server.take()

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


def _record_sites(scratch: Path, tree: ToolsTree, running: Browser, version: str) -> list[Recorded]:
    """What the browser sends to content management systems, and these to themselves."""
    recorded: list[Recorded] = []
    for package, serve, visit in (
        ("wordpress", cms.wordpress, visits.wordpress), ("mediawiki", cms.mediawiki, visits.mediawiki),
    ):  # fmt: skip
        system = f"{package} {tree.versions[package]}"
        began = len(recorded)
        with serve(tree, scratch) as server:
            for what in visit(running):
                for data in server.take():
                    own = b"\r\nUser-Agent: WordPress/" in data
                    client, by = (package, system) if own else (f"Chromium at {package}", f"{version}, {system}")
                    recorded.append(Recorded(client, by, what, data.decode("latin-1")))
        print(f"{system}: {len(recorded) - began} requests")
    return cms.without_much_alike(recorded)


def _inside(scratch: Path, python: str, output: Path) -> int:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "--bind", str(scratch / "hosts"), "/etc/hosts"], check=True)
    _repository(scratch)
    server = Server(("127.0.0.1", 80), scratch)
    recorded = _record_programs(server, scratch, real.programs(scratch, python))
    packages, chromium = _tree("clients"), _tree("browser")
    if packages:
        recorded += _record_packaged(server, scratch, packages)
    if chromium:
        with _chromium(scratch, chromium) as (running, version):
            recorded += _record_chromium(server, running, version)
            if packages:
                recorded += _record_sites(scratch, packages, running, version)
    write(merged(recorded, read(output) if output.exists() else []), output)
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
