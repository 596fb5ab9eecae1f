"""The report's parts that need no browser: which runs it gathers, what it says of them, what it escapes and thins."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from results import records, report_page, report_peers, report_plot, words
from results.__main__ import main
from results.compare import Threshold, Thresholds
from results.errors import UsageError
from results.markup import Markup, el, is_local, join, slug
from results.query import Store
from results.report_data import gather
from results.report_history import thin
from results.report_model import Point, Report
from suites.report import generated

THRESHOLDS = Thresholds.of([Threshold(metric="instr_per_request", threshold=0.003, noise=0.001, gating=True)])


def report_on(root: Path, **options: str) -> Report:
    with Store(root) as store:
        return gather(store, thresholds=THRESHOLDS, **options)  # type: ignore[arg-type]


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return generated.store(tmp_path, generated.history(generated.Plan(runs=30, slower=20, new_qemu=25)))


def test_markup_escapes_text_attributes_and_json() -> None:
    assert el("p", generated.EVIL) == Markup(f"<p>{join(generated.EVIL)}</p>")
    assert "<script" not in el("p", generated.EVIL, title=generated.EVIL)
    assert el("p", title='"><b>') == '<p title="&quot;&gt;&lt;b&gt;"></p>'
    assert "<" not in report_page._json({"x": "</script><!--"})
    assert json.loads(report_page._json({"x": "</script>\u2028"})) == {"x": "</script>\u2028"}
    assert el("p", "a\x00b\ud800") == "<p>a\ufffdb\ufffd</p>"


def test_tables_say_what_they_are_whatever_their_layout() -> None:
    assert el("table", el("tr", el("th", "x", scope="row"), el("td", "y"))) == (
        '<table role="table"><tr role="row"><th role="rowheader" scope="row">x</th><td role="cell">y</td></tr></table>'
    )


def test_links_stay_on_the_page() -> None:
    for bad in ("javascript:alert(1)", " https://x", "//x/y", "\\\\x", "data:text/html,x"):
        assert not is_local(bad)
        with pytest.raises(ValueError, match="nowhere"):
            el("a", "x", href=bad)
    assert is_local("#x:y")
    assert is_local("2026-11/x.jsonl")


def test_fragments_differ_where_names_do() -> None:
    assert slug("history", "get-keepalive-1k") == "history-get-keepalive-1k"
    assert slug("a<b") != slug("a>b")
    assert re.fullmatch(r"[a-z0-9-]+", slug("Ü <x>"))


def test_a_run_is_compared_with_the_one_before_it_in_the_same_environment(history: Path) -> None:
    report = report_on(history)
    assert report.subject is not None
    assert report.compared is not None
    assert report.compared.baseline is not None
    assert report.compared.baseline.run.id < report.subject.run.id
    assert {(one.mode, one.dut, one.metric) for one in report.compared.comparisons} == {
        ("deterministic", "weir", "instr_per_request")
    }
    assert report.verdict.headline == "No regression"


def test_a_run_of_little_is_no_baseline_where_a_fuller_one_is_near(history: Path) -> None:
    runs = list(generated.history(generated.Plan(runs=33, slower=20, new_qemu=25)))
    few = [one for one in runs[31].figures if one.scenario == "get-keepalive-1k"]
    generated.store(history, [runs[30], msgspec.structs.replace(runs[31], figures=few), runs[32]])
    report = report_on(history)
    assert report.compared is not None
    assert report.compared.baseline is not None
    assert report.compared.baseline.run.id == runs[30].id
    assert f"compared with {runs[30].revision.commit[:12]}" in report.verdict.reasons[0]


def test_a_regression_between_two_runs_is_found_and_named(history: Path) -> None:
    runs = list(generated.history(generated.Plan(runs=30, slower=20, new_qemu=25)))
    report = report_on(history, run=runs[22].id, base=runs[10].id)
    assert report.verdict.kind == "fail"
    assert report.verdict.headline == "Slower: 3 regressions"
    first = report.verdict.reasons[0]
    assert re.match(r"\S+ on weir: \+[23]\.\d+", first)
    assert "most of it in" in first


def test_environments_that_differ_are_not_compared_and_that_is_said(history: Path) -> None:
    runs = list(generated.history(generated.Plan(runs=30, slower=20, new_qemu=25)))
    report = report_on(history, run=runs[27].id, base=runs[22].id)
    assert report.compared is not None
    assert report.compared.comparisons == ()
    assert "environments differ" in report.compared.unlike[0]
    assert any(change.name == "figures: qemu" for change in report.environment_changes)


def test_histories_have_change_points_epochs_and_the_subject(history: Path) -> None:
    report = report_on(history)
    found = next(one for one in report.histories if one.metric == "instr_per_request")
    assert [epoch.first for epoch in found.epochs] == [0, 25]
    assert [shift.at for shift in found.shifts] == [20]
    assert found.shifts[0].change == pytest.approx(0.03, rel=0.05)
    assert str(found.epochs[1].changes[0]) == "qemu: 7.2.22 -> 7.2.23"
    assert "1 change point" in report_plot.summary(found)


def test_a_pull_request_joins_the_history_of_main(history: Path) -> None:
    generated.store(history, [generated.gate(31, {"get-keepalive-1k": 0.0})])
    generated.store(history, [generated.gate(30, {"get-keepalive-1k": 0.0}, branch="other")])
    report = report_on(history)
    found = next(one for one in report.histories if one.metric == "instr_per_request")
    assert found.points[-1].run.startswith("20260115T110000Z")
    assert found.total == 31  # main's thirty and the subject, not the other branch's


def test_subject_is_the_newest_that_measured_and_tests_stand_beside_it(history: Path) -> None:
    generated.store(history, [generated.functional(40, broken=2)])
    report = report_on(history)
    assert report.subject is not None
    assert report.subject.run.suite == "performance"
    assert [one.run.suite for one in report.tests] == ["functional"]
    assert any("2 tests not passed" in reason for reason in report.verdict.reasons)


def test_an_interrupted_run_is_no_verdict_and_not_the_subject(history: Path) -> None:
    broken = msgspec.structs.replace(generated.gate(50, {"get-keepalive-1k": 0.0}), exit_code=2, verdict="")
    generated.store(history, [msgspec.structs.replace(broken, comparisons=[])])
    newest = report_on(history).subject
    assert newest is not None
    assert newest.run.id != broken.id
    report = report_on(history, run=broken.id)
    assert report.verdict.kind == "infrastructure"
    assert report.verdict.headline == "No verdict: the run was interrupted"


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [("PASS", "pass"), ("FAIL: one is slower", "fail"), ("INCONCLUSIVE", "inconclusive"), ("regression", "fail")],
)
def test_a_recorded_verdict_is_taken_over(tmp_path: Path, verdict: str, kind: str) -> None:
    generated.store(tmp_path, [msgspec.structs.replace(generated.gate(1, {}), verdict=verdict)])
    assert report_on(tmp_path).verdict.kind == kind


@pytest.mark.parametrize(
    ("verdict", "exit_code", "kind"),
    [("PASS", 0, "pass"), ("FAIL; p99 is worse", 1, "fail"), ("INCONCLUSIVE; 12 more pairs; noise", 75, "inconclusive"),
     ("REFUSED; TCG", 77, "inconclusive")],
)  # fmt: skip
def test_a_sign_off_says_its_own_word_and_reasons(tmp_path: Path, verdict: str, exit_code: int, kind: str) -> None:
    decided = msgspec.structs.replace(
        generated.gate(5, {"get-keepalive-1k": 0.0}), suite="signoff-verdict", verdict=verdict, exit_code=exit_code
    )
    generated.store(tmp_path, [decided])
    found = report_on(tmp_path).verdict
    word, *reasons = verdict.split("; ")
    assert found.kind == kind
    assert found.headline == f"Sign-off: {word}"
    assert list(found.reasons[: len(reasons)]) == reasons
    generated.store(tmp_path, generated.history(generated.Plan(runs=9)))
    later = generated.gate(9, {"get-keepalive-1k": 0.0})
    generated.store(tmp_path, [later])
    assert any(
        f"of {decided.revision.commit[:12]}: {word}." in reason for reason in report_on(tmp_path).verdict.reasons
    )


def test_what_has_no_threshold_only_tells(tmp_path: Path) -> None:
    run = generated.gate(1, {"get-keepalive-1k": 0.0121})
    told = msgspec.structs.replace(
        run.comparisons[0], metric="bytes_copied_per_request", threshold=0.0, gating=False, verdict="inconclusive"
    )
    failed = records.TestResult(
        "test_gate.py::test_no_regression[get-keepalive-1k-weir]", "failed", 1.0, "product", "x"
    )
    run = msgspec.structs.replace(run, comparisons=[*run.comparisons, told], tests=[failed])
    generated.store(tmp_path, [run])
    report = report_on(tmp_path)
    assert report.verdict.headline == "Slower: 2 regressions"
    assert "4 figures compared: 2 worse, 1 unchanged, 1 not judged." in report.verdict.reasons
    assert not any("test_no_regression" in reason for reason in report.verdict.reasons)
    assert "1 figure without a threshold, not judged" in report_page.page(report)


def test_a_damaged_line_is_told_and_ends_nothing(history: Path) -> None:
    file = next(iter(records.files(history)))
    with file.open("ab") as lines:
        lines.write(b'{"kind": "run", "half of a rec\n')
    report = report_on(history)
    assert any(file.name in note and "line 2" in note for note in report.notes)
    assert file.name in report_page.page(report)


def test_unknown_or_ambiguous_runs_are_refused(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="no run's identity begins"):
        report_on(history, run="1999")
    with pytest.raises(UsageError, match="30 runs begin with"):
        report_on(history, run="2026")
    assert main(["report", "--root", str(history), "--run", "1999", "--output", str(tmp_path / "x.html")]) == 4
    assert "no run's identity" in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()


def test_command_writes_one_file_without_a_link_outside(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = history / "out/report.html"
    assert main(["report", "--root", str(history), "--output", str(output)]) == 0
    assert str(output) in capsys.readouterr().out
    assert [path.name for path in output.parent.iterdir()] == ["report.html"]
    text = output.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href|action)\s*=\s*["']?(?:[a-z]+:|//)""", text)
    assert "@import" not in text
    assert "url(" not in text


def point(number: int, value: float, environment: str = "e") -> Point:
    moment = generated.START.replace(year=2020 + number // 8000, hour=number % 24)
    return Point(f"run-{number}", "x:1", moment, "abc", False, value, 0.0, environment)


def test_thinning_keeps_the_newest_and_every_extreme() -> None:
    points = [point(i, 100.0 + i % 3) for i in range(5000)]
    points[17] = point(17, 500.0)
    points[1900] = point(1900, 1.0)
    kept = thin(points, 200)
    assert len(kept) <= 200
    assert kept[-100:] == points[-100:]
    assert max(one.value for one in kept) == 500.0
    assert min(one.value for one in kept) == 1.0
    numbers = [int(one.run.removeprefix("run-")) for one in kept]
    assert numbers == sorted(set(numbers))
    assert thin(points[:150], 200) == points[:150]


def test_thinning_bounds_even_where_every_point_is_another_environment() -> None:
    points = [point(i, float(i), environment=str(i)) for i in range(3000)]
    assert len(thin(points, 100)) <= 100


@pytest.mark.parametrize(
    ("low", "high"), [(14_314, 15_258), (0.0, 1.0), (5.0, 5.0), (-3.0, 2.0), (1e-9, 2e-9), (1e9, 1.0000001e9), (0, 0)]
)
def test_scale_surrounds_the_values(low: float, high: float) -> None:
    bottom, top = report_plot.scale(low, high)
    assert bottom <= low
    assert high <= top
    assert bottom < top
    assert (top - bottom) <= max(4 * (high - low), abs(high) * 0.05, 2)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (41203.4, "41,203"),
        (812.44, "812.4"),
        (0.41, "0.4100"),
        (0, "0"),
        (12, "12"),
        (-14.232, "−14.23"),
        (12.3e6, "12.3 M"),
    ],
)
def test_numbers_in_words(value: float, said: str) -> None:
    assert words.number(value) == said


@pytest.mark.parametrize(
    ("metric", "unit", "value", "spread", "word"),
    [
        ("instr_per_request", "instructions", 0.42, 0.01, "better"),
        ("instr_per_request", "instructions", 1.42, 0.01, "worse"),
        ("requests_per_s", "requests/s", 1.42, 0.01, "better"),
        ("latency_p99", "microseconds", 1.42, 0.01, "worse"),
        ("latency_p99", "microseconds", 1.01, 0.02, "same"),
        ("latency_p99", "microseconds", 1.42, 0.9, "unclear"),
        ("something_new", "apples", 1.42, 0.01, ""),
    ],
)
def test_a_ratio_in_words_knows_which_direction_is_better(
    metric: str, unit: str, value: float, spread: float, word: str
) -> None:
    assert words.judge_ratio(metric, unit, value, value * (1 - spread), value * (1 + spread)).word == word


def test_what_was_measured_once_is_not_called_better(tmp_path: Path) -> None:
    run = generated.gate(1, {"get-keepalive-1k": 0.0})
    figures = [one for one in run.figures if one.mode == "timed"]
    once = [msgspec.structs.replace(one, samples=[one.value], spread=0.0, low=None, high=None) for one in figures]
    said = {}
    for kind, told, expected in (("many", figures, "better"), ("once", once, "unclear")):
        root = generated.store(tmp_path / kind, [msgspec.structs.replace(run, figures=told)])
        table = report_peers.peers(report_on(root), "timed")
        assert table is not None
        assert set(re.findall(r'class="word (\w+)"', table)) == {expected}
        said[kind] = "measured once" in table
    assert said == {"many": False, "once": True}


def test_lines_that_differ_in_numbers_are_merged() -> None:
    lines = ["load 1.5 > 0.5 a core", "load 12.25 > 0.5 a core", "TCG", "speed changed by -19%", "speed changed by +6%"]
    assert words.merge(lines) == ["TCG", "load 1.5 to 12.25 > 0.5 a core", "speed changed by -19 to +6%"]
