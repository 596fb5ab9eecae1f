"""Copies of kmod/ that mean the same and are laid out differently, or are slower by a known number of instructions.

Two builds of one source are byte-identical, so comparing them says nothing about what an innocent change does to a
count. A perturbed copy links the objects in another order, with padding of random size between and inside them, so that
every function and every variable of the module is elsewhere.
"""

from __future__ import annotations

import random
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.errors import UsageError

_LICENCE: Final = "// SPDX-License-Identifier: GPL-2.0-only\n"
_NOT_COPIED: Final = shutil.ignore_patterns(
    "*.o", "*.ko", "*.cmd", "*.mod", "*.mod.c", "__pycache__", "tests", "patches", "spec", "user"
)
_OBJECTS: Final = re.compile(r"^weir-y\s*[:+]?=\s*(.*)$", re.MULTILINE)
_PADDINGS: Final = 4
_PADDED_FILES: Final = 5
_PADDING_MAX: Final = 509  # bytes of code, and of data; a prime, so that no alignment is preferred


@dataclass(frozen=True)
class Plant:
    """A slowdown: `instructions` more at each call of `function`, which is defined in kmod/."""

    function: str
    instructions: int


def copy(source: Path, target: Path) -> None:
    """What of a kmod/ is built into the module, copied to `target`, which must not exist."""
    shutil.copytree(source, target, ignore=_NOT_COPIED)


def perturb(tree: Path, seed: int) -> None:
    """Lay the module in `tree` out anew; the same seed gives the same layout. Changes files of `tree`.

    Raises UsageError when its Kbuild is not the kind that this knows.
    """
    rng = random.Random(seed)
    kbuild = tree / "Kbuild"
    text = kbuild.read_text(encoding="utf-8")
    objects = [word for line in _OBJECTS.findall(text) for word in line.split()]
    sources = [tree / f"{word.removesuffix('.o')}.c" for word in objects]
    if len(objects) < 2 or not all(path.is_file() for path in sources):
        raise UsageError(f"{kbuild}: found no list of objects in `weir-y` to put in another order")
    for path in rng.sample(sources, min(_PADDED_FILES, len(sources))):
        _pad_inside(path, rng)
    for number in range(_PADDINGS):
        name = f"padding_{number}"
        (tree / f"{name}.c").write_text(f"{_LICENCE}\n{_padding(name, rng)}", encoding="utf-8")
        objects.append(f"{name}.o")
    rng.shuffle(objects)
    rest = _OBJECTS.sub("", text).rstrip("\n")
    kbuild.write_text(f"{rest}\n\nweir-y := {' '.join(objects)}\n", encoding="utf-8")


def plant(tree: Path, slowdown: Plant) -> Path:
    """Make one function of the module in `tree` slower by a loop at its start; returns the file that was changed.

    Raises UsageError when no file defines the function, or the number of instructions is below 1.
    """
    if slowdown.instructions < 1:
        raise UsageError(f"{slowdown.function}: cannot add {slowdown.instructions} instructions")
    definition = re.compile(rf"^(?:\w[\w\s*]*?\b)?\*?{re.escape(slowdown.function)}\([^;{{}}]*?\)\n\{{\n", re.MULTILINE)
    for path in sorted(tree.glob("*.c")):
        text = path.read_text(encoding="utf-8")
        if found := definition.search(text):
            path.write_text(text[: found.end()] + _loop(slowdown.instructions) + text[found.end() :], encoding="utf-8")
            return path
    raise UsageError(f"no file of {tree} defines {slowdown.function}()")


def _loop(instructions: int) -> str:
    """Assembly that executes exactly so many instructions, of which the compiler knows nothing.

    A load and two instructions a round; one more does nothing where the number is even.
    """
    rounds, odd = divmod(instructions, 2)
    if not rounds:
        return '\tasm volatile("nop");\n'
    extra = "" if odd else "nop\\n\\t"
    rounds -= not odd
    if not rounds:
        return '\tasm volatile("nop\\n\\tnop");\n'
    return f'\tasm volatile("{extra}movl ${rounds}, %%ecx\\n1:\\tdecl %%ecx\\n\\tjnz 1b" : : : "ecx", "cc");\n'


def _padding(name: str, rng: random.Random) -> str:
    code, data = rng.randint(1, _PADDING_MAX), rng.randint(1, _PADDING_MAX)
    return (
        f"void {name}_code(void);\n"
        f"void {name}_code(void)\n{{\n"
        f'\tasm volatile(".skip {code}, 0x90");\n}}\n'
        f"static char {name}_data[{data}] __attribute__((used)) = {{ 1 }};\n"
    )


def _pad_inside(path: Path, rng: random.Random) -> None:
    """Put a padding before the first function, behind the last #include."""
    text = path.read_text(encoding="utf-8")
    includes = list(re.finditer(r"^#include [^\n]*\n", text, re.MULTILINE))
    at = includes[-1].end() if includes else text.index("\n") + 1
    name = f"padding_in_{path.stem}"
    path.write_text(f"{text[:at]}\n{_padding(name, rng)}{text[at:]}", encoding="utf-8")
