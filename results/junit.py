"""JUnit XML: tests of runs, to and from the form that CI systems show.

There is no standard; this is what pytest, Jenkins and GitLab agree on: `testsuites`, `testsuite` (one a run),
`testcase` with `failure`, `error` or `skipped`, times in seconds. What the form has no place for travels in properties
whose names begin with "weir."; a document without them is read for what it says. Figures and comparisons are not
carried: JUnit has no numbers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import msgspec

from results.errors import ResultsError
from results.foreign import FIELDS, identity, suite_name, unknown_environment
from results.records import Outcome, Run, TestResult
from results.safe_xml import parse

_PREFIX: Final = "weir."
# What an XML 1.0 document cannot hold, and CR, which parsers turn into LF.
_ILLEGAL: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(runs: Iterable[Run], out: TextIO) -> None:
    """A document of all `runs`; of each only its tests."""
    out.write('<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n')
    for run in runs:
        suite = _suite(run)
        indent(suite)
        out.write(tostring(suite, encoding="unicode") + "\n")
    out.write("</testsuites>\n")


def _suite(run: Run) -> Element:
    suite = Element(
        "testsuite",
        name=_legal(run.suite),
        tests=str(len(run.tests)),
        failures=str(sum(test.outcome in ("failed", "xpassed") for test in run.tests)),
        errors=str(run.count("error")),
        skipped=str(sum(test.outcome in ("skipped", "xfailed") for test in run.tests)),
        time=repr(run.duration_s),
        timestamp=run.started.isoformat(),
    )
    properties = SubElement(suite, "properties")
    for name in FIELDS:
        _property(properties, name, getattr(run, name))
    for test in run.tests:
        _case(suite, test)
    return suite


def _property(properties: Element, name: str, value: Any) -> None:
    # JSON, in ASCII: what XML cannot hold is escaped twice over.
    text = msgspec.json.encode(value).decode()
    escaped = "".join(sign if sign.isascii() and sign != "\x7f" else _unicode_escape(sign) for sign in text)
    SubElement(properties, "property", name=_PREFIX + name, value=escaped)


def _unicode_escape(sign: str) -> str:
    units = sign.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _case(suite: Element, test: TestResult) -> None:
    module, _, name = test.id.partition("::")
    classname = module.removesuffix(".py").replace("/", ".")
    case = SubElement(suite, "testcase", classname=_legal(classname), name=_legal(name or module))
    case.set("time", repr(test.duration_s))
    properties = SubElement(case, "properties")
    for field in ("id", "outcome", "cause", "reason", "fingerprint", "bundle"):
        _property(properties, field, getattr(test, field))
    element = _ELEMENTS.get(test.outcome)
    if element:
        said = SubElement(case, element, message=_legal(test.reason.partition("\n")[0]), type=test.cause)
        said.text = _legal(test.reason)


_ELEMENTS: Final[dict[Outcome, str]] = {
    "failed": "failure",
    "xpassed": "failure",
    "error": "error",
    "skipped": "skipped",
    "xfailed": "skipped",
}


def _legal(text: str) -> str:
    return _ILLEGAL.sub(lambda found: f"#x{ord(found[0]):X}", text)


def read(path: Path) -> Iterator[Run]:
    """The runs in a document: one for each `testsuite` that has tests.

    Raises ResultsError for what is no JUnit XML, and for documents that `results.safe_xml` refuses.
    """
    root = parse(path)
    if root.tag not in ("testsuites", "testsuite"):
        raise ResultsError(f"{path} is no JUnit XML: its root element is {root.tag}, not testsuites or testsuite")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for position, suite in enumerate(root.iter("testsuite")):
        if suite.find("testcase") is not None or _properties(suite):
            yield _run(path, suite, f"{digest}{position}")


def _properties(element: Element) -> dict[str, str]:
    found = element.findall("properties/property")
    named = {item.get("name", ""): item.get("value", item.text or "") for item in found}
    return {name.removeprefix(_PREFIX): text for name, text in named.items() if name.startswith(_PREFIX)}


def _run(path: Path, suite: Element, content: str) -> Run:
    tests = [_test(case) for case in suite.findall("testcase")]
    own = {name: text for name, text in _properties(suite).items() if name in FIELDS}
    started = _time(suite.get("timestamp")) or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    failed = any(test.outcome in ("failed", "error", "xpassed") for test in tests)
    fields: dict[str, Any] = {
        "id": identity(started, content),
        "suite": suite_name(suite.get("name")),
        "started": started,
        "duration_s": _seconds(suite.get("time")) or sum(test.duration_s for test in tests),
        "exit_code": int(failed),
        "command": f"import of {path.name}",
        "environment": msgspec.to_builtins(unknown_environment(suite.get("hostname", ""))),
        "revision": {},
        "kind": "run",
    }
    try:
        fields |= {name: msgspec.json.decode(text) for name, text in own.items()}
        return msgspec.convert(fields | {"tests": msgspec.to_builtins(tests)}, Run, strict=False)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise ResultsError(f"{path}: test suite {suite.get('name')!r} makes no record: {error}") from error


def _test(case: Element) -> TestResult:
    own = _properties(case)
    outcome: Outcome = "passed"
    reason = ""
    for element, meaning in (("skipped", "skipped"), ("failure", "failed"), ("error", "error")):
        said = case.find(element)
        if said is not None:
            outcome = meaning  # type: ignore[assignment]
            reason = (said.text or "").strip() or said.get("message", "")
            if said.get("type") == "pytest.xfail":
                outcome = "xfailed"
                reason = said.get("message", "") or reason
    fields: dict[str, Any] = {
        "id": "::".join(part for part in (case.get("classname"), case.get("name")) if part) or "unnamed",
        "outcome": outcome,
        "duration_s": _seconds(case.get("time")),
        "cause": "product" if outcome in ("failed", "error") else "none",
        "reason": reason,
    }
    try:
        return msgspec.convert(fields | {name: msgspec.json.decode(text) for name, text in own.items()}, TestResult)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise ResultsError(f"test {fields['id']} is no test of a record: {error}") from error


def _seconds(text: str | None) -> float:
    try:
        return max(0.0, float((text or "0").replace(",", "")))
    except ValueError:
        return 0.0


def _time(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
