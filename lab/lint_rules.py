"""House rules that no other tool checks. Pure functions of path and text: one line for each problem."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from lab.errors import HostError

_TEXT_NAMES: Final = ("Kbuild", "Makefile", "Vagrantfile", ".clang-format", ".editorconfig", ".gitignore", "run")
_TEXT_SUFFIXES: Final = (
    ".c", ".h", ".py", ".md", ".toml", ".yaml", ".yml", ".json", ".txt", ".in", ".config", ".sh", ".cfg", ".conf",
    ".patch", ".svg",
)  # fmt: skip

# Registries and mirrors, written so that their names do not occur here: nothing in the repository may depend on one.
_HOSTS: Final = tuple(
    rf"\b(?:{hosts})\.{domain}\b"
    for hosts, domain in (
        (r"deb|ftp[\w.]*|security|snapshot|archive|httpredir|cdn[\w-]*|mirrors?", r"debian\.org"),
        (r"(?:\w+\.)?archive|security|ports", r"ubuntu\.com"),
        (r"(?:www\.|test\.)?pypi|pypi\.python", r"org"),
        (r"files", r"pythonhosted\.org"),
        (r"cdn|mirrors?|git", r"kernel\.org"),
        (r"registry", r"npmjs\.(?:org|com)"),
        (r"(?:static\.|index\.)?crates", r"io"),
        (r"rubygems", r"org"),
        (r"proxy", r"golang\.org"),
        (r"(?:registry[\w.-]*\.|hub\.)?docker", r"(?:io|com)"),
        (r"ghcr|quay", r"io"),
        (r"(?:app\.)?vagrant(?:cloud|up)", r"com"),
    )
)
HOST: Final = re.compile("|".join(_HOSTS), re.IGNORECASE)

UNFINISHED: Final = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
BUG: Final = re.compile(r"^\s*BU" + r"G(?:_ON)?\(", re.MULTILINE)

# By the first folder; what is generated for user space says so itself.
LICENCES: Final[Mapping[str, tuple[str, ...]]] = {
    "kmod": ("GPL-2.0-only", "((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)"),
    "lab": ("Apache-2.0",),
}

# What a package must not import: dependencies go one way.
FORBIDDEN_IMPORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "lab": ("suites",),
    "results": ("lab", "suites"),
    "kmod": ("lab", "suites", "results"),
}
# The suites write records and judge what they measured; storing, showing and signing off is not theirs.
RESULTS_FOR_SUITES: Final = (
    "results.records", "results.figures", "results.environment", "results.statistics", "results.compare",
)  # fmt: skip


def check(root: Path) -> list[str]:
    """All rules on all files of the checkout that git knows or would take. Raises HostError without git."""
    problems: list[str] = []
    for name in _files(root):
        path = root / name
        if not path.is_file() or path.is_symlink() or not _is_text(path):
            continue
        text = path.read_bytes().decode(errors="replace")
        problems += check_file(Path(name), text)
    return problems


def check_file(name: Path, text: str) -> list[str]:
    """All rules on one file; `name` is relative to the checkout."""
    problems = [*host_names(name, text), *unfinished(name, text), *white_space(name, text)]
    if name.suffix in (".c", ".h") or name.name in ("Kbuild", "Makefile"):
        problems += licence(name, text)
    if name.parts[0] == "kmod" and name.suffix in (".c", ".h") and name.parts[1:2] != ("tests",):
        problems += bugs(name, text)
    if name.suffix == ".py":
        problems += imports(name, text)
    return problems


def _files(root: Path) -> list[str]:
    # The checkout may belong to another user, as in a container.
    argv = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise HostError("git is missing: lint asks it which files there are", hint="apt-get install git") from error
    except subprocess.CalledProcessError as error:
        raise HostError(f"git cannot list the files of {root}: {error.stderr.strip()}") from error
    return sorted(name for name in listed.stdout.split("\0") if name)


def _is_text(path: Path) -> bool:
    return path.suffix in _TEXT_SUFFIXES or path.name in _TEXT_NAMES


def _at(name: Path, text: str, offset: int) -> str:
    return f"{name}:{text.count(chr(10), 0, offset) + 1}"


def host_names(name: Path, text: str) -> Iterator[str]:
    """No registry's or mirror's host name: where packages come from is the host's configuration."""
    for match in HOST.finditer(text):
        yield f"{_at(name, text, match.start())}: host name of a registry or mirror: {match[0]}"


def unfinished(name: Path, text: str) -> Iterator[str]:
    """What is left to do is in docs/roadmap.md, not in the code. A fuzzer's corpus says anything."""
    if "corpus" in name.parts:
        return
    for match in UNFINISHED.finditer(text):
        yield f"{_at(name, text, match.start())}: unfinished work: {match[0]}"


def white_space(name: Path, text: str) -> Iterator[str]:
    """No white space at the end of a line, a newline at the end of the file, no CR."""
    if name.suffix in (".patch", ".svg") or "fixtures" in name.parts or "seeds" in name.parts:
        return
    if text and not text.endswith("\n"):
        yield f"{name}: no newline at the end"
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield f"{name}:{number}: white space at the end of the line"


def licence(name: Path, text: str) -> Iterator[str]:
    """C and make files begin with their SPDX licence."""
    match = re.match(r"(?:#|//|/\*) SPDX-License-Identifier: (.*?)(?: \*/)?\n", text)
    wanted = LICENCES.get(name.parts[0], ("Apache-2.0",))
    if not match or match[1] not in wanted:
        yield f"{name}:1: the first line is not SPDX-License-Identifier: {wanted[0]}"


def bugs(name: Path, text: str) -> Iterator[str]:
    """Nothing may stop the host's kernel on purpose."""
    for match in BUG.finditer(text):
        yield f"{_at(name, text, match.end())}: stops the kernel: {match[0].strip()}...)"


def imports(name: Path, text: str) -> Iterator[str]:
    """Packages import each other one way only."""
    package = name.parts[0]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            found = [] if node.level else [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        else:
            continue
        for module in found:
            top = module.partition(".")[0]
            hidden = package == "suites" and top == "results" and not module.startswith(RESULTS_FOR_SUITES)
            if top in FORBIDDEN_IMPORTS.get(package, ()) or hidden:
                yield f"{name}:{node.lineno}: {package} must not import {module}"
