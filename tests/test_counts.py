"""What the counting plugin writes, and whose code it is said to be."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path

import pytest

from lab import elf
from lab.counts import Account, Block, Runs, read_counts
from lab.errors import InfrastructureError
from lab.kernel_symbols import KernelSymbols
from lab.plugin import header_of, source_version
from lab.profile import CodeMap, profile

SYSTEM_MAP = """\
ffffffff81000000 T _stext
ffffffff810159b0 T __switch_to
ffffffff81015a00 T next_function
ffffffff81068b20 t handle_softirqs
ffffffff81068ce0 t run_ksoftirqd
ffffffff81068ce0 T the_global_name
ffffffff8109caa0 t do_idle
ffffffff8109ccf0 T cpu_startup_entry
ffffffff81600000 T __entry_text_start
ffffffff81600a40 T asm_exc_page_fault
ffffffff81600b40 T asm_common_interrupt
ffffffff81600b80 T asm_sysvec_apic_timer_interrupt
ffffffff81600bc0 T asm_sysvec_call_function_single
ffffffff81600c00 T native_irq_return_iret
ffffffff81601000 T __entry_text_end
ffffffff82000000 D some_data
"""
MODULE = 0xFFFFFFFFA0000000


def record(kind: int, marker: int, *entries: bytes) -> bytes:
    return struct.pack("<IIQ", kind, marker, len(entries)) + b"".join(entries)


def runs(block: int, cpu: int, account: Account, count: int) -> bytes:
    return struct.pack("<IBBHQ", block, cpu, account, 0, count)


def counts_file(path: Path, *, anomalies: int = 0, cut: int = 0) -> Path:
    """Two blocks, two windows."""
    data = (
        record(1, 1)
        + record(1, 2, runs(0, 0, Account.SOFTIRQ, 10), runs(1, 1, Account.PROCESS, 3))
        + record(1, 3, runs(0, 0, Account.IDLE, 7))
        + record(2, 0, struct.pack("<QII", 0xFFFFFFFF81000010, 5, 0), struct.pack("<QII", 0x401000, 2, 1 << 15))
        + struct.pack("<IIQ", 3, 0, anomalies)
    )
    path.write_bytes(data[: len(data) - cut])
    return path


def test_windows_lie_between_markers(tmp_path: Path) -> None:
    counts = read_counts(counts_file(tmp_path / "counts"))
    assert [window.marker for window in counts.windows] == [2, 3]
    first, second = counts.windows
    assert [(entry.cpu, entry.account, entry.instructions) for entry in first.entries] == [
        (0, Account.SOFTIRQ, 50),
        (1, Account.PROCESS, 6),
    ]
    assert [entry.account for entry in second.entries] == [Account.IDLE]
    assert first.entries[1].block.moved == 8


def test_anomalies_are_handed_on(tmp_path: Path) -> None:
    assert read_counts(counts_file(tmp_path / "counts", anomalies=4)).anomalies == 4


@pytest.mark.parametrize("cut", [1, 16, 40, 100])
def test_half_a_file_is_no_measurement(tmp_path: Path, cut: int) -> None:
    with pytest.raises(InfrastructureError, match="ends in the middle"):
        read_counts(counts_file(tmp_path / "counts", cut=cut))


def test_no_file_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="left no counts"):
        read_counts(tmp_path / "counts")


def test_roles_say_where_the_kernel_changes_context() -> None:
    lines = KernelSymbols(SYSTEM_MAP).roles().splitlines()
    assert "switch ffffffff810159b0 ffffffff81015a00" in lines
    assert "softirq ffffffff81068b20 ffffffff81068ce0" in lines
    assert "tick ffffffff81600b80 ffffffff81600bc0" in lines
    assert "ipi ffffffff81600bc0 ffffffff81600c00" in lines
    assert "exception ffffffff81600a40 ffffffff81600b40" in lines
    assert "irq ffffffff81600b40 ffffffff81600b80" in lines
    assert "entry ffffffff81600000 ffffffff81601000" in lines


@pytest.mark.parametrize("missing", ["__switch_to", "handle_softirqs", "do_idle", "__entry_text_end"])
def test_a_kernel_without_a_landmark_is_refused(missing: str) -> None:
    text = "\n".join(line for line in SYSTEM_MAP.splitlines() if not line.endswith(f" {missing}"))
    with pytest.raises(InfrastructureError, match=missing):
        KernelSymbols(text).roles()


def test_an_address_belongs_to_the_function_before_it() -> None:
    symbols = KernelSymbols(SYSTEM_MAP)
    assert symbols.function_at(0xFFFFFFFF810159B0) == "__switch_to"
    assert symbols.function_at(0xFFFFFFFF810159FF) == "__switch_to"
    assert symbols.function_at(0xFFFFFFFF81068CE1) == "the_global_name"


def relocatable(path: Path, functions: list[tuple[str, int, int, int]]) -> Path:
    """An ELF file with sections .text (1) and .init.text (2) and these functions: name, section, offset, size."""
    names = b"\0.text\0.init.text\0.symtab\0.strtab\0"
    strings = b"\0" + b"".join(name.encode() + b"\0" for name, *_ in functions)
    symbols = struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0)
    for name, section, offset, size in functions:
        symbols += struct.pack("<IBBHQQ", strings.index(name.encode() + b"\0"), 2, 0, section, offset, size)
    symbols += struct.pack("<IBBHQQ", 0, 1, 0, 1, 0, 8)  # an object, no function
    names_at, symbols_at = 64, 64 + len(names)
    strings_at = symbols_at + len(symbols)
    table = strings_at + len(strings)

    def header(name: str, kind: int, start: int, size: int, link: int = 0) -> bytes:
        return struct.pack("<IIQQQQIIQQ", names.index(name.encode()), kind, 0, 0, start, size, link, 0, 0, 0)

    sections = [
        struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        header(".text", 1, 0, 0),
        header(".init.text", 1, 0, 0),
        header(".symtab", 2, symbols_at, len(symbols), 4),
        header(".strtab", 3, strings_at, len(strings)),
        header(".strtab", 3, names_at, len(names)),
    ]
    head = b"\x7fELF\x02\x01\x01" + bytes(33) + struct.pack("<QIHHHHHH", table, 0, 64, 0, 0, 64, len(sections), 5)
    path.write_bytes(head + names + symbols + strings + b"".join(sections))
    return path


def test_functions_of_a_module(tmp_path: Path) -> None:
    path = relocatable(tmp_path / "weir.ko", [("weir_run", 1, 0x40, 0x20), ("weir_init", 2, 0, 0x10)])
    assert elf.functions(path) == [
        elf.Function("weir_run", ".text", 0x40, 0x20),
        elf.Function("weir_init", ".init.text", 0, 0x10),
    ]


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF\x02\x01" + bytes(10), b"#!/bin/sh\n", b"\x7fELF\x01\x01" + bytes(99)]
)
def test_what_is_no_module_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weir.ko"
    path.write_bytes(content)
    with pytest.raises(InfrastructureError, match=r"weir\.ko"):
        elf.functions(path)


@pytest.fixture
def code(tmp_path: Path) -> CodeMap:
    module = relocatable(tmp_path / "weir.ko", [("weir_run", 1, 0x40, 0x20), ("weir_init", 2, 0, 0x10)])
    return CodeMap(
        KernelSymbols(SYSTEM_MAP),
        module=module,
        sections={".text": MODULE},
        modules={MODULE + 0x1000: "aesni_gcm_enc [aesni_intel]", MODULE + 0x1040: "veth_xmit [veth]"},
        maps=[(0x400000, 0x402000, "/usr/sbin/nginx"), (0x7FFFF7000000, 0x7FFFF7001000, "/usr/lib/libc.so.6")],
    )


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (MODULE + 0x40, ("module", "weir_run")),
        (MODULE + 0x5F, ("module", "weir_run")),
        (MODULE + 0x60, ("kernel", "__entry_text_end")),  # another module's: nobody said whose
        (MODULE + 0x103F, ("kernel", "aesni_gcm_enc [aesni_intel]")),
        (MODULE + 0x1040, ("kernel", "veth_xmit [veth]")),
        (0xFFFFFFFF810159B4, ("kernel", "__switch_to")),
        (0x401FFF, ("user", "nginx")),
        (0x402000, ("user", "(unknown program)")),
        (0x7FFFF7000010, ("user", "libc.so.6")),
    ],
)
def test_whose_code_an_address_is(code: CodeMap, address: int, place: tuple[str, str]) -> None:
    assert code.place(address) == place


def test_a_profile_counts_what_is_wanted(code: CodeMap) -> None:
    entries = [
        Runs(Block(MODULE + 0x40, 4, 0), 0, Account.SOFTIRQ, 10),
        Runs(Block(0x401000, 3, 0), 0, Account.PROCESS, 2),
        Runs(Block(0xFFFFFFFF81000010, 1, 1 << 15), 0, Account.SOFTIRQ, 100),
        Runs(Block(0x401000, 3, 0), 1, Account.PROCESS, 1000),
    ]
    found = profile(entries, code, lambda runs: runs.cpu == 0)
    assert found.parts == {"module": 40, "user": 6, "kernel": 100}
    assert found.functions["module", "weir_run"] == 40
    assert found.total == 146
    assert found.moved == 800


def test_a_rebuild_has_the_source_of_its_version() -> None:
    assert source_version("1:7.2+dfsg-7+deb12u18+b3") == "1:7.2+dfsg-7+deb12u18"
    assert source_version("1:7.2+dfsg-7") == "1:7.2+dfsg-7"


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:xz") as made:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    return path


def test_the_header_is_the_source_packages(tmp_path: Path) -> None:
    files = [
        archive(tmp_path / "qemu_7.orig.tar.xz", {"qemu-7/include/qemu/qemu-plugin.h": b"/* it */"}),
        archive(tmp_path / "qemu_7-1.debian.tar.xz", {"debian/patches/a": b"--- a/x\n+++ b/x\n"}),
    ]
    assert header_of(files) == b"/* it */"


def test_a_patched_header_is_refused(tmp_path: Path) -> None:
    patch = b"--- a/include/qemu/qemu-plugin.h\n+++ b/include/qemu/qemu-plugin.h\n"
    files = [
        archive(tmp_path / "qemu_7.orig.tar.xz", {"qemu-7/include/qemu/qemu-plugin.h": b"/* it */"}),
        archive(tmp_path / "qemu_7-1.debian.tar.xz", {"debian/patches/plugin": patch}),
    ]
    with pytest.raises(InfrastructureError, match="debian/patches/plugin"):
        header_of(files)


def test_a_source_without_the_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="has no"):
        header_of([archive(tmp_path / "qemu_7.orig.tar.xz", {"qemu-7/README": b""})])
