"""A message at each point that it passed, outermost first: the last try's, each as it left or reached that point.

A server's view is put right for what its server does by itself: a request as `showing` has it, a response with the
fields that the server adds below the application, as far as the next point outward saw them.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from requestshook.events import Request, Response
from requestshook.trace import fields
from requestshook.trace.calls import Call, Message, View
from requestshook.trace.showing import as_sent

# RFC 9110, 6.6.1, 8.6 and 10.2.4: given by the server where the application gives none.
_ADDED_BY_SERVERS = frozenset(("date", "server", "content-length"))


class RequestAt(NamedTuple):
    """A request at one point."""

    label: str  # client, wire or server; `wire 2` where there are several
    view: View
    message: Message
    event: Request


class ResponseAt(NamedTuple):
    """A response at one point."""

    label: str
    view: View
    message: Message
    event: Response


class Passage(NamedTuple):
    """A call's last try, point by point."""

    call: Call
    views: list[tuple[str, View]]  # each with what it is called
    requests: list[RequestAt]  # where one was seen
    responses: list[ResponseAt]


def follow(call: Call) -> Passage:
    """The points that the call's last try passed."""
    views = _labelled(call)
    return Passage(call, views, _requests(views), _responses(views))


def _labelled(call: Call) -> list[tuple[str, View]]:
    views = [view for view in call.views if not view.earlier]
    counted = Counter(view.kind for view in views)
    numbers: Counter[str] = Counter()
    found = []
    for view in views:
        numbers[view.kind] += 1
        number = f" {numbers[view.kind]}" if counted[view.kind] > 1 else ""
        found.append((view.kind + number, view))
    return found


def _requests(views: list[tuple[str, View]]) -> list[RequestAt]:
    found: list[RequestAt] = []
    for label, view in views:
        message = view.request
        if message is None or not isinstance(message.event, Request):
            continue
        event = message.event
        if view.kind == "server" and found:
            event = as_sent(event, found[-1].event)
        found.append(RequestAt(label, view, message, event))
    return found


def _responses(views: list[tuple[str, View]]) -> list[ResponseAt]:
    found: list[ResponseAt] = []
    for label, view in views:
        message = view.response
        if message is None or not isinstance(message.event, Response):
            continue
        event = message.event
        if view.kind == "server":
            event = _as_left(event, found[-1].event if found else None)
        found.append(ResponseAt(label, view, message, event))
    return found


def _as_left(response: Response, outer: Response | None) -> Response:
    """What an application gave, with what its server adds to it."""
    if outer is None:
        return response
    given = {fields.key(name) for name, _ in response.headers}
    added = [pair for pair in outer.headers if fields.key(pair[0]) in _ADDED_BY_SERVERS - given]
    return response._replace(headers=(*response.headers, *added), http=outer.http)
