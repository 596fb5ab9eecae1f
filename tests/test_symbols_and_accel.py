"""File and line of stacks, and the probe of the acceleration, with the real tools of the lab."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab import accel, hostfacts, sandbox
from lab.crash import Frame, scan
from lab.errors import UsageError
from lab.run import PREPARED, Prepared
from lab.symbols import Symbols

in_lab = pytest.mark.skipif(PREPARED not in os.environ, reason="needs the lab's tools: nox -s tests")

SOURCE = """\
int hidden;
static inline __attribute__((always_inline)) void inlined(void)
{
    *(volatile int *)0 = 1;
}
__attribute__((noinline)) void inner(int n)
{
    hidden += n;
    inlined();
}
__attribute__((noinline, section(".text.unlikely"))) void cold(int n)
{
    inner(n);
    hidden++;
}
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A relocatable object with debug information, as a module is."""
    folder = tmp_path_factory.mktemp("module")
    (folder / "thing.c").write_text(SOURCE)
    argv: list[str | Path] = [
        "gcc",
        "-c",
        "-g",
        "-O1",
        "-ffunction-sections",
        "-o",
        folder / "thing.ko",
        folder / "thing.c",
    ]
    subprocess.run(sandbox.command(Prepared.load().tools, argv), check=True)
    return folder / "thing.ko"


def frame(symbols: Symbols, module: Path, function: str, line: int, *, exact: bool) -> Frame:
    """The frame of an instruction that belongs to `line` of `function`, found by trying all offsets."""
    size = symbols._read_table(module)[function][0].size
    for offset in range(size + 1):
        tried = Frame(function, offset, size, "thing", exact=exact)
        (places,) = symbols.places([tried])
        if any(place.line == line for place in places):
            return tried
    raise AssertionError(f"no instruction of {function} belongs to line {line}")


@in_lab
def test_line_of_an_inlined_function_and_its_caller(module: Path) -> None:
    symbols = Symbols(Prepared.load().tools, {"thing": module})
    (places,) = symbols.places([frame(symbols, module, "inner", 4, exact=True)])
    assert [(place.function, place.line) for place in places] == [("inlined", 4), ("inner", 9)]
    assert places[0].file.endswith("thing.c")


@in_lab
def test_function_in_another_section(module: Path) -> None:
    symbols = Symbols(Prepared.load().tools, {"thing": module})
    (places,) = symbols.places([frame(symbols, module, "cold", 13, exact=False)])
    assert [(place.function, place.line) for place in places] == [("cold", 13)]


@in_lab
def test_what_is_not_known_stays_as_it_is(module: Path, tmp_path: Path) -> None:
    tools = Prepared.load().tools
    frames = [
        Frame("nothing_like_this", 1, 2, "thing"),
        Frame("inner", 1, 2, "another"),
        Frame("vfs_write", 1, 2),
    ]
    assert Symbols(tools, {"thing": module}).places(frames) == [[], [], []]
    (tmp_path / "damaged.ko").write_bytes(b"not an ELF file")
    assert Symbols(tools, {"thing": tmp_path / "damaged.ko"}).places([Frame("inner", 1, 2, "thing")]) == [[]]
    assert Symbols(tools, {"thing": tmp_path / "gone.ko"}).places([Frame("inner", 1, 2, "thing")]) == [[]]


@in_lab
def test_paths_are_those_of_the_checkout() -> None:
    prepared = Prepared.load()
    file = prepared.module.test_kos["weir_crash_test"]
    symbols = Symbols(prepared.tools, {"weir_crash_test": file}, source=prepared.source)
    size = symbols._read_table(file)["weir_crash_warn"][0].size
    (places,) = symbols.places([Frame("weir_crash_warn", size, size, "weir_crash_test")])
    assert places[-1].file == "kmod/tests/crash_test/faults.c"


@in_lab
def test_recursion_is_told_once() -> None:
    text = (Path(__file__).parent / "fixtures" / "crashes" / "stack_overflow.txt").read_text()
    stack = Symbols(Prepared.load().tools, {}).stack(scan(text)[0]).splitlines()
    assert len(stack) == len(set(stack))
    assert stack[-1].strip().startswith("...")


# --- acceleration


@pytest.fixture
def tools() -> Any:
    return Prepared.load().tools if PREPARED in os.environ else SimpleNamespace(key="k", versions={}, root=Path("/"))


@pytest.fixture
def kernel() -> Any:
    return Prepared.load().kernel if PREPARED in os.environ else SimpleNamespace(key="k", image=Path("/nothing"))


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(accel.VARIABLE, raising=False)


@in_lab
def test_tiny_guest_really_boots(tools: Any, kernel: Any) -> None:
    verdict = accel.boot(tools, kernel, "tcg", seconds=60)
    assert verdict.accel == "tcg"
    assert "a guest booted in" in verdict.reason


@in_lab
def test_guest_that_does_not_come_up_in_time(tools: Any, kernel: Any) -> None:
    verdict = accel.boot(tools, kernel, "tcg", seconds=0.3)
    assert "did not come up within" in verdict.reason
    assert verdict.seconds < 5


@in_lab
def test_qemu_that_ends_is_quoted(tools: Any, kernel: Any, tmp_path: Path) -> None:
    (tmp_path / "bzImage").write_bytes(b"")
    verdict = accel.boot(tools, replace(kernel, image=tmp_path / "bzImage"), "tcg")
    assert "QEMU ended after" in verdict.reason
    assert "kernel" in verdict.reason


def test_no_device_is_tcg_at_once(tools: Any, kernel: Any, tmp_path: Path) -> None:
    verdict = accel.probe(tools, kernel, device=tmp_path / "kvm", root=tmp_path)
    assert verdict == accel.Verdict("tcg", f"no {tmp_path}/kvm")
    assert not list(tmp_path.iterdir()), "nothing was measured, so nothing is remembered"


def test_device_that_cannot_be_opened_is_tcg_at_once(tools: Any, kernel: Any, tmp_path: Path) -> None:
    (tmp_path / "kvm").mkdir()
    verdict = accel.probe(tools, kernel, device=tmp_path / "kvm", root=tmp_path)
    assert verdict.accel == "tcg"
    assert "cannot be opened" in verdict.reason


def test_verdict_is_remembered_for_this_boot(
    tools: Any, kernel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kvm").write_text("")
    probes: list[str] = []

    def boot(_tools: Any, _kernel: Any, wanted: accel.Accel) -> accel.Verdict:
        probes.append(wanted)
        return accel.Verdict("tcg", "a guest did not come up", 10.0)

    monkeypatch.setattr(accel, "boot", boot)
    first = accel.probe(tools, kernel, device=tmp_path / "kvm", root=tmp_path)
    again = accel.probe(tools, kernel, device=tmp_path / "kvm", root=tmp_path)
    assert probes == ["kvm"]
    assert not first.remembered
    assert again == replace(first, remembered=True)
    monkeypatch.setattr(hostfacts, "boot_id", lambda: "another-boot")
    accel.probe(tools, kernel, device=tmp_path / "kvm", root=tmp_path)
    assert probes == ["kvm", "kvm"]


def test_the_user_may_choose(tools: Any, kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(accel.VARIABLE, "kvm")
    assert accel.probe(tools, kernel).accel == "kvm"
    monkeypatch.setenv(accel.VARIABLE, "hvf")
    with pytest.raises(UsageError, match="no acceleration"):
        accel.probe(tools, kernel)


def test_program_of_the_tiny_guest_runs_here() -> None:
    """The init is an ordinary static program: it writes the token and waits."""
    read_end, write_end = os.pipe()
    handle = os.memfd_create("init", 0)
    os.write(handle, accel._init())
    process = subprocess.Popen([f"/proc/self/fd/{handle}"], stdout=write_end, pass_fds=(handle,))
    os.close(write_end)
    try:
        assert os.read(read_end, 200).strip() == accel.TOKEN
        assert process.poll() is None, "init must not end, or the kernel panics"
    finally:
        process.kill()
        process.wait()
        os.close(read_end)
        os.close(handle)
