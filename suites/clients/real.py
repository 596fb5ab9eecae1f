"""The clients that are recorded, and what each is told to do. A host need not have all of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.cache import Cache
from lab.errors import LabError
from lab.lock import Lock
from lab.tools import ToolsTree, ensure_tools

SHOP: Final = "http://shop.example"
API: Final = "http://api.example"
PYTHON_PACKAGES: Final = ("requests", "httpx", "aiohttp", "urllib3")
"""Of the Python package index, into an environment of the recorder's own."""
_PATIENCE_S: Final = 60


@dataclass(frozen=True)
class Program:
    """A client that is a program: how it says its version, and its runs, each with what it is for."""

    name: str
    version: Sequence[str]
    runs: Sequence[tuple[str, Sequence[str]]]


def _python(name: str, imports: str, version: str, *runs: tuple[str, str], python: str) -> Program:
    """A library of Python's: each run is a piece of a program."""
    start = f"import {imports}\nS = {SHOP!r}\nA = {API!r}\n"
    said = [python, "-c", f"import {imports}; print({version})"]
    return Program(name, said, [(what, [python, "-c", start + code]) for what, code in runs])


def _curl() -> Program:
    def run(what: str, *arguments: str) -> tuple[str, Sequence[str]]:
        return what, ["curl", "-sS", "-o", "/dev/null", *arguments]

    return Program(
        "curl",
        ["curl", "--version"],
        [
            run("page", f"{SHOP}/"),
            run("head", "-I", f"{SHOP}/"),
            run("query", "--get", "--data-urlencode", "q=café & <crème> 50%", f"{SHOP}/search"),
            run("compressed", "--compressed", f"{SHOP}/a%20b/caf%C3%A9?x[]=1&y=a,b;c"),
            run("form", "-d", "user=J%C3%BCrgen&password=p%26ss%3Cw%3E", f"{SHOP}/login"),
            run("json", "--json", '{"name": "<b>", "n": [1, 2]}', f"{API}/api/items"),
            run("multipart", "-F", "title=a b", "-F", "file=@/etc/hosts;type=text/plain", f"{SHOP}/upload"),
            run("upload", "-T", "/etc/hosts", f"{SHOP}/files/hosts"),
            run("chunked", "-H", "Transfer-Encoding: chunked", "-d", "a=b", f"{SHOP}/upload"),
            run("expect", "-H", "Expect: 100-continue", "-d", "a=b", f"{SHOP}/upload"),
            run("delete", "-X", "DELETE", f"{API}/api/items/1"),
            run("patch", "-X", "PATCH", "--json", "{}", f"{API}/api/items/1"),
            run("range", "-r", "0-99", f"{SHOP}/logo.png"),
            run("login", "-u", "user:p:ss", "-b", "a=b; c=d", "-e", f"{SHOP}/x?y", f"{SHOP}/"),
            run("1.0", "--http1.0", f"{SHOP}/"),
            run("port", "http://shop.example:80/"),
            run("proxy", "-x", "http://shop.example:80", f"{SHOP}/through?a=b"),
            run("upgrade", "--http2", f"{SHOP}/"),
        ],
    )


def _wget() -> Program:
    quiet = ["wget", "-q", "-O", "/dev/null", "--tries=1"]
    return Program(
        "wget",
        ["wget", "--version"],
        [
            ("page", [*quiet, f"{SHOP}/"]),
            ("form", [*quiet, "--post-data", "user=a&password=b%20c", f"{SHOP}/login"]),
            ("spider", [*quiet, "--spider", f"{SHOP}/logo.png"]),
            ("again", [*quiet, "--start-pos=3", f"{SHOP}/logo.png"]),
            ("put", [*quiet, "--method=PUT", "--body-data={}", f"{API}/api/items/1"]),
        ],
    )


def _git(scratch: Path) -> Program:
    """`git` against its own server program: a clone by the smart protocol, then by the dumb one."""
    url = f"{SHOP}/repository.git"
    return Program(
        "git",
        ["git", "--version"],
        [
            ("clone", ["git", "clone", "-q", url, str(scratch / "clone")]),
            ("clone, version 0", ["git", "-c", "protocol.version=0", "clone", "-q", url, str(scratch / "clone0")]),
            ("fetch", ["git", "-C", str(scratch / "clone"), "fetch", "-q"]),
            ("push", ["git", "-C", str(scratch / "clone"), "push", "-q", "origin", "HEAD:refs/heads/other"]),
        ],
    )


def _apt(scratch: Path) -> Program:
    state = scratch / "apt"
    (state / "lists/partial").mkdir(parents=True)
    (state / "cache/archives/partial").mkdir(parents=True)
    (state / "sources").write_text(f"deb [trusted=yes] {SHOP}/debian stable main contrib\n", encoding="ascii")
    options = {
        "Dir::Etc::sourcelist": state / "sources", "Dir::Etc::sourceparts": "/dev/null", "Dir::State": state,
        "Dir::State::lists": state / "lists", "Dir::Cache": state / "cache", "Acquire::Retries": 0,
        "APT::Sandbox::User": "root",
    }  # fmt: skip
    flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    return Program("apt", ["apt-get", "--version"], [("update", ["apt-get", *flags, "update"])])


_NODE = """
const S = "SHOP", A = "API", http = require("http");
const run = async () => {
  await fetch(S + "/"); await fetch(A + "/api/items", {method: "POST", body: JSON.stringify({a: "<"}),
    headers: {"Content-Type": "application/json"}});
  await fetch(S + "/login", {method: "POST", body: new URLSearchParams({user: "J\\u00fcrgen", p: "a&b <c>"})});
  const form = new FormData(); form.append("file", new Blob(["x"], {type: "image/png"}), "a b.png");
  await fetch(S + "/upload", {method: "POST", body: form});
  await new Promise(done => http.get(S + "/page?q=1", reply => reply.resume().on("end", done)));
  await new Promise(done => http.request(A + "/api/items", {method: "POST"}, reply => reply.resume().on("end", done))
    .end("{}"));
};
run().then(() => process.exit(0));
"""
_PERL = f"""
use HTTP::Tiny; my $h = HTTP::Tiny->new; $h->get("{SHOP}/"); $h->head("{SHOP}/a?b=c");
$h->post_form("{SHOP}/login", {{user => "a b", password => "<x>&"}});
$h->post("{API}/api/items", {{content => "{{}}", headers => {{"Content-Type" => "application/json"}}}});
"""


def _python_libraries(python: str) -> Iterator[Program]:
    yield _python(
        "urllib", "urllib.request, urllib.parse, sys", "sys.version.split()[0]",
        ("page", "urllib.request.urlopen(S + '/')"),
        ("form", "urllib.request.urlopen(S + '/login', urllib.parse.urlencode({'u': 'ü <b>', 'p': 'a&b'}).encode())"),
        ("json", "urllib.request.urlopen(urllib.request.Request(A + '/api/x', b'{}', "
                 "{'Content-Type': 'application/json'}))"),
        ("put", "urllib.request.urlopen(urllib.request.Request(A + '/api/x', b'{}', method='PUT'))"),
        python=python,
    )  # fmt: skip
    common = (
        ("page", "{0}.get(S + '/', params={{'q': 'café & <x>'}})"),
        ("form", "{0}.post(S + '/login', data={{'user': 'Jürgen', 'password': 'a&b <c> 100%'}})"),
        ("json", "{0}.post(A + '/api/items', json={{'a': '<b>', 'c': [1]}})"),
        ("multipart", "{0}.post(S + '/upload', data={{'t': 'ü'}}, files={{'f': ('ä b.txt', b'x', 'text/plain')}})"),
        ("put", "{0}.put(A + '/api/items/1', json={{}})"),
        ("delete", "{0}.delete(A + '/api/items/1')"),
        ("options", "{0}.options(A + '/api/items')"),
        ("login", "{0}.get(S + '/', auth=('user', 'p:w'), cookies={{'a': 'b'}})"),
        ("redirect", "{0}.get(S + '/redirect')"),
    )
    for name in ("requests", "httpx"):
        runs = [(what, code.format(name)) for what, code in common]
        if name == "requests":
            runs.append(("chunked", "requests.post(S + '/upload', data=(x for x in [b'a', b'b']))"))
        yield _python(name, name, f"{name}.__version__", *runs, python=python)
    start = "async def main():\n  async with aiohttp.ClientSession() as s:\n    await {}\nasyncio.run(main())"
    yield _python(
        "aiohttp", "aiohttp, asyncio", "aiohttp.__version__",
        *((what, start.format(code)) for what, code in (
            ("page", "s.get(S + '/?q=a b&c=%3Cd%3E')"),
            ("form", "s.post(S + '/login', data={'user': 'Jürgen', 'password': '<x>&'})"),
            ("json", "s.post(A + '/api/items', json={'a': '<'})"),
            ("multipart", "s.post(S + '/upload', data={'f': open('/etc/hosts', 'rb')})"),
            ("websocket", "s.get(S + '/chat', headers={'Connection': 'Upgrade', 'Upgrade': 'websocket'})"),
        )),
        python=python,
    )  # fmt: skip
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    index = ["--index-url", f"{SHOP}/simple/", "--trusted-host", "shop.example", "--retries", "0"]
    yield Program("pip", [*pip, "--version"], [("download", [*pip, "download", *index, "no-such-package"])])


def programs(scratch: Path, python: str) -> list[Program]:
    """All clients but the browser."""
    script = _NODE.replace("SHOP", SHOP).replace("API", API)
    node = Program("node", ["node", "--version"], [("fetch and http", ["node", "-e", script])])
    perl = Program("perl HTTP::Tiny", ["perl", "-MHTTP::Tiny", "-e", "print $HTTP::Tiny::VERSION"],
                   [("page and forms", ["perl", "-e", _PERL])])  # fmt: skip
    return [_curl(), _wget(), _git(scratch), _apt(scratch), node, perl, *_python_libraries(python)]


def said(argv: Sequence[str], scratch: Path) -> str:
    """What a program prints, or "" when it is not there or fails."""
    if shutil.which(argv[0]) is None:
        return ""
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return ""
    return (done.stdout or done.stderr).strip() if done.returncode == 0 else ""


def environment(scratch: Path) -> str:
    """A Python with PYTHON_PACKAGES, made anew. Needs the network; the recording itself has none."""
    subprocess.run([sys.executable, "-m", "venv", str(scratch / "venv")], check=True)
    python = str(scratch / "venv/bin/python")
    done = subprocess.run([python, "-m", "pip", "install", "-q", *PYTHON_PACKAGES], check=False)
    if done.returncode:
        print("these libraries of Python's cannot be had here:", ", ".join(PYTHON_PACKAGES))
    return python


def tree(name: str) -> ToolsTree | None:
    """A tools tree, if it is there or can be made."""
    try:
        return ensure_tools(Cache(), Lock.load(), name)
    except LabError as error:
        print(f"there is no tools tree {name!r}: {error.message}")
        return None


VISIT: Final = f"""(async () => {{
  await fetch('/wp-admin/admin-ajax.php', {{method: 'POST', body: new URLSearchParams({{action: 'heartbeat',
    'data[wp_autosave][post_title]': 'A & B <i>', interval: '60'}})}});
  await fetch('/wp-json/wp/v2/posts?per_page=10&_fields[]=id&search=caf%C3%A9');
  await fetch('{API}/api/items', {{method: 'PUT', body: '{{"a": "<b>"}}',
    headers: {{'Content-Type': 'application/json'}}}});
  await fetch('{API}/api/items', {{method: 'POST', body: '{{}}', mode: 'cors',
    headers: {{'Content-Type': 'application/json', 'X-Requested-With': 'XMLHttpRequest'}}}});
  const form = new FormData();
  form.append('async-upload', new Blob([new Uint8Array([0, 1, 255])], {{type: 'image/png'}}), 'ä b".png');
  form.append('name', 'ünïcode');
  await fetch('/wp-admin/async-upload.php', {{method: 'POST', body: form}});
  await new Promise(done => {{ const x = new XMLHttpRequest(); x.open('POST', '/api/x'); x.onloadend = done;
    x.send('text'); }});
  navigator.sendBeacon('/beacon', 'left');
  await fetch('/missing.png'); await fetch('/a b/%E4%BD%A0?x={{"y":[1,2]}}&z=a|b^c`d');
  await new Promise(done => {{ const w = new WebSocket('ws://shop.example/chat'); w.onclose = done; }});
  await new Promise(done => {{ const e = new EventSource('/events'); e.onerror = () => {{ e.close(); done(); }}; }});
  return true;
}})()"""
SUBMITS: Final = ("login", "search", "upload")


def submit(form: str) -> str:
    """JavaScript that submits a form of the page; the upload gets a file first."""
    fill = (
        "const d = new DataTransfer(); d.items.add(new File(['x'], 'f.txt', {type: 'text/plain'}));"
        "document.getElementById('file').files = d.files;"
    )
    return (
        f"(() => {{ {fill if form == 'upload' else ''} document.getElementById('{form}').submit(); return true; }})()"
    )
