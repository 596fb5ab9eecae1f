"""`lab build`: makes everything a run needs ahead of time, a Vagrant box if asked, and can prove repeatability."""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab import mbedtls, progress
from lab.cache import Cache, remove_tree
from lab.errors import InfrastructureError
from lab.image import ensure_image
from lab.initramfs import ensure_initrd
from lab.kernel import Kernel, ensure_kernel, flavours
from lab.lock import Lock
from lab.module import ensure_module
from lab.tools import TREES, ensure_tools


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `lab build`."""
    known = ", ".join(flavours())
    parser.add_argument("--kernel", action="append", metavar="K", help=f"flavour, may be repeated: {known} (patched)")
    parser.add_argument("--tools", choices=TREES, action="append", help="only this tools tree")
    parser.add_argument("--tls", choices=mbedtls.ENGINES, default="weir", help="the module's TLS engine")
    parser.add_argument("--box", action="store_true", help="make a Vagrant box, and print what `vagrant` needs")
    parser.add_argument("--locked", action="store_true", help="a locked version that the mirror lacks is an error")
    parser.add_argument(
        "--check-reproducible", action="store_true", help="build kernel, module, initrd and image twice and compare"
    )


def run(arguments: argparse.Namespace) -> int:
    """`lab build`."""
    cache, lock = Cache(), Lock.load(strict=arguments.locked)
    if arguments.tools:
        for name in arguments.tools:
            print(ensure_tools(cache, lock, name).root)
            if name == "tls":
                print(mbedtls.ensure_client(cache, lock, ensure_tools(cache, lock)))  # no package ships it
        return 0
    wanted = arguments.kernel or ["patched"]
    made = [path for flavour in wanted for path in _artefacts(cache, lock, flavour, arguments.tls)]
    for path in dict.fromkeys(made):
        print(path)
    if arguments.check_reproducible:
        check_reproducible(cache, lock, wanted, arguments.tls)
    if arguments.box:
        from lab import box

        print(box.ensure_box(cache, lock, wanted[0]).describe())
    return 0


def _artefacts(cache: Cache, lock: Lock, flavour: str, tls: str) -> Iterator[Path]:
    """The files that a guest of that kernel, with that TLS engine, is made of."""
    tools = ensure_tools(cache, lock)
    kernel = ensure_kernel(cache, lock, tools, flavour)
    yield from _kernel_files(kernel)
    module = ensure_module(cache, kernel, tools, mbedtls=mbedtls.ensure_engine(cache, lock, tools, tls))
    yield from (module.ko, module.debug_ko, *module.test_kos.values())
    yield ensure_initrd(cache, kernel, tools)
    yield ensure_image(cache, lock, tools).squashfs


def _kernel_files(kernel: Kernel) -> Iterator[Path]:
    yield kernel.image
    if kernel.vmlinux:
        yield kernel.vmlinux


def check_reproducible(cache: Cache, lock: Lock, wanted: list[str], tls: str) -> None:
    """Build everything but the tools a second time, in a cache of its own, without the compiler cache, and compare.

    Raises InfrastructureError that names the files that differ.
    """
    second_root = Path(tempfile.mkdtemp(prefix="second-", dir=cache.scratch("reproducible")))
    second = _SecondCache(second_root, cache)
    try:
        different = []
        with progress.step("building everything a second time"):
            for flavour in wanted:
                pairs = zip(_artefacts(cache, lock, flavour, tls), _artefacts(second, lock, flavour, tls), strict=True)
                for one, other in pairs:
                    same = _hash(one) == _hash(other)
                    print(f"{'same     ' if same else 'DIFFERENT'}  {_hash(one)[:16]}  {one.name} ({flavour})")
                    if not same:
                        different.append(f"{one.name} ({flavour}): {one}")
        if different:
            raise InfrastructureError("two builds of the same input differ:\n    " + "\n    ".join(different))
    finally:
        remove_tree(second_root)


class _SecondCache(Cache):
    """Holds nothing at first but what is not under test: the tools and the downloads come from the first cache."""

    def __init__(self, root: Path, first: Cache) -> None:
        super().__init__(root)
        self._first = first

    def lookup(self, kind: str, key: str) -> Path | None:
        return self._first.lookup(kind, key) if kind in (*TREES, "source", "mbedtls") else super().lookup(kind, key)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
