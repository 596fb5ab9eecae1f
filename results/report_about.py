"""The page's last parts: tests, environment, settings of the devices, the records themselves."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Final

import msgspec

from results import words
from results.markup import Markup, el, join
from results.records import Outcome, Run
from results.report_links import record_id, record_link, word
from results.report_model import Recorded, Report

_NOTABLE: Final[tuple[Outcome, ...]] = ("failed", "error", "flaky", "xpassed")
_ORDER: Final[tuple[Outcome, ...]] = ("passed", *_NOTABLE, "xfailed", "skipped")
_RECORD_LIMIT: Final = 200_000
"""Bytes of one record that the page carries; what is longer is cut at its long lists."""


def tests(report: Report) -> Markup:
    """The newest run of each suite, and every test of it that did not simply pass."""
    if not report.tests:
        return el("p", "No run of tests is recorded. `nox -s functional` makes one.")
    rows = [_suite(one) for one in report.tests]
    names = ("Suite", "Outcome", "Revision", "Run")
    head = el("tr", [el("th", name, scope="col") for name in names])
    failures = [item for one in report.tests for item in _failures(one)]
    return join(
        [
            el("div", el("table", el("thead", head), el("tbody", rows), class_="stack"), class_="card"),
            el("div", el("h3", "Tests that did not simply pass"), failures, class_="card") if failures else None,
        ]
    )


def _suite(one: Recorded) -> Markup:
    run = one.run
    counts = [f"{run.count(outcome)} {outcome}" for outcome in _ORDER if run.count(outcome)]
    bad = run.count("failed") + run.count("error")
    kernel = run.environment.kernel_flavour or "none"
    state = (
        word("failed", f"{bad} not passed")
        if bad
        else word("failed", f"exit {run.exit_code}")
        if run.exit_code
        else word("passed")
    )
    return el(
        "tr",
        el("th", run.suite, el("div", f"{run.dut or 'no device'}, kernel {kernel}", class_="small soft"), scope="row"),
        el("td", state, " ", el("span", ", ".join(counts), class_="small"), data_label="Outcome"),
        el("td", el("code", revision(run)), data_label="Revision"),
        el("td", record_link(one, f"{run.started:%Y-%m-%d %H:%M} UTC"), data_label="Run"),
    )


def _failures(one: Recorded) -> Iterable[Markup]:
    for test in one.run.tests:
        if test.outcome in _NOTABLE:
            yield el(
                "details",
                el(
                    "summary", word(test.outcome), " ", el("code", test.id), el("span", f" {test.cause}", class_="soft")
                ),
                el("pre", test.reason or "no reason recorded"),
                el("p", f"Crash {test.fingerprint}, bundle {test.bundle}", class_="small")
                if test.fingerprint
                else None,
            )


def revision(run: Run) -> str:
    """Short commit, with a word when the checkout held more."""
    commit = run.revision.commit[:12] or "unknown"
    return f"{commit} + changes" if run.revision.dirty else commit


def environment(report: Report) -> Markup:
    """What differs from the run before, then where the subject ran."""
    assert report.subject is not None
    run = report.subject.run
    parts: list[Markup | None] = []
    if report.environment_base:
        if report.environment_changes:
            head = el("tr", [el("th", name, scope="col") for name in ("What", "Before", "Now")])
            rows = [
                el(
                    "tr",
                    el("th", change.name, scope="row"),
                    el("td", change.before or "not there", data_label="Before"),
                    el("td", change.after or "gone", data_label="Now"),
                )
                for change in report.environment_changes
            ]
            caption = el("caption", f"Different from run {report.environment_base}")
            parts.append(
                el("div", el("table", caption, el("thead", head), el("tbody", rows), class_="stack"), class_="card")
            )
        else:
            parts.append(el("p", f"The same as in run {report.environment_base}."))
    host = run.environment.host
    facts = {
        "Host": f"{host.processors} × {host.processor}, {host.memory_mib:,} MiB, {host.system}, Linux {host.kernel}",
        "Acceleration": f"{run.environment.acceleration} ({run.environment.acceleration_reason or 'no reason given'})",
        "Guest's kernel": f"{run.environment.kernel_flavour} {run.environment.kernel_release}",
        "Host speed factor": f"{run.environment.speed_factor:.2f} (1 is the reference host, 2 half as fast)",
    }
    parts.append(_facts(facts, "Host and guest"))
    described = {key: told for source in report.records for key, told in source.run.environments.items()}
    used = {one.environment for cell in report.cells for one in cell.figures}
    parts += [_facts({**told}, f"Environment {key} of figures") for key, told in described.items() if key in used]
    parts.append(_facts(run.versions, "Versions"))
    parts.append(_facts(run.hashes, "Hashes of what was built"))
    if run.drift:
        parts.append(el("p", "Packages that drifted from the lock: ", "; ".join(run.drift), class_="notice"))
    parts += [el("p", f"Repeated: {retry.what}: {retry.reason}", class_="notice") for retry in run.retries]
    return join(parts)


def _facts(facts: dict[str, str], title: str) -> Markup | None:
    if not facts:
        return None
    rows = [el("tr", el("th", name, scope="row"), el("td", value)) for name, value in facts.items() if value]
    return el(
        "details", el("summary", title), el("div", el("table", el("tbody", rows)), class_="card"), class_="printed"
    )


def settings(report: Report) -> Markup:
    """What each device under test was configured with, from the runs whose figures are shown."""
    found: dict[tuple[str, str], Recorded] = {}
    for source in (report.subject, *(cell.source for cell in report.cells)):
        if source:
            for title, content in source.run.configurations.items():
                found.setdefault((title, content), source)
    if not found:
        return el("p", "The runs shown here recorded no settings.")
    blocks = [_configuration(title, content, source) for (title, content), source in sorted(found.items(), key=_title)]
    return el("div", blocks, class_="card")


def _title(item: tuple[tuple[str, str], Recorded]) -> tuple[int, str]:
    """Whole configurations before what is different in one scenario."""
    title = item[0][0]
    return title.count(","), title


def _configuration(title: str, content: str, source: Recorded) -> Markup:
    lines = [line.partition("\t") for line in content.splitlines() if line.strip()]
    head = el("tr", el("th", "Setting", scope="col"), el("th", "Why", scope="col"))
    rows = [
        el("tr", el("th", el("code", line), scope="row"), el("td", reason, class_="small")) for line, _, reason in lines
    ]
    return el(
        "details",
        el("summary", title, el("span", f" {words.plural(len(lines), 'setting')}", class_="soft")),
        el("p", "from ", record_link(source), class_="small soft"),
        el("table", el("thead", head), el("tbody", rows), class_="stack"),
    )


def records(report: Report) -> Markup:
    """Every run on the page with its record inline, and how to make it again."""
    return join([_record(one) for one in report.records])


def _record(one: Recorded) -> Markup:
    run = one.run
    shown = msgspec.json.format(msgspec.json.encode(abridge(run)), indent=1).decode()
    return el(
        "details",
        el("summary", el("code", run.id), " ", el("span", f"{run.suite}, {run.started:%Y-%m-%d %H:%M} UTC, "
           f"{words.duration(run.duration_s)}, exit {run.exit_code}", class_="soft")),
        el("dl", _fact("Record (file:line below the results' root)", el("code", one.where)),
           _fact("Revision", el("code", run.revision.commit or "unknown")), class_="facts"),
        command(run),
        el("pre", shown),
        class_="card",
        id=record_id(run.id),
    )  # fmt: skip


def _fact(name: str, value: Markup | str) -> Markup:
    return el("div", el("dt", name), el("dd", value))


def command(run: Run) -> Markup:
    """The commands that make the run again, of that revision."""
    lines = []
    if run.revision.commit:
        lines.append(f"git checkout {shlex.quote(run.revision.commit)}")
    lines.append(run.command)
    return el("div", el("pre", "\n".join(lines)), class_="command")


def abridge(run: Run) -> Run:
    """The record as the page carries it: a long one without samples, histograms, passed tests, configurations."""
    if len(msgspec.json.encode(run)) <= _RECORD_LIMIT // 4:
        return run
    figures = [
        msgspec.structs.replace(one, samples=[], histogram="", functions=one.functions[:5]) for one in run.figures
    ]
    notable = [test for test in run.tests if test.outcome != "passed"]
    short = msgspec.structs.replace(run, figures=figures, tests=notable[:200], configurations={})
    if len(msgspec.json.encode(short)) <= _RECORD_LIMIT:
        return short
    return msgspec.structs.replace(
        short, figures=short.figures[:50], comparisons=short.comparisons[:50], tests=notable[:50]
    )
