"""Puts the page together: one HTML file that requests nothing, its parts in the order of a reader's need."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from results import report_about, report_compare, report_costs, report_links, report_peers, report_plot, words
from results.markup import Markup, el, join, text
from results.report_model import History, Kind, Report

_ASSETS: Final = Path(__file__).with_name("assets")
_SIGNS: Final[dict[Kind, str]] = {
    "pass": "M4 12.5l5 5L20 6.5",
    "fail": "M6 6l12 12M18 6L6 18",
    "inconclusive": "M12 5v9M12 18.5v.5",
    "infrastructure": "M12 5v9M12 18.5v.5",
    "measured": "M5 19V11M12 19V5M19 19v-6",
    "none": "M6 12h12",
}


def page(report: Report) -> str:
    """The whole file's text."""
    style = (_ASSETS / "report.css").read_text(encoding="utf-8")
    script = (_ASSETS / "report.js").read_text(encoding="utf-8")
    title = f"Weir: {report.verdict.headline}"
    sections = _sections(report)
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # Nothing may be fetched, and no script may run but ours: a hole in our escaping would still be harmless.
        _policy(script),
        el("meta", name="referrer", content="no-referrer"),
        el("title", title),
        el("style", Markup(style)),
    )
    body = el(
        "body",
        el("a", "Skip to what changed", href="#changes", class_="skip"),
        el("div", _top(report), _verdict(report), class_="frame"),
        _jump(sections),
        el("main", [_section(*one) for one in sections], class_="frame"),
        _footer(report),
        _dialog(),
        # Inside a script element nothing is an entity; JSON may write "<" as an escape instead.
        el("script", Markup(_json(_data(report))), type="application/json", id="data"),
        el("script", Markup(script)),
    )
    return f"<!doctype html>\n{el('html', head, body, lang='en')}\n"


def _policy(script: str) -> Markup:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )
    # Quotes need no escape inside the attribute's double quotes.
    return Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}"/>')


def _json(value: Any) -> str:
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", msgspec.json.encode(value).decode())


Section = tuple[str, str, Markup]


def _sections(report: Report) -> list[Section]:
    """Those that have something to say, as (fragment, title, content)."""
    optional: Sequence[tuple[str, str, Callable[[], Markup | None]]] = (
        (
            "changes",
            "What changed",
            lambda: report_compare.changes(report.compared) if report.cells or report.compared else None,
        ),
        ("peers", "Against peers: instructions", lambda: report_peers.peers(report, "deterministic")),
        ("timed", "Against peers: timed", lambda: report_peers.peers(report, "timed")),
        ("costs", "Where instructions go", lambda: report_costs.costs(report)),
        ("history", "History", lambda: _history(report)),
        ("missing", "Not measured", lambda: report_peers.not_measured(report) if report.cells else None),
        ("tests", "Tests", lambda: report_about.tests(report)),
        ("environment", "Environment", lambda: report_about.environment(report) if report.subject else None),
        ("settings", "Settings of the devices", lambda: report_about.settings(report) if report.cells else None),
        ("records", "Records and how to repeat them", lambda: report_about.records(report)),
    )
    return [(name, title, content) for name, title, make in optional if (content := make()) is not None]


def _section(name: str, title: str, content: Markup) -> Markup:
    return el(
        "section", el("h2", title, id=f"{name}-title"), content, class_="part", id=name, aria_labelledby=f"{name}-title"
    )


def _jump(sections: Sequence[Section]) -> Markup:
    short = {"peers": "Peers", "timed": "Timed", "costs": "Costs", "settings": "Settings", "records": "Records"}
    links = [el("li", el("a", short.get(name, title), href=f"#{name}")) for name, title, _ in sections]
    return el("nav", el("ul", links), class_="jump", aria_label="Parts of this report")


def _top(report: Report) -> Markup:
    said = f"Report of {report.made:%Y-%m-%d %H:%M} UTC over {words.plural(report.counts.get('runs', 0), 'run')}"
    button = el("button", "Light or dark", type="button", id="theme", hidden=True)
    return el("header", el("span", "Weir", class_="name"), el("span", said, class_="soft small"), button, class_="top")


def _verdict(report: Report) -> Markup:
    verdict = report.verdict
    sign = el(
        "svg",
        el("path", d=_SIGNS[verdict.kind], fill="none", stroke="currentColor", stroke_width="3", stroke_linecap="round",
           stroke_linejoin="round"),
        viewBox="0 0 24 24", aria_hidden="true", focusable="false",
    )  # fmt: skip
    reasons = el("ul", [el("li", reason) for reason in verdict.reasons]) if verdict.reasons else None
    notes = [el("p", note, class_="small") for note in report.notes]
    return el("div", el("h1", sign, verdict.headline), reasons, notes, _about(report), class_=f"verdict {verdict.kind}")


def _about(report: Report) -> Markup | None:
    if report.subject is None:
        return None
    run = report.subject.run
    branch = f" ({run.revision.branch})" if run.revision.branch and run.revision.branch != "HEAD" else ""
    devices = ", ".join(dict.fromkeys(one.dut for one in run.figures)) or run.dut or "none"
    kernels = ", ".join(dict.fromkeys(one.kernel for one in run.figures)) or run.environment.kernel_flavour or "none"
    facts: dict[str, Markup | str] = {
        "Run": report_links.record_link(report.subject),
        "Revision": join([el("code", report_about.revision(run)), branch]),
        "Measured": f"{run.started:%Y-%m-%d %H:%M} UTC, {words.duration(run.duration_s)}",
        "Devices": devices,
        "Guest's kernel": kernels,
        "Suite": run.suite,
    }
    return el("dl", [el("div", el("dt", name), el("dd", value)) for name, value in facts.items()], class_="facts")


def _history(report: Report) -> Markup | None:
    drawn = [one for one in report.histories if len(one.points) > 1]
    if not drawn:
        if not report.histories:
            return None
        return el(
            "p",
            "A history begins with the second record of the same figure from a clean checkout of this branch or of "
            "main; there is one of each so far.",
        )
    metrics: dict[str, list[History]] = {}
    for one in drawn:
        metrics.setdefault(f"{one.mode}: {words.metric(one.metric, one.unit).name}", []).append(one)
    options = [el("option", name, value=name) for name in metrics]
    groups = [
        el("div", [report_plot.figure(one, f"{one.scenario}, kernel {one.kernel}") for one in series], class_="grid",
           data_metric=name)
        for name, series in metrics.items()
    ]  # fmt: skip
    help_text = (
        "Each dot is a record, oldest left. A shaded field is another environment, and the line is cut there, since "
        "only like is compared with like. A dashed line is a change point. The vertical axis does not begin at zero. "
        "Point or use the arrow keys to read a dot, Enter or a click for its record; drag, + and − zoom, 0 shows all."
    )
    label = el("label", "Figure ", el("select", options, id="metric"))
    return join(
        [
            el("p", help_text, class_="small soft"),
            el("p", report.history_note, class_="notice") if report.history_note else None,
            el("p", label, id="metrics", hidden=True),
            groups,
        ]
    )


def _data(report: Report) -> dict[str, Any]:
    """What the script knows: runs and environments once, a point as [run, value, spread, environment, unfit]."""
    runs: dict[str, int] = {}
    described: list[dict[str, Any]] = []
    environments: dict[str, int] = {}
    plots: dict[str, Any] = {}
    for one in report.histories:
        if len(one.points) < 2:
            continue
        points = []
        for point in one.points:
            if point.run not in runs:
                runs[point.run] = len(runs)
                described.append(
                    {
                        "id": point.run,
                        "where": point.where,
                        "started": point.started.isoformat(),
                        "revision": point.revision,
                        "dirty": point.dirty,
                        "anchor": report_links.record_id(point.run),
                    }
                )
            environment = environments.setdefault(point.environment, len(environments))
            points.append([runs[point.run], point.value, round(point.spread, 7), environment, int(point.unfit)])
        plots[report_plot.identity(one)] = {"unit": one.unit, "points": points}
    return {"runs": described, "environments": list(environments), "plots": plots}


def _dialog() -> Markup:
    return el(
        "dialog",
        el("h2", "One point", id="point-title"),
        el("div", class_="body"),
        el("p", el("a", "Its record on this page", href="#records", class_="whole")),
        el("button", "Close", type="button", class_="close"),
        id="point",
        aria_labelledby="point-title",
    )


def _footer(report: Report) -> Markup:
    run = report.subject.run.id if report.subject else ""
    return el(
        "footer",
        el("p", "Made by ", el("code", f"python -m results report --run {run}"), " from the records in ",
           el("code", str(report.root)), ". This file is whole: it loads nothing and can be mailed, archived and read "
           "offline."),
        class_="frame",
    )  # fmt: skip


def write(report: Report, output: Path) -> int:
    """Writes the page, at once or not at all; returns its size in bytes."""
    content = page(report).encode("utf-8", "replace")
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.part")
    temporary.write_bytes(content)
    temporary.replace(output)
    return len(content)


__all__ = ["page", "text", "write"]
