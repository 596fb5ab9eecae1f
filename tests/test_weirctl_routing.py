"""Virtual hosts, rules and error pages: what weirctl refuses, and that what is shown means what was applied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.test_weirctl_family import as_dumped
from weirctl import abi, family, render, routing, schema, source
from weirctl.errors import Refused

GOOD = """\
[[listener]]
address = "0.0.0.0:80"
[[upstream]]
name = "app"
[[upstream.server]]
address = "10.77.0.1:8080"

[[vhost]]
name = "shop"
hosts = ["shop.example", "*.shop.example"]
upstream = "app"
chain = "entry"

[[vhost]]
name = "rest"

[[rule]]
chain = "entry"
path = "/admin/*"
source = ["!10.0.0.0/8", "!fd00::/8"]
block = 403

[[rule]]
chain = "entry"
host = "old.*"
redirect = "https://shop.example$uri"
status = 301

[[rule]]
chain = "entry"
header = [{ name = "User-Agent", value = "*bot*" }, { name = "Accept" }]
cookie = { name = "session", value = "!x*" }
jump = "bots"

[[rule]]
chain = "bots"
method = ["GET", "HEAD"]
query = "*debug=1*"
mark = "0x10/0xff"
tls_fingerprint = ["t13d*", "*_8daaf6152771_*", "t12i010000_69b4acb9dd6a_000000000000"]
set_mark = 7

[[rule]]
chain = "bots"
block = "drop"

[[error_page]]
vhost = "shop"
status = 503
body = "later"
"""

PRINTS = next(line for line in GOOD.splitlines() if line.startswith("tls_fingerprint"))

# (line of GOOD, what it becomes, key, words of the message)
BAD_LINES = [
    ('name = "shop"', 'name = "rest"', "vhost[1].name", "vhost[0].name is the same"),
    ('hosts = ["shop.example", "*.shop.example"]', 'hosts = ["a:80"]', "vhost[0].hosts[0]", "without port"),
    ('hosts = ["shop.example", "*.shop.example"]', 'hosts = ["*"]', "vhost[0].hosts[0]", "host name"),
    ('hosts = ["shop.example", "*.shop.example"]', 'hosts = ["a*"]', "vhost[0].hosts[0]", "host name"),
    ('hosts = ["shop.example", "*.shop.example"]', 'hosts = ["a", "A"]', "vhost[0].hosts[1]", "this name already"),
    ('hosts = ["shop.example", "*.shop.example"]', 'hosts = "a"', "vhost[0].hosts", "an array"),
    ('hosts = ["shop.example", "*.shop.example"]', "hosts = []", "vhost[1]", "vhost[0] has no hosts either"),
    ('upstream = "app"', 'upstream = "ap"', "vhost[0].upstream", 'did you mean "app"'),
    ('chain = "entry"', 'chain = "entri"', "vhost[0].chain", 'did you mean "entry"'),
    ('path = "/admin/*"', 'path = "admin/*"', "rule[0].path", 'begins with "/"'),
    ('path = "/admin/*"', "path = 1", "rule[0].path", "a pattern"),
    ('path = "/admin/*"', f'path = "/{"x" * 255}"', "rule[0].path", "at most 255"),
    ('path = "/admin/*"', 'pth = "/admin/*"', "rule[0].pth", 'did you mean "path"'),
    ('source = ["!10.0.0.0/8", "!fd00::/8"]', 'source = "10.0.0.1/8"', "rule[0].source", "beyond the prefix"),
    ('source = ["!10.0.0.0/8", "!fd00::/8"]', 'source = "10.0.0.0/33"', "rule[0].source", "ADDRESS/PREFIX"),
    ('source = ["!10.0.0.0/8", "!fd00::/8"]', 'source = ["!10.0.0.1", "fd00::1"]', "rule[0].source", "all or none"),
    ('source = ["!10.0.0.0/8", "!fd00::/8"]', "source = []", "rule[0].source", "at least one"),
    ("block = 403", "block = 200", "rule[0].block", "from 400 to 599"),
    ("block = 403", 'block = "reject"', "rule[0].block", '"reset" or "drop"'),
    ("block = 403", "status = 403", "rule[0].status", "a redirect"),
    ("block = 403", 'block = 403\nupstream = "app"', "rule[0].block", "upstream and block"),
    ('redirect = "https://shop.example$uri"', 'redirect = "shop.example"', "rule[1].redirect", "in front"),
    ('redirect = "https://shop.example$uri"', 'redirect = "//$host"', "rule[1].redirect", "one slash"),
    ('redirect = "https://shop.example$uri"', 'redirect = "https://$uri"', "rule[1].redirect", "a host behind"),
    ('redirect = "https://shop.example$uri"', 'redirect = "/a\\r\\nb"', "rule[1].redirect", "visible ASCII"),
    ('redirect = "https://shop.example$uri"', 'redirect = "/$url"', "rule[1].redirect", "$host, $path and $uri"),
    ("status = 301", "status = 300", "rule[1].status", "one of 301"),
    ('cookie = { name = "session", value = "!x*" }', 'cookie = "x"', "rule[2].cookie", "a table"),
    ('cookie = { name = "session", value = "!x*" }', 'cookie = { name = "a b" }', "rule[2].cookie.name", "a name"),
    ('cookie = { name = "session", value = "!x*" }', 'cookie = { vale = "" }', "rule[2].cookie.vale", "unknown key"),
    ('jump = "bots"', 'jump = "bot"', "rule[2].jump", 'did you mean "bots"'),
    ('jump = "bots"', 'jump = "entry"', "rule[2].jump", "leads back"),
    ('method = ["GET", "HEAD"]', 'method = "G T"', "rule[3].method", "a method"),
    ('mark = "0x10/0xff"', 'mark = "0x110/0xff"', "rule[3].mark", "MARK/MASK"),
    ('mark = "0x10/0xff"', "mark = -1", "rule[3].mark", "MARK/MASK"),
    (PRINTS, 'tls_fingerprint = "t13d1516h2"', "rule[3].tls_fingerprint", "a whole fingerprint"),
    (PRINTS, 'tls_fingerprint = "t13d1516h2_8daaf6152771_E5627efa2ab1"', "rule[3].tls_fingerprint", "a whole"),
    (PRINTS, 'tls_fingerprint = "t13d-*"', "rule[3].tls_fingerprint", "a pattern with *"),
    (PRINTS, 'tls_fingerprint = "!"', "rule[3].tls_fingerprint", "a pattern with *"),
    (PRINTS, f'tls_fingerprint = "{"*" * 65}"', "rule[3].tls_fingerprint", "at most 64"),
    (PRINTS, 'tls_fingerprint = ["t13d*", "!t12d*"]', "rule[3].tls_fingerprint", "all or none"),
    ("set_mark = 7", "set_mark = 4294967296", "rule[3].set_mark", "from 0"),
    ('vhost = "shop"', 'vhost = "shp"', "error_page[0].vhost", 'did you mean "shop"'),
    ("status = 503", "status = 399", "error_page[0].status", "from 400"),
    ('body = "later"', "body = 1", "error_page[0].body", "a text"),
    ('body = "later"', f'body = "{"x" * 16385}"', "error_page[0].body", "at most 16384"),
    ('body = "later"', 'body = ""\nfile = "x"', "error_page[0].file", "one of body and file"),
    ('body = "later"', 'file = "/nowhere/x"', "error_page[0].file", "cannot read"),
    ('body = "later"', 'body = ""\ncontent_type = "a\\nb"', "error_page[0].content_type", "a media type"),
]


@pytest.mark.parametrize(("good", "bad", "key", "words"), BAD_LINES, ids=[f"{k}-{w}" for _, _, k, w in BAD_LINES])
def test_bad_line_is_told_by_line_key_and_expectation(good: str, bad: str, key: str, words: str) -> None:
    lines = GOOD.splitlines()
    at = lines.index(good)
    lines[at] = bad
    with pytest.raises(Refused) as refused:
        source.from_text("\n".join(lines), "weir.toml")
    problem = {problem.json()["key"]: problem for problem in refused.value.problems}[key]
    assert words in problem.text()
    written = problem.text().splitlines()[0]
    if not key.startswith(("vhost[1]", "rule[0].block")):
        assert problem.line == at + 1 + bad.count("\n"), written


def test_good_file_is_good() -> None:
    assert source.from_text(GOOD).config["rule"]


def test_rule_that_no_request_comes_to_is_refused() -> None:
    text = GOOD.replace('jump = "bots"', 'upstream = "app"')
    with pytest.raises(Refused, match='no request comes to chain "bots"'):
        source.from_text(text)
    with pytest.raises(Refused, match='no request comes to chain "x"'):
        source.from_text('[[rule]]\nchain = "x"\nblock = 403\n')


def jumps(pairs: list[tuple[str, str]]) -> str:
    return "".join(f'[[rule]]\nchain = "{chain}"\njump = "{target}"\n' for chain, target in pairs)


def test_chains_may_be_deep_but_not_too_deep() -> None:
    last = '[[rule]]\nchain = "c9"\nblock = 403\n'
    deep = [("main", "c2"), *[(f"c{i}", f"c{i + 1}") for i in range(2, 9)]]
    assert source.from_text(jumps(deep) + last)
    with pytest.raises(Refused, match="leads through 9 others"):
        source.from_text(jumps([*deep, ("c9", "c10")]) + last.replace("c9", "c10"))


def test_chains_that_multiply_are_refused() -> None:
    many = [*[("main", "a")] * 64, *[("a", "b")] * 64]
    with pytest.raises(Refused, match="may compare a request with 8256 rules"):
        source.from_text(jumps(many) + '[[rule]]\nchain = "b"\nblock = 403\n')


def test_page_in_a_file_is_read_from_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>später\n")
    (tmp_path / "weir.toml").write_text('[[error_page]]\nstatus = 503\nfile = "page.html"\n')
    config: Any = source.from_file(str(tmp_path / "weir.toml")).config
    assert config["error_page"] == [{"status": 503, "body": "<p>später\n"}]
    (tmp_path / "page.html").write_bytes(b"\xff")
    with pytest.raises(Refused, match=r"weir.toml:3: error_page\[0\].file: .*not UTF-8"):
        source.from_file(str(tmp_path / "weir.toml"))
    (tmp_path / "page.html").write_bytes(b"x" * 16385)
    with pytest.raises(Refused, match="more than 16384 bytes"):
        source.from_file(str(tmp_path / "weir.toml"))


# Random valid configurations in the spelling that show uses.
NAMES = st.text("abcXYZ019._-", min_size=1, max_size=8)
TEXTS = st.text('aZ9/.*!$"\\\n\t \x7f\x1fé\u2028😀', max_size=12)
PATTERNS = st.builds("{}{}".format, st.sampled_from(["", "!"]), TEXTS.filter(lambda text: text[:1] != "!"))
HOSTS = st.builds(
    "{}{}.example".format, st.sampled_from(["", "*."]), st.text("abc019-", min_size=1, max_size=8)
) | st.sampled_from(["[::1]", "[2001:db8::1]"])
TOKENS = st.text("abcXYZ-!*", min_size=1, max_size=8)
NETWORKS = st.builds(
    lambda packed, prefix: routing.render_network(
        (int.from_bytes(packed, "big") >> 8 * len(packed) - min(prefix, 8 * len(packed)))
        .__lshift__(8 * len(packed) - min(prefix, 8 * len(packed)))
        .to_bytes(len(packed), "big"),
        min(prefix, 8 * len(packed)),
    ),
    st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16),
    st.integers(0, 128),
)


def alternatives(values: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    lists = st.lists(values, min_size=1, max_size=3) | st.lists(values.map("!{}".format), min_size=1, max_size=3)
    return lists.map(lambda found: found[0] if len(found) == 1 else found)


def named(value: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    tables = st.fixed_dictionaries({"name": TOKENS}, optional={"value": value.filter(lambda text: text != "*")})
    return st.lists(tables, min_size=1, max_size=3).map(lambda found: found[0] if len(found) == 1 else found)


MARKS = st.builds(
    lambda sign, mark, mask: f"{sign}0x{mark & mask:x}" + ("" if mask == 2**32 - 1 else f"/0x{mask:x}"),
    st.sampled_from(["", "!"]), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1) | st.just(2**32 - 1),
)  # fmt: skip
FINGERPRINTS = st.text("t13d_0af*", min_size=1, max_size=12).map("{}*".format)
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "host": PATTERNS, "path": TEXTS.map("/{}".format), "query": PATTERNS,
        "method": alternatives(st.text("GETX", min_size=1, max_size=4)), "header": named(PATTERNS),
        "cookie": named(PATTERNS), "source": alternatives(NETWORKS), "mark": MARKS,
        "tls_fingerprint": alternatives(FINGERPRINTS),
    },
)  # fmt: skip
LOCATIONS = st.builds(
    "{}{}".format, st.sampled_from(["https://a.example", "http://$host", "/x", "$uri"]), st.sampled_from(["", "$path"])
)


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """Virtual hosts that have a chain each, all of which may jump to chains named after them."""
    hosts = iter(draw(st.lists(HOSTS, min_size=8, max_size=8, unique=True)))
    vhosts: list[dict[str, Any]] = []
    rules: list[dict[str, Any]] = []
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    chains = [f"c{i}" for i in range(len(names))] or ["main"]
    for chain, name in zip(chains, names, strict=False):
        vhost: dict[str, Any] = {"name": name, "hosts": [next(hosts) for _ in range(draw(st.integers(1, 2)))]}
        if draw(st.booleans()):
            vhost["upstream"] = "app"
        vhosts.append({**vhost, "chain": chain})
    for i, chain in enumerate(chains):
        actions: list[dict[str, Any]] = [
            {"upstream": "app"}, {"redirect": draw(LOCATIONS), "status": draw(st.sampled_from(routing.REDIRECTS))},
            {"block": draw(st.integers(400, 599))}, {"block": "reset"}, {"block": "drop"},
            {"set_mark": draw(st.integers(0, 2**32 - 1))}, *[{"jump": later} for later in chains[i + 1 :]],
        ]  # fmt: skip
        rules += [
            {"chain": chain, **draw(CONDITIONS), **draw(st.sampled_from(actions))}
            for _ in range(draw(st.integers(1, 3)))
        ]
    statuses = draw(st.lists(st.integers(400, 599), max_size=3, unique=True))
    pages = [
        {**({"vhost": draw(st.sampled_from(names))} if bool(names) and draw(st.booleans()) else {}), "status": status,
         "content_type": "text/html; charset=utf-8", "body": draw(TEXTS)}
        for status in statuses
    ]  # fmt: skip
    upstream = {"name": "app", "server": [{"address": "10.0.0.1:1", "connections": 8}]}
    return {"listener": [], "upstream": [upstream], "limits": {}, "timeouts": {}} | {
        key: tables for key, tables in (("vhost", vhosts), ("rule", rules), ("error_page", pages)) if tables
    }


ROUTING = ("vhost", "rule", "error_page")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(configs())
def test_shown_configuration_applies_again_as_it_is(config: dict[str, Any]) -> None:
    assert schema.check(config) == []
    shown = family.decode(as_dumped(family.encode(config)))
    assert {key: shown.get(key) for key in ROUTING} == {key: config.get(key) for key in ROUTING}
    read = source.from_text(render.toml(shown)).config
    again = family.decode(as_dumped(family.encode(read)))
    assert again == shown


def test_refusal_of_the_module_is_told_by_its_key() -> None:
    config = source.from_text(GOOD).config
    parts = {part.path: part for part in family.encode(config)}
    rule = parts["rule", 1]
    from weirctl import netlink

    message = netlink.message(20, 1, 1, rule.request())
    (at,) = [at for kind, at, _ in netlink.attributes(message[24:]) if kind == abi.A_RULE_LOCATION]
    assert rule.blamed(24 + at) == ("rule", 1, "redirect")
