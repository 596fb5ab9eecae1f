"""Runs go out to other forms and come back the same; what others wrote comes in; what attacks the reader is refused."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results import bench, junit, kcidb, records, sheet
from results.__main__ import main
from results.errors import ResultsError
from results.exchange import BY_NAME, form_of
from results.figures import FunctionCost, NotMeasured
from results.query import Store
from results.records import Run
from tests.test_results_records import make_comparison, make_figure, make_run

NASTY = "guest crashed:\r\n\x1b[31mBUG\x1b[0m <&\"'> ]]> \x00 \x7f \x85 \ufffe \U0001f525 \t end \n"


def full_run(**changes: Any) -> Run:
    tests = [
        records.TestResult("suites/functional/test_a.py::test_ok[a-b.c]", "passed", 0.25),
        records.TestResult(
            "suites/functional/test_a.py::Class::test_bad", "failed", 1.5, "product", NASTY, "oops-1", "/b"
        ),
        records.TestResult("suites/functional/test_a.py::test_host", "error", 0.5, "infrastructure", "no boot"),
        records.TestResult("suites/functional/test_a.py::test_skip", "skipped", 0.0, reason="not here"),
        records.TestResult("suites/functional/test_a.py::test_differs", "xfailed", 0.1, reason="nginx differs"),
        records.TestResult("suites/functional/test_a.py::test_better", "xpassed", 0.1),
        records.TestResult("suites/functional/test_a.py::test_sometimes", "flaky", 0.1),
    ]
    figures = [
        make_figure(
            environment="e1", low=1.0, high=2.5, samples=[1.5, 0.1 + 0.2], revision="ba5e", against="nginx",
            unfit=["TCG", "load 3.2 > 0.5"], functions=[FunctionCost("weir_parse", "module", 812.25)],
            histogram="HISTFAAA", attributes={"requests": "2000"},
        ),
        make_figure(mode="timed", metric="requests_per_s", unit="1/s", value=2540.0),
    ]  # fmt: skip
    return make_run(
        tests=tests,
        figures=figures,
        environments={"e1": {"qemu": "7.2"}},
        not_measured=[NotMeasured("blocked-syn", "weir", "patched", "deterministic", "no block table")],
        versions={"gcc-14": "14.2.0", "python3.13": "3.13.5"},
        drift=["a <b>"],
        retries=[records.Retry("boot", "oops")],
        verdict="regression",
        **changes,
    )


def there_and_back(tmp_path: Path, form: str, runs: list[Run]) -> list[Run]:
    path = tmp_path / f"exported{BY_NAME[form].suffix}"
    with path.open("w", encoding="utf-8", newline="") as out:
        BY_NAME[form].write(lambda: runs, out)
    return list(BY_NAME[form].read(path))


def without(run: Run, *names: str) -> Run:
    empty: dict[str, Any] = {name: {} if name == "environments" else [] for name in names}
    return msgspec.structs.replace(run, **empty)


# What each form does not carry (docs/results.md says so too).
LOST = {
    "junit": ("figures", "comparisons", "not_measured", "environments"),
    "kcidb": ("comparisons",),
    "csv": ("tests", "comparisons", "not_measured"),
    "csv-tests": ("figures", "comparisons", "not_measured", "environments"),
}


@pytest.mark.parametrize("form", LOST)
def test_what_a_form_carries_comes_back_the_same(tmp_path: Path, form: str) -> None:
    other = full_run(identity="20260102T000000Z-00000001", comparisons=[make_comparison()])
    runs = [full_run(), other]
    assert there_and_back(tmp_path, form, runs) == [without(run, *LOST[form]) for run in runs]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
outcomes = st.sampled_from(["passed", "failed", "error", "skipped", "xfailed", "xpassed", "flaky"])
seconds = st.floats(0, 1e6)
results = st.builds(
    records.TestResult,
    texts.filter(bool),
    outcomes,
    seconds,
    st.sampled_from(["none", "product", "infrastructure"]),
    texts,
)


@pytest.mark.parametrize("form", ["junit", "kcidb", "csv-tests"])
@settings(max_examples=60, deadline=None)
@given(tests=st.lists(results, min_size=1, max_size=4), command=texts)
def test_any_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory, form: str, tests: list[records.TestResult], command: str
) -> None:
    run = make_run(tests=tests, command=command, dut="weir")
    assert there_and_back(tmp_path_factory.mktemp("any"), form, [run]) == [run]


# Property names of kcidb-io's schema 5.3; its own validator was run on such a report as well (docs/results.md).
KCIDB = {
    "checkouts": {
        "id", "origin", "tree_name", "git_repository_url", "git_commit_hash", "git_commit_name", "git_commit_tags",
        "git_commit_message", "git_repository_branch", "git_repository_branch_tip", "patchset_files", "patchset_hash",
        "message_id", "comment", "start_time", "origin_builds_finish_time", "origin_tests_finish_time", "log_url",
        "log_excerpt", "valid", "misc",
    },
    "builds": {
        "checkout_id", "id", "origin", "comment", "start_time", "duration", "architecture", "command", "compiler",
        "input_files", "output_files", "config_name", "config_url", "log_url", "log_excerpt", "status", "misc",
    },
    "tests": {
        "build_id", "id", "origin", "environment", "path", "comment", "log_url", "log_excerpt", "status", "number",
        "start_time", "duration", "input_files", "output_files", "misc",
    },
}  # fmt: skip


def test_a_kcidb_report_has_the_fields_of_its_schema() -> None:
    out = io.StringIO()
    runs = [full_run(), full_run(identity="other", revision=records.Revision("0" * 40, "main"))]
    kcidb.write(lambda: runs, out)
    report = json.loads(out.getvalue())
    assert report.pop("version") == {"major": 5, "minor": 3}
    assert report.keys() == KCIDB.keys()
    ids: dict[str, set[str]] = {}
    for name, items in report.items():
        assert items
        for item in items:
            assert item.keys() <= KCIDB[name]
            assert re.fullmatch(r"[a-z0-9_]+:[^\0]*", item["id"])
            assert item["origin"] == "weir"
            assert None not in item.values()
        ids[name] = {item["id"] for item in items}
        assert len(ids[name]) == len(items)
    assert {build["checkout_id"] for build in report["builds"]} <= ids["checkouts"]
    assert {test["build_id"] for test in report["tests"]} <= ids["builds"]
    assert [checkout.get("git_commit_hash") for checkout in report["checkouts"]] == [None, "0" * 40]
    for test in report["tests"]:
        assert re.fullmatch(r"[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*", test["path"])
    by_path = {test["path"]: test for test in report["tests"]}
    assert by_path["weir.functional.test_a.test_ok.a-b.c"]["status"] == "PASS"
    assert by_path["weir.functional.test_a.test_host"]["status"] == "MISS"
    figure = by_path["weir.functional.get-keepalive-1k.weir.patched.deterministic.instr_per_request"]
    assert figure["status"] == "DONE"
    assert figure["number"] == {"value": 41234.5, "unit": "instructions"}
    assert figure["environment"]["misc"] == {"qemu": "7.2"}


def test_a_kcidb_report_of_others(tmp_path: Path) -> None:
    report = {
        "version": {"major": 5, "minor": 1},
        "checkouts": [{"id": "cki:c1", "origin": "cki", "git_commit_hash": "a" * 40, "tree_name": "net-next"}],
        "builds": [{"id": "cki:b1", "origin": "cki", "checkout_id": "cki:c1", "config_name": "fedora", "valid": True}],
        "tests": [
            {"id": "cki:t1", "origin": "cki", "build_id": "cki:b1", "path": "ltp.sem01", "status": "FAIL",
             "start_time": "2026-02-03T04:05:06+01:00", "duration": 2.5, "log_excerpt": "sem"},
            {"id": "cki:t2", "origin": "cki", "build_id": "cki:b1", "path": "ltp.boot", "status": "MISS"},
            {"id": "cki:t3", "origin": "cki", "build_id": "cki:b1", "path": "net.tput", "status": "DONE",
             "number": {"value": 9.5, "unit": "Gb/s"}},
        ],
    }  # fmt: skip
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(report))
    (run,) = kcidb.read(path)
    assert (run.suite, run.revision.commit, run.environment.kernel_flavour) == ("ltp", "a" * 40, "fedora")
    assert [(t.id, t.outcome, t.cause) for t in run.tests] == [
        ("ltp.sem01", "failed", "product"),
        ("ltp.boot", "error", "infrastructure"),
    ]
    (figure,) = run.figures
    assert (figure.scenario, figure.value, figure.unit, figure.unfit) == (
        "net.tput", 9.5, "Gb/s", ["imported from a KCIDB report"],
    )  # fmt: skip
    assert list(kcidb.read(path)) == [run]


def test_a_junit_file_that_pytest_wrote(tmp_path: Path) -> None:
    (tmp_path / "test_sample.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert 1 == 2, 'one is not two'\n"
        "@pytest.fixture\ndef broken(): raise OSError('no host')\n"
        "def test_error(broken): pass\n"
        "@pytest.mark.skip(reason='not today')\ndef test_skipped(): pass\n"
        "@pytest.mark.xfail(reason='known')\ndef test_known(): assert False\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=out.xml", "--rootdir=."]
    subprocess.run([*command, "-c", "/dev/null", "test_sample.py"], cwd=tmp_path, capture_output=True, check=False)
    (run,) = junit.read(tmp_path / "out.xml")
    assert run.suite == "pytest"
    assert run.exit_code == 1
    assert [(test.id, test.outcome) for test in run.tests] == [
        ("test_sample::test_good", "passed"),
        ("test_sample::test_bad", "failed"),
        ("test_sample::test_error", "error"),
        ("test_sample::test_skipped", "skipped"),
        ("test_sample::test_known", "xfailed"),
    ]
    assert "one is not two" in run.tests[1].reason
    assert run.tests[4].reason == "known"


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><testsuites><testsuite name="&b;"/></testsuites>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuites>&a;</testsuites>'
DTD = '<!DOCTYPE testsuites SYSTEM "file:///etc/passwd"><testsuites/>'
DEEP = "<testsuites>" + "<a>" * 100_000


@pytest.mark.parametrize("document", [BOMB, EXTERNAL, DTD, DEEP], ids=["bomb", "external", "dtd", "deep"])
def test_xml_that_attacks_its_reader_is_refused(tmp_path: Path, document: str) -> None:
    path = tmp_path / "bad.xml"
    path.write_text(document)
    with pytest.raises(ResultsError, match="is not read: it"):
        list(junit.read(path))


BROKEN: list[tuple[str, str, str]] = [
    ("x.xml", "<testsuites>", "no XML"),
    ("x.xml", "<html/>", "no JUnit XML"),
    (
        "x.xml",
        '<testsuite name="s"><properties><property name="weir.id" value="["/></properties></testsuite>',
        "record",
    ),
    ("x.json", "[]", "no KCIDB report"),
    ("x.json", '{"version": {"major": 9, "minor": 0}}', "schema 9"),
    ("x.json", '{"version": {"major": 5, "minor": 3}, "tests": [{"id": "no colon"}]}', "no KCIDB report"),
    ("x.csv", "a,b\n1,2\n", "no column outcome, test"),
    ("x.csv", "scenario,metric,value\ns,m,many\n", "x.csv:2: no figure"),
    ("x.csv", "test,outcome\nt,maybe\n", "x.csv:2: no test"),
    ("x.csv", "test,outcome,started\nt,passed,noon\n", "cannot be read"),
]


@pytest.mark.parametrize(("name", "content", "why"), BROKEN, ids=[why for *_, why in BROKEN])
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, content: str, why: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ResultsError, match=why):
        list(form_of(path).read(path))


def test_a_table_that_query_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records.append(full_run(), tmp_path / "root")
    for kind in ("figures", "tests"):
        assert main(["query", kind, "--csv", "--root", str(tmp_path / "root")]) == 0
        path = tmp_path / f"{kind}.csv"
        path.write_text(capsys.readouterr().out, newline="")
        (run,) = sheet.read(path)
        assert run.id == full_run().id
        if kind == "figures":
            assert [(f.scenario, f.value, f.unfit, f.revision) for f in run.figures] == [
                (f.scenario, f.value, f.unfit, f.revision) for f in full_run().figures
            ]
        else:
            assert [(t.id, t.outcome) for t in run.tests] == [(t.id, t.outcome) for t in full_run().tests]


def test_a_table_that_a_person_typed(tmp_path: Path) -> None:
    path = tmp_path / "hand.csv"
    path.write_text("scenario,metric,value,unit\nget,requests_per_s,10.5,1/s\npost,requests_per_s,3,1/s\n")
    (run,) = sheet.read(path)
    assert [(figure.scenario, figure.value) for figure in run.figures] == [("get", 10.5), ("post", 3.0)]


def imported(root: Path, *paths: Path) -> int:
    return main(["import", *map(str, paths), "--root", str(root)])


def whole(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in records.files(root)}


def test_stores_of_two_machines_become_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    runs = list(bench.make(30))
    for run in runs[:20]:
        records.append(run, ours)
    for run in runs[10:]:
        records.append(run, theirs)
    before = whole(theirs)
    assert imported(ours, theirs) == 0
    assert "10 runs imported, 10 were there already" in capsys.readouterr().out
    assert imported(ours, theirs) == 0
    assert "0 runs imported, 20 were there already" in capsys.readouterr().out
    assert imported(theirs, ours) == 0
    assert whole(ours) == whole(theirs)
    assert whole(theirs).items() >= before.items()
    with Store(ours) as store:
        assert len(list(store.runs())) == 30


def test_lines_are_imported_byte_for_byte(tmp_path: Path) -> None:
    line = json.dumps(json.loads(records.encode(make_run())) | {"of_the_future": [1, 2]}, indent=None).encode()
    (tmp_path / "branch").mkdir()
    (tmp_path / "branch" / "all.jsonl").write_bytes(line + b"\n")
    assert imported(tmp_path / "root", tmp_path / "branch") == 0
    assert list(whole(tmp_path / "root").values()) == [line + b"\n"]


def test_a_bad_line_is_reported_and_the_rest_comes_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "all.jsonl"
    newer = records.encode(make_run("newer")).replace(b'"schema":2', b'"schema":3')
    source.write_bytes(b"half\n" + newer + records.encode(make_run("good")))
    before = source.read_bytes()
    assert imported(tmp_path / "root", source) == 0
    out, err = capsys.readouterr()
    assert "1 runs imported, 0 were there already, 0 in conflict, 2 lines unreadable" in out
    assert f"{source}:1: not imported" in err
    assert f"{source}:2: not imported: written by schema 3" in err
    assert source.read_bytes() == before


def test_another_record_of_a_known_identity_is_a_conflict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, source = tmp_path / "root", tmp_path / "theirs"
    records.append(make_run(), root)
    records.append(make_run(exit_code=0), source)
    assert imported(root, source) == 1
    assert "another record of the identity" in capsys.readouterr().err
    assert list(records.read(records.files(root))) == [make_run()]


@pytest.mark.parametrize("form", LOST)
def test_export_and_import_from_the_shell(tmp_path: Path, form: str) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    records.append(full_run(), root)
    path = tmp_path / f"out{BY_NAME[form].suffix}"
    assert main(["export", "--format", form, "--output", str(path), "--root", str(root)]) == 0
    for _ in range(2):
        assert imported(other, path) == 0
    assert list(records.read(records.files(other))) == [without(full_run(), *LOST[form])]
    # Back into the store it came from it brings nothing new, and does no harm.
    assert imported(root, path) == 0
    assert list(records.read(records.files(root))) == [full_run()]


def test_an_export_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records.append(full_run(), tmp_path / "root")

    def fails(_: Callable[[], Iterable[Run]], out: TextIO) -> None:
        out.write("half")
        raise ResultsError("disk full")

    form = BY_NAME["kcidb"]
    monkeypatch.setitem(BY_NAME, "kcidb", type(form)("kcidb", ".json", "", form.read, fails))
    out = tmp_path / "out.json"
    assert main(["export", "--format", "kcidb", "--output", str(out), "--root", str(tmp_path / "root")]) == 70
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


def test_a_csv_is_what_a_csv_reader_reads() -> None:
    out = io.StringIO()
    sheet.write_tests([full_run()], out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert [row["outcome"] for row in rows] == [test.outcome for test in full_run().tests]
