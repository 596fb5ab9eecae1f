"""Kernels the lab boots, by flavour. images/kernels.toml says which there are and what each is made of."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache as remembered
from pathlib import Path
from typing import Any, Final

from lab import kernel_config, kernel_source, progress
from lab.cache import Cache, Digestible, digest, remove_tree
from lab.errors import InfrastructureError, UsageError
from lab.lock import CHECKOUT, IMAGES, Lock, Request, open_apt, resolve
from lab.process import run_logged
from lab.progress import Step
from lab.rootfs import Packages
from lab.sandbox import command
from lab.tools import ToolsTree

MEMORY_MIB: Final = 512
"""Of a guest, unless its kernel's flavour says otherwise."""
RECIPE: Final = 1
"""Part of every kernel's key: raise it when this code comes to make other kernels from the same input."""


@dataclass(frozen=True)
class Kernel:
    """A kernel ready to boot and to build modules against.

    `image` is a bzImage. `build_dir` is for `make -C build_dir M=...` (run it by `sandbox.command`, which keeps
    absolute paths). `modules` is the folder `lib/modules/<release>` of its loadable modules, None if it has none.
    `vmlinux` is the unstripped ELF file, None where the distribution ships none.
    """

    flavour: str
    release: str
    image: Path
    build_dir: Path
    vmlinux: Path | None
    modules: Path | None
    key: str
    version: str
    """Version of the distribution's package that it was made from, e.g. "6.12.117-1"."""
    drift: tuple[str, ...] = ()
    instrumented: bool = False
    memory_mib: int = MEMORY_MIB
    parameters: tuple[str, ...] = ()

    def option(self, name: str) -> str:
        """What it was configured with for CONFIG_<name>: "y", "m", a value, or "n"."""
        return _options(self.build_dir / ".config").get(name, "n")

    def has(self, option: str) -> bool:
        """Whether it was configured with CONFIG_<option>, built in or as a module."""
        return self.option(option) != "n"


@remembered
def _options(config: Path) -> dict[str, str]:
    return kernel_config.parse(config.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Flavour:
    """One entry of images/kernels.toml; exactly one of `packages` and `source` names a package set.

    An `instrumented` kernel finds faults at the price of speed: nothing is measured on it, and deadlines are stretched
    by what that price is seen to be. `memory_mib` and `parameters` (of its command line) are what its guests need.
    """

    name: str
    summary: str
    packages: str | None = None
    source: str | None = None
    fragments: tuple[str, ...] = ()
    patches: str | None = None
    boot_modules: tuple[str, ...] = ()
    guest_modules: tuple[str, ...] = ()
    instrumented: bool = False
    memory_mib: int = MEMORY_MIB
    parameters: tuple[str, ...] = ()

    def fragment_files(self) -> list[Path]:
        """The configuration fragments, in the order in which they are merged."""
        return [IMAGES / "kernel" / f"{name}.config" for name in self.fragments]

    def patch_files(self) -> list[Path]:
        """The patch series, in the order of its numbered file names."""
        return sorted((CHECKOUT / self.patches).glob("*.patch")) if self.patches else []


def flavours() -> Mapping[str, Flavour]:
    """All flavours by name. Raises UsageError when images/kernels.toml is wrong."""
    path = IMAGES / "kernels.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        found = {}
        for name, entry in table.items():
            frozen: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
            found[name] = Flavour(name, **frozen)
    except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
        raise UsageError(f"{path}: {error}") from error
    for flavour in found.values():
        if (flavour.packages is None) == (flavour.source is None):
            raise UsageError(f"{path}: kernel {flavour.name!r} needs either `packages` or `source`")
    return found


def require_measurable(flavour: str) -> None:
    """Raises UsageError for a kernel on which a figure would say more about its checks than about the device."""
    if flavours()[flavour].instrumented:
        others = ", ".join(name for name, other in flavours().items() if not other.instrumented)
        raise UsageError(
            f"nothing is measured on the kernel {flavour!r}: its checks cost several times what the device does",
            hint=f"--kernel with one of: {others}",
        )


def ensure_kernel(cache: Cache, lock: Lock, tools: ToolsTree, flavour: str, *, patches: Path | None = None) -> Kernel:
    """The kernel of that flavour, built unless cached.

    A flavour that has a patch series takes it from the folder `patches` if that is given: another revision's.
    Raises UsageError for an unknown flavour, InfrastructureError when it cannot be built.
    """
    known = flavours()
    if flavour not in known:
        raise UsageError(f"there is no kernel {flavour!r}", hint=f"the kernels are: {', '.join(known)}")
    wanted = known[flavour]
    if patches is not None and wanted.patches is not None:
        wanted = replace(wanted, patches=str(patches.absolute()))  # below CHECKOUT, an absolute path is itself
    return _from_packages(cache, lock, tools, wanted) if wanted.packages else _from_source(cache, lock, tools, wanted)


def _from_packages(cache: Cache, lock: Lock, tools: ToolsTree, flavour: Flavour) -> Kernel:
    request = Request.load(flavour.packages or "")
    key = digest("kernel", RECIPE, flavour.name, lock.key(request))

    def build(directory: Path) -> None:
        with progress.step(f"kernel {flavour.name!r}") as step:
            root = directory / "root"
            root.mkdir()
            packages = _fetch(cache, lock, request, directory, step)
            log = cache.scratch("logs") / f"kernel-{flavour.name}.log"
            for package in sorted(directory.glob("*.deb")):
                step.update(f"unpacking {package.name}")
                run_logged(command(tools, ["dpkg-deb", "-x", package, root]), what=f"unpacking {package}", log=log)
                package.unlink()
            release = _only(root / "usr/lib/modules").name
            step.update("indexing modules")
            run_logged(
                command(tools, ["depmod", "-b", root, "-m", "/usr/lib/modules", release]), what="depmod", log=log
            )
            _make_relocatable(root, release)
            packages.save(directory)

    directory = cache.ensure("kernel", key, build)
    packages = Packages.load(directory, lock)
    root = directory / "root"
    release = _only(root / "usr/lib/modules").name
    return Kernel(
        flavour=flavour.name,
        release=release,
        image=root / f"boot/vmlinuz-{release}",
        build_dir=root / f"usr/src/linux-headers-{release}",
        vmlinux=None,
        modules=root / "usr/lib/modules" / release,
        key=digest(key, packages.key()),
        version=packages.versions[f"linux-image-{release}"],
        drift=packages.drift,
        instrumented=flavour.instrumented,
        memory_mib=flavour.memory_mib,
        parameters=flavour.parameters,
    )


def _make_relocatable(root: Path, release: str) -> None:
    """The headers' make file includes the common one by absolute path: find it beside itself instead."""
    makefile = root / f"usr/src/linux-headers-{release}/Makefile"
    text = makefile.read_text(encoding="utf-8")
    changed = text.replace("include /usr/src/", "include $(dir $(realpath $(lastword $(MAKEFILE_LIST))))../")
    if changed == text:
        raise InfrastructureError(f"{makefile} is not what this lab knows:\n{text}")
    makefile.write_text(changed, encoding="utf-8")


def ensure_source(cache: Cache, lock: Lock, tools: ToolsTree, package_set: str = "kernel-source") -> Path:
    """The kernel's source as the distribution has it: a folder with linux.tar.xz. Fetched unless cached."""
    request = Request.load(package_set)

    def fetch(directory: Path) -> None:
        with progress.step("kernel source") as step:
            packages = _fetch(cache, lock, request, directory, step)
            package = _only(directory, "*.deb")
            unpacked = directory / "unpacked"
            log = cache.scratch("logs") / "kernel-source.log"
            run_logged(command(tools, ["dpkg-deb", "-x", package, unpacked]), what="unpacking the source", log=log)
            _only(unpacked / "usr/src", "linux-source-*.tar.*").rename(directory / "linux.tar.xz")
            remove_tree(unpacked)
            package.unlink()
            packages.save(directory)

    return cache.ensure("source", digest("source", RECIPE, lock.key(request)), fetch)


def _from_source(cache: Cache, lock: Lock, tools: ToolsTree, flavour: Flavour) -> Kernel:
    source = ensure_source(cache, lock, tools, flavour.source or "")
    packages = Packages.load(source, lock)
    config = kernel_config.merge(flavour.fragment_files())
    patches = flavour.patch_files()
    series: list[Digestible] = [[patch.name, patch] for patch in patches]
    key = digest("kernel", RECIPE, dict(kernel_config.parse(config)), series, tools.toolchain(), packages.key())

    def build(directory: Path) -> None:
        with progress.step(f"kernel {flavour.name!r}") as step:
            release = kernel_source.build(
                directory,
                name=flavour.name,
                archive=source / "linux.tar.xz",
                config=config,
                patches=patches,
                tools=tools,
                cache=cache,
                step=step,
            )
            (directory / "release").write_text(release, encoding="utf-8")

    directory = cache.ensure("kernel", key, build)
    return Kernel(
        flavour=flavour.name,
        release=(directory / "release").read_text(encoding="utf-8"),
        image=directory / "bzImage",
        build_dir=directory / "build",
        vmlinux=directory / "build/vmlinux",
        modules=None,
        key=key,
        version=next(iter(packages.versions.values())),
        drift=packages.drift,
        instrumented=flavour.instrumented,
        memory_mib=flavour.memory_mib,
        parameters=flavour.parameters,
    )


def _fetch(cache: Cache, lock: Lock, request: Request, into: Path, step: Step) -> Packages:
    """Download a package set into `into` as .deb files."""
    step.update("resolving packages")
    apt = open_apt(cache, lock.suite_of(request))
    found = resolve(apt, lock, request)
    step.update(f"fetching {', '.join(sorted(found.versions))}")
    apt.download(found.versions, into)
    return Packages(found.versions, found.drift)


def _only(directory: Path, pattern: str = "*") -> Path:
    found = sorted(directory.glob(pattern))
    if len(found) != 1:
        raise InfrastructureError(f"expected one {pattern} in {directory}, found {[path.name for path in found]}")
    return found[0]
