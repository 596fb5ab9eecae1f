"""Messages that the grammar makes: a plain one of random parts, with up to three twists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from suites.differential import reply_twists, request_twists
from suites.differential.draft import CRLF, Case, Draft, Twist, twisted
from suites.traffic.messages import chunked

MOST_TWISTS = 3
METHODS = ("GET", "GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "REPORT")
NAMES = ("Accept", "X-One", "x-two", "User-Agent", "Cookie", "Accept-Encoding", "X_Three", "ETag", "Content-Type")
STATUSES = (b"200 OK", b"201 Created", b"404 Not Found", b"500 Oops", b"301 Moved")
TOKENS = st.text("abcXYZ019-_.~", min_size=1, max_size=8)
WORDS = st.text("abc XYZ01,;=\"/()'\t", max_size=12)
BODIES = st.binary(max_size=40)


@st.composite
def fields(draw: DrawFn) -> tuple[bytes, ...]:
    """Up to four field lines that say nothing about framing, with any legal white space around their values."""
    chosen = draw(st.lists(st.tuples(st.sampled_from(NAMES), WORDS), max_size=4))
    spaces = draw(st.sampled_from((" ", "", "  ", "\t")))
    return tuple(f"{name}:{spaces}{value.strip()}".encode() for name, value in chosen)


@st.composite
def chunk_bodies(draw: DrawFn) -> bytes:
    """Chunks of random sizes, with a trailer at times."""
    pieces = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4))
    return chunked(pieces)


@st.composite
def bodies(draw: DrawFn, draft: Draft) -> Draft:
    kind = draw(st.sampled_from(("none", "length", "chunked")))
    if kind == "chunked":
        return replace(draft, framing="chunked", body=draw(chunk_bodies()))
    if kind == "length":
        return replace(draft, framing="length", body=draw(BODIES))
    return draft


@st.composite
def requests(draw: DrawFn) -> Case:
    method = draw(st.sampled_from(METHODS))
    path = "/" + "/".join(draw(st.lists(TOKENS, max_size=3)))
    query = draw(st.sampled_from(("", "?", "?a=b", "?x=%20&y")))
    draft = Draft(f"{method} {path}{query} HTTP/1.1".encode(), request_twists.HOST, draw(fields()))
    draft = draw(bodies(draft)) if method not in ("GET", "HEAD") else draft
    return twisted(draft, draw(some_of(request_twists.TWISTS)))


@st.composite
def replies(draw: DrawFn) -> Case:
    start = b"HTTP/1.1 " + draw(st.sampled_from(STATUSES))
    draft = draw(bodies(Draft(start, b"X-Case: yes", draw(fields()), framing="length")))
    if draft.framing == "none":
        draft = replace(draft, close=True)
    return answer_to(draw(st.sampled_from(("GET", "GET", "HEAD"))), draft, draw(some_of(reply_twists.TWISTS)))


def answer_to(method: str, draft: Draft, twists: Sequence[Twist]) -> Case:
    """A reply to a request of this method; what answers HEAD although it has a body is odd in itself."""
    case = twisted(draft, twists, method=method)
    if method == "HEAD":
        surplus = not case.raw.endswith(CRLF * 2)
        case = replace(case, families=case.families | {"head", *(["head-surplus"] if surplus else [])})
    return case


def some_of(twists: Sequence[Twist]) -> SearchStrategy[list[Twist]]:
    return st.lists(st.sampled_from(twists), max_size=MOST_TWISTS, unique_by=lambda twist: twist.family)


def each_alone(direction: str) -> list[Case]:
    """The hand-written list: every twist alone, on a plain message that suits it."""
    if direction == "request":
        get, post = request_twists.GET, request_twists.POST
        return [
            twisted(get, []),
            twisted(post, []),
            *(twisted(post if twist.framing else get, [twist]) for twist in request_twists.TWISTS),
        ]
    plain = replace(reply_twists.OK, routing=b"X-Case: yes")
    by_title = {twist.title: twist for twist in reply_twists.TWISTS}
    sets = [[twist] for twist in reply_twists.TWISTS] + [
        [by_title[name] for name in pair] for pair in reply_twists.PAIRS
    ]
    return [answer_to(method, plain, twists) for method in ("GET", "HEAD") for twists in sets]


def generate(strategy: SearchStrategy[Case], examples: int, number: int, check: Callable[[Case], None]) -> None:
    """Give `check` so many cases of this seed; one that it fails is shrunk, and raised as the smallest that fails."""
    if examples <= 0:
        return

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(strategy)
    def run(case: Case) -> None:
        check(case)

    run()
