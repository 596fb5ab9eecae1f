"""Make every file that follows from the netlink spec, or check that they are up to date.

    python kmod/spec/generate.py                          # abi.py of weirctl
    python kmod/spec/generate.py --linux LINUX            # and the C files, with that source tree's ynl-gen-c
    python kmod/spec/generate.py [--linux LINUX] --check  # write nothing; exit 1 if a file would change

LINUX is a kernel source tree of 6.12, or its archive (linux-source-6.12.tar.xz of the distribution's
package), of which only tools/net/ynl and Documentation/netlink are read. Needs PyYAML.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

SPEC = Path(__file__).resolve().parent / "weir.yaml"
KMOD = SPEC.parent.parent
ABI = KMOD / "user" / "weirctl" / "abi.py"

# What ynl-gen-c is asked for, by the file it makes.
C_FILES = {
    KMOD / "nl_gen.h": ("--mode", "kernel", "--header"),
    KMOD / "nl_gen.c": ("--mode", "kernel", "--source"),
    KMOD / "uapi" / "weir.h": ("--mode", "uapi", "--header"),
}

_GROUPS = re.compile(r"static const struct genl_multicast_group .*?^};\n\n?", re.MULTILINE | re.DOTALL)

# Ranges of the integer types, of which a spec's checks are a part.
TYPE_MAX = {"u8": 2**8 - 1, "u16": 2**16 - 1, "u32": 2**32 - 1, "u64": 2**64 - 1, "uint": 2**64 - 1}


class GenerateError(Exception):
    """The generator cannot do its work; the message says why."""


def upper(name: str) -> str:
    """`request-rate` as the name of a constant."""
    return name.upper().replace("-", "_")


def attribute_range(attribute: Mapping[str, Any], constants: Mapping[str, int], enums: Mapping[str, list[str]]) -> str:
    """`(minimum, maximum)` of an integer attribute, as Python source."""
    checks = attribute.get("checks", {})
    default = len(enums[attribute["enum"]]) - 1 if "enum" in attribute else TYPE_MAX[attribute["type"]]
    low, high = (constants.get(bound, bound) for bound in (checks.get("min", 0), checks.get("max", default)))
    return f"({low}, {high})"


def _tuple(name: str, words: list[str]) -> list[str]:
    """A constant that is a tuple of words, a word a line where they are too many for one."""
    entries = ", ".join(f'"{word}"' for word in words)
    line = f"{name} = ({entries}{',' if len(words) == 1 else ''})"
    return [line] if len(line) <= 120 else [f"{name} = (", *(f'    "{word}",' for word in words), ")"]


def render_abi(spec: Mapping[str, Any]) -> str:
    """The constants that weirctl needs, as a Python module.

    Raises GenerateError for a construct that this generator does not know.
    """
    lines = [
        '"""The control ABI\'s constants. Made by kmod/spec/generate.py from kmod/spec/weir.yaml: do not edit."""',
        "",
        f'FAMILY_NAME = "{spec["name"]}"',
        f"FAMILY_VERSION = {spec.get('version', 1)}",
        "",
        "# Definitions",
    ]
    constants: dict[str, int] = {}
    enums: dict[str, list[str]] = {}
    for definition in spec["definitions"]:
        name = definition["name"]
        if definition["type"] == "const":
            constants[name] = definition["value"]
            lines.append(f"{upper(name)} = {definition['value']}")
        elif definition["type"] == "enum":
            enums[name] = [entry if isinstance(entry, str) else entry["name"] for entry in definition["entries"]]
            lines += _tuple(upper(name), enums[name])
        else:
            raise GenerateError(f"{SPEC}: definition {name}: type {definition['type']} is not known to {__file__}")

    lines += ["", "# Operations"]
    lines += [f"CMD_{upper(op['name'])} = {i}" for i, op in enumerate(spec["operations"]["list"], 1)]

    lines += ["", "# Multicast groups"]
    lines += [f'GROUP_{upper(group["name"])} = "{group["name"]}"' for group in spec["mcast-groups"]["list"]]

    for attribute_set in spec["attribute-sets"]:
        prefix = upper(attribute_set["name"])
        lines += ["", f"# Attributes of {attribute_set['name']}"]
        lines += [f"A_{prefix}_{upper(a['name'])} = {i}" for i, a in enumerate(attribute_set["attributes"], 1)]

    lines += ["", "# Bounds of integer attributes, both included", "RANGES: dict[str, dict[str, tuple[int, int]]] = {"]
    for attribute_set in spec["attribute-sets"]:
        integers = [a for a in attribute_set["attributes"] if a["type"] in TYPE_MAX]
        if integers:
            lines.append(f'    "{attribute_set["name"]}": {{')
            lines += [f'        "{a["name"]}": {attribute_range(a, constants, enums)},' for a in integers]
            lines.append("    },")
    lines += ["}", ""]

    lines += ["# Types of attributes", "TYPES: dict[str, dict[str, str]] = {"]
    for attribute_set in spec["attribute-sets"]:
        lines.append(f'    "{attribute_set["name"]}": {{')
        lines += [f'        "{a["name"]}": "{a["type"]}",' for a in attribute_set["attributes"]]
        lines.append("    },")
    lines += ["}", ""]

    lines += [
        "# Words for the values of integer attributes that have such",
        "ENUMS: dict[str, dict[str, tuple[str, ...]]] = {",
    ]
    for attribute_set in spec["attribute-sets"]:
        words = [a for a in attribute_set["attributes"] if "enum" in a]
        if words:
            lines.append(f'    "{attribute_set["name"]}": {{')
            lines += [f'        "{a["name"]}": {upper(a["enum"])},' for a in words]
            lines.append("    },")
    lines += ["}", ""]

    lines += ["# Names of nested attributes, for messages about refused ones", "NAMES: dict[str, dict[int, str]] = {"]
    for attribute_set in spec["attribute-sets"]:
        lines.append(f'    "{attribute_set["name"]}": {{')
        lines += [f'        {i}: "{a["name"]}",' for i, a in enumerate(attribute_set["attributes"], 1)]
        lines.append("    },")
    lines += ["}", ""]
    return "\n".join(lines)


@contextmanager
def linux_tree(linux: Path) -> Iterator[Path]:
    """The directory of the source tree, unpacking what is needed of an archive for as long as the block lasts."""
    if linux.is_dir():
        yield linux
        return
    with tempfile.TemporaryDirectory(prefix="weir-ynl-") as scratch, tarfile.open(linux) as archive:
        for member in archive:
            top, _, path = member.name.partition("/")
            if member.isfile() and path.startswith(("tools/net/ynl/", "Documentation/netlink/")):
                archive.extract(member, scratch, filter="data")
        yield Path(scratch) / top


def render_c(linux: Path, name: str, arguments: tuple[str, ...]) -> str:
    """One file, called `name`, made by the kernel's ynl-gen-c."""
    generator = linux / "tools/net/ynl/ynl-gen-c.py"
    if not generator.is_file():
        raise GenerateError(f"{linux}: no tools/net/ynl/ynl-gen-c.py there: not a kernel source tree of 6.12")
    with tempfile.TemporaryDirectory(prefix="weir-ynl-") as scratch:
        # ynl-gen-c writes the spec's path below the directory that has MAINTAINERS into what it makes
        # (and looks for that directory for ever), and wants the schemas one directory above the spec.
        root = Path(scratch).resolve()
        (root / "MAINTAINERS").touch()
        spec = root / "kmod" / "spec" / SPEC.name
        spec.parent.mkdir(parents=True)
        spec.write_bytes(SPEC.read_bytes())
        for schema in (linux / "Documentation/netlink").glob("*.yaml"):
            (root / "kmod" / schema.name).write_bytes(schema.read_bytes())
        environment = {"PYTHONPATH": str(_schema_checker(root)), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        made = root / name
        command = [sys.executable, str(generator), *arguments, "--spec", str(spec), "-o", str(made)]
        done = subprocess.run(
            command, env=environment, cwd=root, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode or not made.exists():
            raise GenerateError(f"ynl-gen-c failed ({done.returncode}):\n{done.stdout}{done.stderr}")
        # ynl-gen-c of 6.12 makes a table of groups without their flags: control.c has one with them.
        return _GROUPS.sub("", made.read_text())


def _schema_checker(root: Path) -> Path:
    """A directory for PYTHONPATH in which `import jsonschema` works: the installed one, else one that accepts all.

    The spec is checked against the schema wherever jsonschema is installed; its absence is no reason not to generate.
    """
    try:
        import jsonschema  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        (root / "jsonschema.py").write_text("def validate(instance, schema):\n    pass\n")
        return root
    return Path(jsonschema.__file__).parent.parent


def outputs(linux: Path | None) -> dict[Path, str]:
    """Every generated file with its content; the C files only when `linux` is given."""
    spec = yaml.safe_load(SPEC.read_text())
    contents = {ABI: render_abi(spec)}
    if linux is not None:
        with linux_tree(linux) as tree:
            contents.update({path: render_c(tree, path.name, arguments) for path, arguments in C_FILES.items()})
    return contents


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--linux", type=Path, help="kernel source tree or archive that has tools/net/ynl")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if a file is not up to date")
    arguments = parser.parse_args(argv)
    try:
        contents = outputs(arguments.linux)
    except (GenerateError, OSError, subprocess.TimeoutExpired) as error:
        print(f"generate.py: {error}", file=sys.stderr)
        return 2
    stale = [path for path, content in contents.items() if not path.exists() or path.read_text() != content]
    for path in stale:
        if arguments.check:
            print(f"{path}: not up to date with {SPEC}: run {Path(__file__).name}", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(contents[path])
            print(f"wrote {path}")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
