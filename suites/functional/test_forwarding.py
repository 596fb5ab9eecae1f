"""What is forwarded, and what is added and taken away on the way (RFC 9110 sections 7.6 and 9, RFC 9112 section 3)."""

from __future__ import annotations

import re

import pytest

from suites.duts.dut import Dut
from suites.traffic.client import Client
from suites.traffic.messages import Framing, Reply, Request, encode_request
from suites.traffic.origin import Origin

NGINX_KEEPS = "passes this hop-by-hop field on"


def test_reply_reaches_the_client(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"hello", fields=(("Content-Type", "text/plain"),)))
    answer = client.get("/")
    assert (answer.status, answer.body, answer.fields["content-type"]) == (200, b"hello", "text/plain")
    assert answer.version == "1.1"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_method_is_forwarded(origin: Origin, client: Client, method: str) -> None:
    assert client.request(method, "/x").status == 200
    assert (origin.last.method, origin.last.target) == (method, "/x")


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/a/b;p=1?q=%20x&y=/../z",
        "/%7Euser/%2F..%2f",
        "//double//slash",
        "/" + "long/" * 400,
        "/?",
        "/.well-known/x?a=b?c=d",
        "/!$&'()*+,;=:@-._~",
    ],
    ids=["root", "query", "escapes", "slashes", "long", "empty-query", "dots", "sub-delims"],
)
def test_target_is_forwarded_untouched(origin: Origin, client: Client, target: str) -> None:
    assert client.get(target).status == 200
    assert origin.last.target == target


def test_absolute_form_becomes_origin_form(origin: Origin, client: Client) -> None:
    answer = client.request("GET", "http://weir.test/path?x=1")
    assert answer.status == 200
    assert (origin.last.target, origin.last.fields["host"]) == ("/path?x=1", "weir.test")


@pytest.mark.differs("nginx", reason="answers OPTIONS * with 400")
def test_asterisk_form_is_forwarded(origin: Origin, client: Client) -> None:
    assert client.request("OPTIONS", "*").status == 200
    assert origin.last.target == "*"


@pytest.mark.only("weir", reason="neither nginx nor HAProxy looks at Max-Forwards")
def test_max_forwards_is_counted_down(origin: Origin, client: Client) -> None:
    assert client.request("OPTIONS", "/x", headers=[("Max-Forwards", "2")]).status == 200
    assert origin.last.fields["max-forwards"] == "1"
    client.get(headers=[("Max-Forwards", "0")])
    assert origin.last.fields["max-forwards"] == "0"  # has a meaning for OPTIONS and TRACE alone


@pytest.mark.only("weir", reason="neither nginx nor HAProxy looks at Max-Forwards")
def test_last_hop_answers_itself(origin: Origin, client: Client) -> None:
    last = [("Max-Forwards", "0"), ("Cookie", "secret")]
    with client.connect() as connection:
        answer = connection.ask("OPTIONS", "/x", headers=last)
        assert (answer.status, "get" in answer.fields.tokens("allow")) == (200, True)
        answer = connection.ask("TRACE", "/x", headers=last)
        assert (answer.status, "get" in answer.fields.tokens("allow")) == (405, True)
        assert b"secret" not in answer.body
        assert connection.ask("OPTIONS", "*", headers=last).status == 200
        assert origin.requests == 0
        assert connection.ask().status == 200
    assert origin.requests == 1


@pytest.mark.parametrize(
    "status", [200, 201, 202, 206, 301, 302, 307, 400, 401, 404, 405, 409, 410, 429, 500, 503, 599]
)
def test_status_is_relayed(origin: Origin, client: Client, status: int) -> None:
    origin.replies(Reply(status, b"body"))
    answer = client.get("/")
    assert (answer.status, answer.body) == (status, b"body")


def test_reason_phrase_is_relayed(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"x", reason="Quite All Right"))
    assert client.get("/").reason == "Quite All Right"


def test_host_is_kept(origin: Origin, client: Client) -> None:
    with client.connect() as connection:
        assert connection.ask(host="shop.example:8080").status == 200
    assert origin.last.fields.all("host") == ["shop.example:8080"]


def test_end_to_end_request_fields_are_kept(origin: Origin, client: Client) -> None:
    sent = [
        ("Accept", "text/html;q=0.9, */*"),
        ("Cookie", "a=1; b=2"),
        ("X-Odd-!#$%&'*+.^_`|~", "name of token characters"),
        ("X-Empty", ""),
        ("Authorization", "Basic Zm9v"),
        ("Cache-Control", "no-cache"),
    ]
    assert client.get("/", headers=sent).status == 200
    got = dict(origin.last.fields.pairs)
    for name, value in sent:
        assert got.get(name) == value, name


def test_repeated_request_fields_stay_in_order(origin: Origin, client: Client) -> None:
    client.get("/", headers=[("X-Many", "1"), ("X-Other", "o"), ("X-Many", "2"), ("X-Many", "3")])
    assert origin.last.fields.get("x-many") == "1, 2, 3"


def test_end_to_end_reply_fields_are_kept(origin: Origin, client: Client) -> None:
    sent = (
        ("Set-Cookie", "a=1; Path=/"),
        ("Set-Cookie", "b=2; HttpOnly"),
        ("ETag", '"abc"'),
        ("Server", "scripted"),
        ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("X-Utf8", "gr\xfc\xdfe"),
    )
    origin.replies(Reply(200, b"x", fields=sent))
    answer = client.get("/")
    for name, value in sent:
        assert value in answer.fields.all(name), name
    assert answer.fields.all("set-cookie") == ["a=1; Path=/", "b=2; HttpOnly"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Keep-Alive", "timeout=5"),
        pytest.param("Proxy-Connection", "keep-alive", marks=pytest.mark.differs("nginx", reason=NGINX_KEEPS)),
        ("TE", "gzip;q=0.5"),
        ("Upgrade", "h2c"),
    ],
    ids=["Keep-Alive", "Proxy-Connection", "TE", "Upgrade"],
)
def test_hop_by_hop_request_field_is_removed(origin: Origin, client: Client, name: str, value: str) -> None:
    assert client.get("/", headers=[(name, value), ("X-Stays", "1")]).status == 200
    assert name not in origin.last.fields
    assert "X-Stays" in origin.last.fields


@pytest.mark.differs("nginx", reason="forwards fields that Connection names")
def test_request_field_named_by_connection_is_removed(origin: Origin, client: Client) -> None:
    client.get(
        "/", headers=[("Connection", "X-Mine, keep-alive,x-too"), ("X-Mine", "1"), ("X-Too", "2"), ("X-Not", "3")]
    )
    assert "x-mine" not in origin.last.fields
    assert "x-too" not in origin.last.fields
    assert "x-not" in origin.last.fields
    assert not {"x-mine", "x-too"} & set(origin.last.fields.tokens("connection"))


@pytest.mark.differs("nginx", reason="never asks for trailers")
def test_te_trailers_is_asked_for_anew(origin: Origin, client: Client) -> None:
    """A proxy that relays trailers may say so itself, and then names TE in its own Connection (RFC 9110 10.1.4)."""
    client.get("/", headers=[("TE", "trailers, gzip"), ("Connection", "TE")])
    assert origin.last.fields.get("te") == "trailers"
    assert origin.last.fields.tokens("connection") == ["te"]


def test_request_connection_field_is_not_forwarded(origin: Origin, client: Client) -> None:
    client.get("/", headers=[("Connection", "close")])
    assert "close" not in origin.last.fields.tokens("connection")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Keep-Alive", "timeout=5"),
        pytest.param("Proxy-Connection", "keep-alive", marks=pytest.mark.differs("nginx", reason=NGINX_KEEPS)),
        pytest.param("Upgrade", "h2c", marks=pytest.mark.differs("nginx", reason=NGINX_KEEPS)),
    ],
    ids=["Keep-Alive", "Proxy-Connection", "Upgrade"],
)
def test_hop_by_hop_reply_field_is_removed(origin: Origin, client: Client, name: str, value: str) -> None:
    origin.replies(Reply(200, b"x", fields=((name, value), ("X-Stays", "1"))))
    answer = client.get("/")
    assert answer.fields.get(name) in {"", "timeout=30"}  # nginx says a Keep-Alive of its own
    assert "X-Stays" in answer.fields


@pytest.mark.differs("nginx", reason="forwards fields that Connection names")
def test_reply_field_named_by_connection_is_removed(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"x", fields=(("Connection", "X-Mine"), ("X-Mine", "1"), ("X-Not", "2"))))
    answer = client.get("/")
    assert "x-mine" not in answer.fields
    assert "x-not" in answer.fields


def test_via_is_added_to_the_request(origin: Origin, client: Client) -> None:
    client.get("/")
    assert origin.last.fields["via"].endswith("1.1 weir")


@pytest.mark.differs("nginx", reason="can only replace Via")
def test_via_is_appended_to_the_one_received(origin: Origin, client: Client) -> None:
    client.get("/", headers=[("Via", "1.0 fred")])
    assert origin.last.fields["via"] == "1.0 fred, 1.1 weir"


@pytest.mark.differs("nginx", reason="adds no Via to replies")
def test_via_is_added_to_the_reply(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"x", fields=(("Via", "1.1 origin"),)))
    assert client.get("/").fields["via"] == "1.1 origin, 1.1 weir"


def test_x_forwarded_for_names_the_client(origin: Origin, client: Client) -> None:
    client.get("/")
    assert origin.last.fields["x-forwarded-for"] == client.address


def test_x_forwarded_for_is_appended_to_the_one_received(origin: Origin, client: Client) -> None:
    client.get("/", headers=[("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-For", "198.51.100.2")])
    assert origin.last.fields["x-forwarded-for"] == f"203.0.113.7, 198.51.100.2, {client.address}"


def test_x_forwarded_proto_replaces_what_the_client_claims(origin: Origin, client: Client) -> None:
    client.get("/", headers=[("X-Forwarded-Proto", "https")])
    assert origin.last.fields.all("x-forwarded-proto") == ["http"]


def forwarded(request: Request) -> list[set[str]]:
    """The elements of Forwarded in order, each as the set of its pairs (RFC 7239 section 4)."""
    elements = re.findall(r'((?:"(?:\\\\.|[^"])*"|[^",])+)(?:, ?|$)', request.fields.get("forwarded"))
    return [set(element.split(";")) for element in elements]


def test_client_is_told_of_in_forwarded_only_when_configured(dut: Dut, origin: Origin, client: Client) -> None:
    with client.connect() as connection:
        connection.ask()
        assert "forwarded" not in origin.last.fields
        dut.apply(proxy={"forwarded": "append"})
        client.get("/")
        assert forwarded(origin.last) == [{f"for={client.address}", "proto=http"}]
        assert origin.last.fields["x-forwarded-for"] == client.address


@pytest.mark.only("weir", reason="nginx and HAProxy have no such switch: they are just not told to")
def test_forwarded_is_left_alone_unless_configured(origin: Origin, client: Client) -> None:
    """Whatever it is: servers that read it without a proxy that writes it believe their clients."""
    client.get("/", headers=[("Forwarded", 'for="'), ("X-A", "1"), ("forwarded", "for=b")])
    assert origin.last.fields.all("forwarded") == ['for="', "for=b"]


def test_forwarded_is_appended_to_those_received(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(proxy={"forwarded": "append"})
    client.get("/", headers=[("Forwarded", 'for=203.0.113.7;by="a, b"'), ("Forwarded", 'for="[2001:db8::1]:80"')])
    received = [{"for=203.0.113.7", 'by="a, b"'}, {'for="[2001:db8::1]:80"'}]
    assert forwarded(origin.last) == [*received, {f"for={client.address}", "proto=http"}]


def test_forwarded_has_an_ipv6_client_in_quotes(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(listeners=["[::]:80"], proxy={"forwarded": "append"})
    client.get("/")
    assert forwarded(origin.last) == [{f'for="[{client.address6}]"', "proto=http"}]


@pytest.mark.only("weir", reason="nginx and HAProxy append to whatever was received")
@pytest.mark.parametrize("value", ['for="', 'for="a\\', "for=a;=", 'by="x"y'], ids=["open", "escape", "name", "behind"])
def test_client_cannot_hide_what_is_said_of_it(dut: Dut, origin: Origin, client: Client, value: str) -> None:
    """A quoted-string that is left open would swallow the element behind it: malformed fields are not forwarded."""
    dut.apply(proxy={"forwarded": "append"})
    client.get("/", headers=[("Forwarded", "for=a"), ("Forwarded", value), ("Forwarded", "for=c")])
    assert forwarded(origin.last) == [{"for=a"}, {"for=c"}, {f"for={client.address}", "proto=http"}]


@pytest.mark.parametrize("kind", ["x_forwarded", "forwarded"])
def test_what_was_received_of_the_client_is_replaced(dut: Dut, origin: Origin, client: Client, kind: str) -> None:
    dut.apply(proxy={"forwarded": "append", kind: "replace"})
    client.get("/", headers=[("X-Forwarded-For", "203.0.113.7"), ("Forwarded", "for=203.0.113.7")])
    own = {f"for={client.address}", "proto=http"}
    if kind == "forwarded":
        assert origin.last.fields["x-forwarded-for"] == f"203.0.113.7, {client.address}"
        assert forwarded(origin.last) == [own]
    else:
        assert origin.last.fields["x-forwarded-for"] == client.address
        assert forwarded(origin.last) == [{"for=203.0.113.7"}, own]


def test_x_forwarded_is_switched_off(dut: Dut, origin: Origin, client: Client) -> None:
    dut.apply(proxy={"x_forwarded": "off", "forwarded": "append"})
    client.get("/")
    assert not {"x-forwarded-for", "x-forwarded-proto"} & set(origin.last.fields.names)
    client.get("/", headers=[("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https")])
    assert origin.last.fields.all("x-forwarded-for") == ["203.0.113.7"]
    assert origin.last.fields.all("x-forwarded-proto") == ["https"]
    assert forwarded(origin.last) == [{f"for={client.address}", "proto=http"}]


@pytest.mark.differs("nginx", reason="adds a Date only when told to replace the origin's")
def test_date_is_added_to_a_reply_without_one(origin: Origin, client: Client) -> None:
    origin.replies(Reply(200, b"x"))
    answer = client.get("/")
    assert len(answer.fields.all("date")) == 1
    assert answer.fields["date"].endswith("GMT")


def test_request_line_of_the_forwarded_request_is_1_1(origin: Origin, client: Client) -> None:
    client.request("GET", "/", version="1.0")
    assert origin.last.version == "1.1"


def test_request_without_body_is_forwarded_without_one(origin: Origin, client: Client) -> None:
    client.get("/")
    assert origin.last.framing is Framing.NONE


def test_other_clients_are_told_apart(origin: Origin, new_client: type[Client]) -> None:
    first, second = new_client(), new_client()  # type: ignore[call-arg]
    first.get("/1")
    second.get("/2")
    assert [request.fields["x-forwarded-for"] for request in origin.received] == [first.address, second.address]


def test_empty_lines_before_a_request_are_ignored(origin: Origin, client: Client) -> None:
    with client.connect() as connection:
        connection.send(b"\r\n" + encode_request("GET", "/"))
        assert connection.response().status == 200
    assert origin.requests == 1
