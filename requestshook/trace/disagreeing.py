"""Where two views of one call disagree in a way that no proxy between them should cause.

What a proxy may do is no disagreement: another address, another beginning of the path, fields added, a content coding
put on or taken off. Looked at are neighbours among the points that the last try passed, and of those only what both
saw whole: no content that was cut, half read or kept by size alone, and no values whose pseudonyms were made with
different keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from requestshook import addresses
from requestshook.events import COMPLETE, Body
from requestshook.trace import fields
from requestshook.trace.calls import Message, View
from requestshook.trace.passage import Passage, RequestAt, ResponseAt

Load = Callable[[int], "Body | None"]

# RFC 9110: 11.6.2, 11.6.1 (not to be changed by a proxy), 8.3 and 7.7 (what a representation is), RFC 6265.
_KEPT_IN_REQUESTS = ("authorization", "content-type", "cookie")
_KEPT_IN_RESPONSES = ("www-authenticate", "content-type", "set-cookie")
_UNCHANGED = frozenset(("authorization", "www-authenticate"))
_WITHOUT_CONTENT = (204, 304)  # RFC 9110, 6.4.1, beside 1xx and all that answers a HEAD


class Disagreement(NamedTuple):
    """What two views have otherwise: the name of the word that says it, and what is to be filled in."""

    what: str
    values: dict[str, str]


def of_request(passage: Passage) -> list[Disagreement]:
    """What the views of a call's request disagree about, their contents aside."""
    points = passage.requests
    found = [one for outer, inner in pairwise(points) for one in _of_requests(outer, inner)]
    return found + _lengths(points)


def of_response(passage: Passage) -> list[Disagreement]:
    """What the views of a call's response disagree about, their contents aside."""
    points = passage.responses
    contents = _have_content(passage)
    found = [one for outer, inner in pairwise(points) for one in _of_responses(outer, inner, contents)]
    return found + (_lengths(points) if contents else [])


def of_content(passage: Passage, of: str, load: Load) -> list[Disagreement]:
    """Whether contents of one size differ between views; `load` gives a body by its message's `ref`, one at a time."""
    if of == "request" and passage.call.attempts:
        return []  # the client kept its first try's
    if of == "response" and not _have_content(passage):
        return []
    points: list[RequestAt | ResponseAt] = []
    points += passage.requests if of == "request" else passage.responses
    pairs = [pair for pair in pairwise(points) if _content_compares(*pair)]
    refs = {point.message.ref for pair in pairs for point in pair}
    hashes = {ref: _hash(load(ref)) if ref is not None else None for ref in refs}
    return [
        Disagreement("disagree_content", {"from": outer.label, "to": inner.label})
        for outer, inner in pairs
        if _differ(hashes.get(outer.message.ref), hashes.get(inner.message.ref))
    ]


def comparable(one: View, other: View) -> bool:
    """Whether the same secret has the same pseudonym in both views."""
    if (one.host, one.pid) == (other.host, other.pid):
        return True
    return {one.key, other.key} <= {"store", ""} or one.key == other.key == "off"


def same_value(one: str, other: str, one_view: View, other_view: View) -> bool:
    """Whether two values say the same, or cannot be compared because what was redacted has other pseudonyms."""
    return one == other or (("‹" in one or "‹" in other) and not comparable(one_view, other_view))


def _of_requests(outer: RequestAt, inner: RequestAt) -> Iterator[Disagreement]:
    old, new = outer.event, inner.event
    between = {"from": outer.label, "to": inner.label}
    if old.method != new.method:
        yield Disagreement("disagree_method", {**between, "old": old.method, "new": new.method})
    if not _differ_in_prefix(old.url, new.url):
        yield Disagreement("disagree_path", between)
    yield from _kept(outer, inner, _KEPT_IN_REQUESTS)
    yield from _sizes(outer, inner)


def _of_responses(outer: ResponseAt, inner: ResponseAt, contents: bool) -> Iterator[Disagreement]:
    old, new = inner.event, outer.event
    between = {"from": inner.label, "to": outer.label}
    if old.status != new.status:
        if inner.view.failure is None:
            yield Disagreement("disagree_status", {**between, "old": str(old.status), "new": str(new.status)})
        return  # another answer: what it says is its own
    if contents:
        yield from _kept(inner, outer, _KEPT_IN_RESPONSES)
        yield from _sizes(inner, outer)


def _kept(
    before: RequestAt | ResponseAt, after: RequestAt | ResponseAt, names: tuple[str, ...]
) -> Iterator[Disagreement]:
    """Fields that have to arrive."""
    if before.event.headers == after.event.headers:
        return
    sent, arrived = fields.of_message(before.event.headers), fields.of_message(after.event.headers)
    between = {"from": before.label, "to": after.label}
    for name in names:
        if not any(value for _, value in sent.get(name, ())):
            continue
        spelled = sent[name][0][0]
        if name not in arrived:
            yield Disagreement("disagree_dropped", {**between, "header": spelled})
        elif name in _UNCHANGED:
            one, other = (fields.joined([value for _, value in found[name]]) for found in (sent, arrived))
            if not same_value(one, other, before.view, after.view):
                yield Disagreement("disagree_header", {**between, "header": spelled})


def _sizes(before: RequestAt | ResponseAt, after: RequestAt | ResponseAt) -> Iterator[Disagreement]:
    one, other = _whole(before.message), _whole(after.message)
    if one is None or other is None or _coding(before) != _coding(after) or one.size == other.size:
        return
    yield Disagreement(
        "disagree_size", {"from": before.label, "to": after.label, "old": str(one.size), "new": str(other.size)}
    )


def _lengths(points: Sequence[RequestAt | ResponseAt]) -> list[Disagreement]:
    return [one for point in points for one in _length(point)]


def _length(point: RequestAt | ResponseAt) -> Iterator[Disagreement]:
    """A length that is not the content's."""
    body, headers = _whole(point.message), point.message.event.headers
    length = fields.first(headers, "content-length").strip()
    if body is None or length == str(body.size) or fields.first(headers, "transfer-encoding"):
        return
    if length.isascii() and length.isdecimal() and len(length) < 20 and int(length) != body.size:
        yield Disagreement("disagree_length", {"at": point.label, "said": str(int(length)), "size": str(body.size)})


def _whole(message: Message) -> Body | None:
    """The body, where all of it passed."""
    return message.body if message.end == COMPLETE else None


def _coding(point: RequestAt | ResponseAt) -> str:
    return fields.first(point.event.headers, "content-encoding").strip().lower()


def _have_content(passage: Passage) -> bool:
    """Whether the answers may have content (RFC 9110, 6.4.1)."""
    if any(point.event.method in ("HEAD", "CONNECT") for point in passage.requests):
        return False
    statuses = [point.event.status for point in passage.responses]
    return all(status >= 200 and status not in _WITHOUT_CONTENT for status in statuses)


def _differ_in_prefix(one: str, other: str) -> bool:
    """Whether two addresses have the same path, the beginning aside."""
    if one == other:
        return True
    a, b = (_segments(url) for url in (one, other))
    return not a or not b or a[-1] == b[-1]


def _segments(url: str) -> list[str]:
    path = addresses.canonical_path(addresses.split_target(url)[0])
    return [segment for segment in path.split("/") if segment]


def _content_compares(one: RequestAt | ResponseAt, other: RequestAt | ResponseAt) -> bool:
    a, b = _whole(one.message), _whole(other.message)
    if a is None or b is None or a.cut or b.cut or a.size != b.size or a.encoding != b.encoding:
        return False
    if one.message.ref is None or other.message.ref is None or _coding(one) != _coding(other):
        return False
    if isinstance(one, ResponseAt) and isinstance(other, ResponseAt) and one.event.status != other.event.status:
        return False
    return comparable(one.view, other.view)


def _hash(body: Body | None) -> tuple[type, int] | None:
    """What stands for a content while the next one is read."""
    return None if body is None or body.content is None else (type(body.content), hash(body.content))


def _differ(one: tuple[type, int] | None, other: tuple[type, int] | None) -> bool:
    """Whether two contents of one kind differ; text and octets are not compared: a type may have said otherwise."""
    return one is not None and other is not None and one[0] is other[0] and one[1] != other[1]
