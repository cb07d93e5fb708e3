"""What became of a message on its way between the outermost and the innermost view of its call, and who disagrees.

Each is a sentence of the page's words. What changed in the same way in many calls, as it does behind one proxy, is
said at the first of them, with how many they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from requestshook import addresses
from requestshook.events import Headers, Response
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.page.settings import Words
from requestshook.trace import disagreeing, fields
from requestshook.trace import passage as passages
from requestshook.trace.calls import Call, View
from requestshook.trace.disagreeing import Disagreement, Load, same_value
from requestshook.trace.passage import Passage, RequestAt, ResponseAt

OFTEN = 3  # calls from which on one and the same change is said once
_VALUE_SHOWN = 40  # characters of a field's value
_ERROR_SHOWN = 200
_LATER = ("HTTP/2", "HTTP/3")


class Change(NamedTuple):
    """One thing that changed between two views: the name of the word that says it, and what is to be filled in."""

    what: str
    values: tuple[tuple[str, str], ...]


class Way(NamedTuple):
    """All that changed on the way of one message."""

    start: str  # the view that it came from, as `client`
    end: str
    changes: tuple[Change, ...]


class Found(NamedTuple):
    """What there is to say of one step."""

    way: Way | None
    ends: tuple[tuple[str, str], ...]  # view, and how the call ended there
    disagreements: tuple[Disagreement, ...]


@dataclass(slots=True)
class Changes:
    """Says what became of the messages of one page, once `follow` has looked at its calls."""

    words: Words
    pseudonyms: Pseudonyms
    load: Load
    _found: dict[int, Found] = field(default_factory=dict)  # by a step's number, where there is something to say
    _counted: Counter[tuple[str, str, Change]] = field(default_factory=Counter)
    _first: dict[tuple[str, str, Change], int] = field(default_factory=dict)  # the step that says it

    def follow(self, calls: Iterable[Call]) -> None:
        """Look at all calls, in the order of their steps: what comes again, and where it comes first."""
        for call in calls:
            if len(call.views) > 1:
                for number, found in _of_call(passages.follow(call), self.load):
                    if any(found):
                        self._found[number] = found
        for number, found in sorted(self._found.items()):
            for key in _keys(found.way):
                self._counted[key] += 1
                self._first.setdefault(key, number)

    def texts(self, number: int) -> Iterator[str]:
        """The captured text in what is said of a step."""
        found = self._found.get(number)
        if found is not None:
            for change in found.way.changes if found.way else ():
                yield from (value for _, value in change.values)
            yield from (text for _, text in found.ends)

    def remarks(self, number: int) -> Iterator[str]:
        """The sentences about a step."""
        found = self._found.get(number)
        if found is None:
            return
        if found.way is not None and (said := list(self._said(found.way, number))):
            yield self.words.phrase(
                "changed", **{"from": found.way.start, "to": found.way.end, "what": "; ".join(said)}
            )
        if found.ends:
            ends = [f"{label} {self.pseudonyms.numbered(text)}" for label, text in found.ends]
            yield self.words.phrase("ended_otherwise", what="; ".join(ends))
        if found.disagreements:
            parts = [self.words.phrase(one.what, **one.values) for one in found.disagreements]
            yield self.words.phrase("disagree", what="; ".join(parts))

    def _said(self, way: Way, number: int) -> Iterator[str]:
        for change, key in zip(way.changes, _keys(way), strict=True):
            values = {name: self.pseudonyms.numbered(value) for name, value in change.values}
            text = self.words.phrase(change.what, **values)
            count = self._counted[key]
            if count < OFTEN:
                yield text
            elif self._first[key] == number:
                yield self.words.phrase("changed_often", what=text, count=count)


def _keys(way: Way | None) -> list[tuple[str, str, Change]]:
    return [(way.start, way.end, change) for change in way.changes] if way is not None else []


def _of_call(passage: Passage, load: Load) -> Iterator[tuple[int, Found]]:
    """What there is to say of each step of a call."""
    call = passage.call
    contents = disagreeing.of_content(passage, "request", load)
    yield call.request_step, Found(_of_request(passage), (), (*disagreeing.of_request(passage), *contents))
    if call.response_step is not None:
        contents = disagreeing.of_content(passage, "response", load)
        found = (*disagreeing.of_response(passage), *contents)
        yield call.response_step, Found(_of_response(passage), tuple(_other_ends(passage)), found)
    if call.failure_step is not None:
        yield call.failure_step, Found(None, tuple(_instead_of_failure(passage)), ())


def _of_request(passage: Passage) -> Way | None:
    if len(passage.requests) < 2:
        return None
    outer, inner = passage.requests[0], passage.requests[-1]
    return _way(outer, inner, (*_addresses(outer.event.url, inner.event.url), *_versions(outer, inner)))


def _of_response(passage: Passage) -> Way | None:
    if len(passage.responses) < 2:
        return None
    outer, inner = passage.responses[0], passage.responses[-1]
    if outer.event.status != inner.event.status:
        return None  # another answer
    return _way(inner, outer, (*_reasons(inner.event, outer.event), *_versions(inner, outer)))


def _way(before: RequestAt | ResponseAt, after: RequestAt | ResponseAt, found: tuple[Change, ...]) -> Way | None:
    found += tuple(_fields(before, after))
    return Way(before.label, after.label, found) if found else None


def _addresses(old: str, new: str) -> Iterator[Change]:
    if addresses.authority(old) != addresses.authority(new):
        yield _changed("changed_address", addresses.authority(old), addresses.authority(new))
    (path, query), (new_path, new_query) = addresses.split_target(old), addresses.split_target(new)
    if query == new_query and path != new_path and (found := _beginnings(path, new_path)):
        yield _changed("changed_prefix", *found)
    elif (path, query) != (new_path, new_query):
        yield _changed("changed_path", _target(old), _target(new))


def _beginnings(old: str, new: str) -> tuple[str, str] | None:
    """`/image/` and `/` of `/image/v2/images` and `/v2/images`; None where the paths end otherwise."""
    one, other = old.split("/"), new.split("/")
    same = 0
    while same < min(len(one), len(other)) and one[-1 - same] == other[-1 - same]:
        same += 1
    if not any(one[len(one) - same :]) or not (old.startswith("/") and new.startswith("/")):
        return None
    before, after = ("/".join(path[: len(path) - same]) + "/" for path in (one, other))
    return before, after


def _versions(before: RequestAt | ResponseAt, after: RequestAt | ResponseAt) -> Iterator[Change]:
    old, new = _version(before), _version(after)
    if old and new and old != new:
        yield _changed("changed_version", old, new)


def _version(point: RequestAt | ResponseAt) -> str:
    """`HTTP/1.1`, `HTTP/2`."""
    return point.event.http.removesuffix(".0") if point.event.http.startswith(_LATER) else point.event.http


def _reasons(old: Response, new: Response) -> Iterator[Change]:
    if old.reason and new.reason and old.reason != new.reason:
        yield _changed("changed_reason", old.reason, new.reason)


def _fields(before: RequestAt | ResponseAt, after: RequestAt | ResponseAt) -> Iterator[Change]:
    """What became of header fields, those of a connection and those that frame a message left out."""
    if before.event.headers == after.event.headers:
        return
    old, new = fields.of_message(before.event.headers), fields.of_message(after.event.headers)
    ignored = _framing(before, after)
    added = [pairs[0][0] for key, pairs in new.items() if key not in old and key not in ignored]
    dropped = [pairs[0][0] for key, pairs in old.items() if key not in new and key not in ignored]
    kept = [key for key in old if key in new and key not in ignored]
    found = [_value(old[key], new[key], before.view, after.view) for key in kept]
    changed = [text for text in found if text is not None]
    for what, names in (("headers_added", added), ("headers_dropped", dropped), ("headers_changed", changed)):
        if names:
            yield Change(what, (("names", ", ".join(names)),))


def _value(old: Headers | list[tuple[str, str]], new: list[tuple[str, str]], one: View, other: View) -> str | None:
    """The field's name, with both values where they are short and no secrets; None where they agree."""
    before, after = ([value for _, value in found] for found in (old, new))
    if fields.agree(before, after):
        return None
    was, became = ", ".join(before), ", ".join(after)
    if same_value(was, became, one, other):
        return None
    name = new[0][0]
    if "‹" in was + became or max(len(was), len(became)) > _VALUE_SHOWN:
        return name
    return f"{name} ({was} → {became})"


def _framing(before: RequestAt | ResponseAt, after: RequestAt | ResponseAt) -> set[str]:
    """Fields that come and go with how a message is framed: chunks, or HTTP/2, which has `:authority` for `Host`.

    A server's view has its address from `Host`: that it changed is said once.
    """
    both = (before.event, after.event)
    later = any(event.http.startswith(_LATER) for event in both)
    chunked = any(fields.first(event.headers, "transfer-encoding") for event in both)
    served = isinstance(after, RequestAt) and after.view.kind == "server"
    return {*(("content-length",) if later or chunked else ()), *(("host",) if later or served else ())}


def _changed(what: str, old: str, new: str) -> Change:
    return Change(what, (("old", old), ("new", new)))


def _target(url: str) -> str:
    path, query = addresses.split_target(url)
    return f"{path}?{query}" if query else path


def _other_ends(passage: Passage) -> Iterator[tuple[str, str]]:
    """How the call failed for those further in, where it has not for its caller."""
    if passage.call.failure is None:
        for label, view in _further_in(passage):
            if view.failure is not None:
                yield label, _short(view.failure.error)


def _instead_of_failure(passage: Passage) -> Iterator[tuple[str, str]]:
    """What those further in saw in the place of the caller's failure."""
    call = passage.call
    for label, view in _further_in(passage):
        if view.failure is not None:
            if call.failure is None or view.failure.error != call.failure.error:
                yield label, _short(view.failure.error)
        elif call.response is None and view.response is not None and isinstance(view.response.event, Response):
            yield label, f"{view.response.event.status} {view.response.event.reason}".strip()


def _further_in(passage: Passage) -> list[tuple[str, View]]:
    """The views behind the one that tells how the call ended for its caller."""
    views = passage.views
    while views and views[0][1].response is None and views[0][1].failure is None:
        views = views[1:]
    return views[1:]


def _short(error: str) -> str:
    return error.partition("\n")[0][:_ERROR_SHOWN]
