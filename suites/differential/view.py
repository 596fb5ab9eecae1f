"""What a device did with a message, in words that can be compared and that rules speak of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from suites.differential.draft import Case
from suites.differential.driver import Outcome
from suites.differential.recorder import Message
from suites.traffic.errors import Closed, Incomplete, TrafficError
from suites.traffic.messages import Fields, Request, Response
from suites.traffic.reader import MessageReader

VARYING = frozenset(
    {"via", "x-forwarded-for", "x-forwarded-proto", "connection", "host", "content-length", "transfer-encoding", "date"}
)
"""Fields that a proxy writes itself; what they say is compared apart, or not at all."""


@dataclass(frozen=True)
class View:
    """`verdict` in a few words; `after`: what became of the sentinel; `parts`: what was passed on, by aspect."""

    verdict: str
    after: str
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    passed: tuple[Message, ...] = ()
    responses: tuple[Response, ...] = ()
    received: bytes = b""


@dataclass(frozen=True)
class Difference:
    """In `aspect`, Weir did `weir` and `peer` did `theirs`."""

    aspect: str
    peer: str
    weir: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.aspect}: weir: {self.weir or '-'} | {self.peer}: {self.theirs or '-'}"


def read_responses(received: bytes, methods: Sequence[str]) -> tuple[list[Response], str]:
    """Every response, read strictly, the n-th to a request of methods[n]; and why reading ended before the end."""
    reader = MessageReader(_once(received), record=False)
    responses: list[Response] = []
    while True:
        method = methods[min(len(responses), len(methods) - 1)]
        try:
            responses.append(reader.read_response(to=method))
        except Closed:
            return responses, ""
        except Incomplete as cut:
            return responses, f"cut: {cut}"
        except TrafficError as error:
            return responses, f"unreadable: {error}"


def view_of_request(case: Case, outcome: Outcome) -> View:
    """A request's way through a device."""
    own = [message for message in outcome.messages if not message.is_sentinel]
    served = any(message.is_sentinel for message in outcome.messages)
    methods = [message.request.method for message in own if message.request]
    responses, problem = read_responses(outcome.received, [*(methods or [case.method]), "GET"])
    statuses = [response.status for response in responses]
    if own:
        verdict, count = _forwarded(own, statuses, outcome.ended), len(own)
    else:
        verdict, count = _not_forwarded(statuses, problem, outcome.ended), 1
    after = "served" if served else str(statuses[count]) if len(statuses) > count else "not served"
    parts = _parts(own[0].request) if len(own) == 1 and own[0].request else {}
    return View(verdict, after, parts, tuple(own), tuple(responses))


def _not_forwarded(statuses: list[int], problem: str, ended: str) -> str:
    if statuses:
        return f"refused {statuses[0]}"
    return "answered without a head" if problem.startswith("unreadable") else ended


def _forwarded(own: list[Message], statuses: list[int], ended: str) -> str:
    answered = str(statuses[0]) if statuses else ended
    if any(message.problem.startswith("malformed") for message in own):
        return "forwarded malformed"
    if own[-1].problem == "cut":
        return f"forwarded cut, {answered}"
    if len(own) > 1:
        return f"forwarded as {len(own)}"
    return "forwarded" if answered == "200" else f"forwarded, {answered}"


def _parts(request: Request) -> dict[str, tuple[str, ...]]:
    return {
        "line": (f"{request.method} {request.target}",),
        "authority": tuple(request.fields.all("host")),
        "body": (repr(request.body),),
        "fields": lines_of(request.fields),
        "trailers": lines_of(request.trailers),
    }


def view_of_reply(case: Case, outcome: Outcome) -> View:
    """A reply's way through a device, to the client that asked for it."""
    responses, problem = read_responses(outcome.received, [case.method, "GET"])
    sentinels = [
        message.request.target.encode() for message in outcome.messages if message.is_sentinel and message.request
    ]
    if problem.startswith("unreadable") and len(responses) < 2:
        return View("unreadable" if not responses else "relayed", "unreadable", {}, (), tuple(responses))
    if not responses:
        return View("relayed cut" if problem else outcome.ended, "not served")
    first = responses[0]
    refused = first.status in (502, 504) and not first.fields.get("x-case")
    if len(responses) == 1:
        after = "cut" if problem else "not served"
    elif responses[1].body in sentinels:
        after = "served" if len(responses) == 2 else "served and more"
    else:
        after = str(responses[1].status) if responses[1].status >= 500 else "poisoned"
    if refused:
        return View(f"refused {first.status}", after, {}, (), tuple(responses))
    return View("relayed", after, _parts_of_response(first), (), tuple(responses), outcome.received)


def view_of_message(message: Message) -> View:
    """What a reader of a forwarded message should see: it, and then the next."""
    return View("forwarded", "served", _parts(message.request) if message.request else {})


def view_of_response(response: Response) -> View:
    """What a reader of a relayed reply should see: it, and then the next."""
    return View("relayed", "served", _parts_of_response(response))


def _parts_of_response(response: Response) -> dict[str, tuple[str, ...]]:
    return {
        "line": (f"{response.status} {response.reason}",),
        "interim": tuple(head.start_line for head in response.interim),
        "body": (repr(response.body),),
        "fields": lines_of(response.fields),
        "trailers": lines_of(response.trailers),
    }


def lines_of(fields: Fields) -> tuple[str, ...]:
    """Field lines that can be compared: without those that a proxy writes itself."""
    return tuple(f"{name.lower()}: {value}" for name, value in fields if name.lower() not in VARYING)


def differences(weir: View, peer: str, theirs: View) -> list[Difference]:
    """Where two devices differ. Details are compared only where the verdicts agree."""
    if weir.verdict != theirs.verdict:
        return [Difference("verdict", peer, weir.verdict, theirs.verdict)]
    found = [Difference("after", peer, weir.after, theirs.after)] if weir.after != theirs.after else []
    for aspect in weir.parts.keys() & theirs.parts.keys():
        ours, other = weir.parts[aspect], theirs.parts[aspect]
        if ours == other:
            continue
        only_ours = [line for line in ours if line not in other]
        only_theirs = [line for line in other if line not in ours]
        if only_ours or only_theirs:
            found.append(Difference(aspect, peer, "; ".join(only_ours), "; ".join(only_theirs)))
        else:
            found.append(Difference("order of " + aspect, peer, "; ".join(ours), "; ".join(other)))
    return sorted(found, key=lambda difference: difference.aspect)


def _once(data: bytes) -> Callable[[], bytes]:
    pieces = [data]
    return lambda: pieces.pop() if pieces else b""
