"""Clients that come from the tools tree `clients`: languages and their libraries, and browsers for a terminal.

What is to be said in a client's own language stands in `programs/`: a program that does the one thing it is told.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lab import sandbox
from lab.tools import ToolsTree
from suites.clients.real import SHOP, Program

PROGRAMS: Final = Path(__file__).with_name("programs")
_COMMON: Final = ("page", "head", "query", "form", "json", "multipart", "chunked", "redirect", "login", "range",
                  "conditional", "put", "delete")  # fmt: skip
_JARS: Final = ("okhttp", "okio", "httpclient", "httpcore", "commons-logging", "commons-codec")
_COMPILE_S: Final = 300
_LWP: Final = r"""
use LWP::UserAgent; use HTTP::Request::Common; use utf8;
my $b = LWP::UserAgent->new(cookie_jar => {}); my ($s, $what) = ("SHOP", shift);
my %runs = (
  page => sub { $b->get("$s/?a=b c&d=<e>") }, head => sub { $b->head("$s/logo.png") },
  form => sub { $b->post("$s/login", [user => "J\xfcrgen", password => "p&ss <w>"]) },
  upload => sub { my @parts = (t => "a b", f => ["/etc/hosts"]);
    $b->request(POST "$s/upload", Content_Type => "form-data", Content => \@parts) },
  redirect => sub { $b->get("$s/redirect") }, put => sub { $b->put("$s/files/x", Content => "x") },
  chunked => sub { my @parts = ("a", "b");
    $b->request(HTTP::Request->new(POST => "$s/upload", [Content_Type => "text/plain"], sub { shift @parts })) },
  login => sub { $b->credentials("shop.example:80", "shop", "user", "p:w"); $b->get("$s/private") },
);
$runs{$what}->();
""".replace("SHOP", SHOP)


def programs(tree: ToolsTree, scratch: Path) -> list[Program]:
    """All of them, in the root that `sandbox.mount_root` made of the tree, compiled where they have to be."""

    def inside(*argv: str) -> list[str]:
        return sandbox.command(tree, argv, cwd=scratch, env={"HOME": str(scratch)})

    def each(name: str, start: Sequence[str], whats: Sequence[str]) -> Program:
        return Program(name, inside(*start, "version"), [(what, inside(*start, what)) for what in whats])

    classes = _compiled(tree, scratch)
    java = ["java", "-XX:TieredStopAtLevel=1", "-cp", classes]
    php = ["php", str(PROGRAMS / "client.php")]
    lwp = ["perl", "-e", _LWP]
    lynx = ["lynx", "-dump", "-accept_all_cookies"]
    typed = str(scratch / "typed")
    Path(typed).write_text("user=J%C3%BCrgen&password=p%26ss\n---\n", encoding="ascii")
    return [
        each("Go net/http", [str(scratch / "client-go")],
             [*_COMMON, "target", "expect", "empty post", "proxy"]),
        each("java.net.http", [*java, "JavaNet", "new"], [*_COMMON, "page, 1.1", "expect", "empty post"]),
        each("HttpURLConnection", [*java, "JavaNet", "old"], _COMMON),
        each("OkHttp", [*java, "OkHttp"], [*_COMMON, "expect", "empty post", "patch"]),
        each("Apache HttpClient", [*java, "ApacheHttp"], [*_COMMON, "expect", "digest"]),
        each("Ruby Net::HTTP", ["ruby", str(PROGRAMS / "client.rb")],
             ["page", "open-uri", "head", "query", "form", "json", "untyped", "multipart", "chunked", "login",
              "cookies", "range", "conditional", "put", "patch", "delete", "options"]),
        each("PHP streams", [*php, "streams"],
             ["page", "with an agent", "query", "form", "untyped", "json", "redirect", "login", "put"]),
        each("PHP curl", [*php, "curl"],
             ["page", "head", "form, as an array", "form", "json", "upload", "redirect", "login", "conditional",
              "delete"]),
        each("Guzzle", [*php, "guzzle"],
             ["page", "head", "form", "json", "multipart", "chunked", "redirect", "login", "put", "delete"]),
        Program("perl LWP", inside("perl", "-MLWP", "-e", "print $LWP::VERSION"),
                [(what, inside(*lwp, what))
                 for what in ("page", "head", "form", "upload", "redirect", "put", "chunked", "login")]),
        Program("lynx", inside("lynx", "-version"), [
            ("page", inside(*lynx, f"{SHOP}/")),
            ("query", inside(*lynx, f"{SHOP}/search?q=a b&x[]=<1>|2")),
            ("redirect", inside(*lynx, f"{SHOP}/redirect")),
            ("head", inside(*lynx, "-head", f"{SHOP}/logo.png")),
            ("login", inside(*lynx, "-auth=user:p:w", f"{SHOP}/private")),
            ("form", inside("sh", "-c", f"lynx -dump -post_data {SHOP}/login < {typed}")),
        ]),
        Program("w3m", inside("w3m", "-version"), [
            ("page", inside("w3m", "-dump", f"{SHOP}/")),
            ("query", inside("w3m", "-dump", f"{SHOP}/search?q=a b&x[]=<1>|2")),
            ("redirect", inside("w3m", "-cookie", "-dump", f"{SHOP}/redirect")),
            ("head", inside("w3m", "-dump_head", f"{SHOP}/logo.png")),
            ("form", inside("w3m", "-dump", "-post", typed, f"{SHOP}/login")),
        ]),
    ]  # fmt: skip


def _compiled(tree: ToolsTree, scratch: Path) -> str:
    """Builds the Go program at scratch/client-go and Java's classes; returns the class path."""
    classes = scratch / "classes"
    path = ":".join([str(classes), *(f"/usr/share/java/{jar}.jar" for jar in _JARS)])
    go = {"HOME": str(scratch), "GOCACHE": str(scratch / "go-cache"), "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    sources = [PROGRAMS / f"{name}.java" for name in ("JavaNet", "OkHttp", "ApacheHttp")]
    compilers: list[tuple[list[str | Path], dict[str, str]]] = [
        (["javac", "-cp", path, "-d", classes, *sources], {}),
        (["go", "build", "-o", scratch / "client-go", PROGRAMS / "client.go"], go),
    ]
    for argv, variables in compilers:
        command = sandbox.command(tree, argv, cwd=scratch, env=variables)
        subprocess.run(command, check=True, timeout=_COMPILE_S, stdin=subprocess.DEVNULL)
    return path
