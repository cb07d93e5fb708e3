"""What became of a message on its way between the outermost and the innermost view of its call, as values.

What may change without a word: how fields are spelled, those of one connection, those that frame a message, our tags.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from requestshook import addresses
from requestshook.events import Headers, Response
from requestshook.trace import fields
from requestshook.trace.calls import View
from requestshook.trace.disagreeing import same_value
from requestshook.trace.passage import Passage, RequestAt, ResponseAt

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


def of_request(passage: Passage) -> Way | None:
    """What changed of a request; None where nothing did, or nobody can tell."""
    if len(passage.requests) < 2:
        return None
    outer, inner = passage.requests[0], passage.requests[-1]
    return _way(outer, inner, (*_addresses(outer.event.url, inner.event.url), *_versions(outer, inner)))


def of_response(passage: Passage) -> Way | None:
    """What changed of a response; None where nothing did, or it is another answer."""
    if len(passage.responses) < 2:
        return None
    outer, inner = passage.responses[0], passage.responses[-1]
    if outer.event.status != inner.event.status:
        return None
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


def other_ends(passage: Passage) -> Iterator[tuple[str, str]]:
    """How the call failed for those further in, where it has not for its caller."""
    if passage.call.failure is None:
        for label, view in _further_in(passage):
            if view.failure is not None:
                yield label, _short(view.failure.error)


def instead_of_failure(passage: Passage) -> Iterator[tuple[str, str]]:
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
