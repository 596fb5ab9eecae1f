"""The house rules see what they are for, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import lint_rules


def found(name: str, text: str) -> list[str]:
    return lint_rules.check_file(Path(name), text)


# Put together here, for the rules apply to this file too.
HOSTS = [
    f"{host}.{domain}"
    for host, domain in [
        ("deb", "debian.org"),
        ("ftp.de", "debian.org"),
        ("snapshot", "debian.org"),
        ("archive", "ubuntu.com"),
        ("de.archive", "ubuntu.com"),
        ("pypi", "org"),
        ("files", "pythonhosted.org"),
        ("cdn", "kernel.org"),
        ("registry", "npmjs.org"),
        ("index.crates", "io"),
        ("registry.hub.docker", "com"),
        ("ghcr", "io"),
    ]
]


@pytest.mark.parametrize("host", HOSTS)
def test_host_name_is_found(host: str) -> None:
    assert found("docs/x.md", f"one\ntwo http://{host}/x\n") == [
        f"docs/x.md:2: host name of a registry or mirror: {host}"
    ]


@pytest.mark.parametrize("text", ["www.kernel.org/doc", "github.com/nginx/nginx", "example.org", "a.example.com"])
def test_other_host_names_are_fine(text: str) -> None:
    assert found("docs/x.md", f"{text}\n") == []


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME", "X" + "XX"])
def test_unfinished_work_is_found(word: str) -> None:
    assert found("lab/x.py", f"a = 1  # {word}: more\n") == [f"lab/x.py:1: unfinished work: {word}"]


def test_white_space_is_found() -> None:
    assert found("docs/x.md", "a \nb\nc") == [
        "docs/x.md: no newline at the end",
        "docs/x.md:1: white space at the end of the line",
    ]


def test_data_keeps_its_white_space() -> None:
    assert found("tests/fixtures/crashes/oops.txt", "RIP: 0010:x \r\n") == []


SPDX = "SPDX-License-" + "Identifier"


@pytest.mark.parametrize(
    ("name", "text", "fine"),
    [
        ("kmod/a.c", f"// {SPDX}: GPL-2.0-only\n", True),
        ("kmod/a.h", f"/* {SPDX}: GPL-2.0-only */\n", True),
        ("kmod/Kbuild", f"# {SPDX}: GPL-2.0-only\n", True),
        ("kmod/a.c", f"// {SPDX}: GPL-2.0\n", False),
        ("kmod/a.c", f"// {SPDX}: Apache-2.0\n", False),
        ("kmod/a.c", f"\n// {SPDX}: GPL-2.0-only\n", False),
        ("kmod/a.c", "int a;\n", False),
        ("kmod/Kbuild", "obj-m := a.o\n", False),
    ],
)
def test_licence(name: str, text: str, fine: bool) -> None:
    assert (found(name, text) == []) is fine


def test_stopping_the_kernel_is_found() -> None:
    text = f"// {SPDX}: GPL-2.0-only\nvoid f(void)\n{{\n\tBU" + "G_ON(1);\n\tWARN_ON_ONCE(1);\n\tDEBUG(1);\n}\n"
    assert [problem.split(":")[1] for problem in found("kmod/a.c", text)] == ["4"]
    assert found("kmod/tests/crash_test/a.c", text) == []


@pytest.mark.parametrize(
    ("name", "line", "fine"),
    [
        ("lab/x.py", "import suites.traffic", False),
        ("lab/x.py", "from suites import duts", False),
        ("lab/x.py", "from results import records", True),
        ("lab/x.py", "from lab.errors import LabError", True),
        ("results/x.py", "import lab.errors", False),
        ("results/x.py", "from results.records import Run", True),
        ("suites/x.py", "from results import records", True),
        ("suites/x.py", "from results.records import Run", True),
        ("suites/x.py", "from results import store", False),
        ("suites/x.py", "import lab", True),
        ("kmod/user/weirctl/x.py", "import lab", False),
        ("kmod/user/weirctl/x.py", "from . import errors", True),
    ],
)
def test_imports_go_one_way(name: str, line: str, fine: bool) -> None:
    assert (found(name, f"{line}\n") == []) is fine
