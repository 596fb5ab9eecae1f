"""`python -m results comment`: what a gate decided, as Markdown for a pull request: the verdict first, the rest folded.

A record may come from anybody's pull request (`--record`). It is read as data only: bounded in size, decoded by the
schema, and every text of it is written so that no Markdown, HTML, mention or link of it comes alive.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from results import records, words
from results.errors import ResultsError, UsageError
from results.figures import Comparison
from results.report_compare import MARK
from results.report_data import cells_of, gather, sort_comparisons
from results.report_model import Compared, Recorded, Verdict
from results.report_peers import OWN, spread_of_ratio
from results.report_verdict import decide

MARKER: Final = "<!-- weir-performance -->"
"""First line of every comment, by which the next one finds it and takes its place."""
UNFOLDED: Final = 15
"""Lines outside <details>, at most."""
_ROWS: Final = 4
_FOLDED_ROWS: Final = 60
_LENGTH: Final = 60_000
"""Characters in a comment; GitHub takes 65,536."""
_RECORD_BYTES: Final = 8_000_000
_NAME: Final = 80
_SIGN: Final = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️", "infrastructure": "⚠️", "measured": "ℹ️", "none": "ℹ️"}
_PLAIN: Final = re.compile(r"[A-Za-z0-9 .,+%±−×-]|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])")


def literal(value: str, limit: int = _NAME) -> str:
    """Foreign text as Markdown that shows it and does nothing else.

    In a code element nobody is mentioned and nothing is linked; a character that could mean anything is an entity.
    """
    shown = " ".join(value.split())
    if len(shown) > limit:
        shown = shown[: limit - 1] + "…"
    escaped = "".join(
        letter if _PLAIN.match(shown, place) else f"&#{ord(letter)};" if letter.isprintable() else "&#65533;"
        for place, letter in enumerate(shown)
    )
    return f"<code>{escaped}</code>" if escaped else "–"


def render(subject: Recorded, compared: Compared | None, verdict: Verdict, *, link: str = "") -> str:
    """The comment's text, newline at the end."""
    folded = _folded(subject, compared)
    lines = [MARKER, f"### {_SIGN[verdict.kind]} Performance gate: {_headline(verdict)}", ""]
    lines += [_what(subject, compared), ""]
    notable = [one for one in (compared.comparisons if compared else ()) if one.verdict != "same" and one.gating]
    if notable:
        lines += [*_table(notable[:_ROWS]), ""]
    missing = len(subject.run.not_measured)
    notes = [f"{len(notable) - _ROWS} more below."] if len(notable) > _ROWS else []
    notes += [f"{words.plural(missing, 'figure')} not measured, each with its reason below."] if missing else []
    notes += [f"[Report and logs]({link})"] if link else []
    if notes:
        lines += [" ".join(notes), ""]
    body = "\n".join([*lines, "<details><summary>All figures, functions, settings of the run</summary>", "", ""])
    end = "\n\n</details>\n"
    room = _LENGTH - len(body) - len(end)
    rest = "\n".join(folded)
    if len(rest) > room:
        rest = rest[: room - 40].rpartition("\n")[0] + "\n\nMore is in the report."
    return body + rest + end


def _headline(verdict: Verdict) -> str:
    """The verdict's words are ours, but for what a record may have put into a test's name: none of that is in here."""
    return (verdict.headline[:1].lower() + verdict.headline[1:]).replace(": ", ", ")


def _what(subject: Recorded, compared: Compared | None) -> str:
    candidate = literal(subject.run.revision.commit[:12] or "unknown")
    if compared is None:
        return f"{candidate}: nothing was compared."
    bases = {one.baseline_revision[:12] for one in compared.comparisons if one.baseline_revision}
    if compared.baseline:
        bases.add(compared.baseline.run.revision.commit[:12])
    counts = [
        f"{sum(one.verdict == verdict for one in compared.judged)} {name}"
        for verdict, name in MARK.items()
        if any(one.verdict == verdict for one in compared.judged)
    ]
    if compared.unjudged:
        counts.append(f"{len(compared.unjudged)} not judged")
    against = ", ".join(literal(base) for base in sorted(bases)) or "its baseline"
    total = words.plural(len(compared.comparisons), "figure")
    return f"{candidate} against {against}: {total} compared, {', '.join(counts) or 'none judged'}."


def _table(comparisons: Sequence[Comparison]) -> list[str]:
    lines = [
        "| Scenario | Figure | Change | Noise | Threshold | Verdict | Most of it in |",
        "|---|---|--:|--:|--:|---|---|",
    ]
    for one in comparisons:
        first = one.functions[0] if one.functions else None
        delta = f" ({first.candidate - first.baseline:+,.1f})" if first else ""
        known = words.noise(one.noise) if one.noise is not None else "–"
        scenario = literal(one.scenario) + (" (changed)" if one.changed_scenario else "")
        lines.append(
            f"| {scenario} | {_figure(one)} | **{words.percent(one.change)}** | {known} "
            f"| {words.percent(one.threshold, signed=False)} | {MARK[one.verdict]} "
            f"| {literal(first.name, 60) + delta if first else '–'} |"
        )
    return lines


def _figure(one: Comparison) -> str:
    return literal(f"{one.dut}: {words.metric(one.metric, one.unit).name}")


def _folded(subject: Recorded, compared: Compared | None) -> list[str]:
    run = subject.run
    lines: list[str] = []
    if compared and compared.comparisons:
        lines += ["**All comparisons**", "", *_table(compared.comparisons[:_FOLDED_ROWS]), ""]
        if len(compared.comparisons) > _FOLDED_ROWS:
            lines += [f"{len(compared.comparisons) - _FOLDED_ROWS} more are in the report.", ""]
        lines += _functions(compared.comparisons)
    lines += _peers(subject)
    if run.not_measured:
        lines += ["**Not measured**", ""]
        lines += [
            f"- {literal(one.scenario)} on {literal(one.dut)}: {literal(one.reason, 300)}"
            for one in run.not_measured[:_FOLDED_ROWS]
        ]
        lines.append("")
    environment = run.environment
    lines += [
        "**Run**",
        "",
        f"- {literal(run.id)}, {words.duration(run.duration_s)}, exit {run.exit_code}, kernel "
        f"{literal(environment.kernel_flavour)} {literal(environment.kernel_release)}",
        f"- {environment.host.processors} × {literal(environment.host.processor)}, {literal(environment.acceleration)}",
        f"- again: {literal(run.command, 300)}",
    ]
    return lines


def _functions(comparisons: Sequence[Comparison]) -> list[str]:
    changed = [one for one in comparisons if one.functions and one.verdict != "same"][:6]
    lines: list[str] = []
    for one in changed:
        lines += [
            f"**Functions of {literal(one.scenario)}**, {_figure(one)}",
            "",
            "| Function | Part | Before | After |",
        ]
        lines.append("|---|---|--:|--:|")
        lines += [
            f"| {literal(f.name)} | {literal(f.part)} | {words.number(f.baseline)} | {words.number(f.candidate)} |"
            for f in one.functions[:8]
        ]
        lines.append("")
    return lines


def _peers(subject: Recorded) -> list[str]:
    lines: list[str] = []
    for cell in cells_of(subject, "deterministic"):
        figures = {one.dut: one for one in cell.of("instr_per_request")}
        ours = figures.pop(OWN, None)
        for dut, theirs in figures.items():
            if ours and theirs.value:
                quotient, low, high = spread_of_ratio(ours, theirs, None)
                said = words.judge_ratio("instr_per_request", ours.unit, quotient, low, high)
                told = f"{said.word}: {said.phrase}"
                lines.append(f"| {literal(cell.scenario)} | {literal(dut)} | {words.ratio(quotient)} | {told} |")
    if not lines:
        return []
    head = [
        "**Against peers, instructions per request**",
        "",
        "| Scenario | Peer | Weir ÷ peer | |",
        "|---|---|--:|---|",
    ]
    return [*head, *lines[:_FOLDED_ROWS], ""]


def read_record(path: Path) -> Recorded:
    """The one record in a file that need not be trusted.

    Raises ResultsError when it is too large, not one line, or not a record of a measuring run.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_RECORD_BYTES + 1)
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _RECORD_BYTES:
        raise ResultsError(f"{path} is larger than {_RECORD_BYTES:,} bytes: no record is")
    found = [line for line in data.split(b"\n") if line.strip()]
    if len(found) != 1:
        raise ResultsError(f"{path} has {len(found)} lines: one record is wanted")
    try:
        run = records.decode(found[0])
    except records.RecordError as error:
        raise ResultsError(f"{path} is no record: {error}") from error
    if not (run.figures or run.comparisons or run.not_measured or run.verdict):
        raise ResultsError(f"{path} holds a run of {run.suite[:40]!r} that measured nothing")
    return Recorded(run, path.name, 1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--root", type=Path, help="where the records are (default: $WEIR_RESULTS or the state folder)")
    parser.add_argument("--run", metavar="ID", help="the run (default: the newest that measured)")
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="a file with one record, in place of --root and --run"
    )
    parser.add_argument("--link", default="", metavar="URL", help="where report and logs are")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there (default: standard output)")
    parser.add_argument("--save-record", type=Path, metavar="FILE", help="also write the run's record there")


def run(arguments: argparse.Namespace) -> int:
    """Writes the comment; 0 whatever the verdict."""
    if arguments.link and not re.fullmatch(r"https://[\w./?=&%#-]+", arguments.link):
        raise UsageError(f"--link {arguments.link!r} is not a plain https address")
    if arguments.record:
        subject = read_record(arguments.record)
        ordered = sort_comparisons(subject.run.comparisons)
        compared = Compared(subject, ordered) if ordered else None
        verdict = decide(subject, compared)
    else:
        from results.query import Store

        with Store(arguments.root) as store:
            report = gather(store, run=arguments.run, drawn=False)
        assert report.subject is not None
        subject, compared, verdict = report.subject, report.compared, report.verdict
    text = render(subject, compared, verdict, link=arguments.link)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    if arguments.save_record:
        arguments.save_record.parent.mkdir(parents=True, exist_ok=True)
        arguments.save_record.write_bytes(records.encode(subject.run))
    return 0
