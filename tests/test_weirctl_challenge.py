"""The [challenge] table from weirctl's side: checked by line, to netlink and back, with its page."""

from __future__ import annotations

import sys
import tomllib
import zipapp
from pathlib import Path
from typing import Any

import pytest

from lab.bootstrap import ROOT
from weirctl import challenge, family, netlink, render, schema, source
from weirctl.errors import Refused

TEXT = """\
[challenge]
mode = "javascript"
when = "limits"
cookie_name = "seen"
lifetime = 3600.5
secure = true
http_only = false
same_site = "strict"
path = "/app"
status = 307
page_status = 200
refusal_status = 429
max_misses = 20
block = 60
key_rotation = 7200
difficulty = 18
min_time = 0.5
max_time = 60
exempt_paths = ["/.well-known/", "/health"]
per_vhost = true
page_body = "<p>{{token}}"
"""
PAGE = ROOT / "kmod/user/challenge.html"


def through_the_wire(config: dict[str, Any]) -> dict[str, Any]:
    """What a dump of the module would say, which has what was staged and defaults beside it."""
    dump = [bytes(4) + netlink.nest(part.kind, part.content) for part in family.encode(config)]
    return family.decode(dump)


def test_table_survives_the_wire_and_rendering() -> None:
    config = source.from_text(TEXT).config
    assert through_the_wire(config)["challenge"] == config["challenge"]
    assert tomllib.loads(render.toml(config))["challenge"] == config["challenge"]


def test_defaults_are_shown_as_nothing() -> None:
    assert challenge.DEFAULTS.keys() | {"block", "page_body"} == set(keys())
    assert "challenge" not in through_the_wire({"challenge": dict(challenge.DEFAULTS)})


def keys() -> list[str]:
    (problem,) = schema.check({"challenge": {"?": 1}})
    return problem.expected.removeprefix("one of ").split(", ")


def test_page_of_weirctls_own_goes_along_where_it_is_needed() -> None:
    needs: list[dict[str, Any]] = [
        {"challenge": {"mode": "javascript"}},
        {"vhost": [{"name": "a", "challenge": "javascript"}]},
    ]
    for config in (*needs, {"challenge": {"mode": "cookie"}}):
        content = challenge.others(config)
        assert (PAGE.read_bytes() in content) is (config in needs)
    assert through_the_wire({"challenge": {"mode": "javascript"}})["challenge"] == {
        **challenge.DEFAULTS,
        "mode": "javascript",
    }


def test_page_is_found_in_one_file(tmp_path: Path) -> None:
    """docs/weirctl.md: weirctl as a zip file."""
    archive = tmp_path / "weirctl"
    zipapp.create_archive(ROOT / "kmod/user", archive, sys.executable, "weirctl.cli:run")
    sys.path.insert(0, str(archive))
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "weirctl"}
    try:
        from weirctl import challenge as zipped

        assert str(archive) in str(zipped.__file__)
        assert zipped.default_page() == PAGE.read_bytes()
    finally:
        sys.path.remove(str(archive))
        for name in [name for name in sys.modules if name.partition(".")[0] == "weirctl"]:
            del sys.modules[name]
        sys.modules.update(kept)


def test_page_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>{{token}}{{difficulty}}")
    (tmp_path / "weir.toml").write_text('[challenge]\nmode = "javascript"\npage = "page.html"\n')
    config = source.from_file(str(tmp_path / "weir.toml")).config
    assert config["challenge"] == {"mode": "javascript", "page_body": "<p>{{token}}{{difficulty}}"}


@pytest.mark.parametrize(("page", "message"), [(None, "cannot read"), ("no place", "one to 4 {{token}}")])
def test_page_that_will_not_do(tmp_path: Path, page: str | None, message: str) -> None:
    if page is not None:
        (tmp_path / "page.html").write_text(page)
    (tmp_path / "weir.toml").write_text('[challenge]\nmode = "javascript"\npage = "page.html"\n')
    with pytest.raises(Refused) as refused:
        source.from_file(str(tmp_path / "weir.toml"))
    assert message in refused.value.problems[0].text()
    assert ":3: challenge.page: " in refused.value.problems[0].text()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"javascript"', '"js"', ':2: challenge.mode: expected "off" or "cookie" or "javascript", got "js"'),
        ('"limits"', '"never"', ':3: challenge.when: expected "always" or "limits"'),
        ('"seen"', '"a=b"', ":4: challenge.cookie_name: expected a cookie's name of at most 64 bytes"),
        ("3600.5", "0.5", ":5: challenge.lifetime: expected seconds from 1 to 31536000, got 0.5"),
        ("= false", "= 0", ":7: challenge.http_only: expected true or false, got 0"),
        ('"strict"', '"some"', ":8: challenge.same_site: "),
        ('"/app"', '"app"', ":9: challenge.path: expected a path"),
        ('"/app"', '"/a;b"', ":9: challenge.path: expected a path"),
        ("307", "303", ":10: challenge.status: expected 302 or 307, got 303"),
        ("200", "199", ":11: challenge.page_status: expected an integer from 200 to 599"),
        ("429", "399", ":12: challenge.refusal_status: expected an integer from 400 to 599"),
        ("= 18", "= 33", ":16: challenge.difficulty: expected an integer from 1 to 32, got 33"),
        ("= 0.5\n", "= 60\n", ":17: challenge.min_time: expected less than max_time, got 60"),
        ('"/health"', '"health"', ":19: challenge.exempt_paths[1]: expected what a path begins with"),
        ('"<p>{{token}}"', '"<p>"', ":21: challenge.page_body: expected a page with one to 4 {{token}}, it has 0"),
        ('"<p>{{token}}"', f'"{"{{token}}" * 5}"', ":21: challenge.page_body: "),
        ("max_misses", "max_miss", ':13: challenge.max_miss: expected one of'),
    ],
)  # fmt: skip
def test_mistake_is_told_by_line_and_key(old: str, new: str, expected: str) -> None:
    with pytest.raises(Refused) as refused:
        source.from_text(TEXT.replace(old, new, 1))
    (problem,) = refused.value.problems
    assert expected in problem.text()


def test_limit_cannot_challenge_without_a_challenge() -> None:
    limits = {"request_rate": 1, "request_rate_action": "challenge"}
    (problem,) = schema.check({"limits": limits})
    assert "limits.request_rate_action: expected a [challenge] with a mode" in problem.text()
    assert schema.check({"limits": limits, "challenge": {"mode": "cookie"}}) == []
    assert schema.check({"limits": limits, "vhost": [{"name": "a", "challenge": "cookie"}]}) == []
