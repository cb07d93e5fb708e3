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
from requestshook.trace import disagreeing, fields, passage
from requestshook.trace.calls import Call, Step, View
from requestshook.trace.disagreeing import Load, same_value
from requestshook.trace.passage import RequestAt, ResponseAt

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


@dataclass(slots=True)
class Changes:
    """Says what became of the messages of one page; `count` them first."""

    words: Words
    pseudonyms: Pseudonyms
    load: Load
    _counted: Counter[tuple[str, str, Change]] = field(default_factory=Counter)
    _first: dict[tuple[str, str, Change], int] = field(default_factory=dict)  # the step that says it

    def count(self, steps: Iterable[Step]) -> None:
        """Note which changes come again, and where they come first."""
        for step in steps:
            way = of_step(step)
            if way is None:
                continue
            for change in way.changes:
                key = (way.start, way.end, change)
                self._counted[key] += 1
                self._first.setdefault(key, step.number)

    def texts(self, step: Step) -> Iterator[str]:
        """The captured text in what is said of a step."""
        way = of_step(step)
        for change in way.changes if way else ():
            yield from (value for _, value in change.values)
        yield from (text for _, text in _otherwise(step))

    def remarks(self, step: Step) -> Iterator[str]:
        """The sentences about a step."""
        way = of_step(step)
        if way is not None and (said := list(self._said(way, step.number))):
            yield self.words.phrase("changed", **{"from": way.start, "to": way.end, "what": "; ".join(said)})
        if ends := [f"{label} {self.pseudonyms.numbered(text)}" for label, text in _otherwise(step)]:
            yield self.words.phrase("ended_otherwise", what="; ".join(ends))
        if found := [self.words.phrase(one.what, **one.values) for one in _disagreements(step, self.load)]:
            yield self.words.phrase("disagree", what="; ".join(found))

    def _said(self, way: Way, number: int) -> Iterator[str]:
        for change in way.changes:
            values = {name: self.pseudonyms.numbered(value) for name, value in change.values}
            text = self.words.phrase(change.what, **values)
            key = (way.start, way.end, change)
            count = self._counted[key]
            if count < OFTEN:
                yield text
            elif self._first[key] == number:
                yield self.words.phrase("changed_often", what=text, count=count)


def of_step(step: Step) -> Way | None:
    """What changed on the way of a step's message; None where nothing did, or nobody can tell."""
    if step.kind == "request":
        return _of_request(step.call)
    return _of_response(step.call) if step.kind == "response" else None


def _of_request(call: Call) -> Way | None:
    points = passage.requests(call) if len(call.views) > 1 else []
    if len(points) < 2:
        return None
    outer, inner = points[0], points[-1]
    return _way(outer, inner, (*_addresses(outer.event.url, inner.event.url), *_versions(outer, inner)))


def _of_response(call: Call) -> Way | None:
    points = passage.responses(call) if len(call.views) > 1 else []
    if len(points) < 2:
        return None
    outer, inner = points[0], points[-1]
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


def _otherwise(step: Step) -> list[tuple[str, str]]:
    """How the call ended for those further in who saw another end of it than its caller."""
    call = step.call
    if step.kind == "request" or len(call.views) < 2:
        return []
    views = passage.labelled(call)
    while views and views[0][1].response is None and views[0][1].failure is None:
        views = views[1:]
    found = []
    for label, view in views[1:]:
        if step.kind == "response":
            text = view.failure.error if view.failure and call.failure is None else ""
        else:
            text = _other_end(view, call)
        if text:
            found.append((label, text.partition("\n")[0][:_ERROR_SHOWN]))
    return found


def _other_end(view: View, call: Call) -> str:
    """What a view saw in the place of the caller's failure."""
    if view.failure is not None:
        return "" if call.failure is None or view.failure.error == call.failure.error else view.failure.error
    if call.response is not None or view.response is None or not isinstance(view.response.event, Response):
        return ""
    return f"{view.response.event.status} {view.response.event.reason}".strip()


def _disagreements(step: Step, load: Load) -> list[disagreeing.Disagreement]:
    call = step.call
    if len(call.views) == 0 or step.kind == "failure":
        return []
    found = disagreeing.of_request(call) if step.kind == "request" else disagreeing.of_response(call)
    return [*found, *disagreeing.of_content(call, step.kind, load)]
