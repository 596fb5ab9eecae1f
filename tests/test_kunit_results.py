"""What KUnit says of the HTTP cases is read right: the suite that asks for it needs a kernel that few runs have."""

from __future__ import annotations

from suites.http_cases import read_ktap

# As lib/kunit/test.c and debugfs.c of Linux 6.12 print it.
RESULTS = """\
KTAP version 1
1..1
    KTAP version 1
    # Subtest: weir_http
    1..1
        KTAP version 1
        # Subtest: run_row
        ok 1 request.plain
    # run_row: EXPECTATION FAILED at /build/kmod/tests/kunit/main.c:27
kmod/tests/http/feed.c:71: expected
#   200
        not ok 2 request.other
        ok 3 own.dates
    # run_row: pass:2 fail:1 skip:0 total:3
    not ok 1 run_row
not ok 1 weir_http
"""


def test_each_case_has_its_outcome_and_a_failed_one_its_reason() -> None:
    outcomes = read_ktap(RESULTS)
    assert list(outcomes) == ["request.plain", "request.other", "own.dates"]
    assert outcomes["request.plain"] == outcomes["own.dates"] == ""
    assert "feed.c:71: expected\n#   200" in outcomes["request.other"]
    assert "request.plain" not in outcomes["request.other"]
