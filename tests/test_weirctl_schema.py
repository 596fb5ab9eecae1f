"""What weirctl refuses: each bad file with the line, the key and words of the message."""

from __future__ import annotations

import pytest

from weirctl import schema, source
from weirctl.errors import Refused

GOOD = """\
# A comment first, so that no line is its table's number.
[[listener]]
address = "0.0.0.0:80"

[[listener]]
address = "[::]:80"
protocol = "http"

[[upstream]]
name = "default"
balance = "hash"
hash_key = "uri"
queue = 100
queue_timeout = 0.25
sticky_cookie = "at"
retries = 2
fail_count = 5
fail_time = 30
slow_start = 0

[upstream.health]
uri = "/health"
host = "app.test"
period = 2.5
status = 204
rise = 1
fall = 4

[[upstream.server]]
address = "10.77.0.1:8080"
connections = 8
connections_max = 20
weight = 3

[[upstream.server]]
address = "[fd77::1]:8080"
backup = true

[proxy]
x_forwarded = "replace"
forwarded = "off"

[limits]
request_rate = 100
request_burst = 20
action = "reset"
header_total = 16384
header_count = 64
body_length = 1073741824

[timeouts]
client_header = 20
client_body = 0.5
keepalive = 75
upstream_connect = 5
upstream_response = 60
tunnel = 3600
"""


def line_of(text: str) -> int:
    """The only line of GOOD that is `text`."""
    lines = GOOD.splitlines()
    assert lines.count(text) == 1
    return lines.index(text) + 1


RATE = line_of("request_rate = 100")

# (line of GOOD, what it becomes, key, words of the message); the line of the problem is the line replaced.
BAD_LINES = [
    ('address = "0.0.0.0:80"', 'address = "0.0.0.0"', "listener[0].address", "ADDRESS:PORT"),
    ('address = "0.0.0.0:80"', 'address = ":80"', "listener[0].address", 'got ":80"'),
    ('address = "0.0.0.0:80"', 'address = "localhost:80"', "listener[0].address", "IPv4 address"),
    ('address = "0.0.0.0:80"', 'address = "0.0.0.0:0"', "listener[0].address", "ADDRESS:PORT"),
    ('address = "0.0.0.0:80"', 'address = "0.0.0.0:65536"', "listener[0].address", "ADDRESS:PORT"),
    ('address = "0.0.0.0:80"', 'address = "0.0.0.0:+80"', "listener[0].address", "ADDRESS:PORT"),
    ('address = "0.0.0.0:80"', 'address = "0.0.0.0: 80"', "listener[0].address", "ADDRESS:PORT"),
    ('address = "0.0.0.0:80"', 'address = "0.0.0.0:\u0668\u0660"', "listener[0].address", "ADDRESS:PORT"),
    ('address = "0.0.0.0:80"', 'address = "0.0.0:80"', "listener[0].address", "ADDRESS:PORT"),
    ('address = "0.0.0.0:80"', 'address = "10.0.0.1\\u0000:80"', "listener[0].address", "ADDRESS:PORT"),
    ('address = "0.0.0.0:80"', 'address = "224.0.0.1:80"', "listener[0].address", "unicast"),
    ('address = "0.0.0.0:80"', "address = 80", "listener[0].address", "got 80"),
    ('address = "0.0.0.0:80"', "address = 1979-05-27", "listener[0].address", "got a date"),
    ('address = "0.0.0.0:80"', 'adress = "0.0.0.0:80"', "listener[0].adress", 'did you mean "address"'),
    ('address = "[::]:80"', 'address = "::80"', "listener[1].address", "in brackets"),
    ('address = "[::]:80"', 'address = "[::]"', "listener[1].address", "ADDRESS:PORT"),
    ('address = "[::]:80"', 'address = "[::ffff:10.0.0.1]:80"', "listener[1].address", "written as IPv4"),
    ('address = "[::]:80"', 'address = "[ff02::1]:80"', "listener[1].address", "unicast"),
    ('address = "[::]:80"', 'address = "[fe80::1]:80"', "listener[1].address", "link-local"),
    ('address = "[::]:80"', 'address = "[fe80::1%eth0]:80"', "listener[1].address", "ADDRESS:PORT"),
    ('address = "[::]:80"', 'address = "0.0.0.0:80"', "listener[1].address", "listener[0] has this address"),
    ('address = "[::]:80"', 'address = "[0::0]:80"\nextra = 1', "listener[1].extra", "unknown key"),
    ('protocol = "http"', 'protocol = "quic"', "listener[1].protocol", 'expected "http"'),
    ('protocol = "http"', "protocol = true", "listener[1].protocol", "got true"),
    ('name = "default"', 'name = ""', "upstream[0].name", "letters"),
    ('name = "default"', 'name = "a b"', "upstream[0].name", "letters"),
    ('name = "default"', f'name = "{"x" * 32}"', "upstream[0].name", "1 to 31"),
    ('name = "default"', 'name = "\u00e9"', "upstream[0].name", "letters"),
    ("queue = 100", "queue = 65537", "upstream[0].queue", "an integer from 0 to 65536"),
    ("queue_timeout = 0.25", "queue_timeout = 0", "upstream[0].queue_timeout", "seconds from 0.001"),
    ('address = "10.77.0.1:8080"', 'address = "0.0.0.0:8080"', "upstream[0].server[0].address", "unspecified"),
    ('address = "[fd77::1]:8080"', 'address = "[::]:8080"', "upstream[0].server[1].address", "unspecified"),
    ('address = "[fd77::1]:8080"', 'address = "10.77.0.1:8080"', "upstream[0].server[1].address", "server[0] has this"),
    ("connections = 8", "connections = 0", "upstream[0].server[0].connections", "from 1 to 1024"),
    ("connections = 8", "connections = 1025", "upstream[0].server[0].connections", "got 1025"),
    ("connections = 8", "connections = 8.0", "upstream[0].server[0].connections", "an integer"),
    ("connections = 8", "connections = true", "upstream[0].server[0].connections", "got true"),
    ("connections = 8", "wight = 8", "upstream[0].server[0].wight", 'did you mean "weight"'),
    ("connections_max = 20", "connections_max = 7", "upstream[0].server[0].connections_max", "at least connections"),
    ("connections_max = 20", "connections_max = 32769", "upstream[0].server[0].connections_max", "from 1 to 32768"),
    ("weight = 3", "weight = 0", "upstream[0].server[0].weight", "from 1 to 1000"),
    ("backup = true", "backup = 1", "upstream[0].server[1].backup", "true or false"),
    ('sticky_cookie = "at"', 'sticky_cookie = "a=b"', "upstream[0].sticky_cookie", "a cookie's name"),
    ('sticky_cookie = "at"', f'sticky_cookie = "{"a" * 128}"', "upstream[0].sticky_cookie", "at most 127"),
    ("retries = 2", "retries = 9", "upstream[0].retries", "from 0 to 8"),
    ("fail_count = 5", "fail_count = 1001", "upstream[0].fail_count", "from 0 to 1000"),
    ("fail_time = 30", "fail_time = 0", "upstream[0].fail_time", "seconds from 0.001"),
    ("slow_start = 0", "slow_start = -1", "upstream[0].slow_start", "seconds from 0 to 86400"),
    ('uri = "/health"', 'uri = "health"', "upstream[0].health.uri", "a path"),
    ('uri = "/health"', 'uri = "/a b"', "upstream[0].health.uri", "a path"),
    ('uri = "/health"', 'uri = "/a\\r\\nb: c"', "upstream[0].health.uri", "a path"),
    ('host = "app.test"', 'host = "a/b"', "upstream[0].health.host", "a host's name"),
    ("period = 2.5", "period = 0", "upstream[0].health.period", "seconds from 0.001"),
    ("status = 204", "status = 100", "upstream[0].health.status", "from 200 to 599"),
    ("status = 204", "status = 600", "upstream[0].health.status", "from 0 to 599"),
    ("rise = 1", "rise = 0", "upstream[0].health.rise", "from 1 to 1000"),
    ("fall = 4", "fal = 4", "upstream[0].health.fal", 'did you mean "fall"'),
    ('balance = "hash"', 'balance = "random"', "upstream[0].balance", '"least-connections" or "hash"'),
    ('hash_key = "uri"', 'hash_key = "url"', "upstream[0].hash_key", '"address" or "uri" or "host"'),
    ("request_rate = 100", "request_rate = -1", "limits.request_rate", "from 0 to 1073741824"),
    ("request_rate = 100", 'request_rate = "100"', "limits.request_rate", 'got "100"'),
    ("request_rate = 100", f"request_rate = 0x{'f' * 100}", "limits.request_rate", "400 bits"),
    ("request_rate = 100", "request_rate = [1]", "limits.request_rate", "got an array"),
    ("request_rate = 100", "request_rate = {a = 1}", "limits.request_rate", "got a table"),
    ("request_rate = 100", "request_rte = 100", "limits.request_rte", 'did you mean "request_rate"'),
    ("request_rate = 100", '"request rate" = 100', 'limits."request rate"', "unknown key"),
    ('forwarded = "off"', "forwarded = true", "proxy.forwarded", '"append" or "replace" or "off", got true'),
    ('forwarded = "off"', 'forwarded = "on"', "proxy.forwarded", 'got "on"'),
    ('x_forwarded = "replace"', 'x_forwarded_for = "off"', "proxy.x_forwarded_for", 'did you mean "x_forwarded"'),
    ('action = "reset"', 'action = "close"', "limits.action", '"reply" or "reset" or "drop"'),
    ('action = "reset"', 'request_rate_action = "block"', "limits.request_rate_action", '"reply" or "reset" or "drop"'),
    ('action = "reset"', "request_burst_status = 399", "limits.request_burst_status", "from 400 to 599"),
    ('action = "reset"', 'connection_rate_action = "reply"', "limits.connection_rate_action", '"reset" or "drop"'),
    ('action = "reset"', "connection_rate_status = 429", "limits.connection_rate_status", "unknown key"),
    ('action = "reset"', "concurrent_connections = -1", "limits.concurrent_connections", "from 0 to 1073741824"),
    ('action = "reset"', "ipv6_prefix = 0", "limits.ipv6_prefix", "from 1 to 128"),
    ('action = "reset"', "ipv6_prefix = 129", "limits.ipv6_prefix", "from 1 to 128"),
    ("header_total = 16384", "header_total = 255", "limits.header_total", "from 256 to 32768"),
    ("header_total = 16384", "header_total = 32769", "limits.header_total", "from 256 to 32768"),
    ("header_count = 64", "header_count = 0", "limits.header_count", "from 1 to 256"),
    ("body_length = 1073741824", "body_length = 18446744073709551616", "limits.body_length", "an integer"),
    ("client_header = 20", "client_header = 0", "timeouts.client_header", "seconds from 0.001 to 86400"),
    ("client_header = 20", "client_header = 86400.5", "timeouts.client_header", "seconds from 0.001"),
    ("client_header = 20", "client_header = nan", "timeouts.client_header", "got nan"),
    ("client_header = 20", "client_header = inf", "timeouts.client_header", "got inf"),
    ("client_header = 20", 'client_header = "20s"', "timeouts.client_header", 'got "20s"'),
    ("client_body = 0.5", "client_body = 0.0009", "timeouts.client_body", "seconds from 0.001"),
    ("[limits]", "[limit]", "limit", 'did you mean "limits"'),
    ("[timeouts]", "[[timeouts]]", "timeouts", "expected a table, got an array"),
]


@pytest.mark.parametrize(
    ("good", "bad", "key", "words"), BAD_LINES, ids=[f"{key}-{words}" for _, _, key, words in BAD_LINES]
)
def test_bad_line_is_told_by_line_key_and_expectation(good: str, bad: str, key: str, words: str) -> None:
    line = line_of(good) + bad.count("\n")
    lines = GOOD.splitlines()
    lines[line_of(good) - 1] = bad
    with pytest.raises(Refused) as refused:
        source.from_text("\n".join(lines), "weir.toml")
    # A key spelt wrong is also one that is missing.
    told = {problem.json()["key"]: problem for problem in refused.value.problems}[key]
    assert (told.file, told.line, told.kind) == ("weir.toml", line, "invalid")
    assert words in told.text()
    assert told.text().startswith(f"weir.toml:{line}: {key}: ")
    assert len(refused.value.problems) == (2 if key == "listener[0].adress" else 1)


# Whole files: text, line, key, words.
BAD_FILES = {
    "listener as a table": ('[listener]\naddress = "0.0.0.0:80"\n', 1, "listener", "[[listener]]"),
    "server as a table": (
        '[[upstream]]\nname = "a"\n[upstream.server]\naddress = "10.0.0.1:1"\n',
        3,
        "upstream[0].server",
        "[[upstream.server]]",
    ),
    "listener without address": ('\n\n[[listener]]\nprotocol = "http"\n', 3, "listener[0]", '"address" is missing'),
    "upstream without name": (
        '[[upstream]]\n[[upstream.server]]\naddress = "10.0.0.1:1"\n',
        1,
        "upstream[0]",
        '"name" is missing',
    ),
    "upstream without server": ('[limits]\n[[upstream]]\nname = "a"\n', 2, "upstream[0]", "at least one"),
    "two upstreams of one name": (
        '[[upstream]]\nname = "a"\n[[upstream.server]]\naddress = "10.0.0.1:1"\n\n[[upstream]]\nname = "a"\n'
        '[[upstream.server]]\naddress = "10.0.0.1:1"\n',
        7,
        "upstream[1].name",
        "upstream[0] has this name already",
    ),
    "listener without upstream": ('\n[[listener]]\naddress = "0.0.0.0:80"\n', 2, "listener[0]", "no upstream"),
    "inline listeners": (
        'listener = [\n  {address = "0.0.0.0:80"},\n  {address = "x"},\n]\n'
        'upstream = [{name = "a", server = [{address = "10.0.0.1:1"}]}]\n',
        3,
        "listener[1].address",
        'got "x"',
    ),
    "listener no table": ("listener = [\n 1 ]\n", 2, "listener[0]", "expected a table, got 1"),
    "dotted keys": ('limits.action = "reply"\nlimits.header_count = 0\n', 2, "limits.header_count", "from 1"),
    "syntax": ("[limits]\nrequest_rate 10\n", 2, None, "not TOML"),
    "unclosed string": ('[limits]\naction = "reply\n', 2, None, "not TOML"),
    "ends too early": ("[limits]\naction =", 2, None, "not TOML"),
    "key twice": ("[limits]\nheader_count = 1\nheader_count = 2\n", 3, None, "not TOML"),
    "endless integer": ("a = " + "1" * 5000, None, None, "not a configuration"),
    "nested too deeply": ("a = " + "[" * 100_000, None, None, "nested too deeply"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file_is_told_by_line_key_and_expectation(name: str) -> None:
    text, line, key, words = BAD_FILES[name]
    with pytest.raises(Refused) as refused:
        source.from_text(text, "weir.toml")
    first = refused.value.problems[0]
    assert (first.line, first.json()["key"]) == (line, key)
    assert first.file == "weir.toml"
    assert words in first.text()


def test_too_many_members_are_told_at_the_first_one_too_many() -> None:
    text = "".join(f'[[listener]]\naddress = "0.0.0.0:{port}"\n' for port in range(1, 67))
    upstream = '[[upstream]]\nname = "a"\n[[upstream.server]]\naddress = "10.0.0.1:1"\n'
    with pytest.raises(Refused) as refused:
        source.from_text(text + upstream)
    (problem,) = refused.value.problems
    assert (problem.line, problem.json()["key"]) == (2 * 64 + 1, "listener[64]")
    assert "at most 64" in problem.text()


def test_all_problems_are_told_in_the_order_of_the_file() -> None:
    text = '[timeouts]\nkeepalive = 0\n[limits]\naction = ""\nfoo = 1\n[[listener]]\naddress = "x"\n'
    with pytest.raises(Refused) as refused:
        source.from_text(text)
    assert [problem.line for problem in refused.value.problems] == [2, 4, 5, 6, 7]


@pytest.mark.parametrize("text", [GOOD, "", "# nothing\n", "[limits]\n", GOOD.replace("\n", "\r\n"), "[timeouts]\n"])
def test_good_file(text: str) -> None:
    source.from_text(text)


@pytest.mark.parametrize("data", [b"[limits]\n# caf\xe9\n", b"[limits]\n\xff"])
def test_what_is_not_utf8_is_told_by_line(data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        source.from_bytes(data, "weir.toml")
    assert refused.value.problems[0].line == 2
    assert "UTF-8" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("0.0.0.0:80", bytes(4), 80),
        ("10.77.0.1:65535", bytes([10, 77, 0, 1]), 65535),
        ("[::]:1", bytes(16), 1),
        ("[fd77:0:0::1]:8080", b"\xfd\x77" + bytes(13) + b"\x01", 8080),
    ],
)
def test_address_is_parsed_and_rendered(text: str, address: bytes, port: int) -> None:
    assert schema.parse_address(text) == (address, port)
    assert schema.parse_address(schema.render_address(address, port)) == (address, port)


@pytest.mark.parametrize(("value", "expected"), [(20, 20_000_000), (0.001, 1000), (1.5, 1_500_000), (0.1, 100_000)])
def test_seconds_cross_as_microseconds(value: float, expected: int) -> None:
    assert schema.microseconds(value) == expected
    assert schema.seconds(expected) == value
