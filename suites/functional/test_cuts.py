"""Messages cut into segments at every byte, in both directions: what arrives is the same.

Every piece is a segment of its own on the wire: it is sent with TCP_NODELAY, and the next one goes out only when the
other side's kernel has acknowledged it (SIOCOUTQ). The guest acknowledges at once (`quickack` on its route), so a cut
costs a round trip and not the 40 ms of a delayed acknowledgement.
"""

from __future__ import annotations

import contextlib

import pytest

from suites.traffic.client import Client
from suites.traffic.messages import Framing, Reply, Request, Response, encode_request
from suites.traffic.origin import Origin, Visit

pytestmark = pytest.mark.usefixtures("quick_acknowledgements")

HEADERS = [("Accept", "*/*"), ("Cookie", "a=b"), ("X-Empty", "")]
REQUESTS = {
    "get": encode_request("GET", "/path?q=1", fields=HEADERS),
    "absolute": encode_request("GET", "http://weir.test/path?q=1"),
    "length": encode_request("POST", "/path", fields=HEADERS, body=b"0123456789"),
    "chunked": encode_request("POST", "/p", chunks=[b"01234", b"56789abcdef0123456"], trailers=[("X-T", "v")]),
    "leading-empty-line": b"\r\n" + encode_request("GET", "/path"),
}
REPLIES = {
    "length": Reply(200, b"0123456789", fields=(("Server", "x"), ("X-Empty", ""))),
    "chunked": Reply(
        200, b"0123456789abcdef01", framing=Framing.CHUNKED, chunks=(1, 16), trailers=(("X-Checksum", "ok"),)
    ),
    "no-content": Reply(204, framing=Framing.NONE, fields=(("ETag", '"x"'),)),
    "not-modified": Reply(304, declared_length=99),
}
VARYING = {"via", "x-forwarded-for", "content-length", "transfer-encoding"}  # a proxy may reframe a whole body
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


def essence(request: Request) -> tuple[object, ...]:
    fields = [pair for pair in request.fields if pair[0].lower() not in VARYING]
    return request.head.start_line, fields, request.body, request.trailers.pairs


def essence_of_reply(reply: Response) -> tuple[object, ...]:
    fields = [pair for pair in reply.fields if pair[0].lower() != "date"]
    return reply.status, fields, reply.body, reply.framing, reply.trailers.pairs


@pytest.mark.parametrize("kind", REQUESTS)
def test_request_cut_at_every_byte(origin: Origin, client: Client, kind: str) -> None:
    request = REQUESTS[kind]
    with client.connect() as connection:
        connection.send(request)
        assert connection.response().status == 200
        whole = essence(origin.last)
        for cut in range(1, len(request)):
            connection.send_apart([request[:cut], request[cut:]])
            assert connection.response().status == 200, f"cut after byte {cut}"
            assert essence(origin.last) == whole, f"cut after byte {cut}"
    assert origin.requests == len(request)


@pytest.mark.parametrize("kind", REQUESTS)
def test_request_byte_by_byte(origin: Origin, client: Client, kind: str) -> None:
    request = REQUESTS[kind]
    with client.connect() as connection:
        connection.send(request)
        assert connection.response().status == 200
        whole = essence(origin.last)
        connection.send_apart([request[n : n + 1] for n in range(len(request))])
        assert connection.response().status == 200
        assert essence(origin.last) == whole


@pytest.mark.parametrize("kind", REPLIES)
def test_reply_cut_at_every_byte(origin: Origin, client: Client, kind: str) -> None:
    reply = REPLIES[kind].encode()
    cuts = iter(range(len(reply)))

    def cut(visit: Visit) -> None:
        _ = visit.request
        place = next(cuts)
        visit.send_apart([reply[:place], reply[place:]] if place else [reply])

    origin.behaves(cut)
    with client.connect() as connection:
        whole = essence_of_reply(connection.ask())
        assert whole[2] == REPLIES[kind].body
        for place in range(1, len(reply)):
            assert essence_of_reply(connection.ask()) == whole, f"cut after byte {place}"


@pytest.mark.parametrize("kind", REPLIES)
def test_reply_byte_by_byte(origin: Origin, client: Client, kind: str) -> None:
    reply = REPLIES[kind].encode()

    def trickle(visit: Visit) -> None:
        _ = visit.request
        if visit.number:
            visit.send_apart([reply[n : n + 1] for n in range(len(reply))])
        else:
            visit.send(reply)

    origin.behaves(trickle)
    with client.connect() as connection:
        whole = essence_of_reply(connection.ask())
        assert essence_of_reply(connection.ask()) == whole


@pytest.mark.differs("nginx", reason="hangs when an interim reply ends a segment")
def test_interim_and_final_reply_cut_at_every_byte(origin: Origin, client: Client) -> None:
    both = INTERIM + Reply(200, b"final").encode()
    cuts = iter(range(1, len(both)))

    def cut(visit: Visit) -> None:
        _ = visit.request
        place = next(cuts)
        visit.send_apart([both[:place], both[place:]])

    origin.behaves(cut)
    with client.connect() as connection:
        for place in range(1, len(both)):
            answer = connection.ask()
            assert (answer.status, answer.body) == (200, b"final"), f"cut after byte {place}"
            assert [head.fields["link"] for head in answer.interim] == ["</x>"], f"cut after byte {place}"


def test_pipelined_pair_cut_at_every_byte(origin: Origin, client: Client) -> None:
    pair = REQUESTS["chunked"] + REQUESTS["length"]
    with client.connect() as connection:
        connection.send(pair)
        assert connection.responses(2).statuses == [200, 200]
        whole = [essence(request) for request in origin.received]
        for cut in range(1, len(pair)):
            connection.send_apart([pair[:cut], pair[cut:]])
            assert connection.responses(2).statuses == [200, 200], f"cut after byte {cut}"
            assert [essence(request) for request in origin.received[-2:]] == whole, f"cut after byte {cut}"


def test_body_behind_an_expectation_cut_at_every_byte(origin: Origin, client: Client) -> None:
    request = encode_request("POST", "/path", fields=[("Expect", "100-continue")], body=b"0123456789")
    with client.connect() as connection:
        for cut in range(1, len(request)):
            connection.send_apart([request[:cut], request[cut:]])
            assert connection.response().status == 200, f"cut after byte {cut}"
            assert origin.last.body == b"0123456789", f"cut after byte {cut}"


@pytest.mark.parametrize("kind", ["two-lengths", "space-before-colon", "bad-chunk"])
def test_refusal_does_not_depend_on_the_cut(origin: Origin, client: Client, kind: str) -> None:
    bad = {
        "two-lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "space-before-colon": b"GET / HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n",
        "bad-chunk": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhellooops\r\n",
    }[kind]
    for cut in range(1, len(bad), 3):
        with client.connect() as connection:
            with contextlib.suppress(OSError):  # refused before its end came
                connection.send_apart([bad[:cut], bad[cut:]])
            assert connection.response().status == 400, f"cut after byte {cut}"
    assert origin.requests == 0
