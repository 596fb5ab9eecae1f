"""What several parts of the page share: a verdict as a word, and links to records."""

from __future__ import annotations

from results.markup import Markup, el, slug
from results.report_model import Recorded


def word(mark: str, said: str = "") -> Markup:
    """A verdict as a coloured word; the colour repeats what the word says."""
    return el("span", said or mark, class_=f"word {mark}")


def record_link(source: Recorded, said: str = "") -> Markup:
    """A link to the record on this page."""
    return el("a", said or source.run.id, href=f"#{record_id(source.run.id)}", class_="mono")


def record_id(run: str) -> str:
    """The fragment of a run's record."""
    return slug("record", run)


def from_run(source: Recorded) -> str:
    """A run in a few words: when, and of which commit."""
    commit = source.run.revision.commit
    return f"run of {source.run.started:%m-%d %H:%M}" + (f" at {commit[:12]}" if commit else "")
