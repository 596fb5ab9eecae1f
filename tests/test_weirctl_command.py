"""weirctl as its users run it: a process, its exit status, what it prints, and the batch protocol."""

from __future__ import annotations

import json
import subprocess
import sys
import zipapp
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from weirctl import VERSION
from weirctl.cli import USAGE

USER = Path(__file__).resolve().parent.parent / "kmod" / "user"
# As little as a guest has: no site packages, no environment.
COMMAND = [sys.executable, "-IS", "-c", f"import sys; sys.path.insert(0, {str(USER)!r}); import runpy; "]
COMMAND[-1] += "runpy.run_module('weirctl', run_name='__main__', alter_sys=True)"

GOOD = '[[listener]]\naddress = "0.0.0.0:80"\n[[upstream]]\nname = "a"\n[[upstream.server]]\naddress = "10.0.0.1:1"\n'
BAD = GOOD.replace("10.0.0.1:1", "10.0.0.1")


def weirctl(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], input=text, capture_output=True, text=True, timeout=60, check=False, env={}
    )


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.toml"
    path.write_text(GOOD)
    return path


def test_check_of_a_good_file(good: Path) -> None:
    done = weirctl("check", str(good))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_of_a_bad_file(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(BAD)
    done = weirctl("check", str(bad))
    assert (done.returncode, done.stdout) == (1, "")
    expected = '"ADDRESS:PORT" with an IPv4 address or an IPv6 address in brackets'
    assert done.stderr == f'{bad}:6: upstream[0].server[0].address: expected {expected}, got "10.0.0.1"\n'


def test_standard_input_is_a_file_too() -> None:
    assert weirctl("check", "-", text=GOOD).returncode == 0
    done = weirctl("check", "-", text=BAD)
    assert done.returncode == 1
    assert done.stderr.startswith("<stdin>:6: ")


@pytest.mark.parametrize("name", ["none.toml", "."])
def test_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    done = weirctl("check", str(tmp_path / name))
    assert done.returncode == 1
    assert done.stderr.startswith(f"weirctl: cannot read {tmp_path / name}: ")


def test_endless_file() -> None:
    done = weirctl("check", "/dev/zero")
    assert done.returncode == 1
    assert "not a configuration" in done.stderr


@pytest.mark.parametrize("arguments", [["apply"], ["show"], ["stats"], ["stats", "--json"]])
def test_without_the_module(arguments: list[str], good: Path) -> None:
    done = weirctl(*arguments, *([str(good)] if arguments == ["apply"] else []))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "weirctl: the kernel has no weir: load the module (insmod weir.ko, or modprobe weir)\n"


def test_version_without_the_module() -> None:
    done = weirctl("--version")
    assert (done.returncode, done.stdout) == (0, f"weirctl {VERSION}\nmodule not loaded\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["explode"],
        ["apply"],
        ["apply", "a", "b"],
        ["apply", "--force"],
        ["show", "x"],
        ["stats", "--xml"],
        ["--batch", "x"],
        ["--timeout"],
        ["--timeout", "0", "show"],
        ["--timeout", "nan", "show"],
        ["--timeout=x", "show"],
        ["--timeoutx", "5", "show"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    done = weirctl(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("weirctl: ")
    assert done.stderr.endswith(USAGE)


@pytest.mark.parametrize("how", ["module", "directory", "file"])
def test_ways_to_run_it(how: str, good: Path, tmp_path: Path) -> None:
    environment = {}
    if how == "module":
        command, environment = [sys.executable, "-m", "weirctl"], {"PYTHONPATH": str(USER)}
    elif how == "directory":
        command = [sys.executable, "-IS", str(USER / "weirctl")]
    else:
        archive = tmp_path / "weirctl"
        zipapp.create_archive(USER, archive, f"{sys.executable} -IS", "weirctl.cli:run")
        command = [str(archive)]
    done = subprocess.run([*command, "check", str(good)], env=environment, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_timeout_is_taken(good: Path) -> None:
    assert weirctl("--timeout", "0.5", "check", str(good)).returncode == 0
    assert weirctl("--timeout=2", "check", str(good)).returncode == 0


def test_help() -> None:
    done = weirctl("--help")
    assert (done.returncode, done.stdout) == (0, USAGE)


def test_reader_that_leaves_is_no_traceback() -> None:
    script = " ".join(f"'{word}'" if " " not in word else f'"{word}"' for word in COMMAND[:2])
    done = subprocess.run(
        ["/bin/sh", "-c", f'{script} -c "$1" --help | true', "sh", COMMAND[-1]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr


class Batch:
    """A `weirctl --batch` process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self, line: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def ask(self, **request: object) -> Any:
        return self.line(json.dumps(request))


@contextmanager
def running() -> Iterator[Batch]:
    with subprocess.Popen([*COMMAND, "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Batch(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


@pytest.fixture
def batch() -> Iterator[Batch]:
    with running() as found:
        yield found


def test_batch_checks_texts_files_and_objects(batch: Batch, good: Path) -> None:
    assert batch.ask(command="check", toml=GOOD) == {"ok": True}
    assert batch.ask(command="check", file=str(good), id=[7]) == {"ok": True, "id": [7]}
    assert batch.ask(command="check", config={"limits": {"request_rate": 5}}, id=None) == {"ok": True, "id": None}


def test_batch_tells_file_line_and_key(batch: Batch) -> None:
    answer = batch.ask(command="check", toml=BAD, id=4)
    assert (answer["ok"], answer["id"]) == (False, 4)
    (problem,) = answer["errors"]
    assert problem == {
        "kind": "invalid",
        "file": "<toml>",
        "line": 6,
        "key": "upstream[0].server[0].address",
        "message": answer["error"],
        "expected": '"ADDRESS:PORT" with an IPv4 address or an IPv6 address in brackets',
        "errno": None,
    }


def test_batch_tells_the_key_of_an_object(batch: Batch) -> None:
    (problem,) = batch.ask(command="check", config={"limits": {"header_count": 0}})["errors"]
    assert (problem["file"], problem["line"], problem["key"]) == ("<config>", None, "limits.header_count")


def test_batch_tells_syntax_errors(batch: Batch) -> None:
    (problem,) = batch.ask(command="check", toml="a = 1\nb 2\n")["errors"]
    assert (problem["kind"], problem["line"], problem["key"]) == ("syntax", 2, None)


@pytest.mark.parametrize("command", ["apply", "show", "stats", "version"])
def test_batch_without_the_module(batch: Batch, command: str) -> None:
    arguments = {"toml": GOOD} if command == "apply" else {}
    (problem,) = batch.ask(command=command, **arguments)["errors"]
    assert (problem["kind"], problem["errno"]) == ("unavailable", "ENOENT")


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "{",
        "[]",
        "1",
        '""',
        "null",
        "{}",
        '{"command": "explode"}',
        '{"command": ["apply"]}',
        '{"command": "apply"}',
        '{"command": "apply", "toml": 5}',
        '{"command": "apply", "toml": "", "file": "x"}',
        '{"command": "apply", "file": "-"}',
        '{"command": "apply", "config": []}',
        '{"command": "show", "toml": ""}',
        "[" * 100_000,
        "1" * 5000,
    ],
    ids=lambda line: line[:40],
)
def test_batch_refuses_nonsense_and_goes_on(batch: Batch, line: str) -> None:
    answer = batch.line(line)
    assert answer["ok"] is False
    assert answer["errors"][0]["kind"] == "usage"
    assert batch.ask(command="check", toml=GOOD) == {"ok": True}


def test_batch_passes_over_empty_lines() -> None:
    done = weirctl("--batch", text='\n\n{"command": "check", "toml": ""}\n  \n')
    assert (done.returncode, done.stdout) == (0, '{"ok": true}\n')
