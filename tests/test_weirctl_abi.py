"""What is generated from the netlink spec is up to date, and its two generators agree."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from types import ModuleType

import pytest

from weirctl import abi

KMOD = Path(__file__).resolve().parent.parent / "kmod"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("weir_spec_generate", KMOD / "spec" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_python_constants_are_up_to_date() -> None:
    generator = load_generator()
    contents = generator.outputs(None)
    assert set(contents) == {KMOD / "user" / "weirctl" / "abi.py"}
    for path, content in contents.items():
        assert path.read_text() == content, "run kmod/spec/generate.py"


def test_stale_file_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    generator = load_generator()
    stale = tmp_path / "abi.py"
    stale.write_text("FAMILY_NAME = 'old'\n")
    monkeypatch.setattr(generator, "ABI", stale)
    assert generator.main(["--check"]) == 1
    assert stale.read_text() == "FAMILY_NAME = 'old'\n"
    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0


@pytest.mark.skipif("WEIR_LINUX_SOURCE" not in os.environ, reason="it names no kernel source; lint has the lab's")
def test_c_files_are_up_to_date() -> None:
    assert load_generator().main(["--linux", os.environ["WEIR_LINUX_SOURCE"], "--check"]) == 0


def c_constants(header: str) -> dict[str, int]:
    """#defines and enumerators of a header that has nothing but plain ones."""
    found = {name: int(value) for name, value in re.findall(r"^#define\s+(\w+)\s+(\d+)$", header, re.MULTILINE)}
    for body in re.findall(r"^enum[^{]*\{(.*?)^\};", header, re.MULTILINE | re.DOTALL):
        value = -1
        for name, given in re.findall(r"^\t(\w+)(?: = (\d+))?,$", body, re.MULTILINE):
            value = int(given) if given else value + 1
            found[name] = value
    return found


def test_python_and_c_constants_are_the_same() -> None:
    header = c_constants((KMOD / "uapi" / "weir.h").read_text())
    python = {name: value for name, value in vars(abi).items() if name.startswith(("CMD_", "A_", "ABI_"))}
    assert len(python) > 50
    assert {name: header.get(f"WEIR_{name}") for name in python} == python
    enums = ("PROTOCOL", "LIMIT_ACTION", "UPSTREAM_BALANCE", "UPSTREAM_HASH_KEY")
    for enum in enums:
        for value, word in enumerate(getattr(abi, enum)):
            assert header[f"WEIR_{enum}_{word.upper().replace('-', '_')}"] == value
    # And nothing in C that Python does not know.
    unknown = {n for n in header if re.match(r"WEIR_(CMD|A)_", n)} - {f"WEIR_{n}" for n in python}
    assert unknown <= {n for n in unknown if n.endswith("_MAX")}


def test_policies_have_the_same_bounds() -> None:
    """Bounds in the C policies, where they are literal or a named constant, are the Python ones."""
    source = (KMOD / "nl_gen.c").read_text()
    header = c_constants((KMOD / "uapi" / "weir.h").read_text())
    value = {number: int(number) for number in re.findall(r"\b\d+\b", source)} | header
    ranges = {
        name: (value[(low or "0").removesuffix("ULL")], value[high])
        for name, low, high in re.findall(r"(weir_a_\w+_range) = \{\s*(?:\.min\t= (\w+),\s*)?\.max\t= (\w+),", source)
    }
    checked = 0
    bounds = {
        f"{attribute_set}-{key}".replace("-", "_").upper(): pair
        for attribute_set, keys in abi.RANGES.items()
        for key, pair in keys.items()
    }
    for attribute, name in re.findall(r"\[WEIR_A_(\w+)\] = NLA_POLICY_FULL_RANGE\(\w+, &(\w+)\)", source):
        assert bounds[attribute] == ranges[name]
        checked += 1
    for attribute, low, high in re.findall(r"\[WEIR_A_(\w+)\] = NLA_POLICY_RANGE\(\w+, (\w+), (\w+)\)", source):
        assert bounds[attribute] == (value[low], value[high])
        checked += 1
    assert checked >= 10
