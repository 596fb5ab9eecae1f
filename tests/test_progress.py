"""Timed steps: quiet when short, nested, the culprit of a failure told."""

from __future__ import annotations

import io

import pytest

from lab import progress


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_a_short_step_prints_nothing(stream: io.StringIO) -> None:
    with progress.Reporter(stream).step("cached"):
        pass
    assert stream.getvalue() == ""


def test_a_long_step_says_what_and_how_long(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    reporter = progress.Reporter(stream)
    with reporter.step("outer"), reporter.step("inner"):
        pass
    lines = [line for line in stream.getvalue().splitlines() if "…" not in line]
    assert lines == ["weir:   inner: 0.0 s", "weir: outer: 0.0 s"]


def test_steps_that_an_exception_leaves_are_bracketed_innermost_first(stream: io.StringIO) -> None:
    reporter = progress.Reporter(stream)
    with pytest.raises(RuntimeError), reporter.step("outer"), reporter.step("culprit"):
        raise RuntimeError
    assert [line.strip() for line in stream.getvalue().splitlines()] == [
        "weir:   (culprit) failed after 0.0 s",
        "weir: (outer) failed after 0.0 s",
    ]
